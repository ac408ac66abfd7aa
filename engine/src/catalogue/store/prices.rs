//! Prices of SKUs, and the number of prices per channel and location.

use std::sync::Arc;

use super::{Catalogue, Priced};
use crate::catalogue::details::Price;
use crate::catalogue::registry::Versioned;
use crate::hash::Part;
use crate::ids::{Name, Seq, SkuId};

/// Adds or removes one price of a channel or location in the count.
fn count_priced(of: &Priced, name: &Option<Name>, more: bool) {
    let Some(name) = name else { return };
    if more {
        *of.entry(name.clone()).or_default() += 1;
    } else if let Some(mut count) = of.get_mut(name) {
        *count = count.saturating_sub(1);
        let is_none = *count == 0;
        drop(count);
        if is_none {
            of.remove_if(name, |_, count| *count == 0);
        }
    }
}

impl Catalogue {
    /// The number of prices for one channel.
    pub fn prices_of_channel(&self, channel: &str) -> u32 {
        self.priced_channels.get(channel).map_or(0, |count| *count)
    }

    /// The number of prices for one location.
    pub fn prices_of_location(&self, location: &str) -> u32 {
        self.priced_locations.get(location).map_or(0, |count| *count)
    }

    /// The prices of a SKU.
    pub fn prices(&self, sku: SkuId) -> Option<Arc<Versioned<Vec<Price>>>> {
        self.prices.get(&sku).map(|prices| prices.clone())
    }

    pub(crate) fn fold_prices(&self, sku: SkuId, version: Seq, prices: Vec<Price>) {
        let before = self.prices(sku);
        let before = before.as_deref().map(|set| &set.details).filter(|prices| !prices.is_empty());
        self.rehash(Part::Prices, self.skus.digest(sku), before, Some(&prices).filter(|prices| !prices.is_empty()));
        let count = |prices: &[Price], more: bool| {
            for price in prices {
                count_priced(&self.priced_channels, &price.channel, more);
                count_priced(&self.priced_locations, &price.location, more);
            }
        };
        count(&prices, true);
        count(before.map_or(&[][..], Vec::as_slice), false);
        self.prices.insert(sku, Arc::new(Versioned { version, details: prices }));
    }
}
