//! Reservations over the socket, pipelined: every socket keeps a window in flight, and sends a new one for each answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anaquel_seeds::Numbers;
use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::stock::Demand;

/// The rate and number of answers, with `window` reservations in flight on each of `sockets`.
///
/// # Errors
/// A socket breaks, or a reservation is refused.
pub fn drive(
    address: SocketAddr,
    demand: Demand,
    sockets: usize,
    window: usize,
    seconds: u64,
) -> anyhow::Result<(f64, u64)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async move {
        let stop = Arc::new(AtomicBool::new(false));
        let done = Arc::new(AtomicU64::new(0));
        let task = |n: usize| {
            let (stop, done) = (Arc::clone(&stop), Arc::clone(&done));
            tokio::spawn(async move { Pipe::connect(address, demand, n as u64).await?.run(window, &stop, &done).await })
        };
        let started = Instant::now();
        let tasks: Vec<_> = (0..sockets).map(task).collect();
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let rate = done.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
        stop.store(true, Ordering::Relaxed);
        for task in tasks {
            task.await??;
        }
        Ok((rate, done.load(Ordering::Relaxed)))
    })
}

/// One socket. Frames are written and parsed by hand, so that the client costs little beside the server.
struct Pipe {
    stream: TcpStream,
    demand: Demand,
    numbers: Numbers,
    /// Bytes that were read and not yet parsed.
    read: Vec<u8>,
    write: Vec<u8>,
    sent: u64,
}

impl Pipe {
    async fn connect(address: SocketAddr, demand: Demand, seed: u64) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let handshake = format!(
            "GET /v1/stream HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(handshake.as_bytes()).await?;
        let mut read = Vec::new();
        let end = loop {
            ensure!(stream.read_buf(&mut read).await? > 0, "the handshake broke");
            if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        ensure!(read.starts_with(b"HTTP/1.1 101"), "the handshake: {}", String::from_utf8_lossy(&read));
        read.drain(..end);
        Ok(Self { stream, demand, numbers: Numbers::new(seed), read, write: Vec::new(), sent: 0 })
    }

    async fn run(mut self, window: usize, stop: &AtomicBool, done: &AtomicU64) -> anyhow::Result<()> {
        self.send(window).await?;
        while !stop.load(Ordering::Relaxed) {
            ensure!(self.stream.read_buf(&mut self.read).await? > 0, "the socket broke");
            let answered = self.take_answers()?;
            done.fetch_add(answered as u64, Ordering::Relaxed);
            self.send(answered).await?;
        }
        Ok(())
    }

    async fn send(&mut self, count: usize) -> anyhow::Result<()> {
        self.write.clear();
        for _ in 0..count {
            let body = self.demand.body(&mut self.numbers);
            let fields = body.strip_prefix('{').context("a body is an object")?;
            let text = format!("{{\"op\":\"reserve\",\"id\":\"{}\",{fields}", self.sent);
            self.sent += 1;
            // A whole text frame; masked with zeros, which leaves it as it is.
            self.write.extend([0x81, 0x80 | 126]);
            self.write.extend(u16::try_from(text.len())?.to_be_bytes());
            self.write.extend([0; 4]);
            self.write.extend(text.as_bytes());
        }
        Ok(self.stream.write_all(&self.write).await?)
    }

    /// The number of reservations that the complete frames in the buffer answer.
    fn take_answers(&mut self) -> anyhow::Result<usize> {
        let (mut answers, mut at) = (0, 0);
        while let Some((payload, end)) = frame(self.read.get(at..).unwrap_or(&[]))? {
            if payload.starts_with(br#"{"type":"result""#) {
                answers += 1;
            } else if !payload.is_empty() && !payload.starts_with(br#"{"type":"heartbeat""#) {
                bail!("not an answer: {}", String::from_utf8_lossy(payload));
            }
            at += end;
        }
        self.read.drain(..at);
        Ok(answers)
    }
}

/// The text of the first frame of `bytes`, nothing for a ping, and the start of the next, once the frame is complete.
fn frame(bytes: &[u8]) -> anyhow::Result<Option<(&[u8], usize)>> {
    let (Some(kind), Some(length)) = (bytes.first(), bytes.get(1)) else { return Ok(None) };
    ensure!(*kind == 0x81 || *kind == 0x89, "a frame of kind {kind:#x}");
    let (head, length) = match (*length, bytes.get(2..4), bytes.get(2..10)) {
        (126, Some(long), _) => (4, usize::from(u16::from_be_bytes(long.try_into()?))),
        (127, _, Some(longer)) => (10, usize::try_from(u64::from_be_bytes(longer.try_into()?))?),
        (126 | 127, ..) => return Ok(None),
        (short, ..) => (2, usize::from(short)),
    };
    let payload = bytes.get(head..head + length);
    Ok(payload.map(|payload| (if *kind == 0x81 { payload } else { &[][..] }, head + length)))
}
