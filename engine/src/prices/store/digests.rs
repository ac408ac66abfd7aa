//! What prices, price lists and tax classes add to the state hash.

use serde::Serialize;

use super::Inner;
use crate::catalogue::Catalogue;
use crate::hash::{self, Digest, Part};
use crate::ids::{Name, SkuId, Timestamp};
use crate::prices::event::Price;
use crate::prices::list::{BASE, BASE_NAME, ListStanding};
use crate::prices::row::{Row, RowKey, SkuPrices};
use crate::prices::tax::TaxClass;

impl Inner {
    /// What a row adds to the state hash beside the plain ones; none where its list is no more.
    pub(super) fn digest(&self, catalogue: &Catalogue, sku: SkuId, row: &Row) -> Option<Digest> {
        #[derive(Serialize)]
        struct Content<'a> {
            list: &'a str,
            key: &'a RowKey,
            amount: u64,
            ends_at: Option<Timestamp>,
        }
        let list = match row.key.list {
            BASE => BASE_NAME,
            id => self.lists.get(&id).filter(|standing| standing.list.is_some())?.name.as_str(),
        };
        let key = RowKey { list: BASE, ..row.key.clone() };
        let content = Content { list, key: &key, amount: row.amount, ends_at: row.ends_at };
        Some(hash::content::digest(catalogue, Part::Prices, catalogue.skus.digest(sku), &content))
    }
}

/// Whether a row is as they were before there were lists.
pub(super) fn is_plain(row: &Row) -> bool {
    row.key.is_plain() && row.ends_at.is_none()
}

/// Rows as they were before there were lists: their digest is what it was.
pub(super) fn plain(prices: Option<&SkuPrices>) -> Vec<Price> {
    let rows = prices.map_or(&[][..], |prices| &prices.rows);
    let price = |row: &Row| Price {
        currency: row.key.currency.as_str().to_owned(),
        channel: row.key.channel.clone(),
        location: row.key.location.clone(),
        amount: row.amount as i64,
    };
    let mut plain: Vec<Price> = rows.iter().filter(|row| row.is_set() && is_plain(row)).map(price).collect();
    plain.sort_unstable();
    plain
}

pub(super) fn plain_digest(catalogue: &Catalogue, sku: SkuId, plain: &Vec<Price>) -> Digest {
    match plain.is_empty() {
        true => 0,
        false => hash::content::digest(catalogue, Part::Prices, catalogue.skus.digest(sku), plain),
    }
}

pub(super) fn list_digest(catalogue: &Catalogue, standing: &ListStanding) -> Digest {
    match &standing.list {
        Some(list) => {
            let name = hash::name(standing.name.as_str());
            hash::content::digest(catalogue, Part::PriceLists, name, &(list, standing.in_force))
        }
        None => 0,
    }
}

pub(super) fn class_digest(catalogue: &Catalogue, name: &Name, class: &TaxClass) -> Digest {
    hash::content::digest(catalogue, Part::TaxClasses, hash::name(name.as_str()), class)
}

pub(super) fn taxed_digest(catalogue: &Catalogue, sku: SkuId, class: &Option<Name>) -> Digest {
    match class {
        Some(class) => {
            hash::content::digest(catalogue, Part::Skus, catalogue.skus.digest(sku), &("tax class", class.as_str()))
        }
        None => 0,
    }
}
