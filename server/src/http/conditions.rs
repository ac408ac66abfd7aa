//! Conditional requests: `If-Match` and `If-None-Match` (RFC 9110, section 13).
//!
//! A tag is `"SEQ"`, or `"SEQ-GROUPS"` for a location, because its groups can change without a new seq. A response
//! packed with gzip has the same tag with the suffix `-gzip`: two texts with different bytes cannot share a strong
//! tag. Dates are ignored, because no response has a `Last-Modified`.

use anaquel_engine::command::{Precondition, Seen, Version, Versions};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::http::problem::{Problem, Slug};

/// The suffix of the tag of a gzip response.
const GZIP: &str = "-gzip";

/// The `ETag` of a version.
pub fn tag(version: Version) -> String {
    match version {
        Version { seq, groups: None } => format!("\"{seq}\""),
        Version { seq, groups: Some(groups) } => format!("\"{seq}-{groups:08x}\""),
    }
}

/// The tag of the same text packed with gzip; `None` if `tag` is weak.
pub fn packed(tag: &HeaderValue) -> Option<HeaderValue> {
    let plain = tag.to_str().ok()?.strip_prefix('"')?.strip_suffix('"')?;
    HeaderValue::from_str(&format!("\"{plain}{GZIP}\"")).ok()
}

/// One entity tag of a request.
struct Tag<'a> {
    is_weak: bool,
    /// The text between the quotes.
    opaque: &'a [u8],
    /// The whole tag, with quotes.
    whole: &'a [u8],
}

impl Tag<'_> {
    /// The text between the quotes, without the gzip suffix.
    fn plain(&self) -> &[u8] {
        self.opaque.strip_suffix(GZIP.as_bytes()).unwrap_or(self.opaque)
    }

    /// The version that the tag names; `None` for a tag that this server never issues.
    fn seen(&self) -> Option<Seen> {
        let text = std::str::from_utf8(self.plain()).ok()?;
        let (seq, groups) = text.split_once('-').map_or((text, None), |(seq, groups)| (seq, Some(groups)));
        let is_number = !seq.is_empty() && seq.bytes().all(|byte| byte.is_ascii_digit());
        let groups = match groups {
            None => None,
            Some(digits) if digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                Some(u32::from_str_radix(digits, 16).ok()?)
            }
            Some(_) => return None,
        };
        is_number.then(|| seq.parse().ok())?.map(|seq| Seen { seq, groups })
    }
}

/// The value of `If-Match` or `If-None-Match`.
enum Tags<'a> {
    Any,
    List(Vec<Tag<'a>>),
}

/// Reads a header that holds `*` or entity tags, in one line or several.
fn read<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<Tags<'a>>, Problem> {
    let mut lines = headers.get_all(name).iter().peekable();
    if lines.peek().is_none() {
        return Ok(None);
    }
    let mut list = Vec::new();
    let mut is_any = false;
    for line in lines {
        let mut rest = line.as_bytes().trim_ascii();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix(b",") {
                rest = after.trim_ascii_start();
                continue;
            }
            let after = match rest.strip_prefix(b"*") {
                Some(after) => {
                    is_any = true;
                    after
                }
                None => {
                    let (tag, after) = read_tag(rest).ok_or_else(|| malformed(name))?;
                    list.push(tag);
                    after
                }
            };
            rest = after.trim_ascii_start();
            if !rest.is_empty() && !rest.starts_with(b",") {
                return Err(malformed(name));
            }
        }
    }
    match (is_any, list.is_empty()) {
        (true, true) => Ok(Some(Tags::Any)),
        (false, false) => Ok(Some(Tags::List(list))),
        _ => Err(malformed(name)),
    }
}

/// The entity tag at the start of `text`, and the rest of the text.
fn read_tag(text: &[u8]) -> Option<(Tag<'_>, &[u8])> {
    let strong = text.strip_prefix(b"W/");
    let (is_weak, quoted) = (strong.is_some(), strong.unwrap_or(text));
    let inner = quoted.strip_prefix(b"\"")?;
    let end = inner.iter().position(|byte| *byte == b'"')?;
    let (opaque, after) = (inner.get(..end)?, inner.get(end + 1..)?);
    let is_right = opaque.iter().all(|byte| *byte == 0x21 || (0x23..=0x7e).contains(byte) || *byte >= 0x80);
    let whole = text.get(..text.len() - after.len())?;
    is_right.then_some((Tag { is_weak, opaque, whole }, after))
}

fn malformed(name: &HeaderName) -> Problem {
    let name = if name == header::IF_MATCH { "If-Match" } else { "If-None-Match" };
    Problem::invalid(name, "is not a list of entity tags; send tags as in ETag, quotes included, or *")
}

/// The precondition of a write. `If-Match` compares tags strongly, `If-None-Match` weakly.
///
/// # Errors
/// `invalid-request` if a header is not a list of tags.
pub fn precondition(headers: &HeaderMap) -> Result<Precondition, Problem> {
    let versions = |name: &HeaderName, takes_weak: bool| -> Result<Option<Versions>, Problem> {
        let tags = read(headers, name)?;
        Ok(tags.map(|tags| match tags {
            Tags::Any => Versions::Any,
            Tags::List(tags) => {
                let compared = tags.iter().filter(|tag| takes_weak || !tag.is_weak);
                Versions::OneOf(compared.filter_map(Tag::seen).collect())
            }
        }))
    };
    Ok(Precondition {
        if_match: versions(&header::IF_MATCH, false)?,
        if_none_match: versions(&header::IF_NONE_MATCH, true)?,
    })
}

/// Returns the tag for a 304 if the client already has the version `tag`.
///
/// # Errors
/// `invalid-request` if a header is not a list of tags; `stale-version` if `If-Match` names only other versions.
pub fn known(headers: &HeaderMap, tag: &str) -> Result<Option<HeaderValue>, Problem> {
    let current = tag.trim_matches('"').as_bytes();
    if let Some(Tags::List(tags)) = read(headers, &header::IF_MATCH)?
        && !tags.iter().any(|seen| !seen.is_weak && seen.plain() == current)
    {
        return Err(Problem::new(Slug::StaleVersion, format!("If-Match: its tag is {tag}")));
    }
    Ok(match read(headers, &header::IF_NONE_MATCH)? {
        None => None,
        Some(Tags::Any) => HeaderValue::from_str(tag).ok(),
        Some(Tags::List(tags)) => {
            let known = tags.iter().find(|seen| seen.plain() == current);
            known.and_then(|seen| HeaderValue::from_bytes(seen.whole.strip_prefix(b"W/").unwrap_or(seen.whole)).ok())
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    fn headers(name: HeaderName, lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        headers
    }

    #[test]
    fn lists_are_read_and_what_is_none_is_refused() {
        let read = |lines: &[&str]| {
            let read = precondition(&headers(header::IF_MATCH, lines)).map(|precondition| precondition.if_match);
            read.map_err(|problem| problem.status().as_u16())
        };
        let of = |versions: &[(u64, Option<u32>)]| {
            let seen = versions.iter().map(|(seq, groups)| Seen { seq: *seq, groups: *groups });
            Ok(Some(Versions::OneOf(seen.collect())))
        };
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["*"]), Ok(Some(Versions::Any)));
        assert_eq!(read(&[" \"7\" "]), of(&[(7, None)]));
        assert_eq!(read(&["\"7\", \"8\",, \"9-0000000a\""]), of(&[(7, None), (8, None), (9, Some(10))]));
        assert_eq!(read(&["\"7\"", "\"8-gzip\""]), of(&[(7, None), (8, None)]), "two lines are one list");
        // Well-formed, but no version matches: weak tags never match strongly.
        for other in
            ["W/\"7\"", "\"\"", "\"x\"", "\"0.5\"", "\"+7\"", "\"7-1\"", "\"a,b\"", "\"\u{e9}\"", "\"7-+000000a\""]
        {
            assert_eq!(read(&[other]), of(&[]), "{other}");
        }
        for malformed in [
            "",
            " ",
            ",",
            "7",
            "0.5",
            "\"7",
            "7\"",
            "'7'",
            "w/\"7\"",
            "W/7",
            "\"7\" \"8\"",
            "\"7\"x",
            "*, \"7\"",
            "**",
            "\"a b\"",
        ] {
            assert_eq!(read(&[malformed]), Err(400), "{malformed}");
        }
        assert_eq!(read(&["*", "\"7\""]), Err(400));
    }

    #[test]
    fn what_is_known_is_known_by_its_tag() {
        let tag = tag(Version { seq: 9, groups: Some(10) });
        assert_eq!(tag, "\"9-0000000a\"");
        let known = |name: HeaderName, line: &str| {
            let known = super::known(&headers(name, &[line]), &tag).map_err(|problem| problem.status().as_u16());
            known.map(|tag| tag.map(|tag| tag.to_str().unwrap().to_owned()))
        };
        let known_by = |line: &str| known(header::IF_NONE_MATCH, line);
        assert_eq!(known_by("\"1\", W/\"9-0000000a\""), Ok(Some(tag.clone())));
        assert_eq!(known_by("*"), Ok(Some(tag.clone())));
        assert_eq!(known_by("\"9-0000000a-gzip\""), Ok(Some("\"9-0000000a-gzip\"".into())));
        // A location with other groups has another tag.
        for other in ["\"9\"", "\"9-0000000b\"", "\"9-0000000a-br\""] {
            assert_eq!(known_by(other), Ok(None), "{other}");
        }
        assert_eq!(known(header::IF_MATCH, "\"9-0000000a\""), Ok(None));
        assert_eq!(known(header::IF_MATCH, "*"), Ok(None));
        assert_eq!(known(header::IF_MATCH, "W/\"9-0000000a\""), Err(412));
        assert_eq!(known(header::IF_MATCH, "\"8\""), Err(412));
        assert_eq!(known(header::IF_MATCH, "8"), Err(400));
        assert_eq!(packed(&tag.parse().unwrap()).unwrap(), "\"9-0000000a-gzip\"");
        assert_eq!(packed(&"W/\"9\"".parse().unwrap()), None);
    }
}
