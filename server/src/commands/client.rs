//! A small HTTP client for the tools: one request a connection, bodies streamed both ways.

use std::io::{Read, Write};

use anyhow::Context;
use bytes::Bytes;
use futures_util::stream;
use http::{Request, Uri, header};
use http_body_util::{BodyExt, Empty, StreamBody, combinators::BoxBody};
use hyper::body::Frame;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::cli::KEY_VARIABLE;

/// Bytes of a file that are read at a time.
const PIECE_BYTES: usize = 64 << 10;

type Body = BoxBody<Bytes, std::io::Error>;

/// Streams `input` to a server and returns its JSON answer.
pub fn post(url: &str, path: &str, media_type: &str, mut input: impl Read + Send) -> anyhow::Result<Value> {
    let (pieces, received) = mpsc::channel::<std::io::Result<Frame<Bytes>>>(4);
    let body = stream::unfold(received, |mut received| async move { Some((received.recv().await?, received)) });
    let request = request("POST", url, path)?.header(header::CONTENT_TYPE, media_type);
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
        exchange(url, request, &mut answer)
    })?;
    Ok(serde_json::from_slice(&answer)?)
}

/// Streams a server's answer to `out`.
pub fn get(url: &str, path: &str, out: &mut dyn Write) -> anyhow::Result<()> {
    let body = Empty::new().map_err(|never| match never {}).boxed();
    exchange(url, request("GET", url, path)?.body(body)?, out)
}

fn request(method: &str, url: &str, path: &str) -> anyhow::Result<http::request::Builder> {
    let base: Uri = url.parse().with_context(|| format!("--url {url}"))?;
    let authority = base.authority().with_context(|| format!("--url {url}: no host"))?;
    anyhow::ensure!(base.scheme_str() == Some("http"), "--url {url}: begins with http://");
    let request = Request::builder().method(method).uri(path).header(header::HOST, authority.as_str());
    Ok(match bearer() {
        Some(bearer) => request.header(header::AUTHORIZATION, bearer),
        None => request,
    })
}

/// What says who this is, if the environment has a key.
pub fn bearer() -> Option<String> {
    std::env::var(KEY_VARIABLE).ok().map(|key| format!("Bearer {}", key.trim()))
}

fn exchange(url: &str, request: Request<Body>, out: &mut dyn Write) -> anyhow::Result<()> {
    let base: Uri = url.parse()?;
    let host = base.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = base.port_u16().unwrap_or(80);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let stream = TcpStream::connect((host, port)).await.with_context(|| format!("connecting to {url}"))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let response = sender.send_request(request).await?;
        let (status, mut body) = (response.status(), response.into_body());
        let mut refused = Vec::new();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                if status.is_success() { out.write_all(&data)? } else { refused.extend_from_slice(&data) }
            }
        }
        if status.is_success() {
            return Ok(());
        }
        let problem: Value = serde_json::from_slice(&refused).unwrap_or_default();
        anyhow::bail!("{status}: {}", problem.get("detail").and_then(Value::as_str).unwrap_or_default())
    })
}
