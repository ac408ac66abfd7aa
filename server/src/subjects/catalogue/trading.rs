//! The currency, the address and the barcodes of a location, from JSON and from files.

use anaquel_engine::barcodes::Patterns;
use anaquel_engine::command::TradingFields;
use anaquel_engine::patch::Patch;
use anaquel_engine::prices::list::Currency;

use crate::wire::{TEXT_BYTES_MAX, currency};

/// A wrong value: its field, the position in a list, and what is wrong.
pub struct Wrong {
    field: &'static str,
    at: Option<usize>,
    /// What is wrong, and the remedy.
    pub reason: String,
}

impl Wrong {
    fn new(field: &'static str, reason: impl ToString) -> Self {
        Self { field, at: None, reason: reason.to_string() }
    }

    /// The name of the column.
    pub fn column(&self) -> &'static str {
        self.field
    }

    /// The path of the field in JSON.
    pub fn path(&self) -> String {
        match self.at {
            Some(at) => format!("{}[{at}]", self.field),
            None => self.field.to_owned(),
        }
    }
}

/// The fields, validated.
///
/// # Errors
/// The first wrong value.
pub fn fields(
    currency: Patch<String>,
    address: Patch<String>,
    barcodes: Patch<Vec<String>>,
) -> Result<TradingFields, Wrong> {
    let code = |text: String| currency::parse(&text).map(Currency).map_err(|reason| Wrong::new("currency", reason));
    let patterns = |texts: Vec<String>| {
        let wrong = |(at, error)| Wrong { at: Some(at), ..Wrong::new("barcodes", error) };
        Patterns::parse(&texts).map_err(wrong)
    };
    Ok(TradingFields {
        currency: currency.try_map(code)?,
        address: address.try_map(|text| line(&text))?,
        barcodes: barcodes.try_map(patterns)?,
    })
}

/// One line of text, as the addresses of issuers are.
fn line(text: &str) -> Result<String, Wrong> {
    let wrong = |reason: String| Err(Wrong::new("address", reason));
    match text.trim() {
        "" => wrong("is empty; write one line of text, or null to remove it".to_owned()),
        text if text.len() > TEXT_BYTES_MAX => wrong(format!("is longer than {TEXT_BYTES_MAX} bytes; shorten it")),
        text if text.chars().any(char::is_control) => {
            wrong("contains a control character; write one line of text".to_owned())
        }
        text => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_value_is_told_by_its_name() {
        let set = |text: &str| Patch::Set(text.to_owned());
        let list = |texts: &[&str]| Patch::Set(texts.iter().map(|text| (*text).to_owned()).collect());
        let told = |currency, address, barcodes| {
            fields(currency, address, barcodes).map_err(|wrong| (wrong.path(), wrong.column(), wrong.reason))
        };
        for (currency, address, barcodes, path, words) in [
            (set("eur"), Patch::Keep, Patch::Keep, "currency", "write EUR"),
            (set("XXX"), Patch::Keep, Patch::Keep, "currency", "three capital letters"),
            (Patch::Keep, set(" "), Patch::Keep, "address", "null to remove it"),
            (Patch::Keep, set("a\nb"), Patch::Keep, "address", "one line"),
            (Patch::Keep, set(&"x".repeat(TEXT_BYTES_MAX + 1)), Patch::Keep, "address", "longer than"),
            (Patch::Keep, Patch::Keep, list(&["2IIIIIIWWWWWC", "2iiiiiiwwwwwc"]), "barcodes[1]", "in capitals"),
        ] {
            let (told_path, column, reason) = told(currency, address, barcodes).expect_err(path);
            assert_eq!((told_path.as_str(), column), (path, path.trim_end_matches("[1]")));
            assert!(reason.contains(words), "{reason}");
        }
        let read = told(set("MXN"), set(" Calle 1 "), list(&["2IIIIIIPPPPPC"])).expect("all is right");
        assert_eq!((read.currency, read.address), (Patch::Set(Currency(*b"MXN")), set("Calle 1")));
        assert_eq!(read.barcodes.value().map(Patterns::texts), Some(vec!["2IIIIIIPPPPPC".to_owned()]));
        assert_eq!(told(Patch::Clear, Patch::Clear, list(&[])).expect("nothing").address, Patch::Clear);
    }
}
