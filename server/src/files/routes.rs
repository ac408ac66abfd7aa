//! Imports and exports over HTTP, streamed without buffering a whole file.

use std::io::{BufReader, ErrorKind, Read};
use std::sync::Arc;
use std::time::Duration;

use anaquel_engine::command::{Command, Failure, Outcome};
use anaquel_engine::event::{ImportKind, Imported};
use anaquel_engine::ids::crockford;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::{StreamExt, stream};
use http::{HeaderValue, Uri, header};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{App, Executed};
use crate::auth::caller::Caller;
use crate::files::export::Texts;
use crate::files::kind::RowOptions;
use crate::files::load::{self, LoadError};
use crate::files::plan::{Format, ImportPlan, Reading};
use crate::files::progress::{Ends, Progress};
use crate::files::rejects::Rejects;
use crate::files::surface::Surface;
use crate::http::budget::Payer;
use crate::http::encoding::{Encoding, Unpacked};
use crate::http::extract::{self, Params, PathId};
use crate::http::pieces::{PIECE_BYTES, PieceWriter};
use crate::http::problem::{Problem, Slug};
use crate::http::reply::{json_answer, replayed, unexpected};
use crate::subjects;

/// The routes of this module.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(import))
        .routes(routes!(export))
        .routes(routes!(list_imports))
        .routes(routes!(get_import))
}

/// The longest wait for the next piece of a body.
const PIECE_TIMEOUT: Duration = Duration::from_secs(30);

/// The setting that bounds an import, compressed and uncompressed.
const LIMIT: &str = "limits.import_bytes";

/// Pieces of a body between the network and the parser.
const PIECES: usize = 8;

/// Import a file.
#[utoipa::path(
    post, path = "/v1/import/{kind}", tag = "loading", security(("key" = ["import"])),
    params(
        ("kind" = String, Path, description = "locations, groups, skus, stock, prices, rules, supply, channels or sales", example = "stock"),
        ("atomic" = Option<bool>, Query, description = "One wrong row rejects all"),
        ("create" = Option<bool>, Query, description = "Create unknown SKUs and locations that rows of stock name; and \
            SKUs, locations and channels that rows of sales name"),
        ("stock" = Option<bool>, Query, description = "Of sales: their units move stock, unless a count has them already"),
        ("raw" = Option<bool>, Query, description = "Read cells of CSV as they are, as an export with raw=true writes \
            them"),
        ("map" = Option<Vec<String>>, Query, description = "COLUMN=NAME: a column of this import, and its name in the file; may repeat. In JSON lines, NAME may be a path such as location.lat"),
        ("set" = Option<Vec<String>>, Query, description = "COLUMN=VALUE: the value of a column in every row that has \
            none; may repeat"),
        ("ignore_unknown" = Option<bool>, Query, description = "Ignore columns that this import does not know"),
        ("delimiter" = Option<String>, Query, description = "Separator of fields: comma, semicolon, tab or pipe; \
            detected from the header line if left out"),
        ("decimal" = Option<String>, Query, description = "Decimal separator of numbers, point or comma; if left out, \
            only unambiguous numbers are accepted"),
        ("import" = Option<String>, Query, description = "An id of the caller's, under which `GET /v1/imports/{import}` tells how far it is"),
        ("rejects" = Option<bool>, Query, description = "The answer contains the rejected rows as a file, in \
            `rejects`"),
        ("Content-Encoding" = Option<String>, Header, description = "gzip, or none"),
        ("Idempotency-Key" = Option<String>, Header, description = "The key is bound to the hash of the received bytes")
    ),
    request_body(content = String, content_type = "text/csv", example = "sku,location,on_hand\nTSHIRT-RED-M,mx-014,4\n"),
    responses(
        (status = 200, description = "The result of the rows; the three counts add up to all rows", example = json!({
            "accepted": 1, "unchanged": 0, "rejected": 0, "errors": [], "errors_left_out": 0, "seq": 1844
        })),
        (status = 400, description = "invalid-request: the header, or an atomic import with wrong rows"),
        (status = 413, description = "payload-too-large"), (status = 415, description = "unsupported-media-type")
    )
)]
pub async fn import(State(app): State<App>, PathId(kind): PathId, request: Request) -> Result<Response, Problem> {
    let kind = subjects::file_kind(&kind).ok_or_else(|| Problem::not_found("kind of import"))?;
    let (parts, body) = request.into_parts();
    let mut params = Params::parse(parts.uri.query().unwrap_or_default());
    let (atomic, create, raw) = (params.flag("atomic")?, params.flag("create")?, params.flag("raw")?);
    let (reading, asks_rejects) = (reading(&mut params)?, params.flag("rejects")?);
    let options = RowOptions { create, stock: params.flag("stock")? };
    let named = params.outside_name("import")?.map(|name| name.to_string());
    params.done()?;
    if options.stock && kind.kind != ImportKind::Sales {
        return Err(Problem::invalid("stock", "is an option of sales alone; leave it out"));
    }
    let reading = reading.with_currency(kind, &app.config.imports.sales_currency);
    let media_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let encoding = match Encoding::of(&parts.headers) {
        Ok(encoding) => encoding,
        Err(problem) => {
            extract::discard_beside(&parts.headers, body);
            return Err(problem);
        }
    };
    let format = match media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "text/csv" => Format::Csv,
        "application/x-ndjson" => Format::Ndjson,
        _ => {
            extract::discard_beside(&parts.headers, body);
            let detail = "Content-Type: send text/csv or application/x-ndjson";
            return Err(Problem::new(Slug::UnsupportedMediaType, detail));
        }
    };
    let key = extract::key(&parts.headers)?;
    if key.is_none() && app.config.idempotency.required {
        return Err(Problem::invalid("Idempotency-Key", "is required by this server"));
    }
    let limit = app.config.limits.import_bytes;
    if extract::announced(&parts.headers).is_some_and(|length| length > limit) {
        extract::discard_beside(&parts.headers, body);
        return Err(extract::too_large("an import", limit, LIMIT, parts.version));
    }
    let agent = parts.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let (atomic_rows, surface) = (app.config.limits.import_atomic_rows, Surface::of_user_agent(agent));
    let plan = ImportPlan { kind, format, atomic, options, raw, atomic_rows, reading, surface };

    let id = match &named {
        Some(id) => id.clone(),
        None => format!("i-{}", crockford(crate::random()?, 12)),
    };
    let actor = Caller::of(&parts.extensions).principal.map(|principal| principal.identity.name.clone());
    let announced = extract::announced(&parts.headers);
    let progress = app.imports.begin(Progress::new(id, kind.kind.as_str(), actor, announced));
    let ends = Ends(Arc::clone(&progress));

    // Each import occupies a thread for as long as its client sends.
    let turn = match app.files.turn(Payer::of(&parts.extensions).who).await {
        Ok(turn) => turn,
        Err(problem) => {
            progress.ended(Err(problem.detail().to_owned()));
            extract::discard_beside(&parts.headers, body);
            return Err(problem);
        }
    };

    // The body goes piece by piece to a thread that parses and loads it; a slow disk slows down the sender.
    let (pieces, received) = mpsc::channel::<std::io::Result<Bytes>>(PIECES);
    tokio::spawn(feed(body, pieces, limit));
    let worker = app.clone();
    let runtime = tokio::runtime::Handle::current();
    let (caller, address) = (Caller::of(&parts.extensions), extract::address(&parts));
    let caller = Caller { trace: extract::trace(&parts.headers), ..caller };
    let version = parts.version;
    let telling = Arc::clone(&progress);
    let loaded = tokio::task::spawn_blocking(move || {
        let (_turn, _ends) = (turn, ends);
        let unpacked = Unpacked::new(Pieces::new(received, Arc::clone(&telling)), encoding, limit);
        let mut reader = BufReader::with_capacity(64 << 10, unpacked);
        let bind = |hash| {
            let who = caller.principal.as_ref().map(|principal| principal.identity.as_ref());
            key.clone().map(|key| extract::bind_key(key, who, parts.method.as_str(), parts.uri.path(), hash))
        };
        // A repeat is only read, to compare the hash of the file.
        let kept = match bind(blake3::hash(b"")) {
            Some(probe) => worker.engine.kept(probe.scope).map_err(|error| LoadError::Refused(error.into()))?,
            None => None,
        };
        if let Some(done) = kept {
            std::io::copy(&mut reader, &mut std::io::sink())?;
            let same =
                bind(reader.get_ref().get_ref().hash.finalize()).is_some_and(|key| key.fingerprint == done.fingerprint);
            if !same {
                return Err(Failure::from(anaquel_engine::command::Refusal::IdempotencyMismatch).into());
            }
            return match worker.engine.replay(&done) {
                Ok(Some(Outcome::Imported { seq, imported })) => Ok((seq, imported, None)),
                _ => Err(Failure::Replayed(done.seq).into()),
            };
        }
        let (mut rejected, rejects_bytes) = (Vec::new(), worker.config.limits.import_rejects_bytes);
        let mut rejects = asks_rejects.then(|| Rejects::new(&mut rejected, plan.format, rejects_bytes));
        let imported = load::load(&worker.engine, &caller, &plan, &mut reader, rejects.as_mut(), Some(&telling));
        let left_out = rejects.map(|rejects| rejects.left_out());
        let rejects = left_out.map(|left_out| (String::from_utf8(rejected).unwrap_or_default(), left_out));
        let imported = match (imported, rejects.clone()) {
            // Nothing was loaded; wrong rows are reported as for any import.
            (Err(LoadError::Refused(problem)), Some((text, left_out))) if !text.is_empty() => {
                return Err(problem.with("rejects", text).with("rejects_left_out", left_out).into());
            }
            (imported, _) => imported?,
        };
        let key = bind(reader.get_ref().get_ref().hash.finalize());
        let caller = caller.with_key(key, address);
        let executed: Executed = runtime.block_on(end(&worker, &caller, imported))?;
        match executed.outcome {
            Outcome::Imported { seq, imported } if executed.replayed => Ok((seq, imported, None)),
            Outcome::Imported { seq, imported } => Ok((seq, imported, Some(rejects))),
            other => Err(LoadError::Refused(unexpected(&other))),
        }
    });
    let loaded = loaded
        .await
        .map_err(|_| Problem::new(Slug::Internal, "internal error while the file was imported; see the server log"))?;
    let (seq, imported, first) = loaded.map_err(|error| {
        let problem = match error {
            LoadError::Read(error) if error.kind() == ErrorKind::FileTooLarge => {
                extract::too_large("an import", limit, LIMIT, version)
            }
            error => error.into(),
        };
        progress.failed(problem.detail());
        problem
    })?;
    progress.came_to(&imported);
    progress.ended(Ok(seq));
    let mut answer = load::summary(&imported, seq);
    // The rows are not stored: the answer to a repeat has the errors alone.
    if let (Some(Some((text, left_out))), Value::Object(members)) = (&first, &mut answer) {
        members.insert("rejects".into(), text.as_str().into());
        members.insert("rejects_left_out".into(), (*left_out).into());
    }
    if let (Some(id), Value::Object(members)) = (named, &mut answer) {
        members.insert("import".into(), id.into());
    }
    Ok(replayed(json_answer(&answer), first.is_none()))
}

/// List imports since the start of the server, the newest first.
#[utoipa::path(get, path = "/v1/imports", tag = "loading", security(("key" = ["import"]), ("key" = ["ops"])),
    params(("after" = Option<String>, Query, description = "`next` of the previous page"),
        ("limit" = Option<u32>, Query, description = "1 to 1,000; 100 if left out")),
    responses((status = 200, description = "The imports that are remembered, at most 1,000"), (status = 400, description = "invalid-request")))]
pub async fn list_imports(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let (after, limit) = (params.one("after")?, params.limit()?);
    params.done()?;
    let (found, more) = app.imports.list(after.as_deref(), limit);
    let next = found.last().filter(|_| more).map(|last| last.id.clone());
    let items: Vec<Value> = found.iter().map(|progress| progress.to_value()).collect();
    Ok(json_answer(&json!({"items": items, "next": next})))
}

/// Read how far an import is, or what it came to.
#[utoipa::path(get, path = "/v1/imports/{import}", tag = "loading", security(("key" = ["import"]), ("key" = ["ops"])),
    params(("import" = String, Path, description = "The import")),
    responses((status = 200, description = "The import"),
        (status = 404, description = "not-found: no import of this id since the start of the server")))]
pub async fn get_import(State(app): State<App>, PathId(id): PathId) -> Result<Response, Problem> {
    let progress = app.imports.get(&id).ok_or_else(|| Problem::not_found("import"))?;
    Ok(json_answer(&progress.to_value()))
}

/// The options for a file in another layout.
fn reading(params: &mut Params) -> Result<Reading, Problem> {
    let wrong = |field: &'static str| move |reason: String| Problem::invalid(field, reason);
    let (delimiter, decimal) = (params.one("delimiter")?, params.one("decimal")?);
    let (map, set) = (params.all("map"), params.all("set"));
    Ok(Reading {
        delimiter: delimiter.map(|text| Reading::parse_delimiter(&text).map_err(wrong("delimiter"))).transpose()?,
        decimal: decimal.map(|text| Reading::parse_decimal(&text).map_err(wrong("decimal"))).transpose()?,
        map: map.iter().map(|text| Reading::parse_map(text).map_err(wrong("map"))).collect::<Result<_, _>>()?,
        set: set.iter().map(|text| Reading::parse_set(text).map_err(wrong("set"))).collect::<Result<_, _>>()?,
        ignore_unknown: params.flag("ignore_unknown")?,
    })
}

async fn end(app: &App, caller: &Caller, imported: Box<Imported>) -> Result<Executed, Failure> {
    let command: Command = load::end_of(imported);
    app.execute(caller, |engine, cause, done| engine.submit(command, cause, done)).await
}

/// Passes on the pieces of a body. The rest of a body that is refused early is read in the background.
async fn feed(body: Body, pieces: mpsc::Sender<std::io::Result<Bytes>>, limit: u64) {
    use std::io::Error;
    let mut body = body.into_data_stream();
    let mut total = 0;
    loop {
        let piece = match tokio::time::timeout(PIECE_TIMEOUT, body.next()).await {
            Err(_) => Err(Error::new(ErrorKind::TimedOut, "the body paused for more than 30 seconds; send it again")),
            Ok(None) => return,
            Ok(Some(Err(error))) => Err(Error::other(error)),
            Ok(Some(Ok(bytes))) => {
                total += bytes.len() as u64;
                if total > limit {
                    Err(Error::new(
                        ErrorKind::FileTooLarge,
                        format!(
                            "an import has at most {limit} bytes; send it in \
                        parts"
                        ),
                    ))
                } else {
                    Ok(bytes)
                }
            }
        };
        let last = piece.is_err();
        if pieces.send(piece).await.is_err() || last {
            drop(pieces);
            extract::discard(Body::from_stream(body)).await;
            return;
        }
    }
}

/// Reads the pieces of a body and hashes them.
struct Pieces {
    received: mpsc::Receiver<std::io::Result<Bytes>>,
    current: Bytes,
    hash: blake3::Hasher,
    progress: Arc<Progress>,
}

impl Pieces {
    fn new(received: mpsc::Receiver<std::io::Result<Bytes>>, progress: Arc<Progress>) -> Self {
        Self { received, current: Bytes::new(), hash: blake3::Hasher::new(), progress }
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.current.is_empty() {
            match self.received.blocking_recv() {
                None => return Ok(0),
                Some(piece) => self.current = piece?,
            }
        }
        let length = self.current.len().min(buffer.len());
        let piece = self.current.split_to(length);
        let (head, _) = buffer.split_at_mut(length);
        head.copy_from_slice(&piece);
        self.hash.update(&piece);
        self.progress.received(length);
        Ok(length)
    }
}

/// Export a file that the import reads.
#[utoipa::path(
    get, path = "/v1/export/{kind}", tag = "loading", security(("key" = ["ops"])),
    params(
        ("kind" = String, Path, description = "locations, groups, skus, stock, prices, rules, supply, channels, sales, \
            orders or receipts"),
        ("raw" = Option<bool>, Query, description = "Texts unchanged; without it, a text that a spreadsheet would run \
            as a formula is escaped, and the import reads it back")
    ),
    responses((status = 200, description = "CSV with the columns of the import", content_type = "text/csv"),
              (status = 404, description = "not-found"))
)]
pub async fn export(State(app): State<App>, payer: Payer, PathId(kind): PathId, uri: Uri) -> Result<Response, Problem> {
    let kind = subjects::export_kind(&kind).ok_or_else(|| Problem::not_found("kind of export"))?;
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let texts = if params.flag("raw")? { Texts::Raw } else { Texts::Guarded };
    params.done()?;
    let (pieces, received) = mpsc::channel::<std::io::Result<Bytes>>(4);
    // Each export occupies a thread for as long as its client reads.
    let turn = app.files.turn(payer.who).await?;
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let _breaks_off = BreaksOff(pieces.clone());
        let mut out = std::io::BufWriter::with_capacity(PIECE_BYTES, PieceWriter(pieces));
        // A client that disconnects ends the export.
        let _ = (kind.export)(&app.engine, texts, &mut out).and_then(|_| std::io::Write::flush(&mut out));
    });
    let body = stream::unfold(received, |mut received| async move { Some((received.recv().await?, received)) }).fuse();
    let mut response = Response::new(Body::from_stream(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    Ok(response)
}

/// An export that fails ends with an error line and a broken connection, so that no client takes it for complete.
struct BreaksOff(mpsc::Sender<std::io::Result<Bytes>>);

impl Drop for BreaksOff {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("an export panicked");
            let line = Bytes::from_static(b"\n#error,the export is incomplete: internal error; see the server log\n");
            if self.0.blocking_send(Ok(line)).is_ok() {
                let _ = self.0.blocking_send(Err(std::io::Error::other("internal error during the export")));
            }
        }
    }
}
