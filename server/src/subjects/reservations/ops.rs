//! Reserves units, and takes reservations through their lives.

use std::time::Instant;

use anaquel_engine::Engine;
use anaquel_engine::command::{Command, Completion, Failure, Outcome, Reallocation, Refusal, StepRequest};
use anaquel_engine::ids::ReservationId;
use anaquel_engine::reservation::{Reservation, ReservationState};
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::app::App;
use crate::auth::Scope;
use crate::auth::caller::Caller;
use crate::auth::visibility::{Visibility, tells_numbers};
use crate::http::problem::{Problem, Slug};
use crate::http::reply::{Reply, unexpected};
use crate::stream::operation::{Method, Operation, as_they_are};
use crate::subjects::orders::of_reservation::step_of_part;
use crate::subjects::reservations::bodies::{
    BindBody, CancelBody, CollectBody, ConfirmBody, ExtendBody, PickupByBody, ReadyBody, RebindBody, ReserveBody,
};
use crate::subjects::reservations::codes::{self, Tried};
use crate::subjects::reservations::recall::{handles, reservation};
use crate::subjects::reservations::refusal;
use crate::subjects::reservations::views::write_record;

/// The socket operations of reservations.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "reserve",
        label: "reserve",
        scope: Scope::Reserve,
        route: Some((Method::Post, "/v1/reservations")),
        parse: as_they_are,
        run: |mut asked| Box::pin(async move { reserve(asked.app, asked.caller, asked.body()?).await }),
    },
    step_by_socket::<ConfirmBody>("confirm", Scope::Reserve, "/v1/reservations/{id}/confirm"),
    step_by_socket::<ReadyBody>("ready", Scope::Fulfil, "/v1/reservations/{id}/ready"),
    step_by_socket::<CollectBody>("collect", Scope::Fulfil, "/v1/reservations/{id}/collect"),
    step_by_socket::<CancelBody>("cancel", Scope::Reserve, "/v1/reservations/{id}/cancel"),
    step_by_socket::<ExtendBody>("extend", Scope::Reserve, "/v1/reservations/{id}/extend"),
    Operation {
        label: "pickup-by",
        route: Some((Method::Put, "/v1/reservations/{id}/pickup-by")),
        ..step_by_socket::<PickupByBody>("pickup_by", Scope::Reserve, "")
    },
    step_by_socket::<BindBody>("bind", Scope::Reserve, "/v1/reservations/{id}/bind"),
    step_by_socket::<RebindBody>("rebind", Scope::Reserve, "/v1/reservations/{id}/rebind"),
];

const fn step_by_socket<T: StepBody + Send>(name: &'static str, scope: Scope, path: &'static str) -> Operation {
    Operation {
        name,
        label: name,
        scope,
        route: Some((Method::Post, path)),
        parse: as_they_are,
        run: |mut asked| Box::pin(async move { step(asked.app, asked.caller, asked.id(0), asked.body::<T>()?).await }),
    }
}

/// Reserves units.
///
/// # Errors
/// Which lines are short, what is wrong with the request, or why the server accepts no writes.
pub async fn reserve(app: &App, caller: &Caller, body: ReserveBody) -> Result<Reply, Problem> {
    caller.may_use_channel("channel", Some(&body.channel))?;
    if caller.is_bound() {
        for (at, line) in body.lines.iter().enumerate() {
            caller.may_use_location(format!("lines[{at}].location"), line.location.as_deref())?;
        }
    }
    if caller.is_bound() {
        for (at, id) in body.supersedes(&app.engine)?.into_iter().enumerate() {
            handles_id(app, caller, id).await.map_err(|problem| match problem.slug() {
                "not-found" => Problem::nothing_to_supersede(&body.supersedes.field(at)),
                _ => problem,
            })?;
        }
    }
    let order = match body.order.as_deref() {
        Some(name) => crate::archived::order(app, caller.who, name).await?,
        None => None,
    };
    if let Some(order) = order {
        let (name, state) = (order.name.as_str(), order.state.as_str());
        let detail = format!("order: {name} is an order of this server, which makes its own reservations; change that");
        let problem = Problem::new(Slug::WrongState, detail).with("field", "order");
        return Err(problem.with("order", name).with("state", state));
    }
    let (reserve, replaced) = body.into_request_and_replaced(&app.engine)?;
    let (lines, channel) = (reserve.lines.clone(), reserve.channel.clone());
    let (purpose, supersedes) = (reserve.purpose, reserve.supersedes.clone());
    let bounds = app.bounds(caller, channel.as_str());
    let reserve_within = |engine: &Engine, cause, done: Completion| engine.reserve_within(reserve, bounds, cause, done);
    let executed = app.execute(caller, reserve_within).await;
    let executed = executed.map_err(|failure| match failure {
        Failure::Refused(Refusal::Insufficient(shorts)) => {
            let (channel, lines, supersedes) = (&channel, &lines[..], &supersedes[..]);
            let asked = refusal::Asked { caller, channel, purpose, supersedes, lines };
            let problem = refusal::explain(&app.engine, &asked, &shorts);
            Visibility::of(&app.engine, caller).hide_rules(problem)
        }
        Failure::Refused(Refusal::NothingToReplace { at }) => Problem::nothing_to_supersede(&replaced.field(at)),
        Failure::Refused(Refusal::NotReplaceable { at, state }) => {
            let problem = Problem::not_replaceable(&replaced.field(at), state);
            problem.with("reservation", replaced.ids().get(at).map_or("", String::as_str))
        }
        other => other.into(),
    })?;
    let Outcome::Reservation(reservation) = &executed.outcome else { return Err(unexpected(&executed.outcome)) };
    let reply = Reply::new(StatusCode::CREATED, write_record(&app.engine, reservation)).replayed(executed.replayed);
    let mut location = String::with_capacity("/v1/reservations/r-7K2M9-4W1Q0GZ6T3V8Y5B2N7C9D0E1F2".len());
    location.push_str("/v1/reservations/");
    app.engine.identity().write_reservation(reservation.id, &mut location);
    Ok(reply.at(location))
}

/// A request for a step of a reservation.
pub trait StepBody: DeserializeOwned {
    /// The step, validated.
    fn step(self, app: &App) -> Result<StepRequest, Problem>;
}

impl StepBody for ConfirmBody {
    fn step(self, _: &App) -> Result<StepRequest, Problem> {
        self.into_step()
    }
}

impl StepBody for ReadyBody {
    fn step(self, _: &App) -> Result<StepRequest, Problem> {
        Ok(StepRequest::Ready { entropy: crate::random()? })
    }
}

impl StepBody for CollectBody {
    fn step(self, app: &App) -> Result<StepRequest, Problem> {
        self.into_step(&app.engine)
    }
}

impl StepBody for CancelBody {
    fn step(self, app: &App) -> Result<StepRequest, Problem> {
        self.into_step(&app.engine)
    }
}

impl StepBody for BindBody {
    fn step(self, app: &App) -> Result<StepRequest, Problem> {
        self.into_step(&app.engine)
    }
}

impl StepBody for RebindBody {
    fn step(self, app: &App) -> Result<StepRequest, Problem> {
        self.into_step(&app.engine)
    }
}

impl StepBody for PickupByBody {
    fn step(self, _: &App) -> Result<StepRequest, Problem> {
        self.into_step()
    }
}

impl StepBody for ExtendBody {
    fn step(self, _: &App) -> Result<StepRequest, Problem> {
        self.into_step()
    }
}

/// The reservation with this id.
///
/// # Errors
/// The id is not one of this log.
pub fn find(app: &App, id: &str) -> Result<ReservationId, Problem> {
    app.engine.parse_reservation_id(id).ok_or_else(|| Problem::not_found("reservation"))
}

/// The same for a request by id. For a bound caller, a reservation that is not visible does not exist: it may be
/// another caller's that is not in the log yet.
async fn handles_id(app: &App, caller: &Caller, id: ReservationId) -> Result<(), Problem> {
    if !caller.is_bound() {
        return Ok(());
    }
    handles(app, caller, &*reservation(app, caller, id).await?)
}

/// Why a step was refused, without numbers that the reservation's channel does not get.
fn without_numbers(app: &App, id: ReservationId, failure: Failure) -> Problem {
    let reservation = app.engine.state().reservation(id).1;
    if reservation.is_none_or(|reservation| tells_numbers(&app.engine, &reservation)) {
        return failure.into();
    }
    match failure {
        Failure::Refused(Refusal::Waiting(state, _)) => {
            let detail = "some of its units are still inbound; name lines and units that have arrived, or wait";
            Problem::new(Slug::WrongState, detail).with("state", state.as_str())
        }
        Failure::Refused(Refusal::TooManyUnits { state, line, .. }) => {
            let detail = format!(
                "lines[{line}].quantity: the reservation has fewer units left; read it and ask for \
                                  less"
            );
            Problem::new(Slug::WrongState, detail).with("state", state.as_str())
        }
        failure => {
            let mut problem: Problem = failure.into();
            for line in problem.lines() {
                if let Some(available) = line.get_mut("available") {
                    *available = Value::Null;
                }
            }
            problem
        }
    }
}

/// Takes a reservation one step further.
///
/// # Errors
/// Why the step is refused, what is wrong with the request, or why the server accepts no writes.
pub async fn step<T: StepBody>(app: &App, caller: &Caller, id: &str, body: T) -> Result<Reply, Problem> {
    let (id, step) = (find(app, id)?, body.step(app)?);
    handles_id(app, caller, id).await?;
    if let StepRequest::Reallocation { .. } | StepRequest::Bind { .. } = &step {
        // The step may move units to any location.
        caller.may_use_location("reservation", None)?;
    }
    let some_units = |lines: &[Reallocation]| lines.iter().any(|line| line.quantity.is_some());
    let some_lines = match &step {
        StepRequest::Collect { lines, .. } | StepRequest::Cancel { lines, .. } => lines.is_some(),
        StepRequest::Bind { lines } => lines.as_deref().is_some_and(some_units),
        StepRequest::Reallocation { lines } => some_units(lines),
        StepRequest::Confirm { .. }
        | StepRequest::Ready { .. }
        | StepRequest::PickupBy { .. }
        | StepRequest::Extend { .. } => false,
    };
    if some_lines && caller.idempotency.is_none() {
        return Err(Problem::invalid(
            "Idempotency-Key",
            "is required with lines, and if quantities move, so that a repeat is recognised",
        ));
    }
    if let Some(done) = step_of_part(app, caller, id, &step).await? {
        let tells_code = codes::tells_code(caller) || done.makes_code;
        return Ok(Reply::ok(record_for(app, &done.reservation, tells_code)).replayed(done.replayed));
    }
    let moving = match &step {
        StepRequest::Bind { lines: Some(lines) } | StepRequest::Reallocation { lines } => lines.clone(),
        _ => Vec::new(),
    };
    let is_ready = matches!(&step, StepRequest::Ready { .. });
    let tries_code = matches!(&step, StepRequest::Collect { pickup_code: Some(_), .. });
    let known = (is_ready || tries_code).then(|| app.engine.state().reservations.get(id)).flatten();
    let state = known.map(|reservation| reservation.state);
    // The caller that creates a code sees it.
    let makes_code = is_ready && state == Some(ReservationState::Confirmed);
    let what = Tried::Code(id);
    let mut tried = None;
    let submit = |engine: &Engine, cause, done: Completion| {
        if tries_code && state.is_some_and(ReservationState::is_open) {
            match app.codes.begin(what, Instant::now()) {
                Ok(nth) => tried = Some(nth),
                Err(seconds) => return engine.refuse(cause, done, Refusal::PickupCodeClosed { seconds }.into()),
            }
        }
        engine.submit(Command::step(id, step), cause, done);
    };
    let executed = app.execute(caller, submit).await;
    if let Some(nth) = tried {
        match &executed {
            Err(Failure::Refused(Refusal::WrongPickupCode)) => {
                codes::note_wrong(caller, &app.engine.reservation_id(id), nth, app.codes.most(what));
            }
            _ => app.codes.give_back(what),
        }
    }
    let executed = match executed {
        // The requested state is already reached: answer with the record as it is.
        Err(Failure::AsItIs(id)) => {
            let reservation = reservation(app, caller, id).await?;
            return Ok(Reply::ok(record_for(app, &reservation, codes::tells_code(caller))));
        }
        Err(Failure::Refused(Refusal::PickupCodeClosed { seconds })) => {
            return Err(codes::closed("reservations.pickup_code_tries", app.codes.most(what), seconds));
        }
        // The reservation may have existed.
        Err(Failure::Refused(Refusal::NotFound(what))) => {
            reservation(app, caller, id).await?;
            return Err(Problem::not_found(what));
        }
        other => other.map_err(|failure| with_names(app, &moving, without_numbers(app, id, failure)))?,
    };
    let Outcome::Reservation(reservation) = &executed.outcome else { return Err(unexpected(&executed.outcome)) };
    let is_told = codes::tells_code(caller) || makes_code || (is_ready && executed.replayed);
    Ok(Reply::ok(record_for(app, reservation, is_told)).replayed(executed.replayed))
}

/// Lines that did not fit at their new locations, with the names of the request.
fn with_names(app: &App, moving: &[Reallocation], mut problem: Problem) -> Problem {
    let catalogue = &app.engine.state().catalogue;
    for line in problem.lines() {
        let at = line.get("line").and_then(Value::as_u64).and_then(|at| usize::try_from(at).ok());
        let Some(asked) = at.and_then(|at| moving.get(at)) else { continue };
        let Some(members) = line.as_object_mut() else { continue };
        members.insert("sku".into(), catalogue.skus.name(asked.sku).as_str().into());
        if let Some(to) = asked.to {
            members.insert("location".into(), catalogue.locations.name(to).as_str().into());
        }
        let number = |members: &serde_json::Map<String, Value>, name: &str| members.get(name).and_then(Value::as_u64);
        if let (Some(asked), Some(there)) = (number(members, "requested"), number(members, "available")) {
            members.insert("missing".into(), asked.saturating_sub(there).into());
        }
    }
    problem
}

/// The record as the answer of a step.
fn record_for(app: &App, reservation: &Reservation, tells_code: bool) -> String {
    match tells_code || reservation.pickup_code.is_none() {
        true => write_record(&app.engine, reservation),
        false => write_record(&app.engine, &codes::without_code(reservation)),
    }
}
