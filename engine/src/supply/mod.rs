//! Inbound supply by cell, and the backorders that wait for it.
//!
//! The backorders of a cell are one queue, in the order in which they were made, and arrivals fill the first one. So a
//! promise is kept when as many units have arrived as it and all earlier ones need, and the date of a new one is
//! computed by addition: it is the first on which supply and allowances reach the units of all backorders, the new one
//! included.

pub(crate) mod audit;
pub mod command;
pub(crate) mod decide;
pub mod event;
pub(crate) mod fold;
pub(crate) mod frames;
pub(crate) mod inbound;
pub(crate) mod load;
pub mod query;
pub mod received;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::ids::{LocationId, Name, ReservationId, Seq, SkuId, Timestamp};
use crate::reservations::Backorder;
use crate::reservations::promise::QueuePosition;
use crate::rules::RuleId;

use received::BackorderDated;

pub use inbound::{Supply, SupplyKind};

/// The prefix of the names of supplies that belong to transfers.
pub(crate) const OF_TRANSFER: &str = "transfer:";

/// Whether a supply belongs to a transfer: only the transfer receives it, and no other receipt uses it up.
pub(crate) fn is_of_transfer(name: &str) -> bool {
    name.starts_with(OF_TRANSFER)
}

/// The arrivals of a supply. They are remembered as long as the log is kept after the last one, so that the same
/// supply, sent again, does not count twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Came {
    /// The last record that changed it.
    pub seq: Seq,
    /// The time of that record.
    pub time: Timestamp,
    /// The supply's quantity, arrived units included.
    pub told: u32,
    /// Units that arrived.
    pub came: u32,
}

impl Came {
    /// The inbound rest if `quantity` is set, and `open` units were inbound so far. The same quantity as before changes
    /// nothing. For a supply that is used up or ended, only the part above its former quantity is inbound, minus
    /// arrivals.
    pub fn left_of(&self, quantity: u32, open: u32) -> u32 {
        match open {
            0 if quantity <= self.told => 0,
            0 => quantity.saturating_sub(self.came),
            open if quantity == self.told => open,
            _ => quantity,
        }
    }
}

/// Units beyond supply that may be promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// The rule that allows it.
    pub rule: RuleId,
    /// The number of units.
    pub units: u32,
    /// The date at which they count as arrived.
    pub date: Timestamp,
    /// Whether it is a preorder, not a backorder.
    pub is_preorder: bool,
}

/// A backorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// The reservation, and its line.
    pub holder: (ReservationId, u16),
    /// Its units.
    pub units: u32,
    /// The promised date.
    pub promised_for: Timestamp,
    /// The expected date, as last reported.
    pub expected_at: Option<Timestamp>,
    /// Whether the promise depends on an allowance.
    pub on_allowance: bool,
    /// Whether it is reported as at risk.
    pub at_risk: bool,
}

impl Waiting {
    /// The same as a line of a reservation stores it.
    pub fn of(holder: (ReservationId, u16), wait: &Backorder) -> Self {
        Self {
            holder,
            units: wait.units,
            promised_for: wait.promised_for,
            expected_at: wait.expected_at,
            on_allowance: wait.on_allowance,
            at_risk: wait.at_risk(),
        }
    }
}

/// Inbound units that may be promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// The number of units.
    pub units: u32,
    /// When all of them have arrived.
    pub promised_for: Timestamp,
    /// Whether that depends on an allowance.
    pub on_allowance: bool,
    /// The queue position of a line that it replaces.
    pub turn: Option<QueuePosition>,
}

/// The inbound supply and the backorders of one cell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SupplyOutlook {
    /// By date, then by name.
    supplies: Vec<Supply>,
    /// In queue order, which is the order in which they were made.
    waits: BTreeMap<QueuePosition, Waiting>,
    waiting: u64,
    /// The number of promises at risk.
    at_risk: usize,
}

impl SupplyOutlook {
    /// Whether there is neither supply nor backorder.
    pub fn is_empty(&self) -> bool {
        self.supplies.is_empty() && self.waits.is_empty()
    }

    /// The supplies, the earliest first.
    pub fn supplies(&self) -> &[Supply] {
        &self.supplies
    }

    /// The backorders, in queue order.
    pub fn waits(&self) -> impl Iterator<Item = (QueuePosition, Waiting)> + '_ {
        self.waits.iter().map(|(turn, waiting)| (*turn, *waiting))
    }

    /// The number of backorders.
    pub fn waits_count(&self) -> usize {
        self.waits.len()
    }

    /// Inbound units.
    pub fn supplied(&self) -> u64 {
        self.supplies.iter().map(|supply| u64::from(supply.open)).sum()
    }

    /// Inbound units that are not overdue. Overdue units are not promised until the supply gets a new date.
    pub fn supplied_after(&self, now: Timestamp) -> u64 {
        let open = self.supplies.iter().filter(|supply| supply.expected_at >= now);
        open.map(|supply| u64::from(supply.open)).sum()
    }

    /// Units of backorders.
    pub fn waiting(&self) -> u64 {
        self.waiting
    }

    /// Units of backorders beyond the inbound units that are not overdue.
    pub fn uncovered(&self, now: Timestamp) -> u64 {
        self.waiting.saturating_sub(self.supplied_after(now))
    }

    /// Whether any promise is at risk.
    pub fn has_risks(&self) -> bool {
        self.at_risk > 0
    }

    /// The part of `units` more that may be promised by `latest`, while `planned` more are on backorder than in the
    /// queue.
    pub fn promise(
        &self,
        units: u32,
        latest: Timestamp,
        now: Timestamp,
        allowances: &[Allowance],
        planned: i64,
    ) -> Option<Grant> {
        let supplies = self.supplies.iter().filter(|supply| supply.expected_at >= now);
        let supplies = supplies.map(|supply| (supply.expected_at, supply.open, true));
        let allowed = allowances.iter().map(|allowance| (allowance.date, allowance.units, false));
        let mut comes: SmallVec<[_; 8]> = supplies.chain(allowed).filter(|(date, ..)| *date <= latest).collect();
        comes.sort_by_key(|(date, ..)| *date);
        let all: u64 = comes.iter().map(|(_, units, _)| u64::from(*units)).sum();
        let waiting = (self.waiting as i64 + planned).max(0) as u64;
        let granted = u64::from(units).min(all.saturating_sub(waiting));
        if granted == 0 {
            return None;
        }
        let needed = waiting + granted;
        let (mut reached, mut supplied, mut promised_for) = (0, 0, None);
        for (date, units, is_supply) in comes {
            // Arrivals of the same time count together.
            if reached >= needed && promised_for != Some(date) {
                break;
            }
            reached += u64::from(units);
            supplied += if is_supply { u64::from(units) } else { 0 };
            promised_for = Some(date);
        }
        let (units, on_allowance) = (granted as u32, supplied < needed);
        promised_for.map(|promised_for| Grant { units, promised_for, on_allowance, turn: None })
    }

    /// The promises whose risk must be reported again.
    pub fn redated(&self, sku: SkuId, location: LocationId, now: Timestamp) -> Vec<BackorderDated> {
        let mut rows = Vec::new();
        let (mut needed, mut reached) = (0, 0);
        let mut supplies = self.supplies.iter();
        let mut last = None;
        for waiting in self.waits.values() {
            needed += u64::from(waiting.units);
            while reached < needed
                && let Some(supply) = supplies.next()
            {
                reached += u64::from(supply.open);
                last = Some(supply.expected_at);
            }
            let comes = last.filter(|date| reached >= needed && *date >= now);
            // An allowance counts until its date has passed.
            let trusted = waiting.on_allowance && waiting.promised_for >= now;
            let expected_at = match comes {
                Some(date) if date <= waiting.promised_for => Some(date),
                _ if trusted => Some(waiting.promised_for),
                comes => comes,
            };
            let row = BackorderDated {
                reservation: waiting.holder.0,
                line: waiting.holder.1,
                sku,
                location,
                quantity: waiting.units,
                promised_for: waiting.promised_for,
                expected_at,
            };
            // For a promise that stays at risk, a new date is reported; for one that stays in time, it is not.
            if row.at_risk() != waiting.at_risk || (waiting.at_risk && expected_at != waiting.expected_at) {
                rows.push(row);
            }
        }
        rows.sort_unstable_by_key(|row| (row.reservation, row.line));
        rows
    }

    /// Sets a supply; removes it if `open` is 0.
    pub(crate) fn set(&mut self, name: &Name, kind: SupplyKind, open: u32, expected_at: Timestamp) {
        self.supplies.retain(|supply| supply.name != *name);
        if open > 0 {
            let supply = Supply { name: name.clone(), kind, open, expected_at };
            let before = |other: &Supply| (other.expected_at, &other.name) < (expected_at, name);
            self.supplies.insert(self.supplies.partition_point(before), supply);
        }
    }

    /// Records an arrival of a supply.
    pub(crate) fn used(&mut self, name: &Name, open: u32) {
        if let Some(supply) = self.supplies.iter_mut().find(|supply| supply.name == *name) {
            supply.open = open;
        }
        self.supplies.retain(|supply| supply.open > 0);
    }

    /// Sets the units of a backorder; returns the former number.
    pub(crate) fn wait(&mut self, turn: QueuePosition, waiting: Waiting) -> Option<Waiting> {
        let is_mine = self.waits.get(&turn).is_some_and(|before| before.holder == waiting.holder);
        let before = match waiting.units {
            0 if is_mine => self.waits.remove(&turn),
            0 => return None,
            _ => self.waits.insert(turn, waiting),
        };
        self.waiting += u64::from(waiting.units);
        self.waiting -= before.map_or(0, |before| u64::from(before.units));
        self.at_risk += usize::from(waiting.units > 0 && waiting.at_risk);
        self.at_risk -= usize::from(before.is_some_and(|before| before.at_risk));
        before
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(100);

    fn outlook(supplies: &[(&str, u32, u64)], waits: &[(u64, u32, u64)]) -> SupplyOutlook {
        let mut outlook = SupplyOutlook::default();
        for (name, open, date) in supplies {
            outlook.set(&Name::parse(name).unwrap(), SupplyKind::PurchaseOrder, *open, Timestamp(*date));
        }
        for (id, units, date) in waits {
            let promised_for = Timestamp(*date);
            let expected_at = Some(promised_for);
            let (holder, units, on_allowance, at_risk) = ((ReservationId(*id), 0), *units, false, false);
            outlook.wait(holder, Waiting { holder, units, promised_for, expected_at, on_allowance, at_risk });
        }
        outlook
    }

    fn promise(outlook: &SupplyOutlook, units: u32, latest: u64, allowances: &[Allowance]) -> Option<(u32, u64, bool)> {
        let grant = outlook.promise(units, Timestamp(latest), NOW, allowances, 0);
        grant.map(|grant| (grant.units, grant.promised_for.0, grant.on_allowance))
    }

    #[test]
    fn a_date_follows_from_what_comes_and_who_waits() {
        let outlook = outlook(&[("late", 10, 300), ("early", 5, 200)], &[(1, 3, 200)]);
        assert_eq!(promise(&outlook, 2, 999, &[]), Some((2, 200, false)), "what is left of the early one");
        assert_eq!(promise(&outlook, 3, 999, &[]), Some((3, 300, false)), "all of it is there with the late one");
        assert_eq!(promise(&outlook, 3, 299, &[]), Some((2, 200, false)), "no more by then");
        assert_eq!(promise(&outlook, 3, 199, &[]), None);
        assert_eq!(promise(&outlook, 20, 999, &[]), Some((12, 300, false)), "never beyond what comes");
    }

    #[test]
    fn an_allowance_comes_on_top_from_its_own_date_on() {
        let outlook = outlook(&[("po", 5, 200)], &[(1, 5, 200)]);
        let allowance = |date| Allowance { rule: RuleId(0), units: 4, date: Timestamp(date), is_preorder: false };
        assert_eq!(promise(&outlook, 9, 999, &[allowance(250)]), Some((4, 250, true)));
        assert_eq!(promise(&outlook, 1, 249, &[allowance(250)]), None);
        assert_eq!(
            promise(&outlook, 1, 999, &[allowance(150)]),
            Some((1, 200, true)),
            "whoever waits before it has it"
        );
    }

    #[test]
    fn a_risk_that_is_over_is_counted_no_more() {
        let mut outlook = outlook(&[], &[(1, 3, 200)]);
        let turn = (ReservationId(1), 0);
        let waiting = outlook.waits().next().unwrap().1;
        outlook.wait(turn, Waiting { at_risk: true, expected_at: None, ..waiting });
        assert!(outlook.has_risks());
        outlook.wait(turn, Waiting { at_risk: true, expected_at: None, units: 0, ..waiting });
        assert!(!outlook.has_risks() && outlook.is_empty());
        outlook.wait(turn, waiting);
        assert!(!outlook.has_risks());
    }

    #[test]
    fn what_is_overdue_is_promised_to_nobody() {
        assert_eq!(promise(&outlook(&[("po", 5, 99)], &[]), 1, 999, &[]), None);
        assert_eq!(promise(&outlook(&[("po", 5, 100)], &[]), 1, 999, &[]), Some((1, 100, false)));
    }

    #[test]
    fn the_last_in_line_are_at_risk_first() {
        let expected = |outlook: &SupplyOutlook, now| {
            let rows = outlook.redated(SkuId(0), LocationId(0), Timestamp(now));
            rows.iter().map(|row| (row.reservation.0, row.expected_at.map(|date| date.0))).collect::<Vec<_>>()
        };
        let waits = [(1, 3, 200), (2, 3, 200), (3, 3, 300)];
        assert_eq!(expected(&outlook(&[("a", 6, 200), ("b", 3, 300)], &waits), 100), [], "as promised");
        assert_eq!(expected(&outlook(&[("a", 5, 200), ("b", 3, 300)], &waits), 100), [(2, Some(300)), (3, None)]);
        assert_eq!(expected(&outlook(&[("a", 9, 250)], &waits), 100), [(1, Some(250)), (2, Some(250))]);
        assert_eq!(expected(&outlook(&[("a", 6, 200), ("b", 3, 300)], &waits), 201), [(1, None), (2, None)], "overdue");
    }
}
