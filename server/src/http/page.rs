//! Pages of lists.

use std::fmt::Write;

use anaquel_engine::ids::{LocationId, Seq, SkuId};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::app::App;
use crate::http::budget::Payer;
use crate::http::problem::Problem;
use crate::http::reply::Reply;

/// Parses the `next` cursor of a page of cells.
pub(crate) fn read_cell_cursor(text: Option<String>) -> Result<Option<(SkuId, LocationId)>, Problem> {
    let read = |text: String| {
        let (sku, location) = text.split_once('-')?;
        Some((SkuId(sku.parse().ok()?), LocationId(location.parse().ok()?)))
    };
    text.map(|text| read(text).ok_or_else(|| Problem::invalid("after", "is not a `next` of this list"))).transpose()
}

/// Builds a page of a list in a long-read turn.
pub(crate) async fn list(
    app: &App,
    payer: &Payer,
    make: impl FnOnce(&App) -> Result<String, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    let reply = app.aside(payer, app.config.limits.page_bytes, make).await.map(Reply::aside)?;
    Ok(reply.into_response())
}

/// Builds a page. The page ends at the byte limit, with at least one item; the remaining items go to the next page.
pub(crate) struct Page {
    bytes_max: usize,
    items: String,
    /// The `next` cursor after the last item on the page.
    at: Option<Value>,
    is_full: bool,
    /// Other members of the page.
    told: String,
}

impl Page {
    pub(crate) fn new(app: &App) -> Self {
        Self {
            bytes_max: app.config.limits.page_bytes,
            items: String::new(),
            at: None,
            is_full: false,
            told: String::new(),
        }
    }

    /// Adds a member to the page, beside its items.
    pub(crate) fn tell(&mut self, name: &str, value: impl Into<Value>) {
        let _ = write!(self.told, r#""{name}":{},"#, value.into());
    }

    /// Adds an item. Returns false if the page is full.
    #[must_use]
    pub(crate) fn add(&mut self, item: impl std::fmt::Display) -> bool {
        let before = self.items.len();
        let _ = write!(self.items, "{}{item}", if before > 0 { "," } else { "" });
        if before > 0 && self.items.len() > self.bytes_max {
            self.items.truncate(before);
            self.is_full = true;
        }
        !self.is_full
    }

    /// Sets `next`: everything before it is on the page.
    pub(crate) fn is_at(&mut self, next: impl Into<Value>) {
        self.at = Some(next.into());
    }

    /// Ends a page whose reader knows where the next page begins; the page ends earlier if it is full.
    pub(crate) fn end_before(mut self, seq: Seq, next: Option<String>) -> String {
        if !self.is_full {
            self.at = next.map(Value::from);
        }
        self.end(Some(seq), true)
    }

    /// Ends the page. `next` is set if there are more items, or if the page is full.
    pub(crate) fn end(self, seq: Option<Seq>, more: bool) -> String {
        let Self { items: mut text, at, is_full, told, .. } = self;
        let seq = seq.map(|seq| format!(r#""seq":{seq},"#)).unwrap_or_default();
        let next = Value::from(at.filter(|_| more || is_full));
        // Reuses the buffer of the items, because a page is large.
        text.insert_str(0, &format!(r#"{{{seq}{told}"items":["#));
        let _ = write!(text, r#"],"next":{next}}}"#);
        text
    }
}
