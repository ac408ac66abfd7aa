//! Whole numbers in any notation of JSON: `2` and `2.0` are both 2.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde_json::{Number, Value};

/// Up to here, each whole number has its own floating-point number.
const EXACT_MAX: f64 = (1u64 << f64::MANTISSA_DIGITS) as f64;

/// A required number.
pub fn required<'de, D: Deserializer<'de>, T: TryFrom<i128>>(deserializer: D) -> Result<T, D::Error> {
    Whole::deserialize(deserializer).map(|Whole(number)| number)
}

/// A number that may be left out or null.
pub fn optional<'de, D: Deserializer<'de>, T: TryFrom<i128>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(Option::<Whole<T>>::deserialize(deserializer)?.map(|Whole(number)| number))
}

/// The whole number of a floating-point value, if it is one.
fn written_otherwise(number: &Number) -> Option<i64> {
    let float = number.as_f64().filter(|_| number.is_f64())?;
    (float.fract() == 0.0 && float.abs() <= EXACT_MAX).then_some(float as i64)
}

/// Whether a value contains whole numbers in another notation.
pub fn has_other(value: &Value) -> bool {
    match value {
        Value::Number(number) => written_otherwise(number).is_some(),
        Value::Array(items) => items.iter().any(has_other),
        Value::Object(members) => members.values().any(has_other),
        _ => false,
    }
}

/// Rewrites whole numbers in the plain notation.
pub fn plain(value: &mut Value) {
    match value {
        Value::Number(number) => *number = written_otherwise(number).map_or_else(|| number.clone(), Number::from),
        Value::Array(items) => items.iter_mut().for_each(plain),
        Value::Object(members) => members.values_mut().for_each(plain),
        _ => {}
    }
}

/// A whole number in any notation.
pub(crate) struct Whole<T>(pub T);

impl<'de, T: TryFrom<i128>> Deserialize<'de> for Whole<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader(PhantomData)).map(Self)
    }
}

struct Reader<T>(PhantomData<T>);

impl<T: TryFrom<i128>> Reader<T> {
    fn fit<E: Error>(number: impl Into<i128>) -> Result<T, E> {
        T::try_from(number.into()).map_err(|_| E::custom("is out of range"))
    }
}

impl<T: TryFrom<i128>> Visitor<'_> for Reader<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        Self::fit(number)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        Self::fit(number)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        if number.fract() != 0.0 || number.abs() > EXACT_MAX {
            return Err(E::custom(format!("{number} is not a whole number in range")));
        }
        Self::fit(number as i128)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails shall say where")]

    #[derive(serde::Deserialize)]
    struct Line {
        #[serde(deserialize_with = "super::required")]
        quantity: i64,
        #[serde(default, deserialize_with = "super::optional")]
        seq: Option<u64>,
    }

    #[test]
    fn whole_numbers_are_read_however_they_are_written() {
        for (text, read) in [("2", 2), ("2.0", 2), ("-3e2", -300), ("9223372036854775807", i64::MAX), ("-0.0", 0)] {
            let line: Line = serde_json::from_str(&format!("{{\"quantity\":{text},\"seq\":null}}")).unwrap();
            assert_eq!((line.quantity, line.seq), (read, None), "{text}");
        }
        let line: Line = serde_json::from_str("{\"quantity\":1,\"seq\":18446744073709551615}").unwrap();
        assert_eq!(line.seq, Some(u64::MAX));
    }

    #[test]
    fn a_body_says_the_same_however_its_numbers_are_written() {
        let mut body = serde_json::json!({"lines": [{"quantity": 2.0, "share": 0.5}], "ttl_seconds": 900});
        assert!(super::has_other(&body));
        super::plain(&mut body);
        assert_eq!(body.to_string(), r#"{"lines":[{"quantity":2,"share":0.5}],"ttl_seconds":900}"#);
        assert!(!super::has_other(&body));
    }

    #[test]
    fn what_is_no_whole_number_is_told() {
        for text in ["1.5", "1e300", "9223372036854775808", "\"1\"", "null", "true", "[1]", "9007199254740994.0"] {
            assert!(serde_json::from_str::<Line>(&format!("{{\"quantity\":{text}}}")).is_err(), "{text}");
        }
        assert!(serde_json::from_str::<Line>("{\"quantity\":1,\"seq\":-1}").is_err());
    }
}
