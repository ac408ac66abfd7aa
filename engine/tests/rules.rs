//! Rules: which one wins, from when on, and that nobody is promised what they hold back.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails shall say where")]

mod common;

use anaquel_engine::command::{Command, Failure, Precondition, Put, PutWhat, Refusal, RuleFields};
use anaquel_engine::event::{Event, Purpose};
use anaquel_engine::ids::{LocationId, Seq, SkuId, Timestamp};
use anaquel_engine::level::Constraint;
use anaquel_engine::rules;
use anaquel_engine::rules::{Amount, Band, Effect, Fate};
use anaquel_engine::settings::Settings;
use common::{Numbers, START_MS, Shop, audit, hold, name, rule, some_rule};

fn set(shop: &Shop, id: &str, fields: RuleFields) -> Seq {
    shop.put_rule(id, Some(fields)).unwrap()
}

fn units(units: u32) -> RuleFields {
    rule(Effect::SafetyStock(Amount::Units(units)))
}

/// Units that a channel may promise of A at s0, and the safety stock behind it.
fn available(shop: &Shop, channel: &str) -> (u32, u32) {
    let state = shop.engine.state();
    let (sku, location) = (state.catalogue.skus.id("A").unwrap(), state.catalogue.locations.id("s0").unwrap());
    let cell = state.view.read(|| state.cell(sku, location, state.catalogue.channels.id(channel))).1.unwrap();
    (cell.available, cell.safety_stock)
}

#[test]
fn the_most_specific_rule_wins_and_the_refusal_names_it() {
    let shop = Shop::open();
    shop.receive("A", "s0", 10);
    set(&shop, "all", units(1));
    set(&shop, "stores-a", RuleFields { skus: vec![name("A")], ..units(4) });
    set(&shop, "web-a", RuleFields { skus: vec![name("A")], channels: vec![name("web")], ..units(7) });
    assert_eq!((available(&shop, "web"), available(&shop, "pos")), ((3, 7), (6, 4)));
    assert_eq!(shop.refusal(hold(&[("A", "s0", 4)])), (Constraint::SafetyStock, 3));
    let failure = shop.try_reserve(hold(&[("A", "s0", 4)])).unwrap_err();
    let Failure::Refused(Refusal::Insufficient(shorts)) = failure else { panic!("{failure:?}") };
    let behind = shop.engine.state().rules.at(shorts[0].rule.unwrap()).unwrap();
    assert_eq!(behind.name.as_str(), "web-a");
    shop.reserve(&[("A", "s0", 3)]);
    shop.put_rule("web-a", None).unwrap();
    assert_eq!(available(&shop, "web"), (3, 4), "removed, the next one is in force");
    audit(&shop);
}

#[test]
fn a_cell_s_own_safety_stock_beats_broader_rules_and_gives_way_to_its_equals() {
    let shop = Shop::open();
    shop.try_count_with("A", "s0", 10, None, Some(2)).unwrap();
    set(&shop, "all", units(5));
    assert_eq!(available(&shop, "web"), (8, 2));
    let state = shop.engine.state();
    let (sku, location) = (state.catalogue.skus.id("A").unwrap(), state.catalogue.locations.id("s0").unwrap());
    assert_eq!(state.explain(sku, location, None)[0].fate, Fate::LosesToOwn);
    set(&shop, "here", RuleFields { skus: vec![name("A")], locations: vec![name("s0")], ..units(6) });
    assert_eq!(available(&shop, "web"), (4, 6));
    let fates: Vec<_> = state.explain(sku, location, None).into_iter().map(|explained| explained.fate).collect();
    assert_eq!(fates, [Fate::InForce, Fate::LosesTo("here".into())]);
}

#[test]
fn a_percentage_follows_what_is_there() {
    let shop = Shop::open();
    shop.receive("A", "s0", 10);
    set(&shop, "tenth", rule(Effect::SafetyStock(Amount::Percent(25))));
    assert_eq!(available(&shop, "web"), (7, 3));
    shop.receive("A", "s0", 10);
    assert_eq!(available(&shop, "web"), (15, 5));
    shop.reserve(&[("A", "s0", 15)]);
    assert_eq!(shop.refusal(hold(&[("A", "s0", 1)])), (Constraint::SafetyStock, 0));
    audit(&shop);
}

#[test]
fn who_may_not_sell_is_told_so() {
    let shop = Shop::open();
    shop.receive("A", "s0", 10);
    shop.receive("A", "s1", 10);
    set(&shop, "no-web", RuleFields { channels: vec![name("web")], ..rule(Effect::Access(false)) });
    let at = RuleFields { channels: vec![name("web")], locations: vec![name("s1")], ..rule(Effect::Access(true)) };
    set(&shop, "web-at-s1", at);
    assert_eq!(shop.refusal(hold(&[("A", "s0", 1)])), (Constraint::Access, 0));
    shop.reserve(&[("A", "s1", 1)]);
    let mut till = hold(&[("A", "s0", 1)]);
    till.channel = name("pos");
    shop.try_reserve(till).unwrap();
    assert_eq!(available(&shop, "web"), (0, 0));
    audit(&shop);
}

#[test]
fn rules_reach_skus_by_what_they_are_and_follow_when_that_changes() {
    use anaquel_engine::command::SkuFields;
    let shop = Shop::open();
    shop.receive("A", "s0", 10);
    set(&shop, "fragile", RuleFields { categories: vec!["fragile".into()], ..units(3) });
    set(&shop, "big", RuleFields { attributes: vec![("size".into(), "XL".into())], ..units(5) });
    assert_eq!(available(&shop, "web"), (10, 0));
    let describe = |fields: SkuFields| {
        let put = Put { what: PutWhat::Sku(name("A"), fields), precondition: Precondition::default() };
        shop.engine.run(|engine, done| engine.submit(Command::from(put), None, done)).unwrap();
    };
    describe(SkuFields { categories: Some(vec!["fragile".into()]).into(), ..SkuFields::default() });
    assert_eq!(available(&shop, "web"), (7, 3));
    describe(SkuFields { attributes: vec![("size".into(), "XL".into())], ..SkuFields::default() });
    assert_eq!(available(&shop, "web"), (5, 5));
    let group =
        Put { what: PutWhat::Group(name("g"), Some(vec![name("s0")]).into()), precondition: Precondition::default() };
    set(&shop, "group", RuleFields { groups: vec![name("g")], channels: vec![name("web")], ..units(9) });
    assert_eq!(available(&shop, "web"), (5, 5));
    shop.engine.run(|engine, done| engine.submit(Command::from(group), None, done)).unwrap();
    assert_eq!(available(&shop, "web"), (1, 9));
    shop.reserve(&[("A", "s0", 1)]);
    audit(&shop);
}

#[test]
fn a_rule_begins_and_ends_by_date_as_an_event() {
    let shop = Shop::open();
    shop.receive("A", "s0", 10);
    let at = |ms: u64| Some(Timestamp(START_MS + ms));
    set(&shop, "sale", RuleFields { starts_at: at(1000), ends_at: at(2000), ..units(8) });
    assert_eq!(available(&shop, "web").0, 10);
    shop.clock.advance(1000);
    shop.wait_until("it has begun", || available(&shop, "web").0 == 2);
    assert_eq!(shop.refusal(hold(&[("A", "s0", 3)])), (Constraint::SafetyStock, 2));
    shop.clock.advance(1000);
    shop.wait_until("it has ended", || available(&shop, "web").0 == 10);
    let turned: Vec<_> = shop.engine.events(0, usize::MAX).unwrap();
    let turned: Vec<_> = turned
        .iter()
        .filter(|record| matches!(record.event, Event::Rules(rules::event::Event::RulesActivated(_))))
        .collect();
    assert_eq!(turned.len(), 2);
    assert_eq!(turned[0].time, Timestamp(START_MS + 1000));
    audit(&shop);
}

#[test]
fn rules_survive_a_restart_and_what_began_meanwhile_begins() {
    let shop = Shop::open();
    shop.receive("A", "s0", 10);
    set(&shop, "now", RuleFields { skus: vec![name("A")], ..units(3) });
    set(
        &shop,
        "later",
        RuleFields {
            starts_at: Some(Timestamp(START_MS + 5000)),
            channels: vec![name("web")],
            skus: vec![name("A")],
            ..units(6)
        },
    );
    let shop = shop.restart();
    assert_eq!(available(&shop, "web"), (7, 3));
    let (disk, clock) = (shop.disk.clone(), shop.clock.clone());
    shop.engine.close().unwrap();
    drop(shop);
    clock.advance(6000);
    let shop = Shop::on(disk, clock, Settings::default());
    shop.wait_until("it has begun", || available(&shop, "web") == (4, 6));
    audit(&shop);
}

#[test]
fn a_rule_holds_for_what_comes_after_it_in_the_same_moment() {
    let shop = Shop::open();
    shop.receive("A", "s0", 5);
    // Queued together: the promise behind the rule is decided under it, the one before it is not.
    let results = shop.queued_together::<bool>(vec![
        Box::new(|| shop.try_reserve(hold(&[("A", "s0", 2)])).is_ok()),
        Box::new(|| {
            set(&shop, "all", units(3));
            true
        }),
        Box::new(|| shop.try_reserve(hold(&[("A", "s0", 1)])).is_ok()),
    ]);
    assert_eq!(results, [true, true, false]);
    shop.check_promises();
    audit(&shop);
}

#[test]
fn setting_the_same_rule_again_logs_nothing() {
    let shop = Shop::open();
    let first = set(&shop, "all", units(3));
    assert_eq!(set(&shop, "all", units(3)), first);
    let again = set(&shop, "all", units(4));
    assert!(again > first);
    let backwards = RuleFields { starts_at: Some(Timestamp(9)), ends_at: Some(Timestamp(9)), ..units(1) };
    assert!(shop.put_rule("x", Some(backwards)).unwrap_err().to_string().contains("ends_at"));
}

#[test]
fn bands_tell_how_much_without_the_number() {
    let shop = Shop::open();
    shop.receive("A", "s0", 6);
    set(&shop, "few", RuleFields { channels: vec![name("web")], ..rule(Effect::Band { few_left: 5, exact: false }) });
    let band = |shop: &Shop| {
        let state = shop.engine.state();
        let (sku, location) = (state.catalogue.skus.id("A").unwrap(), state.catalogue.locations.id("s0").unwrap());
        let cell = state.cell(sku, location, state.catalogue.channels.id("web")).unwrap();
        (cell.band, cell.exact)
    };
    assert_eq!(band(&shop), (Band::InStock, false));
    shop.reserve(&[("A", "s0", 1)]);
    assert_eq!(band(&shop), (Band::FewLeft, false));
    shop.reserve(&[("A", "s0", 5)]);
    assert_eq!(band(&shop), (Band::OutOfStock, false));
}

#[test]
fn a_rule_whose_hour_came_while_the_disk_was_full_begins_when_there_is_room() {
    use anaquel_engine::journal::memory::Fault;
    let shop = Shop::open();
    shop.receive("A", "s0", 10);
    set(&shop, "sale", RuleFields { starts_at: Some(Timestamp(START_MS + 1000)), ..units(8) });
    shop.disk.inject(0, Fault::Full);
    shop.clock.advance(1000);
    shop.wait_until("it has begun", || available(&shop, "web").0 == 2);
    audit(&shop);
}

/// A SKU read in all its stores at once is the SKU read in each of them.
fn assert_whole_is_its_parts(shop: &Shop, locations: u32) {
    let state = shop.engine.state();
    let locations: Vec<_> = (0..locations).map(LocationId).collect();
    for channel in [None, state.catalogue.channels.id("web"), state.catalogue.channels.id("pos")] {
        for sku in (0..state.catalogue.skus.count()).map(SkuId) {
            let (_, mut whole) = state.availability(&[sku], None, channel);
            let (_, parts) = state.availability(&[sku], Some(&locations), channel);
            whole.sort_by_key(|cell| cell.location);
            assert_eq!(whole, parts, "{sku:?} through {channel:?}");
            let others = state.alternatives(sku, None, 1, channel, Purpose::Cart, usize::MAX, |_| true);
            let mut others: Vec<_> = others.iter().map(|other| (other.location, other.available)).collect();
            others.sort_unstable();
            let some = whole.iter().filter(|cell| cell.available > 0).map(|cell| (cell.location, cell.available));
            assert_eq!(others, some.collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_sku_in_all_stores_is_the_sku_in_each_store() {
    let seed = u64::from(std::process::id()) * 31 + 1;
    println!("seed {seed}");
    let mut numbers = Numbers(seed);
    for _ in 0..12 {
        let shop = Shop::open();
        for n in 0..6 {
            for store in (0..4).filter(|store| (n + store) % 5 > 0) {
                let own = Some(numbers.below(3) as u32).filter(|_| numbers.below(2) == 0);
                let (sku, location) = (format!("A{n}"), format!("s{store}"));
                shop.try_count_with(&sku, &location, numbers.below(30) as i32, None, own).unwrap();
            }
        }
        shop.put_group("g0", &["s0", "s1"]);
        shop.put_group("g1", &["s1", "s3"]);
        for id in 0..12 {
            let mut fields = some_rule(&mut numbers);
            if numbers.below(3) == 0 {
                fields.channels = vec![name(if numbers.below(2) == 0 { "web" } else { "pos" })];
            }
            set(&shop, &format!("r{id}"), fields);
        }
        assert_whole_is_its_parts(&shop, 4);
        // A store that came after the rules, and one where a SKU lies beside its other cells.
        shop.receive("A1", "s9", 7);
        shop.receive("A0", "s9", 7);
        assert_whole_is_its_parts(&shop, 5);
    }
}

#[test]
fn stores_that_all_differ_are_still_told_apart() {
    let shop = Shop::open();
    for store in 0..300 {
        shop.receive("A", &format!("s{store}"), 1_000);
    }
    // One that is almost nowhere.
    shop.receive("B", "s7", 1_000);
    for store in 0..300 {
        let fields = RuleFields { locations: vec![name(&format!("s{store}"))], ..units(store) };
        set(&shop, &format!("r{store}"), fields);
    }
    assert_whole_is_its_parts(&shop, 300);
    let state = shop.engine.state();
    let sku = state.catalogue.skus.id("A").unwrap();
    let (_, cells) = state.availability(&[sku], None, None);
    let apart: std::collections::BTreeSet<_> = cells.iter().map(|cell| cell.available).collect();
    assert_eq!(apart.len(), 300);
}

#[test]
fn a_restart_before_the_date_of_a_rule_goes_on_taking_commands() {
    let shop = Shop::open();
    shop.receive("A", "s1", 5);
    let begins = RuleFields { starts_at: Some(Timestamp(START_MS).plus_seconds(3600)), ..rule(Effect::Access(false)) };
    shop.put_rule("later", Some(begins)).unwrap();
    let shop = shop.restart();
    shop.receive("A", "s1", 5);
    shop.reserve(&[("A", "s1", 1)]);
    shop.clock.advance(3_600_000);
    shop.wait_until("the rule is in force", || shop.try_reserve(hold(&[("A", "s1", 1)])).is_err());
}
