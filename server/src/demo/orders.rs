//! What the demo retailer sold: an order in every state, and sales of tills with receipts.

use anaquel_engine::Engine;
use anaquel_engine::command::{Failure, Outcome, Refusal};
use anaquel_engine::event::Purpose;
use anaquel_engine::ids::{LocationId, Name};
use anaquel_engine::kernel::tender::Tender;
use anaquel_engine::orders::Source;
use anaquel_engine::orders::command::{
    Command, FulfilmentFields, LineFields, OrderStep, PaymentFields, Place, Sell, StepFields,
};
use anaquel_engine::orders::payment::PaymentState;
use anaquel_engine::orders::pricing::{Priced, PricedLine};
use anaquel_engine::prices::book::PriceTarget;
use anaquel_engine::prices::list::Currency;
use anyhow::Context;

use crate::demo::names::{name, sku, teller};
use crate::demo::products::Variant;
use crate::demo::returns;

/// Where goods are picked up and sold.
const STORE: &str = "es-001";

/// How long an open order is held, in seconds.
const OPEN_SECONDS: u32 = 2_678_400;

/// The life of an order that expires, in seconds.
const GONE_SECONDS: u32 = 1;

/// What becomes of an order after it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    Confirmed,
    Ready,
    HandedOver,
    Cancelled,
    Expired,
}

/// Loads an order in every state, two sales, and two returns; those whose goods the store does not have are left out.
pub fn load(engine: &Engine, variants: &[Variant]) -> anyhow::Result<()> {
    let catalogue = &engine.state().catalogue;
    let store = catalogue.locations.id(STORE).with_context(|| STORE.to_owned())?;
    let in_store = |variant: &&Variant| {
        let id = catalogue.skus.id(&variant.sku);
        let (_, cells) = engine.state().availability(id.as_slice(), Some(&[store]), None);
        cells.first().is_some_and(|cell| cell.available >= 4)
    };
    // Those that examples and guides do not name.
    let mut chosen = variants.iter().skip(40).filter(in_store);
    let ends = [
        ("W-1001", End::Open),
        ("W-1002", End::Confirmed),
        ("W-1003", End::Ready),
        ("W-1004", End::HandedOver),
        ("W-1005", End::Cancelled),
        ("W-1006", End::Expired),
    ];
    for (order, end) in ends {
        let Some(variant) = chosen.next() else { return Ok(()) };
        place(engine, store, &name(order)?, &sku(&variant.sku)?, end)?;
    }
    for (order, till) in [("T-es-001-1-1", "1"), ("T-es-001-2-1", "2")] {
        let Some(variant) = chosen.next() else { return Ok(()) };
        sell(engine, store, (&name(order)?, till), &sku(&variant.sku)?)?;
    }
    returns::load(engine, store, &name("T-es-001-1-1")?, &name("W-1004")?)
}

/// What one line costs in the store.
fn priced(engine: &Engine, channel: &str, store: LocationId, sku: &Name, quantity: u32) -> anyhow::Result<Priced> {
    let place = PriceTarget::Location(store, name(STORE)?);
    let line = PricedLine { place, sku: sku.clone(), quantity };
    let now = engine.now();
    Ok(engine.state().price_request(&name(channel)?, Currency(*b"EUR"), (now, now), &[line], &[]))
}

fn line(sku: &Name, quantity: u32, priced: &Priced) -> anyhow::Result<(LineFields, u64)> {
    let terms = priced.lines.first().cloned().context("one line was priced")?;
    let amount = terms.unit_amount.unwrap_or(0) * u64::from(quantity);
    Ok((LineFields { name: "1".into(), sku: sku.clone(), quantity, latest: None, terms }, amount))
}

fn paid(tender: Tender, amount: u64, state: PaymentState) -> PaymentFields {
    PaymentFields { name: None, tender, amount, state, reference: None, given: None }
}

/// Runs a command; prices that a list's date changes meanwhile are asked for again.
fn run(engine: &Engine, compose: impl Fn() -> anyhow::Result<Command>) -> anyhow::Result<Outcome> {
    loop {
        let command = compose()?;
        match engine.run(|engine, done| engine.submit(command, None, done)) {
            Err(Failure::Refused(Refusal::Repriced)) => {}
            other => return Ok(other?),
        }
    }
}

fn place(engine: &Engine, store: LocationId, order: &Name, sku: &Name, end: End) -> anyhow::Result<()> {
    let make = || {
        let priced = priced(engine, "web", store, sku, 2)?;
        let (line, amount) = line(sku, 2, &priced)?;
        let fulfilment = FulfilmentFields {
            name: "1".into(),
            purpose: Purpose::Pickup,
            source: Source::Location(store),
            lines: vec![line],
            address: None,
            pickup_by: None,
            promised_for: None,
        };
        Ok(Command::Place(Box::new(Place {
            name: order.clone(),
            digest: 0,
            teller: teller("web", None, None)?,
            customer: Some("c-ana".into()),
            currency: Currency(*b"EUR"),
            cart: None,
            reference: None,
            fulfilments: vec![fulfilment],
            charges: Vec::new(),
            payments: vec![paid(Tender::Card, amount, PaymentState::Captured)],
            codes: Vec::new(),
            expected_total: None,
            ttl_seconds: if end == End::Expired { GONE_SECONDS } else { OPEN_SECONDS },
            confirm: !matches!(end, End::Open | End::Expired),
            pay_at_handover: false,
            pricing: priced.pricing,
            bounds: Vec::new(),
            receipt: None,
        })))
    };
    run(engine, make)?;
    let step = |at: Option<LocationId>, what: StepFields| {
        let step = OrderStep { order: order.clone(), teller: teller("pos", at, None)?, what };
        run(engine, || Ok(Command::Step(Box::new(step.clone())))).map(drop)
    };
    let entropy = getrandom::u64().map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    let ready = || StepFields::Ready { fulfilment: "1".into(), entropy };
    match end {
        End::Open | End::Confirmed | End::Expired => Ok(()),
        End::Ready => step(Some(store), ready()),
        End::HandedOver => step(
            Some(store),
            StepFields::Collect {
                fulfilment: "1".into(),
                lines: None,
                pickup_code: None,
                payments: Vec::new(),
                tracking: None,
                receipt: None,
            },
        ),
        End::Cancelled => step(
            None,
            StepFields::Cancel {
                lines: None,
                charges: Vec::new(),
                refunds: Vec::new(),
                reason: Some("changed her mind".into()),
                receipt: None,
            },
        ),
    }
}

fn sell(engine: &Engine, store: LocationId, (order, till): (&Name, &str), sku: &Name) -> anyhow::Result<()> {
    let make = || {
        let priced = priced(engine, "pos", store, sku, 1)?;
        let (line, amount) = line(sku, 1, &priced)?;
        Ok(Command::Sell(Box::new(Sell {
            name: order.clone(),
            digest: 0,
            teller: teller("pos", Some(store), Some(till))?,
            till_reference: Some(format!("{till}-1").into()),
            customer: None,
            currency: Currency(*b"EUR"),
            cart: None,
            lines: vec![line],
            charges: Vec::new(),
            payments: vec![paid(Tender::Cash, amount, PaymentState::Captured)],
            codes: Vec::new(),
            pricing: Some(priced.pricing),
            expected_total: None,
            self_checkout: None,
            receipt: Some(returns::document("ES-SHOP-27")?),
        })))
    };
    run(engine, make).map(drop)
}
