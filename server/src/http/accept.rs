//! Which form of an answer a caller takes.

use http::{HeaderMap, header};

/// How much `Accept` wants HTML and JSON: the closeness of the range that says so, and its weight.
fn wants(headers: &HeaderMap) -> ((u8, f32), (u8, f32)) {
    let (mut html, mut json) = ((0, 0.0), (0, 0.0));
    let lines = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    for range in lines.flat_map(|line| line.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
        let is_for = |best: &mut (u8, f32), kinds: &[&str], all: &str| {
            // A more specific range wins, whatever its weight.
            let closeness = match kind.as_str() {
                kind if kinds.contains(&kind) => 3,
                kind if kind == all => 2,
                "*/*" => 1,
                _ => return,
            };
            if closeness > best.0 || closeness == best.0 && weight > best.1 {
                *best = (closeness, weight);
            }
        };
        is_for(&mut html, &["text/html", "application/xhtml+xml"], "text/*");
        is_for(&mut json, &["application/json", "application/problem+json"], "application/*");
    }
    (html, json)
}

/// Whether `Accept` prefers JSON to HTML; `*/*` gets the page.
pub fn prefers_json(headers: &HeaderMap) -> bool {
    let (html, json) = wants(headers);
    json.1 > html.1
}

/// Whether `Accept` prefers HTML to JSON; `*/*` gets JSON.
pub fn prefers_html(headers: &HeaderMap) -> bool {
    let (html, json) = wants(headers);
    html.1 > json.1
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    #[test]
    fn who_rather_takes_json_gets_it() {
        let headers = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            headers
        };
        for json in [
            "application/json",
            "application/problem+json",
            "application/*",
            "text/html;q=0.5, application/json",
            "application/json, */*;q=0.1",
            "text/html;q=0, */*",
        ] {
            assert!(prefers_json(&headers(json)) && !prefers_html(&headers(json)), "{json}");
        }
        for html in [
            "text/html",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/json;q=0.5, text/html",
        ] {
            assert!(prefers_html(&headers(html)) && !prefers_json(&headers(html)), "{html}");
        }
        for either in ["*/*", "image/png", ""] {
            assert!(!prefers_json(&headers(either)) && !prefers_html(&headers(either)), "{either}");
        }
        assert!(!prefers_json(&HeaderMap::new()) && !prefers_html(&HeaderMap::new()));
    }
}
