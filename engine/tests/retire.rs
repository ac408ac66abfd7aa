//! Retiring: what holds a thing, what becomes of its name, and who hears of it.

use anaquel_engine::catalogue;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::common::{ManualClock, START_MS, Shop, audit, hold, hold_in_group, hold_to_come, name, rule};
use anaquel_engine::catalogue::ChannelDetails;
use anaquel_engine::command::{
    Failure, LocationFields, Outcome, PutWhat, Refusal, RuleFields, SkuFields, TradingFields,
};
use anaquel_engine::event::{Event, MovementKind, Purpose, ThingKind};
use anaquel_engine::feed::{Item, Message, Mode, Selection, Start, Subscription};
use anaquel_engine::gtin::Gtin;
use anaquel_engine::journal::memory::MemoryDisk;
use anaquel_engine::level::Constraint;
use anaquel_engine::patch::Patch;
use anaquel_engine::rules::{Amount, Effect};
use anaquel_engine::settings::Settings;
use anaquel_engine::verify;

fn open() -> Shop {
    Shop::strictly_on(MemoryDisk::default(), ManualClock::at(START_MS), Settings::default())
}

/// Stops it in order, and opens what the disk holds.
fn reopened(shop: Shop) -> Shop {
    let settings = shop.engine.settings().clone();
    shop.engine.close().unwrap();
    Shop::strictly_on(shop.disk, shop.clock, settings)
}

fn retire(shop: &Shop, kind: ThingKind, what: &str) -> Result<u64, Failure> {
    match shop.put(PutWhat::Retire(kind, name(what)))? {
        Outcome::Put { seq, .. } => Ok(seq),
        other => panic!("a version was expected, not {other:?}"),
    }
}

/// What holds it, in a word each.
fn held_by(shop: &Shop, kind: ThingKind, what: &str) -> Vec<&'static str> {
    match retire(shop, kind, what) {
        Ok(_) => Vec::new(),
        Err(Failure::Refused(Refusal::Held { holders, .. })) => holders.iter().map(|holder| holder.what).collect(),
        Err(other) => panic!("what holds it was expected, not {other:?}"),
    }
}

fn declare(shop: &Shop, sku: &str, location: &str) {
    shop.put(PutWhat::Sku(name(sku), SkuFields::default())).unwrap();
    shop.put(PutWhat::Location(name(location), LocationFields::default())).unwrap();
}

fn refused_field(failure: Failure) -> (String, String) {
    match failure {
        Failure::Refused(Refusal::Invalid { field, reason }) => (field, reason),
        other => panic!("a refused field was expected, not {other:?}"),
    }
}

#[test]
fn whatever_holds_a_thing_is_told_and_nothing_else_keeps_it() {
    use ThingKind::{Channel, Group, Location, Sku};
    let shop = open();
    declare(&shop, "A", "s1");
    shop.put_channel("web", 0);
    shop.put_group("g", &["s1"]);
    let units = |fields: RuleFields| shop.put(PutWhat::Rule(name("r"), Some(Box::new(fields)))).map(drop).unwrap();
    let any = || rule(Effect::SafetyStock(Amount::Units(0)));

    // Stock, also what is missing.
    shop.receive("A", "s1", 3);
    assert_eq!(held_by(&shop, Sku, "A"), ["stock"]);
    assert_eq!(held_by(&shop, Location, "s1"), ["stock", "groups"]);
    shop.sell("A", "s1", 4);
    assert_eq!(held_by(&shop, Sku, "A"), ["stock"]);
    shop.receive("A", "s1", 4);
    // A promise, until it is over; of a group, while its location is open.
    let held = shop.reserve(&[("A", "s1", 3)]);
    shop.sell("A", "s1", 3);
    assert_eq!(shop.level("A", "s1").on_hand, 0);
    assert_eq!(held_by(&shop, Sku, "A"), ["stock", "reservations"]);
    assert_eq!(held_by(&shop, Channel, "web"), ["reservations"]);
    shop.cancel(held.id).unwrap();
    shop.receive("A", "s1", 1);
    let in_group = shop.try_reserve(hold_in_group(&[("A", "g", 1)])).unwrap();
    assert_eq!(held_by(&shop, Group, "g"), ["reservations", "locations"]);
    shop.cancel(in_group.id).unwrap();
    shop.sell("A", "s1", 1);
    // What is to come, and who waits for it.
    shop.supply("PO", "A", "s1", 2, 600);
    let waiting = shop.try_reserve(hold_to_come(&[("A", "s1", 2)], 700)).unwrap();
    assert_eq!(held_by(&shop, Sku, "A"), ["reservations", "supplies"]);
    shop.supply("PO", "A", "s1", 0, 600);
    assert_eq!(held_by(&shop, Sku, "A"), ["reservations", "supplies"], "somebody waits");
    shop.cancel(waiting.id).unwrap();
    // Rules, by each of their conditions.
    units(RuleFields { skus: vec![name("A")], ..any() });
    assert_eq!(held_by(&shop, Sku, "A"), ["rules"]);
    units(RuleFields { locations: vec![name("s1")], ..any() });
    assert_eq!(held_by(&shop, Location, "s1"), ["rules", "groups"]);
    units(RuleFields { groups: vec![name("g")], ..any() });
    assert_eq!(held_by(&shop, Group, "g"), ["rules", "locations"]);
    units(RuleFields { channels: vec![name("web")], ..any() });
    assert_eq!(held_by(&shop, Channel, "web"), ["rules"]);
    shop.put(PutWhat::Rule(name("r"), None)).unwrap();
    // A group is held by those to which it gives, too.
    shop.put_group("g", &[]);
    let services = anaquel_engine::command::ServiceFields {
        transfer_group: Patch::Set(name("g")),
        ..anaquel_engine::command::ServiceFields::default()
    };
    let fields = LocationFields { services, ..LocationFields::default() };
    shop.put(PutWhat::Location(name("s1"), fields)).unwrap();
    assert_eq!(held_by(&shop, Group, "g"), ["locations"]);

    for (kind, what) in [(Sku, "A"), (Location, "s1"), (Group, "g"), (Channel, "web")] {
        assert_eq!(held_by(&shop, kind, what), [""; 0], "{what}");
        let again = retire(&shop, kind, what).unwrap_err();
        assert!(matches!(again, Failure::Refused(Refusal::NotFound(_))), "{what}: {again:?}");
    }
    audit(&shop);
}

#[test]
fn a_retired_name_takes_nothing_new_and_what_was_is_told_by_it() {
    let shop = open();
    declare(&shop, "A", "s1");
    declare(&shop, "B", "s2");
    shop.put_channel("web", 0);
    shop.put_channel("app", 0);
    shop.receive("A", "s1", 2);
    shop.receive("B", "s2", 2);
    let sold = shop.reserve(&[("A", "s1", 2)]);
    shop.confirm(sold.id).unwrap();
    shop.collect(sold.id).unwrap();
    for (kind, what) in [(ThingKind::Sku, "A"), (ThingKind::Location, "s1"), (ThingKind::Channel, "web")] {
        retire(&shop, kind, what).unwrap();
    }
    let check = |shop: &Shop| {
        let catalogue = &shop.engine.state().catalogue;
        assert_eq!((catalogue.skus.id("A"), catalogue.locations.id("s1")), (None, None));
        let line = &shop.engine.state().reservations.get(sold.id).unwrap().lines[0];
        assert_eq!(
            (catalogue.skus.name(line.sku).as_str(), catalogue.locations.name(line.location).as_str()),
            ("A", "s1")
        );
        assert_eq!(catalogue.channels.name(sold.channel).as_str(), "web");

        let through = |channel: &str, lines: &[(&str, &str, u32)]| {
            let mut request = hold(lines);
            request.channel = name(channel);
            request.purpose = Purpose::Cart;
            request
        };
        assert_eq!(shop.refusal(through("app", &[("A", "s2", 1)])), (Constraint::UnknownCell, 0));
        assert_eq!(shop.refusal(through("app", &[("B", "s1", 1)])), (Constraint::UnknownCell, 0));
        let (field, reason) = refused_field(shop.try_reserve(through("web", &[("B", "s2", 1)])).unwrap_err());
        assert!(field == "channel" && reason.contains("retired") && reason.contains("PUT /v1/channels"), "{reason}");
        for (kind, change) in [(MovementKind::Receipt, 1), (MovementKind::Adjustment, 1), (MovementKind::Damage, -1)] {
            for (sku, location, field) in [("A", "s2", "movements[0].sku"), ("B", "s1", "movements[0].location")] {
                let refused = shop.try_move(vec![shop.movement(kind, sku, location, change)]).unwrap_err();
                let (told, reason) = refused_field(refused);
                assert!(told == field && reason.contains("is retired"), "{kind:?}: {told}: {reason}");
            }
        }
        assert_eq!(refused_field(shop.try_count("A", "s2", 1, None).unwrap_err()).0, "counts[0].sku");
        assert_eq!(refused_field(shop.try_supply("PO", "A", "s2", 1, 9).unwrap_err()).0, "supplies[0].sku");
        let fields = RuleFields { skus: vec![name("A")], ..rule(Effect::Access(true)) };
        let refused = shop.put(PutWhat::Rule(name("r"), Some(Box::new(fields)))).unwrap_err();
        assert_eq!(refused_field(refused).0, "skus[0]");
        let refused = shop.put(PutWhat::Group(name("g"), Patch::Set(vec![name("s1")]))).unwrap_err();
        assert_eq!(refused_field(refused).0, "locations");
    };
    check(&shop);
    // In the log, and in a checkpoint.
    let hash = shop.engine.state().hash.show();
    let shop = reopened(shop);
    assert_eq!(shop.engine.state().hash.show(), hash);
    check(&shop);
    audit(&shop);
}

#[test]
fn what_happened_with_goods_is_noted_and_flagged_once_more() {
    let shop = open();
    declare(&shop, "A", "s1");
    shop.put_channel("web", 0);
    shop.receive("A", "s1", 1);
    let id = shop.engine.state().catalogue.skus.id("A").unwrap();
    shop.sell("A", "s1", 1);
    retire(&shop, ThingKind::Sku, "A").unwrap();
    // Somebody finds one in a drawer, and a till sells it.
    shop.sell("A", "s1", 1);
    let skus = &shop.engine.state().catalogue.skus;
    assert_eq!((skus.id("A"), skus.is_made_up(id), skus.made_up_ids()), (Some(id), true, vec![id]));
    assert_eq!(shop.level("A", "s1").on_hand, -1, "in the cell that it had");
    let shop = reopened(shop);
    assert!(shop.engine.state().catalogue.skus.is_made_up(id));
    // Whoever settles it declares it, or puts it right and retires it again.
    assert_eq!(held_by(&shop, ThingKind::Sku, "A"), ["stock"]);
    shop.receive("A", "s1", 1);
    retire(&shop, ThingKind::Sku, "A").unwrap();
    assert_eq!(shop.engine.state().catalogue.skus.made_up_count(), 0);
    shop.put(PutWhat::Sku(name("A"), SkuFields { unit: Patch::Set("kg".into()), ..SkuFields::default() })).unwrap();
    let skus = &shop.engine.state().catalogue.skus;
    let details = skus.details(id).unwrap();
    assert_eq!(
        (skus.id("A"), details.details.unit.as_deref(), details.details.name.as_deref()),
        (Some(id), Some("kg"), None)
    );
    assert!(!skus.is_made_up(id));
    shop.receive("A", "s1", 2);
    shop.reserve(&[("A", "s1", 2)]);
    let kinds: Vec<&str> = shop
        .engine
        .events(0, usize::MAX)
        .unwrap()
        .iter()
        .filter_map(|record| match &record.event {
            Event::Catalogue(catalogue::event::Event::Retired(_)) => Some("retired"),
            Event::Catalogue(catalogue::event::Event::Revived(_)) => Some("revived"),
            Event::Catalogue(catalogue::event::Event::MadeUp(_)) => Some("made up"),
            _ => None,
        })
        .collect();
    assert_eq!(kinds, ["retired", "revived", "made up", "retired", "revived"]);
    audit(&shop);
}

#[test]
fn what_was_queued_with_an_id_finds_the_name_gone() {
    let shop = open();
    declare(&shop, "A", "s1");
    declare(&shop, "B", "s2");
    shop.put_channel("web", 0);
    shop.put_channel("app", 0);
    let through_app = || {
        let mut request = hold(&[("A", "s1", 1)]);
        request.channel = name("app");
        request
    };
    let told: Vec<Result<(), Failure>> = shop.queued_together(vec![
        Box::new(|| retire(&shop, ThingKind::Sku, "A").map(drop)),
        Box::new(|| retire(&shop, ThingKind::Sku, "A").map(drop)),
        Box::new(|| retire(&shop, ThingKind::Channel, "web").map(drop)),
        Box::new(|| shop.try_move(vec![shop.movement(MovementKind::Receipt, "A", "s1", 5)]).map(drop)),
        Box::new(|| shop.try_reserve(through_app()).map(drop)),
        Box::new(|| shop.try_reserve(hold(&[("B", "s2", 1)])).map(drop)),
        Box::new(|| shop.try_supply("PO", "A", "s1", 1, 9)),
    ]);
    assert!(told[0].is_ok() && told[2].is_ok(), "{told:?}");
    assert!(told.iter().enumerate().all(|(nth, told)| told.is_ok() == matches!(nth, 0 | 2)), "{told:?}");
    // The other way round: what came first holds it.
    let told: Vec<Result<(), Failure>> = shop.queued_together(vec![
        Box::new(|| shop.try_move(vec![shop.movement(MovementKind::Receipt, "B", "s2", 1)]).map(drop)),
        Box::new(|| retire(&shop, ThingKind::Sku, "B").map(drop)),
        Box::new(|| retire(&shop, ThingKind::Location, "s2").map(drop)),
    ]);
    assert!(told[0].is_ok() && told[1].is_err() && told[2].is_err(), "{told:?}");
    shop.check_promises();
    audit(&shop);
}

/// Brings something back to a location; where it lies then.
fn returned(shop: &Shop, sku: &str, location: &str, kind: MovementKind, units: i64) -> String {
    let moved = shop.try_move(vec![shop.movement(kind, sku, location, units)]).unwrap();
    shop.engine.state().catalogue.locations.name(moved[0].cell.location).to_string()
}

/// Counts a cell a second later.
fn recount(shop: &Shop, sku: &str, location: &str, on_hand: i32) {
    shop.clock.advance(1000);
    shop.count(sku, location, on_hand);
}

/// Says everything that there is to say of things.
fn furnish(shop: &Shop, skus: &[&str], locations: &[&str]) {
    for sku in skus {
        let fields = SkuFields {
            gtin: Patch::Set("4006381333931".into()),
            categories: Patch::Set(vec!["c".into()]),
            ..SkuFields::default()
        };
        shop.put(PutWhat::Sku(name(sku), fields)).unwrap();
    }
    for location in locations {
        let services = anaquel_engine::command::ServiceFields {
            hours: Patch::Set(vec![(600, 840)]),
            special_hours: Patch::Set(vec![(20_828, Vec::new())]),
            pickup_minutes: Patch::Set(30),
            ..anaquel_engine::command::ServiceFields::default()
        };
        let trading = TradingFields { address: Patch::Set("Calle 1".into()), ..TradingFields::default() };
        let fields = LocationFields { services, trading, pickup: Patch::Set(false), ..LocationFields::default() };
        shop.put(PutWhat::Location(name(location), fields)).unwrap();
    }
    for (sku, location) in skus.iter().flat_map(|sku| locations.iter().map(move |location| (sku, location))) {
        shop.count(sku, location, 5);
        returned(shop, sku, location, MovementKind::ReturnToInspect, 2);
    }
}

/// Takes everything out that lies in the cells of a SKU in a location and in its quarantine.
fn clear(shop: &Shop, sku: &str, location: &str) {
    let catalogue = &shop.engine.state().catalogue;
    let quarantine = catalogue.quarantine(catalogue.locations.id(location).unwrap()).unwrap();
    recount(shop, sku, location, 0);
    recount(shop, sku, catalogue.locations.name(quarantine).as_str(), 0);
}

#[test]
fn what_is_retired_is_in_no_part_of_the_state_hash() {
    let directory = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(START_MS);
    // What never was.
    let other = open();
    furnish(&other, &["A"], &["s1"]);
    other.put_channel("web", 0);
    let never = other.engine.state().hash.sums();

    let mut shop = Shop::on_disk(directory.path(), &clock);
    furnish(&shop, &["A", "B"], &["s1", "s2"]);
    for (sku, location) in [("A", "s2"), ("B", "s1"), ("B", "s2")] {
        clear(&shop, sku, location);
    }
    shop.put_channel("web", 0);
    shop.put_channel("app", 4);
    shop.put_group("g", &["s1"]);
    shop.put_group("g", &[]);
    let before = shop.engine.state().hash.sums();
    let things =
        [(ThingKind::Sku, "B"), (ThingKind::Location, "s2"), (ThingKind::Group, "g"), (ThingKind::Channel, "app")];
    // In any order, for a SKU and a location share a cell; from the log, and from checkpoints before and behind.
    for round in 0..4 {
        let mut order = things;
        order.rotate_left(round % 2);
        for (kind, what) in order {
            retire(&shop, kind, what).unwrap();
            audit(&shop);
        }
        let hash = shop.engine.state().hash.sums();
        assert_eq!(hash, never, "round {round}");
        let (catalogue, gtin) = (&shop.engine.state().catalogue, Gtin::parse("4006381333931").unwrap());
        assert_eq!(catalogue.skus_of_gtin(gtin), [catalogue.skus.id("A").unwrap()], "nor is it found");
        if round % 2 == 1 {
            shop.engine.take_checkpoint().unwrap();
        }
        drop(shop);
        shop = Shop::on_disk(directory.path(), &clock);
        assert_eq!(shop.engine.state().hash.sums(), hash, "round {round}");
        assert_eq!(shop.engine.state().hash_anew(), hash, "round {round}");
        // All of it comes back, and counts as before.
        let mut back = [0, 1];
        back.rotate_left(round / 2);
        for nth in back {
            match nth {
                0 => furnish_again(&shop, "B", None),
                _ => furnish_again(&shop, "", Some("s2")),
            }
            assert_eq!(shop.engine.state().hash_anew(), shop.engine.state().hash.sums(), "round {round}");
        }
        shop.put_channel("app", 4);
        shop.put_group("g", &[]);
        assert_eq!(shop.engine.state().hash.sums(), before, "round {round}");
        if round == 1 {
            shop.engine.take_checkpoint().unwrap();
            drop(shop);
            shop = Shop::on_disk(directory.path(), &clock);
            assert_eq!(shop.engine.state().hash.sums(), before, "round {round}");
        }
    }
    drop(shop);
    verify::verify(directory.path(), verify::Allowances::default()).unwrap();
}

/// Says of one thing again what was said of it.
fn furnish_again(shop: &Shop, sku: &str, location: Option<&str>) {
    match location {
        Some(location) => furnish(shop, &[], &[location]),
        None => furnish(shop, &[sku], &[]),
    }
}

#[test]
fn a_location_and_its_quarantine_go_and_come_back_together() {
    let shop = open();
    declare(&shop, "A", "s1");
    let quarantine = returned(&shop, "A", "s1", MovementKind::ReturnDamaged, 2);
    assert_eq!(held_by(&shop, ThingKind::Location, "s1"), ["quarantine"]);
    let (field, reason) = refused_field(retire(&shop, ThingKind::Location, &quarantine).unwrap_err());
    assert!(field == "location" && reason.contains("with its location"), "{reason}");
    recount(&shop, "A", &quarantine, 0);
    retire(&shop, ThingKind::Location, "s1").unwrap();
    let check = |shop: &Shop, is_there: bool| {
        let locations = &shop.engine.state().catalogue.locations;
        assert_eq!(locations.id("s1").is_some(), is_there);
        assert_eq!(locations.id(&quarantine).is_some(), is_there);
        audit(shop);
    };
    check(&shop, false);
    let shop = reopened(shop);
    check(&shop, false);
    // Nobody brings the one back without the other, whichever is named, and a refusal brings back neither.
    for kind in [MovementKind::Receipt, MovementKind::Sale, MovementKind::Damage] {
        let change = if kind == MovementKind::Receipt { 1 } else { -1 };
        shop.try_move(vec![shop.movement(kind, "A", &quarantine, change)]).unwrap_err();
        check(&shop, false);
    }
    shop.put(PutWhat::Location(name(&quarantine), LocationFields::default())).unwrap_err();
    check(&shop, false);
    assert_eq!(returned(&shop, "A", "s1", MovementKind::ReturnToInspect, 1), quarantine, "it keeps its own");
    check(&shop, true);
    assert_eq!(shop.level("A", &quarantine).on_hand, 1);
    let locations = &shop.engine.state().catalogue.locations;
    assert_eq!(locations.made_up_ids(), [locations.id("s1").unwrap()], "the location has to be settled");
    recount(&shop, "A", &quarantine, 0);
    retire(&shop, ThingKind::Location, "s1").unwrap();
    // In one batch: something comes back to the one, and the other is named.
    let back = || shop.try_move(vec![shop.movement(MovementKind::ReturnDamaged, "A", "s1", 1)]).map(drop);
    let damaged = || shop.try_move(vec![shop.movement(MovementKind::Damage, "A", &quarantine, -1)]).map(drop);
    let told: Vec<Result<(), Failure>> = shop.queued_together(vec![Box::new(back), Box::new(damaged)]);
    assert!(told.iter().all(Result::is_ok), "{told:?}");
    check(&shop, true);
    let shop = reopened(shop);
    check(&shop, true);
    assert_eq!(shop.level("A", &quarantine).on_hand, 0);
}

/// Cells that a subscriber knows, and those that it was told are gone.
struct Known {
    cells: BTreeSet<(String, String)>,
    removed: Vec<(String, String)>,
    resets: usize,
}

/// Asks until there is an answer, within a test's patience.
fn patiently<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    for _ in 0..2000 {
        let answer = ask();
        if answer.is_some() {
            return answer;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    None
}

impl Known {
    /// Hears everything up to the last record.
    fn hear_all(&mut self, shop: &Shop, live: &mut Subscription) {
        let catalogue = &shop.engine.state().catalogue;
        let cell = |sku, at| (catalogue.skus.name(sku).to_string(), catalogue.locations.name(at).to_string());
        let told = patiently(|| {
            while let Some(message) = live.poll() {
                match message {
                    Message::Snapshot { cells, .. } => self.cells.extend(cells.iter().map(|c| cell(c.sku, c.location))),
                    Message::Delta { items, removed, .. } => {
                        let of = |item: &Item| match item {
                            Item::Changed(change) => cell(change.cell.sku, change.cell.location),
                            Item::Read(view) => cell(view.sku, view.location),
                        };
                        self.cells.extend(items.iter().map(of));
                        for (sku, at) in removed {
                            self.cells.remove(&cell(sku, at));
                            self.removed.push(cell(sku, at));
                        }
                    }
                    Message::Reset { .. } => self.resets += 1,
                    Message::TooFarBehind { .. } | Message::TooLarge(_) => panic!("there is room for all of it"),
                }
            }
            (live.told() >= shop.engine.state().view.seq()).then_some(())
        });
        assert!(told.is_some(), "all is told");
    }
}

#[test]
fn who_listens_hears_what_goes_and_what_comes_back() {
    for mode in [Mode::Conflated, Mode::Lossless] {
        let shop = open();
        declare(&shop, "A", "s1");
        declare(&shop, "B", "s2");
        for (sku, location) in [("A", "s1"), ("A", "s2"), ("B", "s1"), ("B", "s2")] {
            shop.receive(sku, location, 1);
            shop.sell(sku, location, 1);
        }
        let places = Selection { locations: vec![name("s1"), name("s2")], ..Selection::default() };
        let skus = Selection { skus: vec![name("A"), name("B")], ..Selection::default() };
        for selection in [places, skus] {
            let mut live =
                shop.engine.feed().subscribe(selection.clone(), mode, Start::Fresh, Arc::new(|| ())).unwrap();
            let mut known = Known { cells: BTreeSet::new(), removed: Vec::new(), resets: 0 };
            let all = |texts: &[&str]| -> BTreeSet<(String, String)> {
                texts.iter().map(|text| (text[..1].to_owned(), text[1..].to_owned())).collect()
            };
            known.hear_all(&shop, &mut live);
            assert_eq!(known.cells, all(&["As1", "As2", "Bs1", "Bs2"]), "{mode:?}");
            retire(&shop, ThingKind::Sku, "A").unwrap();
            known.hear_all(&shop, &mut live);
            assert_eq!(known.cells, all(&["Bs1", "Bs2"]), "{mode:?}");
            assert_eq!(known.removed.len(), 2);
            retire(&shop, ThingKind::Location, "s2").unwrap();
            known.hear_all(&shop, &mut live);
            assert_eq!(known.cells, all(&["Bs1"]), "{mode:?}");
            // Whoever comes now sees the same, and whoever was away starts over.
            let cursor = live.cursor().unwrap();
            shop.put(PutWhat::Sku(name("A"), SkuFields::default())).unwrap();
            known.hear_all(&shop, &mut live);
            assert_eq!(known.cells, all(&["As1", "Bs1"]), "{mode:?}");
            shop.put(PutWhat::Location(name("s2"), LocationFields::default())).unwrap();
            known.hear_all(&shop, &mut live);
            assert_eq!(known.cells, all(&["As1", "As2", "Bs1", "Bs2"]), "{mode:?}");
            assert_eq!(known.resets, 0);
            let mut away =
                shop.engine.feed().subscribe(selection, mode, Start::Cursor(cursor), Arc::new(|| ())).unwrap();
            let told = patiently(|| away.poll());
            assert!(matches!(told, Some(Message::Reset { .. })), "{mode:?}");
        }
        audit(&shop);
    }
}

#[test]
fn a_channel_that_is_retired_stays_refused_while_none_is_declared() {
    let shop = open();
    shop.put(PutWhat::Channel(name("web"), ChannelDetails { buffer: 2 }.into())).unwrap();
    shop.receive("A", "s1", 3);
    retire(&shop, ThingKind::Channel, "web").unwrap();
    assert_eq!(shop.engine.state().catalogue.channels.declared(), 0);
    let (field, reason) = refused_field(shop.try_reserve(hold(&[("A", "s1", 1)])).unwrap_err());
    assert!(field == "channel" && reason.contains("retired"), "{reason}");
    assert!(shop.engine.state().channel("channel", &name("web")).is_err(), "a read is refused as well");
    let mut odd = hold(&[("A", "s1", 1)]);
    odd.channel = name("odd");
    shop.try_reserve(odd).unwrap();
    // Declared again it begins anew.
    shop.put(PutWhat::Channel(name("web"), anaquel_engine::command::ChannelFields::default())).unwrap();
    shop.reserve(&[("A", "s1", 2)]);
    audit(&shop);
}
