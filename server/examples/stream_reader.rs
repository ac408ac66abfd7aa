//! A stream reader: keeps the stock of one SKU as the server knows it, through lost connections and restarts.
//!
//! ```console
//! $ cargo run --release -- serve --demo
//! $ cargo run --release -p anaquel-server --example stream_reader [HOST:PORT [CHANGES [cut]]]
//! ```
//!
//! With `CHANGES` it ends after so many deltas; with `cut` it drops its connection after each, to show that a cursor
//! misses nothing. Values are absolute: a cell of a delta takes the place of the cell before it.

mod client;

use std::collections::BTreeMap;
use std::time::Duration;

use client::{server, text};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

/// What the reader knows: each cell as it was told last, and from where to go on.
#[derive(Default)]
struct Known {
    cells: BTreeMap<String, Value>,
    seq: u64,
    cursor: Option<String>,
    deltas: u64,
}

impl Known {
    /// Takes in one message of the subscription; tells whether it was a delta.
    fn take_in(&mut self, message: &Value) -> anyhow::Result<bool> {
        let seq = message.get("seq").and_then(Value::as_u64).unwrap_or(self.seq);
        match text(message, "type") {
            // All cells anew. A large snapshot comes in pieces of one seq; only the last makes it whole.
            "snapshot" => {}
            "delta" => {
                let before = message.get("prev_seq").and_then(Value::as_u64);
                anyhow::ensure!(before == Some(self.seq), "a gap: {before:?} does not follow {}", self.seq);
                self.deltas += 1;
            }
            // The cursor leads nowhere any more; a snapshot follows.
            "reset" => {
                println!("reset: {}", text(message, "reason"));
                self.cells.clear();
                return Ok(false);
            }
            "heartbeat" => {
                let cursor = message.pointer("/cursors/shirts").and_then(Value::as_str);
                self.cursor = cursor.map(str::to_owned).or(self.cursor.take());
                return Ok(false);
            }
            _ => return Ok(false),
        }
        let items = message.get("items").and_then(Value::as_array);
        for cell in items.into_iter().flatten() {
            self.cells.insert(text(cell, "location").to_owned(), cell.clone());
        }
        for cell in message.get("removed").and_then(Value::as_array).into_iter().flatten() {
            self.cells.remove(text(cell, "location"));
        }
        self.seq = seq;
        if let Some(cursor) = message.get("cursor").and_then(Value::as_str) {
            self.cursor = Some(cursor.to_owned());
        }
        let kind = text(message, "type");
        println!("{kind} at seq {seq}: {} cells known, {} told", self.cells.len(), items.map_or(0, Vec::len));
        Ok(kind == "delta")
    }
}

/// Listens over one connection until it breaks, or until everything that was wanted has come.
async fn listen(known: &mut Known, wanted: Option<u64>, is_cut: bool) -> anyhow::Result<bool> {
    let stream = TcpStream::connect(server()).await?;
    let (mut socket, _) = tokio_tungstenite::client_async(format!("ws://{}/v1/stream", server()), stream).await?;
    let subscribe = json!({"op": "subscribe", "id": "shirts", "skus": ["TSHIRT-RED-M"], "channel": "web",
        "cursor": known.cursor});
    socket.send(Message::text(subscribe.to_string())).await?;
    while let Some(message) = socket.next().await {
        let Message::Text(message) = message? else { continue };
        let is_delta = known.take_in(&serde_json::from_str(&message)?)?;
        if wanted.is_some_and(|wanted| known.deltas >= wanted) {
            return Ok(true);
        }
        if is_delta && is_cut {
            println!("cut off on purpose");
            return Ok(false);
        }
    }
    Ok(false)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let wanted = std::env::args().nth(2).map(|changes| changes.parse()).transpose()?;
    let is_cut = std::env::args().nth(3).is_some_and(|word| word == "cut");
    let mut known = Known::default();
    loop {
        match listen(&mut known, wanted, is_cut).await {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => {
                println!("{error}; trying again");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }
}
