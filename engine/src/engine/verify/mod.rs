//! The public proof: replay the log with a second, simpler implementation and check every promise at every record.
//!
//! The auditor below shares the format of events with the engine and nothing else: it keeps plain maps, adds up
//! quantities by itself, and compares the levels that the log states with its own. At every record it holds that
//! - no promise was made of a unit that was not there and free above what the rules in force, the safety stock and the
//!   channel's buffer held back, nor through a channel that might not sell it,
//! - every stated level is what the quantities lead to,
//! - no unit was promised that is to come beyond what comes by then or is allowed, what came went to those who waited
//!   longest, and no day of a location took on more orders than it does,
//! - no unit was handed over or given back twice, and no step was taken that the lifecycle does not allow,
//! - a cell's `reserved` is the sum of what its reservations have outstanding and is there,
//! - of a SKU that nobody counts a cell holds exactly what is promised of it.
//!
//! A log whose beginning was trimmed cannot be proven from nothing; then the auditor starts from the image, and says so.

mod dock;
mod law;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::effect::{At, Described, Effect, Inbound, Made, Naming, Step};
use crate::engine::directory::DataDirectory;
use crate::engine::recovery::{Reading, Report, recover};
use crate::event::{
    CellAfter, Definitions, Few, Fill, LineChange, LineTerms, Moved, MovementKind, OrderDay, Rebound, Record, ThingKind,
};
use crate::hash::Sums;
use crate::ids::{ChannelId, Epoch, GroupId, LocationId, Name, ReservationId, Seq, SkuId};
use crate::journal::{self, Batch, LogOptions, OpenError};
use crate::level::{IN_QUARANTINE, StockLevel};
use crate::reservations::{Reservation, State as Life};
use crate::settings::Settings;
use crate::state::State;
use dock::Dock;
pub(crate) use law::{Law, Planned};

/// What the auditor found.
#[derive(Debug, Clone)]
pub struct Proof {
    /// The identity of the log.
    pub epoch: Epoch,
    /// The last record.
    pub seq: Seq,
    /// Records checked one by one.
    pub records_checked: u64,
    /// The `seq` of the image that the check starts from; 0 for the whole log.
    pub checked_after: Seq,
    /// Cells.
    pub cells: u64,
    /// Reservations that are open.
    pub open_reservations: u64,
    /// Units promised.
    pub reserved: u64,
    /// Cells that are short.
    pub shortages: u64,
    /// What was found at start.
    pub report: Report,
    /// The state hash, as a running server shows it at the same `seq`.
    pub state_hash: String,
    /// The same, part by part.
    pub sums: Sums,
    /// Records that kept too little of what is held back, where that is allowed.
    pub floor_kept_too_little: Vec<Seq>,
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The log cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log breaks a promise.
    #[error("record {seq} breaks an invariant: {what}")]
    Violation {
        /// The record.
        seq: Seq,
        /// The invariant, with both numbers.
        what: String,
    },
    /// The log breaks a promise as builds before this one could, and in no other way.
    #[error(
        "records {} kept too little of what safety stock and buffers hold back, as builds up to 0.1 could when they made \
         room among the promises of a group; no unit was promised twice. --allow floor-kept-too-little accepts them",
        show_all(.0)
    )]
    FloorKeptTooLittle(Vec<Seq>),
}

/// Faults of earlier builds that a log may hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allowances {
    /// Records that left less free than safety stock and buffers hold back, of units that were there and free.
    pub floor_kept_too_little: bool,
}

/// The first numbers of a list, and how many more there are.
fn show_all(seqs: &[Seq]) -> String {
    const SHOWN: usize = 20;
    let shown: Vec<_> = seqs.iter().take(SHOWN).map(Seq::to_string).collect();
    match seqs.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// One line of a reservation as the auditor keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct AuditedLine {
    key: (SkuId, LocationId),
    /// Units promised and not given back.
    quantity: u32,
    /// Units of them that were handed over.
    collected: u32,
    /// Units that are still to come, where any ever were.
    waiting: Option<u32>,
}

impl AuditedLine {
    /// Units that are promised and there.
    fn present(&self) -> u32 {
        self.quantity - self.collected - self.waiting.unwrap_or(0)
    }
}

#[derive(Debug)]
struct Audited {
    lines: Vec<AuditedLine>,
    /// Line by line, where there are any.
    terms: Vec<LineTerms>,
    state: Option<Life>,
    channel: ChannelId,
    orders: Few<OrderDay>,
}

/// What is retired in a state.
fn retired_now(state: &State) -> BTreeSet<(ThingKind, u32)> {
    let catalogue = &state.catalogue;
    let kind = |kind: ThingKind, count: u32, is_retired: &dyn Fn(u32) -> bool| {
        (0..count).filter(|id| is_retired(*id)).map(|id| (kind, id)).collect::<Vec<_>>()
    };
    let (skus, locations) = (&catalogue.skus, &catalogue.locations);
    let (groups, channels) = (&catalogue.groups, &catalogue.channels);
    let mut all = kind(ThingKind::Sku, skus.count(), &|id| skus.is_retired(SkuId(id)));
    all.extend(kind(ThingKind::Location, locations.count(), &|id| locations.is_retired(LocationId(id))));
    all.extend(kind(ThingKind::Group, groups.count(), &|id| groups.is_retired(GroupId(id))));
    all.extend(kind(ThingKind::Channel, channels.count(), &|id| channels.is_retired(ChannelId(id))));
    all.into_iter().collect()
}

/// The cells that a record tells, each as it is after it.
type Stated = BTreeMap<(SkuId, LocationId), CellAfter>;

/// The second implementation.
#[derive(Debug, Default)]
pub struct Auditor {
    cells: BTreeMap<(SkuId, LocationId), (StockLevel, u32)>,
    law: Law,
    dock: Dock,
    reservations: BTreeMap<ReservationId, Audited>,
    channels: BTreeMap<ChannelId, Name>,
    quarantines: BTreeMap<LocationId, LocationId>,
    /// What is retired.
    retired: BTreeSet<(ThingKind, u32)>,
    next_seq: Option<Seq>,
    records: u64,
    /// Records that took units which were there and free, and kept too little of what is held back.
    low_floors: Vec<Seq>,
    /// Whether such a record is noted and not refused.
    notes_low_floors: bool,
}

impl Auditor {
    /// One that notes records which kept too little of what is held back, and goes on.
    pub fn that_notes_low_floors() -> Self {
        Self { notes_low_floors: true, ..Self::default() }
    }

    /// Those records.
    pub fn low_floors(&self) -> &[Seq] {
        &self.low_floors
    }

    /// `units` more are promised in a cell where `before` was, of which `held_back` must stay free.
    fn check_floor(&mut self, units: i64, before: StockLevel, held_back: i64, verb: &str) -> Result<(), String> {
        let free = before.free() - held_back;
        if free >= units {
            return Ok(());
        }
        if self.notes_low_floors && before.free() >= units {
            let seq = self.next_seq.map_or(0, |next| next - 1);
            if self.low_floors.last() != Some(&seq) {
                self.low_floors.push(seq);
            }
            return Ok(());
        }
        Err(format!("{units} units {verb} where {free} were free: oversold"))
    }

    /// Starts from what an image says instead of from nothing.
    fn start_from(&mut self, state: &State, seq: Seq) {
        for (_, cell) in state.matrix.range(0, state.cells()) {
            self.cells.insert((cell.sku(), cell.location()), (cell.durable(), cell.safety_stock()));
        }
        let channels = &state.catalogue.channels;
        let live = (0..channels.count()).map(ChannelId).filter(|id| channels.is_live(*id));
        self.retired = retired_now(state);
        self.channels = live.map(|id| (id, channels.name(id).clone())).collect();
        self.quarantines = state.catalogue.all_quarantines().into_iter().collect();
        self.law.start_from(state);
        self.dock.start_from(state);
        for reservation in state.reservations.whole() {
            self.reservations.insert(reservation.id, Audited::from(reservation.as_ref()));
        }
        self.next_seq = Some(seq + 1);
    }

    /// Checks one record against everything before it.
    ///
    /// # Errors
    /// What is wrong, with both numbers.
    pub fn check(&mut self, record: &Record) -> Result<(), String> {
        let expected = self.next_seq.unwrap_or(1);
        if record.seq != expected {
            return Err(format!("record {expected} should come here"));
        }
        self.next_seq = Some(record.seq + 1);
        self.records += 1;
        self.dock.next_record();
        let mut stated: Stated = BTreeMap::new();
        record.event.effects(|effect| {
            if let Effect::Cell(cell, _) = effect {
                stated.insert((cell.sku, cell.location), *cell);
            }
        });
        let mut verdict = Ok(());
        record.event.effects(|effect| {
            if verdict.is_ok() {
                verdict = self.check_effect(record.at(), effect, &stated);
            }
        });
        verdict?;
        // Whatever the event is: no cell is told that its quantities do not lead to.
        for ((sku, location), cell) in &stated {
            let level = self.level((*sku, *location));
            if level != cell.level {
                return Err(format!("a cell is told to hold {:?}, and the quantities lead to {level:?}", cell.level));
            }
        }
        Ok(())
    }

    fn check_effect(&mut self, at: At<'_>, effect: Effect<'_>, stated: &Stated) -> Result<(), String> {
        match effect {
            // Held against what the other effects lead to, once all of them are known.
            Effect::Cell(..) => Ok(()),
            Effect::Moved(_, row) => self.check_moved(row),
            Effect::Counted(_, row) => {
                let key = (row.cell.sku, row.cell.location);
                if !self.law.is_tracked(key.0) {
                    return Err("somebody counted what nobody counts".into());
                }
                let before = self.level(key);
                let difference = if row.outdated { 0 } else { i64::from(row.counted) - i64::from(row.expected) };
                let on_hand = i64::from(before.on_hand) + difference;
                self.state_level(&row.cell, on_hand, i64::from(before.reserved))?;
                self.cells.insert(key, (row.cell.level, row.cell.safety_stock));
                Ok(())
            }
            Effect::CountsConfirmed(confirmed) => {
                match confirmed.cells.iter().find(|cell| !self.cells.contains_key(cell)) {
                    Some(_) => Err("a count confirmed a cell that nobody made".into()),
                    None => Ok(()),
                }
            }
            Effect::Shortage(cell, grew) => {
                let missing = self.level((cell.sku, cell.location)).shortage();
                match (grew, missing) {
                    (true, 0) => Err("a shortage is told of a cell that has none".into()),
                    (true, _) | (false, 0) => Ok(()),
                    (false, missing) => Err(format!("a shortage of {missing} is told to be over")),
                }
            }
            // Checked with the step that handed them over.
            Effect::HandedOver(..) => Ok(()),
            Effect::Promise(step) => self.check_step(at, step, stated),
            Effect::Filled(fills) => self.check_fills(fills),
            Effect::Dated(rows) => rows.iter().try_for_each(|row| self.dock.check_dated(row, at.time)),
            Effect::Inbound(Inbound::Set(rows)) => {
                self.dock.set(rows);
                rows.iter().try_for_each(|row| {
                    let level = self.level((row.cell.sku, row.cell.location));
                    self.state_level(&row.cell, level.on_hand.into(), level.reserved.into())
                })
            }
            Effect::Inbound(Inbound::Used(used, rows)) => self.dock.check_used(used, rows),
            Effect::Rules(change) => self.law.change_rules(at, change),
            Effect::Names(naming) => self.check_names(naming),
            Effect::Described(described) => {
                if let Described::Tracking(rows) = described {
                    self.check_tracking(rows)?;
                }
                self.law.describe(described);
                Ok(())
            }
            Effect::Refused(..) => Ok(()),
        }
    }

    fn check_names(&mut self, naming: Naming<'_>) -> Result<(), String> {
        match naming {
            Naming::Defined(names) => self.define(names),
            Naming::MadeUp(made_up) => self.define(&made_up.names),
            Naming::Released(names) => self.release(names),
            Naming::Retired(names) => {
                self.retire(names)?;
                self.law.retire(names);
                Ok(())
            }
            Naming::Revived(names) => {
                self.revive(names)?;
                self.law.revive();
                Ok(())
            }
            Naming::Quarantines(rows) => self.open_quarantines(rows),
        }
    }

    fn check_step(&mut self, at: At<'_>, step: Step<'_>, stated: &Stated) -> Result<(), String> {
        match step {
            Step::Made(made) => self.check_made(at, made, stated),
            // Checked with the promise that replaces it.
            Step::Superseded(_) => Ok(()),
            Step::Collected(event) => {
                self.use_up_lines(event.reservation, &event.lines, true)?;
                self.step(event.reservation, &[Life::Confirmed, Life::Ready], None, Life::Collected)
            }
            Step::Cancelled(event) => {
                self.use_up_lines(event.reservation, &event.lines, false)?;
                let to = if event.whole { Some(Life::Cancelled) } else { None };
                self.step(event.reservation, &[Life::Held, Life::Confirmed, Life::Ready], to, Life::Cancelled)
            }
            Step::Expired(event) => {
                self.use_up_lines(event.reservation, &event.lines, false)?;
                self.end(event.reservation, &[Life::Held, Life::Confirmed, Life::Ready], Life::Expired)
            }
            Step::Confirmed(event) => self.end(event.reservation, &[Life::Held], Life::Confirmed),
            Step::PickupBySet(event) => {
                self.step(event.reservation, &[Life::Confirmed, Life::Ready], None, Life::Confirmed)
            }
            Step::Readied(event) => self.end(event.reservation, &[Life::Confirmed], Life::Ready),
            Step::Rebound(event) => self.check_rebound(event),
            Step::Extended(event) => self.end(event.reservation, &[Life::Held], Life::Held),
        }
    }

    fn check_made(&mut self, at: At<'_>, made: Made<'_>, stated: &Stated) -> Result<(), String> {
        let reserved = made.reserved;
        self.check_terms(made)?;
        let mut changes: BTreeMap<(SkuId, LocationId), i64> = BTreeMap::new();
        let conjured =
            |law: &Law, key: (SkuId, LocationId), change: i64| if law.is_tracked(key.0) { 0 } else { change };
        for superseded in made.superseded() {
            for line in &superseded.lines {
                let (key, present) = self.use_up(superseded.reservation, line, false)?;
                *changes.entry(key).or_default() -= i64::from(present);
            }
            self.end(superseded.reservation, &[Life::Held], Life::Cancelled)?;
        }
        let id = ReservationId(at.seq);
        if let Some(arranged) = made.arranged {
            self.dock.check_waits(&self.law, id, at.time, arranged)?;
        }
        self.dock.check_orders(&self.law, made, at)?;
        let mut audited = Audited {
            lines: Vec::new(),
            terms: made.terms.to_vec(),
            state: None,
            channel: reserved.channel,
            orders: made.orders().iter().copied().collect(),
        };
        for (number, line) in (0..).zip(&reserved.lines) {
            let key = (line.cell.sku, line.cell.location);
            if line.quantity > line.requested {
                return Err(format!("{} units were promised where {} were asked for", line.quantity, line.requested));
            }
            let wait = made.waits().iter().find(|wait| wait.line == number);
            let waiting = wait.map(|wait| wait.quantity);
            *changes.entry(key).or_default() += i64::from(line.quantity - waiting.unwrap_or(0));
            audited.lines.push(AuditedLine { key, quantity: line.quantity, collected: 0, waiting });
        }
        for (line, terms) in reserved.lines.iter().zip(&audited.terms) {
            self.law.count(&terms.charges, line.cell.sku, line.quantity.into(), 0);
        }
        audited.state = Some(if reserved.confirmed { Life::Confirmed } else { Life::Held });
        for (key, change) in changes.iter().filter(|(key, change)| **change != 0 || stated.contains_key(*key)) {
            let (before, safety_stock) = self.cells.get(key).copied().unwrap_or_default();
            if *change > 0 {
                let held_back = self.law.held_back(*key, reserved.channel, before, safety_stock)?;
                self.check_promise(*key, *change, before, held_back, "were promised")?;
            }
            let stated = stated.get(key).ok_or("a promised cell is not among the cells of its record")?;
            let on_hand = i64::from(before.on_hand) + conjured(&self.law, *key, *change);
            self.state_level(stated, on_hand, i64::from(before.reserved) + change)?;
        }
        self.reservations.insert(id, audited);
        Ok(())
    }

    /// No channel gets an id that another one has.
    fn define(&mut self, names: &Definitions) -> Result<(), String> {
        for (id, name) in &names.channels {
            if let Some(other) = self.channels.insert(*id, name.clone()).filter(|other| other != name) {
                return Err(format!("the channel {name} got an id that the channel {other} has"));
            }
        }
        Ok(())
    }

    /// Whether a SKU is counted changes while none of its cells holds anything.
    fn check_tracking(&self, rows: &[(SkuId, bool)]) -> Result<(), String> {
        for (sku, tracked) in rows {
            if self.law.is_tracked(*sku) == *tracked {
                return Err("a SKU came to be counted, or not to be, as it was already".into());
            }
            let mut row = self.cells.range((*sku, LocationId(0))..=(*sku, LocationId(u32::MAX)));
            if row.any(|(_, (level, _))| level.is_stocked()) {
                return Err("it changed whether a SKU is counted while a cell of it held something".into());
            }
        }
        Ok(())
    }

    /// Units are promised in a cell: they are free, or nobody counts them. Of those there is exactly what is promised.
    fn check_promise(
        &mut self,
        (sku, location): (SkuId, LocationId),
        units: i64,
        before: StockLevel,
        held_back: i64,
        verb: &str,
    ) -> Result<(), String> {
        if self.law.is_tracked(sku) {
            return self.check_floor(units, before, held_back, verb);
        }
        if self.quarantines.contains_key(&location) {
            return Err(format!("units that nobody counts {verb} in a quarantine"));
        }
        match before.free() {
            0 => Ok(()),
            free => Err(format!("{free} units are free of what nobody counts")),
        }
    }

    /// A location has one quarantine, and a quarantine none of its own.
    fn open_quarantines(&mut self, rows: &[(LocationId, LocationId)]) -> Result<(), String> {
        for (quarantine, of) in rows {
            if self.quarantines.values().any(|other| other == of) || self.quarantines.contains_key(of) {
                return Err("a location got a second quarantine, or a quarantine one of its own".into());
            }
            self.quarantines.insert(*quarantine, *of);
        }
        Ok(())
    }

    /// What is retired holds nothing, and nothing holds it.
    fn retire(&mut self, names: &Definitions) -> Result<(), String> {
        let is_open = |audited: &&Audited| audited.state.is_some_and(|state| state.is_open());
        for (sku, name) in &names.skus {
            let mut row = self.cells.range((*sku, LocationId(0))..=(*sku, LocationId(u32::MAX)));
            if row.any(|(_, (level, _))| level.is_stocked()) {
                return Err(format!("the SKU {name} was retired with stock"));
            }
        }
        for (location, name) in &names.locations {
            if self.cells.iter().any(|((_, at), (level, _))| at == location && level.is_stocked()) {
                return Err(format!("the location {name} was retired with stock"));
            }
        }
        for (channel, name) in &names.channels {
            if self.reservations.values().filter(is_open).any(|audited| audited.channel == *channel) {
                return Err(format!("the channel {name} was retired while units are promised through it"));
            }
        }
        self.retired.extend(names.skus.iter().map(|(id, _)| (ThingKind::Sku, id.0)));
        self.retired.extend(names.locations.iter().map(|(id, _)| (ThingKind::Location, id.0)));
        self.retired.extend(names.groups.iter().map(|(id, _)| (ThingKind::Group, id.0)));
        self.retired.extend(names.channels.iter().map(|(id, _)| (ThingKind::Channel, id.0)));
        Ok(())
    }

    /// What comes back was retired.
    fn revive(&mut self, names: &Definitions) -> Result<(), String> {
        let mut back = |kind: ThingKind, id: u32, name: &Name| match self.retired.remove(&(kind, id)) {
            true => Ok(()),
            false => Err(format!("the {} {name} came back and was not retired", kind.as_str())),
        };
        for (id, name) in &names.channels {
            self.channels.insert(*id, name.clone());
        }
        names.skus.iter().try_for_each(|(id, name)| back(ThingKind::Sku, id.0, name))?;
        names.locations.iter().try_for_each(|(id, name)| back(ThingKind::Location, id.0, name))?;
        names.groups.iter().try_for_each(|(id, name)| back(ThingKind::Group, id.0, name))?;
        names.channels.iter().try_for_each(|(id, name)| back(ThingKind::Channel, id.0, name))
    }

    /// An id that is given back is one of a channel that nobody declared, through which nothing is promised.
    fn release(&mut self, names: &Definitions) -> Result<(), String> {
        for (id, name) in &names.channels {
            if self.channels.remove(id).as_ref() != Some(name) {
                return Err(format!("the channel {name} gave an id back that it does not have"));
            }
            if self.law.is_declared(*id) {
                return Err(format!("the channel {name} is declared, and gave its id back"));
            }
            let is_open = |audited: &&Audited| audited.state.is_some_and(|state| state.is_open());
            if self.reservations.values().filter(is_open).any(|audited| audited.channel == *id) {
                return Err(format!("the channel {name} gave its id back while units are promised through it"));
            }
        }
        Ok(())
    }

    /// Every line of a promise stands where it was asked for, counts against the quotas that hold there, and takes
    /// nothing that they keep for others.
    fn check_terms(&mut self, made: Made<'_>) -> Result<(), String> {
        let (reserved, terms) = (made.reserved, made.terms);
        for (at, line) in reserved.lines.iter().enumerate() {
            let group = terms.get(at).and_then(|terms| terms.group).filter(|_| line.quantity > 0);
            if group.is_some_and(|group| !self.law.is_in(line.cell.location, group)) {
                return Err("units were promised outside the group that they were asked of".into());
            }
        }
        if !self.law.has_quotas() {
            return Ok(());
        }
        // What the replaced hold gives back counts as given back before anything is taken.
        let mut cells: BTreeMap<SkuId, Vec<(LocationId, StockLevel, i64)>> = BTreeMap::new();
        let mut planned = Planned::new();
        let mut given_back: BTreeMap<(SkuId, LocationId), u32> = BTreeMap::new();
        let lines = made.superseded().flat_map(|old| old.lines.iter().map(|line| (old.reservation, line)));
        for (old, line) in lines {
            let old = self.reservations.get(&old);
            let terms = old.and_then(|old| old.terms.get(usize::from(line.line)));
            let waiting = old.and_then(|old| old.lines.get(usize::from(line.line))?.waiting).unwrap_or(0);
            *given_back.entry((line.cell.sku, line.cell.location)).or_default() +=
                line.quantity - waiting.min(line.quantity);
            for (rule, since) in terms.iter().flat_map(|terms| &terms.charges) {
                *planned.entry((*rule, *since, line.cell.sku)).or_default() -= i64::from(line.quantity);
            }
        }
        for (at, line) in reserved.lines.iter().enumerate() {
            let (sku, location) = (line.cell.sku, line.cell.location);
            let charges = self.law.charges(sku, location, reserved.channel);
            let stated = terms.get(at).map(|terms| terms.charges.clone()).unwrap_or_default();
            if line.quantity > 0 && charges != stated {
                return Err(format!("a line counts against {stated:?}, and {charges:?} hold for it"));
            }
            let row = cells.entry(sku).or_insert_with(|| {
                let row = self.cells.range((sku, LocationId(0))..=(sku, LocationId(u32::MAX)));
                row.map(|((_, at), (level, own))| {
                    let back = given_back.get(&(sku, *at)).copied().unwrap_or(0);
                    let level = StockLevel { reserved: level.reserved.saturating_sub(back), ..*level };
                    (*at, level, self.law.held_back_from_all((sku, *at), level, *own))
                })
                .collect()
            });
            let own_units = given_back.get(&(sku, location)).copied().unwrap_or(0);
            let wait = made.waits().iter().find(|wait| usize::from(wait.line) == at);
            let present = line.quantity - wait.map_or(0, |wait| wait.quantity);
            if present > own_units {
                self.law.check_quotas((sku, location), reserved.channel, present.into(), row, &planned)?;
            }
            for (rule, since) in &charges {
                *planned.entry((*rule, *since, sku)).or_default() += i64::from(line.quantity);
            }
            if let Some((_, level, _)) = row.iter_mut().find(|(at, ..)| *at == location) {
                level.reserved += present;
            }
        }
        Ok(())
    }

    /// Units of a reservation move: they were its own, the cells add up, and there was room where they came to.
    fn check_rebound(&mut self, event: &Rebound) -> Result<(), String> {
        let id = event.reservation;
        let held = self.reservations.get(&id).ok_or_else(|| format!("reservation {} is unknown", id.0))?;
        let channel = held.channel;
        if !matches!(held.state, Some(Life::Held | Life::Confirmed)) {
            return Err(format!("a reservation that is {:?} was moved", held.state));
        }
        let mut changes: BTreeMap<(SkuId, LocationId), (i64, Option<CellAfter>)> = BTreeMap::new();
        for moved in &event.moves {
            let (from, to) = ((moved.from.sku, moved.from.location), (moved.to.sku, moved.to.location));
            let held = self.reservations.get_mut(&id).ok_or("it is gone")?;
            let line = held.lines.get(usize::from(moved.line)).ok_or("it has no such line")?;
            let (line, units) = (*line, moved.quantity);
            if line.key != from || line.present() < units || from.0 != to.0 {
                return Err(format!("{units} units moved that the line does not have there"));
            }
            let whole = line.quantity == units && line.collected == 0 && line.waiting.unwrap_or(0) == 0;
            let of = held.terms.get(usize::from(moved.line)).cloned();
            let joins = of.as_ref().is_some_and(|terms| terms.is_unbound() && event.bound.is_empty());
            let other = (0..held.lines.len()).find(|at| {
                let other = held.lines.get(*at).filter(|_| *at != usize::from(moved.line) && joins);
                other.is_some_and(|other| other.key == to && other.collected == 0 && other.waiting.is_none())
                    && held.terms.get(*at) == of.as_ref()
            });
            match other.and_then(|at| held.lines.get_mut(at)) {
                Some(other) => {
                    other.quantity += units;
                    if let Some(line) = held.lines.get_mut(usize::from(moved.line)) {
                        line.quantity -= units;
                    }
                }
                None if whole => held.lines.get_mut(usize::from(moved.line)).ok_or("it has no such line")?.key = to,
                None => {
                    held.lines.get_mut(usize::from(moved.line)).ok_or("it has no such line")?.quantity -= units;
                    held.lines.push(AuditedLine { key: to, quantity: units, collected: 0, waiting: None });
                    held.terms.extend(of);
                }
            }
            let of = held.terms.get(usize::from(moved.line)).filter(|terms| terms.is_unbound());
            let public = event.bound.contains(&moved.line) || event.bound.contains(&(held.lines.len() as u16 - 1));
            if let Some(group) = of.and_then(|terms| terms.group).filter(|_| !public)
                && !self.law.is_in(to.1, group)
            {
                return Err("units that were asked of a group moved out of it".into());
            }
            for (key, cell, sign) in [(from, moved.from, -1), (to, moved.to, 1)] {
                let change = changes.entry(key).or_default();
                change.0 += sign * i64::from(units);
                change.1 = Some(cell);
            }
        }
        let held = self.reservations.get_mut(&id).ok_or("it is gone")?;
        for line in &event.bound {
            let terms = held.terms.get_mut(usize::from(*line)).ok_or("a line was bound that has no terms")?;
            if !terms.is_unbound() {
                return Err("a line was bound that was not open".into());
            }
            terms.bound = true;
        }
        for (key, (change, after)) in changes {
            let (before, safety_stock) = self.cells.get(&key).copied().unwrap_or_default();
            if change > 0 {
                let held_back = self.law.held_back(key, channel, before, safety_stock)?;
                self.check_promise(key, change, before, held_back, "came to")?;
            }
            let stated = after.ok_or("a cell is not among those of its record")?;
            let conjured = if self.law.is_tracked(key.0) { 0 } else { change };
            self.state_level(&stated, i64::from(before.on_hand) + conjured, i64::from(before.reserved) + change)?;
        }
        Ok(())
    }

    fn level(&self, key: (SkuId, LocationId)) -> StockLevel {
        self.cells.get(&key).map(|(level, _)| *level).unwrap_or_default()
    }

    fn check_moved(&mut self, row: &Moved) -> Result<(), String> {
        let before = self.level((row.cell.sku, row.cell.location));
        let is_noted = row.absorbed && matches!(row.kind, MovementKind::Sale | MovementKind::Return);
        if !is_noted && !self.law.is_tracked(row.cell.sku) {
            return Err("stock moved of what nobody counts".into());
        }
        let change = if row.absorbed { 0 } else { row.change };
        let is_inside = self.quarantines.contains_key(&row.cell.location);
        if is_inside != (row.cell.safety_stock == IN_QUARANTINE) {
            return Err("what is in quarantine is free, or what is not is not".into());
        }
        if matches!(row.kind, MovementKind::ReturnToInspect | MovementKind::ReturnDamaged) && !is_inside {
            return Err("a return that somebody has to look at is not in quarantine".into());
        }
        if row.created {
            self.cells.entry((row.cell.sku, row.cell.location)).or_default().1 = row.cell.safety_stock;
        }
        self.state_level(&row.cell, i64::from(before.on_hand) + change, before.reserved.into())
    }

    /// Compares a stated level with the computed one, and keeps it.
    fn state_level(&mut self, stated: &CellAfter, on_hand: i64, reserved: i64) -> Result<(), String> {
        let (said_on_hand, said_reserved) = (i64::from(stated.level.on_hand), i64::from(stated.level.reserved));
        if (said_on_hand, said_reserved) != (on_hand, reserved) {
            return Err(format!(
                "a cell is told to hold {said_on_hand} with {said_reserved} reserved, and the quantities lead to {on_hand} with {reserved}"
            ));
        }
        self.cells.entry((stated.sku, stated.location)).or_default().0 = stated.level;
        Ok(())
    }

    /// What came went to those who waited, and is among the reserved units of its cell from here on.
    fn check_fills(&mut self, fills: &[Fill]) -> Result<(), String> {
        let mut changes: BTreeMap<(SkuId, LocationId), (i64, CellAfter)> = BTreeMap::new();
        self.dock.check_fills(fills)?;
        for fill in fills {
            let held = self.reservations.get_mut(&fill.reservation).ok_or("a promise was filled that is not there")?;
            let line = held.lines.get_mut(usize::from(fill.line)).ok_or("it has no such line")?;
            line.waiting = line.waiting.map(|waiting| waiting - fill.quantity);
            let change = changes.entry(line.key).or_insert((0, fill.cell));
            change.0 += i64::from(fill.quantity);
        }
        for (key, (units, stated)) in changes {
            let before = self.level(key);
            self.state_level(&stated, before.on_hand.into(), i64::from(before.reserved) + units)?;
        }
        Ok(())
    }

    /// Units of a line were handed over or given back: its cell, and the units of them that were there.
    fn use_up(
        &mut self,
        id: ReservationId,
        line: &LineChange,
        collected: bool,
    ) -> Result<((SkuId, LocationId), u32), String> {
        let reservation = self.reservations.get_mut(&id).ok_or_else(|| format!("reservation {} is unknown", id.0))?;
        let held =
            reservation.lines.get_mut(usize::from(line.line)).ok_or_else(|| format!("it has no line {}", line.line))?;
        let left = if collected { held.present() } else { held.quantity - held.collected };
        if line.quantity > left {
            return Err(format!("{} units of a line that has {left} left", line.quantity));
        }
        let units = i64::from(line.quantity);
        let counts = if collected {
            held.collected += line.quantity;
            (0, units)
        } else {
            held.quantity -= line.quantity;
            (-units, 0)
        };
        // What is to come is given back first.
        let waited = held.waiting.map_or(0, |waiting| waiting.min(line.quantity)) * u32::from(!collected);
        held.waiting = held.waiting.map(|waiting| waiting - waited);
        let key = held.key;
        self.dock.stop_waiting(key, id, line.line, waited);
        if let Some(terms) = reservation.terms.get(usize::from(line.line)) {
            if collected && terms.is_unbound() {
                return Err("units were handed over whose location was open".into());
            }
            self.law.count(&terms.charges, key.0, counts.0, counts.1);
        }
        Ok((key, line.quantity - waited))
    }

    fn use_up_lines(&mut self, id: ReservationId, lines: &[LineChange], collected: bool) -> Result<(), String> {
        let mut changes: BTreeMap<(SkuId, LocationId), (i64, CellAfter)> = BTreeMap::new();
        for line in lines {
            let (key, present) = self.use_up(id, line, collected)?;
            let (sum, after) = changes.entry(key).or_insert((0, line.cell));
            *sum += i64::from(present);
            *after = line.cell;
        }
        for (key, (units, stated)) in changes {
            let before = self.level(key);
            // What nobody counts is gone with its promise either way.
            let leaves = collected || !self.law.is_tracked(key.0);
            let on_hand = i64::from(before.on_hand) - if leaves { units } else { 0 };
            self.state_level(&stated, on_hand, i64::from(before.reserved) - units)?;
        }
        Ok(())
    }

    /// A step after which the reservation ends if nothing is left of it.
    fn step(&mut self, id: ReservationId, from: &[Life], to: Option<Life>, empty: Life) -> Result<(), String> {
        let reservation = self.reservations.get(&id).ok_or_else(|| format!("reservation {} is unknown", id.0))?;
        let left = reservation.lines.iter().any(|line| line.quantity > line.collected);
        let some_collected = reservation.lines.iter().any(|line| line.collected > 0);
        let end = match (to, left) {
            (Some(to), _) => to,
            (None, true) => reservation.state.unwrap_or(empty),
            (None, false) if some_collected => Life::Collected,
            (None, false) => empty,
        };
        self.end(id, from, end)
    }

    fn end(&mut self, id: ReservationId, from: &[Life], to: Life) -> Result<(), String> {
        let reservation = self.reservations.get_mut(&id).ok_or_else(|| format!("reservation {} is unknown", id.0))?;
        match reservation.state {
            Some(state) if from.contains(&state) => {
                reservation.state = Some(to);
                if matches!(to, Life::Cancelled | Life::Expired) {
                    self.dock.forget_orders(&reservation.orders);
                }
                Ok(())
            }
            state => Err(format!("a reservation that is {state:?} became {to:?}")),
        }
    }

    /// Compares what was added up with what the engine's own fold of the log holds, with nothing in flight.
    ///
    /// # Errors
    /// Where they differ.
    pub fn compare(&self, state: &State) -> Result<(), String> {
        let mut reserved: BTreeMap<(SkuId, LocationId), i64> = BTreeMap::new();
        for line in self.reservations.values().flat_map(|reservation| &reservation.lines) {
            *reserved.entry(line.key).or_default() += i64::from(line.present());
        }
        for ((sku, location), (level, safety_stock)) in &self.cells {
            let promised = reserved.get(&(*sku, *location)).copied().unwrap_or_default();
            if promised != i64::from(level.reserved) {
                return Err(format!("a cell has {} reserved, and its reservations {promised}", level.reserved));
            }
            let Some(cell) = state.matrix.get(*sku, *location) else {
                return Err("a cell is missing in memory".into());
            };
            if cell.durable() != *level || cell.safety_stock() != *safety_stock {
                return Err(format!("memory holds {:?} for a cell, and the log leads to {level:?}", cell.durable()));
            }
            if cell.promised() != *level {
                return Err(format!("{:?} may be promised of a cell that holds {level:?}", cell.promised()));
            }
        }
        if self.cells.len() != state.cells() as usize {
            return Err(format!("memory has {} cells, and the log {}", state.cells(), self.cells.len()));
        }
        if let Some(part) = state.hash.sums().differs_in(&state.hash_anew()) {
            return Err(format!("the state hash of {} is not that of what memory holds", part.as_str()));
        }
        let counted = state.ledger().quotas();
        let counted = counted.iter().map(|(of, used)| ((of.rule, of.since, of.sku), (used.promised, used.handed_over)));
        let counted: BTreeMap<_, _> = counted.collect();
        let skus = (0..state.catalogue.skus.count()).map(SkuId);
        if skus.into_iter().any(|sku| self.law.is_tracked(sku) != state.catalogue.is_tracked(sku)) {
            return Err("memory and log disagree on which SKUs are counted".into());
        }
        if self.retired != retired_now(state) {
            return Err("memory and log disagree on what is retired".into());
        }
        self.law.compare(&counted)?;
        self.dock.compare(state)?;
        for (id, audited) in &self.reservations {
            let known = state.reservations.get(*id).map(|reservation| Audited::from(reservation.as_ref()));
            let differs = |known: &Audited| {
                (&known.lines, known.state, &known.terms, &known.orders)
                    != (&audited.lines, audited.state, &audited.terms, &audited.orders)
            };
            if known.as_ref().is_some_and(differs) {
                return Err(format!("memory and log disagree on reservation {}", id.0));
            }
        }
        Ok(())
    }
}

impl From<&Reservation> for Audited {
    fn from(reservation: &Reservation) -> Self {
        let line = |line: &crate::reservations::Line| AuditedLine {
            key: (line.sku, line.location),
            quantity: line.quantity,
            collected: line.collected,
            waiting: line.wait.as_deref().map(|wait| wait.units),
        };
        Self {
            lines: reservation.lines.iter().map(line).collect(),
            terms: match reservation.is_counted() {
                true => {
                    reservation.lines.iter().map(|line| line.terms.as_deref().cloned().unwrap_or_default()).collect()
                }
                false => Vec::new(),
            },
            state: Some(reservation.state),
            channel: reservation.channel,
            orders: reservation.orders.clone(),
        }
    }
}

/// Replays the log in `directory` and checks it, record by record.
///
/// # Errors
/// The first violation, or why the log cannot be read.
pub fn verify(directory: &Path, allowances: Allowances) -> Result<Proof, VerifyError> {
    let directory = DataDirectory::open_existing(directory)?;
    let mut auditor = Auditor::that_notes_low_floors();
    let mut violation = None;
    let mut checked_after = 0;
    let (state, _, journal, report) = recover(
        &directory,
        &Settings { idempotency_bytes: u64::MAX, closed_reservation_bytes: u64::MAX, ..Settings::default() },
        LogOptions::default(),
        Reading::Whole,
        &mut |state: &State, image: Option<Seq>, batch: &Batch| {
            if auditor.next_seq.is_none() && batch.first_seq > 1 {
                // The beginning was trimmed. From the end of the image on, what was replayed so far is exact.
                if image.is_none_or(|end_seq| batch.first_seq <= end_seq) {
                    return Ok(());
                }
                checked_after = batch.first_seq - 1;
                auditor.start_from(state, checked_after);
            }
            if violation.is_some() {
                return Ok(());
            }
            let records = journal::records(batch)?;
            for record in &records {
                if let Err(what) = auditor.check(record) {
                    violation = Some(VerifyError::Violation { seq: record.seq, what });
                    break;
                }
            }
            Ok(())
        },
    )?;
    drop(journal);
    if let Some(violation) = violation {
        return Err(violation);
    }
    let seq = state.view.seq();
    if auditor.next_seq.is_none() && seq > 0 {
        checked_after = seq;
        auditor.start_from(&state, seq);
    }
    auditor.compare(&state).map_err(|what| VerifyError::Violation { seq, what })?;
    if !auditor.low_floors.is_empty() && !allowances.floor_kept_too_little {
        return Err(VerifyError::FloorKeptTooLittle(auditor.low_floors));
    }
    let sums = state.hash.sums();
    let reserved = auditor.cells.values().map(|(level, _)| u64::from(level.reserved)).sum();
    Ok(Proof {
        epoch: directory.epoch(),
        seq,
        records_checked: auditor.records,
        checked_after,
        cells: auditor.cells.len() as u64,
        open_reservations: state.reservations.open() as u64,
        reserved,
        shortages: state.shortage_count() as u64,
        report,
        state_hash: sums.all(),
        sums,
        floor_kept_too_little: auditor.low_floors,
    })
}
