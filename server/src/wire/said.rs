//! The canonical form of a JSON body: its content without its formatting. Members are sorted by name, without white
//! space, and whole numbers are plain. Bodies with the same idempotency key are compared in this form, so it must not
//! change: keys outlive restarts and upgrades.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use crate::wire::whole::written_otherwise;

/// The canonical form of a body; `None` if the body is not JSON. Equal to a sorted [`serde_json::Value`] written out,
/// in one pass and without copies of all texts.
pub fn said(body: &[u8]) -> Option<Vec<u8>> {
    let node: Node<'_> = serde_json::from_slice(body).ok()?;
    let mut out = Vec::with_capacity(body.len());
    node.write(&mut out)?;
    Some(out)
}

/// A node of a body.
enum Node<'a> {
    /// `null`, `true` or `false`.
    Word(&'static str),
    Number(Number),
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    /// Sorted by name; each name once.
    Members(Vec<(Cow<'a, str>, Node<'a>)>),
}

impl Node<'_> {
    /// Appends the node; `None` if writing fails, which cannot happen in memory.
    fn write(&self, out: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::Word(word) => out.extend_from_slice(word.as_bytes()),
            Self::Number(number) => match written_otherwise(number) {
                Some(whole) => serde_json::to_writer(out, &whole).ok()?,
                None => serde_json::to_writer(out, number).ok()?,
            },
            Self::Text(text) => serde_json::to_writer(out, text).ok()?,
            Self::List(items) => {
                out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    item.write(out)?;
                }
                out.push(b']');
            }
            Self::Members(members) => {
                out.push(b'{');
                for (at, (name, value)) in members.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    serde_json::to_writer(&mut *out, name).ok()?;
                    out.push(b':');
                    value.write(out)?;
                }
                out.push(b'}');
            }
        }
        Some(())
    }
}

impl<'de> Deserialize<'de> for Node<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Node<'de>, E> {
        Ok(Node::Word("null"))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node<'de>, E> {
        Ok(Node::Word(if value { "true" } else { "false" }))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node<'de>, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node<'de>, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node<'de>, E> {
        Ok(Number::from_f64(value).map_or(Node::Word("null"), Node::Number))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::Text(text.into()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node<'de>, E> {
        Ok(Node::Text(text.to_owned().into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node<'de>, A::Error> {
        let mut members: Vec<(Cow<'de, str>, Node<'de>)> = Vec::new();
        while let Some((Name(name), value)) = map.next_entry()? {
            members.push((name, value));
        }
        // For a duplicate name the last value counts: it comes first after `reverse`, and `dedup` removes the others.
        members.reverse();
        members.sort_by(|(one, _), (other, _)| one.cmp(other));
        members.dedup_by(|(next, _), (name, _)| next == name);
        Ok(Node::Members(members))
    }
}

/// A member name, borrowed from the body if possible.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Node::deserialize(deserializer)? {
            Node::Text(name) => Ok(Self(name)),
            _ => Err(D::Error::custom("a name is a text")),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use anaquel_seeds::Numbers;
    use serde_json::{Value, json};

    use super::*;
    use crate::wire::whole;

    /// The form from before the one-pass parser; existing logs contain it.
    fn expected(body: &[u8]) -> Option<String> {
        let mut value: Value = serde_json::from_slice(body).ok()?;
        if whole::has_other(&value) {
            whole::plain(&mut value);
        }
        Some(value.to_string())
    }

    fn check(body: &[u8]) {
        let told = said(body).map(|text| String::from_utf8(text).unwrap());
        assert_eq!(told, expected(body), "{}", String::from_utf8_lossy(body));
    }

    #[test]
    fn how_a_body_is_written_makes_no_difference() {
        let plain = br#"{"a":1,"lines":[{"quantity":2,"sku":"A"}]}"#;
        let other = b" { \"lines\" : [ { \"sku\":\"\\u0041\", \"quantity\":2.0 } ],\n\t\"a\": 7, \"a\": 1e0 } ";
        assert_eq!(said(plain), said(other));
        assert_eq!(said(plain).as_deref(), Some(&plain[..]));
    }

    #[test]
    fn it_is_what_keys_of_older_versions_were_compared_by() {
        for body in [
            "{}",
            "[]",
            "null",
            "true",
            " [ false , null ] ",
            "0",
            "-0",
            "-0.0",
            "0.5",
            "1e2",
            "1E400",
            "1.0",
            "-3",
            "9007199254740993.0",
            "18446744073709551615",
            "18446744073709551616",
            "-9223372036854775808",
            "-9223372036854775809",
            "0.1e1",
            r#""\u00e9\n\"\\\/\u2028\ud83d\ude00""#,
            "\"\u{e9}\u{7f}\"",
            r#"{"b":1,"a":2,"b":3,"":4}"#,
            r#"{"b":{"d":1,"c":[{"z":1.0,"y":"\t"}]},"a":[[],{}]}"#,
            "{",
            "",
            "01",
            "1 2",
            "\"\\ud800\"",
            "nul",
            "[1,]",
        ] {
            check(body.as_bytes());
        }
        check(b"\"\xff\"");
        check("[".repeat(200).as_bytes());
    }

    #[test]
    fn and_so_is_anything_else() {
        fn any(numbers: &mut Numbers, depth: u64) -> Value {
            let texts = ["", "a", "sku", "\"", "\\", "\n", "\u{0}", "é", "😀", "a b"];
            let text = |numbers: &mut Numbers| texts[numbers.below(texts.len() as u64) as usize];
            match numbers.below(if depth == 0 { 6 } else { 8 }) {
                0 => Value::Null,
                1 => json!(numbers.below(2) == 1),
                2 => json!(numbers.below(u64::MAX)),
                3 => json!(numbers.below(1 << 40) as f64 / 8.0),
                4 => json!(-(numbers.below(1 << 62) as i64)),
                5 => json!(text(numbers)),
                6 => (0..numbers.below(4)).map(|_| any(numbers, depth - 1)).collect(),
                _ => {
                    let members = (0..numbers.below(5)).map(|_| (text(numbers).to_owned(), any(numbers, depth - 1)));
                    Value::Object(members.collect())
                }
            }
        }
        for seed in 0..2000 {
            let value = any(&mut Numbers::new(seed), 4);
            check(value.to_string().as_bytes());
            check(serde_json::to_string_pretty(&value).unwrap().as_bytes());
        }
    }
}
