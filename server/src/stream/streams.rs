//! Resources of all streams, and each caller's share.

use std::sync::{Arc, Mutex, MutexGuard};

use anaquel_engine::feed::{Exceeded, Share};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::config::StreamConfig;
use crate::http::budget::{ByWho, Who, fair};
use crate::http::problem::{Problem, Slug};
use crate::lock::lock;
use crate::stream::measures::Measures;

/// Resources of all streams.
#[derive(Debug)]
pub struct Streams {
    room: Arc<Semaphore>,
    sockets_max: usize,
    /// Streams per caller; 0 to derive the limit from the free streams.
    caller_max: usize,
    callers: Arc<Mutex<ByWho<OfCaller>>>,
    pub(super) measures: Measures,
}

/// The streams and shares of one caller.
#[derive(Debug, Default)]
struct OfCaller {
    streams: usize,
    share: Arc<Share>,
}

/// The slot of a stream; dropping it frees the slot.
#[derive(Debug)]
pub(super) struct Entered {
    _room: OwnedSemaphorePermit,
    who: Who,
    callers: Arc<Mutex<ByWho<OfCaller>>>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut callers = lock(&self.callers);
        if let Some(of_caller) = callers.get_mut(&self.who) {
            of_caller.streams -= 1;
            // Subscriptions that are still ending keep their share alive.
            if of_caller.streams == 0 {
                callers.remove(&self.who);
            }
        }
    }
}

/// A caller may have this many times the streams that it leaves to others, and always the number below.
const PATIENCE: usize = 4;
const FLOOR: usize = 8;

impl Streams {
    /// No streams.
    pub fn new(config: &StreamConfig) -> Self {
        let room = Arc::new(Semaphore::new(config.sockets));
        Self {
            room,
            sockets_max: config.sockets,
            caller_max: config.caller_sockets,
            callers: Arc::default(),
            measures: Measures::default(),
        }
    }

    /// The number of open streams.
    pub fn open(&self) -> usize {
        self.sockets_max - self.room.available_permits()
    }

    /// Returns when all streams have ended.
    pub async fn ended(&self) {
        let all = u32::try_from(self.sockets_max).unwrap_or(u32::MAX);
        let _ = self.room.acquire_many(all).await;
    }

    pub(super) fn enter(&self, who: Who) -> Result<Entered, Problem> {
        let room = Arc::clone(&self.room).try_acquire_owned().map_err(|_| {
            let most = self.sockets_max;
            let detail = format!("stream.sockets: {most} streams are open, which is the limit; try again later");
            Problem::new(Slug::Overloaded, detail).with("limit", "stream.sockets").with("most", most)
        })?;
        let mut callers = self.callers();
        let mine = callers.get(&who).map_or(0, |of_caller| of_caller.streams);
        let has_share = match self.caller_max {
            0 => fair(mine, 1, self.room.available_permits() + 1, PATIENCE, FLOOR),
            most => mine < most,
        };
        if !has_share {
            let detail = format!(
                "stream.caller_sockets: this caller has {mine} streams open, and others need room; close some, or use \
                 one stream for more subscriptions"
            );
            return Err(Problem::new(Slug::TooManyRequests, detail)
                .with("limit", "stream.caller_sockets")
                .with("most", mine));
        }
        callers.entry(who).or_default().streams += 1;
        Ok(Entered { _room: room, who, callers: Arc::clone(&self.callers) })
    }

    /// The caller's share of the resources for subscriptions.
    pub(super) fn share(&self, who: Who) -> Arc<Share> {
        self.callers().get(&who).map(|of_caller| Arc::clone(&of_caller.share)).unwrap_or_default()
    }

    fn callers(&self) -> MutexGuard<'_, ByWho<OfCaller>> {
        lock(&self.callers)
    }
}

/// Returns when the server stops accepting requests.
pub(super) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// The error for an exceeded limit.
pub(super) fn exceeded(Exceeded { limit, most, wanted }: Exceeded) -> Problem {
    let detail = format!("{limit}: there would be {wanted}, and {most} is the limit; subscribe to less");
    Problem::new(Slug::TooManyRequests, detail).with("limit", limit).with("most", most)
}
