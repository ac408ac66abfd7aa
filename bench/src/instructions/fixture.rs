//! An engine whose every cycle contains exactly the work of a case: its clock stands still, and can stop the journal
//! thread.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use anaquel_bench::{in_memory_at, name, stock};
use anaquel_engine::command::{CommandResult, Completion};
use anaquel_engine::feed::{Mode, Selection, Start, Subscription};
use anaquel_engine::ids::Timestamp;
use anaquel_engine::{Clock, Engine};

/// The start time, as in the other benchmarks.
pub const BEGINNING: Timestamp = Timestamp(1_800_000_000_000);

/// The longest time until a case fails. Callgrind is fifty times as slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// A clock that stands still until it is set. While it is held, every thread that reads the time waits, except the one
/// that created it: so the journal thread waits between two cycles, where it counts nothing.
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

    /// Advances the clock.
    pub fn pass(&self, seconds: u64) {
        self.now.fetch_add(seconds * 1000, Ordering::Relaxed);
    }

    /// From now on, threads that read the time wait.
    pub fn hold(&self) {
        self.gate().is_held = true;
    }

    /// Waits until a thread does.
    ///
    /// # Panics
    /// No thread does.
    pub fn until_waiting(&self) {
        let gate = self.gate();
        let waited = self.moved.wait_timeout_while(gate, PATIENCE, |gate| gate.waiting == 0);
        let (_gate, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "no thread reads the time");
    }

    /// Continues.
    pub fn let_go(&self) {
        self.gate().is_held = false;
        self.moved.notify_all();
    }
}

/// An engine in memory, its clock, and a subscriber.
pub struct House {
    pub engine: Engine,
    pub clock: Arc<Held>,
    _follower: Subscription,
}

impl House {
    /// With so many SKUs in so many locations.
    ///
    /// # Errors
    /// The subscription is refused.
    pub fn new(skus: u32, locations: u32, on_hand: i32) -> anyhow::Result<Self> {
        let clock = Arc::new(Held::default());
        let engine = in_memory_at(clock.clone());
        stock(&engine, skus, locations, on_hand);
        Self::of(engine, clock)
    }

    /// With an engine that uses `clock`.
    ///
    /// # Errors
    /// The subscription is refused.
    pub fn of(engine: Engine, clock: Arc<Held>) -> anyhow::Result<Self> {
        let _follower = follow(&engine)?;
        Ok(Self { engine, clock, _follower })
    }

    /// Waits until all threads are idle.
    pub fn settle(&self) {
        settle(&self.engine);
    }

    /// Runs everything that `submit` queues in one cycle.
    pub fn together(&self, submit: impl FnOnce(&Engine)) {
        self.clock.hold();
        self.engine.wake();
        // It has taken the earlier commands, of which there are none.
        self.clock.until_waiting();
        submit(&self.engine);
        self.clock.let_go();
        self.settle();
    }
}

/// A subscriber to a cell that never changes: with a subscriber, every event is passed on at once instead of in groups.
///
/// # Errors
/// The subscription is refused.
pub fn follow(engine: &Engine) -> anyhow::Result<Subscription> {
    let selection =
        Selection { skus: vec![name("sku", 0)], locations: vec![name("elsewhere", 0)], ..Selection::default() };
    let subscribed = engine.feed().subscribe(selection, Mode::Conflated, Start::Fresh, Arc::new(|| ()));
    let mut follower = subscribed.map_err(|exceeded| anyhow::anyhow!("{exceeded:?}"))?;
    while follower.poll().is_some() {}
    settle(engine);
    Ok(follower)
}

/// Waits until nothing is in flight, and subscribers have everything.
///
/// # Panics
/// It takes too long, or a command was refused.
pub fn settle(engine: &Engine) {
    until(|| engine.in_flight() == 0 && engine.feed().position() == engine.state().view.seq());
    assert_eq!(REFUSED.load(Ordering::Relaxed), 0, "a command was refused");
}

/// Waits until a condition holds.
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

/// A completion that is the same for all commands, and takes no memory.
pub fn told() -> Completion {
    Box::new(|told: CommandResult| {
        REFUSED.fetch_add(u64::from(told.is_err()), Ordering::Relaxed);
    })
}
