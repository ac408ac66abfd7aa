//! Stock that moved, stock that was counted.

use anaquel_engine::command::{Command, Outcome};
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::caller::Caller;
use crate::auth::sight::Sight;
use crate::http::problem::Problem;
use crate::http::reply::{Reply, unexpected};
use crate::subjects::stock::bodies as words;
use crate::subjects::stock::bodies::{CountsBody, MovementsBody};

/// Goods came in, were sold, came back, were corrected or broke.
///
/// # Errors
/// What is wrong with a movement, or why nothing is written now.
pub async fn movements(app: &App, caller: &Caller, body: MovementsBody) -> Result<Reply, Problem> {
    for (at, movement) in body.movements.iter().enumerate() {
        caller.acts_at(&format!("movements[{at}].location"), Some(&movement.location))?;
    }
    let movements = body.into_requests()?;
    let executed = app.execute(caller, |engine, cause, done| engine.move_stock(movements, cause, done)).await?;
    let Outcome::Moved { seq, rows } = &executed.outcome else { return Err(unexpected(&executed.outcome)) };
    let sight = Sight::of(&app.engine, caller);
    let items: Vec<Value> = rows.iter().map(|row| words::moved(&app.engine, row, &sight)).collect();
    Ok(Reply::ok(json!({"seq": seq, "items": items}).to_string()).replayed(executed.replayed))
}

/// Somebody counted.
///
/// # Errors
/// What is wrong with a count, or why nothing is written now.
pub async fn counts(app: &App, caller: &Caller, body: CountsBody) -> Result<Reply, Problem> {
    for (at, count) in body.counts.iter().enumerate() {
        caller.acts_at(&format!("counts[{at}].location"), Some(&count.location))?;
    }
    let command = Command::Count(body.into_counts()?);
    let executed = app.execute(caller, |engine, cause, done| engine.submit(command, cause, done)).await?;
    let Outcome::Counted { seq, rows } = &executed.outcome else { return Err(unexpected(&executed.outcome)) };
    let sight = Sight::of(&app.engine, caller);
    let items: Vec<Value> = rows.iter().map(|row| words::counted_row(&app.engine, row, &sight)).collect();
    Ok(Reply::ok(json!({"seq": seq, "items": items}).to_string()).replayed(executed.replayed))
}
