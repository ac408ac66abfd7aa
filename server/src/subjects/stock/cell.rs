//! Cells on the wire. A SKU in two hundred stores is an answer of 32 KB, so this module is written for speed: the
//! common part of cells is built once and copied.
//!
//! All cells of a SKU are tracked or none, so `tracked` is part of the common beginning: cells of tracked SKUs are not
//! longer or slower for it.
//!
//! Ids of locations need no escaping: their alphabet has neither quotes nor backslashes.

use std::ops::Range;

use anaquel_engine::Engine;
use anaquel_engine::ids::SkuId;
use anaquel_engine::level::StockLevel;
use anaquel_engine::query::CellView;
use anaquel_engine::rules::Band;
use anaquel_engine::supply::query::InboundView;

use crate::wire::put::put;

/// Appends cells to one answer.
#[derive(Debug)]
pub struct CellWriter<'a> {
    engine: &'a Engine,
    /// The last SKU, and the position in the answer of the common beginning of its cells.
    begun: Option<(SkuId, Range<usize>)>,
}

impl<'a> CellWriter<'a> {
    /// A writer that has written nothing.
    pub fn new(engine: &'a Engine) -> Self {
        Self { engine, begun: None }
    }

    /// Appends a cell; only its band if the asking channel gets no numbers. `out` is the same each time, and is only
    /// appended to.
    pub fn cell(&mut self, out: &mut String, cell: &CellView) {
        self.numbers(out, cell, false);
        if !cell.exact {
            put!(out, r#","band":""#, cell.band.as_str(), "\"");
        }
        out.push('}');
    }

    /// The same with the channel's buffer.
    pub fn whole_cell(&mut self, out: &mut String, cell: &CellView) {
        self.numbers(out, cell, true);
        if !cell.exact {
            put!(out, r#","band":""#, cell.band.as_str(), "\"");
        }
        out.push('}');
    }

    /// The same with the band, the schema.org value, and inbound supply if there is some.
    pub fn cell_with_band(&mut self, out: &mut String, cell: &CellView, coming: Option<&InboundView>) {
        self.numbers(out, cell, true);
        if let Some(InboundView { incoming, orderable, .. }) = coming.filter(|_| cell.exact) {
            put!(out, r#","incoming":"#, *incoming, r#","orderable":"#, *orderable);
        }
        match coming.filter(|coming| cell.available == 0 && coming.orderable > 0) {
            None => out.push_str(bands(cell.band)),
            Some(coming) => {
                let availability = if coming.is_preorder { "PreOrder" } else { "BackOrder" };
                put!(out, r#","band":""#, cell.band.as_str(), r#"","availability":""#, availability, r#""}"#);
            }
        }
    }

    fn numbers(&mut self, out: &mut String, cell: &CellView, with_buffer: bool) {
        let catalogue = &self.engine.state().catalogue;
        match &self.begun {
            Some((sku, same)) if *sku == cell.sku => out.extend_from_within(same.clone()),
            _ => {
                let from = out.len();
                put!(out, r#"{"sku":""#, catalogue.skus.name(cell.sku), "\"");
                out.push_str(if cell.is_tracked() { r#","location":""# } else { r#","tracked":false,"location":""# });
                self.begun = Some((cell.sku, from..out.len()));
            }
        }
        put!(out, catalogue.locations.name(cell.location).as_str());
        if cell.exact {
            let StockLevel { on_hand, reserved } = cell.level;
            let CellView { buffer, available, .. } = cell;
            put!(out, r#"","on_hand":"#, on_hand, r#","reserved":"#, reserved);
            put!(out, r#","safety_stock":"#, cell.held_back());
            if with_buffer {
                put!(out, r#","buffer":"#, *buffer);
            }
            put!(out, r#","available":"#, *available);
        } else {
            out.push('"');
        }
    }
}

/// The end of a cell without inbound supply, as one piece.
fn bands(band: Band) -> &'static str {
    match band {
        Band::InStock => r#","band":"in_stock","availability":"InStock"}"#,
        Band::FewLeft => r#","band":"few_left","availability":"LimitedAvailability"}"#,
        Band::OutOfStock => r#","band":"out_of_stock","availability":"OutOfStock"}"#,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::App;
    use crate::subjects::rules::views::item_availability;
    use anaquel_engine::admission::MovementRequest;
    use anaquel_engine::event::MovementKind;
    use anaquel_engine::ids::Name;
    use serde_json::{Value, json};

    #[test]
    fn the_end_of_a_cell_says_what_its_pieces_say() {
        for band in [Band::InStock, Band::FewLeft, Band::OutOfStock] {
            let (name, availability) = (band.as_str(), item_availability(band));
            assert_eq!(bands(band), format!(r#","band":"{name}","availability":"{availability}"}}"#));
        }
    }

    #[test]
    fn each_cell_is_written_as_if_it_stood_alone() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let app = App::for_tests(folder.path())?;
        let engine = &app.engine;
        let places =
            [("A", "s1", 7), ("A", "s2", 1_234_567), ("LONG NAME B", "s1", 12), ("A", "s3", 100), ("C", "s2", 0)];
        let receipt = |(sku, location, change): (&str, &str, i64)| {
            let (sku, location) = (Name::parse_sku(sku)?, Name::parse(location)?);
            let kind = if change == 0 { MovementKind::Adjustment } else { MovementKind::Receipt };
            anyhow::Ok(MovementRequest {
                kind,
                sku,
                location,
                change,
                occurred_at: None,
                reference: None,
                unplanned: false,
            })
        };
        let movements = places.into_iter().map(receipt).collect::<Result<Vec<_>, _>>()?;
        engine
            .run(|engine, done| engine.move_stock(movements, None, done))
            .map_err(|error| anyhow::anyhow!("{error:?}"))?;
        let catalogue = &engine.state().catalogue;
        let cell = |sku: &str, location: &str| -> anyhow::Result<CellView> {
            let (sku, location) = (catalogue.skus.id(sku), catalogue.locations.id(location));
            let (Some(sku), Some(location)) = (sku, location) else { anyhow::bail!("it is there") };
            let (_, found) = engine.state().availability(&[sku], Some(&[location]), None);
            found.into_iter().next().ok_or_else(|| anyhow::anyhow!("one cell"))
        };
        let mut cells = places.into_iter().map(|(sku, place, _)| cell(sku, place)).collect::<Result<Vec<_>, _>>()?;
        if let Some(private) = cells.get_mut(1) {
            private.exact = false;
        }
        let mut out = String::from("[");
        let mut writer = CellWriter::new(engine);
        for cell in &cells {
            writer.cell(&mut out, cell);
            // Whatever else is written in between.
            out.push_str(r#","é","#);
            writer.cell_with_band(&mut out, cell, None);
            out.push(',');
        }
        out.push_str("0]");
        let mut expected = Vec::new();
        for cell in &cells {
            let mut plain = json!({"sku": catalogue.skus.name(cell.sku).as_str(), "location": catalogue.locations.name(cell.location).as_str()});
            if cell.exact {
                plain["on_hand"] = json!(cell.level.on_hand);
                plain["reserved"] = json!(cell.level.reserved);
                plain["safety_stock"] = json!(cell.safety_stock);
                plain["available"] = json!(cell.available);
            }
            let mut with_band = plain.clone();
            if cell.exact {
                with_band["buffer"] = json!(cell.buffer);
            }
            with_band["band"] = json!(cell.band.as_str());
            with_band["availability"] = json!(item_availability(cell.band));
            if !cell.exact {
                plain["band"] = json!(cell.band.as_str());
            }
            expected.extend([plain, json!("é"), with_band]);
        }
        expected.push(json!(0));
        assert_eq!(serde_json::from_str::<Value>(&out)?, Value::Array(expected));
        Ok(())
    }
}
