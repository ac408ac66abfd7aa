//! `anaquel watch`: live stock on a terminal.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures_util::{SinkExt, StreamExt};
use http::{Uri, header};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};

use super::client::bearer;
use crate::cli::{KEY_VARIABLE, WatchArgs};

/// The first and the longest delay before connecting again.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(15));

/// After so long without a word the connection counts as broken; heartbeats come more often.
const QUIET: Duration = Duration::from_secs(20);

/// Rows of the table on a terminal.
const ROWS_MAX: usize = 200;

/// How often the table is drawn at most.
const FRAME: Duration = Duration::from_millis(100);

/// Shows what is selected, and every change of it, until Ctrl-C.
///
/// # Errors
/// The address, or the selection, is not one.
pub fn watch(args: &WatchArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut view = View::new(std::io::stdout().is_terminal());
    runtime.block_on(async {
        tokio::select! {
            ended = follow(args, &mut view) => ended.map(|()| ExitCode::SUCCESS),
            _ = tokio::signal::ctrl_c() => Ok(ExitCode::SUCCESS),
        }
    })
}

/// Connects again and again, going on from the last cursor.
async fn follow(args: &WatchArgs, view: &mut View) -> anyhow::Result<()> {
    let mut attempt = 0;
    loop {
        let ended = listen(args, view, &mut attempt).await;
        if let Err(Ended::Refused(reason)) = ended {
            anyhow::bail!("{reason}");
        }
        view.state = "connection lost; trying again";
        view.draw(true)?;
        let most = BACKOFF.0.saturating_mul(1 << attempt.min(6)).min(BACKOFF.1);
        attempt += 1;
        // Full jitter: when a server restarts, its clients do not all come at once.
        let jitter = crate::random().map_or(0.5, |random| random as f64 / u64::MAX as f64);
        tokio::time::sleep(most.mul_f64(jitter)).await;
    }
}

enum Ended {
    /// The connection broke; another may do better.
    Broken,
    /// The server says no; another would hear the same.
    Refused(String),
}

impl<E: Into<anyhow::Error>> From<E> for Ended {
    fn from(_: E) -> Self {
        Self::Broken
    }
}

async fn listen(args: &WatchArgs, view: &mut View, attempt: &mut u32) -> Result<(), Ended> {
    let refused = |error: anyhow::Error| Ended::Refused(format!("{error:#}"));
    let base: Uri = args.url.parse().with_context(|| format!("--url {}", args.url)).map_err(refused)?;
    let host = base.host().with_context(|| format!("--url {}: no host", args.url)).map_err(refused)?;
    let host = host.trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, base.port_u16().unwrap_or(80))).await?;
    let address = format!("ws://{}/v1/stream", base.authority().map_or(host, |authority| authority.as_str()));
    let mut request = address.into_client_request()?;
    if let Some(bearer) = bearer().and_then(|bearer| bearer.parse().ok()) {
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
    }
    let (mut socket, _) = match tokio_tungstenite::client_async(request, stream).await {
        Err(tungstenite::Error::Http(answer)) if answer.status().is_client_error() => {
            return Err(Ended::Refused(format!("{}; a key goes into the variable {KEY_VARIABLE}", answer.status())));
        }
        connected => connected?,
    };
    let subscribe = json!({
        "op": "subscribe", "id": "watch", "skus": args.sku, "locations": args.location, "groups": args.group,
        "channel": args.channel, "cursor": view.cursor,
    });
    socket.send(Message::text(subscribe.to_string())).await?;
    view.state = "open";
    // After a start, the first message follows on whatever was known.
    view.chain = None;
    if view.cursor.is_none() {
        view.cells.clear();
    }
    loop {
        let message = match tokio::time::timeout(if view.stale { FRAME } else { QUIET }, socket.next()).await {
            Ok(message) => message.ok_or(Ended::Broken)??,
            Err(_) if view.stale => {
                view.draw(true)?;
                continue;
            }
            Err(_) => return Err(Ended::Broken),
        };
        let Message::Text(text) = message else { continue };
        *attempt = 0;
        let message: Value = serde_json::from_str(&text)?;
        if message.get("type").and_then(Value::as_str) == Some("error") {
            let detail = message.pointer("/problem/detail").and_then(Value::as_str).unwrap_or("refused");
            return Err(Ended::Refused(detail.to_owned()));
        }
        if !view.hear(&message)? {
            // A gap: everything is fetched anew.
            view.cursor = None;
            return Err(Ended::Broken);
        }
        view.draw(false)?;
    }
}

/// What is known, and how it is shown: as a table on a terminal, as lines elsewhere.
struct View {
    table: bool,
    state: &'static str,
    cells: BTreeMap<(String, String), Value>,
    cursor: Option<String>,
    chain: Option<u64>,
    seq: u64,
    lag_ms: Option<i64>,
    drawn: Option<Instant>,
    /// Something is known that was not drawn yet.
    stale: bool,
}

impl View {
    fn new(table: bool) -> Self {
        let cells = BTreeMap::new();
        Self {
            table,
            state: "connecting",
            cells,
            cursor: None,
            chain: None,
            seq: 0,
            lag_ms: None,
            drawn: None,
            stale: false,
        }
    }

    /// Takes in a message; false where one before it is missing.
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

    /// A line for a changed cell, where lines are shown.
    fn print(&self, item: &Value) -> std::io::Result<()> {
        if self.table { Ok(()) } else { writeln!(std::io::stdout(), "{item}") }
    }

    fn draw(&mut self, now: bool) -> std::io::Result<()> {
        self.stale = self.table && !now && self.drawn.is_some_and(|drawn| drawn.elapsed() < FRAME);
        if !self.table || self.stale {
            return Ok(());
        }
        self.drawn = Some(Instant::now());
        let lag = self.lag_ms.map_or_else(|| "–".to_owned(), |lag| format!("{lag} ms"));
        // Home, draw over what is there, clear the rest: no flicker.
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
            // Who is not told numbers is told a band.
            let band = cell.get("band").and_then(Value::as_str).map(|band| band.replace('_', " "));
            let available = band.unwrap_or_else(|| number("available"));
            out.push_str(&row([sku, location, &on_hand, &reserved, &number("safety_stock"), &available]));
        }
        if self.cells.len() > ROWS_MAX {
            out.push_str(&format!("… and {} more\x1b[K\n", self.cells.len() - ROWS_MAX));
        }
        let mut terminal = std::io::stdout().lock();
        write!(terminal, "{out}\x1b[J")?;
        terminal.flush()
    }
}

fn place(item: &Value) -> (String, String) {
    let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    (text("sku"), text("location"))
}
