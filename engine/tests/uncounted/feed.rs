//! What subscribers see of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use anaquel_engine::feed::{Item, Message, Mode, Selection, Start, Subscription};
use anaquel_engine::level::LINE_QUANTITY_MAX;
use anaquel_engine::query::CellView;

use super::{open, track};
use crate::common::{Shop, audit, name};

/// What a subscriber knows: units that may be had, and whether they are counted.
#[derive(Default)]
struct Known {
    cells: BTreeMap<(String, String), (u32, bool)>,
    resets: usize,
}

impl Known {
    fn hear_all(&mut self, shop: &Shop, live: &mut Subscription) {
        let catalogue = &shop.engine.state().catalogue;
        let named = |sku, at| (catalogue.skus.name(sku).to_string(), catalogue.locations.name(at).to_string());
        let know = |cells: &mut BTreeMap<_, _>, cell: &CellView| {
            cells.insert(named(cell.sku, cell.location), (cell.available, cell.is_tracked()));
        };
        for _ in 0..2000 {
            while let Some(message) = live.poll() {
                match message {
                    Message::Snapshot { cells, .. } => cells.iter().for_each(|cell| know(&mut self.cells, cell)),
                    Message::Delta { items, removed, .. } => {
                        for item in items {
                            match item {
                                Item::Changed(change) => {
                                    know(&mut self.cells, &live.lens().see(catalogue, &change.cell));
                                }
                                Item::Read(view) => know(&mut self.cells, &view),
                            }
                        }
                        for (sku, at) in removed {
                            self.cells.remove(&named(sku, at));
                        }
                    }
                    Message::Reset { .. } => {
                        self.cells.clear();
                        self.resets += 1;
                    }
                    Message::TooFarBehind { .. } | Message::TooLarge(_) => panic!("there is room for all of it"),
                }
            }
            if live.told() >= shop.engine.state().view.seq() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        panic!("all is told");
    }
}

#[test]
fn who_listens_hears_of_it_where_it_has_no_cell_and_when_it_is_counted_again() {
    for mode in [Mode::Conflated, Mode::Lossless] {
        let shop = open();
        shop.put_group("g", &["s2"]);
        let selection = Selection {
            skus: vec![name("GIFT"), name("TEE")],
            locations: vec![name("s1"), name("late")],
            groups: vec![name("g")],
            channel: None,
        };
        let mut live = shop.engine.feed().subscribe(selection.clone(), mode, Start::Fresh, Arc::new(|| ())).unwrap();
        let mut known = Known::default();
        let most = LINE_QUANTITY_MAX;
        let all = |cells: &[(&str, &str, u32, bool)]| -> BTreeMap<(String, String), (u32, bool)> {
            cells.iter().map(|(s, l, units, counted)| ((s.to_string(), l.to_string()), (*units, *counted))).collect()
        };
        known.hear_all(&shop, &mut live);
        let everywhere = all(&[("GIFT", "s1", most, false), ("GIFT", "s2", most, false)]);
        assert_eq!(known.cells, everywhere, "{mode:?}");
        // A cell is made, and is told as what it was told to be.
        let held = shop.reserve(&[("GIFT", "s1", 2)]);
        known.hear_all(&shop, &mut live);
        assert_eq!(known.cells, everywhere, "{mode:?}");
        shop.cancel(held.id).unwrap();
        // Counted again, what had no cell is gone.
        track(&shop, "GIFT", true).unwrap();
        known.hear_all(&shop, &mut live);
        assert_eq!(known.cells, all(&[("GIFT", "s1", 0, true)]), "{mode:?}");
        let cursor = live.cursor().unwrap();
        track(&shop, "GIFT", false).unwrap();
        known.hear_all(&shop, &mut live);
        assert_eq!(known.cells, everywhere, "{mode:?}");
        // Somebody declares a place, another joins the group, and leaves it again.
        shop.declare(&["late", "s4"]);
        known.hear_all(&shop, &mut live);
        assert!(known.cells.contains_key(&("GIFT".to_owned(), "late".to_owned())), "{mode:?} {:?}", known.cells);
        shop.put_group("g", &["s2", "s4"]);
        known.hear_all(&shop, &mut live);
        assert_eq!(known.cells.len(), 4, "{mode:?} {:?}", known.cells);
        shop.put_group("g", &["s2"]);
        known.hear_all(&shop, &mut live);
        assert_eq!(known.cells.len(), 3, "{mode:?} {:?}", known.cells);
        assert_eq!(known.resets, 0);
        live.untrack(&[name("GIFT")]).unwrap();
        known.hear_all(&shop, &mut live);
        assert_eq!(known.cells, all(&[]), "{mode:?}");
        // Who was away starts over.
        let mut away = shop.engine.feed().subscribe(selection, mode, Start::Cursor(cursor), Arc::new(|| ())).unwrap();
        let mut known = Known::default();
        known.hear_all(&shop, &mut away);
        assert_eq!((known.resets, known.cells.len()), (1, 3), "{mode:?}");
        audit(&shop);
    }
}
