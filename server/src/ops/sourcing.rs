//! Sourcing: a plan for an order, and its promise in the same step.

use anaquel_engine::Engine;
use anaquel_engine::admission::{LineRequest, Place, ReserveRequest};
use anaquel_engine::bounds::check_request;
use anaquel_engine::command::{Failure, Outcome, Refusal, Short};
use anaquel_engine::event::Purpose;
use anaquel_engine::ids::SkuId;
use anaquel_engine::level::Constraint;
use anaquel_engine::rules::RuleId;
use anaquel_engine::sourcing::{Answer, Plan, Question};
use http::StatusCode;
use serde_json::{Value, json};

use super::{Reply, refusal, unexpected};
use crate::app::{App, Caller};
use crate::problem::{Problem, constraint_name};
use crate::sight::Sight;
use crate::wire::reservation::write_record;
use crate::wire::sourcing::{self as words, Order, SourcingBody};

/// How often a plan is made anew where somebody else was faster, or a quota keeps what seemed to be there.
const ATTEMPTS: usize = 8;

/// Why an order is not sourced.
enum Unsourced {
    /// It is worth too little to be delivered.
    PickupOnly(RuleId),
    /// Where it is to be fetched takes no pickups.
    Barred(Place),
    /// There is not enough, or not in so few places; how many shipments it would take, were more allowed.
    Short(Box<Answer>, Option<usize>),
}

/// Sources an order, or shows how it would be.
///
/// # Errors
/// What was short and why, what is wrong with the order, or why nothing is written now.
pub async fn source(app: &App, caller: &Caller, body: SourcingBody) -> Result<Reply, Problem> {
    let sourced = try_source(app, caller, body).await;
    sourced.map_err(|problem| Sight::of(&app.engine, caller).hide_rules(problem))
}

async fn try_source(app: &App, caller: &Caller, body: SourcingBody) -> Result<Reply, Problem> {
    caller.speaks_for("channel", Some(&body.channel))?;
    match &body.locations {
        Some(locations) => locations.iter().try_for_each(|location| caller.acts_at("locations", Some(location)))?,
        None => caller.acts_at("locations", None)?,
    }
    let order = body.into_order(&app.engine)?;
    if order.dry_run {
        let engine = app.engine.clone();
        return app.reads.run(caller.who, move || show(&engine, &order)).await?;
    }
    let mut question = order.question.clone();
    let mut last = None;
    let bounds = app.bounds(caller, order.channel.as_str());
    let asked_for: Vec<u32> = order.lines.iter().map(|(_, units, ..)| *units).collect();
    let hold_seconds = (!order.confirm).then_some(u64::from(order.ttl_seconds));
    for _ in 0..ATTEMPTS {
        let (mut asked, mut unsourced) = (Vec::new(), None);
        // A repeat is answered without it; whether this is one is known only then.
        let planned = plan_aside(app, caller, &order, &question).await?;
        let executed = app
            .execute(caller, |engine, cause, done| match (check_request(&bounds, &asked_for, hold_seconds), planned) {
                // What is asked for is what the order says, however it is split.
                (Err(refusal), _) => engine.refuse(cause, done, refusal.into()),
                (Ok(()), Ok(plan)) => {
                    let request = request(engine, &order, &plan);
                    asked = request.lines.to_vec();
                    engine.reserve_within(request, bounds.clone(), cause, done);
                }
                (Ok(()), Err(why)) => {
                    unsourced = Some(why);
                    engine.refuse(cause, done, Refusal::Insufficient(Vec::new()).into());
                }
            })
            .await;
        let shorts = match (executed, unsourced) {
            (Ok(executed), _) => {
                let Outcome::Reservation(reservation) = &executed.outcome else {
                    return Err(unexpected(&executed.outcome));
                };
                let shipments = words::shipments(&app.engine, &order, reservation);
                let record = write_record(&app.engine, reservation);
                let body = format!(r#"{{"reservation":{record},"shipments":{shipments}}}"#);
                let reply = Reply::new(StatusCode::CREATED, body).replayed(executed.replayed);
                return Ok(reply.at(format!("/v1/reservations/{}", app.engine.reservation_id(reservation.id))));
            }
            (Err(_), Some(why)) => {
                if let Unsourced::Short(answer, _) = &why {
                    note_lost(&app.engine, &order, answer);
                }
                return Err(explain(&app.engine, &order, &why));
            }
            (Err(Failure::Refused(Refusal::Insufficient(shorts))), None) => shorts,
            (Err(other), None) => return Err(other.into()),
        };
        let shrank = limit(&app.engine, &mut question, &asked, &shorts);
        last = Some(refusal::explain(&app.engine, &order.channel, order.purpose, &asked, &shorts));
        if !shrank {
            break;
        }
    }
    Err(last.expect("every attempt that is not the last leaves a refusal"))
}

/// Lines of which there is not enough anywhere are lost, wherever they would have come from. Those that only a limit on
/// shipments kept are not: they may be asked for otherwise.
fn note_lost(engine: &Engine, order: &Order, answer: &Answer) {
    let Some(channel) = engine.state().catalogue.channels.id(order.channel.as_str()) else { return };
    let lines = order.question.lines.iter().zip(&answer.anywhere);
    let short = lines.filter(|((_, units, _), anywhere)| anywhere < &units);
    engine.state().lost.add(channel, order.purpose, short.map(|((sku, units, _), _)| (*sku, None, None, *units)));
}

/// The plan and the runner-up, and nothing else.
fn show(engine: &Engine, order: &Order) -> Result<Reply, Problem> {
    if let Some(why) = barred(engine, order).or_else(|| pickup_only(engine, order)) {
        return Err(explain(engine, order, &why));
    }
    let (seq, answer) = engine.state().source(&order.question);
    if !will_do(order, &answer) {
        return Err(explain(engine, order, &short(engine, order, answer)));
    }
    let told = |plan: &Option<Plan>| plan.as_ref().map(|plan| words::plan(engine, order, plan));
    let (best, runner_up) = (told(&answer.best), told(&answer.runner_up));
    Ok(Reply::ok(json!({"seq": seq, "plan": best, "runner_up": runner_up}).to_string()))
}

fn will_do(order: &Order, answer: &Answer) -> bool {
    let complete = order.unknown.is_empty() && answer.best.as_ref().is_some_and(Plan::is_complete);
    answer.best.is_some() && (complete || order.allow_partial)
}

/// Why it cannot be fetched where it is to be, if it cannot.
fn barred(engine: &Engine, order: &Order) -> Option<Unsourced> {
    let catalogue = &engine.state().catalogue;
    let store = order.fetched_at.filter(|store| !catalogue.takes(*store, order.purpose))?;
    Some(Unsourced::Barred(Place::Location(catalogue.locations.name(store).clone())))
}

fn pickup_only(engine: &Engine, order: &Order) -> Option<Unsourced> {
    let is_delivered = order.purpose == Purpose::Delivery;
    let rule = engine.state().pickup_only(order.question.channel, |currency| value(engine, order, currency));
    rule.filter(|_| is_delivered).map(Unsourced::PickupOnly)
}

/// The best plan, if it will do; made where nobody waits for it, since it looks at many places.
async fn plan_aside(
    app: &App,
    caller: &Caller,
    order: &Order,
    question: &Question,
) -> Result<Result<Plan, Unsourced>, Problem> {
    let (engine, order, question) = (app.engine.clone(), order.clone(), question.clone());
    app.reads.run(caller.who, move || plan(&engine, &order, &question)).await
}

/// What there is, and how many shipments it would take, were more allowed: one more search, made where the first was.
fn short(engine: &Engine, order: &Order, answer: Answer) -> Unsourced {
    let wider = Question { shipments_max: usize::MAX, ..order.question.clone() };
    let wider = engine.state().source(&wider).1.best.filter(Plan::is_complete);
    Unsourced::Short(Box::new(answer), wider.map(|plan| plan.shipments.len()))
}

/// The best plan, if it will do.
fn plan(engine: &Engine, order: &Order, question: &Question) -> Result<Plan, Unsourced> {
    if let Some(why) = barred(engine, order).or_else(|| pickup_only(engine, order)) {
        return Err(why);
    }
    let (_, answer) = engine.state().source(question);
    match &answer.best {
        Some(best) if will_do(order, &answer) => Ok(best.clone()),
        _ => Err(short(engine, order, answer)),
    }
}

/// What the order is worth in a currency: as it says, or by its prices.
fn value(engine: &Engine, order: &Order, currency: &str) -> Option<u64> {
    match &order.value {
        Some((amount, of)) => (of == currency).then_some(*amount),
        None => {
            let lines: Vec<(SkuId, u32)> = order.question.lines.iter().map(|(sku, units, _)| (*sku, *units)).collect();
            engine.state().order_value(&lines, order.channel.as_str(), currency)
        }
    }
}

fn request(engine: &Engine, order: &Order, plan: &Plan) -> ReserveRequest {
    let catalogue = &engine.state().catalogue;
    let lines = plan.shipments.iter().flat_map(|shipment| {
        shipment.lines.iter().filter_map(move |(line, units)| {
            let (sku, _, latest) = order.question.lines.get(*line)?;
            Some(LineRequest {
                sku: catalogue.skus.name(*sku).clone(),
                place: Place::Location(catalogue.locations.name(shipment.location).clone()),
                quantity: *units,
                latest: *latest,
            })
        })
    });
    ReserveRequest {
        channel: order.channel.clone(),
        purpose: order.purpose,
        customer: order.customer.clone(),
        order: order.order.clone(),
        ttl_seconds: order.ttl_seconds,
        confirm: order.confirm,
        allow_partial: false,
        supersedes: None,
        lines: lines.collect(),
        fetched_at: order.fetched_at.map(|store| catalogue.locations.name(store).clone()),
        is_attempt: true,
    }
}

/// What was refused has no more than it said; a quota says so for all of its places. Tells whether that is news.
fn limit(engine: &Engine, question: &mut Question, asked: &[LineRequest], shorts: &[Short]) -> bool {
    let catalogue = &engine.state().catalogue;
    let mut shrank = false;
    for short in shorts {
        let Some(LineRequest { sku, place: Place::Location(location), .. }) = asked.get(short.line) else { continue };
        let Some((sku, at)) = catalogue.skus.id(sku.as_str()).zip(catalogue.locations.id(location.as_str())) else {
            continue;
        };
        let under_quota = short.rule.filter(|_| short.constraint == Constraint::Quota);
        let mut places = under_quota.map(|rule| engine.state().places_of_rule(rule)).unwrap_or_default();
        places.push(at);
        for location in places {
            let known = question.limits.entry((sku, location)).or_insert(u32::MAX);
            shrank |= short.available < *known;
            *known = short.available.min(*known);
        }
    }
    shrank
}

fn explain(engine: &Engine, order: &Order, why: &Unsourced) -> Problem {
    match why {
        Unsourced::PickupOnly(rule) => {
            let short = (0, Constraint::Access, Some(*rule));
            let line = |at| told(engine, order, at, short, json!({"purpose": "pickup"}));
            let lines = (0..order.lines.len()).filter_map(line).collect();
            Problem::insufficient(
                "the order is worth too little to be delivered; it may be picked up".to_owned(),
                lines,
            )
        }
        Unsourced::Barred(place) => {
            let short = (0, Constraint::Access, None);
            let line = |at| told(engine, order, at, short, json!({}));
            let lines = (0..order.lines.len()).filter_map(line).collect();
            Problem::insufficient(refusal::barred(order.purpose, place), lines)
        }
        Unsourced::Short(answer, shipments) => {
            let nothing: Vec<u32> = order.question.lines.iter().map(|(_, units, _)| *units).collect();
            let missing = answer.best.as_ref().map_or(&nothing, |best| &best.missing);
            let mut known = missing.iter().zip(&answer.anywhere);
            let mut lines = Vec::new();
            for (at, (_, units, _)) in order.lines.iter().enumerate() {
                if order.unknown.contains(&at) {
                    let short = (0, Constraint::UnknownCell, None);
                    lines.extend(told(engine, order, at, short, json!({})));
                    continue;
                }
                let Some((missing, anywhere)) = known.next() else { continue };
                if *missing == 0 {
                    continue;
                }
                let constraint = match () {
                    () if *anywhere >= *units => Constraint::Group,
                    () if !answer.full.is_empty() => Constraint::Capacity,
                    () if !answer.barred.is_empty() => Constraint::Access,
                    () => Constraint::OnHand,
                };
                let fewer = Some(units - missing).filter(|units| *units > 0 && tells_numbers(engine, order, at));
                let would = json!({"quantity": fewer, "max_shipments": shipments});
                lines.extend(told(engine, order, at, (units - missing, constraint, None), would));
            }
            let most = order.question.shipments_max;
            let detail = format!("no {most} of the places that may send it have all of it");
            Problem::insufficient(detail, lines)
        }
    }
}

/// One line that is short.
fn told(
    engine: &Engine,
    order: &Order,
    at: usize,
    (available, constraint, rule): (u32, Constraint, Option<RuleId>),
    would_succeed: Value,
) -> Option<Value> {
    let (sku, requested, _) = order.lines.get(at)?;
    let (state, exact) = (engine.state(), tells_numbers(engine, order, at));
    let rule = rule.and_then(|id| state.rules.at(id)).map(|standing| standing.name.to_string());
    Some(json!({
        "line": at,
        "sku": sku.as_str(),
        "location": null,
        "requested": requested,
        "available": exact.then_some(available),
        "missing": exact.then_some(requested - available),
        "constraint": constraint_name(constraint),
        "rule": rule,
        "would_succeed": would_succeed,
    }))
}

/// Whether numbers of a line may be told. Who is not told them is not told them by a refusal either.
fn tells_numbers(engine: &Engine, order: &Order, at: usize) -> bool {
    let (state, channel) = (engine.state(), order.question.channel);
    let sku = order.lines.get(at).and_then(|(sku, ..)| state.catalogue.skus.id(sku.as_str()));
    sku.is_none_or(|sku| state.tells_numbers(sku, channel))
}
