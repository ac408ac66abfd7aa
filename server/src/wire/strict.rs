//! JSON without duplicate members: a duplicate is a mistake of the sender, and the intended value is unknown.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// A JSON value whose objects have no duplicate members.
#[derive(Debug, Clone, PartialEq)]
pub struct Strict(pub Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueReader).map(Self)
    }
}

/// A JSON object whose objects have no duplicate members.
#[derive(Debug, Clone, PartialEq)]
pub struct Object(pub Map<String, Value>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectReader).map(Self)
    }
}

/// The same as [`map`], empty if it is left out.
///
/// # Errors
/// What is wrong.
pub fn map_or_empty<'de, D: Deserializer<'de>, V: Deserialize<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, V>, D::Error> {
    map(deserializer).map(Option::unwrap_or_default)
}

/// A map by name, optional or null, without duplicate names.
///
/// # Errors
/// What is wrong.
pub fn map<'de, D: Deserializer<'de>, V: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<BTreeMap<String, V>>, D::Error> {
    struct Reader<V>(PhantomData<V>);
    impl<'de, V: Deserialize<'de>> Visitor<'de> for Reader<V> {
        type Value = Option<BTreeMap<String, V>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_none<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
            deserializer.deserialize_map(self)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
            let mut all = BTreeMap::new();
            while let Some((name, value)) = members.next_entry::<String, V>()? {
                once(&name, all.insert(name.clone(), value).is_some())?;
            }
            Ok(Some(all))
        }
    }
    deserializer.deserialize_option(Reader(PhantomData))
}

fn once<E: Error>(name: &str, again: bool) -> Result<(), E> {
    if again { Err(E::custom(format!("the object has the member {name:?} twice; write it once"))) } else { Ok(()) }
}

struct ObjectReader;

impl<'de> Visitor<'de> for ObjectReader {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut all = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let Strict(value) = members.next_value()?;
            once(&name, all.insert(name.clone(), value).is_some())?;
        }
        Ok(all)
    }
}

struct ValueReader;

impl<'de> Visitor<'de> for ValueReader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(flag.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Number::from_f64(number).map(Value::Number).ok_or_else(|| E::custom("is not a JSON number"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Value, A::Error> {
        ObjectReader.visit_map(members).map(Value::Object)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_stands_twice_is_refused_however_deep_it_is() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":{"b":null,"c":2,"b":3}}"#, r#"{"a":[{"b":1,"\u0062":2}]}"#] {
            assert!(serde_json::from_str::<Strict>(text).unwrap_err().to_string().contains("twice"), "{text}");
            assert!(serde_json::from_str::<Object>(text).is_err(), "{text}");
        }
        let text = r#"{"a":[1,-2,2.5,"x",null,true],"b":{"a":{}}}"#;
        let expected = json!({"a": [1, -2, 2.5, "x", null, true], "b": {"a": {}}});
        assert_eq!(serde_json::from_str::<Strict>(text).unwrap().0, expected);
        assert!(serde_json::from_str::<Object>("[1]").is_err());
    }

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(default)]
    struct Body {
        #[serde(deserialize_with = "super::map")]
        attributes: Option<BTreeMap<String, String>>,
    }

    #[test]
    fn maps_of_bodies_name_each_member_once() {
        let read = |text: &str| serde_json::from_str::<Body>(text);
        assert_eq!(read("{}").unwrap().attributes, None);
        assert_eq!(read(r#"{"attributes":null}"#).unwrap().attributes, None);
        assert_eq!(read(r#"{"attributes":{"a":"1"}}"#).unwrap().attributes.unwrap().len(), 1);
        assert!(read(r#"{"attributes":{"a":"1","a":"1"}}"#).unwrap_err().to_string().contains("twice"));
        assert!(read(r#"{"attributes":{"a":1}}"#).is_err());
    }
}
