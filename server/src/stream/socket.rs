//! The WebSocket: pipelined subscriptions and commands on one connection.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anaquel_engine::feed::{Start, TrackError};
use axum::Extension;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, SinkExt, StreamExt};
use http::{HeaderMap, Uri};
use tokio::time::{MissedTickBehavior, interval_at, timeout};

use crate::app::App;
use crate::auth::principal::{PROTOCOL, Peer, Principal};
use crate::config::StreamConfig;
use crate::http::budget::Payer;
use crate::http::budget::answers::Held;
use crate::http::problem::{Problem, Slug};
use crate::http::reply::Reply;
use crate::stream::contact::{lost, may_begin, reach};
use crate::stream::follow::follower::Followed;
use crate::stream::frame::{self, ClientId};
use crate::stream::measures::Measures;
use crate::stream::request::{self, Command, Request};
use crate::stream::session::{Progress, Session};
use crate::stream::streams::{Entered, exceeded, stopped};

/// Buffer sizes for reads and writes. The library's defaults, 128 KiB each, would be most of the cost of an idle
/// socket.
const BUFFER_BYTES: usize = 4096;

/// The largest unsent frame. A delta of `stream.dirty_cells` cells and an answer of `limits.response_cells` with the
/// longest names stay below it.
const WRITE_BYTES_MAX: usize = 64 << 20;

/// Concurrent commands of one socket; at the limit, reads pause until one ends.
const COMMANDS_MAX: usize = 256;

/// Messages that are read before their results are written.
const READS_A_TURN: usize = 64;

/// How long the closing handshake may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// Polls of the session before the socket is read again.
const TELLS_A_TURN: usize = 8;

/// Why the server closes a socket.
#[derive(Debug, Clone, Copy)]
struct Ending {
    code: u16,
    reason: &'static str,
}

const HELLO_TIMEOUT: Ending = Ending { code: 4002, reason: "hello-timeout" };
const IDLE_TIMEOUT: Ending = Ending { code: 4003, reason: "idle-timeout" };
const UNAUTHORIZED: Ending = Ending { code: 4401, reason: "unauthorized" };
const TOO_FAR_BEHIND: Ending = Ending { code: 4008, reason: "too-far-behind" };
const TOO_LARGE: Ending = Ending { code: 1009, reason: "message-too-large" };
const NOT_TEXT: Ending = Ending { code: 1007, reason: "invalid-utf-8" };
const BAD_PROTOCOL: Ending = Ending { code: 1002, reason: "protocol-error" };
const TRY_LATER: Ending = Ending { code: 1013, reason: "try-again-later" };
const RESTART: Ending = Ending { code: 1012, reason: "server-stopping" };

/// Live stock, and commands, over a WebSocket.
///
/// The AsyncAPI document at `/asyncapi.json` describes its messages.
#[utoipa::path(
    get, path = "/v1/stream", tag = "live", security(("key" = ["read"])),
    responses(
        (status = 101, description = "Switching to the WebSocket protocol"),
        (status = 400, description = "invalid-request: not a WebSocket handshake"),
        (status = 403, description = "forbidden: a page of an origin that is not allowed"),
        (status = 503, description = "overloaded: stream.sockets are open")
    )
)]
pub async fn socket(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    principal: Option<Extension<Principal>>,
    peer: Option<Extension<Peer>>,
    payer: Payer,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    app.auth.origins.check(&uri, &headers, app.auth.is_locked())?;
    let principal = principal.map(|Extension(principal)| principal);
    let address = peer.map(|Extension(Peer(peer, _))| peer.ip());
    let upgrade = upgrade.map_err(|rejection| {
        Problem::invalid(
            "Upgrade",
            format!(
                "this path requires a WebSocket handshake, and this one is wrong: \
            {rejection}"
            ),
        )
    })?;
    may_begin(&app)?;
    let permit = app.streams.enter(payer.who)?;
    if let Some(link) = &payer.link {
        link.set_patience(Duration::from_secs(app.config.stream.idle_seconds));
    }
    let upgrade = upgrade
        .protocols([PROTOCOL])
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_write_buffer_size(WRITE_BYTES_MAX + BUFFER_BYTES)
        .max_message_size(app.config.stream.message_bytes)
        .max_frame_size(app.config.stream.message_bytes);
    Ok(upgrade.on_upgrade(move |socket| Connection::new(app, socket, principal, address, payer, permit).run()))
}

/// An answer, and its reserved room if it is large.
type Answer = (String, Option<Arc<Held>>);

type Running = futures_util::future::BoxFuture<'static, Answer>;

struct Connection {
    app: App,
    socket: WebSocket,
    session: Session,
    /// The principal; `None` if the server does not authenticate callers.
    principal: Option<Principal>,
    address: Option<IpAddr>,
    payer: Payer,
    /// The room of answers that are written but not flushed.
    unsent: Vec<Arc<Held>>,
    commands: FuturesUnordered<Running>,
    /// When the client last sent anything.
    heard: Instant,
    pinged: bool,
    greeted: bool,
    /// A subscription resumes from a cursor: send a heartbeat as soon as the messages are complete.
    resumes: bool,
    _permit: Entered,
}

/// How a connection ended.
enum End {
    /// The client closed it.
    Gone,
    /// The server closes it.
    Closing(Ending, String),
}

impl From<axum::Error> for End {
    fn from(_: axum::Error) -> Self {
        Self::Gone
    }
}

impl From<Ending> for End {
    fn from(ending: Ending) -> Self {
        Self::Closing(ending, ending.reason.to_owned())
    }
}

impl Connection {
    fn new(
        app: App,
        socket: WebSocket,
        principal: Option<Principal>,
        address: Option<IpAddr>,
        payer: Payer,
        permit: Entered,
    ) -> Self {
        let session = Session::new(app.clone(), payer.who);
        let commands = FuturesUnordered::new();
        Self {
            app,
            socket,
            session,
            principal,
            address,
            payer,
            unsent: Vec::new(),
            commands,
            heard: Instant::now(),
            pinged: false,
            greeted: false,
            resumes: false,
            _permit: permit,
        }
    }

    async fn run(mut self) {
        let Err(end) = self.serve().await;
        self.session.give_up_turn();
        match end {
            // Sends the reply to the client's close frame, if there was one.
            End::Gone => drop(timeout(FAREWELL, self.socket.flush()).await),
            End::Closing(Ending { code, reason }, text) => {
                Measures::closed(reason);
                tracing::debug!(code, reason, "closed a stream");
                let close = Message::Close(Some(CloseFrame { code, reason: text.into() }));
                let farewell = async {
                    if self.socket.send(close).await.is_ok() {
                        // Reads what the client still sends: unread data would reset the connection and could lose
                        // the close frame.
                        while let Some(Ok(_)) = self.socket.next().await {}
                    }
                };
                let _ = timeout(FAREWELL, farewell).await;
            }
        }
    }

    async fn serve(&mut self) -> Result<std::convert::Infallible, End> {
        let StreamConfig { heartbeat_seconds, .. } = self.app.config.stream;
        let every = Duration::from_secs(heartbeat_seconds);
        let mailbox = std::sync::Arc::clone(&self.session.mailbox);
        let mut stopping = self.app.stopping.clone();
        let mut changes = self.app.auth.changes();
        let mut losses = self.app.node.losses();
        // From here on the session receives key changes; check those from before.
        self.look_again()?;
        let mut heartbeats = interval_at(tokio::time::Instant::now() + every, every);
        heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut had_turn = false;
        loop {
            let more = self.tell().await?;
            // After a turn, the client's requests go first.
            let last = std::mem::take(&mut had_turn);
            tokio::select! {
                biased;
                () = stopped(&mut stopping) => return Err(self.finish().await?),
                () = lost(&mut losses) => return Err(TRY_LATER.into()),
                Ok(()) = changes.changed() => self.look_again()?,
                _ = heartbeats.tick() => self.beat().await?,
                () = self.session.turn(last) => had_turn = true,
                Some(answer) = self.commands.next(), if !self.commands.is_empty() => self.answer(answer).await?,
                message = self.socket.next(), if self.commands.len() < COMMANDS_MAX => self.hear(message).await?,
                () = mailbox.woken() => {}
                () = std::future::ready(()), if more => {}
            }
        }
    }

    /// Answers running commands, and sends the pending messages.
    async fn finish(&mut self) -> Result<End, End> {
        self.session.give_up_turn();
        let answers = async {
            while let Some(answer) = self.commands.next().await {
                self.write_answer(answer).await?;
            }
            while self.tell().await? {}
            self.flush().await
        };
        match timeout(FAREWELL, answers).await {
            Ok(Err(end)) => Err(end),
            Ok(Ok(())) | Err(_) => Ok(RESTART.into()),
        }
    }

    /// Writes the messages of the subscriptions. Returns whether there may be more.
    async fn tell(&mut self) -> Result<bool, End> {
        let mut frames = Vec::new();
        let mut wrote = false;
        for _ in 0..TELLS_A_TURN {
            let told = self.session.tell(|frame| frames.push(frame.text));
            for text in frames.drain(..) {
                wrote = true;
                self.write(text).await?;
            }
            match told {
                Progress::More => {}
                told @ (Progress::All | Progress::Waits) => {
                    if matches!(told, Progress::All) && std::mem::take(&mut self.resumes) {
                        let heartbeat = self.session.heartbeat();
                        self.write(heartbeat).await?;
                        wrote = true;
                    }
                    if wrote {
                        self.flush().await?;
                    }
                    return Ok(false);
                }
                Progress::TooFarBehind(frame) => {
                    let text = frame.cursor.map_or_else(String::new, |cursor| format!("too-far-behind {cursor}"));
                    let heartbeat = self.session.heartbeat();
                    self.write(heartbeat).await?;
                    self.flush().await?;
                    return Err(End::Closing(TOO_FAR_BEHIND, text));
                }
            }
        }
        self.flush().await?;
        Ok(true)
    }

    /// Writes an answer, and the other answers that are ready.
    async fn answer(&mut self, answer: Answer) -> Result<(), End> {
        self.write_answer(answer).await?;
        while let Some(Some(answer)) = self.commands.next().now_or_never() {
            self.write_answer(answer).await?;
        }
        self.flush().await
    }

    /// Queues an answer for sending; its room is freed after the write.
    async fn write_answer(&mut self, (text, held): Answer) -> Result<(), End> {
        self.unsent.extend(held);
        self.write(text).await?;
        if self.unsent.is_empty() { Ok(()) } else { self.flush().await }
    }

    /// Reads a message, and those that arrived with it.
    async fn hear(&mut self, first: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        let mut next = first;
        let mut answered = false;
        for left in (0..READS_A_TURN).rev() {
            let Some(message) = next else { return Err(End::Gone) };
            (self.heard, self.pinged) = (Instant::now(), false);
            let answer = match message {
                Ok(Message::Text(text)) => self.take(text.as_str()).await?,
                Ok(Message::Binary(_)) => {
                    let problem = Problem::invalid("message", "is binary; send JSON as text");
                    Some(self.refuse(None, &problem))
                }
                Ok(Message::Ping(_) | Message::Pong(_)) => None,
                Ok(Message::Close(_)) => return Err(End::Gone),
                Err(error) => return Err(self.broken(&error).await),
            };
            if let Some(answer) = answer {
                answered = true;
                self.write(answer).await?;
            }
            if left == 0 || self.commands.len() >= COMMANDS_MAX {
                break;
            }
            match self.socket.next().now_or_never() {
                Some(message) => next = message,
                None => break,
            }
        }
        // Polls the new commands: most of them start at once.
        while let Some(Some(answer)) = self.commands.next().now_or_never() {
            answered = true;
            self.write_answer(answer).await?;
        }
        if answered {
            self.flush().await?;
        }
        Ok(())
    }

    /// Runs or starts the request in a message; returns the answer if it is known at once.
    async fn take(&mut self, text: &str) -> Result<Option<String>, End> {
        self.greeted = true;
        let identity = self.principal.as_ref().map(|principal| principal.identity.as_ref());
        if let Err(problem) = self.app.auth.has_room_for(self.address, identity) {
            // The error answer names the request, if its id can be parsed.
            let (id, _) = request::read(self.app.config.idempotency.required, self.principal.as_ref(), text);
            return Ok(Some(self.refuse(id.as_ref(), &problem)));
        }
        let (id, request) = request::read(self.app.config.idempotency.required, self.principal.as_ref(), text);
        if let Ok(Request::Subscribe { start, .. } | Request::Follow { start, .. }) = &request
            && !reach(&self.app, start).await
        {
            return Err(TRY_LATER.into());
        }
        Ok(match (id, request) {
            (id, Err(problem)) => Some(self.refuse(id.as_ref(), &problem)),
            (None, Ok(_)) => None,
            (Some(id), Ok(request)) => {
                let started = self.start(&id, request);
                started.unwrap_or_else(|problem| Some(self.refuse(Some(&id), &problem)))
            }
        })
    }

    /// Starts a request. Returns its answer if it is complete; otherwise the answer follows as a separate message.
    fn start(&mut self, id: &ClientId, request: Request) -> Result<Option<String>, Problem> {
        match request {
            Request::Subscribe { selection, mode, start, names } => {
                self.session.subscribe(id.clone(), selection, mode, start)?;
                self.session.name(id, names);
                self.resumes |= matches!(start, Start::Cursor(_));
            }
            Request::Track(skus) => self.session.find(id)?.track(&skus).map_err(track_error)?,
            Request::Untrack(skus) => self.session.find(id)?.untrack(&skus).map_err(track_error)?,
            Request::Unsubscribe => {
                self.session.unsubscribe(id)?;
                return Ok(Some(frame::result(id, &Reply::default())));
            }
            Request::Follow { asked, start } => return self.follow(id, &asked, start).map(Some),
            Request::Command(command) => {
                let command = command.from(self.address);
                self.commands.push(run(self.app.clone(), self.payer.clone(), id.clone(), command));
            }
        }
        Ok(None)
    }

    /// Follows records. The answer says from where on; if the cursor cannot be resumed, it is a reset that says why.
    fn follow(&mut self, id: &ClientId, asked: &Followed, start: Start) -> Result<String, Problem> {
        let identity = self.principal.as_ref().map(|principal| Arc::clone(&principal.identity));
        let (cursor, reset) = self.session.follow(id.clone(), asked, identity, start)?;
        self.resumes |= matches!(start, Start::Cursor(_));
        Ok(match reset {
            None => frame::follows(id, cursor),
            Some(reason) => {
                self.app.streams.measures.resets.increment(1);
                frame::begins_anew(id, reason, cursor)
            }
        })
    }

    fn refuse(&self, id: Option<&ClientId>, problem: &Problem) -> String {
        self.app.streams.measures.errors.increment(1);
        problem.count();
        frame::error(id, problem)
    }

    /// A protocol error: explains it and closes.
    async fn broken(&mut self, error: &axum::Error) -> End {
        let most = self.app.config.stream.message_bytes;
        let text = error.to_string();
        let (ending, problem) = if text.contains("too long") || text.contains("too big") {
            let detail = format!("stream.message_bytes: a message has at most {most} bytes; send less");
            (TOO_LARGE, Problem::new(Slug::PayloadTooLarge, detail).with("limit", "stream.message_bytes"))
        } else if text.to_ascii_lowercase().contains("utf") {
            (NOT_TEXT, Problem::invalid("message", "is not UTF-8; send UTF-8"))
        } else if text.contains("protocol") {
            (BAD_PROTOCOL, Problem::new(Slug::InvalidRequest, format!("the frame violates the protocol: {text}")))
        } else {
            return End::Gone;
        };
        let told = self.refuse(None, &problem);
        if self.write(told).await.is_err() || self.flush().await.is_err() {
            return End::Gone;
        }
        ending.into()
    }

    /// Checks the principal again: its key may be revoked, its token expired, or the server may now require keys.
    fn look_again(&self) -> Result<(), End> {
        if self.app.auth.is_still_valid(self.principal.as_ref()) { Ok(()) } else { Err(UNAUTHORIZED.into()) }
    }

    /// Sends a heartbeat, and checks that the client is alive.
    async fn beat(&mut self) -> Result<(), End> {
        self.look_again()?;
        let StreamConfig { idle_seconds, hello_seconds, .. } = self.app.config.stream;
        let silent = self.heard.elapsed();
        if !self.greeted && silent >= Duration::from_secs(hello_seconds) {
            return Err(HELLO_TIMEOUT.into());
        }
        if silent >= Duration::from_secs(idle_seconds) {
            return Err(IDLE_TIMEOUT.into());
        }
        if silent >= Duration::from_secs(idle_seconds) / 3 && !self.pinged {
            self.pinged = true;
            self.socket.feed(Message::Ping(bytes::Bytes::new())).await?;
        }
        // Sends pending messages first, so that the heartbeat is current.
        if self.tell().await? {
            return Ok(());
        }
        let heartbeat = self.session.heartbeat();
        self.write(heartbeat).await?;
        self.flush().await
    }

    /// Queues a message for sending.
    async fn write(&mut self, text: String) -> Result<(), End> {
        self.wait_for_reader(async |socket| socket.feed(Message::Text(text.into())).await).await
    }

    async fn flush(&mut self) -> Result<(), End> {
        self.wait_for_reader(async |socket| socket.flush().await).await?;
        self.unsent.clear();
        Ok(())
    }

    /// Waits for the client to read. The feed bounds the data that is pending meanwhile, and a client that does not
    /// read for the idle limit is disconnected.
    async fn wait_for_reader(
        &mut self,
        write: impl AsyncFnOnce(&mut WebSocket) -> Result<(), axum::Error>,
    ) -> Result<(), End> {
        let started = Instant::now();
        let patience = Duration::from_secs(self.app.config.stream.idle_seconds);
        let Some(written) = self.session.within(patience, write(&mut self.socket)).await else {
            Measures::closed("not-reading");
            return Err(End::Gone);
        };
        if started.elapsed() > Duration::from_secs(1) {
            // The client was silent because the server did not read; the client's read shows that it is alive.
            self.heard = Instant::now();
        }
        Ok(written?)
    }
}

fn run(app: App, payer: Payer, id: ClientId, command: Command) -> Running {
    let (began, op) = (Instant::now(), command.label());
    let span = app.traces.command(op);
    Box::pin(async move {
        let _under_way = app.pace.begin(payer.who).await;
        let answered = span.around(command.run(app.clone(), payer)).await;
        span.answered(answered.as_ref().map_or_else(Problem::status, |reply| reply.status).as_u16());
        match answered {
            Ok(reply) => {
                app.streams.measures.results.increment(1);
                Measures::answered(op, reply.status.as_u16(), began.elapsed());
                (frame::result(&id, &reply), reply.held)
            }
            Err(problem) => {
                app.streams.measures.errors.increment(1);
                Measures::answered(op, problem.status().as_u16(), began.elapsed());
                problem.count();
                (frame::error(Some(&id), &problem), None)
            }
        }
    })
}

fn track_error(error: TrackError) -> Problem {
    match error {
        TrackError::AllSkus => Problem::invalid("skus", "this subscription has all SKUs of its locations"),
        TrackError::Exceeded(limit) => exceeded(limit),
    }
}
