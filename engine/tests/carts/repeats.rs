//! The same step twice, two steps at once, steps that are cut off, restarts and checkpoints.

use anaquel_engine::Health;
use anaquel_engine::carts::CartState;
use anaquel_engine::carts::merge::MergeRule;
use anaquel_engine::command::{Failure, Refusal};
use anaquel_engine::event::IdempotencyKey;
use anaquel_engine::idempotency::{Begin, Wake};
use anaquel_engine::journal::memory::Fault;
use anaquel_engine::settings::Settings;

use super::*;
use crate::common::{ManualClock, START_MS, audit, hash, level};

#[test]
fn what_comes_twice_counts_once() {
    let shop = shop();
    let first = made(&shop, "k", None, vec![row("A", 2)]);
    let (told, again) = ask_for(&shop, Ask::Make(Box::new(new("k", None, vec![row("A", 2)]))), None).unwrap();
    assert_eq!((told.made, again), (false, first.clone()));
    let other = make(&shop, "k", None, vec![row("A", 3)]).unwrap_err();
    let Failure::Refused(Refusal::AlreadyExists { seq, .. }) = other else { panic!("{other}") };
    assert_eq!(seq, first.id.0);
    // Also once it changed, and after a restart.
    let changed = set(&shop, "k", vec![row("A", 7)]).unwrap();
    let shop = shop.restart();
    assert_eq!(made(&shop, "k", None, vec![row("A", 2)]), changed);
    let closed = close(&shop, "k").unwrap();
    assert_eq!(made(&shop, "k", None, vec![row("A", 2)]), closed, "the cart as it is");
    audit(&shop);
}

#[test]
fn a_key_is_answered_with_the_same_cart_after_a_restart_and_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(START_MS);
    let mut shop = Shop::on_disk(folder.path(), &clock);
    stocked(&shop);
    made(&shop, "t", Some("c"), (0..100).map(|n| line(&format!("l{n}"), "A", 1)).collect());
    let key = |scope: u128| IdempotencyKey { key: format!("k-{scope}"), scope, fingerprint: 7 };
    let begin = |shop: &Shop, scope: u128| {
        let wake = || -> Wake { Box::new(|| {}) };
        shop.engine.begin(&key(scope), 0, wake)
    };
    let steps: [(u128, Ask); 4] = [
        (1, Ask::Make(Box::new(new("m", None, vec![row("B", 2)])))),
        (2, Ask::Hold(Box::new(hold_at("m", "s0", 900)))),
        (3, customer_to("m", "c", MergeRule::Max)),
        (4, Ask::Close { cart: name("t") }),
    ];
    let mut answers = Vec::new();
    for (scope, command) in steps {
        assert!(matches!(begin(&shop, scope), Begin::First));
        answers.push((scope, ask_for(&shop, command, Some(scope)).unwrap().0));
    }
    assert_eq!(answers.iter().map(|(_, told)| told.made).collect::<Vec<_>>(), [true, false, false, false]);
    assert_eq!(answers[2].1.dropped.len(), 1, "what a merge dropped is told again");
    assert_eq!(answers[2].1.cart, named(&shop, "t").id);
    let before = hash(&shop.engine);
    for when in ["at once", "after a restart", "from a checkpoint", "from a checkpoint and what came after it"] {
        for (scope, first) in &answers {
            let Begin::Done(done) = begin(&shop, *scope) else { panic!("{when}: {scope} is not known") };
            let outcome = shop.engine.replay(&done).unwrap().unwrap();
            assert_eq!(told(&shop, outcome).0, *first, "{when}: {scope}");
        }
        assert_eq!(hash(&shop.engine).1, before.1, "{when}");
        match when {
            "after a restart" => drop(shop.engine.take_checkpoint().unwrap()),
            "from a checkpoint" => {
                made(&shop, "u", Some("d"), vec![row("A", 1)]);
                close(&shop, "u").unwrap();
            }
            _ => {}
        }
        shop.engine.close().unwrap();
        drop(shop);
        shop = Shop::on_disk(folder.path(), &clock);
    }
    assert_eq!(states(&shop, &["m", "t", "u"]), [CartState::Merged, CartState::Closed, CartState::Closed]);
    assert_eq!(shop.level("B", "s0"), level(10, 0));
    audit(&shop);
}

#[test]
fn two_devices_that_set_one_line_end_with_one_of_the_two_quantities() {
    let shop = shop();
    made(&shop, "k", Some("c"), vec![row("A", 1)]);
    let put = |units: u32| {
        let shop = &shop;
        Box::new(move || set(shop, "k", vec![row("A", units)]).map(|_| ())) as Box<_>
    };
    for told in shop.in_one_batch::<Result<(), Failure>>(vec![put(3), put(4)]) {
        told.unwrap();
    }
    assert_eq!(units(&shop, &named(&shop, "k"))["A"], 4);
    let version = named(&shop, "k").version;
    let put_if = |units: u32| {
        let shop = &shop;
        Box::new(move || ask(shop, lines_to("k", vec![row("A", units)], Some(version))).map(|_| ())) as Box<_>
    };
    let told = shop.in_one_batch::<Result<(), Failure>>(vec![put_if(5), put_if(6)]);
    assert!(told[0].is_ok() && matches!(told[1], Err(Failure::Refused(Refusal::StaleVersion { .. }))), "{told:?}");
    assert_eq!(units(&shop, &named(&shop, "k"))["A"], 5);
}

#[test]
fn steps_of_one_batch_see_each_other() {
    let shop = shop();
    let step = |command: Ask| {
        let shop = &shop;
        Box::new(move || ask(shop, command).map(|cart| cart.name.clone())) as Box<_>
    };
    let make = |id: &str, customer: Option<&str>, sku: &str| Ask::Make(Box::new(new(id, customer, vec![row(sku, 2)])));
    let told = shop.in_one_batch::<Result<anaquel_engine::ids::Name, Failure>>(vec![
        step(make("t", Some("c"), "A")),
        step(make("u", Some("c"), "B")),
        step(make("m", None, "C")),
        step(Ask::Hold(Box::new(hold_at("m", "s0", 900)))),
        step(customer_to("m", "c", MergeRule::Max)),
        step(customer_to("m", "c", MergeRule::Max)),
        step(Ask::Hold(Box::new(hold_at("t", "s0", 900)))),
        step(Ask::Close { cart: name("t") }),
        step(lines_to("t", vec![row("A", 1)], None)),
        step(make("v", Some("c"), "A")),
    ]);
    let names: Vec<_> = told.iter().map(|told| told.as_ref().map(|name| name.as_str()).ok()).collect();
    let of_t = Some("t");
    assert_eq!(names, [of_t, of_t, Some("m"), Some("m"), of_t, of_t, of_t, of_t, None, Some("v")], "{told:?}");
    assert_eq!(named(&shop, "t").lines.len(), 3);
    for sku in ["A", "B", "C"] {
        assert_eq!(shop.level(sku, "s0"), level(10, 0), "{sku}");
    }
    shop.check_promises();
    audit(&shop);
}

#[test]
fn two_who_hold_the_last_units_at_once_get_them_once() {
    let shop = shop();
    for (id, customer) in [("k", "c"), ("l", "d")] {
        made(&shop, id, Some(customer), vec![row("A", 6)]);
    }
    let step = |id: &'static str| {
        let shop = &shop;
        Box::new(move || hold(shop, id, "s0").map(|_| ())) as Box<_>
    };
    let told = shop.in_one_batch::<Result<(), Failure>>(vec![step("k"), step("l")]);
    assert!(told[0].is_ok() && matches!(told[1], Err(Failure::Refused(Refusal::Insufficient(_)))), "{told:?}");
    assert_eq!(shop.level("A", "s0"), level(10, 6));
    assert_eq!(named(&shop, "l").hold, None);
    shop.check_promises();
    audit(&shop);
}

/// One call of a cart.
type Step = fn(&Shop) -> Result<Arc<Cart>, Failure>;

#[test]
fn a_step_that_is_cut_off_is_there_whole_or_not_at_all_and_can_be_asked_for_again() {
    let steps: [Step; 5] = [
        |shop| make(shop, "k", None, vec![row("A", 1)]),
        |shop| set(shop, "m", vec![row("A", 2), row("C", 1)]),
        |shop| hold(shop, "m", "s0"),
        |shop| ask(shop, customer_to("m", "c", MergeRule::Max)),
        |shop| close(shop, "m"),
    ];
    for step in steps {
        for fault in [Fault::TornWrite(0), Fault::TornWrite(1), Fault::FailedSync] {
            for kept in [0, 1, usize::MAX] {
                let shop = shop();
                made(&shop, "t", Some("c"), vec![row("A", 1)]);
                made(&shop, "m", None, vec![row("A", 5), row("B", 1)]);
                hold(&shop, "m", "s0").unwrap();
                hold(&shop, "t", "s0").unwrap();
                shop.disk.inject(0, fault);
                let failed = step(&shop).unwrap_err();
                assert!(matches!(failed, Failure::Unknown(_) | Failure::ReadOnly(_)), "{failed}");
                shop.wait_until("the failure latches", || matches!(shop.engine.health(), Health::Failed(_)));
                drop(shop.engine);
                shop.disk.crash(kept);
                let shop = Shop::on(shop.disk, shop.clock, Settings::default());
                audit(&shop);
                shop.check_promises();
                step(&shop).unwrap();
                let held: u32 = ["t", "m"].iter().map(|id| reserved(&shop, &named(&shop, id))).sum();
                assert_eq!(shop.level("A", "s0"), level(10, held));
                shop.check_promises();
                audit(&shop);
            }
        }
    }
}

/// Units of A that a cart holds.
fn reserved(shop: &Shop, cart: &Cart) -> u32 {
    let state = shop.engine.state();
    let held = cart.holds().iter().filter_map(|id| state.reservations.get(*id));
    let sku = state.catalogue.skus.id("A").unwrap();
    held.flat_map(|held| held.lines.clone()).filter(|line| line.sku == sku).map(|line| line.present()).sum()
}
