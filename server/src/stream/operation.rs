//! Operations of the socket: what each subject offers there beside its routes.

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

/// One operation: a message whose `op` is its name does what a route of HTTP does. Its subject declares it in `ops.rs`.
pub struct Operation {
    /// The `op` of its messages.
    pub name: &'static str,
    /// What metrics and traces call it.
    pub label: &'static str,
    /// The scope that it needs: that of its route.
    pub scope: Scope,
    /// Its route, for a write: the scope of idempotency keys, so that a repeat may take either way. A path with `{id}` needs
    /// the member `reservation`. `None` for a question, which takes no key.
    pub route: Option<(Method, &'static str)>,
    /// Makes the members of its body of those of its message, before anything of them is read.
    pub parse: fn(Members) -> Members,
    /// Does it.
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
    /// As HTTP writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

/// What an operation is run with.
pub struct Asked<'a> {
    /// What every handler shares.
    pub app: &'a App,
    /// Who asks.
    pub caller: &'a Caller,
    /// Who pays for the answer.
    pub payer: &'a Payer,
    /// The member `reservation`; empty for an operation whose path has no `{id}`.
    pub reservation: &'a str,
    body: Value,
}

impl<'a> Asked<'a> {
    /// With a body that [`Asked::body`] reads.
    pub fn new(app: &'a App, caller: &'a Caller, payer: &'a Payer, reservation: &'a str, body: Value) -> Self {
        Self { app, caller, payer, reservation, body }
    }

    /// Reads the body.
    ///
    /// # Errors
    /// `invalid-request`, naming the field.
    pub fn body<T: DeserializeOwned>(&mut self) -> Result<T, Problem> {
        from_value(std::mem::take(&mut self.body))
    }
}

impl Operation {
    /// Whether it is about one reservation, which its message names.
    pub fn names_reservation(&self) -> bool {
        self.route.is_some_and(|(_, path)| path.contains("{id}"))
    }
}

/// A message's members as they are.
pub fn as_they_are(members: Members) -> Members {
    members
}

/// Reads what a message holds, naming the field that is wrong.
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
