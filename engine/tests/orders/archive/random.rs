//! Random lives: what is archived now and then answers as a shop that keeps everything in memory.

use anaquel_engine::command::Refusal;
use anaquel_seeds::seeds;

use super::*;
use crate::common::Numbers;

/// An order without what depends on the `seq` of records.
fn plain(order: &Order) -> String {
    let payments: Vec<_> = order.payments.iter().map(|one| (&one.name, one.amount, one.state)).collect();
    let lines: Vec<_> = order.lines.iter().map(|line| (&line.name, line.handed_over, line.cancelled)).collect();
    let steps: Vec<_> = order.history.iter().map(|happened| (happened.kind, happened.time)).collect();
    format!("{} {:?} {lines:?} {payments:?} {steps:?} {:?}", order.name, order.state, order.receipts)
}

/// What both shops answer.
fn answers(shop: &Shop) -> (Vec<String>, Vec<String>, Vec<String>) {
    let Reads { orders, receipts, rows } = reads(shop);
    let receipt = |receipt: &Receipt| {
        let lines: Vec<_> = receipt.issued.lines.iter().map(|line| (&line.line, line.quantity, line.amount)).collect();
        format!("{} {lines:?} {:?} {:?}", receipt.issued.id, receipt.after.taken_back, receipt.after.replaced_by)
    };
    let row = |row: &SaleRow| format!("{:?} {:?} {} {} {:?}", row.order, row.line, row.quantity, row.amount, row.time);
    let orders = orders.iter().map(plain).collect();
    (orders, receipts.iter().map(receipt).collect(), rows.iter().map(row).collect())
}

/// One of both shops; only one archives.
struct Both {
    archives: Shop,
    keeps: Shop,
}

impl Both {
    /// Asks both for the same, and expects the same answer.
    fn ask(&self, order: &str, command: impl Fn(&Shop) -> Ask) {
        let told = [&self.archives, &self.keeps].map(|shop| match recalled(shop, order, command(shop)) {
            Ok(order) => plain(&order),
            Err(Failure::Refused(Refusal::AlreadyExists { kind, name, .. })) => format!("exists {kind} {name}"),
            Err(failure) => failure.to_string(),
        });
        assert_eq!(told[0], told[1]);
    }
}

fn live(seed: u64) {
    let (mut numbers, (at, archives)) = (Numbers::new(seed), on_disk());
    let keeps = shop();
    for location in ["s0", "s1", "s2"] {
        ["A", "B", "C"].iter().for_each(|sku| keeps.receive(sku, location, 990));
    }
    put_tax(&keeps);
    put_series(&keeps, Scheme::None);
    let mut both = Both { archives, keeps };
    for turn in 0..120_u64 {
        let id = format!("S-{}", numbers.below(12));
        match numbers.below(10) {
            0..=3 => both.ask(&id, |shop| {
                let mut asked = sale(shop, &id, "s0", &[("A", 1), ("B", 2)]);
                asked.receipt = Some(receipt("R", turn));
                asked.customer = Some("c-1".into());
                Ask::Sell(Box::new(asked))
            }),
            4 => {
                let amount = numbers.below(3) + 1;
                both.ask(&id, |shop| {
                    let mut told = payment(Tender::Card, amount, PaymentState::Failed);
                    told.name = Some(format!("p-{amount}").into());
                    step_of(shop, &id, StepFields::Payments(vec![told]))
                });
            }
            5 => both.ask(&format!("W-{turn}"), |shop| {
                let part = fulfilment(shop, "a", Purpose::Pickup, "s1", 1, &[("C", 2)]);
                let mut asked = place(shop, &format!("W-{turn}"), vec![part]);
                (asked.confirm, asked.payments) = (true, card(666));
                Ask::Place(Box::new(asked))
            }),
            6 => {
                let order = format!("W-{}", numbers.below(turn + 1));
                both.ask(&order, |shop| step_of(shop, &order, collect("a", Some(&[("C", 1)]), Vec::new())));
            }
            7 => {
                let days = numbers.below(60);
                at.pass_days(days);
                both.keeps.clock.advance(days * DAY_MS);
            }
            8 => drop(both.archives.engine.archive_now().unwrap()),
            _ if numbers.below(4) == 0 => both.archives = at.restart(both.archives),
            _ => assert_eq!(answers(&both.archives), answers(&both.keeps), "turn {turn}"),
        }
    }
    both.archives.engine.archive_now().unwrap();
    assert_eq!(answers(&both.archives), answers(&both.keeps));
    prove(&at, both.archives);
}

#[test]
fn an_archive_answers_as_memory_does() {
    for seed in seeds(&[], 4) {
        live(seed.value());
    }
}
