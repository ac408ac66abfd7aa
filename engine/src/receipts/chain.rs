//! The chain of an issuer: each receipt carries the hash of the one before.

use std::cell::RefCell;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::canonical::canonical;
use super::digest::Digest;
use super::issuer::{Environment, Issuer, Scheme};
use super::receipt::{FiscalType, Issued, Receipt};
use super::series::ReceiptKind;
use crate::business_time;
use crate::ids::Timestamp;

/// The hash of a receipt, from everything that it says but the hash itself.
pub fn hash(issuer: &Issuer, of: &Issued) -> Digest {
    let previous = of.chain.previous.map(|previous| previous.to_string()).unwrap_or_default();
    let text = match issuer.scheme {
        Scheme::None => previous + &canonical(of),
        Scheme::Verifactu => verifactu_text(issuer, of, &previous),
    };
    Digest(Sha256::digest(text.as_bytes()).into())
}

/// Bytes that most texts need.
const TEXT_BYTES: usize = 384;

/// The text that VERI*FACTU hashes.
fn verifactu_text(issuer: &Issuer, of: &Issued, previous: &str) -> String {
    let fiscal_type = of.fiscal_type.map_or("", FiscalType::as_str);
    let tax = of.taxes.iter().map(|tax| tax.tax).sum();
    let mut text = String::with_capacity(TEXT_BYTES);
    with_local(issuer, of.issued_at, |local| {
        for (name, value) in [
            ("IDEmisorFactura=", issuer.tax_id.as_str()),
            ("&NumSerieFactura=", &of.number),
            ("&FechaExpedicionFactura=", &local.date),
            ("&TipoFactura=", fiscal_type),
            ("&CuotaTotal=", &decimal(tax)),
            ("&ImporteTotal=", &decimal(of.total)),
            ("&Huella=", previous),
            ("&FechaHoraHusoGenRegistro=", &local.time),
        ] {
            text.push_str(name);
            text.push_str(value);
        }
    });
    text
}

/// A time as an issuer writes it.
struct Local {
    zone: String,
    at: Timestamp,
    /// The date.
    date: String,
    /// The time with its offset.
    time: String,
}

thread_local! {
    /// The time that was written last: many receipts are issued within one second.
    static LOCAL: RefCell<Option<Local>> = const { RefCell::new(None) };
}

/// Reads a time as an issuer writes it.
fn with_local(issuer: &Issuer, at: Timestamp, read: impl FnOnce(&Local)) {
    LOCAL.with_borrow_mut(|known| {
        if !known.as_ref().is_some_and(|known| known.at == at && known.zone == issuer.timezone) {
            *known = None;
        }
        let known = known.get_or_insert_with(|| {
            let zone = business_time::known_zone(&issuer.timezone);
            let (date, time) = (date(&zone, at), business_time::with_offset(&zone, at));
            Local { zone: issuer.timezone.clone(), at, date, time }
        });
        read(known);
    });
}

/// A local date as the Spanish authority writes it.
fn date(zone: &jiff::tz::TimeZone, at: Timestamp) -> String {
    let (year, month, day) = business_time::local_date(zone, at);
    format!("{day:02}-{month:02}-{year:04}")
}

/// An amount in euros: two decimals, a minus sign in front.
fn decimal(amount: i64) -> String {
    let size = amount.unsigned_abs();
    let sign = if amount < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", size / 100, size % 100)
}

/// What a receipt is to the authority of its issuer; `corrected` are the types of the receipts that it corrects.
pub fn fiscal_type(
    issuer: &Issuer,
    kind: ReceiptKind,
    replaces: bool,
    has_recipient: bool,
    corrected: &[Option<FiscalType>],
) -> Option<FiscalType> {
    if issuer.scheme == Scheme::None {
        return None;
    }
    Some(match kind {
        ReceiptKind::Receipt if has_recipient => FiscalType::F1,
        ReceiptKind::Receipt => FiscalType::F2,
        ReceiptKind::Invoice if replaces => FiscalType::F3,
        ReceiptKind::Invoice => FiscalType::F1,
        ReceiptKind::CreditNote if corrected.iter().all(|of| *of == Some(FiscalType::F2)) => FiscalType::R5,
        ReceiptKind::CreditNote => FiscalType::R1,
    })
}

/// What the QR code of a receipt says; `None` if it has none.
pub fn qr(issuer: &Issuer, receipt: &Receipt) -> Option<String> {
    let told = receipt.after.fiscal.as_ref().and_then(|(_, _, told)| told.qr.clone());
    told.or_else(|| (issuer.scheme == Scheme::Verifactu).then(|| verifactu_qr(issuer, &receipt.issued)))
}

fn verifactu_qr(issuer: &Issuer, of: &Issued) -> String {
    let host = match issuer.environment {
        Environment::Production => "www2.agenciatributaria.gob.es",
        Environment::Test => "prewww2.aeat.es",
    };
    let zone = business_time::known_zone(&issuer.timezone);
    format!(
        "https://{host}/wlpl/TIKE-CONT/ValidarQR?nif={}&numserie={}&fecha={}&importe={}",
        percent(&issuer.tax_id),
        percent(&of.number),
        percent(&date(&zone, of.issued_at)),
        percent(&decimal(of.total)),
    )
}

/// Percent-encoded: everything but letters, digits and `-._~`.
fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            byte => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::receipt::{Chain, ReceiptId, Tax};
    use super::*;
    use crate::ids::Name;
    use crate::prices::list::Currency;

    fn spain() -> Issuer {
        Issuer {
            tax_id: "89890001K".into(),
            name: "Ejemplo S.A.".into(),
            address: "Calle 1".into(),
            country: *b"ES",
            timezone: "Europe/Madrid".into(),
            scheme: Scheme::Verifactu,
            environment: Environment::Production,
        }
    }

    fn receipt(number: &str, issued_at: &str, previous: Option<Digest>) -> Issued {
        let at: jiff::Timestamp = issued_at.parse().expect("a time");
        let at = Timestamp(at.as_millisecond().unsigned_abs());
        let name = |text: &str| Name::parse(text).expect("a name");
        Issued {
            id: ReceiptId { series: name("F"), n: 1 },
            kind: ReceiptKind::Invoice,
            number: number.into(),
            issuer: name("es"),
            seq: 7,
            issued_at: at,
            occurred_at: at,
            order: None,
            returned: None,
            replaces: Vec::new(),
            corrects: Vec::new(),
            customer: None,
            recipient: None,
            channel: name("pos"),
            location: None,
            till: None,
            lines: Vec::new(),
            charges: Vec::new(),
            taxes: vec![Tax { rate: 1111, base: 11_110, tax: 1235 }],
            total: 12_345,
            currency: Currency(*b"EUR"),
            tenders: Vec::new(),
            chain: Chain { position: 1, previous, hash: Digest([0; 32]) },
            fiscal_type: Some(FiscalType::F1),
            key: [0; 16],
        }
    }

    /// The example that the Spanish authority published.
    #[test]
    fn the_published_example_has_the_published_hashes() {
        let first = hash(&spain(), &receipt("12345678/G33", "2024-01-01T19:20:30+01:00", None));
        assert_eq!(first.to_string(), "3C464DAF61ACB827C65FDA19F352A4E3BDC2C640E9E9FC4CC058073F38F12F60");
        let second = hash(&spain(), &receipt("12345679/G34", "2024-01-01T19:20:35+01:00", Some(first)));
        assert_eq!(second.to_string(), "F7B94CFD8924EDFF273501B01EE5153E4CE8F259766F88CF6ACB8935802A2B97");
    }

    #[test]
    fn a_document_is_dated_where_its_issuer_is() {
        let summer = receipt("A 1", "2026-06-30T22:30:00Z", None);
        let text = verifactu_text(&spain(), &Issued { total: -1235, taxes: Vec::new(), ..summer.clone() }, "");
        assert!(text.contains("&FechaExpedicionFactura=01-07-2026&"), "{text}");
        assert!(text.contains("&CuotaTotal=0.00&ImporteTotal=-12.35&Huella=&"), "{text}");
        assert!(text.ends_with("=2026-07-01T00:30:00+02:00"), "{text}");
        let islands = Issuer { timezone: "Atlantic/Canary".into(), ..spain() };
        for (issuer, end) in [(&islands, "=2026-06-30T23:30:00+01:00"), (&spain(), "=2026-07-01T00:30:00+02:00")] {
            let text = verifactu_text(issuer, &summer, "");
            assert!(text.ends_with(end), "the same moment elsewhere: {text}");
        }
        let there = Issuer { environment: Environment::Test, ..spain() };
        assert_eq!(
            verifactu_qr(&there, &summer),
            "https://prewww2.aeat.es/wlpl/TIKE-CONT/ValidarQR?nif=89890001K&numserie=A%201&fecha=01-07-2026&importe=123.45"
        );
    }

    #[test]
    fn what_a_document_is_follows_from_its_kind() {
        use FiscalType::{F1, F2, F3, R1, R5};
        let of = |kind, replaces, recipient, corrected: &[Option<FiscalType>]| {
            fiscal_type(&spain(), kind, replaces, recipient, corrected)
        };
        let (receipt, invoice, credit) = (ReceiptKind::Receipt, ReceiptKind::Invoice, ReceiptKind::CreditNote);
        assert_eq!((of(receipt, false, false, &[]), of(receipt, false, true, &[])), (Some(F2), Some(F1)));
        assert_eq!((of(invoice, false, true, &[]), of(invoice, true, true, &[])), (Some(F1), Some(F3)));
        assert_eq!(of(credit, false, false, &[Some(F2), Some(F2)]), Some(R5));
        for corrected in [F1, F3] {
            assert_eq!(of(credit, false, true, &[Some(F2), Some(corrected)]), Some(R1));
        }
        assert_eq!(fiscal_type(&Issuer { scheme: Scheme::None, ..spain() }, receipt, false, false, &[]), None);
    }

    #[test]
    fn canonical_json_is_sorted_and_has_no_white_space() {
        let mut of = receipt("A\"\\\u{1}\u{e9}", "2026-06-30T22:30:00.5Z", None);
        of.order = Some((7, Name::parse_printable("ñ 1").expect("a name")));
        let expected = concat!(
            r#"{"channel":"pos","charges":[],"corrects":[],"currency":"EUR","customer":null,"#,
            r#""issued_at":"2026-06-30T22:30:00.500Z","issuer":"es","kind":"invoice","lines":[],"location":null,"#,
            r#""number":"A\"\\\u0001é","occurred_at":"2026-06-30T22:30:00.500Z","order":"ñ 1","receipt":"F:1","#,
            r#""recipient":null,"replaces":[],"return":null,"seq":7,"series":"F","#,
            r#""taxes":[{"base":11110,"rate":1111,"tax":1235}],"tenders":[],"till":null,"total":12345}"#
        );
        assert_eq!(canonical(&of), expected);
        let (none, first) = (Issuer { scheme: Scheme::None, ..spain() }, hash(&spain(), &of));
        assert_eq!(hash(&none, &of).0, <[u8; 32]>::from(Sha256::digest(expected.as_bytes())));
        of.chain.previous = Some(first);
        let linked = first.to_string() + expected;
        assert_eq!(hash(&none, &of).0, <[u8; 32]>::from(Sha256::digest(linked.as_bytes())));
    }
}
