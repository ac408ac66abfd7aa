//! The records that came with format 8.

use anaquel_engine::catalogue::SkuDetails;
use anaquel_engine::event::*;
use anaquel_engine::ids::{GroupId, LocationId, SkuId, Timestamp};
use anaquel_engine::prices::event::{ListSet, SkuRows, TaxClassSet};
use anaquel_engine::prices::list::{Currency, ListId, ListKind, PriceList};
use anaquel_engine::prices::row::{RowKey, RowSet};
use anaquel_engine::prices::tax::{Rate, TaxClass};
use anaquel_engine::{answers, prices};

use super::name;

/// What came with format 8: prices.
pub(super) fn events_of_v8() -> Vec<(Option<Box<Cause>>, Event)> {
    use prices::event::Event as PriceEvent;

    let key = RowKey {
        channel: Some(name("web")),
        location: Some(name("s1")),
        min_quantity: 10,
        starts_at: Some(Timestamp(5)),
        ..RowKey::base(Currency(*b"EUR"))
    };
    let of_list = RowKey { list: ListId(1), ..RowKey::base(Currency(*b"MXN")) };
    let rows = SkuRows {
        sku: SkuId(7),
        rows: vec![RowSet { key, value: Some((1995, Some(Timestamp(9)))) }, RowSet { key: of_list, value: None }],
        forgotten: Timestamp(3),
    };
    let list = PriceList {
        name: Some("Sale".into()),
        channels: vec![name("web")],
        locations: vec![LocationId(3)],
        groups: vec![GroupId(0)],
        priority: -7,
        starts_at: Some(Timestamp(1)),
        ends_at: Some(Timestamp(2)),
        ..PriceList::of(Currency(*b"MXN"), ListKind::Sale)
    };
    let rate = Rate { rate: 2100, locations: vec![LocationId(3)], groups: vec![GroupId(0)] };
    let class = TaxClass { name: Some("Books".into()), rates: vec![rate] };
    let told = |thing: prices::PriceAnswer| {
        Event::Answers(answers::event::Event::Told(Box::new(KeptAnswer {
            seq: 4,
            thing: Thing::Prices(Box::new(thing)),
        })))
    };
    let taxed = Thing::Taxed(SkuId(7), SkuDetails::default(), true, name("books"));
    let set = ListSet {
        id: ListId(1),
        name: name("sale"),
        list: Some(list.clone()),
        in_force: true,
        forgotten: vec![ListId(9)],
    };
    let removed = ListSet { id: ListId(1), name: name("sale"), list: None, in_force: false, forgotten: Vec::new() };
    let events = vec![
        Event::Prices(PriceEvent::RowsSet(vec![rows])),
        Event::Prices(PriceEvent::ListSet(Box::new(set))),
        Event::Prices(PriceEvent::ListSet(Box::new(removed))),
        Event::Prices(PriceEvent::ListsTurned(vec![(ListId(1), true), (ListId(2), false)])),
        Event::Prices(PriceEvent::TaxClassSet(Box::new(TaxClassSet {
            name: name("books"),
            class: Some(class.clone()),
        }))),
        Event::Prices(PriceEvent::TaxClassSet(Box::new(TaxClassSet { name: name("books"), class: None }))),
        Event::Prices(PriceEvent::SkusTaxed(vec![(SkuId(7), Some(name("books"))), (SkuId(8), None)])),
        told(prices::PriceAnswer::List(name("sale"), Some(list), true)),
        told(prices::PriceAnswer::TaxClass(name("books"), Some(class))),
        told(prices::PriceAnswer::Rows { changed: 1, unchanged: 2 }),
        Event::Answers(answers::event::Event::Told(Box::new(KeptAnswer { seq: 5, thing: taxed }))),
    ];
    events.into_iter().map(|event| (None, event)).collect()
}
