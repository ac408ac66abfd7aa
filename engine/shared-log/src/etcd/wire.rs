//! Keys and values as etcd has them, and as its gateway writes them.

use anaquel_cells::ids::Seq;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The keys of one log.
#[derive(Debug, Clone)]
pub struct Keys(String);

impl Keys {
    /// Under a prefix.
    pub fn new(prefix: &str) -> Self {
        Self(prefix.trim_end_matches('/').to_owned())
    }

    pub fn head(&self) -> String {
        text64(&format!("{}/head", self.0))
    }

    pub fn term(&self) -> String {
        text64(&format!("{}/term", self.0))
    }

    pub fn tick(&self) -> String {
        text64(&format!("{}/tick", self.0))
    }

    pub fn floor(&self) -> String {
        text64(&format!("{}/floor", self.0))
    }

    /// The key of the batch whose last record is `last`.
    pub fn batch(&self, last: Seq) -> String {
        text64(&format!("{}/log/{last:020}", self.0))
    }

    /// The end of the keys of batches: `0` follows `/`.
    pub fn batches_end(&self) -> String {
        text64(&format!("{}/log0", self.0))
    }
}

pub fn text64(text: &str) -> String {
    bytes64(text.as_bytes())
}

pub fn bytes64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of a value in an answer. The gateway leaves empty ones out.
pub fn bytes_of(value: Option<&Value>) -> Option<Vec<u8>> {
    STANDARD.decode(value?.as_str()?).ok()
}

/// A number, which the gateway writes as a text; 0 is left out.
pub fn number_of(value: Option<&Value>) -> u64 {
    value.and_then(Value::as_str).and_then(|text| text.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_order_of_the_log() {
        let keys = Keys::new("/anaquel/one/");
        let plain = |text: String| bytes_of(Some(&Value::String(text))).unwrap_or_default();
        let all = [keys.batch(1), keys.batch(9), keys.batch(10), keys.batch(u64::MAX), keys.batches_end()].map(plain);
        assert!(all.is_sorted());
        assert_eq!(plain(keys.head()), b"/anaquel/one/head");
    }
}
