//! One follower: what it is told next, in the order of the log, without a gap, from memory or from the log.

use std::collections::VecDeque;
use std::sync::Arc;

use anaquel_engine::Engine;
use anaquel_engine::feed::{Cursor, Reset, Start, Wake};
use anaquel_engine::ids::{Name, Seq};
use anaquel_engine::journal::ReadError;

use super::about::{Entry, Kind, Kinds};
use super::hub::{Filter, FollowerId, Hub, Next};
use super::shown::shown;
use crate::auth::identity::{Identity, digest};

/// Records of one read of the log.
const RECORDS_A_READ: usize = 4096;

/// Records found after which a read ends.
const FOUND_A_READ: usize = 256;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Followed {
    /// The kinds, at least one.
    pub kinds: Vec<Kind>,
    /// At one of these locations; all if empty.
    pub locations: Vec<Name>,
    /// Of this customer.
    pub customer: Option<Name>,
}

impl Followed {
    /// One number for all that is asked for. Clients keep it in cursors, so it must never change.
    fn selection(&self) -> u64 {
        let mut kinds: Vec<&str> = self.kinds.iter().map(|kind| kind.as_str()).collect();
        let mut locations: Vec<&str> = self.locations.iter().map(Name::as_str).collect();
        kinds.sort_unstable();
        kinds.dedup();
        locations.sort_unstable();
        locations.dedup();
        let customer = self.customer.as_ref().map_or("", Name::as_str);
        digest("follow", &format!("{}\n{}\n{customer}", kinds.join(" "), locations.join(" ")))
    }

    /// What a caller is told of it: a caller that is bound hears of its own locations only or, if it is bound to channels
    /// alone, of its own channels.
    fn filter(&self, identity: Option<&Identity>) -> Filter {
        let mut kinds = Kinds::default();
        self.kinds.iter().for_each(|kind| kinds.add(*kind));
        let names = |names: &[String]| names.iter().map(|name| Name::from(name.clone())).collect();
        let own: Vec<Name> = identity.map(|identity| names(&identity.locations)).unwrap_or_default();
        let channels = identity.filter(|_| own.is_empty()).map(|identity| names(&identity.channels));
        let locations = if self.locations.is_empty() { own } else { self.locations.clone() };
        Filter { kinds, locations, channels: channels.unwrap_or_default(), customer: self.customer.clone() }
    }
}

/// A message to a follower.
pub enum Told {
    /// A record.
    Event {
        /// The record.
        seq: Seq,
        /// The message before it.
        prev_seq: Seq,
        /// Where to resume.
        cursor: Cursor,
        /// What the caller sees of it.
        item: String,
    },
    /// It goes on from now; what came before must be read anew.
    Reset {
        /// Why.
        reason: Reset,
        /// From where on it is told what happens.
        cursor: Cursor,
    },
}

/// A follower. Dropping it ends it.
pub struct Follower {
    hub: Arc<Hub>,
    id: FollowerId,
    filter: Arc<Filter>,
    identity: Option<Arc<Identity>>,
    engine: Engine,
    selection: u64,
    /// Everything up to here was sent.
    told: Seq,
    /// The `seq` of the message before.
    prev_seq: Seq,
    /// Read from the log and not sent yet.
    read: VecDeque<Arc<Entry>>,
    /// The last record of that read.
    read_to: Seq,
    reset: Option<Reset>,
}

impl Follower {
    /// Begins at `start`; `wake` is called when there may be more.
    pub fn new(
        engine: &Engine,
        hub: &Arc<Hub>,
        asked: &Followed,
        identity: Option<Arc<Identity>>,
        start: Start,
        wake: Wake,
    ) -> Self {
        let (filter, selection) = (Arc::new(asked.filter(identity.as_deref())), asked.selection());
        let (from, reset) = match start {
            Start::Fresh => (None, None),
            Start::Unreadable => (None, Some(Reset::CursorUnknown)),
            Start::Cursor(cursor) => match judge(engine, selection, cursor) {
                None => (Some(cursor.seq), None),
                reason => (None, reason),
            },
        };
        let (id, told) = hub.add(&filter, wake, from);
        Self {
            hub: Arc::clone(hub),
            id,
            filter,
            identity,
            engine: engine.clone(),
            selection,
            told,
            prev_seq: told,
            read: VecDeque::new(),
            read_to: told,
            reset,
        }
    }

    /// Where it resumes: after everything that was sent.
    pub fn cursor(&self) -> Cursor {
        Cursor { epoch: self.engine.epoch(), seq: self.complete(), selection: self.selection }
    }

    /// Where it begins: the messages from there on follow.
    pub fn begins(&self) -> Cursor {
        Cursor { epoch: self.engine.epoch(), seq: self.told, selection: self.selection }
    }

    /// Everything up to this record was sent.
    pub fn complete(&self) -> Seq {
        match self.read.is_empty() && self.reset.is_none() {
            true => self.hub.complete(self.id, self.told),
            false => self.told,
        }
    }

    /// Whether the next message must be read from the log.
    pub fn reads_log(&self) -> bool {
        self.read.is_empty() && self.reset.is_none() && self.hub.is_old(self.id, self.told)
    }

    /// Why it begins anew, if it does: to be told with the answer to its request.
    pub fn take_reset(&mut self) -> Option<Reset> {
        self.reset.take()
    }

    /// The next message; `None` if there is none, or if it must be read first: see [`reads_log`](Self::reads_log).
    pub fn poll(&mut self) -> Option<Told> {
        if let Some(reason) = self.reset.take() {
            return Some(Told::Reset { reason, cursor: self.cursor() });
        }
        if let Some(entry) = self.read.pop_front() {
            return Some(self.tell(&entry));
        }
        match self.hub.next(self.id, self.told) {
            Next::Entry(entry) => Some(self.tell(&entry)),
            Next::All(to) => {
                self.told = to;
                None
            }
            Next::Old => None,
        }
    }

    /// Reads on from the log; blocks. A log that no longer has the records, or cannot be read, makes it begin anew.
    pub fn read_back(&mut self) {
        match self.hub.read_back(&self.filter, self.told, RECORDS_A_READ, FOUND_A_READ) {
            Ok((found, last)) => {
                self.read = found.into();
                self.read_to = last.max(self.told);
                if self.read.is_empty() {
                    self.told = self.read_to;
                }
            }
            Err(error) => {
                let reason = match error {
                    ReadError::Trimmed { .. } => Reset::CursorTooOld,
                    _ => Reset::LogUnreadable,
                };
                self.begin_anew(reason);
            }
        }
    }

    fn begin_anew(&mut self, reason: Reset) {
        (self.told, self.reset) = (self.hub.restart(self.id), Some(reason));
        (self.prev_seq, self.read_to) = (self.told, self.told);
    }

    fn tell(&mut self, entry: &Entry) -> Told {
        let prev_seq = std::mem::replace(&mut self.prev_seq, entry.seq);
        // The last record that was read is the one up to which everything is sent.
        self.told = if self.read.is_empty() { entry.seq.max(self.read_to) } else { entry.seq };
        let cursor = Cursor { epoch: self.engine.epoch(), seq: self.told, selection: self.selection };
        let item = shown(entry, self.identity.as_deref());
        let item = item.map_or_else(|| entry.text.clone(), |item| item.to_string());
        Told::Event { seq: entry.seq, prev_seq, cursor, item }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.hub.remove(self.id);
    }
}

fn judge(engine: &Engine, selection: u64, cursor: Cursor) -> Option<Reset> {
    if !engine.identity().has_told(cursor.epoch, cursor.seq) {
        Some(Reset::EpochChanged)
    } else if cursor.selection != selection {
        Some(Reset::SelectionChanged)
    } else if cursor.seq > engine.state().view.seq() {
        Some(Reset::CursorAhead)
    } else if cursor.seq + 1 < engine.oldest() {
        Some(Reset::CursorTooOld)
    } else {
        None
    }
}
