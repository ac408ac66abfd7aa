//! Threads that serve connections. Each has a runtime and a reactor of its own, and a connection stays where it was put:
//! what it waits for wakes that one thread, and no thread looks for work with another. A connection comes to the lane that
//! has fewest of them.

use std::sync::Arc;

use tokio::runtime::{Builder, Handle, Runtime};

/// All lanes; they end with it.
pub struct Lanes {
    runtimes: Vec<Runtime>,
    lanes: Vec<Lane>,
}

/// Where tasks are put.
#[derive(Clone)]
struct Lane {
    handle: Handle,
    /// Held by everything that was put there and is not over.
    taken: Arc<()>,
}

/// Where connections are put.
#[derive(Clone)]
pub struct Entrances(Vec<Lane>);

/// As many as there are cores.
pub fn count() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl Lanes {
    /// So many.
    ///
    /// # Errors
    /// The system gives no threads, or no reactors.
    pub fn start(count: usize) -> std::io::Result<Self> {
        let start = |number: usize| {
            let mut builder = Builder::new_multi_thread();
            // A multi-threaded one of one thread: the other kind pays a system call each time that something from
            // elsewhere wakes it.
            builder.worker_threads(1).thread_name(format!("lane-{number}")).enable_all();
            builder.build()
        };
        let runtimes: Vec<_> = (1..=count).map(start).collect::<Result<_, _>>()?;
        let lane = |runtime: &Runtime| Lane { handle: runtime.handle().clone(), taken: Arc::default() };
        let lanes = runtimes.iter().map(lane).collect();
        Ok(Self { runtimes, lanes })
    }

    /// Where connections are put.
    pub fn entrances(&self) -> Entrances {
        Entrances(self.lanes.clone())
    }

    /// Ends them; nobody waits for what is not over. Not to be called on any of them.
    pub fn end(self) {
        self.runtimes.into_iter().for_each(Runtime::shutdown_background);
    }
}

impl Entrances {
    /// Runs `connection` where there are fewest; here, where there are no lanes.
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

    /// Returns once each lane has come round to what was asked of it now.
    pub async fn come_round(&self) {
        let asked: Vec<_> = self.0.iter().map(|lane| lane.handle.spawn(async {})).collect();
        for asked in asked {
            // A lane that has ended is not waited for.
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
        // Whoever is asked after the end does not keep anybody waiting.
        here.block_on(entrances.come_round());
    }
}
