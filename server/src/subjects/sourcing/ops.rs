//! Sourcing: computes a plan for an order, and reserves it in the same step.

use anaquel_engine::Engine;
use anaquel_engine::admission::{LineRequest, ReserveRequest, Target};
use anaquel_engine::advice::{ADVICE_SECONDS, TrialLine, TrialPlace};
use anaquel_engine::command::{Failure, Outcome, Refusal, Short};
use anaquel_engine::event::Purpose;
use anaquel_engine::holds::check_request;
use anaquel_engine::ids::{LocationId, Name, Seq, SkuId};
use anaquel_engine::level::Constraint;
use anaquel_engine::pickup::PickupQuestion;
use anaquel_engine::rules::RuleId;
use anaquel_engine::sourcing::{Answer, Question, Sources, SourcingPlan};
use http::StatusCode;
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::caller::Caller;
use crate::auth::visibility::Visibility;
use crate::http::problem::Problem;
use crate::http::reply::{Reply, unexpected};
use crate::subjects::reservations::refusal;
use crate::subjects::reservations::views::write_record;
use crate::subjects::sourcing::bodies::{Order, SourcingBody};
use crate::subjects::sourcing::{bodies as words, views};

/// How often a plan is computed again after another caller took its units, or a quota kept them.
const ATTEMPTS: usize = 8;

/// Stores that are tried for an order below the value for delivery.
const STORES_TRIED: usize = 5;

/// Why an order is not sourced.
enum Unsourced {
    /// Its value is too low for delivery; where it can be picked up.
    PickupOnly(RuleId, Option<LocationId>),
    /// The pickup location accepts no pickups.
    Barred(Target),
    /// There is not enough stock, or not in so few locations.
    Short(Box<Answer>, Advice),
}

/// What would succeed instead; each alternative is tried and stays true for a while.
#[derive(Default)]
struct Advice {
    /// Units of each line of the question, all of them together in as many shipments.
    fewer: Vec<u32>,
    /// This number of shipments.
    shipments: Option<usize>,
}

/// Sources an order, or returns its plan.
///
/// # Errors
/// Which lines are short and why, what is wrong with the order, or why the server accepts no writes.
pub async fn source(app: &App, caller: &Caller, body: SourcingBody) -> Result<Reply, Problem> {
    let sourced = try_source(app, caller, body).await;
    sourced.map_err(|problem| Visibility::of(&app.engine, caller).hide_rules(problem))
}

async fn try_source(app: &App, caller: &Caller, body: SourcingBody) -> Result<Reply, Problem> {
    caller.may_use_channel("channel", Some(&body.channel))?;
    match &body.locations {
        Some(locations) => {
            locations.iter().try_for_each(|location| caller.may_use_location("locations", Some(location)))?
        }
        None => caller.may_use_location("locations", None)?,
    }
    let order = body.into_order(&app.engine)?;
    if order.dry_run {
        let engine = app.engine.clone();
        return app.reads.run(caller.who, move || show(&engine, &order)).await?;
    }
    let mut question = order.question.clone();
    let mut last: Vec<(Name, Short)> = Vec::new();
    let bounds = app.bounds(caller, order.channel.as_str());
    let asked_for: Vec<u32> = order.lines.iter().map(|(_, units, ..)| *units).collect();
    let hold_seconds = (!order.confirm).then_some(u64::from(order.ttl_seconds));
    for _ in 0..ATTEMPTS {
        let (mut asked, mut unsourced) = (Vec::new(), None);
        // A repeat is answered without the plan; only the engine knows whether this is one.
        let planned = plan_aside(app, caller, &order, &question).await?;
        let executed = app
            .execute(caller, |engine, cause, done| match (check_request(&bounds, &asked_for, hold_seconds), planned) {
                // The requested quantities are those of the order, however it is split.
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
                let shipments = views::shipments(&app.engine, &order, reservation);
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
        last = shorts.iter().filter_map(|short| Some((asked.get(short.line)?.sku.clone(), *short))).collect();
        if !shrank {
            break;
        }
    }
    // Other callers were faster each time: report the current stock, or the last shortage.
    let (engine, order) = (app.engine.clone(), order.clone());
    let told = app.reads.run(caller.who, move || {
        let (_, answer) = engine.state().source(&question);
        let mut problem = explain(&engine, &order, &short(&engine, &order, &question, answer));
        if problem.lines().next().is_some() {
            return problem;
        }
        let line = |(sku, short): &(Name, Short)| {
            let at = order.lines.iter().position(|(name, ..)| name == sku)?;
            let available = short.available.min(order.lines.get(at)?.1);
            told(&engine, &order, at, (available, short.constraint, short.rule), json!({}))
        };
        Problem::insufficient("other callers were faster; try again".to_owned(), last.iter().filter_map(line).collect())
    });
    Err(told.await?)
}

/// Lines that are short in all locations count as lost demand. Lines that only fail by the limit on shipments do not:
/// they may be requested in another way.
fn note_lost(engine: &Engine, order: &Order, answer: &Answer) {
    let Some(channel) = engine.state().catalogue.channels.id(order.channel.as_str()) else { return };
    let lines = order.question.lines.iter().zip(&answer.anywhere);
    let short = lines.filter(|((_, units, _), anywhere)| anywhere < &units);
    engine.state().lost.add(channel, order.purpose, short.map(|((sku, units, _), _)| (*sku, None, None, *units)));
}

/// Returns the plan and the runner-up. Both are tried and stay true for a while.
fn show(engine: &Engine, order: &Order) -> Result<Reply, Problem> {
    if let Some(why) = barred(engine, order).or_else(|| pickup_only(engine, order)) {
        return Err(explain(engine, order, &why));
    }
    let (seq, answer) = try_plans(engine, &order.question, order.purpose, ADVICE_SECONDS);
    if !will_do(order, &answer) {
        return Err(explain(engine, order, &short(engine, order, &order.question, answer)));
    }
    let told = |plan: &Option<SourcingPlan>| plan.as_ref().map(|plan| views::plan(engine, order, plan));
    let (best, runner_up) = (told(&answer.best), told(&answer.runner_up));
    Ok(Reply::ok(json!({"seq": seq, "plan": best, "runner_up": runner_up}).to_string()))
}

/// How long advice stays true. A plan that is only returned must itself stay true, also if it is requested after
/// advice.
fn advice_seconds(order: &Order) -> u64 {
    if order.dry_run { 2 * ADVICE_SECONDS } else { ADVICE_SECONDS }
}

fn will_do(order: &Order, answer: &Answer) -> bool {
    let complete = order.unknown.is_empty() && answer.best.as_ref().is_some_and(SourcingPlan::is_complete);
    answer.best.is_some() && (complete || order.allow_partial)
}

/// Why the pickup location accepts no pickup, if so.
fn barred(engine: &Engine, order: &Order) -> Option<Unsourced> {
    let catalogue = &engine.state().catalogue;
    let store = order.fetched_at.filter(|store| !catalogue.takes(*store, order.purpose))?;
    Some(Unsourced::Barred(Target::Location(catalogue.locations.name(store).clone())))
}

fn pickup_only(engine: &Engine, order: &Order) -> Option<Unsourced> {
    let is_delivered = order.purpose == Purpose::Delivery;
    let rule = engine.state().pickup_only(order.question.channel, |currency| value(engine, order, currency));
    rule.filter(|_| is_delivered).map(|rule| Unsourced::PickupOnly(rule, store_for(engine, order)))
}

/// Where an order can be picked up: the nearest store that has all of it, or may receive the rest from others.
fn store_for(engine: &Engine, order: &Order) -> Option<LocationId> {
    if !order.unknown.is_empty() {
        return None;
    }
    let Question { lines, near, channel, now, sources, .. } = &order.question;
    let basket = lines.iter().map(|(sku, units, _)| (*sku, *units)).collect();
    let limit = STORES_TRIED;
    let (near, channel, now) = (*near, *channel, *now);
    let question = PickupQuestion { basket, near, radius_km: None, channel, now, since: now, limit };
    let stores = engine.state().pickup(&question).1.into_iter().map(|place| place.location);
    let mut stores = stores.filter(|store| engine.state().catalogue.takes(*store, Purpose::Pickup));
    stores.find(|store| {
        let sources = match sources {
            Sources::Shipping => Sources::Store(*store),
            named => named.clone(),
        };
        let question = Question { sources, purpose: Purpose::Pickup, ..order.question.clone() };
        try_plans(engine, &question, Purpose::Pickup, advice_seconds(order))
            .1
            .best
            .is_some_and(|plan| plan.is_complete())
    })
}

/// The plans of a question, each tried, and computed again if a quota keeps their units or a day is full. They stay
/// true for this many seconds.
fn try_plans(engine: &Engine, question: &Question, purpose: Purpose, seconds: u64) -> (Seq, Answer) {
    let mut question = Question { now: engine.now().plus_seconds(seconds), ..question.clone() };
    let mut found = engine.state().source(&question);
    for _ in 0..ATTEMPTS {
        let shrank = [&found.1.best, &found.1.runner_up].map(|plan| match plan {
            Some(plan) => try_plan(engine, &mut question, purpose, plan, seconds),
            None => false,
        });
        if !shrank.contains(&true) {
            return found;
        }
        found = engine.state().source(&question);
    }
    let mut is_granted = |plan: &SourcingPlan| !try_plan(engine, &mut question, purpose, plan, seconds);
    found.1.best = found.1.best.filter(&mut is_granted);
    found.1.runner_up = found.1.runner_up.filter(is_granted);
    found
}

/// Limits the cells that a plan would not get; returns whether there are any.
fn try_plan(engine: &Engine, question: &mut Question, purpose: Purpose, plan: &SourcingPlan, seconds: u64) -> bool {
    let shipments = plan.shipments.iter();
    let lines: Vec<TrialLine> = shipments
        .flat_map(|shipment| shipment.lines.iter().map(move |line| (shipment.location, line)))
        .filter_map(|(location, (line, units))| {
            let (sku, _, latest) = question.lines.get(*line)?;
            Some(TrialLine { sku: *sku, at: TrialPlace::Location(location), quantity: *units, latest: *latest })
        })
        .collect();
    let got = refusal::would_be_granted(engine, question.channel, purpose, &lines, seconds);
    let mut shrank = false;
    for (line, got) in lines.iter().zip(got).filter(|(line, got)| *got < line.quantity) {
        let TrialPlace::Location(location) = line.at else { continue };
        let known = question.limits.entry((line.sku, location)).or_insert(u32::MAX);
        *known = got.min(*known);
        shrank = true;
    }
    shrank
}

/// The best plan, if it is sufficient; computed in the background, because it reads many locations.
async fn plan_aside(
    app: &App,
    caller: &Caller,
    order: &Order,
    question: &Question,
) -> Result<Result<SourcingPlan, Unsourced>, Problem> {
    let (engine, order, question) = (app.engine.clone(), order.clone(), question.clone());
    app.reads.run(caller.who, move || plan(&engine, &order, &question)).await
}

/// What there is, how much would succeed in as many shipments, and in how many all of it would: some more searches, made
/// where the first was.
fn short(engine: &Engine, order: &Order, question: &Question, answer: Answer) -> Unsourced {
    let complete = |question: &Question| {
        let best = try_plans(engine, question, order.purpose, advice_seconds(order)).1.best;
        best.filter(SourcingPlan::is_complete)
    };
    let wider = complete(&Question { shipments_max: words::SHIPMENTS_MAX as usize, ..question.clone() });
    // The search for so few shipments must find them itself.
    let shipments = wider.map(|plan| plan.shipments.len()).filter(|shipments| {
        order.unknown.is_empty() && complete(&Question { shipments_max: *shipments, ..question.clone() }).is_some()
    });
    // Lines without advice are requested unchanged.
    let is_told =
        |nth: usize| answer.best.as_ref().is_none_or(|best| best.missing.get(nth).is_none_or(|units| *units > 0));
    let best = try_plans(engine, question, order.purpose, advice_seconds(order)).1.best;
    let best = best.filter(|best| best.missing.iter().enumerate().all(|(nth, units)| *units == 0 || is_told(nth)));
    let fewer = best.map(|best| {
        let units = question.lines.iter().zip(&best.missing).map(|((_, units, _), missing)| units - missing);
        units.collect::<Vec<u32>>()
    });
    let fewer = fewer.filter(|fewer| {
        let lines = question.lines.iter().zip(fewer).map(|((sku, _, latest), units)| (*sku, *units, *latest));
        let lines = lines.filter(|(_, units, _)| *units > 0).collect();
        complete(&Question { lines, ..question.clone() }).is_some()
    });
    Unsourced::Short(Box::new(answer), Advice { fewer: fewer.unwrap_or_default(), shipments })
}

/// The best plan, if it is sufficient.
fn plan(engine: &Engine, order: &Order, question: &Question) -> Result<SourcingPlan, Unsourced> {
    if let Some(why) = barred(engine, order).or_else(|| pickup_only(engine, order)) {
        return Err(why);
    }
    // If only stock decides, a plan at one `seq` is granted as it is.
    let has_quotas = engine.state().rules.book().has_quotas();
    let (_, answer) = match has_quotas {
        true => try_plans(engine, question, order.purpose, 0),
        false => engine.state().source(question),
    };
    match &answer.best {
        Some(best) if will_do(order, &answer) => Ok(best.clone()),
        _ => Err(short(engine, order, question, answer)),
    }
}

/// The value of the order in a currency: as given, or by its prices.
fn value(engine: &Engine, order: &Order, currency: &str) -> Option<u64> {
    match &order.value {
        Some((amount, of)) => (of == currency).then_some(*amount),
        None => {
            let lines: Vec<(SkuId, u32)> = order.question.lines.iter().map(|(sku, units, _)| (*sku, *units)).collect();
            engine.state().order_value(&lines, order.channel.as_str(), currency, order.question.now)
        }
    }
}

fn request(engine: &Engine, order: &Order, plan: &SourcingPlan) -> ReserveRequest {
    let catalogue = &engine.state().catalogue;
    let lines = plan.shipments.iter().flat_map(|shipment| {
        shipment.lines.iter().filter_map(move |(line, units)| {
            let (sku, _, latest) = order.question.lines.get(*line)?;
            Some(LineRequest {
                sku: catalogue.skus.name(*sku).clone(),
                place: Target::Location(catalogue.locations.name(shipment.location).clone()),
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
        supersedes: Default::default(),
        lines: lines.collect(),
        fetched_at: order.fetched_at.map(|store| catalogue.locations.name(store).clone()),
        is_attempt: true,
    }
}

/// A refused cell has no more than the refusal reports; a quota limits all of its locations. Returns whether this is
/// new.
fn limit(engine: &Engine, question: &mut Question, asked: &[LineRequest], shorts: &[Short]) -> bool {
    let catalogue = &engine.state().catalogue;
    let mut shrank = false;
    for short in shorts {
        let Some(LineRequest { sku, place: Target::Location(location), .. }) = asked.get(short.line) else { continue };
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
        Unsourced::PickupOnly(rule, store) => {
            let short = (0, Constraint::Access, Some(*rule));
            let store = store.map(|store| engine.state().catalogue.locations.name(store).as_str());
            let would = match store {
                Some(store) => json!({"purpose": "pickup", "destination": {"location": store}}),
                None => json!({}),
            };
            let line = |at| told(engine, order, at, short, would.clone());
            let lines = (0..order.lines.len()).filter_map(line).collect();
            Problem::insufficient(
                "the value of the order is too low for delivery; pickup is possible".to_owned(),
                lines,
            )
        }
        Unsourced::Barred(place) => {
            let short = (0, Constraint::Access, None);
            let line = |at| told(engine, order, at, short, json!({}));
            let lines = (0..order.lines.len()).filter_map(line).collect();
            Problem::insufficient(refusal::barred(order.purpose, place), lines)
        }
        Unsourced::Short(answer, Advice { fewer, shipments }) => {
            let nothing: Vec<u32> = order.question.lines.iter().map(|(_, units, _)| *units).collect();
            let missing = answer.best.as_ref().map_or(&nothing, |best| &best.missing);
            let mut known = missing.iter().zip(&answer.anywhere).enumerate();
            let mut lines = Vec::new();
            for (at, (_, units, _)) in order.lines.iter().enumerate() {
                if order.unknown.contains(&at) {
                    let short = (0, Constraint::UnknownCell, None);
                    lines.extend(told(engine, order, at, short, json!({})));
                    continue;
                }
                let Some((nth, (missing, anywhere))) = known.next() else { continue };
                if *missing == 0 {
                    continue;
                }
                let constraint = match () {
                    () if *anywhere >= *units => Constraint::Group,
                    () if !answer.full.is_empty() => Constraint::Capacity,
                    () if !answer.barred.is_empty() => Constraint::Access,
                    () => Constraint::OnHand,
                };
                let fewer = fewer.get(nth).copied().filter(|units| *units > 0 && tells_numbers(engine, order, at));
                let mut would = json!({"quantity": fewer, "max_shipments": shipments});
                // The whole order is one shipment, however many are allowed.
                if let (true, Some(_), Value::Object(members)) = (order.is_whole, shipments, &mut would) {
                    members.insert("policy".into(), "fewest_shipments".into());
                }
                lines.extend(told(engine, order, at, (units - missing, constraint, None), would));
            }
            let most = order.question.shipments_max;
            let detail = format!("no {most} of the locations that may send it have all of it");
            Problem::insufficient(detail, lines)
        }
    }
}

/// A short line.
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
        "constraint": constraint.as_str(),
        "rule": rule,
        "would_succeed": would_succeed,
    }))
}

/// Whether numbers of a line may be shown. A caller that gets no numbers does not get them from a refusal either.
fn tells_numbers(engine: &Engine, order: &Order, at: usize) -> bool {
    let (state, channel) = (engine.state(), order.question.channel);
    let sku = order.lines.get(at).and_then(|(sku, ..)| state.catalogue.skus.id(sku.as_str()));
    sku.is_none_or(|sku| state.tells_numbers(sku, channel))
}
