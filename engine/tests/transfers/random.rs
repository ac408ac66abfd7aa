//! Random lives of 30 locations, in which units come and go only where something says so.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anaquel_engine::event::MovementKind;
use anaquel_engine::ids::{LocationId, ReservationId, SkuId, Timestamp};
use anaquel_engine::journal::memory::MemoryDisk;
use anaquel_engine::settings::Settings;
use anaquel_engine::transfers::command::{Command as Ask, Make, Receive, Units};
use anaquel_engine::transfers::{Transfer, TransferState};

use super::{DAY, ask, cancelled, fields, keeps, lines, ship, sums};
use crate::common::{ManualClock, Numbers, START_MS, Shop, audit, hold, hold_to_come, name};

/// Places and SKUs of a random life.
const PLACES: u64 = 30;

const SKUS: u64 = 12;

/// A shop that is opened again now and then.
struct Life<'a> {
    pub(super) shop: Shop,
    pub(super) folder: Option<&'a Path>,
    numbers: Numbers,
    /// By SKU, the units in all places and on their way.
    pub(super) units: BTreeMap<SkuId, i64>,
    holds: Vec<ReservationId>,
    pub(super) steps: u64,
    pub(super) done: BTreeMap<&'static str, (u64, u64)>,
}

impl<'a> Life<'a> {
    pub(super) fn new(seed: u64, folder: Option<&'a Path>) -> Self {
        let clock = ManualClock::at(START_MS);
        let shop = match folder {
            Some(folder) => Shop::on_disk(folder, &clock),
            None => Shop::on(MemoryDisk::default(), clock, Settings::default()),
        };
        let places: Vec<_> = (0..PLACES).map(|place| format!("p{place}")).collect();
        shop.declare(&places.iter().map(String::as_str).collect::<Vec<_>>());
        let rows = (0..SKUS).flat_map(|sku| (0..PLACES).map(move |place| (sku, place)));
        let rows =
            rows.map(|(sku, place)| shop.movement(MovementKind::Receipt, &format!("A{sku}"), &format!("p{place}"), 20));
        shop.try_move(rows.collect()).unwrap();
        shop.put_rule("keeps", Some(keeps(&["p1", "p2"]))).unwrap();
        let units = sums(&shop.engine);
        Self { shop, folder, numbers: Numbers::new(seed), units, holds: Vec::new(), steps: 0, done: BTreeMap::new() }
    }

    pub(super) fn sku(&mut self) -> String {
        format!("A{}", self.numbers.below(SKUS))
    }

    fn place(&mut self) -> String {
        format!("p{}", self.numbers.below(PLACES))
    }

    /// When something happened: now, or a while ago.
    fn told_at(&mut self) -> Option<Timestamp> {
        let now = self.shop.clock_now();
        (self.numbers.below(3) == 0).then(|| Timestamp(now.saturating_sub(self.numbers.below(4_000_000)).max(START_MS)))
    }

    /// Whether a count of a cell knows of what happened then.
    fn is_counted(&self, at: Option<Timestamp>, sku: SkuId, location: LocationId) -> bool {
        let cell = self.shop.engine.state().matrix.get(sku, location);
        let counted_at = cell.map(|cell| cell.counted_at()).unwrap_or_default();
        at.is_some_and(|at| at <= counted_at)
    }

    fn some_transfer(&mut self) -> Option<Arc<Transfer>> {
        let all = self.shop.engine.state().own.transfers.all();
        let open: Vec<_> = all.iter().filter(|transfer| transfer.state.is_open()).collect();
        // Mostly one that is open.
        let all: Vec<_> = if self.numbers.below(20) == 0 { all.iter().collect() } else { open };
        let nth = self.numbers.below((all.len() as u64).max(1)) as usize;
        all.get(nth).map(|transfer| Arc::clone(transfer))
    }

    fn add(&mut self, sku: SkuId, units: i64) {
        *self.units.entry(sku).or_default() += units;
    }

    /// One step, and whether it was done.
    fn step(&mut self) {
        let kinds = [
            "move", "count", "hold", "step", "make", "make", "ready", "ready", "ship", "ship", "receive", "receive",
            "cancel",
        ];
        let kind = kinds[self.numbers.below(kinds.len() as u64) as usize];
        let done = match kind {
            "move" => self.moves(),
            "count" => self.counts(),
            "hold" => self.reserves(),
            "step" => self.steps_on(),
            "make" => self.makes(),
            "ready" => self.readies(),
            "ship" => self.ships(),
            "receive" => self.receives(),
            _ => self.cancels(),
        };
        let of = self.done.entry(kind).or_default();
        *if done { &mut of.0 } else { &mut of.1 } += 1;
        self.steps += 1;
        self.shop.clock.advance(self.numbers.below(200_000));
    }

    fn moves(&mut self) -> bool {
        let (sku, place) = (self.sku(), self.place());
        let kinds = [
            MovementKind::Sale,
            MovementKind::Sale,
            MovementKind::Receipt,
            MovementKind::Return,
            MovementKind::ReturnDamaged,
            MovementKind::Adjustment,
        ];
        let kind = kinds[self.numbers.below(6) as usize];
        let units = 1 + self.numbers.below(5) as i64;
        let change = match kind {
            MovementKind::Sale => -units,
            MovementKind::Adjustment if self.numbers.below(2) == 0 => -units,
            _ => units,
        };
        let mut movement = self.shop.movement(kind, &sku, &place, change);
        movement.occurred_at = self.told_at();
        let Ok(rows) = self.shop.try_move(vec![movement]) else { return false };
        for row in rows.iter().filter(|row| !row.absorbed) {
            self.add(row.cell.sku, row.change);
        }
        true
    }

    fn counts(&mut self) -> bool {
        let (sku, place) = (self.sku(), self.place());
        let at = self.told_at().map(|at| at.0);
        let found = self.shop.level(&sku, &place).on_hand + self.numbers.below(7) as i32 - 3;
        let Ok(counted) = self.shop.try_count(&sku, &place, found.max(0), at) else { return false };
        if !counted.outdated {
            self.add(counted.cell.sku, i64::from(counted.counted) - i64::from(counted.expected));
        }
        true
    }

    fn reserves(&mut self) -> bool {
        let (sku, place, units) = (self.sku(), self.place(), 1 + self.numbers.below(6) as u32);
        let seconds = (self.shop.clock_now() - START_MS) / 1000 + 40 * DAY;
        let request = match self.numbers.below(3) {
            0 => hold(&[(&sku, &place, units)]),
            _ => hold_to_come(&[(&sku, &place, units)], seconds),
        };
        let Ok(made) = self.shop.try_reserve(request) else { return false };
        self.holds.push(made.id);
        // A hold expires before most of the steps that could be taken with it; an order stays.
        self.numbers.below(2) == 0 || self.shop.confirm(made.id).is_ok()
    }

    fn steps_on(&mut self) -> bool {
        if self.holds.is_empty() {
            return false;
        }
        let nth = self.numbers.below(self.holds.len() as u64) as usize;
        let id = self.holds[nth];
        let Some(before) = self.shop.engine.reservation_in_memory(id) else { return false };
        match self.numbers.below(4) {
            0 => self.shop.confirm(id).is_ok(),
            1 => {
                self.holds.swap_remove(nth);
                self.shop.cancel(id).is_ok()
            }
            _ => {
                let Ok(after) = self.shop.collect(id) else { return false };
                self.holds.swap_remove(nth);
                for (old, new) in before.lines.iter().zip(&after.lines) {
                    self.add(old.sku, -i64::from(new.collected - old.collected));
                }
                true
            }
        }
    }

    fn makes(&mut self) -> bool {
        let mut all: Vec<_> = (0..1 + self.numbers.below(4)).map(|_| self.sku()).collect();
        all.sort();
        all.dedup();
        let lines: Vec<_> = all.iter().map(|sku| (sku.as_str(), 1 + self.numbers.below(8) as u32)).collect();
        let (from, to) = (self.place(), self.place());
        let today = (self.shop.clock_now() - START_MS) / (1000 * DAY);
        let days = (self.numbers.below(4) > 0).then(|| today + 1 + self.numbers.below(5));
        let fields = fields(&from, &to, &lines, days);
        let make = Make {
            name: name(&format!("t-{}", self.numbers.below(1 << 40))),
            digest: self.numbers.draw(),
            fields,
            ready: self.numbers.below(2) == 0,
            allow_partial: self.numbers.below(2) == 0,
        };
        ask(&self.shop, Ask::Make(Box::new(make))).is_ok()
    }

    fn readies(&mut self) -> bool {
        let Some(known) = self.some_transfer() else { return false };
        let expected_at = (self.numbers.below(3) == 0)
            .then(|| Timestamp(self.shop.clock_now()).plus_seconds(1 + self.numbers.below(9 * DAY)));
        let allow_partial = self.numbers.below(2) == 0;
        ask(&self.shop, Ask::Ready { transfer: known.name.clone(), expected_at, allow_partial }).is_ok()
    }

    fn ships(&mut self) -> bool {
        let Some(known) = self.some_transfer() else { return false };
        let mut request = ship(known.name.as_str());
        request.occurred_at = self.told_at();
        if self.numbers.below(3) == 0 {
            let catalogue = &self.shop.engine.state().catalogue;
            let some = known.lines.iter().filter(|line| line.reserved > 0);
            let some = some.map(|line| {
                (catalogue.skus.name(line.sku).clone(), 1 + self.numbers.below(line.reserved.into()) as u32)
            });
            request.lines = Some(some.collect());
        }
        let told_at = request.occurred_at;
        let was_ready = known.state == TransferState::Ready;
        let absorbed: Vec<_> =
            known.lines.iter().map(|line| self.is_counted(told_at, line.sku, known.content.from)).collect();
        let Ok(after) = ask(&self.shop, Ask::Ship(Box::new(request))) else { return false };
        for (line, absorbed) in after.lines.iter().zip(absorbed) {
            // What a count has already is on its way besides.
            if was_ready && absorbed {
                self.add(line.sku, line.shipped.into());
            }
        }
        true
    }

    fn receives(&mut self) -> bool {
        let Some(known) = self.some_transfer() else { return false };
        let mut rows = Vec::new();
        for line in &known.lines {
            if self.numbers.below(3) > 0 {
                let most = u64::from(line.outstanding()) + 1 + u64::from(self.numbers.below(8) == 0);
                let (units, damaged) = (self.numbers.below(most) as u32, (self.numbers.below(5) == 0) as u32);
                if units + damaged > 0 {
                    rows.push((self.shop.engine.state().catalogue.skus.name(line.sku).clone(), units, damaged));
                }
            }
        }
        if self.numbers.below(10) == 0 {
            let sku = name(&self.sku());
            if rows.iter().all(|(other, ..)| *other != sku) {
                rows.push((sku, 1, self.numbers.below(2) as u32));
            }
        }
        let request = Receive {
            transfer: known.name.clone(),
            lines: rows.clone(),
            reference: (self.numbers.below(3) == 0).then(|| format!("note-{}", self.numbers.below(5)).into()),
            closes: self.numbers.below(4) == 0,
            occurred_at: self.told_at(),
        };
        let told_at = request.occurred_at;
        let catalogue = &self.shop.engine.state().catalogue;
        let inside = catalogue.quarantine(known.content.to);
        let absorbed: BTreeMap<SkuId, (bool, bool)> = rows
            .iter()
            .filter_map(|(sku, ..)| catalogue.skus.id(sku.as_str()))
            .map(|sku| {
                let inside = inside.is_some_and(|inside| self.is_counted(told_at, sku, inside));
                (sku, (self.is_counted(told_at, sku, known.content.to), inside))
            })
            .collect();
        let Ok(after) = ask(&self.shop, Ask::Receive(Box::new(request))) else { return false };
        for (nth, line) in after.lines.iter().enumerate() {
            let before = known.lines.get(nth);
            let of = |of: fn(&anaquel_engine::transfers::TransferLine) -> u32| {
                i64::from(of(line)) - i64::from(before.map_or(0, of))
            };
            let (shelf, inside) = absorbed.get(&line.sku).copied().unwrap_or_default();
            let had =
                if shelf { of(|line| line.received) } else { 0 } + if inside { of(|line| line.damaged) } else { 0 };
            self.add(line.sku, of(|line| line.surplus) - of(|line| line.missing) - had);
        }
        true
    }

    fn cancels(&mut self) -> bool {
        let Some(known) = self.some_transfer() else { return false };
        if self.numbers.below(2) == 0 && known.state != TransferState::Ready {
            return false;
        }
        let units = [None, Some(Units::Returned), Some(Units::WrittenOff)][self.numbers.below(3) as usize];
        let Ok(after) = cancelled(&self.shop, known.name.as_str(), units) else { return false };
        for (line, before) in after.lines.iter().zip(&known.lines) {
            self.add(line.sku, i64::from(before.missing) - i64::from(line.missing));
        }
        true
    }

    /// Units come and go only where something says so; nothing is promised at both ends.
    fn check(&self) {
        assert_eq!(
            sums(&self.shop.engine),
            self.units,
            "units in all places and on their way, after step {}",
            self.steps
        );
        let state = self.shop.engine.state();
        let ledger = state.ledger();
        for transfer in state.own.transfers.all() {
            let promise = transfer.reservation.and_then(|id| state.reservations.get(id));
            for (number, line) in transfer.lines.iter().enumerate() {
                let here =
                    promise.as_ref().and_then(|promise| promise.lines.get(number)).map_or(0, |line| line.present());
                assert_eq!(here, line.reserved, "promised at the place that it leaves: {transfer:?}");
                let name = transfer.supply_name();
                let outlook = ledger.outlook(line.sku, transfer.content.to);
                let supply =
                    outlook.into_iter().flat_map(|outlook| outlook.supplies()).find(|supply| supply.name == name);
                let comes = match transfer.expected_at {
                    Some(_) if transfer.state.is_open() => line.reserved + line.outstanding(),
                    _ => 0,
                };
                let open = supply.map_or(0, |supply| supply.open);
                let comes = if transfer.state == TransferState::Draft { 0 } else { comes };
                assert_eq!(open, comes, "to come to the place that it goes to: {transfer:?}");
                let is_over = !transfer.state.is_open();
                assert!(!is_over || line.outstanding() == 0, "{transfer:?}");
                lines(&transfer);
            }
        }
    }

    /// The process ends and starts again.
    fn again(mut self) -> Self {
        // What is due by now is logged before whatever is asked, and would be logged at the start otherwise.
        for places in [["p1", "p2"], ["p2", "p1"]] {
            self.shop.put_rule("keeps", Some(keeps(&places))).unwrap();
        }
        let before = crate::common::hash(&self.shop.engine);
        self.shop = match self.folder {
            None => self.shop.restart(),
            Some(folder) => {
                if self.numbers.below(2) == 0 {
                    self.shop.engine.take_checkpoint().unwrap();
                }
                let clock = Arc::clone(&self.shop.clock);
                self.shop.engine.close().unwrap();
                drop(self.shop);
                Shop::on_disk(folder, &clock)
            }
        };
        assert_eq!(crate::common::hash(&self.shop.engine), before, "a replay is the live fold");
        self.shop.check_promises();
        self
    }
}

impl Shop {
    fn clock_now(&self) -> u64 {
        anaquel_engine::Clock::now(&*self.clock).0
    }
}

fn lives(seed: u64, folder: Option<&Path>, steps: u64, each: u64) {
    let mut life = Life::new(seed, folder);
    while life.steps < steps {
        life.step();
        life.check();
        if life.steps.is_multiple_of(each) {
            life = life.again();
            life.check();
        }
    }
    audit(&life.shop);
    let transfers = life.shop.engine.state().own.transfers.all().len();
    println!("{steps} steps, {transfers} transfers; done and refused: {:?}", life.done);
    assert!(life.done.values().all(|(done, _)| *done > 0), "{:?}", life.done);
}

/// `ANAQUEL_STEPS=n` takes n steps; 10,000 if nothing is said.
#[test]
fn over_random_steps_between_thirty_places_units_come_and_go_only_where_something_says_so() {
    let steps = anaquel_seeds::number("ANAQUEL_STEPS").unwrap_or(10_000);
    for seed in anaquel_seeds::seeds(&[], 1) {
        lives(seed.value(), None, steps, steps / 20);
    }
}

#[test]
fn the_same_on_a_disk_with_checkpoints() {
    for seed in anaquel_seeds::seeds(&[], 1) {
        let folder = tempfile::tempdir().unwrap();
        lives(seed.value(), Some(folder.path()), 600, 60);
    }
}
