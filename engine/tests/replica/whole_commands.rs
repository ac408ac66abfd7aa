//! A whole command is seen on a node that follows, or none of it; and nothing is decided there.

use std::sync::atomic::{AtomicBool, Ordering};

use anaquel_engine::command::Failure;
use anaquel_engine::engine::Health;
use anaquel_engine::event::MovementKind;
use anaquel_engine::role::Role;

use super::{Connection, Nodes, assert_same, follow_all, options, try_open_with};
use crate::common::life::settle;
use crate::common::{hold, keyed};

/// Two records of one command, and many commands in one batch: readers of the replica see each command whole.
#[test]
fn a_reader_sees_a_whole_command_or_none_of_it() {
    let nodes = Nodes::new();
    let primary = nodes.primary();
    primary.receive("A", "s1", 1_000_000);
    let replica = nodes.join("replica", &primary.engine);
    // Each of these commands defines a name, which is a record of its own before the movement.
    let calls: Vec<Box<dyn FnOnce() + Send + '_>> = (0..200)
        .map(|n| {
            let shop = &primary;
            let call = move || shop.receive(&format!("NEW-{n}"), "s1", 1);
            Box::new(call) as Box<dyn FnOnce() + Send>
        })
        .collect();
    std::thread::scope(|scope| calls.into_iter().for_each(|call| drop(scope.spawn(call))));
    let batches = primary.engine.sealed_after(&replica.engine.begin_following().unwrap(), usize::MAX).unwrap();
    let ends: Vec<u64> = batches.iter().flat_map(|sealed| sealed.batch().command_ends().unwrap()).collect();
    assert_eq!(ends.len(), 200, "each command ends once");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let seen = scope.spawn(|| {
            let (mut seen, state) = (Vec::new(), replica.engine.state());
            while !is_over.load(Ordering::Acquire) {
                let (seq, (names, cells)) = state.view.read(|| (state.catalogue.skus.count(), state.cells()));
                assert_eq!(names, cells, "at {seq}: a name without its cell is half a command");
                seen.push(seq);
            }
            seen
        });
        follow_all(&primary.engine, &replica.engine);
        is_over.store(true, Ordering::Release);
        let begins = batches[0].follows().seq;
        let seen = seen.join().unwrap();
        assert!(seen.iter().all(|seq| *seq == begins || ends.contains(seq)), "{seen:?}");
    });
    assert_same(&primary.engine, &replica.engine);
}

/// A node that follows refuses every write, expires nothing, and tells the time of the log that it follows.
#[test]
fn nothing_is_decided_on_a_node_that_follows() {
    let nodes = Nodes::new();
    let primary = nodes.primary();
    primary.receive("A", "s1", 3);
    let held = primary.reserve(&[("A", "s1", 2)]);
    let replica = nodes.join("replica", &primary.engine);
    assert_eq!((replica.engine.role(), replica.engine.health()), (Role::Replica, Health::Follows));
    let before = crate::common::hash(&replica.engine);
    let refused = [
        replica.try_reserve(hold(&[("A", "s1", 1)])).map(drop),
        // Also what would be refused for another reason: it does not know.
        replica.try_reserve(hold(&[("A", "s1", 100)])).map(drop),
        replica.cancel(held.id).map(drop),
        replica.try_move(vec![replica.movement(MovementKind::Sale, "A", "s1", -1)]).map(drop),
        replica.try_put_group("g", &["s1"]),
    ];
    for refusal in refused {
        assert!(matches!(refusal, Err(Failure::Follows)), "{refusal:?}");
    }
    // Long after the deadline, by the clock and by the log that it follows.
    nodes.clock.advance(10 * 900 * 1000);
    replica.engine.follow_time(primary.engine.now());
    replica.engine.wake();
    settle(&replica);
    assert_eq!(crate::common::hash(&replica.engine), before);
    assert!(replica.engine.now() >= held.expires_at, "its time is that of the log that it follows");
    settle(&primary);
    follow_all(&primary.engine, &replica.engine);
    assert_same(&primary.engine, &replica.engine);
    assert_eq!(replica.engine.state().reservations.open(), 0, "the record of the other node expired it");
}

/// What comes in is the next part of the log, or nothing of it is taken.
#[test]
fn a_gap_a_repeat_and_a_foreign_batch_are_not_taken() {
    let nodes = Nodes::new();
    let primary = nodes.primary();
    primary.receive("A", "s1", 3);
    let replica = nodes.join("replica", &primary.engine);
    (0..4).for_each(|_| primary.receive("A", "s1", 1));
    let head = replica.engine.begin_following().unwrap();
    let batches = primary.engine.sealed_after(&head, usize::MAX).unwrap();
    let elsewhere = Nodes::new();
    let other = options(Some(Role::Primary), 43);
    let other = try_open_with(&elsewhere.path("primary"), &elsewhere.clock, other).unwrap();
    (0..9).for_each(|_| other.receive("A", "s1", 3));
    let foreign = other.engine.head_at(head.seq).unwrap().unwrap();
    let foreign = other.engine.sealed_after(&foreign, usize::MAX).unwrap();
    let before = crate::common::hash(&replica.engine);
    for (wrong, told) in
        [(vec![batches[1].clone(), batches[2].clone()], "a batch follows record"), (foreign, "two logs differ")]
    {
        replica.engine.begin_following().unwrap();
        replica.engine.follow(wrong).unwrap();
        replica.wait_until("it is told", || replica.engine.follow_trouble().is_some());
        let trouble = replica.engine.follow_trouble().unwrap().to_string();
        assert!(trouble.contains(told), "{trouble}");
        assert!(replica.engine.follow(batches.clone()).is_err(), "until it begins anew");
        assert_eq!(crate::common::hash(&replica.engine), before, "nothing of it is visible");
    }
    assert!(Connection::new(&other.engine, &replica.engine).is_err(), "another history");
    let mut connection = Connection::new(&primary.engine, &replica.engine).unwrap();
    connection.pass_all(&primary.engine, &replica.engine);
    // Twice.
    replica.engine.begin_following().unwrap();
    replica.engine.follow(batches).unwrap();
    replica.wait_until("it is told", || replica.engine.follow_trouble().is_some());
    assert_same(&primary.engine, &replica.engine);
}

/// A request that was answered by the primary is answered by whoever has its record: the key tells.
#[test]
fn a_key_tells_on_every_node() {
    let nodes = Nodes::new();
    let primary = nodes.primary();
    primary.receive("A", "s1", 3);
    let movement = primary.movement(MovementKind::Sale, "A", "s1", -1);
    primary.engine.run(|engine, done| engine.move_stock(vec![movement], keyed(77), done)).unwrap();
    let replica = nodes.join("replica", &primary.engine);
    let done = replica.engine.kept(77).unwrap().expect("the log has it");
    assert_eq!(
        replica.engine.replay(&done).unwrap().is_some(),
        primary.engine.replay(&primary.engine.kept(77).unwrap().unwrap()).unwrap().is_some()
    );
}
