//! A shared log in memory, for tests, behind a network that a test drives: requests are lost, their answers are lost, they
//! arrive late, twice, and in another order.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anaquel_cells::ids::{Seq, Timestamp};
use anaquel_log::{Head, Sealed, Term};

use crate::log::{Appended, Limits, LogError, Next, Pulse, SharedLog, SharedLogReader, Tail, Trimmed};

/// What the network does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It arrives, and so does its answer.
    Arrives,
    /// It never arrives.
    Lost,
    /// It arrives, and its answer does not.
    AnswerLost,
    /// It arrives later, if at all, after its caller gave up.
    Late,
    /// It arrives, and once more later.
    Twice,
    /// It arrives, and the log has no room.
    NoRoom,
}

/// What every log of one store shares.
#[derive(Debug, Default)]
struct Store {
    /// Before the oldest batch.
    floor: Option<Head>,
    batches: Vec<Sealed>,
    /// Trimmed ones, too.
    all: Vec<Sealed>,
    ticks: u64,
    time: Timestamp,
    /// Requests that were not delivered yet, oldest first.
    late: Vec<Request>,
    batch_bytes: usize,
}

#[derive(Debug, Clone)]
enum Request {
    Found(Head),
    Append(Box<Sealed>),
    Tick(Head, Timestamp),
    Trim(Seq, Term),
}

impl Store {
    fn head(&self) -> Option<Head> {
        self.batches.last().map(|sealed| *sealed.becomes()).or(self.floor)
    }

    fn apply(&mut self, request: &Request) -> Appended {
        match (request, self.head()) {
            (Request::Found(head), None) => {
                self.floor = Some(*head);
                Appended::Durable
            }
            (Request::Found(_), Some(at)) => Appended::Fenced { at },
            (Request::Append(_) | Request::Tick(..) | Request::Trim(..), None) => {
                Appended::Full { reason: "the log was never founded".into() }
            }
            (Request::Append(sealed), Some(at)) if *sealed.follows() != at => Appended::Fenced { at },
            (Request::Append(sealed), Some(_)) if sealed.batch().body.len() > self.batch_bytes => {
                Appended::Full { reason: "the batch is too large".into() }
            }
            (Request::Append(sealed), Some(_)) => {
                self.batches.push((**sealed).clone());
                self.all.push((**sealed).clone());
                self.ticks = 0;
                Appended::Durable
            }
            (Request::Tick(head, _), Some(at)) if *head != at => Appended::Fenced { at },
            (Request::Tick(_, time), Some(_)) => {
                (self.ticks, self.time) = (self.ticks + 1, *time);
                Appended::Durable
            }
            (Request::Trim(_, term), Some(at)) if *term != at.term => Appended::Fenced { at },
            (Request::Trim(before, _), Some(_)) => {
                let gone = self.batches.iter().take_while(|sealed| sealed.becomes().seq < *before).count();
                if let Some(last) = self.batches.drain(..gone).next_back() {
                    self.floor = Some(*last.becomes());
                }
                Appended::Durable
            }
        }
    }
}

/// The store. Clones share it.
#[derive(Debug, Clone)]
pub struct MemoryStore(Arc<Mutex<Store>>);

impl Default for MemoryStore {
    /// An empty store that takes batches of 1 MiB.
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Store { batch_bytes: 1 << 20, ..Store::default() })))
    }
}

impl MemoryStore {
    fn lock(&self) -> MutexGuard<'_, Store> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A log whose requests all arrive.
    pub fn log(&self) -> MemoryLog {
        self.log_over(|| Fate::Arrives)
    }

    /// A log over a network that asks `fate` of each request.
    pub fn log_over(&self, fate: impl FnMut() -> Fate + Send + 'static) -> MemoryLog {
        MemoryLog { store: self.clone(), fate: Box::new(fate) }
    }

    /// Requests that may still arrive.
    pub fn late(&self) -> usize {
        self.lock().late.len()
    }

    /// Delivers one of them, in any order; `keep` leaves it in the network, to arrive once more.
    pub fn deliver(&self, nth: usize, keep: bool) {
        let mut store = self.lock();
        if nth >= store.late.len() {
            return;
        }
        let request = if keep { store.late.get(nth).cloned() } else { Some(store.late.swap_remove(nth)) };
        if let Some(request) = request {
            store.apply(&request);
        }
    }

    /// Every batch that it ever had: what is true, whatever anybody was told.
    pub fn truth(&self) -> Vec<Sealed> {
        self.lock().all.clone()
    }

    /// Its end.
    pub fn head(&self) -> Option<Head> {
        self.lock().head()
    }
}

/// A log on a store.
pub struct MemoryLog {
    store: MemoryStore,
    fate: Box<dyn FnMut() -> Fate + Send>,
}

impl MemoryLog {
    fn send(&mut self, request: Request) -> Appended {
        let lost = |what: &str| Appended::Unknown { reason: what.to_owned() };
        let fate = (self.fate)();
        let mut store = self.store.lock();
        match fate {
            Fate::Arrives => store.apply(&request),
            Fate::Lost => lost("the request was lost"),
            Fate::AnswerLost => {
                store.apply(&request);
                lost("the answer was lost")
            }
            Fate::Late => {
                store.late.push(request);
                lost("the request is late")
            }
            Fate::Twice => {
                store.late.push(request.clone());
                store.apply(&request)
            }
            Fate::NoRoom => Appended::Full { reason: "there is no room".into() },
        }
    }
}

impl SharedLog for MemoryLog {
    fn limits(&self) -> Limits {
        Limits { batch_bytes: self.store.lock().batch_bytes, durability: "nothing: it is in memory".into() }
    }

    fn found(&mut self, head: &Head, _: Instant) -> Appended {
        self.send(Request::Found(*head))
    }

    fn append(&mut self, batch: &Sealed, _: Instant) -> Appended {
        self.send(Request::Append(Box::new(batch.clone())))
    }

    fn tick(&mut self, head: &Head, time: Timestamp, _: Instant) -> Appended {
        self.send(Request::Tick(*head, time))
    }

    fn pulse(&mut self, _: Instant) -> Result<Option<Pulse>, LogError> {
        match (self.fate)() {
            Fate::Arrives | Fate::Twice | Fate::NoRoom => {
                let store = self.store.lock();
                Ok(store.head().map(|head| Pulse { head, ticks: store.ticks, time: store.time }))
            }
            Fate::Lost | Fate::AnswerLost | Fate::Late => Err(LogError::Unreachable("the network".into())),
        }
    }

    fn trim(&mut self, before: Seq, term: Term, _: Instant) -> Result<Trimmed, LogError> {
        match self.send(Request::Trim(before, term)) {
            Appended::Durable => Ok(Trimmed::From(self.store.lock().floor.map_or(0, |floor| floor.seq + 1))),
            Appended::Fenced { at } => Ok(Trimmed::Deposed(at)),
            Appended::Full { reason } | Appended::Unknown { reason } => Err(LogError::Unreachable(reason)),
        }
    }

    fn reader(&self) -> Arc<dyn SharedLogReader> {
        Arc::new(self.store.clone())
    }
}

impl SharedLogReader for MemoryStore {
    fn floor(&self, _: Instant) -> Result<Option<Head>, LogError> {
        Ok(self.lock().floor)
    }

    fn tail(&self, from: Seq, _: Instant) -> Result<Box<dyn Tail>, LogError> {
        let oldest = self.lock().floor.map_or(1, |floor| floor.seq + 1);
        if from < oldest {
            return Err(LogError::Trimmed { oldest });
        }
        Ok(Box::new(MemoryTail { store: self.clone(), next: from }))
    }
}

struct MemoryTail {
    store: MemoryStore,
    next: Seq,
}

impl MemoryTail {
    fn read(&mut self) -> Result<Option<Box<Sealed>>, LogError> {
        let store = self.store.lock();
        let oldest = store.floor.map_or(1, |floor| floor.seq + 1);
        if self.next < oldest {
            return Err(LogError::Trimmed { oldest });
        }
        let at = store.batches.partition_point(|sealed| sealed.becomes().seq < self.next);
        let found = store.batches.get(at).cloned().map(Box::new);
        drop(store);
        if let Some(sealed) = &found {
            self.next = sealed.becomes().seq + 1;
        }
        Ok(found)
    }
}

impl Tail for MemoryTail {
    fn next(&mut self, wait: Duration) -> Result<Next, LogError> {
        /// How often it looks.
        const LOOK: Duration = Duration::from_millis(1);
        let began = Instant::now();
        loop {
            if let Some(sealed) = self.read()? {
                return Ok(Next::Batch(sealed));
            }
            if began.elapsed() >= wait {
                return Ok(Next::Idle);
            }
            std::thread::sleep(LOOK.min(wait));
        }
    }
}
