//! Server-Sent Events: the same messages for pages behind proxies that break WebSockets.

use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use anaquel_engine::feed::{Cursor, Start};
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, HeaderValue, Uri, header};
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval_at};

use crate::app::App;
use crate::auth::principal::Principal;
use crate::http::budget::Payer;
use crate::http::extract::Params;
use crate::http::problem::{Problem, Slug};
use crate::stream::contact::{lost, may_begin, reach};
use crate::stream::frame::{ClientId, Frame};
use crate::stream::measures::Measures;
use crate::stream::request::{mode, read_cursor, selection};
use crate::stream::session::{Progress, Session};
use crate::stream::streams::{Entered, stopped};

/// How long a browser waits before it reconnects.
const RETRY_MS: u64 = 1000;

/// Live stock as Server-Sent Events.
#[utoipa::path(
    get, path = "/v1/stream/sse", tag = "live", security(("key" = ["read"])),
    params(
        ("sku" = Option<Vec<String>>, Query, description = "These SKUs; all of the locations if left out"),
        ("location" = Option<Vec<String>>, Query, description = "At these locations"),
        ("group" = Option<Vec<String>>, Query, description = "At the locations of these groups; all locations if \
            neither is given"),
        ("channel" = Option<String>, Query, description = "The channel that sells; its buffer is subtracted"),
        ("mode" = Option<String>, Query, description = "conflated (default) or lossless"),
        ("cursor" = Option<String>, Query, description = "Resume at this cursor, if `Last-Event-ID` cannot be sent"),
        ("Last-Event-ID" = Option<String>, Header, description = "Resume at the event with this id, a cursor")
    ),
    responses(
        (status = 200, content_type = "text/event-stream", body = Object,
         description = "Events snapshot, delta, reset, heartbeat, error and closed; the id is the cursor"),
        (status = 400, description = "invalid-request"), (status = 429, description = "too-many-requests"),
        (status = 503, description = "overloaded: stream.sockets are open")
    )
)]
pub async fn sse(
    State(app): State<App>,
    principal: Option<Extension<Principal>>,
    payer: Payer,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let (skus, locations, groups) = (params.all("sku"), params.all("location"), params.all("group"));
    let (channel, mode_text, cursor) = (params.one("channel")?, params.one("mode")?, params.one("cursor")?);
    params.done()?;
    let selection = selection(&skus, &locations, &groups, channel.as_deref())?;
    // `Last-Event-ID`, which the browser sets, is newer than the cursor in the address.
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty());
    let start = last.or(cursor.as_deref()).map_or(Ok(Start::Fresh), read_cursor)?;
    may_begin(&app)?;
    if !reach(&app, &start).await {
        let why = "cursor: this node is behind the one that gave it; try again, or another node";
        return Err(Problem::new(Slug::Overloaded, why));
    }
    let permit = app.streams.enter(payer.who)?;
    let patience = Duration::from_secs(app.config.stream.idle_seconds);
    if let Some(link) = payer.link.filter(|link| !link.is_http2()) {
        link.set_patience(patience);
    }
    let mut session = Session::new(app.clone(), payer.who);
    session.subscribe(ClientId::new("sse".into()), selection, mode(mode_text.as_deref())?, start)?;
    let every = Duration::from_secs(app.config.stream.heartbeat_seconds);
    let mut heartbeats = interval_at(tokio::time::Instant::now() + every, every);
    heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (chunks, body) = mpsc::channel(1);
    let principal = principal.map(|Extension(principal)| principal);
    let events = Events { app, session, principal, chunks, heartbeats, _permit: permit };
    tokio::spawn(events.run());
    let body = stream::unfold(body, |mut body| async move { Some((body.recv().await?, body)) }).fuse();
    let mut response = Response::new(Body::from_stream(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Buffering proxies would hold events back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

struct Events {
    app: App,
    session: Session,
    /// The principal; `None` if the server does not authenticate callers.
    principal: Option<Principal>,
    chunks: mpsc::Sender<Result<Bytes, Infallible>>,
    heartbeats: Interval,
    _permit: Entered,
}

impl Events {
    /// Writes events until the client disconnects, the server stops, or there are no more messages. One chunk is in
    /// flight at a time, so a slow client costs only what the feed keeps for it.
    async fn run(mut self) {
        let mailbox = Arc::clone(&self.session.mailbox);
        let mut stopping = self.app.stopping.clone();
        let mut out = format!("retry: {RETRY_MS}\n\n");
        let mut beats = false;
        let mut changes = self.app.auth.changes();
        let mut losses = self.app.node.losses();
        while self.send(&mut out).await && !*stopping.borrow() && !self.session.is_empty() {
            if !self.app.auth.is_still_valid(self.principal.as_ref()) {
                Measures::closed("unauthorized");
                return;
            }
            match self.session.tell(|frame| write_event(&mut out, &frame)) {
                Progress::More => {}
                // Pending messages were sent first, so the heartbeat is current.
                Progress::All | Progress::Waits if std::mem::take(&mut beats) => {
                    let text = self.session.heartbeat();
                    write_event(&mut out, &Frame { kind: "heartbeat", text, cursor: self.session.cursor() });
                }
                Progress::All | Progress::Waits => {
                    tokio::select! {
                        () = stopped(&mut stopping) => {}
                        () = lost(&mut losses) => return Measures::closed("try-again-later"),
                        () = self.chunks.closed() => {}
                        () = mailbox.woken() => {}
                        () = self.session.turn(false) => {}
                        Ok(()) = changes.changed() => {}
                        _ = self.heartbeats.tick() => beats = true,
                    }
                }
                Progress::TooFarBehind(frame) => {
                    Measures::closed("too-far-behind");
                    write_event(&mut out, &frame);
                    self.send(&mut out).await;
                    return;
                }
            }
        }
        self.send(&mut out).await;
    }

    /// Sends the written events; false if the client is gone. A client that reads nothing for the idle limit of a
    /// socket counts as gone.
    async fn send(&mut self, out: &mut String) -> bool {
        if out.is_empty() {
            return !self.chunks.is_closed();
        }
        let patience = Duration::from_secs(self.app.config.stream.idle_seconds);
        let chunk = Bytes::from(std::mem::take(out));
        match self.session.within(patience, self.chunks.send(Ok(chunk))).await {
            Some(sent) => sent.is_ok(),
            None => {
                Measures::closed("not-reading");
                false
            }
        }
    }
}

fn write_event(out: &mut String, frame: &Frame) {
    if let Some(cursor) = &frame.cursor {
        let cursor: &Cursor = cursor;
        let _ = writeln!(out, "id: {cursor}");
    } else if frame.kind == "reset" {
        // An empty id: if the connection breaks before the snapshot, the client must not resume.
        out.push_str("id\n");
    }
    let _ = write!(out, "event: {}\ndata: {}\n\n", frame.kind, frame.text);
}
