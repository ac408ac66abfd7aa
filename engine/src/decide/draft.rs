//! A batch in the making: the records so far, and what the durable view would be if they were in it.
//!
//! Every decision is made against the draft, which is the durable view plus the batch so far. Nobody else sees it; if
//! the batch cannot be appended, the draft is dropped and the view never knew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::catalogue::holders::stands;
use crate::catalogue::names::{Definitions, MadeUp};
use crate::catalogue::{ChannelDetails, GroupDetails, LocationDetails, SkuDetails};
use crate::effect::{At, Described, Effect, Inbound, Step};
use crate::event::{Event, Record};
use crate::ids::{
    ChannelId, GroupId, LOCATIONS_MAX, LocationId, NAME_CHARACTERS_MAX, Name, ReservationId, Seq, SkuId, Timestamp,
};
use crate::journal::{BatchBuilder, push_record};
use crate::kernel::cause::Cause;
use crate::kernel::cell_after::CellAfter;
use crate::kernel::few::Few;
use crate::kernel::maps::empty;
use crate::kernel::name_ref::NameRef;
use crate::level::{IN_QUARANTINE, StockChange, StockLevel};
use crate::matrix::CellId;
use crate::outcome::{Completion, Loaded};
use crate::refusal::{Failure, Refusal};
use crate::reservations::holds::Holds;
use crate::reservations::ledger::{Ledger, Shift};
use crate::reservations::plan::Shelf;
use crate::reservations::{Progress, Reservation};
use crate::rules::{Book, Gate};
use crate::settings::NameSettings;
use crate::state::State;
use crate::supply::SupplyOutlook;
use crate::supply::coming::{AT_RISK_TOLD_MAX, risks};
use crate::supply::received::CellToCome;
use crate::told::{Thing, Told};
use crate::{catalogue, told};

/// A cell as the batch so far leaves it.
#[derive(Debug, Clone, Default)]
pub(crate) struct CellNow {
    /// Its place in the matrix, unless this batch makes it.
    pub id: Option<CellId>,
    /// Whether it exists, in the view or in this batch.
    pub exists: bool,
    pub level: StockLevel,
    pub safety_stock: u32,
    pub counted_at: Timestamp,
    /// What this batch moved, and when that happened.
    pub moved: SmallVec<[(Timestamp, i64); 0]>,
    /// How it was before the command that is being decided, once that touched it.
    before: Option<Before>,
}

/// What a command that is refused must leave behind.
#[derive(Debug, Clone, Copy)]
struct Before {
    exists: bool,
    level: StockLevel,
    safety_stock: u32,
    counted_at: Timestamp,
    moved: usize,
}

/// A cell, its place in the matrix where it has one yet, and what a command did to it.
pub(crate) type CellChange = (SkuId, LocationId, Option<CellId>, StockChange);

/// What the command being decided did to the matrix, for settling its promise words.
pub(crate) type Touched = SmallVec<[(SkuId, LocationId); 1]>;

/// What a command's caller is told once its records are durable.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The reservation as it was at this record.
    Reservation(ReservationId, Seq),
    /// What the record holds.
    Record(Seq),
    /// What became of a chunk of an import.
    Loaded(Loaded),
    /// A thing was set at this record; what it is from there on.
    Put(Seq, Option<Box<Thing>>),
}

/// What is still to be told of a thing that the command being decided set, once it is settled.
pub(crate) struct Telling {
    /// The request, with its key, if it has one.
    pub cause: Option<Box<Cause>>,
    /// The record of the effect.
    pub seq: Seq,
    pub what: What,
}

/// What was set.
pub(crate) enum What {
    Thing(Thing),
    /// What is to come to these cells: known only when everything that follows from it is decided.
    Cells(Vec<(SkuId, LocationId)>),
}

/// A decided command, waiting for its records to become durable.
pub(crate) struct Decided {
    /// Whom to tell what; none for what the engine does by itself. A refusal waits here, too, where the batch is not
    /// empty: it may rest on what is not durable yet.
    pub done: Option<(Completion, Result<Answer, Failure>)>,
    /// Its key, if it came with one.
    pub scope: Option<u128>,
    /// One past its last record.
    pub end_seq: Seq,
    /// Debits that promise words already carry: to be taken back should the batch come to nothing.
    pub debited: Few<(CellId, StockChange)>,
    /// Credits that promise words get once the records are durable.
    pub credits: Few<(SkuId, LocationId, StockChange)>,
}

/// Names in one record of definitions, of each kind.
const NAMES_PER_RECORD: usize = 4096;

/// Splits the first names off, as many as go into one record.
fn first<T>(names: &mut Vec<T>) -> Vec<T> {
    let rest = names.split_off(names.len().min(NAMES_PER_RECORD));
    std::mem::replace(names, rest)
}

/// The same, of each kind.
fn first_of_each(names: &mut Definitions) -> Definitions {
    Definitions {
        skus: first(&mut names.skus),
        locations: first(&mut names.locations),
        groups: first(&mut names.groups),
        channels: first(&mut names.channels),
    }
}

/// What the quarantine of a location is called; `nth` where others have the names before.
fn quarantine_name(of: &str, nth: u32) -> Name {
    let suffix = if nth == 1 { String::new() } else { format!(":{nth}") };
    let room = NAME_CHARACTERS_MAX - QUARANTINE.len() - suffix.len();
    // Names of locations are ASCII; of a long one as much as there is room for.
    let of: String = of.chars().take(room).collect();
    Name::from(format!("{QUARANTINE}{of}{suffix}"))
}

/// How the names of quarantines begin.
const QUARANTINE: &str = "quarantine:";

/// How many names of each kind wait for their definition, and how many come back.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct DefinedSoFar([[usize; 4]; 2]);

/// Names interned in this batch, and details set in it.
#[derive(Debug)]
struct Fresh<I, D> {
    names: FxHashMap<Name, I>,
    details: FxHashMap<I, (Seq, Arc<D>)>,
    /// Those of the names that nobody declares, each with who made it up.
    made_up: FxHashMap<I, u64>,
    made_up_by: FxHashMap<u64, u32>,
    /// Ids of the names that others had before, with the `seq` at which they were given back.
    reused: BTreeSet<(Seq, u32)>,
    /// Ids of the names that were retired, and come back.
    revived: BTreeSet<u32>,
}

impl<I, D> Default for Fresh<I, D> {
    fn default() -> Self {
        Self {
            names: FxHashMap::default(),
            details: FxHashMap::default(),
            made_up: FxHashMap::default(),
            made_up_by: FxHashMap::default(),
            reused: BTreeSet::new(),
            revived: BTreeSet::new(),
        }
    }
}

impl<I: Copy + Eq + std::hash::Hash + Into<u32>, D> Fresh<I, D> {
    fn clear(&mut self) {
        empty(&mut self.names);
        empty(&mut self.details);
        empty(&mut self.made_up);
        empty(&mut self.made_up_by);
        self.reused.clear();
        self.revived.clear();
    }

    fn make_up(&mut self, id: I, by: u64) {
        self.made_up.insert(id, by);
        *self.made_up_by.entry(by).or_default() += 1;
    }

    /// Forgets names that were interned for something which came to nothing.
    fn forget(&mut self, gone: &[(I, Name)]) {
        for (id, name) in gone {
            self.names.remove(name);
            if let Some(count) = self.made_up.remove(id).and_then(|by| self.made_up_by.get_mut(&by)) {
                *count -= 1;
            }
        }
        for (id, _) in gone {
            self.revived.remove(&(*id).into());
        }
        if !self.reused.is_empty() {
            let gone: BTreeSet<u32> = gone.iter().map(|(id, _)| (*id).into()).collect();
            self.reused.retain(|(_, id)| !gone.contains(id));
        }
    }

    /// Those of `names` that nobody declares.
    fn made_up_of(&self, names: &[(I, Name)]) -> Vec<(I, Name)> {
        names.iter().filter(|(id, _)| self.made_up.contains_key(id)).cloned().collect()
    }

    /// Splits those off that were made up, by whom.
    fn split(&self, names: Vec<(I, Name)>, put: &mut impl FnMut(u64, (I, Name))) -> Vec<(I, Name)> {
        if self.made_up.is_empty() {
            return names;
        }
        let mut rest = Vec::with_capacity(names.len());
        for name in names {
            match self.made_up.get(&name.0) {
                Some(by) => put(*by, name),
                None => rest.push(name),
            }
        }
        rest
    }
}

/// Makes what a batch in the making knows of the stores of subjects.
macro_rules! drafts {
    (effects: $($effects:ident),*; own: $($module:ident $event:ident,)*) => {
        /// What the batch made of what subjects keep.
        #[derive(Debug, Default)]
        pub(crate) struct Drafts { $(pub $module: crate::$module::draft::Draft,)* }

        impl Drafts {
            /// Forgets everything: another batch begins.
            fn restart(&mut self) {
                $(self.$module.restart();)*
            }

            /// Lets later decisions of the batch see what an event does.
            #[inline]
            fn stage(&mut self, _state: &State, record: &Record) {
                match &record.event {
                    $(Event::$event(event) => self.$module.stage(_state, record.at(), event),)*
                    $(Event::$effects(_) => {})*
                }
            }
        }
    };
}

crate::subjects::stores!(drafts);

/// The batch in the making.
pub(crate) struct Draft {
    pub state: Arc<State>,
    pub now: Timestamp,
    pub builder: BatchBuilder,
    pub records: Vec<Record>,
    pub decided: Vec<Decided>,
    cells: FxHashMap<(SkuId, LocationId), CellNow>,
    touched: Touched,
    reservations: FxHashMap<ReservationId, Reservation>,
    skus: Fresh<SkuId, SkuDetails>,
    locations: Fresh<LocationId, LocationDetails>,
    groups: Fresh<GroupId, GroupDetails>,
    channels: Fresh<ChannelId, ChannelDetails>,
    undefined: Definitions,
    /// Retired names that come back, and that no record tells of yet.
    revived: Definitions,
    /// The oldest record of the log: an id that was given back before it may get another name.
    pub log_from: Seq,
    names: NameSettings,
    /// What it made of what subjects keep.
    pub own: Drafts,
    /// What is promised on terms, this batch included.
    pub ledger: Ledger,
    /// The members of groups, those first that fewest groups share.
    members: FxHashMap<GroupId, Arc<[LocationId]>>,
    /// Cells that this batch makes.
    made: BTreeSet<(SkuId, LocationId)>,
    /// Cells for which the command being decided may have changed when what is waited for comes.
    redated: BTreeSet<(SkuId, LocationId)>,
    /// What is to be told of what the command being decided set.
    pub telling: Option<Telling>,
    /// Open reservations, counted.
    pub holds: Holds,
    /// Quarantines that no record has made yet.
    unmade_quarantines: Vec<(LocationId, LocationId)>,
    /// Quarantines that this batch makes, by whose they are.
    quarantines: FxHashMap<LocationId, LocationId>,
    /// Units that this batch tells to be missing.
    missing: FxHashMap<(SkuId, LocationId), u32>,
}

impl Draft {
    /// Tells what the command being decided set: to its caller, and, under a key, in the log.
    pub fn tell(&mut self) -> Option<(Seq, Box<Thing>)> {
        let Telling { cause, seq, what } = self.telling.take()?;
        let thing = match what {
            What::Thing(thing) => thing,
            What::Cells(cells) => {
                let mut left = AT_RISK_TOLD_MAX;
                Thing::Supply(cells.into_iter().map(|(sku, at)| self.cell_to_come(sku, at, &mut left)).collect())
            }
        };
        if let Some(cause) = cause.filter(|cause| cause.idempotency.is_some()) {
            self.log(Some(cause), told::event::Event::Told(Box::new(Told { seq, thing: thing.clone() })));
        }
        Some((seq, Box::new(thing)))
    }

    fn cell_to_come(&self, sku: SkuId, location: LocationId, left: &mut usize) -> CellToCome {
        let Some(outlook) = self.ledger.outlook(sku, location) else {
            return CellToCome { sku, location, supplies: Vec::new(), waiting: 0, at_risk: Vec::new() };
        };
        // Bounded by those who wait for the cell, whom the supply was dated for just before.
        let at_risk: Vec<_> = risks(outlook, *left)
            .into_iter()
            .map(|waiting| (waiting.holder.0, waiting.units, waiting.promised_for, waiting.expected_at))
            .collect();
        *left -= at_risk.len();
        CellToCome { sku, location, supplies: outlook.supplies().to_vec(), waiting: outlook.waiting(), at_risk }
    }

    pub fn new(state: Arc<State>, names: NameSettings) -> Self {
        let (next_seq, state_ledger) = (state.view.seq() + 1, state.ledger().clone());
        Self {
            state,
            now: Timestamp(0),
            builder: BatchBuilder::new(next_seq, Timestamp(0)),
            records: Vec::new(),
            decided: Vec::new(),
            cells: FxHashMap::default(),
            touched: Touched::new(),
            reservations: FxHashMap::default(),
            skus: Fresh::default(),
            locations: Fresh::default(),
            groups: Fresh::default(),
            channels: Fresh::default(),
            undefined: Definitions::default(),
            revived: Definitions::default(),
            log_from: 0,
            names,
            own: Drafts::default(),
            ledger: state_ledger,
            members: FxHashMap::default(),
            made: BTreeSet::new(),
            redated: BTreeSet::new(),
            telling: None,
            holds: Holds::default(),
            unmade_quarantines: Vec::new(),
            quarantines: FxHashMap::default(),
            missing: FxHashMap::default(),
        }
    }

    /// The batch came to nothing: the ledger goes back to what is durable.
    pub fn forget_ledger(&mut self) {
        self.ledger = self.state.ledger().clone();
        self.holds.undo();
    }

    /// Who made a reservation; 0 where nobody knows.
    pub fn owner(&self, id: ReservationId) -> u64 {
        self.holds.fresh_caller(id).unwrap_or_else(|| self.state.owner(id))
    }

    /// Groups changed.
    pub fn forget_members(&mut self) {
        self.members.clear();
    }

    /// The members of a group, those first that fewest groups share.
    pub fn members_of(&mut self, group: GroupId) -> Arc<[LocationId]> {
        let catalogue = &self.state.catalogue;
        Arc::clone(self.members.entry(group).or_insert_with(|| catalogue.members_in_order(group)))
    }

    /// Forgets everything and starts the batch that follows the durable view.
    pub fn restart(&mut self, now: Timestamp) {
        self.now = now;
        self.builder.restart(self.state.view.seq() + 1, now);
        self.records.clear();
        self.decided.clear();
        empty(&mut self.cells);
        self.made.clear();
        self.touched.clear();
        empty(&mut self.reservations);
        self.redated.clear();
        self.own.restart();
        self.holds.restart();
        empty(&mut self.missing);
        empty(&mut self.quarantines);
        self.unmade_quarantines.clear();
        self.undefined = Definitions::default();
        self.revived = Definitions::default();
        self.skus.clear();
        self.locations.clear();
        self.groups.clear();
        self.channels.clear();
    }

    /// Logs an event, definitions that it rests on first, and lets the reservations in the draft know.
    pub fn log(&mut self, cause: Option<Box<Cause>>, event: impl Into<Event>) -> Seq {
        self.flush_names(cause.as_deref());
        self.push(cause, event.into())
    }

    /// Logs the names and quarantines that no record tells of yet: what is logged next has the next `seq`.
    pub fn flush_names(&mut self, cause: Option<&Cause>) {
        if self.has_definitions() {
            self.log_definitions(cause.and_then(Cause::of_part));
        }
        if !self.unmade_quarantines.is_empty() {
            let made = std::mem::take(&mut self.unmade_quarantines);
            self.push(cause.and_then(Cause::of_part), catalogue::event::Event::QuarantinesMade(made).into());
        }
    }

    /// Whether names were interned that no record has defined yet.
    pub fn has_definitions(&self) -> bool {
        !(self.undefined.is_empty() && self.revived.is_empty())
    }

    /// Logs definitions by themselves: names were declared, and nothing more was said of them.
    pub fn log_definitions(&mut self, cause: Option<Box<Cause>>) -> Seq {
        let mut names = std::mem::take(&mut self.undefined);
        self.revive_pairs();
        let mut revived = std::mem::take(&mut self.revived);
        // Those of them that nobody declares are made up once more.
        names.skus.extend(self.skus.made_up_of(&revived.skus));
        names.locations.extend(self.locations.made_up_of(&revived.locations));
        names.groups.extend(self.groups.made_up_of(&revived.groups));
        names.channels.extend(self.channels.made_up_of(&revived.channels));
        while !revived.is_empty() {
            let names = first_of_each(&mut revived);
            self.push(cause.clone(), catalogue::event::Event::Revived(Box::new(names)).into());
        }
        let Definitions { skus, locations, groups, channels } = names;
        let mut made_up: BTreeMap<u64, Definitions> = BTreeMap::new();
        let mut rest = Definitions {
            skus: self.skus.split(skus, &mut |by, name| made_up.entry(by).or_default().skus.push(name)),
            locations: self
                .locations
                .split(locations, &mut |by, name| made_up.entry(by).or_default().locations.push(name)),
            groups: self.groups.split(groups, &mut |by, name| made_up.entry(by).or_default().groups.push(name)),
            channels: self.channels.split(channels, &mut |by, name| made_up.entry(by).or_default().channels.push(name)),
        };
        let mut seq = self.builder.next_seq() - 1;
        for (by, names) in made_up {
            let mut rest = names;
            while !rest.is_empty() {
                let names = first_of_each(&mut rest);
                seq = self.push(cause.clone(), catalogue::event::Event::MadeUp(Box::new(MadeUp { by, names })).into());
            }
        }
        if rest.is_empty() {
            return seq;
        }
        loop {
            let first = first_of_each(&mut rest);
            let seq = self.push(cause.clone(), catalogue::event::Event::Defined(Box::new(first)).into());
            if rest.is_empty() {
                return seq;
            }
        }
    }

    /// A location and its quarantine come back together, as they were retired.
    fn revive_pairs(&mut self) {
        let catalogue = &self.state.catalogue;
        if !catalogue.has_quarantines() {
            return;
        }
        for at in 0..self.revived.locations.len() {
            let Some((location, _)) = self.revived.locations.get(at) else { continue };
            let other = catalogue.quarantine(*location).or_else(|| catalogue.quarantine_of(*location));
            if let Some(other) = other.filter(|other| self.locations.revived.insert(other.0)) {
                let name = catalogue.locations.name(other).clone();
                self.locations.names.insert(name.clone(), other);
                self.revived.locations.push((other, name));
            }
        }
    }

    /// How many names wait for their definition: where to go back to, should what comes next come to nothing.
    pub fn defined_so_far(&self) -> DefinedSoFar {
        let lengths = |names: &Definitions| {
            let Definitions { skus, locations, groups, channels } = names;
            [skus.len(), locations.len(), groups.len(), channels.len()]
        };
        DefinedSoFar([lengths(&self.undefined), lengths(&self.revived)])
    }

    /// Forgets names that were interned since for something which came to nothing.
    pub fn forget_definitions(&mut self, since: DefinedSoFar) {
        let DefinedSoFar(since) = since;
        for (names, [skus, locations, groups, channels]) in
            [&mut self.undefined, &mut self.revived].into_iter().zip(since)
        {
            let locations = names.locations.split_off(locations.min(names.locations.len()));
            self.skus.forget(&names.skus.split_off(skus.min(names.skus.len())));
            self.locations.forget(&locations);
            if !self.quarantines.is_empty() {
                self.quarantines.retain(|_, quarantine| locations.iter().all(|(gone, _)| gone != quarantine));
                self.unmade_quarantines.retain(|(quarantine, _)| locations.iter().all(|(gone, _)| gone != quarantine));
            }
            self.groups.forget(&names.groups.split_off(groups.min(names.groups.len())));
            self.channels.forget(&names.channels.split_off(channels.min(names.channels.len())));
        }
    }

    fn push(&mut self, cause: Option<Box<Cause>>, event: Event) -> Seq {
        let seq = push_record(&mut self.builder, &cause, &event);
        let record = Record { seq, time: self.now, cause, event };
        let mut shift = Shift::default();
        record.event.effects(|effect| self.stage(record.at(), effect, &mut shift));
        if !shift.is_empty() {
            self.ledger.apply(seq, &shift);
        }
        if self.ledger.has_outlooks() {
            record.event.effects(|effect| self.note_redated(effect));
        }
        self.own.stage(&self.state, &record);
        self.records.push(record);
        seq
    }

    /// Lets later decisions of the batch see what an event does.
    #[inline]
    fn stage(&mut self, at: At<'_>, effect: Effect<'_>, shift: &mut Shift) {
        match effect {
            Effect::Promise(Step::Made(made)) => {
                let reserved = made.reserved;
                let id = ReservationId(at.seq);
                self.holds.made(id, reserved.channel, Cause::caller(at.cause), reserved.confirmed);
                if made.is_on_terms() {
                    let reservation = Reservation::made(at, made);
                    shift.between(None, &reservation);
                    self.reservations.insert(id, reservation);
                }
            }
            Effect::Promise(step) => {
                if let Some(id) = step.reservation() {
                    self.stage_change(id, at, Progress::Step(step), shift);
                }
            }
            Effect::Filled(fills) => {
                for of_one in fills.chunk_by(|a, b| a.reservation == b.reservation) {
                    if let Some(first) = of_one.first() {
                        self.stage_change(first.reservation, at, Progress::Filled(of_one), shift);
                    }
                }
                self.redated.extend(fills.iter().map(|fill| (fill.cell.sku, fill.cell.location)));
            }
            Effect::Dated(rows) => {
                for of_one in rows.chunk_by(|a, b| a.reservation == b.reservation) {
                    if let Some(first) = of_one.first() {
                        self.stage_change(first.reservation, at, Progress::Dated(of_one), shift);
                    }
                }
            }
            Effect::Inbound(inbound) => {
                self.ledger.inbound(at, inbound);
                match inbound {
                    Inbound::Set(rows) => {
                        self.redated.extend(rows.iter().map(|row| (row.cell.sku, row.cell.location)));
                    }
                    Inbound::Used(rows, _) => {
                        self.redated.extend(rows.iter().map(|used| (used.sku, used.location)));
                    }
                }
            }
            // Cells are staged as they are decided, and so is what is said of things.
            Effect::Cell(..)
            | Effect::Moved(..)
            | Effect::Counted(..)
            | Effect::CountsConfirmed(_)
            | Effect::Shortage(..)
            | Effect::HandedOver(..)
            | Effect::Rules(_)
            | Effect::Names(_)
            | Effect::Described(_)
            | Effect::Refused(..) => {}
        }
    }

    /// A reservation that the draft knows goes a step on.
    fn stage_change(&mut self, id: ReservationId, at: At<'_>, progress: Progress<'_>, shift: &mut Shift) {
        let Some(reservation) = self.reservations.get_mut(&id) else { return };
        let (state, channel) = (reservation.state, reservation.channel);
        let before = reservation.is_counted().then(|| reservation.clone());
        reservation.apply(at, progress);
        if state != reservation.state {
            let owner = self.holds.fresh_caller(id).unwrap_or_else(|| self.state.owner(id));
            self.holds.moved(channel, owner, state, reservation.state);
        }
        if before.is_some() {
            shift.between(before.as_ref(), reservation);
        }
    }

    /// Notes the cells for which an event may change when what is waited for comes, beside those of which supply comes or
    /// changes. A promise joins the end of the queue, and what comes as it should leaves every date as it was: only what
    /// shortens the queue brings others forward.
    fn note_redated(&mut self, effect: Effect<'_>) {
        let Effect::Promise(step) = effect else { return };
        if let Some(lines) = step.given_back() {
            lines.iter().for_each(|line| self.redate_if_risky(&line.cell));
        }
        if let Step::Made(made) = step {
            if made.superseded().next().is_none() {
                return;
            }
            let lines = made.reserved.lines.iter().filter(|line| line.quantity > 0);
            lines.for_each(|line| self.redate_if_risky(&line.cell));
            // Who takes over a place in the queue is at risk if whoever had it was.
            for wait in made.waits().iter().filter(|wait| wait.turn.is_some()) {
                let line = made.reserved.lines.get(usize::from(wait.line));
                self.redated.extend(line.map(|line| (line.cell.sku, line.cell.location)));
            }
        }
    }

    fn redate_if_risky(&mut self, cell: &CellAfter) {
        if self.ledger.outlook(cell.sku, cell.location).is_some_and(SupplyOutlook::has_risks) {
            self.redated.insert((cell.sku, cell.location));
        }
    }

    /// Those cells. Ends the list.
    pub fn take_redated(&mut self) -> BTreeSet<(SkuId, LocationId)> {
        std::mem::take(&mut self.redated)
    }

    /// What is waited for in a cell has to be looked at anew.
    pub fn redate(&mut self, sku: SkuId, location: LocationId) {
        self.redated.insert((sku, location));
    }

    /// Those cells, and those that the command being decided touched.
    pub fn touched_or_redated(&self) -> BTreeSet<(SkuId, LocationId)> {
        self.redated.iter().chain(&self.touched).copied().collect()
    }

    /// A cell as the batch so far leaves it.
    pub fn cell(&mut self, sku: SkuId, location: LocationId) -> &mut CellNow {
        let state = &self.state;
        self.cells.entry((sku, location)).or_insert_with(|| {
            let Some(id) = state.matrix.find(sku, location) else { return CellNow::default() };
            let cell = state.matrix.cell(id);
            CellNow {
                id: Some(id),
                exists: true,
                level: cell.durable(),
                safety_stock: cell.safety_stock(),
                counted_at: cell.counted_at(),
                ..CellNow::default()
            }
        })
    }

    /// The same to look at: nothing is kept of a cell that nobody touches.
    pub fn cell_as_it_is(&self, sku: SkuId, location: LocationId) -> Shelf {
        let made = || self.state.matrix.get(sku, location).map_or_else(Shelf::default, Shelf::of);
        self.in_batch(sku, location).unwrap_or_else(made)
    }

    /// A cell that this batch touched, as it leaves it.
    pub fn in_batch(&self, sku: SkuId, location: LocationId) -> Option<Shelf> {
        let CellNow { exists, level, safety_stock, .. } = self.cells.get(&(sku, location))?;
        Some(Shelf { exists: *exists, level: *level, safety_stock: *safety_stock })
    }

    /// The cells of a SKU that this batch makes.
    pub fn made_in_this_batch(&self, sku: SkuId, visit: &mut dyn FnMut(LocationId, Shelf)) {
        for (_, location) in self.made.range((sku, LocationId(0))..=(sku, LocationId(u32::MAX))) {
            let cell = self.cell_as_it_is(sku, *location);
            if cell.exists {
                visit(*location, cell);
            }
        }
    }

    /// The same, to be changed by the command being decided: every change to a cell goes through here, so that a
    /// command that is refused after all leaves none.
    pub fn touch(&mut self, sku: SkuId, location: LocationId) -> &mut CellNow {
        let cell = self.cell(sku, location);
        let (is_touched, exists) = (cell.before.is_some(), cell.exists);
        if !is_touched {
            self.touched.push((sku, location));
        }
        if !exists {
            self.made.insert((sku, location));
        }
        let is_new_in_quarantine = !exists && self.is_quarantine(location);
        let cell = self.cell(sku, location);
        cell.before.get_or_insert(Before {
            exists: cell.exists,
            level: cell.level,
            safety_stock: cell.safety_stock,
            counted_at: cell.counted_at,
            moved: cell.moved.len(),
        });
        cell.exists = true;
        if is_new_in_quarantine {
            cell.safety_stock = IN_QUARANTINE;
        }
        cell
    }

    /// Whether a location is the quarantine of another, this batch included.
    pub fn is_quarantine(&self, location: LocationId) -> bool {
        let made = || self.quarantines.values().any(|quarantine| *quarantine == location);
        self.state.catalogue.quarantine_of(location).is_some() || (!self.quarantines.is_empty() && made())
    }

    /// A location that somebody may have declared: any but a quarantine.
    pub fn own_location(&self, name: &Name) -> Option<LocationId> {
        self.known_location(name).filter(|location| !self.is_quarantine(*location))
    }

    /// The quarantine of a location, made and named where there is none yet. `None` where no more locations may be.
    pub fn quarantine_at(&mut self, of: LocationId) -> Option<LocationId> {
        let known = self.quarantines.get(&of).copied().or_else(|| self.state.catalogue.quarantine(of));
        if known.is_some() {
            return known;
        }
        let locations = &self.state.catalogue.locations;
        let name = match of.0 < locations.count() {
            true => locations.name(of).clone(),
            false => self.locations.names.iter().find(|(_, id)| **id == of)?.0.clone(),
        };
        // The first name that nobody took. Bounded by those that people gave to locations so as to be in the way.
        let free = (1_u32..).find_map(|nth| {
            let name = quarantine_name(name.as_str(), nth);
            self.known_location(&name).is_none().then_some(name)
        });
        let quarantine = self.intern_location(&NameRef::New(free?))?;
        self.quarantines.insert(of, quarantine);
        self.unmade_quarantines.push((quarantine, of));
        Some(quarantine)
    }

    /// Sets a cell's level as part of the command being decided.
    pub fn set_level(&mut self, sku: SkuId, location: LocationId, level: StockLevel) {
        self.touch(sku, location).level = level;
    }

    /// The cell as an event tells it.
    pub fn cell_after(&mut self, sku: SkuId, location: LocationId) -> CellAfter {
        let cell = self.cell(sku, location);
        CellAfter { sku, location, level: cell.level, safety_stock: cell.safety_stock }
    }

    /// What a promise through `channel` must pass in a cell. The rules are those of the durable view: a command that
    /// changes them ends its batch.
    pub fn gate(&mut self, book: &Book, sku: SkuId, location: LocationId, channel: ChannelId) -> Gate {
        let buffer = self.buffer_of(channel);
        let terms = book.terms(&self.state.catalogue, sku, location, Some(channel));
        terms.limits().gate(self.cell(sku, location).safety_stock, buffer)
    }

    /// Units that a channel leaves to others.
    pub fn buffer_of(&self, channel: ChannelId) -> u32 {
        match self.channels.details.get(&channel) {
            Some((_, details)) => details.buffer,
            None => self.state.catalogue.buffer(channel),
        }
    }

    /// Makes a reservation known to the draft, so that it hears of what the batch does to it.
    pub fn take_in(&mut self, id: ReservationId) {
        if !self.reservations.contains_key(&id)
            && let Some(durable) = self.state.reservations.get(id)
        {
            self.reservations.insert(id, Arc::unwrap_or_clone(durable));
        }
    }

    /// A reservation as the batch so far leaves it; later records of the batch are applied to the same copy.
    pub fn reservation(&mut self, id: ReservationId) -> Option<&Reservation> {
        self.take_in(id);
        self.reservations.get(&id)
    }

    /// What moved in a cell after `time`, this batch included; `None` where that is no longer known.
    pub fn moved_since(&mut self, sku: SkuId, location: LocationId, time: Timestamp) -> Option<i64> {
        let earlier = self.state.movements.since(sku, location, time)?;
        let here: i64 = self.cell(sku, location).moved.iter().filter(|(at, _)| *at > time).map(|(_, c)| c).sum();
        Some(earlier + here)
    }

    /// What was told to have moved in a cell after record `seq`, which is durable; `None` where that is no longer known.
    pub fn told_since(&mut self, sku: SkuId, location: LocationId, seq: Seq) -> Option<i64> {
        let earlier = self.state.movements.told_since(sku, location, seq)?;
        let here: i64 = self.cell(sku, location).moved.iter().map(|(_, change)| change).sum();
        Some(earlier + here)
    }

    /// What the command did to each cell; bounded by those cells. Ends the command's touch list.
    pub fn take_touched(&mut self) -> Few<CellChange> {
        let touched = std::mem::take(&mut self.touched);
        let mut changes = Few::new();
        for (sku, location) in touched {
            let cell = self.cell(sku, location);
            let (id, after) = (cell.id, cell.level);
            let before = cell.before.take().map_or(after, |before| before.level);
            changes.push((sku, location, id, after.since(before)));
        }
        changes
    }

    /// So many units are told to be missing in a cell.
    pub fn tell_missing(&mut self, sku: SkuId, location: LocationId, units: u32) {
        self.missing.insert((sku, location), units);
    }

    /// Units that were last told to be missing in a cell that was short by `short_before`.
    pub fn told_missing(&self, sku: SkuId, location: LocationId, short_before: u32) -> u32 {
        if short_before == 0 {
            return 0;
        }
        let here = self.missing.get(&(sku, location)).copied();
        here.unwrap_or_else(|| self.state.told_missing(sku, location))
    }

    /// Takes back every change to a cell that the command being decided made; it is refused.
    pub fn undo_touched(&mut self) {
        for (sku, location) in std::mem::take(&mut self.touched) {
            let cell = self.cell(sku, location);
            if let Some(before) = cell.before.take() {
                cell.exists = before.exists;
                cell.level = before.level;
                cell.safety_stock = before.safety_stock;
                cell.counted_at = before.counted_at;
                cell.moved.truncate(before.moved);
            }
        }
    }

    /// Groups that this batch put `location` into.
    pub fn fresh_groups_of(&self, location: LocationId) -> Vec<GroupId> {
        let holds = |details: &GroupDetails| details.locations.binary_search(&location).is_ok();
        self.groups.details.iter().filter(|(_, (_, details))| holds(details)).map(|(group, _)| *group).collect()
    }

    /// Takes back every detail that the command being decided set: what the records of the batch say is what holds.
    /// Bounded by the records of one batch.
    pub fn undo_details(&mut self) {
        self.skus.details.clear();
        self.locations.details.clear();
        self.groups.details.clear();
        self.channels.details.clear();
        let records = std::mem::take(&mut self.records);
        records.iter().for_each(|record| self.remember_details(record));
        self.records = records;
    }

    /// Lets later decisions in this batch see the details that `record` set.
    pub fn remember_details(&mut self, record: &Record) {
        let seq = record.seq;
        record.event.effects(|effect| {
            let Effect::Described(described) = effect else { return };
            match described {
                Described::Skus(rows) => {
                    rows.iter().for_each(|(id, details)| self.set_sku_details(*id, seq, details.clone()));
                }
                Described::Locations(rows) => {
                    rows.iter().for_each(|(id, details)| self.set_location_details(*id, seq, details.clone()));
                }
                Described::Groups(rows) => {
                    rows.iter().for_each(|(id, details)| self.set_group_details(*id, seq, details.clone()));
                }
                Described::Channels(rows) => {
                    rows.iter().for_each(|(id, details)| self.set_channel_details(*id, seq, *details));
                }
                // A row that sets one of these is looked at against the durable view: its command ends the batch.
                Described::Tracking(_) | Described::Services(_) | Described::Hours(_) => {}
            }
        });
    }
}

macro_rules! names {
    ($intern:ident, $known:ident, $make_up:ident, $count_max:expr, $id:ident, $field:ident,
     $limit:ident, $setting:expr, $remedy:expr, $refuses:expr) => {
        impl Draft {
            /// The interned id, defined in this batch if nobody defined it before. `None` where no more ids are left.
            pub fn $intern(&mut self, name: &NameRef<$id>) -> Option<$id> {
                let registry = &self.state.catalogue.$field;
                let name = match name {
                    NameRef::Known(id) if stands(registry, *id) => return Some(*id),
                    // It was retired since the command was queued.
                    NameRef::Known(id) => registry.name(*id),
                    NameRef::New(name) => name,
                };
                let name = name.clone();
                if let Some(id) = self.$known(&name) {
                    return Some(id);
                }
                let registry = &self.state.catalogue.$field;
                let fresh = &mut self.$field;
                if let Some(id) = registry.retired_id(name.as_str()) {
                    fresh.revived.insert(id.into());
                    fresh.names.insert(name.clone(), id);
                    self.revived.$field.push((id, name.clone()));
                    return Some(id);
                }
                let next = match registry.reusable(fresh.reused.last().copied(), self.log_from) {
                    Some((seq, id)) => {
                        fresh.reused.insert((seq, id));
                        id
                    }
                    None => registry.count() + (fresh.names.len() - fresh.reused.len() - fresh.revived.len()) as u32,
                };
                if next >= $count_max {
                    return None;
                }
                self.$field.names.insert(name.clone(), $id(next));
                self.undefined.$field.push(($id(next), name.clone()));
                Some($id(next))
            }

            /// The same for a name that nobody declares, and that the caller `by` makes up where nobody knows it.
            ///
            /// # Errors
            /// Names `field` and the limit: there are as many such names as there may be, or the caller has its share.
            pub fn $make_up(&mut self, name: &NameRef<$id>, by: u64, field: &dyn Fn() -> String) -> Result<$id, Failure> {
                let registry = &self.state.catalogue.$field;
                let name = match name {
                    NameRef::Known(id) if stands(registry, *id) => return Ok(*id),
                    NameRef::Known(id) => registry.name(*id),
                    NameRef::New(name) => name,
                }
                .clone();
                let name = &name;
                if let Some(id) = self.$known(name) {
                    return Ok(id);
                }
                let refuses: fn(&NameSettings) -> bool = $refuses;
                if refuses(&self.names) {
                    let kind = stringify!($field);
                    let reason = format!("{name} is not declared, and {kind}.undeclared is \"refuse\"; declare it ({})", $remedy);
                    return Err(Refusal::invalid(field(), reason).into());
                }
                let (all, own) = self.state.catalogue.$field.made_up(by);
                let all = all + self.$field.made_up.len() as u32;
                let own = own + self.$field.made_up_by.get(&by).copied().unwrap_or(0);
                let limit = self.names.$limit;
                let left = limit.saturating_sub(all);
                // Whoever is known by a key leaves as many to others as it has.
                if left == 0 || (by != 0 && own >= left) {
                    let whose = if left == 0 { "all callers together have" } else { "this caller has its share of" };
                    let reason = format!(
                        "{name} is not declared, and {whose} the {limit} names of limits.{} that may be made up; declare \
                         it ({})",
                        $setting, $remedy
                    );
                    return Err(Refusal::invalid(field(), reason).into());
                }
                let id = self.$intern(&NameRef::New(name.clone())).ok_or_else(|| no_ids_left(&field(), $count_max))?;
                self.$field.make_up(id, by);
                Ok(id)
            }

            /// The interned id, if the view or this batch has it.
            pub fn $known(&self, name: &Name) -> Option<$id> {
                let fresh = self.$field.names.get(name).copied();
                fresh.or_else(|| self.state.catalogue.$field.id(name.as_str()))
            }
        }
    };
}

/// SKUs, groups and channels that there may be; the tables that hold them reach no further.
pub(crate) const IDS_MAX: u32 = 1 << 27;
pub(crate) const CHANNELS_MAX: u32 = 1 << 16;

names!(
    intern_sku,
    known_sku,
    make_up_sku,
    IDS_MAX,
    SkuId,
    skus,
    undeclared_skus_max,
    "undeclared_skus",
    "PUT /v1/skus/{sku}, or import skus",
    |names| names.refuse_undeclared_skus
);
names!(
    intern_location,
    known_location,
    make_up_location,
    LOCATIONS_MAX,
    LocationId,
    locations,
    undeclared_locations_max,
    "undeclared_locations",
    "PUT /v1/locations/{location}, or import locations",
    |names| names.refuse_undeclared_locations
);
names!(
    intern_channel,
    known_channel,
    make_up_channel,
    CHANNELS_MAX,
    ChannelId,
    channels,
    undeclared_channels_max,
    "undeclared_channels",
    "PUT /v1/channels/{channel}",
    |_| false
);

impl Draft {
    /// The interned id, defined in this batch if nobody defined it before. `None` where no more ids are left.
    pub fn intern_group(&mut self, name: &Name) -> Option<GroupId> {
        if let Some(id) = self.known_group(name) {
            return Some(id);
        }
        if let Some(id) = self.state.catalogue.groups.retired_id(name.as_str()) {
            self.groups.revived.insert(id.into());
            self.groups.names.insert(name.clone(), id);
            self.revived.groups.push((id, name.clone()));
            return Some(id);
        }
        let fresh = self.groups.names.len() - self.groups.revived.len();
        let next = self.state.catalogue.groups.count() + fresh as u32;
        if next >= IDS_MAX {
            return None;
        }
        self.groups.names.insert(name.clone(), GroupId(next));
        self.undefined.groups.push((GroupId(next), name.clone()));
        Some(GroupId(next))
    }

    /// The interned id, if the view or this batch has it.
    pub fn known_group(&self, name: &Name) -> Option<GroupId> {
        self.groups.names.get(name).copied().or_else(|| self.state.catalogue.groups.id(name.as_str()))
    }

    /// Whether what is asked for through a channel is accepted: it is declared, or none is, or the settings say so.
    #[inline]
    pub fn takes_channel(&self, channel: Option<ChannelId>) -> bool {
        let catalogue = &self.state.catalogue;
        let is_declared = |id: ChannelId| catalogue.is_declared(id) || self.channels.details.contains_key(&id);
        let takes_any =
            catalogue.takes_any_channel() && (self.channels.details.is_empty() || catalogue.accepts_undeclared());
        takes_any || channel.is_some_and(is_declared)
    }

    /// The channels that promises and lost demand of this batch came through. Looks at each of its records once.
    pub fn channels_used(&self) -> BTreeSet<ChannelId> {
        let mut used = BTreeSet::new();
        for record in &self.records {
            record.event.effects(|effect| match effect {
                Effect::Promise(Step::Made(made)) => drop(used.insert(made.reserved.channel)),
                Effect::Refused(_, lost) => drop(used.insert(lost.channel)),
                _ => {}
            });
        }
        used
    }
}

macro_rules! details {
    ($get:ident, $set:ident, $id:ident, $details:ident, $field:ident) => {
        impl Draft {
            /// The details as the batch so far leaves them, with their version; `None` where none were ever set.
            pub fn $get(&self, id: $id) -> Option<(Seq, Arc<$details>)> {
                let fresh = self.$field.details.get(&id).cloned();
                fresh.or_else(|| {
                    let set = self.state.catalogue.$field.details(id)?;
                    Some((set.version, Arc::new(set.details.clone())))
                })
            }

            /// Lets later decisions in this batch see the details.
            pub fn $set(&mut self, id: $id, seq: Seq, details: $details) {
                self.$field.details.insert(id, (seq, Arc::new(details)));
            }
        }
    };
}

details!(sku_details, set_sku_details, SkuId, SkuDetails, skus);
details!(location_details, set_location_details, LocationId, LocationDetails, locations);
details!(group_details, set_group_details, GroupId, GroupDetails, groups);
details!(channel_details, set_channel_details, ChannelId, ChannelDetails, channels);

/// A refusal of a name for which no id is left.
pub(crate) fn no_ids_left(field: &str, limit: u32) -> Failure {
    Refusal::invalid(field, format!("there are {limit} of these, which is as many as there can be")).into()
}
