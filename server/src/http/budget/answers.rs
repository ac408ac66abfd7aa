//! Bytes of large answers, counted from before they are built until their last byte is written: per connection, per
//! caller, and in total. Small answers are not counted and never wait. Large request bodies share the same budget
//! until they are parsed.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use tokio::sync::oneshot;

use rustc_hash::FxBuildHasher;

use crate::config::LimitsConfig;
use crate::http::budget::link::Link;
use crate::http::budget::payer::{Payer, Who};
use crate::http::budget::shares::{Shares, fair, handed};
use crate::http::problem::{Problem, Slug};
use crate::lock::lock;

/// Answers below this size are small.
pub const SMALL_BYTES: usize = 64 << 10;

/// The limit for a small answer over HTTP/2, where one connection has many answers in flight.
const SMALL_BYTES_HTTP2: usize = 4 << 10;

/// A finished answer above this size does not wait for room: it would occupy memory while it waits.
const WAITING_BYTES_MAX: usize = 256 << 10;

/// Bytes that are sent together; small enough that progress is visible.
const PIECE_BYTES: usize = 64 << 10;

/// How long an answer waits for room.
const WAIT: Duration = Duration::from_secs(5);

/// The most answers that wait for room, and the number that one caller may always have waiting. When room is freed,
/// at most this many are checked.
const WAITING_MAX: usize = 256;
const WAITING_FLOOR: usize = 4;

/// `Retry-After` in seconds.
const RETRY_SECONDS: u64 = 2;

/// The budget that all answers share.
#[derive(Debug)]
pub struct Answers {
    most: usize,
    most_of_link: usize,
    patience: Duration,
    /// How long an answer waits for room.
    wait: Duration,
    started: Instant,
    held: Mutex<Used>,
    /// Answers that are being sent.
    leaving: Mutex<Vec<Weak<Leaving>>>,
}

#[derive(Debug, Default)]
struct Used {
    all: usize,
    by_caller: Shares<Who, FxBuildHasher>,
    /// In order of arrival.
    waiting: VecDeque<QueuedAnswer>,
    waiting_of: Shares<Who, FxBuildHasher>,
}

/// An answer that waits for room.
#[derive(Debug)]
struct QueuedAnswer {
    payer: Payer,
    bytes: usize,
    room: oneshot::Sender<Arc<Held>>,
}

/// A place in the queue; dropping it gives the place up.
struct QueueSlot<'a> {
    answers: &'a Answers,
    who: Who,
}

impl Drop for QueueSlot<'_> {
    fn drop(&mut self) {
        let mut used = lock(&self.answers.held);
        used.waiting_of.take(self.who, 1);
        used.waiting.retain(|waiting| !waiting.room.is_closed());
    }
}

/// Reserved room for an answer; dropping it frees the room.
#[derive(Debug)]
pub struct Held {
    answers: Arc<Answers>,
    payer: Payer,
    bytes: AtomicUsize,
}

impl Held {
    /// Reduces the reservation: the answer is smaller than expected.
    pub fn shrink(&self, bytes: usize) {
        let before = self.bytes.fetch_min(bytes, Relaxed);
        self.answers.free(&self.payer, before.saturating_sub(bytes));
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.answers.free(&self.payer, self.bytes.load(Relaxed));
    }
}

impl Answers {
    /// An empty budget.
    pub fn new(limits: &LimitsConfig) -> Arc<Self> {
        Arc::new(Self {
            most: limits.answer_bytes,
            most_of_link: limits.connection_answer_bytes,
            patience: Duration::from_secs(limits.write_seconds),
            wait: WAIT,
            started: Instant::now(),
            held: Mutex::default(),
            leaving: Mutex::default(),
        })
    }

    /// Bytes of large answers in flight.
    pub fn bytes(&self) -> usize {
        lock(&self.held).all
    }

    /// Reserves room for an answer before it is built; waits a limited time.
    ///
    /// # Errors
    /// `overloaded`, naming the limit, if there is no room, or if too many answers wait, in total or for this caller.
    pub async fn reserve(self: &Arc<Self>, payer: &Payer, bytes: usize) -> Result<Arc<Held>, Problem> {
        let (limit, waits) = {
            let mut used = lock(&self.held);
            let Err(limit) = self.fits(&used, payer, bytes) else { return Ok(self.count(&mut used, payer, bytes)) };
            let (mine, free) = (used.waiting_of.of(payer.who), WAITING_MAX.saturating_sub(used.waiting.len()));
            if free == 0 || !fair(mine, 1, free, 1, WAITING_FLOOR) {
                return Err(overloaded(limit));
            }
            let (room, waits) = oneshot::channel();
            used.waiting.push_back(QueuedAnswer { payer: payer.clone(), bytes, room });
            used.waiting_of.add(payer.who, 1);
            (limit, waits)
        };
        let place = QueueSlot { answers: self, who: payer.who };
        handed(waits, place, self.wait).await.ok_or_else(|| overloaded(limit))
    }

    /// Reserves room without waiting; fails with the limit that blocks it.
    fn take(self: &Arc<Self>, payer: &Payer, bytes: usize) -> Result<Arc<Held>, (&'static str, usize)> {
        let mut used = lock(&self.held);
        self.fits(&used, payer, bytes)?;
        Ok(self.count(&mut used, payer, bytes))
    }

    /// Reserves room beyond the limit: the result of a completed write is always sent.
    fn force(self: &Arc<Self>, payer: &Payer, bytes: usize) -> Arc<Held> {
        self.count(&mut lock(&self.held), payer, bytes)
    }

    /// Checks the limits; fails with the limit that blocks the answer.
    fn fits(&self, used: &Used, payer: &Payer, bytes: usize) -> Result<(), (&'static str, usize)> {
        let of_link = payer.link.as_ref().map_or(0, |link| link.held.load(Relaxed));
        // An answer larger than the budget is sent alone.
        if of_link > 0 && of_link.saturating_add(bytes) > self.most_of_link {
            return Err(("limits.connection_answer_bytes", self.most_of_link));
        }
        let (mine, free) = (used.by_caller.of(payer.who), self.most.saturating_sub(used.all));
        let fits = bytes <= free || used.all == 0;
        if !fits || (mine > 0 && !fair(mine, bytes, free, 1, 0)) {
            return Err(("limits.answer_bytes", self.most));
        }
        Ok(())
    }

    fn count(self: &Arc<Self>, used: &mut Used, payer: &Payer, bytes: usize) -> Arc<Held> {
        used.all += bytes;
        used.by_caller.add(payer.who, bytes);
        if let Some(link) = &payer.link {
            link.held.fetch_add(bytes, Relaxed);
        }
        Arc::new(Held { answers: Arc::clone(self), payer: payer.clone(), bytes: AtomicUsize::new(bytes) })
    }

    fn free(self: &Arc<Self>, payer: &Payer, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let mut used = lock(&self.held);
        used.all = used.all.saturating_sub(bytes);
        used.by_caller.take(payer.who, bytes);
        if let Some(link) = &payer.link {
            link.held.fetch_sub(bytes, Relaxed);
        }
        let given_back = self.hand_over(&mut used);
        drop(used);
        // Outside the lock, because freeing room takes the lock.
        drop(given_back);
    }

    /// Gives room to waiting answers in order, as far as they fit. Returns the room of answers whose client is gone.
    /// Bounded by [`WAITING_MAX`].
    #[must_use]
    fn hand_over(self: &Arc<Self>, used: &mut Used) -> Vec<Arc<Held>> {
        let (mut given_back, mut at) = (Vec::new(), 0);
        while let Some(waiting) = used.waiting.get(at) {
            if self.fits(used, &waiting.payer, waiting.bytes).is_err() {
                at += 1;
                continue;
            }
            let Some(QueuedAnswer { payer, bytes, room }) = used.waiting.remove(at) else { break };
            if room.is_closed() {
                continue;
            }
            let held = self.count(used, &payer, bytes);
            given_back.extend(room.send(held).err());
        }
        given_back
    }

    /// Sends a [`large`] answer and counts it until its last byte is written. If there is no room, an answer that may
    /// be refused is refused; the result of a completed write never is.
    pub async fn send(
        self: &Arc<Self>,
        payer: Payer,
        bytes: usize,
        may_refuse: bool,
        mut response: Response,
    ) -> Response {
        let held = match response.extensions_mut().remove::<Arc<Held>>() {
            Some(held) => Ok(held),
            None if !may_refuse => Ok(self.force(&payer, bytes)),
            None if bytes <= WAITING_BYTES_MAX => self.reserve(&payer, bytes).await,
            None => self.take(&payer, bytes).map_err(overloaded),
        };
        let held = match held {
            Ok(held) => held,
            Err(problem) => return problem.into_response(),
        };
        let (parts, body) = response.into_parts();
        // A body of one piece is passed on without a copy.
        let Ok(whole) = body.collect().await else {
            return Problem::new(Slug::Internal, "cannot produce the answer").into_response();
        };
        let leaving = Arc::new(Leaving { held, moved_at: AtomicU64::new(self.now()) });
        self.watch(&leaving);
        let rest = Bytes::from_owner(Owned { bytes: whole.to_bytes(), _leaving: Arc::clone(&leaving) });
        let pieces = Pieces { rest, leaving: Arc::downgrade(&leaving), answers: Arc::clone(self) };
        Response::from_parts(parts, Body::new(pieces))
    }

    fn now(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    fn watch(&self, leaving: &Arc<Leaving>) {
        lock(&self.leaving).push(Arc::downgrade(leaving));
    }

    /// Ends connections whose large answers are not fetched. Bounded by the number of answers that fit.
    pub async fn watch_all(self: Arc<Self>) {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let now = self.now();
            lock(&self.leaving).retain(|leaving| {
                let Some(leaving) = leaving.upgrade() else { return false };
                let quiet = Duration::from_millis(now.saturating_sub(leaving.moved_at.load(Relaxed)));
                let link = leaving.held.payer.link.as_ref().filter(|link| link.is_http2() && quiet > self.patience);
                if let Some(link) = link {
                    metrics::counter!("anaquel_connections_ended_total", "reason" => "not-reading").increment(1);
                    link.cut();
                }
                link.is_none()
            });
        }
    }
}

fn overloaded((limit, most): (&'static str, usize)) -> Problem {
    let detail = format!(
        "{limit}: {most} bytes of answers are on their way, and this one does not fit; read those, ask for less, or \
         try again later"
    );
    Problem::new(Slug::Overloaded, detail).with("limit", limit).with("most", most).retry_after(RETRY_SECONDS)
}

/// The bytes of a response, if it is large. Streamed responses do not count.
pub fn large(link: Option<&Link>, response: &Response) -> Option<usize> {
    let bytes = usize::try_from(hyper::body::Body::size_hint(response.body()).exact()?).ok()?;
    let small = if link.is_some_and(Link::is_http2) { SMALL_BYTES_HTTP2 } else { SMALL_BYTES };
    (bytes >= small).then_some(bytes)
}

/// An answer that is built but not completely written.
#[derive(Debug)]
struct Leaving {
    held: Arc<Held>,
    /// When the client last fetched a piece, in milliseconds.
    moved_at: AtomicU64,
}

/// Bytes that count until their last reference is dropped.
struct Owned {
    bytes: Bytes,
    _leaving: Arc<Leaving>,
}

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A large body, sent in pieces.
struct Pieces {
    rest: Bytes,
    leaving: Weak<Leaving>,
    answers: Arc<Answers>,
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::convert::Infallible>>> {
        if let Some(leaving) = self.leaving.upgrade() {
            leaving.moved_at.store(self.answers.now(), Relaxed);
        }
        let length = self.rest.len().min(PIECE_BYTES);
        let piece = self.rest.split_to(length);
        Poll::Ready((length > 0).then(|| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    fn answers(answer_bytes: usize, connection_answer_bytes: usize) -> Arc<Answers> {
        Answers::new(&LimitsConfig { answer_bytes, connection_answer_bytes, ..LimitsConfig::default() })
    }

    fn payer(who: u64) -> Payer {
        Payer { who: Who(who), link: None }
    }

    #[test]
    fn what_is_held_is_bounded_and_shared() {
        let answers = answers(100, 100);
        let mine: Vec<_> = (0..10).filter_map(|_| answers.take(&payer(1), 10).ok()).collect();
        assert_eq!(mine.len(), 5, "half of the budget");
        let theirs: Vec<_> = (0..10).filter_map(|_| answers.take(&payer(2), 10).ok()).collect();
        assert_eq!(theirs.len(), 2, "half of the rest, in tens");
        assert!(answers.take(&payer(3), 10).is_ok());
        drop((mine, theirs));
        assert_eq!(answers.bytes(), 0);
        let huge = answers.take(&payer(1), 1000).unwrap();
        assert!(answers.take(&payer(2), 1).is_err(), "an answer larger than the budget is sent alone");
        huge.shrink(10);
        assert!(answers.take(&payer(2), 1).is_ok());
    }

    #[tokio::test]
    async fn a_large_answer_is_whole_and_counted_until_it_is_gone() {
        let answers = answers(1 << 20, 1 << 20);
        let text = "x".repeat(300_000);
        let response = Response::new(Body::from(text.clone()));
        assert_eq!(large(None, &response), Some(300_000));
        let response = answers.send(payer(1), 300_000, true, response).await;
        assert_eq!(hyper::body::Body::size_hint(response.body()).exact(), Some(300_000));
        assert_eq!(answers.bytes(), 300_000);
        let mut body = response.into_body();
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        let rest = body.collect().await.unwrap().to_bytes();
        assert_eq!([&first[..], &rest[..]].concat(), text.as_bytes());
        assert_eq!(answers.bytes(), 300_000, "a piece is still referenced");
        drop((first, rest));
        assert_eq!(answers.bytes(), 0);
        assert_eq!(large(None, &Response::new(Body::from("small"))), None);
    }

    #[tokio::test]
    async fn what_is_done_is_told_and_counted() {
        let answers = answers(1 << 20, 1 << 20);
        let _full = answers.take(&payer(1), 1 << 20).unwrap();
        let text = "x".repeat(300_000);
        let asked = answers.send(payer(2), 300_000, true, Response::new(Body::from(text.clone()))).await;
        assert_eq!(asked.status(), 503);
        let done = answers.send(payer(2), 300_000, false, Response::new(Body::from(text.clone()))).await;
        assert_eq!((done.status().as_u16(), answers.bytes()), (200, (1 << 20) + 300_000));
        assert_eq!(done.into_body().collect().await.unwrap().to_bytes(), text.as_bytes());
        assert_eq!(answers.bytes(), 1 << 20);
    }

    #[tokio::test]
    async fn those_who_wait_are_bounded_and_have_room_in_order() {
        /// Yields often enough that every spawned task has run.
        async fn settle() {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        }
        let answers = answers(500, 500);
        let first = answers.take(&payer(0), 500).unwrap();
        let ask = |who: u64, bytes: usize| {
            let answers = Arc::clone(&answers);
            tokio::spawn(async move { answers.reserve(&payer(who), bytes).await })
        };
        let mine: Vec<_> = (0..WAITING_MAX).map(|_| ask(1, 10)).collect();
        settle().await;
        assert_eq!(lock(&answers.held).waiting.len(), WAITING_MAX / 2, "one caller leaves half of the queue");
        let theirs: Vec<_> = (2..).take(WAITING_MAX).map(|who| ask(who, 1)).collect();
        settle().await;
        assert_eq!(lock(&answers.held).waiting.len(), WAITING_MAX);
        drop(first);
        // Only as many as fit receive room; no others are woken.
        assert_eq!(lock(&answers.held).waiting.len(), WAITING_MAX / 2 - 25);
        assert_eq!(answers.bytes(), 25 * 10 + WAITING_MAX / 2);
        let (mut told, mut refused) = (0, 0);
        for one in mine.into_iter().chain(theirs) {
            match one.await.unwrap() {
                Ok(held) => {
                    told += 1;
                    drop(held);
                }
                Err(problem) => refused += usize::from(problem.status() == 503),
            }
        }
        assert_eq!((told, refused), (WAITING_MAX, WAITING_MAX));
        let used = lock(&answers.held);
        assert_eq!((used.all, used.waiting.len(), used.waiting_of.of(Who(1))), (0, 0, 0));
    }

    #[tokio::test]
    async fn who_finds_no_room_waits_and_is_told() {
        let mut answers = answers(100, 100);
        Arc::get_mut(&mut answers).unwrap().wait = Duration::from_millis(50);
        let first = answers.reserve(&payer(1), 100).await.unwrap();
        let refused = answers.reserve(&payer(2), 50).await.unwrap_err();
        assert_eq!(refused.status(), 503);
        assert!(refused.detail().starts_with("limits.answer_bytes"), "{}", refused.detail());
        drop(tokio::time::timeout(Duration::from_millis(5), answers.reserve(&payer(2), 50)).await);
        assert_eq!(lock(&answers.held).waiting.len(), 0, "a disconnected client leaves the queue");
        drop(first);
        let limits = LimitsConfig { answer_bytes: 100, ..LimitsConfig::default() };
        let answers = Answers::new(&limits);
        let first = answers.reserve(&payer(1), 100).await.unwrap();
        let waiting = tokio::spawn({
            let answers = Arc::clone(&answers);
            async move { answers.reserve(&payer(2), 50).await.is_ok() }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(first);
        assert!(waiting.await.unwrap());
    }
}
