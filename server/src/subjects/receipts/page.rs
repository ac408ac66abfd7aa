//! A receipt as a page to print. Every text of a caller is escaped.

use std::fmt::Write as _;

use anaquel_engine::business_time;
use anaquel_engine::ids::Timestamp;
use anaquel_engine::kernel::tender::Tender;
use anaquel_engine::receipts::issuer::{Issuer, Scheme};
use anaquel_engine::receipts::receipt::Recipient;
use anaquel_engine::receipts::series::ReceiptKind;
use anaquel_engine::receipts::{Receipt, chain};

use super::qr;
use super::texts::Texts;
use crate::wire::currency;

/// For whom a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// A caller with a key.
    Caller,
    /// Whoever has the address of the customer's copy.
    Anybody,
}

/// Text in markup.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Amounts, rates and dates as people read them.
struct Printer<'a> {
    texts: &'static Texts,
    issuer: &'a Issuer,
    decimals: u8,
}

impl Printer<'_> {
    /// A number with decimals.
    fn decimal(&self, value: i64, decimals: u8) -> String {
        let (unit, size) = (10_u64.pow(decimals.into()), value.unsigned_abs());
        let sign = if value < 0 { "-" } else { "" };
        match decimals {
            0 => format!("{sign}{size}"),
            _ => format!("{sign}{}{}{:0w$}", size / unit, self.texts.point, size % unit, w = usize::from(decimals)),
        }
    }

    fn amount(&self, value: i64) -> String {
        self.decimal(value, self.decimals)
    }

    /// A rate, without zeros that say nothing.
    fn rate(&self, rate: u32) -> String {
        let (shown, decimals) = match rate {
            rate if rate.is_multiple_of(100) => (rate / 100, 0),
            rate if rate.is_multiple_of(10) => (rate / 10, 1),
            rate => (rate, 2),
        };
        format!("{} %", self.decimal(shown.into(), decimals))
    }

    /// A time where the issuer is: date, and time of day.
    fn time(&self, at: Timestamp) -> (String, String) {
        let zone = business_time::known_zone(&self.issuer.timezone);
        let (year, month, day) = business_time::local_date(&zone, at);
        let date = match self.texts.language {
            "es" => format!("{day:02}/{month:02}/{year:04}"),
            _ => format!("{year:04}-{month:02}-{day:02}"),
        };
        let time = business_time::with_offset(&zone, at);
        (date, time.get(11..19).unwrap_or_default().to_owned())
    }
}

/// The label of a tax number in the country of an issuer.
fn tax_id_label(texts: &'static Texts, country: &str) -> &'static str {
    match (texts.language, country) {
        ("es", "MX") => "RFC",
        ("es", "ES") | ("en", _) => texts.tax_id,
        _ => "Id. fiscal",
    }
}

/// The whole page.
pub fn page(issuer: &Issuer, receipt: &Receipt, reader: Reader) -> String {
    let of = &receipt.issued;
    let texts = Texts::of(issuer.country());
    let decimals = currency::digits(of.currency.as_str()).unwrap_or(2);
    let print = Printer { texts, issuer, decimals };
    let title = texts.kind(of.kind, issuer.country() == "ES");
    let number = escaped(&of.number);
    let tax_id = tax_id_label(texts, issuer.country());
    let mut body = format!(
        "<header>\n<h1>{title} <small>{number}</small></h1>\n<address>{}<br>\n{}<br>\n{tax_id} {}</address>\n</header>\n",
        escaped(&issuer.name),
        escaped(&issuer.address),
        escaped(&issuer.tax_id),
    );
    body.push_str("<dl>\n");
    for (name, value) in facts(&print, receipt) {
        let _ = writeln!(body, "<dt>{name}</dt><dd>{}</dd>", escaped(&value));
    }
    if let Some(to) = &of.recipient {
        let shown = recipient(to, tax_id, reader == Reader::Anybody && of.kind == ReceiptKind::Receipt);
        let _ = writeln!(body, "<dt>{}</dt><dd>{shown}</dd>", texts.recipient);
    }
    body.push_str("</dl>\n");
    lines(&print, receipt, &mut body);
    sums(&print, receipt, &mut body);
    if let Some(code) = chain::qr(issuer, receipt).and_then(|text| qr::svg(&text)) {
        let (above, below) = match issuer.scheme {
            Scheme::Verifactu => ("<figcaption>QR tributario:</figcaption>\n", "\n<p>VERI*FACTU</p>"),
            Scheme::None => ("", ""),
        };
        let _ = writeln!(body, "<figure>\n{above}{code}{below}\n</figure>");
    }
    format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{title} {number}</title>\n<link rel=\"icon\" href=\"data:,\">\n\
         <link rel=\"stylesheet\" href=\"/receipt.css\">\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        texts.language
    )
}

/// What stands above the lines.
fn facts(print: &Printer<'_>, receipt: &Receipt) -> Vec<(&'static str, String)> {
    let (of, texts) = (&receipt.issued, print.texts);
    let (date, time) = print.time(of.issued_at);
    let (operation, _) = print.time(of.occurred_at);
    let mut facts = vec![(texts.date, format!("{date} {time}"))];
    if operation != date {
        facts.push((texts.operation, operation));
    }
    let named = [(texts.order, of.order.as_ref().map(|(_, name)| name.to_string())), (texts.till, till(receipt))];
    facts.extend(named.into_iter().filter_map(|(name, value)| Some((name, value?))));
    for (name, all) in [(texts.replaces, &of.replaces), (texts.corrects, &of.corrects)] {
        if !all.is_empty() {
            let shown: Vec<_> = all.iter().map(ToString::to_string).collect();
            facts.push((name, shown.join(", ")));
        }
    }
    facts
}

/// The place and the till.
fn till(receipt: &Receipt) -> Option<String> {
    let of = &receipt.issued;
    let named = [of.location.as_ref().map(|name| name.to_string()), of.till.as_ref().map(|till| till.to_string())];
    let named: Vec<_> = named.into_iter().flatten().collect();
    (!named.is_empty()).then(|| named.join(" / "))
}

/// The recipient in markup; `short` without the address, which a simplified receipt need not show.
fn recipient(to: &Recipient, tax_id: &str, short: bool) -> String {
    let mut shown = format!("{}<br>\n{tax_id} {}", escaped(&to.name), escaped(&to.tax_id));
    if !short {
        let postcode = to.postcode.as_deref().unwrap_or_default();
        let place = [postcode, to.country()].join(" ");
        let _ = write!(shown, "<br>\n{}<br>\n{}", escaped(&to.address), escaped(place.trim()));
    }
    shown
}

fn cells(row: &mut String, tag: &str, cells: &[String]) {
    row.push_str("<tr>");
    for cell in cells {
        let _ = write!(row, "<{tag}>{cell}</{tag}>");
    }
    row.push_str("</tr>\n");
}

fn lines(print: &Printer<'_>, receipt: &Receipt, body: &mut String) {
    let (of, texts) = (&receipt.issued, print.texts);
    body.push_str("<table class=\"lines\">\n<thead>\n");
    cells(body, "th", &texts.columns.map(str::to_owned));
    body.push_str("</thead>\n<tbody>\n");
    for line in &of.lines {
        let what = match &line.name {
            Some(name) => format!("{}<br><small>{}</small>", escaped(name), escaped(line.sku.as_str())),
            None => escaped(line.sku.as_str()),
        };
        let discount = if line.discount == 0 { String::new() } else { print.amount(-line.discount) };
        let (units, price) = (line.quantity.to_string(), print.amount(line.unit_amount));
        cells(body, "td", &[what, units, price, discount, print.rate(line.tax_rate), print.amount(line.amount)]);
    }
    for charge in &of.charges {
        let known = texts.charges.iter().find(|(name, _)| *name == &*charge.charge);
        let what = known.map_or_else(|| escaped(&charge.charge), |(_, shown)| (*shown).to_owned());
        let none = String::new;
        cells(body, "td", &[what, none(), none(), none(), print.rate(charge.tax_rate), print.amount(charge.amount)]);
    }
    body.push_str("</tbody>\n</table>\n");
}

fn sums(print: &Printer<'_>, receipt: &Receipt, body: &mut String) {
    let (of, texts) = (&receipt.issued, print.texts);
    body.push_str("<table class=\"taxes\">\n<thead>\n");
    cells(body, "th", &texts.taxes.map(str::to_owned));
    body.push_str("</thead>\n<tbody>\n");
    for tax in &of.taxes {
        cells(body, "td", &[print.rate(tax.rate), print.amount(tax.base), print.amount(tax.tax)]);
    }
    body.push_str("</tbody>\n</table>\n");
    let _ = writeln!(
        body,
        "<p class=\"total\">{} <strong>{} {}</strong></p>",
        texts.total,
        print.amount(of.total),
        of.currency.as_str()
    );
    if of.tenders.is_empty() {
        return;
    }
    let _ = writeln!(body, "<table class=\"tenders\">\n<caption>{}</caption>\n<tbody>", texts.paid);
    for told in &of.tenders {
        let shown = Tender::ALL.iter().position(|tender| *tender == told.tender);
        let shown = shown.and_then(|at| texts.tenders.get(at)).copied().unwrap_or_default();
        cells(body, "td", &[shown.to_owned(), print.amount(told.amount)]);
        if let Some(given) = told.given {
            cells(body, "td", &[texts.given.to_owned(), print.amount(given)]);
            cells(body, "td", &[texts.change.to_owned(), print.amount(given - told.amount)]);
        }
    }
    body.push_str("</tbody>\n</table>\n");
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use anaquel_engine::ids::Name;
    use anaquel_engine::prices::list::Currency;
    use anaquel_engine::receipts::digest::Digest;
    use anaquel_engine::receipts::issuer::Environment;
    use anaquel_engine::receipts::receipt::{
        After, Chain, FiscalType, Issued, ReceiptCharge, ReceiptId, ReceiptLine, Tax, Tendered,
    };

    use super::*;

    fn issuer(country: &str, scheme: Scheme) -> Issuer {
        Issuer {
            tax_id: "B12345678".into(),
            name: "Moda <S.L.>".into(),
            address: "Calle Mayor 1".into(),
            country: country.as_bytes().try_into().unwrap(),
            timezone: "Europe/Madrid".into(),
            scheme,
            environment: Environment::Production,
        }
    }

    fn receipt(kind: ReceiptKind) -> Receipt {
        let name = |text: &str| Name::parse_printable(text).unwrap();
        let issued = Issued {
            id: ReceiptId { series: name("R"), n: 7 },
            kind,
            number: "R-000007".into(),
            issuer: name("es"),
            seq: 9,
            issued_at: Timestamp(1_800_000_000_000),
            occurred_at: Timestamp(1_800_000_000_000 - 86_400_000),
            order: Some((3, name("W-1<b>"))),
            returned: None,
            replaces: Vec::new(),
            corrects: Vec::new(),
            customer: Some(name("c-secret")),
            recipient: Some(Recipient {
                tax_id: "12345678Z".into(),
                name: "Ana & Co".into(),
                address: "Calle Menor 2".into(),
                postcode: Some("28001".into()),
                country: *b"ES",
            }),
            channel: name("pos"),
            location: Some(name("es-001")),
            till: Some("1".into()),
            lines: vec![ReceiptLine {
                line: "1".into(),
                sku: name("SHIRT"),
                name: Some("<script>alert(1)</script>".into()),
                quantity: 3,
                unit_amount: 299,
                discount: 299,
                amount: 598,
                tax_rate: 2100,
                of: 0,
            }],
            charges: vec![ReceiptCharge { charge: "shipping".into(), amount: 395, tax_rate: 1050, of: 0 }],
            taxes: vec![Tax { rate: 2100, base: 494, tax: 104 }],
            total: 993,
            currency: Currency(*b"EUR"),
            tenders: vec![Tendered { tender: Tender::Cash, amount: 993, given: Some(1000) }],
            chain: Chain { position: 1, previous: None, hash: Digest([0; 32]) },
            fiscal_type: Some(FiscalType::F2),
            key: [7; 16],
        };
        Receipt { issued: issued.into(), after: After::default() }
    }

    #[test]
    fn a_page_says_what_the_receipt_says_and_escapes_it() {
        let page = page(&issuer("ES", Scheme::Verifactu), &receipt(ReceiptKind::Receipt), Reader::Caller);
        for shown in [
            "<html lang=\"es\">",
            "Factura simplificada <small>R-000007</small>",
            "Moda &lt;S.L.&gt;",
            "NIF B12345678",
            "&lt;script&gt;alert(1)&lt;/script&gt;",
            "15/01/2027 09:00:00",
            "<dt>Fecha de operación</dt><dd>14/01/2027</dd>",
            "W-1&lt;b&gt;",
            "Ana &amp; Co",
            "Calle Menor 2",
            "<td>3</td><td>2,99</td><td>-2,99</td><td>21 %</td><td>5,98</td>",
            "<td>Envío</td><td></td><td></td><td></td><td>10,5 %</td><td>3,95</td>",
            "<td>21 %</td><td>4,94</td><td>1,04</td>",
            "<strong>9,93 EUR</strong>",
            "<td>Efectivo</td><td>9,93</td>",
            "<td>Cambio</td><td>0,07</td>",
            "<figcaption>QR tributario:</figcaption>\n<svg",
            "</svg>\n<p>VERI*FACTU</p>",
            "noindex",
        ] {
            assert!(page.contains(shown), "{shown}: {page}");
        }
        assert!(!page.contains("c-secret") && !page.contains("<script") && !page.contains("<b>"));
        assert!(!page.contains(&"07".repeat(16)), "the key is in no page");
    }

    #[test]
    fn a_copy_shows_of_the_recipient_what_the_document_must_show() {
        let spain = issuer("ES", Scheme::None);
        let copy = |kind| page(&spain, &receipt(kind), Reader::Anybody);
        let (simplified, invoice) = (copy(ReceiptKind::Receipt), copy(ReceiptKind::Invoice));
        assert!(simplified.contains("12345678Z") && !simplified.contains("Calle Menor 2"));
        assert!(invoice.contains("12345678Z") && invoice.contains("Calle Menor 2") && invoice.contains("28001 ES"));
        assert!(!simplified.contains("<svg") && !simplified.contains("VERI*FACTU"), "nothing is told to an authority");
    }

    #[test]
    fn words_and_marks_are_those_of_the_country() {
        let page = page(&issuer("IE", Scheme::None), &receipt(ReceiptKind::CreditNote), Reader::Caller);
        for shown in [
            "<html lang=\"en\">",
            "Credit note",
            "Tax ID B12345678",
            "2027-01-15 09:00:00",
            "<strong>9.93 EUR</strong>",
        ] {
            assert!(page.contains(shown), "{shown}: {page}");
        }
        let yen = Receipt {
            issued: Issued { currency: Currency(*b"JPY"), ..Issued::clone(&receipt(ReceiptKind::Receipt).issued) }
                .into(),
            after: After::default(),
        };
        assert!(super::page(&issuer("JP", Scheme::None), &yen, Reader::Caller).contains("<strong>993 JPY</strong>"));
    }
}
