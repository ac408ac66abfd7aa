//! Long reads: a few at a time, off the serving threads, with callers in turn. A read whose client disconnects before
//! its turn never starts.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::oneshot;

use rustc_hash::FxBuildHasher;

use crate::config::LimitsConfig;
use crate::http::budget::payer::{ByWho, Who};
use crate::http::budget::shares::{Shares, fair, handed};
use crate::http::problem::{Problem, Slug};
use crate::lock::lock;

/// How long a read waits for its turn.
const WAIT: Duration = Duration::from_secs(10);

/// Reads that one caller may always have waiting.
const FLOOR: usize = 4;

/// Limits how many tasks run at a time.
#[derive(Debug)]
pub struct Aside {
    /// The settings that a refusal names: how many run, and how many wait.
    names: (&'static str, &'static str),
    most: usize,
    /// How many tasks one caller may run, so that at least one turn remains for others.
    most_of_one: usize,
    waiting_max: usize,
    /// How long a read waits for its turn.
    wait: Duration,
    line: Mutex<AsideQueue>,
}

#[derive(Debug, Default)]
struct AsideQueue {
    running: usize,
    running_of: Shares<Who, FxBuildHasher>,
    /// The waiting reads of each caller, in order.
    waiting: ByWho<VecDeque<oneshot::Sender<AsideTurn>>>,
    /// Callers with waiting reads, in the order of their turns.
    callers: VecDeque<Who>,
    waiting_of: Shares<Who, FxBuildHasher>,
    /// All waiting reads.
    waiting_in_all: usize,
}

impl AsideQueue {
    fn wait(&mut self, who: Who, turn: oneshot::Sender<AsideTurn>) {
        let mine = self.waiting.entry(who).or_default();
        if mine.is_empty() {
            self.callers.push_back(who);
        }
        mine.push_back(turn);
        self.waiting_of.add(who, 1);
        self.waiting_in_all += 1;
    }

    /// Removes one waiting read of `who`: it got its turn or gave up. Bounded by the caller's waiting reads and by
    /// the callers.
    fn leave(&mut self, who: Who) {
        self.waiting_of.take(who, 1);
        let Some(mine) = self.waiting.get_mut(&who) else { return };
        let before = mine.len();
        mine.retain(|turn| !turn.is_closed());
        self.waiting_in_all -= before - mine.len();
        if mine.is_empty() {
            self.waiting.remove(&who);
            self.callers.retain(|caller| *caller != who);
        }
    }

    /// The oldest read of the next caller within its share; that caller moves to the end. Bounded by the waiting
    /// reads.
    fn next(&mut self, most_of_one: usize) -> Option<(Who, oneshot::Sender<AsideTurn>)> {
        let at = self.callers.iter().position(|who| self.running_of.of(*who) < most_of_one)?;
        let who = self.callers.remove(at)?;
        let mine = self.waiting.get_mut(&who)?;
        let turn = mine.pop_front()?;
        self.waiting_in_all -= 1;
        if mine.is_empty() {
            self.waiting.remove(&who);
        } else {
            self.callers.push_back(who);
        }
        Some((who, turn))
    }
}

/// A turn; dropping it passes the turn on.
#[derive(Debug)]
pub struct AsideTurn {
    aside: Arc<Aside>,
    who: Who,
}

impl Drop for AsideTurn {
    fn drop(&mut self) {
        let mut line = lock(&self.aside.line);
        line.running -= 1;
        line.running_of.take(self.who, 1);
        self.aside.next(line);
    }
}

/// A place in the queue; dropping it gives the place up.
struct QueueSlot<'a> {
    aside: &'a Aside,
    who: Who,
}

impl Drop for QueueSlot<'_> {
    fn drop(&mut self) {
        lock(&self.aside.line).leave(self.who);
    }
}

impl Aside {
    /// Turns for long reads.
    pub fn reads(limits: &LimitsConfig) -> Arc<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let most = if limits.long_reads == 0 { (cores / 2).max(2) } else { limits.long_reads };
        Self::new(("limits.long_reads", "limits.long_reads_waiting"), most, limits.long_reads_waiting)
    }

    /// Turns for imports and exports, which last as long as their client takes.
    pub fn files(limits: &LimitsConfig) -> Arc<Self> {
        Self::new(("limits.files", "limits.files"), limits.files, 0)
    }

    fn new(names: (&'static str, &'static str), most: usize, waiting_max: usize) -> Arc<Self> {
        let most_of_one = most.saturating_sub(1).max(1);
        Arc::new(Self { names, most, most_of_one, waiting_max, wait: WAIT, line: Mutex::default() })
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// `overloaded`, naming the limit, if too many reads wait, in total or for this caller, or if the wait takes too
    /// long.
    pub async fn turn(self: &Arc<Self>, who: Who) -> Result<AsideTurn, Problem> {
        let waits = {
            let mut line = lock(&self.line);
            if line.running < self.most && line.running_of.of(who) < self.most_of_one {
                return Ok(self.begin(&mut line, who));
            }
            let (mine, free) = (line.waiting_of.of(who), self.waiting_max.saturating_sub(line.waiting_in_all));
            if free == 0 || !fair(mine, 1, free, 1, FLOOR) {
                return Err(self.overloaded());
            }
            let (turn, waits) = oneshot::channel();
            line.wait(who, turn);
            waits
        };
        handed(waits, QueueSlot { aside: self, who }, self.wait).await.ok_or_else(|| self.overloaded())
    }

    /// Runs `work` in a turn of `who`. Work that has started runs to its end and keeps its turn until then.
    ///
    /// # Errors
    /// `overloaded`, as [`Aside::turn`]; `internal` if `work` panics.
    pub async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        who: Who,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = self.turn(who).await?;
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        done.await.map_err(|error| {
            tracing::error!(%error, "a long read panicked");
            Problem::new(Slug::Internal, "internal error; see the server log")
        })
    }

    fn begin(self: &Arc<Self>, line: &mut AsideQueue, who: Who) -> AsideTurn {
        line.running += 1;
        line.running_of.add(who, 1);
        AsideTurn { aside: Arc::clone(self), who }
    }

    /// Gives free turns to callers round-robin, however many reads each has waiting. Bounded by the waiting reads.
    fn next(self: &Arc<Self>, mut line: std::sync::MutexGuard<'_, AsideQueue>) {
        let mut given_back = Vec::new();
        while line.running < self.most {
            let Some((who, waiting)) = line.next(self.most_of_one) else { break };
            // A read that gave up leaves the queue by itself and gets no turn.
            if waiting.is_closed() {
                continue;
            }
            let turn = self.begin(&mut line, who);
            // The receiver is gone: its turn is dropped outside the lock and passes to the next read.
            given_back.extend(waiting.send(turn).err());
        }
        drop(line);
        drop(given_back);
    }

    fn overloaded(&self) -> Problem {
        let (running, waiting) = self.names;
        let most = if self.waiting_max > 0 { self.waiting_max } else { self.most };
        let others = if self.waiting_max > 0 { " and others wait" } else { "" };
        let detail = format!(
            "{waiting}: {} of this kind are running ({running}){others}; ask for less at a time, or try again later",
            self.most
        );
        Problem::new(Slug::Overloaded, detail).with("limit", waiting).with("most", most).retry_after(2)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    fn aside(most: usize, waiting: usize) -> Arc<Aside> {
        Aside::new(("limits.long_reads", "limits.long_reads_waiting"), most, waiting)
    }

    #[tokio::test]
    async fn one_caller_leaves_a_turn_to_the_others() {
        let aside = aside(2, 64);
        let first = aside.turn(Who(1)).await.unwrap();
        let second = tokio::spawn({
            let aside = Arc::clone(&aside);
            async move { aside.turn(Who(1)).await }
        });
        tokio::task::yield_now().await;
        let other = aside.turn(Who(2)).await.unwrap();
        assert!(!second.is_finished(), "the caller has its share");
        drop(other);
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(first);
        assert!(second.await.unwrap().is_ok());
        assert_eq!(lock(&aside.line).running, 0);
    }

    #[tokio::test]
    async fn who_waits_too_long_or_hangs_up_leaves_nothing() {
        let mut aside = aside(1, 64);
        Arc::get_mut(&mut aside).unwrap().wait = Duration::from_millis(50);
        let first = aside.turn(Who(1)).await.unwrap();
        let refused = aside.turn(Who(2)).await.unwrap_err();
        assert_eq!(refused.status(), 503);
        drop(tokio::time::timeout(Duration::from_millis(5), aside.turn(Who(2))).await);
        let left = |line: &AsideQueue| {
            (line.waiting.len(), line.callers.len(), line.waiting_in_all, line.waiting_of.of(Who(2)))
        };
        assert_eq!(left(&lock(&aside.line)), (0, 0, 0, 0));
        drop(first);
        assert_eq!(aside.run(Who(2), || 7).await.unwrap(), 7);
        assert!(aside.run(Who(2), || panic!("a defect")).await.is_err());
        assert_eq!(lock(&aside.line).running, 0);
    }

    #[tokio::test]
    async fn callers_have_their_turns_one_after_the_other() {
        let aside = aside(1, 64);
        let first = aside.turn(Who(0)).await.unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let ask = |who: u64| {
            let (aside, order) = (Arc::clone(&aside), Arc::clone(&order));
            tokio::spawn(async move {
                let turn = aside.turn(Who(who)).await;
                order.lock().unwrap().push(who);
                drop(turn.unwrap());
            })
        };
        let mut asking: Vec<_> = (0..20).map(|_| ask(1)).collect();
        tokio::task::yield_now().await;
        asking.push(ask(2));
        tokio::task::yield_now().await;
        assert_eq!(lock(&aside.line).waiting_in_all, 21);
        drop(first);
        for one in asking {
            one.await.unwrap();
        }
        let order = order.lock().unwrap().clone();
        assert_eq!((order.len(), order[0], order[1]), (21, 1, 2), "{order:?}");
    }

    #[tokio::test]
    async fn a_refusal_names_what_there_is() {
        let files = Aside::files(&LimitsConfig { files: 3, ..LimitsConfig::default() });
        let _turns =
            [files.turn(Who(1)).await.unwrap(), files.turn(Who(1)).await.unwrap(), files.turn(Who(2)).await.unwrap()];
        let refused = files.turn(Who(3)).await.unwrap_err();
        assert_eq!(refused.to_json()["most"], 3);
    }

    #[tokio::test]
    async fn the_line_is_bounded_and_shared() {
        let aside = aside(1, 20);
        let first = aside.turn(Who(0)).await.unwrap();
        let ask = |who: u64| {
            let aside = Arc::clone(&aside);
            tokio::spawn(async move { aside.turn(Who(who)).await.map(drop) })
        };
        let mine: Vec<_> = (0..20).map(|_| ask(1)).collect();
        tokio::task::yield_now().await;
        assert_eq!(lock(&aside.line).waiting_in_all, 10, "half of the queue");
        let theirs = ask(2);
        tokio::task::yield_now().await;
        assert_eq!(lock(&aside.line).waiting_in_all, 11);
        drop(first);
        for waiting in mine.into_iter().chain([theirs]) {
            let _ = waiting.await;
        }
        assert_eq!(lock(&aside.line).running, 0);
    }
}
