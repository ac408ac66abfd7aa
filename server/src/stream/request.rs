//! Client messages: one JSON object per message, with the operation in `op`.

use std::net::IpAddr;

use anaquel_engine::feed::{CURSOR_BYTES_MAX, Cursor, Mode, Selection, Start};
use anaquel_engine::ids::Name;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::app::App;
use crate::auth::Scope;
use crate::auth::caller::Caller;
use crate::auth::principal::Principal;
use crate::http::budget::{Payer, Who};
use crate::http::extract::{bind_key, fingerprint_of, read_key};
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::stream::envelope::Envelope;
use crate::stream::follow::about::Kind;
use crate::stream::follow::follower::Followed;
use crate::stream::frame::ClientId;
use crate::stream::operation::{Asked, Members, Operation, from_value};
use crate::subjects::SUBJECTS;
use crate::subjects::reservations::bodies::ReserveBody;
use crate::subjects::reservations::ops;
use crate::wire::lists::each;
use crate::wire::strict::Object;
use crate::wire::{name, objects, outside_name, sku_name};

/// The longest id of a request.
const ID_BYTES_MAX: usize = 64;

/// The most names in one list of a subscription.
const NAMES_MAX: usize = 100_000;

/// The request in a message.
#[allow(clippy::large_enum_variant, reason = "it lives for one message; a box would cost an allocation each")]
pub enum Request {
    Subscribe { selection: Selection, mode: Mode, start: Start, names: bool },
    Track(Vec<Name>),
    Untrack(Vec<Name>),
    Unsubscribe,
    Follow { asked: Followed, start: Start },
    Command(Command),
}

/// An operation that also has a route.
pub struct Command {
    caller: Caller,
    what: What,
}

enum What {
    /// The most frequent operation, whose body is parsed together with its message.
    Reserve(ReserveBody),
    Other {
        operation: &'static Operation,
        ids: Vec<String>,
        body: Value,
    },
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
    /// Whether snapshots have the names of their SKUs and locations.
    names: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SkusBody {
    skus: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FollowBody {
    kinds: Vec<String>,
    #[serde(default)]
    locations: Option<Vec<String>>,
    customer: Option<String>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EmptyBody {}

/// Parses a message: returns the id for the answer as soon as it is known, and the request.
pub fn read(
    key_required: bool,
    principal: Option<&Principal>,
    text: &str,
) -> (Option<ClientId>, Result<Request, Problem>) {
    if let Some((id, body)) = read_plain_reserve(key_required, text) {
        let caller = Caller::new(principal.map(|principal| principal.asking(&id.text)), Who::default());
        if let Err(problem) = caller.may(&[Scope::Reserve]) {
            return (Some(id), Err(problem));
        }
        return (Some(id), Ok(Request::Command(Command { caller, what: What::Reserve(body) })));
    }
    let mut members: Members = match crate::http::extract::parse_json(text.as_bytes()) {
        Ok(Object(members)) => members,
        Err(problem) => return (None, Err(problem)),
    };
    let id = match take_id(&mut members) {
        Ok(id) => id,
        Err(problem) => return (None, Err(problem)),
    };
    let principal = principal.map(|principal| principal.asking(&id.text));
    let request = read_members(key_required, principal.as_ref(), members);
    (Some(id), request)
}

/// The fast path for the most frequent message: a reservation without an idempotency key, parsed in one pass. On any
/// error, [`read`] parses the message again and names the error.
fn read_plain_reserve(key_required: bool, text: &str) -> Option<(ClientId, ReserveBody)> {
    if key_required || !text.contains(r#""reserve""#) {
        return None;
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let Envelope { id, op, body } = objects::read::<Envelope<'_, ReserveBody>, _>(&mut json).ok()?;
    json.end().ok()?;
    (op == "reserve" && (1..=ID_BYTES_MAX).contains(&id.len())).then(|| (ClientId::new(id.to_owned()), body))
}

fn take_id(members: &mut Members) -> Result<ClientId, Problem> {
    match members.remove("id") {
        Some(Value::String(id)) if (1..=ID_BYTES_MAX).contains(&id.len()) => Ok(ClientId::new(id)),
        Some(_) => Err(Problem::invalid("id", format!("must be a text of 1 to {ID_BYTES_MAX} bytes"))),
        None => Err(Problem::invalid("id", "is missing; choose an id, and the answer carries it")),
    }
}

/// The operations of all subjects.
fn operations() -> impl Iterator<Item = &'static Operation> {
    SUBJECTS.iter().flat_map(|subject| subject.operations)
}

fn read_members(key_required: bool, principal: Option<&Principal>, mut members: Members) -> Result<Request, Problem> {
    let op = match members.remove("op") {
        Some(Value::String(op)) => op,
        Some(_) => return Err(Problem::invalid("op", "is a text")),
        None => return Err(Problem::invalid("op", "is missing")),
    };
    match op.as_str() {
        "subscribe" => return subscribe(principal, body(members)?),
        "follow" => return follow(principal, body(members)?),
        "track" => return Ok(Request::Track(skus(body(members)?)?)),
        "untrack" => return Ok(Request::Untrack(skus(body(members)?)?)),
        "unsubscribe" => {
            let EmptyBody {} = body(members)?;
            return Ok(Request::Unsubscribe);
        }
        _ => {}
    }
    let Some(operation) = operations().find(|operation| operation.name == op) else {
        return Err(unknown(&op));
    };
    command(key_required, principal, operation, (operation.parse)(members)).map(Request::Command)
}

/// The error for an unknown `op`.
fn unknown(op: &str) -> Problem {
    let own = ["subscribe", "track", "untrack", "unsubscribe", "follow"];
    let known: Vec<&str> = own.into_iter().chain(operations().map(|operation| operation.name)).collect();
    let (last, others) = known.split_last().map_or(("", &[][..]), |(last, others)| (*last, others));
    Problem::invalid("op", format!("{op:?} is not an operation; the operations are {} and {last}", others.join(", ")))
}

fn command(
    key_required: bool,
    principal: Option<&Principal>,
    operation: &'static Operation,
    mut members: Members,
) -> Result<Command, Problem> {
    principal.map_or(Ok(()), |principal| principal.identity.may(&[operation.scope]))?;
    let key = match members.remove("idempotency_key") {
        None | Some(Value::Null) => None,
        Some(Value::String(key)) => Some(read_key("idempotency_key", &key)?),
        Some(_) => return Err(Problem::invalid("idempotency_key", "is a text")),
    };
    let mut ids = Vec::new();
    for (member, _) in operation.ids() {
        match members.remove(member) {
            Some(Value::String(id)) => ids.push(id),
            Some(_) => return Err(Problem::invalid(member, "is a text")),
            None => return Err(Problem::invalid(member, "is missing")),
        }
    }
    if ids.is_empty() && members.contains_key("reservation") {
        return Err(Problem::invalid("reservation", "is not a field of this operation; remove it"));
    }
    let body = Value::Object(members);
    let idempotency = match (operation.route, key) {
        (None, _) => None,
        (Some((method, path)), Some(key)) => {
            let identity = principal.map(|principal| principal.identity.as_ref());
            let fill =
                |path: String, ((_, name), id): ((&str, &str), &String)| path.replace(&format!("{{{name}}}"), id);
            let path = operation.ids().zip(&ids).fold(path.to_owned(), fill);
            Some(bind_key(key, identity, method.as_str(), &path, fingerprint_of(&body)))
        }
        (Some(_), None) if key_required => {
            return Err(Problem::invalid("idempotency_key", "is required by this server"));
        }
        (Some(_), None) => None,
    };
    let what = What::Other { operation, ids, body };
    Ok(Command { caller: Caller::new(principal.cloned(), Who::default()).with_key(idempotency, None), what })
}

impl Command {
    /// The same request with a client address.
    pub fn from(self, address: Option<IpAddr>) -> Self {
        let idempotency = self.caller.idempotency.clone();
        Self { caller: self.caller.with_key(idempotency, address), ..self }
    }

    /// The label in metrics and traces.
    pub fn label(&self) -> &'static str {
        match &self.what {
            What::Reserve(_) => "reserve",
            What::Other { operation, .. } => operation.label,
        }
    }

    /// Runs the request.
    pub async fn run(self, app: App, payer: Payer) -> Result<Reply, Problem> {
        let Self { caller, what } = self;
        let caller = Caller { who: payer.who, ..caller };
        match what {
            What::Reserve(body) => ops::reserve(&app, &caller, body).await,
            // Boxed by the operation, so that rare operations do not enlarge the future of every reservation.
            What::Other { operation, ids, body } => {
                (operation.run)(Asked::new(&app, &caller, &payer, &ids, body)).await
            }
        }
    }
}

fn body<T: DeserializeOwned>(members: Members) -> Result<T, Problem> {
    from_value(Value::Object(members))
}

fn skus(SkusBody { skus }: SkusBody) -> Result<Vec<Name>, Problem> {
    if skus.is_empty() {
        return Err(Problem::invalid("skus", "is empty; name at least one"));
    }
    each("skus", &skus, NAMES_MAX, sku_name)
}

fn subscribe(principal: Option<&Principal>, body: SubscribeBody) -> Result<Request, Problem> {
    principal.map_or(Ok(()), |principal| principal.identity.may_use_channel("channel", body.channel.as_deref()))?;
    let start = match &body.cursor {
        None => Start::Fresh,
        Some(cursor) => read_cursor(cursor)?,
    };
    let selection = selection(&body.skus, &body.locations, &body.groups, body.channel.as_deref())?;
    let names = body.names.unwrap_or_default();
    Ok(Request::Subscribe { selection, mode: mode(body.mode.as_deref())?, start, names })
}

/// The scopes of a kind of records: one of them is sufficient, as for the list of such things.
fn scopes_of(kind: Kind) -> &'static [Scope] {
    match kind {
        Kind::Order => &[Scope::Sell, Scope::Fulfil],
        Kind::Return => &[Scope::Sell],
        Kind::Transfer => &[Scope::Stock],
        Kind::Reservation => &[Scope::Reserve, Scope::Fulfil],
        Kind::Shortage => &[Scope::Stock, Scope::Ops],
    }
}

fn follow(principal: Option<&Principal>, body: FollowBody) -> Result<Request, Problem> {
    let identity = principal.map(|principal| principal.identity.as_ref());
    if body.kinds.is_empty() {
        return Err(Problem::invalid("kinds", format!("is empty; name at least one of {}", known_kinds())));
    }
    let mut kinds = Vec::new();
    for (at, text) in body.kinds.iter().enumerate() {
        let field = format!("kinds[{at}]");
        let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == text);
        let kind = kind.ok_or_else(|| Problem::invalid(&field, format!("{text:?} is not one of {}", known_kinds())))?;
        identity.map_or(Ok(()), |identity| identity.may(scopes_of(kind)))?;
        kinds.push(kind);
    }
    let texts = body.locations.unwrap_or_default();
    for (at, text) in texts.iter().enumerate() {
        let field = format!("locations[{at}]");
        identity.map_or(Ok(()), |identity| identity.may_use_location(&field, Some(text)))?;
    }
    let locations = each("locations", &texts, NAMES_MAX, name)?;
    let customer = body.customer.map(|text| outside_name("customer", &text)).transpose()?;
    let start = body.cursor.as_deref().map_or(Ok(Start::Fresh), read_cursor)?;
    Ok(Request::Follow { asked: Followed { kinds, locations, customer }, start })
}

fn known_kinds() -> String {
    Kind::ALL.map(Kind::as_str).join(", ")
}

/// Parses the selection of a subscription.
pub fn selection(
    skus: &[String],
    locations: &[String],
    groups: &[String],
    channel: Option<&str>,
) -> Result<Selection, Problem> {
    if skus.is_empty() && locations.is_empty() && groups.is_empty() {
        let reason = "selects nothing: name SKUs, locations or groups; without SKUs, all SKUs of the locations are \
                      selected";
        return Err(Problem::invalid("skus", reason));
    }
    Ok(Selection {
        skus: each("skus", skus, NAMES_MAX, sku_name)?,
        locations: each("locations", locations, NAMES_MAX, name)?,
        groups: each("groups", groups, NAMES_MAX, name)?,
        channel: channel.map(|text| name("channel", text)).transpose()?,
    })
}

/// Parses the mode of a subscription.
pub fn mode(text: Option<&str>) -> Result<Mode, Problem> {
    match text {
        None | Some("conflated") => Ok(Mode::Conflated),
        Some("lossless") => Ok(Mode::Lossless),
        Some(other) => Err(Problem::invalid("mode", format!("{other:?} is not conflated or lossless"))),
    }
}

/// Parses the start of a subscription. An invalid cursor starts the client from a snapshot and reports it.
pub fn read_cursor(text: &str) -> Result<Start, Problem> {
    if text.len() > 4 * CURSOR_BYTES_MAX {
        return Err(Problem::invalid("cursor", "is longer than any cursor of this server"));
    }
    Ok(Cursor::parse(text).map_or(Start::Unreadable, Start::Cursor))
}
