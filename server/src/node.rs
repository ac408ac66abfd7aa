//! Where this node stands to the one that it follows: contact, lag, and what they differ in.
//!
//! The node that is followed sends *ticks*: at this time of the log, it had this record. What is served here is as of the
//! time of the newest tick whose record is folded here. So the lag is the age of what is served, and an upper bound: it
//! grows while nothing is heard.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anaquel_engine::Engine;
use anaquel_engine::ids::{Seq, Timestamp};
use anaquel_engine::role::Role;
use tokio::sync::watch;

use crate::lock::lock;

/// Without contact for this long, answers say that they may be stale.
pub const STALE: Duration = Duration::from_millis(1500);

/// Without contact for this long, the node is not ready, and ends its streams.
pub const LOST: Duration = Duration::from_secs(5);

/// The most ticks that wait for their record.
const TICKS_MAX: usize = 1024;

/// Where this node stands.
pub struct Node {
    /// The address of the node that it follows, as its operator wrote it.
    follows: Option<String>,
    /// 64 random bits of this process, by which a node notices that it follows itself.
    pub run: u64,
    contact: Mutex<Contact>,
    /// Whether contact is lost.
    lost: watch::Sender<bool>,
    /// Nodes that follow this one at the moment.
    followers: AtomicUsize,
}

/// A node that follows this one, until it is dropped.
pub struct FollowedBy(Arc<Node>);

impl Drop for FollowedBy {
    fn drop(&mut self) {
        self.0.followers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A moment of a clock that goes on while the machine is suspended: what was heard before is old when it wakes.
#[derive(Debug, Clone, Copy)]
struct Moment(Duration);

impl Moment {
    fn now() -> Self {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Self(Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec as u32))
    }

    fn elapsed(self) -> Duration {
        Self::now().0.saturating_sub(self.0)
    }
}

#[derive(Debug, Default)]
struct Contact {
    /// Ticks whose record is not folded yet, oldest first.
    ahead: VecDeque<Tick>,
    /// The newest tick whose record is folded.
    current: Option<Tick>,
    /// The newest tick, and when it came.
    last: Option<(Tick, Moment)>,
    /// When anything was last heard.
    heard: Option<Moment>,
    trouble: Option<String>,
}

/// At this time of the log, the node that decides had this record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// The time of the log.
    pub time: Timestamp,
    /// Its last record.
    pub seq: Seq,
}

/// What a node tells of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeStatus {
    /// `primary` or `replica`.
    pub role: &'static str,
    /// The node that it follows.
    pub follows: Option<String>,
    /// The age of what it serves, in milliseconds; `None` if it never heard from the node that it follows.
    pub lag_ms: Option<u64>,
    /// The last record of that node, as far as it is known.
    pub known_seq: Option<Seq>,
    /// Whether nothing was heard for a while.
    pub is_stale: bool,
    /// Why it cannot go on following.
    pub trouble: Option<String>,
}

impl Node {
    /// A node that follows `follows`, if anybody.
    pub fn new(follows: Option<String>) -> Arc<Self> {
        let run = getrandom::u64().unwrap_or_default();
        Arc::new(Self {
            follows,
            run,
            contact: Mutex::default(),
            lost: watch::channel(false).0,
            followers: AtomicUsize::new(0),
        })
    }

    fn contact(&self) -> MutexGuard<'_, Contact> {
        lock(&self.contact)
    }

    /// The address of the node that it follows, as its operator wrote it.
    pub fn follows(&self) -> Option<&str> {
        self.follows.as_deref()
    }

    /// A node follows this one.
    pub fn is_followed(self: &Arc<Self>) -> FollowedBy {
        self.followers.fetch_add(1, Ordering::Relaxed);
        FollowedBy(Arc::clone(self))
    }

    /// Nodes that follow this one at the moment.
    pub fn followers(&self) -> usize {
        self.followers.load(Ordering::Relaxed)
    }

    /// Something was heard.
    pub fn hears(&self) {
        let mut contact = self.contact();
        contact.heard = Some(Moment::now());
        contact.trouble = None;
        drop(contact);
        self.lost.send_if_modified(|lost| std::mem::replace(lost, false));
    }

    /// A tick came.
    pub fn ticks(&self, tick: Tick) {
        let mut contact = self.contact();
        contact.last = Some((tick, Moment::now()));
        if contact.ahead.back().is_none_or(|last| *last != tick) {
            if contact.ahead.len() == TICKS_MAX {
                // The older one is as good for what is folded first.
                contact.ahead.pop_back();
            }
            contact.ahead.push_back(tick);
        }
    }

    /// Why it cannot go on following.
    pub fn is_in_trouble(&self, trouble: String) {
        self.contact().trouble = Some(trouble);
    }

    /// Whether contact was lost since; looks by itself.
    pub fn look(&self, role: Role) {
        let is_lost = role != Role::Primary && self.contact_age().is_none_or(|age| age >= LOST);
        self.lost.send_if_modified(|lost| std::mem::replace(lost, is_lost) != is_lost);
    }

    /// Changes when contact is lost or comes back.
    pub fn losses(&self) -> watch::Receiver<bool> {
        self.lost.subscribe()
    }

    /// Whether contact is lost.
    pub fn is_lost(&self) -> bool {
        *self.lost.borrow()
    }

    /// How long nothing was heard; `None` if nothing ever was.
    pub fn contact_age(&self) -> Option<Duration> {
        self.contact().heard.map(|heard| heard.elapsed())
    }

    /// The newest tick whose record is folded here: what this node tells those that follow it. Nothing while contact is
    /// lost.
    pub fn as_of(&self, folded: Seq) -> Option<Tick> {
        let mut contact = self.contact();
        contact.advance(folded);
        let has_contact = contact.heard.is_some_and(|heard| heard.elapsed() < STALE);
        contact.current.filter(|_| has_contact)
    }

    /// What this node tells of itself.
    pub fn status(&self, engine: &Engine) -> NodeStatus {
        let role = engine.role();
        if role == Role::Primary {
            let (follows, trouble) = (None, None);
            return NodeStatus { role: "primary", follows, lag_ms: Some(0), known_seq: None, is_stale: false, trouble };
        }
        let mut contact = self.contact();
        contact.advance(engine.state().view.seq());
        let is_stale = contact.heard.is_none_or(|heard| heard.elapsed() >= STALE);
        NodeStatus {
            role: "replica",
            follows: self.follows.clone().filter(|_| role == Role::Replica),
            lag_ms: contact.lag_ms(),
            known_seq: contact.last.map(|(tick, _)| tick.seq),
            is_stale,
            trouble: contact.trouble.clone(),
        }
    }
}

impl Contact {
    /// Records up to `folded` are folded here.
    fn advance(&mut self, folded: Seq) {
        while let Some(tick) = self.ahead.pop_front_if(|tick| tick.seq <= folded) {
            self.current = Some(tick);
        }
    }

    fn lag_ms(&self) -> Option<u64> {
        let ((last, came), current) = (self.last?, self.current?);
        let now = last.time.plus_millis(came.elapsed().as_millis() as u64);
        Some(now.since_ms(current.time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tick(time: u64, seq: Seq) -> Tick {
        Tick { time: Timestamp(time), seq }
    }

    #[test]
    fn what_is_served_is_as_old_as_the_newest_tick_whose_record_is_folded() {
        let node = Node::new(Some("http://127.0.0.1:1".into()));
        assert_eq!((node.as_of(99), node.contact_age()), (None, None));
        node.hears();
        [tick(1000, 5), tick(1100, 5), tick(1200, 8), tick(1300, 12)].into_iter().for_each(|tick| node.ticks(tick));
        assert_eq!(node.as_of(4), None);
        assert_eq!(node.as_of(7), Some(tick(1100, 5)));
        assert_eq!(node.as_of(8), Some(tick(1200, 8)));
        let lag = node.contact().lag_ms();
        assert!(lag.is_some_and(|lag| (100..5000).contains(&lag)), "{lag:?}");
        assert_eq!(node.as_of(20), Some(tick(1300, 12)));
    }

    #[test]
    fn the_ticks_of_a_node_that_does_not_keep_up_are_bounded() {
        let node = Node::new(None);
        (0..5 * TICKS_MAX as u64).for_each(|nth| node.ticks(tick(nth, nth)));
        assert_eq!(node.contact().ahead.len(), TICKS_MAX);
        node.hears();
        assert_eq!(node.as_of(0), Some(tick(0, 0)));
        assert_eq!(node.as_of(u64::MAX), Some(tick(5 * TICKS_MAX as u64 - 1, 5 * TICKS_MAX as u64 - 1)));
    }
}
