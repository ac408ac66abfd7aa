//! The auditor's own books of inbound supply: supplies, backorders, and orders per day; added up line by line.

use std::collections::BTreeMap;

use crate::catalogue::business_time::HORIZON_DAYS;
use crate::effect::{At, Made};
use crate::ids::{LocationId, Name, ReservationId, SkuId, Timestamp};
use crate::reservations::promise::{Arranged, LineBackorder, OrderDay, QueuePosition};
use crate::rules::audit::RuleAudit;
use crate::rules::{Effect, Kind};
use crate::state::DurableState;
use crate::stock::movement::{Moved, MovementKind};
use crate::supply::received::{BackorderDated, Fill, SupplySet, SupplyUsed};
use crate::supply::{Waiting, is_of_transfer};

type Cell = (SkuId, LocationId);

/// The inbound supply and the backorders.
#[derive(Debug, Default)]
pub(crate) struct SupplyAudit {
    supplies: BTreeMap<(Cell, Name), (u32, Timestamp)>,
    /// By cell and queue position, with the owner.
    waits: BTreeMap<(Cell, QueuePosition), (ReservationId, LineBackorder)>,
    /// Queue positions that a replaced hold gave up in this record.
    given_back: BTreeMap<(Cell, QueuePosition), LineBackorder>,
    orders: BTreeMap<OrderDay, i64>,
}

impl SupplyAudit {
    pub fn start_from(&mut self, state: &DurableState) {
        for (cell, outlook) in state.ledger().outlooks(None) {
            for supply in outlook.supplies() {
                self.supplies.insert((cell, supply.name.clone()), (supply.open, supply.expected_at));
            }
            for (turn, waiting) in outlook.waits() {
                let Waiting { units: quantity, promised_for, on_allowance, holder, .. } = waiting;
                let (id, line) = holder;
                let (latest, turn_of) = (promised_for, (turn != holder).then_some(turn));
                let wait = LineBackorder { line, quantity, latest, promised_for, on_allowance, turn: turn_of };
                self.waits.insert((cell, turn), (id, wait));
            }
        }
        self.orders.extend(state.ledger().all_orders());
    }

    pub fn set(&mut self, rows: &[SupplySet]) {
        for row in rows {
            let key = ((row.cell.sku, row.cell.location), row.name.clone());
            match row.open {
                0 => drop(self.supplies.remove(&key)),
                open => drop(self.supplies.insert(key, (open, row.expected_at))),
            }
        }
    }

    fn supplies_of(&self, cell: Cell) -> Vec<(Timestamp, &Name, u32)> {
        let mine = self.supplies.iter().filter(|((of, _), _)| *of == cell);
        let mut mine: Vec<_> = mine.map(|((_, name), (open, date))| (*date, name, *open)).collect();
        mine.sort_unstable();
        mine
    }

    fn waiting(&self, cell: Cell) -> u64 {
        self.waits_of(cell).map(|(_, (_, wait))| u64::from(wait.quantity)).sum()
    }

    fn waits_of(&self, cell: Cell) -> impl Iterator<Item = (QueuePosition, (ReservationId, &LineBackorder))> {
        let all = (cell, (ReservationId(0), 0))..=(cell, (ReservationId(u64::MAX), u16::MAX));
        self.waits.range(all).map(|((_, turn), (id, wait))| (*turn, (*id, wait)))
    }

    fn turn_of(&self, cell: Cell, id: ReservationId, line: u16) -> Option<QueuePosition> {
        self.waits_of(cell).find(|(_, (of, wait))| (*of, wait.line) == (id, line)).map(|(turn, _)| turn)
    }

    /// Removes inbound units of a line from its backorder.
    pub fn stop_waiting(&mut self, cell: Cell, id: ReservationId, line: u16, units: u32) {
        let Some(turn) = self.turn_of(cell, id, line).filter(|_| units > 0) else { return };
        if let Some((_, wait)) = self.waits.get_mut(&(cell, turn)) {
            self.given_back.insert((cell, turn), *wait);
            wait.quantity -= units.min(wait.quantity);
            if wait.quantity == 0 {
                self.waits.remove(&(cell, turn));
            }
        }
    }

    /// Begins a new record: the positions of the last one are gone.
    pub fn next_record(&mut self) {
        self.given_back.clear();
    }

    /// Checks that promised inbound units arrive by the date or are allowed by a rule, and are not promised to others.
    ///
    /// # Errors
    /// Units beyond that, with the numbers.
    pub fn check_waits(
        &mut self,
        rules: &RuleAudit,
        id: ReservationId,
        now: Timestamp,
        arranged: &Arranged,
    ) -> Result<(), String> {
        let reserved = &arranged.promised.reserved;
        let mut waits = Vec::new();
        for wait in &arranged.waits {
            let line =
                reserved.lines.get(usize::from(wait.line)).ok_or("a backorder names a line that does not exist")?;
            if wait.quantity == 0 || wait.quantity > line.quantity || wait.promised_for > wait.latest {
                return Err(format!(
                    "a line of {} has a backorder of {}, or with too late a date",
                    line.quantity, wait.quantity
                ));
            }
            waits.push(((line.cell.sku, line.cell.location), *wait));
        }
        self.check_turns(&waits)?;
        for (cell, wait) in waits.iter().filter(|(_, wait)| wait.turn.is_none()) {
            let by_then =
                |other: &&(Cell, LineBackorder)| other.0 == *cell && other.1.promised_for <= wait.promised_for;
            let before = self.waiting(*cell);
            let in_time = |(date, ..): &&(Timestamp, &Name, u32)| *date >= now && *date <= wait.promised_for;
            let supplied: u64 = self.supplies_of(*cell).iter().filter(in_time).map(|(.., open)| u64::from(*open)).sum();
            let mut allowed = 0;
            for kind in [Kind::Backorder, Kind::Preorder] {
                allowed += match rules.first(kind, *cell, reserved.channel).map(|rule| rule.effect) {
                    Some(Effect::Backorder { units, lead_days })
                        if now.plus_seconds(u64::from(lead_days) * 86_400) <= wait.promised_for =>
                    {
                        u64::from(units)
                    }
                    Some(Effect::Preorder { units, available_at })
                        if available_at > now && available_at <= wait.promised_for =>
                    {
                        u64::from(units)
                    }
                    _ => 0,
                };
            }
            let taken: u64 = waits.iter().filter(by_then).map(|(_, wait)| u64::from(wait.quantity)).sum();
            if before + taken > supplied + allowed {
                let waiting = before + taken;
                return Err(format!(
                    "{waiting} units are on backorder, {supplied} are inbound and {allowed} are \
                                    allowed"
                ));
            }
            let on_supply = waits.iter().filter(by_then).filter(|(_, wait)| !wait.on_allowance);
            let on_supply: u64 = on_supply.map(|(_, wait)| u64::from(wait.quantity)).sum();
            if !wait.on_allowance && before + on_supply > supplied {
                return Err("units depend on supply that is promised to others".into());
            }
        }
        for (cell, wait) in waits {
            self.waits.insert((cell, wait.turn.unwrap_or((id, wait.line))), (id, wait));
        }
        Ok(())
    }

    /// Checks that queue positions that are taken over were given up in the same record, each once. Several of them may
    /// become one, after all of them, for the latest of their dates and for at most their units.
    fn check_turns(&mut self, waits: &[(Cell, LineBackorder)]) -> Result<(), String> {
        let taken = waits.iter().filter_map(|(cell, wait)| Some(((*cell, wait.turn?), *wait)));
        let taken: Vec<((Cell, QueuePosition), LineBackorder)> = taken.collect();
        let sorted: BTreeMap<(Cell, QueuePosition), LineBackorder> = taken.iter().copied().collect();
        if sorted.len() < taken.len() {
            return Err("a queue position was taken over twice".into());
        }
        for ((cell, turn), wait) in sorted {
            let (mut units, mut promised_for, mut on_allowance, mut is_there) = (0, Timestamp(0), false, false);
            let first = (cell, (ReservationId(0), 0));
            let merged: Vec<_> = self.given_back.range(first..=(cell, turn)).map(|(key, old)| (*key, *old)).collect();
            for (key, old) in merged {
                self.given_back.remove(&key);
                units += u64::from(old.quantity);
                promised_for = promised_for.max(old.promised_for);
                on_allowance |= old.on_allowance;
                is_there = key == (cell, turn);
            }
            let same = (promised_for, on_allowance) == (wait.promised_for, wait.on_allowance);
            if !is_there || !same || u64::from(wait.quantity) > units {
                return Err("a queue position was taken over that no hold gave up, or for more units".into());
            }
        }
        Ok(())
    }

    /// Checks that an order counts against every location that limits orders, and that none is over its limit.
    ///
    /// # Errors
    /// The location that was missed or is over its limit.
    pub fn check_orders(&mut self, rules: &RuleAudit, made: Made<'_>, at: At<'_>) -> Result<(), String> {
        let (reserved, orders) = (made.reserved, made.orders());
        for line in reserved.lines.iter().filter(|line| line.quantity > 0 && !reserved.purpose.is_taken_along()) {
            let location = line.cell.location;
            let limit = rules.first_at(Kind::Capacity, location, reserved.channel);
            if limit.is_some() != orders.iter().any(|day| day.location == location) {
                return Err(
                    "an order does not count against a limited day, or counts against one without a limit".into()
                );
            }
        }
        for day in orders {
            let utc = (at.time.0 / 86_400_000) as i32;
            let count = self.orders.entry(*day).or_default();
            *count += 1;
            match rules.first_at(Kind::Capacity, day.location, reserved.channel).map(|rule| rule.effect) {
                Some(Effect::Capacity { orders_per_day })
                    if *count <= i64::from(orders_per_day) && may_be_taken_up(day.day - utc) => {}
                _ => return Err(format!("{count} orders count against a day with a lower limit")),
            }
        }
        Ok(())
    }

    /// A cancelled order no longer counts.
    pub fn forget_orders(&mut self, orders: &[OrderDay]) {
        for day in orders {
            *self.orders.entry(*day).or_default() -= 1;
        }
    }

    /// Checks that an arrival used up the named supplies, or else the earliest ones, and no more than its units.
    ///
    /// # Errors
    /// The supply that was used out of order.
    pub fn check_used(&mut self, used: &[SupplyUsed], rows: &[Moved]) -> Result<(), String> {
        let all_used = used;
        for used in all_used {
            let cell = (used.sku, used.location);
            let supply = self.supplies.get_mut(&(cell, used.name.clone())).ok_or("an unknown supply was used")?;
            if supply.0 != used.quantity + used.open {
                return Err(format!(
                    "{} units of a supply arrived and {} are left of {}",
                    used.quantity, used.open, supply.0
                ));
            }
            supply.0 = used.open;
        }
        for used in all_used {
            let cell = (used.sku, used.location);
            let came = rows.iter().filter(|row| (row.cell.sku, row.cell.location) == cell && row.change > 0);
            let came: i64 = came.map(|row| row.change).sum();
            let all = all_used.iter().filter(|of| (of.sku, of.location) == cell);
            if all.map(|used| i64::from(used.quantity)).sum::<i64>() > came {
                return Err(format!("more supply was used up than the {came} units that arrived"));
            }
            let names = |row: &&Moved| row.reference.as_deref() == Some(used.name.as_str());
            let mine = |row: &&Moved| (row.cell.sku, row.cell.location) == cell && row.kind == MovementKind::Receipt;
            let named = rows.iter().filter(mine).filter(names);
            if named.map(|row| row.change).sum::<i64>() >= i64::from(used.quantity) {
                continue;
            }
            let supplies = self.supplies_of(cell);
            let turn = supplies.iter().position(|(_, name, _)| **name == used.name).unwrap_or_default();
            if supplies.iter().take(turn).any(|(_, name, open)| *open > 0 && !is_of_transfer(name.as_str())) {
                return Err("a supply was used up before an earlier one".into());
            }
        }
        self.supplies.retain(|_, (open, _)| *open > 0);
        Ok(())
    }

    /// Checks that arrived units filled the oldest backorders.
    ///
    /// # Errors
    /// The backorder that was skipped, or filled without units.
    pub fn check_fills(&mut self, fills: &[Fill]) -> Result<(), String> {
        let mut cells: BTreeMap<Cell, BTreeMap<(ReservationId, u16), u32>> = BTreeMap::new();
        for fill in fills {
            if fill.cell.level.free() < 0 {
                return Err("a backorder was filled with units that do not exist".into());
            }
            let mine = cells.entry((fill.cell.sku, fill.cell.location)).or_default();
            *mine.entry((fill.reservation, fill.line)).or_default() += fill.quantity;
        }
        for (cell, mut mine) in cells {
            let turns: Vec<_> = self.waits_of(cell).map(|(turn, (id, wait))| (turn, id, *wait)).collect();
            for (turn, id, wait) in turns {
                let Some(units) = mine.remove(&(id, wait.line)) else { break };
                match wait.quantity.checked_sub(units) {
                    Some(0) => drop(self.waits.remove(&(cell, turn))),
                    Some(left) if mine.is_empty() => {
                        self.waits.insert((cell, turn), (id, LineBackorder { quantity: left, ..wait }));
                    }
                    _ => return Err("a backorder was filled before an older one was complete".into()),
                }
            }
            if !mine.is_empty() {
                return Err("a backorder was filled before an older one, or there was no backorder".into());
            }
        }
        Ok(())
    }

    /// Checks that exactly the promises at risk are reported as such.
    ///
    /// # Errors
    /// The promise, with both dates.
    pub fn check_dated(&self, row: &BackorderDated, now: Timestamp) -> Result<(), String> {
        let cell = (row.sku, row.location);
        let turn = self.turn_of(cell, row.reservation, row.line).ok_or("a promise without a backorder was dated")?;
        let (_, mine) = self.waits.get(&(cell, turn)).ok_or("a promise without a backorder was dated")?;
        let before = self.waits_of(cell).take_while(|(of, _)| *of <= turn);
        let needed: u64 = before.map(|(_, (_, wait))| u64::from(wait.quantity)).sum();
        let mut reached = 0;
        let comes = self.supplies_of(cell).into_iter().find(|(.., open)| {
            reached += u64::from(*open);
            reached >= needed
        });
        let comes = comes.map(|(date, ..)| date).filter(|date| *date >= now);
        let trusted =
            mine.on_allowance && mine.promised_for >= now && comes.is_none_or(|date| date > mine.promised_for);
        let expected = if trusted { Some(mine.promised_for) } else { comes };
        if (expected, mine.quantity, mine.promised_for) != (row.expected_at, row.quantity, row.promised_for) {
            return Err(format!("units are reported for {:?}, and they arrive at {expected:?}", row.expected_at));
        }
        Ok(())
    }

    /// Compares with the engine's own fold of the log.
    ///
    /// # Errors
    /// The first difference.
    pub fn compare(&self, state: &DurableState) -> Result<(), String> {
        let mut theirs = Self::default();
        theirs.start_from(state);
        let waits = |dock: &Self| -> Vec<_> {
            let told = |(turn, (id, wait)): (&(Cell, QueuePosition), &(ReservationId, LineBackorder))| {
                (*turn, *id, wait.line, wait.quantity, wait.promised_for, wait.on_allowance)
            };
            dock.waits.iter().map(told).collect()
        };
        if self.supplies != theirs.supplies || waits(self) != waits(&theirs) {
            return Err("memory and log disagree on inbound supply or backorders".into());
        }
        for (day, orders) in &theirs.orders {
            if self.orders.get(day).copied().unwrap_or(0) != *orders {
                return Err(format!("memory counts {orders} orders of a day, and the log leads to another number"));
            }
        }
        Ok(())
    }
}

/// Whether an order may count against a day at this distance from today in UTC: no calendar differs by more than one
/// day, and nothing is scheduled beyond the horizon of business time.
fn may_be_taken_up(days: i32) -> bool {
    (-1..=HORIZON_DAYS + 1).contains(&days)
}
