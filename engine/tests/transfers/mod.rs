//! Transfers: the life of goods on their way between two locations.

mod counts;
mod promises;
mod random;
mod refusals;
mod repeats;
mod steps;

use std::collections::BTreeMap;
use std::sync::Arc;

use anaquel_engine::Engine;
use anaquel_engine::command::{Command, Failure, Outcome, Refusal, RuleFields};
use anaquel_engine::event::Thing;
use anaquel_engine::ids::{LocationId, ReservationId, SkuId, Timestamp};
use anaquel_engine::reservation::Reservation;
use anaquel_engine::rules::{Amount, Effect};
use anaquel_engine::transfers::command::{Command as Ask, Fields, Make, Receive, Ship, Units};
use anaquel_engine::transfers::{Reason, Transfer, TransferAnswer};

use crate::common::{START_MS, Shop, keyed, name, rule, share_of};

const DAY: u64 = 86_400;

fn at(seconds: u64) -> Timestamp {
    Timestamp(START_MS).plus_seconds(seconds)
}

/// A shop with two places that everybody knows, and units of A and B in the first.
fn shop() -> Shop {
    let shop = Shop::open();
    stocked(&shop);
    shop
}

fn stocked(shop: &Shop) {
    shop.declare(&["s1", "s2", "s3"]);
    shop.receive("A", "s1", 10);
    shop.receive("B", "s1", 10);
    shop.receive("C", "s2", 1);
}

fn told(outcome: Outcome) -> Transfer {
    let Outcome::Put { thing: Some(thing), .. } = outcome else { panic!("a transfer was expected, not {outcome:?}") };
    let Thing::Transfers(told) = *thing else { panic!("a transfer was expected, not {thing:?}") };
    match *told {
        TransferAnswer::Transfer(transfer) | TransferAnswer::Made(transfer) => transfer,
        other => panic!("a transfer was expected, not {other:?}"),
    }
}

fn ask(shop: &Shop, command: Ask) -> Result<Transfer, Failure> {
    ask_for(shop, command, None)
}

fn ask_for(shop: &Shop, command: Ask, key: Option<u128>) -> Result<Transfer, Failure> {
    let cause = key.and_then(keyed);
    shop.engine.run(|engine, done| engine.submit(Command::from(command), cause, done)).map(told)
}

fn fields(from: &str, to: &str, lines: &[(&str, u32)], days: Option<u64>) -> Fields {
    Fields {
        from: name(from),
        to: name(to),
        reason: Reason::OnDemand,
        policy: None,
        run: None,
        order: None,
        reference: None,
        expected_at: days.map(|days| at(days * DAY)),
        lines: lines.iter().map(|(sku, units)| (name(sku), *units)).collect(),
    }
}

fn asked(id: &str, fields: Fields, ready: bool) -> Ask {
    let digest = share_of(&format!("{fields:?} {ready}"));
    Ask::Make(Box::new(Make { name: name(id), digest, fields, ready, allow_partial: false }))
}

/// A transfer of the first place to the second, ready, expected in two days.
fn made_ready(shop: &Shop, id: &str, lines: &[(&str, u32)]) -> Transfer {
    ask(shop, asked(id, fields("s1", "s2", lines, Some(2)), true)).unwrap()
}

fn ready(id: &str) -> Ask {
    Ask::Ready { transfer: name(id), expected_at: None, allow_partial: false }
}

fn ship(id: &str) -> Ship {
    Ship { transfer: name(id), lines: None, expected_at: None, tracking: None, occurred_at: None }
}

fn shipped(shop: &Shop, id: &str) -> Result<Transfer, Failure> {
    ask(shop, Ask::Ship(Box::new(ship(id))))
}

fn receipt(id: &str, lines: &[(&str, u32, u32)]) -> Receive {
    Receive {
        transfer: name(id),
        lines: lines.iter().map(|(sku, units, damaged)| (name(sku), *units, *damaged)).collect(),
        reference: None,
        closes: false,
        occurred_at: None,
    }
}

fn received(shop: &Shop, id: &str, lines: &[(&str, u32, u32)]) -> Result<Transfer, Failure> {
    ask(shop, Ask::Receive(Box::new(receipt(id, lines))))
}

fn cancelled(shop: &Shop, id: &str, units: Option<Units>) -> Result<Transfer, Failure> {
    ask(shop, Ask::Cancel { transfer: name(id), units })
}

/// What a transfer's lines say: shipped, received, damaged, missing, returned, surplus, outstanding.
fn lines(transfer: &Transfer) -> Vec<[u32; 7]> {
    let line = |line: &anaquel_engine::transfers::TransferLine| {
        assert_eq!(
            u64::from(line.shipped) + u64::from(line.surplus),
            [line.received, line.damaged, line.missing, line.returned, line.outstanding()].map(u64::from).iter().sum(),
            "{line:?}"
        );
        [line.shipped, line.received, line.damaged, line.missing, line.returned, line.surplus, line.outstanding()]
    };
    transfer.lines.iter().map(line).collect()
}

fn cell(shop: &Shop, sku: &str, location: &str) -> (SkuId, LocationId) {
    let catalogue = &shop.engine.state().catalogue;
    (catalogue.skus.id(sku).unwrap(), catalogue.locations.id(location).unwrap())
}

/// Units available now, and units to come.
fn seen(shop: &Shop, sku: &str, location: &str) -> (u32, u64) {
    let (id, place) = cell(shop, sku, location);
    let (_, cells) = shop.engine.state().availability(&[id], Some(&[place]), None);
    let ledger = shop.engine.state().ledger();
    let coming = ledger.outlook(id, place).map_or(0, |outlook| outlook.supplied());
    (cells.first().map_or(0, |cell| cell.available), coming)
}

fn quarantine(shop: &Shop, location: &str) -> String {
    let catalogue = &shop.engine.state().catalogue;
    let place = catalogue.locations.id(location).unwrap();
    catalogue.locations.name(catalogue.quarantine(place).unwrap()).to_string()
}

fn now(shop: &Shop, id: ReservationId) -> Arc<Reservation> {
    shop.engine.state().reservations.get(id).unwrap()
}

fn in_state(failure: &Failure) -> &'static str {
    match failure {
        Failure::Refused(Refusal::InState { state, .. }) => state,
        other => panic!("a refusal for its state was expected, not {other:?}"),
    }
}

/// The field that a refusal names.
fn invalid(failure: Failure) -> String {
    match failure {
        Failure::Refused(Refusal::Invalid { field, .. }) => field,
        other => panic!("a refusal of a field was expected, not {other:?}"),
    }
}

/// Some of what is at places is kept from transfers.
fn keeps(places: &[&str]) -> RuleFields {
    let mut keeps = rule(Effect::SafetyStock(Amount::Units(3)));
    keeps.channels = vec![name("transfer")];
    keeps.locations = places.iter().map(|place| name(place)).collect();
    keeps
}

/// One call of a transfer.
type Step = fn(&Shop) -> Result<Transfer, Failure>;

/// Units of a SKU in all places and on their way, but for what step 2 above adds.
fn conserved(shop: &Shop, units: &[(&str, i64)]) {
    let sums = sums(&shop.engine);
    for (sku, units) in units {
        let id = shop.engine.state().catalogue.skus.id(sku).unwrap();
        assert_eq!(sums.get(&id), Some(units), "{sku}");
    }
}

/// By SKU, the units in all places and on their way.
fn sums(engine: &Engine) -> BTreeMap<SkuId, i64> {
    let (state, mut sums) = (engine.state(), BTreeMap::new());
    for (_, cell) in state.matrix.range(0, state.cells()) {
        *sums.entry(cell.sku()).or_default() += i64::from(cell.durable().on_hand);
    }
    for line in state.own.transfers.all().iter().flat_map(|transfer| &transfer.lines) {
        *sums.entry(line.sku).or_default() += i64::from(line.checked_outstanding().unwrap());
    }
    sums
}
