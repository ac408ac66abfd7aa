//! What issuers, series and receipts look like in JSON.

use std::fmt::Write as _;

use anaquel_engine::Engine;
use anaquel_engine::ids::{Name, Seq};
use anaquel_engine::receipts::canonical::{canonical, time};
use anaquel_engine::receipts::event::Event;
use anaquel_engine::receipts::issuer::Issuer;
use anaquel_engine::receipts::receipt::FiscalType;
use anaquel_engine::receipts::series::{Series, SeriesStanding};
use anaquel_engine::receipts::{Issued, Receipt, ReceiptAnswer, ReceiptId, chain};
use serde_json::{Value, json};

fn with(mut item: Value, name: &str, value: impl Into<Value>) -> Value {
    if let Value::Object(members) = &mut item {
        members.insert(name.to_owned(), value.into());
    }
    item
}

/// An issuer.
pub fn issuer(name: &str, issuer: &Issuer) -> Value {
    json!({
        "issuer": name,
        "tax_id": issuer.tax_id,
        "name": issuer.name,
        "address": issuer.address,
        "country": issuer.country(),
        "timezone": issuer.timezone,
        "scheme": issuer.scheme.as_str(),
        "environment": issuer.environment.as_str(),
    })
}

/// The same with the `seq` of its last change.
pub fn issuer_at(name: &str, said: &Issuer, seq: Seq) -> Value {
    with(issuer(name, said), "seq", seq)
}

/// What a series says.
fn said_of(name: &str, series: &Series) -> Value {
    json!({
        "series": name,
        "issuer": series.issuer.as_str(),
        "kind": series.kind.as_str(),
        "prefix": series.prefix,
        "digits": series.digits,
        "first": series.first,
        "locations": series.locations.iter().map(Name::as_str).collect::<Vec<_>>(),
        "channels": series.channels.iter().map(Name::as_str).collect::<Vec<_>>(),
        "closed": series.closed,
    })
}

/// A series, and where its numbers are.
pub fn series(standing: &SeriesStanding) -> Value {
    let Some(series) = &standing.series else { return json!({"series": standing.name.as_str()}) };
    let last = standing.last.map(|last| {
        let id = ReceiptId { series: standing.name.clone(), n: last.n };
        json!({"receipt": id.to_string(), "hash": last.hash.to_string()})
    });
    let mut item = said_of(standing.name.as_str(), series);
    for (name, value) in [("next", json!(standing.next)), ("issued", json!(standing.count())), ("last", json!(last))] {
        item = with(item, name, value);
    }
    item
}

/// The same with the `seq` of its last change.
pub fn series_at(standing: &SeriesStanding, seq: Seq) -> Value {
    with(series(standing), "seq", seq)
}

/// The key of a customer's copy as it is written.
pub fn key(key: &[u8; 16]) -> String {
    key.iter().fold(String::with_capacity(32), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads such a key; `None` if the text is none.
pub fn read_key(text: &str) -> Option<[u8; 16]> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (text.len() == 32 && text.bytes().all(is_digit))
        .then(|| u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes))?
}

/// What a receipt said when it was issued, as it is hashed, with its place in the chain.
pub fn issued(issued: &Issued) -> Value {
    let said: Value = serde_json::from_str(&canonical(issued)).unwrap_or_default();
    let chain = json!({
        "position": issued.chain.position,
        "previous": issued.chain.previous.map(|previous| previous.to_string()).unwrap_or_default(),
        "hash": issued.chain.hash.to_string(),
    });
    with(said, "chain", chain)
}

/// A receipt as it stands, without its key.
pub fn receipt(engine: &Engine, receipt: &Receipt) -> Value {
    let of = &receipt.issued;
    let standing = engine.state().own.receipts.issuer(of.issuer.as_str());
    let issuer = standing.as_ref().and_then(|standing| standing.at(of.chain.position));
    let told = receipt.after.fiscal.as_ref();
    let answer = told.map(|(_, _, answer)| answer);
    let fiscal = json!({
        "state": receipt.fiscal_state().as_str(),
        "type": of.fiscal_type.map(FiscalType::as_str),
        "authority_id": answer.and_then(|answer| answer.authority_id.as_ref()),
        "signature": answer.and_then(|answer| answer.signature.as_ref()),
        "qr": issuer.and_then(|issuer| chain::qr(issuer, receipt)),
        "at": told.map(|(_, at, _)| time(*at)),
        "errors": answer.map(|answer| answer.errors.clone()).unwrap_or_default(),
    });
    with(issued(of), "fiscal", fiscal)
}

/// The same with its key, for the answer of its making and for whoever reads the one receipt.
pub fn receipt_with_key(engine: &Engine, of: &Receipt) -> Value {
    with(receipt(engine, of), "key", key(&of.issued.key))
}

/// What was set, as it is from there on; without secrets.
pub fn told(engine: &Engine, told: &ReceiptAnswer) -> Value {
    match told {
        ReceiptAnswer::Issuer(name, Some(said)) => issuer(name.as_str(), said),
        ReceiptAnswer::Issuer(name, None) => json!({"issuer": name.as_str()}),
        ReceiptAnswer::Series(standing) => series(standing),
        ReceiptAnswer::Receipt(of) => receipt(engine, of),
    }
}

/// An event on the wire: its kind and its members.
pub fn event(event: &Event) -> (&'static str, Value) {
    match event {
        Event::IssuerSet(set) => {
            let item = match &set.issuer {
                Some(said) => issuer(set.name.as_str(), said),
                None => json!({"issuer": set.name.as_str(), "removed": true}),
            };
            ("issuer_set", json!({"issuers": [item]}))
        }
        Event::SeriesSet(set) => {
            let item = match &set.series {
                Some(said) => said_of(set.name.as_str(), said),
                None => json!({"series": set.name.as_str(), "removed": true}),
            };
            ("series_set", json!({"series": [item]}))
        }
        Event::ReceiptsIssued(all) => {
            ("receipts_issued", json!({"receipts": all.iter().map(|one| issued(one)).collect::<Vec<_>>()}))
        }
        Event::FiscalTold(told) => {
            let answer = &told.told;
            let body = json!({
                "receipt": told.receipt.to_string(),
                "state": answer.state.as_str(),
                "authority_id": answer.authority_id,
                "signature": answer.signature,
                "qr": answer.qr,
                "errors": answer.errors,
            });
            ("fiscal_told", body)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_written() {
        let of = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 254, 255];
        assert_eq!(key(&of), "000102030405060708090a0b0c0dfeff");
        assert_eq!(read_key(&key(&of)), Some(of));
        let upper = "000102030405060708090A0B0C0DFEFF";
        for text in ["", "00", upper, "+00102030405060708090a0b0c0dfeff", "000102030405060708090a0b0c0dfefff"] {
            assert_eq!(read_key(text), None, "{text}");
        }
    }
}
