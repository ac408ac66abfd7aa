//! The steps of a cart, one by one, and what is refused.

use anaquel_engine::carts::line::{LINES_MAX, UNITS_MAX};
use anaquel_engine::carts::merge::MergeRule;
use anaquel_engine::carts::{CartState, CartStep};
use anaquel_engine::command::{Failure, Refusal};
use anaquel_engine::ids::Timestamp;

use super::*;
use crate::common::{START_MS, audit};

fn seq(shop: &Shop) -> Seq {
    shop.engine.state().view.seq()
}

#[test]
fn a_cart_keeps_what_is_put_in_and_lines_are_absolute() {
    let shop = shop();
    let cart = made(&shop, "k", None, vec![row("A", 2), line("gift", "B", 1)]);
    assert_eq!((cart.state, cart.version, cart.id.0), (CartState::Open, seq(&shop), seq(&shop)));
    let cart = set(&shop, "k", vec![row("A", 5), row("C", 1), line("x", "C", 0)]).unwrap();
    let expected = [("A", "A", 5), ("gift", "B", 1), ("C", "C", 1)];
    assert_eq!(lines(&shop, &cart), expected.map(|(line, sku, units)| (line.to_owned(), sku.to_owned(), units)));
    let cart = set(&shop, "k", vec![line("gift", "A", 3), row("C", 0)]).unwrap();
    assert_eq!(units(&shop, &cart).len(), 1);
    assert_eq!(lines(&shop, &cart)[1], ("gift".to_owned(), "A".to_owned(), 3));
    // The same again changes nothing, and logs nothing.
    let before = seq(&shop);
    assert_eq!(set(&shop, "k", vec![line("gift", "A", 3)]).unwrap(), cart);
    assert_eq!(seq(&shop), before);
    let kinds: Vec<_> = cart.history.iter().map(|step| (step.kind, step.channel.clone())).collect();
    let app = (CartStep::LinesSet, Some(name("app")));
    assert_eq!(kinds, [(CartStep::Made, Some(name("web"))), app.clone(), app]);
    let closed = close(&shop, "k").unwrap();
    assert_eq!((closed.state, close(&shop, "k").unwrap()), (CartState::Closed, closed.clone()));
    assert_eq!(in_state(set(&shop, "k", vec![row("A", 1)]).unwrap_err()), ("closed", None));
    audit(&shop);
}

#[test]
fn a_customer_has_one_open_cart_a_currency() {
    let shop = shop();
    let first = made(&shop, "k", Some("c"), vec![row("A", 2)]);
    let (told, second) = ask_for(&shop, Ask::Make(Box::new(new("l", Some("c"), vec![row("B", 1)]))), None).unwrap();
    assert_eq!((told.made, second.id), (false, first.id));
    assert_eq!(units(&shop, &second), BTreeMap::from([("A".to_owned(), 2), ("B".to_owned(), 1)]));
    assert!(shop.engine.state().own.carts.named("l").is_none());
    let mut other = new("m", Some("c"), Vec::new());
    other.currency = MXN;
    other.codes = vec!["X".into()];
    let (told, mexican) = ask_for(&shop, Ask::Make(Box::new(other)), None).unwrap();
    assert!(told.made && mexican.id != first.id);
    // Codes come in, too; nothing else of the cart changes.
    let mut more = new("n", Some("c"), Vec::new());
    (more.codes, more.channel) = (vec!["ENERO10".into(), "enero10".into()], name("pos"));
    let cart = ask(&shop, Ask::Make(Box::new(more))).unwrap();
    assert_eq!((&cart.codes[..], &cart.channel, cart.id), (&["ENERO10".into()][..], &name("web"), first.id));
    close(&shop, "k").unwrap();
    let (told, next) = ask_for(&shop, Ask::Make(Box::new(new("o", Some("c"), Vec::new()))), None).unwrap();
    assert!(told.made && next.id != first.id);
    let all: Vec<_> =
        shop.engine.state().own.carts.of_customer(&name("c"), None, 10).iter().map(|cart| cart.name.clone()).collect();
    assert_eq!(all, ["o", "m", "k"].map(name), "the newest first");
    audit(&shop);
}

#[test]
fn a_condition_on_the_version_holds_or_nothing_changes() {
    let shop = shop();
    let cart = made(&shop, "k", Some("c"), vec![row("A", 1)]);
    let after = ask(&shop, lines_to("k", vec![row("A", 2)], Some(cart.version))).unwrap();
    let stale = ask(&shop, lines_to("k", vec![row("A", 3)], Some(cart.version))).unwrap_err();
    let Failure::Refused(Refusal::StaleVersion { actual }) = stale else { panic!("{stale}") };
    assert_eq!((actual, named(&shop, "k")), (after.version, after));
}

#[test]
fn a_cart_becomes_theirs_or_is_merged_into_theirs() {
    let shop = shop();
    made(&shop, "k", None, vec![row("A", 1)]);
    let cart = ask(&shop, customer_to("k", "c", MergeRule::Max)).unwrap();
    assert_eq!((cart.name.as_str(), cart.customer.clone()), ("k", Some(name("c"))));
    let told = in_state(ask(&shop, customer_to("k", "d", MergeRule::Max)).unwrap_err());
    assert_eq!(told, ("open", Some("c".to_owned())), "it is another customer's");
    let before = seq(&shop);
    assert_eq!(ask(&shop, customer_to("k", "c", MergeRule::Sum)).unwrap(), cart, "a repeat");
    assert_eq!(seq(&shop), before);

    let mut mine = new("m", None, vec![row("A", 3), line("1", "B", 2), line("2", "B", 2)]);
    mine.codes = vec!["PASCUA".into()];
    ask(&shop, Ask::Make(Box::new(mine))).unwrap();
    let (told, theirs) = ask_for(&shop, customer_to("m", "c", MergeRule::Max), None).unwrap();
    assert_eq!((theirs.name.as_str(), told.dropped.len()), ("k", 0));
    let expected = [("A", "A", 3), ("1", "B", 2), ("2", "B", 2)];
    assert_eq!(lines(&shop, &theirs), expected.map(|(line, sku, units)| (line.to_owned(), sku.to_owned(), units)));
    assert_eq!(&theirs.codes[..], ["PASCUA".into()]);
    let merged = named(&shop, "m");
    assert_eq!((merged.state, merged.merged_into.clone()), (CartState::Merged, Some((theirs.id, name("k")))));
    assert_eq!(merged.version, theirs.version, "one record");
    // A repeat is answered with their cart; any other step names it.
    assert_eq!(ask(&shop, customer_to("m", "c", MergeRule::Sum)).unwrap(), theirs);
    let gone = ("merged", Some("k".to_owned()));
    for command in
        [lines_to("m", vec![row("A", 1)], None), Ask::Close { cart: name("m") }, customer_to("m", "d", MergeRule::Max)]
    {
        assert_eq!(in_state(ask(&shop, command).unwrap_err()), gone);
    }
    assert_eq!(in_state(hold(&shop, "m", "s0").unwrap_err()), gone);
    // Theirs in another currency is not met.
    let mut mexican = new("x", None, vec![row("C", 1)]);
    mexican.currency = MXN;
    ask(&shop, Ask::Make(Box::new(mexican))).unwrap();
    assert_eq!(ask(&shop, customer_to("x", "c", MergeRule::Max)).unwrap().name, name("x"));
    audit(&shop);
}

#[test]
fn lines_beyond_100_are_dropped_in_a_merge_and_refused_elsewhere() {
    let shop = shop();
    let many = |from: usize, count: usize| (from..from + count).map(|n| line(&format!("l{n}"), "A", 1)).collect();
    let theirs: Vec<LineFields> = many(0, LINES_MAX - 1);
    made(&shop, "k", Some("c"), theirs);
    assert_eq!(invalid(set(&shop, "k", many(LINES_MAX, 2)).unwrap_err()), "lines");
    assert_eq!(set(&shop, "k", many(LINES_MAX, 1)).unwrap().lines.len(), LINES_MAX);
    set(&shop, "k", vec![line("l0", "A", 0)]).unwrap();
    made(&shop, "m", None, vec![row("B", 1), row("C", 2)]);
    let (told, theirs) = ask_for(&shop, customer_to("m", "c", MergeRule::Max), None).unwrap();
    assert_eq!((theirs.lines.len(), told.dropped.len()), (LINES_MAX, 1));
    assert_eq!((&*told.dropped[0].line, told.dropped[0].quantity), ("C", 2));
    audit(&shop);
}

#[test]
fn what_is_wrong_is_refused_by_field_and_leaves_nothing() {
    let shop = Shop::strictly_on(Default::default(), crate::common::ManualClock::at(START_MS), Default::default());
    stocked(&shop);
    shop.put_channel("web", 0);
    shop.put_channel("app", 0);
    let before = seq(&shop);
    let with = |change: fn(&mut Make)| {
        let mut make = new("k", Some("c"), vec![row("A", 1)]);
        change(&mut make);
        Ask::Make(Box::new(make))
    };
    let cases: [(Ask, &str); 7] = [
        (with(|make| make.channel = name("transfer")), "channel"),
        (with(|make| make.channel = name("nobody")), "channel"),
        (with(|make| make.location = Some(name("nowhere"))), "location"),
        (with(|make| make.lines = vec![row("A", 1), row("NOPE", 1)]), "lines[1].sku"),
        (with(|make| make.lines = vec![row("A", 1), row("A", 2)]), "lines[1].sku"),
        (with(|make| make.lines = vec![row("A", 1), line("A", "B", 2)]), "lines[1].line"),
        (with(|make| (make.customer, make.lines) = (None, vec![row("A", 0)])), "lines"),
    ];
    for (command, field) in cases {
        let told = format!("{command:?}");
        assert_eq!(invalid(ask(&shop, command).unwrap_err()), field, "{told}");
    }
    let missing = set(&shop, "k", vec![row("A", 1)]).unwrap_err();
    assert!(matches!(missing, Failure::Refused(Refusal::NotFound("cart"))), "{missing}");
    assert_eq!((seq(&shop), shop.engine.state().own.carts.count()), (before, 0));
    made(&shop, "k", Some("c"), Vec::new());
    assert_eq!(invalid(hold(&shop, "k", "s0").unwrap_err()), "cart", "nothing to hold");
    set(&shop, "k", vec![line("1", "A", UNITS_MAX), line("2", "A", 1)]).unwrap();
    assert_eq!(invalid(hold(&shop, "k", "s0").unwrap_err()), "lines[1].quantity");
    set(&shop, "k", vec![line("2", "A", 0)]).unwrap();
    assert_eq!(invalid(hold(&shop, "k", "nowhere").unwrap_err()), "location");
    audit(&shop);
}

#[test]
fn the_history_keeps_the_last_20_and_each_change_lengthens_the_life() {
    let shop = shop();
    made(&shop, "k", Some("c"), vec![row("A", 1)]);
    for units in 2..30 {
        shop.clock.advance(1000);
        set(&shop, "k", vec![row("A", units)]).unwrap();
    }
    let cart = named(&shop, "k");
    assert_eq!(cart.history.len(), 20);
    assert!(cart.history.iter().all(|step| step.kind == CartStep::LinesSet), "the oldest are gone");
    assert_eq!(cart.expires_at, Timestamp(START_MS + 28_000 + 30 * DAY));
    // Without a customer it lives a week at most; with one, as long as it asked for.
    let anonymous = made(&shop, "m", None, vec![row("A", 1)]);
    assert_eq!(anonymous.expires_at, Timestamp(START_MS + 28_000 + 7 * DAY));
    let theirs = ask(&shop, customer_to("m", "d", MergeRule::Max)).unwrap();
    assert_eq!(theirs.expires_at, Timestamp(START_MS + 28_000 + 30 * DAY));
}

#[test]
fn a_sku_that_is_retired_can_be_taken_out() {
    let shop = shop();
    made(&shop, "k", Some("c"), vec![row("A", 1), row("B", 1)]);
    shop.receive("B", "s0", 0);
    let set_to = |units| set(&shop, "k", vec![row("B", units)]);
    for place in ["s0", "s1"] {
        shop.count("B", place, 0);
    }
    let retire = anaquel_engine::command::PutWhat::Retire(anaquel_engine::event::ThingKind::Sku, name("B"));
    shop.put(retire).unwrap();
    assert_eq!(invalid(set_to(2).unwrap_err()), "lines[0].sku");
    assert_eq!(set_to(0).unwrap().lines.len(), 1);
    audit(&shop);
}
