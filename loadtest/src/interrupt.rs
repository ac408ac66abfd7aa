//! Ctrl-C and SIGTERM: the current measurement ends normally and is reported; a second signal ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

/// Whether a signal arrived.
#[derive(Debug, Clone)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from now on.
    ///
    /// # Errors
    /// The system gives no thread, or no signals.
    pub fn listen() -> anyhow::Result<Self> {
        let came = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&came);
        let (tell, ready) = std::sync::mpsc::channel();
        let listen = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let signals = runtime.and_then(|runtime| {
                let inside = runtime.enter();
                let signals = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
                drop(inside);
                Ok((runtime, signals))
            });
            // `listen` is still waiting for this message.
            drop(tell.send(signals.as_ref().map(drop).map_err(ToString::to_string)));
            let Ok((runtime, (mut interrupt, mut terminate))) = signals else { return };
            runtime.block_on(async {
                loop {
                    tokio::select! {
                        _ = interrupt.recv() => {}
                        _ = terminate.recv() => {}
                    }
                    if told.swap(true, Ordering::Relaxed) {
                        std::process::exit(130);
                    }
                    eprintln!("ending after this measurement; a second signal ends at once");
                }
            });
        };
        std::thread::Builder::new().name("interrupt".into()).spawn(listen).context("a thread for signals")?;
        ready.recv()?.map_err(|failed| anyhow::anyhow!("listening for signals: {failed}"))?;
        Ok(Self(came))
    }

    /// Whether it arrived.
    pub fn came(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
