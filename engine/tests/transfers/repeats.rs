//! The same step twice, two steps at once, and a step that is cut off.

use anaquel_engine::Health;
use anaquel_engine::command::{Failure, Refusal};
use anaquel_engine::idempotency::{Begin, Wake};
use anaquel_engine::journal::memory::Fault;
use anaquel_engine::settings::Settings;
use anaquel_engine::transfers::command::{Command as Ask, Receive, Ship, Units};
use anaquel_engine::transfers::{Transfer, TransferState};

use super::{
    Step, ask, ask_for, asked, cancelled, conserved, fields, in_state, made_ready, ready, receipt, received, ship,
    shipped, shop, stocked, told,
};
use crate::common::{ManualClock, START_MS, Shop, audit, keyed, level, name};

#[test]
fn what_comes_twice_counts_once() {
    let shop = shop();
    let make = || asked("t", fields("s1", "s2", &[("A", 4)], Some(2)), true);
    let first = ask(&shop, make()).unwrap();
    let seq = |shop: &Shop| shop.engine.state().view.seq();
    let before = seq(&shop);
    assert_eq!(ask(&shop, make()).unwrap(), first);
    assert_eq!(ask(&shop, ready("t")).unwrap(), first);
    let other = ask(&shop, asked("t", fields("s1", "s2", &[("A", 5)], Some(2)), true)).unwrap_err();
    let Failure::Refused(Refusal::AlreadyExists { seq: made, .. }) = other else { panic!("{other}") };
    assert_eq!((made, seq(&shop)), (first.id.0, before));
    let left = shipped(&shop, "t").unwrap();
    assert_eq!(shipped(&shop, "t").unwrap(), left);
    let arrival = || {
        let mut arrival = receipt("t", &[("A", 3, 0)]);
        arrival.reference = Some("note-1".into());
        Ask::Receive(Box::new(arrival))
    };
    let came = ask(&shop, arrival()).unwrap();
    assert_eq!(ask(&shop, arrival()).unwrap(), came);
    let shop = shop.restart();
    assert_eq!(ask(&shop, arrival()).unwrap(), came, "known by its document, also after a restart");
    received(&shop, "t", &[("A", 1, 0)]).unwrap();
    assert_eq!(ask(&shop, arrival()).unwrap().state, TransferState::Received, "and after it is over");
    assert_eq!(shop.level("A", "s2"), level(4, 0));
    ask(&shop, asked("u", fields("s1", "s2", &[("A", 1)], Some(2)), true)).unwrap();
    let over = cancelled(&shop, "u", None).unwrap();
    assert_eq!(cancelled(&shop, "u", None).unwrap(), over);
    audit(&shop);
}

#[test]
fn two_steps_in_one_batch_see_each_other() {
    let shop = shop();
    let make = || ask(&shop, asked("t", fields("s1", "s2", &[("A", 4)], Some(2)), true));
    let leave = || shipped(&shop, "t");
    let arrive = || received(&shop, "t", &[("A", 4, 0)]);
    let told = shop.in_one_batch::<Result<Transfer, Failure>>(vec![
        Box::new(make),
        Box::new(leave),
        Box::new(leave),
        Box::new(arrive),
        Box::new(arrive),
    ]);
    let told: Vec<_> = told.into_iter().map(|told| told.map(|transfer| transfer.state)).collect();
    let states: Vec<_> = told[..4].iter().map(|state| *state.as_ref().unwrap()).collect();
    use TransferState::{InTransit, Ready, Received};
    assert_eq!(states, [Ready, InTransit, InTransit, Received]);
    assert_eq!(in_state(told[4].as_ref().unwrap_err()), "received");
    assert_eq!((shop.level("A", "s1"), shop.level("A", "s2")), (level(6, 0), level(4, 0)));
    // The last units, asked for by two.
    let two = shop.in_one_batch::<Result<Transfer, Failure>>(vec![
        Box::new(|| ask(&shop, asked("u", fields("s1", "s2", &[("A", 4)], Some(2)), true))),
        Box::new(|| ask(&shop, asked("v", fields("s1", "s3", &[("A", 4)], Some(2)), true))),
        Box::new(|| cancelled(&shop, "u", None)),
        Box::new(|| ask(&shop, asked("v", fields("s1", "s3", &[("A", 4)], Some(2)), true))),
    ]);
    assert!(two[0].is_ok() && two[1].is_err() && two[2].is_ok() && two[3].is_ok(), "{two:?}");
    audit(&shop);
    audit(&shop.restart());
}

#[test]
fn two_at_once_are_one() {
    let shop = shop();
    made_ready(&shop, "t", &[("A", 4)]);
    let all = |step: &(dyn Fn() -> Result<Transfer, Failure> + Sync)| {
        std::thread::scope(|scope| {
            let running: Vec<_> = (0..8).map(|_| scope.spawn(step)).collect();
            running.into_iter().map(|one| one.join().unwrap()).filter(Result::is_ok).count()
        })
    };
    assert_eq!(all(&|| shipped(&shop, "t")), 8);
    assert_eq!(shop.level("A", "s1"), level(6, 0));
    let arrives = || {
        let mut arrival = receipt("t", &[("A", 4, 0)]);
        arrival.reference = Some("note".into());
        ask(&shop, Ask::Receive(Box::new(arrival)))
    };
    assert_eq!(all(&arrives), 8);
    assert_eq!(shop.level("A", "s2"), level(4, 0));
    assert_eq!(all(&|| ask(&shop, asked("u", fields("s1", "s2", &[("B", 9)], None), true))), 8);
    assert_eq!(shop.level("B", "s1"), level(10, 9));
    audit(&shop);
}

#[test]
fn a_step_that_was_cut_off_happened_whole_or_not_at_all() {
    let steps: [Step; 5] = [
        |shop| ask(shop, asked("new", fields("s1", "s2", &[("A", 1), ("B", 2)], Some(2)), true)),
        |shop| {
            let lines = Some(vec![(name("A"), 1)]);
            ask(shop, Ask::Ship(Box::new(Ship { lines, ..ship("ready") })))
        },
        |shop| {
            let arrival = receipt("sent", &[("A", 1, 1), ("C", 1, 0)]);
            ask(shop, Ask::Receive(Box::new(Receive { reference: Some("note".into()), ..arrival })))
        },
        |shop| cancelled(shop, "sent", Some(Units::Returned)),
        |shop| cancelled(shop, "ready", None),
    ];
    for (nth, step) in steps.iter().enumerate() {
        for fault in [Fault::TornWrite(0), Fault::TornWrite(1), Fault::FailedSync] {
            for kept in [0, 1, usize::MAX] {
                let shop = shop();
                made_ready(&shop, "ready", &[("A", 2), ("B", 1)]);
                made_ready(&shop, "sent", &[("A", 3), ("B", 1)]);
                shipped(&shop, "sent").unwrap();
                shop.disk.inject(0, fault);
                let failed = step(&shop).unwrap_err();
                assert!(matches!(failed, Failure::Unknown(_) | Failure::ReadOnly(_)), "{failed}");
                shop.wait_until("the failure latches", || matches!(shop.engine.health(), Health::Failed(_)));
                drop(shop.engine);
                shop.disk.crash(kept);
                let shop = Shop::on(shop.disk, shop.clock, Settings::default());
                audit(&shop);
                shop.check_promises();
                // Whoever was left without an answer asks again.
                match (nth, step(&shop)) {
                    (_, Ok(_)) => {}
                    // It is over by then.
                    (3 | 4, Err(failure)) => drop(in_state(&failure)),
                    (_, Err(failure)) => panic!("step {nth}, {fault:?}: {failure}"),
                }
                conserved(&shop, &[("A", 10), ("B", 10)]);
                audit(&shop);
            }
        }
    }
}

#[test]
fn a_repeat_under_a_key_is_the_first_answer_wherever_it_is_told_from() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(START_MS);
    let mut shop = Shop::on_disk(folder.path(), &clock);
    stocked(&shop);
    let first = ask_for(&shop, asked("t", fields("s1", "s2", &[("A", 4)], Some(2)), false), Some(1)).unwrap();
    let steps = [
        Ask::Redraft(name("t"), Box::new(fields("s1", "s2", &[("A", 5)], Some(2)))),
        ready("t"),
        Ask::Ship(Box::new(ship("t"))),
        Ask::Receive(Box::new(receipt("t", &[("A", 1, 1)]))),
        Ask::Cancel { transfer: name("t"), units: Some(Units::Returned) },
        // Nothing to do: it is answered as it is.
        asked("t", fields("s1", "s2", &[("A", 4)], Some(2)), false),
    ];
    let mut answers = vec![first];
    for (key, step) in (2..).zip(steps) {
        answers.push(ask_for(&shop, step, Some(key)).unwrap());
    }
    let check = |shop: &Shop, when: &str| {
        for (key, answer) in (1..).zip(&answers) {
            let key = keyed(key).unwrap().idempotency.unwrap();
            let wake = || -> Wake { Box::new(|| ()) };
            let Begin::Done(done) = shop.engine.begin(&key, 1, wake) else { panic!("{when}: the key is kept") };
            assert_eq!(&told(shop.engine.replay(&done).unwrap().unwrap()), answer, "{when}");
        }
    };
    check(&shop, "at once");
    for when in ["after a restart", "from a checkpoint", "from a checkpoint and what came after it"] {
        match when {
            "from a checkpoint" => drop(shop.engine.take_checkpoint().unwrap()),
            "from a checkpoint and what came after it" => drop(made_ready(&shop, "u", &[("A", 1)])),
            _ => {}
        }
        shop.engine.close().unwrap();
        drop(shop);
        shop = Shop::on_disk(folder.path(), &clock);
        check(&shop, when);
        audit(&shop);
    }
    assert_eq!(shop.engine.state().own.transfers.named("t").unwrap().state, TransferState::Received);
}
