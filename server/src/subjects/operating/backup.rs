//! Backups of the running server, streamed.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anaquel_engine::backup::{BackupError, Extra, Head, Start};
use anaquel_engine::ids::{Epoch, Seq};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use futures_util::{StreamExt, stream};
use http::{HeaderName, HeaderValue, Uri, header};
use tokio::sync::{mpsc, oneshot};

use crate::app::App;
use crate::auth::revoked::{FILE_NAME, Revoked};
use crate::config::AuthConfig;
use crate::http::budget::Payer;
use crate::http::extract::Params;
use crate::http::pieces::{PIECE_BYTES, PieceWriter};
use crate::http::problem::{Problem, Slug};
use crate::subjects::operating::last_backup::LastBackup;

/// The ending of a backup's name.
pub const ENDING: &str = "backup";

/// The file name of a backup: its epoch and its records.
pub fn file_name(head: &Head) -> String {
    if head.is_whole() {
        format!("{:020}-whole.{ENDING}", head.seq)
    } else {
        format!("{:020}-after-{:020}.{ENDING}", head.seq, head.after)
    }
}

/// The files of keys and of revocations of the data directory `data`, where they exist, for the backup.
///
/// # Errors
/// A file cannot be read.
pub fn key_files(auth: &AuthConfig, data: &Path) -> io::Result<Vec<Extra>> {
    let mut files = Vec::new();
    for (name, path) in [("keys.json", auth.keys_path(data)), (FILE_NAME, Revoked::path(data))] {
        match fs::read(path) {
            Ok(bytes) => files.push(Extra { name: name.to_owned(), bytes }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(files)
}

/// The media type of a backup.
const MEDIA_TYPE: &str = "application/octet-stream";

/// Take a backup, exact at one `seq`.
///
/// The answer has the newest checkpoint and the log in checked pieces, streamed. `anaquel backup` downloads and
/// verifies it,
/// `anaquel restore` creates a data directory from it. A backup contains the names of keys, their hashes, and the
/// secret behind reservation ids: protect it like the data directory. A backup that breaks off has no end mark, and is
/// invalid.
#[utoipa::path(
    get, path = "/v1/backup", tag = "operating", security(("key" = ["ops"])),
    params(
        ("after" = Option<u64>, Query, description = "Only newer records: the last `seq` of the previous backup. \
            Everything if left out"),
        ("epoch" = Option<String>, Query, description = "The epoch of the previous backup, 16 hexadecimal digits: \
            another history is refused. Only with `after`")
    ),
    responses(
        (status = 200, description = "The backup; `Anaquel-Seq` is its last record, `Anaquel-State-Hash` the state \
                                      hash at that record",
            content_type = "application/octet-stream", headers(
                ("Anaquel-Seq" = u64, description = "Its last record"),
                ("Anaquel-State-Hash" = String, description = "The state hash at that record"))),
        (status = 400, description = "invalid-request"),
        (status = 410, description = "gone: the log no longer has the records, or `after` belongs to another history; \
                                      take a full backup"),
        (status = 503, description = "overloaded: too many files are being transferred (`limits.files`)")
    )
)]
pub async fn backup(State(app): State<App>, payer: Payer, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let (after, epoch) = (params.number::<Seq>("after")?, params.one("epoch")?);
    params.done()?;
    let epoch = epoch.map(|text| read_epoch(&text)).transpose()?;
    let start = match (after, epoch) {
        (None, None) => Start::Whole,
        (None, Some(_)) => {
            return Err(Problem::invalid(
                "epoch",
                "is only allowed together with `after`, which is \
            missing",
            ));
        }
        (Some(after), epoch) => {
            let own = || app.engine.identity().eras().filter(|era| era.after < after).last();
            Start::After(epoch.or_else(|| own().map(|era| era.epoch)).unwrap_or(app.engine.epoch()), after)
        }
    };
    send(app, &payer, start, true).await
}

/// Streams a backup; `counts` tells operators that one was taken.
///
/// # Errors
/// The log no longer has the records; the data cannot be read.
pub async fn send(app: App, payer: &Payer, start: Start, counts: bool) -> Result<Response, Problem> {
    // A backup occupies a thread for as long as its client reads.
    let turn = app.files.turn(payer.who).await?;
    let (pieces, received) = mpsc::channel::<std::io::Result<Bytes>>(4);
    let (tell, told) = oneshot::channel();
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let _breaks_off = BreaksOff(pieces.clone());
        let mut tell = Some(tell);
        let written = keys_of(&app).map_err(BackupError::from).and_then(|extra| {
            let mut begun = |head: &Head| drop(tell.take().map(|tell| tell.send(Ok(head.clone()))));
            let mut out = std::io::BufWriter::with_capacity(PIECE_BYTES, PieceWriter(pieces.clone()));
            let written = app.engine.back_up(start, &extra, &mut begun, &mut out);
            written.and_then(|head| Ok(out.flush().map(|()| head)?))
        });
        match (written, tell) {
            (Ok(head), _) if !counts => tracing::info!(seq = head.seq, "a node took over a checkpoint and the log"),
            (Ok(head), _) => {
                tracing::info!(seq = head.seq, after = head.after, "a backup was taken");
                LastBackup::note(&app.config.data, head.seq, head.is_whole());
            }
            (Err(error), Some(tell)) => drop(tell.send(Err(problem(error)))),
            // A client that disconnects ends the backup.
            (Err(BackupError::Io(error)), None) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
            (Err(error), None) => {
                tracing::error!(%error, "a backup broke off");
                drop(pieces.blocking_send(Err(std::io::Error::other(error))));
            }
        }
    });
    let broken = |_| Problem::new(Slug::Internal, "internal error; see the server log");
    let head = told.await.map_err(broken)??;
    let body = stream::unfold(received, |mut received| async move { Some((received.recv().await?, received)) }).fuse();
    let mut response = Response::new(Body::from_stream(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert(HeaderName::from_static("anaquel-seq"), head.seq.into());
    let name = format!("attachment; filename=\"{}\"", file_name(&head));
    for (header, value) in
        [(HeaderName::from_static("anaquel-state-hash"), &head.hash), (header::CONTENT_DISPOSITION, &name)]
    {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(header, value);
        }
    }
    Ok(response)
}

fn read_epoch(text: &str) -> Result<Epoch, Problem> {
    let digits = Some(text).filter(|text| text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let read = digits.and_then(|text| u64::from_str_radix(text, 16).ok());
    read.map(Epoch).ok_or_else(|| Problem::invalid("epoch", format!("{text:?} is not 16 hexadecimal digits")))
}

/// The files of keys.
fn keys_of(app: &App) -> std::io::Result<Vec<Extra>> {
    key_files(&app.config.auth, &app.config.data)
}

fn problem(error: BackupError) -> Problem {
    match error {
        BackupError::Gone(_) => Problem::new(Slug::Gone, error.to_string()),
        BackupError::NotDurable => Problem::new(Slug::ReadOnly, error.to_string()),
        error => {
            tracing::error!(%error, "cannot take a backup");
            Problem::new(Slug::Internal, "cannot read the backup; see the server log")
        }
    }
}

/// A backup that fails breaks off, so that no client takes it for complete.
struct BreaksOff(mpsc::Sender<std::io::Result<Bytes>>);

impl Drop for BreaksOff {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("a backup panicked");
            let _ = self.0.blocking_send(Err(std::io::Error::other("internal error during the backup")));
        }
    }
}
