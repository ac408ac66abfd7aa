//! JSON of reservations.

use anaquel_engine::Engine;
use anaquel_engine::ids::{GroupId, LocationId, Timestamp};
use anaquel_engine::reservation::{Backorder, Change, Line, Moved, Reservation, ReservationState, Step};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::wire::put::{Id, put, write_array};
use crate::wire::time;

/// The record of a reservation.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReservationView<'a> {
    /// Its identity.
    #[schema(example = "r-7K2M9-4W1Q0GZ6T3V8Y5B2N7C9D0E1F2")]
    id: String,
    /// `held`, `confirmed`, `ready`, `collected`, `cancelled` or `expired`.
    #[schema(example = "held")]
    state: &'static str,
    /// The channel.
    channel: &'a str,
    /// The customer.
    customer: Option<&'a str>,
    /// The purpose.
    purpose: &'static str,
    /// The order.
    order: Option<&'a str>,
    /// The lines.
    lines: Vec<LineView<'a>>,
    /// When it was created.
    created_at: String,
    /// When it expires unless it is confirmed.
    expires_at: Option<String>,
    /// When it expires after that unless it is collected.
    pickup_by: Option<String>,
    /// The code that the customer shows; null in lists for a bound key, and for keys that only hand over.
    pickup_code: Option<&'a str>,
    /// The `seq` of its last change.
    seq: u64,
    /// Its history, the oldest step first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    history: Option<Vec<Value>>,
}

/// Writes the record as the answer of a write directly, because it is the most frequent answer. Every text in it is an
/// enumeration, which needs no escaping, or an id. The test below compares it with the view.
pub fn write_record(engine: &Engine, reservation: &Reservation) -> String {
    let catalogue = &engine.state().catalogue;
    let mut out = String::with_capacity(320 + 96 * reservation.lines.len());
    let text = |out: &mut String, name: &str, value: Option<&str>| {
        put!(out, ",\"", name);
        match value {
            Some(value) => put!(out, r#"":""#, Id(value), "\""),
            None => put!(out, r#"":null"#),
        }
    };
    let state = reservation.state;
    out.push_str(r#"{"id":""#);
    engine.identity().write_reservation(reservation.id, &mut out);
    put!(&mut out, r#"","state":""#, state.as_str(), "\"");
    text(&mut out, "channel", Some(catalogue.channels.name(reservation.channel).as_str()));
    text(&mut out, "customer", reservation.customer.as_deref());
    text(&mut out, "purpose", Some(reservation.purpose.as_str()));
    text(&mut out, "order", reservation.order.as_deref());
    out.push_str(r#","lines":"#);
    let write_line = |out: &mut String, line: &Line| {
        let &Line { requested, quantity, collected, .. } = line;
        put!(out, r#"{"sku":""#, catalogue.skus.name(line.sku));
        match public_place(line) {
            Some(location) => put!(out, r#"","location":""#, catalogue.locations.name(location).as_str(), "\""),
            None => put!(out, r#"","location":null"#),
        }
        if let Some(group) = group_of(line) {
            put!(out, r#","group":""#, catalogue.groups.name(group).as_str(), "\"");
        }
        put!(out, r#","requested":"#, requested, r#","quantity":"#, quantity, r#","collected":"#, collected);
        if let Some(wait) = line.wait.as_deref() {
            match tells_waits(engine, reservation, line) {
                true => put!(out, r#","waiting":"#, wait.units),
                false => put!(out, r#","waiting":null"#),
            }
            text(out, "promised_for", Some(&time(wait.promised_for)));
            text(out, "expected_at", wait.expected_at.filter(|_| wait.units > 0).map(time).as_deref());
            put!(out, r#","at_risk":"#, wait.at_risk());
        }
        out.push('}');
    };
    if reservation.lines.iter().any(|line| line.unallocated().is_some()) {
        write_array(&mut out, &public_lines(reservation), write_line);
    } else {
        write_array(&mut out, &reservation.lines, write_line);
    }
    text(&mut out, "created_at", Some(&time(reservation.created_at)));
    let was_held =
        !matches!(state, ReservationState::Confirmed | ReservationState::Ready | ReservationState::Collected);
    text(&mut out, "expires_at", was_held.then(|| time(reservation.expires_at)).as_deref());
    text(&mut out, "pickup_by", reservation.pickup_by.map(time).as_deref());
    text(&mut out, "pickup_code", reservation.pickup_code.as_deref());
    put!(&mut out, r#","seq":"#, reservation.version, "}");
    out
}

/// The location of a line, once it is public.
fn public_place(line: &Line) -> Option<LocationId> {
    match line.unallocated() {
        Some(_) => None,
        None => Some(line.location),
    }
}

/// Whether the number of inbound units of a line is shown: together with the promise, it reveals the stock on hand.
pub fn tells_waits(engine: &Engine, reservation: &Reservation, line: &Line) -> bool {
    engine.state().tells_numbers(line.sku, Some(reservation.channel))
}

fn group_of(line: &Line) -> Option<GroupId> {
    line.terms.as_ref().and_then(|terms| terms.group)
}

/// The lines as callers see them: unallocated units of a group are one line, wherever they are.
fn public_lines(reservation: &Reservation) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::with_capacity(reservation.lines.len());
    // A line whose units all moved to another line is empty.
    for line in reservation.lines.iter().filter(|line| line.requested > 0) {
        let same = |other: &&mut Line| {
            line.unallocated().is_some() && (other.sku, other.unallocated()) == (line.sku, line.unallocated())
        };
        match lines.iter_mut().find(same) {
            Some(known) => {
                known.requested += line.requested;
                known.quantity += line.quantity;
                known.collected += line.collected;
            }
            None => lines.push(line.clone()),
        }
    }
    lines
}

/// One line of a reservation.
#[derive(Debug, Serialize, ToSchema)]
pub struct LineView<'a> {
    /// The SKU.
    sku: &'a str,
    /// The location; `None` while the line is unallocated.
    location: Option<&'a str>,
    /// The group that the line was requested from.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    /// Requested units.
    requested: u32,
    /// Promised units that were not cancelled.
    quantity: u32,
    /// Units that were collected.
    collected: u32,
    /// The inbound part, if there is or was one.
    #[serde(flatten)]
    #[schema(value_type = ToComeView)]
    to_come: Option<ToComeView>,
}

/// The inbound part of a line.
#[derive(Debug, Serialize, ToSchema)]
pub struct ToComeView {
    /// Inbound units of the line; null for a channel that gets no numbers.
    #[schema(required = false)]
    waiting: Option<u32>,
    /// The date that they are promised for.
    #[schema(required = false)]
    promised_for: String,
    /// When they are expected now; null if all inbound supply is promised to others, or no units are inbound.
    #[schema(required = false)]
    expected_at: Option<String>,
    /// Whether they will arrive too late or not at all, as far as is known.
    #[schema(required = false)]
    at_risk: bool,
}

impl ToComeView {
    fn new(wait: &Backorder, exact: bool) -> Self {
        Self {
            waiting: exact.then_some(wait.units),
            promised_for: time(wait.promised_for),
            expected_at: wait.expected_at.filter(|_| wait.units > 0).map(time),
            at_risk: wait.at_risk(),
        }
    }
}

impl<'a> ReservationView<'a> {
    /// The record as a caller sees it at `now`.
    pub fn new(engine: &'a Engine, reservation: &'a Reservation, now: Timestamp) -> Self {
        let catalogue = &engine.state().catalogue;
        let now = if engine.expiry_frozen() { Timestamp(0) } else { now };
        let state = reservation.state_at(now);
        let line = |line: &anaquel_engine::reservation::Line| LineView {
            sku: catalogue.skus.name(line.sku).as_str(),
            location: public_place(line).map(|location| catalogue.locations.name(location).as_str()),
            group: group_of(line).map(|group| catalogue.groups.name(group).as_str()),
            requested: line.requested,
            quantity: line.quantity,
            collected: line.collected,
            to_come: line.wait.as_deref().map(|wait| ToComeView::new(wait, tells_waits(engine, reservation, line))),
        };
        let was_held =
            !matches!(state, ReservationState::Confirmed | ReservationState::Ready | ReservationState::Collected);
        Self {
            id: engine.reservation_id(reservation.id),
            state: state.as_str(),
            channel: catalogue.channels.name(reservation.channel).as_str(),
            customer: reservation.customer.as_deref(),
            purpose: reservation.purpose.as_str(),
            order: reservation.order.as_deref(),
            lines: public_lines(reservation).iter().map(line).collect(),
            created_at: time(reservation.created_at),
            expires_at: was_held.then(|| time(reservation.expires_at)),
            pickup_by: reservation.pickup_by.map(time),
            pickup_code: reservation.pickup_code.as_deref(),
            seq: reservation.version,
            history: None,
        }
    }

    /// The same, with the code if the caller may see it.
    #[must_use]
    pub fn telling_code(self, is_told: bool) -> Self {
        Self { pickup_code: self.pickup_code.filter(|_| is_told), ..self }
    }

    /// The same with its whole history.
    #[must_use]
    pub fn with_history(mut self, engine: &Engine, reservation: &Reservation) -> Self {
        let born = reservation.as_of(reservation.id.0);
        let mut history = vec![json!({
            "seq": reservation.id.0,
            "time": time(reservation.created_at),
            "kind": "reserved",
            "state": born.state.as_str(),
        })];
        history.extend(reservation.changes.iter().map(|change| step(engine, reservation, change)));
        self.history = Some(history);
        self
    }
}

/// One step of a reservation.
fn step(engine: &Engine, reservation: &Reservation, change: &Change) -> Value {
    let catalogue = &engine.state().catalogue;
    let place = |location: LocationId| catalogue.locations.name(location).as_str();
    let units = |lines: &[(u16, u32)]| -> Vec<Value> {
        let named = |(index, quantity): &(u16, u32)| {
            let line = reservation.lines.get(usize::from(*index))?;
            let (sku, location) = (catalogue.skus.name(line.sku).as_str(), public_place(line).map(place));
            Some(json!({"sku": sku, "location": location, "quantity": quantity}))
        };
        lines.iter().filter_map(named).collect()
    };
    let (kind, more) = match &change.step {
        Step::Confirmed { .. } => ("confirmed", json!({})),
        Step::Readied => ("ready", json!({})),
        Step::PickupBySet { before } => ("pickup_by_set", json!({"pickup_by_before": before.map(time)})),
        Step::Collected { code_shown, lines } => {
            ("collected", json!({"code_shown": code_shown, "lines": units(lines)}))
        }
        Step::Cancelled { reason, lines } => ("cancelled", json!({"reason": reason, "lines": units(lines)})),
        Step::Superseded { lines } => ("superseded", json!({"lines": units(lines)})),
        Step::Extended { .. } => ("extended", json!({})),
        Step::ExtendedAgain { first, count, .. } => ("extended", json!({"first_seq": first, "count": count})),
        Step::Shifted { first, count, .. } => ("shifted", json!({"first_seq": first, "count": count})),
        Step::Expired { lines } => ("expired", json!({"lines": units(lines)})),
        Step::Filled { lines } => {
            let mut lines = units(lines);
            if !reservation.lines.iter().all(|line| tells_waits(engine, reservation, line)) {
                lines.iter_mut().filter_map(Value::as_object_mut).for_each(|line| drop(line.remove("quantity")));
            }
            ("filled", json!({"lines": lines}))
        }
        Step::Dated => ("dated", json!({})),
        Step::Reallocated { moves, bound } => {
            let of = |index: u16| {
                reservation.lines.get(usize::from(index)).map(|line| catalogue.skus.name(line.sku).as_str())
            };
            // The earlier location of unallocated units stays hidden.
            let moved = |moved: &Moved| {
                let from = (!moved.open).then(|| place(moved.from));
                json!({"sku": of(moved.line), "from": from, "quantity": moved.quantity})
            };
            let bound: Vec<_> = bound.iter().filter_map(|index| of(*index)).collect();
            ("rebound", json!({"moved": moves.iter().map(moved).collect::<Vec<_>>(), "bound": bound}))
        }
    };
    let mut step = json!({
        "seq": change.seq,
        "time": time(change.time),
        "kind": kind,
        "state": change.to.as_str(),
        "actor": change.actor,
    });
    if let (Value::Object(step), Value::Object(more)) = (&mut step, more) {
        step.extend(more);
    }
    step
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;
    use crate::subjects::reservations::bodies::ReserveBody;
    use anaquel_engine::command::StepRequest;
    use anaquel_engine::command::{Command, Outcome};
    use anaquel_engine::event::MovementKind;
    use anaquel_engine::ids::Name;

    #[test]
    fn the_direct_answer_is_the_view() {
        let disk = anaquel_engine::journal::memory::MemoryDisk::default();
        let clock = std::sync::Arc::new(crate::app::SystemClock::default());
        let engine = Engine::in_memory(disk, Default::default(), clock, None).unwrap();
        let receipt = anaquel_engine::admission::MovementRequest {
            kind: MovementKind::Receipt,
            sku: Name::parse_sku("RED 5/8\" \\").unwrap(),
            location: Name::parse("s/1").unwrap(),
            change: 5,
            occurred_at: None,
            reference: None,
            unplanned: false,
        };
        engine.run(|engine, done| engine.move_stock(vec![receipt], None, done)).unwrap();
        let body = r##"{"channel":"web","customer":"a@b","order":"#1 \"x\"","lines":[{"sku":"RED 5/8\" \\","location":"s/1","quantity":1},{"sku":"RED 5/8\" \\","location":"s/1","quantity":2}]}"##;
        let request = serde_json::from_str::<ReserveBody>(body).unwrap().into_request(&engine).unwrap();
        let mut outcome = engine.run(|engine, done| engine.reserve(request, None, done)).unwrap();
        let steps = [
            StepRequest::Confirm { pickup_by: Some(Timestamp(4_000_000_000_000)), order: None },
            StepRequest::Ready { entropy: 7 },
            StepRequest::Collect { lines: None, pickup_code: None },
        ];
        for step in steps.into_iter().map(Some).chain([None]) {
            let Outcome::Reservation(reservation) = outcome else { panic!("{outcome:?}") };
            let view = ReservationView::new(&engine, &reservation, Timestamp(0));
            assert_eq!(write_record(&engine, &reservation), serde_json::to_string(&view).unwrap());
            let Some(step) = step else { break };
            outcome =
                engine.run(|engine, done| engine.submit(Command::step(reservation.id, step), None, done)).unwrap();
        }
    }
}
