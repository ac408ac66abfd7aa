//! Transfers: the life of goods on their way between two places, with the numbers at both ends; what dies, comes twice or at
//! once; and random lives of 30 places, in which units come and go only where something says so.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::common::{
    ManualClock, Numbers, START_MS, Shop, audit, hold, hold_to_come, keyed, level, name, rule, share_of,
};
use anaquel_engine::command::{Command, Failure, Outcome, PutWhat, Refusal, RuleFields, SkuFields, StepRequest};
use anaquel_engine::event::{MovementKind, Purpose, Thing, ThingKind};
use anaquel_engine::idempotency::{Begin, Wake};
use anaquel_engine::ids::{LocationId, ReservationId, SkuId, Timestamp};
use anaquel_engine::journal::memory::{Fault, MemoryDisk};
use anaquel_engine::level::Constraint;
use anaquel_engine::patch::Patch;
use anaquel_engine::reservation::{Reservation, ReservationState as State};
use anaquel_engine::rules::{Amount, Effect};
use anaquel_engine::settings::Settings;
use anaquel_engine::transfers::command::{Command as Ask, Fields, Make, Receive, Ship, Units};
use anaquel_engine::transfers::{Reason, Told, Transfer, TransferState};
use anaquel_engine::{Engine, Health};

const DAY: u64 = 86_400;

fn at(seconds: u64) -> Timestamp {
    Timestamp(START_MS).plus_seconds(seconds)
}

/// A shop with two places that everybody knows, and units of A and B in the first.
fn shop() -> Shop {
    let shop = Shop::open();
    stocked(&shop);
    shop
}

fn stocked(shop: &Shop) {
    shop.declare(&["s1", "s2", "s3"]);
    shop.receive("A", "s1", 10);
    shop.receive("B", "s1", 10);
    shop.receive("C", "s2", 1);
}

fn told(outcome: Outcome) -> Transfer {
    let Outcome::Put { thing: Some(thing), .. } = outcome else { panic!("a transfer was expected, not {outcome:?}") };
    let Thing::Transfers(told) = *thing else { panic!("a transfer was expected, not {thing:?}") };
    match *told {
        Told::Transfer(transfer) | Told::Made(transfer) => transfer,
        other => panic!("a transfer was expected, not {other:?}"),
    }
}

fn ask(shop: &Shop, command: Ask) -> Result<Transfer, Failure> {
    ask_for(shop, command, None)
}

fn ask_for(shop: &Shop, command: Ask, key: Option<u128>) -> Result<Transfer, Failure> {
    let cause = key.and_then(keyed);
    shop.engine.run(|engine, done| engine.submit(Command::from(command), cause, done)).map(told)
}

fn fields(from: &str, to: &str, lines: &[(&str, u32)], days: Option<u64>) -> Fields {
    Fields {
        from: name(from),
        to: name(to),
        reason: Reason::OnDemand,
        policy: None,
        run: None,
        order: None,
        reference: None,
        expected_at: days.map(|days| at(days * DAY)),
        lines: lines.iter().map(|(sku, units)| (name(sku), *units)).collect(),
    }
}

fn asked(id: &str, fields: Fields, ready: bool) -> Ask {
    let digest = share_of(&format!("{fields:?} {ready}"));
    Ask::Make(Box::new(Make { name: name(id), digest, fields, ready, allow_partial: false }))
}

/// A transfer of the first place to the second, ready, expected in two days.
fn made_ready(shop: &Shop, id: &str, lines: &[(&str, u32)]) -> Transfer {
    ask(shop, asked(id, fields("s1", "s2", lines, Some(2)), true)).unwrap()
}

fn ready(id: &str) -> Ask {
    Ask::Ready { transfer: name(id), expected_at: None, allow_partial: false }
}

fn ship(id: &str) -> Ship {
    Ship { transfer: name(id), lines: None, expected_at: None, tracking: None, occurred_at: None }
}

fn shipped(shop: &Shop, id: &str) -> Result<Transfer, Failure> {
    ask(shop, Ask::Ship(Box::new(ship(id))))
}

fn receipt(id: &str, lines: &[(&str, u32, u32)]) -> Receive {
    Receive {
        transfer: name(id),
        lines: lines.iter().map(|(sku, units, damaged)| (name(sku), *units, *damaged)).collect(),
        reference: None,
        closes: false,
        occurred_at: None,
    }
}

fn received(shop: &Shop, id: &str, lines: &[(&str, u32, u32)]) -> Result<Transfer, Failure> {
    ask(shop, Ask::Receive(Box::new(receipt(id, lines))))
}

fn cancelled(shop: &Shop, id: &str, units: Option<Units>) -> Result<Transfer, Failure> {
    ask(shop, Ask::Cancel { transfer: name(id), units })
}

/// What a transfer's lines say: shipped, received, damaged, missing, returned, surplus, outstanding.
fn lines(transfer: &Transfer) -> Vec<[u32; 7]> {
    let line = |line: &anaquel_engine::transfers::TransferLine| {
        assert_eq!(
            u64::from(line.shipped) + u64::from(line.surplus),
            [line.received, line.damaged, line.missing, line.returned, line.outstanding()].map(u64::from).iter().sum(),
            "{line:?}"
        );
        [line.shipped, line.received, line.damaged, line.missing, line.returned, line.surplus, line.outstanding()]
    };
    transfer.lines.iter().map(line).collect()
}

fn cell(shop: &Shop, sku: &str, location: &str) -> (SkuId, LocationId) {
    let catalogue = &shop.engine.state().catalogue;
    (catalogue.skus.id(sku).unwrap(), catalogue.locations.id(location).unwrap())
}

/// Units available now, and units to come.
fn seen(shop: &Shop, sku: &str, location: &str) -> (u32, u64) {
    let (id, place) = cell(shop, sku, location);
    let (_, cells) = shop.engine.state().availability(&[id], Some(&[place]), None);
    let ledger = shop.engine.state().ledger();
    let coming = ledger.outlook(id, place).map_or(0, |outlook| outlook.supplied());
    (cells.first().map_or(0, |cell| cell.available), coming)
}

fn quarantine(shop: &Shop, location: &str) -> String {
    let catalogue = &shop.engine.state().catalogue;
    let place = catalogue.locations.id(location).unwrap();
    catalogue.locations.name(catalogue.quarantine(place).unwrap()).to_string()
}

fn now(shop: &Shop, id: ReservationId) -> Arc<Reservation> {
    shop.engine.state().reservations.get(id).unwrap()
}

fn in_state(failure: &Failure) -> &'static str {
    match failure {
        Failure::Refused(Refusal::InState { state, .. }) => state,
        other => panic!("a refusal for its state was expected, not {other:?}"),
    }
}

/// The field that a refusal names.
fn invalid(failure: Failure) -> String {
    match failure {
        Failure::Refused(Refusal::Invalid { field, .. }) => field,
        other => panic!("a refusal of a field was expected, not {other:?}"),
    }
}

#[test]
fn a_unit_is_promised_at_one_end_from_the_draft_to_the_shelf() {
    let shop = shop();
    let draft = ask(&shop, asked("t", fields("s1", "s2", &[("A", 4)], Some(2)), false)).unwrap();
    assert_eq!((draft.state, draft.reservation), (TransferState::Draft, None));
    assert_eq!((seen(&shop, "A", "s1"), shop.level("A", "s2")), ((10, 0), level(0, 0)), "a draft promises nothing");

    let is_ready = ask(&shop, ready("t")).unwrap();
    assert_eq!((is_ready.state, is_ready.lines[0].reserved), (TransferState::Ready, 4));
    assert_eq!((shop.level("A", "s1"), seen(&shop, "A", "s1")), (level(10, 4), (6, 0)));
    assert_eq!(seen(&shop, "A", "s2"), (0, 4), "supply of the other end, and not available there");
    let promise = now(&shop, is_ready.reservation.unwrap());
    assert_eq!((promise.state, promise.purpose), (State::Confirmed, Purpose::Transfer));
    assert_eq!(shop.refusal(hold(&[("A", "s1", 7)])), (Constraint::Reserved, 6), "promised here no longer");
    let waits = shop.try_reserve(hold_to_come(&[("A", "s2", 3)], 9 * DAY)).unwrap();
    assert_eq!((waits.lines[0].present(), waits.lines[0].waiting()), (0, 3), "promised there, for when it comes");
    assert_eq!(shop.refusal(hold_to_come(&[("A", "s2", 2)], 9 * DAY)), (Constraint::Supply, 1));

    let left = shipped(&shop, "t").unwrap();
    assert_eq!((left.state, lines(&left)), (TransferState::InTransit, vec![[4, 0, 0, 0, 0, 0, 4]]));
    assert_eq!((shop.level("A", "s1"), seen(&shop, "A", "s2")), (level(6, 0), (0, 4)));
    assert_eq!(now(&shop, promise.id).state, State::Collected);

    let came = received(&shop, "t", &[("A", 4, 0)]).unwrap();
    assert_eq!((came.state, lines(&came)), (TransferState::Received, vec![[4, 4, 0, 0, 0, 0, 0]]));
    assert_eq!((shop.level("A", "s2"), seen(&shop, "A", "s2")), (level(4, 3), (1, 0)), "who waits has it");
    assert_eq!(now(&shop, waits.id).lines[0].present(), 3);
    let kinds: Vec<_> = came.history.iter().map(|step| &*step.kind).collect();
    assert_eq!(kinds, ["transfer_drafted", "transfer_ready", "transfer_shipped", "transfer_received"]);
    audit(&shop);
    let shop = shop.restart();
    assert_eq!(*shop.engine.state().own.transfers.named("t").unwrap(), came);
    audit(&shop);
}

#[test]
fn a_transfer_takes_what_is_there_where_that_will_do() {
    let shop = shop();
    let all = |ready, allow_partial| {
        let fields = fields("s1", "s2", &[("A", 40), ("B", 3), ("C", 2)], Some(2));
        Ask::Make(Box::new(Make { name: name("t"), digest: 1, fields, ready, allow_partial }))
    };
    let refused = ask(&shop, all(true, false)).unwrap_err();
    let Failure::Refused(Refusal::Insufficient(shorts)) = refused else { panic!("{refused}") };
    assert_eq!((shorts[0].requested, shorts[0].available), (40, 10));
    assert!(shop.engine.state().own.transfers.named("t").is_none(), "a refusal leaves nothing");
    let partly = ask(&shop, all(true, true)).unwrap();
    assert_eq!(partly.lines.iter().map(|line| line.reserved).collect::<Vec<_>>(), [10, 3, 0]);
    assert_eq!((seen(&shop, "A", "s2").1, seen(&shop, "B", "s2").1, seen(&shop, "C", "s2").1), (10, 3, 0));

    // Fewer leave: the rest is promised at neither end.
    let mut some = ship("t");
    some.lines = Some(vec![(name("A"), 6)]);
    let left = ask(&shop, Ask::Ship(Box::new(some))).unwrap();
    assert_eq!(lines(&left).iter().map(|line| line[0]).collect::<Vec<_>>(), [6, 0, 0]);
    assert_eq!((shop.level("A", "s1"), shop.level("B", "s1")), (level(4, 0), level(10, 0)));
    assert_eq!((seen(&shop, "A", "s2"), seen(&shop, "B", "s2")), ((0, 6), (0, 0)));
    assert_eq!(now(&shop, left.reservation.unwrap()).lines[0].outstanding(), 0);
    audit(&shop);
}

#[test]
fn what_arrives_damaged_is_in_quarantine_and_the_rest_is_missing() {
    let shop = shop();
    made_ready(&shop, "t", &[("A", 8), ("B", 5)]);
    shipped(&shop, "t").unwrap();
    let some = received(&shop, "t", &[("A", 3, 2)]).unwrap();
    assert_eq!((some.state, &lines(&some)[0]), (TransferState::PartiallyReceived, &[8, 3, 2, 0, 0, 0, 3]));
    let inside = quarantine(&shop, "s2");
    assert_eq!((shop.level("A", "s2"), shop.level("A", &inside)), (level(3, 0), level(2, 0)));
    assert_eq!((seen(&shop, "A", "s2"), seen(&shop, "A", &inside)), ((3, 3), (0, 0)), "damaged units come no more");
    // Only damaged ones, and one that nobody sent.
    let more = received(&shop, "t", &[("B", 0, 1), ("C", 2, 1)]).unwrap();
    assert_eq!(lines(&more), [[8, 3, 2, 0, 0, 0, 3], [5, 0, 1, 0, 0, 0, 4], [0, 2, 1, 0, 0, 3, 0]]);
    assert_eq!((more.lines[2].quantity, shop.level("C", "s2")), (0, level(3, 0)));
    let mut last = receipt("t", &[("A", 5, 0)]);
    last.closes = true;
    let over = ask(&shop, Ask::Receive(Box::new(last))).unwrap();
    assert_eq!(lines(&over), [[8, 8, 2, 0, 0, 2, 0], [5, 0, 1, 4, 0, 0, 0], [0, 2, 1, 0, 0, 3, 0]]);
    assert_eq!((over.state, over.received_at), (TransferState::Received, Some(at(0))));
    assert_eq!((seen(&shop, "A", "s2"), seen(&shop, "B", "s2")), ((8, 0), (0, 0)), "nothing comes any more");
    assert_eq!(in_state(&received(&shop, "t", &[("A", 1, 0)]).unwrap_err()), "received");
    audit(&shop);
    audit(&shop.restart());
}

#[test]
fn it_is_closed_with_nothing_at_all() {
    let shop = shop();
    made_ready(&shop, "t", &[("A", 8)]);
    shipped(&shop, "t").unwrap();
    assert_eq!(invalid(received(&shop, "t", &[]).unwrap_err()), "lines");
    let mut nothing = receipt("t", &[]);
    nothing.closes = true;
    let over = ask(&shop, Ask::Receive(Box::new(nothing))).unwrap();
    assert_eq!((over.state, lines(&over)), (TransferState::Received, vec![[8, 0, 0, 8, 0, 0, 0]]));
    assert_eq!((seen(&shop, "A", "s1"), seen(&shop, "A", "s2")), ((2, 0), (0, 0)));
    audit(&shop);
}

#[test]
fn it_is_cancelled_wherever_it_is() {
    let shop = shop();
    let make = |id: &str| made_ready(&shop, id, &[("A", 2), ("B", 1)]);
    let both = |at: &str| (shop.level("A", at), shop.level("B", at));

    ask(&shop, asked("draft", fields("s1", "s2", &[("A", 2)], None), false)).unwrap();
    assert_eq!(cancelled(&shop, "draft", None).unwrap().state, TransferState::Cancelled);

    let promise = make("ready").reservation.unwrap();
    let over = cancelled(&shop, "ready", None).unwrap();
    assert_eq!((over.state, lines(&over)), (TransferState::Cancelled, vec![[0; 7], [0; 7]]));
    assert_eq!((now(&shop, promise).state, both("s1")), (State::Cancelled, (level(10, 0), level(10, 0))));
    assert_eq!((seen(&shop, "A", "s2"), over.received_at), ((0, 0), None));

    make("back");
    shipped(&shop, "back").unwrap();
    assert_eq!(invalid(cancelled(&shop, "back", None).unwrap_err()), "units");
    let back = cancelled(&shop, "back", Some(Units::Returned)).unwrap();
    assert_eq!(
        (back.state, lines(&back)),
        (TransferState::Cancelled, vec![[2, 0, 0, 0, 2, 0, 0], [1, 0, 0, 0, 1, 0, 0]])
    );
    assert_eq!((both("s1"), seen(&shop, "A", "s2")), ((level(10, 0), level(10, 0)), (0, 0)));

    make("lost");
    shipped(&shop, "lost").unwrap();
    let lost = cancelled(&shop, "lost", Some(Units::WrittenOff)).unwrap();
    assert_eq!(
        (lost.state, lines(&lost)),
        (TransferState::Cancelled, vec![[2, 0, 0, 2, 0, 0, 0], [1, 0, 0, 1, 0, 0, 0]])
    );
    assert_eq!((both("s1"), seen(&shop, "A", "s2")), ((level(8, 0), level(9, 0)), (0, 0)));

    make("rest");
    shipped(&shop, "rest").unwrap();
    received(&shop, "rest", &[("A", 1, 0)]).unwrap();
    let rest = cancelled(&shop, "rest", Some(Units::Returned)).unwrap();
    assert_eq!(
        (rest.state, lines(&rest)),
        (TransferState::Received, vec![[2, 1, 0, 0, 1, 0, 0], [1, 0, 0, 0, 1, 0, 0]])
    );
    assert_eq!((both("s1"), shop.level("A", "s2")), ((level(7, 0), level(9, 0)), level(1, 0)));
    assert_eq!(in_state(&cancelled(&shop, "rest", Some(Units::Returned)).unwrap_err()), "received");

    // What goes back fills who waits there.
    make("wanted");
    shipped(&shop, "wanted").unwrap();
    shop.sell("A", "s1", 5);
    shop.put_rule("ahead", Some(rule(Effect::Backorder { units: 5, lead_days: 1 }))).unwrap();
    let waits = shop.try_reserve(hold_to_come(&[("A", "s1", 1)], 9 * DAY)).unwrap();
    assert_eq!(waits.lines[0].waiting(), 1);
    cancelled(&shop, "wanted", Some(Units::Returned)).unwrap();
    assert_eq!(now(&shop, waits.id).lines[0].present(), 1);
    audit(&shop);
    audit(&shop.restart());
}

#[test]
fn what_a_count_has_already_moves_no_stock() {
    let shop = shop();
    made_ready(&shop, "t", &[("A", 4), ("B", 2)]);
    shop.clock.advance(10_000_000);
    // Counted after the units left, and before anybody says so; B was not counted.
    shop.try_count("A", "s1", 6, Some(START_MS + 5_000_000)).unwrap();
    assert_eq!(shop.level("A", "s1"), level(6, 4));
    let mut late = ship("t");
    late.occurred_at = Some(Timestamp(START_MS + 4_000_000));
    let left = ask(&shop, Ask::Ship(Box::new(late))).unwrap();
    assert_eq!((left.shipped_at, lines(&left)[0][0]), (Some(Timestamp(START_MS + 4_000_000)), 4));
    assert_eq!((shop.level("A", "s1"), shop.level("B", "s1")), (level(6, 0), level(8, 0)), "only reserved falls");
    assert_eq!((seen(&shop, "A", "s2").1, seen(&shop, "B", "s2").1), (4, 2));
    // The same where they arrive, on the shelf and in quarantine.
    shop.try_count("A", "s2", 3, Some(START_MS + 8_000_000)).unwrap();
    let mut arrived = receipt("t", &[("A", 3, 1), ("B", 2, 0)]);
    arrived.occurred_at = Some(Timestamp(START_MS + 7_000_000));
    let over = ask(&shop, Ask::Receive(Box::new(arrived))).unwrap();
    assert_eq!((over.state, lines(&over)[0]), (TransferState::Received, [4, 3, 1, 0, 0, 0, 0]));
    assert_eq!((shop.level("A", "s2"), shop.level("B", "s2")), (level(3, 0), level(2, 0)), "on_hand does not move");
    assert_eq!((seen(&shop, "A", "s2").1, shop.level("A", &quarantine(&shop, "s2"))), (0, level(1, 0)));
    audit(&shop);
    audit(&shop.restart());
}

#[test]
fn a_late_count_knows_when_units_left_and_came() {
    for one_batch in [false, true] {
        let shop = shop();
        made_ready(&shop, "t", &[("A", 4)]);
        shop.clock.advance(10_000_000);
        let mut late = ship("t");
        late.occurred_at = Some(Timestamp(START_MS + 4_000_000));
        let leave = || drop(ask(&shop, Ask::Ship(Box::new(late.clone()))).unwrap());
        // Counted behind the moment at which they left: nothing moved since.
        let count = || {
            shop.try_count("A", "s1", 5, Some(START_MS + 5_000_000)).unwrap();
        };
        if one_batch {
            shop.in_one_batch::<()>(vec![Box::new(leave), Box::new(count)]);
        } else {
            leave();
            count();
        }
        assert_eq!(shop.level("A", "s1"), level(5, 0), "in one batch: {one_batch}");
        audit(&shop);
        audit(&shop.restart());
    }
}

#[test]
fn without_a_date_it_is_promised_to_nobody() {
    let shop = shop();
    ask(&shop, asked("t", fields("s1", "s2", &[("A", 4)], None), true)).unwrap();
    assert_eq!((seen(&shop, "A", "s1"), seen(&shop, "A", "s2")), ((6, 0), (0, 0)));
    assert_eq!(shop.refusal(hold_to_come(&[("A", "s2", 1)], 90 * DAY)).1, 0);
    let mut dated = ship("t");
    dated.expected_at = Some(at(3 * DAY));
    ask(&shop, Ask::Ship(Box::new(dated))).unwrap();
    assert_eq!(seen(&shop, "A", "s2"), (0, 4), "from here on it has one");
    ask(&shop, asked("u", fields("s1", "s3", &[("A", 2)], None), true)).unwrap();
    shipped(&shop, "u").unwrap();
    received(&shop, "u", &[("A", 2, 0)]).unwrap();
    assert_eq!((shop.level("A", "s3"), seen(&shop, "A", "s3")), (level(2, 0), (2, 0)));
    audit(&shop);
}

#[test]
fn a_promise_on_its_supply_is_at_risk_where_less_comes() {
    let shop = shop();
    made_ready(&shop, "t", &[("A", 4)]);
    let first = shop.try_reserve(hold_to_come(&[("A", "s2", 2)], 9 * DAY)).unwrap();
    let second = shop.try_reserve(hold_to_come(&[("A", "s2", 2)], 9 * DAY)).unwrap();
    let at_risk = |id| now(&shop, id).lines[0].wait.as_ref().is_some_and(|wait| wait.at_risk());
    shipped(&shop, "t").unwrap();
    assert!(!at_risk(first.id) && !at_risk(second.id));
    received(&shop, "t", &[("A", 1, 1)]).unwrap();
    assert!(!at_risk(first.id) && at_risk(second.id), "one of four is damaged, and one is there");
    assert_eq!((now(&shop, first.id).lines[0].present(), shop.level("A", "s2")), (1, level(1, 1)));
    cancelled(&shop, "t", Some(Units::WrittenOff)).unwrap();
    assert!(at_risk(first.id) && at_risk(second.id));
    audit(&shop);
}

#[test]
fn a_draft_says_something_else_until_it_is_ready() {
    let shop = shop();
    ask(&shop, asked("t", fields("s1", "s2", &[("A", 4)], None), false)).unwrap();
    let other = || Ask::Redraft(name("t"), Box::new(fields("s1", "s3", &[("B", 1), ("A", 2)], Some(4))));
    let set = ask(&shop, other()).unwrap();
    assert_eq!((set.lines.len(), set.expected_at), (2, Some(at(4 * DAY))));
    assert_eq!(ask(&shop, other()).unwrap(), set, "the same again changes nothing");
    ask(&shop, ready("t")).unwrap();
    assert_eq!((shop.level("A", "s1"), shop.level("B", "s1")), (level(10, 2), level(10, 1)));
    assert_eq!(in_state(&ask(&shop, other()).unwrap_err()), "ready");
    audit(&shop);
}

#[test]
fn what_cannot_be_is_refused_and_leaves_nothing() {
    let shop = shop();
    let seq = shop.engine.state().view.seq();
    let wrong = |fields: Fields| invalid(ask(&shop, asked("t", fields, true)).unwrap_err());
    let (a, day) = ([("A", 1)], Some(1));
    assert_eq!(wrong(fields("nowhere", "s2", &a, day)), "from");
    assert_eq!(wrong(fields("s1", "nowhere", &a, day)), "to");
    assert_eq!(wrong(fields("s1", "s1", &a, day)), "to");
    assert_eq!(wrong(fields("s1", "s2", &[("Z", 1)], day)), "lines[0].sku");
    assert_eq!(wrong(fields("s1", "s2", &[("A", 1), ("A", 2)], day)), "lines[1].sku");
    assert_eq!(wrong(fields("s1", "s2", &a, Some(0))), "expected_at");
    for command in [ready("t"), Ask::Ship(Box::new(ship("t"))), Ask::Receive(Box::new(receipt("t", &[("A", 1, 0)])))] {
        assert!(matches!(ask(&shop, command).unwrap_err(), Failure::Refused(Refusal::NotFound("transfer"))));
    }
    // Nobody else reserves through its channel, and nobody moves its promise but the transfer.
    let mut through = hold(&[("A", "s1", 1)]);
    through.channel = name("transfer");
    assert_eq!(invalid(shop.try_reserve(through).unwrap_err()), "channel");
    assert_eq!(shop.engine.state().view.seq(), seq, "nothing was logged");

    let promise = made_ready(&shop, "t", &[("A", 2)]).reservation.unwrap();
    let seq = shop.engine.state().view.seq();
    for step in [
        StepRequest::Cancel { lines: None, reason: None },
        StepRequest::Collect { lines: None, pickup_code: None },
        StepRequest::Ready { entropy: 1 },
        StepRequest::PickupBy { pickup_by: Some(at(DAY)) },
        StepRequest::Extend { ttl_seconds: 9000 },
    ] {
        let refused = shop.try_step(promise, step).unwrap_err();
        assert!(matches!(refused, Failure::Refused(Refusal::WrongState(State::Confirmed))), "{refused}");
    }
    let mut instead = hold(&[("A", "s1", 1)]);
    instead.supersedes = [promise].into();
    shop.try_reserve(instead).unwrap_err();
    assert_eq!(
        in_state(&received(&shop, "t", &[("A", 1, 0)]).unwrap_err()),
        "ready",
        "nothing arrives that did not leave"
    );
    let some = |lines: &[(&str, u32)]| {
        let lines = Some(lines.iter().map(|(sku, units)| (name(sku), *units)).collect());
        invalid(ask(&shop, Ask::Ship(Box::new(Ship { lines, ..ship("t") }))).unwrap_err())
    };
    assert_eq!(some(&[("B", 1)]), "lines[0].sku");
    assert_eq!(some(&[("A", 3)]), "lines[0].quantity");
    assert_eq!(some(&[("A", 1), ("A", 1)]), "lines[1].quantity");
    assert_eq!(some(&[]), "lines");
    shipped(&shop, "t").unwrap();
    assert_eq!(in_state(&ask(&shop, ready("t")).unwrap_err()), "in_transit");
    assert_eq!(invalid(received(&shop, "t", &[("A", 1, 0), ("A", 1, 0)]).unwrap_err()), "lines[1].sku");
    assert_eq!(invalid(received(&shop, "t", &[("Z", 1, 0)]).unwrap_err()), "lines[0].sku");
    assert!(shop.engine.state().view.seq() > seq);
    // What nobody counts is not moved.
    shop.put(PutWhat::Sku(name("BAG"), SkuFields { tracked: Patch::Set(false), ..Default::default() })).unwrap();
    assert_eq!(wrong_at(&shop, &[("BAG", 1)]), "lines[0].sku");
    audit(&shop);
}

fn wrong_at(shop: &Shop, lines: &[(&str, u32)]) -> String {
    invalid(ask(shop, asked("v", fields("s1", "s2", lines, Some(1)), false)).unwrap_err())
}

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
fn a_rule_says_what_may_leave() {
    let shop = shop();
    let mut keeps = rule(Effect::SafetyStock(Amount::Units(7)));
    keeps.channels = vec![name("transfer")];
    shop.put_rule("keeps", Some(keeps)).unwrap();
    let refused = ask(&shop, asked("t", fields("s1", "s2", &[("A", 4)], Some(2)), true)).unwrap_err();
    let Failure::Refused(Refusal::Insufficient(shorts)) = refused else { panic!("{refused}") };
    assert_eq!((shorts[0].constraint, shorts[0].available), (Constraint::SafetyStock, 3));
    made_ready(&shop, "t", &[("A", 3)]);
    assert_eq!(seen(&shop, "A", "s1"), (7, 0), "customers may have the rest");
    let mut closed = rule(Effect::Access(false));
    closed.channels = vec![name("transfer")];
    shop.put_rule("closed", Some(closed)).unwrap();
    ask(&shop, asked("u", fields("s1", "s2", &[("B", 1)], Some(2)), true)).unwrap_err();
    shipped(&shop, "t").unwrap();
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

/// Some of what is at places is kept from transfers.
fn keeps(places: &[&str]) -> RuleFields {
    let mut keeps = rule(Effect::SafetyStock(Amount::Units(3)));
    keeps.channels = vec![name("transfer")];
    keeps.locations = places.iter().map(|place| name(place)).collect();
    keeps
}

/// One call of a transfer.
type Step = fn(&Shop) -> Result<Transfer, Failure>;

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

/// Units of a SKU in all places and on their way, but for what step 2 above adds.
fn conserved(shop: &Shop, units: &[(&str, i64)]) {
    let sums = sums(&shop.engine);
    for (sku, units) in units {
        let id = shop.engine.state().catalogue.skus.id(sku).unwrap();
        assert_eq!(sums.get(&id), Some(units), "{sku}");
    }
}

/// By SKU, the units in all places and on their way.
fn sums(engine: &Engine) -> BTreeMap<SkuId, i64> {
    let (state, mut sums) = (engine.state(), BTreeMap::new());
    for (_, cell) in state.matrix.range(0, state.cells()) {
        *sums.entry(cell.sku()).or_default() += i64::from(cell.durable().on_hand);
    }
    for line in state.own.transfers.all().iter().flat_map(|transfer| &transfer.lines) {
        *sums.entry(line.sku).or_default() += i64::from(line.checked_outstanding().unwrap());
    }
    sums
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

#[test]
fn no_other_receipt_uses_up_what_a_transfer_brings() {
    let shop = shop();
    made_ready(&shop, "t", &[("A", 4)]);
    shop.supply("po", "A", "s2", 5, 9 * DAY);
    shop.receive("A", "s2", 3);
    assert_eq!(seen(&shop, "A", "s2"), (3, 6), "two of the order, and what is on its way");
    shop.receive("A", "s2", 9);
    assert_eq!(seen(&shop, "A", "s2"), (12, 4));
    let mut named = shop.movement(MovementKind::Receipt, "A", "s2", 2);
    let own = shop.engine.state().own.transfers.named("t").unwrap();
    named.reference = Some(own.supply_name().to_string());
    shop.try_move(vec![named]).unwrap();
    assert_eq!(seen(&shop, "A", "s2"), (14, 4), "also where a document says so");
    let said = shop.try_supply("transfer:9", "A", "s2", 9, 9 * DAY).unwrap_err();
    assert_eq!(invalid(said), "supplies[0].supply", "and nobody says otherwise what it brings");
    shipped(&shop, "t").unwrap();
    received(&shop, "t", &[("A", 4, 0)]).unwrap();
    assert_eq!(seen(&shop, "A", "s2"), (18, 0));
    audit(&shop);
    audit(&shop.restart());
}

#[test]
fn what_a_transfer_rests_on_is_not_retired() {
    let shop = shop();
    let holders = |shop: &Shop, kind, what: &str| -> Vec<String> {
        let found = shop.engine.state().holders(kind, &name(what));
        found.iter().map(|holder| format!("{} {}", holder.what, holder.count)).collect()
    };
    ask(&shop, asked("t", fields("s1", "s3", &[("A", 10)], None), true)).unwrap();
    shipped(&shop, "t").unwrap();
    assert_eq!(holders(&shop, ThingKind::Location, "s3"), ["transfers 1"], "undated, it is no supply");
    assert_eq!(holders(&shop, ThingKind::Sku, "A"), ["transfers 1"]);
    let shop = shop.restart();
    assert_eq!(holders(&shop, ThingKind::Location, "s3"), ["transfers 1"]);
    let refused = shop.put(PutWhat::Sku(name("A"), SkuFields { tracked: Patch::Set(false), ..Default::default() }));
    assert!(matches!(refused.unwrap_err(), Failure::Refused(Refusal::HeldAsCounted { .. })));
    cancelled(&shop, "t", Some(Units::WrittenOff)).unwrap();
    assert!(holders(&shop, ThingKind::Location, "s3").is_empty());
    audit(&shop);
}

#[test]
fn a_line_holds_no_more_than_it_can_say() {
    let shop = shop();
    made_ready(&shop, "t", &[("A", 1), ("B", 1)]);
    shipped(&shop, "t").unwrap();
    let much = 1_000_000_000;
    received(&shop, "t", &[("A", much, 0)]).unwrap();
    shop.sell("A", "s2", i64::from(much));
    let refused = received(&shop, "t", &[("A", much, 0)]).unwrap_err();
    assert_eq!(invalid(refused), "lines[0].quantity");
    received(&shop, "t", &[("A", 1, 0)]).unwrap();
    audit(&shop);
}

/// Places and SKUs of a random life.
const PLACES: u64 = 30;
const SKUS: u64 = 12;

/// A shop that is opened again now and then.
struct Life<'a> {
    shop: Shop,
    folder: Option<&'a Path>,
    numbers: Numbers,
    /// By SKU, the units in all places and on their way.
    units: BTreeMap<SkuId, i64>,
    holds: Vec<ReservationId>,
    steps: u64,
    done: BTreeMap<&'static str, (u64, u64)>,
}

impl<'a> Life<'a> {
    fn new(seed: u64, folder: Option<&'a Path>) -> Self {
        let clock = ManualClock::at(START_MS);
        let shop = match folder {
            Some(folder) => Shop::on_disk(folder, &clock),
            None => Shop::on(MemoryDisk::default(), clock, Settings::default()),
        };
        let places: Vec<_> = (0..PLACES).map(|place| format!("p{place}")).collect();
        shop.declare(&places.iter().map(String::as_str).collect::<Vec<_>>());
        let rows = (0..SKUS).flat_map(|sku| (0..PLACES).map(move |place| (sku, place)));
        let rows =
            rows.map(|(sku, place)| shop.movement(MovementKind::Receipt, &format!("A{sku}"), &format!("p{place}"), 20));
        shop.try_move(rows.collect()).unwrap();
        shop.put_rule("keeps", Some(keeps(&["p1", "p2"]))).unwrap();
        let units = sums(&shop.engine);
        Self { shop, folder, numbers: Numbers::new(seed), units, holds: Vec::new(), steps: 0, done: BTreeMap::new() }
    }

    fn sku(&mut self) -> String {
        format!("A{}", self.numbers.below(SKUS))
    }

    fn place(&mut self) -> String {
        format!("p{}", self.numbers.below(PLACES))
    }

    /// When something happened: now, or a while ago.
    fn told_at(&mut self) -> Option<Timestamp> {
        let now = self.shop.clock_now();
        (self.numbers.below(3) == 0).then(|| Timestamp(now.saturating_sub(self.numbers.below(4_000_000)).max(START_MS)))
    }

    /// Whether a count of a cell knows of what happened then.
    fn is_counted(&self, at: Option<Timestamp>, sku: SkuId, location: LocationId) -> bool {
        let cell = self.shop.engine.state().matrix.get(sku, location);
        let counted_at = cell.map(|cell| cell.counted_at()).unwrap_or_default();
        at.is_some_and(|at| at <= counted_at)
    }

    fn some_transfer(&mut self) -> Option<Arc<Transfer>> {
        let all = self.shop.engine.state().own.transfers.all();
        let open: Vec<_> = all.iter().filter(|transfer| transfer.state.is_open()).collect();
        // Mostly one that is open.
        let all: Vec<_> = if self.numbers.below(20) == 0 { all.iter().collect() } else { open };
        let nth = self.numbers.below((all.len() as u64).max(1)) as usize;
        all.get(nth).map(|transfer| Arc::clone(transfer))
    }

    fn add(&mut self, sku: SkuId, units: i64) {
        *self.units.entry(sku).or_default() += units;
    }

    /// One step, and whether it was done.
    fn step(&mut self) {
        let kinds = [
            "move", "count", "hold", "step", "make", "make", "ready", "ready", "ship", "ship", "receive", "receive",
            "cancel",
        ];
        let kind = kinds[self.numbers.below(kinds.len() as u64) as usize];
        let done = match kind {
            "move" => self.moves(),
            "count" => self.counts(),
            "hold" => self.reserves(),
            "step" => self.steps_on(),
            "make" => self.makes(),
            "ready" => self.readies(),
            "ship" => self.ships(),
            "receive" => self.receives(),
            _ => self.cancels(),
        };
        let of = self.done.entry(kind).or_default();
        *if done { &mut of.0 } else { &mut of.1 } += 1;
        self.steps += 1;
        self.shop.clock.advance(self.numbers.below(200_000));
    }

    fn moves(&mut self) -> bool {
        let (sku, place) = (self.sku(), self.place());
        let kinds = [
            MovementKind::Sale,
            MovementKind::Sale,
            MovementKind::Receipt,
            MovementKind::Return,
            MovementKind::ReturnDamaged,
            MovementKind::Adjustment,
        ];
        let kind = kinds[self.numbers.below(6) as usize];
        let units = 1 + self.numbers.below(5) as i64;
        let change = match kind {
            MovementKind::Sale => -units,
            MovementKind::Adjustment if self.numbers.below(2) == 0 => -units,
            _ => units,
        };
        let mut movement = self.shop.movement(kind, &sku, &place, change);
        movement.occurred_at = self.told_at();
        let Ok(rows) = self.shop.try_move(vec![movement]) else { return false };
        for row in rows.iter().filter(|row| !row.absorbed) {
            self.add(row.cell.sku, row.change);
        }
        true
    }

    fn counts(&mut self) -> bool {
        let (sku, place) = (self.sku(), self.place());
        let at = self.told_at().map(|at| at.0);
        let found = self.shop.level(&sku, &place).on_hand + self.numbers.below(7) as i32 - 3;
        let Ok(counted) = self.shop.try_count(&sku, &place, found.max(0), at) else { return false };
        if !counted.outdated {
            self.add(counted.cell.sku, i64::from(counted.counted) - i64::from(counted.expected));
        }
        true
    }

    fn reserves(&mut self) -> bool {
        let (sku, place, units) = (self.sku(), self.place(), 1 + self.numbers.below(6) as u32);
        let seconds = (self.shop.clock_now() - START_MS) / 1000 + 40 * DAY;
        let request = match self.numbers.below(3) {
            0 => hold(&[(&sku, &place, units)]),
            _ => hold_to_come(&[(&sku, &place, units)], seconds),
        };
        let Ok(made) = self.shop.try_reserve(request) else { return false };
        self.holds.push(made.id);
        true
    }

    fn steps_on(&mut self) -> bool {
        if self.holds.is_empty() {
            return false;
        }
        let nth = self.numbers.below(self.holds.len() as u64) as usize;
        let id = self.holds[nth];
        let Some(before) = self.shop.engine.reservation_in_memory(id) else { return false };
        match self.numbers.below(4) {
            0 => self.shop.confirm(id).is_ok(),
            1 => {
                self.holds.swap_remove(nth);
                self.shop.cancel(id).is_ok()
            }
            _ => {
                let Ok(after) = self.shop.collect(id) else { return false };
                self.holds.swap_remove(nth);
                for (old, new) in before.lines.iter().zip(&after.lines) {
                    self.add(old.sku, -i64::from(new.collected - old.collected));
                }
                true
            }
        }
    }

    fn makes(&mut self) -> bool {
        let mut all: Vec<_> = (0..1 + self.numbers.below(4)).map(|_| self.sku()).collect();
        all.sort();
        all.dedup();
        let lines: Vec<_> = all.iter().map(|sku| (sku.as_str(), 1 + self.numbers.below(8) as u32)).collect();
        let (from, to) = (self.place(), self.place());
        let today = (self.shop.clock_now() - START_MS) / (1000 * DAY);
        let days = (self.numbers.below(4) > 0).then(|| today + 1 + self.numbers.below(5));
        let fields = fields(&from, &to, &lines, days);
        let make = Make {
            name: name(&format!("t-{}", self.numbers.below(1 << 40))),
            digest: self.numbers.draw(),
            fields,
            ready: self.numbers.below(2) == 0,
            allow_partial: self.numbers.below(2) == 0,
        };
        ask(&self.shop, Ask::Make(Box::new(make))).is_ok()
    }

    fn readies(&mut self) -> bool {
        let Some(known) = self.some_transfer() else { return false };
        let expected_at = (self.numbers.below(3) == 0)
            .then(|| Timestamp(self.shop.clock_now()).plus_seconds(1 + self.numbers.below(9 * DAY)));
        let allow_partial = self.numbers.below(2) == 0;
        ask(&self.shop, Ask::Ready { transfer: known.name.clone(), expected_at, allow_partial }).is_ok()
    }

    fn ships(&mut self) -> bool {
        let Some(known) = self.some_transfer() else { return false };
        let mut request = ship(known.name.as_str());
        request.occurred_at = self.told_at();
        if self.numbers.below(3) == 0 {
            let catalogue = &self.shop.engine.state().catalogue;
            let some = known.lines.iter().filter(|line| line.reserved > 0);
            let some = some.map(|line| {
                (catalogue.skus.name(line.sku).clone(), 1 + self.numbers.below(line.reserved.into()) as u32)
            });
            request.lines = Some(some.collect());
        }
        let told_at = request.occurred_at;
        let was_ready = known.state == TransferState::Ready;
        let absorbed: Vec<_> =
            known.lines.iter().map(|line| self.is_counted(told_at, line.sku, known.content.from)).collect();
        let Ok(after) = ask(&self.shop, Ask::Ship(Box::new(request))) else { return false };
        for (line, absorbed) in after.lines.iter().zip(absorbed) {
            // What a count has already is on its way besides.
            if was_ready && absorbed {
                self.add(line.sku, line.shipped.into());
            }
        }
        true
    }

    fn receives(&mut self) -> bool {
        let Some(known) = self.some_transfer() else { return false };
        let mut rows = Vec::new();
        for line in &known.lines {
            if self.numbers.below(3) > 0 {
                let most = u64::from(line.outstanding()) + 1 + u64::from(self.numbers.below(8) == 0);
                let (units, damaged) = (self.numbers.below(most) as u32, (self.numbers.below(5) == 0) as u32);
                if units + damaged > 0 {
                    rows.push((self.shop.engine.state().catalogue.skus.name(line.sku).clone(), units, damaged));
                }
            }
        }
        if self.numbers.below(10) == 0 {
            let sku = name(&self.sku());
            if rows.iter().all(|(other, ..)| *other != sku) {
                rows.push((sku, 1, self.numbers.below(2) as u32));
            }
        }
        let request = Receive {
            transfer: known.name.clone(),
            lines: rows.clone(),
            reference: (self.numbers.below(3) == 0).then(|| format!("note-{}", self.numbers.below(5)).into()),
            closes: self.numbers.below(4) == 0,
            occurred_at: self.told_at(),
        };
        let told_at = request.occurred_at;
        let catalogue = &self.shop.engine.state().catalogue;
        let inside = catalogue.quarantine(known.content.to);
        let absorbed: BTreeMap<SkuId, (bool, bool)> = rows
            .iter()
            .filter_map(|(sku, ..)| catalogue.skus.id(sku.as_str()))
            .map(|sku| {
                let inside = inside.is_some_and(|inside| self.is_counted(told_at, sku, inside));
                (sku, (self.is_counted(told_at, sku, known.content.to), inside))
            })
            .collect();
        let Ok(after) = ask(&self.shop, Ask::Receive(Box::new(request))) else { return false };
        for (nth, line) in after.lines.iter().enumerate() {
            let before = known.lines.get(nth);
            let of = |of: fn(&anaquel_engine::transfers::TransferLine) -> u32| {
                i64::from(of(line)) - i64::from(before.map_or(0, of))
            };
            let (shelf, inside) = absorbed.get(&line.sku).copied().unwrap_or_default();
            let had =
                if shelf { of(|line| line.received) } else { 0 } + if inside { of(|line| line.damaged) } else { 0 };
            self.add(line.sku, of(|line| line.surplus) - of(|line| line.missing) - had);
        }
        true
    }

    fn cancels(&mut self) -> bool {
        let Some(known) = self.some_transfer() else { return false };
        if self.numbers.below(2) == 0 && known.state != TransferState::Ready {
            return false;
        }
        let units = [None, Some(Units::Returned), Some(Units::WrittenOff)][self.numbers.below(3) as usize];
        let Ok(after) = cancelled(&self.shop, known.name.as_str(), units) else { return false };
        for (line, before) in after.lines.iter().zip(&known.lines) {
            self.add(line.sku, i64::from(before.missing) - i64::from(line.missing));
        }
        true
    }

    /// Units come and go only where something says so; nothing is promised at both ends.
    fn check(&self) {
        assert_eq!(
            sums(&self.shop.engine),
            self.units,
            "units in all places and on their way, after step {}",
            self.steps
        );
        let state = self.shop.engine.state();
        let ledger = state.ledger();
        for transfer in state.own.transfers.all() {
            let promise = transfer.reservation.and_then(|id| state.reservations.get(id));
            for (number, line) in transfer.lines.iter().enumerate() {
                let here =
                    promise.as_ref().and_then(|promise| promise.lines.get(number)).map_or(0, |line| line.present());
                assert_eq!(here, line.reserved, "promised at the place that it leaves: {transfer:?}");
                let name = transfer.supply_name();
                let outlook = ledger.outlook(line.sku, transfer.content.to);
                let supply =
                    outlook.into_iter().flat_map(|outlook| outlook.supplies()).find(|supply| supply.name == name);
                let comes = match transfer.expected_at {
                    Some(_) if transfer.state.is_open() => line.reserved + line.outstanding(),
                    _ => 0,
                };
                let open = supply.map_or(0, |supply| supply.open);
                let comes = if transfer.state == TransferState::Draft { 0 } else { comes };
                assert_eq!(open, comes, "to come to the place that it goes to: {transfer:?}");
                let is_over = !transfer.state.is_open();
                assert!(!is_over || line.outstanding() == 0, "{transfer:?}");
                lines(&transfer);
            }
        }
    }

    /// The process ends and starts again.
    fn again(mut self) -> Self {
        // What is due by now is logged before whatever is asked, and would be logged at the start otherwise.
        for places in [["p1", "p2"], ["p2", "p1"]] {
            self.shop.put_rule("keeps", Some(keeps(&places))).unwrap();
        }
        let before = crate::common::hash(&self.shop.engine);
        self.shop = match self.folder {
            None => self.shop.restart(),
            Some(folder) => {
                if self.numbers.below(2) == 0 {
                    self.shop.engine.take_checkpoint().unwrap();
                }
                let clock = Arc::clone(&self.shop.clock);
                self.shop.engine.close().unwrap();
                drop(self.shop);
                Shop::on_disk(folder, &clock)
            }
        };
        assert_eq!(crate::common::hash(&self.shop.engine), before, "a replay is the live fold");
        self.shop.check_promises();
        self
    }
}

impl Shop {
    fn clock_now(&self) -> u64 {
        anaquel_engine::Clock::now(&*self.clock).0
    }
}

fn lives(seed: u64, folder: Option<&Path>, steps: u64, each: u64) {
    let mut life = Life::new(seed, folder);
    while life.steps < steps {
        life.step();
        life.check();
        if life.steps.is_multiple_of(each) {
            life = life.again();
            life.check();
        }
    }
    audit(&life.shop);
    let transfers = life.shop.engine.state().own.transfers.all().len();
    println!("{steps} steps, {transfers} transfers; done and refused: {:?}", life.done);
    assert!(life.done.values().all(|(done, _)| *done > 0), "{:?}", life.done);
}

/// `ANAQUEL_STEPS=n` takes n steps; 10,000 if nothing is said.
#[test]
fn over_random_steps_between_thirty_places_units_come_and_go_only_where_something_says_so() {
    let steps = anaquel_seeds::number("ANAQUEL_STEPS").unwrap_or(10_000);
    for seed in anaquel_seeds::seeds(&[], 1) {
        lives(seed.value(), None, steps, steps / 20);
    }
}

#[test]
fn the_same_on_a_disk_with_checkpoints() {
    for seed in anaquel_seeds::seeds(&[], 1) {
        let folder = tempfile::tempdir().unwrap();
        lives(seed.value(), Some(folder.path()), 600, 60);
    }
}
