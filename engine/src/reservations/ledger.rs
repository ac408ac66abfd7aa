//! Counters derived from reservations: quota usage, unallocated units, backorders with inbound supply, and orders per
//! day of a location.
//!
//! Everything except supply follows from the reservations, so each record's change of a reservation updates the ledger.
//! There are two ledgers: one in the durable view, and one that the journal thread keeps ahead of it for decisions; if
//! a batch fails, the second is copied from the first.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::catalogue::business_time::HORIZON_DAYS;
use crate::effect::{At, Inbound};
use crate::ids::{ChannelId, GroupId, LocationId, ReservationId, Seq, SkuId, Timestamp};
use crate::reservations::promise::{OrderDay, Purpose, QueuePosition};
use crate::reservations::{Reservation, ReservationState};
use crate::rules::RuleId;
use crate::supply::received::{SupplySet, SupplyUsed};
use crate::supply::{Came, Supply, SupplyOutlook, Waiting};

/// The key of a quota count: each SKU, and each activation of the quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Counted {
    /// The quota.
    pub rule: RuleId,
    /// The `seq` of its activation.
    pub since: Seq,
    /// The SKU.
    pub sku: SkuId,
}

/// The usage of a quota.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// The record of the last change.
    pub seq: Seq,
    /// Promised units that were not cancelled.
    pub promised: i64,
    /// Units of them that were collected.
    pub handed_over: i64,
}

/// Unallocated promises in one cell, by group, channel and purpose.
pub type Open = BTreeMap<(GroupId, ChannelId, Purpose), OpenUnits>;

/// Promises of one group, one channel, one purpose and one cell.
#[derive(Debug, Clone, Default)]
pub struct OpenUnits {
    /// All of their units.
    pub units: i64,
    /// The units, by line.
    pub lines: BTreeMap<(ReservationId, u16), u32>,
}

/// The counts.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    quotas: FxHashMap<Counted, Used>,
    /// Cells of one SKU are adjacent.
    open: BTreeMap<(SkuId, LocationId), Open>,
    outlooks: BTreeMap<(SkuId, LocationId), SupplyOutlook>,
    /// Cells of a location with inbound supply or backorders.
    to_come_at: FxHashMap<LocationId, u64>,
    /// Unallocated lines, by group.
    open_lines: FxHashMap<GroupId, u64>,
    /// Cells with promises that are reported as at risk.
    risky: BTreeSet<(SkuId, LocationId)>,
    /// When backorders that are not at risk will be overdue.
    due: BTreeSet<(Timestamp, QueuedAt)>,
    /// Orders per day and location.
    orders: FxHashMap<OrderDay, i64>,
    /// The latest of those days.
    latest_day: i32,
    /// Arrived units of supplies.
    came: FxHashMap<CameKey, Came>,
    /// The arrivals in time order.
    remembered: VecDeque<(Timestamp, CameKey)>,
}

/// A supply of a cell: its SKU, its location, and a digest of its name.
pub type CameKey = (SkuId, LocationId, u64);

/// Supplies whose arrivals are remembered; beyond, the oldest are dropped. Each costs about 100 bytes, in the durable
/// view and again in the draft.
const CAME_MAX: usize = 500_000;

fn came_key(sku: SkuId, location: LocationId, name: &str) -> CameKey {
    let digest = blake3::hash(name.as_bytes());
    let (head, _) = digest.as_bytes().split_first_chunk().unwrap_or((&[0; 8], &[]));
    (sku, location, u64::from_le_bytes(*head))
}

/// A queue position at a cell.
type QueuedAt = (SkuId, LocationId, QueuePosition);

/// Days for which orders are counted, back from the latest: no two time zones are farther apart, and an order counts
/// against the day of its preparation.
const ORDER_DAYS_KEPT: i32 = 3 + HORIZON_DAYS;

/// Decrements a counter.
fn less<K: std::hash::Hash + Eq>(counts: &mut FxHashMap<K, u64>, of: K) {
    if let std::collections::hash_map::Entry::Occupied(mut count) = counts.entry(of) {
        *count.get_mut() -= 1;
        if *count.get() == 0 {
            count.remove();
        }
    }
}

/// An unallocated line in one cell.
type OpenLine = (SkuId, LocationId, (GroupId, ChannelId, Purpose), (ReservationId, u16));

/// The changes of a ledger by one record.
#[derive(Debug, Clone, Default)]
pub struct Shift {
    quotas: SmallVec<[(Counted, i64, i64); 2]>,
    /// With the units on hand after it.
    open: SmallVec<[(OpenLine, u32); 2]>,
    waits: Vec<(QueuedAt, Waiting)>,
    orders: Vec<(OrderDay, i64)>,
}

impl Shift {
    /// Whether there are no changes.
    pub fn is_empty(&self) -> bool {
        self.quotas.is_empty() && self.open.is_empty() && self.waits.is_empty() && self.orders.is_empty()
    }

    /// Hides the unallocated units and backorders of a reservation, so that they are not counted as room.
    pub fn hiding(reservation: &Reservation) -> Self {
        let mut shift = Self::default();
        shift.add(reservation, -1);
        shift
    }

    /// Shows them again.
    pub fn showing(reservation: &Reservation) -> Self {
        let mut shift = Self::default();
        shift.add(reservation, 1);
        shift
    }

    /// The days of a closed reservation.
    pub fn of_orders(days: &[OrderDay]) -> Self {
        Self { orders: days.iter().map(|day| (*day, 1)).collect(), ..Self::default() }
    }

    /// The change from `before` to `after` by a record.
    pub fn between(&mut self, before: Option<&Reservation>, after: &Reservation) {
        if let Some(before) = before {
            self.add(before, -1);
        }
        self.add(after, 1);
    }

    fn add(&mut self, reservation: &Reservation, sign: i64) {
        if !matches!(reservation.state, ReservationState::Cancelled | ReservationState::Expired) {
            self.orders.extend(reservation.orders.iter().map(|day| (*day, sign)));
        }
        for (number, line) in (0..).zip(&reservation.lines) {
            if let Some(wait) = line.wait.as_deref() {
                let units = if sign > 0 { wait.units } else { 0 };
                let waiting = Waiting { units, ..Waiting::of((reservation.id, number), wait) };
                let turn = wait.turn.unwrap_or((reservation.id, number));
                self.waits.push(((line.sku, line.location, turn), waiting));
            }
            let Some(terms) = line.terms.as_deref() else { continue };
            for (rule, since) in &terms.charges {
                let counted = Counted { rule: *rule, since: *since, sku: line.sku };
                let (promised, handed_over) = (sign * i64::from(line.quantity), sign * i64::from(line.collected));
                match self.quotas.iter_mut().find(|(other, ..)| *other == counted) {
                    Some((_, all_promised, all_handed_over)) => {
                        *all_promised += promised;
                        *all_handed_over += handed_over;
                    }
                    None => self.quotas.push((counted, promised, handed_over)),
                }
            }
            if let Some(group) = line.unallocated() {
                let of = (group, reservation.channel, reservation.purpose);
                let key = (line.sku, line.location, of, (reservation.id, number));
                let units = if sign > 0 { line.outstanding() } else { 0 };
                self.open.push((key, units));
            }
        }
    }
}

impl Ledger {
    /// Applies the changes of the record at `seq`; a change that is already applied has no effect.
    pub fn apply(&mut self, seq: Seq, shift: &Shift) {
        for (counted, promised, handed_over) in &shift.quotas {
            let used = self.quotas.entry(*counted).or_default();
            if used.seq < seq {
                used.seq = seq;
                used.promised += promised;
                used.handed_over += handed_over;
            }
        }
        self.reopen(shift);
    }

    /// Applies a change of supply.
    pub fn inbound(&mut self, at: At<'_>, inbound: Inbound<'_>) {
        match inbound {
            Inbound::Set(rows) => {
                for row in rows {
                    let (sku, location) = (row.cell.sku, row.cell.location);
                    self.note_set(at, row);
                    let outlook = self.outlook_mut(sku, location);
                    outlook.set(&row.name, row.kind, row.open, row.expected_at);
                    self.drop_empty(sku, location);
                }
            }
            Inbound::Used(rows, _) => {
                for used in rows {
                    self.note_used(at, used);
                    self.outlook_mut(used.sku, used.location).used(&used.name, used.open);
                    self.drop_empty(used.sku, used.location);
                }
            }
        }
    }

    /// Records an arrival of a supply.
    fn note_used(&mut self, record: At<'_>, used: &SupplyUsed) {
        let key = came_key(used.sku, used.location, used.name.as_str());
        let came = self.came.entry(key).or_insert(Came { told: used.quantity + used.open, ..Came::default() });
        if came.seq < record.seq {
            (came.seq, came.time) = (record.seq, record.time);
            came.came = came.came.saturating_add(used.quantity);
            came.told = came.told.max(came.came.saturating_add(used.open));
            self.remembered.push_back((record.time, key));
        }
    }

    /// Applies a new quantity of a supply: with nothing inbound, it continues after its arrivals; any other starts
    /// over, unless only its date changes.
    fn note_set(&mut self, record: At<'_>, row: &SupplySet) {
        let (sku, location) = (row.cell.sku, row.cell.location);
        let key = came_key(sku, location, row.name.as_str());
        let Some(came) = self.came.get_mut(&key).filter(|came| came.seq < record.seq) else { return };
        let supplies = self.outlooks.get(&(sku, location)).map_or(&[][..], SupplyOutlook::supplies);
        let open = supplies.iter().find(|supply| supply.name == row.name).map_or(0, |supply| supply.open);
        if open == row.open || row.open == 0 {
            return;
        }
        if open > 0 {
            self.came.remove(&key);
            return;
        }
        came.seq = record.seq;
        came.told = came.came.saturating_add(row.open);
    }

    /// The arrived units of a supply, if they are remembered.
    pub fn came(&self, sku: SkuId, location: LocationId, name: &str) -> Option<Came> {
        self.came.get(&came_key(sku, location, name)).copied()
    }

    /// Whether an arrival is due to be dropped.
    pub fn remembers_before(&self, before: Timestamp) -> bool {
        let is_old = self.remembered.front().is_some_and(|(time, _)| *time < before);
        is_old || self.remembered.len() > CAME_MAX
    }

    /// Drops old arrivals, and those beyond the maximum, a bounded number at a time; supplies with inbound units are
    /// kept.
    pub fn forget_came(&mut self, before: Timestamp) {
        const AT_A_TIME: usize = 256;
        for _ in 0..AT_A_TIME {
            if !self.remembers_before(before) {
                break;
            }
            let Some((time, key)) = self.remembered.pop_front() else { break };
            let supplies = self.outlooks.get(&(key.0, key.1)).map_or(&[][..], SupplyOutlook::supplies);
            let is_live = supplies.iter().any(|supply| came_key(key.0, key.1, supply.name.as_str()) == key);
            if is_live && self.remembered.len() < CAME_MAX {
                self.remembered.push_back((before.max(time), key));
            } else if self.came.get(&key).is_some_and(|came| came.time <= time) {
                self.came.remove(&key);
            }
        }
    }

    /// The arrivals, for a checkpoint.
    pub fn all_came(&self) -> Vec<(CameKey, Came)> {
        self.came.iter().map(|(key, came)| (*key, *came)).collect()
    }

    /// Restores arrivals from a checkpoint, in time order.
    pub fn restore_came(&mut self, rows: &[(CameKey, Came)]) {
        for (key, came) in rows {
            self.came.insert(*key, *came);
            self.remembered.push_back((came.time, *key));
        }
    }

    fn drop_empty(&mut self, sku: SkuId, location: LocationId) {
        if self.outlooks.get(&(sku, location)).is_some_and(SupplyOutlook::is_empty) {
            self.outlooks.remove(&(sku, location));
            less(&mut self.to_come_at, location);
        }
    }

    /// The inbound supply of a cell, for a change; the caller removes it if it is empty afterwards.
    fn outlook_mut(&mut self, sku: SkuId, location: LocationId) -> &mut SupplyOutlook {
        match self.outlooks.entry((sku, location)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(vacant) => {
                *self.to_come_at.entry(location).or_default() += 1;
                vacant.insert(SupplyOutlook::default())
            }
        }
    }

    /// The cells of a SKU with inbound supply or backorders.
    pub(crate) fn to_come_of(&self, sku: SkuId) -> impl Iterator<Item = LocationId> + '_ {
        self.outlooks.range((sku, LocationId(0))..=(sku, LocationId(u32::MAX))).map(|((_, location), _)| *location)
    }

    /// Cells of a location with inbound supply or backorders.
    pub(crate) fn to_come_at(&self, location: LocationId) -> u64 {
        self.to_come_at.get(&location).copied().unwrap_or(0)
    }

    /// Unallocated lines of a group.
    pub(crate) fn open_lines_of(&self, group: GroupId) -> u64 {
        self.open_lines.get(&group).copied().unwrap_or(0)
    }

    fn rewait(&mut self, (sku, location, turn): QueuedAt, waiting: Waiting) {
        let of = (sku, location, turn);
        let outlook = self.outlook_mut(sku, location);
        let before = outlook.wait(turn, waiting);
        let has_risks = outlook.has_risks();
        if let Some(before) = before {
            self.due.remove(&(before.promised_for, of));
        }
        if waiting.units > 0 && !waiting.at_risk {
            self.due.insert((waiting.promised_for, of));
        }
        match has_risks {
            true => self.risky.insert((sku, location)),
            false => self.risky.remove(&(sku, location)),
        };
        self.drop_empty(sku, location);
    }

    /// Adds unallocated units, backorders and orders; for reservations of a checkpoint, whose quota counts are restored
    /// separately.
    pub fn reopen(&mut self, shift: &Shift) {
        shift.waits.iter().for_each(|(line, waiting)| self.rewait(*line, *waiting));
        for (day, orders) in &shift.orders {
            // A past day is not counted any more, whatever happens to its orders.
            if day.day + ORDER_DAYS_KEPT <= self.latest_day {
                continue;
            }
            *self.orders.entry(*day).or_default() += orders;
            if day.day > self.latest_day {
                self.latest_day = day.day;
                self.orders.retain(|of, _| of.day + ORDER_DAYS_KEPT > day.day);
            }
        }
        for ((sku, location, of, line), units) in &shift.open {
            if *units > 0 {
                let open = self.open.entry((*sku, *location)).or_default().entry(*of).or_default();
                let before = open.lines.insert(*line, *units);
                open.units += i64::from(*units) - i64::from(before.unwrap_or(0));
                if before.is_none() {
                    *self.open_lines.entry(of.0).or_default() += 1;
                }
            } else if let Some(open) = self.open.get_mut(&(*sku, *location)) {
                if let Some(of_group) = open.get_mut(of) {
                    if let Some(before) = of_group.lines.remove(line) {
                        of_group.units -= i64::from(before);
                        less(&mut self.open_lines, of.0);
                    }
                    if of_group.lines.is_empty() {
                        open.remove(of);
                    }
                }
                if open.is_empty() {
                    self.open.remove(&(*sku, *location));
                }
            }
        }
    }

    /// Drops inactive quotas without outstanding units: `runs` tells which ones are active.
    pub fn forget(&mut self, runs: impl Fn(&Counted) -> bool) {
        self.quotas.retain(|counted, used| used.promised != used.handed_over || runs(counted));
    }

    /// The usage of a quota.
    pub fn used(&self, counted: Counted) -> Used {
        self.quotas.get(&counted).copied().unwrap_or_default()
    }

    /// Unallocated promises in a cell.
    pub fn open(&self, sku: SkuId, location: LocationId) -> Option<&Open> {
        self.open.get(&(sku, location))
    }

    /// The cells of a SKU with unallocated promises.
    pub fn open_of(&self, sku: SkuId) -> impl Iterator<Item = (LocationId, &Open)> {
        let cells = self.open.range((sku, LocationId(0))..=(sku, LocationId(u32::MAX)));
        cells.map(|((_, location), open)| (*location, open))
    }

    /// Whether there are any.
    pub fn has_open(&self, sku: SkuId) -> bool {
        self.open_of(sku).next().is_some()
    }

    /// The inbound supply and the backorders of a cell; `None` if it has neither.
    pub fn outlook(&self, sku: SkuId, location: LocationId) -> Option<&SupplyOutlook> {
        self.outlooks.get(&(sku, location))
    }

    /// Every cell with inbound supply or backorders, after the cell `after`.
    pub fn outlooks(
        &self,
        after: Option<(SkuId, LocationId)>,
    ) -> impl Iterator<Item = ((SkuId, LocationId), &SupplyOutlook)> {
        use std::ops::Bound::{Excluded, Unbounded};
        let range = self.outlooks.range((after.map_or(Unbounded, Excluded), Unbounded));
        range.map(|(cell, outlook)| (*cell, outlook))
    }

    /// Cells with promises that are reported as at risk.
    pub fn risky(&self) -> &BTreeSet<(SkuId, LocationId)> {
        &self.risky
    }

    /// Whether there is any inbound supply or backorder.
    #[inline]
    pub fn has_outlooks(&self) -> bool {
        !self.outlooks.is_empty()
    }

    /// When the next backorder will be overdue.
    pub fn next_overdue(&self) -> Option<Timestamp> {
        self.due.first().map(|(date, _)| *date)
    }

    /// Cells with backorders that are overdue at `now` and not reported as at risk; examines up to `limit` lines.
    pub fn overdue(&self, now: Timestamp, limit: usize) -> BTreeSet<(SkuId, LocationId)> {
        let due = self.due.iter().take_while(|(date, _)| *date < now).take(limit);
        due.map(|(_, (sku, location, ..))| (*sku, *location)).collect()
    }

    /// Orders that count against a day of a location.
    pub fn orders(&self, day: OrderDay) -> i64 {
        self.orders.get(&day).copied().unwrap_or(0)
    }

    /// All orders that still count.
    pub fn all_orders(&self) -> impl Iterator<Item = (OrderDay, i64)> {
        let counts = |(day, _): &(OrderDay, i64)| day.day + ORDER_DAYS_KEPT > self.latest_day;
        self.orders.iter().map(|(day, orders)| (*day, *orders)).filter(counts)
    }

    /// All quota counts, for a checkpoint.
    pub fn quotas(&self) -> Vec<(Counted, Used)> {
        let mut quotas: Vec<_> = self.quotas.iter().map(|(counted, used)| (*counted, *used)).collect();
        quotas.sort_unstable_by_key(|(counted, _)| *counted);
        quotas
    }

    /// Restores the inbound supply of a cell from a checkpoint.
    pub fn restore_supply(&mut self, sku: SkuId, location: LocationId, supplies: &[Supply]) {
        let outlook = self.outlook_mut(sku, location);
        supplies.iter().for_each(|supply| outlook.set(&supply.name, supply.kind, supply.open, supply.expected_at));
        self.drop_empty(sku, location);
    }

    /// Restores a quota count from a checkpoint.
    pub fn restore(&mut self, counted: Counted, used: Used) {
        self.quotas.insert(counted, used);
    }
}
