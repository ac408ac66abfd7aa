//! An engine whose every round is of what a case says: its clock stands still, and holds the thread that writes where it
//! is told to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use anaquel_bench::{in_memory_at, name, stock};
use anaquel_engine::command::{CommandResult, Completion};
use anaquel_engine::feed::{Mode, Selection, Start, Subscription};
use anaquel_engine::ids::Timestamp;
use anaquel_engine::{Clock, Engine};

/// When it begins: as the clocks of the other benchmarks.
pub const BEGINNING: Timestamp = Timestamp(1_800_000_000_000);

/// How long anything may take until the case fails. Callgrind takes fifty times as long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A clock that stands still until it is set. While it is held, whoever asks for the time waits, but for the thread that
/// made it: so the thread that writes stands still as well, between two rounds, where it counts nothing.
pub struct Held {
    now: AtomicU64,
    made_by: ThreadId,
    gate: Mutex<Gate>,
    moved: Condvar,
}

#[derive(Default)]
struct Gate {
    is_held: bool,
    waiting: usize,
}

impl Default for Held {
    fn default() -> Self {
        Self {
            now: AtomicU64::new(BEGINNING.0),
            made_by: std::thread::current().id(),
            gate: Mutex::default(),
            moved: Condvar::new(),
        }
    }
}

impl Clock for Held {
    fn now(&self) -> Timestamp {
        if std::thread::current().id() != self.made_by {
            let mut gate = self.gate();
            gate.waiting += 1;
            self.moved.notify_all();
            while gate.is_held {
                gate = self.moved.wait(gate).unwrap_or_else(PoisonError::into_inner);
            }
            gate.waiting -= 1;
        }
        Timestamp(self.now.load(Ordering::Relaxed))
    }
}

impl Held {
    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets so much time pass at once.
    pub fn pass(&self, seconds: u64) {
        self.now.fetch_add(seconds * 1000, Ordering::Relaxed);
    }

    /// From now on, whoever asks for the time waits.
    pub fn hold(&self) {
        self.gate().is_held = true;
    }

    /// Waits until somebody does.
    ///
    /// # Panics
    /// Nobody does.
    pub fn until_waiting(&self) {
        let gate = self.gate();
        let waited = self.moved.wait_timeout_while(gate, PATIENCE, |gate| gate.waiting == 0);
        let (_gate, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "nobody asks for the time");
    }

    /// Goes on.
    pub fn let_go(&self) {
        self.gate().is_held = false;
        self.moved.notify_all();
    }
}

/// An engine in memory, its clock, and somebody who follows it.
pub struct House {
    pub engine: Engine,
    pub clock: Arc<Held>,
    _follower: Subscription,
}

impl House {
    /// With so many SKUs in so many locations.
    ///
    /// # Errors
    /// Nobody may follow it.
    pub fn new(skus: u32, locations: u32, on_hand: i32) -> anyhow::Result<Self> {
        let clock = Arc::new(Held::default());
        let engine = in_memory_at(clock.clone());
        stock(&engine, skus, locations, on_hand);
        Self::of(engine, clock)
    }

    /// Around an engine that goes by `clock`.
    ///
    /// # Errors
    /// Nobody may follow it.
    pub fn of(engine: Engine, clock: Arc<Held>) -> anyhow::Result<Self> {
        let _follower = follow(&engine)?;
        Ok(Self { engine, clock, _follower })
    }

    /// Waits until all threads are at rest.
    pub fn settle(&self) {
        settle(&self.engine);
    }

    /// Everything that `submit` queues, in one round.
    pub fn together(&self, submit: impl FnOnce(&Engine)) {
        self.clock.hold();
        self.engine.wake();
        // It has taken what was queued before, which is nothing.
        self.clock.until_waiting();
        submit(&self.engine);
        self.clock.let_go();
        self.settle();
    }
}

/// Somebody who follows a cell in which nothing happens: as long as there is anybody, whatever happens is passed on at
/// once, and not when there is enough of it.
///
/// # Errors
/// Nobody may.
pub fn follow(engine: &Engine) -> anyhow::Result<Subscription> {
    let selection =
        Selection { skus: vec![name("sku", 0)], locations: vec![name("elsewhere", 0)], ..Selection::default() };
    let subscribed = engine.feed().subscribe(selection, Mode::Conflated, Start::Fresh, Arc::new(|| ()));
    let mut follower = subscribed.map_err(|exceeded| anyhow::anyhow!("{exceeded:?}"))?;
    while follower.poll().is_some() {}
    settle(engine);
    Ok(follower)
}

/// Waits until nothing is under way, and followers were told of everything.
///
/// # Panics
/// It takes too long, or something was refused.
pub fn settle(engine: &Engine) {
    until(|| engine.in_flight() == 0 && engine.feed().position() == engine.state().view.seq());
    assert_eq!(REFUSED.load(Ordering::Relaxed), 0, "something was refused");
}

/// Waits until something is so.
///
/// # Panics
/// It takes too long.
pub fn until(is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "it takes too long");
        std::thread::sleep(Duration::from_micros(50));
    }
}

static REFUSED: AtomicU64 = AtomicU64::new(0);

/// Hears what a command came to. It is the same for all, and takes no memory.
pub fn told() -> Completion {
    Box::new(|told: CommandResult| {
        REFUSED.fetch_add(u64::from(told.is_err()), Ordering::Relaxed);
    })
}
