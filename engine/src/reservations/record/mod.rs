//! The record of a reservation and its life.

use smallvec::SmallVec;

use super::promise::{LineChange, LineTerms, Move, OrderDay, Purpose};
use super::wait::Backorder;
use crate::effect::{self, At, Made};
use crate::ids::{ChannelId, GroupId, LocationId, ReservationId, Seq, SkuId, Timestamp};
use crate::kernel::cause::Cause;
use crate::kernel::few::Few;
use crate::supply::received::{BackorderDated, Fill};
use serde::{Deserialize, Serialize};

/// Changes of one reservation that are told one by one. What the engine does by itself beyond (units that move for others,
/// that come, or are expected at another time) is told as one.
pub const CHANGES_TOLD_MAX: usize = 1024;

/// Where a reservation is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ReservationState {
    /// Promised until its deadline.
    Held,
    /// Promised for good.
    Confirmed,
    /// Put aside in the store.
    Ready,
    /// Handed over.
    Collected,
    /// Given back.
    Cancelled,
    /// Given back because its deadline passed.
    Expired,
}

impl ReservationState {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Confirmed => "confirmed",
            Self::Ready => "ready",
            Self::Collected => "collected",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// Whether units are still promised.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Held | Self::Confirmed | Self::Ready)
    }

    /// Whether `confirm` may be done in this state.
    pub fn may_confirm(self) -> Verdict {
        match self {
            Self::Held => Verdict::Go,
            Self::Confirmed | Self::Ready | Self::Collected => Verdict::AlreadyThere,
            state => Verdict::WrongState(state),
        }
    }

    /// Whether `ready` may be done in this state.
    pub fn may_ready(self) -> Verdict {
        match self {
            Self::Confirmed => Verdict::Go,
            Self::Ready | Self::Collected => Verdict::AlreadyThere,
            state => Verdict::WrongState(state),
        }
    }

    /// Whether `collect` may be done in this state.
    pub fn may_collect(self) -> Verdict {
        match self {
            Self::Confirmed | Self::Ready => Verdict::Go,
            Self::Collected => Verdict::AlreadyThere,
            state => Verdict::WrongState(state),
        }
    }

    /// Whether `cancel` may be done in this state.
    pub fn may_cancel(self) -> Verdict {
        match self {
            Self::Held | Self::Confirmed | Self::Ready => Verdict::Go,
            Self::Cancelled => Verdict::AlreadyThere,
            state => Verdict::WrongState(state),
        }
    }

    /// Whether `extend` may be done in this state.
    pub fn may_extend(self) -> Verdict {
        match self {
            Self::Held => Verdict::Go,
            state => Verdict::WrongState(state),
        }
    }

    /// Whether another deadline may be set by which it is to be fetched.
    pub fn may_set_pickup_by(self) -> Verdict {
        match self {
            Self::Confirmed | Self::Ready => Verdict::Go,
            state => Verdict::WrongState(state),
        }
    }

    /// Whether `bind` or `reallocate` may be done in this state. What is put aside stays where it is.
    pub fn may_reallocate(self) -> Verdict {
        match self {
            Self::Held | Self::Confirmed => Verdict::Go,
            state => Verdict::WrongState(state),
        }
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The SKU.
    pub sku: SkuId,
    /// Where.
    pub location: LocationId,
    /// Units asked for.
    pub requested: u32,
    /// Units promised and not given back.
    pub quantity: u32,
    /// Units of them that were handed over.
    pub collected: u32,
    /// On what terms, where there are any.
    pub terms: Option<Box<LineTerms>>,
    /// What of it is to come, where something is or was. A checkpoint keeps it beside the reservation.
    #[serde(skip)]
    pub wait: Option<Box<Backorder>>,
}

impl Line {
    /// The group that it was asked of, while nobody knows where it is.
    pub fn unallocated(&self) -> Option<GroupId> {
        self.terms.as_deref().filter(|terms| terms.is_unallocated()).and_then(|terms| terms.group)
    }

    /// Units promised and not handed over.
    pub fn outstanding(&self) -> u32 {
        self.quantity - self.collected
    }

    /// Units of them that are still to come.
    pub fn waiting(&self) -> u32 {
        self.wait.as_deref().map_or(0, |wait| wait.units)
    }

    /// Units of them that are there: what the line adds to its cell's `reserved`.
    pub fn present(&self) -> u32 {
        self.outstanding() - self.waiting()
    }

    /// What giving back `units` takes from those that are there: what is to come goes first.
    pub fn present_of(&self, units: u32) -> u32 {
        units - units.min(self.waiting())
    }
}

/// A promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// Its identity.
    pub id: ReservationId,
    /// The `seq` of its last change.
    pub version: Seq,
    /// Where it is in its life.
    pub state: ReservationState,
    /// Through which channel it was made.
    pub channel: ChannelId,
    /// For what.
    pub purpose: Purpose,
    /// For whom.
    pub customer: Option<Box<str>>,
    /// For which order.
    pub order: Option<Box<str>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it dies while held.
    pub expires_at: Timestamp,
    /// When it dies after that, if nobody fetches it.
    pub pickup_by: Option<Timestamp>,
    /// What the customer shows.
    pub pickup_code: Option<Box<str>>,
    /// What is promised.
    pub lines: Few<Line>,
    /// What happened since it was made, oldest first.
    pub changes: Vec<Change>,
    /// The days of locations that it counts against. A checkpoint keeps them beside the reservation.
    #[serde(skip)]
    pub orders: Few<OrderDay>,
    /// Whose it counts as once it is closed: a digest of who made it; 0 for nobody that is known. A checkpoint keeps it
    /// beside the reservation.
    #[serde(skip)]
    pub caller: u32,
}

/// One step of a life, with what it takes to undo it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The `seq` of its record.
    pub seq: Seq,
    /// When.
    pub time: Timestamp,
    /// The state before it.
    pub from: ReservationState,
    /// The state after it.
    pub to: ReservationState,
    /// Who asked, where known.
    pub actor: Option<Box<str>>,
    /// What it was.
    pub step: Step,
}

/// Neighbouring records of a reservation's life: one, or a run of changes that count as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// The first record.
    pub first: Seq,
    /// The last one; the same where there is only one.
    pub last: Seq,
    /// How many changes it stands for.
    pub count: u32,
}

/// What a change was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Became an order.
    Confirmed {
        /// The order named before.
        order_before: Option<Box<str>>,
    },
    /// Put aside.
    Readied,
    /// Units handed over, by line.
    Collected {
        /// Whether the customer showed the code.
        code_shown: bool,
        /// Line and units.
        lines: SmallVec<[(u16, u32); 1]>,
    },
    /// Units given back, by line.
    Cancelled {
        /// Why.
        reason: Option<Box<str>>,
        /// Line and units.
        lines: SmallVec<[(u16, u32); 1]>,
    },
    /// Replaced by another hold.
    Superseded {
        /// Line and units.
        lines: SmallVec<[(u16, u32); 1]>,
    },
    /// Got a new deadline.
    Extended {
        /// The deadline before.
        expires_before: Timestamp,
    },
    /// Outlived its deadline.
    Expired {
        /// Line and units.
        lines: SmallVec<[(u16, u32); 1]>,
    },
    /// Moved to other locations, or had them made public.
    Reallocated {
        /// What moved.
        moves: SmallVec<[Moved; 1]>,
        /// Lines whose location became public.
        bound: SmallVec<[u16; 1]>,
    },
    /// Units that were waited for came, by line.
    Filled {
        /// Line and units.
        lines: SmallVec<[(u16, u32); 1]>,
    },
    /// When units are expected changed.
    Dated,
    /// Got a new deadline several times, nothing else in between: the last of them.
    ExtendedAgain {
        /// The deadline before the first of them.
        expires_before: Timestamp,
        /// The `seq` of the first of them.
        first: Seq,
        /// How many.
        count: u32,
    },
    /// Units moved for others, came, or were expected at another time, many times: the last of them.
    Shifted {
        /// The lines before the first of them; what they wait for undoes itself.
        before: Few<Line>,
        /// The `seq` of the first of them.
        first: Seq,
        /// How many.
        count: u32,
    },
    /// Got another deadline by which it is to be fetched, or none.
    PickupBySet {
        /// The deadline before.
        before: Option<Timestamp>,
    },
}

impl Change {
    /// Its records, from the first to the last.
    pub fn stretch(&self) -> Stretch {
        let (first, count) = match &self.step {
            Step::ExtendedAgain { first, count, .. } | Step::Shifted { first, count, .. } => (*first, *count),
            _ => (self.seq, 1),
        };
        Stretch { first, last: self.seq, count }
    }

    /// Whether it stands for changes that its first and last record do not tell.
    pub(crate) fn is_summary(&self) -> bool {
        matches!(self.step, Step::Shifted { .. })
    }

    /// Whether units came to a line or left it in its moves, as far as they are told.
    fn mentions(&self, line: u16) -> bool {
        match &self.step {
            Step::Reallocated { moves, .. } => moves.iter().any(|moved| moved.mentions(line)),
            Step::Shifted { .. } => true,
            _ => false,
        }
    }

    /// Whether nobody asked for it.
    fn is_the_engines(&self) -> bool {
        match &self.step {
            Step::Filled { .. } | Step::Dated | Step::Shifted { .. } => true,
            // Nobody who names a place leaves it open.
            Step::Reallocated { moves, bound } => bound.is_empty() && moves.iter().all(|moved| moved.open),
            _ => false,
        }
    }
}

/// Units of a line that moved, with what it takes to bring them back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// The line that they were of.
    pub line: u16,
    /// How many.
    pub quantity: u32,
    /// Where they were.
    pub from: LocationId,
    /// The line that they are of now; the same where all of it moved.
    pub into: u16,
    /// Whether where they were was open.
    pub open: bool,
}

impl Moved {
    fn mentions(&self, line: u16) -> bool {
        self.line == line || self.into == line
    }
}

/// What a record does to one reservation that was there before.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// A step of its life.
    Step(effect::Step<'a>),
    /// Units that it waited for came.
    Filled(&'a [Fill]),
    /// When units are expected that it waits for changed.
    Dated(&'a [BackorderDated]),
}

/// What a request to change a reservation comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may be done.
    Go,
    /// It was done before, or is behind: the record as it is answers the request.
    AlreadyThere,
    /// It cannot happen from this state.
    WrongState(ReservationState),
}

impl Reservation {
    /// The reservation that a record made.
    pub fn made(at: At<'_>, of: Made<'_>) -> Self {
        let (made, terms, waits) = (of.reserved, of.terms, of.waits());
        let lines = made.lines.iter().enumerate().map(|(at, line)| Line {
            sku: line.cell.sku,
            location: line.cell.location,
            requested: line.requested,
            quantity: line.quantity,
            collected: 0,
            terms: terms.get(at).filter(|terms| **terms != LineTerms::default()).cloned().map(Box::new),
            wait: waits.iter().find(|wait| usize::from(wait.line) == at).map(|wait| Box::new(Backorder::new(wait))),
        });
        Self {
            id: ReservationId(at.seq),
            version: at.seq,
            state: if made.confirmed { ReservationState::Confirmed } else { ReservationState::Held },
            channel: made.channel,
            purpose: made.purpose,
            customer: made.customer.clone(),
            order: made.order.clone(),
            created_at: at.time,
            expires_at: made.expires_at,
            pickup_by: None,
            pickup_code: None,
            lines: lines.collect(),
            changes: Vec::new(),
            orders: of.orders().iter().copied().collect(),
            caller: Cause::caller(at.cause) as u32,
        }
    }

    /// When it dies if nothing else happens.
    pub fn deadline(&self) -> Option<Timestamp> {
        match self.state {
            ReservationState::Held => Some(self.expires_at),
            ReservationState::Confirmed | ReservationState::Ready => self.pickup_by,
            ReservationState::Collected | ReservationState::Cancelled | ReservationState::Expired => None,
        }
    }

    /// Its state for anyone who looks at `now`: a hold is dead at its deadline, whether or not that is logged yet.
    pub fn state_at(&self, now: Timestamp) -> ReservationState {
        match self.deadline() {
            Some(deadline) if now >= deadline => ReservationState::Expired,
            _ => self.state,
        }
    }

    /// Whether any ledger counts something of it.
    pub fn is_counted(&self) -> bool {
        !self.orders.is_empty() || self.lines.iter().any(|line| line.terms.is_some() || line.wait.is_some())
    }

    /// Units that are still to come.
    pub fn waiting(&self) -> u64 {
        self.lines.iter().map(|line| u64::from(line.waiting())).sum()
    }

    /// Whether the location of some of what is promised is still open.
    pub fn is_unallocated(&self) -> bool {
        self.lines.iter().any(|line| line.unallocated().is_some() && line.outstanding() > 0)
    }

    /// Units of all lines that are promised and not handed over.
    pub fn outstanding(&self) -> u64 {
        self.lines.iter().map(|line| u64::from(line.outstanding())).sum()
    }

    /// Applies a record that changes this reservation. Called once for each, in log order, live and in replay alike; a
    /// record that is already in (a checkpoint may be newer than the replay) changes nothing.
    pub fn apply(&mut self, at: At<'_>, progress: Progress<'_>) {
        if at.seq <= self.version {
            return;
        }
        let from = self.state;
        // Beyond what is told one by one, what the engine does joins what it did before.
        let joins = self.changes.len() >= CHANGES_TOLD_MAX && self.changes.last().is_some_and(Change::is_the_engines);
        let lines_before = joins.then(|| self.lines.clone());
        let since = self.changes.last().filter(|_| joins).map_or(at.seq, |last| last.stretch().first);
        let units = |lines: &[LineChange]| lines.iter().map(|line| (line.line, line.quantity)).collect();
        let step = match progress {
            Progress::Step(effect::Step::Confirmed(event)) => {
                self.state = ReservationState::Confirmed;
                self.pickup_by = event.pickup_by;
                let order_before = self.order.clone();
                if event.order.is_some() {
                    self.order.clone_from(&event.order);
                }
                Step::Confirmed { order_before }
            }
            Progress::Step(effect::Step::Readied(event)) => {
                self.state = ReservationState::Ready;
                self.pickup_code = Some(event.pickup_code.clone());
                Step::Readied
            }
            Progress::Step(effect::Step::Collected(event)) => {
                let lines = units(&event.lines);
                self.each(&lines, |line, quantity| line.collected += quantity);
                if self.outstanding() == 0 {
                    self.state = ReservationState::Collected;
                }
                Step::Collected { code_shown: event.code_shown, lines }
            }
            Progress::Step(effect::Step::Cancelled(event)) => {
                let lines = units(&event.lines);
                self.give_back(at.seq, &lines);
                if event.whole {
                    self.state = ReservationState::Cancelled;
                } else if self.outstanding() == 0 {
                    let some_collected = self.lines.iter().any(|line| line.collected > 0);
                    self.state = if some_collected { ReservationState::Collected } else { ReservationState::Cancelled };
                }
                Step::Cancelled { reason: event.reason.clone(), lines }
            }
            Progress::Step(effect::Step::Extended(event)) => {
                let expires_before = std::mem::replace(&mut self.expires_at, event.expires_at);
                Step::Extended { expires_before }
            }
            Progress::Step(effect::Step::PickupBySet(event)) => {
                Step::PickupBySet { before: std::mem::replace(&mut self.pickup_by, event.pickup_by) }
            }
            Progress::Step(effect::Step::Expired(event)) => {
                let lines = units(&event.lines);
                self.give_back(at.seq, &lines);
                self.state = ReservationState::Expired;
                Step::Expired { lines }
            }
            Progress::Step(effect::Step::Reallocated(event)) => {
                let hidden = event.bound.is_empty();
                let moves = event.moves.iter().map(|moved| self.shift(moved, hidden)).collect();
                for line in &event.bound {
                    if let Some(terms) = self.terms_mut(*line) {
                        terms.bound = true;
                    }
                }
                Step::Reallocated { moves, bound: event.bound.iter().copied().collect() }
            }
            Progress::Step(effect::Step::Superseded(event)) => {
                let lines = units(&event.lines);
                self.give_back(at.seq, &lines);
                self.state = ReservationState::Cancelled;
                Step::Superseded { lines }
            }
            // Nothing is made twice.
            Progress::Step(effect::Step::Made(_)) => return,
            Progress::Filled(fills) => {
                let lines = fills.iter().map(|fill| (fill.line, fill.quantity)).collect();
                self.each(&lines, |line, quantity| {
                    line.wait.as_deref_mut().map(|wait| wait.less(at.seq, since, quantity));
                });
                Step::Filled { lines }
            }
            Progress::Dated(rows) => {
                for row in rows {
                    let line = self.lines.get_mut(usize::from(row.line));
                    if let Some(wait) = line.and_then(|line| line.wait.as_deref_mut()) {
                        wait.redate(at.seq, since, row);
                    }
                }
                Step::Dated
            }
        };
        let actor = at.cause.and_then(|cause| cause.actor.as_deref()).map(Into::into);
        let change = Change { seq: at.seq, time: at.time, from, to: self.state, actor, step };
        self.version = at.seq;
        match lines_before.filter(|_| change.is_the_engines()) {
            Some(lines_before) => self.join(change, lines_before),
            None => self.add(change),
        }
    }

    /// Adds a change to the history. An extension behind another joins it: who keeps a hold alive has one entry, however
    /// often.
    fn add(&mut self, change: Change) {
        if let Step::Extended { .. } = &change.step
            && let Some(last) = self.changes.last_mut()
        {
            let before = match &last.step {
                Step::Extended { expires_before } => Some((*expires_before, last.seq, 1)),
                Step::ExtendedAgain { expires_before, first, count } => Some((*expires_before, *first, *count)),
                _ => None,
            };
            if let Some((expires_before, first, count)) = before {
                let step = Step::ExtendedAgain { expires_before, first, count: count.saturating_add(1) };
                *last = Change { step, ..change };
                return;
            }
        }
        self.changes.push(change);
    }

    /// What the engine did joins what it did before.
    fn join(&mut self, change: Change, lines_before: Few<Line>) {
        let Some(mut last) = self.changes.pop() else { return };
        let (first, count) = (last.stretch().first, last.stretch().count.saturating_add(1));
        let before = match last.step {
            Step::Shifted { before, .. } => before,
            Step::Reallocated { moves, .. } => {
                let mut earlier = Self { lines: lines_before, ..self.clone() };
                earlier.shift_all_back(&moves);
                earlier.lines
            }
            _ => lines_before,
        };
        last = Change { step: Step::Shifted { before, first, count }, from: last.from, ..change };
        self.changes.push(last);
    }

    /// Whether one more extension joins the last change instead of lengthening the history.
    pub fn is_being_extended(&self) -> bool {
        let last = self.changes.last().map(|change| &change.step);
        matches!(last, Some(Step::Extended { .. } | Step::ExtendedAgain { .. }))
    }

    /// Whether the version at `seq` is inside of several changes that are told as one: its own record tells what
    /// [`Reservation::as_of`] cannot.
    pub fn is_told_by_record(&self, seq: Seq) -> bool {
        let within = |change: &Change| change.stretch().first <= seq && seq < change.seq;
        self.changes.iter().rev().take_while(|change| change.seq > seq).any(within)
    }

    /// Several extensions that are told as one are so many.
    pub(crate) fn count_extensions(&mut self, extensions: u32) {
        if let Some(Change { step: Step::ExtendedAgain { count, .. }, .. }) = self.changes.last_mut() {
            *count = extensions;
        }
    }

    /// The reservation as it was right after the change at `seq`.
    #[must_use]
    pub fn as_of(&self, seq: Seq) -> Self {
        let mut earlier = self.clone();
        while earlier.version > seq {
            let Some(change) = earlier.changes.pop() else { break };
            if change.stretch().first <= seq {
                // Inside of several that are told as one: the record itself tells what is different there.
                earlier.version = seq;
                earlier.changes.push(Change { seq, ..change });
                break;
            }
            earlier.state = change.from;
            match change.step {
                Step::Confirmed { order_before } => {
                    earlier.order = order_before;
                    earlier.pickup_by = None;
                }
                Step::Readied => earlier.pickup_code = None,
                Step::Collected { lines, .. } => earlier.each(&lines, |line, quantity| line.collected -= quantity),
                Step::Cancelled { lines, .. } | Step::Superseded { lines } | Step::Expired { lines } => {
                    earlier.each(&lines, |line, quantity| line.quantity += quantity);
                }
                Step::Extended { expires_before } | Step::ExtendedAgain { expires_before, .. } => {
                    earlier.expires_at = expires_before;
                }
                Step::PickupBySet { before } => earlier.pickup_by = before,
                Step::Shifted { before, .. } => {
                    earlier.lines.truncate(before.len());
                    for (line, before) in earlier.lines.iter_mut().zip(before) {
                        // What it waits for undoes itself.
                        *line = Line { wait: line.wait.take(), ..before };
                    }
                }
                Step::Reallocated { moves, bound } => {
                    for line in bound {
                        if let Some(terms) = earlier.terms_mut(line) {
                            terms.bound = false;
                        }
                    }
                    earlier.shift_all_back(&moves);
                }
                // The waits undo themselves.
                Step::Filled { .. } | Step::Dated => {}
            }
            earlier.version = earlier.changes.last().map_or(earlier.id.0, |change| change.seq);
        }
        earlier.lines.iter_mut().filter_map(|line| line.wait.as_deref_mut()).for_each(|wait| wait.undo_after(seq));
        earlier
    }

    fn terms_mut(&mut self, line: u16) -> Option<&mut LineTerms> {
        self.lines.get_mut(usize::from(line)).and_then(|line| line.terms.as_deref_mut())
    }

    /// Units of a line are elsewhere now. Those whose location is open, and stays it, join a line on the same terms that is
    /// there already, so that a promise that is pushed about has never more lines than places; others become a line of
    /// their own where they are not all of theirs.
    pub(crate) fn shift(&mut self, moved: &Move, hidden: bool) -> Moved {
        let to = moved.to.location;
        let source = self.lines.get(usize::from(moved.line)).expect("a record names lines that its reservation has");
        let (from, open) = (source.location, source.unallocated().is_some());
        let joins = |(number, other): &(usize, &Line)| {
            *number != usize::from(moved.line)
                && (other.sku, other.location, other.collected) == (source.sku, to, 0)
                && other.wait.is_none()
                && other.terms == source.terms
        };
        let joined = self.lines.iter().enumerate().filter(|_| hidden && open).find(joins).map(|(number, _)| number);
        let whole = moved.quantity == source.outstanding() && source.collected == 0 && source.waiting() == 0;
        let into = match joined {
            Some(into) => into,
            None if whole => usize::from(moved.line),
            None => {
                let (sku, terms) = (source.sku, source.terms.clone());
                self.lines.push(Line { sku, location: to, requested: 0, quantity: 0, collected: 0, terms, wait: None });
                self.lines.len() - 1
            }
        };
        if into == usize::from(moved.line) {
            self.with_line(into, |line| line.location = to);
        } else {
            self.transfer(moved.line.into(), into, moved.quantity);
        }
        Moved { line: moved.line, quantity: moved.quantity, from, into: into as u16, open }
    }

    /// Takes back the moves of the change behind the last one.
    fn shift_all_back(&mut self, moves: &[Moved]) {
        for (nth, moved) in moves.iter().enumerate().rev() {
            let before = moves.get(..nth).unwrap_or_default();
            let is_empty = self.lines.last().is_some_and(|last| last.requested == moved.quantity);
            // A line was made for units if nothing before ever came to it or left it.
            let is_made = is_empty
                && !before.iter().any(|other| other.mentions(moved.into))
                && !self.changes.iter().rev().any(|change| change.mentions(moved.into));
            self.shift_back(moved, is_made);
        }
    }

    fn shift_back(&mut self, moved: &Moved, is_made: bool) {
        let (line, into) = (usize::from(moved.line), usize::from(moved.into));
        if line == into {
            self.with_line(line, |line| line.location = moved.from);
            return;
        }
        self.transfer(into, line, moved.quantity);
        if is_made && into + 1 == self.lines.len() {
            self.lines.pop();
        }
    }

    fn transfer(&mut self, from: usize, to: usize, units: u32) {
        self.with_line(from, |line| {
            line.quantity -= units;
            line.requested = line.requested.saturating_sub(units);
        });
        self.with_line(to, |line| {
            line.quantity += units;
            line.requested += units;
        });
    }

    fn with_line(&mut self, number: usize, change: impl FnOnce(&mut Line)) {
        change(self.lines.get_mut(number).expect("what moves is a line"));
    }

    /// What is to come is given back first.
    fn give_back(&mut self, seq: Seq, lines: &SmallVec<[(u16, u32); 1]>) {
        self.each(lines, |line, quantity| {
            line.wait.as_deref_mut().map(|wait| wait.less(seq, seq, quantity));
            line.quantity -= quantity;
        });
    }

    fn each(&mut self, lines: &SmallVec<[(u16, u32); 1]>, change: impl Fn(&mut Line, u32)) {
        for (index, quantity) in lines {
            let line = self.lines.get_mut(usize::from(*index));
            change(line.expect("a record names lines that its reservation has"), *quantity);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Cancelled, CellAfter, Collected, Confirmed, Expired, Extended, LineChange, Readied, Reserved};
    use crate::event::{Event, Record};
    use crate::event::{Few, ReservedLine};
    use crate::level::StockLevel;
    use crate::reservation;
    use proptest::prelude::*;

    const CELL: CellAfter = CellAfter {
        sku: SkuId(1),
        location: LocationId(2),
        level: StockLevel { on_hand: 0, reserved: 0 },
        safety_stock: 0,
    };

    fn record(seq: Seq, event: Event) -> Record {
        Record { seq, time: Timestamp(seq * 1000), cause: None, event }
    }

    fn hold(quantities: &[u32]) -> Reservation {
        Reservation::created_by(&held(quantities)).expect("a creating record")
    }

    fn held(quantities: &[u32]) -> Record {
        let line = |quantity: &u32| ReservedLine { requested: *quantity, quantity: *quantity, cell: CELL };
        let made = Reserved {
            channel: ChannelId(0),
            purpose: Purpose::Cart,
            confirmed: false,
            expires_at: Timestamp(100_000),
            customer: None,
            order: Some("first".into()),
            lines: quantities.iter().map(line).collect(),
            supersedes: None,
        };
        record(1, Event::Reservations(reservation::event::Event::Reserved(Box::new(made))))
    }

    fn units(lines: &[(u16, u32)]) -> Few<LineChange> {
        lines.iter().map(|(line, quantity)| LineChange { line: *line, quantity: *quantity, cell: CELL }).collect()
    }

    #[test]
    fn a_hold_is_dead_at_its_deadline_not_a_moment_before() {
        let hold = hold(&[1]);
        assert_eq!(hold.state_at(Timestamp(99_999)).may_confirm(), Verdict::Go);
        assert_eq!(hold.state_at(Timestamp(100_000)).may_confirm(), Verdict::WrongState(ReservationState::Expired));
    }

    #[test]
    fn what_cannot_happen_is_refused_with_the_state() {
        use ReservationState::{Cancelled, Collected, Confirmed, Expired, Held, Ready};
        use Verdict::{AlreadyThere, Go, WrongState};
        let at = |state| Reservation { state, ..hold(&[1]) };
        let now = Timestamp(0);
        // state, confirm, ready, collect, cancel, extend
        let table = [
            (Held, Go, WrongState(Held), WrongState(Held), Go, Go),
            (Confirmed, AlreadyThere, Go, Go, Go, WrongState(Confirmed)),
            (Ready, AlreadyThere, AlreadyThere, Go, Go, WrongState(Ready)),
            (Collected, AlreadyThere, AlreadyThere, AlreadyThere, WrongState(Collected), WrongState(Collected)),
            (
                Cancelled,
                WrongState(Cancelled),
                WrongState(Cancelled),
                WrongState(Cancelled),
                AlreadyThere,
                WrongState(Cancelled),
            ),
            (
                Expired,
                WrongState(Expired),
                WrongState(Expired),
                WrongState(Expired),
                WrongState(Expired),
                WrongState(Expired),
            ),
        ];
        for (state, confirm, ready, collect, cancel, extend) in table {
            let reservation = at(state);
            assert_eq!(reservation.state_at(now).may_confirm(), confirm, "confirm when {state:?}");
            assert_eq!(reservation.state_at(now).may_ready(), ready, "ready when {state:?}");
            assert_eq!(reservation.state_at(now).may_collect(), collect, "collect when {state:?}");
            assert_eq!(reservation.state_at(now).may_cancel(), cancel, "cancel when {state:?}");
            assert_eq!(reservation.state_at(now).may_extend(), extend, "extend when {state:?}");
        }
    }

    #[test]
    fn a_short_pick_of_a_part_collected_order_ends_collected() {
        let mut order = hold(&[3]);
        let id = order.id;
        order.apply_record(&record(
            2,
            Event::Reservations(reservation::event::Event::Confirmed(Box::new(Confirmed {
                reservation: id,
                pickup_by: None,
                order: None,
            }))),
        ));
        order.apply_record(&record(
            3,
            Event::Reservations(reservation::event::Event::Collected(Box::new(Collected {
                reservation: id,
                code_shown: false,
                lines: units(&[(0, 2)]),
            }))),
        ));
        assert_eq!(order.state, ReservationState::Confirmed);
        order.apply_record(&record(
            4,
            Event::Reservations(reservation::event::Event::Cancelled(Box::new(Cancelled {
                reservation: id,
                whole: false,
                reason: None,
                lines: units(&[(0, 1)]),
            }))),
        ));
        assert_eq!(order.state, ReservationState::Collected);
        assert_eq!((order.lines[0].quantity, order.lines[0].collected), (2, 2));
    }

    #[test]
    fn sixty_thousand_extensions_are_one_entry() {
        let mut hold = hold(&[1]);
        let reservation = hold.id;
        for seq in 2..60_002 {
            hold.apply_record(&record(
                seq,
                Event::Reservations(reservation::event::Event::Extended(Extended {
                    reservation,
                    expires_at: Timestamp(seq),
                })),
            ));
        }
        assert_eq!(hold.changes.len(), 1);
        assert_eq!(hold.changes[0].stretch(), Stretch { first: 2, last: 60_001, count: 60_000 });
        assert_eq!(hold.as_of(1).expires_at, Timestamp(100_000));
        assert!(hold.is_told_by_record(40_000) && !hold.is_told_by_record(60_001) && !hold.is_told_by_record(1));
        let middle = record(
            40_000,
            Event::Reservations(reservation::event::Event::Extended(Extended {
                reservation,
                expires_at: Timestamp(40_000),
            })),
        );
        let told = hold.as_of_record(&middle);
        assert_eq!((told.version, told.expires_at), (40_000, Timestamp(40_000)));
    }

    #[test]
    fn what_the_engine_does_by_itself_lengthens_no_history_for_ever() {
        use crate::event::{LineTerms, Reallocated};
        let mut order = hold(&[4]);
        let reservation = order.id;
        order.lines[0].terms = Some(Box::new(LineTerms { group: Some(GroupId(1)), ..LineTerms::default() }));
        assert!(order.is_unallocated());
        let born = order.clone();
        for seq in 2..5_002 {
            let to = CellAfter { location: LocationId((seq % 3) as u32 + 2), ..CELL };
            let line = order.lines.iter().position(|line| line.outstanding() > 0).expect("units") as u16;
            let quantity = if seq % 7 == 0 { 1 } else { order.lines[usize::from(line)].outstanding() };
            let moves = vec![Move { line, quantity, from: CELL, to }];
            order.apply_record(&record(
                seq,
                Event::Reservations(reservation::event::Event::Reallocated(Box::new(Reallocated {
                    reservation,
                    moves,
                    bound: Vec::new(),
                }))),
            ));
            assert_eq!(order.outstanding(), 4);
        }
        assert!(order.changes.len() <= CHANGES_TOLD_MAX, "{}", order.changes.len());
        assert!(order.lines.len() <= 5, "{}", order.lines.len());
        assert_eq!(order.as_of(1), born);
        let middle = order.changes[500].seq;
        assert_eq!(order.as_of(middle).version, middle);
        assert_eq!(order.as_of(middle).outstanding(), 4);
    }

    proptest! {
        #[test]
        fn every_earlier_version_can_be_told(steps in proptest::collection::vec((0..6u8, 0..3u16, 1..4u32), 0..20)) {
            let mut now = hold(&[5, 1, 9]);
            let mut records = vec![held(&[5, 1, 9])];
            let mut versions = vec![now.clone()];
            for (seq, (kind, line, quantity)) in (2..).zip(steps) {
                let reservation = now.id;
                let quantity = quantity.min(now.lines[usize::from(line)].outstanding());
                let lines = units(&[(line, quantity)]);
                let event = match kind {
                    0 => Event::Reservations(reservation::event::Event::Confirmed(Box::new(Confirmed { reservation, pickup_by: Some(Timestamp(seq)), order: Some("o".into()) }))),
                    1 => Event::Reservations(reservation::event::Event::Readied(Box::new(Readied { reservation, pickup_code: "X".into() }))),
                    2 => Event::Reservations(reservation::event::Event::Collected(Box::new(Collected { reservation, code_shown: true, lines }))),
                    3 => Event::Reservations(reservation::event::Event::Cancelled(Box::new(Cancelled { reservation, whole: false, reason: None, lines }))),
                    4 => Event::Reservations(reservation::event::Event::Extended(Extended { reservation, expires_at: Timestamp(seq * 7) })),
                    _ => Event::Reservations(reservation::event::Event::Expired(Box::new(Expired { reservation, lines }))),
                };
                // Only lives that the lifecycle allows: a step may set what the next one rests on.
                let allowed = match kind {
                    0 | 4 => now.state == ReservationState::Held,
                    1 => now.state == ReservationState::Confirmed,
                    2 => matches!(now.state, ReservationState::Confirmed | ReservationState::Ready),
                    _ => now.state.is_open(),
                };
                if allowed {
                    records.push(record(seq, event));
                    now.apply_record(&records[records.len() - 1]);
                    versions.push(now.clone());
                }
            }
            for version in versions {
                let its_record = records.iter().find(|record| record.seq == version.version);
                let told = match its_record.filter(|_| now.is_told_by_record(version.version)) {
                    Some(record) => now.as_of_record(record),
                    None => now.as_of(version.version),
                };
                // How often it was extended by then is told by the history of then alone.
                let plain = |of: &Reservation| Reservation { changes: Vec::new(), ..of.clone() };
                prop_assert_eq!(plain(&told), plain(&version));
                prop_assert_eq!(told.changes.len(), version.changes.len());
                // And the log tells each from the records alone.
                let trail: Vec<_> = now.changes.iter().map(Change::stretch).collect();
                let read = |seq| Ok::<_, ()>(records.iter().find(|record| record.seq == seq).cloned());
                let told = Reservation::told_by(now.id, &trail, version.version, read).unwrap().unwrap();
                prop_assert_eq!(plain(&told), plain(&version));
                if version.version == now.version {
                    prop_assert_eq!(&told, &now);
                }
            }
        }
    }
}
