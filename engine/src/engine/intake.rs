//! The intake: how commands get from any number of callers to the single journal thread.
//!
//! A caller takes a permit, is admitted or refused, and queues its command; the journal thread takes commands, and
//! returns their permits once they are answered. It ends only when the intake is closed and no permit is out: every
//! admitted command is answered, and a late caller is refused.

use std::collections::VecDeque;
use std::time::Duration;

use crossbeam::utils::CachePadded;

use crate::sync::{AtomicUsize, Ordering, Parker, Queue, Unparker};

/// The callers' side, and what the journal thread asks about it.
pub(super) struct Intake<T> {
    queue: Queue<T>,
    /// Permits that are out, and whether the intake is closed. Both are in one word, so that they have one order: a
    /// caller either sees that it is closed, or its permit is seen by the thread that checks for permits.
    permits: CachePadded<AtomicUsize>,
    waker: Unparker,
}

const CLOSED: usize = 1 << (usize::BITS - 1);

/// The situation of a caller with a permit.
#[derive(Debug, Clone, Copy)]
pub(super) enum IntakeState {
    /// It may be admitted.
    Open {
        /// Permits that were out before.
        others: usize,
    },
    /// The intake is closed.
    Closed,
}

/// Where the journal thread sleeps.
pub(super) struct Sleeper(Parker);

impl<T> Intake<T> {
    /// An open intake.
    pub fn new() -> (Self, Sleeper) {
        let parker = Parker::new();
        let waker = parker.unparker().clone();
        let permits = CachePadded::new(AtomicUsize::new(0));
        (Self { queue: Queue::new(), permits, waker }, Sleeper(parker))
    }

    /// Queues the command that `admit` creates; `admit` receives the number of other commands in flight.
    ///
    /// # Errors
    /// An error of `admit`, which must refuse if the intake is [closed](Standing::Closed).
    pub fn offer<E>(&self, admit: impl FnOnce(IntakeState) -> Result<T, E>) -> Result<(), E> {
        let before = self.permits.fetch_add(1, Ordering::AcqRel);
        let permit = Permit(self);
        let standing = if before & CLOSED == 0 { IntakeState::Open { others: before } } else { IntakeState::Closed };
        let command = admit(standing)?;
        self.queue.push(command);
        // The permit goes with the command, and is returned once that is answered.
        std::mem::forget(permit);
        self.wake();
        Ok(())
    }

    /// Queues a command of the journal thread itself, which is answered like any other.
    pub fn own(&self) {
        self.permits.fetch_add(1, Ordering::AcqRel);
    }

    /// Takes up to `limit` commands in the order of their arrival.
    pub fn take(&self, limit: usize, commands: &mut VecDeque<T>) {
        commands.extend(std::iter::from_fn(|| self.queue.pop()).take(limit));
    }

    /// Returns the permits of answered commands.
    pub fn answered(&self, commands: usize) {
        // Release: a thread that sees no permits sees the answers.
        self.permits.fetch_sub(commands, Ordering::AcqRel);
    }

    /// Closes the intake.
    pub fn close(&self) {
        self.permits.fetch_or(CLOSED, Ordering::AcqRel);
        self.wake();
    }

    /// Whether it is closed.
    pub fn is_closing(&self) -> bool {
        self.permits.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Whether it is closed, and everything that was admitted is answered.
    pub fn is_over(&self) -> bool {
        // A command in the queue still has its permit.
        self.permits.load(Ordering::Acquire) == CLOSED
    }

    /// Commands that are being admitted, or are not answered yet.
    pub fn under_way(&self) -> usize {
        self.permits.load(Ordering::Acquire) & !CLOSED
    }

    /// Commands that were not taken yet.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Wakes the journal thread, or prevents that it falls asleep.
    pub fn wake(&self) {
        self.waker.unpark();
    }
}

/// A permit whose command was not queued, because it was refused, or because `admit` panicked.
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
    /// Sleeps until woken, or for this long.
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

    use super::{Intake, IntakeState};

    /// Callers arrive while the intake closes. Each is either admitted, and then answered before the journal thread
    /// ends, or refused; and no thread sleeps for ever.
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
                    IntakeState::Open { .. } if is_welcome => Ok(()),
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
