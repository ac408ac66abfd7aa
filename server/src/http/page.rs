//! Lists, page by page.

use std::fmt::Write;

use anaquel_engine::ids::{LocationId, Seq, SkuId};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::app::App;
use crate::http::budget::Payer;
use crate::http::problem::Problem;
use crate::http::reply::Reply;

/// Reads the `next` of a page of cells.
pub(crate) fn read_cell_cursor(text: Option<String>) -> Result<Option<(SkuId, LocationId)>, Problem> {
    let read = |text: String| {
        let (sku, location) = text.split_once('-')?;
        Some((SkuId(sku.parse().ok()?), LocationId(location.parse().ok()?)))
    };
    text.map(|text| read(text).ok_or_else(|| Problem::invalid("after", "is not a `next` of this list"))).transpose()
}

/// A page of a list, made aside.
pub(crate) async fn list(
    app: &App,
    payer: &Payer,
    make: impl FnOnce(&App) -> Result<String, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    let reply = app.aside(payer, app.config.limits.page_bytes, make).await.map(Reply::aside)?;
    Ok(reply.into_response())
}

/// A page in the making. It ends where it has as many bytes as a page may have, with one item at least; what is left is
/// on the next.
pub(crate) struct Page {
    bytes_max: usize,
    items: String,
    /// The `next` behind the last item that is on it.
    at: Option<Value>,
    is_full: bool,
}

impl Page {
    pub(crate) fn new(app: &App) -> Self {
        Self { bytes_max: app.config.limits.page_bytes, items: String::new(), at: None, is_full: false }
    }

    /// Whether the item is on it; otherwise the page is full.
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

    /// Everything up to here is on it.
    pub(crate) fn is_at(&mut self, next: impl Into<Value>) {
        self.at = Some(next.into());
    }

    /// The page of a list whose reader says where the next one begins; earlier, if this one is full.
    pub(crate) fn end_before(mut self, seq: Seq, next: Option<String>) -> String {
        if !self.is_full {
            self.at = next.map(Value::from);
        }
        self.end(Some(seq), true)
    }

    /// The page; there is another if there was `more`, or if this one is full.
    pub(crate) fn end(self, seq: Option<Seq>, more: bool) -> String {
        let Self { items: mut text, at, is_full, .. } = self;
        let seq = seq.map(|seq| format!(r#""seq":{seq},"#)).unwrap_or_default();
        let next = Value::from(at.filter(|_| more || is_full));
        // In the room that the items have: a page is large.
        text.insert_str(0, &format!(r#"{{{seq}"items":["#));
        let _ = write!(text, r#"],"next":{next}}}"#);
        text
    }
}
