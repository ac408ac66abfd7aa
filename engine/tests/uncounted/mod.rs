//! SKUs that nobody counts: services, gift cards, digital goods. Their units come into being with a promise and are gone
//! with it.

mod feed;
mod promises;
mod replay;
mod setting;

use anaquel_engine::command::{Failure, Outcome, PutWhat, Refusal, SkuFields};
use anaquel_engine::ids::{LocationId, SkuId};
use anaquel_engine::patch::Patch;
use anaquel_engine::query::CellView;

use crate::common::{Shop, name};

fn says(tracked: bool) -> SkuFields {
    SkuFields { tracked: Patch::Set(tracked), ..SkuFields::default() }
}

fn track(shop: &Shop, sku: &str, tracked: bool) -> Result<u64, Failure> {
    match shop.put(PutWhat::Sku(name(sku), says(tracked)))? {
        Outcome::Put { seq, .. } => Ok(seq),
        other => panic!("a version was expected, not {other:?}"),
    }
}

/// A gift card that nobody counts, a tee, and two declared places.
fn open() -> Shop {
    let shop = Shop::open();
    shop.declare(&["s1", "s2"]);
    track(&shop, "GIFT", false).unwrap();
    shop.put(PutWhat::Sku(name("TEE"), SkuFields::default())).unwrap();
    shop
}

fn sku(shop: &Shop, sku: &str) -> SkuId {
    shop.engine.state().catalogue.skus.id(sku).unwrap()
}

fn at(shop: &Shop, location: &str) -> LocationId {
    shop.engine.state().catalogue.locations.id(location).unwrap()
}

fn seen(shop: &Shop, of: &str, location: &str) -> Option<CellView> {
    let state = shop.engine.state();
    let web = state.catalogue.channels.id("web");
    state.availability(&[sku(shop, of)], Some(&[at(shop, location)]), web).1.first().copied()
}

fn available(shop: &Shop, location: &str) -> u32 {
    seen(shop, "GIFT", location).map_or(0, |cell| cell.available)
}

fn refused(failure: Failure) -> (String, String) {
    match failure {
        Failure::Refused(Refusal::Invalid { field, reason }) => (field, reason),
        other => panic!("a refused field was expected, not {other:?}"),
    }
}
