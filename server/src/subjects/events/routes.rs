//! The log, page by page or as a stream of lines.

use std::fmt::Write;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anaquel_engine::ids::Seq;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{App, EVENTS_WAIT_MAX};
use crate::auth::caller::Caller;
use crate::http::budget::{Payer, Who};
use crate::http::extract::Params;
use crate::http::page::Page;
use crate::http::problem::{Problem, Slug};
use crate::subjects::events::search::Search;
use crate::subjects::events::views as event;
use crate::telemetry::latency::Waited;
use crate::wire;

/// The routes of this module.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(events))
}

/// Records in one chunk of a streamed answer.
const CHUNK: usize = 500;

/// Bytes after which a chunk is full; a record is never split.
const CHUNK_BYTES: usize = 128 << 10;

/// How often a chunk tries to get a turn.
const TURNS: usize = 3;

/// List every change, in order.
#[utoipa::path(
    get, path = "/v1/events", tag = "operating", security(("key" = ["ops"]), ("key" = ["stock"])),
    params(
        ("after" = Option<u64>, Query, description = "The last `seq` that the caller has; 0 for all"),
        ("limit" = Option<u32>, Query, description = "1 to 1,000; 100 if left out"),
        ("wait" = Option<u32>, Query, description = "Wait up to this many seconds for a record"),
        ("sku" = Option<String>, Query, description = "Only records that change a cell of this SKU, or have a line of it"),
        ("location" = Option<String>, Query, description = "Only records that concern this location; required without the scope `ops`"),
        ("kind" = Option<Vec<String>>, Query, description = "Only records of one of these kinds"),
        ("actor" = Option<String>, Query, description = "Only records under a key of this name"),
        ("before" = Option<u64>, Query, description = "Only records before this `seq`, the newest first; `next` is then `before` of the next page")
    ),
    responses(
        (status = 200, description = "Records after `after`; with `Accept: application/x-ndjson` a stream of lines"),
        (status = 400, description = "invalid-request"), (status = 410, description = "gone: the log no longer has \
            these records")
    )
)]
pub async fn events(
    State(app): State<App>,
    caller: Caller,
    payer: Payer,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let after = params.number::<Seq>("after")?.unwrap_or(0);
    let wait = params.number::<u64>("wait")?.unwrap_or(0);
    if wait > EVENTS_WAIT_MAX.as_secs() {
        return Err(Problem::invalid("wait", format!("is at most {} seconds", EVENTS_WAIT_MAX.as_secs())));
    }
    let lines =
        headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"application/x-ndjson"));
    let limit = if lines { params.number("limit")?.unwrap_or(usize::MAX) } else { params.limit()? };
    let (sku, location) = (params.one("sku")?, params.one("location")?);
    let (kinds, actor, before) = (params.all("kind"), params.one("actor")?, params.number::<Seq>("before")?);
    params.done()?;
    let catalogue = &app.engine.state().catalogue;
    let search = Search {
        sku: sku.map(|text| wire::known_sku(catalogue, &text)).transpose()?,
        location: location.map(|text| wire::known_location(catalogue, &text)).transpose()?,
        kinds,
        actor,
        before,
    };
    search.check(&caller)?;
    if lines && !search.is_plain() {
        return Err(Problem::invalid("Accept", "application/x-ndjson streams the whole log; search it page by page"));
    }
    if before.is_some() && wait > 0 {
        return Err(Problem::invalid("wait", "is given beside before; older records do not come"));
    }
    let asked = Instant::now();
    if wait > 0 && app.engine.state().view.seq() <= after {
        let mut visible = app.visible.clone();
        let mut stopping = app.stopping.clone();
        tokio::select! {
            _ = tokio::time::timeout(Duration::from_secs(wait), visible.wait_for(|visible| *visible > after)) => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
    }
    let waited = Waited(asked.elapsed());
    let told = match (lines, search.is_plain()) {
        (true, _) => stream_lines(app, payer, after, limit).await,
        (false, true) => list(&app, &payer, after, limit).await,
        (false, false) => {
            let page = move |app: &App| search.page(app, &caller, after, limit);
            crate::http::page::list(&app, &payer, page).await
        }
    };
    let mut response = told.into_response();
    response.extensions_mut().insert(waited);
    Ok(response)
}

/// A page of the log, whatever is in it.
async fn list(app: &App, payer: &Payer, after: Seq, limit: usize) -> Result<Response, Problem> {
    let page = move |app: &App| {
        let mut page = Page::new(app);
        let mut count = 0;
        app.engine.for_each_event(after, limit, &mut |record| {
            if !page.add(event::record(&app.engine, record)) {
                return ControlFlow::Break(());
            }
            page.is_at(record.seq);
            count += 1;
            ControlFlow::Continue(())
        })?;
        Ok(page.end(None, count == limit))
    };
    crate::http::page::list(app, payer, page).await
}

/// Lines of one chunk.
struct Lines {
    text: String,
    count: usize,
    last: Seq,
}

/// Reads up to `limit` records after `after` and up to `until`, as lines of one chunk.
async fn read(app: &App, who: Who, after: Seq, until: Seq, limit: usize) -> Result<Lines, Problem> {
    let engine = app.engine.clone();
    let read = move || {
        let mut lines = Lines { text: String::new(), count: 0, last: after };
        engine.for_each_event(after, limit.min(CHUNK), &mut |record| {
            if record.seq > until {
                return ControlFlow::Break(());
            }
            let _ = writeln!(lines.text, "{}", event::record(&engine, record));
            lines.count += 1;
            lines.last = record.seq;
            if lines.text.len() < CHUNK_BYTES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(lines)
    };
    app.reads.run(who, read).await?
}

/// Streams all records up to the `seq` that is visible when the request arrives, one per line. On an error, the last
/// line has an `error` and the connection breaks, so that no client takes the answer for complete.
async fn stream_lines(app: App, payer: Payer, after: Seq, limit: usize) -> Result<Response, Problem> {
    let (until, who) = (app.engine.state().view.seq(), payer.who);
    // The first chunk is read before the answer begins, so that `gone` is a proper error answer.
    let first = read(&app, who, after, until, limit).await?;
    let rest = Rest { app, who, after: first.last, until, left: limit - first.count, ended: None };
    let rest = stream::unfold(rest, Rest::next).fuse();
    let head = Bytes::from(first.text);
    let body = stream::iter([Ok(head)]).chain(rest);
    let mut response = Response::new(Body::from_stream(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

/// The rest of a streamed answer.
struct Rest {
    app: App,
    who: Who,
    after: Seq,
    until: Seq,
    left: usize,
    /// The error, after it was written.
    ended: Option<std::io::Error>,
}

impl Rest {
    async fn next(mut self) -> Option<(std::io::Result<Bytes>, Self)> {
        if let Some(error) = self.ended.take() {
            self.left = 0;
            return Some((Err(error), self));
        }
        if self.after >= self.until || self.left == 0 {
            return None;
        }
        let mut read = self.read_on().await;
        // A waiting stream holds no resources: a busy server does not break it off.
        for _ in 0..TURNS {
            match &read {
                Err(problem) if problem.status() == StatusCode::SERVICE_UNAVAILABLE => read = self.read_on().await,
                _ => break,
            }
        }
        let lines = match read {
            Ok(lines) if lines.count > 0 => lines,
            Ok(_) => {
                return Some(self.broken(&Problem::new(Slug::Internal, "the log ends before its last visible record")));
            }
            Err(problem) => return Some(self.broken(&problem)),
        };
        (self.after, self.left) = (lines.last, self.left - lines.count);
        Some((Ok(Bytes::from(lines.text)), self))
    }

    async fn read_on(&self) -> Result<Lines, Problem> {
        read(&self.app, self.who, self.after, self.until, self.left).await
    }

    fn broken(mut self, problem: &Problem) -> (std::io::Result<Bytes>, Self) {
        tracing::warn!(after = self.after, problem = problem.detail(), "an event stream broke off");
        self.ended = Some(std::io::Error::other(problem.detail().to_owned()));
        let line = serde_json::json!({"error": problem.to_json(), "after": self.after});
        (Ok(Bytes::from(format!("{line}\n"))), self)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;
    use anaquel_engine::admission::MovementRequest;
    use anaquel_engine::event::MovementKind;
    use anaquel_engine::ids::Name;
    use anaquel_engine::journal::memory::MemoryDisk;
    use http_body_util::BodyExt;

    fn receipt(app: &App, sku: &str) {
        let movement = MovementRequest {
            kind: MovementKind::Receipt,
            sku: Name::parse_sku(sku).unwrap(),
            location: Name::parse("s1").unwrap(),
            change: 1,
            occurred_at: None,
            reference: None,
            unplanned: false,
        };
        app.engine.run(|engine, done| engine.move_stock(vec![movement], None, done)).unwrap();
    }

    /// The lines that came, and whether the answer came to its end.
    async fn lines(app: &App) -> (Vec<serde_json::Value>, bool) {
        let response = stream_lines(app.clone(), Payer::default(), 0, usize::MAX).await.unwrap();
        let (mut body, mut text, mut is_whole) = (response.into_body(), Vec::new(), true);
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => text.extend_from_slice(&frame.into_data().unwrap()),
                Err(_) => is_whole = false,
            }
        }
        let lines = std::str::from_utf8(&text).unwrap().lines().map(|line| serde_json::from_str(line).unwrap());
        (lines.collect(), is_whole)
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_says_so() {
        let (folder, disk) = (tempfile::tempdir().unwrap(), MemoryDisk::default());
        let app = App::for_tests_on(folder.path(), disk.clone()).unwrap();
        for n in 0..600 {
            receipt(&app, &format!("SKU-{n}"));
        }
        let (whole, is_whole) = lines(&app).await;
        assert!(is_whole && whole.len() >= 600, "{}", whole.len());
        disk.flip(disk.parts() - 10, 100);
        let (part, is_whole) = lines(&app).await;
        assert!(!is_whole, "nobody takes it for the whole");
        let (last, told) = part.split_last().unwrap();
        assert!(!told.is_empty() && told.len() < whole.len());
        assert_eq!(
            (last["error"]["status"].as_u64(), last["error"]["type"].as_str()),
            (Some(500), Some("/problems/internal"))
        );
        assert_eq!(last["after"], told.last().unwrap()["seq"]);
    }
}
