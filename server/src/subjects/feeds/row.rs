//! A row of the feed for tills: what a scan needs to know of a SKU, offline.

use anaquel_engine::Engine;
use anaquel_engine::ids::{ChannelId, LocationId, SkuId};
use anaquel_engine::prices::book::{Asked, PriceTarget};
use serde_json::{Value, json};

use crate::wire::time;

/// For whom the rows are.
#[derive(Clone)]
pub struct Till {
    /// Where it stands.
    pub location: LocationId,
    /// Through which channel it sells.
    pub channel: Option<ChannelId>,
    /// The price that it asks for.
    pub price: Asked,
}

/// The row of a SKU; one that is not sold any more is `removed`.
pub fn row(engine: &Engine, till: &Till, sku: SkuId) -> Value {
    let state = engine.state();
    let name = state.catalogue.skus.name(sku).as_str();
    if !state.catalogue.skus.is_live(sku) {
        return json!({"sku": name, "removed": true});
    }
    let details = state.catalogue.skus.details(sku).map(|set| set.details.clone()).unwrap_or_default();
    let price = state.quote(&till.price, &[(Some(sku), 1)]).lines.into_iter().next().flatten();
    let class = state.own.prices.tax_class_of(sku);
    let place: &PriceTarget = &till.price.place;
    let rate = state.own.prices.book().rate(&class, place);
    let cell = state.cell(sku, till.location, till.channel).filter(|cell| cell.exact);
    json!({
        "sku": name,
        "name": details.name,
        "gtin": details.gtin,
        "unit": details.unit,
        "decimals": details.decimals,
        "product": details.product,
        "currency": till.price.currency.as_str(),
        "amount": price.as_ref().map(|price| price.amount),
        "price_list": price.as_ref().map(|price| price.list.as_str().to_owned()),
        "regular_amount": price.as_ref().and_then(|price| price.regular_amount),
        "ends_at": price.as_ref().and_then(|price| price.ends_at).map(time),
        "tax_class": class,
        "tax_rate": rate,
        "on_hand": cell.as_ref().map(|cell| cell.level.on_hand),
        "available": cell.as_ref().map(|cell| cell.available),
    })
}
