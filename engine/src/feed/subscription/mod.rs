//! One subscriber's end: decides what to send next, in which order, exact at which `seq`.
//!
//! A subscription has up to three phases. *Catching up*, it reads the log after its cursor and is not in the index yet,
//! so that nothing accumulates however long that takes. *Starting*, it is in the index, and reads the cells that it
//! selects at some `seq`; pending changes up to that `seq` are part of what it read. *Live*, it returns pending
//! changes.
//!
//! Cells that join a live subscription (tracked SKUs, a location that joins a group, all cells when the buffer changes)
//! are read at their own `seq` and then become part of what the subscriber knows: see [`Joining`].
//!
//! # When are the pending changes exact?
//! The feed stores its position after it adds a round's changes. A reader loads the position, then takes the lock. If
//! no pending change is newer than the position, the pending changes are exactly those up to the position. If one is
//! newer, a round is in progress, and the reader waits: the end of the round wakes this subscription. If rounds follow
//! each other without a pause, a conflated subscription returns the changes that were pending before the current round.

mod catch_up;
mod conflated;
mod lossless;
mod message;
mod outgoing;
mod pieces;
mod track;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

use pieces::{PIECE_CELLS, Pieces, Then, Untracked};
use rustc_hash::FxHashSet;

use crate::feed::cursor::Cursor;
use crate::feed::entry::Moving;
use crate::feed::filter;
use crate::feed::filter::{CellKey, Cells, Filter, Part, cell_key};
use crate::feed::index::{Exceeded, Mode, Pending, Slot, Sub};
use crate::feed::reset::Reset;
use crate::feed::shared::Shared;
use crate::ids::{LocationId, Name, Seq, SkuId};
use crate::stock::lens::{CellView, Lens};

pub use message::{Item, Message, Start};

enum Phase {
    CatchingUp { at: Seq, waits: bool },
    Starting { reset: Option<Reset> },
    Live,
    Over,
}

/// Cells that are joining a live subscription, read at `cells.seq`. Lossless: they are sent after every event up to
/// there, and those events are sent without them. Conflated: they are sent once the position has reached that `seq`,
/// with later changes.
struct Joining {
    keys: FxHashSet<CellKey>,
    cells: Cells,
    /// For requested cells, which are sent as a snapshot: their part of the digest of the known selection.
    tracked: Option<u64>,
}

impl Joining {
    /// Some cells no longer join: from now on their changes are handled like any others.
    fn let_go(&mut self, is_gone: impl Fn(SkuId, LocationId) -> bool) {
        let Self { keys, cells, .. } = self;
        cells.cells.retain(|cell| {
            let goes = is_gone(cell.sku, cell.location);
            if goes {
                keys.remove(&cell_key(cell.sku, cell.location));
            }
            !goes
        });
    }
}

/// A live view of some cells. Dropping it ends it.
pub struct Subscription {
    shared: Arc<Shared>,
    sub: Arc<Sub>,
    slot: Slot,
    registered: bool,
    phase: Phase,
    out: VecDeque<Pieces>,
    /// The `seq` of the previous message.
    prev_seq: Seq,
    /// Everything up to here was sent.
    told: Seq,
    /// Whether the subscriber knows all cells of the selection; false between a reset and the end of the snapshot.
    knows: bool,
    /// The digest of the selection whose cells the subscriber knows, without later requests.
    selection: u64,
    /// The subscriber knows pending changes up to here already.
    base: Seq,
    /// The groups of the cells that were read at `base`, if the feed was behind: groups may have had other members.
    read_ahead: FxHashSet<LocationId>,
    /// The current lens of the subscription's channel.
    lens: Lens,
    joining: VecDeque<Joining>,
    /// Cells that left, and are not listed yet.
    untracked: Option<Untracked>,
    /// Cells of its snapshots that count as being sent.
    counted: usize,
}

impl Subscription {
    pub(super) fn new(shared: Arc<Shared>, sub: Arc<Sub>, slot: Slot, start: Start) -> Self {
        let lens = shared.state.lens(None);
        let mut subscription = Self {
            shared,
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
            read_ahead: FxHashSet::default(),
            lens,
            joining: VecDeque::new(),
            untracked: None,
            counted: 0,
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
        if !self.shared.identity.load().has_told(cursor.epoch, cursor.seq) {
            Some(Reset::EpochChanged)
        } else if cursor.selection != self.sub.lock_filter().digest.0 {
            Some(Reset::SelectionChanged)
        } else if cursor.seq > self.shared.state.view.seq() {
            Some(Reset::CursorAhead)
        } else if cursor.seq + 1 < self.shared.oldest() {
            Some(Reset::CursorTooOld)
        } else {
            None
        }
    }

    /// The cursor after everything that was sent; `None` while a snapshot is due.
    pub fn cursor(&self) -> Option<Cursor> {
        self.knows.then(|| self.position())
    }

    fn position(&self) -> Cursor {
        Cursor { epoch: self.shared.epoch(), seq: self.told, selection: self.selection }
    }

    /// Everything up to this record was sent.
    pub fn told(&self) -> Seq {
        self.told
    }

    /// The current lens of the subscription's channel.
    pub fn lens(&self) -> &Lens {
        &self.lens
    }

    /// Undeclared names in the selection.
    pub fn unknown(&self) -> Vec<Name> {
        let filter = self.sub.lock_filter();
        let Filter { skus, locations, groups, .. } = &*filter;
        skus.unknown().chain(locations.unknown()).chain(groups.unknown()).cloned().collect()
    }

    /// Whether the next [`poll`](Self::poll) may read the disk or very many cells.
    pub fn may_block(&self) -> bool {
        match self.phase {
            Phase::CatchingUp { .. } => self.reads_log(),
            Phase::Starting { .. } => {
                let filter = self.sub.lock_filter();
                filter.all_skus || filter.size() > PIECE_CELLS
            }
            Phase::Live | Phase::Over => false,
        }
    }

    /// Whether the next [`poll`](Self::poll) reads a chunk from the log, because the entries after its cursor are no
    /// longer in memory.
    pub fn reads_log(&self) -> bool {
        match self.phase {
            Phase::CatchingUp { at, .. } => self.out.is_empty() && self.shared.history.is_old(at),
            Phase::Starting { .. } | Phase::Live | Phase::Over => false,
        }
    }

    /// Whether another [`poll`](Self::poll) is due although the last one returned nothing and no wake-up will follow.
    pub fn is_busy(&self) -> bool {
        matches!(self.phase, Phase::CatchingUp { waits: false, .. })
    }

    /// Whether more pieces of the last message are to be sent.
    pub fn is_sending(&self) -> bool {
        !self.out.is_empty()
    }

    /// The next message. `None` for nothing now: a wake-up will follow, or, if other snapshots use all the room, the
    /// caller polls again after a while.
    pub fn poll(&mut self) -> Option<Message> {
        let message = self.poll_next();
        self.count_cells();
        message
    }

    /// Counts cells that are being sent.
    fn count_cells(&mut self) {
        if self.counted == 0 && self.out.is_empty() && self.joining.is_empty() {
            return;
        }
        let out = self.out.iter().map(Pieces::snapshot_cells).sum::<usize>();
        let now = out + self.joining.iter().map(|joining| joining.cells.cells.len()).sum::<usize>();
        let all = &self.shared.snapshot_cells;
        all.fetch_add(now, Relaxed);
        all.fetch_sub(self.counted, Relaxed);
        self.counted = now;
    }

    fn has_room(&self) -> bool {
        let shared = &self.shared;
        shared.snapshot_cells.load(Relaxed) - self.counted < shared.settings.snapshot_cells_max
    }

    fn poll_next(&mut self) -> Option<Message> {
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
                Phase::Starting { reset: None } if !self.has_room() => return None,
                Phase::Starting { reset: None } => self.start(),
                Phase::CatchingUp { at, .. } => {
                    let message = self.catch_up(at);
                    if message.is_none() && self.out.is_empty() && !matches!(self.phase, Phase::Live) {
                        // One chunk at a time, so that others have their turn.
                        return None;
                    }
                    message
                }
                Phase::Live => match self.live()? {
                    LiveOutput::Message(message) => Some(message),
                    LiveOutput::Pieces => None,
                },
            };
            if message.is_some() {
                return message;
            }
        }
    }

    /// Reads the selection, and is live from then on.
    fn start(&mut self) -> Option<Message> {
        self.knows = false;
        let shared = &self.shared;
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
            Ok(Cells { seq, lens, cells }) => {
                (self.base, self.lens) = (seq, lens);
                let is_ahead = shared.position.load(Acquire) < seq;
                self.read_ahead = cells.iter().filter(|_| is_ahead).map(|cell| cell.location).collect();
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

    /// A delta is one message: a larger change is sent as a snapshot.
    fn delta_cells_max(&self) -> usize {
        self.shared.settings.dirty_cells_max
    }

    fn too_large(&self, wanted: usize) -> Exceeded {
        let most = self.shared.settings.subscription_cells_max;
        Exceeded { limit: "stream.subscription_cells", most, wanted }
    }

    fn restart(&mut self, reason: Reset) -> Option<Message> {
        self.shared.counters.resets.fetch_add(1, Relaxed);
        self.out.clear();
        self.knows = false;
        self.phase = Phase::Starting { reset: None };
        Some(Message::Reset { reason })
    }

    fn join(&mut self, cells: Cells, tracked: Option<u64>) {
        let keys = cells.cells.iter().map(|cell| cell_key(cell.sku, cell.location)).collect();
        self.shared.lock_index().hold(self.slot, cells.seq);
        self.joining.push_back(Joining { keys, cells, tracked });
    }

    /// The cells that leave with locations and SKUs.
    fn gone(&self, locations: &[LocationId], skus: &[SkuId]) -> Vec<(SkuId, LocationId)> {
        if locations.is_empty() && skus.is_empty() {
            return Vec::new();
        }
        let of = |part: Part<'_>| self.read(part, usize::MAX).map(|gone| gone.cells).unwrap_or_default();
        let mut cells = of(Part::LeavingLocations(locations));
        cells.extend(of(Part::LeavingSkus(skus)));
        let mut gone: Vec<_> = cells.iter().map(|cell| (cell.sku, cell.location)).collect();
        gone.extend(filter::left_without_cell(&self.shared.state, &self.sub.lock_filter(), locations, skus));
        gone.sort_unstable();
        gone.dedup();
        gone
    }

    /// Places without a cell where a SKU was shown that is tracked now: they leave.
    fn without_cell(&self, skus: &[SkuId]) -> Vec<(SkuId, LocationId)> {
        if skus.is_empty() {
            return Vec::new();
        }
        filter::without_cell(&self.shared.state, &self.sub.lock_filter(), skus)
    }

    /// The cells that come with locations and SKUs.
    fn came(&self, moved: &[(Moving, bool)], limit: usize) -> Result<Cells, usize> {
        let (locations, skus) = (Moving::locations(moved, true), Moving::skus(moved, true));
        let mut cells = self.read(Part::Locations(&locations), limit)?;
        if !skus.is_empty() {
            let more = self.read(Part::Skus(&skus), limit)?;
            // Read later: for a cell in both, this is newer.
            let key = |cell: &CellView| (cell.sku, cell.location);
            let known: BTreeSet<_> = more.cells.iter().map(key).collect();
            cells.cells.retain(|cell| !known.contains(&key(cell)));
            // Earlier cells are read again, so that all are exact at one moment.
            let (state, lens) = (&self.shared.state, &more.lens);
            let (seq, again) = state.view.read(|| {
                let all = cells.cells.iter().chain(&more.cells);
                let cell = |cell: &CellView| state.seen_at(lens, cell.sku, cell.location);
                all.filter_map(cell).collect::<Vec<_>>()
            });
            cells = Cells { seq, cells: again, lens: more.lens.clone() };
        }
        Ok(cells)
    }

    fn live(&mut self) -> Option<LiveOutput> {
        // Before the lock: what was added up to here is visible. See above.
        let position = self.shared.position.load(Acquire);
        let sub = Arc::clone(&self.sub);
        let mut pending = sub.lock_pending();
        if pending.overrun {
            drop(pending);
            return Some(LiveOutput::Message(self.overrun()));
        }
        match sub.mode {
            Mode::Conflated => {
                let base = self.base;
                let mut moved = std::mem::take(&mut pending.moved);
                moved.retain(|_, (seq, _)| *seq > base);
                let recounted = pending.recounted.take().filter(|(seq, _)| *seq > base).map(|(_, reason)| reason);
                if recounted.is_some() || !moved.is_empty() {
                    drop(pending);
                    return self.reselect(&moved, recounted);
                }
                let settled = pending.last <= position;
                let exact = if settled {
                    position
                } else if self.untracked.is_none() && !pending.ready.is_empty() {
                    pending.ready_at
                } else {
                    return None;
                };
                let waits = self.joining.back().is_some_and(|joining| joining.cells.seq > exact);
                if exact < self.base || waits {
                    return None;
                }
                let mut dirty = std::mem::take(&mut pending.ready);
                if settled {
                    let latest = std::mem::take(&mut pending.dirty);
                    if dirty.is_empty() {
                        dirty = latest;
                    } else {
                        dirty.extend(latest);
                    }
                }
                drop(pending);
                self.tell_latest(exact, dirty)
            }
            Mode::Lossless => {
                drop(pending);
                self.tell_events(position).or_else(|| self.after_events(position))
            }
        }
    }

    fn read(&self, part: Part<'_>, limit: usize) -> Result<Cells, usize> {
        filter::read(&self.shared.state, &self.sub.lock_filter(), part, limit)
    }

    fn overrun(&mut self) -> Message {
        match self.sub.mode {
            Mode::Conflated => {
                self.knows = false;
                self.shared.counters.resets.fetch_add(1, Relaxed);
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
        self.shared.snapshot_cells.fetch_sub(self.counted, Relaxed);
        self.shared.lock_index().remove(self.slot);
    }
}

/// A message is ready for a live subscription.
enum LiveOutput {
    Message(Message),
    /// It is being sent, piece by piece.
    Pieces,
}

/// Why SKUs were not tracked or untracked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackError {
    /// The subscription has all SKUs of its locations.
    AllSkus,
    /// There would be too many.
    Exceeded(Exceeded),
}
