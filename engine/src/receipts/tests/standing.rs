//! Issuers, series, and what may change of them; what an authority says; lists.

use super::super::receipt::{FiscalAnswer, FiscalState};
use super::super::store::Filter;
use super::*;

fn held(told: Result<ReceiptAnswer, Failure>) -> &'static str {
    match refusal(told) {
        Refusal::InUse { holders, .. } => holders[0].what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn after_its_first_number_a_series_changes_only_where_it_is_used() {
    let house = House::open(Scheme::None);
    let base = series("es", ReceiptKind::Receipt, "R-");
    // Before, everything.
    house.set_series("R", Some(Series { first: 7, digits: 3, ..base.clone() })).expect("nothing was numbered");
    assert_eq!(&*house.issue(house.sold("R", vec![line("1", 1, 1, 1)])).issued.number, "R-007");
    let base = Series { first: 7, digits: 3, ..base };
    house.set_issuer("pt", Some(issuer(Scheme::None))).expect("an issuer");
    for changed in [
        Series { first: 1, ..base.clone() },
        Series { digits: 4, ..base.clone() },
        Series { prefix: "S-".into(), ..base.clone() },
        Series { kind: ReceiptKind::Invoice, ..base.clone() },
        Series { issuer: name("pt"), ..base.clone() },
    ] {
        assert_eq!(held(house.set_series("R", Some(changed))), "receipts");
    }
    assert_eq!(held(house.set_series("R", None)), "receipts");
    assert_eq!(held(house.set_issuer("es", None)), "series");
    let narrow = Series { channels: vec![name("pos")], ..base.clone() };
    house.set_series("R", Some(narrow)).expect("a channel");
    let through = |channel| Ask { channel: name(channel), ..house.sold("R", vec![line("1", 1, 1, 1)]) };
    assert_eq!(field(house.try_issue(vec![through("web")])), "receipt.series");
    assert_eq!(house.issue(through("pos")).issued.id, id("R:8"));
    assert_eq!(
        field(house.set_series("R", Some(Series { locations: vec![name("nowhere")], ..base.clone() }))),
        "locations[0]"
    );
    house.set_series("R", Some(Series { closed: true, ..base.clone() })).expect("closed");
    assert!(matches!(refusal(house.try_issue(vec![through("pos")])), Refusal::InState { state: "closed", .. }));
    assert_eq!(held(house.set_series("R", Some(base))), "receipts", "what is closed stays closed");
    // A series of which no number was used goes, and comes again.
    house.set_series("C", None).expect("nothing was numbered");
    assert!(matches!(refusal(house.set_series("C", None)), Refusal::NotFound("series")));
    house.audit();
}

#[test]
fn two_series_of_an_issuer_print_nothing_that_is_the_same() {
    let house = House::open(Scheme::None);
    house.set_issuer("pt", Some(issuer(Scheme::None))).expect("an issuer");
    for prefix in ["R-", "R-1", "R-0"] {
        let told = house.set_series("X", Some(Series { digits: 5, ..series("es", ReceiptKind::Receipt, prefix) }));
        assert!(matches!(refusal(told), Refusal::NumberTaken { series, .. } if series.as_str() == "R"), "{prefix}");
    }
    house.set_series("X", Some(series("es", ReceiptKind::Receipt, "R-0"))).expect("seven digits, and a zero in front");
    house.set_series("Y", Some(series("pt", ReceiptKind::Receipt, "R-"))).expect("another issuer");
    assert_eq!(field(house.set_series("Z", Some(series("nobody", ReceiptKind::Receipt, "Z")))), "issuer");
    let long = Series { prefix: "L".repeat(55), ..series("es", ReceiptKind::Receipt, "") };
    assert_eq!(field(house.set_series("Z", Some(long))), "prefix");
    let longest = Series { prefix: "L".repeat(54), ..series("es", ReceiptKind::Receipt, "") };
    house.set_series("Z", Some(Series { first: 999_999, ..longest })).expect("60 characters");
    house.issue(house.sold("Z", vec![line("1", 1, 1, 1)]));
    let full = refusal(house.try_issue(vec![house.sold("Z", vec![line("1", 1, 1, 1)])]));
    assert!(matches!(full, Refusal::InState { state: "full", .. }));
    house.audit();
}

#[test]
fn an_issuer_with_receipts_keeps_what_its_chain_says() {
    let house = House::open(Scheme::Verifactu);
    house.issue(house.sold("R", vec![line("1", 1, 1, 1)]));
    let base = issuer(Scheme::Verifactu);
    for changed in [
        Issuer { tax_id: "B1".into(), ..base.clone() },
        Issuer { timezone: "UTC".into(), ..base.clone() },
        Issuer { scheme: Scheme::None, ..base.clone() },
        Issuer { environment: Environment::Test, ..base.clone() },
    ] {
        assert_eq!(held(house.set_issuer("es", Some(changed))), "receipts");
    }
    for address in ["Calle 2", "Calle 3"] {
        house.set_issuer("es", Some(Issuer { address: address.into(), ..base.clone() })).expect("it moved");
    }
    house.issue(house.sold("R", vec![line("1", 1, 1, 1)]));
    let standing = house.engine.state().own.receipts.issuer("es").expect("an issuer");
    let at = |position| standing.at(position).map(|issuer| issuer.address.as_str());
    assert_eq!((at(1), at(2), standing.versions.len()), (Some("Calle Mayor 1, Madrid"), Some("Calle 3"), 2));
    house.audit();
}

#[test]
fn what_an_authority_says_goes_one_way() {
    let house = House::open(Scheme::Verifactu);
    house.issue(house.sold("R", vec![line("1", 1, 1, 1)]));
    let store = || &house.engine.state().own.receipts;
    assert_eq!(store().pending(), 1);
    let said = |state, error: &str| FiscalAnswer {
        state,
        authority_id: Some("CSV-1".into()),
        signature: None,
        qr: None,
        errors: Some(error.to_owned()).filter(|error| !error.is_empty()).into_iter().collect(),
    };
    let tell = |answer| match house.run(Command::TellFiscal(id("R:1"), Box::new(answer)), None) {
        Ok(ReceiptAnswer::Receipt(receipt)) => Ok(receipt.fiscal_state().as_str()),
        Ok(other) => panic!("{other:?}"),
        Err(failure) => Err(failure),
    };
    assert_eq!(tell(said(FiscalState::Rejected, "1100")).expect("told"), "rejected");
    let seq = house.engine.state().view.seq();
    assert_eq!(tell(said(FiscalState::Rejected, "1100")).expect("as before"), "rejected");
    assert_eq!(house.engine.state().view.seq(), seq, "nothing new was said");
    assert!(matches!(refusal(tell(said(FiscalState::Rejected, "1101"))), Refusal::Spent { state: "rejected", .. }));
    assert_eq!(store().pending(), 0);
    assert_eq!(tell(said(FiscalState::Accepted, "")).expect("accepted"), "accepted");
    for state in [FiscalState::Rejected, FiscalState::Accepted] {
        assert!(matches!(refusal(tell(said(state, "late"))), Refusal::Spent { state: "accepted", .. }));
    }
    house.audit();

    let none = House::open(Scheme::None);
    none.issue(none.sold("R", vec![line("1", 1, 1, 1)]));
    let told = none.run(Command::TellFiscal(id("R:1"), Box::new(said(FiscalState::Accepted, ""))), None);
    assert!(matches!(refusal(told), Refusal::Spent { state: "none", .. }));
}

#[test]
fn lists_are_in_the_order_of_issue_and_bounded() {
    let house = House::open(Scheme::Verifactu);
    for at in 0..30_u64 {
        house.clock.0.fetch_add(1000, Ordering::SeqCst);
        let order = Some((at % 3, name(&format!("W-{}", at % 3))));
        let channel = name(if at % 2 == 0 { "pos" } else { "web" });
        let asked = house.sold(if at % 5 == 0 { "I" } else { "R" }, vec![line("1", 1, 1, 1)]);
        house.issue(Ask { order, channel, recipient: Some(recipient()), ..asked });
    }
    let store = &house.engine.state().own.receipts;
    let all = |filter: &Filter, limit: usize, looks: usize| {
        let (mut found, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let (page, next) = store.list(filter, after.take(), limit, looks);
            assert!(page.len() <= limit && pages < 100);
            pages += 1;
            found.extend(page.iter().map(|receipt| receipt.issued.chain.position));
            match next {
                Some(next) => after = Some(crate::receipts::Key::of(&next.issued)),
                None => return found,
            }
        }
    };
    let slow = |filter: &Filter| -> Vec<u64> {
        let every = store.list(&Filter::default(), None, 1000, 1000).0;
        let found = every.iter().filter(|receipt| filter.matches(receipt));
        found.map(|receipt| receipt.issued.chain.position).collect()
    };
    let from = Some(Timestamp(START_MS / 1000 * 1000 + 10_000));
    let to = Some(Timestamp(START_MS / 1000 * 1000 + 20_000));
    let filters = [
        (Filter::default(), 30),
        (Filter { order: Some(name("W-1")), ..Filter::default() }, 10),
        (Filter { order: Some(name("W-9")), ..Filter::default() }, 0),
        (Filter { series: Some(name("I")), ..Filter::default() }, 6),
        (Filter { from, to, ..Filter::default() }, 10),
        (Filter { from: to, to: from, ..Filter::default() }, 0),
        (Filter { channels: vec![name("web")], from, ..Filter::default() }, 11),
        (Filter { locations: vec![name("es-002")], ..Filter::default() }, 0),
        (Filter { fiscal: Some(FiscalState::Pending), issuer: Some(name("es")), ..Filter::default() }, 30),
        (Filter { fiscal: Some(FiscalState::Accepted), ..Filter::default() }, 0),
        (Filter { customer: Some(name("c-81")), series: Some(name("R")), from, ..Filter::default() }, 17),
    ];
    for (filter, count) in filters {
        let expected = slow(&filter);
        assert_eq!(expected.len(), count, "{filter:?}");
        assert!(expected.is_sorted());
        for (limit, looks) in [(1, 1), (3, 100), (100, 4), (7, 7), (1000, 1000)] {
            assert_eq!(all(&filter, limit, looks), expected, "{filter:?} {limit} {looks}");
        }
    }
    let copy = store.get(&id("R:1")).expect("a receipt");
    assert_eq!(store.by_key(&copy.issued.key), Some(copy));
    assert_eq!(store.by_key(&[9; 16]), None);
}
