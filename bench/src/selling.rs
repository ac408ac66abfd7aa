//! A retailer in process that takes orders: prices, tax, an issuer, and orders of three lines with receipts.

use anaquel_engine::Engine;
use anaquel_engine::command::{Command, Outcome, Precondition, Rows};
use anaquel_engine::event::Purpose;
use anaquel_engine::ids::LocationId;
use anaquel_engine::kernel::tender::Tender;
use anaquel_engine::orders::Source;
use anaquel_engine::orders::command::{
    Command as OrderCommand, FulfilmentFields, LineFields, PaymentFields, Place, ReceiptFields, Sell, Teller,
};
use anaquel_engine::orders::payment::PaymentState;
use anaquel_engine::orders::pricing::PricedLine;
use anaquel_engine::prices::book::PriceTarget;
use anaquel_engine::prices::command::{Command as PriceCommand, RowFields};
use anaquel_engine::prices::list::Currency;
use anaquel_engine::prices::tax::{Rate, TaxClass};
use anaquel_engine::receipts::command::Command as ReceiptCommand;
use anaquel_engine::receipts::issuer::{Environment, Issuer, Scheme};
use anaquel_engine::receipts::receipt::{FiscalAnswer, FiscalState, ReceiptId};
use anaquel_engine::receipts::series::{ReceiptKind, Series};

use crate::{Numbers, in_memory, name, stock};

const EUR: Currency = Currency(*b"EUR");
const SKUS: u32 = 100;
const LOCATIONS: u32 = 10;
const PRICE: u64 = 1000;
/// Lines of each order.
const LINES: u32 = 3;

/// An engine in memory with stock, prices, tax, and a series of receipts with numbers of VERI*FACTU.
///
/// # Panics
/// The engine refuses it.
pub fn shop() -> Engine {
    let engine = in_memory();
    open(&engine);
    engine
}

/// Opens the shop on an engine that has nothing.
///
/// # Panics
/// The engine refuses it.
pub fn open(engine: &Engine) {
    stock(engine, SKUS, LOCATIONS, 1_900_000_000);
    let put = |command: Command| {
        engine.run(|engine, done| engine.submit(command, None, done)).expect("what is declared is valid");
    };
    let prices = (0..SKUS).map(|n| RowFields::base(name("sku", n), EUR, PRICE)).collect();
    put(Command::load(Rows::Prices(prices), true));
    let class = TaxClass { name: None, rates: vec![Rate { rate: 2100, ..Rate::default() }] };
    let standard = anaquel_engine::ids::Name::parse("standard").expect("a valid name");
    put(PriceCommand::SetTaxClass(standard, Some(Box::new(class)), Precondition::default()).into());
    let issuer = Issuer {
        tax_id: "B12345678".into(),
        name: "Moda S.L.".into(),
        address: "Calle Mayor 1".into(),
        country: *b"ES",
        timezone: "Europe/Madrid".into(),
        scheme: Scheme::Verifactu,
        environment: Environment::Test,
    };
    put(ReceiptCommand::SetIssuer(name("issuer", 0), Some(Box::new(issuer)), Precondition::default()).into());
    let series = Series {
        issuer: name("issuer", 0),
        kind: ReceiptKind::Receipt,
        prefix: "R-".into(),
        digits: 6,
        first: 1,
        locations: Vec::new(),
        channels: Vec::new(),
        closed: false,
    };
    put(ReceiptCommand::SetSeries(name("series", 0), Some(Box::new(series)), Precondition::default()).into());
}

/// What an order of three lines rests on: its place, and its lines at the prices in force.
struct Basket {
    location: LocationId,
    lines: Vec<LineFields>,
    pricing: anaquel_engine::orders::command::Pricing,
}

fn basket(engine: &Engine, numbers: &mut Numbers) -> Basket {
    let (first, at) = (numbers.pick(SKUS), numbers.pick(LOCATIONS));
    let (location, place) = (LocationId(at), name("location", at));
    let line = |n: u32| PricedLine {
        place: PriceTarget::Location(location, place.clone()),
        sku: name("sku", (first + n) % SKUS),
        quantity: 1,
    };
    let asked: Vec<PricedLine> = (0..LINES).map(line).collect();
    let now = engine.now();
    let priced = engine.state().price_request(&name("channel", 0), EUR, (now, now), &asked, &[]);
    let with_terms = |(at, (asked, terms)): (usize, (PricedLine, _))| LineFields {
        name: (at + 1).to_string().into(),
        sku: asked.sku,
        quantity: asked.quantity,
        latest: None,
        terms,
    };
    let lines = asked.into_iter().zip(priced.lines).enumerate().map(with_terms).collect();
    Basket { location, lines, pricing: priced.pricing }
}

fn payment(tender: Tender) -> Vec<PaymentFields> {
    let amount = PRICE * u64::from(LINES);
    vec![PaymentFields { name: None, tender, amount, state: PaymentState::Captured, reference: None, given: None }]
}

/// The authority accepts the receipt with this number.
pub fn accepted(n: u64) -> ReceiptCommand {
    let id = ReceiptId { series: name("series", 0), n };
    let said = FiscalAnswer {
        state: FiscalState::Accepted,
        authority_id: Some(format!("A{n}")),
        signature: None,
        qr: None,
        errors: Vec::new(),
    };
    ReceiptCommand::TellFiscal(id, Box::new(said))
}

fn receipt(nth: u32) -> Option<ReceiptFields> {
    let mut entropy = [7; 16];
    for (to, from) in entropy.iter_mut().zip(nth.to_le_bytes()) {
        *to = from;
    }
    Some(ReceiptFields { series: Some(name("series", 0)), recipient: None, entropy })
}

/// An order of three lines, confirmed and paid, with its receipt.
///
/// # Panics
/// The engine refuses it.
pub fn order(engine: &Engine, numbers: &mut Numbers, nth: u32) {
    let Basket { location, lines, pricing } = basket(engine, numbers);
    let place = Place {
        name: name("order", nth),
        digest: nth.into(),
        teller: Teller { channel: name("channel", 0), location: None, till: None, occurred_at: None },
        customer: Some("c-1".into()),
        currency: EUR,
        cart: None,
        reference: None,
        fulfilments: vec![FulfilmentFields {
            name: "1".into(),
            purpose: Purpose::Pickup,
            source: Source::Location(location),
            lines,
            address: None,
            pickup_by: None,
            promised_for: None,
        }],
        charges: Vec::new(),
        payments: payment(Tender::Card),
        codes: Vec::new(),
        expected_total: None,
        ttl_seconds: 900,
        confirm: true,
        pay_at_handover: false,
        pricing,
        bounds: Vec::new(),
        receipt: receipt(nth),
    };
    submit(engine, OrderCommand::Place(Box::new(place)));
}

/// A sale of three lines, with its receipt.
///
/// # Panics
/// The engine refuses it.
pub fn sale(engine: &Engine, numbers: &mut Numbers, nth: u32) {
    submit(engine, a_sale(engine, numbers, nth, None));
}

/// The sale of three lines that [`sale`] submits.
pub fn a_sale(engine: &Engine, numbers: &mut Numbers, nth: u32, customer: Option<&str>) -> OrderCommand {
    let Basket { location, lines, pricing } = basket(engine, numbers);
    let channel = name("channel", 0);
    let sell = Sell {
        self_checkout: None,
        name: name("sale", nth),
        digest: nth.into(),
        teller: Teller { channel, location: Some(location), till: Some("1".into()), occurred_at: None },
        till_reference: None,
        customer: customer.map(Into::into),
        currency: EUR,
        cart: None,
        lines,
        charges: Vec::new(),
        payments: payment(Tender::Cash),
        codes: Vec::new(),
        pricing: Some(pricing),
        expected_total: None,
        receipt: receipt(nth),
    };
    OrderCommand::Sell(Box::new(sell))
}

fn submit(engine: &Engine, command: OrderCommand) {
    let done = engine.run(|engine, done| engine.submit(Command::from(command), None, done));
    assert!(matches!(done, Ok(Outcome::Put { .. })), "an order was expected, not {done:?}");
}
