//! What an order would be: priced and planned, and nothing is written.

use anaquel_engine::advice::{TrialLine, TrialPlace};
use anaquel_engine::command::{Refusal, Short};
use anaquel_engine::event::Purpose;
use anaquel_engine::ids::{Name, ReservationId, SkuId};
use anaquel_engine::level::Constraint;
use anaquel_engine::orders::command::{FulfilmentFields, Place, Pricing, Teller};
use anaquel_engine::orders::payment::{Origin, Payment, PaymentState};
use anaquel_engine::orders::{Charge, Fulfilment, FulfilmentLine, Order, OrderId, OrderLine, OrderState, Source};
use anaquel_engine::refusal::PriceDifference;
use serde_json::Value;

use super::bodies::place::{AskedFulfilment, AskedOrder};
use super::bodies::sale::SaleBody;
use super::bodies::teller::Told;
use super::compose::{self, Request};
use super::shown::Sees;
use super::{carts, refusal, views};
use crate::app::App;
use crate::auth::caller::Caller;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::wire::declared::unknown;

/// Prices and plans an order, and writes nothing: the record as it would be, without ids that only a record gives.
///
/// # Errors
/// As the order itself: which lines are short, which have no price, what is wrong.
pub async fn place(app: &App, caller: &Caller, teller: &Teller, asked: &AskedOrder) -> Result<Reply, Problem> {
    let name = Name::from(String::new());
    let request = Request { engine: &app.engine, name: &name, digest: 0, teller, caller };
    let (placed, lines) = compose::place(&request, asked, &Vec::new())?;
    let order = would_be(app, &placed)?;
    check_total(&placed, &order)?;
    if placed.confirm && !placed.pay_at_handover && order.covered() < order.total() {
        return Err(Refusal::Unbalanced { due: order.total(), tendered: order.covered() }.into());
    }
    let (app_too, channel) = (app.clone(), teller.channel.clone());
    let holds = carts::holds(&app.engine, asked.cart.as_ref());
    let (planned, replaced) = (lines.to_vec(), holds.clone());
    let shorts = app.reads.run(caller.who, move || shorts(&app_too, &channel, &planned, &replaced)).await?;
    if !shorts.is_empty() {
        return Err(refusal::short(app, caller, &teller.channel, (&lines, &holds), &shorts));
    }
    let state = if placed.confirm { "confirmed" } else { "held" };
    Ok(Reply::ok(shown(app, &order, state).to_string()))
}

/// Prices a sale, and writes nothing: the order as it would be. What is not paid yet is `due`.
///
/// # Errors
/// As the sale itself, except that it need not be paid: which lines have no price, what is wrong.
pub fn sell(app: &App, caller: &Caller, body: SaleBody) -> Result<Reply, Problem> {
    let told = Told {
        channel: Some(&body.channel),
        location: Some(&body.location),
        till: body.till.as_deref(),
        occurred_at: body.occurred_at.as_deref(),
        offline: body.offline,
    };
    let teller = told.teller(&app.engine, caller, None)?;
    let asked = body.read()?;
    if teller.occurred_at.is_none() {
        asked.may_price(caller)?;
    }
    let name = Name::from(String::new());
    let request = Request { engine: &app.engine, name: &name, digest: 0, teller: &teller, caller };
    let sell = compose::sell(&request, &asked)?;
    let Some(location) = teller.location else { return Err(Problem::invalid("location", "is required")) };
    let pricing = sell.pricing.unwrap_or(Pricing { seq: app.engine.state().view.seq(), ..compose::NO_PRICES });
    let placed = Place {
        name,
        digest: 0,
        teller: teller.clone(),
        customer: sell.customer,
        currency: sell.currency,
        cart: sell.cart,
        reference: None,
        fulfilments: vec![FulfilmentFields {
            name: "1".into(),
            purpose: Purpose::CarryOut,
            source: Source::Location(location),
            lines: sell.lines,
            address: None,
            pickup_by: None,
            promised_for: None,
        }],
        charges: sell.charges,
        payments: sell.payments,
        codes: sell.codes,
        expected_total: sell.expected_total.filter(|_| teller.occurred_at.is_none()),
        ttl_seconds: 0,
        confirm: true,
        pay_at_handover: false,
        pricing,
        bounds: Vec::new(),
        receipt: None,
    };
    let order = Order { till_reference: sell.till_reference, ..would_be(app, &placed)? };
    check_total(&placed, &order)?;
    Ok(Reply::ok(shown(app, &order, "confirmed").to_string()))
}

/// The record of an order that is not made, without ids that only a record gives.
fn shown(app: &App, order: &Order, state: &str) -> Value {
    let sees = Sees { codes: false, address: Box::new(|_| true) };
    let parts = vec![None; order.fulfilments.len()];
    let mut item = views::order(&app.engine, order, &parts, &sees);
    if let Some(Value::Array(fulfilments)) = item.get_mut("fulfilments") {
        fulfilments.iter_mut().filter_map(Value::as_object_mut).for_each(|one| {
            one.insert("state".into(), state.into());
        });
    }
    if let Value::Object(members) = &mut item {
        members.insert("order".into(), Value::Null);
        members.insert("dry_run".into(), true.into());
    }
    item
}

/// The order that a request would make.
fn would_be(app: &App, placed: &Place) -> Result<Order, Problem> {
    let engine = &app.engine;
    let now = engine.now();
    let catalogue = &engine.state().catalogue;
    let (mut lines, mut fulfilments) = (Vec::new(), Vec::new());
    for (nth, asked) in placed.fulfilments.iter().enumerate() {
        let mut units = Vec::with_capacity(asked.lines.len());
        for (at, line) in asked.lines.iter().enumerate() {
            let sku = catalogue
                .skus
                .id(line.sku.as_str())
                .ok_or_else(|| unknown(format_args!("fulfilments[{nth}].lines[{at}].sku"), line.sku.as_str()))?;
            units.push(FulfilmentLine::new(u16::try_from(lines.len()).unwrap_or(u16::MAX), line.quantity));
            lines.push(OrderLine {
                name: line.name.clone(),
                sku,
                quantity: line.quantity,
                unit_amount: line.terms.unit_amount.unwrap_or(0),
                price_list: line.terms.price_list.clone(),
                discount: line.terms.discount,
                tax_rate: line.terms.tax_rate,
                by_hand: line.terms.by_hand,
                price_differs: line.terms.price_differs,
                handed_over: 0,
                cancelled: 0,
                cancelled_amount: 0,
                returned: 0,
                handed_over_at: None,
                receipts: Default::default(),
            });
        }
        fulfilments.push(Fulfilment {
            name: asked.name.clone(),
            purpose: asked.purpose,
            source: asked.source,
            reservation: None,
            lines: units,
            address: asked.address.clone(),
            pickup_by: asked.pickup_by,
            promised_for: asked.promised_for,
            tracking: None,
        });
    }
    let origin = Origin {
        channel: placed.teller.channel.clone(),
        location: placed.teller.location,
        till: placed.teller.till.clone(),
        occurred_at: now,
        business_date: i32::try_from(now.0 / 86_400_000).unwrap_or(i32::MAX),
    };
    let payments = placed.payments.iter().zip(1..).map(|(fields, nth): (_, u32)| Payment {
        name: fields.name.clone().unwrap_or_else(|| format!("p{nth}").into()),
        tender: fields.tender,
        amount: fields.amount,
        state: fields.state,
        reference: fields.reference.clone(),
        given: fields.given,
        origin: origin.clone(),
        captured: (fields.state == PaymentState::Captured).then(|| origin.clone()),
        on_receipt: false,
    });
    let charges = placed.charges.iter().map(|charge| Charge {
        name: charge.name.clone(),
        amount: charge.amount,
        tax_rate: charge.tax_rate,
        cancelled_amount: 0,
        returned_amount: 0,
        is_sold: false,
        receipt: Default::default(),
    });
    Ok(Order {
        id: OrderId(0),
        version: placed.pricing.seq,
        name: placed.name.clone(),
        digest: 0,
        state: if placed.confirm { OrderState::Confirmed } else { OrderState::Open },
        channel: placed.teller.channel.clone(),
        begun_in: placed.teller.channel.clone(),
        customer: placed.customer.clone(),
        cart: placed.cart.as_ref().map(|cart| cart.name.clone()),
        reference: placed.reference.clone(),
        currency: placed.currency,
        payments: payments.collect(),
        lines,
        charges: charges.collect(),
        fulfilments,
        codes: placed.codes.clone(),
        refunds: Vec::new(),
        receipts: Vec::new(),
        returns: Vec::new(),
        imported: None,
        exit: None,
        pay_at_handover: placed.pay_at_handover,
        till: placed.teller.till.clone(),
        till_reference: None,
        flags: Vec::new(),
        priced_at: placed.pricing.seq,
        created_at: now,
        expires_at: (!placed.confirm).then(|| now.plus_seconds(placed.ttl_seconds.into())),
        history: Vec::new(),
    })
}

/// Checks the prices as the order itself would.
fn check_total(placed: &Place, order: &Order) -> Result<(), Problem> {
    let total = order.total();
    let asked = placed.fulfilments.iter().flat_map(|fulfilment| &fulfilment.lines);
    let is_unpriced = asked.clone().any(|line| line.terms.unit_amount.is_none());
    if !is_unpriced && placed.expected_total.is_none_or(|expected| expected == total) {
        return Ok(());
    }
    let told = asked.filter(|line| !is_unpriced || line.terms.unit_amount.is_none());
    let lines =
        told.map(|line| PriceDifference { line: line.name.clone(), expected: None, actual: line.terms.unit_amount });
    Err(Refusal::PriceMismatch { lines: lines.collect(), total }.into())
}

/// The lines that are short in place of these holds, all tried together; the lines of each purpose as that purpose.
fn shorts(app: &App, channel: &Name, fulfilments: &[AskedFulfilment], supersedes: &[ReservationId]) -> Vec<Short> {
    let state = app.engine.state();
    let (catalogue, channel) = (&state.catalogue, state.catalogue.channels.id(channel.as_str()));
    let mut lines: Vec<(Purpose, TrialLine)> = Vec::new();
    for fulfilment in fulfilments {
        let at = match fulfilment.source {
            Source::Location(id) => TrialPlace::Location(id),
            Source::Group(id) => TrialPlace::Group(id),
        };
        for line in &fulfilment.lines {
            let Some(sku) = catalogue.skus.id(line.sku.as_str()) else { continue };
            lines.push((fulfilment.purpose, TrialLine { sku, at, quantity: line.quantity, latest: line.latest }));
        }
    }
    let mut skus: Vec<SkuId> = lines.iter().map(|(_, line)| line.sku).collect();
    skus.sort_unstable();
    skus.dedup();
    let mut purposes: Vec<Purpose> = Vec::new();
    for (purpose, _) in &lines {
        if !purposes.contains(purpose) {
            purposes.push(*purpose);
        }
    }
    let all: Vec<TrialLine> = lines.iter().map(|(_, line)| *line).collect();
    let mut shorts = Vec::new();
    for purpose in purposes {
        let mut trials = state.trials(&skus, channel, purpose, supersedes, app.engine.now()).for_seconds(0);
        let units = trials.units(&all);
        for (at, ((of, line), got)) in lines.iter().zip(units).enumerate() {
            if *of == purpose && got < line.quantity {
                let constraint = match line.at {
                    _ if line.latest.is_some() => Constraint::Supply,
                    TrialPlace::Group(_) => Constraint::Group,
                    TrialPlace::Location(_) => Constraint::Reserved,
                };
                let (requested, available) = (line.quantity, got);
                shorts.push(Short { line: at, requested, available, constraint, rule: None, limit: None });
            }
        }
    }
    shorts.sort_by_key(|short| short.line);
    shorts
}
