//! The running server: opens the engine, accepts connections, and ends in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anaquel_engine::Engine;
use anaquel_engine::recovery::{Options, Report};
use anyhow::Context;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio_util::either::Either;
use tower::ServiceExt;

use crate::app::{App, Inner, SystemClock, VisibleSeq};
use crate::config::{Config, Sync};
use crate::door::Door;
use crate::door::guard::Peer;
use crate::door::tls::Tls;
use crate::stream::Streams;
use crate::watchdog::Watchdog;
use crate::{api, demo, telemetry};

/// Connections that wait to be taken in; the kernel may allow fewer (`net.core.somaxconn`).
const BACKLOG: u32 = 4096;

/// How often a shutdown looks whether the journal thread comes round.
const STUCK_LOOK: Duration = Duration::from_millis(100);

/// Opens the engine that `config` describes.
///
/// # Errors
/// What is wrong with the data directory, and what to do.
pub fn open_engine(config: &Config, observer: Option<VisibleSeq>) -> anyhow::Result<(Engine, Report)> {
    let options = Options {
        settings: config.engine_settings(),
        sled: config.sled_options(),
        entropy: crate::random().map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?,
        trust_clock: config.trust_clock,
    };
    let observer = observer.map(|observer| Box::new(observer) as Box<dyn anaquel_engine::sequencer::Observer>);
    Engine::open(&config.data, options, Arc::new(SystemClock::default()), observer)
        .with_context(|| format!("the data directory {}", config.data.display()))
}

/// Runs until the process is told to stop.
///
/// # Errors
/// Why it could not start, or could not end in order.
pub fn serve(config: Config, with_demo: bool) -> anyhow::Result<()> {
    telemetry::log(&config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(config, with_demo))
}

async fn run(config: Config, with_demo: bool) -> anyhow::Result<()> {
    let started = Instant::now();
    let metrics = telemetry::collect_metrics()?;
    let (visible_tx, visible) = watch::channel(0);
    let opening = config.clone();
    let (engine, report) =
        tokio::task::spawn_blocking(move || open_engine(&opening, Some(VisibleSeq(visible_tx)))).await??;
    tell(&config, &report, &engine, started);
    if with_demo {
        let loading = engine.clone();
        tokio::task::spawn_blocking(move || demo::load(&loading)).await??;
    }
    let door = Arc::new(Door::open(&config)?);
    let tls = Tls::open(&config.tls)?.map(Arc::new);
    may_listen(&config, &door, tls.is_some())?;
    let (stop, stopping) = watch::channel(false);
    let watchdog = Arc::new(Watchdog::default());
    Arc::clone(&watchdog).watch(engine.clone(), &config.journal)?;
    let app = App(Arc::new(Inner {
        door: Arc::clone(&door),
        streams: Streams::new(&config.stream),
        engine: engine.clone(),
        config: config.clone(),
        metrics,
        visible,
        stopping,
        watchdog: Arc::clone(&watchdog),
        started,
    }));
    // Before anybody can be told that it is ready: whoever was told may ask it to stop at once.
    let signal = StopSignal::new()?;
    let listener = listen(config.listen).with_context(|| format!("listening on {}", config.listen))?;
    let address = listener.local_addr()?;
    if !door.is_locked() {
        tracing::warn!(%address, "there are no keys: whoever reaches this address may read and write; anaquel keys add makes one");
    }
    let scheme = if tls.is_some() { "https" } else { "http" };
    tracing::info!(%address, docs = format!("{scheme}://{address}/docs"), locked = door.is_locked(), "listening");
    tokio::spawn(Arc::clone(&door).watch());
    if let Some(tls) = &tls {
        tokio::spawn(Arc::clone(tls).watch());
    }
    accept(listener, app, &config, tls, stop, signal).await;
    tracing::info!("finishing what is in flight, and taking a last image");
    let closing = engine.clone();
    let mut closed = tokio::task::spawn_blocking(move || closing.close());
    let patience = Instant::now() + Duration::from_secs(config.limits.shutdown_seconds);
    loop {
        match tokio::time::timeout(STUCK_LOOK, &mut closed).await {
            Ok(closed) => break closed?.map_err(|error| anyhow::anyhow!(error))?,
            Err(_) => {
                if let Some(reason) = watchdog.stuck().filter(|_| Instant::now() >= patience) {
                    tracing::error!(reason, "ending without a last image; what was acknowledged is in the log");
                    std::process::exit(1);
                }
            }
        }
    }
    tracing::info!(seq = engine.state().view.seq(), "closed");
    Ok(())
}

/// Beyond this machine, nobody is served who need not say who they are, and nothing that others could read on its way.
fn may_listen(config: &Config, door: &Door, has_tls: bool) -> anyhow::Result<()> {
    if config.listen.ip().is_loopback() || config.insecure || (door.is_locked() && has_tls) {
        return Ok(());
    }
    let missing = match (door.is_locked(), has_tls) {
        (false, false) => "a key (anaquel keys add) and TLS (tls.certificate and tls.key)",
        (false, true) => "a key (anaquel keys add)",
        (true, _) => "TLS (tls.certificate and tls.key)",
    };
    anyhow::bail!(
        "listen: {} can be reached from other machines; that needs {missing}, or --insecure to serve whoever comes",
        config.listen
    )
}

/// Says what was found at start, so that nobody has to guess.
fn tell(config: &Config, report: &Report, engine: &Engine, started: Instant) {
    let state = engine.state();
    tracing::info!(
        data = %config.data.display(),
        epoch = %engine.epoch(),
        seq = state.view.seq(),
        cells = state.cells(),
        reservations_open = state.reservations.open(),
        replayed = report.replayed,
        log_bytes = report.log.bytes,
        created = report.created,
        elapsed_ms = started.elapsed().as_millis() as u64,
        "recovered"
    );
    for bad in &report.bad_images {
        tracing::warn!(%bad, "an image was passed over; the log made up for it");
    }
    if report.log.torn_parts > 0 {
        tracing::warn!(parts = report.log.torn_parts, "an unfinished, never acknowledged batch was dropped");
    }
    if let Some(seconds) = report.clock_ahead_seconds {
        tracing::error!(
            seconds,
            "the clock is far ahead of the log; nothing expires until the clock is trusted: POST /v1/clock/trust, or start with --trust-clock"
        );
    }
    if let Some(seconds) = report.clock_behind_seconds {
        tracing::error!(seconds, "the clock is behind the log; time goes on from the log");
    }
    if config.journal.sync == Sync::Interval {
        tracing::warn!(
            interval_ms = config.journal.sync_interval_ms,
            "sync = interval: a crash loses what was acknowledged since the last sync"
        );
    }
}

/// Takes connections until told to stop, then lets those that are open finish.
async fn accept(
    listener: TcpListener,
    app: App,
    config: &Config,
    tls: Option<Arc<Tls>>,
    stop: watch::Sender<bool>,
    mut signal: StopSignal,
) {
    let limits = &config.limits;
    let handshake = Duration::from_secs(limits.header_seconds);
    let router = api::router(app.clone());
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // Both halves belong together: without a timer, the timeout panics.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(limits.header_seconds));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(256)
        .keep_alive_interval(Duration::from_secs(limits.header_seconds))
        .keep_alive_timeout(Duration::from_secs(limits.header_seconds));
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(limits.connections));
    loop {
        let accepted = async {
            let permit = Arc::clone(&room).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            accepted = accepted => accepted,
            () = signal.came() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, mostly: it passes when connections close.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let from_peer = move |mut request: hyper::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            request
        };
        let service = TowerToHyperService::new(router.clone().map_request(from_peer));
        let (builder, watcher) = (builder.clone(), graceful.watcher());
        let acceptor = tls.as_ref().map(|tls| tls.acceptor());
        let mut stopping = app.stopping.clone();
        tokio::spawn(async move {
            let _permit = permit;
            let opening = async {
                match acceptor {
                    None => speaks_http2(&stream).await.map(|is_http2| (is_http2, Either::Left(stream))),
                    Some(acceptor) => acceptor.accept(stream).await.map(|stream| {
                        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                        (is_http2, Either::Right(stream))
                    }),
                }
            };
            // Whoever has not yet asked for anything when the server stops is not waited for.
            let opened = tokio::select! {
                opened = tokio::time::timeout(handshake, opening) => opened,
                _ = stopping.wait_for(|stopping| *stopping) => return,
            };
            let ended = match opened {
                Ok(Ok((is_http2, stream))) => {
                    let builder = if is_http2 { builder.http2_only() } else { builder.http1_only() };
                    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
                    watcher.watch(connection.into_owned()).await
                }
                Ok(Err(error)) => Err(error.into()),
                Err(_) => Err("nothing was asked in time".into()),
            };
            if let Err(error) = ended {
                tracing::debug!(%peer, error, "a connection ended early");
            }
        });
    }
    tracing::info!("stopping: no new connections are taken");
    drop(listener);
    stop.send_replace(true);
    let patience = Duration::from_secs(limits.shutdown_seconds);
    let ended = async { tokio::join!(graceful.shutdown(), app.streams.ended()) };
    if tokio::time::timeout(patience, ended).await.is_err() {
        tracing::warn!(seconds = patience.as_secs(), "some requests did not end; they are cut off");
    }
}

/// Whether what comes first on a connection is how HTTP/2 begins. Found out here, because whoever finds it out later waits
/// for it without an end.
async fn speaks_http2(stream: &TcpStream) -> std::io::Result<bool> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let mut begun = [0; PREFACE.len()];
    loop {
        let length = stream.peek(&mut begun).await?;
        let begun = begun.get(..length).unwrap_or(&[]);
        if length == 0 || length == PREFACE.len() || !PREFACE.starts_with(begun) {
            return Ok(begun == PREFACE);
        }
        // More of it is on its way; a peek tells what is there, not when there is more.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A socket at whose door a crowd may wait: who finds no room there is not told, and tries again a second later.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // After a restart, the connections of the one before do not keep the address.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// SIGTERM or Ctrl-C, caught from the moment that it is made.
struct StopSignal {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignal {
    fn new() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn came(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
