//! Random lives of orders and sales beside other traffic, with restarts: the auditor and the state hash agree throughout.

use anaquel_engine::event::Purpose;
use anaquel_engine::kernel::tender::Tender;
use anaquel_engine::orders::command::{Command as Ask, StepFields};
use anaquel_engine::orders::payment::PaymentState;
use anaquel_engine::orders::{OrderState, SalesFilter};
use anaquel_seeds::seeds;

use super::*;
use crate::common::{Numbers, audit, hash, hold};

const SKUS: [&str; 3] = ["A", "B", "C"];
const PLACES: [&str; 3] = ["s0", "s1", "s2"];

fn one<'a>(numbers: &mut Numbers, of: &[&'a str]) -> &'a str {
    of[numbers.below(of.len() as u64) as usize]
}

fn some_fulfilments(shop: &Shop, numbers: &mut Numbers) -> Vec<FulfilmentFields> {
    let (mut all, mut first) = (Vec::new(), 1);
    for nth in 0..=numbers.below(3) {
        let (purpose, place) = match numbers.below(4) {
            0 => (Purpose::Pickup, one(numbers, &PLACES)),
            1 => (Purpose::CarryOut, one(numbers, &PLACES)),
            2 => (Purpose::Delivery, one(numbers, &PLACES)),
            _ => (Purpose::Delivery, "all"),
        };
        let lines: Vec<_> =
            (0..=numbers.below(3)).map(|_| (one(numbers, &SKUS), 1 + numbers.below(3) as u32)).collect();
        let id = ["a", "b", "c"][nth as usize];
        all.push(fulfilment(shop, id, purpose, place, first, &lines));
        first += lines.len();
    }
    all
}

fn live(seed: u64, steps: u64) -> [u64; 3] {
    let mut numbers = Numbers::new(seed);
    let mut shop = shop();
    put_tax(&shop);
    put_series(&shop, if seed.is_multiple_of(2) { Scheme::Verifactu } else { Scheme::None });
    let mut made: Vec<String> = Vec::new();
    let [mut accepted, mut refused, mut ended] = [0, 0, 0];
    for nth in 0..steps {
        let order =
            if made.is_empty() { "none".to_owned() } else { made[numbers.below(made.len() as u64) as usize].clone() };
        let known = shop.engine.state().own.orders.named(&order);
        let fulfilments = known.as_ref().map_or(1, |known| known.fulfilments.len() as u64);
        let fulfilment_id = ["a", "b", "c"][numbers.below(fulfilments.min(3)) as usize];
        let total = known.as_ref().map_or(0, |known| known.total());
        let wanted = |numbers: &mut Numbers, series: &str| (numbers.below(2) == 0).then(|| receipt(series, nth));
        let outcome = match numbers.below(16) {
            0..3 => {
                let id = format!("W-{nth}");
                made.push(id.clone());
                let mut asked = place(&shop, &id, some_fulfilments(&shop, &mut numbers));
                asked.charges = if numbers.below(3) == 0 { charge(395) } else { Vec::new() };
                asked.confirm = numbers.below(3) == 0;
                asked.pay_at_handover = asked.confirm;
                asked.ttl_seconds = 60 + numbers.below(600) as u32;
                asked.receipt = wanted(&mut numbers, "R");
                placed(&shop, asked)
            }
            3 => {
                let id = format!("S-{nth}");
                let lines: Vec<_> =
                    (0..=numbers.below(3)).map(|_| (one(&mut numbers, &SKUS), 1 + numbers.below(3) as u32)).collect();
                let location = one(&mut numbers, &PLACES);
                let mut asked = sale(&shop, &id, location, &lines);
                asked.receipt = wanted(&mut numbers, "R");
                ask(&shop, Ask::Sell(Box::new(asked)))
            }
            4 => {
                let receipt = wanted(&mut numbers, "R");
                let (payments, pay_at_handover) = (card(total), numbers.below(3) == 0);
                let confirm = StepFields::Confirm { payments, pay_at_handover, pickup_by: None, receipt };
                step(&shop, &order, confirm)
            }
            5 => step(&shop, &order, StepFields::Extend { ttl_seconds: 300 }),
            6 => step(&shop, &order, StepFields::Ready { fulfilment: fulfilment_id.into(), entropy: nth }),
            7 => step(&shop, &order, StepFields::Bind { fulfilment: fulfilment_id.into(), lines: None }),
            8..10 => {
                let some: [(&str, u32); 1] = [(one(&mut numbers, &SKUS), 1)];
                let lines = (numbers.below(2) == 0).then_some(&some[..]);
                let mut asked = collect(fulfilment_id, lines, card(total));
                if let StepFields::Collect { receipt, .. } = &mut asked {
                    *receipt = wanted(&mut numbers, "R");
                }
                step(&shop, &order, asked)
            }
            10 => {
                let line = (1 + numbers.below(4)).to_string();
                let some = [(line.as_str(), 1)];
                let lines = (numbers.below(2) == 0).then_some(&some[..]);
                let mut asked = cancel(lines);
                if let StepFields::Cancel { receipt, .. } = &mut asked {
                    *receipt = wanted(&mut numbers, "C");
                }
                step(&shop, &order, asked)
            }
            11 => {
                let fulfilments = some_fulfilments(&shop, &mut numbers);
                let now = shop.engine.now();
                let pricing = shop.engine.state().price_request(&name("web"), EUR, (now, now), &[], &[]).pricing;
                let replan = StepFields::Replan { fulfilments, expected_total: None, pricing, bounds: Vec::new() };
                step(&shop, &order, replan)
            }
            12 => {
                let location = shop.engine.state().catalogue.locations.id(one(&mut numbers, &PLACES));
                let set = StepFields::SetFulfilment {
                    fulfilment: fulfilment_id.into(),
                    pickup_by: Some(Some(at(&shop, 500))),
                    promised_for: None,
                    address: Some(Some("{}".into())),
                    location: location.filter(|_| numbers.below(2) == 0),
                };
                step(&shop, &order, set)
            }
            13 => {
                let series = if numbers.below(2) == 0 { "R" } else { "C" };
                step(&shop, &order, StepFields::Receipt { fulfilment: None, receipt: receipt(series, nth) })
            }
            14 => step(&shop, &order, StepFields::Refunds(Vec::new(), Some(receipt("C", nth)))),
            _ => {
                let told = vec![payment(Tender::Card, 1 + numbers.below(500), PaymentState::Authorized)];
                step(&shop, &order, StepFields::Payments(told))
            }
        };
        match outcome {
            Ok(order) => {
                accepted += 1;
                ended += u64::from(!order.state.is_open());
            }
            Err(_) => refused += 1,
        }
        match numbers.below(20) {
            0 => shop.receive(one(&mut numbers, &SKUS), one(&mut numbers, &PLACES), 5),
            1 => drop(shop.try_reserve(hold(&[(one(&mut numbers, &SKUS), one(&mut numbers, &PLACES), 2)]))),
            2 => shop.clock.advance(120_000),
            3 => {
                let before = hash(&shop.engine);
                shop = shop.restart();
                assert!(hash(&shop.engine).0 >= before.0, "nothing is lost");
            }
            4 => drop(shop.try_count(one(&mut numbers, &SKUS), one(&mut numbers, &PLACES), 20, None)),
            _ => {}
        }
        if nth % 64 == 63 {
            audit(&shop);
        }
    }
    shop = shop.restart();
    audit(&shop);
    // The ledger has what orders handed over, order by order.
    let (rows, _) = shop.engine.state().own.orders.sales(&SalesFilter::default(), None, usize::MAX, usize::MAX);
    for order in shop.engine.state().own.orders.all() {
        let of: Vec<_> = rows.iter().filter(|row| row.order.as_ref() == Some(&order.name)).collect();
        let units: i64 = of.iter().map(|row| row.quantity).sum();
        let amount: i64 = of.iter().filter(|row| row.charge.is_none()).map(|row| row.amount).sum();
        assert_eq!(units, order.lines.iter().map(|line| i64::from(line.handed_over)).sum::<i64>());
        assert_eq!(amount, order.lines.iter().map(|line| line.worth(line.handed_over) as i64).sum::<i64>());
        if order.state == OrderState::Completed {
            assert_eq!(order.total(), order.worth_handed_over(), "nothing but what was handed over is owed");
        }
    }
    documents_add_up(&shop);
    [accepted, refused, ended]
}

/// What stands on the receipts of an order, less what credit notes took back, is what is left of what they cover.
fn documents_add_up(shop: &Shop) {
    let receipts = &shop.engine.state().own.receipts;
    for order in shop.engine.state().own.orders.all() {
        let of: Vec<_> = order.receipts.iter().map(|id| receipts.get(id).unwrap()).collect();
        for line in &order.lines {
            let told = of.iter().flat_map(|receipt| &receipt.issued.lines).filter(|told| told.line == line.name);
            let (units, amount) = told.fold((0, 0), |sum, told| (sum.0 + told.quantity, sum.1 + told.amount));
            let standing = line.receipts.covered() - line.receipts.credited;
            assert_eq!((units, amount), (i64::from(standing), line.worth(standing) as i64), "{order:?}");
            assert!(standing <= line.quantity);
        }
        if order.uncredited().is_empty() && !of.is_empty() && order.state == OrderState::Cancelled {
            assert_eq!(of.iter().map(|receipt| receipt.issued.total).sum::<i64>(), 0, "{order:?}");
        }
    }
}

#[test]
fn whatever_happens_to_orders_the_log_adds_up() {
    for seed in seeds(&[], 12) {
        let [accepted, refused, ended] = live(seed.value(), 400);
        println!("{accepted} accepted, {refused} refused, {ended} of steps ended an order");
        assert!(accepted > 60 && refused > 20 && ended > 10, "too little happened: {accepted} {refused} {ended}");
    }
}
