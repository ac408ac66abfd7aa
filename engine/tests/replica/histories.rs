//! Who decides changes: eras, ids, cursors, and directories that may not write.

use std::sync::Arc;

use anaquel_engine::Engine;
use anaquel_engine::command::Failure;
use anaquel_engine::engine::Health;
use anaquel_engine::feed::{Cursor, Message, Mode, Reset, Selection, Start};
use anaquel_engine::role::Role;

use super::{Connection, Nodes, assert_same, follow_all, options, try_open, try_open_with};
use crate::common::{Shop, hold, keyed, name};

fn selection() -> Selection {
    Selection { skus: vec![name("A")], ..Selection::default() }
}

/// What a subscriber hears first that resumes with a cursor.
fn resumed(shop: &Shop, cursor: Cursor) -> Option<Message> {
    let feed = shop.engine.feed();
    let mut live = feed.subscribe(selection(), Mode::Conflated, Start::Cursor(cursor), Arc::new(|| ()));
    let live = live.as_mut().map_err(|exceeded| exceeded.limit).unwrap();
    let seq = shop.engine.state().view.seq();
    shop.wait_until("the feed is there", || feed.position() == seq);
    live.poll()
}

fn cursor(shop: &Shop) -> Cursor {
    let feed = shop.engine.feed();
    let seq = shop.engine.state().view.seq();
    let mut live = feed.subscribe(selection(), Mode::Conflated, Start::Fresh, Arc::new(|| ()));
    let live = live.as_mut().map_err(|exceeded| exceeded.limit).unwrap();
    shop.wait_until("the feed is there", || feed.position() == seq);
    while live.poll().is_some() {}
    live.cursor().unwrap()
}

/// The primary stops, the replica has all of it, and decides: every id goes on, every cursor resumes, and the former
/// primary never writes again, whoever starts it.
#[test]
fn whoever_takes_over_goes_on_and_whoever_stopped_never_writes_again() {
    let nodes = Nodes::new();
    let primary = nodes.primary();
    primary.receive("A", "s1", 10);
    let (held, kept) = (primary.reserve(&[("A", "s1", 2)]), primary.reserve(&[("A", "s1", 1)]));
    let replica = nodes.join("replica", &primary.engine);
    let (told_there, told_here) = (cursor(&primary), cursor(&replica));
    assert_eq!(told_there, told_here, "cursors mean the same on both");
    primary.receive("A", "s1", 1);
    let missed = cursor(&primary);
    let demoted = primary.engine.demote().unwrap();
    assert_eq!(primary.engine.demote().unwrap(), demoted, "asked twice, told twice");
    assert_eq!(primary.engine.health(), Health::Demoted);
    assert!(matches!(primary.try_reserve(hold(&[("A", "s1", 1)])), Err(Failure::Demoted)));
    follow_all(&primary.engine, &replica.engine);
    assert_eq!(replica.engine.state().view.seq(), demoted.seq);
    let promoted = replica.engine.promote(7).unwrap();
    assert_eq!(promoted.after, demoted.seq);
    assert_ne!(promoted.epoch, demoted.epoch);
    assert!(replica.engine.promote(8).is_err(), "twice");
    // Its ids are those that the other one gave.
    let (old_id, again) = (primary.engine.reservation_id(held.id), primary.engine.reservation_id(kept.id));
    let id = replica.engine.parse_reservation_id(&old_id).unwrap();
    replica.confirm(id).unwrap();
    replica.cancel(replica.engine.parse_reservation_id(&again).unwrap()).unwrap();
    assert_eq!(replica.engine.reservation_id(id), old_id, "and stay so");
    let fresh = replica.reserve(&[("A", "s1", 8)]);
    assert!(replica.try_reserve(hold(&[("A", "s1", 2)])).is_err(), "one unit is left of eleven");
    assert_eq!(primary.engine.parse_reservation_id(&replica.engine.reservation_id(fresh.id)), None);
    for cursor in [told_there, missed] {
        let heard = resumed(&replica, cursor);
        assert!(matches!(heard, Some(Message::Delta { .. })), "it misses nothing and is not reset: {heard:?}");
    }
    let beyond = Cursor { seq: demoted.seq + 1, ..missed };
    assert!(matches!(resumed(&replica, beyond), Some(Message::Reset { reason: Reset::EpochChanged })));
    // The directories remember it.
    let seq = replica.engine.state().view.seq();
    drop((primary, replica));
    let former = try_open(&nodes.path("primary"), &nodes.clock, Some(Role::Primary)).unwrap();
    assert_eq!((former.engine.role(), former.engine.state().view.seq()), (Role::Demoted, demoted.seq));
    assert!(matches!(former.try_reserve(hold(&[("A", "s1", 1)])), Err(Failure::Demoted)));
    let now = try_open(&nodes.path("replica"), &nodes.clock, Some(Role::Primary)).unwrap();
    assert_eq!((now.engine.role(), now.engine.epoch()), (Role::Primary, promoted.epoch));
    assert!(now.engine.state().view.seq() >= seq, "at its end it notes what was refused");
    now.receive("A", "s1", 1);
    drop(former);
    // It may follow the node that decides now.
    let former = nodes.replica("primary");
    follow_all(&now.engine, &former.engine);
    assert_same(&now.engine, &former.engine);
    let heard = resumed(&former, told_there);
    assert!(matches!(heard, Some(Message::Delta { .. })), "{heard:?}");
}

/// The primary is lost with records that nobody has: they are not in the new history, and a node that has them is found.
#[test]
fn what_nobody_had_is_lost_and_never_mixed_in() {
    let nodes = Nodes::new();
    let primary = nodes.primary();
    primary.receive("A", "s1", 10);
    let replica = nodes.join("replica", &primary.engine);
    let third = nodes.join("third", &replica.engine);
    primary.receive("A", "s1", 1);
    let lost = primary.engine.reservation_id(primary.reserve(&[("A", "s1", 1)]).id);
    let promoted = replica.engine.promote(7).unwrap();
    (0..5).for_each(|_| replica.receive("A", "s1", 1));
    assert_eq!(replica.engine.parse_reservation_id(&lost), None, "an id of a lost record names nothing");
    let told = Connection::new(&primary.engine, &replica.engine).err();
    assert!(told.is_some(), "it decides, and follows nobody");
    drop(primary);
    let former = nodes.replica("primary");
    let told = Connection::new(&replica.engine, &former.engine).err().map(|error| error.to_string());
    assert!(told.is_some_and(|told| told.contains("history")), "its records are not in that history");
    // A node that was as far as the new primary goes over to it.
    follow_all(&replica.engine, &third.engine);
    assert_same(&replica.engine, &third.engine);
    assert_eq!(third.engine.epoch(), promoted.epoch);
}

/// A replica's directory is not opened as a primary's by mistake, nor by an earlier build, and a copy of it follows, too.
#[test]
fn a_directory_that_follows_does_not_decide_by_mistake() {
    let nodes = Nodes::new();
    let primary = nodes.primary();
    primary.receive("A", "s1", 10);
    drop(nodes.join("replica", &primary.engine));
    let told = try_open(&nodes.path("replica"), &nodes.clock, Some(Role::Primary)).err().unwrap();
    assert!(told.contains("--follow") && told.contains("anaquel promote"), "{told}");
    let as_it_says = try_open(&nodes.path("replica"), &nodes.clock, None).unwrap();
    assert_eq!(as_it_says.engine.role(), Role::Replica);
    drop(as_it_says);
    crate::common::copy(&nodes.path("replica"), &nodes.path("copied"));
    let copied = nodes.replica("copied");
    follow_all(&primary.engine, &copied.engine);
    assert_same(&primary.engine, &copied.engine);
}

/// Commands that are under way while a node stops are answered: done and in the log, or refused.
#[test]
fn whoever_asks_while_a_node_stops_is_answered() {
    let nodes = Nodes::new();
    let primary = nodes.primary();
    primary.receive("A", "s1", 100_000);
    let done: Vec<bool> = std::thread::scope(|scope| {
        let primary = &primary;
        let asked: Vec<_> = (0..8)
            .map(|client: u128| {
                scope.spawn(move || {
                    let mut done = Vec::new();
                    for n in 0..400 {
                        let request = hold(&[("A", "s1", 1)]);
                        let told =
                            primary.engine.run(|engine, told| engine.reserve(request, keyed(client << 64 | n), told));
                        match told {
                            Ok(_) => done.push(true),
                            Err(Failure::Demoted) => done.push(false),
                            Err(other) => panic!("{other}"),
                        }
                    }
                    done
                })
            })
            .collect();
        std::thread::sleep(std::time::Duration::from_millis(30));
        primary.engine.demote().unwrap();
        asked.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    let made = done.iter().filter(|done| **done).count();
    assert!(made > 0 && made < done.len(), "{made} of {}", done.len());
    assert_eq!(primary.engine.state().reservations.open(), made);
    let replica = nodes.join("replica", &primary.engine);
    assert_same(&primary.engine, &replica.engine);
}

/// A node that was told of an era that it has no record of, and then decides itself: that era is not part of its history.
#[test]
fn eras_that_were_told_ahead_are_not_those_of_whoever_decides() {
    let nodes = Nodes::new();
    let primary = nodes.primary();
    primary.receive("A", "s1", 10);
    let third = nodes.join("third", &primary.engine);
    (0..5).for_each(|_| primary.receive("A", "s1", 1));
    let replica = nodes.join("replica", &primary.engine);
    let promoted = replica.engine.promote(7).unwrap();
    third.engine.follow_identity(replica.engine.identity_file().unwrap().unwrap()).unwrap();
    // A checkpoint says of which epoch its records are, not which one is known.
    third.engine.take_checkpoint().unwrap();
    let own = third.engine.promote(8).unwrap();
    assert!(own.after < promoted.after);
    third.receive("A", "s1", 1);
    let text = third.engine.identity_file().unwrap().unwrap();
    assert!(!text.contains(&promoted.epoch.to_string()) && text.contains(&own.epoch.to_string()), "{text}");
    let fourth = nodes.join("fourth", &third.engine);
    assert_same(&third.engine, &fourth.engine);
    third.engine.demote().unwrap();
    drop(third);
    let (engine, report) = Engine::open(&nodes.path("third"), options(None, 42), nodes.clock.clone(), None).unwrap();
    assert!(report.bad_checkpoints.is_empty() && report.checkpoint.is_some(), "{:?}", report.bad_checkpoints);
    drop(engine);
    let third = try_open(&nodes.path("third"), &nodes.clock, None).unwrap();
    assert_eq!((third.engine.role(), third.engine.epoch()), (Role::Demoted, own.epoch));
}

/// Records of an era that comes before it is told are not taken: their ids would be read by another epoch.
#[test]
fn an_era_is_told_before_its_records() {
    let nodes = Nodes::new();
    let primary = nodes.primary();
    primary.receive("A", "s1", 10);
    let replica = nodes.join("replica", &primary.engine);
    let third = nodes.join("third", &replica.engine);
    let head = third.engine.begin_following().unwrap();
    replica.engine.promote(7).unwrap();
    replica.receive("A", "s1", 1);
    let before = crate::common::hash(&third.engine);
    third.engine.follow(replica.engine.sealed_after(&head, usize::MAX).unwrap()).unwrap();
    third.wait_until("it is told", || third.engine.follow_trouble().is_some());
    let trouble = third.engine.follow_trouble().unwrap().to_string();
    assert!(trouble.contains("is of epoch"), "{trouble}");
    assert_eq!(crate::common::hash(&third.engine), before);
    follow_all(&replica.engine, &third.engine);
    assert_same(&replica.engine, &third.engine);
}

/// A node that has no room for what it was given does not decide, now or later, and ends when it is told to.
#[test]
fn a_node_without_room_does_not_decide_and_ends() {
    let nodes = Nodes::new();
    let primary = nodes.primary();
    primary.receive("A", "s1", 10);
    drop(nodes.join("replica", &primary.engine));
    (0..5).for_each(|_| primary.receive("A", "s1", 1));
    let mut full = options(Some(Role::Replica), 42);
    full.log.reserve_bytes = u64::MAX / 2;
    let replica = try_open_with(&nodes.path("replica"), &nodes.clock, full).unwrap();
    let head = replica.engine.begin_following().unwrap();
    let batches = primary.engine.sealed_after(&head, usize::MAX).unwrap();
    replica.engine.follow(batches.clone()).unwrap();
    let told = replica.engine.promote(7).unwrap_err();
    assert!(told.contains("ask again"), "{told}");
    assert_eq!((replica.engine.role(), replica.engine.state().view.seq()), (Role::Replica, head.seq));
    // More than waits for it: whoever gives is held up, and told when it ends.
    std::thread::scope(|scope| {
        let (engine, batches) = (replica.engine.clone(), &batches);
        let asks = replica.engine.clone();
        let asks = scope.spawn(move || asks.begin_following().err());
        std::thread::sleep(std::time::Duration::from_millis(100));
        let gives = scope.spawn(move || (0..100).find_map(|_| engine.follow(batches.clone()).err()));
        std::thread::sleep(std::time::Duration::from_millis(300));
        let _ = replica.engine.close();
        assert!(gives.join().unwrap().is_some() && asks.join().unwrap().is_some());
    });
    drop(replica);
    // With room it goes on.
    let replica = nodes.replica("replica");
    follow_all(&primary.engine, &replica.engine);
    assert_same(&primary.engine, &replica.engine);
}

/// What a crash could take back is given to nobody.
#[test]
fn what_is_not_synced_is_not_given() {
    let nodes = Nodes::new();
    let mut later = options(Some(Role::Primary), 42);
    later.settings.sync_interval_ms = Some(3_600_000);
    later.log.sync = anaquel_engine::journal::SyncPolicy::Interval;
    let primary = try_open_with(&nodes.path("primary"), &nodes.clock, later).unwrap();
    let before = primary.engine.given_up_to();
    let head = primary.engine.head_at(before).unwrap().unwrap();
    primary.receive("A", "s1", 10);
    let seq = primary.engine.state().view.seq();
    assert!(primary.engine.given_up_to() < seq);
    assert_eq!(primary.engine.sealed_after(&head, usize::MAX).unwrap(), vec![]);
    assert_eq!(primary.engine.head_at(seq).unwrap(), None);
    nodes.clock.advance(3_600_000);
    primary.engine.wake();
    primary.wait_until("it is synced", || primary.engine.given_up_to() == seq);
    assert_eq!(primary.engine.sealed_after(&head, usize::MAX).unwrap().last().unwrap().becomes().seq, seq);
}

/// Whoever asks a node to stop while others do, or while it ends, is answered.
#[test]
fn whoever_asks_a_node_to_stop_is_answered() {
    for closes in [false, true] {
        let nodes = Nodes::new();
        let primary = nodes.primary();
        primary.receive("A", "s1", 10);
        std::thread::scope(|scope| {
            let asked: Vec<_> = (0..8)
                .map(|_| {
                    let engine = primary.engine.clone();
                    scope.spawn(move || (0..50).map(|_| engine.demote().is_ok()).collect::<Vec<_>>())
                })
                .collect();
            if closes {
                let _ = primary.engine.close();
            }
            let done: Vec<bool> = asked.into_iter().flat_map(|asked| asked.join().unwrap()).collect();
            assert_eq!(done.len(), 400);
            assert!(closes || done.iter().any(|done| *done));
        });
    }
}
