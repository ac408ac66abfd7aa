//! The steps of an order, one by one.

use anaquel_engine::command::{Failure, Refusal, StepRequest};
use anaquel_engine::event::Purpose;
use anaquel_engine::ids::ReservationId;
use anaquel_engine::kernel::tender::Tender;
use anaquel_engine::orders::command::{Command as Ask, RefundFields, StepFields, Teller};
use anaquel_engine::orders::payment::{PaymentState, RefundState};
use anaquel_engine::orders::{Flag, OrderState, SalesFilter};
use anaquel_engine::reservation::ReservationState;

use super::*;
use crate::common::{audit, hash, hold, level};

fn reservations(order: &Order) -> Vec<ReservationId> {
    order.fulfilments.iter().filter_map(|fulfilment| fulfilment.reservation).collect()
}

fn two_pickups_and_a_delivery(shop: &Shop, id: &str) -> Place {
    place(
        shop,
        id,
        vec![
            fulfilment(shop, "a", Purpose::Pickup, "s0", 1, &[("A", 2)]),
            fulfilment(shop, "b", Purpose::Pickup, "s0", 2, &[("A", 1), ("B", 1)]),
            fulfilment(shop, "c", Purpose::Delivery, "all", 4, &[("C", 25)]),
        ],
    )
}

#[test]
fn an_order_of_three_fulfilments_is_one_record_and_three_reservations() {
    let shop = shop();
    let order = placed(&shop, two_pickups_and_a_delivery(&shop, "W-1")).unwrap();
    assert_eq!((order.state, order.total(), order.lines.len()), (OrderState::Open, 3 * 299 + 1000 + 25 * 333, 4));
    let ids = reservations(&order);
    assert_eq!(ids.len(), 3);
    assert_eq!(ids.last(), Some(&ReservationId(order.version)), "the last has the id of the record");
    for (id, fulfilment) in ids.iter().zip(&order.fulfilments) {
        let reservation = shop.engine.state().reservations.get(*id).unwrap();
        assert_eq!(reservation.version, order.version, "one record makes all");
        assert_eq!((reservation.state, reservation.purpose), (ReservationState::Held, fulfilment.purpose));
        let units: u32 = fulfilment.lines.iter().map(|line| line.quantity).sum();
        assert_eq!(reservation.outstanding(), u64::from(units));
        assert_eq!(reservation.parent.as_ref().map(|parent| parent.name.as_str()), Some("W-1"));
    }
    assert_eq!(shop.level("A", "s0"), level(10, 3));
    let before = hash(&shop.engine);
    let shop = shop.restart();
    assert_eq!(hash(&shop.engine), before);
    audit(&shop);
    audit(&shop.restart());
}

#[test]
fn what_fails_in_its_last_line_holds_nothing() {
    let shop = shop();
    let before = shop.engine.state().view.seq();
    let mut asked = two_pickups_and_a_delivery(&shop, "W-1");
    asked.fulfilments[2] = fulfilment(&shop, "c", Purpose::Delivery, "all", 4, &[("C", 31)]);
    let failure = placed(&shop, asked).unwrap_err();
    let Failure::Refused(Refusal::Insufficient(shorts)) = failure else { panic!("{failure:?}") };
    assert_eq!((shorts.len(), shorts[0].line, shorts[0].available), (1, 3, 30));
    assert_eq!(shop.level("A", "s0"), level(10, 0));
    assert!(shop.engine.state().own.orders.named("W-1").is_none());
    let shop = shop.restart();
    let refused = |seq: u64| seq <= before + 1;
    assert!(refused(shop.engine.state().view.seq()), "at most the refused demand is logged");
    audit(&shop);
}

#[test]
fn a_repeat_by_its_id_or_by_its_key_is_the_same_order() {
    let shop = shop();
    let asked = two_pickups_and_a_delivery(&shop, "W-1");
    let first = ask_for(&shop, Ask::Place(Box::new(asked.clone())), Some(7)).unwrap();
    assert_eq!(placed(&shop, asked.clone()).unwrap(), first);
    let other = Place { digest: 1, ..asked };
    assert!(matches!(placed(&shop, other), Err(Failure::Refused(Refusal::AlreadyExists { kind: "order", .. }))));
    assert_eq!(shop.level("A", "s0"), level(10, 3));
}

#[test]
fn all_holds_run_out_in_one_record() {
    let shop = shop();
    let order = placed(&shop, two_pickups_and_a_delivery(&shop, "W-1")).unwrap();
    shop.clock.advance(901_000);
    shop.wait_until("the order expires", || {
        shop.engine.state().own.orders.named("W-1").is_some_and(|order| order.state == OrderState::Expired)
    });
    let expired = shop.engine.state().own.orders.named("W-1").unwrap();
    for id in reservations(&order) {
        let reservation = shop.engine.state().reservations.get(id).unwrap();
        assert_eq!((reservation.state, reservation.version), (ReservationState::Expired, expired.version));
    }
    assert_eq!((expired.total(), expired.due(), expired.expires_at), (0, 0, None));
    assert_eq!(shop.level("A", "s0"), level(10, 0));
    assert_eq!(
        step(&shop, "W-1", confirm(card(99999))).unwrap_err().to_string(),
        "the order W-1 is expired, which does not allow this step"
    );
    audit(&shop);
    audit(&shop.restart());
}

#[test]
fn confirming_needs_what_it_comes_to() {
    let shop = shop();
    let order = placed(&shop, two_pickups_and_a_delivery(&shop, "W-1")).unwrap();
    let total = order.total();
    let failure = step(&shop, "W-1", confirm(card(total - 1))).unwrap_err();
    assert!(
        matches!(failure, Failure::Refused(Refusal::Unbalanced { due, tendered }) if (due, tendered) == (total, total - 1))
    );
    let known = shop.engine.state().own.orders.named("W-1").unwrap();
    assert_eq!((known.state, known.payments.len()), (OrderState::Open, 0), "a refusal leaves no payment");
    let authorized = vec![payment(Tender::Card, total, PaymentState::Authorized)];
    let confirmed = step(&shop, "W-1", confirm(authorized)).unwrap();
    assert_eq!((confirmed.state, confirmed.paid(), confirmed.due()), (OrderState::Confirmed, 0, total));
    for id in reservations(&order) {
        assert_eq!(shop.engine.state().reservations.get(id).unwrap().state, ReservationState::Confirmed);
    }
    let again = step(&shop, "W-1", confirm(Vec::new())).unwrap();
    assert_eq!(again, confirmed, "what is reached is told as it is");
    audit(&shop.restart());
}

#[test]
fn two_are_collected_and_one_is_cancelled_of_three_for_two() {
    let shop = shop();
    let mut asked = place(&shop, "W-1", vec![fulfilment(&shop, "a", Purpose::Pickup, "s0", 1, &[("A", 3)])]);
    asked.fulfilments[0].lines[0].terms.discount = 299;
    (asked.confirm, asked.pay_at_handover) = (true, true);
    let order = placed(&shop, asked).unwrap();
    assert_eq!((order.state, order.total()), (OrderState::Confirmed, 598));
    let unpaid = step(&shop, "W-1", collect("a", Some(&[("A", 2)]), Vec::new())).unwrap_err();
    assert!(matches!(unpaid, Failure::Refused(Refusal::Unbalanced { due: 398, tendered: 0 })), "{unpaid:?}");
    assert_eq!(shop.level("A", "s0"), level(10, 3), "a refusal hands nothing over");
    let cash = vec![payment(Tender::Cash, 398, PaymentState::Captured)];
    let order = step(&shop, "W-1", collect("a", Some(&[("A", 2)]), cash)).unwrap();
    assert_eq!((order.lines[0].handed_over, order.state), (2, OrderState::Confirmed));
    let order = step(&shop, "W-1", cancel(Some(&[("1", 1)]))).unwrap();
    assert_eq!((order.total(), order.due(), order.refund_due()), (398, 0, 0));
    assert_eq!((order.state, order.lines[0].cancelled_amount), (OrderState::Completed, 200));
    assert_eq!(shop.level("A", "s0"), level(8, 0));
    let (rows, _) = shop.engine.state().own.orders.sales(&SalesFilter::default(), None, 10, 10);
    assert_eq!(rows.iter().map(|row| (row.quantity, row.amount, row.discount)).collect::<Vec<_>>(), [(2, 398, 200)]);
    audit(&shop.restart());
}

#[test]
fn a_sale_is_never_refused_for_want_of_stock() {
    let shop = shop();
    let sold = ask(&shop, Ask::Sell(Box::new(sale(&shop, "S-1", "s0", &[("A", 12), ("B", 1)])))).unwrap();
    assert_eq!((sold.state, sold.total(), sold.due()), (OrderState::Completed, 12 * 299 + 1000, 0));
    assert_eq!(shop.level("A", "s0"), level(-2, 0));
    let again = ask(&shop, Ask::Sell(Box::new(sale(&shop, "S-1", "s0", &[("A", 12), ("B", 1)])))).unwrap();
    assert_eq!((again.version, shop.level("A", "s0")), (sold.version, level(-2, 0)), "told twice, sold once");
    let (rows, _) = shop.engine.state().own.orders.sales(&SalesFilter::default(), None, 10, 10);
    assert_eq!(rows.len(), 2);
    audit(&shop.restart());
}

#[test]
fn a_sale_needs_a_price_and_its_money_unless_it_is_told_late() {
    let shop = shop();
    set_price(&shop, "A", None);
    let unpriced = ask(&shop, Ask::Sell(Box::new(sale(&shop, "S-1", "s0", &[("A", 1)])))).unwrap_err();
    let Failure::Refused(Refusal::PriceMismatch { lines, .. }) = unpriced else { panic!("{unpriced:?}") };
    assert_eq!((lines.len(), lines[0].actual), (1, None));
    let mut poor = sale(&shop, "S-2", "s0", &[("B", 1)]);
    poor.payments.clear();
    let unpaid = ask(&shop, Ask::Sell(Box::new(poor.clone()))).unwrap_err();
    assert!(matches!(unpaid, Failure::Refused(Refusal::Unbalanced { due: 1000, tendered: 0 })), "{unpaid:?}");
    assert_eq!(shop.level("B", "s0"), level(10, 0));
    shop.clock.advance(600_000);
    poor.pricing = None;
    poor.teller = Teller { occurred_at: Some(at(&shop, 0)), ..poor.teller };
    let late = ask(&shop, Ask::Sell(Box::new(poor))).unwrap();
    assert_eq!((late.flags.clone(), late.due()), (vec![Flag::Unbalanced], 1000));
    audit(&shop.restart());
}

#[test]
fn prices_that_changed_meanwhile_send_the_caller_back() {
    let shop = shop();
    let asked = place(&shop, "W-1", vec![fulfilment(&shop, "a", Purpose::Pickup, "s0", 1, &[("A", 1)])]);
    set_price(&shop, "A", Some(300));
    assert!(matches!(placed(&shop, asked), Err(Failure::Refused(Refusal::Repriced))));
    let mut asked = place(&shop, "W-1", vec![fulfilment(&shop, "a", Purpose::Pickup, "s0", 1, &[("A", 1)])]);
    asked.expected_total = Some(299);
    let other = placed(&shop, asked.clone()).unwrap_err();
    assert!(matches!(other, Failure::Refused(Refusal::PriceMismatch { total: 300, .. })), "{other:?}");
    asked.expected_total = Some(300);
    assert_eq!(placed(&shop, asked).unwrap().total(), 300);
    audit(&shop.restart());
}

#[test]
fn its_reservations_take_no_step_by_themselves() {
    let shop = shop();
    let order = placed(&shop, two_pickups_and_a_delivery(&shop, "W-1")).unwrap();
    for id in reservations(&order) {
        let steps = [
            StepRequest::Confirm { pickup_by: None, order: None },
            StepRequest::Extend { ttl_seconds: 60 },
            StepRequest::Cancel { lines: None, reason: None },
        ];
        for step in steps {
            let refused = shop.try_step(id, step).unwrap_err();
            assert!(matches!(refused, Failure::Refused(Refusal::PartOf { .. })), "{refused:?}");
        }
        let mut other = hold(&[("A", "s1", 1)]);
        other.supersedes = std::iter::once(id).collect();
        let refused = shop.try_reserve(other).unwrap_err();
        assert!(matches!(refused, Failure::Refused(Refusal::PartOf { .. })), "{refused:?}");
    }
    audit(&shop.restart());
}

#[test]
fn a_plan_keeps_prices_up_to_the_former_quantity() {
    let shop = shop();
    let order = placed(&shop, two_pickups_and_a_delivery(&shop, "W-1")).unwrap();
    set_price(&shop, "A", Some(500));
    let fulfilments = vec![fulfilment(&shop, "z", Purpose::Delivery, "s0", 1, &[("A", 10)])];
    let now = shop.engine.now();
    let pricing = shop.engine.state().price_request(&name("web"), EUR, (now, now), &[], &[]).pricing;
    let replan = StepFields::Replan { fulfilments, expected_total: None, pricing, bounds: Vec::new() };
    let planned = step(&shop, "W-1", replan).unwrap();
    let lines: Vec<_> = planned.lines.iter().map(|line| (&*line.name, line.quantity, line.unit_amount)).collect();
    assert_eq!(lines, [("1", 2, 299), ("1+8", 8, 500)]);
    assert_eq!(planned.expires_at, order.expires_at);
    for id in reservations(&order) {
        assert_eq!(shop.engine.state().reservations.get(id).unwrap().state, ReservationState::Cancelled);
    }
    assert_eq!(shop.level("A", "s0"), level(10, 10));
    audit(&shop.restart());
}

#[test]
fn a_fulfilment_moves_whole_to_another_location() {
    let shop = shop();
    let mut asked = place(&shop, "W-1", vec![fulfilment(&shop, "a", Purpose::Pickup, "s0", 1, &[("A", 2), ("B", 1)])]);
    (asked.confirm, asked.payments) = (true, card(1598));
    placed(&shop, asked).unwrap();
    let to = |place: &str| StepFields::SetFulfilment {
        fulfilment: "a".into(),
        pickup_by: None,
        promised_for: None,
        address: None,
        location: shop.engine.state().catalogue.locations.id(place),
    };
    let moved = step(&shop, "W-1", to("s1")).unwrap();
    assert_eq!((shop.level("A", "s0"), shop.level("A", "s1")), (level(10, 0), level(10, 2)));
    assert_eq!(moved.fulfilments[0].reservation, Some(ReservationId(moved.version)));
    shop.sell("B", "s2", 10);
    let refused = step(&shop, "W-1", to("s2")).unwrap_err();
    assert!(matches!(refused, Failure::Refused(Refusal::Insufficient(_))), "{refused:?}");
    assert_eq!((shop.level("A", "s1"), shop.level("A", "s2")), (level(10, 2), level(10, 0)));
    audit(&shop.restart());
}

#[test]
fn a_pickup_that_nobody_collects_lapses_and_its_money_is_to_be_refunded() {
    let shop = shop();
    let mut asked = place(&shop, "W-1", vec![fulfilment(&shop, "a", Purpose::Pickup, "s0", 1, &[("A", 2)])]);
    asked.charges = charge(100);
    (asked.confirm, asked.payments) = (true, card(698));
    asked.fulfilments[0].pickup_by = Some(at(&shop, 3600));
    placed(&shop, asked).unwrap();
    shop.clock.advance(3_601_000);
    shop.wait_until("the pickup lapses", || {
        shop.engine.state().own.orders.named("W-1").is_some_and(|order| order.state == OrderState::Cancelled)
    });
    let lapsed = shop.engine.state().own.orders.named("W-1").unwrap();
    assert_eq!((lapsed.total(), lapsed.refund_due(), shop.level("A", "s0")), (0, 698, level(10, 0)));
    let refund = |amount: u64, state: RefundState| {
        StepFields::Refunds(
            vec![RefundFields {
                name: Some("r1".into()),
                tender: Tender::Card,
                amount,
                state,
                payment: Some("p1".into()),
                reference: None,
            }],
            None,
        )
    };
    let refused = step(&shop, "W-1", refund(699, RefundState::Pending)).unwrap_err();
    assert!(matches!(refused, Failure::Refused(Refusal::Unbalanced { due: 698, tendered: 699 })), "{refused:?}");
    let refunded = step(&shop, "W-1", refund(698, RefundState::Pending)).unwrap();
    assert_eq!((refunded.refund_due(), refunded.refunds[0].state), (0, RefundState::Pending));
    let done = step(&shop, "W-1", refund(698, RefundState::Done)).unwrap();
    assert_eq!(done.refunds[0].state, RefundState::Done);
    let failed = step(&shop, "W-1", refund(698, RefundState::Failed)).unwrap_err();
    assert!(matches!(failed, Failure::Refused(Refusal::Invalid { .. })), "{failed:?}");
    audit(&shop.restart());
}

#[test]
fn cancelling_all_refunds_by_the_plan_cash_last() {
    let shop = shop();
    let mut asked = place(&shop, "W-1", vec![fulfilment(&shop, "a", Purpose::Pickup, "s0", 1, &[("B", 1)])]);
    asked.confirm = true;
    asked.payments = vec![
        payment(Tender::Cash, 300, PaymentState::Captured),
        payment(Tender::Card, 400, PaymentState::Captured),
        payment(Tender::Voucher, 300, PaymentState::Captured),
    ];
    placed(&shop, asked).unwrap();
    let cancelled = step(&shop, "W-1", cancel(None)).unwrap();
    let plan: Vec<_> = cancelled.refunds.iter().map(|refund| (refund.tender, refund.amount)).collect();
    assert_eq!(plan, [(Tender::Voucher, 300), (Tender::Card, 400), (Tender::Cash, 300)]);
    assert_eq!((cancelled.state, cancelled.refund_due()), (OrderState::Cancelled, 0));
    audit(&shop.restart());
}
