//! Who decides.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anaquel_engine::ids::Seq;
use anaquel_engine::role::Role;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::upstream;
use crate::app::App;
use crate::auth::files;
use crate::http::problem::{Problem, Slug};

/// How long the rest of the log of the node that stopped may take.
const REST: Duration = Duration::from_secs(30);

/// The file by which a node remembers that it was promoted, although its command line may still say whom to follow.
const FILE_NAME: &str = "promoted.json";

/// What it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WasPromoted {
    /// The node that it followed.
    pub followed: String,
    /// The epoch that began.
    pub epoch: String,
    /// The last record before it.
    pub after: Seq,
}

impl WasPromoted {
    fn path(data: &Path) -> PathBuf {
        data.join(FILE_NAME)
    }

    /// Reads the file of a data directory; `None` if there is none.
    ///
    /// # Errors
    /// The file is unreadable.
    pub fn read(data: &Path) -> anyhow::Result<Option<Self>> {
        let path = Self::path(data);
        match std::fs::read(&path) {
            Ok(bytes) => {
                let read = serde_json::from_slice(&bytes);
                read.map(Some).with_context(|| path.display().to_string())
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| path.display().to_string()),
        }
    }

    fn write(&self, data: &Path) -> std::io::Result<()> {
        files::replace(&Self::path(data), serde_json::to_string_pretty(self).unwrap_or_default().as_bytes())
    }

    /// The directory follows again.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn forget(data: &Path) -> std::io::Result<()> {
        match std::fs::remove_file(Self::path(data)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn wrong_state(why: impl Into<String>, state: &str) -> Problem {
    Problem::new(Slug::WrongState, why.into()).with("state", state)
}

/// Makes this node decide.
///
/// # Errors
/// It decides already; the node that it follows did not stop; its directory cannot be written.
pub async fn promote(app: &App, i_stopped_it: bool) -> Result<Value, Problem> {
    let told = app.node.told(&app.engine);
    match (app.engine.role(), i_stopped_it) {
        (Role::Primary, _) => return Err(wrong_state("this node decides already", "primary")),
        (Role::Demoted, false) => {
            let why = "this node was told to stop; if the node that took over from it has stopped, for good, say \
                       i_stopped_it: what only that node has is lost";
            return Err(wrong_state(why, "replica"));
        }
        (Role::Replica, false) => take_the_rest(app).await?,
        (Role::Replica, true) if !told.is_stale => {
            let why = "i_stopped_it: the node that this one follows is running; stop it first, or promote without it";
            return Err(wrong_state(why, "replica"));
        }
        (Role::Replica | Role::Demoted, true) => {}
    }
    let contact = app.node.contact_age();
    let entropy = crate::random().map_err(|_| Problem::new(Slug::Internal, "there are no random numbers"))?;
    let engine = app.engine.clone();
    let promoted = tokio::task::spawn_blocking(move || engine.promote(entropy)).await;
    let promoted = promoted.map_err(|error| Problem::new(Slug::Internal, error.to_string()))?;
    let promoted = promoted.map_err(|why| Problem::new(Slug::ReadOnly, why))?;
    let followed = app.node.follows().unwrap_or_default().to_owned();
    let remembered = WasPromoted { followed, epoch: promoted.epoch.to_string(), after: promoted.after };
    if let Err(error) = remembered.write(&app.config.data) {
        tracing::error!(%error, "cannot note the promotion: remove --follow from the command line of this node");
    }
    tracing::warn!(epoch = %promoted.epoch, after = promoted.after, i_stopped_it, "this node decides from now on");
    let lost = i_stopped_it.then(|| {
        json!({
            "after": promoted.after,
            "known_seq": told.known_seq.filter(|known| *known > promoted.after),
            "contact_seconds": contact.map(|age| age.as_secs()),
        })
    });
    Ok(json!({"role": "primary", "epoch": promoted.epoch.to_string(), "after": promoted.after, "could_be_lost": lost}))
}

/// Has the node that is followed stop, and waits for all of its log.
async fn take_the_rest(app: &App) -> Result<(), Problem> {
    let url = app.node.follows().unwrap_or_default();
    let failed = |why: String| {
        let advice = "if it has stopped, for good, say i_stopped_it: what only that node has is lost then";
        wrong_state(format!("{url} could not be told to stop: {why}; {advice}"), "replica")
    };
    let remote = upstream::node_at(&app.config.nodes, url).map_err(|error| failed(format!("{error:#}")))?;
    let asked = upstream::ask(&remote, "POST", "/v1/demote", &json!({})).await;
    let body = match asked {
        Ok(Ok(body)) => body,
        Ok(Err(refusal)) => return Err(failed(format!("{}: {}", refusal.status, refusal.detail))),
        Err(error) => return Err(failed(format!("{error:#}"))),
    };
    let told = upstream::whole(&remote, body).await.map_err(|error| failed(format!("{error:#}")))?;
    let seq = told.get("seq").and_then(Value::as_u64);
    let seq = seq.ok_or_else(|| failed("its answer does not say where it stopped".into()))?;
    let mut visible = app.visible.clone();
    let here = app.engine.state().view.seq();
    let has_all = here >= seq || tokio::time::timeout(REST, visible.wait_for(|visible| *visible >= seq)).await.is_ok();
    if has_all {
        return Ok(());
    }
    let here = app.engine.state().view.seq();
    let why = format!(
        "{url} stopped at record {seq}, and this node has only {here}; ask again once it has the rest: {url} stays \
         stopped, and serves its log"
    );
    Err(wrong_state(why, "replica"))
}

/// Stops deciding.
///
/// # Errors
/// It follows another node; its directory cannot be written.
pub async fn demote(app: &App) -> Result<Value, Problem> {
    if app.engine.role() == Role::Replica {
        let follows = app.node.follows().unwrap_or_default();
        return Err(wrong_state(format!("this node follows {follows}, which decides"), "replica"));
    }
    let engine = app.engine.clone();
    let demoted = tokio::task::spawn_blocking(move || engine.demote()).await;
    let demoted = demoted.map_err(|error| Problem::new(Slug::Internal, error.to_string()))?;
    let demoted = demoted.map_err(|why| Problem::new(Slug::ReadOnly, why))?;
    tracing::warn!(epoch = %demoted.epoch, seq = demoted.seq, "this node decides no more; it never writes again in this history");
    Ok(json!({"role": "replica", "epoch": demoted.epoch.to_string(), "seq": demoted.seq}))
}
