//! Durable reservations of one unit each, at a given rate, pipelined over a few sockets.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anaquel_seeds::Numbers;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;

use super::swarm::{Acknowledged, connect};

/// Sockets that reservations go over.
const SOCKETS: u64 = 4;

/// Reservations go out in groups this far apart.
const TICK: Duration = Duration::from_millis(2);

/// Reserves for `seconds`, and records when each was acknowledged. `skus` is the number of SKUs to choose from.
pub async fn reserve(address: SocketAddr, skus: u64, a_second: u64, seconds: u64) -> anyhow::Result<Acknowledged> {
    let mut writers = Vec::new();
    for nth in 0..SOCKETS {
        writers.push(tokio::spawn(async move {
            let (mut sink, mut stream) = connect(address).await?.split();
            let started = Instant::now();
            let total = a_second * seconds / SOCKETS;
            let answers = tokio::spawn(async move {
                let mut acknowledged = Vec::with_capacity(total as usize);
                while (acknowledged.len() as u64) < total {
                    let Some(Ok(Message::Text(text))) = stream.next().await else { anyhow::bail!("the writer was cut off") };
                    if text.starts_with(r#"{"type":"result""#) {
                        let id = text.get(22..).and_then(|rest| rest.split('"').nth(1));
                        let sku = id.and_then(|id| id.split('-').next()?.parse::<usize>().ok());
                        acknowledged.push((sku.unwrap_or(usize::MAX), Instant::now()));
                    } else if text.starts_with(r#"{"type":"error""#) {
                        anyhow::bail!("a reservation was refused: {text}");
                    }
                }
                Ok(acknowledged)
            });
            let mut numbers = Numbers::new(nth + 1);
            let mut done = 0;
            while done < total {
                // The schedule continues whatever the server does, so that a stall is visible.
                let due = (started.elapsed().as_secs_f64() * a_second as f64 / SOCKETS as f64) as u64;
                while done < due.min(total) {
                    let sku = numbers.below(skus);
                    let line = format!(
                        r#"{{"op":"reserve","id":"{sku}-{done}","channel":"web","ttl_seconds":86400,"lines":[{{"sku":"K{sku}","location":"L0","quantity":1}}]}}"#
                    );
                    sink.feed(Message::text(line)).await?;
                    done += 1;
                }
                sink.flush().await?;
                tokio::time::sleep(TICK).await;
            }
            answers.await?
        }));
    }
    let mut acknowledged = vec![Vec::new(); skus as usize];
    for writer in writers {
        for (sku, at) in writer.await?? {
            if let Some(of) = acknowledged.get_mut(sku) {
                of.push(at);
            }
        }
    }
    acknowledged.iter_mut().for_each(|of| of.sort_unstable());
    Ok(acknowledged)
}
