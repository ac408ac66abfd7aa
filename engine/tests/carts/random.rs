//! A random life of carts against a simple model, with restarts and checkpoints, audited as it goes.

use std::path::Path;

use anaquel_engine::Clock;
use anaquel_engine::carts::merge::MergeRule;
use anaquel_engine::ids::ReservationId;
use anaquel_seeds::{Seed, seeds};

use super::*;
use crate::common::{ManualClock, Numbers, START_MS, audit, hash};

const CUSTOMERS: u64 = 4;
const SKUS: [&str; 3] = ["A", "B", "C"];
const LIFE: u64 = 400_000;

/// What the model knows of a cart: its lines in order, by id.
#[derive(Debug, Clone, PartialEq)]
struct Model {
    name: String,
    customer: Option<String>,
    lines: Vec<(String, String, u32)>,
    state: CartState,
    touched: u64,
    /// Until when it holds units at s0, and which.
    held: Option<(u64, Vec<(String, u32)>)>,
}

impl Model {
    fn set(&mut self, line: &str, sku: &str, units: u32) {
        let known = self.lines.iter().position(|(id, ..)| id == line);
        match (known, units) {
            (Some(at), 0) => drop(self.lines.remove(at)),
            (Some(at), units) => self.lines[at] = (line.to_owned(), sku.to_owned(), units),
            (None, 0) => {}
            (None, units) => self.lines.push((line.to_owned(), sku.to_owned(), units)),
        }
    }

    fn units(&self, sku: &str) -> u32 {
        self.lines.iter().filter(|(_, of, _)| of == sku).map(|(.., units)| units).sum()
    }
}

struct Life {
    shop: Shop,
    numbers: Numbers,
    carts: Vec<Model>,
    done: u64,
    refused: u64,
}

impl Life {
    fn now(&self) -> u64 {
        self.shop.clock.now().0
    }

    /// Ends what is due in the model.
    fn pass(&mut self) {
        let now = self.now();
        for cart in &mut self.carts {
            if cart.held.as_ref().is_some_and(|(until, _)| *until <= now) {
                cart.held = None;
            }
            if cart.state == CartState::Open && cart.touched + LIFE <= now {
                (cart.state, cart.held) = (CartState::Expired, None);
            }
        }
    }

    fn some_cart(&mut self) -> Option<usize> {
        let open: Vec<_> = (0..self.carts.len()).filter(|at| self.carts[*at].state == CartState::Open).collect();
        let all = if self.numbers.below(8) == 0 { (0..self.carts.len()).collect() } else { open };
        let nth = self.numbers.below((all.len() as u64).max(1)) as usize;
        all.get(nth).copied()
    }

    fn open_of(&self, customer: &str) -> Option<usize> {
        let is_theirs = |cart: &&Model| cart.state == CartState::Open && cart.customer.as_deref() == Some(customer);
        self.carts.iter().position(|cart| is_theirs(&cart))
    }

    fn row(&mut self) -> (Option<&'static str>, &'static str, u32) {
        let sku = SKUS[self.numbers.below(3) as usize];
        let line = [None, Some("1"), Some("2")][self.numbers.below(3) as usize];
        (line, sku, self.numbers.below(5) as u32)
    }

    fn customer(&mut self) -> String {
        format!("c{}", self.numbers.below(CUSTOMERS))
    }

    fn step(&mut self) {
        let kind = self.numbers.below(10);
        let done = match kind {
            0 | 1 => self.makes(),
            2..=5 => self.sets(),
            6 => self.merges(),
            7 | 8 => self.holds(),
            _ => self.closes(),
        };
        *if done { &mut self.done } else { &mut self.refused } += 1;
        self.check();
        // Whole seconds, because deadlines are rounded to some milliseconds.
        self.shop.clock.advance(1000 * self.numbers.below(30));
        self.shop.engine.wake();
        self.pass();
        // What is due has happened before the next step looks.
        let open = self.carts.iter().filter(|cart| cart.state == CartState::Open).count() as u64;
        self.shop.wait_until("what is due is done", || self.shop.engine.state().own.carts.open() == open);
        self.shop.wait_until("holds are over", || self.reserved() == self.expected());
    }

    fn makes(&mut self) -> bool {
        let customer = (self.numbers.below(2) == 0).then(|| self.customer());
        let (line, sku, units) = self.row();
        let id = format!("k{}", self.carts.len());
        let mut asked =
            new(&id, customer.as_deref(), vec![LineFields { line: line.map(name), sku: name(sku), quantity: units }]);
        asked.ttl_seconds = (LIFE / 1000) as u32;
        let told = ask_for(&self.shop, Ask::Make(Box::new(asked)), None);
        let (now, known) = (self.now(), customer.as_deref().and_then(|customer| self.open_of(customer)));
        let line = line.unwrap_or(sku);
        match known {
            Some(at) => {
                assert!(!told.unwrap().0.made);
                self.change(at, now, |cart| cart.set(line, sku, units));
            }
            None if customer.is_none() && units == 0 => {
                assert_eq!(invalid(told.unwrap_err()), "lines");
                return false;
            }
            None => {
                assert!(told.unwrap().0.made);
                let mut cart =
                    Model { name: id, customer, lines: Vec::new(), state: CartState::Open, touched: now, held: None };
                cart.set(line, sku, units);
                self.carts.push(cart);
            }
        }
        true
    }

    /// Changes a cart of the model, and lengthens its life if that changes anything.
    fn change(&mut self, at: usize, now: u64, change: impl FnOnce(&mut Model)) {
        let before = self.carts[at].clone();
        change(&mut self.carts[at]);
        if self.carts[at] != before {
            self.carts[at].touched = now;
        }
    }

    fn sets(&mut self) -> bool {
        let Some(at) = self.some_cart() else { return false };
        let (line, sku, units) = self.row();
        let row = LineFields { line: line.map(name), sku: name(sku), quantity: units };
        let told = set(&self.shop, &self.carts[at].name, vec![row]);
        assert_eq!(told.is_ok(), self.carts[at].state == CartState::Open);
        let now = self.now();
        if told.is_ok() {
            self.change(at, now, |cart| cart.set(line.unwrap_or(sku), sku, units));
        }
        told.is_ok()
    }

    fn merges(&mut self) -> bool {
        let Some(at) = self.some_cart() else { return false };
        let (customer, rule) = (self.customer(), MergeRule::ALL[self.numbers.below(4) as usize]);
        let mine = self.carts[at].clone();
        let told = ask(&self.shop, customer_to(&mine.name, &customer, rule));
        let now = self.now();
        if mine.state != CartState::Open || mine.customer.is_some() {
            let is_repeat = told.is_ok();
            assert!(!is_repeat || mine.customer.as_deref() == Some(&customer) || mine.state == CartState::Merged);
            return false;
        }
        let cart = told.unwrap();
        let Some(into) = self.open_of(&customer) else {
            self.change(at, now, |cart| cart.customer = Some(customer));
            return true;
        };
        assert_eq!(cart.name.as_str(), self.carts[into].name);
        let theirs = self.carts[into].clone();
        for sku in SKUS {
            let (has, adds) = (theirs.units(sku), mine.units(sku));
            let after = match (has, adds) {
                (0, adds) => adds,
                (has, 0) => has,
                _ => match rule {
                    MergeRule::Max => has.max(adds),
                    MergeRule::Sum => has + adds,
                    MergeRule::Mine => adds,
                    MergeRule::Theirs => has,
                },
            };
            let told: u32 =
                lines(&self.shop, &cart).iter().filter(|(_, of, _)| of == sku).map(|(.., units)| units).sum();
            assert_eq!(told, after, "{sku} of {theirs:?} and {mine:?} by {rule:?}");
        }
        // Ids and their order are those of the table tests; the model takes them over.
        (self.carts[into].lines, self.carts[into].touched) = (lines(&self.shop, &cart), now);
        (self.carts[at].state, self.carts[at].held) = (CartState::Merged, None);
        true
    }

    fn holds(&mut self) -> bool {
        let Some(at) = self.some_cart() else { return false };
        let seconds = 1 + self.numbers.below(200) as u32;
        let (model, now) = (self.carts[at].clone(), self.now());
        let told = ask(&self.shop, Ask::Hold(Box::new(hold_at(&model.name, "s0", seconds))));
        let free = |sku: &str| {
            let held: u32 = self.expected_of(sku);
            let own = model.held.iter().flat_map(|(_, units)| units).filter(|(of, _)| of == sku);
            10 - held + own.map(|(_, units)| units).sum::<u32>()
        };
        let fits = SKUS.iter().all(|sku| model.units(sku) <= free(sku));
        let may = model.state == CartState::Open && !model.lines.is_empty() && fits;
        assert_eq!(told.is_ok(), may, "{model:?}: {told:?}");
        if may {
            let units = SKUS.iter().map(|sku| ((*sku).to_owned(), model.units(sku)));
            self.carts[at].held = Some((now + u64::from(seconds) * 1000, units.collect()));
            self.carts[at].touched = now;
        }
        may
    }

    fn closes(&mut self) -> bool {
        let Some(at) = self.some_cart() else { return false };
        let told = close(&self.shop, &self.carts[at].name);
        let state = self.carts[at].state;
        assert_eq!(told.is_ok(), matches!(state, CartState::Open | CartState::Closed));
        if told.is_ok() {
            (self.carts[at].state, self.carts[at].held) = (CartState::Closed, None);
        }
        told.is_ok()
    }

    fn expected_of(&self, sku: &str) -> u32 {
        let held = self.carts.iter().flat_map(|cart| &cart.held).flat_map(|(_, units)| units);
        held.filter(|(of, _)| of == sku).map(|(_, units)| units).sum()
    }

    fn expected(&self) -> [u32; 3] {
        SKUS.map(|sku| self.expected_of(sku))
    }

    fn reserved(&self) -> [u32; 3] {
        SKUS.map(|sku| self.shop.level(sku, "s0").reserved)
    }

    /// Memory and model agree on every cart.
    fn check(&self) {
        for model in &self.carts {
            let cart = named(&self.shop, &model.name);
            let customer = cart.customer.as_ref().map(|name| name.to_string());
            assert_eq!(
                (cart.state, &customer, &lines(&self.shop, &cart)),
                (model.state, &model.customer, &model.lines),
                "{}",
                model.name
            );
            let is_open = |id: &&ReservationId| {
                self.shop.engine.state().reservations.get(**id).is_some_and(|held| held.state.is_open())
            };
            assert_eq!(cart.holds().iter().filter(is_open).count(), usize::from(model.held.is_some()), "{model:?}");
        }
        assert_eq!(self.reserved(), self.expected());
    }

    fn live(mut self, steps: u64, folder: Option<&Path>) {
        for step in 0..steps {
            self.step();
            if step % 60 == 59 {
                let before = hash(&self.shop.engine);
                assert_eq!(self.shop.engine.state().hash_anew().all(), before.1);
                audit(&self.shop);
                self.shop = match folder {
                    None => self.shop.restart(),
                    Some(folder) => {
                        if step % 120 == 119 {
                            self.shop.engine.take_checkpoint().unwrap();
                        }
                        self.shop.engine.close().unwrap();
                        let clock = self.shop.clock.clone();
                        drop(self.shop);
                        Shop::on_disk(folder, &clock)
                    }
                };
                assert_eq!(hash(&self.shop.engine), before);
                self.check();
            }
        }
        self.shop.check_promises();
        assert!(
            self.done > steps / 3 && self.refused > steps / 50,
            "{} of {steps}, {} refused",
            self.done,
            self.refused
        );
    }
}

fn begin(seed: Seed, shop: Shop) -> Life {
    stocked(&shop);
    Life { shop, numbers: Numbers::new(seed.value()), carts: Vec::new(), done: 0, refused: 0 }
}

#[test]
fn a_random_life_is_what_a_simple_model_says() {
    for seed in seeds(&[], 3) {
        begin(seed, Shop::open()).live(300, None);
    }
}

#[test]
fn the_same_on_a_disk_with_checkpoints() {
    for seed in seeds(&[], 1) {
        let folder = tempfile::tempdir().unwrap();
        let shop = Shop::on_disk(folder.path(), &ManualClock::at(START_MS));
        begin(seed, shop).live(240, Some(folder.path()));
    }
}
