//! Three nodes on one log, through lost, doubled, late and reordered requests, crashes and takeovers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anaquel_cells::ids::{Epoch, Timestamp};
use anaquel_log::{BatchBuilder, decode_record};
use anaquel_seeds::{Numbers, seeds};
use anaquel_shared_log::memory::{Fate, MemoryLog, MemoryStore};
use anaquel_shared_log::{
    Appended, Batch, CommitError, Committer, Head, LogError, Next, Patience, Sealed, SharedLog, SharedLogReader, Step,
    Trimmed,
};

const HISTORY: Epoch = Epoch(5);
const NODES: usize = 3;
const STEPS: u64 = 250;

/// A command of a client, which asks again under the same key until it is told.
type Key = u64;

#[derive(Debug, Default)]
struct Told {
    lives: u64,
    acknowledged: u64,
    takeovers: u64,
    unknown: u64,
    crashes: u64,
    repeats: u64,
    refused_answers: u64,
}

enum Role {
    Follows,
    /// It sent a takeover whose outcome is unknown.
    TakesOver(Box<Committer>),
    /// With the commands of the batch that is under way.
    Decides(Box<Committer>, Vec<Key>),
}

struct Node {
    run: u64,
    role: Role,
    /// Its own log: what the shared log confirmed, and nothing else.
    log: Vec<Sealed>,
    /// Batches of it that are on its disk.
    synced: usize,
    /// Keys in it.
    keys: BTreeSet<Key>,
}

struct World {
    store: MemoryStore,
    numbers: Arc<Mutex<Numbers>>,
    /// How often a request does not simply arrive, in percent.
    trouble: u64,
    nodes: Vec<Node>,
    next_key: Key,
    /// Commands that are not told yet.
    open: BTreeSet<Key>,
    acknowledged: BTreeSet<Key>,
    /// Commands that were refused for certain at their only try.
    refused: BTreeSet<Key>,
    next_run: u64,
}

fn genesis() -> Head {
    Head::at(HISTORY, 0, Timestamp(0), &[])
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(1)
}

fn keys_of(batch: &Batch) -> Vec<Key> {
    let mut keys = Vec::new();
    batch
        .each(|seq, bytes| {
            let text: String = decode_record(seq, bytes)?;
            keys.extend(text.strip_prefix("command ").map(|key| key.parse::<Key>().unwrap()));
            Ok(())
        })
        .unwrap();
    keys
}

impl Node {
    fn new(run: u64) -> Self {
        Self { run, role: Role::Follows, log: Vec::new(), synced: 0, keys: BTreeSet::new() }
    }

    fn head(&self) -> Head {
        self.log.last().map_or(genesis(), |sealed| *sealed.becomes())
    }

    /// Appends what the shared log confirmed.
    fn take(&mut self, sealed: Sealed) {
        assert_eq!(sealed.continues(&self.head()), Ok(()), "a node's log is a part of the shared one");
        self.keys.extend(keys_of(sealed.batch()));
        self.log.push(sealed);
    }

    /// Loses everything but what is on its disk.
    fn restart(&mut self, kept: usize, run: u64) {
        self.log.truncate(kept);
        self.synced = self.synced.min(kept);
        self.keys = self.log.iter().flat_map(|sealed| keys_of(sealed.batch())).collect();
        (self.role, self.run) = (Role::Follows, run);
    }
}

impl World {
    fn below(&self, most: u64) -> u64 {
        self.numbers.lock().unwrap().below(most)
    }

    fn log(&self) -> MemoryLog {
        let (numbers, trouble) = (Arc::clone(&self.numbers), self.trouble);
        self.store.log_over(move || {
            let mut numbers = numbers.lock().unwrap();
            match numbers.below(100) {
                n if n >= trouble => Fate::Arrives,
                _ => match numbers.below(5) {
                    0 => Fate::Lost,
                    1 => Fate::AnswerLost,
                    2 => Fate::Late,
                    3 => Fate::Twice,
                    _ => Fate::NoRoom,
                },
            }
        })
    }

    fn run(&mut self) -> u64 {
        self.next_run += 1;
        self.next_run
    }

    /// A batch after `head` with these records.
    fn batch(head: &Head, texts: &[String]) -> Batch {
        let mut builder = BatchBuilder::new(head.seq + 1, Timestamp(head.seq + 1));
        for text in texts {
            builder.push(text);
            builder.end_command();
        }
        builder.batch().clone()
    }

    fn step(&mut self, told: &mut Told) {
        let at = self.below(NODES as u64) as usize;
        match self.below(20) {
            0..=6 => self.tail(at),
            7..=13 => self.write(at, told),
            14 => self.answer(at, told),
            15 => self.take_over(at, told),
            16 | 17 => {
                let late = self.store.late() as u64;
                if late > 0 {
                    let (nth, keep) = (self.below(late) as usize, self.below(5) == 0);
                    self.store.deliver(nth, keep);
                }
            }
            18 => {
                let node = &mut self.nodes[at];
                node.synced = node.log.len();
                self.trim(at);
            }
            _ => {
                if self.below(3) == 0 {
                    told.crashes += 1;
                    let node = &self.nodes[at];
                    let kept = node.synced + self.below((node.log.len() - node.synced) as u64 + 1) as usize;
                    let run = self.run();
                    self.nodes[at].restart(kept, run);
                }
            }
        }
    }

    /// A node that does not decide takes in what comes next.
    fn tail(&mut self, at: usize) {
        if !matches!(self.nodes[at].role, Role::Follows) {
            return;
        }
        let from = self.nodes[at].head().seq + 1;
        let mut tail = match self.store.tail(from, soon()) {
            Ok(tail) => tail,
            // The window has moved on: another node has the whole log.
            Err(LogError::Trimmed { .. }) => return self.copy(at),
            Err(error) => panic!("{error}"),
        };
        if let Next::Batch(sealed) = tail.next(Duration::ZERO).unwrap() {
            self.nodes[at].take(*sealed);
        }
    }

    fn copy(&mut self, at: usize) {
        let own = self.nodes[at].log.len();
        let longest = self.nodes.iter().max_by_key(|node| node.log.len()).map(|node| node.log[own..].to_vec());
        for sealed in longest.unwrap_or_default() {
            self.nodes[at].take(sealed);
        }
    }

    /// A node that decides writes, or goes on with what is under way.
    fn write(&mut self, at: usize, told: &mut Told) {
        let role = std::mem::replace(&mut self.nodes[at].role, Role::Follows);
        match role {
            Role::Follows => {}
            Role::TakesOver(mut committer) => {
                let step = if self.below(10) == 0 {
                    Err(committer.give_up("its patience ended".into()))
                } else {
                    committer.again(Instant::now())
                };
                self.went(at, committer, Vec::new(), step, told);
            }
            Role::Decides(mut committer, under_way) if under_way.is_empty() => {
                let mut keys: Vec<Key> = Vec::new();
                for _ in 0..=self.below(3) {
                    let key = match self.open.iter().nth(self.below(8) as usize) {
                        Some(key) if self.below(3) == 0 => *key,
                        _ => {
                            self.next_key += 1;
                            self.next_key
                        }
                    };
                    // What is in its log is not done again; what is in no log it knows is.
                    if !keys.contains(&key) && !self.nodes[at].keys.contains(&key) {
                        keys.push(key);
                    }
                }
                let fresh: Vec<Key> = keys.iter().copied().filter(|key| self.open.insert(*key)).collect();
                if keys.is_empty() {
                    self.nodes[at].role = Role::Decides(committer, keys);
                    return;
                }
                let texts: Vec<String> = keys.iter().map(|key| format!("command {key}")).collect();
                let batch = Self::batch(committer.head(), &texts);
                let step = committer.begin(HISTORY, batch, Instant::now());
                if let Err(CommitError::Full(_) | CommitError::Deposed { .. }) = step {
                    // Told to clients as refused: those whose first try this was do not ask again.
                    self.open.retain(|key| !fresh.contains(key));
                    self.refused.extend(fresh);
                }
                if let Err(CommitError::Full(_)) = step {
                    self.nodes[at].role = Role::Decides(committer, Vec::new());
                    return;
                }
                self.went(at, committer, keys, step, told);
            }
            Role::Decides(mut committer, under_way) => {
                let step = if self.below(30) == 0 {
                    Err(committer.give_up("its patience ended".into()))
                } else {
                    committer.again(Instant::now())
                };
                self.went(at, committer, under_way, step, told);
            }
        }
    }

    /// What a try came to.
    fn went(
        &mut self,
        at: usize,
        committer: Box<Committer>,
        keys: Vec<Key>,
        step: Result<Step, CommitError>,
        told: &mut Told,
    ) {
        let was_taking_over = keys.is_empty();
        match step {
            Ok(Step::Committed(sealed)) => {
                assert!(self.store.truth().contains(&sealed), "only what is there is acknowledged");
                self.nodes[at].take(*sealed);
                told.takeovers += u64::from(was_taking_over);
                for key in keys {
                    told.acknowledged += 1;
                    assert!(self.acknowledged.insert(key), "a command is acknowledged once by its record");
                    self.open.remove(&key);
                }
                self.nodes[at].role = Role::Decides(committer, Vec::new());
            }
            Ok(Step::Again(_)) if was_taking_over => self.nodes[at].role = Role::TakesOver(committer),
            Ok(Step::Again(_)) => self.nodes[at].role = Role::Decides(committer, keys),
            // It goes on tailing: its own log has nothing that is not in the shared one.
            Err(CommitError::Deposed { .. } | CommitError::Unknown(_)) => told.unknown += 1,
            // There is no room for a takeover: it goes on tailing.
            Err(CommitError::Full(_)) if was_taking_over => {}
            // A second try is never full: what it is told here would be a refusal.
            Err(CommitError::Full(_)) => {
                self.open.retain(|key| !keys.contains(key));
                self.refused.extend(keys);
                self.nodes[at].role = Role::Decides(committer, Vec::new());
            }
        }
    }

    /// An answer that rests on no append: a key that is there already, or a refusal.
    fn answer(&mut self, at: usize, told: &mut Told) {
        let Role::Decides(committer, under_way) = &mut self.nodes[at].role else { return };
        if !under_way.is_empty() {
            return;
        }
        let own = *committer.head();
        match committer.confirm(soon()) {
            Ok(()) => {
                // Nobody else decided anything until now: what its log says is so.
                assert_eq!(self.store.head(), Some(own), "an answer without a record is true when it is given");
                let node = &self.nodes[at];
                if let Some(key) = self.open.iter().copied().find(|key| node.keys.contains(key)) {
                    told.repeats += 1;
                    self.open.remove(&key);
                    self.acknowledged.insert(key);
                }
            }
            Err(CommitError::Deposed { .. }) => {
                told.refused_answers += 1;
                self.nodes[at].role = Role::Follows;
            }
            Err(_) => told.refused_answers += 1,
        }
    }

    /// A node that has all of the log, as far as it can tell, tries to decide.
    fn take_over(&mut self, at: usize, told: &mut Told) {
        if !matches!(self.nodes[at].role, Role::Follows) {
            return;
        }
        let mut log = self.log();
        let Ok(Some(pulse)) = log.pulse(soon()) else { return };
        if pulse.head != self.nodes[at].head() {
            return;
        }
        let patience = Patience::default();
        let mut committer = Box::new(Committer::taking_over(Box::new(log), patience, pulse.head, self.nodes[at].run));
        let text = format!("term {}", committer.term().0);
        let batch = Self::batch(&pulse.head, &[text]);
        let step = committer.begin(HISTORY, batch, Instant::now());
        // A node that takes over has a run of its own for each try.
        self.nodes[at].run = self.run();
        self.went(at, committer, Vec::new(), step, told);
    }

    /// The writer lets go of what every node has on its disk.
    fn trim(&mut self, at: usize) {
        let synced =
            self.nodes.iter().map(|node| node.log[..node.synced].last().map_or(0, |last| last.becomes().seq)).min();
        let Role::Decides(committer, _) = &mut self.nodes[at].role else { return };
        let term = committer.term();
        if let Ok(Trimmed::From(from)) = committer.log().trim(synced.unwrap_or(0) + 1, term, soon()) {
            assert!(from <= synced.unwrap_or(0) + 1);
        }
    }

    /// The network is well again: everybody comes to the same log.
    fn settle(&mut self) {
        while self.store.late() > 0 {
            self.store.deliver(0, false);
        }
        for at in 0..NODES {
            let kept = self.nodes[at].log.len();
            let run = self.run();
            self.nodes[at].restart(kept, run);
            while self.nodes[at].head() != self.store.head().unwrap() {
                self.tail(at);
            }
        }
    }

    fn check(&self) {
        let truth = self.store.truth();
        for node in &self.nodes {
            assert_eq!(node.log, truth, "every node has the same log");
        }
        let (mut head, mut times) = (genesis(), BTreeMap::<Key, u32>::new());
        let mut run_of_term = BTreeMap::new();
        for sealed in &truth {
            assert_eq!(sealed.continues(&head), Ok(()));
            let (before, becomes) = (head.term, sealed.becomes());
            assert!(becomes.term >= before, "terms never go back");
            if becomes.term > before {
                let text: String = decode_record(1, sealed.batch().bytes_of(becomes.seq).unwrap().unwrap()).unwrap();
                assert_eq!(text, format!("term {}", becomes.term.0), "a term begins with its takeover");
            }
            let run = *run_of_term.entry(becomes.term).or_insert(becomes.batch.run);
            assert_eq!(run, becomes.batch.run, "a term has one writer");
            keys_of(sealed.batch()).into_iter().for_each(|key| *times.entry(key).or_default() += 1);
            head = *becomes;
        }
        for key in &self.acknowledged {
            assert_eq!(times.get(key), Some(&1), "command {key} was acknowledged");
        }
        assert!(times.values().all(|times| *times == 1), "nothing is done twice");
        for key in &self.refused {
            assert!(!times.contains_key(key), "command {key} was refused");
        }
    }
}

fn live(seed: u64, told: &mut Told) {
    let mut numbers = Numbers(seed | 1);
    let trouble = [0, 5, 30, 60][numbers.below(4) as usize];
    let store = MemoryStore::default();
    assert_eq!(store.log().found(&genesis(), soon()), Appended::Durable);
    let mut world = World {
        store,
        numbers: Arc::new(Mutex::new(numbers)),
        trouble,
        nodes: (1..=NODES as u64).map(Node::new).collect(),
        next_key: 0,
        open: BTreeSet::new(),
        acknowledged: BTreeSet::new(),
        refused: BTreeSet::new(),
        next_run: NODES as u64,
    };
    (0..STEPS).for_each(|_| world.step(told));
    world.settle();
    world.check();
    told.lives += 1;
}

#[test]
fn whatever_the_network_does_nothing_acknowledged_is_lost_and_nothing_is_done_twice() {
    let mut told = Told::default();
    for seed in seeds(&[], 10_000) {
        live(seed.value(), &mut told);
    }
    println!("{told:?}");
    let Told { acknowledged, takeovers, unknown, crashes, repeats, refused_answers, .. } = told;
    assert!(acknowledged > 1_000 && takeovers > 100 && unknown > 100 && crashes > 100, "{told:?}");
    assert!(repeats > 10 && refused_answers > 100, "{told:?}");
}
