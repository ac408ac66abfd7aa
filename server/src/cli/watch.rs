//! `anaquel watch`: live stock on a terminal.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use http::{StatusCode, header};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::cli::args::WatchArgs;
use crate::cli::client::{bearer, refusal};
use crate::cli::output::output;
use crate::cli::remote::{ConnectError, FLAGS, Remote};

/// The first and the longest delay before connecting again.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(15));

/// The connection counts as broken after this time without a message; heartbeats come more often.
const QUIET: Duration = Duration::from_secs(20);

/// Rows of the table on a terminal.
const ROWS_MAX: usize = 200;

/// How often the table is drawn at most.
const FRAME: Duration = Duration::from_millis(100);

/// The longest time for the answer to a handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The close code of the server for a key that is no longer valid.
const UNAUTHORIZED: u16 = 4401;

/// Shows the selected cells and every change until Ctrl-C. While there is no connection, prints the reason and tries
/// again.
///
/// # Errors
/// The address or the selection is invalid; the server refuses, or is not trusted.
pub fn watch(args: &WatchArgs) -> anyhow::Result<ExitCode> {
    let remote = Remote::new(FLAGS, &args.url, args.ca.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut view = View::new(std::io::stdout().is_terminal());
    runtime.block_on(async {
        tokio::select! {
            ended = follow(&remote, args, &mut view) => ended.map(|()| ExitCode::SUCCESS),
            _ = tokio::signal::ctrl_c() => Ok(ExitCode::SUCCESS),
        }
    })
}

/// Connects again and again, and resumes at the last cursor.
async fn follow(remote: &Remote, args: &WatchArgs, view: &mut View) -> anyhow::Result<()> {
    let mut attempt = 0;
    loop {
        let Err(ended) = listen(remote, args, view, &mut attempt).await;
        match ended {
            Ended::Refused(reason) => anyhow::bail!("{reason}"),
            Ended::Broken(reason) => view.lost(&reason)?,
        }
        let most = BACKOFF.0.saturating_mul(1 << attempt.min(6)).min(BACKOFF.1);
        attempt += 1;
        // Full jitter: after a restart of a server, its clients do not connect at the same moment.
        let jitter = crate::random().map_or(0.5, |random| random as f64 / u64::MAX as f64);
        tokio::time::sleep(most.mul_f64(jitter)).await;
    }
}

enum Ended {
    /// The connection broke; another attempt may succeed.
    Broken(String),
    /// The server refuses; another attempt gets the same answer.
    Refused(String),
}

impl<E: Into<anyhow::Error>> From<E> for Ended {
    fn from(error: E) -> Self {
        Self::Broken(format!("{:#}", error.into()))
    }
}

impl Ended {
    /// Classifies an error answer; some are temporary.
    fn answered(status: StatusCode, detail: &str) -> Self {
        let passes =
            status.is_server_error() || [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(&status);
        let told = refusal(status, detail);
        if passes { Self::Broken(told) } else { Self::Refused(told) }
    }

    /// Classifies the close frame of the server.
    fn closed(frame: Option<CloseFrame>) -> Self {
        match frame {
            Some(frame) if u16::from(frame.code) == UNAUTHORIZED => {
                Self::Refused(refusal(StatusCode::UNAUTHORIZED, "the key is no longer valid"))
            }
            Some(frame) => {
                Self::Broken(format!("the server closed the stream: {} {}", u16::from(frame.code), frame.reason))
            }
            None => Self::Broken("the server closed the stream".into()),
        }
    }
}

/// Reads messages until the connection ends.
async fn listen(
    remote: &Remote,
    args: &WatchArgs,
    view: &mut View,
    attempt: &mut u32,
) -> Result<std::convert::Infallible, Ended> {
    let stream = remote.connect().await.map_err(|error| match error {
        ConnectError::Unreachable(error) => Ended::Broken(format!("{error:#}")),
        ConnectError::Untrusted(error) => Ended::Refused(format!("{error:#}")),
    })?;
    // Whether it is ws or wss has been decided with the connection.
    let mut request = format!("ws://{}{}", remote.authority(), remote.path("/v1/stream")).into_client_request()?;
    if let Some(bearer) = bearer().and_then(|bearer| bearer.parse().ok()) {
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
    }
    let handshake = tokio::time::timeout(HANDSHAKE, tokio_tungstenite::client_async(request, stream));
    let Ok(connected) = handshake.await else {
        return Err(Ended::Broken(format!("{remote}: no answer within {} seconds", HANDSHAKE.as_secs())));
    };
    let (mut socket, _) = match connected {
        Err(tungstenite::Error::Http(answer)) => {
            let problem: Value =
                answer.body().as_deref().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
            let detail = problem.get("detail").and_then(Value::as_str);
            let detail = detail.map_or_else(
                || {
                    format!(
                        "{remote} does not accept a WebSocket; is it an Anaquel \
                server?"
                    )
                },
                str::to_owned,
            );
            return Err(Ended::answered(answer.status(), &detail));
        }
        Err(error) if !remote.is_tls() => {
            return Err(Ended::Broken(format!("{remote}: {error}; if the server uses TLS, write https://")));
        }
        connected => connected?,
    };
    let subscribe = json!({
        "op": "subscribe", "id": "watch", "skus": args.sku, "locations": args.location, "groups": args.group,
        "channel": args.channel, "cursor": view.cursor,
    });
    socket.send(Message::text(subscribe.to_string())).await?;
    view.found()?;
    // After a start, the first message may follow any seq.
    view.chain = None;
    if view.cursor.is_none() {
        view.cells.clear();
    }
    loop {
        let message = match tokio::time::timeout(if view.stale { FRAME } else { QUIET }, socket.next()).await {
            Ok(message) => message.ok_or_else(|| Ended::closed(None))??,
            Err(_) if view.stale => {
                view.draw(true)?;
                continue;
            }
            Err(_) => return Err(Ended::Broken(format!("no message for {} seconds", QUIET.as_secs()))),
        };
        let text = match message {
            Message::Text(text) => text,
            Message::Close(frame) => return Err(Ended::closed(frame)),
            _ => continue,
        };
        *attempt = 0;
        let message: Value = serde_json::from_str(&text)?;
        if message.get("type").and_then(Value::as_str) == Some("error") {
            let detail = message.pointer("/problem/detail").and_then(Value::as_str).unwrap_or("refused");
            let status = message.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
            let status = status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::BAD_REQUEST);
            return Err(Ended::answered(status, detail));
        }
        if !view.hear(&message)? {
            // A gap: get a new snapshot.
            view.cursor = None;
            return Err(Ended::Broken("a message is missing".into()));
        }
        view.draw(false)?;
    }
}

/// The known cells, and how they are shown: a table on a terminal, lines elsewhere.
struct View {
    table: bool,
    state: String,
    /// The last printed reason for a lost connection, so that each reason is printed once.
    told: Option<String>,
    cells: BTreeMap<(String, String), Value>,
    cursor: Option<String>,
    chain: Option<u64>,
    seq: u64,
    lag_ms: Option<i64>,
    drawn: Option<Instant>,
    /// There are changes that are not drawn yet.
    stale: bool,
}

impl View {
    fn new(table: bool) -> Self {
        let cells = BTreeMap::new();
        Self {
            table,
            state: "connecting".into(),
            told: None,
            cells,
            cursor: None,
            chain: None,
            seq: 0,
            lag_ms: None,
            drawn: None,
            stale: false,
        }
    }

    /// Reports a lost connection: in the table, or on standard error beside the lines.
    fn lost(&mut self, reason: &str) -> std::io::Result<()> {
        self.state = format!("no connection ({reason}); trying again");
        if !self.table && self.told.as_deref() != Some(reason) {
            eprintln!("anaquel: {reason}; trying again");
        }
        self.told = Some(reason.to_owned());
        self.draw(true)
    }

    /// The connection is restored.
    fn found(&mut self) -> std::io::Result<()> {
        self.state = "open".into();
        if self.told.take().is_some() && !self.table {
            eprintln!("anaquel: connected");
        }
        self.draw(true)
    }

    /// Applies a message; returns false if an earlier message is missing.
    fn hear(&mut self, message: &Value) -> anyhow::Result<bool> {
        let number = |name: &str| message.get(name).and_then(Value::as_u64);
        match message.get("type").and_then(Value::as_str) {
            Some("reset") => {
                self.cells.clear();
                (self.cursor, self.chain) = (None, None);
            }
            Some(kind @ ("snapshot" | "delta")) => {
                if kind == "delta" && self.chain.is_some_and(|chain| number("prev_seq") != Some(chain)) {
                    return Ok(false);
                }
                for item in message.get("items").and_then(Value::as_array).into_iter().flatten() {
                    self.cells.insert(place(item), item.clone());
                    self.print(item)?;
                }
                for gone in message.get("removed").and_then(Value::as_array).into_iter().flatten() {
                    self.cells.remove(&place(gone));
                }
                self.chain = number("seq");
                self.seq = self.chain.unwrap_or(self.seq);
                if let Some(cursor) = message.get("cursor").and_then(Value::as_str) {
                    self.cursor = Some(cursor.to_owned());
                }
            }
            Some("heartbeat") => {
                self.seq = number("seq").unwrap_or(self.seq);
                let sent = message.get("time").and_then(Value::as_str).and_then(|time| time.parse().ok());
                self.lag_ms =
                    sent.map(|sent: jiff::Timestamp| jiff::Timestamp::now().as_millisecond() - sent.as_millisecond());
                if let Some(cursor) = message.pointer("/cursors/watch").and_then(Value::as_str) {
                    self.cursor = Some(cursor.to_owned());
                }
            }
            _ => {}
        }
        Ok(true)
    }

    /// Prints a line for a changed cell, unless a table is shown.
    fn print(&self, item: &Value) -> std::io::Result<()> {
        if self.table { Ok(()) } else { writeln!(output(), "{item}") }
    }

    fn draw(&mut self, now: bool) -> std::io::Result<()> {
        self.stale = self.table && !now && self.drawn.is_some_and(|drawn| drawn.elapsed() < FRAME);
        if !self.table || self.stale {
            return Ok(());
        }
        self.drawn = Some(Instant::now());
        let lag = self.lag_ms.map_or_else(|| "–".to_owned(), |lag| format!("{lag} ms"));
        // Move to the top, overwrite, clear the rest: no flicker.
        let mut out =
            format!("\x1b[H{} · seq {} · lag {lag} · {} cells\x1b[K\n\x1b[K\n", self.state, self.seq, self.cells.len());
        let row = |columns: [&str; 6]| {
            let [sku, location, on_hand, reserved, safety_stock, available] = columns;
            format!("{sku:<32} {location:<16} {on_hand:>9} {reserved:>9} {safety_stock:>9} {available:>12}\x1b[K\n")
        };
        out.push_str(&row(["SKU", "LOCATION", "ON HAND", "RESERVED", "SAFETY", "AVAILABLE"]));
        for ((sku, location), cell) in self.cells.iter().take(ROWS_MAX) {
            let number = |name: &str| cell.get(name).map(Value::to_string).unwrap_or_default();
            let (on_hand, reserved) = (number("on_hand"), number("reserved"));
            // A caller who gets no numbers gets a band.
            let band = cell.get("band").and_then(Value::as_str).map(|band| band.replace('_', " "));
            let available = band.unwrap_or_else(|| number("available"));
            out.push_str(&row([sku, location, &on_hand, &reserved, &number("safety_stock"), &available]));
        }
        if self.cells.len() > ROWS_MAX {
            out.push_str(&format!("… and {} more\x1b[K\n", self.cells.len() - ROWS_MAX));
        }
        let mut terminal = output();
        write!(terminal, "{out}\x1b[J")?;
        terminal.flush()
    }
}

fn place(item: &Value) -> (String, String) {
    let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    (text("sku"), text("location"))
}
