//! Threads that serve connections. Each lane has its own runtime and reactor, and a connection stays on its lane: its
//! events wake only that thread, and lanes do not steal work. A new connection goes to the lane with the fewest.

use std::sync::Arc;

use tokio::runtime::{Builder, Handle, Runtime};

/// All lanes; dropping this ends them.
pub struct Lanes {
    runtimes: Vec<Runtime>,
    lanes: Vec<Lane>,
}

/// One lane.
#[derive(Clone)]
struct Lane {
    handle: Handle,
    /// A clone is held by each task on the lane until the task ends.
    taken: Arc<()>,
}

/// Handles to put connections on the lanes.
#[derive(Clone)]
pub struct Entrances(Vec<Lane>);

/// The number of cores.
pub fn count() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl Lanes {
    /// Starts `count` lanes.
    ///
    /// # Errors
    /// The system provides no threads or reactors.
    pub fn start(count: usize) -> std::io::Result<Self> {
        let start = |number: usize| {
            let mut builder = Builder::new_multi_thread();
            // A multi-threaded runtime with one thread: the current-thread runtime pays a system call for each
            // wake-up from another thread.
            builder.worker_threads(1).thread_name(format!("lane-{number}")).enable_all();
            builder.build()
        };
        let runtimes: Vec<_> = (1..=count).map(start).collect::<Result<_, _>>()?;
        let lane = |runtime: &Runtime| Lane { handle: runtime.handle().clone(), taken: Arc::default() };
        let lanes = runtimes.iter().map(lane).collect();
        Ok(Self { runtimes, lanes })
    }

    /// Handles to put connections on the lanes.
    pub fn entrances(&self) -> Entrances {
        Entrances(self.lanes.clone())
    }

    /// Ends the lanes without waiting for their tasks. Never call this on a lane.
    pub fn end(self) {
        self.runtimes.into_iter().for_each(Runtime::shutdown_background);
    }
}

impl Entrances {
    /// Runs `connection` on the lane with the fewest connections, or on the current runtime if there are no lanes.
    pub fn put(&self, connection: impl Future<Output = ()> + Send + 'static) {
        let Some(lane) = self.0.iter().min_by_key(|lane| Arc::strong_count(&lane.taken)) else {
            return drop(tokio::spawn(connection));
        };
        let taken = Arc::clone(&lane.taken);
        lane.handle.spawn(async move {
            connection.await;
            drop(taken);
        });
    }

    /// Returns after each lane has run a task that is queued now.
    pub async fn come_round(&self) {
        let asked: Vec<_> = self.0.iter().map(|lane| lane.handle.spawn(async {})).collect();
        for asked in asked {
            // Skips a lane that has ended.
            drop(asked.await);
        }
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn connections_are_shared_out_and_stay_where_they_were_put() {
        fn lane() -> String {
            std::thread::current().name().unwrap().to_owned()
        }
        let (here, lanes) = (Builder::new_current_thread().enable_all().build().unwrap(), Lanes::start(3).unwrap());
        let entrances = lanes.entrances();
        let (tell, told) = mpsc::channel();
        let (end, _) = tokio::sync::broadcast::channel::<()>(1);
        for _ in 0..30 {
            let (tell, mut end) = (tell.clone(), end.subscribe());
            entrances.put(async move {
                let first = lane();
                for _ in 0..10 {
                    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                    assert_eq!(lane(), first);
                }
                tell.send(first).unwrap();
                drop(end.recv().await);
            });
        }
        let mut by_lane: BTreeMap<String, usize> = BTreeMap::new();
        told.iter().take(30).for_each(|lane| *by_lane.entry(lane).or_default() += 1);
        let expected = ["lane-1", "lane-2", "lane-3"].map(|lane| (lane.to_owned(), 10));
        assert_eq!(by_lane, BTreeMap::from(expected));
        here.block_on(entrances.come_round());
        lanes.end();
        // After the end, the call returns at once.
        here.block_on(entrances.come_round());
    }
}
