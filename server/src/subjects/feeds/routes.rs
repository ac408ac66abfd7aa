//! The feed for tills, streamed as lines.

use std::collections::VecDeque;

use anaquel_engine::feed::Cursor;
use anaquel_engine::ids::SkuId;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use futures_util::{StreamExt, stream};
use http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::changed::{Changed, changed};
use super::row::{Till, row};
use crate::app::App;
use crate::auth::caller::Caller;
use crate::auth::identity::digest;
use crate::http::budget::{Payer, Who};
use crate::http::extract::Params;
use crate::http::problem::{Problem, Slug};
use crate::subjects::prices::routes::Question;
use crate::wire;

/// Its routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(till))
}

/// Rows of one chunk.
const CHUNK: usize = 500;

/// How often a chunk tries to get a turn.
const TURNS: usize = 3;

const CURSOR: HeaderName = HeaderName::from_static("anaquel-cursor");
const WHOLE: HeaderName = HeaderName::from_static("anaquel-whole");

/// Read everything that a till needs to sell offline, or what changed of it.
///
/// Each row is of the record of the cursor or later: a delta may tell rows again, and a snapshot with all deltas after it is
/// exact. Where what values all rows changed (rules, a price list, a tax class, the channel), or the delta would examine too
/// many records, the answer is every row, with `Anaquel-Whole: true`, and takes the place of what the reader has.
#[utoipa::path(
    get, path = "/v1/feeds/till", tag = "feeds", security(("key" = ["read"])),
    params(
        ("location" = String, Query, description = "Where the till stands"),
        ("channel" = String, Query, description = "Through which channel it sells"),
        ("currency" = String, Query, description = "In which currency", example = "EUR"),
        ("since" = Option<String>, Query, description = "The `Anaquel-Cursor` of the answer before: only what changed since")
    ),
    responses(
        (status = 200, description = "A row a line", content_type = "application/x-ndjson", headers(
            ("Anaquel-Cursor" = String, description = "`since` of the next call"),
            ("Anaquel-Whole" = String, description = "`true` if these are all rows"))),
        (status = 400, description = "invalid-request: also a cursor of another till"),
        (status = 404, description = "not-found: the location"),
        (status = 410, description = "gone: the log no longer has what changed since; ask without `since`")
    )
)]
pub async fn till(State(app): State<App>, caller: Caller, payer: Payer, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let (location, channel) = (params.one("location")?, params.one("channel")?);
    let (currency, since) = (params.one("currency")?, params.one("since")?);
    params.done()?;
    let needed = |field: &str, text: Option<String>| text.ok_or_else(|| Problem::invalid(field, "is required"));
    let (location, channel) = (needed("location", location)?, needed("channel", channel)?);
    let currency = needed("currency", currency)?;
    let engine = &app.engine;
    let selection = digest("feed till", &format!("{location}\n{channel}\n{currency}"));
    let id = wire::known_location(&engine.state().catalogue, &location)?;
    caller.may_use_location("location", Some(&location))?;
    let asked = wire::asking_channel(engine, Some(&wire::name("channel", &channel)?))?;
    let question = Question { channel, location: Some(location), group: None, currency, at: None };
    let till = Till { location: id, channel: asked, price: question.read(engine, &caller)? };
    let cursor = Cursor { epoch: engine.epoch(), seq: engine.state().view.seq(), selection };
    let since = since.map(|text| read_cursor(&app, &text, selection)).transpose()?;
    let left = match since {
        None => None,
        Some(since) => {
            let (app_too, till) = (app.clone(), till.clone());
            let found = app.reads.run(payer.who, move || changed(&app_too.engine, &till, since.seq)).await??;
            match found {
                Changed::Skus(skus) => Some(skus.into_iter().collect::<VecDeque<_>>()),
                Changed::All => None,
            }
        }
    };
    let is_whole = left.is_none();
    let left = left.unwrap_or_else(|| (0..engine.state().catalogue.skus.count()).map(SkuId).collect());
    // The first chunk is read before the answer begins, so that a busy server is a proper error answer.
    let mut rest = Rest { app, who: payer.who, till, left, is_whole, is_over: false };
    let first = rest.read().await?;
    let lines = stream::unfold(rest, Rest::next).fuse();
    let body = stream::iter([Ok::<_, std::io::Error>(Bytes::from(first))]).chain(lines);
    let mut response = Response::new(Body::from_stream(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(cursor) = HeaderValue::from_str(&cursor.to_string()) {
        headers.insert(CURSOR, cursor);
    }
    if is_whole {
        headers.insert(WHOLE, HeaderValue::from_static("true"));
    }
    Ok(response)
}

fn read_cursor(app: &App, text: &str, selection: u64) -> Result<Cursor, Problem> {
    let cursor = Cursor::parse(text).ok_or_else(|| Problem::invalid("since", "is not a cursor of this feed"))?;
    if cursor.selection != selection {
        let reason = "is a cursor of another location, channel or currency; ask without it";
        return Err(Problem::invalid("since", reason));
    }
    let gone =
        |why: &str| Err(Problem::new(Slug::Gone, format!("since: {why}; ask without it")).with("field", "since"));
    if !app.engine.identity().has_told(cursor.epoch, cursor.seq) {
        return gone("the log is another one since");
    }
    if cursor.seq > app.engine.state().view.seq() {
        if app.engine.role().decides() {
            return gone("the log is another one since");
        }
        let why = "since: this node is behind the one that gave it; try again, or another node";
        return Err(Problem::new(Slug::Overloaded, why));
    }
    if cursor.seq + 1 < app.engine.oldest() {
        return gone("the log no longer has what changed");
    }
    Ok(cursor)
}

/// The rest of an answer.
struct Rest {
    app: App,
    who: Who,
    till: Till,
    left: VecDeque<SkuId>,
    is_whole: bool,
    is_over: bool,
}

impl Rest {
    /// The rows of the next SKUs.
    async fn read(&mut self) -> Result<String, Problem> {
        let count = self.left.len().min(CHUNK);
        let skus: Vec<SkuId> = self.left.drain(..count).collect();
        for nth in 1.. {
            let (app, till, skus, is_whole) = (self.app.clone(), self.till.clone(), skus.clone(), self.is_whole);
            let made = self.app.reads.run(self.who, move || lines(&app, &till, &skus, is_whole)).await;
            match made {
                // A waiting stream holds no resources: a busy server does not break it off.
                Err(problem) if nth < TURNS && problem.status() == StatusCode::SERVICE_UNAVAILABLE => {}
                made => return made,
            }
        }
        Ok(String::new())
    }

    async fn next(mut self) -> Option<(std::io::Result<Bytes>, Self)> {
        if self.left.is_empty() || self.is_over {
            return None;
        }
        match self.read().await {
            Ok(text) => Some((Ok(Bytes::from(text)), self)),
            Err(problem) => {
                tracing::warn!(problem = problem.detail(), "a feed broke off");
                self.is_over = true;
                let error = std::io::Error::other(problem.detail().to_owned());
                Some((Err(error), self))
            }
        }
    }
}

/// The lines of some SKUs; a snapshot leaves out those that are not sold any more.
fn lines(app: &App, till: &Till, skus: &[SkuId], is_whole: bool) -> String {
    let skus = skus.iter().filter(|id| !is_whole || app.engine.state().catalogue.skus.is_live(**id));
    skus.fold(String::new(), |mut text, id| {
        text.push_str(&row(&app.engine, till, *id).to_string());
        text.push('\n');
        text
    })
}
