//! Names that nobody declared: how many there may be, who made them up, and ids that come back.

use anaquel_engine::catalogue;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::common::{ManualClock, START_MS, Shop, audit, hold, name, rule, share_of};
use anaquel_engine::catalogue::ChannelDetails;
use anaquel_engine::command::{
    Command, Failure, LocationFields, Outcome, Precondition, Put, PutWhat, Refusal, RuleFields, SkuFields,
};
use anaquel_engine::event::{Cause, Event, MovementKind, Origin};
use anaquel_engine::ids::{ChannelId, Name, Seq};
use anaquel_engine::journal::LogOptions;
use anaquel_engine::journal::memory::MemoryDisk;
use anaquel_engine::recovery::Options;
use anaquel_engine::reservation::ReservationState;
use anaquel_engine::rules::{Amount, Effect};
use anaquel_engine::settings::{NameSettings, Settings};
use anaquel_engine::{Engine, verify};

fn strict(names: NameSettings) -> Shop {
    let settings = Settings { names, ..Settings::default() };
    Shop::strictly_on(MemoryDisk::default(), ManualClock::at(START_MS), settings)
}

fn through(channel: &str) -> anaquel_engine::admission::ReserveRequest {
    let mut request = hold(&[("A", "s1", 1)]);
    request.channel = name(channel);
    request
}

fn caller(key: &str) -> Option<Box<Cause>> {
    let origin = Origin { key: key.into(), address: "10.0.0.1".into(), request: "r".into() };
    Some(Box::new(Cause { actor: Some(key.into()), origin: Some(origin), caller: share_of(key), ..Cause::default() }))
}

fn refused(failure: Failure) -> (String, String) {
    match failure {
        Failure::Refused(Refusal::Invalid { field, reason }) => (field, reason),
        other => panic!("a refused field was expected, not {other:?}"),
    }
}

fn declare(shop: &Shop, channel: &str) {
    shop.put(PutWhat::Channel(name(channel), ChannelDetails::default().into())).unwrap();
}

fn channel_id(engine: &Engine, channel: &str) -> Option<ChannelId> {
    engine.state().catalogue.channels.id(channel)
}

/// How many channels a caller makes up before it is refused, up to `most`.
fn make_up(shop: &Shop, key: &str, most: usize) -> usize {
    for n in 0..most {
        if let Err(failure) = shop.try_reserve_for(through(&format!("{key}-{n}")), caller(key)) {
            let (field, reason) = refused(failure);
            assert_eq!(field, "channel");
            assert!(reason.contains("limits.undeclared_channels") && reason.contains("PUT /v1/channels"), "{reason}");
            return n;
        }
    }
    most
}

#[test]
fn what_callers_make_up_is_limited_and_shared() {
    let names = NameSettings { undeclared_channels_max: 10, ..NameSettings::default() };
    let shop = strict(names);
    shop.receive("A", "s1", 1000);
    assert_eq!(make_up(&shop, "greedy", 100), 5, "one caller leaves as many to others as it has");
    assert_eq!(make_up(&shop, "honest", 1), 1);
    assert_eq!(
        shop.try_reserve_for(through("greedy-4"), caller("greedy")).unwrap().state,
        ReservationState::Held,
        "what it has"
    );
    // The account is in the log.
    let shop = {
        let (disk, clock, settings) = (shop.disk.clone(), shop.clock.clone(), shop.engine.settings().clone());
        shop.engine.close().unwrap();
        Shop::strictly_on(disk, clock, settings)
    };
    assert!(shop.try_reserve_for(through("greedy-9"), caller("greedy")).is_err());
    assert_eq!(make_up(&shop, "third", 1), 1);
    audit(&shop);
}

#[test]
fn a_refused_promise_makes_nothing_up() {
    let shop = strict(NameSettings { undeclared_channels_max: 2, ..NameSettings::default() });
    shop.receive("A", "s1", 2);
    let seq = shop.engine.state().view.seq();
    for n in 0..50 {
        let mut request = through(&format!("odd-{n}"));
        request.lines[0].quantity = 3;
        assert!(shop.try_reserve(request).is_err());
    }
    assert_eq!(shop.engine.state().view.seq(), seq);
    assert_eq!(shop.engine.state().catalogue.channels.count(), 0);
    shop.try_reserve(through("web")).unwrap();
}

#[test]
fn a_till_is_refused_nothing_that_is_known() {
    let names = NameSettings { undeclared_locations_max: 3, undeclared_skus_max: 3, ..NameSettings::default() };
    let shop = strict(names);
    let sale = |sku: &str, location: &str| shop.try_move(vec![shop.movement(MovementKind::Sale, sku, location, -1)]);
    for n in 0..3 {
        sale(&format!("A{n}"), &format!("s{n}")).unwrap();
    }
    let (field, reason) = refused(sale("A9", "s0").unwrap_err());
    assert_eq!(field, "movements[0].sku");
    assert!(reason.contains("limits.undeclared_skus") && reason.contains("PUT /v1/skus"), "{reason}");
    let (field, reason) = refused(sale("A0", "s9").unwrap_err());
    assert_eq!(field, "movements[0].location");
    assert!(reason.contains("limits.undeclared_locations"), "{reason}");
    let (field, _) = refused(shop.try_count("A0", "s9", 1, None).unwrap_err());
    assert_eq!(field, "counts[0].location");
    // What is to come creates nothing.
    let (field, reason) = refused(shop.try_supply("PO", "A9", "s0", 1, 60).unwrap_err());
    assert!(field == "supplies[0].sku" && reason.contains("A9 is unknown"), "{field}: {reason}");
    assert_eq!(refused(shop.try_supply("PO", "A0", "s9", 1, 60).unwrap_err()).0, "supplies[0].location");
    // Known SKUs at known places sell, also where they never were before.
    sale("A2", "s0").unwrap();
    // What is declared makes room.
    shop.put(PutWhat::Location(name("s1"), anaquel_engine::command::LocationFields::default())).unwrap();
    sale("A0", "s9").unwrap();
    audit(&shop);
}

#[test]
fn the_end_of_a_supply_that_nobody_knew_creates_nothing() {
    let shop = strict(NameSettings::default());
    shop.receive("A", "s1", 1);
    let seq = shop.engine.state().view.seq();
    shop.try_supply("PO", "B", "s9", 0, 60).unwrap();
    let catalogue = &shop.engine.state().catalogue;
    assert_eq!((catalogue.skus.count(), catalogue.locations.count()), (1, 1));
    assert_eq!(shop.engine.state().view.seq(), seq);
}

#[test]
fn once_a_channel_is_declared_others_are_refused_by_name() {
    let shop = strict(NameSettings::default());
    shop.receive("A", "s1", 100);
    let before = shop.try_reserve(through("odd")).unwrap();
    declare(&shop, "web");
    declare(&shop, "app");
    for other in ["odd", "never-heard-of"] {
        let (field, reason) = refused(shop.try_reserve(through(other)).unwrap_err());
        assert_eq!(field, "channel");
        assert!(reason.contains("app, web") && reason.contains(other), "{reason}");
        assert!(shop.engine.state().channel("channel", &name(other)).is_err(), "a read is refused as well");
    }
    shop.try_reserve(through("web")).unwrap();
    // What was promised before stays promised, and goes on.
    shop.confirm(before.id).unwrap();
    shop.collect(before.id).unwrap();
    audit(&shop);
}

#[test]
fn a_channel_that_is_declared_in_the_same_batch_counts() {
    let shop = strict(NameSettings::default());
    shop.receive("A", "s1", 100);
    let results = shop.queued_together::<bool>(vec![
        Box::new(|| shop.put(PutWhat::Channel(name("web"), ChannelDetails::default().into())).is_ok()),
        Box::new(|| shop.try_reserve(through("odd")).is_ok()),
        Box::new(|| shop.try_reserve(through("web")).is_ok()),
    ]);
    assert_eq!(results, [true, false, true]);
    assert_eq!(channel_id(&shop.engine, "odd"), None);
    audit(&shop);
}

#[test]
fn a_rule_names_only_what_there_is_and_creates_nothing() {
    let shop = strict(NameSettings::default());
    shop.receive("A", "s1", 1);
    let seq = shop.engine.state().view.seq();
    let units = || rule(Effect::SafetyStock(Amount::Units(1)));
    let no = vec![name("nobody")];
    let set = |fields: RuleFields| shop.put(PutWhat::Rule(name("r"), Some(Box::new(fields))));
    for (fields, field) in [
        (RuleFields { skus: vec![name("A"), name("nobody")], ..units() }, "skus[1]"),
        (RuleFields { locations: no.clone(), ..units() }, "locations[0]"),
        (RuleFields { groups: no.clone(), ..units() }, "groups[0]"),
        (RuleFields { channels: no.clone(), ..units() }, "channels[0]"),
    ] {
        let (told, reason) = refused(set(fields).unwrap_err());
        assert_eq!(told, field);
        assert!(reason.contains("nobody"), "{reason}");
    }
    let catalogue = &shop.engine.state().catalogue;
    assert_eq!(shop.engine.state().view.seq(), seq, "nothing was logged");
    assert_eq!((catalogue.skus.count(), catalogue.locations.count()), (1, 1));
    assert_eq!((catalogue.groups.count(), catalogue.channels.count()), (0, 0));
    declare(&shop, "web");
    set(RuleFields { channels: vec![name("web")], skus: vec![name("A")], ..units() }).unwrap();
}

#[test]
fn there_are_as_many_channels_as_there_can_be_and_not_one_more() {
    const CHANNELS: u32 = 1 << 16;
    let shop = strict(NameSettings::default());
    let done = Arc::new(AtomicU32::new(0));
    for n in 0..CHANNELS {
        let what = PutWhat::Channel(name(&format!("c{n}")), ChannelDetails::default().into());
        let done = Arc::clone(&done);
        let put = Command::from(Put { what, precondition: Precondition::default() });
        while shop.engine.in_flight() > 10_000 {
            std::thread::yield_now();
        }
        shop.engine.submit(
            put,
            None,
            Box::new(move |outcome: Result<Outcome, Failure>| {
                outcome.unwrap();
                done.fetch_add(1, Ordering::Relaxed);
            }),
        );
    }
    let all = || done.load(Ordering::Relaxed) == CHANNELS;
    (0..30).for_each(|_| {
        if !all() {
            std::thread::sleep(Duration::from_secs(1))
        }
    });
    assert!(all());
    let (field, reason) =
        refused(shop.put(PutWhat::Channel(name("one-more"), ChannelDetails::default().into())).unwrap_err());
    assert_eq!(field, "channel");
    assert!(reason.contains("65536"), "{reason}");
    shop.put(PutWhat::Channel(name("c7"), ChannelDetails { buffer: 2 }.into())).unwrap();
}

fn release(shop: &Shop, channels: Vec<ChannelId>) -> Seq {
    let unused_at = shop.engine.state().view.seq();
    let command = Command::Catalogue(anaquel_engine::catalogue::command::Command::Release(channels, unused_at));
    match shop.engine.run(|engine, done| engine.submit(command, None, done)).unwrap() {
        Outcome::Put { seq, .. } => seq,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_promise_and_the_release_of_its_channel_at_the_same_moment() {
    for promise_first in [true, false] {
        let shop = strict(NameSettings::default());
        shop.receive("A", "s1", 10);
        let first = shop.try_reserve(through("odd")).unwrap();
        shop.cancel(first.id).unwrap();
        let odd = channel_id(&shop.engine, "odd").unwrap();
        let unused_at = shop.engine.state().view.seq();
        let promise = || shop.try_reserve(through("odd")).map(|made| made.channel.0);
        let release = || {
            let command =
                Command::Catalogue(anaquel_engine::catalogue::command::Command::Release(vec![odd], unused_at));
            shop.engine.run(|engine, done| engine.submit(command, None, done)).map(|_| 0)
        };
        let mut calls: Vec<Box<dyn FnOnce() -> Result<u32, Failure> + Send>> =
            vec![Box::new(promise), Box::new(release)];
        if !promise_first {
            calls.reverse();
        }
        let results: Vec<u32> = shop.queued_together(calls).into_iter().map(Result::unwrap).collect();
        let made = ChannelId(if promise_first { results[0] } else { results[1] });
        let channels = &shop.engine.state().catalogue.channels;
        assert_eq!(channels.name(made).as_str(), "odd", "promise first: {promise_first}");
        assert_eq!(channels.id("odd"), Some(made));
        assert_eq!(made == odd, promise_first, "an id that went back is not used while the log means it");
        audit(&shop);
        let shop = shop.restart();
        assert_eq!(channel_id(&shop.engine, "odd"), Some(made));
        audit(&shop);
    }
}

#[test]
fn what_is_used_keeps_its_id_and_a_release_comes_twice_for_nothing() {
    let shop = strict(NameSettings::default());
    shop.receive("A", "s1", 10);
    let held = shop.try_reserve(through("used-since")).unwrap();
    let unused_at = held.id.0 - 1;
    declare(&shop, "declared");
    let ids: Vec<ChannelId> =
        ["used-since", "declared"].iter().map(|name| channel_id(&shop.engine, name).unwrap()).collect();
    let command = Command::Catalogue(anaquel_engine::catalogue::command::Command::Release(ids, unused_at));
    shop.engine.run(|engine, done| engine.submit(command, None, done)).unwrap();
    assert!(channel_id(&shop.engine, "used-since").is_some() && channel_id(&shop.engine, "declared").is_some());
    shop.cancel(held.id).unwrap();
    let used = channel_id(&shop.engine, "used-since").unwrap();
    let before = shop.engine.state().view.seq();
    assert_eq!(release(&shop, vec![used]), before + 1);
    assert_eq!(channel_id(&shop.engine, "used-since"), None);
    assert_eq!(release(&shop, vec![used]), before + 1, "it has no id to give back any more");
    let records = shop.engine.events(0, usize::MAX).unwrap();
    assert_eq!(
        records
            .iter()
            .filter(|record| matches!(record.event, Event::Catalogue(catalogue::event::Event::Released(_))))
            .count(),
        1
    );
    audit(&shop);
}

/// An engine on a real directory that keeps as little of its past as it can.
fn open(directory: &Path, clock: &Arc<ManualClock>) -> Engine {
    let settings = Settings {
        log_retention_seconds: 0,
        idempotency_retention_seconds: 0,
        closed_reservation_retention_seconds: 0,
        lost_demand_seconds: 0,
        ..Settings::default()
    };
    let options = Options { settings, log: LogOptions::default(), entropy: 7, trust_clock: true, role: None };
    Engine::open(directory, options, Arc::<ManualClock>::clone(clock), None).unwrap().0
}

fn promise(engine: &Engine, channel: &str) -> ChannelId {
    match engine.run(|engine, done| engine.reserve(through(channel), None, done)).unwrap() {
        Outcome::Reservation(made) => made.channel,
        other => panic!("{other:?}"),
    }
}

/// Time passes, something is logged, and a checkpoint is taken.
fn checkpoint(engine: &Engine, clock: &Arc<ManualClock>) {
    clock.advance(60_000);
    let (sku, location) = (name("A"), name("s1"));
    let movement = anaquel_engine::admission::MovementRequest {
        kind: MovementKind::Receipt,
        sku,
        location,
        change: 100,
        occurred_at: None,
        reference: None,
        unplanned: false,
    };
    engine.run(|engine, done| engine.move_stock(vec![movement.clone()], None, done)).unwrap();
    clock.advance(60_000);
    engine.run(|engine, done| engine.move_stock(vec![movement], None, done)).unwrap();
    engine.take_checkpoint().unwrap();
}

fn wait_until(engine: &Engine, what: &str, done: impl Fn() -> bool) {
    for _ in 0..3000 {
        engine.wake();
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("never came true: {what}");
}

#[test]
fn an_id_comes_back_when_nothing_uses_its_name_and_the_log_forgot_it() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(START_MS);
    let data = folder.path().join("data");
    let mut engine = open(&data, &clock);
    checkpoint(&engine, &clock);
    let odd = promise(&engine, "odd");
    let mut request = through("kept");
    request.ttl_seconds = 2_000_000;
    engine.run(|engine, done| engine.reserve(request, None, done)).unwrap();
    let kept = channel_id(&engine, "kept").unwrap();
    // The one hold expires and is forgotten, the other stays.
    clock.advance(1_000_000);
    wait_until(&engine, "the hold expired", || engine.state().reservations.open() == 1);
    checkpoint(&engine, &clock);
    wait_until(&engine, "it is forgotten", || engine.state().reservations.len() == 1);
    checkpoint(&engine, &clock);
    wait_until(&engine, "the id went back", || channel_id(&engine, "odd").is_none());
    let released_at = engine.state().view.seq();
    assert_eq!(channel_id(&engine, "kept"), Some(kept));
    let name_of = |engine: &Engine, id: ChannelId| engine.state().catalogue.channels.name(id).as_str().to_owned();
    assert_eq!(name_of(&engine, odd), "odd", "old records still tell it");
    // A crash between release and reuse: the log knows.
    drop(engine);
    engine = open(&data, &clock);
    assert_eq!((channel_id(&engine, "odd"), name_of(&engine, odd)), (None, "odd".to_owned()));
    let early = promise(&engine, "early");
    assert!(early != odd, "the log still means the old name");
    // A stop in order: the checkpoint knows.
    engine.close().unwrap();
    drop(engine);
    engine = open(&data, &clock);
    assert_eq!((channel_id(&engine, "odd"), name_of(&engine, odd)), (None, "odd".to_owned()));
    assert_eq!(channel_id(&engine, "early"), Some(early));
    for _ in 0..4 {
        checkpoint(&engine, &clock);
    }
    wait_until(&engine, "the log begins behind it", || engine.oldest() > released_at);
    let late = promise(&engine, "late");
    assert_eq!(late, odd, "now another name has it");
    assert_eq!((name_of(&engine, odd), channel_id(&engine, "odd")), ("late".to_owned(), None));
    let again = promise(&engine, "odd");
    assert!(![odd, early, kept].contains(&again), "the old name comes back under an id of its own");
    let seen = |engine: &Engine| {
        let channels = &engine.state().catalogue.channels;
        ["odd", "kept", "early", "late"].map(|name: &str| channels.id(name).map(|id| (id, channels.name(id).clone())))
    };
    let before: [Option<(ChannelId, Name)>; 4] = seen(&engine);
    drop(engine);
    engine = open(&data, &clock);
    assert_eq!(seen(&engine), before, "after a crash");
    engine.close().unwrap();
    drop(engine);
    verify::verify(&data, verify::Allowances::default()).unwrap();
    engine = open(&data, &clock);
    assert_eq!(seen(&engine), before, "after a stop in order");
}

#[test]
fn the_state_hash_asks_for_names_and_not_for_the_order_in_which_they_came() {
    let life = |skus: &[&str], locations: &[&str]| {
        let shop = Shop::open();
        for sku in skus {
            shop.put(PutWhat::Sku(
                name(sku),
                SkuFields { product: Some((*sku).into()).into(), ..SkuFields::default() },
            ))
            .unwrap();
        }
        for location in locations {
            shop.put(PutWhat::Location(name(location), LocationFields::default())).unwrap();
            skus.iter().for_each(|sku| shop.receive(sku, location, i64::from(sku.as_bytes()[0])));
        }
        shop.put_group("g", locations);
        let skus = skus.iter().map(|sku| name(sku)).collect();
        let fields = RuleFields { skus, groups: vec![name("g")], ..rule(Effect::Access(false)) };
        shop.put_rule("r", Some(fields)).unwrap();
        shop.supply("PO", "A", "s2", 3, 100);
        audit(&shop);
        shop.engine.state().hash.sums()
    };
    let sums = life(&["A", "B", "C"], &["s1", "s2", "s3"]);
    assert_eq!(sums, life(&["C", "A", "B"], &["s3", "s2", "s1"]));
    assert_ne!(sums, life(&["A", "B", "D"], &["s1", "s2", "s3"]));
}
