//! A shop's life on one node, followed by others through kills and restarts.

use std::fs;

use anaquel_engine::command::Failure;
use anaquel_engine::role::Role;
use anaquel_engine::verify::{self, Allowances};
use anaquel_seeds::seeds;

use super::{Connection, Nodes, assert_same, follow_all, open};
use crate::common::life::Life;
use crate::common::{Numbers, Shop, copy};

/// Steps of one life.
const STEPS: u64 = 1_200;

/// A replica follows the primary and feeds another one. Each is killed, restarted and disconnected at any moment; at any
/// moment both have a state that the primary had at that record, and at the end all have the same.
#[test]
fn whoever_follows_has_what_is_followed_through_kills_and_restarts() {
    for seed in seeds(&[7], 3) {
        live(seed.value());
    }
}

fn live(seed: u64) {
    let (mut numbers, nodes) = (Numbers(seed | 1), Nodes::new());
    let primary = nodes.primary();
    let mut life = Life::begin(&primary);
    life.give(&primary);
    let mut near = nodes.join("near-0", &primary.engine);
    let mut far = nodes.join("far-0", &near.engine);
    let (mut near_link, mut far_link) = (None, None);
    let mut killed = 0;
    for _ in 0..STEPS {
        match life.step(&primary, &mut numbers) {
            Ok(()) | Err(Failure::Refused(_)) => {}
            Err(other) => panic!("{other}"),
        }
        if numbers.below(6) == 0 {
            link(&mut near_link, &primary, &near, &mut numbers);
            link(&mut far_link, &near, &far, &mut numbers);
        }
        match numbers.below(120) {
            0 => {
                primary.engine.take_checkpoint().unwrap();
            }
            1 => {
                // A kill: what the files have at this moment is all that is left.
                killed += 1;
                near = kill(&nodes, near, "near", killed);
                (near_link, far_link) = (None, None);
            }
            2 => {
                killed += 1;
                far = kill(&nodes, far, "far", killed);
                far_link = None;
            }
            3 => {
                near.engine.take_checkpoint().unwrap();
            }
            _ => {}
        }
    }
    assert!(killed > 2, "{killed}");
    follow_all(&primary.engine, &near.engine);
    assert_same(&primary.engine, &near.engine);
    follow_all(&near.engine, &far.engine);
    assert_same(&primary.engine, &far.engine);
    let (all, own) = (primary.engine.events(0, usize::MAX).unwrap(), far.engine.events(0, usize::MAX).unwrap());
    assert_eq!(all, own, "record for record");
    let named = |shop: &Shop| shop.engine.identity().eras().map(|era| era.epoch).collect::<Vec<_>>();
    assert_eq!(named(&primary), named(&far), "a kill, a copy and a restart begin no era");
    // A directory of a node that follows is proven like any other.
    let path = nodes.path(&format!("far-{killed}"));
    let path = if path.exists() { path } else { newest(&nodes, "far") };
    far.engine.close().unwrap();
    drop(far);
    let proof = verify::verify(&path, Allowances::default()).unwrap();
    assert_eq!((proof.seq, proof.state_hash), crate::common::hash(&primary.engine));
}

fn newest(nodes: &Nodes, name: &str) -> std::path::PathBuf {
    (0..=STEPS).rev().map(|n| nodes.path(&format!("{name}-{n}"))).find(|path| path.join("identity").exists()).unwrap()
}

/// Passes on some batches over a connection, which may break off.
fn link(connection: &mut Option<Connection>, from: &Shop, to: &Shop, numbers: &mut Numbers) {
    if numbers.below(10) == 0 {
        *connection = None;
    }
    let live = connection.get_or_insert_with(|| Connection::new(&from.engine, &to.engine).unwrap());
    for _ in 0..numbers.below(4) {
        live.pass(&from.engine, &to.engine, numbers.below(2_000) as usize).unwrap();
    }
    let at = to.engine.state().view.seq();
    assert!(at <= from.engine.state().view.seq());
}

/// Ends a node without a word, and starts it again from the files as they are.
fn kill(nodes: &Nodes, shop: Shop, name: &str, number: usize) -> Shop {
    let (before, after) = (newest(nodes, name), nodes.path(&format!("{name}-{number}")));
    copy(&before, &after);
    drop(shop);
    fs::remove_dir_all(&before).unwrap();
    let shop = open(&after, &nodes.clock, Role::Replica);
    assert_eq!(shop.engine.role(), Role::Replica);
    shop
}
