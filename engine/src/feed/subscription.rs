//! One subscriber's end: what to tell next, in which order, exact at which `seq`.
//!
//! A subscription goes through at most three phases. *Catching up* it reads the log after its cursor, not yet in the
//! index, so that however long that takes nothing piles up. *Starting* it is in the index, and reads the cells that it
//! selects at some `seq`; whatever is pending up to that `seq` is in what it read. *Live* it hands out what is pending.
//!
//! Whatever joins a live subscription (SKUs that are tracked, a location that joins a group, all cells when the buffer
//! changes) is read at a `seq` of its own and becomes part of what the subscriber knows there: see [`Joining`].
//!
//! # When is what is pending exact?
//! The feed's position is stored after a round's changes were put in. A reader loads the position, then takes the lock;
//! if nothing pending is newer than the position, then all of it up to the position is there and nothing else. If
//! something is newer, a round is under way that will wake this subscription when it ends, and there is nothing to do but
//! wait for that.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::time::Instant;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Feed;
use super::change::Change;
use super::cursor::Cursor;
use super::entry::{Entry, What};
use super::filter::{self, CellKey, Cells, Filter, Part, cell_key};
use super::index::{Exceeded, Mode, Pending, Slot, Step, Sub, last_words};
use crate::ids::{LocationId, Name, Seq, SkuId};
use crate::journal::ReadError;
use crate::query::CellView;

/// Cells in one piece of a snapshot. Deltas are never cut: after each, what the subscriber knows is exact at its `seq`.
const PIECE_CELLS: usize = 512;

/// Something to tell the subscriber.
#[derive(Debug)]
pub enum Message {
    /// All cells, or those that were just tracked, as of `seq`.
    Snapshot {
        /// At which they are exact.
        seq: Seq,
        /// Where to go on from; none before the last piece.
        cursor: Option<Cursor>,
        /// The cells.
        cells: Vec<CellView>,
        /// Whether more pieces follow.
        more: bool,
    },
    /// What changed.
    Delta {
        /// Up to which record.
        seq: Seq,
        /// The `seq` of the message before.
        prev_seq: Seq,
        /// Where to go on from.
        cursor: Cursor,
        /// The cells after the change.
        items: Vec<Item>,
        /// Cells that are no longer selected.
        removed: Vec<(SkuId, LocationId)>,
    },
    /// The subscriber must forget what it knows; a snapshot follows.
    Reset {
        /// Why.
        reason: Reset,
    },
    /// A lossless subscriber is too far behind, and the subscription is over.
    TooFarBehind {
        /// Where it can go on from.
        cursor: Cursor,
    },
    /// The subscription would cover more cells than one may, and is over.
    TooLarge(Exceeded),
}

/// A cell in a delta.
#[derive(Debug, Clone)]
pub enum Item {
    /// It changed.
    Changed(Arc<Change>),
    /// It joined, or counts differently now.
    Read(CellView),
}

/// Why a subscriber must start over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// The cursor is none that this server gave.
    CursorUnknown,
    /// It is of another log.
    EpochChanged,
    /// The log no longer has what came after it.
    CursorTooOld,
    /// The log does not reach so far.
    CursorAhead,
    /// It was given for another selection.
    SelectionChanged,
    /// A selected group had other members then.
    GroupChanged,
    /// The channel's buffer was another then.
    BufferChanged,
    /// More cells changed than are kept for one reader.
    TooFarBehind,
    /// The log cannot be read.
    LogUnreadable,
}

impl Reset {
    /// The reason on the wire.
    pub fn slug(self) -> &'static str {
        match self {
            Self::CursorUnknown => "cursor-unknown",
            Self::EpochChanged => "epoch-changed",
            Self::CursorTooOld => "cursor-too-old",
            Self::CursorAhead => "cursor-ahead",
            Self::SelectionChanged => "selection-changed",
            Self::GroupChanged => "group-changed",
            Self::BufferChanged => "buffer-changed",
            Self::TooFarBehind => "too-far-behind",
            Self::LogUnreadable => "log-unreadable",
        }
    }
}

/// Where a subscriber wants to go on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// From a snapshot.
    Fresh,
    /// From a cursor.
    Cursor(Cursor),
    /// From something that is no cursor.
    Unreadable,
}

enum Phase {
    CatchingUp { at: Seq, waits: bool },
    Starting { reset: Option<Reset> },
    Live,
    Over,
}

/// Cells on their way into a live subscription, read at `cells.seq`. Lossless, they are told after every event up to
/// there, and those events without them. Conflated, they are told as soon as the position has reached it, with what
/// changed since.
struct Joining {
    keys: FxHashSet<CellKey>,
    cells: Cells,
    /// Where they were asked for and come as a snapshot: what that adds to the digest of what the subscriber knows.
    tracked: Option<u64>,
}

/// Cells that left because nobody asks for them any more.
#[derive(Default)]
struct Untracked {
    cells: Vec<(SkuId, LocationId)>,
    /// What that takes from the digest of what the subscriber knows.
    digest: u64,
}

/// A snapshot, piece by piece, or a delta on its way out.
enum Pieces {
    Snapshot { seq: Seq, cells: std::vec::IntoIter<CellView>, then: Then },
    Delta { seq: Seq, items: Vec<Item>, removed: Vec<(SkuId, LocationId)>, then: Then },
}

/// What the subscriber knows once the last piece is out.
#[derive(Clone, Copy)]
enum Then {
    /// The same selection, at a later `seq`.
    Same,
    /// All of the selection with this digest.
    Whole(u64),
    /// More, or less: so much is added to the digest.
    Changed(u64),
}

impl Pieces {
    /// Whether a cursor must not claim `seq` while this is still to come. What was asked for since is told apart by the
    /// digest.
    fn is_due_at(&self, seq: Seq) -> bool {
        matches!(self, Self::Delta { seq: of, .. } if *of <= seq)
    }
}

/// A live view of some cells. Dropping it ends it.
pub struct Subscription {
    feed: Feed,
    sub: Arc<Sub>,
    slot: Slot,
    registered: bool,
    phase: Phase,
    out: VecDeque<Pieces>,
    /// The `seq` of the message before.
    prev_seq: Seq,
    /// Everything up to here was told.
    told: Seq,
    /// Whether the subscriber knows all cells of the selection; not so between a reset and the end of the snapshot.
    knows: bool,
    /// The digest of the selection that the subscriber knows the cells of: what it asked for since is not in it yet.
    selection: u64,
    /// What is pending up to here is known to the subscriber already.
    base: Seq,
    buffer: u32,
    joining: VecDeque<Joining>,
    /// Cells that left, and have not been named yet.
    untracked: Option<Untracked>,
    since: Option<Instant>,
}

impl Subscription {
    pub(super) fn new(feed: Feed, sub: Arc<Sub>, slot: Slot, start: Start) -> Self {
        let mut subscription = Self {
            feed,
            sub,
            slot,
            registered: false,
            phase: Phase::Over,
            out: VecDeque::new(),
            prev_seq: 0,
            told: 0,
            knows: false,
            selection: 0,
            base: 0,
            buffer: 0,
            joining: VecDeque::new(),
            untracked: None,
            since: None,
        };
        subscription.phase = match start {
            Start::Fresh => Phase::Starting { reset: None },
            Start::Unreadable => Phase::Starting { reset: Some(Reset::CursorUnknown) },
            Start::Cursor(cursor) => match subscription.judge(cursor) {
                Some(reason) => Phase::Starting { reset: Some(reason) },
                None => {
                    (subscription.prev_seq, subscription.told) = (cursor.seq, cursor.seq);
                    (subscription.selection, subscription.knows) = (cursor.selection, true);
                    Phase::CatchingUp { at: cursor.seq, waits: false }
                }
            },
        };
        subscription
    }

    fn judge(&self, cursor: Cursor) -> Option<Reset> {
        if cursor.epoch != self.feed.shared.epoch {
            Some(Reset::EpochChanged)
        } else if cursor.selection != self.sub.lock_filter().digest.0 {
            Some(Reset::SelectionChanged)
        } else if cursor.seq > self.feed.shared.state.view.seq() {
            Some(Reset::CursorAhead)
        } else if cursor.seq + 1 < self.feed.shared.oldest() {
            Some(Reset::CursorTooOld)
        } else {
            None
        }
    }

    /// The cursor behind everything that was told; none while a snapshot is due.
    pub fn cursor(&self) -> Option<Cursor> {
        self.knows.then(|| self.position())
    }

    fn position(&self) -> Cursor {
        Cursor { epoch: self.feed.shared.epoch, seq: self.told, selection: self.selection }
    }

    /// Everything up to this record was told.
    pub fn told(&self) -> Seq {
        self.told
    }

    /// Units that the subscription's channel leaves to others, as they count for what is told now.
    pub fn buffer(&self) -> u32 {
        self.buffer
    }

    /// Names of the selection that nobody declared yet.
    pub fn unknown(&self) -> Vec<Name> {
        let filter = self.sub.lock_filter();
        let Filter { skus, locations, groups, .. } = &*filter;
        skus.unknown.iter().chain(&locations.unknown).chain(&groups.unknown).cloned().collect()
    }

    /// Since when the oldest of what was last handed out had been waiting; asked once.
    pub fn waited_since(&mut self) -> Option<Instant> {
        self.since.take()
    }

    /// Whether the next [`poll`](Self::poll) may read the disk or very many cells.
    pub fn may_block(&self) -> bool {
        match self.phase {
            Phase::CatchingUp { at, .. } => self.feed.shared.history.is_old(at),
            Phase::Starting { .. } => {
                let filter = self.sub.lock_filter();
                filter.all_skus || filter.size() > PIECE_CELLS
            }
            Phase::Live | Phase::Over => false,
        }
    }

    /// Selects more SKUs; a snapshot of their cells follows, for which a [`poll`](Self::poll) is due.
    ///
    /// # Errors
    /// There would be too many keys or cells; or the subscription has all SKUs already.
    pub fn track(&mut self, skus: &[Name]) -> Result<(), TrackError> {
        let Feed { shared } = &self.feed;
        let (state, settings) = (&shared.state, &shared.settings);
        let most = settings.subscription_keys_max;
        if skus.len() > most {
            return Err(TrackError::Exceeded(Exceeded { limit: "stream.subscription_keys", most, wanted: skus.len() }));
        }
        let tracked = {
            let mut index = shared.lock_index();
            let mut filter = self.sub.lock_filter();
            if filter.all_skus {
                return Err(TrackError::AllSkus);
            }
            let before = filter.size();
            let tracked = filter.track(&state.catalogue, skus);
            if let Err(exceeded) = index.make_room(before, filter.size(), settings) {
                filter.untrack(&state.catalogue, &tracked.names);
                return Err(TrackError::Exceeded(exceeded));
            }
            let keys = tracked.ids.iter().flat_map(|sku| filter.keys_of_sku(*sku)).collect();
            let waits = filter.has_unknown();
            drop(filter);
            if self.registered {
                index.add_keys(self.sub.mode, self.slot, keys);
                if waits {
                    index.wait_for_names(self.slot);
                }
            }
            tracked
        };
        match self.phase {
            Phase::Live => match self.read(Part::Skus(&tracked.ids), settings.subscription_cells_max) {
                Ok(cells) => self.join(cells, Some(tracked.digest())),
                Err(wanted) => {
                    let exceeded = self.too_large(wanted);
                    let before = self.untracked.take();
                    self.untrack(&tracked.names)?;
                    self.untracked = before;
                    return Err(TrackError::Exceeded(exceeded));
                }
            },
            // What is read at the start will have them.
            Phase::Starting { .. } => {}
            Phase::CatchingUp { .. } => self.phase = Phase::Starting { reset: Some(Reset::SelectionChanged) },
            Phase::Over => {}
        }
        Ok(())
    }

    /// Selects fewer SKUs; a delta that names the cells that left follows, for which a [`poll`](Self::poll) is due.
    ///
    /// # Errors
    /// The subscription has all SKUs.
    pub fn untrack(&mut self, skus: &[Name]) -> Result<(), TrackError> {
        let Feed { shared } = &self.feed;
        let state = &shared.state;
        let mut index = shared.lock_index();
        let (gone, keys) = {
            let mut filter = self.sub.lock_filter();
            if filter.all_skus {
                return Err(TrackError::AllSkus);
            }
            let before = filter.size();
            let gone = filter.untrack(&state.catalogue, skus);
            let _ = index.make_room(before, filter.size(), &shared.settings);
            let keys: Vec<_> = gone.ids.iter().flat_map(|sku| filter.keys_of_sku(*sku)).collect();
            (gone, keys)
        };
        let digest = gone.digest();
        let gone: FxHashSet<SkuId> = gone.ids.into_iter().collect();
        if self.registered {
            index.remove_keys(self.sub.mode, self.slot, keys);
        }
        // Under the lock of the index no round is under way.
        let is_gone = |sku: SkuId| gone.contains(&sku);
        let mut places = index.places(&self.sub.lock_filter());
        {
            let mut pending = self.sub.lock_pending();
            pending.dirty.retain(|_, change| !is_gone(change.cell.sku));
            pending.queue.retain(|step| !matches!(step, Step::Changed(change) if is_gone(change.cell.sku)));
            // Cells of a location that left are known to the subscriber until it was told.
            let left = pending.queue.iter().filter_map(|step| match step {
                Step::Moved(_, location, false) => Some(*location),
                _ => None,
            });
            let moved = pending.moved.iter().filter(|(_, (_, joins))| !*joins).map(|(location, _)| *location);
            if let Some(places) = &mut places {
                places.extend(left.chain(moved));
            }
        }
        // The delta that names what left is due once the position is beyond what is known.
        index.hold(self.slot, self.base);
        drop(index);
        for joining in &mut self.joining {
            joining.cells.cells.retain(|cell| !is_gone(cell.sku));
        }
        let matrix = &state.matrix;
        let removed = gone.iter().flat_map(|sku| matrix.row(*sku)).map(|(_, cell)| (cell.sku(), cell.location()));
        let removed = removed.filter(|(_, location)| places.as_ref().is_none_or(|places| places.contains(location)));
        let untracked = self.untracked.get_or_insert_default();
        untracked.cells.extend(removed);
        untracked.digest = untracked.digest.wrapping_add(digest);
        Ok(())
    }

    /// What to tell next. `None`: nothing now; the subscriber will be woken.
    pub fn poll(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.next_piece() {
                return Some(message);
            }
            let message = match self.phase {
                Phase::Over => return None,
                Phase::Starting { reset: Some(reason) } => {
                    self.knows = false;
                    self.phase = Phase::Starting { reset: None };
                    Some(Message::Reset { reason })
                }
                Phase::Starting { reset: None } => self.start(),
                Phase::CatchingUp { at, .. } => {
                    let message = self.catch_up(at);
                    if message.is_none() && self.out.is_empty() && !matches!(self.phase, Phase::Live) {
                        // One stretch at a time: others have their turn.
                        return None;
                    }
                    message
                }
                Phase::Live => match self.live()? {
                    Told::Message(message) => Some(message),
                    Told::Pieces => None,
                },
            };
            if message.is_some() {
                return message;
            }
        }
    }

    /// The next piece of what is on its way out.
    fn next_piece(&mut self) -> Option<Message> {
        let prev_seq = self.prev_seq;
        let message = match self.out.front_mut()? {
            Pieces::Snapshot { seq, cells, then } => {
                let (seq, then) = (*seq, *then);
                let piece: Vec<_> = cells.take(PIECE_CELLS).collect();
                let more = cells.len() > 0;
                if !more {
                    self.sent(seq, then);
                }
                self.prev_seq = seq;
                let cursor = if more { None } else { self.cursor() };
                Message::Snapshot { seq, cursor, cells: piece, more }
            }
            Pieces::Delta { seq, items, removed, then } => {
                let (seq, then) = (*seq, *then);
                let (items, removed) = (std::mem::take(items), std::mem::take(removed));
                self.sent(seq, then);
                self.prev_seq = seq;
                // Where something of the same `seq` is still to come, the cursor is that of the message before.
                Message::Delta { seq, prev_seq, cursor: self.position(), items, removed }
            }
        };
        Some(message)
    }

    /// The last piece of something is out. What the subscriber can go on from moves only where nothing that belongs to
    /// the same `seq` is still to come, be it a delta or a cell that joins by no wish of the subscriber's.
    fn sent(&mut self, seq: Seq, then: Then) {
        self.out.pop_front();
        match then {
            Then::Same => {}
            Then::Whole(digest) => (self.selection, self.knows) = (digest, true),
            Then::Changed(digest) => self.selection = self.selection.wrapping_add(digest),
        }
        // Changes of what the subscriber let go of are dropped before it is told that they are.
        let joins = self.joining.iter().any(|joining| joining.tracked.is_none()) || self.untracked.is_some();
        if !joins && !self.out.front().is_some_and(|next| next.is_due_at(seq)) {
            self.told = self.told.max(seq);
        }
    }

    /// Reads what is selected, and is live from then on.
    fn start(&mut self) -> Option<Message> {
        self.knows = false;
        let Feed { shared } = &self.feed;
        let state = &shared.state;
        if !self.registered {
            shared.lock_index().register(self.slot, state);
            self.registered = true;
        }
        *self.sub.lock_pending() = Pending::default();
        let (cells, digest) = loop {
            let cells = self.read(Part::Whole, shared.settings.subscription_cells_max);
            // Changes up to the read count as known, so it must cover every name that was known by then.
            let filter = self.sub.lock_filter();
            if !filter.is_outdated(&state.catalogue) {
                break (cells, filter.digest.0);
            }
            drop(filter);
            shared.lock_index().resolve(self.slot, state);
        };
        self.joining.clear();
        self.untracked = None;
        match cells {
            Ok(Cells { seq, buffer, cells }) => {
                (self.base, self.buffer) = (seq, buffer);
                self.out.push_back(Pieces::Snapshot { seq, cells: cells.into_iter(), then: Then::Whole(digest) });
                self.phase = Phase::Live;
                None
            }
            Err(wanted) => {
                self.phase = Phase::Over;
                Some(Message::TooLarge(self.too_large(wanted)))
            }
        }
    }

    /// A delta is one message: what would be more is told as a snapshot.
    fn delta_cells_max(&self) -> usize {
        self.feed.shared.settings.dirty_cells_max
    }

    fn too_large(&self, wanted: usize) -> Exceeded {
        let most = self.feed.shared.settings.subscription_cells_max;
        Exceeded { limit: "stream.subscription_cells", most, wanted }
    }

    /// Whether another [`poll`](Self::poll) is due although the last one came to nothing and nobody will wake.
    pub fn is_busy(&self) -> bool {
        matches!(self.phase, Phase::CatchingUp { waits: false, .. })
    }

    /// Whether more of what was last told is on its way out.
    pub fn is_sending(&self) -> bool {
        !self.out.is_empty()
    }

    /// Hands out a stretch of what came after the cursor; goes live with the last one.
    fn catch_up(&mut self, at: Seq) -> Option<Message> {
        /// So near to the feed's position, what is left is read in one go while new changes already pile up.
        const NEAR: Seq = 4096;
        let Feed { shared } = &self.feed;
        let (until, places, buffer) = {
            let mut index = shared.lock_index();
            if index.position() < at {
                // The cursor is ahead of the feed: it is taken up where they meet.
                index.hold(self.slot, at);
                self.phase = Phase::CatchingUp { at, waits: true };
                return None;
            }
            if !self.registered {
                if index.position() - at <= NEAR {
                    index.register(self.slot, &shared.state);
                    self.registered = true;
                } else {
                    self.sub.lock_filter().resolve(&shared.state.catalogue);
                }
            }
            // Members and buffer as of the position: had they changed since the cursor, the stretch tells.
            let filter = self.sub.lock_filter();
            (index.position(), index.places(&filter), index.buffer(&shared.state, &filter))
        };
        let mut entries = Vec::new();
        let visited = match until > at {
            true => shared.history.visit(&shared.state, at, until, |entry| entries.push(entry.clone())),
            false => Ok(at),
        };
        let upto = match visited {
            Ok(upto) => upto,
            Err(ReadError::Trimmed { .. }) => return self.restart(Reset::CursorTooOld),
            Err(ReadError::Damaged(_)) => return self.restart(Reset::LogUnreadable),
        };
        let mut found = Found { filter_changed: None, cells: Vec::new() };
        {
            let filter = self.sub.lock_filter();
            let selected = |location| places.as_ref().is_none_or(|places| places.contains(&location));
            entries.iter().for_each(|entry| found.visit(&shared.state, &filter, entry, selected));
        }
        if let Some(reason) = found.filter_changed {
            return self.restart(reason);
        }
        self.buffer = buffer;
        match self.sub.mode {
            Mode::Lossless => {
                let mut changes = found.cells.into_iter().peekable();
                while let Some(first) = changes.next() {
                    let seq = first.seq;
                    let mut event = vec![first];
                    event.extend(std::iter::from_fn(|| changes.next_if(|change| change.seq == seq)));
                    self.push_delta(seq, last_words(event), Vec::new());
                }
            }
            Mode::Conflated => {
                let changes = last_words(found.cells);
                if changes.len() > self.delta_cells_max() {
                    return self.restart(Reset::TooFarBehind);
                }
                self.push_delta(upto, changes, Vec::new());
            }
        }
        if self.registered && upto >= until {
            self.base = upto;
            self.phase = Phase::Live;
        } else {
            self.phase = Phase::CatchingUp { at: upto, waits: false };
        }
        // Nothing of interest up to there counts as told, once what is before it was.
        if self.out.is_empty() {
            self.told = self.told.max(upto);
        }
        None
    }

    fn restart(&mut self, reason: Reset) -> Option<Message> {
        self.feed.shared.counters.resets.fetch_add(1, Relaxed);
        self.out.clear();
        self.knows = false;
        self.phase = Phase::Starting { reset: None };
        Some(Message::Reset { reason })
    }

    fn push_delta(&mut self, seq: Seq, changes: Vec<Arc<Change>>, removed: Vec<(SkuId, LocationId)>) {
        if !(changes.is_empty() && removed.is_empty()) {
            let items: Vec<_> = changes.into_iter().map(Item::Changed).collect();
            self.out.push_back(Pieces::Delta { seq, items, removed, then: Then::Same });
        }
    }

    fn push_items(&mut self, seq: Seq, items: Vec<Item>) {
        let then = Then::Same;
        self.out.push_back(Pieces::Delta { seq, items, removed: Vec::new(), then });
    }

    /// Names the cells that the subscriber asked to hear of no longer.
    fn push_untracked(&mut self, seq: Seq, items: Vec<Item>, Untracked { cells, digest }: Untracked) {
        let then = Then::Changed(digest.wrapping_neg());
        self.out.push_back(Pieces::Delta { seq, items, removed: cells, then });
    }

    fn join(&mut self, cells: Cells, tracked: Option<u64>) {
        let keys = cells.cells.iter().map(|cell| cell_key(cell.sku, cell.location)).collect();
        self.feed.shared.lock_index().hold(self.slot, cells.seq);
        self.joining.push_back(Joining { keys, cells, tracked });
    }

    fn live(&mut self) -> Option<Told> {
        // Before the lock: what is put in up to here is there. See above.
        let position = self.feed.shared.position.load(Acquire);
        let sub = Arc::clone(&self.sub);
        let mut pending = sub.lock_pending();
        if pending.overrun {
            drop(pending);
            return Some(Told::Message(self.overrun()));
        }
        match sub.mode {
            Mode::Conflated => {
                let base = self.base;
                let mut moved = std::mem::take(&mut pending.moved);
                moved.retain(|_, (seq, _)| *seq > base);
                let rebuffered = pending.rebuffered.take().is_some_and(|seq| seq > base);
                if rebuffered || !moved.is_empty() {
                    drop(pending);
                    return self.reselect(&moved, rebuffered);
                }
                let waits = self.joining.back().is_some_and(|joining| joining.cells.seq > position);
                if pending.last > position || position < self.base || waits {
                    return None;
                }
                self.since = pending.since.take().or(self.since);
                let dirty = std::mem::take(&mut pending.dirty);
                drop(pending);
                self.tell_latest(position, dirty)
            }
            Mode::Lossless => {
                drop(pending);
                self.tell_events(position).or_else(|| self.after_events(position))
            }
        }
    }

    /// Conflated: locations came or went, or the buffer changed. What came is read; what went is named.
    fn reselect(&mut self, moved: &BTreeMap<LocationId, (Seq, bool)>, rebuffered: bool) -> Option<Told> {
        let limit = self.feed.shared.settings.subscription_cells_max;
        let of =
            |joins: bool| moved.iter().filter(|(_, moved)| moved.1 == joins).map(|(location, _)| *location).collect();
        let (joined, left): (Vec<_>, Vec<_>) = (of(true), of(false));
        let gone = self.read(Part::Locations(&left), usize::MAX).unwrap_or_default();
        let came = self.read(if rebuffered { Part::Whole } else { Part::Locations(&joined) }, limit);
        if !left.is_empty() {
            self.sub.lock_pending().dirty.retain(|_, change| !left.contains(&change.cell.location));
            for joining in &mut self.joining {
                joining.cells.cells.retain(|cell| !left.contains(&cell.location));
            }
            let removed = gone.cells.iter().map(|cell| (cell.sku, cell.location));
            self.untracked.get_or_insert_default().cells.extend(removed);
        }
        match came {
            // Too much for one delta.
            Ok(cells) if cells.cells.len() > self.delta_cells_max() => {
                let reason = if rebuffered { Reset::BufferChanged } else { Reset::GroupChanged };
                self.restart(reason).map(Told::Message)
            }
            Ok(cells) => {
                self.buffer = cells.buffer;
                self.join(cells, None);
                Some(Told::Pieces)
            }
            Err(wanted) => {
                self.phase = Phase::Over;
                Some(Told::Message(Message::TooLarge(self.too_large(wanted))))
            }
        }
    }

    /// Conflated: everything pending, exact at `position`.
    fn tell_latest(&mut self, position: Seq, mut dirty: FxHashMap<CellKey, Arc<Change>>) -> Option<Told> {
        dirty.retain(|_, change| change.seq > self.base);
        let mut joins = Vec::new();
        for Joining { cells, tracked, .. } in &self.joining {
            let item = |cell: &CellView| {
                // Read at `cells.seq`, changed since: the change is the later word.
                let change = dirty.get(&cell_key(cell.sku, cell.location)).filter(|change| change.seq > cells.seq);
                // Whatever was in force when it was read, all are told by the same buffer.
                let read = || Item::Read(cell.seen_with(self.buffer));
                change.map_or_else(read, |change| Item::Changed(Arc::clone(change)))
            };
            joins.push((cells.cells.iter().map(item).collect::<Vec<_>>(), *tracked));
        }
        for Joining { keys, .. } in self.joining.drain(..) {
            dirty.retain(|key, _| !keys.contains(key));
        }
        let mut changes: Vec<_> = dirty.into_values().collect();
        changes.sort_unstable_by_key(|change| (change.seq, change.cell.sku, change.cell.location));
        let untracked = self.untracked.take();
        if untracked.as_ref().is_some_and(|untracked| untracked.cells.len() > self.delta_cells_max()) {
            return self.restart(Reset::SelectionChanged).map(Told::Message);
        }
        if changes.is_empty() && untracked.is_none() && joins.is_empty() {
            self.told = self.told.max(position);
            return None;
        }
        let items: Vec<_> = changes.into_iter().map(Item::Changed).collect();
        match untracked {
            Some(untracked) => self.push_untracked(position, items, untracked),
            None if items.is_empty() => {}
            None => self.push_items(position, items),
        }
        // Deltas first: a cursor must not pass one, while a snapshot of what was asked for is told apart by its digest.
        joins.sort_by_key(|(_, tracked)| tracked.is_some());
        for (items, tracked) in joins {
            match tracked {
                Some(digest) => {
                    let cells: Vec<_> = items.into_iter().map(|item| item.view(self.buffer)).collect();
                    let then = Then::Changed(digest);
                    self.out.push_back(Pieces::Snapshot { seq: position, cells: cells.into_iter(), then });
                }
                None if items.is_empty() => {}
                None => self.push_items(position, items),
            }
        }
        Some(Told::Pieces)
    }

    /// Lossless: the next event or movement of the selection, as one delta.
    fn tell_events(&mut self, position: Seq) -> Option<Told> {
        loop {
            let joins_at = self.joining.front().map(|joining| joining.cells.seq);
            let next = self.next_event(position.min(joins_at.unwrap_or(Seq::MAX)))?;
            match next {
                Event::Changed(seq, mut changes) => {
                    // Cells that are joining are told when they have.
                    changes.retain(|change| {
                        let key = cell_key(change.cell.sku, change.cell.location);
                        seq > self.base && !self.joining.iter().any(|joining| joining.keys.contains(&key))
                    });
                    self.push_delta(seq, last_words(changes), Vec::new());
                    if !self.out.is_empty() {
                        return Some(Told::Pieces);
                    }
                }
                Event::Moved(seq, moved) if seq > self.base => {
                    let of =
                        |joins: bool| moved.iter().filter(|m| m.1 == joins).map(|(location, _)| *location).collect();
                    let (joined, left): (Vec<_>, Vec<_>) = (of(true), of(false));
                    for joining in &mut self.joining {
                        joining.cells.cells.retain(|cell| !left.contains(&cell.location));
                    }
                    let gone = self.read(Part::Locations(&left), usize::MAX).unwrap_or_default();
                    let limit = self.feed.shared.settings.subscription_cells_max;
                    match self.read(Part::Locations(&joined), limit) {
                        // Before anything of this record is sent: a cursor from now on must not skip what joins.
                        Ok(cells) if cells.cells.len().max(gone.cells.len()) > self.delta_cells_max() => {
                            return self.restart(Reset::GroupChanged).map(Told::Message);
                        }
                        Ok(cells) if !joined.is_empty() => self.join(cells, None),
                        Ok(_) => {}
                        // The next snapshot will say that it is too much.
                        Err(_) => return self.restart(Reset::GroupChanged).map(Told::Message),
                    }
                    let removed = gone.cells.iter().map(|cell| (cell.sku, cell.location)).collect();
                    self.push_delta(seq, Vec::new(), removed);
                    if !self.out.is_empty() {
                        return Some(Told::Pieces);
                    }
                }
                Event::Rebuffered(seq) if seq > self.base => {
                    return self.restart(Reset::BufferChanged).map(Told::Message);
                }
                // Known already.
                Event::Moved(..) | Event::Rebuffered(_) => {}
            }
        }
    }

    /// Takes the next event out of the queue, with all of its cells, if it is not after `upto`.
    fn next_event(&mut self, upto: Seq) -> Option<Event> {
        let mut pending = self.sub.lock_pending();
        let first = pending.queue.pop_front_if(|step| step.seq() <= upto)?;
        let event = match first {
            Step::Changed(first) => {
                let seq = first.seq;
                let mut changes = vec![first];
                while let Some(Step::Changed(next)) =
                    pending.queue.pop_front_if(|step| matches!(step, Step::Changed(change) if change.seq == seq))
                {
                    changes.push(next);
                }
                Event::Changed(seq, changes)
            }
            Step::Moved(seq, location, joins) => {
                let mut moved = vec![(location, joins)];
                while let Some(Step::Moved(_, location, joins)) =
                    pending.queue.pop_front_if(|step| matches!(step, Step::Moved(other, ..) if *other == seq))
                {
                    moved.push((location, joins));
                }
                Event::Moved(seq, moved)
            }
            Step::Rebuffered(seq) => Event::Rebuffered(seq),
        };
        self.since = pending.since.or(self.since);
        if pending.queue.is_empty() {
            pending.since = None;
        }
        Some(event)
    }

    fn read(&self, part: Part<'_>, limit: usize) -> Result<Cells, usize> {
        filter::read(&self.feed.shared.state, &self.sub.lock_filter(), part, limit)
    }

    /// Lossless: what stands behind the events up to `position`.
    fn after_events(&mut self, position: Seq) -> Option<Told> {
        if self.joining.front().is_some_and(|joining| joining.cells.seq <= position) {
            self.tell_joined();
            return Some(Told::Pieces);
        }
        if !self.joining.is_empty() {
            return None;
        }
        if let Some(untracked) = self.untracked.take() {
            if untracked.cells.len() > self.delta_cells_max() {
                return self.restart(Reset::SelectionChanged).map(Told::Message);
            }
            self.push_untracked(position.max(self.prev_seq), Vec::new(), untracked);
            return Some(Told::Pieces);
        }
        self.told = self.told.max(position);
        None
    }

    /// Lossless: the first of what is joining has joined.
    fn tell_joined(&mut self) {
        let Some(Joining { cells: Cells { seq, cells, .. }, tracked, .. }) = self.joining.pop_front() else { return };
        let Some(digest) = tracked else {
            if !cells.is_empty() {
                self.push_items(seq, cells.into_iter().map(Item::Read).collect());
            }
            return;
        };
        // What was let go of before may be among what is asked for now: first it goes, then it comes.
        if let Some(untracked) = self.untracked.take() {
            self.push_untracked(seq, Vec::new(), untracked);
        }
        self.out.push_back(Pieces::Snapshot { seq, cells: cells.into_iter(), then: Then::Changed(digest) });
    }

    fn overrun(&mut self) -> Message {
        match self.sub.mode {
            Mode::Conflated => {
                self.knows = false;
                self.feed.shared.counters.resets.fetch_add(1, Relaxed);
                self.phase = Phase::Starting { reset: None };
                Message::Reset { reason: Reset::TooFarBehind }
            }
            Mode::Lossless => {
                self.phase = Phase::Over;
                Message::TooFarBehind { cursor: self.position() }
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.feed.shared.lock_index().remove(self.slot);
    }
}

impl Item {
    fn view(self, buffer: u32) -> CellView {
        match self {
            Self::Read(cell) => cell,
            Self::Changed(change) => CellView::after(&change.cell, buffer),
        }
    }
}

/// What a lossless subscription has to tell next.
enum Event {
    Changed(Seq, Vec<Arc<Change>>),
    /// Locations that joined (true) or left (false).
    Moved(Seq, Vec<(LocationId, bool)>),
    Rebuffered(Seq),
}

/// Something came out of a live subscription.
enum Told {
    Message(Message),
    /// It is on its way out, piece by piece.
    Pieces,
}

/// What a stretch of the log holds for a filter.
struct Found {
    filter_changed: Option<Reset>,
    cells: Vec<Arc<Change>>,
}

impl Found {
    fn visit(
        &mut self,
        state: &crate::state::State,
        filter: &Filter,
        entry: &Entry,
        selected: impl Fn(LocationId) -> bool,
    ) {
        match &entry.what {
            What::Cell(cell) if filter.has_sku(cell.sku) && selected(cell.location) => {
                self.cells.push(Arc::new(Change::new(entry.seq, *cell)));
            }
            What::Group(group, _) if filter.groups.ids.contains(group) => {
                self.filter_changed = Some(Reset::GroupChanged);
            }
            What::Channel(channel, _) if filter.channel.as_ref() == Some(state.catalogue.channels.name(*channel)) => {
                self.filter_changed = Some(Reset::BufferChanged);
            }
            What::Cell(_) | What::Group(..) | What::Channel(..) | What::Names => {}
        }
    }
}

/// Why SKUs were not tracked or untracked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackError {
    /// The subscription has all SKUs of its places.
    AllSkus,
    /// There would be too many.
    Exceeded(Exceeded),
}
