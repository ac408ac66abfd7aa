//! Reservations that are over: what memory keeps of them, what the log tells, and what is told of those that left early.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::common::*;
use anaquel_engine::command::{Command, Failure, Outcome, Refusal, StepRequest};
use anaquel_engine::engine::Recalled;
use anaquel_engine::event::{Cause, IdempotencyKey};
use anaquel_engine::idempotency::Begin;
use anaquel_engine::ids::{ReservationId, Seq, Timestamp};
use anaquel_engine::journal::memory::MemoryDisk;
use anaquel_engine::reservation::{Filter, Reservation, ReservationState, Step};
use anaquel_engine::settings::Settings;

/// Nothing that is closed is kept whole.
fn bare() -> Settings {
    Settings { recent_reservation_bytes: 0, ..Settings::default() }
}

fn open(settings: Settings) -> Shop {
    Shop::on(MemoryDisk::default(), ManualClock::at(START_MS), settings)
}

fn cause(actor: &str, key: u128) -> Option<Box<Cause>> {
    let idempotency = Some(IdempotencyKey { key: format!("k-{key}"), scope: key, fingerprint: 7 });
    Some(Box::new(Cause { idempotency, actor: Some(actor.to_owned()), caller: share_of(actor), ..Cause::default() }))
}

fn step(shop: &Shop, id: ReservationId, request: StepRequest, cause: Option<Box<Cause>>) -> Result<Outcome, Failure> {
    shop.engine.run(|engine, done| engine.submit(Command::step(id, request), cause, done))
}

fn record_of(outcome: Outcome) -> Arc<Reservation> {
    match outcome {
        Outcome::Reservation(reservation) => reservation,
        other => panic!("a reservation was expected, not {other:?}"),
    }
}

/// Every page of a list.
fn listed(shop: &Shop, filter: &Filter, limit: usize) -> Vec<Arc<Reservation>> {
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let page = shop.engine.list(filter, shop.engine.now(), before, limit).unwrap();
        assert!(page.items.len() <= limit);
        found.extend(page.items);
        match page.next {
            Some(next) => before = Some(next),
            None => return found,
        }
    }
}

/// Random lives; the first answer to every key, and every reservation as it is.
struct Lives {
    shop: Shop,
    numbers: Numbers,
    answers: BTreeMap<u128, Arc<Reservation>>,
    now: BTreeMap<ReservationId, Arc<Reservation>>,
}

impl Lives {
    fn new(settings: Settings, seed: u64) -> Self {
        let shop = open(settings);
        for sku in 0..3 {
            for place in 0..3 {
                shop.receive(&format!("A{sku}"), &format!("s{place}"), 1_000_000);
            }
        }
        Self { shop, numbers: Numbers(seed), answers: BTreeMap::new(), now: BTreeMap::new() }
    }

    fn keep(&mut self, key: u128, outcome: Result<Outcome, Failure>) {
        let Ok(outcome) = outcome else { return };
        let record = record_of(outcome);
        if record.version > self.now.get(&record.id).map_or(0, |known| known.version) {
            self.answers.insert(key, Arc::clone(&record));
        }
        self.now.insert(record.id, record);
    }

    fn live(&mut self, steps: u32) {
        for nth in 0..steps {
            let key = u128::from(self.shop.engine.state().view.seq()) * 1000 + u128::from(nth % 7) + 1;
            let below = |numbers: &mut Numbers, bound| numbers.below(bound) as usize;
            if self.numbers.below(3) == 0 || self.now.is_empty() {
                let mut request = hold(&[(
                    &format!("A{}", self.numbers.below(3)),
                    &format!("s{}", self.numbers.below(3)),
                    1 + self.numbers.below(3) as u32,
                )]);
                request.channel = name(["web", "app"][below(&mut self.numbers, 2)]);
                request.customer = [None, Some("guest"), Some("c-1")][below(&mut self.numbers, 3)].map(Into::into);
                request.order = [None, Some("o-1")][below(&mut self.numbers, 2)].map(Into::into);
                request.confirm = self.numbers.below(3) == 0;
                let actor = format!("caller-{}", self.numbers.below(2));
                let done = self.shop.engine.run(|engine, done| engine.reserve(request, cause(&actor, key), done));
                self.keep(key, done);
                continue;
            }
            let ids: Vec<_> = self.now.keys().rev().take(12).copied().collect();
            let id = ids[below(&mut self.numbers, ids.len() as u64)];
            let request = match self.numbers.below(6) {
                0 => StepRequest::Confirm { pickup_by: None, order: Some("o-2".into()) },
                1 => StepRequest::Ready { entropy: self.numbers.below(1 << 30) },
                2 => StepRequest::Collect { lines: None, pickup_code: None },
                3 => StepRequest::Cancel { lines: None, reason: Some("no".into()) },
                _ => StepRequest::Extend { ttl_seconds: 600 + self.numbers.below(600) as u32 },
            };
            let done = step(&self.shop, id, request, cause("till", key));
            self.keep(key, done);
        }
    }

    /// Every key tells its first answer again.
    fn check_repeats(&self) {
        for (key, first) in &self.answers {
            let idempotency = IdempotencyKey { key: String::new(), scope: *key, fingerprint: 7 };
            let Begin::Done(done) = self.shop.engine.begin(&idempotency, 0, || Box::new(|| ())) else {
                panic!("{key} is not kept");
            };
            let told = match self.shop.engine.replay_from_memory(&done) {
                Some(told) => told,
                None => self.shop.engine.replay(&done).unwrap().unwrap(),
            };
            same(&record_of(told), first);
        }
    }

    fn check_lists(&self) {
        let shop = &self.shop;
        let catalogue = &shop.engine.state().catalogue;
        let known = |id: &ReservationId| matches!(shop.engine.recall(*id).unwrap(), Recalled::Found(_));
        let known: Vec<_> = self.now.values().rev().filter(|of| known(&of.id)).cloned().collect();
        let some = |text: &str| Some(text.to_owned());
        let code = known.iter().find_map(|of| of.pickup_code.clone()).map(String::from);
        for location in [None, catalogue.locations.id("s1")] {
            for customer in [None, some("guest"), some("nobody")] {
                for state in [
                    None,
                    Some(ReservationState::Held),
                    Some(ReservationState::Collected),
                    Some(ReservationState::Cancelled),
                ] {
                    for channel in [None, catalogue.channels.id("app")] {
                        for (order, pickup_code) in [(None, None), (some("o-1"), None), (None, code.clone())] {
                            let customer = customer.clone();
                            let filter = Filter { location, customer, state, channel, order, pickup_code };
                            let now = shop.engine.now();
                            let wanted: Vec<_> = known.iter().filter(|of| filter.matches(of, now)).collect();
                            let found = listed(shop, &filter, 17);
                            assert_eq!(
                                found.iter().map(|of| of.id).collect::<Vec<_>>(),
                                wanted.iter().map(|of| of.id).collect::<Vec<_>>(),
                                "{filter:?}"
                            );
                            found.iter().zip(wanted).for_each(|(found, wanted)| same(found, wanted));
                        }
                    }
                }
            }
        }
    }
}

/// The same to whoever reads it: how often it was extended by then is told by the history of then alone.
fn same(one: &Reservation, other: &Reservation) {
    let plain = |of: &Reservation| Reservation { changes: Vec::new(), ..of.clone() };
    assert_eq!(plain(one), plain(other));
}

#[test]
fn a_list_is_what_a_look_at_everything_finds_and_a_repeat_the_first_answer() {
    for (seed, closed_bytes) in [(11, 1 << 30), (12, 4_000), (13, 1 << 30), (14, 6_000)] {
        let recent_reservation_bytes = if seed == 13 { 1 << 20 } else { 0 };
        let settings = Settings { closed_reservation_bytes: closed_bytes, recent_reservation_bytes, ..bare() };
        let mut lives = Lives::new(settings, seed);
        lives.live(600);
        let reservations = &lives.shop.engine.state().reservations;
        assert!(reservations.entries() > 5 || seed == 13, "{} entries", reservations.entries());
        assert!(reservations.closed_bytes() <= closed_bytes + 4096);
        lives.check_lists();
        lives.check_repeats();
        let gone = lives.now.keys().filter(|id| matches!(lives.shop.engine.recall(**id).unwrap(), Recalled::Gone));
        assert_eq!(gone.count() > 0, closed_bytes < 1 << 20);
        lives.shop = lives.shop.restart();
        lives.check_lists();
        lives.check_repeats();
        lives.live(100);
        lives.check_lists();
        lives.check_repeats();
        audit(&lives.shop);
    }
}

#[test]
fn what_is_over_is_told_from_the_log_with_its_history() {
    let shop = open(bare());
    shop.receive("A", "s0", 10);
    let mut request = hold(&[("A", "s0", 2)]);
    request.customer = Some("c".into());
    let made = shop.try_reserve_for(request, cause("app", 1)).unwrap();
    for _ in 0..5 {
        shop.try_step(made.id, StepRequest::Extend { ttl_seconds: 700 }).unwrap();
    }
    shop.confirm(made.id).unwrap();
    shop.try_step(made.id, StepRequest::Ready { entropy: 99 }).unwrap();
    let last = shop.collect(made.id).unwrap();
    shop.wait_until("it is left to the log", || shop.engine.reservation_in_memory(made.id).is_none());
    let Recalled::Found(told) = shop.engine.recall(made.id).unwrap() else { panic!("it can be told") };
    assert_eq!(told, last);
    assert_eq!(told.changes.len(), 4, "{:?}", told.changes);
    assert!(matches!(told.changes[0].step, Step::ExtendedAgain { count: 5, .. }));
}

#[test]
fn what_is_asked_of_one_that_is_over_is_decided_without_it() {
    let shop = open(bare());
    shop.receive("A", "s0", 10);
    let made = shop.reserve(&[("A", "s0", 1)]);
    shop.confirm(made.id).unwrap();
    shop.collect(made.id).unwrap();
    shop.wait_until("it is left to the log", || shop.engine.reservation_in_memory(made.id).is_none());
    let seq = shop.engine.state().view.seq();
    for done in [shop.collect(made.id), shop.confirm(made.id)] {
        assert!(matches!(done, Err(Failure::AsItIs(id)) if id == made.id), "{done:?}");
    }
    for refused in [shop.cancel(made.id), shop.try_step(made.id, StepRequest::Extend { ttl_seconds: 60 })] {
        assert!(
            matches!(refused, Err(Failure::Refused(Refusal::WrongState(ReservationState::Collected)))),
            "{refused:?}"
        );
    }
    let mut again = hold(&[("A", "s0", 1)]);
    again.supersedes = [made.id].into();
    let refused = shop.try_reserve(again).unwrap_err();
    assert!(
        matches!(refused, Failure::Refused(Refusal::NotReplaceable { at: 0, state: ReservationState::Collected })),
        "{refused}"
    );
    assert_eq!(shop.engine.state().view.seq(), seq, "nothing was logged");
}

#[test]
fn closing_and_a_step_behind_it_in_the_queue() {
    let shop = open(bare());
    shop.receive("A", "s0", 10);
    let made = shop.reserve(&[("A", "s0", 1)]);
    let (id, shop_ref) = (made.id, &shop);
    let done = shop.in_one_batch::<Result<Arc<Reservation>, Failure>>(vec![
        Box::new(move || shop_ref.try_step(id, StepRequest::Extend { ttl_seconds: 600 })),
        Box::new(move || shop_ref.try_step(id, StepRequest::Extend { ttl_seconds: 500 })),
        Box::new(move || shop_ref.cancel(id)),
        Box::new(move || shop_ref.cancel(id)),
        Box::new(move || shop_ref.confirm(id)),
    ]);
    let told = |at: usize| done[at].as_ref().unwrap();
    assert_eq!(told(0).expires_at, Timestamp(START_MS + 600_000));
    assert_eq!(told(1).expires_at, Timestamp(START_MS + 500_000));
    assert_eq!((told(2).state, told(3)), (ReservationState::Cancelled, told(2)));
    assert!(
        matches!(done[4], Err(Failure::Refused(Refusal::WrongState(ReservationState::Cancelled)))),
        "{:?}",
        done[4]
    );
}

#[test]
fn an_id_that_never_was_is_unknown_and_one_that_left_is_gone() {
    let shop = open(Settings { closed_reservation_bytes: 0, ..bare() });
    shop.receive("A", "s0", 10);
    let made = shop.reserve(&[("A", "s0", 1)]);
    shop.cancel(made.id).unwrap();
    shop.wait_until("it left", || shop.engine.state().reservations.is_empty());
    assert!(matches!(shop.engine.recall(made.id).unwrap(), Recalled::Gone));
    // A receipt, a definition, what the log has not reached, and nothing.
    for id in (0..made.id.0).chain([made.id.0 + 1, made.id.0 + 1000]).map(ReservationId) {
        assert!(matches!(shop.engine.recall(id).unwrap(), Recalled::Never), "{id:?}");
    }
}

#[test]
fn a_flood_of_one_caller_pushes_out_its_own() {
    let shop = open(Settings { closed_reservation_bytes: 30_000, ..bare() });
    shop.receive("A", "s0", 100_000);
    let close = |actor: &str| -> ReservationId {
        let cause =
            || Some(Box::new(Cause { actor: Some(actor.to_owned()), caller: share_of(actor), ..Cause::default() }));
        let made = shop.try_reserve_for(hold(&[("A", "s0", 1)]), cause()).unwrap();
        shop.cancel(made.id).unwrap();
        made.id
    };
    let honest: Vec<_> = (0..20).map(|_| close("shop")).collect();
    let flood: Vec<_> = (0..600).map(|_| close("flood")).collect();
    let found = |id: &ReservationId| matches!(shop.engine.recall(*id).unwrap(), Recalled::Found(_));
    shop.wait_until("some of the flood left", || !found(&flood[0]));
    assert!(honest.iter().all(found), "what the shop closed is there");
    assert!(flood.last().is_some_and(found));
}

#[test]
fn a_history_has_a_bound_and_an_order_can_still_be_ended() {
    let shop = open(Settings { reservation_changes_max: 20, ..Settings::default() });
    shop.receive("A", "s0", 1000);
    let made = shop.reserve(&[("A", "s0", 900)]);
    for _ in 0..100 {
        shop.try_step(made.id, StepRequest::Extend { ttl_seconds: 600 }).unwrap();
    }
    assert_eq!(shop.engine.reservation_in_memory(made.id).unwrap().changes.len(), 1);
    let part = || {
        let lines = Some(vec![shop.units("A", "s0", 1)]);
        shop.try_step(made.id, StepRequest::Cancel { lines, reason: None })
    };
    for _ in 0..19 {
        part().unwrap();
    }
    for refused in [part(), shop.try_step(made.id, StepRequest::Extend { ttl_seconds: 600 })] {
        let Err(Failure::Refused(refusal @ Refusal::TooManyChanges(ReservationState::Held, 20))) = refused else {
            panic!("{refused:?}");
        };
        assert!(refusal.to_string().contains("reservations.changes_max"));
    }
    shop.confirm(made.id).unwrap();
    shop.try_step(made.id, StepRequest::Ready { entropy: 1 }).unwrap();
    assert_eq!(shop.collect(made.id).unwrap().state, ReservationState::Collected);
    shop.check_promises();
}

#[test]
fn the_answer_to_an_extension_in_the_middle_of_many_is_told_again() {
    let shop = open(Settings::default());
    shop.receive("A", "s0", 10);
    let made = shop.reserve(&[("A", "s0", 1)]);
    let mut answers: Vec<(u128, Seq, Timestamp)> = Vec::new();
    for nth in 1..200 {
        shop.clock.advance(10);
        let told = record_of(
            step(&shop, made.id, StepRequest::Extend { ttl_seconds: 60 + nth }, cause("app", nth.into())).unwrap(),
        );
        answers.push((nth.into(), told.version, told.expires_at));
    }
    let check = |shop: &Shop| {
        for (scope, version, expires_at) in &answers {
            let key = IdempotencyKey { key: String::new(), scope: *scope, fingerprint: 7 };
            let Begin::Done(done) = shop.engine.begin(&key, 0, || Box::new(|| ())) else { panic!("kept") };
            let told = shop.engine.replay_from_memory(&done);
            let told = record_of(told.unwrap_or_else(|| shop.engine.replay(&done).unwrap().unwrap()));
            assert_eq!((told.version, told.expires_at), (*version, *expires_at));
        }
    };
    check(&shop);
    let shop = shop.restart();
    check(&shop);
    shop.cancel(made.id).unwrap();
    check(&shop);
}

#[test]
fn a_page_of_shortages_looks_at_open_promises_alone() {
    let shop = open(bare());
    shop.receive("A", "s0", 10);
    let mut open = Vec::new();
    for nth in 0..300 {
        let made = shop.reserve(&[("A", "s0", 1)]);
        if nth % 30 == 29 { open.push(made.id) } else { drop(shop.cancel(made.id).unwrap()) }
    }
    shop.sell("A", "s0", 4);
    let (_, short, next) = shop.engine.state().shortages_page(None, 10);
    assert_eq!(next, None);
    assert_eq!((short.len(), short[0].missing), (1, 4));
    // The newest are at risk, oldest of them first.
    let at_risk: Vec<_> = short[0].at_risk.iter().map(|(id, units)| (*id, *units)).collect();
    let newest: Vec<_> = open[open.len() - 4..].iter().map(|id| (*id, 1)).collect();
    assert_eq!(at_risk, newest);
    let (_, short, next) = shop.engine.state().shortages_page(None, 1);
    assert_eq!((short.len(), next.is_some()), (1, true));
    assert!(shop.engine.state().shortages_page(next, 1).1.is_empty());
}
