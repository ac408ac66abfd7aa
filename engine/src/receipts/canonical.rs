//! A receipt as canonical JSON: what scheme `none` hashes. Keys are sorted by code point, there is no white space,
//! numbers are integers, and of text only `"`, `\` and control characters are escaped.

use std::fmt::Write as _;

use super::receipt::{Issued, ReceiptId, Recipient};
use crate::ids::Timestamp;

/// A time in a receipt: RFC 3339 in UTC, to the millisecond; the time of the log as it is.
pub fn time(at: Timestamp) -> String {
    let millis = i64::try_from(at.0).unwrap_or_default();
    let shown = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
    format!("{shown:.3}")
}

/// A value.
enum Json<'a> {
    Null,
    Number(i64),
    Text(&'a str),
    Owned(String),
    List(Vec<Json<'a>>),
    Object(Vec<(&'static str, Json<'a>)>),
}

impl Json<'_> {
    fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Number(number) => {
                let _ = write!(out, "{number}");
            }
            Self::Text(text) => quote(text, out),
            Self::Owned(text) => quote(text, out),
            Self::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { "," });
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(fields) => {
                let mut sorted: Vec<_> = fields.iter().collect();
                sorted.sort_unstable_by_key(|(name, _)| *name);
                out.push('{');
                for (at, (name, value)) in sorted.into_iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { "," });
                    quote(name, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn text(text: Option<&str>) -> Json<'_> {
    text.map_or(Json::Null, Json::Text)
}

fn count(number: u64) -> Json<'static> {
    Json::Number(i64::try_from(number).unwrap_or(i64::MAX))
}

fn ids(all: &[ReceiptId]) -> Json<'_> {
    Json::List(all.iter().map(|id| Json::Owned(id.to_string())).collect())
}

fn recipient(of: &Recipient) -> Json<'_> {
    Json::Object(vec![
        ("tax_id", Json::Text(&of.tax_id)),
        ("name", Json::Text(&of.name)),
        ("address", Json::Text(&of.address)),
        ("postcode", text(of.postcode.as_deref())),
        ("country", Json::Text(of.country())),
    ])
}

/// The receipt as canonical JSON, without `chain`, `fiscal` and `key`.
pub fn canonical(of: &Issued) -> String {
    let lines = of.lines.iter().map(|line| {
        Json::Object(vec![
            ("line", Json::Text(&line.line)),
            ("sku", Json::Text(line.sku.as_str())),
            ("name", text(line.name.as_deref())),
            ("quantity", Json::Number(line.quantity)),
            ("unit_amount", Json::Number(line.unit_amount)),
            ("discount", Json::Number(line.discount)),
            ("amount", Json::Number(line.amount)),
            ("tax_rate", Json::Number(line.tax_rate.into())),
        ])
    });
    let charges = of.charges.iter().map(|charge| {
        Json::Object(vec![
            ("charge", Json::Text(&charge.charge)),
            ("amount", Json::Number(charge.amount)),
            ("tax_rate", Json::Number(charge.tax_rate.into())),
        ])
    });
    let taxes = of.taxes.iter().map(|tax| {
        Json::Object(vec![
            ("rate", Json::Number(tax.rate.into())),
            ("base", Json::Number(tax.base)),
            ("tax", Json::Number(tax.tax)),
        ])
    });
    let tenders = of.tenders.iter().map(|tendered| {
        let mut fields =
            vec![("tender", Json::Text(tendered.tender.as_str())), ("amount", Json::Number(tendered.amount))];
        fields.extend(tendered.given.map(|given| ("given", Json::Number(given))));
        Json::Object(fields)
    });
    let json = Json::Object(vec![
        ("receipt", Json::Owned(of.id.to_string())),
        ("kind", Json::Text(of.kind.as_str())),
        ("series", Json::Text(of.id.series.as_str())),
        ("number", Json::Text(&of.number)),
        ("issuer", Json::Text(of.issuer.as_str())),
        ("issued_at", Json::Owned(time(of.issued_at))),
        ("occurred_at", Json::Owned(time(of.occurred_at))),
        ("order", text(of.order.as_ref().map(|(_, name)| name.as_str()))),
        ("return", text(of.returned.as_ref().map(|name| name.as_str()))),
        ("replaces", ids(&of.replaces)),
        ("corrects", ids(&of.corrects)),
        ("customer", text(of.customer.as_ref().map(|name| name.as_str()))),
        ("recipient", of.recipient.as_ref().map_or(Json::Null, recipient)),
        ("channel", Json::Text(of.channel.as_str())),
        ("location", text(of.location.as_ref().map(|name| name.as_str()))),
        ("till", text(of.till.as_deref())),
        ("lines", Json::List(lines.collect())),
        ("charges", Json::List(charges.collect())),
        ("taxes", Json::List(taxes.collect())),
        ("total", Json::Number(of.total)),
        ("currency", Json::Text(of.currency.as_str())),
        ("tenders", Json::List(tenders.collect())),
        ("seq", count(of.seq)),
    ]);
    let mut out = String::with_capacity(512 + 160 * of.lines.len());
    json.write(&mut out);
    out
}
