//! Orders and sales: what they hold, hand over and cost, through refusals, repeats, restarts and the auditor.

mod archive;
mod documents;
mod random;
mod steps;

use std::sync::Arc;

use anaquel_engine::command::{Command, Failure, Outcome, Precondition};
use anaquel_engine::event::{Purpose, Thing};
use anaquel_engine::ids::Timestamp;
use anaquel_engine::kernel::tender::Tender;
use anaquel_engine::orders::command::{
    ChargeFields, Command as Ask, FulfilmentFields, LineFields, OrderStep, PaymentFields, Place, ReceiptFields, Sell,
    StepFields, Teller,
};
use anaquel_engine::orders::payment::PaymentState;
use anaquel_engine::orders::pricing::PricedLine;
use anaquel_engine::orders::{Order, Source};
use anaquel_engine::prices::book::PriceTarget;
use anaquel_engine::prices::command::{Command as PriceCommand, RowFields};
use anaquel_engine::prices::list::Currency;
use anaquel_engine::prices::tax::{Rate, TaxClass};
use anaquel_engine::receipts::command::Command as ReceiptCommand;
use anaquel_engine::receipts::issuer::{Environment, Issuer, Scheme};
use anaquel_engine::receipts::series::{ReceiptKind, Series};

use crate::common::{Shop, keyed, name, share_of};

const EUR: Currency = Currency(*b"EUR");

/// A shop with three locations, a group of all, and prices of A, B and C.
fn shop() -> Shop {
    let shop = Shop::open();
    shop.declare(&["s0", "s1", "s2"]);
    shop.put_group("all", &["s0", "s1", "s2"]);
    for (sku, units, price) in [("A", 10, 299), ("B", 10, 1000), ("C", 10, 333)] {
        for location in ["s0", "s1", "s2"] {
            shop.receive(sku, location, units);
        }
        set_price(&shop, sku, Some(price));
    }
    shop
}

fn set_price(shop: &Shop, sku: &str, amount: Option<u64>) {
    let row = RowFields { amount, ..RowFields::base(name(sku), EUR, 0) };
    shop.engine.run(|engine, done| engine.submit(PriceCommand::SetRows(vec![row]), None, done)).unwrap();
}

fn told(outcome: Outcome) -> Order {
    let Outcome::Put { thing: Some(thing), .. } = outcome else { panic!("an order was expected, not {outcome:?}") };
    let Thing::Orders(told) = *thing else { panic!("an order was expected, not {thing:?}") };
    Arc::unwrap_or_clone(told.order)
}

fn ask(shop: &Shop, command: Ask) -> Result<Order, Failure> {
    ask_for(shop, command, None)
}

fn ask_for(shop: &Shop, command: Ask, key: Option<u128>) -> Result<Order, Failure> {
    let cause = key.and_then(keyed);
    shop.engine.run(|engine, done| engine.submit(Command::from(command), cause, done)).map(told)
}

fn teller(shop: &Shop, channel: &str, location: Option<&str>) -> Teller {
    let id = |text: &str| shop.engine.state().catalogue.locations.id(text).unwrap();
    Teller { channel: name(channel), location: location.map(id), till: None, occurred_at: None }
}

fn source(shop: &Shop, place: &str) -> Source {
    let catalogue = &shop.engine.state().catalogue;
    match catalogue.locations.id(place) {
        Some(location) => Source::Location(location),
        None => Source::Group(catalogue.groups.id(place).unwrap()),
    }
}

fn target(shop: &Shop, place: &str) -> PriceTarget {
    match source(shop, place) {
        Source::Location(location) => PriceTarget::Location(location, name(place)),
        Source::Group(group) => PriceTarget::Group(group),
    }
}

/// A fulfilment with lines of these SKUs and units, numbered from `first` on, at the prices in force.
fn fulfilment(
    shop: &Shop,
    id: &str,
    purpose: Purpose,
    place: &str,
    first: usize,
    lines: &[(&str, u32)],
) -> FulfilmentFields {
    let asked: Vec<_> = lines
        .iter()
        .map(|(sku, quantity)| PricedLine { place: target(shop, place), sku: name(sku), quantity: *quantity })
        .collect();
    let now = shop.engine.now();
    let priced = shop.engine.state().price_request(&name("web"), EUR, (now, now), &asked, &[]);
    let line = |(at, (asked, terms)): (usize, (PricedLine, _))| LineFields {
        name: (first + at).to_string().into(),
        sku: asked.sku,
        quantity: asked.quantity,
        latest: None,
        terms,
    };
    FulfilmentFields {
        name: id.into(),
        purpose,
        source: source(shop, place),
        lines: asked.into_iter().zip(priced.lines).enumerate().map(line).collect(),
        address: None,
        pickup_by: None,
        promised_for: None,
    }
}

fn payment(tender: Tender, amount: u64, state: PaymentState) -> PaymentFields {
    PaymentFields { name: None, tender, amount, state, reference: None, given: None }
}

fn card(amount: u64) -> Vec<PaymentFields> {
    vec![payment(Tender::Card, amount, PaymentState::Captured)]
}

/// An order to make, open, for a quarter of an hour.
fn place(shop: &Shop, id: &str, fulfilments: Vec<FulfilmentFields>) -> Place {
    let now = shop.engine.now();
    let pricing = shop.engine.state().price_request(&name("web"), EUR, (now, now), &[], &[]).pricing;
    Place {
        name: name(id),
        digest: share_of(&format!("{id} {fulfilments:?}")),
        teller: teller(shop, "web", None),
        customer: Some("c-1".into()),
        currency: EUR,
        cart: None,
        reference: None,
        fulfilments,
        charges: Vec::new(),
        payments: Vec::new(),
        codes: Vec::new(),
        expected_total: None,
        ttl_seconds: 900,
        confirm: false,
        pay_at_handover: false,
        pricing,
        bounds: Vec::new(),
        receipt: None,
    }
}

fn placed(shop: &Shop, place: Place) -> Result<Order, Failure> {
    ask(shop, Ask::Place(Box::new(place)))
}

/// A sale of these SKUs and units at a location, paid in cash.
fn sale(shop: &Shop, id: &str, location: &str, lines: &[(&str, u32)]) -> Sell {
    let fulfilment = fulfilment(shop, "1", Purpose::CarryOut, location, 1, lines);
    let now = shop.engine.now();
    let pricing = shop.engine.state().price_request(&name("pos"), EUR, (now, now), &[], &[]).pricing;
    let total =
        fulfilment.lines.iter().map(|line| line.terms.unit_amount.unwrap_or(0) * u64::from(line.quantity)).sum();
    Sell {
        name: name(id),
        digest: share_of(&format!("{id} {lines:?}")),
        teller: Teller { till: Some("t1".into()), ..teller(shop, "pos", Some(location)) },
        till_reference: None,
        customer: None,
        currency: EUR,
        cart: None,
        lines: fulfilment.lines,
        charges: Vec::new(),
        payments: vec![payment(Tender::Cash, total, PaymentState::Captured)],
        codes: Vec::new(),
        pricing: Some(pricing),
        expected_total: None,
        self_checkout: None,
        receipt: None,
    }
}

fn step(shop: &Shop, order: &str, what: StepFields) -> Result<Order, Failure> {
    ask(shop, step_of(shop, order, what))
}

fn step_of(shop: &Shop, order: &str, what: StepFields) -> Ask {
    Ask::Step(Box::new(OrderStep { order: name(order), teller: teller(shop, "web", None), what }))
}

fn confirm(payments: Vec<PaymentFields>) -> StepFields {
    StepFields::Confirm { payments, pay_at_handover: false, pickup_by: None, receipt: None }
}

fn collect(fulfilment: &str, lines: Option<&[(&str, u32)]>, payments: Vec<PaymentFields>) -> StepFields {
    let lines = lines.map(|lines| {
        let line = |(sku, quantity): &(&str, u32)| anaquel_engine::orders::command::SkuQuantity {
            sku: name(sku),
            location: None,
            quantity: *quantity,
        };
        lines.iter().map(line).collect()
    });
    StepFields::Collect {
        fulfilment: fulfilment.into(),
        lines,
        pickup_code: None,
        payments,
        tracking: None,
        receipt: None,
    }
}

fn cancel(lines: Option<&[(&str, u32)]>) -> StepFields {
    let lines = lines.map(|lines| {
        let line = |(line, quantity): &(&str, u32)| anaquel_engine::orders::command::LineQuantity {
            line: (*line).into(),
            quantity: *quantity,
            shelf: None,
        };
        lines.iter().map(line).collect()
    });
    StepFields::Cancel { lines, charges: Vec::new(), refunds: Vec::new(), reason: None, receipt: None }
}

fn charge(amount: u64) -> Vec<ChargeFields> {
    vec![ChargeFields { name: "shipping".into(), amount, tax_rate: Some(2100) }]
}

/// Seconds from the start.
fn at(shop: &Shop, seconds: u64) -> Timestamp {
    shop.engine.now().plus_seconds(seconds)
}

/// An issuer `es` of this scheme, with the series `R` of receipts and `C` of credit notes.
fn put_series(shop: &Shop, scheme: Scheme) {
    let issuer = Issuer {
        tax_id: "89890001K".into(),
        name: "Tienda".into(),
        address: "Calle Mayor 1".into(),
        country: *b"ES",
        timezone: "Europe/Madrid".into(),
        scheme,
        environment: Environment::Test,
    };
    let put = |command: ReceiptCommand| {
        shop.engine.run(|engine, done| engine.submit(command, None, done)).unwrap();
    };
    put(ReceiptCommand::SetIssuer(name("es"), Some(Box::new(issuer)), Precondition::default()));
    for (id, kind) in [("R", ReceiptKind::Receipt), ("C", ReceiptKind::CreditNote)] {
        let series = Series {
            issuer: name("es"),
            kind,
            prefix: format!("{id}-"),
            digits: 6,
            first: 1,
            locations: Vec::new(),
            channels: Vec::new(),
            closed: false,
        };
        put(ReceiptCommand::SetSeries(name(id), Some(Box::new(series)), Precondition::default()));
    }
}

/// The standard class, taxed at 21 %.
fn put_tax(shop: &Shop) {
    let class = TaxClass { name: None, rates: vec![Rate { rate: 2100, ..Rate::default() }] };
    let command = PriceCommand::SetTaxClass(name("standard"), Some(Box::new(class)), Precondition::default());
    shop.engine.run(|engine, done| engine.submit(command, None, done)).unwrap();
}

fn receipt(series: &str, nth: u64) -> ReceiptFields {
    let mut entropy = [0; 16];
    entropy[..8].copy_from_slice(&nth.to_le_bytes());
    ReceiptFields { series: Some(name(series)), recipient: None, entropy }
}
