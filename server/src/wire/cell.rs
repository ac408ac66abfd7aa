//! Cells on the wire. A SKU in two hundred stores is an answer of 32 KB, so this is written for speed: what cells share is
//! put together once, and copied.
//!
//! Names need no escaping: their alphabet has neither quotes nor backslashes.

use std::ops::Range;

use anaquel_engine::Engine;
use anaquel_engine::coming::Coming;
use anaquel_engine::ids::SkuId;
use anaquel_engine::level::StockLevel;
use anaquel_engine::query::CellView;
use anaquel_engine::rules::Band;

use super::put::put;
use super::rule::band_name;

/// Appends cells to one answer, one after the other.
#[derive(Debug)]
pub struct CellWriter<'a> {
    engine: &'a Engine,
    /// The SKU written last, and where in the answer stands what all of its cells begin with.
    begun: Option<(SkuId, Range<usize>)>,
}

impl<'a> CellWriter<'a> {
    /// One that has written nothing yet.
    pub fn new(engine: &'a Engine) -> Self {
        Self { engine, begun: None }
    }

    /// Appends a cell; where the asking channel is not told the numbers, the band alone. `out` is the same each time, and
    /// only appended to.
    pub fn cell(&mut self, out: &mut String, cell: &CellView) {
        self.numbers(out, cell);
        if !cell.exact {
            put!(out, r#","band":""#, band_name(cell.band), "\"");
        }
        out.push('}');
    }

    /// The same with its band, that in the words of schema.org, and what is to come to it where something is.
    pub fn cell_with_band(&mut self, out: &mut String, cell: &CellView, coming: Option<&Coming>) {
        self.numbers(out, cell);
        if let Some(Coming { incoming, orderable, .. }) = coming.filter(|_| cell.exact) {
            put!(out, r#","incoming":"#, *incoming, r#","orderable":"#, *orderable);
        }
        match coming.filter(|coming| cell.available == 0 && coming.orderable > 0) {
            None => out.push_str(bands(cell.band)),
            Some(coming) => {
                let availability = if coming.is_preorder { "PreOrder" } else { "BackOrder" };
                put!(out, r#","band":""#, band_name(cell.band), r#"","availability":""#, availability, r#""}"#);
            }
        }
    }

    fn numbers(&mut self, out: &mut String, cell: &CellView) {
        let catalogue = &self.engine.state().catalogue;
        match &self.begun {
            Some((sku, same)) if *sku == cell.sku => out.extend_from_within(same.clone()),
            _ => {
                let from = out.len();
                put!(out, r#"{"sku":""#, catalogue.skus.name(cell.sku), r#"","location":""#);
                self.begun = Some((cell.sku, from..out.len()));
            }
        }
        put!(out, catalogue.locations.name(cell.location));
        if cell.exact {
            let StockLevel { on_hand, reserved } = cell.level;
            let CellView { safety_stock, available, .. } = cell;
            put!(out, r#"","on_hand":"#, on_hand, r#","reserved":"#, reserved);
            put!(out, r#","safety_stock":"#, *safety_stock, r#","available":"#, *available);
        } else {
            out.push('"');
        }
    }
}

/// The end of a cell to which nothing is ordered ahead, in one piece.
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
    use crate::wire::rule::item_availability;

    #[test]
    fn the_end_of_a_cell_says_what_its_pieces_say() {
        for band in [Band::InStock, Band::FewLeft, Band::OutOfStock] {
            let (name, availability) = (band_name(band), item_availability(band));
            assert_eq!(bands(band), format!(r#","band":"{name}","availability":"{availability}"}}"#));
        }
    }
}
