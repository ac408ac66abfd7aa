//! Reservations on the wire.

use std::fmt::Write;

use anaquel_engine::Engine;
use anaquel_engine::admission::{LineRequest, Place, ReserveRequest};
use anaquel_engine::command::{LineUnits, Rebind, StepRequest};
use anaquel_engine::event::Purpose;
use anaquel_engine::ids::{GroupId, LocationId, Timestamp};
use anaquel_engine::reservation::{Change, Line, Moved, Reservation, State, Step};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{name, optional_name, parse_time, quantity, sku_name, time};
use crate::problem::Problem;

/// Lines of one reservation.
pub const LINES_MAX: usize = 100;

/// The longest that a hold may be asked for, in seconds: 31 days.
pub const TTL_SECONDS_MAX: i64 = 2_678_400;

/// How long a hold lives if nothing is said.
pub const TTL_SECONDS_DEFAULT: i64 = 900;

/// The longest reason, in bytes.
const REASON_BYTES_MAX: usize = 255;

/// A promise that is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReserveBody {
    /// Through which channel.
    #[schema(example = "web")]
    pub channel: String,
    /// For whom.
    #[schema(example = "c-81")]
    pub customer: Option<String>,
    /// `cart` (default), `pickup` or `delivery`.
    #[schema(example = "pickup")]
    pub purpose: Option<String>,
    /// 1 to 2,678,400; 900 if left out.
    #[schema(example = 900)]
    pub ttl_seconds: Option<i64>,
    /// For which order.
    #[schema(example = "W-1007")]
    pub order: Option<String>,
    /// 1 to 100; all or none, unless `allow_partial`.
    pub lines: Vec<LineBody>,
    /// Whether fewer units than asked for will do.
    #[serde(default)]
    pub allow_partial: bool,
    /// Whether it is confirmed in the same step.
    #[serde(default)]
    pub confirm: bool,
    /// The hold that this one replaces.
    pub supersedes: Option<String>,
}

/// One line.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LineBody {
    /// The SKU.
    #[schema(example = "TSHIRT-RED-M")]
    pub sku: String,
    /// Where. This or `group`.
    #[schema(example = "mx-014")]
    pub location: Option<String>,
    /// Anywhere in this group: it is bound to a location later.
    pub group: Option<String>,
    /// Units, at least 1.
    #[schema(example = 1)]
    pub quantity: i64,
}

/// The location of what was asked of a group is made public.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BindBody {
    /// Only these; all where they are, if left out.
    pub lines: Option<Vec<BindLineBody>>,
}

/// Units of a group that are wanted in one of its locations.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BindLineBody {
    /// The SKU.
    pub sku: String,
    /// The group; may be left out while only one line has the SKU.
    pub group: Option<String>,
    /// Where; where they are, if left out.
    pub location: Option<String>,
    /// Units; all of them, if left out.
    pub quantity: Option<i64>,
}

/// What is promised moves to other locations.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RebindBody {
    /// 1 to 100; all or none.
    pub lines: Vec<RebindLineBody>,
}

/// Units that move.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RebindLineBody {
    /// The SKU.
    pub sku: String,
    /// Where they are; may be left out while that is one place.
    pub from: Option<String>,
    /// Where they go.
    #[schema(example = "mx-021")]
    pub location: String,
    /// Units; all of them, if left out.
    pub quantity: Option<i64>,
}

/// Units of a reservation's line.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnitsBody {
    /// The SKU.
    pub sku: String,
    /// Where; may be left out while only one line has the SKU.
    pub location: Option<String>,
    /// Units, at least 1.
    pub quantity: i64,
}

/// It becomes an order.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmBody {
    /// When it expires after all, if nobody fetches it.
    pub pickup_by: Option<String>,
    /// The order it belongs to.
    pub order: Option<String>,
}

/// Nothing needs to be said.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadyBody {}

/// It is handed over.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CollectBody {
    /// Only these units. Needs an idempotency key.
    pub lines: Option<Vec<UnitsBody>>,
    /// What the customer shows.
    pub pickup_code: Option<String>,
}

/// It is given back.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelBody {
    /// Only these units. Needs an idempotency key.
    pub lines: Option<Vec<UnitsBody>>,
    /// Why.
    pub reason: Option<String>,
}

/// It gets more time.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtendBody {
    /// From now, 1 to 2,678,400.
    #[schema(example = 900)]
    pub ttl_seconds: i64,
}

impl ReserveBody {
    /// The request, validated.
    pub fn into_request(self, engine: &Engine) -> Result<ReserveRequest, Problem> {
        if !(1..=LINES_MAX).contains(&self.lines.len()) {
            return Err(Problem::invalid(
                "lines",
                format!("has {} entries; 1 to {LINES_MAX} are taken", self.lines.len()),
            ));
        }
        let purpose = match self.purpose.as_deref() {
            None | Some("cart") => Purpose::Cart,
            Some("pickup") => Purpose::Pickup,
            Some("delivery") => Purpose::Delivery,
            Some(other) => {
                return Err(Problem::invalid("purpose", format!("{other:?} is not cart, pickup or delivery")));
            }
        };
        let supersedes = match self.supersedes.as_deref() {
            None => None,
            Some(id) => Some(
                engine
                    .epoch()
                    .parse_reservation(id)
                    .ok_or_else(|| Problem::not_found("reservation").with("field", "supersedes"))?,
            ),
        };
        let line = |(at, body): (usize, LineBody)| {
            let place = match (&body.location, &body.group) {
                (Some(location), None) => Place::Location(name(&format!("lines[{at}].location"), location)?),
                (None, Some(group)) => Place::Group(name(&format!("lines[{at}].group"), group)?),
                (None, None) => {
                    return Err(Problem::invalid(
                        &format!("lines[{at}].location"),
                        "is needed, or a group in its place",
                    ));
                }
                (Some(_), Some(_)) => {
                    return Err(Problem::invalid(&format!("lines[{at}].group"), "is given beside location; name one"));
                }
            };
            Ok(LineRequest {
                sku: sku_name(&format!("lines[{at}].sku"), &body.sku)?,
                place,
                quantity: quantity(&format!("lines[{at}].quantity"), body.quantity)?,
            })
        };
        Ok(ReserveRequest {
            channel: name("channel", &self.channel)?,
            purpose,
            customer: optional_name("customer", self.customer.as_deref())?,
            order: optional_name("order", self.order.as_deref())?,
            ttl_seconds: ttl(self.ttl_seconds.unwrap_or(TTL_SECONDS_DEFAULT))?,
            confirm: self.confirm,
            allow_partial: self.allow_partial,
            supersedes,
            lines: self.lines.into_iter().enumerate().map(line).collect::<Result<_, Problem>>()?,
        })
    }
}

impl ConfirmBody {
    /// The step, validated.
    pub fn into_step(self) -> Result<StepRequest, Problem> {
        Ok(StepRequest::Confirm {
            pickup_by: self.pickup_by.map(|text| parse_time("pickup_by", &text)).transpose()?,
            order: optional_name("order", self.order.as_deref())?,
        })
    }
}

impl CollectBody {
    /// The step, validated.
    pub fn into_step(self, engine: &Engine) -> Result<StepRequest, Problem> {
        let lines = self.lines.map(|lines| units(engine, lines)).transpose()?;
        Ok(StepRequest::Collect { lines, pickup_code: self.pickup_code })
    }
}

impl CancelBody {
    /// The step, validated.
    pub fn into_step(self, engine: &Engine) -> Result<StepRequest, Problem> {
        if self.reason.as_ref().is_some_and(|reason| reason.len() > REASON_BYTES_MAX) {
            return Err(Problem::invalid("reason", format!("is longer than {REASON_BYTES_MAX} bytes")));
        }
        let lines = self.lines.map(|lines| units(engine, lines)).transpose()?;
        Ok(StepRequest::Cancel { lines, reason: self.reason.map(Into::into) })
    }
}

impl BindBody {
    /// The step, validated.
    pub fn into_step(self, engine: &Engine) -> Result<StepRequest, Problem> {
        let read = |at: usize, line: BindLineBody| {
            let BindLineBody { sku, group, location, quantity } = line;
            rebind(engine, at, &sku, (group.as_deref(), None, location.as_deref()), quantity)
        };
        let lines = self.lines.map(|lines| each_line(lines, read)).transpose()?;
        Ok(StepRequest::Bind { lines })
    }
}

impl RebindBody {
    /// The step, validated.
    pub fn into_step(self, engine: &Engine) -> Result<StepRequest, Problem> {
        let read = |at: usize, line: RebindLineBody| {
            let RebindLineBody { sku, from, location, quantity } = line;
            rebind(engine, at, &sku, (None, from.as_deref(), Some(&location)), quantity)
        };
        Ok(StepRequest::Rebind { lines: each_line(self.lines, read)? })
    }
}

fn each_line<B, T>(lines: Vec<B>, read: impl Fn(usize, B) -> Result<T, Problem>) -> Result<Vec<T>, Problem> {
    if !(1..=LINES_MAX).contains(&lines.len()) {
        return Err(Problem::invalid("lines", format!("has {} entries; 1 to {LINES_MAX} are taken", lines.len())));
    }
    lines.into_iter().enumerate().map(|(at, line)| read(at, line)).collect()
}

/// Reads a line that moves: its group, where it is, and where it is to be.
fn rebind(
    engine: &Engine,
    at: usize,
    sku: &str,
    (group, from, to): (Option<&str>, Option<&str>, Option<&str>),
    units: Option<i64>,
) -> Result<Rebind, Problem> {
    let catalogue = &engine.state().catalogue;
    let field = |name: &str| format!("lines[{at}].{name}");
    let sku = catalogue.skus.id(sku_name(&field("sku"), sku)?.as_str());
    let location = |of: &str, text: &str| {
        let id = catalogue.locations.id(name(&field(of), text)?.as_str());
        id.ok_or_else(|| Problem::invalid(&field(of), "is unknown"))
    };
    let group_named = |text: &str| {
        let id = catalogue.groups.id(name(&field("group"), text)?.as_str());
        id.ok_or_else(|| Problem::invalid(&field("group"), "is not in this reservation"))
    };
    Ok(Rebind {
        sku: sku.ok_or_else(|| Problem::invalid(&field("sku"), "is not in this reservation"))?,
        group: group.map(group_named).transpose()?,
        from: from.map(|text| location("from", text)).transpose()?,
        to: to.map(|text| location("location", text)).transpose()?,
        quantity: units.map(|units| quantity(&field("quantity"), units)).transpose()?,
    })
}

impl ExtendBody {
    /// The step, validated.
    pub fn into_step(self) -> Result<StepRequest, Problem> {
        Ok(StepRequest::Extend { ttl_seconds: ttl(self.ttl_seconds)? })
    }
}

fn ttl(seconds: i64) -> Result<u32, Problem> {
    u32::try_from(seconds)
        .ok()
        .filter(|seconds| (1..=TTL_SECONDS_MAX).contains(&i64::from(*seconds)))
        .ok_or_else(|| Problem::invalid("ttl_seconds", format!("{seconds} is not between 1 and {TTL_SECONDS_MAX}")))
}

fn units(engine: &Engine, lines: Vec<UnitsBody>) -> Result<Vec<LineUnits>, Problem> {
    let catalogue = &engine.state().catalogue;
    let read = |at: usize, body: UnitsBody| {
        let field = |name: &str| format!("lines[{at}].{name}");
        let quantity = quantity(&field("quantity"), body.quantity)?;
        let sku = sku_name(&field("sku"), &body.sku)?;
        let sku = catalogue.skus.id(sku.as_str());
        let sku = sku.ok_or_else(|| Problem::invalid(&field("sku"), "is not in this reservation"))?;
        let location = match body.location {
            None => None,
            Some(text) => {
                let location = name(&field("location"), &text)?;
                let location = catalogue.locations.id(location.as_str());
                Some(location.ok_or_else(|| Problem::invalid(&field("location"), "is not in this reservation"))?)
            }
        };
        Ok(LineUnits { sku, location, quantity })
    };
    each_line(lines, read)
}

/// A state's name on the wire.
pub fn state_name(state: State) -> &'static str {
    match state {
        State::Held => "held",
        State::Confirmed => "confirmed",
        State::Ready => "ready",
        State::Collected => "collected",
        State::Cancelled => "cancelled",
        State::Expired => "expired",
    }
}

/// Reads a state.
pub fn parse_state(text: &str) -> Result<State, Problem> {
    let states = [State::Held, State::Confirmed, State::Ready, State::Collected, State::Cancelled, State::Expired];
    states.into_iter().find(|state| state_name(*state) == text).ok_or_else(|| {
        Problem::invalid("state", format!("{text:?} is not held, confirmed, ready, collected, cancelled or expired"))
    })
}

/// A purpose's name on the wire.
pub fn purpose_name(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Cart => "cart",
        Purpose::Pickup => "pickup",
        Purpose::Delivery => "delivery",
    }
}

/// The record of a reservation.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReservationView<'a> {
    /// Its identity.
    #[schema(example = "r-7K2M9-1841")]
    id: String,
    /// `held`, `confirmed`, `ready`, `collected`, `cancelled` or `expired`.
    #[schema(example = "held")]
    state: &'static str,
    /// Through which channel it was made.
    channel: &'a str,
    /// For whom.
    customer: Option<&'a str>,
    /// For what.
    purpose: &'static str,
    /// For which order.
    order: Option<&'a str>,
    /// What is promised.
    lines: Vec<LineView<'a>>,
    /// When it was made.
    created_at: String,
    /// When it dies unless confirmed.
    expires_at: Option<String>,
    /// When it dies after that, if nobody fetches it.
    pickup_by: Option<String>,
    /// What the customer shows.
    pickup_code: Option<&'a str>,
    /// The `seq` of its last change.
    seq: u64,
    /// What happened to it, oldest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    history: Option<Vec<Value>>,
}

/// The record as the write that led to it is answered, written out directly: it is the hottest answer there is. Every
/// text in it is an id or a name of the contract, which have nothing to escape. The test below holds it to the view.
pub fn write_record(engine: &Engine, reservation: &Reservation) -> String {
    let catalogue = &engine.state().catalogue;
    let mut out = String::with_capacity(320 + 96 * reservation.lines.len());
    let text = |out: &mut String, name: &str, value: Option<&str>| {
        let _ = match value {
            Some(value) => write!(out, r#","{name}":"{value}""#),
            None => write!(out, r#","{name}":null"#),
        };
    };
    let (tag, state) = (engine.epoch().tag(), reservation.state);
    let _ = write!(out, r#"{{"id":"r-{tag}-{}","state":"{}""#, reservation.id.0, state_name(state));
    text(&mut out, "channel", Some(catalogue.channels.name(reservation.channel).as_str()));
    text(&mut out, "customer", reservation.customer.as_deref());
    text(&mut out, "purpose", Some(purpose_name(reservation.purpose)));
    text(&mut out, "order", reservation.order.as_deref());
    out.push_str(r#","lines":"#);
    let write_line = |out: &mut String, line: &Line| {
        let (sku, Line { requested, quantity, collected, .. }) = (catalogue.skus.name(line.sku), line);
        let _ = match public_place(line) {
            Some(location) => write!(out, r#"{{"sku":"{sku}","location":"{}""#, catalogue.locations.name(location)),
            None => write!(out, r#"{{"sku":"{sku}","location":null"#),
        };
        if let Some(group) = group_of(line) {
            let _ = write!(out, r#","group":"{}""#, catalogue.groups.name(group));
        }
        let _ = write!(out, r#","requested":{requested},"quantity":{quantity},"collected":{collected}}}"#);
    };
    if reservation.lines.iter().any(|line| line.unbound().is_some()) {
        super::stock::write_array(&mut out, &public_lines(reservation), write_line);
    } else {
        super::stock::write_array(&mut out, &reservation.lines, write_line);
    }
    text(&mut out, "created_at", Some(&time(reservation.created_at)));
    let was_held = !matches!(state, State::Confirmed | State::Ready | State::Collected);
    text(&mut out, "expires_at", was_held.then(|| time(reservation.expires_at)).as_deref());
    text(&mut out, "pickup_by", reservation.pickup_by.map(time).as_deref());
    text(&mut out, "pickup_code", reservation.pickup_code.as_deref());
    let _ = write!(out, r#","seq":{}}}"#, reservation.version);
    out
}

/// Where a line is, once that is anybody's business.
fn public_place(line: &Line) -> Option<LocationId> {
    match line.unbound() {
        Some(_) => None,
        None => Some(line.location),
    }
}

fn group_of(line: &Line) -> Option<GroupId> {
    line.terms.as_ref().and_then(|terms| terms.group)
}

/// The lines as the world sees them: units of a group that are not bound are one line, wherever they stand.
fn public_lines(reservation: &Reservation) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::with_capacity(reservation.lines.len());
    // What moved away whole, to where more of it was, left a line with nothing.
    for line in reservation.lines.iter().filter(|line| line.requested > 0) {
        let same =
            |other: &&mut Line| line.unbound().is_some() && (other.sku, other.unbound()) == (line.sku, line.unbound());
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
    /// Where; nobody's business while it is not bound.
    location: Option<&'a str>,
    /// The group that it was asked of.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    /// Units asked for.
    requested: u32,
    /// Units promised and not given back.
    quantity: u32,
    /// Units of them that were handed over.
    collected: u32,
}

impl<'a> ReservationView<'a> {
    /// The record as it is for somebody who looks at `now`.
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
        };
        let was_held = !matches!(state, State::Confirmed | State::Ready | State::Collected);
        Self {
            id: engine.epoch().reservation(reservation.id),
            state: state_name(state),
            channel: catalogue.channels.name(reservation.channel).as_str(),
            customer: reservation.customer.as_deref(),
            purpose: purpose_name(reservation.purpose),
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

    /// The same with everything that happened to it.
    #[must_use]
    pub fn with_history(mut self, engine: &Engine, reservation: &Reservation) -> Self {
        let born = reservation.as_of(reservation.id.0);
        let mut history = vec![json!({
            "seq": reservation.id.0,
            "time": time(reservation.created_at),
            "kind": "reserved",
            "state": state_name(born.state),
        })];
        history.extend(reservation.changes.iter().map(|change| step(engine, reservation, change)));
        self.history = Some(history);
        self
    }
}

/// One step of a reservation's life.
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
        Step::Collected { code_shown, lines } => {
            ("collected", json!({"code_shown": code_shown, "lines": units(lines)}))
        }
        Step::Cancelled { reason, lines } => ("cancelled", json!({"reason": reason, "lines": units(lines)})),
        Step::Superseded { lines } => ("superseded", json!({"lines": units(lines)})),
        Step::Extended { .. } => ("extended", json!({})),
        Step::Expired { lines } => ("expired", json!({"lines": units(lines)})),
        Step::Rebound { moves, bound } => {
            let of = |index: u16| {
                reservation.lines.get(usize::from(index)).map(|line| catalogue.skus.name(line.sku).as_str())
            };
            // Where something was while that was open stays untold.
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
        "state": state_name(change.to),
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
            sku: Name::parse_sku("RED SHIRT").unwrap(),
            location: Name::parse("s/1").unwrap(),
            change: 5,
            occurred_at: None,
            reference: None,
        };
        engine.run(|engine, done| engine.move_stock(vec![receipt], None, done)).unwrap();
        let body = r#"{"channel":"web","customer":"c","order":"o","lines":[{"sku":"RED SHIRT","location":"s/1","quantity":1},{"sku":"RED SHIRT","location":"s/1","quantity":2}]}"#;
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
                engine.run(|engine, done| engine.submit(Command::Step(reservation.id, step), None, done)).unwrap();
        }
    }
}
