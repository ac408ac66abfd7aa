//! A small blocking HTTP/1.1 client: one connection, kept alive. It can also send malformed requests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The slug of a problem document; empty if it is not one.
    pub fn slug(&self) -> String {
        let kind = self.json().get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        kind.strip_prefix("/problems/").unwrap_or_default().to_owned()
    }
}

/// One connection.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
    last_used: Instant,
    /// Its `Authorization` header line; empty without a key.
    authorization: String,
}

/// A connection that was idle for longer is not reused: servers close idle ones.
const IDLE_MAX: Duration = Duration::from_secs(3);

impl Client {
    /// A client of the server at `address`; it connects on demand.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, stream: None, last_used: Instant::now(), authorization: String::new() }
    }

    /// The same, with an API key on every request.
    #[must_use]
    pub fn with_key(mut self, key: &str) -> Self {
        self.authorization = format!("Authorization: Bearer {key}\r\n");
        self
    }

    /// The address of the server.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `GET path`.
    ///
    /// # Errors
    /// The connection failed.
    pub fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        self.send("GET", path, &[], b"")
    }

    /// `POST path` with JSON.
    ///
    /// # Errors
    /// The connection failed.
    pub fn post(&mut self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send("POST", path, &[("Content-Type", "application/json")], body.to_string().as_bytes())
    }

    /// `POST path` with JSON and an idempotency key.
    ///
    /// # Errors
    /// The connection failed.
    pub fn post_keyed(&mut self, path: &str, key: &str, body: &Value) -> anyhow::Result<Answer> {
        let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
        self.send("POST", path, &headers, body.to_string().as_bytes())
    }

    /// `PUT path` with JSON.
    ///
    /// # Errors
    /// The connection failed.
    pub fn put(&mut self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send("PUT", path, &[("Content-Type", "application/json")], body.to_string().as_bytes())
    }

    /// `DELETE path`.
    ///
    /// # Errors
    /// The connection failed.
    pub fn delete(&mut self, path: &str) -> anyhow::Result<Answer> {
        self.send("DELETE", path, &[], b"")
    }

    /// `POST path` with CSV.
    ///
    /// # Errors
    /// The connection failed.
    pub fn import(&mut self, path: &str, csv: &[u8]) -> anyhow::Result<Answer> {
        self.send("POST", path, &[("Content-Type", "text/csv")], csv)
    }

    /// Any request.
    ///
    /// # Errors
    /// The connection failed.
    pub fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> anyhow::Result<Answer> {
        let (length, who) = (body.len(), &self.authorization);
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {length}\r\n{who}", self.address);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let reused = self.stream.is_some();
        let mut answer = self.exchange(head.as_bytes(), body);
        // A server may close an idle connection just when it is used again; a read is sent again.
        if answer.is_err() && reused && method == "GET" {
            self.stream = None;
            answer = self.exchange(head.as_bytes(), body);
        }
        if answer.is_err() {
            self.stream = None;
        }
        answer
    }

    fn exchange(&mut self, head: &[u8], body: &[u8]) -> anyhow::Result<Answer> {
        if self.last_used.elapsed() > IDLE_MAX {
            self.stream = None;
        }
        self.last_used = Instant::now();
        if self.stream.is_none() {
            let stream = TcpStream::connect(self.address).with_context(|| format!("connecting to {}", self.address))?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            self.stream = Some(BufReader::new(stream));
        }
        let stream = self.stream.as_mut().context("connected above")?;
        // A server that refuses early may close before it has read everything; its answer counts. The request is sent
        // in one piece: a server that answers before the body has arrived may close the connection.
        let written = stream.get_mut().write_all(&[head, body].concat());
        let answer = read_answer(stream);
        match (written, answer) {
            (_, Ok(answer)) => {
                self.last_used = Instant::now();
                if answer.header("connection") == Some("close") {
                    self.stream = None;
                }
                Ok(answer)
            }
            (Err(error), Err(_)) => Err(error.into()),
            (Ok(()), Err(error)) => Err(error),
        }
    }
}

fn read_answer(stream: &mut BufReader<TcpStream>) -> anyhow::Result<Answer> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.with_context(|| format!("no status in {line:?}"))?;
    let mut headers = Vec::new();
    loop {
        line.clear();
        ensure!(stream.read_line(&mut line)? > 0, "the connection ended within the headers");
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let header = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let mut body = Vec::new();
    if header("transfer-encoding").as_deref() == Some("chunked") {
        loop {
            line.clear();
            ensure!(stream.read_line(&mut line)? > 0, "the connection ended within the body");
            let length = usize::from_str_radix(line.trim(), 16)?;
            let start = body.len();
            body.resize(start + length, 0);
            stream.read_exact(body.get_mut(start..).unwrap_or_default())?;
            stream.read_line(&mut line)?;
            if length == 0 {
                break;
            }
        }
    } else {
        let length = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        body.resize(length, 0);
        stream.read_exact(&mut body)?;
    }
    Ok(Answer { status, headers, body })
}
