//! A small blocking WebSocket client of `/v1/stream`, and the state of a subscriber.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

/// The longest wait for a message.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// One connection.
#[derive(Debug)]
pub struct Socket {
    socket: WebSocket<TcpStream>,
}

/// A received event.
#[derive(Debug)]
pub enum Heard {
    /// A message.
    Message(Value),
    /// The server closed the socket: code and reason.
    Closed(u16, String),
    /// The connection broke.
    Broken,
}

impl Socket {
    /// Connects.
    ///
    /// # Errors
    /// The server refuses it.
    pub fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        Self::connect_with(address, &[])
    }

    /// Connects, with additional headers.
    ///
    /// # Errors
    /// The server refuses it.
    pub fn connect_with(address: SocketAddr, headers: &[(&'static str, &str)]) -> anyhow::Result<Self> {
        let mut request = format!("ws://{address}/v1/stream").into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse()?);
        }
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let (socket, _) =
            tungstenite::client(request, stream).map_err(|error| anyhow::anyhow!("the handshake: {error}"))?;
        Ok(Self { socket })
    }

    /// Sends a message.
    ///
    /// # Errors
    /// The connection broke.
    pub fn send(&mut self, message: &Value) -> anyhow::Result<()> {
        Ok(self.socket.send(Message::text(message.to_string()))?)
    }

    /// Sends a text unchanged.
    ///
    /// # Errors
    /// The connection broke.
    pub fn send_text(&mut self, text: &str) -> anyhow::Result<()> {
        Ok(self.socket.send(Message::text(text.to_owned()))?)
    }

    /// Sends bytes in a frame of some kind, whatever they are.
    ///
    /// # Errors
    /// The connection broke.
    pub fn send_raw(&mut self, bytes: &[u8], as_text: bool) -> anyhow::Result<()> {
        let kind = if as_text { Data::Text } else { Data::Binary };
        let frame = Frame::message(bytes.to_vec(), OpCode::Data(kind), true);
        Ok(self.socket.send(Message::Frame(frame))?)
    }

    /// The next message of any kind.
    ///
    /// # Errors
    /// None arrived in time, or it is not JSON.
    pub fn hear(&mut self) -> anyhow::Result<Heard> {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => return Ok(Heard::Message(serde_json::from_str(&text)?)),
                Ok(Message::Close(frame)) => {
                    let (code, reason) =
                        frame.map_or((1005, String::new()), |frame| (frame.code.into(), frame.reason.to_string()));
                    return Ok(Heard::Closed(code, reason));
                }
                Ok(_) => {}
                Err(tungstenite::Error::Io(error))
                    if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
                {
                    bail!("no message came within {PATIENCE:?}")
                }
                Err(_) => return Ok(Heard::Broken),
            }
        }
    }

    /// The next message except heartbeats.
    ///
    /// # Errors
    /// None arrived in time, or the socket was closed.
    pub fn message(&mut self) -> anyhow::Result<Value> {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            match self.hear()? {
                Heard::Message(message) if message.get("type").and_then(Value::as_str) == Some("heartbeat") => {}
                Heard::Message(message) => return Ok(message),
                Heard::Closed(code, reason) => bail!("closed with {code}: {reason}"),
                Heard::Broken => bail!("the connection broke"),
            }
        }
        bail!("only heartbeats came within {PATIENCE:?}")
    }

    /// The next heartbeat; earlier messages are dropped.
    ///
    /// # Errors
    /// None arrived in time, or the socket was closed.
    pub fn heartbeat(&mut self) -> anyhow::Result<Value> {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            match self.hear()? {
                Heard::Message(message) if message.get("type").and_then(Value::as_str) == Some("heartbeat") => {
                    return Ok(message);
                }
                Heard::Message(_) => {}
                other => bail!("{other:?} instead of a heartbeat"),
            }
        }
        bail!("no heartbeat came within {PATIENCE:?}")
    }

    /// Sends a request and waits for its answer; other messages are dropped.
    ///
    /// # Errors
    /// None arrived in time, or the socket was closed.
    pub fn ask(&mut self, message: &Value) -> anyhow::Result<Value> {
        self.send(message)?;
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            let answer = self.message()?;
            let is_answer = matches!(answer.get("type").and_then(Value::as_str), Some("result" | "error"));
            if is_answer && answer.get("id") == message.get("id") {
                return Ok(answer);
            }
        }
        bail!("no answer came within {PATIENCE:?}")
    }

    /// Waits until the server has closed the socket; returns code and reason.
    ///
    /// # Errors
    /// It does not, or breaks the connection without a close frame.
    pub fn closed(&mut self) -> anyhow::Result<(u16, String)> {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            match self.hear()? {
                Heard::Message(_) => {}
                Heard::Closed(code, reason) => return Ok((code, reason)),
                Heard::Broken => bail!("the connection broke without a close frame"),
            }
        }
        bail!("the server did not close the socket")
    }
}

/// A cell for a subscriber: on hand, reserved, safety stock, available.
pub type Cell = (i64, i64, i64, i64);

/// The state of a subscriber, from its messages; it checks the chain.
#[derive(Debug, Clone, Default)]
pub struct Mirror {
    /// The cells by SKU and location.
    pub cells: BTreeMap<(String, String), Cell>,
    /// The `seq` of the previous message; `None` before the first.
    pub seq: Option<u64>,
    /// Where it can resume.
    pub cursor: Option<String>,
    /// Received deltas.
    pub deltas: u64,
    /// Cells in them.
    pub changes: u64,
    /// Times that it had to start over, and why.
    pub resets: Vec<String>,
    /// Whether all pieces of the last snapshot have arrived.
    pub whole: bool,
}

impl Mirror {
    /// Applies a message of its subscription.
    ///
    /// # Errors
    /// There is a gap, or the message is malformed.
    pub fn hear(&mut self, message: &Value) -> anyhow::Result<()> {
        let number =
            |name: &str| message.get(name).and_then(Value::as_u64).with_context(|| format!("{name}: {message}"));
        match message.get("type").and_then(Value::as_str) {
            Some("snapshot") => {
                let seq = number("seq")?;
                ensure!(self.seq.is_none_or(|before| before <= seq), "a snapshot of {seq} after {:?}", self.seq);
                self.take_items(message)?;
                self.seq = Some(seq);
                self.whole = message.get("more") == Some(&json!(false));
                if let Some(cursor) = message.get("cursor").and_then(Value::as_str) {
                    self.cursor = Some(cursor.to_owned());
                }
            }
            Some("delta") => {
                let (seq, prev_seq) = (number("seq")?, number("prev_seq")?);
                ensure!(self.seq == Some(prev_seq), "a gap: {seq} follows {prev_seq}, and {:?} is known", self.seq);
                self.changes += self.take_items(message)?;
                for place in message.get("removed").and_then(Value::as_array).into_iter().flatten() {
                    self.cells.remove(&key(place)?);
                }
                self.seq = Some(seq);
                self.deltas += 1;
                self.cursor = Some(message.get("cursor").and_then(Value::as_str).context("a cursor")?.to_owned());
            }
            Some("reset") => {
                let reason = message.get("reason").and_then(Value::as_str).context("a reason")?.to_owned();
                let resets = std::mem::take(&mut self.resets).into_iter().chain([reason]).collect();
                *self = Self { resets, deltas: self.deltas, changes: self.changes, ..Self::default() };
            }
            _ => bail!("unexpected message: {message}"),
        }
        Ok(())
    }

    fn take_items(&mut self, message: &Value) -> anyhow::Result<u64> {
        let items = message.get("items").and_then(Value::as_array).with_context(|| format!("items: {message}"))?;
        for item in items {
            let number = |name: &str| item.get(name).and_then(Value::as_i64).with_context(|| format!("{name}: {item}"));
            let cell = (number("on_hand")?, number("reserved")?, number("safety_stock")?, number("available")?);
            self.cells.insert(key(item)?, cell);
        }
        Ok(items.len() as u64)
    }
}

fn key(item: &Value) -> anyhow::Result<(String, String)> {
    let text = |name: &str| item.get(name).and_then(Value::as_str).map(str::to_owned).with_context(|| name.to_owned());
    Ok((text("sku")?, text("location")?))
}
