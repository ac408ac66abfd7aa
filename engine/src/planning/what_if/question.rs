//! The question and the report of a replay, and facts of the log about a span.

use std::collections::BTreeMap;

use crate::effect::{Effect, Step};
use crate::event::Record;
use crate::ids::{ChannelId, GroupId, LocationId, Name, ReservationId, Seq, SkuId, Timestamp};
use crate::level::{StockChange, StockLevel};
use crate::reservations::promise::LineChange;
use crate::rules::command::RuleFields;
use crate::rules::{Conditions, Rule};
use crate::state::DurableState;

/// The changes to try, and the span.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// Records after this one.
    pub after: Seq,
    /// Up to this record; to the end if left out.
    pub until: Option<Seq>,
    /// Records from this time on.
    pub from: Option<Timestamp>,
    /// Records up to this time.
    pub to: Option<Timestamp>,
    /// Rules that replace those with the same name, or are added; `None` removes one.
    pub rules: Vec<(Name, Option<RuleFields>)>,
    /// Units to add or remove when the span begins.
    pub stock: Vec<(SkuId, LocationId, i64)>,
}

/// Granted and refused requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Lines that got units.
    pub accepted: u64,
    /// Units that they got.
    pub accepted_units: u64,
    /// Lines that got nothing.
    pub refused: u64,
    /// Requested units that were not granted.
    pub lost_units: u64,
}

impl Tally {
    /// Adds a line that requested `asked` and got `got`; or more units of a line that is counted already.
    pub(super) fn count(&mut self, asked: u64, got: u64, is_line: bool) {
        self.accepted += u64::from(is_line && got > 0);
        self.refused += u64::from(is_line && got == 0 && asked > 0);
        self.accepted_units += got;
        self.lost_units += asked - got.min(asked);
    }

    fn plus(self, other: Self) -> Self {
        Self {
            accepted: self.accepted + other.accepted,
            accepted_units: self.accepted_units + other.accepted_units,
            refused: self.refused + other.refused,
            lost_units: self.lost_units + other.lost_units,
        }
    }
}

/// A location and channel of requests. Granted units of a group count at their location; refused ones have none.
pub type TallyKey = (Option<LocationId>, ChannelId);

/// The counts, by location.
pub type Tallies = BTreeMap<TallyKey, Tally>;

/// The actual and the computed result.
#[derive(Debug, Clone, Default)]
pub struct WhatIfReport {
    /// The first record of the span.
    pub first: Seq,
    /// The last record.
    pub last: Seq,
    /// The number of records.
    pub records: u64,
    /// The actual result, by location.
    pub actual: Tallies,
    /// The replay without changes: as close to the actual result as a replay gets.
    pub replayed: Tallies,
    /// The replay with the changes.
    pub what_if: Tallies,
    /// The oldest record in the log: the content of a rule before it is unknown if the rule changed since.
    pub oldest: Seq,
}

impl WhatIfReport {
    /// All locations together.
    pub fn sum(of: &Tallies) -> Tally {
        of.values().copied().fold(Tally::default(), Tally::plus)
    }
}

impl Question {
    /// Whether a record is in the span, or after it.
    pub(super) fn reaches(&self, record: &Record) -> bool {
        record.seq > self.after && self.from.is_none_or(|from| record.time >= from)
    }

    /// The tried rules, with today's ids. Rules about unknown names never apply.
    pub(super) fn tried(&self, state: &DurableState) -> Vec<(Name, Option<Rule>)> {
        let rule = |fields: &RuleFields| {
            conditions(state, fields).map(|conditions| Rule {
                conditions,
                effect: fields.effect,
                starts_at: fields.starts_at,
                ends_at: fields.ends_at,
            })
        };
        self.rules.iter().map(|(name, fields)| (name.clone(), fields.as_ref().and_then(rule))).collect()
    }
}

/// Converts names to ids; `None` if a list has only unknown names.
pub(super) fn conditions(state: &DurableState, fields: &RuleFields) -> Option<Conditions> {
    fn known<I>(names: &[Name], id: impl Fn(&str) -> Option<I>) -> Option<Vec<I>> {
        let found: Vec<I> = names.iter().filter_map(|name| id(name.as_str())).collect();
        (names.is_empty() || !found.is_empty()).then_some(found)
    }
    let catalogue = &state.catalogue;
    let mut conditions = Conditions {
        skus: known(&fields.skus, |name| catalogue.skus.id(name))?,
        categories: fields.categories.clone(),
        attributes: fields.attributes.clone(),
        locations: known(&fields.locations, |name| catalogue.locations.id(name))?,
        groups: known(&fields.groups, |name| catalogue.groups.id(name))?,
        kinds: fields.kinds.clone(),
        channels: known(&fields.channels, |name| catalogue.channels.id(name))?,
    };
    conditions.normalise();
    Some(conditions)
}

/// Every cell before its first change in the span.
#[derive(Debug, Clone, Default)]
pub(super) struct Before {
    pub(super) cells: BTreeMap<(SkuId, LocationId), (StockLevel, u32)>,
    /// `tracked` of SKUs before its first change in the log.
    pub(super) tracking: BTreeMap<SkuId, bool>,
    /// The first record of the span; 0 before it is found.
    pub(super) first: Seq,
}

/// Changes of `tracked`: when, and the new value.
pub(super) type Tracking = BTreeMap<SkuId, Vec<(Seq, bool)>>;

/// Whether a SKU was tracked at a record: the last change up to there decides, otherwise the opposite of the first
/// later one.
pub(super) fn at(tracking: &Tracking, sku: SkuId, seq: Seq) -> bool {
    let changes = tracking.get(&sku).map_or(&[][..], Vec::as_slice);
    let known = changes.iter().rev().find(|(since, _)| *since <= seq).map(|(_, now)| *now);
    known.unwrap_or_else(|| changes.first().is_none_or(|(_, now)| !now))
}

impl Before {
    pub(super) fn see(&mut self, state: &DurableState, record: &Record, tracking: &Tracking) {
        // A SKU without any change in the log has its current value.
        let is_tracked = |sku: SkuId| match tracking.contains_key(&sku) {
            true => at(tracking, sku, record.seq),
            false => state.catalogue.is_tracked(sku),
        };
        for ((sku, location), (after, safety_stock, change)) in changes(state, record, &is_tracked) {
            self.cells.entry((sku, location)).or_insert_with(|| {
                let before = after.checked_add(change.inverse()).unwrap_or(after);
                (before, safety_stock)
            });
        }
    }
}

/// The cells that a record changed: each after it, with its safety stock, and the difference.
pub(super) fn changes(
    state: &DurableState,
    record: &Record,
    is_tracked: &dyn Fn(SkuId) -> bool,
) -> BTreeMap<(SkuId, LocationId), (StockLevel, u32, StockChange)> {
    let promise = |sku: SkuId, units: u32| match is_tracked(sku) {
        true => StockChange::reserve(units),
        false => StockChange::conjure(units),
    };
    let mut changes: BTreeMap<(SkuId, LocationId), (StockLevel, u32, StockChange)> = BTreeMap::new();
    record.event.for_each_cell(|cell| {
        changes.insert((cell.sku, cell.location), (cell.level, cell.safety_stock, StockChange::NONE));
    });
    let mut add = |key: (SkuId, LocationId), change: StockChange| {
        if let Some((_, _, sum)) = changes.get_mut(&key) {
            sum.on_hand += change.on_hand;
            sum.reserved += change.reserved;
        }
    };
    record.event.effects(|effect| match effect {
        Effect::Moved(_, row) if !row.absorbed => {
            add((row.cell.sku, row.cell.location), StockChange::bring(row.change));
        }
        Effect::Counted(_, row) if !row.outdated => {
            let difference = i64::from(row.counted) - i64::from(row.expected);
            add((row.cell.sku, row.cell.location), StockChange::bring(difference));
        }
        Effect::HandedOver(_, line, _) => {
            let units = -i64::from(line.quantity);
            add((line.cell.sku, line.cell.location), StockChange { on_hand: units, reserved: units });
        }
        Effect::Filled(fills) => {
            for fill in fills {
                add((fill.cell.sku, fill.cell.location), StockChange::reserve(fill.quantity));
            }
        }
        Effect::Promise(Step::Made(made)) => {
            for (number, line) in (0..).zip(&made.reserved.lines) {
                let waits = made.waits().iter().find(|wait| wait.line == number);
                let present = line.quantity - waits.map_or(0, |wait| wait.quantity);
                add((line.cell.sku, line.cell.location), promise(line.cell.sku, present));
            }
        }
        Effect::Promise(Step::Reallocated(reallocated)) => {
            for moved in &reallocated.moves {
                add((moved.from.sku, moved.from.location), promise(moved.from.sku, moved.quantity).inverse());
                add((moved.to.sku, moved.to.location), promise(moved.to.sku, moved.quantity));
            }
        }
        Effect::Promise(step) => {
            let (Some(id), Some(given_back)) = (step.reservation(), step.given_back()) else { return };
            for (line, present) in given_back.iter().zip(present_units(state, id, record.seq, given_back)) {
                add((line.cell.sku, line.cell.location), promise(line.cell.sku, present).inverse());
            }
        }
        Effect::Cell(..)
        | Effect::Moved(..)
        | Effect::Counted(..)
        | Effect::CountsConfirmed(_)
        | Effect::Shortage(..)
        | Effect::Dated(_)
        | Effect::Inbound(_)
        | Effect::Rules(_)
        | Effect::Names(_)
        | Effect::Described(_)
        | Effect::Refused(..)
        | Effect::Receipt(_)
        | Effect::Cart(_)
        | Effect::Order(..)
        | Effect::Sales(_) => {}
    });
    changes
}

/// For each line, the units on hand among the cancelled ones.
pub(super) fn present_units(state: &DurableState, id: ReservationId, seq: Seq, lines: &[LineChange]) -> Vec<u32> {
    let known = state.reservations.get(id);
    let waited = known.filter(|known| known.lines.iter().any(|line| line.wait.is_some()));
    // Only a reservation with inbound units must be rebuilt as it was.
    let waited = waited.map(|known| known.as_of(seq - 1));
    let present = |line: &LineChange| match &waited {
        Some(held) => held.lines.get(usize::from(line.line)).map_or(line.quantity, |of| of.present_of(line.quantity)),
        None => line.quantity,
    };
    lines.iter().map(present).collect()
}

/// Today's members of a group.
pub(super) fn members(state: &DurableState, group: GroupId) -> Vec<LocationId> {
    let mut members = state.catalogue.groups.details_or_default(group).locations;
    members.sort_by_cached_key(|location| (state.catalogue.groups_of(*location).len(), *location));
    members
}
