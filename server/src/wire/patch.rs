//! Fields of a change, which distinguish three cases: left out, null, or a value.

use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer};

use crate::wire::whole::Whole;

/// A field of a body: `None` if it is left out, `Some(None)` if it is null.
#[allow(clippy::option_option, reason = "JSON distinguishes the three cases in this way")]
pub type Said<T> = Option<Option<T>>;

/// A field that is present, null or not.
pub fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Said<T>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// The same for a map by name without duplicate names.
pub fn map<'de, D: Deserializer<'de>, V: Deserialize<'de>>(
    deserializer: D,
) -> Result<Said<BTreeMap<String, V>>, D::Error> {
    crate::wire::strict::map(deserializer).map(Some)
}

/// The same for a whole number in any notation.
pub fn whole<'de, D: Deserializer<'de>, T: TryFrom<i128>>(deserializer: D) -> Result<Said<T>, D::Error> {
    Ok(Some(Option::<Whole<T>>::deserialize(deserializer)?.map(|Whole(number)| number)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails shall say where")]

    use crate::subjects::catalogue::bodies::SkuBody;

    #[test]
    fn left_out_null_and_a_value_are_three_things() {
        let body: SkuBody = serde_json::from_str(r#"{"name": null, "unit": "kg", "decimals": 3.0}"#).unwrap();
        assert_eq!((body.name, body.unit, body.gtin), (Some(None), Some(Some("kg".to_owned())), None));
        assert_eq!(body.decimals, Some(Some(3)));
    }
}
