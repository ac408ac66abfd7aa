//! Refusals of orders, in the words of the request: its lines by their ids.

use anaquel_engine::admission::{LineRequest, Target};
use anaquel_engine::command::{Failure, Refusal, Short};
use anaquel_engine::ids::{Name, ReservationId};
use anaquel_engine::orders::{Order, Source};
use serde_json::{Value, json};

use super::bodies::place::AskedFulfilment;
use crate::app::App;
use crate::auth::caller::Caller;
use crate::auth::visibility::Visibility;
use crate::http::problem::{Problem, search_ended};
use crate::subjects::reservations::refusal;

/// Why an order is not made, which would take the place of these holds.
pub fn of_order(
    app: &App,
    caller: &Caller,
    channel: &Name,
    (fulfilments, supersedes): (&[AskedFulfilment], &[ReservationId]),
    failure: Failure,
) -> Problem {
    match failure {
        Failure::Refused(Refusal::Insufficient(shorts)) => {
            short(app, caller, channel, (fulfilments, supersedes), &shorts)
        }
        failure => failure.into(),
    }
}

/// Which lines are short, and what would succeed in place of these holds.
pub fn short(
    app: &App,
    caller: &Caller,
    channel: &Name,
    (fulfilments, supersedes): (&[AskedFulfilment], &[ReservationId]),
    shorts: &[Short],
) -> Problem {
    let catalogue = &app.engine.state().catalogue;
    let (mut lines, mut names, mut purposes) = (Vec::new(), Vec::new(), Vec::new());
    for fulfilment in fulfilments {
        let place = match fulfilment.source {
            Source::Location(id) => Target::Location(catalogue.locations.name(id).clone()),
            Source::Group(id) => Target::Group(catalogue.groups.name(id).clone()),
        };
        for line in &fulfilment.lines {
            let (sku, place) = (line.sku.clone(), place.clone());
            lines.push(LineRequest { sku, place, quantity: line.quantity, latest: line.latest });
            names.push(line.name.clone());
            purposes.push(fulfilment.purpose);
        }
    }
    let purpose = shorts.first().and_then(|short| purposes.get(short.line)).copied().unwrap_or_default();
    let asked = refusal::Asked { caller, channel, purpose, supersedes, lines: &lines };
    let mut problem = refusal::explain(&app.engine, &asked, shorts);
    for line in problem.lines() {
        let at = line.get("line").and_then(Value::as_u64).and_then(|at| usize::try_from(at).ok());
        let name = at.and_then(|at| names.get(at));
        if let (Some(name), Value::Object(members)) = (name, &mut *line) {
            members.insert("line".into(), (**name).into());
        }
    }
    Visibility::of(&app.engine, caller).hide_rules(problem)
}

/// Why a step of an order is refused.
pub fn of_step(app: &App, order: &Order, failure: Failure) -> Problem {
    let shorts = match failure {
        Failure::Refused(Refusal::Insufficient(shorts)) => shorts,
        failure => return failure.into(),
    };
    let state = app.engine.state();
    let channel = state.catalogue.channels.id(order.channel.as_str());
    let line = |short: &Short| {
        let known = order.lines.get(short.line);
        // A channel that gets no numbers of a SKU does not get them from a refusal either.
        let exact = known.is_none_or(|line| state.tells_numbers(line.sku, channel));
        let number = |units: u32| exact.then_some(units);
        json!({
            "line": known.map(|line| &*line.name),
            "sku": known.map(|line| state.catalogue.skus.name(line.sku).as_str()),
            "requested": short.requested,
            "available": number(short.available),
            "missing": number(short.requested.saturating_sub(short.available)),
            "constraint": short.constraint.as_str(),
        })
    };
    let detail = format!("there is not enough stock for this plan{}", search_ended(&shorts));
    Problem::insufficient(detail, shorts.iter().map(line).collect())
}
