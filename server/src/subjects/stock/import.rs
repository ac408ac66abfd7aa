//! Files of stock.

use std::io::{self, Write};

use anaquel_engine::Engine;
use anaquel_engine::command::{Count, NameRef, Rows};
use anaquel_engine::event::ImportKind;
use anaquel_engine::ids::{LocationId, Name, SkuId, Timestamp};
use anaquel_engine::level::IN_QUARANTINE;

use crate::files::as_of;
use crate::files::cells::{Wrong, clock_time, held_back, name, required, sku, wrong};
use crate::files::csv::quote;
use crate::files::export::Texts;
use crate::files::kind::{FileKind, FileRow, number, word};
use crate::subjects::stock::bodies::booked;
use crate::wire;

/// Counts of stock.
pub static STOCK: FileKind = FileKind {
    kind: ImportKind::Stock,
    columns: &[
        word("sku"),
        word("location"),
        number("on_hand"),
        word("counted_at"),
        number("safety_stock"),
        word("as_of"),
    ],
    required: 3,
    either: &[],
    attributes: false,
    creates: true,
    empty: |options| Rows::Stock { counts: Vec::new(), create: options.create },
    read: read_count,
    export: export_stock,
};

/// Cells that are read together.
const CELLS_AT_A_TIME: usize = 1000;

fn read_count(rows: &mut Rows, row: FileRow<'_>) -> Result<(), Wrong> {
    let Rows::Stock { counts, .. } = rows else { return Ok(()) };
    let FileRow { line, mut cells, numbers, engine } = row;
    let state = engine.state();
    let (sku, location) = (sku(&mut cells)?, name(&mut cells, "location")?);
    let on_hand = required(&mut cells, "on_hand")?;
    let on_hand = numbers
        .whole("on_hand", &on_hand)
        .and_then(|units| booked(units).map_err(|reason| wrong("on_hand", reason)))?;
    let told_at = cells.remove("counted_at").map(|text| clock_time("counted_at", &text)).transpose()?;
    let counted_at = told_at.map(wire::meant);
    let as_of = cells.remove("as_of").map(|text| as_of::read(engine, &text, told_at));
    let as_of = as_of.transpose().map_err(|reason| wrong("as_of", reason))?;
    let safety_stock =
        cells.remove("safety_stock").map(|text| held_back("safety_stock", &text, &numbers)).transpose()?;
    let (sku, location): (NameRef<SkuId>, NameRef<LocationId>) = (state.sku_ref(&sku), state.location_ref(&location));
    counts.push(Count { line, sku, location, on_hand, counted_at, safety_stock, as_of });
    Ok(())
}

fn export_stock(engine: &Engine, texts: Texts, out: &mut dyn Write) -> io::Result<u64> {
    let state = engine.state();
    writeln!(out, "{}", STOCK.header())?;
    let (mut from, total, mut rows) = (0, state.cells(), 0);
    let (skus, locations) = (&state.catalogue.skus, &state.catalogue.locations);
    // An untracked SKU has no stock to export: its cell holds only promises.
    let is_left_out = |sku: SkuId, location: LocationId| {
        skus.is_retired(sku) || locations.is_retired(location) || !state.catalogue.is_tracked(sku)
    };
    while from < total {
        let to = from.saturating_add(CELLS_AT_A_TIME as u32).min(total);
        let (seq, (time, cells)) = state.view.read(|| {
            let cells = state.matrix.range(from, to).filter(|(_, cell)| cell.safety_stock() != IN_QUARANTINE);
            let cells = cells.map(|(_, cell)| {
                let (sku, location, counted_at) = (cell.sku(), cell.location(), cell.counted_at());
                // A cell that did not move since its count is exported as that count.
                let is_count =
                    counted_at != Timestamp(0) && state.movements.since(sku, location, counted_at) == Some(0);
                (sku, location, cell.durable().on_hand, counted_at, cell.safety_stock(), is_count)
            });
            (state.last_time(), cells.filter(|cell| !is_left_out(cell.0, cell.1)).collect::<Vec<_>>())
        });
        let as_of = as_of::write(engine, time, seq);
        rows += cells.len() as u64;
        for (sku, location, on_hand, counted_at, safety_stock, is_count) in cells {
            let counted_at = if counted_at == Timestamp(0) { String::new() } else { wire::time(counted_at) };
            let as_of = if is_count { "" } else { as_of.as_str() };
            let text = |name: &Name| quote(&texts.cell(name.as_str()));
            let (sku, location) =
                (text(state.catalogue.skus.name(sku)), text(state.catalogue.locations.name(location)));
            writeln!(out, "{sku},{location},{on_hand},{counted_at},{safety_stock},{as_of}")?;
        }
        from = to;
    }
    Ok(rows)
}
