//! What a checkpoint holds of prices.

use std::io;
use std::sync::Arc;

use super::event::{Price, TaxClassSet};
use super::list::ListStanding;
use super::row::SkuPrices;
use crate::catalogue::Versioned;
use crate::effect::At;
use crate::ids::{Name, Seq, SkuId, Timestamp};
use crate::kernel::frames::in_frames;
use crate::kernel::tagged::tagged;
use crate::state::DurableState;

tagged! {
    /// A piece of it.
    pub enum Frame {
        /// Prices of `base` as formats 1 to 6 have them.
        5 => Base(Vec<(SkuId, Versioned<Vec<Price>>)>),
        /// Rows of SKUs.
        32 => Rows(Vec<(SkuId, SkuPrices)>),
        /// Price lists, and the number that the next one gets. Behind the rows, which are counted by them.
        33 => Lists(Box<(u32, Vec<ListStanding>)>),
        /// Tax classes, with the `seq` of the last change of each.
        34 => TaxClasses(Vec<(Name, Seq, super::tax::TaxClass)>),
        /// Tax classes of SKUs, with the `seq` of the last change of each.
        35 => Taxed(Vec<(SkuId, Seq, Option<Name>)>),
    }
}

/// Saves them.
///
/// # Errors
/// What `put` said.
pub(crate) fn save(state: &DurableState, put: &mut dyn FnMut(Frame) -> io::Result<()>) -> io::Result<()> {
    let store = &state.own.prices;
    let skus = || (0..store.skus()).map(SkuId);
    let rows = skus().filter_map(|sku| Some((sku, SkuPrices::clone(&*store.get(sku)?))));
    in_frames(rows, |rows| put(Frame::Rows(rows)))?;
    put(Frame::Lists(Box::new(store.all_lists())))?;
    let classes = store.classes().into_iter();
    in_frames(classes.map(|(name, seq, class)| (name, seq, Arc::unwrap_or_clone(class))), |rows| {
        put(Frame::TaxClasses(rows))
    })?;
    let taxed = skus().filter_map(|sku| {
        let (seq, class) = Arc::unwrap_or_clone(store.tax_class(sku)?);
        Some((sku, seq, class))
    });
    in_frames(taxed, |rows| put(Frame::Taxed(rows)))
}

/// Puts a piece back.
pub(crate) fn restore(state: &DurableState, frame: Frame) {
    let (store, catalogue) = (&state.own.prices, &state.catalogue);
    match frame {
        Frame::Base(rows) => {
            for (sku, Versioned { version, details }) in rows {
                // When they were set is not in it: they always held.
                store.fold_base(catalogue, At { seq: version, time: Timestamp(0), cause: None }, sku, &details);
            }
        }
        Frame::Rows(rows) => rows.into_iter().for_each(|(sku, prices)| store.restore_rows(sku, prices)),
        Frame::Lists(lists) => {
            let (next_id, all) = *lists;
            store.restore_lists(catalogue, next_id, all);
        }
        Frame::TaxClasses(rows) => {
            for (name, seq, class) in rows {
                store.fold_class(catalogue, seq, &TaxClassSet { name, class: Some(class) });
            }
        }
        Frame::Taxed(rows) => {
            rows.into_iter().for_each(|(sku, seq, class)| store.fold_taxed(catalogue, seq, &[(sku, class)]));
        }
    }
}
