//! A step on something archived brings it back first; so does an id that is told again.

use anaquel_engine::archive::command::Command as ArchiveAsk;
use anaquel_engine::archive::{Kept, event::Event as ArchiveEvent};
use anaquel_engine::command::Refusal;
use anaquel_engine::event::Event;

use super::*;

/// An order of three of A, of which two are handed over and one is cancelled, with a receipt.
fn handed_over(shop: &Shop, id: &str) -> Order {
    let mut asked = place(shop, id, vec![fulfilment(shop, "a", Purpose::Pickup, "s0", 1, &[("A", 3)])]);
    (asked.confirm, asked.payments, asked.receipt) = (true, card(897), Some(receipt("R", 1)));
    placed(shop, asked).unwrap();
    step(shop, id, collect("a", Some(&[("A", 3)]), Vec::new())).unwrap()
}

#[test]
fn a_step_brings_an_order_back_and_it_leaves_again_later() {
    let (at, shop) = on_disk();
    let before = handed_over(&shop, "W-1");
    at.pass_days(MEMORY_DAYS + 1);
    shop.engine.archive_now().unwrap();
    assert!(shop.engine.state().own.orders.named("W-1").is_none());
    let needed = Needed { orders: vec![name("W-1")], ..Needed::default() };
    assert!(shop.engine.is_archived(&needed).unwrap());
    let missing = step(&shop, "W-1", StepFields::Payments(card(1))).unwrap_err();
    assert!(matches!(missing, Failure::Refused(Refusal::NotFound("order"))), "{missing:?}");
    let paid = recalled(&shop, "W-1", step_of(&shop, "W-1", StepFields::Payments(card(100)))).unwrap();
    assert!(paid.version > before.version && paid.id == before.id && paid.refund_due() == 100);
    assert_eq!(paid.history.len(), before.history.len() + 1);
    assert!(!shop.engine.is_archived(&needed).unwrap());
    // Its receipt came with it, its rows stay where they are, and each is found once.
    assert_eq!(in_memory(&shop), (1, 1, 0));
    let now = reads(&shop);
    assert_eq!((now.orders.clone(), now.receipts.len(), now.rows.len()), (vec![paid.clone()], 1, 1));
    shop.engine.archive_now().unwrap();
    assert_eq!(in_memory(&shop).0, 1, "money is to be paid back");
    let shop = prove(&at, shop);
    let told = anaquel_engine::orders::command::RefundFields {
        name: None,
        tender: Tender::Card,
        amount: 100,
        state: anaquel_engine::orders::payment::RefundState::Done,
        payment: None,
        reference: None,
    };
    let done = step(&shop, "W-1", StepFields::Refunds(vec![told], None)).unwrap();
    at.pass_days(MEMORY_DAYS + 1);
    shop.engine.archive_now().unwrap();
    assert_eq!(in_memory(&shop), (0, 0, 0));
    let now = reads(&shop);
    assert_eq!((now.orders.clone(), now.receipts.len(), now.rows.len()), (vec![done.clone()], 1, 1));
    let mut seen = Vec::new();
    let mut visit = |order: &Order| {
        seen.push(order.clone());
        std::ops::ControlFlow::Continue(())
    };
    shop.engine.archived_orders_since(Timestamp(0), &Default::default(), &mut visit).unwrap();
    assert_eq!(seen, [done], "the last version counts");
    prove(&at, shop);
}

#[test]
fn an_order_that_came_back_and_did_not_change_stays_as_long_as_one_that_did() {
    let (at, shop) = on_disk();
    handed_over(&shop, "W-1");
    at.pass_days(MEMORY_DAYS + 1);
    shop.engine.archive_now().unwrap();
    let before = reads(&shop);
    let needed = Needed { orders: vec![name("W-1")], ..Needed::default() };
    shop.engine.recall_needed(&needed).unwrap();
    assert_eq!(shop.engine.archive_now().unwrap(), []);
    assert_eq!(in_memory(&shop), (1, 1, 0));
    // Again: it is there.
    let seq = shop.engine.state().view.seq();
    shop.engine.recall_needed(&needed).unwrap();
    assert_eq!(shop.engine.state().view.seq(), seq, "nothing is logged for what is there");
    at.pass_days(MEMORY_DAYS + 1);
    shop.engine.archive_now().unwrap();
    assert_eq!((in_memory(&shop), reads(&shop)), ((0, 0, 0), before));
    prove(&at, shop);
}

#[test]
fn an_id_and_a_number_of_a_till_stay_in_use() {
    let (at, shop) = on_disk();
    let mut asked = sale(&shop, "S-1", "s0", &[("A", 1)]);
    asked.till_reference = Some("T-1".into());
    let first = ask(&shop, Ask::Sell(Box::new(asked.clone()))).unwrap();
    at.pass_days(MEMORY_DAYS + 1);
    let seen = shop.engine.state().own.archive.last();
    shop.engine.archive_now().unwrap();
    assert!(shop.engine.has_order("S-1").unwrap() && !shop.engine.has_order("S-2").unwrap());
    // A caller that looked before it left is sent back.
    let stale = Ask::After(seen, Box::new(Ask::Sell(Box::new(asked.clone()))));
    let refused = ask(&shop, stale).unwrap_err();
    assert!(matches!(refused, Failure::Refused(Refusal::ArchiveMoved)), "{refused:?}");
    let again = recalled(&shop, "S-1", Ask::Sell(Box::new(asked.clone()))).unwrap();
    assert_eq!(again, first, "told again");
    let mut other = sale(&shop, "S-1", "s0", &[("B", 1)]);
    other.till_reference = Some("T-2".into());
    let refused = recalled(&shop, "S-1", Ask::Sell(Box::new(other))).unwrap_err();
    assert!(matches!(refused, Failure::Refused(Refusal::AlreadyExists { .. })), "{refused:?}");
    at.pass_days(MEMORY_DAYS + 1);
    shop.engine.archive_now().unwrap();
    let mut other = sale(&shop, "S-2", "s0", &[("B", 1)]);
    other.till_reference = Some("T-1".into());
    let location = shop.engine.state().catalogue.locations.id("s0").unwrap();
    let needed =
        Needed { orders: vec![name("S-2")], tills: vec![(location, "t1".into(), "T-1".into())], ..Needed::default() };
    assert!(shop.engine.is_archived(&needed).unwrap());
    let seen = shop.engine.recall_needed(&needed).unwrap();
    let refused = ask(&shop, Ask::After(seen, Box::new(Ask::Sell(Box::new(other))))).unwrap_err();
    assert!(matches!(refused, Failure::Refused(Refusal::AlreadyExists { .. })), "{refused:?}");
    assert_eq!(shop.level("A", "s0").on_hand, 999);
    prove(&at, shop);
}

#[test]
fn a_record_that_was_archived_again_since_it_was_read_is_not_taken() {
    let (at, shop) = on_disk();
    let order = handed_over(&shop, "W-1");
    at.pass_days(MEMORY_DAYS + 1);
    shop.engine.archive_now().unwrap();
    let seen = shop.engine.state().own.archive.last();
    // Somebody brings it back, changes it, and it leaves again.
    let mut told = payment(Tender::Card, 1, PaymentState::Failed);
    told.name = Some("late".into());
    recalled(&shop, "W-1", step_of(&shop, "W-1", StepFields::Payments(vec![told]))).unwrap();
    at.pass_days(MEMORY_DAYS + 1);
    shop.engine.archive_now().unwrap();
    let recall = |seen| {
        let kept = vec![Kept::Order(Box::new(order.clone()))];
        shop.engine.run(|engine, done| engine.submit(ArchiveAsk::Recall { kept, seen }, None, done))
    };
    let refused = recall(seen).unwrap_err();
    assert!(matches!(refused, Failure::Refused(Refusal::ArchiveMoved)), "{refused:?}");
    let now = shop.engine.order("W-1").unwrap().unwrap();
    assert_eq!(now.payments.len(), 2);
    prove(&at, shop);
}

#[test]
fn many_callers_bring_one_order_back_at_once() {
    let (at, shop) = on_disk();
    handed_over(&shop, "W-1");
    at.pass_days(MEMORY_DAYS + 1);
    shop.engine.archive_now().unwrap();
    let from = shop.engine.state().view.seq();
    std::thread::scope(|scope| {
        for nth in 0..8_u64 {
            let shop = &shop;
            scope.spawn(move || {
                let mut told = payment(Tender::Card, nth + 1, PaymentState::Failed);
                told.name = Some(format!("p-{nth}").into());
                recalled(shop, "W-1", step_of(shop, "W-1", StepFields::Payments(vec![told]))).unwrap();
            });
        }
    });
    let records = shop.engine.events(from, usize::MAX).unwrap();
    let is_recall = |event: &Event| matches!(event, Event::Archive(ArchiveEvent::Recalled(_)));
    assert_eq!(records.iter().filter(|record| is_recall(&record.event)).count(), 1);
    assert_eq!(shop.engine.order("W-1").unwrap().unwrap().payments.len(), 9);
    prove(&at, shop);
}

#[test]
fn a_receipt_comes_back_for_an_invoice_and_its_order_finds_both() {
    use anaquel_engine::receipts::command::{Command as ReceiptAsk, Invoice};
    use anaquel_engine::receipts::receipt::Recipient;
    let (at, shop) = on_disk();
    put_series_of(&shop, "es", Scheme::None, "F", ReceiptKind::Invoice);
    let order = handed_over(&shop, "W-1");
    at.pass_days(MEMORY_DAYS + 1);
    shop.engine.archive_now().unwrap();
    let recipient = Recipient {
        tax_id: "B1".into(),
        name: "Ana".into(),
        address: "Calle 1".into(),
        postcode: None,
        country: *b"ES",
    };
    let invoice = || {
        let receipts = vec![receipt_id("R:1")];
        let invoice = Invoice { receipts, series: name("F"), recipient: recipient.clone(), entropy: [9; 16] };
        shop.engine.run(|engine, done| engine.submit(ReceiptAsk::Invoice(Box::new(invoice)), None, done))
    };
    assert!(matches!(invoice().unwrap_err(), Failure::Refused(Refusal::NotFound("receipt"))));
    let needed = Needed { receipts: vec![receipt_id("R:1")], ..Needed::default() };
    assert!(shop.engine.is_archived(&needed).unwrap());
    shop.engine.recall_needed(&needed).unwrap();
    invoice().unwrap();
    assert_eq!(in_memory(&shop), (0, 2, 0));
    at.pass_days(MEMORY_DAYS + 1);
    shop.engine.archive_now().unwrap();
    assert_eq!(in_memory(&shop), (0, 0, 0));
    let replaced = shop.engine.receipt(&receipt_id("R:1")).unwrap().unwrap();
    assert_eq!(replaced.after.replaced_by, Some(receipt_id("F:1")));
    // The order brings both back.
    let needed = Needed { orders: vec![order.name.clone()], ..Needed::default() };
    shop.engine.recall_needed(&needed).unwrap();
    assert_eq!(in_memory(&shop), (1, 2, 0));
    prove(&at, shop);
}
