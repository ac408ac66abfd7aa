//! A scanned or typed code, as text: what it may be by its form alone.

use anaquel_engine::receipts::{ReceiptId, Store};

use crate::http::problem::Problem;
use crate::subjects::receipts::views::read_key;

/// The longest code: a link to the page of a tax authority.
const CODE_BYTES_MAX: usize = 1024;

/// The characters of a pickup code.
const PICKUP_CODE: usize = 6;

/// A code without the white space around it.
///
/// # Errors
/// `invalid-request`.
pub fn read(text: &str) -> Result<&str, Problem> {
    let code = text.trim();
    match code.len() {
        0 => Err(Problem::invalid("code", "is empty; send what was scanned or typed")),
        1..=CODE_BYTES_MAX => Ok(code),
        _ => Err(Problem::invalid("code", format!("has more than {CODE_BYTES_MAX} bytes"))),
    }
}

/// A pickup code, in capitals.
pub fn pickup_code(code: &str) -> Option<String> {
    let is_one = code.len() == PICKUP_CODE && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_one.then(|| code.to_ascii_uppercase())
}

/// The key of a customer's copy of a receipt: by itself, or in its link.
pub fn receipt_key(code: &str) -> Option<[u8; 16]> {
    let end = code.rsplit_once("/r/").map_or(code, |(_, end)| end);
    read_key(end.split(['?', '#']).next().unwrap_or_default())
}

/// Receipts that a code may name: by id, by their printed number, or by the link for the tax authority, which has the
/// number and who issued it.
pub fn receipts(code: &str, store: &Store) -> Vec<ReceiptId> {
    if let Some((_, query)) = code.split_once('?').filter(|(page, _)| page.contains("://")) {
        let value = |name: &str| {
            let found = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name);
            found.map(|(_, value)| value.into_owned())
        };
        let Some(number) = value("numserie") else { return Vec::new() };
        return numbered(&number, value("nif").as_deref(), store);
    }
    let by_id = ReceiptId::parse(code).filter(|id| store.series(id.series.as_str()).is_some());
    by_id.into_iter().chain(numbered(code, None, store)).collect()
}

/// Receipts with a printed number, of an issuer with this tax id.
fn numbered(number: &str, tax_id: Option<&str>, store: &Store) -> Vec<ReceiptId> {
    let mut found = Vec::new();
    for standing in store.all_series() {
        let Some(series) = &standing.series else { continue };
        let Some(digits) = number.strip_prefix(series.prefix.as_str()) else { continue };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let Ok(n) = digits.parse() else { continue };
        let is_issuer = |tax_id: &str| {
            let issuer = store.issuer(series.issuer.as_str());
            issuer.is_some_and(|issuer| issuer.versions.iter().any(|version| version.issuer.tax_id == tax_id))
        };
        if series.number(n) == number && tax_id.is_none_or(is_issuer) {
            found.push(ReceiptId { series: standing.name.clone(), n });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_known_by_its_form() {
        assert_eq!(pickup_code("7k2m9z").as_deref(), Some("7K2M9Z"));
        assert_eq!((pickup_code("7k2m9"), pickup_code("7k2m-9")), (None, None));
        let key = "00112233445566778899aabbccddeeff";
        let bytes = receipt_key(key);
        assert!(bytes.is_some());
        assert_eq!(receipt_key(&format!("https://shop.example/r/{key}?lang=es")), bytes);
        assert_eq!(receipt_key(&format!("/r/{key}")), bytes);
        assert_eq!(receipt_key(&key.to_ascii_uppercase()), None);
        assert!(read("  ").is_err() && read(&"x".repeat(1025)).is_err());
        assert_eq!(read(" 4006381333931\n").ok(), Some("4006381333931"));
    }
}
