//! A message of a known kind, parsed in one pass: `id` and `op` are extracted, and the other members are the body.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};

/// `id`, `op`, and the fields of `T` beside them. An `id` or `op` with escapes is rejected.
pub struct Envelope<'a, T> {
    pub id: &'a str,
    pub op: &'a str,
    pub body: T,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Envelope<'de, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EnvelopeVisitor(PhantomData))
    }
}

struct EnvelopeVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for EnvelopeVisitor<T> {
    type Value = Envelope<'de, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let (mut id, mut op) = (None, None);
        let body = T::deserialize(MapAccessDeserializer::new(Body { map, id: &mut id, op: &mut op }))?;
        match (id, op) {
            (Some(id), Some(op)) => Ok(Envelope { id, op, body }),
            _ => Err(A::Error::custom("id and op")),
        }
    }
}

/// All members of a message except `id` and `op`, which are stored.
struct Body<'de, 'a, A> {
    map: A,
    id: &'a mut Option<&'de str>,
    op: &'a mut Option<&'de str>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Body<'de, '_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.map.next_key::<&'de str>()? {
            let kept = match key {
                "id" => &mut *self.id,
                "op" => &mut *self.op,
                _ => return seed.deserialize(BorrowedStrDeserializer::new(key)).map(Some),
            };
            if kept.replace(self.map.next_value()?).is_some() {
                return Err(A::Error::duplicate_field("id or op"));
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subjects::reservations::bodies::ReserveBody;

    fn read(text: &str) -> Option<(String, String, String)> {
        let Envelope { id, op, body } = serde_json::from_str::<Envelope<'_, ReserveBody>>(text).ok()?;
        Some((id.to_owned(), op.to_owned(), body.channel))
    }

    #[test]
    fn envelope_and_body_are_told_apart_in_any_order() {
        let lines = r#""lines":[{"sku":"A","location":"mx-014","quantity":1}]"#;
        let expected = Some(("r1".to_owned(), "reserve".to_owned(), "web".to_owned()));
        assert_eq!(read(&format!(r#"{{"op":"reserve","id":"r1","channel":"web",{lines}}}"#)), expected);
        assert_eq!(read(&format!(r#"{{{lines},"channel":"web","id":"r1","op":"reserve"}}"#)), expected);
    }

    #[test]
    fn whatever_is_odd_is_left_to_whoever_names_it() {
        for text in [
            r#"{"op":"reserve","channel":"web","lines":[]}"#,
            r#"{"op":"reserve","id":"a","id":"b","channel":"web","lines":[]}"#,
            r#"{"op":"reserve","id":"a","channel":"web","lines":[],"idempotency_key":"k"}"#,
            r#"{"op":"reserve","id":7,"channel":"web","lines":[]}"#,
            r#"{"op":"reserve","id":"a\u0062","channel":"web","lines":[]}"#,
            r#"[]"#,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
