//! Files out.

use anaquel_engine::event::ImportKind;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use futures_util::{StreamExt, stream};
use http::{HeaderValue, Uri, header};
use tokio::sync::mpsc;

use crate::app::App;
use crate::files::export::Texts;
use crate::http::budget::Payer;
use crate::http::extract::{Params, PathId};
use crate::http::problem::Problem;

/// Bytes that go out together.
pub(crate) const PIECE_BYTES: usize = 64 << 10;

/// Write out what an import reads.
#[utoipa::path(
    get, path = "/v1/export/{kind}", tag = "loading", security(("key" = ["ops"])),
    params(
        ("kind" = String, Path, description = "locations, groups, skus, stock, prices, rules, supply or channels"),
        ("raw" = Option<bool>, Query, description = "Texts as they are; without it, none is written so that a spreadsheet would run it, and the import reads them back")
    ),
    responses((status = 200, description = "CSV with the columns of the import", content_type = "text/csv"),
              (status = 404, description = "not-found"))
)]
pub async fn export(State(app): State<App>, payer: Payer, PathId(kind): PathId, uri: Uri) -> Result<Response, Problem> {
    let kind: ImportKind = crate::files::plan::parse_kind(&kind).ok_or_else(|| Problem::not_found("kind of export"))?;
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let texts = if params.flag("raw")? { Texts::Raw } else { Texts::Guarded };
    params.done()?;
    let (pieces, received) = mpsc::channel::<std::io::Result<Bytes>>(4);
    // Each takes a thread for as long as its reader likes.
    let turn = app.files.turn(payer.who).await?;
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let _breaks_off = BreaksOff(pieces.clone());
        let mut out = std::io::BufWriter::with_capacity(PIECE_BYTES, Pieces(pieces));
        // A reader that went away ends the export.
        let _ = crate::files::export::export(&app.engine, kind, texts, &mut out)
            .and_then(|_| std::io::Write::flush(&mut out));
    });
    let body = stream::unfold(received, |mut received| async move { Some((received.recv().await?, received)) }).fuse();
    let mut response = Response::new(Body::from_stream(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    Ok(response)
}

/// An export that ends in a defect says so in a last line, and breaks off: nobody takes it for the whole.
struct BreaksOff(mpsc::Sender<std::io::Result<Bytes>>);

impl Drop for BreaksOff {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("an export ended in a defect");
            let line = Bytes::from_static(b"\n#error,the export ends here by a defect; the log tells more\n");
            if self.0.blocking_send(Ok(line)).is_ok() {
                let _ = self.0.blocking_send(Err(std::io::Error::other("the export ended in a defect")));
            }
        }
    }
}

/// Hands on what is written, as fast as its reader takes it.
pub(crate) struct Pieces(pub mpsc::Sender<std::io::Result<Bytes>>);

impl std::io::Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map(|()| bytes.len()).map_err(|_| std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
