//! Responses whose bodies are written piece by piece, from a thread that may block.

use axum::body::Bytes;
use tokio::sync::mpsc;

/// Bytes that go out together.
pub const PIECE_BYTES: usize = 64 << 10;

/// Sends what is written to the body of a response, as fast as the client reads it.
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
