//! Makes orders and sales, and takes orders through their lives.

use std::sync::Mutex;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::time::Instant;

use anaquel_engine::Engine;
use anaquel_engine::command::{Failure, Refusal};
use anaquel_engine::engine::archive::Needed;
use anaquel_engine::ids::{Name, ReservationId, crockford};
use anaquel_engine::orders::Order;
use anaquel_engine::orders::command::{Command, OrderStep, StepFields, Teller};
use anaquel_engine::reservation::ReservationState;

use super::bodies::limits::order_name;
use super::bodies::place::OrderBody;
use super::bodies::sale::SaleBody;
use super::bodies::teller::Told;
use super::compose::{self, Request};
use super::decided::{Decided, decided, reply};
use super::{carts, preview, refusal, sample, sight};
use crate::app::App;
use crate::archived;
use crate::auth::Scope;
use crate::auth::caller::Caller;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::lock::lock;
use crate::subjects::reservations::codes::{self, Tried};

/// No code was tried yet.
const UNTRIED: u32 = u32::MAX;

/// Without an idempotency key, a repeat would be done twice.
///
/// # Errors
/// There is none.
pub fn needs_key(caller: &Caller, why: &str) -> Result<(), Problem> {
    match caller.idempotency {
        Some(_) => Ok(()),
        None => Err(Problem::invalid("Idempotency-Key", format!("is required {why}, so that a repeat is recognised"))),
    }
}

/// The name of a new order: the caller's, or one that the server makes.
fn new_name(caller: &Caller, given: Option<&str>) -> Result<Name, Problem> {
    match given {
        Some(text) => order_name(text),
        None => {
            needs_key(caller, "if order is left out")?;
            order_name(&format!("o-{}", crockford(crate::random()?, 12)))
        }
    }
}

/// An order by its name, from memory or from the archive.
///
/// # Errors
/// There is none, or the caller does not see it.
pub async fn find(app: &App, caller: &Caller, id: &str) -> Result<std::sync::Arc<Order>, Problem> {
    let order = archived::order(app, caller.who, id).await?.ok_or_else(|| Problem::not_found("order"))?;
    sight::sees(app, caller, &order)?;
    Ok(order)
}

/// Makes an order, or works out what it would be.
///
/// # Errors
/// Which lines are short, what is wrong with the request, or why the server accepts no writes.
pub async fn place(app: &App, caller: &Caller, digest: u64, body: OrderBody) -> Result<Reply, Problem> {
    if caller.needs_token() {
        of_a_shop(caller, &body)?;
    }
    let told = Told {
        channel: Some(&body.channel),
        location: body.location.as_deref(),
        till: body.till.as_deref(),
        occurred_at: None,
        offline: false,
    };
    let teller = told.teller(&app.engine, caller, None)?;
    let (given, dry_run) = (body.order.clone(), body.dry_run);
    let asked = body.read(&app.engine, caller)?;
    let bounds = app.bounds(caller, teller.channel.as_str());
    if dry_run {
        return preview::place(app, caller, &teller, &asked).await;
    }
    let name = new_name(caller, given.as_deref())?;
    let lines = Mutex::new(compose::Parts::default());
    let compose = |engine: &Engine| {
        let request = Request { engine, name: &name, digest, teller: &teller, caller };
        let (place, with_lines) = compose::place(&request, &asked, &bounds)?;
        *lock(&lines) = with_lines;
        Ok(Command::Place(Box::new(place)))
    };
    let explain = |failure: Failure| {
        let holds = carts::holds(&app.engine, asked.cart.as_ref());
        refusal::of_order(app, caller, &teller.channel, (&lock(&lines), &holds), failure)
    };
    let needed = given.map_or_else(Needed::default, |_| archived::of_order(&name));
    let decided = decided(app, caller, &needed, compose, explain).await?;
    reply(app, caller, &decided, caller.needs_token()).await
}

/// Whether a page of a shop may make an order: from a cart whose token it has, and without telling money, customers or
/// documents. Only a key with `sell` is believed those.
fn of_a_shop(caller: &Caller, body: &OrderBody) -> Result<(), Problem> {
    let told = [
        ("cart", body.cart.is_none()),
        ("token", body.token.is_none()),
        ("order", body.order.is_some()),
        ("customer", body.customer.is_some()),
        ("reference", body.reference.is_some()),
        ("charges", !body.charges.is_empty()),
        ("payments", !body.payments.is_empty()),
        ("confirm", body.confirm),
        ("pay_at_handover", body.pay_at_handover),
        ("receipt", body.receipt.is_some()),
    ];
    match told.into_iter().find(|(_, is_told)| *is_told) {
        Some((field, _)) => caller.may(&[Scope::Sell]).map_err(|problem| problem.with("field", field)),
        None => Ok(()),
    }
}

/// Sells: an order in one step.
///
/// # Errors
/// What is wrong with the request, or why the server accepts no writes.
pub async fn sell(app: &App, caller: &Caller, digest: u64, body: SaleBody) -> Result<Reply, Problem> {
    if body.dry_run {
        return preview::sell(app, caller, body);
    }
    if body.occurred_at.is_some() && body.order.is_none() {
        let reason = "is required with occurred_at: a repeat is known by it once its idempotency key is forgotten";
        return Err(Problem::invalid("order", reason));
    }
    let name = new_name(caller, body.order.as_deref())?;
    let (occurred_at, offline, body_order) = (body.occurred_at.clone(), body.offline, body.order.clone());
    let told = Told {
        channel: Some(&body.channel),
        location: Some(&body.location),
        till: body.till.as_deref(),
        occurred_at: None,
        offline: false,
    };
    let teller = told.teller(&app.engine, caller, None)?;
    let has_exit = body.self_checkout;
    let mut asked = body.read()?;
    if has_exit {
        asked.self_checkout = Some(sample::begin(app, &name)?);
    }
    let compose = |engine: &Engine| {
        let request = Request { engine, name: &name, digest, teller: &teller, caller };
        // A repeat is answered with the order as it is, however late it comes.
        let occurred_at = match request.is_made() {
            true => None,
            false => {
                let told = Told { occurred_at: occurred_at.as_deref(), offline, ..Told::default() };
                let late = told.late(engine, caller)?;
                if late.is_none() {
                    asked.may_price(caller)?;
                }
                late
            }
        };
        let teller = Teller { occurred_at, ..teller.clone() };
        let sell = compose::sell(&Request { teller: &teller, ..request }, &asked)?;
        Ok(Command::Sell(Box::new(sell)))
    };
    let till = teller.location.zip(teller.till.clone()).zip(asked.till_reference.clone());
    let needed = Needed {
        orders: body_order.map_or_else(Vec::new, |_| vec![name.clone()]),
        tills: till.map(|((location, till), number)| (location, till, number)).into_iter().collect(),
        ..Needed::default()
    };
    let decided = decided(app, caller, &needed, compose, Problem::from).await?;
    reply(app, caller, &decided, false).await
}

/// Takes an order one step further.
///
/// # Errors
/// Why the step is refused, what is wrong with the request, or why the server accepts no writes.
pub async fn step(
    app: &App,
    caller: &Caller,
    order: &Order,
    told: Told<'_>,
    fields: impl Fn(&Engine, &Teller) -> Result<StepFields, Problem> + Send + Sync,
) -> Result<Decided, Problem> {
    let compose = |engine: &Engine| {
        let teller = told.teller(engine, caller, Some(&order.channel))?;
        let what = fields(engine, &teller)?;
        Ok(Command::Step(Box::new(OrderStep { order: order.name.clone(), teller, what })))
    };
    let explain = |failure: Failure| refusal::of_step(app, order, failure);
    decided(app, caller, &archived::of_order(&order.name), compose, explain).await
}

/// A step of one fulfilment that may make a pickup code, or try one.
pub struct CodeStep<'a> {
    /// The order.
    pub order: &'a Order,
    /// The reservation of the fulfilment.
    pub reservation: Option<ReservationId>,
    /// Where it is told.
    pub told: Told<'a>,
    /// The step.
    pub fields: StepFields,
}

/// Takes a fulfilment one step further. Wrong pickup codes count as those of reservations; returns besides whether the
/// caller made the code that the answer has.
///
/// # Errors
/// As [`step`].
pub async fn code_step(app: &App, caller: &Caller, asked: CodeStep<'_>) -> Result<(Decided, bool), Problem> {
    let CodeStep { order, reservation, told, fields } = asked;
    let known = reservation.and_then(|id| app.engine.reservation_in_memory(id));
    let state = known.as_ref().map(|known| known.state);
    let is_ready = matches!(&fields, StepFields::Ready { .. });
    let makes_code = is_ready && state == Some(ReservationState::Confirmed);
    let tries_code = matches!(&fields, StepFields::Collect { pickup_code: Some(_), .. });
    let what = reservation.filter(|_| tries_code && state.is_some_and(ReservationState::is_open)).map(Tried::Code);
    let (tried, wrong) = (AtomicU32::new(UNTRIED), AtomicBool::new(false));
    let compose = |engine: &Engine| {
        let teller = told.teller(engine, caller, Some(&order.channel))?;
        // A repeat under its key tries no code again.
        if let Some(what) = what.filter(|_| tried.load(Relaxed) == UNTRIED) {
            let nth = app.codes.begin(what, Instant::now());
            let limit = "reservations.pickup_code_tries";
            tried.store(nth.map_err(|seconds| codes::closed(limit, app.codes.most(what), seconds))?, Relaxed);
        }
        Ok(Command::Step(Box::new(OrderStep { order: order.name.clone(), teller, what: fields.clone() })))
    };
    let explain = |failure: Failure| {
        if matches!(&failure, Failure::Refused(Refusal::WrongPickupCode)) {
            wrong.store(true, Relaxed);
        }
        refusal::of_step(app, order, failure)
    };
    let decided = decided(app, caller, &archived::of_order(&order.name), compose, explain).await;
    match (what, tried.into_inner()) {
        (None, _) | (_, UNTRIED) => {}
        (Some(what), nth) if wrong.into_inner() => {
            codes::note_wrong(caller, order.name.as_str(), nth, app.codes.most(what));
        }
        (Some(what), _) => app.codes.give_back(what),
    }
    let decided = decided?;
    let is_told = makes_code || (is_ready && decided.replayed);
    Ok((decided, is_told))
}
