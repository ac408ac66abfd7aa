//! What the examples share: one HTTP connection to a running server, and writes that are safe to repeat.
#![allow(dead_code, reason = "each example uses its own part")]

use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// How often a write is sent before the caller hears of the failure.
const ATTEMPTS: u32 = 6;

/// An answer: 2xx, or a problem document of RFC 9457.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body; null where there is none.
    pub body: Value,
    /// Whether the server did this before, and answers as it did then.
    pub replayed: bool,
}

impl Answer {
    /// The body of a success.
    ///
    /// # Errors
    /// The server refused, and says why.
    pub fn success(self) -> anyhow::Result<Value> {
        if self.status < 300 {
            return Ok(self.body);
        }
        bail!("{} {}", self.status, self.body)
    }
}

/// One connection to one server, made when it is needed and made again when it breaks.
pub struct Client {
    authority: String,
    key: Option<String>,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    /// A client of `HOST:PORT`. Where the server has keys, the variable `ANAQUEL_KEY` names one.
    pub fn new(authority: &str) -> Self {
        Self { authority: authority.to_owned(), key: std::env::var("ANAQUEL_KEY").ok(), connection: None }
    }

    /// `GET path`.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub async fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        self.attempt("GET", path, &[], Bytes::new()).await
    }

    /// A write with an idempotency key, as often as it takes to have an answer: the server does it once, whatever breaks
    /// on the way. A refusal (4xx) is an answer.
    ///
    /// # Errors
    /// There was no answer in six attempts. Whether the write happened is unknown; the same key tells later.
    pub async fn write(&mut self, method: &str, path: &str, key: &str, body: &Value) -> anyhow::Result<Answer> {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        let mut pause = Duration::from_millis(100);
        for attempt in 1..=ATTEMPTS {
            match self.attempt(method, path, &headers, body.to_string().into()).await {
                // 503: the server is starting, stopping or overloaded, and says so before it does anything, or says
                // `outcome: unknown`. In each case the same request under the same key is right.
                Ok(answer) if answer.status != 503 => return Ok(answer),
                Ok(answer) if attempt == ATTEMPTS => return Ok(answer),
                Err(error) if attempt == ATTEMPTS => return Err(error),
                _ => tokio::time::sleep(pause).await,
            }
            pause *= 2;
        }
        bail!("no attempt was made")
    }

    /// `POST path` with a body of any media type, once.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub async fn post(&mut self, path: &str, media_type: &str, body: String) -> anyhow::Result<Answer> {
        self.attempt("POST", path, &[("content-type", media_type)], body.into()).await
    }

    async fn attempt(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> anyhow::Result<Answer> {
        let mut connection = match self.connection.take() {
            Some(connection) if !connection.is_closed() => connection,
            _ => {
                let stream = TcpStream::connect(&self.authority).await.context("connecting")?;
                stream.set_nodelay(true)?;
                let (connection, driver) = handshake(TokioIo::new(stream)).await?;
                tokio::spawn(driver);
                connection
            }
        };
        let mut request = http::Request::builder().method(method).uri(path).header("host", &self.authority);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        connection.ready().await?;
        let answer = connection.send_request(request.body(Full::new(body))?).await?;
        let (status, replayed) = (answer.status().as_u16(), answer.headers().contains_key("idempotent-replayed"));
        let bytes = answer.into_body().collect().await?.to_bytes();
        self.connection = Some(connection);
        Ok(Answer { status, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null), replayed })
    }
}

/// The first argument, which names the server; its default address otherwise.
pub fn server() -> String {
    std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7070".to_owned())
}

/// A text of a JSON object; empty where there is none.
pub fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// Milliseconds since 1970, for ids that no earlier run has used.
pub fn moment() -> u128 {
    std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis())
}
