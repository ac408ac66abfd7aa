//! Follows another node: connects, checks that both have one history, and gives the engine what comes.
//!
//! A connection that breaks is made again. What a new connection cannot mend is told to operators, and tried again slowly:
//! another history, a key that is refused. A node that is too far behind downloads a checkpoint while it goes on serving,
//! and starts again with it.

use std::sync::Arc;
use std::time::Duration;

use anaquel_engine::Engine;
use anaquel_engine::journal::Head;
use anaquel_engine::replica::FollowError;
use anaquel_engine::role::Role;
use bytes::BytesMut;
use http::StatusCode;
use http_body_util::BodyExt;

use super::frame::{Frame, Hello};
use super::{join, upstream};
use crate::app::App;
use crate::auth::files;
use crate::auth::revoked;
use crate::cli::remote::Remote;
use crate::node::LOST;

/// The pause before the first attempt after a break, and the longest one.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// The pause after what another attempt will hardly mend.
const LONG_PAUSE: Duration = Duration::from_secs(15);

/// How often contact is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// Starts to follow, if this node does.
pub fn start(app: &App) {
    tokio::spawn(look(app.clone()));
    if app.engine.role() == Role::Primary {
        return;
    }
    let Some(url) = app.node.follows().filter(|_| app.engine.role() == Role::Replica) else {
        tracing::warn!(
            "this node was told to stop deciding: it serves what it has; --follow URL has it follow another"
        );
        return;
    };
    match upstream::node_at(&app.config.nodes, url) {
        Ok(remote) => drop(tokio::spawn(follow(app.clone(), remote))),
        // Checked before the start.
        Err(error) => tracing::error!(error = format!("{error:#}"), "cannot follow"),
    }
}

/// Notices when contact is lost; a node that stops deciding has none.
async fn look(app: App) {
    let mut stopping = app.stopping.clone();
    loop {
        app.node.look(app.engine.role());
        if tokio::time::timeout(LOOK, stopping.wait_for(|stopping| *stopping)).await.is_ok() {
            return;
        }
    }
}

/// Why a connection ended.
enum Broke {
    /// Another attempt may succeed.
    Off(String),
    /// Another attempt will hardly succeed.
    Stays(String),
    /// The other node no longer has what comes next here.
    TooFarBehind(String),
    /// This node decides now.
    Promoted,
}

impl From<FollowError> for Broke {
    fn from(error: FollowError) -> Self {
        match error {
            FollowError::Seal(_) | FollowError::Unintroduced { .. } => Self::Off(error.to_string()),
            FollowError::Forked(_) | FollowError::Unreadable(_) | FollowError::Local(_) => {
                Self::Stays(error.to_string())
            }
            FollowError::Ends => Self::Promoted,
        }
    }
}

/// Follows until the server stops or this node decides.
async fn follow(app: App, remote: Remote) {
    let (mut pause, mut told) = (PAUSE, String::new());
    let mut stopping = app.stopping.clone();
    loop {
        let mut applied = 0;
        let broke = tokio::select! {
            broke = connect(&app, &remote, &mut applied) => broke,
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
        if app.engine.role() == Role::Primary {
            return;
        }
        if applied > 0 {
            pause = PAUSE;
        }
        let (why, wait) = match broke {
            Broke::Promoted => return,
            Broke::Off(why) => (why, pause),
            Broke::Stays(why) => (why, LONG_PAUSE),
            Broke::TooFarBehind(why) => match join::download(&app, &remote).await {
                // It was promoted meanwhile: what it has is the log now.
                Ok(()) if app.engine.role() == Role::Primary => {
                    join::forget(&app.config.data);
                    return;
                }
                Ok(()) => {
                    tracing::warn!(why, "a checkpoint was downloaded; this node starts again with it");
                    app.start_again();
                    return;
                }
                Err(error) => (format!("{why}; no checkpoint either: {error:#}"), LONG_PAUSE),
            },
        };
        app.node.is_in_trouble(why.clone());
        // The same reason is told once.
        if std::mem::replace(&mut told, why.clone()) != why {
            tracing::warn!(%remote, why, "the connection to the node that is followed broke; it is made again");
        }
        // Nodes that lost the same one do not all come back at once.
        let spread = getrandom::u32().unwrap_or_default() % 50;
        let wait = wait + wait / 100 * spread;
        if tokio::time::timeout(wait, stopping.wait_for(|stopping| *stopping)).await.is_ok() {
            return;
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Runs `work`, which may wait for the journal thread.
async fn off<T: Send + 'static>(app: &App, work: impl FnOnce(&Engine) -> T + Send + 'static) -> Result<T, Broke> {
    let engine = app.engine.clone();
    tokio::task::spawn_blocking(move || work(&engine)).await.map_err(|error| Broke::Off(error.to_string()))
}

/// One connection, to its end.
async fn connect(app: &App, remote: &Remote, applied: &mut u64) -> Broke {
    match try_connect(app, remote, applied).await {
        Ok(never) => match never {},
        Err(broke) => broke,
    }
}

async fn try_connect(app: &App, remote: &Remote, applied: &mut u64) -> Result<std::convert::Infallible, Broke> {
    let head = off(app, Engine::begin_following).await??;
    let path = path_of(&head);
    let asked = upstream::ask(remote, "GET", &path, &serde_json::Value::Null).await;
    let mut body = match asked.map_err(|error| Broke::Off(format!("{error:#}")))? {
        Ok(body) => body,
        Err(refusal) => {
            let why = format!("{remote}: {}: {}", refusal.status, refusal.detail);
            return Err(match refusal.status {
                StatusCode::GONE => Broke::TooFarBehind(why),
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::CONFLICT | StatusCode::NOT_FOUND => {
                    Broke::Stays(why)
                }
                _ => Broke::Off(why),
            });
        }
    };
    tracing::info!(%remote, from = head.seq + 1, "following");
    let mut received = BytesMut::new();
    loop {
        let next = tokio::time::timeout(LOST, body.frame()).await;
        let next =
            next.map_err(|_| Broke::Off(format!("{remote}: nothing was heard for {} seconds", LOST.as_secs())))?;
        let Some(frame) = next else { return Err(Broke::Off(format!("{remote}: the stream ended"))) };
        let data = frame.map_err(|error| Broke::Off(format!("{remote}: {error}")))?.into_data();
        received.extend_from_slice(&data.unwrap_or_default());
        while let Some(frame) = Frame::take(&mut received).map_err(Broke::Off)? {
            hear(app, remote, frame, applied).await?;
        }
    }
}

/// What is asked for: what follows this node's last record, from a node that has the same one.
fn path_of(head: &Head) -> String {
    let from = head.seq + 1;
    // Before the first record, every history is the same.
    match head.seq {
        0 => format!("/v1/log?from={from}"),
        _ => format!("/v1/log?from={from}&epoch={}&chain={}", head.history, head.chain),
    }
}

async fn hear(app: &App, remote: &Remote, frame: Frame, applied: &mut u64) -> Result<(), Broke> {
    match frame {
        Frame::Hello(hello) => {
            let Hello { run, identity, .. } = *hello;
            if run == app.node.run {
                return Err(Broke::Stays(format!("{remote} is this node itself")));
            }
            off(app, move |engine| engine.follow_identity(identity)).await??;
        }
        Frame::History(identity) => off(app, move |engine| engine.follow_identity(identity)).await??,
        Frame::Batches(batches) => {
            *applied += batches.len() as u64;
            off(app, move |engine| engine.follow(batches)).await??;
        }
        Frame::Tick(tick) => {
            app.engine.follow_time(tick.time);
            app.node.ticks(tick);
            // Only these: the node that is followed may have no contact itself, and goes on serving what it has.
            app.node.hears();
        }
        Frame::File { name, bytes } => keep_file(app, &name, bytes).await,
        Frame::End(why) => return Err(Broke::Off(format!("{remote}: {why}"))),
        Frame::Unknown(_) => {}
    }
    match app.engine.follow_trouble() {
        Some(trouble) => Err(trouble.into()),
        None => Ok(()),
    }
}

/// The keys of the node that is followed are those of this one, unless its operator keeps them elsewhere.
async fn keep_file(app: &App, name: &str, bytes: Vec<u8>) {
    let keys = match name {
        "keys.json" if app.config.auth.keys.is_none() => Some(app.config.auth.keys_path(&app.config.data)),
        revoked::FILE_NAME => None,
        _ => return,
    };
    let auth = Arc::clone(&app.auth);
    let kept = tokio::task::spawn_blocking(move || match keys {
        Some(path) if std::fs::read(&path).is_ok_and(|known| known == bytes) => Ok(()),
        Some(path) => {
            files::replace(&path, &bytes)?;
            auth.look_again()
        }
        // What was revoked on either node stays revoked.
        None => auth.revoke_all(&bytes),
    });
    match kept.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::error!(name, error = format!("{error:#}"), "cannot keep the keys of the node that is followed")
        }
        Err(error) => tracing::error!(name, %error, "cannot keep the keys of the node that is followed"),
    }
}
