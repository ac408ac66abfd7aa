//! What a document says.

use super::super::receipt::{FiscalType, Tax};
use super::*;

#[test]
fn a_receipt_says_what_it_covers() {
    let house = House::open(Scheme::None);
    let content = Content::Sold(vec![line("1", 3, 299, 598)], vec![charge("shipping", 395)]);
    let told = house.issue(house.ask("R", content));
    let issued = &told.issued;
    assert_eq!((issued.id.to_string().as_str(), &*issued.number), ("R:1", "R-000001"));
    assert_eq!((issued.issued_at, issued.occurred_at.0), (Timestamp(START_MS / 1000 * 1000), START_MS));
    assert_eq!((issued.lines[0].discount, issued.lines[0].amount, issued.total), (299, 598, 993));
    assert_eq!(issued.taxes, [Tax { rate: 2100, base: 821, tax: 172 }]);
    assert_eq!((issued.fiscal_type, told.fiscal_state().as_str()), (None, "none"));
    assert_eq!(issued.seq, house.engine.state().view.seq());
    house.audit();
}

/// 299 each, buy three pay two, returned one at a time.
#[test]
fn credit_notes_in_steps_have_the_tax_of_the_whole() {
    let house = House::open(Scheme::None);
    let sold = house.issue(house.sold("R", vec![line("1", 3, 299, 598)]));
    assert_eq!(sold.issued.taxes, [Tax { rate: 2100, base: 494, tax: 104 }]);
    let told: Vec<_> = [199, 199, 200]
        .into_iter()
        .map(|amount| {
            let note = house.issue(house.back("C", "R:1", vec![line("1", 1, 299, amount)])).issued;
            assert_eq!((note.lines[0].quantity, note.lines[0].amount, note.total), (-1, -(amount as i64), note.total));
            assert_eq!((note.tenders[0].amount, &note.corrects[..]), (-100, &[id("R:1")][..]));
            (note.total, note.taxes[0].tax)
        })
        .collect();
    assert_eq!(told, [(-199, -35), (-199, -34), (-200, -35)]);
    let refused = refusal(house.try_issue(vec![house.back("C", "R:1", vec![line("1", 1, 299, 1)])]));
    assert!(matches!(refused, Refusal::Spent { name, .. } if name == "R:1"));
    assert_eq!(house.next("C"), 4);
    house.audit();
}

#[test]
fn an_invoice_takes_the_place_of_what_is_left_of_receipts_once() {
    let house = House::open(Scheme::Verifactu);
    let first = vec![line("1", 2, 300, 600), line("2", 1, 50, 50)];
    house.issue(house.ask("R", Content::Sold(first, vec![charge("shipping", 395)])));
    house.issue(house.sold("R", vec![line("1", 1, 100, 100)]));
    let back = Content::TakenBack(
        vec![(id("R:1"), line("1", 1, 300, 300)), (id("R:1"), line("2", 1, 50, 50))],
        vec![(id("R:1"), charge("shipping", 95))],
    );
    let note = house.issue(house.ask("C", back));
    assert_eq!(note.issued.fiscal_type, Some(FiscalType::R5));
    let invoice = house.invoice("I", &["R:1", "R:2"]).expect("an invoice").issued;
    let lines: Vec<_> = invoice.lines.iter().map(|line| (&*line.line, line.quantity, line.amount)).collect();
    assert_eq!(lines, [("1", 1, 300), ("1", 1, 100)]);
    assert_eq!((invoice.charges[0].amount, invoice.total), (300, 700));
    assert_eq!(invoice.replaces, [id("R:1"), id("R:2")]);
    assert_eq!((invoice.fiscal_type, invoice.order.clone()), (Some(FiscalType::F3), Some((1, name("W-1")))));
    assert_eq!(house.get("R:1").after.replaced_by, Some(id("I:1")));
    // Each once.
    let refused = refusal(house.invoice("I", &["R:2"]));
    assert!(matches!(refused, Refusal::Spent { by: Some(by), state: "replaced", .. } if by == "I:1"));
    // What comes back later comes back from the invoice.
    let note = house.issue(house.back("C", "R:1", vec![line("1", 1, 300, 300)])).issued;
    assert_eq!((note.corrects.clone(), note.fiscal_type), (vec![id("I:1")], Some(FiscalType::R1)));
    assert_eq!(note.recipient, Some(recipient()), "it is made out to whom the invoice is");
    assert_eq!(house.get("I:1").after.taken_back[0], (1, 300));
    assert_eq!(house.engine.state().own.receipts.standing_on(&id("R:2")), Some(id("I:1")));
    house.audit();
}

#[test]
fn an_invoice_is_refused_for_what_it_cannot_replace() {
    let house = House::open(Scheme::None);
    house.set_issuer("pt", Some(issuer(Scheme::None))).expect("an issuer");
    house.set_series("PT", Some(series("pt", ReceiptKind::Receipt, "P-"))).expect("a series");
    house.issue(house.sold("R", vec![line("1", 1, 100, 100)]));
    house.issue(Ask { currency: Currency(*b"GBP"), ..house.sold("R", vec![line("1", 1, 100, 100)]) });
    house.issue(house.sold("PT", vec![line("1", 1, 100, 100)]));
    house.issue(house.back("C", "R:1", vec![line("1", 1, 100, 100)]));
    assert!(matches!(refusal(house.invoice("I", &["R:1"])), Refusal::Spent { state: "taken back", .. }));
    assert!(matches!(refusal(house.invoice("I", &["C:1"])), Refusal::Spent { state: "credit_note", .. }));
    assert!(matches!(refusal(house.invoice("I", &["R:9"])), Refusal::NotFound("receipt")));
    assert_eq!(field(house.invoice("R", &["R:2"])), "series");
    house.issue(house.sold("R", vec![line("1", 1, 100, 100)]));
    assert_eq!(field(house.invoice("I", &["R:3", "R:2"])), "series", "another currency");
    assert_eq!(field(house.invoice("I", &["R:3", "PT:1"])), "series", "another issuer");
    assert_eq!(field(house.invoice("I", &["R:3", "R:3"])), "receipts");
    for _ in 0..=100 {
        house.issue(house.sold("R", vec![line("1", 1, 100, 100)]));
    }
    let many: Vec<_> = (4..105).map(|n| format!("R:{n}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    assert_eq!(field(house.invoice("I", &many)), "receipts");
    assert_eq!(house.next("I"), 1, "no refusal used a number");
    assert_eq!(house.invoice("I", &many[1..]).expect("an invoice").issued.replaces.len(), 100);
    house.audit();
}

#[test]
fn a_scheme_of_an_authority_needs_rates_and_euros() {
    let house = House::open(Scheme::Verifactu);
    let unknown = || AskLine { tax_rate: None, ..line("7", 1, 100, 100) };
    assert!(matches!(
        refusal(house.try_issue(vec![house.sold("R", vec![unknown()])])),
        Refusal::NoTaxRate { line } if line == "7"
    ));
    let dollars = Ask { currency: Currency(*b"USD"), ..house.sold("R", vec![line("1", 1, 100, 100)]) };
    assert_eq!(field(house.try_issue(vec![dollars])), "receipt.series");
    let simple = house.issue(house.sold("R", vec![line("1", 1, 100, 100)]));
    assert_eq!((simple.issued.fiscal_type, simple.fiscal_state().as_str()), (Some(FiscalType::F2), "pending"));
    let named = Ask { recipient: Some(recipient()), ..house.sold("R", vec![line("1", 1, 100, 100)]) };
    assert_eq!(house.issue(named).issued.fiscal_type, Some(FiscalType::F1));
    assert_eq!(field(house.try_issue(vec![house.sold("I", vec![line("1", 1, 100, 100)])])), "receipt.recipient");
    let full = Ask { recipient: Some(recipient()), ..house.sold("I", vec![line("1", 1, 100, 100)]) };
    assert_eq!(house.issue(full).issued.fiscal_type, Some(FiscalType::F1));
    house.audit();

    let none = House::open(Scheme::None);
    assert_eq!(none.issue(none.sold("R", vec![unknown()])).issued.lines[0].tax_rate, 0);
}

#[test]
fn two_receipts_of_one_record_follow_each_other() {
    let house = House::open(Scheme::None);
    let sold = house.issue(house.sold("R", vec![line("1", 2, 300, 600)]));
    // An exchange: what comes back, and what is taken instead; and the same again at once.
    let back = |amount| house.back("C", "R:1", vec![line("1", 1, 300, amount)]);
    let taken = || house.sold("R", vec![line("1", 1, 300, 300)]);
    house.try_issue(vec![back(300), taken(), back(300), taken()]).expect("four receipts");
    let chain: Vec<_> = ["C:1", "R:2", "C:2", "R:3"].map(|id| house.get(id).issued.chain).to_vec();
    let mut previous = sold.issued.chain.hash;
    for (at, link) in chain.into_iter().enumerate() {
        assert_eq!((link.position, link.previous), (2 + at as u64, Some(previous)));
        previous = link.hash;
    }
    assert_eq!(house.get("R:1").after.taken_back, [(2, 600)]);
    // One that is refused leaves none of them.
    assert!(house.try_issue(vec![taken(), back(1)]).is_err());
    assert_eq!((house.next("R"), house.next("C")), (4, 3));
    house.audit();
}
