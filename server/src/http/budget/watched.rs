//! Closes a client that reads nothing while bytes wait for it; a client that reads slowly stays connected.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use crate::http::budget::link::{Busy, Link};

/// The stream of a connection. Allocates and times nothing until the client first blocks a write.
#[derive(Debug)]
pub struct Watched {
    stream: TcpStream,
    link: Arc<Link>,
    is_stalled: bool,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Watched {
    /// Watches `stream` for the connection.
    pub fn new(stream: TcpStream, link: Arc<Link>) -> Self {
        Self { stream, link, is_stalled: false, timer: None }
    }

    /// Records the result of a write; a blocked write starts the clock.
    fn written(&mut self, context: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            if self.is_stalled {
                self.is_stalled = false;
                self.link.moves();
            }
            return written;
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(self.link.patience())));
        if !self.is_stalled {
            self.is_stalled = true;
            self.link.stalls();
            timer.as_mut().reset(Instant::now() + self.link.patience());
        }
        ready!(timer.as_mut().poll(context));
        metrics::counter!("anaquel_connections_ended_total", "reason" => "not-reading").increment(1);
        // The client will not take the rest, so the kernel need not keep it.
        let _ = self.stream.set_zero_linger();
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "limits.write_seconds: the client reads nothing")))
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The body of an answer, which records whether its pieces are fetched. HTTP/2 shows nothing else: a stream with a
/// closed window takes nothing while the connection stays active.
#[derive(Debug)]
pub struct Tracked {
    body: Body,
    busy: Busy,
    waits: bool,
}

impl Tracked {
    /// Watches `body` for the connection.
    pub fn new(body: Body, link: &Arc<Link>) -> Self {
        let tracked = Self { body, busy: Busy::new(Arc::clone(link)), waits: link.is_http2() };
        if tracked.waits {
            link.waits();
        }
        tracked
    }
}

impl hyper::body::Body for Tracked {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if std::mem::take(&mut self.waits) {
            self.busy.link().is_fetched();
        }
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if matches!(frame, Poll::Ready(Some(_))) && self.busy.link().is_http2() {
            self.waits = true;
            self.busy.link().waits();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        if self.waits {
            self.busy.link().is_fetched();
        }
    }
}
