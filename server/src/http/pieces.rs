//! Responses whose bodies are written piece by piece, from a thread that may block.

use axum::body::Bytes;
use tokio::sync::mpsc;

/// Bytes that are sent together.
pub const PIECE_BYTES: usize = 64 << 10;

/// Sends the written bytes as a response body, at the speed of the client.
pub struct PieceWriter(pub mpsc::Sender<std::io::Result<Bytes>>);

impl std::io::Write for PieceWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map(|()| bytes.len()).map_err(|_| std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
