//! Exports, and imports of them.

use serde_json::{Value, json};

use crate::Shop;

/// All kinds, in the order in which an empty directory accepts them.
pub const KINDS: [&str; 9] = ["channels", "locations", "skus", "stock", "groups", "prices", "rules", "supply", "sales"];

/// The export of a kind.
///
/// # Panics
/// The export fails.
pub fn export(shop: &mut Shop, kind: &str) -> String {
    let answer = shop.client.get(&format!("/v1/export/{kind}")).unwrap();
    assert_eq!(answer.status, 200, "{kind}");
    String::from_utf8(answer.body).unwrap()
}

/// Imports a file and returns the result.
///
/// # Panics
/// The whole import is refused.
pub fn import(shop: &mut Shop, path: &str, media_type: &str, body: &[u8]) -> Value {
    let answer = shop.client.send("POST", path, &[("Content-Type", media_type)], body).unwrap();
    assert_eq!(answer.status, 200, "{path} {}", answer.json());
    answer.json()
}

/// The lines of a file without their order; for stock and supply, without values that depend on the time of the export.
fn said_by(kind: &str, text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    match kind {
        "stock" => lines.iter_mut().for_each(|line| *line = stock_without_times(line)),
        "supply" => lines.iter_mut().for_each(|line| *line = supply_without_times(line)),
        _ => {}
    }
    lines.sort();
    lines
}

/// SKU, location, stock and safety stock of a row of stock.
fn stock_without_times(row: &str) -> String {
    let fields = fields(row);
    [0, 1, 2, 4].map(|at| fields[at].as_str()).join(",")
}

/// A row of supply without `as_of`, which contains the time of the export if a receipt has used the supply.
fn supply_without_times(row: &str) -> String {
    fields(row)[..6].join(",")
}

/// The fields of a row as they are written, quotes included.
fn fields(row: &str) -> Vec<String> {
    let (mut fields, mut quoted) = (vec![String::new()], false);
    for character in row.chars() {
        match character {
            ',' if !quoted => fields.push(String::new()),
            _ => {
                quoted ^= character == '"';
                fields.last_mut().unwrap().push(character);
            }
        }
    }
    fields
}

/// An export that is imported again changes nothing: in the same directory, twice, where each import logs only its end;
/// and in an empty directory.
///
/// # Panics
/// Something changes.
pub fn goes_round(shop: &mut Shop) {
    let exports: Vec<(&str, String)> = KINDS.iter().map(|kind| (*kind, export(shop, kind))).collect();
    for round in 0..2 {
        for (kind, text) in &exports {
            let seq = shop.seq();
            let told = import(shop, &format!("/v1/import/{kind}"), "text/csv", text.as_bytes());
            assert_eq!((&told["accepted"], &told["rejected"]), (&json!(0), &json!(0)), "round {round}, {kind}: {told}");
            // Confirmed counts may be one more record.
            let most = if *kind == "stock" { seq + 2 } else { seq + 1 };
            assert!(shop.seq() <= most, "{kind} logs that it came, and next to nothing else");
            assert_eq!(said_by(kind, &export(shop, kind)), said_by(kind, text), "{kind}");
        }
    }
    let mut other = Shop::default();
    for (kind, text) in &exports {
        let query = if *kind == "stock" { "?create=true" } else { "" };
        let told = import(&mut other, &format!("/v1/import/{kind}{query}"), "text/csv", text.as_bytes());
        assert_eq!(told["rejected"], 0, "{kind}: {told}");
    }
    for (kind, text) in &exports {
        assert_eq!(said_by(kind, &export(&mut other, kind)), said_by(kind, text), "{kind} elsewhere");
    }
}
