//! One connection to the server with one request in flight at a time: HTTP, or the socket.

use std::net::SocketAddr;

use anyhow::{Context, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::audit::{Cell, Level};
use crate::http::Connection;

/// The transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// One request a turn on kept connections.
    Http,
    /// Messages on `/v1/stream`.
    Socket,
}

/// The request.
#[derive(Debug)]
pub(super) enum Ask {
    /// Availability of a SKU at all locations.
    Availability(String),
    /// The members of a reservation's body.
    Reserve(String),
    /// A step of a reservation's life: `confirm`, `collect`, `cancel`.
    Step(&'static str, String),
    /// The members of a movement request's body.
    Movements(String),
    /// The members of a sale's body.
    Sale(String),
    /// The members of a return's body.
    Return(String),
    /// A step of a cart or of an order, over HTTP only: its path, its idempotency key if it needs one, and its body.
    Post(String, Option<String>, String),
}

impl Ask {
    fn http(&self) -> (&'static str, String, String) {
        match self {
            Self::Availability(sku) => ("GET", format!("/v1/availability?sku={sku}&channel=web"), String::new()),
            Self::Reserve(members) => ("POST", "/v1/reservations".into(), format!("{{{members}}}")),
            Self::Step(step, id) => ("POST", format!("/v1/reservations/{id}/{step}"), "{}".into()),
            Self::Movements(members) => ("POST", "/v1/stock/movements".into(), format!("{{{members}}}")),
            Self::Sale(members) => ("POST", "/v1/sales".into(), format!("{{{members}}}")),
            Self::Return(members) => ("POST", "/v1/returns".into(), format!("{{{members}}}")),
            Self::Post(path, _, body) => ("POST", path.clone(), body.clone()),
        }
    }

    /// Its further header lines.
    fn headers(&self) -> String {
        match self {
            Self::Post(_, Some(key), _) => format!("Idempotency-Key: {key}\r\n"),
            _ => String::new(),
        }
    }

    /// As a message; none if the socket has no such operation.
    fn message(&self, id: u64) -> Option<String> {
        Some(match self {
            Self::Availability(sku) => {
                format!(r#"{{"op":"availability","id":"{id}","skus":["{sku}"],"channel":"web"}}"#)
            }
            Self::Reserve(members) => format!(r#"{{"op":"reserve","id":"{id}",{members}}}"#),
            Self::Step(step, reservation) => {
                format!(r#"{{"op":"{step}","id":"{id}","reservation":"{reservation}"}}"#)
            }
            Self::Movements(members) => format!(r#"{{"op":"movements","id":"{id}",{members}}}"#),
            Self::Sale(members) => format!(r#"{{"op":"order_sale","id":"{id}",{members}}}"#),
            Self::Return(members) => format!(r#"{{"op":"order_return","id":"{id}",{members}}}"#),
            Self::Post(..) => return None,
        })
    }
}

/// The answer. A body is read only on request.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub status: u16,
    pub id: String,
    pub seq: u64,
    pub cells: Vec<(Cell, Level)>,
    /// The text of an answer that is not a success.
    pub text: String,
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    id: String,
    seq: u64,
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    sku: String,
    location: String,
    on_hand: i64,
    reserved: i64,
}

#[derive(Deserialize)]
struct SocketAnswer {
    status: u16,
    body: Option<Body>,
}

impl Reply {
    fn with(status: u16, body: Body) -> Self {
        let cell = |item: Item| ((item.sku, item.location), (item.on_hand, item.reserved));
        let cells = body.items.into_iter().map(cell).collect();
        Self { status, id: body.id, seq: body.seq, cells, text: String::new() }
    }

    fn bare(status: u16, text: &[u8]) -> Self {
        Self { status, text: String::from_utf8_lossy(text).into_owned(), ..Self::default() }
    }
}

/// One connection.
#[derive(Debug)]
pub(super) enum Link {
    Http(Box<Connection>),
    Socket(Box<WebSocketStream<TcpStream>>, u64),
}

impl Link {
    pub async fn connect(protocol: Protocol, address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(match protocol {
            Protocol::Http => Self::Http(Box::new(Connection::of(stream))),
            Protocol::Socket => {
                let url = format!("ws://{address}/v1/stream");
                let (socket, _) = tokio_tungstenite::client_async(url, stream).await?;
                Self::Socket(Box::new(socket), 0)
            }
        })
    }

    /// Sends a request, and waits for the answer; its body is read only if `with_body`.
    pub async fn ask(&mut self, ask: &Ask, with_body: bool) -> anyhow::Result<Reply> {
        match self {
            Self::Http(connection) => {
                let (method, path, body) = ask.http();
                let (status, body) = connection.ask_with(method, &path, &ask.headers(), &body).await?;
                match status {
                    200..300 if with_body => Ok(Reply::with(status, serde_json::from_slice(body)?)),
                    200..300 => Ok(Reply { status, ..Reply::default() }),
                    _ => Ok(Reply::bare(status, body)),
                }
            }
            Self::Socket(socket, sent) => {
                *sent += 1;
                let message = ask.message(*sent).context("the socket has no such operation; use HTTP")?;
                socket.send(Message::text(message)).await?;
                loop {
                    let message = socket.next().await.context("the socket ended")??;
                    let Message::Text(text) = message else {
                        ensure!(!message.is_close(), "the socket was closed");
                        continue;
                    };
                    if text.starts_with(r#"{"type":"result""#) && !with_body {
                        return Ok(Reply { status: 200, ..Reply::default() });
                    } else if text.starts_with(r#"{"type":"result""#) {
                        let SocketAnswer { status, body } = serde_json::from_str(&text)?;
                        return Ok(Reply::with(status, body.context("a result has a body")?));
                    } else if text.starts_with(r#"{"type":"error""#) {
                        let SocketAnswer { status, .. } = serde_json::from_str(&text)?;
                        return Ok(Reply::bare(status, text.as_bytes()));
                    } else if !text.starts_with(r#"{"type":"heartbeat""#) {
                        bail!("not an answer: {text}");
                    }
                }
            }
        }
    }
}
