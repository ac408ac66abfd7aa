//! What leaves, when, and that it is read as before.

use anaquel_engine::receipts::command::Command as ReceiptAsk;
use anaquel_engine::receipts::receipt::{FiscalAnswer, FiscalState};

use super::*;

#[test]
fn an_order_leaves_with_its_receipts_and_rows_and_is_read_as_before() {
    let (at, shop) = on_disk();
    (0..20).for_each(|nth| drop(sold(&shop, nth)));
    at.pass_days(MEMORY_DAYS);
    let before = reads(&shop);
    assert_eq!((before.orders.len(), before.receipts.len(), before.rows.len()), (20, 20, 40));
    assert_eq!(shop.engine.archive_now().unwrap(), [], "not yet");
    at.pass_days(1);
    // What was sold since stays.
    (20..23).for_each(|nth| drop(sold(&shop, nth)));
    let before = reads(&shop);
    assert!(!shop.engine.archive_now().unwrap().is_empty());
    assert_eq!(in_memory(&shop), (3, 3, 6));
    assert_eq!(shop.engine.archive_now().unwrap(), [], "nothing is left to do");
    assert_eq!(reads(&shop), before);
    let standing = shop.engine.state().own.archive.standing();
    assert!(standing.ends.len() > 1, "a file is sealed at its size: {standing:?}");
    let shop = prove(&at, shop);
    assert_eq!((in_memory(&shop), reads(&shop)), ((3, 3, 6), before.clone()));
    let shop = at.restart(shop);
    assert_eq!((in_memory(&shop), reads(&shop)), ((3, 3, 6), before));
}

#[test]
fn filters_find_what_is_archived() {
    let (at, shop) = on_disk();
    (0..9).for_each(|nth| drop(sold(&shop, nth)));
    at.pass_days(MEMORY_DAYS + 1);
    let (half, late) = (shop.engine.now(), Timestamp(START_MS + DAY_MS));
    shop.engine.archive_now().unwrap();
    (9..12).for_each(|nth| drop(sold(&shop, nth)));
    let names = |orders: Vec<Order>| orders.iter().map(|order| order.name.to_string()).collect::<Vec<_>>();
    let of = |filter: Filter| names(all_orders(&shop, &filter, 2));
    assert_eq!(
        of(Filter { customer: Some("c-1".into()), ..Filter::default() }),
        ["S-11", "S-9", "S-7", "S-5", "S-3", "S-1"]
    );
    assert_eq!(of(Filter { till_reference: Some("T-4".into()), ..Filter::default() }), ["S-4"]);
    assert_eq!(of(Filter { till_reference: Some("T-99".into()), ..Filter::default() }), [""; 0]);
    assert_eq!(of(Filter { from: Some(half), ..Filter::default() }), ["S-11", "S-10", "S-9"]);
    assert_eq!(of(Filter { to: Some(late), ..Filter::default() }).len(), 9);
    assert_eq!(of(Filter { from: Some(late), to: Some(half), ..Filter::default() }), [""; 0]);
    let location = shop.engine.state().catalogue.locations.id("s1").unwrap();
    assert_eq!(of(Filter { location: Some(location), ..Filter::default() }).len(), 6);
    let told = shop.engine.order_of_till(location, "t1", "T-3").unwrap();
    assert_eq!(told.unwrap().name.as_str(), "S-3");
    let receipts = |filter: ReceiptFilter| {
        all_receipts(&shop, &filter, 2).iter().map(|receipt| receipt.issued.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(receipts(ReceiptFilter { order: Some(name("S-4")), ..ReceiptFilter::default() }), ["R:5"]);
    assert_eq!(receipts(ReceiptFilter { series: Some(name("R")), ..ReceiptFilter::default() }).len(), 12);
    assert_eq!(receipts(ReceiptFilter { series: Some(name("C")), ..ReceiptFilter::default() }), [""; 0]);
    assert_eq!(
        receipts(ReceiptFilter { issuer: Some(name("es")), from: Some(half), ..ReceiptFilter::default() }).len(),
        3
    );
    assert_eq!(
        receipts(ReceiptFilter { customer: Some(name("c-0")), to: Some(late), ..ReceiptFilter::default() }).len(),
        5
    );
    let rows = |filter: SalesFilter| all_rows(&shop, &filter, 2).len();
    assert_eq!(rows(SalesFilter { order: Some(name("S-4")), ..SalesFilter::default() }), 2);
    assert_eq!(rows(SalesFilter { from: Some(half), ..SalesFilter::default() }), 6);
    assert_eq!(rows(SalesFilter { to: Some(late), ..SalesFilter::default() }), 18);
    // What is read from some time on begins there, and misses nothing.
    let mut seen = 0;
    let none = Default::default();
    shop.engine.archived_orders_since(late, &none, &mut |_| panic!("nothing archived changed since")).unwrap();
    let mut count = |_: &Order| {
        seen += 1;
        std::ops::ControlFlow::Continue(())
    };
    shop.engine.archived_orders_since(Timestamp(START_MS), &none, &mut count).unwrap();
    assert_eq!(seen, 9);
}

#[test]
fn what_has_something_left_to_do_stays() {
    let (at, shop) = on_disk();
    let ask_for = |id: &str| place(&shop, id, vec![fulfilment(&shop, "a", Purpose::Pickup, "s0", 1, &[("A", 1)])]);
    let confirmed = |id: &str, payments| {
        let mut asked = ask_for(id);
        (asked.confirm, asked.payments) = (true, payments);
        placed(&shop, asked).unwrap()
    };
    // Confirmed, and not handed over.
    confirmed("W-1", card(299));
    // Cancelled, with money to be paid back.
    confirmed("W-2", card(299));
    let refunded = step(&shop, "W-2", cancel(None)).unwrap();
    assert_eq!(refunded.refunds.len(), 1, "it is pending");
    // Cancelled, with authorised money to be voided.
    confirmed("W-3", vec![payment(Tender::Card, 299, PaymentState::Authorized)]);
    step(&shop, "W-3", cancel(None)).unwrap();
    // Handed over.
    confirmed("W-4", card(299));
    step(&shop, "W-4", collect("a", None, Vec::new())).unwrap();
    at.pass_days(MEMORY_DAYS + 1);
    shop.engine.archive_now().unwrap();
    let left = |id: &str| shop.engine.state().own.orders.named(id).is_none();
    assert_eq!(["W-1", "W-2", "W-3", "W-4"].map(left), [false, false, false, true]);
    // Once it is done, it leaves as long after.
    let mut done = refunded.refunds[0].clone();
    done.state = anaquel_engine::orders::payment::RefundState::Done;
    let told = anaquel_engine::orders::command::RefundFields {
        name: Some(done.name.clone()),
        tender: done.tender,
        amount: done.amount,
        state: done.state,
        payment: done.payment.clone(),
        reference: done.reference.clone(),
    };
    step(&shop, "W-2", StepFields::Refunds(vec![told], None)).unwrap();
    shop.engine.archive_now().unwrap();
    assert!(!left("W-2"));
    at.pass_days(MEMORY_DAYS + 1);
    shop.engine.archive_now().unwrap();
    assert!(left("W-2"));
    prove(&at, shop);
}

#[test]
fn a_receipt_stays_until_its_authority_answered_and_then_leaves_by_itself() {
    let (at, shop) = on_disk();
    put_series_of(&shop, "v", Scheme::Verifactu, "V", ReceiptKind::Receipt);
    let mut asked = sale(&shop, "S-1", "s0", &[("A", 1)]);
    asked.receipt = Some(receipt("V", 1));
    ask(&shop, Ask::Sell(Box::new(asked))).unwrap();
    at.pass_days(MEMORY_DAYS + 1);
    shop.engine.archive_now().unwrap();
    assert_eq!(in_memory(&shop), (0, 1, 0), "it is to be told");
    assert_eq!(shop.engine.state().own.receipts.pending(), 1);
    let shop = prove(&at, shop);
    let told = FiscalAnswer {
        state: FiscalState::Accepted,
        authority_id: Some("x".into()),
        signature: None,
        qr: None,
        errors: Vec::new(),
    };
    let tell = ReceiptAsk::TellFiscal(receipt_id("V:1"), Box::new(told));
    shop.engine.run(|engine, done| engine.submit(tell, None, done)).unwrap();
    let before = reads(&shop);
    shop.engine.archive_now().unwrap();
    assert_eq!(in_memory(&shop), (0, 0, 0));
    assert_eq!(reads(&shop), before);
    let accepted = shop.engine.receipt(&receipt_id("V:1")).unwrap().unwrap();
    assert_eq!(accepted.fiscal_state(), FiscalState::Accepted);
    prove(&at, shop);
}

#[test]
fn rows_of_one_order_and_of_one_customer_are_found_without_those_of_others() {
    let (at, shop) = on_disk();
    (0..40).for_each(|nth| drop(sold(&shop, nth)));
    let mut asked = sale(&shop, "S-own", "s0", &[("A", 1), ("B", 2)]);
    asked.customer = Some("c-own".into());
    ask(&shop, Ask::Sell(Box::new(asked))).unwrap();
    let of_order = SalesFilter { order: Some(name("S-own")), ..SalesFilter::default() };
    let of_customer = SalesFilter { customer: Some("c-own".into()), ..SalesFilter::default() };
    // A page that examines five rows has those two, and says that they are all.
    let found = |shop: &Shop| {
        [&of_order, &of_customer].map(|filter| {
            let (rows, next) = shop.engine.sales(filter, None, None, 100, 5).unwrap();
            let rows: Vec<SaleRow> = rows.iter().map(|row| (**row).clone()).collect();
            (rows, next)
        })
    };
    let before = found(&shop);
    assert_eq!(before.clone().map(|(rows, next)| (rows.len(), next)), [(2, None), (2, None)]);
    at.pass_days(MEMORY_DAYS + 1);
    shop.engine.archive_now().unwrap();
    assert_eq!((in_memory(&shop), found(&shop)), ((0, 0, 0), before.clone()));
    // Also after a start.
    let shop = prove(&at, shop);
    let shop = at.restart(shop);
    assert_eq!(found(&shop), before);
    // Pages of one row come to the same, with what came back since.
    let pages = |filter: &SalesFilter| (all_rows(&shop, filter, 1), all_rows(&shop, filter, 1000));
    for filter in [&of_order, &of_customer] {
        let (by_one, at_once) = pages(filter);
        assert_eq!((by_one.len(), by_one == at_once), (2, true));
    }
    let many = SalesFilter { customer: Some("c-1".into()), ..SalesFilter::default() };
    let (by_one, at_once) = pages(&many);
    assert_eq!((by_one.len(), by_one == at_once), (40, true));
}
