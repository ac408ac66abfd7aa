//! Subscribers that are all disconnected at once, and all reconnect at once, with their cursors.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::measure::{Kind, Outcome, Recorder};
use crate::live::connect;
use crate::stock::{CELLS, LOCATIONS, name_cell};

/// SKUs of a subscriber.
const SKUS: u64 = 5;

/// How long a subscriber may wait for a socket.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a refused subscriber tries again.
const AGAIN: Duration = Duration::from_millis(50);

#[derive(Deserialize)]
struct Heard<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    prev_seq: u64,
    #[serde(default)]
    cursor: Option<&'a str>,
    #[serde(default)]
    more: bool,
}

/// The state of one subscriber.
#[derive(Default)]
struct Subscriber {
    nth: u64,
    /// Where it resumes, and its last message.
    cursor: Option<String>,
    seq: u64,
}

/// Subscribes `sockets` times, and disconnects all of them `storms` times within `length`. Each reconnection is
/// counted, with its duration; each subscriber must receive every change once.
pub(super) async fn run(
    address: SocketAddr,
    sockets: u64,
    storms: u32,
    length: Duration,
    recorder: Arc<Recorder>,
) -> anyhow::Result<()> {
    let (cut, cuts) = watch::channel((0_u32, Instant::now()));
    let mut subscribers = JoinSet::new();
    for nth in 0..sockets {
        let subscriber = Subscriber { nth, ..Subscriber::default() };
        subscribers.spawn(subscriber.live(address, storms, cuts.clone(), Arc::clone(&recorder)));
    }
    let mut storm = tokio::time::interval(length / (storms + 1));
    storm.tick().await;
    for nth in 1..=storms + 1 {
        storm.tick().await;
        cut.send_replace((nth, Instant::now()));
    }
    while let Some(done) = subscribers.join_next().await {
        done??;
    }
    Ok(())
}

impl Subscriber {
    async fn live(
        mut self,
        address: SocketAddr,
        storms: u32,
        mut cuts: watch::Receiver<(u32, Instant)>,
        recorder: Arc<Recorder>,
    ) -> anyhow::Result<()> {
        loop {
            let (nth, since) = *cuts.borrow_and_update();
            if nth > storms {
                return Ok(());
            }
            let mut socket = self.come_back(address).await?;
            if nth > 0 {
                recorder.answered(Kind::Resume, since, Outcome::Done);
            }
            loop {
                let message = tokio::select! {
                    message = socket.next() => message.context("a subscriber was cut off")??,
                    _ = cuts.changed() => break,
                };
                if let Message::Text(text) = message {
                    self.hear(&text)?;
                }
            }
        }
    }

    /// Connects and subscribes, until the server has answered on the new socket.
    async fn come_back(&mut self, address: SocketAddr) -> anyhow::Result<WebSocketStream<TcpStream>> {
        let began = Instant::now();
        let mut socket = loop {
            match connect(address).await {
                Ok(socket) => break socket,
                Err(error) if began.elapsed() > PATIENCE => {
                    return Err(error.context("the subscriber could not reconnect"));
                }
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        };
        let skus = (0..SKUS).map(|sku| format!("\"{}\"", name_cell((self.nth * SKUS + sku) * LOCATIONS % CELLS).0));
        let cursor = self.cursor.as_ref().map_or("null".to_owned(), |cursor| format!("\"{cursor}\""));
        let subscribe = format!(
            r#"{{"op":"subscribe","id":"s","mode":"lossless","locations":["store-000"],"skus":[{}],"cursor":{cursor}}}"#,
            skus.collect::<Vec<_>>().join(",")
        );
        socket.send(Message::text(subscribe)).await?;
        // It is back when the server has answered: with the missed changes, or that there are none.
        socket.send(Message::text(r#"{"op":"availability","id":"back","skus":["SKU-00000"]}"#)).await?;
        let mut answered = false;
        while !answered || self.cursor.is_none() {
            let message = socket.next().await.context("a subscriber was cut off")??;
            if let Message::Text(text) = message {
                answered |= self.hear(&text)?;
            }
        }
        Ok(socket)
    }

    /// Applies a message; returns whether it was the answer to a reconnection.
    fn hear(&mut self, text: &str) -> anyhow::Result<bool> {
        let heard: Heard<'_> = serde_json::from_str(text).with_context(|| text.to_owned())?;
        match heard.kind {
            "delta" => {
                ensure!(heard.prev_seq == self.seq, "after {} came {text}", self.seq);
                self.go_on_from(&heard);
            }
            "snapshot" => {
                ensure!(self.cursor.is_none(), "a subscriber with a cursor got a snapshot: {text}");
                if !heard.more {
                    self.go_on_from(&heard);
                }
            }
            "result" => return Ok(true),
            "heartbeat" => {}
            _ => bail!("the subscriber cannot resume: {text}"),
        }
        Ok(false)
    }

    fn go_on_from(&mut self, heard: &Heard<'_>) {
        self.seq = heard.seq;
        self.cursor = heard.cursor.map(str::to_owned).or(self.cursor.take());
    }
}
