//! The names of SKUs and locations beside an answer, for those who show it to people: `names=true`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::fmt::Write;

use anaquel_engine::Engine;
use anaquel_engine::ids::{LocationId, SkuId};
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use http::uri::PathAndQuery;
use http::{HeaderValue, StatusCode, Uri, header};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::http::problem::Problem;

/// The parameter.
pub const NAMES: &str = "names";

/// Takes the parameter from the query of a call, so that no handler has to know it. Returns whether names are asked for.
///
/// # Errors
/// `invalid-request`: the parameter is neither `true` nor `false`, or given twice.
pub fn take(request: &mut Request) -> Result<bool, Problem> {
    let Some(query) = request.uri().query().filter(|query| query.contains(NAMES)) else { return Ok(false) };
    if !request.uri().path().starts_with("/v1/") {
        return Ok(false);
    }
    let (mut found, mut rest) = (None, Vec::new());
    for part in query.split('&') {
        match part.strip_prefix(NAMES).map(|value| value.strip_prefix('=').unwrap_or(value)) {
            Some("true") if found.is_none() => found = Some(true),
            Some("false") if found.is_none() => found = Some(false),
            Some("true" | "false") => return Err(Problem::invalid(NAMES, "is given more than once; give it once")),
            Some(other) if part.len() == NAMES.len() || part.as_bytes().get(NAMES.len()) == Some(&b'=') => {
                return Err(Problem::invalid(NAMES, format!("{other:?} is not true or false")));
            }
            _ => rest.push(part),
        }
    }
    let Some(found) = found else { return Ok(false) };
    let path = request.uri().path();
    let text = if rest.is_empty() { path.to_owned() } else { format!("{path}?{}", rest.join("&")) };
    let mut parts = request.uri().clone().into_parts();
    if let Ok(path_and_query) = PathAndQuery::try_from(text) {
        parts.path_and_query = Some(path_and_query);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    if found {
        // The version of an item says nothing of the names beside it.
        request.headers_mut().remove(header::IF_NONE_MATCH);
    }
    Ok(found)
}

/// Adds the names of the SKUs and locations in a JSON answer.
pub async fn add(engine: &Engine, response: Response) -> Response {
    let is_json = response.headers().get(header::CONTENT_TYPE) == Some(&HeaderValue::from_static("application/json"));
    if !is_json || ![StatusCode::OK, StatusCode::CREATED].contains(&response.status()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // An answer in JSON is made whole before it is sent, within the room that its payer has.
    let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else {
        return Response::from_parts(parts, Body::empty());
    };
    let Some(named) = with_names(engine, &bytes) else { return Response::from_parts(parts, Body::from(bytes)) };
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(named))
}

fn with_names(engine: &Engine, body: &Bytes) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let mut found = Mentioned::default();
    let mut json = serde_json::Deserializer::from_str(text);
    Within { found: &mut found, kind: None }.deserialize(&mut json).ok()?;
    let rest = text.trim_end().strip_suffix('}')?;
    let comma = if rest.trim_end().ends_with('{') { "" } else { "," };
    let mut out = String::with_capacity(text.len() + 48 * (found.skus.len() + found.locations.len()) + 48);
    out.push_str(rest);
    let _ = write!(out, r#"{comma}"names":"#);
    found.write(engine, &mut out);
    out.push('}');
    Some(out)
}

/// The names of SKUs and locations, as answers and snapshots have them.
pub fn write_names(
    engine: &Engine,
    out: &mut String,
    skus: impl Iterator<Item = SkuId>,
    locations: impl Iterator<Item = LocationId>,
) {
    let catalogue = &engine.state().catalogue;
    out.push_str(r#"{"skus":{"#);
    let sku_name = |id| catalogue.skus.details(id).and_then(|set| set.details.name.clone());
    write_members(out, skus.map(|id| (catalogue.skus.name(id).as_str(), sku_name(id))));
    out.push_str(r#"},"locations":{"#);
    let location_name = |id| catalogue.locations.details(id).and_then(|set| set.details.name.clone());
    write_members(out, locations.map(|id| (catalogue.locations.name(id).as_str(), location_name(id))));
    out.push_str("}}");
}

fn write_members<'a>(out: &mut String, members: impl Iterator<Item = (&'a str, Option<impl Into<Value>>)>) {
    for (at, (id, name)) in members.enumerate() {
        let name = name.map_or(Value::Null, Into::into);
        let _ = write!(out, "{}{}:{name}", if at > 0 { "," } else { "" }, Value::from(id));
    }
}

/// The ids that an answer mentions.
#[derive(Debug, Default, PartialEq, Eq)]
struct Mentioned {
    skus: BTreeSet<String>,
    locations: BTreeSet<String>,
}

impl Mentioned {
    fn write(&self, engine: &Engine, out: &mut String) {
        let catalogue = &engine.state().catalogue;
        let skus = self.skus.iter().filter_map(|name| catalogue.skus.id(name));
        let locations = self.locations.iter().filter_map(|name| catalogue.locations.id(name));
        write_names(engine, out, skus, locations);
    }
}

/// What the texts of a member name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sku,
    Location,
}

fn kind_of(member: &str) -> Option<Kind> {
    match member {
        "sku" | "skus" => Some(Kind::Sku),
        "location" | "locations" | "from" | "to" | "quarantine_of" => Some(Kind::Location),
        _ => None,
    }
}

/// Reads a value for the ids in it, without keeping the value.
struct Within<'a> {
    found: &'a mut Mentioned,
    kind: Option<Kind>,
}

impl<'de> DeserializeSeed<'de> for Within<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Within<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(member) = map.next_key::<Cow<'de, str>>()? {
            // What callers named as they liked is nobody's id.
            if member == "attributes" {
                map.next_value::<IgnoredAny>()?;
            } else {
                map.next_value_seed(Within { found: self.found, kind: kind_of(&member) })?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Within { found: self.found, kind: self.kind })?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        match self.kind {
            Some(Kind::Sku) => drop(self.found.skus.insert(text.to_owned())),
            Some(Kind::Location) => drop(self.found.locations.insert(text.to_owned())),
            None => {}
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    fn taken(uri: &str) -> (Result<bool, u16>, String) {
        let mut request = Request::get(uri).body(Body::empty()).unwrap();
        let taken = take(&mut request).map_err(|problem| problem.status().as_u16());
        (taken, request.uri().to_string())
    }

    #[test]
    fn the_parameter_is_taken_and_the_others_stay() {
        for (uri, asked, rest) in [
            ("/v1/skus?names=true", Ok(true), "/v1/skus"),
            ("/v1/skus?a=1&names=true&b=2", Ok(true), "/v1/skus?a=1&b=2"),
            ("/v1/skus?names=false", Ok(false), "/v1/skus"),
            ("/v1/skus?surnames=true", Ok(false), "/v1/skus?surnames=true"),
            ("/v1/skus?namesake=true", Ok(false), "/v1/skus?namesake=true"),
            ("/guides?names=true", Ok(false), "/guides?names=true"),
        ] {
            assert_eq!(taken(uri), (asked, rest.to_owned()), "{uri}");
        }
        for wrong in ["names", "names=1", "names=true&names=true"] {
            assert_eq!(taken(&format!("/v1/skus?{wrong}")).0, Err(400), "{wrong}");
        }
    }

    #[test]
    fn ids_are_found_wherever_they_stand() {
        let text = r#"{"items":[{"sku":"A","location":"s1","n":1.5,"x":null},{"from":"s2","to":"s3","ok":true}],
            "skus":["B","C"],"attributes":{"sku":"no"},"sku_name":"no"}"#;
        let mut found = Mentioned::default();
        let mut json = serde_json::Deserializer::from_str(text);
        Within { found: &mut found, kind: None }.deserialize(&mut json).unwrap();
        assert_eq!(found.skus.iter().map(String::as_str).collect::<Vec<_>>(), ["A", "B", "C"]);
        assert_eq!(found.locations.iter().map(String::as_str).collect::<Vec<_>>(), ["s1", "s2", "s3"]);
    }
}
