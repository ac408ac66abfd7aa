//! What every answer of a node that does not decide tells: how old what it serves is, and whom it follows.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::app::App;

const ROLE: HeaderName = HeaderName::from_static("anaquel-role");
const LAG: HeaderName = HeaderName::from_static("anaquel-lag-ms");
const STALE: HeaderName = HeaderName::from_static("anaquel-stale");
const FOLLOWS: HeaderName = HeaderName::from_static("anaquel-follows");

/// Adds where this node stands.
pub fn tell(app: &App, headers: &mut HeaderMap) {
    let status = app.node.status(&app.engine);
    headers.insert(ROLE, HeaderValue::from_static(status.role));
    if let Some(lag_ms) = status.lag_ms {
        headers.insert(LAG, lag_ms.into());
    }
    if status.is_stale {
        headers.insert(STALE, HeaderValue::from_static("true"));
    }
    if let Some(url) = status.follows.and_then(|url| HeaderValue::from_str(&url).ok()) {
        headers.insert(FOLLOWS, url);
    }
}
