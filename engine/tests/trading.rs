//! How a location trades: currency, address and barcodes, in the log, in checkpoints and in the state hash.

use anaquel_engine::barcodes::Patterns;
use anaquel_engine::catalogue::TradingDetails;
use anaquel_engine::command::{Command, LocationFields, NameRef, Outcome, PutWhat, Row, Rows, TradingFields};
use anaquel_engine::event::MovementKind;
use anaquel_engine::ids::Seq;
use anaquel_engine::patch::Patch;
use anaquel_engine::prices::list::Currency;
use anaquel_engine::verify;

use crate::common::*;

const PATTERN: &str = "2IIIIIIWWWWWC";

fn currency(code: &[u8; 3]) -> TradingFields {
    TradingFields { currency: Patch::Set(Currency(*code)), ..TradingFields::default() }
}

fn address(text: &str) -> TradingFields {
    TradingFields { address: Patch::Set(text.into()), ..TradingFields::default() }
}

fn barcodes(patterns: &[&str]) -> TradingFields {
    let texts: Vec<String> = patterns.iter().map(|text| (*text).to_owned()).collect();
    TradingFields { barcodes: Patch::Set(Patterns::parse(&texts).unwrap()), ..TradingFields::default() }
}

fn put(shop: &Shop, location: &str, trading: TradingFields) -> Seq {
    let fields = LocationFields { trading, ..LocationFields::default() };
    match shop.put(PutWhat::Location(name(location), fields)).unwrap() {
        Outcome::Put { seq, .. } => seq,
        other => panic!("{other:?}"),
    }
}

fn trading(shop: &Shop, location: &str) -> TradingDetails {
    let catalogue = &shop.engine.state().catalogue;
    let location = catalogue.locations.id(location).unwrap();
    catalogue.trading(location).map(|set| set.details.clone()).unwrap_or_default()
}

fn row(
    shop: &Shop,
    line: u64,
    location: &str,
    trading: TradingFields,
) -> Row<anaquel_engine::ids::LocationId, LocationFields> {
    let id = match shop.engine.state().catalogue.locations.id(location) {
        Some(id) => NameRef::Known(id),
        None => NameRef::New(name(location)),
    };
    Row { line, id, fields: LocationFields { trading, ..LocationFields::default() } }
}

#[test]
fn it_is_the_same_after_a_restart_and_counts_in_the_hash() {
    let directory = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(START_MS);
    let mut shop = Shop::on_disk(directory.path(), &clock);
    put(&shop, "s1", TradingFields::default());
    let without = shop.engine.state().hash.sums();
    let first = put(&shop, "s1", currency(b"EUR"));
    let second = put(&shop, "s1", barcodes(&[PATTERN]));
    assert!(second > first, "each is a record");
    assert_eq!(put(&shop, "s1", currency(b"EUR")), second, "what is known already is no record");
    assert_ne!(shop.engine.state().hash.sums(), without);
    put(&shop, "s2", TradingFields { address: Patch::Set("Calle 1".into()), ..currency(b"MXN") });
    let expected = (trading(&shop, "s1"), trading(&shop, "s2"));
    assert_eq!(expected.0.barcodes, [PATTERN]);
    let hash = shop.engine.state().hash.sums();
    // From the log alone, from a checkpoint alone, and from a checkpoint with the log behind it.
    for round in 0..3 {
        if round == 1 {
            shop.engine.take_checkpoint().unwrap();
        }
        drop(shop);
        shop = Shop::on_disk(directory.path(), &clock);
        assert_eq!((trading(&shop, "s1"), trading(&shop, "s2")), expected, "round {round}");
        assert_eq!(shop.engine.state().hash.sums(), hash, "round {round}");
        assert_eq!(shop.engine.state().hash_anew(), hash, "round {round}");
        if round == 1 {
            put(&shop, "s2", address("Calle 2"));
            put(&shop, "s2", address("Calle 1"));
        }
    }
    let cleared = TradingFields { currency: Patch::Clear, barcodes: Patch::Clear, ..TradingFields::default() };
    put(&shop, "s1", cleared);
    assert_eq!(trading(&shop, "s1"), TradingDetails::default());
    put(&shop, "s2", TradingFields { currency: Patch::Clear, address: Patch::Clear, ..TradingFields::default() });
    let other = Shop::open();
    put(&other, "s1", TradingFields::default());
    put(&other, "s2", TradingFields::default());
    assert_eq!(
        shop.engine.state().hash.sums(),
        other.engine.state().hash.sums(),
        "what is taken out counts for nothing"
    );
    drop(shop);
    verify::verify(directory.path(), verify::Allowances::default()).unwrap();
}

#[test]
fn two_at_once_keep_what_each_of_them_says() {
    let shop = Shop::open();
    shop.queued_together::<Seq>(vec![
        Box::new(|| put(&shop, "s1", currency(b"EUR"))),
        Box::new(|| put(&shop, "s1", address("Calle 1"))),
        Box::new(|| put(&shop, "s1", barcodes(&[PATTERN]))),
    ]);
    let told = trading(&shop, "s1");
    assert_eq!((told.currency, told.address.as_deref()), (Some(Currency(*b"EUR")), Some("Calle 1")));
    assert_eq!(told.barcodes, [PATTERN]);
    audit(&shop);
}

#[test]
fn rows_add_up_and_a_refused_one_leaves_nothing() {
    let shop = Shop::open();
    put(&shop, "s1", currency(b"EUR"));
    shop.try_move(vec![shop.movement(MovementKind::ReturnToInspect, "A", "s1", 1)]).unwrap();
    let catalogue = &shop.engine.state().catalogue;
    let quarantine = catalogue.quarantine(catalogue.locations.id("s1").unwrap()).unwrap();
    let quarantine = catalogue.locations.name(quarantine).to_string();
    let rows = vec![
        row(&shop, 2, "s1", address("Calle 1")),
        row(&shop, 3, &quarantine, currency(b"MXN")),
        row(&shop, 4, "s1", barcodes(&[PATTERN])),
        row(&shop, 5, "s2", currency(b"MXN")),
        row(&shop, 6, "s1", currency(b"EUR")),
    ];
    let load = || Command::load(Rows::Locations(rows.clone()), false);
    let loaded = |outcome| match outcome {
        Outcome::Loaded(loaded) => (loaded.accepted, loaded.unchanged, loaded.errors.len()),
        other => panic!("{other:?}"),
    };
    let first = shop.engine.run(|engine, done| engine.submit(load(), None, done)).unwrap();
    assert_eq!(loaded(first), (3, 1, 1));
    let told = trading(&shop, "s1");
    assert_eq!((told.currency, told.address.as_deref()), (Some(Currency(*b"EUR")), Some("Calle 1")));
    assert_eq!(told.barcodes, [PATTERN]);
    assert_eq!(trading(&shop, &quarantine), TradingDetails::default());
    assert_eq!(trading(&shop, "s2").currency, Some(Currency(*b"MXN")));
    let again = shop.engine.run(|engine, done| engine.submit(load(), None, done)).unwrap();
    assert_eq!(loaded(again), (0, 4, 1), "twice changes nothing");
    audit(&shop);
}
