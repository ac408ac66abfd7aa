//! Socket operations, which each subject offers beside its routes.

use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::app::App;
use crate::auth::Scope;
use crate::auth::caller::Caller;
use crate::http::budget::Payer;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::wire::objects::Objects;

/// The members of a message.
pub type Members = Map<String, Value>;

/// One operation: a message with this `op` does the same as an HTTP route. Its subject declares it in `ops.rs`.
pub struct Operation {
    /// The `op` of its messages.
    pub name: &'static str,
    /// The label in metrics and traces.
    pub label: &'static str,
    /// The required scope, the same as for its route.
    pub scope: Scope,
    /// For a write, its route: the scope of idempotency keys, so that a repeat may use either transport. A path with
    /// `{id}` needs the member `reservation`, and any other name in braces the member of that name. `None` for a read,
    /// which takes no key.
    pub route: Option<(Method, &'static str)>,
    /// Maps the members of the message to the members of the body, before they are parsed.
    pub parse: fn(Members) -> Members,
    /// Runs the operation.
    pub run: for<'a> fn(Asked<'a>) -> BoxFuture<'a, Result<Reply, Problem>>,
}

/// The method of an operation's route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// POST.
    Post,
    /// PUT.
    Put,
}

impl Method {
    /// The name in HTTP.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

/// The input of an operation.
pub struct Asked<'a> {
    /// The state that all handlers share.
    pub app: &'a App,
    /// The caller.
    pub caller: &'a Caller,
    /// The payer of the answer.
    pub payer: &'a Payer,
    /// The members that its path names, in the order of the path.
    ids: &'a [String],
    body: Value,
}

impl<'a> Asked<'a> {
    /// An input whose body [`Asked::body`] parses.
    pub fn new(app: &'a App, caller: &'a Caller, payer: &'a Payer, ids: &'a [String], body: Value) -> Self {
        Self { app, caller, payer, ids, body }
    }

    /// The member that the path names at this position; empty if it names none.
    pub fn id(&self, nth: usize) -> &'a str {
        self.ids.get(nth).map_or("", String::as_str)
    }

    /// The body as it was sent.
    pub fn said(&self) -> &Value {
        &self.body
    }

    /// Parses the body.
    ///
    /// # Errors
    /// `invalid-request`, naming the field.
    pub fn body<T: DeserializeOwned>(&mut self) -> Result<T, Problem> {
        from_value(std::mem::take(&mut self.body))
    }
}

impl Operation {
    /// The members that its path names, in the order of the path, each with its place in the path.
    pub fn ids(&self) -> impl Iterator<Item = (&'static str, &'static str)> + use<> {
        let path = self.route.map_or("", |(_, path)| path);
        let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        names.map(|name| if name == "id" { ("reservation", name) } else { (name, name) })
    }
}

/// Keeps the members unchanged.
pub fn as_they_are(members: Members) -> Members {
    members
}

/// Parses a value; the error names the wrong field.
///
/// # Errors
/// `invalid-request`.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(Objects(value)).map_err(|error| {
        let path = error.path().to_string();
        let reason = error.into_inner().to_string();
        if path == "." { Problem::invalid("message", reason) } else { Problem::invalid(&path, reason) }
    })
}
