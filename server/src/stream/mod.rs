//! Live stock: the WebSocket `/v1/stream`, and the same as Server-Sent Events.
//!
//! What is told, in which order and when, is the engine's feed's to say; this module reads what clients send, writes what
//! they are told, and keeps both bounded. A socket costs, beyond its task: 4 KiB each way, the frames of one turn on their
//! way out, one snapshot, and for each subscription what
//! [`FeedSettings`](anaquel_engine::settings::FeedSettings) allows it to have pending.

mod envelope;
mod frame;
mod mailbox;
mod measures;
mod request;
mod session;
mod socket;
mod sse;

use std::sync::Arc;

use anaquel_engine::feed::Exceeded;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::config::StreamConfig;
use crate::problem::{Problem, Slug};
use measures::Measures;

pub use request::read as read_message;
pub use socket::{__path_socket, socket};
pub use sse::{__path_sse, sse};

/// What all streams share.
#[derive(Debug)]
pub struct Streams {
    room: Arc<Semaphore>,
    sockets_max: usize,
    measures: Measures,
}

impl Streams {
    /// Nobody is connected yet.
    pub fn new(config: &StreamConfig) -> Self {
        let room = Arc::new(Semaphore::new(config.sockets));
        Self { room, sockets_max: config.sockets, measures: Measures::default() }
    }

    /// Streams that are open.
    pub fn open(&self) -> usize {
        self.sockets_max - self.room.available_permits()
    }

    /// Returns when all streams have ended.
    pub async fn ended(&self) {
        let all = u32::try_from(self.sockets_max).unwrap_or(u32::MAX);
        let _ = self.room.acquire_many(all).await;
    }

    fn enter(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.room).try_acquire_owned().map_err(|_| {
            let most = self.sockets_max;
            let detail = format!("stream.sockets: {most} streams are open, and no more are taken");
            Problem::new(Slug::Overloaded, detail).with("limit", "stream.sockets").with("most", most)
        })
    }
}

/// Returns once the server stops taking requests.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// A limit that is in the way.
fn exceeded(Exceeded { limit, most, wanted }: Exceeded) -> Problem {
    let detail = format!("{limit}: there would be {wanted}, and {most} is the limit");
    Problem::new(Slug::TooManyRequests, detail).with("limit", limit).with("most", most)
}
