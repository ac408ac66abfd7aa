//! A `PUT` that keeps the fields which its body leaves out.

use anaquel_engine::Engine;
use anaquel_engine::command::{Command, Completion, Failure, Precondition, Refusal, Seen, Version, Versions};
use axum::response::Response;
use http::{HeaderValue, header};
use serde_json::Value;

use crate::app::{App, Executed};
use crate::auth::caller::Caller;
use crate::http::conditions;
use crate::http::problem::Problem;
use crate::http::reply::json_answer;

/// How often a change is composed again after another caller changed the item.
const TRIES: usize = 8;

/// Sets an item whose omitted fields keep their values. `current` is the version of the item as it is now, and `command`
/// composes the whole item from what is there. If another caller changes the item in between, it is composed again.
///
/// # Errors
/// A refusal, or a problem of `command`. The repeat of a keyed request gets its first answer whatever the item is by now,
/// because the command is composed only for a new key.
pub async fn put<C: Into<Command>>(
    app: &App,
    caller: &Caller,
    asked: &Precondition,
    current: impl Fn() -> Option<Version> + Send + Sync,
    command: impl Fn(Precondition) -> Result<C, Problem> + Send + Sync,
) -> Result<Executed, Problem> {
    let mut tries = 0;
    loop {
        let known = current();
        let holds = asked.holds(known);
        let precondition = if holds { unchanged_since(known) } else { asked.clone() };
        let mut wrong = None;
        let submit = |engine: &Engine, cause, done: Completion| match command(precondition) {
            Ok(command) => engine.submit(command, cause, done),
            Err(problem) => {
                wrong = Some(problem);
                engine.refuse(cause, done, Failure::Unheard);
            }
        };
        let executed = app.execute(caller, submit).await;
        if let Some(problem) = wrong {
            return Err(problem);
        }
        match executed {
            Err(Failure::Refused(Refusal::StaleVersion { .. })) if holds && tries < TRIES => tries += 1,
            executed => return Ok(executed?),
        }
    }
}

/// The precondition that the item has not changed since this version.
fn unchanged_since(current: Option<Version>) -> Precondition {
    match current {
        Some(Version { seq, groups }) => {
            Precondition { if_match: Some(Versions::OneOf(vec![Seen { seq, groups }])), if_none_match: None }
        }
        None => Precondition { if_match: None, if_none_match: Some(Versions::Any) },
    }
}

/// An item with its entity tag.
pub fn tagged(version: Version, item: &Value) -> Response {
    let mut response = json_answer(item);
    if let Ok(tag) = HeaderValue::from_str(&conditions::tag(version)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}
