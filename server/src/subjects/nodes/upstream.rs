//! The requests of a node to another one.

use std::time::Duration;

use anyhow::{Context, bail};
use axum::body::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;

use crate::cli::client::bearer;
use crate::cli::remote::{Remote, Words};
use crate::config::NodesConfig;
use crate::files::surface::CLIENT;

/// How long an answer may take to begin.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most bytes of an answer that is read whole.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// The names of the address and of the certificates in the settings.
const SETTINGS: Words = Words { url: "nodes.follow", ca: "nodes.ca" };

/// The node at `url`.
///
/// # Errors
/// The address is invalid.
pub fn node_at(nodes: &NodesConfig, url: &str) -> anyhow::Result<Remote> {
    Remote::new(SETTINGS, url, nodes.ca.as_deref())
}

/// An answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Its status.
    pub status: StatusCode,
    /// What it says.
    pub detail: String,
}

/// Asks another node, and returns the body of its answer as a stream; or why it refuses.
///
/// # Errors
/// It cannot be reached, or does not answer.
pub async fn ask(remote: &Remote, method: &str, path: &str, body: &Value) -> anyhow::Result<Result<Incoming, Refusal>> {
    let asked = async {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(remote.connect().await?)).await?;
        tokio::spawn(connection);
        let request = Request::builder().method(method).uri(remote.path(path)).header(header::HOST, remote.authority());
        let request = request.header(header::USER_AGENT, format!("{CLIENT}{}", env!("CARGO_PKG_VERSION")));
        let request = match bearer() {
            Some(bearer) => request.header(header::AUTHORIZATION, bearer),
            None => request,
        };
        let (request, body) = match method {
            "GET" => (request, Bytes::new()),
            _ => (request.header(header::CONTENT_TYPE, "application/json"), Bytes::from(body.to_string())),
        };
        sender.send_request(request.body(Full::new(body))?).await.with_context(|| format!("{remote}: no answer"))
    };
    let answered = tokio::time::timeout(PATIENCE, asked).await.with_context(|| format!("{remote}: no answer"))??;
    let (status, body) = (answered.status(), answered.into_body());
    if status.is_success() {
        return Ok(Ok(body));
    }
    let problem = whole(remote, body).await.unwrap_or_default();
    let detail = problem.get("detail").and_then(Value::as_str).unwrap_or("it gives no reason").to_owned();
    Ok(Err(Refusal { status, detail }))
}

/// Reads a JSON answer.
///
/// # Errors
/// It breaks off, or is not JSON.
pub async fn whole(remote: &Remote, mut body: Incoming) -> anyhow::Result<Value> {
    let mut bytes = Vec::new();
    while let Some(frame) = tokio::time::timeout(PATIENCE, body.frame()).await? {
        if let Ok(data) = frame?.into_data() {
            bytes.extend_from_slice(&data);
        }
        if bytes.len() > ANSWER_BYTES_MAX {
            bail!("{remote}: its answer is too long");
        }
    }
    serde_json::from_slice(&bytes).with_context(|| format!("{remote}: its answer is not JSON"))
}
