//! What one decision may cost, and what it may sell: quantities move at once, floors are kept by all, and what a group is
//! told to have is granted.

use anaquel_engine::reservation;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::common::life::{CHANNELS, GROUPS, Life, settle};
use crate::common::{Numbers, START_MS, Shop, audit, hold, hold_in_group, keyed, level};
use anaquel_engine::command::{CommandResult, Failure, Listener, Refusal, Short};
use anaquel_engine::event::Event;
use anaquel_engine::level::Constraint;
use anaquel_engine::settings::Settings;
use anaquel_seeds::seeds;

fn shop_with(settings: Settings) -> Shop {
    Shop::on(Default::default(), crate::common::ManualClock::at(START_MS), settings)
}

fn through(
    channel: &str,
    mut request: anaquel_engine::admission::ReserveRequest,
) -> anaquel_engine::admission::ReserveRequest {
    request.channel = crate::common::name(channel);
    request
}

/// The first short line of a refusal.
fn short(told: Result<Arc<anaquel_engine::reservation::Reservation>, Failure>) -> Short {
    match told.unwrap_err() {
        Failure::Refused(Refusal::Insufficient(shorts)) => shorts[0],
        other => panic!("a refusal for want of stock was expected, not {other:?}"),
    }
}

fn reallocated(shop: &Shop) -> usize {
    let records = shop.engine.events(0, usize::MAX).unwrap();
    records
        .iter()
        .filter(|record| matches!(record.event, Event::Reservations(reservation::event::Event::Reallocated(_))))
        .count()
}

#[test]
fn quantities_move_along_a_path_at_once() {
    for units in [1, 100_000, 1_000_000_000] {
        for hops in [1, 2, 5] {
            let shop = Shop::open();
            let places: Vec<String> = (0..=hops).map(|n| format!("p{n}")).collect();
            for place in &places {
                shop.receive("A", place, 1);
                shop.sell("A", place, 1);
            }
            for n in 0..hops {
                shop.put_group(&format!("g{n}"), &[&places[n], &places[n + 1]]);
                shop.receive("A", &places[n], units);
                shop.try_reserve(hold_in_group(&[("A", &format!("g{n}"), units as u32)])).unwrap();
            }
            shop.receive("A", &places[hops], units);
            shop.reserve(&[("A", "p0", units as u32)]);
            assert_eq!(reallocated(&shop), hops, "one record for each promise that moves");
            assert!(places.iter().all(|place| shop.level("A", place).free() == 0));
            audit(&shop);
        }
    }
}

#[test]
fn a_cell_keeps_the_floors_of_all_who_take_from_it() {
    // Own units first, then another's promise into the same cell.
    let shop = Shop::open();
    shop.receive("K", "a", 10);
    shop.receive("K", "b", 1);
    shop.put_group("g", &["a", "b"]);
    shop.put_channel("mkt", 2);
    shop.put_channel("pos", 0);
    shop.sell("K", "b", 1);
    shop.try_reserve(through("pos", hold_in_group(&[("K", "g", 4)]))).unwrap();
    shop.receive("K", "b", 10);
    assert_eq!(short(shop.try_reserve(through("mkt", hold_in_group(&[("K", "g", 14)])))).available, 12);
    audit(&shop);
    shop.try_reserve(through("mkt", hold_in_group(&[("K", "g", 12)]))).unwrap();
    audit(&shop);

    // And with named places.
    let shop = Shop::open();
    shop.receive("K", "a", 10);
    shop.receive("K", "b", 1);
    shop.put_group("g", &["a", "b"]);
    shop.put_group("gb", &["b"]);
    shop.put_channel("pos", 2);
    shop.put_channel("mkt", 0);
    shop.sell("K", "b", 1);
    shop.try_reserve(through("mkt", hold_in_group(&[("K", "g", 4)]))).unwrap();
    shop.receive("K", "b", 7);
    shop.try_reserve(through("mkt", hold_in_group(&[("K", "gb", 1)]))).unwrap();
    short(shop.try_reserve(through("pos", hold(&[("K", "a", 8), ("K", "b", 1)]))));
    audit(&shop);
}

#[test]
fn what_a_group_is_told_to_have_is_granted() {
    for seed in seeds(&[], 20) {
        let mut numbers = Numbers(seed.value().wrapping_mul(2) | 1);
        let shop = Shop::open();
        let life = Life::begin(&shop);
        for _ in 0..60 {
            match life.step(&shop, &mut numbers) {
                Ok(()) | Err(Failure::Refused(_)) => {}
                Err(other) => panic!("{other}"),
            }
            settle(&shop);
            let sku = format!("A{}", numbers.below(4));
            let group = GROUPS[numbers.below(4) as usize].0;
            let channel = CHANNELS[numbers.below(4) as usize];
            let told = told(&shop, &sku, group, channel);
            let ask = |units: u64| shop.try_reserve(through(channel, hold_in_group(&[(&sku, group, units as u32)])));
            let most = told.min(1_000_000_000);
            if told < 1_000_000_000 {
                let refused = short(ask(told + 1));
                assert_eq!(u64::from(refused.available), told, "{sku} in {group} through {channel}: {refused:?}");
            }
            if most > 0 {
                let units = if numbers.below(2) == 0 { most } else { 1 + numbers.below(most) };
                let made =
                    ask(units).unwrap_or_else(|no| panic!("{units} of {told} {sku} in {group}, {channel}: {no:?}"));
                if numbers.below(2) == 0 {
                    shop.cancel(made.id).unwrap();
                }
            }
        }
        shop.check_promises();
        audit(&shop);
    }
}

fn told(shop: &Shop, sku: &str, group: &str, channel: &str) -> u64 {
    let state = shop.engine.state();
    let (sku, group) = (state.catalogue.skus.id(sku).unwrap(), state.catalogue.groups.id(group).unwrap());
    state.group_availability(&[sku], &[group], state.catalogue.channels.id(channel)).1[0].available
}

#[test]
fn a_decision_moves_so_many_promises_and_no_more() {
    let shop = shop_with(Settings { plan_promises_max: 10, ..Settings::default() });
    shop.receive("A", "a", 100);
    shop.receive("A", "b", 1);
    shop.put_group("g", &["a", "b"]);
    shop.put_group("gb", &["b"]);
    shop.sell("A", "b", 1);
    for _ in 0..100 {
        shop.try_reserve(hold_in_group(&[("A", "g", 1)])).unwrap();
    }
    shop.receive("A", "b", 100);
    let refused = short(shop.try_reserve(hold(&[("A", "a", 50)])));
    assert_eq!((refused.constraint, refused.available), (Constraint::Group, 10));
    assert_eq!(refused.limit, Some("limits.plan_promises"));
    assert_eq!(reallocated(&shop), 0);
    shop.reserve(&[("A", "a", 10)]);
    assert_eq!(reallocated(&shop), 10);
    audit(&shop);
}

#[test]
fn a_decision_looks_at_so_much_and_no_more() {
    let shop = shop_with(Settings { plan_looks_max: 300, ..Settings::default() });
    let places: Vec<String> = (0..100).map(|n| format!("p{n:03}")).collect();
    let names: Vec<&str> = places.iter().map(String::as_str).collect();
    shop.receive("A", "p000", 1);
    shop.put_group("first", &["p000"]);
    for place in &places[1..] {
        shop.receive("A", place, 1);
        shop.sell("A", place, 1);
    }
    shop.put_group("all", &names);
    shop.try_reserve(hold_in_group(&[("A", "all", 1)])).unwrap();
    // Room is made while the looks last, and a search that ends early is told by its setting.
    for n in 0..40 {
        shop.receive("A", &places[99 - n], 1);
        shop.try_reserve(hold_in_group(&[("A", "all", 1)])).unwrap();
    }
    let refused = short(shop.try_reserve(hold_in_group(&[("A", "all", 5)])));
    assert_eq!((refused.constraint, refused.limit), (Constraint::Group, Some("limits.plan_looks")));
    audit(&shop);
}

#[test]
fn a_promise_names_no_more_than_so_many_locations_through_groups() {
    let shop = shop_with(Settings { reservation_group_cells_max: 5, ..Settings::default() });
    for place in ["a", "b", "c"] {
        shop.receive("A", place, 10);
    }
    shop.put_group("g", &["a", "b", "c"]);
    let refused = shop.try_reserve(hold_in_group(&[("A", "g", 1), ("A", "g", 1)])).unwrap_err().to_string();
    assert!(refused.contains("lines") && refused.contains("limits.reservation_group_cells"), "{refused}");
    shop.try_reserve(hold_in_group(&[("A", "g", 1)])).unwrap();
}

#[test]
fn what_a_group_cannot_give_never_reaches_the_journal_thread() {
    let shop = Shop::open();
    for place in ["a", "b"] {
        shop.receive("A", place, 10);
        shop.receive("C", place, 10);
    }
    shop.receive("B", "elsewhere", 1);
    shop.put_group("g", &["a", "b"]);
    // Promises that may move, and none of which makes enough room.
    shop.try_reserve(hold_in_group(&[("C", "g", 15)])).unwrap();
    let asked = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let stalled = shop.disk.stall();
        let blocker = scope.spawn(|| shop.receive("A", "a", 1));
        while shop.disk.appending() == 0 {
            std::thread::yield_now();
        }
        // The journal thread stands before the disk: whatever reached it would wait.
        let (tx, rx) = std::sync::mpsc::channel();
        let (shop, asked) = (&shop, &asked);
        scope.spawn(move || {
            let many: Vec<_> = (0..100).map(|_| ("B", "g", 1)).collect();
            for request in [
                hold_in_group(&many),
                hold_in_group(&[("A", "g", 22)]),
                hold_in_group(&[("C", "g", 6)]),
                hold(&[("C", "a", 11)]),
                hold(&[("C", "a", 6)]),
            ] {
                let refused = short(shop.try_reserve(request));
                asked.fetch_add(1, Ordering::Relaxed);
                tx.send(refused).unwrap();
            }
        });
        let mut told = Vec::new();
        while told.len() < 5
            && let Ok(short) = rx.recv_timeout(Duration::from_secs(20))
        {
            told.push((short.constraint, short.available));
        }
        drop(stalled);
        blocker.join().unwrap();
        assert_eq!(
            told,
            [
                (Constraint::UnknownCell, 0),
                (Constraint::Group, 20),
                (Constraint::Group, 5),
                (Constraint::OnHand, 5),
                (Constraint::Reserved, 5)
            ]
        );
    });
    audit(&shop);
}

/// A caller that may have hung up.
struct Caller {
    is_gone: Arc<AtomicBool>,
    heard: Arc<AtomicUsize>,
}

impl Listener for Caller {
    fn hear(self: Box<Self>, told: CommandResult) {
        assert!(matches!(told, Err(Failure::Unheard)), "{told:?}");
        self.heard.fetch_add(1, Ordering::SeqCst);
    }

    fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::SeqCst)
    }
}

#[test]
fn who_hung_up_is_not_served() {
    let shop = Shop::open();
    shop.receive("A", "a", 10);
    let (is_gone, heard) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    std::thread::scope(|scope| {
        let stalled = shop.disk.stall();
        let blocker = scope.spawn(|| shop.receive("A", "b", 1));
        while shop.disk.appending() == 0 {
            std::thread::yield_now();
        }
        for nth in 0..5 {
            let cause = keyed(77 + nth);
            let key = cause.as_ref().and_then(|cause| cause.idempotency.clone()).unwrap();
            let wake = || -> anaquel_engine::idempotency::Wake { Box::new(|| ()) };
            assert!(matches!(shop.engine.begin(&key, 0, wake), anaquel_engine::idempotency::Begin::First));
            let caller = Caller { is_gone: Arc::clone(&is_gone), heard: Arc::clone(&heard) };
            shop.engine.reserve(hold(&[("A", "a", 2)]), cause, Box::new(caller));
        }
        is_gone.store(true, Ordering::SeqCst);
        drop(stalled);
        blocker.join().unwrap();
    });
    shop.wait_until("all were let go", || heard.load(Ordering::SeqCst) == 5);
    assert_eq!(shop.level("A", "a"), level(10, 0));
    shop.check_promises();
    // What was taken early is there again, and the keys are free.
    shop.reserve(&[("A", "a", 10)]);
    let key = keyed(77).and_then(|cause| cause.idempotency).unwrap();
    let wake = || -> anaquel_engine::idempotency::Wake { Box::new(|| ()) };
    assert!(matches!(shop.engine.begin(&key, 0, wake), anaquel_engine::idempotency::Begin::First));
    audit(&shop);
}
