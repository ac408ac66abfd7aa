//! Gives the log to a node that follows: sealed batches, ticks while there are none, and the files of keys.

use std::time::Duration;

use anaquel_engine::ids::{Epoch, Seq};
use anaquel_engine::journal::{Chain, Head, ReadError};
use anaquel_engine::role::Role;
use axum::body::{Body, Bytes};
use axum::response::Response;
use futures_util::{StreamExt, stream};
use http::{HeaderValue, header};
use tokio::sync::watch;
use tokio::time::Instant;

use super::frame::{Frame, Hello};
use crate::app::App;
use crate::auth::principal::Principal;
use crate::http::problem::{Problem, Slug};
use crate::node::{FollowedBy, Tick};
use crate::subjects::operating::backup::key_files;

/// Bytes of batches in one frame.
const FRAME_BYTES: usize = 256 << 10;

/// How often a node that hears nothing else hears a tick.
const TICK: Duration = Duration::from_millis(100);

/// After a read, the next one waits this long, so that under load it finds many batches.
const GATHER: Duration = Duration::from_millis(2);

/// How often it is looked whether what is visible is synced.
const SYNC: Duration = Duration::from_millis(10);

/// The media type of the stream.
const MEDIA_TYPE: &str = "application/vnd.anaquel.log";

/// What is asked for.
#[derive(Default)]
pub struct Asked {
    /// The first record.
    pub from: Seq,
    /// The last record; without one, the stream goes on.
    pub until: Option<Seq>,
    /// The history that the record before it belongs to.
    pub epoch: Option<Epoch>,
    /// The chain at that record.
    pub chain: Option<Chain>,
}

/// Begins the stream.
///
/// # Errors
/// `gone` if the log no longer has the records, or has others; `overloaded` if this node is behind.
pub fn begin(app: App, principal: Option<Principal>, asked: &Asked) -> Result<Response, Problem> {
    let head = head_before(&app, asked)?;
    let given = Given {
        visible: app.visible.clone(),
        stopping: app.stopping.clone(),
        changes: app.auth.changes(),
        identity: String::new(),
        sent_files: Vec::new(),
        keys_changed: true,
        next_tick: Instant::now(),
        read_at: Instant::now(),
        until: asked.until.unwrap_or(Seq::MAX),
        is_over: false,
        principal,
        head,
        _counted: app.node.is_followed(),
        app,
    };
    let body = stream::unfold(given, Given::next).fuse();
    let mut response = Response::new(Body::from_stream(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// The head that the stream continues, which the asking node must have.
pub(super) fn head_before(app: &App, asked: &Asked) -> Result<Head, Problem> {
    let after = asked.from.checked_sub(1).ok_or_else(|| Problem::invalid("from", "is 0; records begin with 1"))?;
    let forked = |why: String| Problem::new(Slug::WrongState, why).with("state", "forked");
    if asked.epoch.is_some_and(|epoch| !app.engine.identity().has_told(epoch, after)) {
        let why = format!("epoch: record {after} of that epoch does not belong to this history");
        return Err(forked(why));
    }
    let visible = app.engine.state().view.seq();
    if after > visible {
        let why = format!("from: this node is at {visible}, and does not have record {after}");
        // A node that follows may get it yet.
        return Err(match app.engine.role() {
            Role::Replica => Problem::new(Slug::Overloaded, why),
            Role::Primary | Role::Demoted => forked(why),
        });
    }
    // The record before the first one must be there, to compare the chains.
    let gone = |oldest: Seq| {
        let what = format!("from: the log begins at {oldest}; begin anew with GET /v1/log/checkpoint");
        Problem::new(Slug::Gone, what).with("oldest", oldest)
    };
    let head = tokio::task::block_in_place(|| app.engine.head_at(after));
    match head {
        Ok(Some(head)) if asked.chain.is_none_or(|chain| chain == head.chain) => Ok(head),
        Ok(Some(_)) => Err(forked(format!("chain: this node has another record {after}"))),
        Ok(None) => Err(Problem::new(Slug::Overloaded, format!("from: record {after} is not visible"))),
        Err(ReadError::Trimmed { oldest }) => Err(gone(oldest)),
        Err(error) => Err(error.into()),
    }
}

/// The stream.
struct Given {
    app: App,
    principal: Option<Principal>,
    visible: watch::Receiver<Seq>,
    stopping: watch::Receiver<bool>,
    changes: watch::Receiver<u64>,
    head: Head,
    /// The identity as it was last sent.
    identity: String,
    sent_files: Vec<(String, Vec<u8>)>,
    /// The keys may differ from what was sent.
    keys_changed: bool,
    next_tick: Instant,
    read_at: Instant,
    until: Seq,
    is_over: bool,
    _counted: FollowedBy,
}

type Piece = Result<Bytes, std::io::Error>;

impl Given {
    async fn next(mut self) -> Option<(Piece, Self)> {
        if self.is_over {
            return None;
        }
        let mut out = Vec::new();
        while out.is_empty() {
            if let Err(why) = self.step(&mut out).await {
                self.is_over = true;
                Frame::End(why).write(&mut out);
            }
        }
        Some((Ok(out.into()), self))
    }

    /// Adds what is to be sent now, or waits.
    ///
    /// # Errors
    /// Why the stream ends.
    async fn step(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        if *self.stopping.borrow() {
            return Err("the node is stopping".to_owned());
        }
        if !self.app.auth.is_still_valid(self.principal.as_ref()) {
            return Err("the key is no longer valid".to_owned());
        }
        // However much there is to read: a key that is revoked, and contact, do not wait for it.
        if self.changes.has_changed().unwrap_or(false) {
            self.changes.mark_unchanged();
            self.keys_changed = true;
        }
        self.introduce(out).await?;
        self.tell_keys(out).await?;
        if Instant::now() >= self.next_tick {
            self.tick(out);
        }
        if !out.is_empty() {
            return Ok(());
        }
        let given = self.app.engine.given_up_to().min(self.until);
        if self.head.seq < given {
            tokio::time::sleep_until(self.read_at + GATHER).await;
            return self.read(out).await;
        }
        if self.head.seq >= self.until {
            return Err("this was the last record that was asked for".to_owned());
        }
        let after = self.head.seq;
        // What is visible and not given yet waits for a sync.
        let waits_for_sync = self.app.engine.state().view.seq() > after;
        let wake = if waits_for_sync { self.next_tick.min(Instant::now() + SYNC) } else { self.next_tick };
        tokio::select! {
            told = self.visible.wait_for(|visible| *visible > after), if !waits_for_sync => drop(told),
            told = self.stopping.wait_for(|stopping| *stopping) => drop(told),
            told = self.changes.changed() => self.keys_changed |= told.is_ok(),
            () = tokio::time::sleep_until(wake) => {}
        }
        Ok(())
    }

    /// Says who speaks, first, and whenever the log has another era.
    async fn introduce(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        let epoch = self.app.engine.epoch().to_string();
        if self
            .identity
            .lines()
            .filter_map(|line| line.strip_prefix("epoch "))
            .next_back()
            .is_some_and(|last| last.starts_with(&epoch))
        {
            return Ok(());
        }
        let engine = self.app.engine.clone();
        let read = tokio::task::spawn_blocking(move || engine.identity_file()).await;
        let identity = read.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        let identity = identity.ok_or("the log of this node is in memory")?;
        if self.identity.is_empty() {
            let hello = Hello {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                run: self.app.node.run,
                role: self.app.node.status(&self.app.engine).role.to_owned(),
                seq: self.app.engine.state().view.seq(),
                oldest: self.app.engine.oldest(),
                identity: identity.clone(),
            };
            Frame::Hello(Box::new(hello)).write(out);
        } else {
            Frame::History(identity.clone()).write(out);
        }
        self.identity = identity;
        Ok(())
    }

    /// Sends the files of keys, first, and whenever they change: a key that is revoked here is revoked on every node.
    async fn tell_keys(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        if std::mem::take(&mut self.keys_changed) {
            let (auth, data) = (self.app.config.auth.clone(), self.app.config.data.clone());
            let read = tokio::task::spawn_blocking(move || key_files(&auth, &data)).await;
            let files = read.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
            for file in files {
                let known = self.sent_files.iter().position(|(name, _)| *name == file.name);
                if known.and_then(|at| self.sent_files.get(at)).is_some_and(|(_, bytes)| *bytes == file.bytes) {
                    continue;
                }
                known.map(|at| self.sent_files.swap_remove(at));
                self.sent_files.push((file.name.clone(), file.bytes.clone()));
                Frame::File { name: file.name, bytes: file.bytes }.write(out);
            }
        }
        Ok(())
    }

    async fn read(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        let (engine, head, until) = (self.app.engine.clone(), self.head, self.until);
        let read = tokio::task::spawn_blocking(move || {
            let mut batches = engine.sealed_after(&head, FRAME_BYTES)?;
            // A batch is not cut: what was asked for may end within it.
            batches.truncate(batches.iter().take_while(|sealed| sealed.follows().seq < until).count());
            Ok::<_, ReadError>(batches)
        });
        let batches = read.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        self.read_at = Instant::now();
        if let Some(last) = batches.last() {
            self.head = *last.becomes();
            // An era that began during the read is told before its records.
            self.introduce(out).await?;
            Frame::Batches(batches).write(out);
        }
        Ok(())
    }

    /// A node that decides has its last record now, whatever of it is sent yet; a node that follows has what it was told;
    /// one that has stopped knows nothing.
    fn tick(&mut self, out: &mut Vec<u8>) {
        self.next_tick = Instant::now() + TICK;
        let App(app) = &self.app;
        let tick = match app.engine.role() {
            Role::Primary => {
                // In this order: what is decided in between makes the tick careful.
                let time = app.engine.now();
                Some(Tick { time, seq: app.engine.state().view.seq() })
            }
            Role::Replica => app.node.as_of(app.engine.state().view.seq()),
            Role::Demoted => None,
        };
        if let Some(tick) = tick {
            Frame::Tick(tick).write(out);
        }
    }
}
