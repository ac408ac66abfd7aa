//! Reading requests: bodies, queries, paths and headers, each with an error that names what is wrong.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anaquel_engine::event::IdempotencyKey;
use anaquel_engine::ids::Name;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, Version, header};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

use crate::app::App;
use crate::auth::Identity;
use crate::auth::caller::Caller;
use crate::auth::principal::{Peer, Principal};
use crate::http::budget::Payer;
use crate::http::budget::answers::{Held, SMALL_BYTES};
use crate::http::encoding::{self, Encoding};
use crate::http::problem::{Problem, Slug};
use crate::wire::objects::{self, Objects};
use crate::wire::said::said;
use crate::wire::whole;

/// The time limit for a body to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The most bytes of a refused body that are read and discarded.
const DISCARD_BYTES_MAX: usize = 64 << 20;

/// The first two bytes of every gzip file.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Parsed header names: parsing one from text takes longer than the lookup.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The longest idempotency key.
const KEY_CHARACTERS_MAX: usize = 255;

/// A JSON request: its caller and its body.
pub struct JsonRequest<T> {
    /// The caller.
    pub caller: Caller,
    /// The parsed body.
    pub body: T,
    /// The query parameters.
    pub params: Params,
}

/// Reads a JSON body and its idempotency key.
pub async fn json<T: DeserializeOwned>(app: &App, request: Request) -> Result<JsonRequest<T>, Problem> {
    let (parts, body) = request.into_parts();
    let (bytes, _room) = read_body(app, &parts, body).await?;
    let params = Params::parse(parts.uri.query().unwrap_or_default());
    let caller = caller(app, &parts, &bytes)?;
    // If all fields of a body are optional, the body may be empty.
    let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
    Ok(JsonRequest { caller, body: parse_json(text)?, params })
}

/// The same with a digest of what the body says, however it is written: a record under an id of the caller's keeps it.
pub async fn json_digested<T: DeserializeOwned>(app: &App, request: Request) -> Result<(JsonRequest<T>, u64), Problem> {
    let (parts, body) = request.into_parts();
    let (bytes, _room) = read_body(app, &parts, body).await?;
    let params = Params::parse(parts.uri.query().unwrap_or_default());
    let caller = caller(app, &parts, &bytes)?;
    let body = parse_json(&bytes)?;
    Ok((JsonRequest { caller, body, params }, short_digest(fingerprint(&bytes))))
}

/// The digest of a body that is already parsed, as [`json_digested`] has it.
pub fn body_digest(body: &Value) -> u64 {
    short_digest(fingerprint_of(body))
}

fn short_digest(hash: blake3::Hash) -> u64 {
    let (head, _) = hash.as_bytes().split_first_chunk().unwrap_or((&[0; 8], &[]));
    u64::from_le_bytes(*head)
}

/// Reads a JSON body of a request that needs no key: it only reads, or its repeat changes nothing.
pub async fn json_question<T: DeserializeOwned>(app: &App, request: Request) -> Result<JsonRequest<T>, Problem> {
    let (parts, body) = request.into_parts();
    let (bytes, _room) = read_body(app, &parts, body).await?;
    let params = Params::parse(parts.uri.query().unwrap_or_default());
    let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
    Ok(JsonRequest { caller: Caller::of(&parts.extensions), body: parse_json(text)?, params })
}

/// Parses JSON; the error names the wrong field.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Checks UTF-8 once for the whole body, not again for each text in it.
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let hint = if bytes.starts_with(&GZIP_MAGIC) {
            "; a body that is compressed with gzip needs Content-Encoding: gzip"
        } else {
            ""
        };
        let detail = format!("the body is not UTF-8 from byte {} on{hint}; send UTF-8", error.valid_up_to());
        Problem::new(Slug::InvalidRequest, detail)
    })?;
    // Most bodies are valid. Only an invalid one is parsed again, with the path to the error.
    let mut json = serde_json::Deserializer::from_str(text);
    if let Ok(body) = objects::read(&mut json)
        && json.end().is_ok()
    {
        return Ok(body);
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let body = serde_path_to_error::deserialize(Objects(&mut json)).map_err(|error| {
        let path = error.path().to_string();
        let reason = error.into_inner().to_string();
        if path == "." {
            Problem::new(Slug::InvalidRequest, format!("the body: {reason}"))
        } else {
            Problem::invalid(&path, reason)
        }
    })?;
    json.end().map_err(|error| Problem::new(Slug::InvalidRequest, format!("the body: {error}")))?;
    Ok(body)
}

/// Discards the body of a refused request. The answer does not wait: a background task reads the rest, within bounds,
/// because a client that is still sending would otherwise see its connection break instead of the answer. A client
/// that asked first whether to send the body (`Expect: 100-continue`) already has its answer and sends nothing.
pub fn discard_beside(headers: &HeaderMap, body: Body) {
    if !headers.contains_key(header::EXPECT) {
        tokio::spawn(discard(body));
    }
}

/// Reads the rest of a body and discards it, within bounds.
pub async fn discard(mut body: Body) {
    let drain = async {
        let mut left = DISCARD_BYTES_MAX;
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(BODY_TIMEOUT, drain).await;
}

/// The length of a body, if a header states it.
pub fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok())
}

/// The error for a body that exceeds `most`, the value of the setting `limit`. Over HTTP/1 the connection closes
/// after the answer, because the unread rest of the body would block the next request.
pub fn too_large(what: &str, most: u64, limit: &'static str, version: Version) -> Problem {
    let problem = Problem::new(Slug::PayloadTooLarge, format!("{what} has at most {most} bytes ({limit}); send less"));
    let problem = problem.with("limit", limit).with("most", most);
    if version < Version::HTTP_2 { problem.closing() } else { problem }
}

/// A body while it is read. A body that arrives in one piece is not copied.
#[derive(Default)]
struct Whole {
    first: Bytes,
    rest: Vec<u8>,
}

impl Whole {
    fn len(&self) -> usize {
        self.first.len() + self.rest.len()
    }

    fn push(&mut self, piece: Bytes) {
        if self.len() == 0 {
            self.first = piece;
            return;
        }
        if !self.first.is_empty() {
            self.rest.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.rest.extend_from_slice(&piece);
    }

    /// Reads until more than `enough` bytes have arrived. Returns true at the end of the body.
    async fn read(&mut self, body: &mut Body, enough: usize) -> Result<bool, axum::Error> {
        while self.len() <= enough {
            let Some(frame) = body.frame().await else { return Ok(true) };
            if let Ok(piece) = frame?.into_data() {
                self.push(piece);
            }
        }
        Ok(false)
    }

    fn end(self) -> Bytes {
        if self.rest.is_empty() { self.first } else { self.rest.into() }
    }
}

/// Reads a body. A large body reserves room for its payer before it is read; if its length is unknown, before more
/// than a small body is read. The room is held until the returned guard is dropped. A body that is too large is
/// refused as soon as its length is known.
async fn read_body(app: &App, parts: &Parts, mut body: Body) -> Result<(Bytes, Option<Arc<Held>>), Problem> {
    let (limit, headers) = (app.config.limits.body_bytes, &parts.headers);
    let too_large = || too_large("a body", limit as u64, "limits.body_bytes", parts.version);
    let encoding = Encoding::of(headers);
    let announced = announced(headers);
    let refused = match &encoding {
        Err(problem) => Some(problem.clone()),
        Ok(_) => announced.is_some_and(|length| length > limit as u64).then(too_large),
    };
    if let Some(problem) = refused {
        discard_beside(headers, body);
        return Err(problem);
    }
    let mut wanted = announced.and_then(|length| usize::try_from(length).ok()).filter(|length| *length > SMALL_BYTES);
    let (mut whole, mut room, mut until) = (Whole::default(), None, Instant::now() + BODY_TIMEOUT);
    // At most two rounds: a small body first, then the whole body.
    loop {
        if let Some(bytes) = wanted {
            let (payer, began) = (Payer::of(&parts.extensions), Instant::now());
            // On the heap, so that the future for a small body stays small.
            match Box::pin(app.answers.reserve(&payer, bytes)).await {
                // The client is not charged for the time that the server makes it wait.
                Ok(held) => (room, until) = (Some(held), until + began.elapsed()),
                Err(problem) => {
                    drop(whole);
                    discard_beside(headers, body);
                    return Err(problem);
                }
            }
        }
        let enough = if room.is_some() { limit } else { limit.min(SMALL_BYTES) };
        let read = tokio::time::timeout_at(until, whole.read(&mut body, enough)).await;
        let read = read.map_err(|_| {
            Problem::new(
                Slug::Timeout,
                format!("the body did not arrive within {} seconds; send it again", BODY_TIMEOUT.as_secs()),
            )
        })?;
        match read {
            Ok(true) => break,
            Ok(false) if whole.len() > limit => {
                drop((whole, room));
                discard_beside(headers, body);
                return Err(too_large());
            }
            Ok(false) => wanted = Some(limit),
            Err(_) => return Err(Problem::new(Slug::InvalidRequest, "the body was cut off; send it again")),
        }
    }
    let mut bytes = whole.end();
    if encoding.is_ok_and(|encoding| encoding == Encoding::Gzip) {
        // On the heap, so that the future for a plain body stays small.
        (bytes, room) = Box::pin(unpacked(app, parts, bytes, room)).await?;
    }
    let media_type = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    let is_json = media_type.is_none_or(|value| {
        let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
    });
    if !bytes.is_empty() && !is_json {
        return Err(Problem::new(Slug::UnsupportedMediaType, "Content-Type: send application/json"));
    }
    Ok((bytes, room))
}

/// Unpacks a gzip body. The size limit is that of a plain body, and a large result reserves room as a plain body
/// does.
async fn unpacked(
    app: &App,
    parts: &Parts,
    packed: Bytes,
    room: Option<Arc<Held>>,
) -> Result<(Bytes, Option<Arc<Held>>), Problem> {
    let limit = app.config.limits.body_bytes;
    let problem = |error: std::io::Error| match error.kind() {
        ErrorKind::FileTooLarge => too_large("a body", limit as u64, "limits.body_bytes", parts.version),
        _ => Problem::new(Slug::InvalidRequest, error.to_string()).with("field", "Content-Encoding"),
    };
    match encoding::unpack(&packed, Encoding::Gzip, limit.min(SMALL_BYTES)) {
        Err(error) if error.kind() == ErrorKind::FileTooLarge && limit > SMALL_BYTES => {}
        small => return Ok((small.map_err(problem)?.into(), room)),
    }
    let larger = app.answers.reserve(&Payer::of(&parts.extensions), limit).await?;
    let unpacked = tokio::task::spawn_blocking(move || encoding::unpack(&packed, Encoding::Gzip, limit)).await;
    let unpacked = unpacked.map_err(|_| {
        Problem::new(Slug::Internal, "internal error while the body was decompressed; see the server log")
    })?;
    drop(room);
    Ok((unpacked.map_err(problem)?.into(), Some(larger)))
}

/// The caller of a request, with its idempotency key.
pub fn caller(app: &App, parts: &Parts, body: &[u8]) -> Result<Caller, Problem> {
    let caller = Caller::of(&parts.extensions);
    let idempotency = match key(&parts.headers)? {
        Some(key) => {
            let who = caller.principal.as_ref().map(|principal| principal.identity.as_ref());
            Some(bind_key(key, who, parts.method.as_str(), parts.uri.path(), fingerprint(body)))
        }
        // A repeated removal does no harm, so it needs no key.
        None if app.config.idempotency.required && parts.method != Method::DELETE => {
            return Err(Problem::invalid("Idempotency-Key", "is required by this server"));
        }
        None => None,
    };
    let caller = caller.with_key(idempotency, address(parts));
    Ok(Caller { trace: trace(&parts.headers), ..caller })
}

/// The principal that the middleware found.
pub fn principal(parts: &Parts) -> Option<Principal> {
    parts.extensions.get::<Principal>().cloned()
}

/// The client's address.
pub fn address(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<Peer>().map(|Peer(peer, _)| peer.ip())
}

/// `traceparent`, if it is valid.
pub fn trace(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(&TRACEPARENT)?.to_str().ok()?;
    let well_formed = text.len() == 55 && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    well_formed.then(|| text.to_owned())
}

/// The idempotency key, bare or quoted.
pub fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(&IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::invalid("Idempotency-Key", "is sent more than once; send one"));
    }
    let text = value.to_str();
    let text = text.ok().filter(|text| !text.contains('\t'));
    let text = text.ok_or_else(|| {
        Problem::invalid("Idempotency-Key", "has characters that are not printable ASCII; use printable ASCII only")
    })?;
    read_key("Idempotency-Key", text).map(Some)
}

/// Checks an idempotency key from the header or the field `field`.
pub fn read_key(field: &str, text: &str) -> Result<String, Problem> {
    let invalid = |reason: &str| Problem::invalid(field, reason);
    let text = text.trim();
    let bare = match text.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').ok_or_else(|| {
            invalid(
                "begins with a quote and does not end with one; \
            add the closing quote",
            )
        })?,
        None => text,
    };
    if bare.is_empty() || bare.len() > KEY_CHARACTERS_MAX {
        return Err(invalid("must have 1 to 255 characters"));
    }
    Ok(bare.to_owned())
}

/// Binds a key to its scope (caller, method, path) and to its request body.
pub fn bind_key(
    key: String,
    caller: Option<&Identity>,
    method: &str,
    path: &str,
    body: blake3::Hash,
) -> IdempotencyKey {
    let mut scope = blake3::Hasher::new();
    // The same subject from another issuer is another caller.
    let issuer = caller.and_then(|identity| identity.issuer.as_deref());
    let who = caller.map(|identity| identity.lineage.as_str());
    for part in issuer.into_iter().chain(who).chain([method, path, &key]) {
        scope.update(&(part.len() as u64).to_le_bytes());
        scope.update(part.as_bytes());
    }
    IdempotencyKey { scope: digest(scope.finalize()), fingerprint: digest(body), key }
}

/// Hashes the content of a body, not its formatting, so that a repeat may use another transport. A body that is not
/// JSON is hashed byte by byte; it is refused later anyway.
fn fingerprint(body: &[u8]) -> blake3::Hash {
    let body = if body.is_empty() { b"{}" } else { body };
    said(body).map_or_else(|| blake3::hash(body), |said| blake3::hash(&said))
}

/// Hashes JSON that is already parsed. Members are in the order of their names.
pub fn fingerprint_of(body: &Value) -> blake3::Hash {
    if !whole::has_other(body) {
        return blake3::hash(body.to_string().as_bytes());
    }
    let mut body = body.clone();
    whole::plain(&mut body);
    blake3::hash(body.to_string().as_bytes())
}

fn digest(hash: blake3::Hash) -> u128 {
    let (head, _) = hash.as_bytes().split_first_chunk().unwrap_or((&[0; 16], &[]));
    u128::from_le_bytes(*head)
}

/// The query of a request. Take each parameter by name, then call `done`, which refuses the rest.
#[derive(Debug, Default)]
pub struct Params(BTreeMap<String, Vec<String>>);

impl Params {
    /// Reads a query string.
    pub fn parse(query: &str) -> Self {
        let mut params: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            params.entry(key.into_owned()).or_default().push(value.into_owned());
        }
        Self(params)
    }

    /// All values of a parameter that may repeat.
    pub fn all(&mut self, name: &str) -> Vec<String> {
        self.0.remove(name).unwrap_or_default()
    }

    /// The value of a parameter that may not repeat.
    pub fn one(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let mut values = self.all(name);
        if values.len() > 1 {
            return Err(Problem::invalid(name, "is given more than once; give it once"));
        }
        Ok(values.pop())
    }

    /// The value of a parameter as a number.
    pub fn number<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, Problem> {
        let value = self.one(name)?;
        value
            .map(|text| {
                text.parse().map_err(|_| Problem::invalid(name, format!("{text:?} is not a whole number in range")))
            })
            .transpose()
    }

    /// The value of a parameter as `true` or `false`.
    pub fn flag(&mut self, name: &str) -> Result<bool, Problem> {
        match self.one(name)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(Problem::invalid(name, format!("{other:?} is not true or false"))),
        }
    }

    /// The page size: 100 by default, at most 1,000.
    pub fn limit(&mut self) -> Result<usize, Problem> {
        match self.number::<usize>("limit")? {
            None => Ok(100),
            Some(limit @ 1..=1000) => Ok(limit),
            Some(other) => Err(Problem::invalid("limit", format!("{other} is not between 1 and 1000"))),
        }
    }

    /// An id that another system issued: a customer or an order.
    pub fn outside_name(&mut self, field: &str) -> Result<Option<Name>, Problem> {
        self.one(field)?.map(|text| crate::wire::outside_name(field, &text)).transpose()
    }

    /// The id of a location, group, channel or rule.
    pub fn name(&mut self, field: &str) -> Result<Option<Name>, Problem> {
        self.one(field)?.map(|text| crate::wire::name(field, &text)).transpose()
    }

    /// Refuses a span that ends before it begins: nothing is in it.
    ///
    /// # Errors
    /// It names `to`.
    pub fn check_span<T: PartialOrd>(from: Option<T>, to: Option<T>) -> Result<(), Problem> {
        match from.zip(to).is_some_and(|(from, to)| to < from) {
            true => Err(Problem::invalid("to", "is before from; give a later one")),
            false => Ok(()),
        }
    }

    /// Refuses parameters that no handler took.
    pub fn done(self) -> Result<(), Problem> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(Problem::invalid(name, "is not a parameter of this call; remove it")),
        }
    }
}

/// The single id in a path, percent-decoded. The handler decides whether it exists.
pub struct PathId(pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let mut ids = path_ids(parts, state).await?.into_iter();
        ids.next().map(PathId).ok_or_else(|| unreadable(parts))
    }
}

/// The two ids in a path, percent-decoded.
pub struct PathIds(pub String, pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathIds {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let mut ids = path_ids(parts, state).await?.into_iter();
        let both = ids.next().zip(ids.next());
        both.map(|(first, second)| Self(first, second)).ok_or_else(|| unreadable(parts))
    }
}

/// An id that cannot be decoded names nothing, and a new thing cannot have it.
fn unreadable(parts: &Parts) -> Problem {
    let is_given = parts.method == Method::PUT
        && parts.extensions.get::<MatchedPath>().is_some_and(|path| path.as_str().ends_with('}'));
    match is_given {
        true => Problem::invalid("path", "is not percent-encoded UTF-8; a percent sign itself is written %25"),
        false => Problem::not_found("thing"),
    }
}

async fn path_ids<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<Vec<String>, Problem> {
    if !is_percent_encoded(parts.uri.path()) {
        return Err(unreadable(parts));
    }
    let params = RawPathParams::from_request_parts(parts, state).await;
    let params = params.map_err(|_| unreadable(parts))?;
    Ok(params.iter().map(|(_, value)| value.to_owned()).collect())
}

/// True if two hexadecimal digits follow each percent sign.
fn is_percent_encoded(path: &str) -> bool {
    let is_escape = |rest: &str| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    path.split('%').skip(1).all(is_escape)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    fn parts(length: Option<usize>) -> Parts {
        let mut request = http::Request::post("/v1/reservations");
        if let Some(length) = length {
            request = request.header(header::CONTENT_LENGTH, length);
        }
        request.body(()).unwrap().into_parts().0
    }

    /// A body without a stated length: pieces of 10,000 bytes each.
    fn pieces(count: usize) -> Body {
        let piece = |_| Ok::<_, std::convert::Infallible>(Bytes::from(vec![b' '; 10_000]));
        Body::from_stream(futures_util::stream::iter((0..count).map(piece)))
    }

    #[tokio::test]
    async fn large_bodies_take_room_while_they_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let app = App::for_tests(folder.path()).unwrap();
        let (bytes, room) = read_body(&app, &parts(None), pieces(6)).await.unwrap();
        assert_eq!((bytes.len(), room.is_none(), app.answers.bytes()), (60_000, true, 0), "small");
        let (bytes, room) = read_body(&app, &parts(None), pieces(20)).await.unwrap();
        assert_eq!((bytes.len(), app.answers.bytes()), (200_000, app.config.limits.body_bytes));
        drop(room);
        let (bytes, room) = read_body(&app, &parts(Some(200_000)), pieces(20)).await.unwrap();
        assert_eq!((bytes.len(), app.answers.bytes()), (200_000, 200_000));
        drop(room);
        assert_eq!(app.answers.bytes(), 0);
        let refused = read_body(&app, &parts(None), pieces(200)).await.unwrap_err();
        assert_eq!((refused.status().as_u16(), app.answers.bytes()), (413, 0));
    }

    #[tokio::test]
    async fn a_large_body_without_room_is_refused_and_a_small_one_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let app = App::for_tests(folder.path()).unwrap();
        let _full = app.answers.reserve(&Payer::default(), app.config.limits.answer_bytes).await.unwrap();
        // The queue is full, so no other request may wait.
        for _ in 0..32 {
            let app = app.clone();
            tokio::spawn(async move { app.answers.reserve(&Payer::default(), 1).await });
        }
        tokio::task::yield_now().await;
        for length in [None, Some(200_000)] {
            let refused = read_body(&app, &parts(length), pieces(20)).await.unwrap_err();
            assert_eq!((refused.status().as_u16(), refused.slug()), (503, "overloaded"));
        }
        assert!(read_body(&app, &parts(None), pieces(6)).await.is_ok());
    }

    #[test]
    fn a_key_is_bound_to_the_issuer_of_its_subject() {
        let scope = |lineage: &str, issuer: Option<&str>| {
            let issuer = issuer.map(str::to_owned);
            let caller = Identity { lineage: lineage.into(), issuer, ..Identity::default() };
            bind_key("k".into(), Some(&caller), "POST", "/v1/reservations", blake3::hash(b"{}")).scope
        };
        let issued = scope("sub:till", Some("https://a.test"));
        assert_eq!(issued, scope("sub:till", Some("https://a.test")));
        assert_ne!(issued, scope("sub:till", Some("https://b.test")));
        assert_ne!(issued, scope("sub:till", None));
    }
}
