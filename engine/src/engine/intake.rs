//! The way in: how commands get from any number of callers to the one journal thread.
//!
//! A caller takes a permit, is let in or not, and leaves its command; the journal thread takes commands, and gives their
//! permits back once they are answered. It ends only when the intake is closed and no permit is out: whatever was let in
//! is answered, and whoever comes too late is told so.

use std::collections::VecDeque;
use std::time::Duration;

use crossbeam::utils::CachePadded;

use crate::sync::{AtomicUsize, Ordering, Parker, Queue, Unparker};

/// The callers' side, and what the journal thread asks about it.
pub(super) struct Intake<T> {
    queue: Queue<T>,
    /// Permits that are out, and whether it is closed. In one word, so that they have one order: a caller either finds it
    /// closed, or has its permit seen by whoever finds out that nobody else has one.
    permits: CachePadded<AtomicUsize>,
    waker: Unparker,
}

const CLOSED: usize = 1 << (usize::BITS - 1);

/// How things stand for a caller that has its permit.
#[derive(Debug, Clone, Copy)]
pub(super) enum Standing {
    /// It may be let in.
    Open {
        /// Permits that were out before.
        others: usize,
    },
    /// It came too late.
    Closed,
}

/// Where the journal thread sleeps.
pub(super) struct Sleeper(Parker);

impl<T> Intake<T> {
    /// An open one.
    pub fn new() -> (Self, Sleeper) {
        let parker = Parker::new();
        let waker = parker.unparker().clone();
        let permits = CachePadded::new(AtomicUsize::new(0));
        (Self { queue: Queue::new(), permits, waker }, Sleeper(parker))
    }

    /// Leaves the command that `admit` makes, which learns how many others are under way.
    ///
    /// # Errors
    /// What `admit` says; it must refuse where it is told that the intake is [closed](Standing::Closed).
    pub fn offer<E>(&self, admit: impl FnOnce(Standing) -> Result<T, E>) -> Result<(), E> {
        let before = self.permits.fetch_add(1, Ordering::AcqRel);
        let permit = Permit(self);
        let standing = if before & CLOSED == 0 { Standing::Open { others: before } } else { Standing::Closed };
        let command = admit(standing)?;
        self.queue.push(command);
        // It goes with the command, and is given back once that is answered.
        std::mem::forget(permit);
        self.wake();
        Ok(())
    }

    /// A command of the journal thread's own, which is answered like any other.
    pub fn own(&self) {
        self.permits.fetch_add(1, Ordering::AcqRel);
    }

    /// Takes up to `limit` commands in the order in which they came.
    pub fn take(&self, limit: usize, commands: &mut VecDeque<T>) {
        commands.extend(std::iter::from_fn(|| self.queue.pop()).take(limit));
    }

    /// Gives back the permits of commands that were answered.
    pub fn answered(&self, commands: usize) {
        // Release: whoever sees that nothing is under way sees what was done.
        self.permits.fetch_sub(commands, Ordering::AcqRel);
    }

    /// Lets nobody in any more.
    pub fn close(&self) {
        self.permits.fetch_or(CLOSED, Ordering::AcqRel);
        self.wake();
    }

    /// Whether it was closed.
    pub fn is_closing(&self) -> bool {
        self.permits.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Whether it was closed, and everything that was let in is answered.
    pub fn is_over(&self) -> bool {
        // What lies in the queue has its permit still.
        self.permits.load(Ordering::Acquire) == CLOSED
    }

    /// Commands that are being let in, or were and are not answered yet.
    pub fn under_way(&self) -> usize {
        self.permits.load(Ordering::Acquire) & !CLOSED
    }

    /// Commands that were not taken yet.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Wakes the journal thread, or keeps it from falling asleep.
    pub fn wake(&self) {
        self.waker.unpark();
    }
}

/// A permit whose command was not left, because it was refused, or because `admit` panicked.
struct Permit<'a, T>(&'a Intake<T>);

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        // The journal thread may have been about to end, and seen this permit.
        if self.0.permits.fetch_sub(1, Ordering::AcqRel) == CLOSED | 1 {
            self.0.wake();
        }
    }
}

impl Sleeper {
    /// Sleeps until woken, or for so long.
    pub fn sleep(&self, longest: Duration) {
        self.0.park_timeout(longest);
    }
}

#[cfg(all(test, loom))]
mod models {
    use std::collections::VecDeque;
    use std::time::Duration;

    use loom::sync::Arc;
    use loom::sync::atomic::{AtomicUsize, Ordering};
    use loom::thread;

    use super::{Intake, Standing};

    /// Callers come while the intake closes. Each is either let in, and then answered before the journal thread ends, or
    /// told that it came too late; and nobody sleeps for ever.
    #[test]
    fn whoever_is_let_in_is_answered() {
        loom::model(|| somebody_comes_while_it_closes(true));
    }

    #[test]
    fn whoever_is_refused_holds_nothing_up() {
        loom::model(|| somebody_comes_while_it_closes(false));
    }

    fn somebody_comes_while_it_closes(is_welcome: bool) {
        let (intake, sleeper) = Intake::new();
        let intake = Arc::new(intake);
        let answered = Arc::new(AtomicUsize::new(0));
        let journal = {
            let (intake, answered) = (Arc::clone(&intake), Arc::clone(&answered));
            thread::spawn(move || {
                let mut commands = VecDeque::new();
                loop {
                    intake.take(1, &mut commands);
                    let taken = commands.len();
                    if taken == 0 {
                        if intake.is_over() {
                            break;
                        }
                        sleeper.sleep(Duration::MAX);
                    }
                    answered.fetch_add(commands.drain(..).count(), Ordering::SeqCst);
                    intake.answered(taken);
                }
            })
        };
        let caller = {
            let intake = Arc::clone(&intake);
            thread::spawn(move || {
                let admit = |standing| match standing {
                    Standing::Open { .. } if is_welcome => Ok(()),
                    _ => Err(()),
                };
                intake.offer(admit).is_ok()
            })
        };
        intake.close();
        let let_in = usize::from(caller.join().unwrap());
        journal.join().unwrap();
        assert_eq!(answered.load(Ordering::SeqCst), let_in);
        assert_eq!((intake.under_way(), intake.queued()), (0, 0));
    }
}
