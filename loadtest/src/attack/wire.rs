//! A connection of an attacker, as cheap as possible for its process: bytes are prepared, only the status of an answer
//! is parsed, and the rest is dropped.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// How long an answer is waited for, unless it is not waited for at all.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The kept part of a body: enough for the id of a reservation.
const KEPT: usize = 4096;

/// The longest head of an answer.
const HEAD_MAX: usize = 64 << 10;

/// One connection.
#[derive(Debug)]
pub(super) struct Line {
    stream: TcpStream,
    /// Bytes that belong to later answers.
    read: Vec<u8>,
    /// The beginning of the last body.
    pub body: Vec<u8>,
    /// Whether the connection is unusable.
    pub is_over: bool,
}

impl Line {
    /// Connects from an address of this machine; with small buffers, if the answer will never be read. The connection
    /// is reset when it is dropped, so that attackers do not run out of ports before the server runs out of anything.
    pub async fn connect(address: SocketAddr, source: IpAddr, is_small: bool) -> anyhow::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_zero_linger()?;
        if is_small {
            socket.set_recv_buffer_size(4096)?;
        }
        // A machine with only one loopback address attacks from that.
        let _ = socket.bind(SocketAddr::new(source, 0));
        let stream = tokio::time::timeout(PATIENCE, socket.connect(address)).await??;
        stream.set_nodelay(true)?;
        Ok(Self { stream, read: Vec::new(), body: Vec::new(), is_over: false })
    }

    pub async fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(tokio::time::timeout(PATIENCE, self.stream.write_all(bytes)).await??)
    }

    /// The status of the next answer.
    pub async fn answer(&mut self) -> anyhow::Result<u16> {
        tokio::time::timeout(PATIENCE, self.read_answer()).await?
    }

    async fn read_answer(&mut self) -> anyhow::Result<u16> {
        let head = loop {
            if let Some(head) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break head + 4;
            }
            ensure!(self.read.len() < HEAD_MAX, "a head without an end");
            ensure!(self.stream.read_buf(&mut self.read).await? > 0, "closed");
        };
        let text = String::from_utf8_lossy(self.read.get(..head).unwrap_or(&[])).to_ascii_lowercase();
        let status: u16 = text.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status")?;
        let header =
            |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
        let length: usize = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        self.is_over |= header("connection") == Some("close");
        let is_chunked = header("transfer-encoding").is_some();
        self.read.drain(..head);
        if status < 200 && status != 101 {
            return Box::pin(self.read_answer()).await;
        }
        self.body.clear();
        if is_chunked {
            // The end of the body is not parsed: some of it is read, and the rest stays with the sender.
            self.is_over = true;
            let _ = self.stream.read_buf(&mut self.body).await?;
            return Ok(status);
        }
        let here = length.min(self.read.len());
        self.body.extend(self.read.iter().take(here.min(KEPT)));
        self.read.drain(..here);
        self.discard(length - here).await?;
        Ok(status)
    }

    /// Drops the next bytes.
    async fn discard(&mut self, mut length: usize) -> anyhow::Result<()> {
        let mut scratch = vec![0; length.min(64 << 10)];
        while length > 0 {
            let room = scratch.len().min(length);
            let read = self.stream.read(scratch.get_mut(..room).unwrap_or_default()).await?;
            ensure!(read > 0, "closed within a body");
            if self.body.len() < KEPT {
                self.body.extend(scratch.iter().take(read.min(KEPT)));
            }
            length -= read;
        }
        Ok(())
    }

    /// Reads slowly, this many times.
    pub async fn sip(&mut self, times: u32, pause: Duration) -> anyhow::Result<()> {
        let mut scratch = [0; 512];
        for _ in 0..times {
            if let Ok(read) = tokio::time::timeout(pause, self.stream.read(&mut scratch)).await
                && read? == 0
            {
                bail!("closed");
            }
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }
}

/// A request over HTTP/1.1, with header lines of its own, `Host` among them, each with its end.
pub(super) fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    let head = format!("{method} {path} HTTP/1.1\r\n{headers}{kind}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// The same requests on one HTTP/2 connection whose window stays closed.
pub(super) fn windowless(host: &str, path: &str, authorization: &str, body: &[u8], streams: u32) -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    // SETTINGS_INITIAL_WINDOW_SIZE = 0.
    frame(&mut bytes, 4, 0, 0, &[0, 4, 0, 0, 0, 0]);
    frame(&mut bytes, 4, 1, 0, &[]);
    let length = body.len().to_string();
    let headers = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", host),
        ("authorization", authorization),
        ("content-type", "application/json"),
        ("content-length", &length),
    ];
    let mut block = Vec::new();
    for (name, value) in headers {
        // A literal that is not indexed, with a new name; no compression.
        block.push(0);
        text(&mut block, name);
        text(&mut block, value);
    }
    for nth in 0..streams {
        frame(&mut bytes, 1, 4, nth * 2 + 1, &block);
        let mut pieces = body.chunks(16_384).peekable();
        while let Some(piece) = pieces.next() {
            frame(&mut bytes, 0, u8::from(pieces.peek().is_none()), nth * 2 + 1, piece);
        }
    }
    bytes
}

fn text(block: &mut Vec<u8>, text: &str) {
    let mut length = text.len();
    if length < 127 {
        block.push(length as u8);
    } else {
        block.push(127);
        length -= 127;
        while length >= 128 {
            block.push((length % 128) as u8 | 128);
            length /= 128;
        }
        block.push(length as u8);
    }
    block.extend(text.as_bytes());
}

fn frame(bytes: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    bytes.extend(&(payload.len() as u32).to_be_bytes()[1..]);
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
}

/// The handshake of a socket, with header lines as those of [`request`].
pub(super) fn handshake(headers: &str) -> Vec<u8> {
    format!(
        "GET /v1/stream HTTP/1.1\r\n{headers}Connection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes()
}

/// A text frame of a client, masked with zeros, which leaves it as it is.
pub(super) fn message(text: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x81];
    match text.len() {
        short @ 0..126 => bytes.push(0x80 | short as u8),
        long @ 126..65_536 => {
            bytes.push(0x80 | 126);
            bytes.extend((long as u16).to_be_bytes());
        }
        longer => {
            bytes.push(0x80 | 127);
            bytes.extend((longer as u64).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(text);
    bytes
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    #[test]
    fn frames_say_how_long_they_are() {
        for length in [0, 125, 126, 65_535, 65_536] {
            let bytes = message(&vec![b'x'; length]);
            let head = bytes.len() - length;
            assert_eq!(
                head,
                [6, 6, 8, 8, 14][[0, 125, 126, 65_535, 65_536].iter().position(|n| *n == length).unwrap()]
            );
        }
        let mut block = Vec::new();
        text(&mut block, &"x".repeat(127 + 300));
        assert_eq!(block.get(..3).unwrap(), [127, 44 | 128, 2]);
        let bytes = windowless("h", "/p", "k", &[7; 20_000], 2);
        let (mut at, mut kinds) = (24, Vec::new());
        while let Some(head) = bytes.get(at..at + 9) {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            kinds.push((head[3], head[4], head[8]));
            at += 9 + length;
        }
        assert_eq!(at, bytes.len());
        assert_eq!(kinds, [(4, 0, 0), (4, 1, 0), (1, 4, 1), (0, 0, 1), (0, 1, 1), (1, 4, 3), (0, 0, 3), (0, 1, 3)]);
    }
}
