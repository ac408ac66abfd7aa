//! The allowed values of words: of members of bodies, and of parameters.
//!
//! Words that several subjects use have their bounds here; a word of one subject has them in its `words.rs`.

use serde_json::{Map, Value, json};

use crate::http::document::words::{Bound, Words};
use crate::wire::TEXT_BYTES_MAX;

const QUANTITY_MAX: u32 = anaquel_engine::level::LINE_QUANTITY_MAX;

/// The id of something that the retailer names in this server.
pub fn id() -> Value {
    json!({"pattern": "^[A-Za-z0-9._:/-]{1,128}$"})
}

/// An id that another system issued: printable characters of any script, without white space at the ends.
pub fn outside() -> Value {
    const UNSEEN: &str = r"\u0000-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb";
    json!({"pattern": format!("^[^{UNSEEN}\\s]([^{UNSEEN}]{{0,126}}[^{UNSEEN}\\s])?$")})
}

/// The id of a customer: no address and no phone number, which identify a customer.
pub fn customer() -> Value {
    const UNSEEN: &str = r"\u0000-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb";
    json!({"pattern": format!("^[^{UNSEEN}\\s@+]([^{UNSEEN}@]{{0,126}}[^{UNSEEN}\\s@])?$")})
}

/// A moment.
pub fn time() -> Value {
    json!({"format": "date-time", "pattern": "^(19[7-9][0-9]|20[0-9]{2}|210[0-8])-"})
}

/// A number of units, at least one.
pub fn units() -> Value {
    json!({"minimum": 1, "maximum": QUANTITY_MAX})
}

/// A number of units, or none.
pub fn count() -> Value {
    json!({"minimum": 0, "maximum": QUANTITY_MAX})
}

/// A text that is not empty.
pub fn some_text() -> Value {
    json!({"minLength": 1, "maxLength": TEXT_BYTES_MAX})
}

/// A list of rows.
pub fn rows() -> Value {
    json!({"minItems": 1, "maxItems": 1000})
}

/// One of these words.
pub fn one_of(words: &[&str]) -> Value {
    json!({"enum": words})
}

/// The bounds of all words, by name.
pub fn of(subjects: &[&Words]) -> Map<String, Value> {
    let all = shared().into_iter().chain(subjects.iter().flat_map(|words| (words.bounds)()));
    let named = all.flat_map(|(bounds, names)| names.split(' ').map(move |name| (name.to_owned(), bounds.clone())));
    named.collect()
}

/// The bounds of the words that several subjects use.
fn shared() -> Vec<Bound> {
    vec![
        (id(), "location locations group groups channel channels rule transfer_group attributes.name"),
        (outside(), "sku skus supply reference customer order"),
        (time(), "expected_at occurred_at counted_at latest pickup_by starts_at ends_at available_at at created_at"),
        (time(), "expires_at promised_for"),
        (json!({"maxLength": 255}), "reason"),
        (json!({"maxLength": TEXT_BYTES_MAX}), "name unit timezone product categories attributes.value"),
        (units(), "quantity"),
        (count(), "on_hand buffer units"),
        (json!({"minItems": 1, "maxItems": 100}), "lines[]"),
        (json!({"minimum": 0, "maximum": 1_000_000_000}), "priority"),
        (json!({"enum": crate::wire::currency::codes().collect::<Vec<_>>()}), "currency"),
        (json!({"minimum": 1, "maximum": 1000}), "limit"),
        (json!({"minimum": 0, "maximum": 60}), "wait"),
        (
            json!({"minLength": 1, "maxLength": 257, "pattern": "^([!#-~]([ -~]{0,253}[!-~])?|\"[ -~]{1,255}\")$"}),
            "Idempotency-Key",
        ),
        (json!({"minLength": 1, "pattern": r#"^(\*|"[0-9]{1,19}")$"#}), "If-Match"),
        (one_of(&["gzip", "identity"]), "Content-Encoding"),
        (one_of(&["cart", "pickup", "delivery"]), "purpose"),
        (json!({"pattern": "^[0-9]{1,9}$"}), "after"),
    ]
}
