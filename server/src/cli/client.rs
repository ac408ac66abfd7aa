//! A small HTTP client for the tools: one request per connection, bodies streamed in both directions.

use std::fmt;
use std::io::{Read, Write};

use anyhow::Context;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, StatusCode, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::cli::remote::Remote;
use crate::config::KEY_VARIABLE;
use crate::files::surface::CLIENT;
use crate::http::problem::Problem;

/// Bytes of a file that are read at a time.
const PIECE_BYTES: usize = 64 << 10;

type Body = BoxBody<Bytes, std::io::Error>;

/// Streams `input` to a server and returns its JSON answer.
///
/// # Errors
/// The server cannot be reached, or answers with an error, which is passed on.
pub fn post(remote: &Remote, path: &str, media_type: &str, mut input: impl Read + Send) -> anyhow::Result<Value> {
    let (pieces, received) = mpsc::channel::<std::io::Result<Frame<Bytes>>>(4);
    let body = stream::unfold(received, |mut received| async move { Some((received.recv().await?, received)) }).fuse();
    let request = request("POST", remote, path).header(header::CONTENT_TYPE, media_type);
    let request = request.body(BodyExt::boxed(StreamBody::new(Box::pin(body))))?;
    let mut answer = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            loop {
                let mut buffer = vec![0; PIECE_BYTES];
                let piece = input.read(&mut buffer).map(|length| {
                    buffer.truncate(length);
                    Bytes::from(buffer)
                });
                let last = piece.as_ref().map_or(true, Bytes::is_empty);
                if matches!(&piece, Ok(bytes) if bytes.is_empty())
                    || pieces.blocking_send(piece.map(Frame::data)).is_err()
                    || last
                {
                    return;
                }
            }
        });
        exchange(remote, request, &mut answer)
    })?;
    Ok(serde_json::from_slice(&answer)?)
}

/// Streams a server's answer to `out`.
///
/// # Errors
/// The server cannot be reached or answers with an error, which is passed on; or `out` fails.
pub fn get(remote: &Remote, path: &str, out: &mut dyn Write) -> anyhow::Result<()> {
    let body = Empty::new().map_err(|never| match never {}).boxed();
    exchange(remote, request("GET", remote, path).body(body)?, out)
}

fn request(method: &str, remote: &Remote, path: &str) -> http::request::Builder {
    let request = Request::builder().method(method).uri(remote.path(path)).header(header::HOST, remote.authority());
    let request = request.header(header::USER_AGENT, format!("{CLIENT}{}", env!("CARGO_PKG_VERSION")));
    match bearer() {
        Some(bearer) => request.header(header::AUTHORIZATION, bearer),
        None => request,
    }
}

/// The `Authorization` header, if the environment has a key.
pub fn bearer() -> Option<String> {
    std::env::var(KEY_VARIABLE).ok().map(|key| format!("Bearer {}", key.trim()))
}

/// A refusal as text, with advice if the server does not know the caller.
pub fn refusal(status: StatusCode, detail: &str) -> String {
    let key = match (status, bearer()) {
        (StatusCode::UNAUTHORIZED, None) => format!("; put the key into the variable {KEY_VARIABLE}"),
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, Some(_)) => format!(" (the key of {KEY_VARIABLE})"),
        _ => String::new(),
    };
    format!("{status}: {detail}{key}")
}

fn exchange(remote: &Remote, request: Request<Body>, out: &mut dyn Write) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(remote.connect().await?)).await?;
        tokio::spawn(connection);
        let hint = if remote.is_tls() { "" } else { "; if the server uses TLS, write https://" };
        let response = sender.send_request(request).await;
        let response = response.with_context(|| format!("{remote}: no answer{hint}"))?;
        let (status, mut body) = (response.status(), response.into_body());
        let mut refused = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.with_context(|| format!("{remote}: the answer was cut off"))?;
            if let Ok(data) = frame.into_data() {
                if status.is_success() { out.write_all(&data)? } else { refused.extend_from_slice(&data) }
            }
        }
        if status.is_success() {
            return Ok(());
        }
        let problem: Value = serde_json::from_slice(&refused).unwrap_or_default();
        let detail = problem.get("detail").and_then(Value::as_str);
        let detail = detail.map_or_else(
            || {
                format!(
                    "{remote} closed the connection without an answer; is it an \
            Anaquel server?"
                )
            },
            str::to_owned,
        );
        Err(Refused { said: refusal(status, &detail), problem }.into())
    })
}

/// Why a request failed: the problem document of the server, or an error of this program.
#[derive(Debug)]
pub struct Refused {
    said: String,
    /// The problem document.
    pub problem: Value,
}

impl Refused {
    /// An error of this program.
    pub fn here(problem: &Problem) -> Self {
        Self { said: problem.detail().to_owned(), problem: problem.to_json() }
    }

    /// The description of the error.
    pub fn detail(&self) -> &str {
        self.problem.get("detail").and_then(Value::as_str).unwrap_or_default()
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)
    }
}

impl std::error::Error for Refused {}
