//! Files of returns, which are only read: what came back, and what was paid back for it.

use std::io::{self, Write};

use anaquel_engine::Engine;
use anaquel_engine::returns::{Filter, ReturnId};

use super::views;
use crate::files::export::{Texts, json_row};
use crate::files::kind::ExportKind;

/// Returns.
pub const RETURNS: ExportKind = ExportKind { name: "returns", export };

/// Returns that are read at once.
const RETURNS_PER_PAGE: usize = 1000;

/// The columns: members of a return. A list is JSON.
const COLUMNS: &[&str] = &[
    "return",
    "state",
    "channel",
    "location",
    "till",
    "order",
    "customer",
    "currency",
    "lines",
    "charges",
    "value",
    "refund_due",
    "refunds",
    "exchange",
    "receipts",
    "unreferenced",
    "flags",
    "created_at",
    "expires_at",
    "seq",
];

fn export(engine: &Engine, texts: Texts, out: &mut dyn Write) -> io::Result<u64> {
    writeln!(out, "{}", COLUMNS.join(","))?;
    let (mut rows, mut before) = (0, None::<ReturnId>);
    loop {
        let page = engine.returns(&Filter::default(), before, RETURNS_PER_PAGE, RETURNS_PER_PAGE);
        let (page, next) = page.map_err(io::Error::other)?;
        for returned in &page {
            json_row(out, texts, COLUMNS, &views::item(engine, returned))?;
            rows += 1;
        }
        if next.is_none() {
            return Ok(rows);
        }
        before = next;
    }
}
