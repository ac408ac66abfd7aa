//! Files of inbound supply.

use std::io::{self, Write};

use anaquel_engine::Engine;
use anaquel_engine::command::{Rows, SupplyFields};
use anaquel_engine::event::ImportKind;
use anaquel_engine::ids::Name;

use crate::files::as_of;
use crate::files::cells::{Wrong, name, required, sku, time, wrong};
use crate::files::csv::quote;
use crate::files::export::Texts;
use crate::files::kind::{FileKind, FileRow, number, word};
use crate::subjects::supply::bodies::{open, parse_kind};
use crate::wire;

/// Inbound supply.
pub static SUPPLY: FileKind = FileKind {
    kind: ImportKind::Supply,
    columns: &[
        word("supply"),
        word("sku"),
        word("location"),
        number("quantity"),
        word("expected_at"),
        word("kind"),
        word("as_of"),
    ],
    required: 4,
    either: &[],
    attributes: false,
    creates: false,
    empty: |_| Rows::Supply(Vec::new()),
    read: read_supply,
    export: export_supply,
};

/// Cells that are read together.
const CELLS_AT_A_TIME: usize = 1000;

fn read_supply(rows: &mut Rows, row: FileRow<'_>) -> Result<(), Wrong> {
    let Rows::Supply(rows) = rows else { return Ok(()) };
    let FileRow { line, mut cells, numbers, engine } = row;
    let state = engine.state();
    let supply = required(&mut cells, "supply")?;
    let supply = Name::parse_printable(&supply).map_err(|error| wrong("supply", error))?;
    let (sku, location) = (sku(&mut cells)?, name(&mut cells, "location")?);
    let quantity = required(&mut cells, "quantity")?;
    let quantity = numbers.whole("quantity", &quantity).and_then(|n| open(n).map_err(|r| wrong("quantity", r)))?;
    let expected_at = cells.remove("expected_at").map(|text| time("expected_at", &text)).transpose()?;
    let kind = cells.remove("kind").map(|text| parse_kind(&text).map_err(|r| wrong("kind", r)));
    let (kind, name) = (kind.transpose()?.unwrap_or_default(), supply);
    let (sku, location) = (state.sku_ref(&sku), state.location_ref(&location));
    let as_of = cells.remove("as_of").map(|text| as_of::read(engine, &text, None)).transpose();
    let as_of = as_of.map_err(|reason| wrong("as_of", reason))?.and_then(|as_of| as_of.seq);
    rows.push(SupplyFields { line, name, kind, sku, location, quantity, expected_at, as_of });
    Ok(())
}

fn export_supply(engine: &Engine, texts: Texts, out: &mut dyn Write) -> io::Result<u64> {
    let catalogue = &engine.state().catalogue;
    writeln!(out, "{}", SUPPLY.header())?;
    let (mut rows, mut after) = (0, None);
    loop {
        let (seq, cells, next) = engine.state().expected(None, None, after, CELLS_AT_A_TIME);
        let as_of = as_of::write(engine, engine.state().last_time(), seq);
        for cell in &cells {
            let text = |name: &Name| quote(&texts.cell(name.as_str()));
            let (sku, location) = (text(catalogue.skus.name(cell.sku)), text(catalogue.locations.name(cell.location)));
            for supply in &cell.supplies {
                let (kind, expected) = (supply.kind.as_str(), wire::time(supply.expected_at));
                // If nothing arrived yet, the whole quantity is inbound.
                let came = engine.state().ledger().came(cell.sku, cell.location, supply.name.as_str());
                let as_of = if came.is_some() { as_of.as_str() } else { "" };
                writeln!(out, "{},{sku},{location},{},{expected},{kind},{as_of}", text(&supply.name), supply.open)?;
                rows += 1;
            }
        }
        match next {
            Some(_) => after = next,
            None => return Ok(rows),
        }
    }
}
