//! The steps of a transfer, with the numbers at both ends.

use anaquel_engine::command::{Failure, Refusal};
use anaquel_engine::event::Purpose;
use anaquel_engine::level::Constraint;
use anaquel_engine::reservation::ReservationState;
use anaquel_engine::rules::Effect;
use anaquel_engine::transfers::TransferState;
use anaquel_engine::transfers::command::{Command as Ask, Make, Units};

use super::{
    DAY, ask, asked, at, cancelled, fields, in_state, invalid, lines, made_ready, now, quarantine, ready, receipt,
    received, seen, ship, shipped, shop,
};
use crate::common::{audit, hold, hold_to_come, level, name, rule};

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
    assert_eq!((promise.state, promise.purpose), (ReservationState::Confirmed, Purpose::Transfer));
    assert_eq!(shop.refusal(hold(&[("A", "s1", 7)])), (Constraint::Reserved, 6), "promised here no longer");
    let waits = shop.try_reserve(hold_to_come(&[("A", "s2", 3)], 9 * DAY)).unwrap();
    assert_eq!((waits.lines[0].present(), waits.lines[0].waiting()), (0, 3), "promised there, for when it comes");
    assert_eq!(shop.refusal(hold_to_come(&[("A", "s2", 2)], 9 * DAY)), (Constraint::Supply, 1));

    let left = shipped(&shop, "t").unwrap();
    assert_eq!((left.state, lines(&left)), (TransferState::InTransit, vec![[4, 0, 0, 0, 0, 0, 4]]));
    assert_eq!((shop.level("A", "s1"), seen(&shop, "A", "s2")), (level(6, 0), (0, 4)));
    assert_eq!(now(&shop, promise.id).state, ReservationState::Collected);

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
    assert_eq!((now(&shop, promise).state, both("s1")), (ReservationState::Cancelled, (level(10, 0), level(10, 0))));
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
