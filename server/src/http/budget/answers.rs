//! Bytes of large answers: counted from before they are made until the last of them is written, for each connection, for
//! each caller, and in all. Small answers are not counted, and never wait. Large bodies of requests take of the same room
//! until they are read.

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

use crate::config::LimitsConfig;
use crate::http::budget::link::Link;
use crate::http::budget::payer::{Payer, Who};
use crate::http::budget::shares::{Shares, fair, handed};
use crate::http::problem::{Problem, Slug};
use crate::lock::lock;

/// Answers below so many bytes are small.
pub const SMALL_BYTES: usize = 64 << 10;

/// The same over HTTP/2, where one connection has many answers on their way.
const SMALL_BYTES_HTTP2: usize = 4 << 10;

/// What is made already, and larger than this, does not wait for room: it would fill memory while it does.
const WAITING_BYTES_MAX: usize = 256 << 10;

/// Bytes that go out together, so that it can be seen that they do.
const PIECE_BYTES: usize = 64 << 10;

/// How long an answer waits for room.
const WAIT: Duration = Duration::from_secs(5);

/// Answers that wait for room, in all and of one caller whatever is left; no more than so many are looked at when some is
/// free again.
const WAITING_MAX: usize = 256;
const WAITING_FLOOR: usize = 4;

/// After how many seconds it is worth another try.
const RETRY_SECONDS: u64 = 2;

/// The room that all answers share.
#[derive(Debug)]
pub struct Answers {
    most: usize,
    most_of_link: usize,
    patience: Duration,
    /// How long an answer waits for room.
    wait: Duration,
    started: Instant,
    held: Mutex<Used>,
    /// Those on their way out.
    leaving: Mutex<Vec<Weak<Leaving>>>,
}

#[derive(Debug, Default)]
struct Used {
    all: usize,
    by_caller: Shares<Who>,
    /// In the order in which they came.
    waiting: VecDeque<QueuedAnswer>,
    waiting_of: Shares<Who>,
}

/// An answer that waits for room.
#[derive(Debug)]
struct QueuedAnswer {
    payer: Payer,
    bytes: usize,
    room: oneshot::Sender<Arc<Held>>,
}

/// A place among those who wait, given up when this is dropped.
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

/// Room that an answer takes, until this is dropped.
#[derive(Debug)]
pub struct Held {
    answers: Arc<Answers>,
    payer: Payer,
    bytes: AtomicUsize,
}

impl Held {
    /// It turned out to take less.
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
    /// Nothing is on its way.
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

    /// Bytes of large answers that are on their way.
    pub fn bytes(&self) -> usize {
        lock(&self.held).all
    }

    /// Takes room for an answer that is about to be made; waits a while for it.
    ///
    /// # Errors
    /// `overloaded`, naming the limit, where there is none, or where too many wait for it, or too many of the same caller.
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

    /// The same at once; the limit that is in the way, where there is one.
    fn take(self: &Arc<Self>, payer: &Payer, bytes: usize) -> Result<Arc<Held>, (&'static str, usize)> {
        let mut used = lock(&self.held);
        self.fits(&used, payer, bytes)?;
        Ok(self.count(&mut used, payer, bytes))
    }

    /// The same whatever is left: what is done is told.
    fn force(self: &Arc<Self>, payer: &Payer, bytes: usize) -> Arc<Held> {
        self.count(&mut lock(&self.held), payer, bytes)
    }

    /// The limit that is in the way, where there is one.
    fn fits(&self, used: &Used, payer: &Payer, bytes: usize) -> Result<(), (&'static str, usize)> {
        let of_link = payer.link.as_ref().map_or(0, |link| link.held.load(Relaxed));
        // An answer that is larger than the room goes alone.
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
        // Outside of the lock, which giving back takes.
        drop(given_back);
    }

    /// Those who wait have room, in order, as far as they fit; what those give back who are gone meanwhile. Bounded by
    /// [`WAITING_MAX`].
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

    /// A [`large`] answer on its way out, counted until the last of it is written. Where there is no room, one that may be
    /// refused is; what tells of something that is done is not.
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
        // A body of one piece is handed over, not copied.
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

    /// Ends connections whose large answers nobody fetches. Bounded by the answers that fit.
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

/// The bytes of a response, where it is large. One that is made piece by piece as it is fetched is not.
pub fn large(link: Option<&Link>, response: &Response) -> Option<usize> {
    let bytes = usize::try_from(hyper::body::Body::size_hint(response.body()).exact()?).ok()?;
    let small = if link.is_some_and(Link::is_http2) { SMALL_BYTES_HTTP2 } else { SMALL_BYTES };
    (bytes >= small).then_some(bytes)
}

/// An answer that is made and not written to its end.
#[derive(Debug)]
struct Leaving {
    held: Arc<Held>,
    /// When the last piece was fetched, in milliseconds.
    moved_at: AtomicU64,
}

/// Bytes that are counted until the last that refers to them is gone.
struct Owned {
    bytes: Bytes,
    _leaving: Arc<Leaving>,
}

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A large body, piece by piece.
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
        assert_eq!(mine.len(), 5, "half of it");
        let theirs: Vec<_> = (0..10).filter_map(|_| answers.take(&payer(2), 10).ok()).collect();
        assert_eq!(theirs.len(), 2, "half of what is left, in tens");
        assert!(answers.take(&payer(3), 10).is_ok());
        drop((mine, theirs));
        assert_eq!(answers.bytes(), 0);
        let huge = answers.take(&payer(1), 1000).unwrap();
        assert!(answers.take(&payer(2), 1).is_err(), "one that is larger than the room goes alone");
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
        assert_eq!(answers.bytes(), 300_000, "a piece of it is still here");
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
        /// So often that each that was spawned has had its say.
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
        assert_eq!(lock(&answers.held).waiting.len(), WAITING_MAX / 2, "one caller leaves half of the line");
        let theirs: Vec<_> = (2..).take(WAITING_MAX).map(|who| ask(who, 1)).collect();
        settle().await;
        assert_eq!(lock(&answers.held).waiting.len(), WAITING_MAX);
        drop(first);
        // As many as fit are handed room, and no others are woken.
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
        assert_eq!(lock(&answers.held).waiting.len(), 0, "who hangs up leaves nothing");
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
