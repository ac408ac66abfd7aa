//! What clients send: one JSON object a message, its `op` saying what for.

use std::net::IpAddr;

use anaquel_engine::feed::{CURSOR_BYTES_MAX, Cursor, Mode, Selection, Start};
use anaquel_engine::ids::Name;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::auth::Scope;
use crate::auth::caller::Caller;
use crate::auth::principal::Visitor;
use crate::http::budget::{Payer, Who};
use crate::http::extract::{bind_key, fingerprint_of, read_key};
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::stream::envelope::Envelope;
use crate::stream::frame::ClientId;
use crate::subjects::reservations::bodies::{
    BindBody, CancelBody, CollectBody, ConfirmBody, ExtendBody, PickupByBody, ReadyBody, RebindBody, ReserveBody,
};
use crate::subjects::reservations::ops::StepBody;
use crate::subjects::stock::bodies::{AvailabilityBody, CountsBody, MovementsBody};
use crate::wire::objects;
use crate::wire::objects::Objects;
use crate::wire::strict::Object;
use crate::wire::{name, sku_name};

/// The longest id of a request.
const ID_BYTES_MAX: usize = 64;

/// Names in one list of a subscription.
const NAMES_MAX: usize = 100_000;

/// What a message asks for.
#[allow(clippy::large_enum_variant, reason = "it lives for one message; a box would cost an allocation each")]
pub enum Request {
    Subscribe { selection: Selection, mode: Mode, start: Start },
    Track(Vec<Name>),
    Untrack(Vec<Name>),
    Unsubscribe,
    Command(Command),
}

/// Something that HTTP does as well.
pub struct Command {
    caller: Caller,
    what: What,
}

enum What {
    Reserve(ReserveBody),
    Other { op: Op, reservation: String, body: Value },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Reserve,
    Confirm,
    Ready,
    Collect,
    Cancel,
    Extend,
    PickupBy,
    Bind,
    Rebind,
    Movements,
    Counts,
    Availability,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SubscribeBody {
    #[serde(default)]
    skus: Vec<String>,
    #[serde(default)]
    locations: Vec<String>,
    #[serde(default)]
    groups: Vec<String>,
    channel: Option<String>,
    mode: Option<String>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SkusBody {
    skus: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EmptyBody {}

/// Reads a message: the id that it can be answered under, as soon as that is known, and what it asks for.
pub fn read(key_required: bool, visitor: Option<&Visitor>, text: &str) -> (Option<ClientId>, Result<Request, Problem>) {
    if let Some((id, body)) = read_plain_reserve(key_required, text) {
        let caller = Caller::new(visitor.map(|visitor| visitor.asking(&id.text)), Who::default());
        if let Err(problem) = caller.may(&[Scope::Reserve]) {
            return (Some(id), Err(problem));
        }
        return (Some(id), Ok(Request::Command(Command { caller, what: What::Reserve(body) })));
    }
    let mut members: Map<String, Value> = match crate::http::extract::parse_json(text.as_bytes()) {
        Ok(Object(members)) => members,
        Err(problem) => return (None, Err(problem)),
    };
    let id = match take_id(&mut members) {
        Ok(id) => id,
        Err(problem) => return (None, Err(problem)),
    };
    let visitor = visitor.map(|visitor| visitor.asking(&id.text));
    let request = read_members(key_required, visitor.as_ref(), members);
    (Some(id), request)
}

/// The hottest message there is, read in one go: a reservation that says nothing of a repeat. Whatever is not right with
/// it, [`read`] finds and names.
fn read_plain_reserve(key_required: bool, text: &str) -> Option<(ClientId, ReserveBody)> {
    if key_required || !text.contains(r#""reserve""#) {
        return None;
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let Envelope { id, op, body } = objects::read::<Envelope<'_, ReserveBody>, _>(&mut json).ok()?;
    json.end().ok()?;
    (op == "reserve" && (1..=ID_BYTES_MAX).contains(&id.len())).then(|| (ClientId::new(id.to_owned()), body))
}

fn take_id(members: &mut Map<String, Value>) -> Result<ClientId, Problem> {
    match members.remove("id") {
        Some(Value::String(id)) if (1..=ID_BYTES_MAX).contains(&id.len()) => Ok(ClientId::new(id)),
        Some(_) => Err(Problem::invalid("id", format!("is a text of 1 to {ID_BYTES_MAX} bytes"))),
        None => Err(Problem::invalid("id", "is missing; choose one, and the answer carries it")),
    }
}

fn read_members(
    key_required: bool,
    visitor: Option<&Visitor>,
    mut members: Map<String, Value>,
) -> Result<Request, Problem> {
    let op = match members.remove("op") {
        Some(Value::String(op)) => op,
        Some(_) => return Err(Problem::invalid("op", "is a text")),
        None => return Err(Problem::invalid("op", "is missing")),
    };
    let op = match op.as_str() {
        "subscribe" => return subscribe(visitor, body(members)?),
        "track" => return Ok(Request::Track(skus(body(members)?)?)),
        "untrack" => return Ok(Request::Untrack(skus(body(members)?)?)),
        "unsubscribe" => {
            let EmptyBody {} = body(members)?;
            return Ok(Request::Unsubscribe);
        }
        "reserve" => Op::Reserve,
        "confirm" => Op::Confirm,
        "ready" => Op::Ready,
        "collect" => Op::Collect,
        "cancel" => Op::Cancel,
        "extend" => Op::Extend,
        "pickup_by" => Op::PickupBy,
        "bind" => Op::Bind,
        "rebind" => Op::Rebind,
        "movements" => Op::Movements,
        "counts" => Op::Counts,
        "availability" => Op::Availability,
        "sale" => {
            members = as_movements(members);
            Op::Movements
        }
        other => {
            let known = "subscribe, track, untrack, unsubscribe, reserve, confirm, ready, collect, cancel, extend, \
                         pickup_by, bind, rebind, sale, movements, counts and availability";
            return Err(Problem::invalid("op", format!("{other:?} is not known here; {known} are")));
        }
    };
    command(key_required, visitor, op, members).map(Request::Command)
}

/// A sale is one movement, and its repeat may come as such.
fn as_movements(mut sale: Map<String, Value>) -> Map<String, Value> {
    let key = sale.remove("idempotency_key");
    sale.insert("kind".into(), "sale".into());
    let mut members = Map::new();
    members.insert("movements".into(), json!([sale]));
    members.extend(key.map(|key| ("idempotency_key".into(), key)));
    members
}

fn command(
    key_required: bool,
    visitor: Option<&Visitor>,
    op: Op,
    mut members: Map<String, Value>,
) -> Result<Command, Problem> {
    visitor.map_or(Ok(()), |visitor| visitor.identity.may(&[op.scope()]))?;
    let key = match members.remove("idempotency_key") {
        None | Some(Value::Null) => None,
        Some(Value::String(key)) => Some(read_key("idempotency_key", &key)?),
        Some(_) => return Err(Problem::invalid("idempotency_key", "is a text")),
    };
    let reservation = match (op.step(), members.remove("reservation")) {
        (None, None) => String::new(),
        (Some(_), Some(Value::String(id))) => id,
        (Some(_), None) => return Err(Problem::invalid("reservation", "is missing")),
        (Some(_), Some(_)) => return Err(Problem::invalid("reservation", "is a text")),
        (None, Some(_)) => return Err(Problem::invalid("reservation", "is not a field of this op")),
    };
    let body = Value::Object(members);
    let idempotency = match key {
        _ if op == Op::Availability => None,
        // The scope of the same request over HTTP: a repeat may take either way.
        Some(key) => {
            let who = visitor.map(|visitor| visitor.identity.as_ref());
            Some(bind_key(key, who, op.method(), &op.path(&reservation), fingerprint_of(&body)))
        }
        None if key_required => {
            return Err(Problem::invalid("idempotency_key", "is required by this server"));
        }
        None => None,
    };
    let what = What::Other { op, reservation, body };
    Ok(Command { caller: Caller::new(visitor.cloned(), Who::default()).with_key(idempotency, None), what })
}

impl Op {
    /// What it is called on a socket.
    fn name(self) -> &'static str {
        match self {
            Self::Reserve => "reserve",
            Self::Movements => "movements",
            Self::Counts => "counts",
            Self::Availability => "availability",
            other => other.step().unwrap_or("other"),
        }
    }

    /// What its route needs over HTTP.
    fn scope(self) -> Scope {
        match self {
            Self::Reserve
            | Self::Confirm
            | Self::Cancel
            | Self::Extend
            | Self::PickupBy
            | Self::Bind
            | Self::Rebind => Scope::Reserve,
            Self::Ready | Self::Collect => Scope::Fulfil,
            Self::Movements | Self::Counts => Scope::Stock,
            Self::Availability => Scope::Read,
        }
    }

    /// The last segment of its path, where it is a step of a reservation's life.
    fn step(self) -> Option<&'static str> {
        match self {
            Self::Confirm => Some("confirm"),
            Self::Ready => Some("ready"),
            Self::Collect => Some("collect"),
            Self::Cancel => Some("cancel"),
            Self::Extend => Some("extend"),
            Self::PickupBy => Some("pickup-by"),
            Self::Bind => Some("bind"),
            Self::Rebind => Some("rebind"),
            Self::Reserve | Self::Movements | Self::Counts | Self::Availability => None,
        }
    }

    /// The method of the same request over HTTP.
    fn method(self) -> &'static str {
        if self == Self::PickupBy { "PUT" } else { "POST" }
    }

    fn path(self, reservation: &str) -> String {
        match (self.step(), self) {
            (Some(step), _) => format!("/v1/reservations/{reservation}/{step}"),
            (None, Self::Movements) => "/v1/stock/movements".into(),
            (None, Self::Counts) => "/v1/stock/counts".into(),
            (None, _) => "/v1/reservations".into(),
        }
    }
}

impl Command {
    /// The same, asked from an address.
    pub fn from(self, address: Option<IpAddr>) -> Self {
        let idempotency = self.caller.idempotency.clone();
        Self { caller: self.caller.with_key(idempotency, address), ..self }
    }

    /// What it is called; a sale is a movement.
    pub fn name(&self) -> &'static str {
        match &self.what {
            What::Reserve(_) => Op::Reserve.name(),
            What::Other { op, .. } => op.name(),
        }
    }

    /// Does it.
    pub async fn run(self, app: App, payer: Payer) -> Result<Reply, Problem> {
        let Self { caller, what } = self;
        let caller = Caller { who: payer.who, ..caller };
        match what {
            What::Reserve(body) => crate::subjects::reservations::ops::reserve(&app, &caller, body).await,
            // On the heap, so that the room for whatever is asked for seldom is not moved about with every reservation.
            What::Other { op, reservation, body } => {
                Box::pin(other(&app, &caller, &payer, op, &reservation, body)).await
            }
        }
    }
}

async fn other(
    app: &App,
    caller: &Caller,
    payer: &Payer,
    op: Op,
    reservation: &str,
    body: Value,
) -> Result<Reply, Problem> {
    match op {
        Op::Reserve => crate::subjects::reservations::ops::reserve(app, caller, from_value(body)?).await,
        Op::Confirm => step::<ConfirmBody>(app, caller, reservation, body).await,
        Op::Ready => step::<ReadyBody>(app, caller, reservation, body).await,
        Op::Collect => step::<CollectBody>(app, caller, reservation, body).await,
        Op::Cancel => step::<CancelBody>(app, caller, reservation, body).await,
        Op::Extend => step::<ExtendBody>(app, caller, reservation, body).await,
        Op::PickupBy => step::<PickupByBody>(app, caller, reservation, body).await,
        Op::Bind => step::<BindBody>(app, caller, reservation, body).await,
        Op::Rebind => step::<RebindBody>(app, caller, reservation, body).await,
        Op::Movements => crate::subjects::stock::ops::movements(app, caller, from_value::<MovementsBody>(body)?).await,
        Op::Counts => crate::subjects::stock::ops::counts(app, caller, from_value::<CountsBody>(body)?).await,
        Op::Availability => {
            crate::subjects::stock::availability::availability(
                app,
                caller,
                payer,
                from_value::<AvailabilityBody>(body)?,
            )
            .await
        }
    }
}

async fn step<T: StepBody>(app: &App, caller: &Caller, reservation: &str, body: Value) -> Result<Reply, Problem> {
    crate::subjects::reservations::ops::step(app, caller, reservation, from_value::<T>(body)?).await
}

fn body<T: DeserializeOwned>(members: Map<String, Value>) -> Result<T, Problem> {
    from_value(Value::Object(members))
}

fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(Objects(value)).map_err(|error| {
        let path = error.path().to_string();
        let reason = error.into_inner().to_string();
        if path == "." { Problem::invalid("message", reason) } else { Problem::invalid(&path, reason) }
    })
}

fn skus(SkusBody { skus }: SkusBody) -> Result<Vec<Name>, Problem> {
    if skus.is_empty() {
        return Err(Problem::invalid("skus", "names at least one"));
    }
    names("skus", &skus, sku_name)
}

fn subscribe(visitor: Option<&Visitor>, body: SubscribeBody) -> Result<Request, Problem> {
    visitor.map_or(Ok(()), |visitor| visitor.identity.speaks_for("channel", body.channel.as_deref()))?;
    let start = match &body.cursor {
        None => Start::Fresh,
        Some(cursor) => read_cursor(cursor)?,
    };
    let selection = selection(&body.skus, &body.locations, &body.groups, body.channel.as_deref())?;
    Ok(Request::Subscribe { selection, mode: mode(body.mode.as_deref())?, start })
}

/// What a stream is to tell of.
pub fn selection(
    skus: &[String],
    locations: &[String],
    groups: &[String],
    channel: Option<&str>,
) -> Result<Selection, Problem> {
    if skus.is_empty() && locations.is_empty() && groups.is_empty() {
        let reason = "selects nothing: name SKUs, locations or groups; without SKUs, all of the places named are meant";
        return Err(Problem::invalid("skus", reason));
    }
    Ok(Selection {
        skus: names("skus", skus, sku_name)?,
        locations: names("locations", locations, name)?,
        groups: names("groups", groups, name)?,
        channel: channel.map(|text| name("channel", text)).transpose()?,
    })
}

fn names(
    field: &str,
    texts: &[String],
    read: impl Fn(&str, &str) -> Result<Name, Problem>,
) -> Result<Vec<Name>, Problem> {
    if texts.len() > NAMES_MAX {
        return Err(Problem::invalid(field, format!("has {} entries; up to {NAMES_MAX} are taken", texts.len())));
    }
    texts.iter().enumerate().map(|(at, text)| read(&format!("{field}[{at}]"), text)).collect()
}

/// How often a stream tells.
pub fn mode(text: Option<&str>) -> Result<Mode, Problem> {
    match text {
        None | Some("conflated") => Ok(Mode::Conflated),
        Some("lossless") => Ok(Mode::Lossless),
        Some(other) => Err(Problem::invalid("mode", format!("{other:?} is not conflated or lossless"))),
    }
}

/// Where a stream goes on from. A text that is no cursor of this server starts the client anew, and says so.
pub fn read_cursor(text: &str) -> Result<Start, Problem> {
    if text.len() > 4 * CURSOR_BYTES_MAX {
        return Err(Problem::invalid("cursor", "is longer than any cursor of this server"));
    }
    Ok(Cursor::parse(text).map_or(Start::Unreadable, Start::Cursor))
}
