//! The one way from a command of orders to its answer: prices are worked out again while they change meanwhile.

use std::sync::Arc;

use anaquel_engine::Engine;
use anaquel_engine::answers::Thing;
use anaquel_engine::command::{Command as AnyCommand, Completion, Failure, Outcome, Refusal};
use anaquel_engine::engine::archive::Needed;
use anaquel_engine::ids::Seq;
use anaquel_engine::orders::command::Command;
use anaquel_engine::orders::{Order, OrderAnswer};
use http::StatusCode;

use super::parts::{self, Parts};
use super::record::Record;
use super::shown::Sees;
use super::{series, sight};
use crate::app::{App, Executed};
use crate::archived;
use crate::auth::caller::Caller;
use crate::http::problem::{Problem, Slug};
use crate::http::reply::{Reply, unexpected};

/// How often a request is composed again after its prices or the archive changed.
const TRIES: usize = 8;

/// The answer of a command.
#[derive(Debug)]
pub struct Decided {
    /// The order after it.
    pub order: Arc<Order>,
    /// Whether the command made it.
    pub is_made: bool,
    /// Whether it was done before, and this is its first answer.
    pub replayed: bool,
}

/// Submits a command; `compose` works it out anew if prices changed after they were read. What is archived of `needed` is
/// brought back first. A request that is repeated under its key is not composed again.
///
/// # Errors
/// A refusal, for `explain` to word; a problem of `compose`.
pub async fn decided(
    app: &App,
    caller: &Caller,
    needed: &Needed,
    compose: impl Fn(&Engine) -> Result<Command, Problem> + Send + Sync,
    explain: impl Fn(Failure) -> Problem + Send + Sync,
) -> Result<Decided, Problem> {
    let after = |engine: &Engine, seen: Seq| {
        let mut command = compose(engine)?;
        series::complete(engine, &mut command);
        Ok(Command::After(seen, Box::new(command)))
    };
    told(executed(app, caller, needed, after, explain).await?)
}

/// The same for a command of any subject. `compose` gets the last *archived* record before memory had all that is needed.
///
/// # Errors
/// A refusal, for `explain` to word; a problem of `compose`.
pub async fn executed<C: Into<AnyCommand>>(
    app: &App,
    caller: &Caller,
    needed: &Needed,
    compose: impl Fn(&Engine, Seq) -> Result<C, Problem> + Send + Sync,
    explain: impl Fn(Failure) -> Problem + Send + Sync,
) -> Result<Executed, Problem> {
    for _ in 0..TRIES {
        let seen = archived::bring(app, caller.who, needed).await?;
        let mut wrong = None;
        let submit = |engine: &Engine, cause, done: Completion| match compose(engine, seen) {
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
            Err(Failure::Refused(Refusal::Repriced | Refusal::ArchiveMoved)) => {}
            Err(failure) => return Err(explain(failure)),
            Ok(executed) => return Ok(executed),
        }
    }
    let detail =
        "prices or the archive changed each time while this was decided; send it again with the same idempotency key";
    Err(Problem::new(Slug::Overloaded, detail))
}

fn told(Executed { outcome, replayed }: Executed) -> Result<Decided, Problem> {
    let thing = match outcome {
        Outcome::Put { thing: Some(thing), .. } => thing,
        outcome => return Err(unexpected(&outcome)),
    };
    match *thing {
        Thing::Orders(answer) => {
            let OrderAnswer { order, is_made } = *answer;
            Ok(Decided { order, is_made, replayed })
        }
        other => Err(unexpected(&Outcome::Put { seq: 0, thing: Some(Box::new(other)) })),
    }
}

/// The reply to a step. `tells_codes` is whether the caller made a pickup code, or sees codes anyway.
///
/// # Errors
/// The log cannot be read.
pub async fn reply(app: &App, caller: &Caller, decided: &Decided, tells_codes: bool) -> Result<Reply, Problem> {
    let Decided { order, is_made, replayed } = decided;
    let parts: Parts = match replayed {
        // The first answer had its fulfilments as they were.
        true => parts::as_of(app, caller, order).await?,
        false => parts::now(app, order),
    };
    let sees = Sees {
        codes: tells_codes || sight::sees_codes(caller, order),
        address: Box::new(|fulfilment| sight::sees_address(app, caller, fulfilment)),
    };
    let body = Record::of(&app.engine, order, &parts, &sees).to_json();
    let status = if *is_made { StatusCode::CREATED } else { StatusCode::OK };
    let reply = Reply::new(status, body).replayed(*replayed);
    Ok(if *is_made { reply.at(format!("/v1/orders/{}", order.name)) } else { reply })
}
