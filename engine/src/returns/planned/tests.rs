//! What comes back of which line, worked out beside any log.

use super::super::refund_plan::{Look, refund_plan};
use super::*;
use crate::ids::Name;
use crate::ids::Seq;
use crate::kernel::tender::Tender;
use crate::orders::on_receipts::OnReceipts;
use crate::orders::payment::{Origin, Payment, PaymentState, RefundPart};
use crate::orders::{OrderId, OrderLine, OrderState};
use crate::returns::policy::DEFAULT;

const DAY_MS: u64 = 86_400_000;

fn line(name: &str, sku: u32, quantity: u32, unit_amount: u64, discount: u64) -> OrderLine {
    OrderLine {
        name: name.into(),
        sku: SkuId(sku),
        quantity,
        unit_amount,
        price_list: None,
        discount,
        tax_rate: Some(2100),
        by_hand: false,
        price_differs: false,
        handed_over: quantity,
        cancelled: 0,
        cancelled_amount: 0,
        returned: 0,
        handed_over_at: Some(Timestamp(0)),
        receipts: OnReceipts::default(),
    }
}

fn payment(name: &str, tender: Tender, amount: u64, reference: Option<&str>) -> Payment {
    let origin = Origin {
        channel: Name::from("pos".to_owned()),
        location: None,
        till: None,
        occurred_at: Timestamp(0),
        business_date: 0,
    };
    Payment {
        name: name.into(),
        tender,
        amount,
        state: PaymentState::Captured,
        reference: reference.map(Into::into),
        given: None,
        captured: Some(origin.clone()),
        origin,
        on_receipt: false,
    }
}

fn order(lines: Vec<OrderLine>, payments: Vec<Payment>) -> Order {
    let name = Name::from("o".to_owned());
    Order {
        id: OrderId(1),
        version: 1 as Seq,
        name: name.clone(),
        digest: 0,
        state: OrderState::Completed,
        channel: name.clone(),
        begun_in: name,
        customer: None,
        cart: None,
        reference: None,
        currency: Currency(*b"EUR"),
        lines,
        charges: Vec::new(),
        fulfilments: Vec::new(),
        codes: Vec::new(),
        payments,
        refunds: Vec::new(),
        receipts: Vec::new(),
        returns: Vec::new(),
        imported: None,
        exit: None,
        pay_at_handover: false,
        till: None,
        till_reference: None,
        flags: Vec::new(),
        priced_at: 0,
        created_at: Timestamp(0),
        expires_at: None,
        history: Vec::new(),
    }
}

fn asked(line: Option<&str>, sku: Option<u32>, quantity: u32) -> KnownLine {
    let fields = LineFields {
        line: line.map(Into::into),
        sku: sku.map(|sku| Name::from(format!("S{sku}"))),
        quantity,
        condition: Some(Condition::Sellable),
        reason: None,
        worth: None,
    };
    KnownLine { fields, sku: sku.map(SkuId) }
}

fn take_with(
    order: &mut Order,
    lines: &[KnownLine],
    (at, is_late, paid_back): (u64, bool, u64),
    policy: Policy,
) -> Result<Planned, Refusal> {
    let policy = |_: SkuId| policy;
    take(order, &Question { lines, charges: &[], at: Timestamp(at), is_late, paid_back, policy: &policy })
}

/// The units and the worth of each line that comes back, or the reasons why not.
type Told = Result<Vec<(String, u32, u64)>, Vec<(u32, &'static str)>>;

fn reported(planned: Result<Planned, Refusal>) -> Told {
    match planned {
        Ok(planned) => Ok(planned
            .lines
            .iter()
            .map(|one| (one.line.name.to_string(), one.line.quantity, one.line.refund_amount))
            .collect()),
        Err(Refusal::NotReturnable(lines)) => {
            Err(lines.iter().map(|line| (line.returnable, line.reason.as_str())).collect())
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn the_oldest_lines_of_a_sku_come_back_first_and_bring_what_their_units_are_worth() {
    let mut order = order(vec![line("1", 7, 3, 299, 299), line("2", 8, 1, 50, 0), line("3", 7, 2, 100, 1)], Vec::new());
    let first = reported(take_with(&mut order, &[asked(None, Some(7), 4)], (0, false, 0), DEFAULT));
    assert_eq!(first, Ok(vec![("1".into(), 3, 598), ("3".into(), 1, 99)]));
    let second =
        reported(take_with(&mut order, &[asked(None, Some(7), 1), asked(Some("2"), None, 1)], (0, false, 0), DEFAULT));
    assert_eq!(second, Ok(vec![("3".into(), 1, 100), ("2".into(), 1, 50)]));
    assert_eq!(order.lines.iter().map(OrderLine::brought_back).collect::<Vec<_>>(), [598, 50, 199]);
    let none = reported(take_with(&mut order, &[asked(Some("2"), None, 1)], (0, false, 0), DEFAULT));
    assert_eq!(none, Err(vec![(0, "quantity")]));
}

#[test]
fn two_lines_of_one_request_do_not_take_one_unit_twice() {
    let mut order = order(vec![line("1", 7, 1, 100, 0)], Vec::new());
    let twice = [asked(Some("1"), None, 1), asked(None, Some(7), 1)];
    assert_eq!(reported(take_with(&mut order, &twice, (0, false, 0), DEFAULT)), Err(vec![(0, "quantity")]));
}

#[test]
fn a_refusal_says_why() {
    let outstanding = OrderLine { handed_over: 0, handed_over_at: None, ..line("1", 7, 1, 100, 0) };
    let sold = line("2", 8, 2, 100, 0);
    let lines = vec![outstanding, sold];
    let excluded = Policy { allow: false, ..DEFAULT };
    for (asked, at, policy, why) in [
        (asked(Some("1"), None, 1), 0, DEFAULT, (0, "not_handed_over")),
        (asked(Some("2"), None, 3), 0, DEFAULT, (2, "quantity")),
        (asked(Some("2"), None, 1), 30 * DAY_MS + 1, DEFAULT, (0, "window")),
        (asked(Some("2"), None, 1), 0, excluded, (0, "excluded")),
        (asked(Some("9"), None, 1), 0, DEFAULT, (0, "unknown_sale")),
        (asked(None, Some(9), 1), 0, DEFAULT, (0, "unknown_sale")),
        (asked(Some("2"), Some(7), 1), 0, DEFAULT, (0, "unknown_sale")),
    ] {
        let mut order = order(lines.clone(), Vec::new());
        assert_eq!(
            reported(take_with(&mut order, std::slice::from_ref(&asked), (at, false, 0), policy)),
            Err(vec![why])
        );
    }
    let mut order = order(lines, Vec::new());
    assert!(take_with(&mut order, &[asked(Some("2"), None, 1)], (30 * DAY_MS, false, 0), DEFAULT).is_ok());
    let undelivered = KnownLine {
        fields: LineFields { reason: Some(UNDELIVERED.into()), ..asked(Some("2"), None, 1).fields },
        sku: None,
    };
    assert!(take_with(&mut order, &[undelivered], (900 * DAY_MS, false, 0), DEFAULT).is_ok());
}

#[test]
fn what_is_reported_late_is_booked_and_the_rest_gets_what_was_paid_back_beyond() {
    let mut order = order(vec![line("1", 7, 2, 100, 0)], Vec::new());
    let late = [asked(Some("1"), Some(7), 5), asked(None, Some(9), 1)];
    let planned = take_with(&mut order, &late, (900 * DAY_MS, true, 1000), DEFAULT).unwrap_or_default();
    assert_eq!((planned.value(), planned.has_rest()), (1000, true));
    let reported: Vec<_> =
        planned.lines.iter().map(|one| (one.of, one.line.quantity, one.line.refund_amount)).collect();
    assert_eq!(reported, [(Some(0), 2, 200), (None, 3, 600), (None, 1, 200)]);
}

/// Returns and orders by their names.
#[derive(Default)]
struct Known(Vec<Return>, Vec<Order>);

impl Look for Known {
    fn returned(&self, name: &str) -> Option<Return> {
        self.0.iter().find(|returned| returned.name.as_str() == name).cloned()
    }

    fn order(&self, name: &Name) -> Option<Order> {
        self.1.iter().find(|order| order.name == *name).cloned()
    }
}

fn told_parts(parts: &[RefundPart]) -> Vec<(Tender, u64, Option<&str>)> {
    parts.iter().map(|part| (part.tender, part.amount, part.payment.as_deref())).collect()
}

#[test]
fn what_an_exchange_paid_goes_to_the_tenders_of_the_first_order_and_to_each_what_it_paid() {
    let name = |text: &str| Name::from(text.to_owned());
    let mut first =
        order(Vec::new(), vec![payment("p1", Tender::Cash, 60, None), payment("p2", Tender::Card, 40, None)]);
    first.name = name("O1");
    let mut returned = new_return(
        &TakeBack {
            name: name("R1"),
            digest: 0,
            teller: crate::orders::command::Teller {
                channel: name("pos"),
                location: None,
                till: None,
                occurred_at: None,
            },
            of: Of::Order(name("O1")),
            customer: None,
            currency: None,
            lines: Vec::new(),
            charges: Vec::new(),
            money: crate::returns::command::Money { refunds: None, may_divide: false, exchange: None, receipt: None },
            is_announced: false,
        },
        Some(&first),
        Timestamp(0),
    );
    returned.exchange = Some(name("O2"));
    let part = |tender, amount, payment: Option<&str>| RefundPart { tender, amount, payment: payment.map(Into::into) };
    let link = |of: &str, refunds: Vec<RefundPart>| ReturnLink { name: name(of), value: 100, refunds };
    first.returns.push(link("R1", vec![part(Tender::Exchange, 100, None)]));
    let mut second =
        order(Vec::new(), vec![payment("x", Tender::Exchange, 100, Some("R1")), payment("p", Tender::Card, 30, None)]);
    second.name = name("O2");
    let known = |second: &Order| Known(vec![returned.clone()], vec![first.clone(), second.clone()]);
    let half = refund_plan(&second, 50, &known(&second));
    assert_eq!(told_parts(&half), [(Tender::Card, 40, Some("x")), (Tender::Cash, 10, Some("x"))]);
    second.returns.push(link("R2", half));
    let rest = refund_plan(&second, 80, &known(&second));
    assert_eq!(told_parts(&rest), [(Tender::Cash, 50, Some("x")), (Tender::Card, 30, Some("p"))]);
    // Of goods of the first order that come back later, its card has nothing left.
    let own = refund_plan(&first, 10, &known(&second));
    assert_eq!(told_parts(&own), [(Tender::Cash, 10, Some("p1"))]);
    // Of an order that nobody knows any more nothing is planned.
    assert_eq!(refund_plan(&second, 50, &Known::default()), Vec::new());
}
