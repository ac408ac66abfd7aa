//! Error responses (RFC 9457): one slug a kind.
//!
//! Every error of the API passes through here; the slugs and their status codes stand in one table.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use anaquel_engine::command::{Failure, Refusal, Short};
use anaquel_engine::event::{RowError, ThingKind};
use anaquel_engine::journal::ReadError;
use anaquel_engine::refusal::{NotReturnable, PriceDifference};
use anaquel_engine::reservation::ReservationState;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

/// Encodings that a request body may have: the `Accept-Encoding` of a 415.
pub const ACCEPTED_ENCODINGS: &str = "gzip, identity";

/// The kind of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slug {
    /// The request is malformed or inconsistent.
    InvalidRequest,
    /// No known key or token.
    Unauthorized,
    /// The resource does not exist, or belongs to another caller.
    NotFound,
    /// The path does not support this method.
    MethodNotAllowed,
    /// The caller has no permission.
    Forbidden,
    /// The request arrived too slowly.
    Timeout,
    /// Not enough stock.
    InsufficientStock,
    /// The current state does not allow the operation.
    WrongState,
    /// Another resource already has this id.
    AlreadyExists,
    /// Lines have no price, or the order comes to another total than expected.
    PriceMismatch,
    /// Payments or refunds do not add up.
    Unbalanced,
    /// Goods cannot come back.
    NotReturnable,
    /// Another series could print the same number.
    NumberTaken,
    /// The resource existed but is no longer kept.
    Gone,
    /// The resource changed meanwhile.
    StaleVersion,
    /// The body is too large.
    PayloadTooLarge,
    /// The body has an unsupported media type.
    UnsupportedMediaType,
    /// The key was used with another body.
    IdempotencyMismatch,
    /// Too many requests per second, or too many open resources.
    TooManyRequests,
    /// An internal error.
    Internal,
    /// The server accepts no writes.
    ReadOnly,
    /// No capacity now; a later attempt may succeed.
    Overloaded,
}

/// A field that only this kind of problem has, and its meaning.
type OwnField = (&'static str, &'static str);

impl Slug {
    /// All kinds, in the order of their status codes.
    pub const ALL: [Self; 22] = [
        Self::InvalidRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Timeout,
        Self::InsufficientStock,
        Self::WrongState,
        Self::AlreadyExists,
        Self::PriceMismatch,
        Self::Unbalanced,
        Self::NotReturnable,
        Self::NumberTaken,
        Self::Gone,
        Self::StaleVersion,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::IdempotencyMismatch,
        Self::TooManyRequests,
        Self::Internal,
        Self::ReadOnly,
        Self::Overloaded,
    ];

    /// The meaning, the remedy, and the extra fields. Only `/problems/…` shows these texts; they contain no markup.
    pub fn explain(self) -> (&'static str, &'static str, &'static [OwnField]) {
        const LIMIT: OwnField = ("limit", "the setting whose limit is reached");
        const MOST: OwnField = ("most", "the value of that setting");
        const FIELD: OwnField = ("field", "the field, header or parameter that is wrong, as a path");
        match self {
            Self::InvalidRequest => (
                "The request is invalid: the server does not accept or does not know a part of it. The server did \
                 nothing.",
                "Read detail: it names the field and the accepted values. The same request again gets the same \
                 refusal.",
                &[
                    FIELD,
                    LIMIT,
                    MOST,
                    ("errors", "of an atomic import: the rows that are wrong, with line, field and reason"),
                    ("rejected", "the number of these rows"),
                ],
            ),
            Self::Unauthorized => (
                "The server needs a key. The request has none, or one that is unknown, revoked or expired.",
                "Send Authorization: Bearer and a key of anaquel keys add, or a token. A browser's socket sends the subprotocols anaquel and anaquel.key.KEY.",
                &[],
            ),
            Self::Forbidden => (
                "The caller may not do this: the key lacks the scope, the key is bound to other channels or locations, the origin of the page is not listed, the server does not answer to the host name, or the pickup code is wrong.",
                "Use a key with the scope that is named, or add the origin or the host to the settings.",
                &[("scope", "the scopes that are sufficient"), FIELD, LIMIT],
            ),
            Self::NotFound => (
                "It does not exist, or this caller may not see it.",
                "Check the id, and that it is percent-encoded in the path.",
                &[FIELD],
            ),
            Self::MethodNotAllowed => {
                ("The path exists, but does not support this method.", "See Allow in the response, and /docs.", &[])
            }
            Self::Timeout => (
                "The body did not arrive in time. Nothing was done.",
                "Send it again, with the same idempotency key.",
                &[],
            ),
            Self::InsufficientStock => (
                "The server cannot promise all lines, so it promises none.",
                "Each line says what is available and what was short; would_succeed, if present, is the request that \
                 would succeed.",
                &[(
                    "lines",
                    "one entry for each short line: sku, location, requested, available, constraint, and what would \
                     succeed",
                )],
            ),
            Self::WrongState => (
                "The state of the item does not allow this step, such as confirm after a reservation expired.",
                "Read the item; if it is closed, create a new one.",
                &[("state", "the current state"), LIMIT],
            ),
            Self::AlreadyExists => (
                "An item with this id exists, with other content. The same content would have been answered with the \
                 existing item.",
                "Read the item, or use another id.",
                &[("seq", "the record that created it")],
            ),
            Self::PriceMismatch => (
                "A line has no price in force, or the order comes to another total than the customer was told. The \
                 server did nothing.",
                "Show the customer total, and send it as expected_total; give a price to what has none.",
                &[
                    (
                        "lines",
                        "the lines: line, expected and actual, the price of a unit in force; null if there is none",
                    ),
                    ("total", "what the order comes to"),
                ],
            ),
            Self::Unbalanced => (
                "Payments or refunds do not come to what is due. The server did nothing.",
                "Tell the payments that are missing, or refunds that come to what is due.",
                &[("due", "what they should come to"), ("tendered", "what they come to")],
            ),
            Self::NotReturnable => (
                "Goods cannot come back as requested: more than was bought or is left, not handed over yet, too late, \
                 excluded by a rule, or of no known sale. The server did nothing.",
                "Take back at most the returnable units of each line; what was bought elsewhere needs a rule that allows \
                 returns without a sale.",
                &[(
                    "lines",
                    "the lines: line, sku, requested, returnable, and reason: quantity, not_handed_over, window, \
                     excluded or unknown_sale",
                )],
            ),
            Self::NumberTaken => (
                "Another series of the same issuer prints, or could come to print, the same number.",
                "Choose another prefix: series of one issuer begin differently, and not with the digits of another.",
                &[("series", "the other series"), ("number", "a number that both could print")],
            ),
            Self::Gone => (
                "It existed, and is no longer stored: the log, closed reservations and idempotency keys have \
                 retention periods.",
                "Start from a snapshot or an export. The write of an old idempotency key was done, and is not \
                 repeated.",
                &[("oldest", "the oldest record that is stored"), ("seq", "the record of the write")],
            ),
            Self::StaleVersion => (
                "The precondition is false: the item changed since it was read, or exists already. The server did \
                 nothing.",
                "Read it again with its ETag, apply the change again, and send it with that tag in If-Match.",
                &[("version", "the current version; 0 if it does not exist or is not declared")],
            ),
            Self::PayloadTooLarge => (
                "The body is larger than allowed, before or after decompression. The server refuses it as soon as \
                 that is known, and may close the connection after the answer.",
                "Send less at a time, or raise the limit that is named.",
                &[LIMIT, MOST],
            ),
            Self::UnsupportedMediaType => (
                "This call does not support the type or the encoding of the body.",
                "Send application/json, or for imports text/csv or application/x-ndjson; uncompressed, or with gzip \
                 and Content-Encoding: gzip.",
                &[FIELD],
            ),
            Self::IdempotencyMismatch => (
                "The idempotency key was used before, with another body.",
                "Use a new key for a new request, and the same body for a repeat.",
                &[],
            ),
            Self::TooManyRequests => (
                "The caller has reached a limit of its own: requests a second, open holds, streams, or names.",
                "Wait for Retry-After seconds, or close something that is open; limit names the setting.",
                &[LIMIT, MOST, FIELD],
            ),
            Self::Internal => (
                "Internal error of the server. See the server log, under the id of the request (X-Request-Id).",
                "Send it again with the same idempotency key; if it fails again, tell the operator.",
                &[("damaged_seq", "the record of the log that is unreadable")],
            ),
            Self::ReadOnly => (
                "The server accepts no writes now: its disk is full or failed, it is shutting down, or it follows another \
                 node, which decides. Reads still work.",
                "Try again after Retry-After seconds, with the same idempotency key. If outcome is unknown, the write was in flight: a repeat with the same key returns its result later.",
                &[
                    ("outcome", "unknown, if it is not known whether the write was done"),
                    ("role", "replica, if another node decides: Anaquel-Follows names the node that this one follows"),
                ],
            ),
            Self::Overloaded => (
                "The server is overloaded, or this caller is.",
                "Try again after Retry-After seconds, with the same idempotency key; limit names the setting.",
                &[LIMIT, MOST],
            ),
        }
    }

    /// Slug, status and title.
    pub fn describe(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::InvalidRequest => ("invalid-request", StatusCode::BAD_REQUEST, "Invalid request"),
            Self::Unauthorized => ("unauthorized", StatusCode::UNAUTHORIZED, "Authentication required"),
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN, "Forbidden"),
            Self::NotFound => ("not-found", StatusCode::NOT_FOUND, "Not found"),
            Self::MethodNotAllowed => ("method-not-allowed", StatusCode::METHOD_NOT_ALLOWED, "Method not allowed"),
            Self::Timeout => ("timeout", StatusCode::REQUEST_TIMEOUT, "The request body timed out"),
            Self::InsufficientStock => ("insufficient-stock", StatusCode::CONFLICT, "Insufficient stock"),
            Self::WrongState => ("wrong-state", StatusCode::CONFLICT, "The state does not allow this"),
            Self::AlreadyExists => ("already-exists", StatusCode::CONFLICT, "Already exists"),
            Self::PriceMismatch => ("price-mismatch", StatusCode::CONFLICT, "Another price"),
            Self::Unbalanced => ("unbalanced", StatusCode::CONFLICT, "The money does not add up"),
            Self::NotReturnable => ("not-returnable", StatusCode::CONFLICT, "Cannot come back"),
            Self::NumberTaken => ("number-taken", StatusCode::CONFLICT, "The number is taken"),
            Self::Gone => ("gone", StatusCode::GONE, "No longer kept"),
            Self::StaleVersion => ("stale-version", StatusCode::PRECONDITION_FAILED, "Changed since it was read"),
            Self::PayloadTooLarge => ("payload-too-large", StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
            Self::UnsupportedMediaType => {
                ("unsupported-media-type", StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type")
            }
            Self::IdempotencyMismatch => {
                ("idempotency-mismatch", StatusCode::UNPROCESSABLE_ENTITY, "Idempotency key used with another body")
            }
            Self::TooManyRequests => ("too-many-requests", StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "Internal error"),
            Self::ReadOnly => ("read-only", StatusCode::SERVICE_UNAVAILABLE, "The server is read-only"),
            Self::Overloaded => ("overloaded", StatusCode::SERVICE_UNAVAILABLE, "Overloaded"),
        }
    }
}

/// A problem with its extra fields.
#[derive(Debug, Clone)]
pub struct Problem {
    slug: Slug,
    detail: String,
    fields: Map<String, Value>,
    /// Seconds until a retry is useful.
    retry_after: Option<u64>,
    /// Whether the connection closes after the answer.
    closes: bool,
}

/// Problems that were sent since the start.
static COUNTED: AtomicU64 = AtomicU64::new(0);

/// How many problems were sent since the start.
pub fn counted() -> u64 {
    COUNTED.load(Relaxed)
}

impl Problem {
    /// A problem of this kind; `detail` says what is wrong with this request.
    pub fn new(slug: Slug, detail: impl Into<String>) -> Self {
        let comes_again = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS];
        let retry_after = comes_again.contains(&slug.describe().1).then_some(1);
        Self { slug, detail: detail.into(), fields: Map::new(), retry_after, closes: false }
    }

    /// A field with an invalid value.
    pub fn invalid(field: &str, reason: impl std::fmt::Display) -> Self {
        Self::new(Slug::InvalidRequest, format!("{field}: {reason}")).with("field", field)
    }

    /// `what` does not exist, or belongs to another caller.
    pub fn not_found(what: &str) -> Self {
        Self::new(Slug::NotFound, format!("there is no such {what}"))
    }

    /// The hold to replace does not exist, or belongs to another caller.
    pub fn nothing_to_supersede(field: &str) -> Self {
        Self::not_found("reservation to supersede").with("field", field)
    }

    /// Adds an extra field.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(field.to_owned(), value.into());
        self
    }

    /// Sets `Retry-After`.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// Closes the connection after the answer, for HTTP/1 only: over HTTP/2 other requests share the connection.
    #[must_use]
    pub fn closing(self) -> Self {
        Self { closes: true, ..self }
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.slug.describe().1
    }

    /// The explanation for this request.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The wrong field and the reason, separately, as errors for rows of a file need them.
    pub fn into_field_and_reason(self) -> (Option<String>, String) {
        let field = self.fields.get("field").and_then(Value::as_str).map(str::to_owned);
        let reason = field.as_ref().and_then(|field| self.detail.strip_prefix(&format!("{field}: ")));
        let reason = reason.unwrap_or(&self.detail).to_owned();
        (field, reason)
    }

    /// The affected lines; empty if there are none.
    pub fn lines(&mut self) -> impl Iterator<Item = &mut Value> {
        self.fields.get_mut("lines").and_then(Value::as_array_mut).into_iter().flatten()
    }

    /// The last part of `type`.
    pub fn slug(&self) -> &'static str {
        self.slug.describe().0
    }

    /// Counts the problem in the metrics.
    pub fn count(&self) {
        COUNTED.fetch_add(1, Relaxed);
        metrics::counter!("anaquel_problems_total", "type" => self.slug()).increment(1);
    }

    /// The JSON document.
    pub fn to_json(&self) -> Value {
        let (slug, status, title) = self.slug.describe();
        let mut document = json!({
            "type": format!("/problems/{slug}"),
            "title": title,
            "status": status.as_u16(),
            "detail": self.detail,
        });
        if let Value::Object(members) = &mut document {
            members.extend(self.fields.clone());
        }
        document
    }

    fn from_failure(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => Self::from_refusal(refusal),
            Failure::ReadOnly(reason) => Self::new(Slug::ReadOnly, reason),
            Failure::Follows => {
                let detail = "this node follows another one and takes no writes; send this to the node that decides";
                Self::new(Slug::ReadOnly, detail).with("role", "replica")
            }
            Failure::Demoted => {
                let detail = "this node was told to stop, so that another one may decide; send this to that one";
                Self::new(Slug::ReadOnly, detail).with("role", "replica")
            }
            Failure::Unknown(reason) => Self::new(Slug::ReadOnly, reason).with("outcome", "unknown"),
            Failure::Overloaded(reason) => Self::new(Slug::Overloaded, reason),
            Failure::KeysFull(reason, seconds) => Self::new(Slug::Overloaded, reason).retry_after(seconds),
            Failure::Unheard => Self::new(Slug::Overloaded, failure.to_string()),
            // The caller of a single step receives the record itself.
            failure @ Failure::AsItIs(_) => Self::new(Slug::Internal, failure.to_string()),
            Failure::Replayed(seq) => {
                Self::new(Slug::Gone, format!("the write was done at seq {seq}, but its answer is no longer stored"))
                    .with("seq", seq)
            }
            Failure::Forgotten { seq, oldest } => {
                let detail = format!("Idempotency-Key: this key was used at seq {seq}, and the log starts at {oldest}");
                Self::new(Slug::Gone, format!("{detail}; the write was not repeated")).with("oldest", oldest)
            }
        }
    }

    fn from_refusal(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Insufficient(shorts) => {
                let detail = format!("there is not enough stock at the requested locations{}", search_ended(&shorts));
                let line = |short: &Short| {
                    json!({
                        "line": short.line,
                        "requested": short.requested,
                        "available": short.available,
                        "constraint": short.constraint.as_str(),
                    })
                };
                Self::insufficient(detail, shorts.iter().map(line).collect())
            }
            Refusal::WrongState(state) => Self::wrong_state(state, format!("the reservation is {}", state.as_str())),
            Refusal::PartOf { state, parent } => {
                let (kind, name) = (parent.kind.as_str(), parent.name.as_str());
                let detail = format!("the reservation is a part of the {kind} {name}; use the steps of the {kind}");
                Self::wrong_state(state, detail).with(kind, name)
            }
            refusal @ (Refusal::Unallocated(state) | Refusal::Waiting(state, _)) => {
                Self::wrong_state(state, refusal.to_string())
            }
            refusal @ Refusal::TooManyChanges(state, _) => {
                Self::wrong_state(state, refusal.to_string()).with("limit", "reservations.changes_max")
            }
            refusal @ Refusal::TooManyUnits { state, .. } => Self::wrong_state(state, refusal.to_string()),
            // The same words for every caller: an id of another caller looks like an id that does not exist.
            Refusal::NothingToReplace { at } => Self::nothing_to_supersede(&format!("supersedes[{at}]")),
            Refusal::NotReplaceable { at, state } => Self::not_replaceable(&format!("supersedes[{at}]"), state),
            Refusal::NotFound(what) => Self::not_found(what),
            Refusal::Invalid { field, reason } | Refusal::SeriesElsewhere { field, reason } => {
                Self::invalid(&field, reason)
            }
            Refusal::StaleVersion { actual } => {
                Self::new(Slug::StaleVersion, format!("its version is \"{actual}\"")).with("version", actual)
            }
            Refusal::Limited { field, limit, asked, most, passes, seconds } => {
                let (slug, detail) = match passes {
                    true => (
                        Slug::TooManyRequests,
                        format!(
                            "{field}: {asked} would be open, and {limit} is {most}; confirm, cancel or wait for some"
                        ),
                    ),
                    false => (
                        Slug::InvalidRequest,
                        format!("{field}: asks for {asked}, and {limit} is {most}; ask for less"),
                    ),
                };
                let problem = Self::new(slug, detail).with("field", field).with("limit", limit).with("most", most);
                // Without a known time there is no `Retry-After`.
                Self { retry_after: seconds, ..problem }
            }
            Refusal::PickupCodeRequired { has_one } => {
                let how = match has_one {
                    true => "the customer shows it",
                    false => "call `ready`, which creates one, and the customer shows it",
                };
                let detail = format!("pickup_code: this server requires it (reservations.pickup_code_required); {how}");
                Self::new(Slug::Forbidden, detail).with("field", "pickup_code")
            }
            Refusal::PickupCodeClosed { seconds } => {
                Self::new(Slug::TooManyRequests, "pickup_code: too many wrong codes; try again later")
                    .retry_after(seconds)
            }
            Refusal::WrongPickupCode => Self::new(Slug::Forbidden, "pickup_code: wrong code for this reservation"),
            Refusal::WrongExitCode => {
                Self::new(Slug::Forbidden, "code: wrong code for the exit of this order").with("field", "code")
            }
            Refusal::IdempotencyMismatch => Self::new(
                Slug::IdempotencyMismatch,
                "Idempotency-Key: this key was used with another body; send a new key with a new body",
            ),
            refusal @ (Refusal::Held { .. } | Refusal::HeldAsCounted { .. } | Refusal::InUse { .. }) => {
                Self::held(&refusal)
            }
            Refusal::AlreadyExists { kind, name, seq } => {
                let detail = format!("the {kind} {name} exists with other content; read it, or use another id");
                Self::new(Slug::AlreadyExists, detail).with(kind, name.as_str()).with("seq", seq)
            }
            Refusal::InState { kind, name, state } => {
                let detail = format!("the {kind} {name} is {state}, which does not allow this step");
                // The exit of an order is told by its order.
                let member = kind.rsplit(' ').next().unwrap_or(kind);
                Self::new(Slug::WrongState, detail).with(member, name.as_str()).with("state", state)
            }
            Refusal::TakenBy { kind, name, state, field, other } => {
                let detail = format!("the {kind} {name} is {state} ({field} {other}), which does not allow this step");
                Self::new(Slug::WrongState, detail)
                    .with(kind, name.as_str())
                    .with("state", state)
                    .with(field, other.as_str())
            }
            refusal @ (Refusal::Repriced | Refusal::ArchiveMoved) => Self::new(Slug::Overloaded, refusal.to_string()),
            Refusal::PriceMismatch { lines, total } => {
                let is_unpriced = lines.iter().any(|line| line.actual.is_none());
                let detail = match is_unpriced {
                    true => "lines have no price in force".to_owned(),
                    false => format!("expected_total: the order comes to {total}"),
                };
                let line = |line: &PriceDifference| json!({"line": &*line.line, "expected": line.expected, "actual": line.actual});
                let lines: Vec<Value> = lines.iter().map(line).collect();
                Self::new(Slug::PriceMismatch, detail).with("lines", lines).with("total", total)
            }
            refusal @ Refusal::Unbalanced { due, tendered } => {
                Self::new(Slug::Unbalanced, refusal.to_string()).with("due", due).with("tendered", tendered)
            }
            Refusal::NotReturnable(lines) => {
                let detail = format!("{} of the lines cannot come back as requested", lines.len());
                let line = |line: &NotReturnable| {
                    json!({
                        "line": line.line.as_deref(),
                        "sku": line.sku.as_ref().map(|name| name.as_str()),
                        "requested": line.requested,
                        "returnable": line.returnable,
                        "reason": line.reason.as_str(),
                    })
                };
                let lines: Vec<Value> = lines.iter().map(line).collect();
                Self::new(Slug::NotReturnable, detail).with("lines", lines)
            }
            refusal @ Refusal::OffPlan => {
                Self::new(Slug::Forbidden, refusal.to_string()).with("field", "refunds").with("scope", "refund")
            }
            Refusal::Spent { kind, name, state, by } => {
                let replaced = by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
                let detail = format!("the {kind} {name} is {state}{replaced}, which does not allow this step");
                let problem = Self::new(Slug::WrongState, detail).with("state", state);
                // The id of what stands in the way: of what has taken its place, if anything has.
                match by {
                    Some(by) => problem.with("invoice", by).with(kind, name),
                    None => problem.with(kind, name),
                }
            }
            refusal @ Refusal::NoTaxRate { .. } => {
                let detail = refusal.to_string();
                let Refusal::NoTaxRate { line } = refusal else { return Self::new(Slug::WrongState, detail) };
                Self::new(Slug::WrongState, detail).with("state", "no_tax_rate").with("line", line)
            }
            Refusal::NumberTaken { series, number } => {
                let detail = format!(
                    "prefix: series {series} of the same issuer could print {number}, too; choose another prefix"
                );
                Self::new(Slug::NumberTaken, detail).with("series", series.as_str()).with("number", number)
            }
            Refusal::BadRows(errors) => Self::bad_rows(errors.len() as u64, &errors),
        }
    }

    /// An atomic import has wrong rows: their number, and the first of them by line.
    pub fn bad_rows(rejected: u64, errors: &[RowError]) -> Self {
        let told: Vec<_> = errors.iter().take(1000).map(row_error).collect();
        let first = errors.first().map(|error| {
            let field = error.field.as_ref().map(|field| format!("{field} ")).unwrap_or_default();
            format!("; the first is line {}: {field}{}", error.line, error.reason)
        });
        let rows = if rejected == 1 { "1 row is".to_owned() } else { format!("{rejected} rows are") };
        Self::new(Slug::InvalidRequest, format!("{rows} wrong, so none was loaded{}", first.unwrap_or_default()))
            .with("rejected", rejected)
            .with("errors_left_out", rejected.saturating_sub(told.len() as u64))
            .with("errors", told)
    }

    /// Insufficient stock, line by line.
    pub fn insufficient(detail: String, lines: Vec<Value>) -> Self {
        Self::new(Slug::InsufficientStock, detail).with("lines", lines)
    }

    /// The reservation to replace is no longer a hold.
    pub fn not_replaceable(field: &str, state: ReservationState) -> Self {
        let detail = format!("{field}: the reservation is {}, and cannot be replaced; leave it out", state.as_str());
        Self::wrong_state(state, detail).with("field", field)
    }

    /// The thing cannot be retired or recounted: lists what blocks it, with a count and examples.
    fn held(refusal: &Refusal) -> Self {
        let problem = Self::new(Slug::WrongState, refusal.to_string());
        let (kind, name, holders) = match refusal {
            Refusal::Held { kind, name, holders } => (kind.as_str(), name, holders),
            Refusal::HeldAsCounted { name, holders } => (ThingKind::Sku.as_str(), name, holders),
            Refusal::InUse { kind, name, holders } => (*kind, name, holders),
            _ => return problem,
        };
        let held_by: Map<String, Value> = holders
            .iter()
            .map(|holder| (holder.what.to_owned(), json!({"count": holder.count, "some": holder.some})))
            .collect();
        let problem = problem.with("state", "held").with(kind, name.as_str()).with("held_by", held_by);
        match refusal {
            Refusal::HeldAsCounted { .. } => problem.with("field", "tracked"),
            _ => problem,
        }
    }

    /// The state of a reservation does not allow the step.
    pub fn wrong_state(state: ReservationState, detail: String) -> Self {
        Self::new(Slug::WrongState, detail).with("state", state.as_str())
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Trimmed { oldest } => {
                let detail = format!("after: the log starts at {oldest}; start from a snapshot");
                Self::new(Slug::Gone, detail).with("oldest", oldest)
            }
            ReadError::Damaged(damage) => {
                tracing::error!(%damage, "the log is unreadable");
                let detail = format!("the log is damaged at record {}; see /readyz", damage.seq);
                Self::new(Slug::Internal, detail).with("damaged_seq", damage.seq)
            }
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::from_refusal(refusal)
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::from_failure(failure)
    }
}

/// Says that a limit ended the search for more stock; empty if the search was complete.
pub fn search_ended(shorts: &[Short]) -> String {
    let limit = shorts.iter().find_map(|short| short.limit);
    let said = |limit| {
        format!(
            "; the search for more reached a limit ({limit}): ask for fewer units, or name other \
                         locations"
        )
    };
    limit.map(said).unwrap_or_default()
}

/// The JSON of a refused import row.
pub fn row_error(error: &RowError) -> Value {
    json!({"line": error.line, "field": error.field, "reason": error.reason})
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        self.count();
        let mut response = Response::new(Body::from(self.to_json().to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(ACCEPTED_ENCODINGS));
        }
        if self.closes {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
