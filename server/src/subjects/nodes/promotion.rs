//! Who decides.

use std::time::Duration;

use anaquel_engine::ids::{Epoch, Seq};
use anaquel_engine::journal::{Chain, Head};
use anaquel_engine::role::Role;
use serde_json::{Value, json};

use super::log::{self, Asked};
use super::promoted::WasPromoted;
use super::{join, upstream};
use crate::app::App;
use crate::cli::remote::Remote;
use crate::http::problem::{Problem, Slug};
use crate::node::NodeStatus;

/// How long the rest of the log of the node that stopped may take.
const REST: Duration = Duration::from_secs(30);

/// The most that a node may be behind, in milliseconds, to have the other one stop.
const NEAR_MS: u64 = 5000;

fn wrong_state(why: impl Into<String>, state: &str) -> Problem {
    Problem::new(Slug::WrongState, why.into()).with("state", state)
}

/// Makes this node decide.
///
/// # Errors
/// It decides already; the node that it follows did not stop; its directory cannot be written.
pub async fn promote(app: &App, i_stopped_it: bool) -> Result<Value, Problem> {
    let status = app.node.status(&app.engine);
    match (app.engine.role(), i_stopped_it) {
        (Role::Primary, _) => return Err(wrong_state("this node decides already", "primary")),
        (Role::Demoted, false) => {
            let why = "this node was told to stop; if the node that took over from it has stopped, for good, say \
                       i_stopped_it: what only that node has is lost";
            return Err(wrong_state(why, "replica"));
        }
        (Role::Replica, false) => take_the_rest(app, status.clone()).await?,
        (Role::Replica, true) if !status.is_stale => {
            let why = "i_stopped_it: the node that this one follows is running; stop it first, or promote without it";
            return Err(wrong_state(why, "replica"));
        }
        (Role::Replica | Role::Demoted, true) => {}
    }
    let contact = app.node.contact_age();
    let entropy = crate::random().map_err(|_| Problem::new(Slug::Internal, "there are no random numbers"))?;
    let (engine, data) = (app.engine.clone(), app.config.data.clone());
    let note = app.node.follows().map(|followed| WasPromoted { followed: followed.to_owned() });
    // To its end, also if the caller leaves.
    let promoted = tokio::task::spawn_blocking(move || {
        // Before: until the directory says that it decides, the note counts for nothing.
        if let Some(note) = note {
            note.write(&data).map_err(|error| format!("cannot note the promotion: {error}"))?;
        }
        let promoted = engine.promote(entropy)?;
        join::forget(&data);
        Ok::<_, String>(promoted)
    });
    let promoted = promoted.await.map_err(|error| Problem::new(Slug::Internal, error.to_string()))?;
    let promoted = promoted.map_err(|why| Problem::new(Slug::ReadOnly, why))?;
    tracing::warn!(epoch = %promoted.epoch, after = promoted.after, i_stopped_it, "this node decides from now on");
    let lost = i_stopped_it.then(|| {
        json!({
            "after": promoted.after,
            "known_seq": status.known_seq.filter(|known| *known > promoted.after),
            "contact_seconds": contact.map(|age| age.as_secs()),
        })
    });
    Ok(json!({"role": "primary", "epoch": promoted.epoch.to_string(), "after": promoted.after, "could_be_lost": lost}))
}

/// The end of this node's log.
fn end(app: &App) -> Result<Head, Problem> {
    let seq = app.engine.state().view.seq();
    let head = tokio::task::block_in_place(|| app.engine.head_at(seq))?;
    head.ok_or_else(|| Problem::new(Slug::Overloaded, format!("record {seq} is not visible; ask again")))
}

/// Has the node that is followed stop, and waits for all of its log. Whatever can be checked is checked before: a node that
/// has stopped does not go on.
async fn take_the_rest(app: &App, status: NodeStatus) -> Result<(), Problem> {
    let url = app.node.follows().unwrap_or_default();
    let not_yet = |why: String| wrong_state(format!("{why}; {url} was not told to stop"), "replica");
    let failed = |why: String| {
        let advice = "if it has stopped, for good, say i_stopped_it: what only that node has is lost then";
        wrong_state(format!("{url} could not be told to stop: {why}; {advice}"), "replica")
    };
    let remote = upstream::node_at(&app.config.nodes, url).map_err(|error| failed(format!("{error:#}")))?;
    // One that has stopped already says nothing of itself any more, and gives the rest of its log.
    if !status.is_stale || !has_stopped(&remote).await {
        if status.is_stale {
            return Err(failed(status.trouble.unwrap_or_else(|| "nothing is heard of it".to_owned())));
        }
        if let Some(trouble) = status.trouble {
            return Err(not_yet(format!("this node cannot go on following: {trouble}")));
        }
        match status.lag_ms {
            Some(lag_ms) if lag_ms <= NEAR_MS => {}
            Some(lag_ms) => {
                return Err(not_yet(format!("this node is {} seconds behind; ask again later", lag_ms / 1000)));
            }
            None => return Err(not_yet("this node does not know yet how far behind it is; ask again".to_owned())),
        }
    }
    let here = end(app)?;
    let body = json!({"epoch": here.history.to_string(), "seq": here.seq, "chain": here.chain.to_string()});
    let asked = upstream::ask(&remote, "POST", "/v1/demote", &body).await;
    let body = match asked {
        Ok(Ok(body)) => body,
        // It runs: what it has is not lost, and nobody says so.
        Ok(Err(refusal)) => {
            let why = format!("{url} does not stop: {}: {}", refusal.status, refusal.detail);
            return Err(wrong_state(why, "replica"));
        }
        Err(error) => return Err(failed(format!("{error:#}"))),
    };
    let told = upstream::whole(&remote, body).await.map_err(|error| failed(format!("{error:#}")))?;
    let seq = told.get("seq").and_then(Value::as_u64);
    let seq = seq.ok_or_else(|| failed("its answer does not say where it stopped".into()))?;
    let mut visible = app.visible.clone();
    // What was there at the start was never told as visible.
    if here.seq < seq {
        let _ = tokio::time::timeout(REST, visible.wait_for(|visible| *visible >= seq)).await;
    }
    let here = end(app)?;
    if here.seq < seq {
        let why = format!(
            "{url} stopped at record {seq}, and this node has only {}; ask again once it has the rest: {url} stays \
             stopped, and serves its log",
            here.seq
        );
        return Err(wrong_state(why, "replica"));
    }
    let chain = told.get("chain").and_then(Value::as_str);
    if here.seq != seq || chain != Some(here.chain.to_string().as_str()) {
        let why = format!(
            "{url} stopped at record {seq}, and this node has another record there, or more; nobody decides: compare both, \
             and say i_stopped_it to the one that shall go on"
        );
        return Err(wrong_state(why, "replica"));
    }
    Ok(())
}

/// Whether a node was told to stop, and runs.
async fn has_stopped(remote: &Remote) -> bool {
    let asked = async {
        let body = upstream::ask(remote, "GET", "/v1/info", &Value::Null).await.ok()?.ok()?;
        upstream::whole(remote, body).await.ok()
    };
    let told = asked.await.unwrap_or_default();
    told.pointer("/journal/health").and_then(Value::as_str) == Some("demoted")
}

/// Stops deciding.
///
/// # Errors
/// It follows another node; the node that is to take over does not continue its log; its directory cannot be written.
pub async fn demote(app: &App, taker: Option<(Epoch, Seq, Chain)>) -> Result<Value, Problem> {
    if app.engine.role() == Role::Replica {
        let follows = app.node.follows().unwrap_or_default();
        return Err(wrong_state(format!("this node follows {follows}, which decides"), "replica"));
    }
    if let Some((epoch, seq, chain)) = taker {
        // Before it stops: who has another log cannot take over.
        let from = seq.checked_add(1).ok_or_else(|| Problem::invalid("seq", "is no record"))?;
        let (epoch, chain) = if seq == 0 { (None, None) } else { (Some(epoch), Some(chain)) };
        log::head_before(app, &Asked { from, epoch, chain, until: None })?;
    }
    let (engine, data) = (app.engine.clone(), app.config.data.clone());
    let demoted = tokio::task::spawn_blocking(move || {
        let demoted = engine.demote()?;
        // Whom it followed once is nothing to the next start.
        if let Err(error) = WasPromoted::forget(&data) {
            tracing::warn!(%error, "cannot remove the note of a promotion");
        }
        Ok::<_, String>(demoted)
    });
    let demoted = demoted.await;
    let demoted = demoted.map_err(|error| Problem::new(Slug::Internal, error.to_string()))?;
    let demoted = demoted.map_err(|why| Problem::new(Slug::ReadOnly, why))?;
    tracing::warn!(epoch = %demoted.epoch, seq = demoted.seq, "this node decides no more; it never writes again in this history");
    let chain = end(app)?.chain.to_string();
    Ok(json!({"role": "replica", "epoch": demoted.epoch.to_string(), "seq": demoted.seq, "chain": chain}))
}
