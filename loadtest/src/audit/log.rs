//! The log with its computed quantities, and answers of callers, until both have arrived.

use std::borrow::Cow;
use std::collections::hash_map::{DefaultHasher, HashMap};
use std::collections::{BTreeMap, VecDeque};
use std::hash::{Hash, Hasher};

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::answer::{Answer, Cell, Findings, Level};

/// Records that wait for their answer, if there is one; the oldest are dropped.
const KEPT_MAX: usize = 4_000_000;

/// Levels of one cell that are kept for late reads.
const LEVELS_MAX: usize = 4096;

/// The parts of a record that an audit needs.
#[derive(Debug, Deserialize)]
pub(super) struct Record<'a> {
    pub seq: u64,
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub reservation: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub items: Vec<Item<'a>>,
    /// The cart that an order comes from.
    #[serde(borrow, default)]
    cart: Option<Cow<'a, str>>,
    /// Lines of an order, or of a return.
    #[serde(borrow, default)]
    lines: Vec<OrderLine<'a>>,
    /// Where goods came back.
    #[serde(borrow, default)]
    location: Option<Cow<'a, str>>,
    /// What left with a step of an order.
    #[serde(borrow, default)]
    sold: Vec<SoldRow<'a>>,
}

/// A line of an order; lines of other records have other members.
#[derive(Debug, Deserialize)]
struct OrderLine<'a> {
    #[serde(borrow, default)]
    line: Cow<'a, str>,
    #[serde(borrow, default)]
    sku: Cow<'a, str>,
    #[serde(default)]
    quantity: i64,
    #[serde(default)]
    cancelled: i64,
    /// In which condition goods came back.
    #[serde(borrow, default)]
    condition: Option<Cow<'a, str>>,
}

/// A row of the sales ledger.
#[derive(Debug, Deserialize)]
struct SoldRow<'a> {
    /// None for a charge.
    #[serde(borrow, default)]
    line: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    location: Option<Cow<'a, str>>,
    quantity: i64,
    absorbed: bool,
}

impl Record<'_> {
    /// Units that a sale took from a cell.
    fn units_sold(&self, item: &Item<'_>) -> i64 {
        let is_of = |row: &&SoldRow<'_>| {
            let line = self.lines.iter().find(|line| row.line.as_ref() == Some(&line.line));
            !row.absorbed
                && row.location.as_ref() == Some(&item.location)
                && line.is_some_and(|line| line.sku == item.sku)
        };
        self.sold.iter().filter(is_of).map(|row| row.quantity).sum()
    }

    /// Units of an order that were promised, or given back, of a cell. Orders of a load are of one location.
    fn units_of(&self, item: &Item<'_>, units: impl Fn(&OrderLine<'_>) -> i64) -> i64 {
        self.lines.iter().filter(|line| line.sku == item.sku).map(units).sum()
    }

    /// Units that came back to the shelf of a cell.
    fn units_back(&self, item: &Item<'_>) -> i64 {
        let is_here = self.location.as_ref() == Some(&item.location);
        let sellable = |line: &OrderLine<'_>| match line.condition.as_deref() {
            Some("sellable") if is_here => line.quantity,
            _ => 0,
        };
        self.units_of(item, sellable)
    }

    /// What an order, or a return, does to a cell: on hand and reserved. None if this record does something else.
    fn change_of_order(&self, item: &Item<'_>) -> Option<Level> {
        match &*self.kind {
            "order_placed" => Some((0, self.units_of(item, |line| line.quantity))),
            "order_cancelled" | "order_expired" => Some((0, -self.units_of(item, |line| line.cancelled))),
            "order_handed_over" => Some((-self.units_sold(item), -self.units_sold(item))),
            // What a cart held for a sale is in other records.
            "order_sold" if self.cart.is_none() => Some((-self.units_sold(item), 0)),
            "return_received" => Some((self.units_back(item), 0)),
            _ => None,
        }
    }
}

/// A cell of a record, after it. Other records have items without levels, too.
#[derive(Debug, Deserialize)]
pub(super) struct Item<'a> {
    #[serde(borrow, default)]
    sku: Cow<'a, str>,
    #[serde(borrow, default)]
    location: Cow<'a, str>,
    on_hand: Option<i64>,
    reserved: Option<i64>,
    #[serde(default)]
    quantity: i64,
    #[serde(default)]
    waiting: i64,
    #[serde(default)]
    delta: i64,
    /// The movement was recorded without a change.
    #[serde(default)]
    absorbed: bool,
    /// False if the SKU is untracked: its units exist only with their promises.
    #[serde(default)]
    tracked: Option<bool>,
}

/// A record whose answer has not arrived.
#[derive(Debug)]
struct Unclaimed {
    kind: String,
    reservation: u64,
}

/// The level of a cell, from record to record.
#[derive(Debug, Default)]
struct History {
    /// The level before the first of `levels`; unknown until a record states it.
    opening: Option<Level>,
    levels: VecDeque<(u64, Level)>,
    /// Levels up to here were dropped.
    forgotten: u64,
}

/// Everything between the read log and the answers.
#[derive(Debug)]
pub(super) struct Ledger {
    seq: u64,
    /// The prefix of the SKUs whose levels are computed.
    skus: &'static str,
    /// By `seq`, from the oldest kept one on.
    unclaimed: VecDeque<Option<Unclaimed>>,
    /// Answers about records that were not read yet.
    ahead: BTreeMap<u64, Vec<Answer>>,
    cells: HashMap<u64, History>,
    findings: Findings,
}

impl Ledger {
    /// A ledger of the records after `seq`.
    pub fn after(seq: u64, skus: &'static str) -> Self {
        Self {
            seq,
            skus,
            unclaimed: VecDeque::new(),
            ahead: BTreeMap::new(),
            cells: HashMap::new(),
            findings: Findings::default(),
        }
    }

    /// The last record that was read.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Adds a record: each of its cells must follow from its quantities.
    pub fn add(&mut self, record: &Record<'_>) -> anyhow::Result<()> {
        let seq = record.seq;
        ensure!(seq == self.seq + 1, "record {} is missing", self.seq + 1);
        let mut cells: BTreeMap<u64, (&Item<'_>, Level)> = BTreeMap::new();
        for item in &record.items {
            if item.on_hand.is_none() || item.reserved.is_none() || !item.sku.starts_with(self.skus) {
                continue;
            }
            let key = hash(&(&item.sku, &item.location));
            let is_uncounted = item.tracked == Some(false);
            let conjured = |units: i64| if is_uncounted { units } else { 0 };
            let change = match &*record.kind {
                "reserved" => (conjured(item.quantity), item.quantity - item.waiting),
                "cancelled" | "expired" => (conjured(-item.quantity), -item.quantity),
                "collected" => (-item.quantity, -item.quantity),
                "moved" | "received" if item.absorbed => (0, 0),
                "moved" | "received" => (item.quantity, 0),
                "counted" => (item.delta, 0),
                _ => match record.change_of_order(item) {
                    // The lines of one cell together.
                    Some(_) if cells.contains_key(&key) => (0, 0),
                    Some(change) => change,
                    None => continue,
                },
            };
            let known = cells.entry(key).or_insert((item, (0, 0)));
            let sum = (known.1.0 + change.0, known.1.1 + change.1);
            // The last of several rows states the level after all of them.
            *known = (item, sum);
        }
        for (key, (item, change)) in cells {
            let stated = (item.on_hand.unwrap_or(0), item.reserved.unwrap_or(0));
            let history = self.cells.entry(key).or_default();
            let before = history.levels.back().map(|(_, level)| *level).or(history.opening);
            let sum = before.map_or(stated, |before| (before.0 + change.0, before.1 + change.1));
            ensure!(
                sum == stated,
                "record {seq}: {} at {} is stated as {stated:?}, and the sum is {sum:?}",
                item.sku,
                item.location
            );
            let is_promise = matches!(&*record.kind, "reserved" | "order_placed") && change.1 > 0;
            ensure!(
                !is_promise || stated.1 <= stated.0,
                "record {seq}: {} of {} are promised of {}",
                stated.1,
                item.sku,
                stated.0
            );
            history.opening.get_or_insert((stated.0 - change.0, stated.1 - change.1));
            history.add(seq, stated);
        }
        self.seq = seq;
        self.findings.records += 1;
        let reservation = record.reservation.as_deref().map_or(0, |id| hash(&id));
        self.unclaimed.push_back(Some(Unclaimed { kind: record.kind.to_string(), reservation }));
        if self.unclaimed.len() > KEPT_MAX {
            self.unclaimed.pop_front();
        }
        let due = self.ahead.remove(&seq).unwrap_or_default();
        due.into_iter().try_for_each(|told| self.settle(told))
    }

    /// Adds an answer.
    pub fn told(&mut self, told: Answer) -> anyhow::Result<()> {
        if told.seq() > self.seq {
            self.ahead.entry(told.seq()).or_default().push(told);
            return Ok(());
        }
        self.settle(told)
    }

    /// Compares an answer with its record.
    fn settle(&mut self, told: Answer) -> anyhow::Result<()> {
        match told {
            Answer::Read(seq, cells) => {
                for (cell, told) in cells {
                    self.holds(&cell, seq, told)?;
                }
                self.findings.reads += 1;
            }
            Answer::Wrote(seq, kind, reservation, cells) => {
                let oldest = self.seq + 1 - self.unclaimed.len() as u64;
                let at = seq.checked_sub(oldest).context("an answer came too late for this audit")?;
                let record = self.unclaimed.get_mut(at as usize).and_then(Option::take);
                let record = record.with_context(|| format!("two writes have record {seq}"))?;
                ensure!(record.kind == kind, "the answer of {seq} says {kind}, and its record is {}", record.kind);
                if let Some(id) = reservation {
                    ensure!(
                        record.reservation == hash(&id.as_str()),
                        "the answer of {seq} names {id}, and its record another reservation"
                    );
                }
                for (cell, told) in cells {
                    self.holds(&cell, seq, told)?;
                }
                self.findings.writes += 1;
            }
        }
        Ok(())
    }

    /// Compares a cell with an answer. The first statement about a cell is its opening level.
    fn holds(&mut self, (sku, location): &Cell, seq: u64, told: Level) -> anyhow::Result<()> {
        let history = self.cells.entry(hash(&(sku, location))).or_default();
        let is = history.at(seq).unwrap_or(told);
        ensure!(is == told, "{sku} at {location}: the answer says {told:?} at {seq}, and it is {is:?}");
        history.opening.get_or_insert(told);
        Ok(())
    }

    /// Everything was read: no answer may lack its record.
    pub fn close(self) -> anyhow::Result<Findings> {
        let missing = self.ahead.keys().next();
        ensure!(missing.is_none(), "{missing:?} was answered, and is not in the log");
        Ok(self.findings)
    }
}

impl History {
    fn add(&mut self, seq: u64, level: Level) {
        self.levels.push_back((seq, level));
        if self.levels.len() > LEVELS_MAX {
            let (forgotten, level) = self.levels.pop_front().unwrap_or_default();
            (self.forgotten, self.opening) = (forgotten, Some(level));
        }
    }

    /// The level at a record; `None` if it is unknown, or no longer known.
    fn at(&self, seq: u64) -> Option<Level> {
        let known = self.levels.partition_point(|(since, _)| *since <= seq);
        match known.checked_sub(1) {
            Some(at) => self.levels.get(at).map(|(_, level)| *level),
            None => self.opening.filter(|_| seq >= self.forgotten),
        }
    }
}

fn hash(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;
    use crate::audit::{Answer, Witness};
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    fn add(
        ledger: &mut Ledger,
        seq: u64,
        kind: &str,
        quantity: i64,
        on_hand: i64,
        reserved: i64,
    ) -> anyhow::Result<()> {
        let text = format!(
            r#"{{"seq":{seq},"kind":"{kind}","reservation":"r-{seq}","items":[{{"sku":"A","location":"s","quantity":{quantity},"on_hand":{on_hand},"reserved":{reserved}}}]}}"#
        );
        ledger.add(&serde_json::from_str(&text).unwrap())
    }

    fn cell() -> Cell {
        ("A".to_owned(), "s".to_owned())
    }

    fn begun() -> Ledger {
        let mut ledger = Ledger::after(0, "A");
        add(&mut ledger, 1, "moved", 5, 5, 0).unwrap();
        ledger
    }

    #[test]
    fn a_log_that_does_not_add_up_is_found() {
        add(&mut begun(), 2, "reserved", 3, 5, 3).unwrap();
        assert!(add(&mut begun(), 2, "reserved", 3, 5, 2).is_err(), "a level that is not the sum");
        assert!(add(&mut begun(), 2, "reserved", 6, 5, 6).is_err(), "more promised than is there");
        assert!(add(&mut begun(), 3, "reserved", 3, 5, 3).is_err(), "a record is missing");
        add(&mut begun(), 2, "moved", -7, -2, 0).expect("a till is never refused");
    }

    #[test]
    fn what_nobody_counts_comes_and_goes_with_its_promises() {
        let mut ledger = Ledger::after(0, "A");
        let mut add = |seq: u64, kind: &str, quantity: i64, level: i64, more: &str| {
            let text = format!(
                r#"{{"seq":{seq},"kind":"{kind}","reservation":"r","items":[{{"sku":"A","location":"s","tracked":false,"quantity":{quantity},"on_hand":{level},"reserved":{level}{more}}}]}}"#
            );
            ledger.add(&serde_json::from_str(&text).unwrap())
        };
        add(1, "reserved", 3, 3, "").unwrap();
        add(2, "moved", -1, 3, r#","absorbed":true"#).unwrap();
        add(3, "collected", 1, 2, "").unwrap();
        add(4, "cancelled", 2, 0, "").unwrap();
        assert!(add(5, "cancelled", 1, 0, "").is_err(), "a level that is not the sum");
    }

    #[test]
    fn a_sale_takes_what_its_lines_say() {
        let mut ledger = begun();
        let before = ledger.seq();
        let mut sold = |nth: u64, absorbed: bool, on_hand: i64| {
            let seq = before + nth;
            let row = |line: u32| format!(r#"{{"line":"{line}","location":"s","quantity":1,"absorbed":{absorbed}}}"#);
            let cell = format!(r#"{{"sku":"A","location":"s","on_hand":{on_hand},"reserved":0}}"#);
            let lines = r#"[{"line":"1","sku":"A"},{"line":"2","sku":"A"},{"line":"3","sku":"B"}]"#;
            let rows = [row(1), row(2), row(3)].join(",");
            let text = format!(
                r#"{{"seq":{seq},"kind":"order_sold","cart":null,"lines":{lines},"sold":[{rows}],"items":[{cell},{cell}]}}"#
            );
            ledger.add(&serde_json::from_str(&text).unwrap())
        };
        sold(1, false, 3).unwrap();
        sold(2, true, 3).unwrap();
        assert!(sold(3, false, 2).is_err(), "two units left");
    }

    #[test]
    fn an_order_promises_and_hands_over_what_its_lines_say_and_a_return_brings_it_back() {
        let mut ledger = begun();
        let mut step = |seq: u64, kind: &str, more: &str, on_hand: i64, reserved: i64| {
            let cell = format!(r#"{{"sku":"A","location":"s","on_hand":{on_hand},"reserved":{reserved}}}"#);
            let text = format!(r#"{{"seq":{seq},"kind":"{kind}","cart":"k","items":[{cell}],{more}}}"#);
            ledger.add(&serde_json::from_str(&text).unwrap())
        };
        let lines = r#""lines":[{"line":"1","sku":"A","quantity":3,"cancelled":1}]"#;
        let sold = format!(r#"{lines},"sold":[{{"line":"1","location":"s","quantity":2,"absorbed":false}}]"#);
        step(2, "order_placed", lines, 5, 3).unwrap();
        step(3, "order_cancelled", lines, 5, 2).unwrap();
        step(4, "order_handed_over", &sold, 3, 0).unwrap();
        let back = |at: &str, condition: &str| {
            format!(r#""location":"{at}","lines":[{{"line":"1","sku":"A","quantity":2,"condition":"{condition}"}}]"#)
        };
        step(5, "return_received", &back("s", "sellable"), 5, 0).unwrap();
        step(6, "return_received", &back("s", "damaged"), 5, 0).unwrap();
        step(7, "return_received", &back("t", "sellable"), 5, 0).unwrap();
        step(8, "order_placed", lines, 5, 3).unwrap();
        step(9, "order_expired", lines, 5, 2).unwrap();
        assert!(step(10, "return_received", &back("s", "sellable"), 6, 2).is_err(), "two units came back");
    }

    #[test]
    fn what_was_told_is_held_against_its_record_before_or_after_it_is_read() {
        let wrote = |seq, kind, id: &str| Answer::Wrote(seq, kind, Some(id.to_owned()), Vec::new());
        for is_ahead in [true, false] {
            let told = |what: Answer| {
                let mut ledger = begun();
                let read = |ledger: &mut Ledger| add(ledger, 2, "reserved", 3, 5, 3);
                if is_ahead {
                    ledger.told(what)?;
                    read(&mut ledger)?;
                } else {
                    read(&mut ledger)?;
                    ledger.told(what)?;
                }
                ledger.close()
            };
            assert_eq!(told(wrote(2, "reserved", "r-2")).unwrap().writes, 1);
            assert!(told(wrote(2, "cancelled", "r-2")).is_err());
            assert!(told(wrote(2, "reserved", "r-1")).is_err());
            assert!(told(wrote(3, "reserved", "r-3")).is_err(), "a record that is not there");
            let read = |seq, level| told(Answer::Read(seq, vec![(cell(), level)]));
            assert_eq!(read(2, (5, 3)).unwrap().reads, 1);
            assert!(read(1, (5, 0)).is_ok());
            assert!(read(1, (5, 3)).is_err(), "a read from the future");
            assert!(read(2, (5, 0)).is_err(), "a read from the past");
        }
    }

    #[test]
    fn one_record_is_told_once() {
        let mut ledger = begun();
        ledger.told(Answer::Wrote(1, "moved", None, vec![(cell(), (5, 0))])).unwrap();
        assert!(ledger.told(Answer::Wrote(1, "moved", None, Vec::new())).is_err());
    }

    #[test]
    fn a_history_against_real_time_is_found() {
        let (told, _heard) = std::sync::mpsc::channel();
        let witness = Witness { latest: Arc::new(AtomicU64::new(0)), told };
        let (early, also_early) = (witness.ask(), witness.ask());
        witness.wrote(early, 2, "moved", None, Vec::new()).unwrap();
        witness.wrote(also_early, 1, "moved", None, Vec::new()).expect("the writes were concurrent");
        let late = witness.ask();
        assert!(witness.wrote(late, 2, "moved", None, Vec::new()).is_err());
        assert!(witness.read(late, 1, Vec::new()).is_err());
        witness.read(late, 2, Vec::new()).expect("a read may be of the same record");
    }

    #[test]
    fn the_first_word_on_a_cell_is_its_opening_level() {
        let mut ledger = Ledger::after(9, "A");
        ledger.told(Answer::Read(9, vec![(cell(), (5, 1))])).unwrap();
        assert!(ledger.told(Answer::Read(9, vec![(cell(), (6, 1))])).is_err());
        assert!(add(&mut ledger, 10, "moved", 1, 7, 1).is_err());
    }
}
