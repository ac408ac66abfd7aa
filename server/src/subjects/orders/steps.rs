//! The steps of an order: what each asks for, and who may ask for it.

use anaquel_engine::Engine;
use anaquel_engine::command::StepRequest;
use anaquel_engine::kernel::tender::Tender;
use anaquel_engine::orders::Order;
use anaquel_engine::orders::command::{Binding, RefundFields, StepFields, Teller};
use anaquel_engine::orders::payment::RefundState;
use anaquel_engine::orders::refunds::plan;

use super::act::{CodeStep, code_step, find, needs_key, step};
use super::bodies::limits::{self, date};
use super::bodies::money::{payments, refunds};
use super::bodies::place::{expected_total, fulfilments};
use super::bodies::receipt::{self, OrderReceiptBody};
use super::bodies::steps::{
    FulfilmentChangeBody, HandOverBody, OrderCancelBody, OrderConfirmBody, OrderExtendBody, PaymentsBody, RefundsBody,
    ReplanBody, handed_over,
};
use super::bodies::teller::{Told, location};
use super::decided::reply;
use super::{compose, short_pick, sight};
use crate::app::App;
use crate::auth::Scope;
use crate::auth::caller::Caller;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::subjects::reservations::bodies::{BindBody, ttl};
use crate::wire::{optional_name, parse_time};

/// Confirms an order.
///
/// # Errors
/// Why it is refused, or what is wrong with the request.
pub async fn confirm(app: &App, caller: &Caller, id: &str, body: OrderConfirmBody) -> Result<Reply, Problem> {
    let order = find(app, caller, id).await?;
    sight::may_change(app, caller, &order, None)?;
    if body.pay_at_handover {
        caller.may(&[Scope::Fulfil]).map_err(|problem| problem.with("field", "pay_at_handover"))?;
    }
    if !body.payments.is_empty() {
        needs_key(caller, "with payments")?;
    }
    let told = Told {
        channel: Some(&body.channel),
        location: body.location.as_deref(),
        till: body.till.as_deref(),
        occurred_at: None,
        offline: false,
    };
    let fields = StepFields::Confirm {
        payments: payments(body.payments, None)?,
        pay_at_handover: body.pay_at_handover,
        pickup_by: date("pickup_by", body.pickup_by.as_deref())?,
        receipt: receipt::of_step(body.receipt)?,
    };
    let decided = step(app, caller, &order, told, |_, _| Ok(fields.clone())).await?;
    reply(app, caller, &decided, false).await
}

/// Extends the holds of an order.
///
/// # Errors
/// Why it is refused, or what is wrong with the request.
pub async fn extend(app: &App, caller: &Caller, id: &str, body: OrderExtendBody) -> Result<Reply, Problem> {
    let order = find(app, caller, id).await?;
    sight::may_change(app, caller, &order, None)?;
    let fields = StepFields::Extend { ttl_seconds: ttl(body.ttl_seconds)? };
    let decided = step(app, caller, &order, Told::default(), |_, _| Ok(fields.clone())).await?;
    reply(app, caller, &decided, false).await
}

/// Plans the fulfilments of an open order anew.
///
/// # Errors
/// Which lines are short, why it is refused, or what is wrong with the request.
pub async fn replan(app: &App, caller: &Caller, id: &str, body: ReplanBody) -> Result<Reply, Problem> {
    let order = find(app, caller, id).await?;
    sight::may_change(app, caller, &order, None)?;
    let told = Told { channel: Some(&body.channel), ..Told::default() };
    let asked = fulfilments(&app.engine, caller, &body.fulfilments, false)?;
    let expected = expected_total(body.expected_total)?;
    let bounds = app.bounds(caller, order.channel.as_str());
    let fields =
        |engine: &Engine, teller: &Teller| compose::replan(engine, &order, &teller.channel, &asked, expected, &bounds);
    let decided = step(app, caller, &order, told, fields).await?;
    reply(app, caller, &decided, false).await
}

/// Changes a fulfilment before any unit of it is handed over.
///
/// # Errors
/// Why it is refused, or what is wrong with the request.
pub async fn set_fulfilment(
    app: &App,
    caller: &Caller,
    (id, fulfilment): (&str, &str),
    body: FulfilmentChangeBody,
) -> Result<Reply, Problem> {
    let order = find(app, caller, id).await?;
    sight::may_change(app, caller, &order, Some(fulfilment))?;
    let told = Told { channel: Some(&body.channel), ..Told::default() };
    let time = |field: &str, said: Option<Option<String>>| {
        said.map(|text| text.map(|text| parse_time(field, &text)).transpose()).transpose()
    };
    let address = body.address.map(|given| given.map(|given| limits::address("address", &given)).transpose());
    let to = body.location.as_deref();
    let fields = StepFields::SetFulfilment {
        fulfilment: fulfilment.into(),
        pickup_by: time("pickup_by", body.pickup_by)?,
        promised_for: time("promised_for", body.promised_for)?,
        address: address.transpose()?,
        location: to.map(|text| location(&app.engine, caller, "location", text)).transpose()?,
    };
    let decided = step(app, caller, &order, told, |_, _| Ok(fields.clone())).await?;
    reply(app, caller, &decided, false).await
}

/// Tells payments.
///
/// # Errors
/// Why it is refused, or what is wrong with the request.
pub async fn pay(app: &App, caller: &Caller, id: &str, body: PaymentsBody) -> Result<Reply, Problem> {
    let order = find(app, caller, id).await?;
    needs_key(caller, "with payments")?;
    limits::count("payments", body.payments.len(), 1, limits::PAYMENTS_MAX)?;
    let told = Told {
        channel: body.channel.as_deref(),
        location: body.location.as_deref(),
        till: body.till.as_deref(),
        occurred_at: body.occurred_at.as_deref(),
        offline: false,
    };
    let fields = StepFields::Payments(payments(body.payments, None)?);
    let decided = step(app, caller, &order, told, |_, _| Ok(fields.clone())).await?;
    reply(app, caller, &decided, false).await
}

/// Tells refunds.
///
/// # Errors
/// Why it is refused, or what is wrong with the request.
pub async fn refund(app: &App, caller: &Caller, id: &str, body: RefundsBody) -> Result<Reply, Problem> {
    let order = find(app, caller, id).await?;
    needs_key(caller, "with refunds")?;
    limits::count("refunds", body.refunds.len(), 1, limits::REFUNDS_MAX)?;
    let told = Told {
        channel: body.channel.as_deref(),
        location: body.location.as_deref(),
        till: body.till.as_deref(),
        occurred_at: body.occurred_at.as_deref(),
        offline: false,
    };
    let (back, note) = (refunds(body.refunds)?, receipt::of_step(body.receipt)?);
    let fields = |engine: &Engine, _: &Teller| {
        must_be_planned(engine, caller, &order, &back)?;
        Ok(StepFields::Refunds(back.clone(), note.clone()))
    };
    let decided = step(app, caller, &order, told, fields).await?;
    reply(app, caller, &decided, false).await
}

/// Issues a receipt, or a credit note for what is cancelled.
///
/// # Errors
/// Why it is refused, or what is wrong with the request.
pub async fn receipt(app: &App, caller: &Caller, id: &str, body: OrderReceiptBody) -> Result<Reply, Problem> {
    let order = find(app, caller, id).await?;
    sight::may_change(app, caller, &order, body.fulfilment.as_deref())?;
    let told = Told {
        channel: body.channel.as_deref(),
        location: body.location.as_deref(),
        till: body.till.as_deref(),
        occurred_at: None,
        offline: false,
    };
    let fulfilment = body.fulfilment.map(Into::into);
    let fields = StepFields::Receipt { fulfilment, receipt: receipt::read(Some(&body.series), body.recipient, "")? };
    let decided = step(app, caller, &order, told, |_, _| Ok(fields.clone())).await?;
    reply(app, caller, &decided, false).await
}

/// Cancels what is not handed over.
///
/// # Errors
/// Why it is refused, or what is wrong with the request.
pub async fn cancel(app: &App, caller: &Caller, id: &str, mut body: OrderCancelBody) -> Result<Reply, Problem> {
    let order = find(app, caller, id).await?;
    if body.lines.is_some() || !body.charges.is_empty() || !body.refunds.is_empty() {
        needs_key(caller, "with lines, charges or refunds")?;
    }
    let (lines, charges) = body.parts()?;
    let is_short_pick = short_pick::is_one(lines.as_deref(), &body);
    if !is_short_pick {
        caller.may(&[Scope::Sell])?;
    }
    short_pick::may_cancel(app, caller, &order, lines.as_deref().filter(|_| is_short_pick))?;
    let lines = lines.map(|lines| short_pick::with_shelves(app, caller, &order, lines)).transpose()?;
    let told = Told {
        channel: Some(&body.channel),
        location: body.location.as_deref(),
        till: body.till.as_deref(),
        occurred_at: None,
        offline: false,
    };
    let (back, reason) = (refunds(body.refunds)?, limits::reason(body.reason)?);
    let note = receipt::of_step(body.receipt)?;
    let fields = |engine: &Engine, _: &Teller| {
        must_be_planned(engine, caller, &order, &back)?;
        let (lines, charges) = (lines.clone(), charges.clone());
        let (refunds, reason, receipt) = (back.clone(), reason.clone(), note.clone());
        Ok(StepFields::Cancel { lines, charges, refunds, reason, receipt })
    };
    let decided = step(app, caller, &order, told, fields).await?;
    reply(app, caller, &decided, false).await
}

/// The order and the number of a fulfilment that the caller may change.
async fn of_fulfilment(
    app: &App,
    caller: &Caller,
    (id, fulfilment): (&str, &str),
) -> Result<(std::sync::Arc<Order>, usize), Problem> {
    let order = find(app, caller, id).await?;
    let (at, _) = order.fulfilment(fulfilment).ok_or_else(|| Problem::not_found("fulfilment"))?;
    sight::may_change(app, caller, &order, Some(fulfilment))?;
    Ok((order, at))
}

/// A step of one fulfilment, and its answer.
async fn part_step(
    app: &App,
    caller: &Caller,
    (order, at): (&Order, usize),
    told: Told<'_>,
    fields: StepFields,
) -> Result<Reply, Problem> {
    let reservation = order.fulfilments.get(at).and_then(|fulfilment| fulfilment.reservation);
    let (decided, is_told) = code_step(app, caller, CodeStep { order, reservation, told, fields }).await?;
    reply(app, caller, &decided, is_told).await
}

/// Makes a fulfilment ready.
///
/// # Errors
/// Why it is refused.
pub async fn ready(app: &App, caller: &Caller, of: (&str, &str)) -> Result<Reply, Problem> {
    let (order, at) = of_fulfilment(app, caller, of).await?;
    let fields = StepFields::Ready { fulfilment: of.1.into(), entropy: crate::random()? };
    part_step(app, caller, (&order, at), Told::default(), fields).await
}

/// Makes the location of units public and final.
///
/// # Errors
/// Why it is refused, or what is wrong with the request.
pub async fn bind(app: &App, caller: &Caller, of: (&str, &str), body: BindBody) -> Result<Reply, Problem> {
    let (order, at) = of_fulfilment(app, caller, of).await?;
    // It may move units to any location.
    caller.may_use_location("fulfilment", None)?;
    let fields = bind_fields(&app.engine, caller, of.1, body)?;
    part_step(app, caller, (&order, at), Told::default(), fields).await
}

/// The step of an order that a `bind` asks for.
///
/// # Errors
/// What is wrong with the request; a key is needed where quantities move.
pub fn bind_fields(engine: &Engine, caller: &Caller, fulfilment: &str, body: BindBody) -> Result<StepFields, Problem> {
    let lines = match body.into_step(engine)? {
        StepRequest::Bind { lines } => lines,
        _ => None,
    };
    if lines.as_ref().is_some_and(|lines| lines.iter().any(|line| line.quantity.is_some())) {
        needs_key(caller, "if quantities move")?;
    }
    let lines = lines.map(|lines| lines.into_iter().map(Binding).collect());
    Ok(StepFields::Bind { fulfilment: fulfilment.into(), lines })
}

/// Hands units over.
///
/// # Errors
/// Why it is refused, or what is wrong with the request.
pub async fn collect(app: &App, caller: &Caller, of: (&str, &str), body: HandOverBody) -> Result<Reply, Problem> {
    let (order, at) = of_fulfilment(app, caller, of).await?;
    if body.lines.is_some() || !body.payments.is_empty() || body.receipt.is_some() {
        needs_key(caller, "with lines, payments or a receipt")?;
    }
    let told = Told {
        channel: body.channel.as_deref(),
        location: body.location.as_deref(),
        till: body.till.as_deref(),
        occurred_at: body.occurred_at.as_deref(),
        offline: false,
    };
    let fields = StepFields::Collect {
        fulfilment: of.1.into(),
        lines: body.lines.map(|lines| handed_over(&app.engine, lines)).transpose()?,
        pickup_code: body.pickup_code,
        payments: payments(body.payments, None)?,
        tracking: optional_name("tracking", body.tracking.as_deref())?,
        receipt: receipt::of_step(body.receipt)?,
    };
    part_step(app, caller, (&order, at), told, fields).await
}

/// Refunds go by the plan: to the tenders that paid, as the plan divides them. Any other division needs the scope
/// `refund`; a refund that failed is replaced by any tender.
fn must_be_planned(engine: &Engine, caller: &Caller, order: &Order, told: &[RefundFields]) -> Result<(), Problem> {
    // As it is when the step is decided: a repeat is not asked again.
    let now = engine.state().own.orders.named(order.name.as_str());
    if is_planned(now.as_deref().unwrap_or(order), told) {
        return Ok(());
    }
    caller.may(&[Scope::Refund]).map_err(|problem| problem.with("field", "refunds"))
}

fn is_planned(order: &Order, told: &[RefundFields]) -> bool {
    let is_known = |name: Option<&str>| name.is_some() && order.refunds.iter().any(|known| name == Some(&known.name));
    let new: Vec<&RefundFields> =
        told.iter().filter(|told| !is_known(told.name.as_deref()) && told.state.counts()).collect();
    let any_failed = order.refunds.iter().any(|refund| refund.state == RefundState::Failed);
    let planned = plan(order, new.iter().map(|told| told.amount).sum());
    any_failed
        || Tender::ALL.into_iter().all(|tender| {
            let asked: u64 = new.iter().filter(|told| told.tender == tender).map(|told| told.amount).sum();
            let by_plan: u64 = planned.iter().filter(|part| part.tender == tender).map(|part| part.amount).sum();
            asked == by_plan
        })
}
