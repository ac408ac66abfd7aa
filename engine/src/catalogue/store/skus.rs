//! The details of a SKU: its description, its GTINs, and whether it is tracked.

use super::Catalogue;
use crate::catalogue::details::SkuDetails;
use crate::catalogue::gtin::Gtin;
use crate::catalogue::registry::Versioned;
use crate::hash;
use crate::hash::Part;
use crate::ids::{LocationId, Seq, SkuId};
use crate::level::StockChange;

impl Catalogue {
    pub(crate) fn fold_sku(&self, sku: SkuId, version: Seq, details: SkuDetails) {
        let before = self.skus.details(sku);
        let before = before.as_deref().map(|set| &set.details);
        self.rehash(Part::Skus, self.skus.digest(sku), before, Some(&details));
        let codes = before.and_then(|details| details.gtin.as_deref());
        if codes != details.gtin.as_deref() {
            self.forget_gtins(sku, codes);
            for gtin in Gtin::of_details(details.gtin.as_deref()) {
                let mut skus = self.by_gtin.entry(gtin).or_default();
                if let Err(at) = skus.binary_search(&sku) {
                    skus.insert(at, sku);
                }
            }
        }
        self.skus.fold_details(sku, version, details);
    }

    pub(super) fn forget_gtins(&self, sku: SkuId, codes: Option<&str>) {
        for gone in Gtin::of_details(codes) {
            self.by_gtin.remove_if_mut(&gone, |_, skus| {
                skus.retain(|known| *known != sku);
                skus.is_empty()
            });
        }
    }

    /// Whether a SKU is tracked. Services, gift cards and digital goods are untracked.
    #[inline]
    pub fn is_tracked(&self, sku: SkuId) -> bool {
        !self.uncounted.contains(sku.0)
    }

    /// Whether `tracked` was ever set for any SKU.
    pub(crate) fn has_tracking(&self) -> bool {
        !self.tracking.is_empty()
    }

    /// Whether any SKU is untracked.
    #[inline]
    pub fn has_uncounted(&self) -> bool {
        self.uncounted.len() > 0
    }

    /// Whether a SKU is tracked, with its version, if this was ever set.
    pub fn tracking(&self, sku: SkuId) -> Option<Versioned<bool>> {
        self.tracking.get(&sku).map(|tracking| tracking.clone())
    }

    /// The version of a SKU's details; `None` if it has none.
    pub fn sku_version(&self, sku: SkuId) -> Option<Seq> {
        let details = self.skus.details(sku).map(|set| set.version);
        details.max(self.tracking(sku).map(|tracking| tracking.version))
    }

    /// Whether a location can promise untracked SKUs: it is declared, and is not a quarantine.
    pub fn has_uncounted_at(&self, location: LocationId) -> bool {
        !self.is_made_up(location) && !self.locations.is_retired(location) && self.quarantine_of(location).is_none()
    }

    /// The change of a cell for a promise of `units`.
    #[inline]
    pub(crate) fn promise(&self, sku: SkuId, units: u32) -> StockChange {
        if self.is_tracked(sku) { StockChange::reserve(units) } else { StockChange::conjure(units) }
    }

    pub(super) fn digest_uncounted(&self, sku: SkuId) -> hash::Digest {
        // This text is an input of the state hash: it never changes.
        hash::content::digest(self, Part::Skus, self.skus.digest(sku), &"nobody counts it")
    }

    /// Journal thread only, inside a fold: sets whether a SKU is tracked.
    pub(crate) fn fold_tracking(&self, sku: SkuId, version: Seq, tracked: bool) {
        let was = self.is_tracked(sku);
        self.tracking.insert(sku, Versioned { version, details: tracked });
        if was == tracked {
            return;
        }
        let digest = self.digest_uncounted(sku);
        if tracked {
            self.uncounted.remove(sku.0);
            self.hash.change(Part::Skus, digest, 0);
        } else {
            self.uncounted.insert(sku.0);
            self.hash.change(Part::Skus, 0, digest);
        }
    }

    /// The SKUs with a GTIN, in any form, ascending.
    pub fn skus_of_gtin(&self, gtin: Gtin) -> Vec<SkuId> {
        self.by_gtin.get(&gtin).map(|skus| skus.to_vec()).unwrap_or_default()
    }
}
