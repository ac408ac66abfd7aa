//! Admission of a request: rate limits, host, origin, authentication, scopes, and the request id.

use std::cell::Cell;

use axum::extract::{MatchedPath, Request};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};
use utoipa::openapi::{OpenApi, RefOr};

use rustc_hash::FxHashMap;

use crate::app::App;
use crate::auth::principal::{PROTOCOL_KEY, Peer, Principal};
use crate::auth::{Identity, Scope};
use crate::http::extract;
use crate::http::problem::Problem;

/// The OpenAPI security scheme that lists the scopes.
pub const SCHEME: &str = "key";

/// The header of a request id, in requests and responses.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest request id that the server accepts from a caller.
const REQUEST_ID_BYTES_MAX: usize = 64;

/// Paths that load balancers call under any host name; they reveal no business data.
const ALIVE: [&str; 2] = ["/healthz", "/readyz"];

/// The most bytes of a refused body that are read.
const DISCARDED_BYTES_MAX: u64 = 1 << 20;

/// The requirements of each route.
#[derive(Debug, Default)]
pub struct Routes(FxHashMap<String, Vec<(Method, Needs)>>);

/// What a route requires from its caller.
#[derive(Debug, Clone, Default)]
struct Needs {
    /// The caller needs one of these; empty if the route is public.
    scopes: Vec<Scope>,
    /// Whether the query may name a channel: a caller bound to a channel must name it.
    takes_channel: bool,
    /// Whether the query may name the location of an action: a caller bound to a location must name it.
    takes_location: bool,
}

impl Routes {
    /// Reads the requirements from the document.
    pub fn of(document: &OpenApi) -> Self {
        let mut routes = FxHashMap::default();
        for (path, item) in &document.paths.paths {
            let needs = operations(item).map(|(method, operation)| (method, Needs::of(operation)));
            routes.insert(path.clone(), needs.collect());
        }
        Self(routes)
    }

    /// The requirements of a route; `None` if it is public.
    fn needed(&self, method: &Method, path: &str) -> Option<&Needs> {
        /// A route without requirements in the document that is not a page needs an administrator.
        static ADMIN: Needs = Needs { scopes: Vec::new(), takes_channel: false, takes_location: false };

        let method = if method == Method::HEAD { &Method::GET } else { method };
        let found = self.0.get(path).and_then(|methods| methods.iter().find(|(known, _)| known == method));
        let needs = found.map(|(_, needs)| needs).filter(|needs| !needs.scopes.is_empty());
        needs.or_else(|| path.starts_with("/v1").then_some(&ADMIN))
    }
}

impl Needs {
    fn of(operation: &Operation) -> Self {
        let scopes = scopes(operation);
        let takes = |name: &str| {
            let mut parameters = operation.parameters.iter().flatten();
            parameters.any(|parameter| match parameter {
                RefOr::T(known) => known.name == name && known.parameter_in == ParameterIn::Query,
                RefOr::Ref(_) => false,
            })
        };
        // A reader may read every location.
        let takes_location = takes("location") && !scopes.contains(&Scope::Read);
        Self { takes_channel: takes("channel"), takes_location, scopes }
    }

    /// Checks whether a caller may make this request.
    fn check(&self, identity: &Identity, query: &str) -> Result<(), Problem> {
        identity.may(&self.scopes)?;
        let named = |name: &str| {
            let found = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name);
            found.map(|(_, value)| value.into_owned())
        };
        if self.takes_location && !identity.locations.is_empty() {
            // A caller bound to a location may act there, on any channel.
            return identity.may_use_location("location", named("location").as_deref());
        }
        if self.takes_channel && !identity.channels.is_empty() {
            return identity.may_use_channel("channel", named("channel").as_deref());
        }
        Ok(())
    }
}

fn operations(item: &PathItem) -> impl Iterator<Item = (Method, &Operation)> {
    let all = [
        (Method::GET, &item.get),
        (Method::POST, &item.post),
        (Method::PUT, &item.put),
        (Method::DELETE, &item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}

fn scopes(operation: &Operation) -> Vec<Scope> {
    let requirements = operation.security.iter().flatten();
    // The requirement has no accessor, so its JSON form is read.
    let values = requirements.filter_map(|requirement| serde_json::to_value(requirement).ok());
    let listed = values.filter_map(|value| value.get(SCHEME)?.as_array().cloned()).flatten();
    // An unknown scope requires an administrator.
    listed.map(|scope| scope.as_str().and_then(|scope| scope.parse().ok()).unwrap_or(Scope::Admin)).collect()
}

/// Admits a request: puts its principal into the extensions, and returns the id that the response carries.
///
/// # Errors
/// The reason for the refusal.
pub fn admit(app: &App, routes: &Routes, request: &mut Request) -> Result<Option<HeaderValue>, Problem> {
    let Some(principal) = look(app, routes, request)? else { return Ok(None) };
    let id = HeaderValue::from_str(&principal.request).ok();
    request.extensions_mut().insert(principal);
    Ok(id)
}

/// The principal of a request; `None` if the server does not authenticate callers.
fn look(app: &App, routes: &Routes, request: &Request) -> Result<Option<Principal>, Problem> {
    // Read once, so that all checks of this request see the same value.
    let is_locked = app.auth.is_locked();
    if !ALIVE.contains(&request.uri().path()) {
        app.auth.hosts.check(request.version(), request.uri(), request.headers(), is_locked)?;
    }
    let peer = request.extensions().get::<Peer>().map(|Peer(peer, _)| *peer);
    let path = request.extensions().get::<MatchedPath>();
    let needed = path.and_then(|path| routes.needed(request.method(), path.as_str()));
    if needed.is_some() {
        app.auth.has_room_for(peer.map(|peer| peer.ip()), None)?;
    }
    if ![Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method()) {
        app.auth.origins.check(request.uri(), request.headers(), is_locked)?;
    }
    let Some(needed) = needed.filter(|_| is_locked) else { return Ok(None) };
    let route = path.map_or("none", MatchedPath::as_str);
    let identity = app.auth.admit(token(request.headers()), peer.map(|peer| peer.ip()), route)?;
    app.auth.has_room_for(None, Some(&identity))?;
    needed.check(&identity, request.uri().query().unwrap_or_default())?;
    Ok(Some(Principal { identity, address: peer.map(|peer| peer.ip()), request: request_id(request.headers()) }))
}

/// Builds the response for a refusal. The rest of a small body is read in the background, because a client that is
/// still sending would see a broken connection. A larger body is not read.
pub async fn refuse(request: Request, problem: Problem) -> Response {
    let (parts, body) = request.into_parts();
    if (1..=DISCARDED_BYTES_MAX).contains(&extract::announced(&parts.headers).unwrap_or(0)) {
        extract::discard_beside(&parts.headers, body);
    }
    problem.into_response()
}

/// The key or token: from `Authorization`, or from a subprotocol, because browsers cannot set headers for a
/// WebSocket. Never from the address, which ends up in logs.
fn token(headers: &HeaderMap) -> Option<&str> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| token.trim());
    }
    let protocols = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    protocols.flat_map(|list| list.split(',')).find_map(|protocol| protocol.trim().strip_prefix(PROTOCOL_KEY))
}

/// The caller's own request id, or a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let is_plain = |id: &&str| {
        (1..=REQUEST_ID_BYTES_MAX).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
    };
    given.filter(is_plain).map_or_else(|| format!("{:016x}", next_id()), str::to_owned)
}

/// A request id, unique with high probability: each thread gets a random start from the system and continues with
/// SplitMix64 (Steele and others, 2014). The id is for the log and is not secret.
fn next_id() -> u64 {
    thread_local! {
        static LAST: Cell<u64> = Cell::new(getrandom::u64().unwrap_or_default());
    }
    let next = LAST.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    LAST.set(next);
    let mixed = (next ^ next >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}
