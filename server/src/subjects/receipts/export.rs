//! Files of receipts, which are only read, in the order of issue.

use std::io::{self, Write};

use anaquel_engine::Engine;
use anaquel_engine::receipts::{Filter, Key};

use super::views;
use crate::files::export::{Texts, json_row};
use crate::files::kind::ExportKind;

/// Receipts.
pub const RECEIPTS: ExportKind = ExportKind { name: "receipts", export };

/// Receipts that are read at once.
const RECEIPTS_PER_PAGE: usize = 1000;

/// The columns: members of a receipt. A list or an object is JSON. Keys and recipients are in no export.
const COLUMNS: &[&str] = &[
    "receipt",
    "kind",
    "series",
    "number",
    "issuer",
    "issued_at",
    "occurred_at",
    "order",
    "return",
    "replaces",
    "corrects",
    "customer",
    "channel",
    "location",
    "till",
    "currency",
    "total",
    "lines",
    "charges",
    "taxes",
    "tenders",
    "chain",
    "fiscal",
];

fn export(engine: &Engine, texts: Texts, out: &mut dyn Write) -> io::Result<u64> {
    writeln!(out, "{}", COLUMNS.join(","))?;
    let (mut rows, mut after) = (0, None);
    loop {
        let page = engine.receipts(&Filter::default(), after.as_ref(), RECEIPTS_PER_PAGE, RECEIPTS_PER_PAGE);
        let (page, next) = page.map_err(io::Error::other)?;
        for receipt in &page {
            json_row(out, texts, COLUMNS, &views::receipt(engine, receipt))?;
            rows += 1;
        }
        if next.is_none() {
            return Ok(rows);
        }
        after = next.map(|last| Key::of(&last.issued));
    }
}
