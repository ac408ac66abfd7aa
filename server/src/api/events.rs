//! The log itself, page by page or as a stream of lines.

use std::time::Duration;

use anaquel_engine::ids::Seq;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Uri, header};

use crate::app::{App, EVENTS_WAIT_MAX};
use crate::extract::Params;
use crate::problem::Problem;
use crate::wire::event;

/// Records in one chunk of a streamed answer.
const CHUNK: usize = 500;

/// Every change, in order.
#[utoipa::path(
    get, path = "/v1/events", tag = "operating", security(("key" = ["ops"])),
    params(
        ("after" = Option<u64>, Query, description = "The last `seq` that you have; 0 from the beginning"),
        ("limit" = Option<u32>, Query, description = "1 to 1,000; 100 if left out"),
        ("wait" = Option<u32>, Query, description = "Hold the answer up to so many seconds until there is a record")
    ),
    responses(
        (status = 200, description = "Records after `after`; with `Accept: application/x-ndjson` a stream of lines"),
        (status = 400, description = "invalid-request"), (status = 410, description = "gone: the log no longer has them")
    )
)]
pub async fn events(State(app): State<App>, headers: HeaderMap, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let after = params.number::<Seq>("after")?.unwrap_or(0);
    let wait = params.number::<u64>("wait")?.unwrap_or(0);
    if wait > EVENTS_WAIT_MAX.as_secs() {
        return Err(Problem::invalid("wait", format!("is at most {} seconds", EVENTS_WAIT_MAX.as_secs())));
    }
    let lines =
        headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"application/x-ndjson"));
    let limit = if lines { params.number("limit")?.unwrap_or(usize::MAX) } else { params.limit()? };
    params.done()?;
    if wait > 0 && app.engine.state().view.seq() <= after {
        let mut visible = app.visible.clone();
        let mut stopping = app.stopping.clone();
        tokio::select! {
            _ = tokio::time::timeout(Duration::from_secs(wait), visible.wait_for(|visible| *visible > after)) => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
    }
    if lines {
        return stream_lines(app, after, limit).await;
    }
    let records = read(&app, after, limit).await?;
    let next = records.get(limit - 1).map(|last| last.seq);
    let items: Vec<_> = records.iter().map(|record| event::record(&app.engine, record)).collect();
    Ok(super::json_answer(&serde_json::json!({"items": items, "next": next})))
}

/// Reads off the worker threads: what is old comes from the disk.
async fn read(app: &App, after: Seq, limit: usize) -> Result<Vec<anaquel_engine::event::Record>, Problem> {
    let engine = app.engine.clone();
    let read = tokio::task::spawn_blocking(move || engine.events(after, limit)).await;
    read.unwrap_or_else(|_| Ok(Vec::new())).map_err(Problem::from)
}

/// Everything up to the `seq` that was visible when the request came, one record a line.
async fn stream_lines(app: App, after: Seq, limit: usize) -> Result<Response, Problem> {
    let until = app.engine.state().view.seq();
    // The first chunk is read before the answer begins, so that what is gone is told as such.
    let first = read(&app, after, limit.min(CHUNK)).await?;
    let lines = move |app: &App, records: &[anaquel_engine::event::Record]| {
        let mut out = String::new();
        for record in records.iter().filter(|record| record.seq <= until) {
            out.push_str(&event::record(&app.engine, record).to_string());
            out.push('\n');
        }
        Bytes::from(out)
    };
    let head = lines(&app, &first);
    let state = (app, first.last().map_or(after, |last| last.seq), limit - first.len());
    let rest = stream::unfold(state, move |(app, after, left)| async move {
        if after >= until || left == 0 {
            return None;
        }
        let records = read(&app, after, left.min(CHUNK)).await.ok()?;
        let last = records.last()?.seq;
        let chunk = lines(&app, &records);
        Some((Ok::<_, std::convert::Infallible>(chunk), (app, last, left - records.len())))
    });
    let body = futures_util::StreamExt::chain(stream::iter([Ok(head)]), rest);
    let mut response = Response::new(Body::from_stream(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}
