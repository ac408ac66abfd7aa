//! The gateway of etcd: one request after the other, each with its deadline, at whichever endpoint answers.

use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::log::LogError;
use crate::unencrypted::stays_here;

/// How long a connection may take, of a call's time: the next endpoint gets the rest.
const CONNECT: Duration = Duration::from_millis(500);

/// Where a log is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EtcdOptions {
    /// The members, `HOST:PORT`.
    pub endpoints: Vec<String>,
    /// The prefix of all keys of this log.
    pub prefix: String,
}

impl EtcdOptions {
    /// Parses `etcd://HOST:PORT[,HOST:PORT]/PREFIX`.
    ///
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub fn parse(url: &str) -> Result<Self, String> {
        const FORM: &str = "write etcd://HOST:PORT[,HOST:PORT]/PREFIX";
        let rest = url.strip_prefix("etcd://").ok_or_else(|| format!("{url:?} is not an address of etcd; {FORM}"))?;
        let (hosts, prefix) = rest.split_once('/').ok_or_else(|| format!("{url:?} has no prefix; {FORM}"))?;
        let endpoints: Vec<String> = hosts.split(',').map(str::to_owned).collect();
        let prefix = prefix.trim_matches('/');
        if prefix.is_empty() {
            return Err(format!("{url:?} has no prefix; {FORM}"));
        }
        for endpoint in &endpoints {
            let port = endpoint.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
            if port.is_none_or(|(host, port)| host.is_empty() || port == 0) {
                return Err(format!("{endpoint:?} is not HOST:PORT; {FORM}"));
            }
        }
        Ok(Self { endpoints, prefix: prefix.to_owned() })
    }

    /// Checks that no request leaves this machine unencrypted.
    ///
    /// # Errors
    /// An endpoint is not on loopback.
    pub fn check(&self) -> Result<(), String> {
        for endpoint in &self.endpoints {
            stays_here("etcd", endpoint.as_str(), endpoint)?;
        }
        Ok(())
    }
}

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// etcd refuses it for want of room, or because it is too large; nothing was done.
    NoRoom(String),
    /// It may have been done, or not.
    Unknown(String),
}

impl From<CallError> for LogError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NoRoom(reason) | CallError::Unknown(reason) => Self::Unreachable(reason),
        }
    }
}

/// A client with a runtime of its own: calls block.
pub struct Client {
    options: EtcdOptions,
    runtime: Runtime,
    /// The endpoint that answered last, and the connection to it.
    at: usize,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    /// Of a log that is checked.
    ///
    /// # Errors
    /// An endpoint is not on loopback; the system gives no runtime.
    pub fn new(options: &EtcdOptions) -> Result<Self, String> {
        options.check()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        Ok(Self { options: options.clone(), runtime, at: 0, sender: None })
    }

    /// Another one of the same log.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn again(&self) -> Result<Self, String> {
        Self::new(&self.options)
    }

    /// Where it is.
    pub fn options(&self) -> &EtcdOptions {
        &self.options
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// [`CallError`]; a request that was not sent at all is unknown, too: whoever sends it again loses nothing.
    pub fn call(&mut self, path: &str, body: &Value, deadline: Instant) -> Result<Value, CallError> {
        let bytes = Bytes::from(body.to_string());
        let Self { options, runtime, at, sender } = self;
        let answered = runtime.block_on(async {
            let call = async {
                let sender = connected(options, at, sender, deadline).await?;
                let response = sender.send_request(request(path, bytes)?).await.map_err(text)?;
                let status = response.status();
                let body = response.into_body().collect().await.map_err(text)?.to_bytes();
                Ok::<_, String>((status, body))
            };
            tokio::time::timeout_at(deadline.into(), call).await
        });
        let (status, body) = match answered {
            Ok(Ok(answered)) => answered,
            Ok(Err(reason)) => return Err(self.moves_on(reason)),
            Err(_) => return Err(self.moves_on("etcd did not answer in time".to_owned())),
        };
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status == StatusCode::OK && answer.is_object() {
            return Ok(answer);
        }
        let reason = answer.get("error").and_then(Value::as_str).unwrap_or("etcd gives no reason").to_owned();
        // 8 is *resource exhausted*: the quota, or a message that is too large. So is a request that is too large, by name.
        let is_room = answer.get("code").and_then(Value::as_u64) == Some(8) || reason.contains("request is too large");
        if is_room && !reason.contains("too many requests") {
            return Err(CallError::NoRoom(reason));
        }
        Err(self.moves_on(reason))
    }

    /// The next call goes to another endpoint, on a connection of its own.
    fn moves_on(&mut self, reason: String) -> CallError {
        self.sender = None;
        self.at = (self.at + 1) % self.options.endpoints.len().max(1);
        CallError::Unknown(reason)
    }

    /// Begins a stream of answers, one JSON document a line.
    ///
    /// # Errors
    /// No endpoint answers.
    pub fn stream(&mut self, path: &str, body: &Value, deadline: Instant) -> Result<Lines, CallError> {
        let bytes = Bytes::from(body.to_string());
        let Self { options, runtime, at, sender } = self;
        let begun = runtime.block_on(async {
            let call = async {
                let sender = connected(options, at, sender, deadline).await?;
                let response = sender.send_request(request(path, bytes)?).await.map_err(text)?;
                match response.status() {
                    StatusCode::OK => Ok(response.into_body()),
                    other => Err(format!("etcd answers {other}")),
                }
            };
            tokio::time::timeout_at(deadline.into(), call).await
        });
        match begun {
            // The connection belongs to the stream.
            Ok(Ok(body)) => Ok(Lines { body, read: Vec::new(), _sender: self.sender.take() }),
            Ok(Err(reason)) => Err(self.moves_on(reason)),
            Err(_) => Err(self.moves_on("etcd did not answer in time".to_owned())),
        }
    }

    /// The next line of a stream; `None` if none comes for `wait`.
    ///
    /// # Errors
    /// The stream ended.
    pub fn line(&self, lines: &mut Lines, wait: Duration) -> Result<Option<Value>, CallError> {
        self.runtime.block_on(async {
            let next = async {
                loop {
                    if let Some(end) = lines.read.iter().position(|byte| *byte == b'\n') {
                        let line: Vec<u8> = lines.read.drain(..=end).collect();
                        return serde_json::from_slice(&line).map_err(text);
                    }
                    match lines.body.frame().await {
                        Some(frame) => {
                            let data = frame.map_err(text)?.into_data().unwrap_or_default();
                            lines.read.extend_from_slice(&data);
                        }
                        None => return Err("the stream ended".to_owned()),
                    }
                }
            };
            match tokio::time::timeout(wait, next).await {
                Ok(line) => line.map(Some).map_err(CallError::Unknown),
                Err(_) => Ok(None),
            }
        })
    }
}

/// A stream of answers.
pub struct Lines {
    body: Incoming,
    read: Vec<u8>,
    _sender: Option<SendRequest<Full<Bytes>>>,
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn request(path: &str, body: Bytes) -> Result<Request<Full<Bytes>>, String> {
    let request = Request::post(path).header("host", "etcd").header("content-type", "application/json");
    request.body(Full::new(body)).map_err(text)
}

/// A connection that is open, to the endpoint that answered last or to the next that accepts one.
async fn connected<'a>(
    options: &EtcdOptions,
    at: &mut usize,
    sender: &'a mut Option<SendRequest<Full<Bytes>>>,
    deadline: Instant,
) -> Result<&'a mut SendRequest<Full<Bytes>>, String> {
    if sender.as_ref().is_some_and(|sender| !sender.is_closed()) {
        // It may still close before the request is sent: then the call is unknown.
        let sender = sender.as_mut().ok_or("no connection")?;
        return match sender.ready().await {
            Ok(()) => Ok(sender),
            Err(error) => Err(text(error)),
        };
    }
    *sender = None;
    let mut reason = "etcd has no endpoint".to_owned();
    for _ in 0..options.endpoints.len() {
        let endpoint = options.endpoints.get(*at).map_or("", String::as_str);
        let until = (Instant::now() + CONNECT).min(deadline);
        match tokio::time::timeout_at(until.into(), TcpStream::connect(endpoint)).await {
            Ok(Ok(stream)) => {
                let _ = stream.set_nodelay(true);
                let (made, connection) =
                    hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(text)?;
                tokio::spawn(connection);
                return Ok(sender.insert(made));
            }
            Ok(Err(error)) => reason = format!("{endpoint}: {error}"),
            Err(_) => reason = format!("{endpoint} accepts no connection in time"),
        }
        *at = (*at + 1) % options.endpoints.len();
    }
    Err(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_and_what_is_none_is_told() {
        let read = EtcdOptions::parse("etcd://127.0.0.1:2379,[::1]:2380/shop/one/");
        let endpoints = vec!["127.0.0.1:2379".to_owned(), "[::1]:2380".to_owned()];
        assert_eq!(read, Ok(EtcdOptions { endpoints, prefix: "shop/one".into() }));
        for wrong in [
            "",
            "http://h:1/p",
            "etcd://h:1",
            "etcd://h:1/",
            "etcd://h/p",
            "etcd://:1/p",
            "etcd://h:0/p",
            "etcd://h:1,/p",
        ] {
            let told = EtcdOptions::parse(wrong);
            assert!(told.as_ref().is_err_and(|told| told.contains("etcd://HOST:PORT")), "{wrong}: {told:?}");
        }
    }

    #[test]
    fn nothing_leaves_the_machine_unencrypted() {
        let at = |endpoint: &str| EtcdOptions { endpoints: vec![endpoint.to_owned()], prefix: "p".into() }.check();
        assert_eq!(at("127.0.0.1:1"), Ok(()));
        assert_eq!(at("[::1]:1"), Ok(()));
        assert!(at("192.0.2.1:1").is_err_and(|told| told.contains("loopback")));
    }
}
