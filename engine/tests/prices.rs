//! Prices: which one counts, against a slow model of every moment; what is forgotten; what a quote rests on; and prices that
//! go through crashes, checkpoints and the auditor.

use std::collections::BTreeMap;

use anaquel_engine::command::{Failure, Outcome, Precondition, Refusal};
use anaquel_engine::ids::{GroupId, LocationId, SkuId, Timestamp};
use anaquel_engine::patch::Patch;
use anaquel_engine::prices::book::{Asked, PriceTarget};
use anaquel_engine::prices::command::{Command, RowFields};
use anaquel_engine::prices::list::{Currency, ListKind, PriceList};
use anaquel_engine::prices::query::LinePrice;
use anaquel_engine::prices::tax::{Rate, TaxClass};
use anaquel_seeds::{Seed, seeds};

use crate::common::{ManualClock, Numbers, START_MS, Shop, audit, name};

const EUR: Currency = Currency(*b"EUR");
const DAY: u64 = 86_400_000;

fn put(shop: &Shop, command: Command) -> Result<Outcome, Failure> {
    shop.engine.run(|engine, done| engine.submit(command, None, done))
}

fn set_list(shop: &Shop, id: &str, list: Option<PriceList>) -> Result<Outcome, Failure> {
    put(shop, Command::SetList(name(id), list.map(Box::new), Precondition::default()))
}

fn row(list: Option<&str>, sku: &str, amount: Option<u64>) -> RowFields {
    RowFields { list: list.map(name), amount, ..RowFields::base(name(sku), EUR, 0) }
}

fn set(shop: &Shop, rows: Vec<RowFields>) {
    put(shop, Command::SetRows(rows)).unwrap();
}

fn sku(shop: &Shop, text: &str) -> SkuId {
    shop.engine.state().catalogue.skus.id(text).unwrap()
}

fn asked(shop: &Shop, channel: &str, place: PriceTarget) -> Asked {
    let now = shop.engine.now();
    Asked { channel: name(channel), place, currency: EUR, at: now, now }
}

fn price(shop: &Shop, asked: &Asked, text: &str, units: u32) -> Option<LinePrice> {
    shop.engine.state().quote(asked, &[(Some(sku(shop, text)), units)]).lines.remove(0)
}

fn shop() -> Shop {
    let shop = Shop::open();
    shop.declare(&["s0", "s1", "s2"]);
    shop.put_group("g0", &["s0"]);
    shop.put_group("g1", &["s0", "s1"]);
    for sku in ["A", "B"] {
        shop.receive(sku, "s0", 1);
    }
    shop
}

// The slow model: what held on each day, told again from the beginning.

const DAYS: usize = 220;
const BEGIN: usize = 90;

type Key = (String, usize, Option<&'static str>, Option<&'static str>, u32, Option<usize>);

struct ModelList {
    id: String,
    lives: bool,
    /// What was said on each day, dates aside.
    said: Vec<Option<PriceList>>,
}

struct Model {
    lists: Vec<ModelList>,
    /// By row, what it said on each day, and up to where days are spoken for.
    rows: BTreeMap<Key, Vec<Option<u64>>>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Found {
    amount: u64,
    list: usize,
    sale: bool,
}

fn day_of(at: Timestamp) -> usize {
    ((at.0 + BEGIN as u64 * DAY - START_MS) / DAY) as usize
}

fn time_of(day: usize) -> Timestamp {
    Timestamp(START_MS + day as u64 * DAY - BEGIN as u64 * DAY)
}

impl Model {
    fn list(&self, id: &str) -> Option<usize> {
        self.lists.iter().position(|list| list.id == id && list.lives)
    }

    fn set_list(&mut self, id: &str, today: usize, list: Option<PriceList>) {
        let at = match self.list(id) {
            Some(at) => at,
            None => {
                let said = list.as_ref().unwrap();
                let from = said.starts_at.map_or(0, day_of);
                let runs = said.runs_at(time_of(today));
                let told = (0..DAYS).map(|day| (runs && from <= day && day < today).then(|| said.clone())).collect();
                self.lists.push(ModelList { id: id.to_owned(), lives: true, said: told });
                self.lists.len() - 1
            }
        };
        for day in today..DAYS {
            self.lists[at].said[day] = list.clone().filter(|list| list.runs_at(time_of(day)));
        }
        self.lists[at].lives = list.is_some();
    }

    fn set_row(&mut self, key: Key, today: usize, value: Option<(u64, Option<usize>)>) {
        let starts = key.5;
        let days = self.rows.entry(key).or_insert_with(|| vec![None; DAYS]);
        let begins = starts.unwrap_or(today);
        let ends = value.and_then(|(_, ends)| ends).unwrap_or(DAYS);
        // What nobody spoke for before today may still be told.
        let spoken = days[..today].iter().rposition(Option::is_some).map_or(0, |day| day + 1);
        for (day, said) in days.iter_mut().enumerate() {
            let says = value.filter(|_| begins <= day && day < ends).map(|(amount, _)| amount);
            if day >= today || (day >= spoken && says.is_some()) {
                *said = says;
            }
        }
    }

    fn holds(
        &self,
        at: usize,
        day: usize,
        channel: &str,
        place: &PriceTarget,
        groups_of: &[GroupId],
    ) -> Option<(i32, bool)> {
        if at == 0 {
            return Some((-1, false));
        }
        let list = self.lists[at].said[day].as_ref()?;
        let at_place = match place {
            PriceTarget::Nowhere => list.locations.is_empty() && list.groups.is_empty(),
            PriceTarget::Location(id, _) => {
                (list.locations.is_empty() || list.locations.contains(id))
                    && (list.groups.is_empty() || list.groups.iter().any(|group| groups_of.contains(group)))
            }
            PriceTarget::Group(id) => list.locations.is_empty() && (list.groups.is_empty() || list.groups.contains(id)),
        };
        let through = list.channels.is_empty() || list.channels.iter().any(|one| one.as_str() == channel);
        (list.currency == EUR && at_place && through).then_some((list.priority, list.kind == ListKind::Sale))
    }

    /// Every row is looked at, and all that hold are sorted.
    fn best(
        &self,
        (text, channel, place, units): (&str, &str, &PriceTarget, u32),
        groups_of: &[GroupId],
        day: usize,
        regular: bool,
    ) -> Option<Found> {
        let mut of_lists: Vec<(i32, u64, &str, usize, bool)> = Vec::new();
        for at in 0..self.lists.len() {
            let Some((priority, sale)) = self.holds(at, day, channel, place, groups_of) else { continue };
            if regular && sale {
                continue;
            }
            let mut rows: Vec<_> = self
                .rows
                .iter()
                .filter(|((sku, list, of, location, least, _), days)| {
                    let here = match (location, place) {
                        (None, _) => true,
                        (Some(location), PriceTarget::Location(_, name)) => name.as_str() == *location,
                        (Some(_), _) => false,
                    };
                    sku == text
                        && *list == at
                        && of.is_none_or(|of| of == channel)
                        && here
                        && *least <= units
                        && days[day].is_some()
                })
                .collect();
            rows.sort_by_key(|((_, _, of, location, least, starts), _)| {
                (*least, location.is_some(), of.is_some(), *starts)
            });
            let Some((_, days)) = rows.pop() else { continue };
            of_lists.push((-priority, days[day].unwrap(), &self.lists[at].id, at, sale));
        }
        of_lists.sort_unstable();
        of_lists.first().map(|(_, amount, _, list, sale)| Found { amount: *amount, list: *list, sale: *sale })
    }
}

#[test]
fn which_price_is_that_of_a_slow_model_of_every_moment() {
    seeds(&[1, 2, 3], 3).for_each(|seed| which_price(&seed));
}

fn which_price(seed: &Seed) {
    let mut numbers = Numbers::new(seed.value());
    let mut shop = shop();
    let places = |shop: &Shop| {
        let catalogue = &shop.engine.state().catalogue;
        let location = |text: &str| PriceTarget::Location(catalogue.locations.id(text).unwrap(), name(text));
        let group = |text: &str| PriceTarget::Group(catalogue.groups.id(text).unwrap());
        [PriceTarget::Nowhere, location("s0"), location("s1"), location("s2"), group("g0"), group("g1")]
    };
    let mut model = Model {
        lists: vec![ModelList { id: "base".into(), lives: true, said: vec![None; DAYS] }],
        rows: BTreeMap::new(),
    };
    const IDS: [&str; 4] = ["a", "c", "sale", "z"];
    let mut today = BEGIN;
    for step in 0..160 {
        if numbers.below(3) == 0 && today < BEGIN + 55 {
            for _ in 0..=numbers.below(3) {
                today += 1;
                shop.clock.set(time_of(today).0);
                // Lists turn in the next cycle.
                shop.receive("A", "s0", 1);
            }
        }
        let mut day = |from: usize, days: u64| from + numbers.below(days) as usize;
        let (soon, late) = (day(today, 20), day(today + 20, 20));
        let past = day(today - 40, 40);
        let pick = |numbers: &mut Numbers| numbers.below(4) as usize;
        match numbers.below(10) {
            0 | 1 => {
                let id = IDS[pick(&mut numbers)];
                let kind = if id == "sale" || numbers.below(5) == 0 { ListKind::Sale } else { ListKind::Regular };
                let catalogue = &shop.engine.state().catalogue;
                let mut list = PriceList { priority: numbers.below(3) as i32 - 1, ..PriceList::of(EUR, kind) };
                if numbers.below(3) == 0 {
                    list.channels = vec![name(["web", "app"][numbers.below(2) as usize])];
                }
                if numbers.below(4) == 0 {
                    list.locations = vec![catalogue.locations.id("s0").unwrap()];
                }
                if numbers.below(4) == 0 {
                    list.groups = vec![catalogue.groups.id(["g0", "g1"][numbers.below(2) as usize]).unwrap()];
                }
                if numbers.below(3) == 0 {
                    list.starts_at = Some(time_of(if numbers.below(2) == 0 { past } else { soon }));
                }
                if numbers.below(3) == 0 {
                    list.ends_at = Some(time_of(late));
                }
                set_list(&shop, id, Some(list.clone())).unwrap();
                model.set_list(id, today, Some(list));
            }
            2 => {
                let id = IDS[pick(&mut numbers)];
                if model.list(id).is_some() && set_list(&shop, id, None).is_ok() {
                    model.set_list(id, today, None);
                }
            }
            _ => {
                let id = (numbers.below(3) > 0).then(|| IDS[pick(&mut numbers)]);
                let Some(list) = id.map_or(Some(0), |id| model.list(id)) else { continue };
                let text = ["A", "B"][numbers.below(2) as usize];
                let channel = (list == 0 && numbers.below(3) == 0).then_some("web");
                let location = (list == 0 && numbers.below(3) == 0).then_some("s0");
                let least = [1, 1, 5][numbers.below(3) as usize];
                let starts = match numbers.below(4) {
                    0 => Some(past),
                    1 => Some(soon),
                    _ => None,
                };
                let key = (text.to_owned(), list, channel, location, least, starts);
                let value = (numbers.below(6) > 0).then(|| {
                    let ends = (numbers.below(3) == 0).then_some(late);
                    (100 * (1 + numbers.below(9)), ends)
                });
                let fields = RowFields {
                    channel: channel.map(name),
                    location: location.map(name),
                    min_quantity: least,
                    starts_at: starts.map(time_of),
                    ends_at: match value {
                        Some((_, Some(ends))) => Patch::Set(time_of(ends)),
                        _ => Patch::Clear,
                    },
                    ..row(id, text, value.map(|(amount, _)| amount))
                };
                set(&shop, vec![fields]);
                model.set_row(key, today, value);
            }
        }
        if step % 40 == 39 {
            shop = shop.restart();
        }
        let all = places(&shop);
        for _ in 0..6 {
            let place = &all[numbers.below(6) as usize];
            let (channel, text) = (["web", "app", "pos"][pick(&mut numbers) % 3], ["A", "B"][pick(&mut numbers) % 2]);
            let units = [1, 5, 9][pick(&mut numbers) % 3];
            // Back as far as nothing is forgotten, and ahead.
            let day = match numbers.below(3) {
                0 => today,
                1 => today - numbers.below(50) as usize,
                _ => today + numbers.below(60) as usize,
            };
            let asked = Asked { at: time_of(day), ..asked(&shop, channel, place.clone()) };
            let groups_of = match place {
                PriceTarget::Location(id, _) => shop.engine.state().catalogue.groups_of(*id),
                _ => Vec::new(),
            };
            let question = (text, channel, place, units);
            let expected = model.best(question, &groups_of, day, false);
            let found = price(&shop, &asked, text, units);
            let shown = found.as_ref().map(|found| (found.amount, found.list.as_str()));
            let at = || format!("step {step}, day {day} of {today}, {question:?}");
            assert_eq!(shown, expected.map(|found| (found.amount, &*model.lists[found.list].id)), "{}", at());
            let Some(expected) = expected else { continue };
            let regular = model.best(question, &groups_of, day, true);
            let found = found.unwrap();
            assert_eq!(found.regular_amount, regular.map(|regular| regular.amount), "{}", at());
            if !expected.sale {
                assert_eq!(found.prior_amount, None, "{}", at());
                continue;
            }
            let (mut began, mut amount) = (day, expected.amount);
            while began > 0
                && let Some(before) = model.best(question, &groups_of, began - 1, false)
                && before.sale
                && before.amount >= amount
            {
                (began, amount) = (began - 1, before.amount);
            }
            // What is compared lies within what is kept.
            if began < today.saturating_sub(25) {
                continue;
            }
            let window = began.saturating_sub(30)..began;
            let lowest =
                window.filter_map(|day| model.best(question, &groups_of, day, false)).map(|found| found.amount);
            assert_eq!(found.prior_amount, lowest.min(), "{}", at());
        }
    }
    audit(&shop);
}

#[test]
fn a_reduction_that_goes_on_deepening_began_with_its_first_step() {
    let shop = shop();
    set_list(&shop, "sale", Some(PriceList { priority: 9, ..PriceList::of(EUR, ListKind::Sale) })).unwrap();
    set(&shop, vec![row(None, "A", Some(1000))]);
    let mut told = Vec::new();
    for amount in [900, 800, 700, 750, 600] {
        shop.clock.advance(10 * DAY);
        set(&shop, vec![row(Some("sale"), "A", Some(amount))]);
        told.push(price(&shop, &asked(&shop, "web", PriceTarget::Nowhere), "A", 1).unwrap().prior_amount);
    }
    // 750 raises what was 700, so a reduction begins anew.
    assert_eq!(told, [Some(1000), Some(1000), Some(1000), Some(700), Some(700)]);
    // It goes on for longer than anything else is kept.
    for _ in 0..10 {
        shop.clock.advance(20 * DAY);
        set(&shop, vec![row(None, "B", Some(shop.engine.now().0 % 1000))]);
    }
    let found = price(&shop, &asked(&shop, "web", PriceTarget::Nowhere), "A", 1).unwrap();
    assert_eq!((found.amount, found.regular_amount, found.prior_amount), (600, Some(1000), Some(700)));
    audit(&shop);
}

#[test]
fn what_ended_is_kept_for_sixty_days_and_no_longer() {
    let mut shop = shop();
    set(&shop, vec![row(None, "A", Some(100))]);
    shop.clock.advance(DAY);
    set(&shop, vec![row(None, "A", Some(90))]);
    let kept = |shop: &Shop| shop.engine.state().own.prices.get(sku(shop, "A")).map_or(0, |prices| prices.rows.len());
    for (days, rows) in [(59, 2), (2, 1)] {
        shop.clock.advance(days * DAY);
        // Any change of prices forgets what is due of others.
        set(&shop, vec![row(None, "B", Some(days))]);
        assert_eq!(kept(&shop), rows, "after {days} more days");
    }
    for n in 0..1100 {
        shop.clock.advance(1000);
        set(&shop, vec![row(None, "A", Some(n))]);
    }
    assert_eq!(kept(&shop), 1001, "and so many at the most");
    let hash = shop.engine.state().hash.show();
    shop = shop.restart();
    assert_eq!((shop.engine.state().hash.show(), kept(&shop)), (hash, 1001));
    audit(&shop);
}

/// A till that asks for changes gets the SKUs whose prices begin or end on their own dates.
#[test]
fn skus_turn_when_their_rows_begin_and_end() {
    let directory = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(START_MS);
    let mut shop = Shop::on_disk(directory.path(), &clock);
    shop.declare(&["s0"]);
    ["A", "B"].into_iter().for_each(|sku| shop.receive(sku, "s0", 1));
    let began = shop.engine.now();
    let at = |ms: u64| Some(began.plus_millis(ms));
    let sale = |starts_at, ends_at, amount| RowFields { starts_at, ends_at, ..row(None, "A", amount) };
    set(&shop, vec![sale(at(1000), Patch::Set(began.plus_millis(3000)), Some(80)), row(None, "B", Some(5))]);
    let turned = |shop: &Shop, from: u64, to: u64| {
        let turned = shop.engine.state().own.prices.turned(began.plus_millis(from), began.plus_millis(to));
        turned.into_iter().map(|id| shop.engine.state().catalogue.skus.name(id).to_string()).collect::<Vec<_>>()
    };
    let all =
        |shop: &Shop| [(0, 999), (999, 1000), (1000, 2999), (2000, 3000)].map(|(from, to)| turned(shop, from, to));
    let a = || vec!["A".to_owned()];
    assert_eq!(all(&shop), [vec![], a(), vec![], a()]);
    assert_eq!(turned(&shop, 0, 5000), ["A", "A"], "at both moments");
    assert!(turned(&shop, 5000, 0).is_empty());
    // From the log, then from a checkpoint.
    for closes in [false, true] {
        if closes {
            shop.engine.close().unwrap();
        }
        drop(shop);
        shop = Shop::on_disk(directory.path(), &clock);
        assert_eq!(all(&shop), [vec![], a(), vec![], a()], "after a start, closed before: {closes}");
    }
    // What is taken out turns no more.
    set(&shop, vec![sale(at(1000), Patch::Keep, None)]);
    assert!(turned(&shop, 0, 5000).is_empty());
}

#[test]
fn what_was_worked_out_stands_until_something_that_it_rests_on_changes() {
    let shop = shop();
    let skus = [sku(&shop, "A")];
    let stands = |shop: &Shop, seq, until| shop.engine.state().own.prices.stand(seq, until, shop.engine.now(), skus);
    set(&shop, vec![row(None, "A", Some(100))]);
    let quote = |shop: &Shop| {
        let quote = shop.engine.state().quote(&asked(shop, "web", PriceTarget::Nowhere), &[(Some(skus[0]), 1)]);
        assert!(stands(shop, quote.seq, quote.until), "at first");
        quote
    };
    let first = quote(&shop);
    shop.receive("A", "s0", 1);
    set(&shop, vec![row(None, "B", Some(5))]);
    assert!(stands(&shop, first.seq, first.until), "what it does not rest on");
    set(&shop, vec![row(None, "A", Some(99))]);
    assert!(!stands(&shop, first.seq, first.until), "its own price");
    let first = quote(&shop);
    let starts_at = Some(shop.engine.now().plus_millis(5000));
    set(&shop, vec![RowFields { starts_at, ..row(None, "A", Some(50)) }]);
    assert!(!stands(&shop, first.seq, first.until), "a price to come");
    let first = quote(&shop);
    assert_eq!(Some(first.until), starts_at);
    shop.clock.advance(5000);
    assert!(!stands(&shop, first.seq, first.until), "a price that began, without a record");
    let first = quote(&shop);
    let ends_at = Some(shop.engine.now().plus_millis(5000));
    set_list(&shop, "l", Some(PriceList { ends_at, ..PriceList::of(EUR, ListKind::Sale) })).unwrap();
    assert!(!stands(&shop, first.seq, first.until), "a list");
    let first = quote(&shop);
    shop.clock.advance(5000);
    shop.receive("A", "s0", 1);
    assert!(!stands(&shop, first.seq, first.until), "a list that ended");
    let first = quote(&shop);
    let class = TaxClass { name: None, rates: vec![Rate { rate: 2100, ..Rate::default() }] };
    put(&shop, Command::SetTaxClass(name("standard"), Some(Box::new(class)), Precondition::default())).unwrap();
    assert!(!stands(&shop, first.seq, first.until), "a tax class");
    let first = quote(&shop);
    set_list(&shop, "of-g0", {
        let groups = vec![shop.engine.state().catalogue.groups.id("g0").unwrap()];
        Some(PriceList { groups, ..PriceList::of(EUR, ListKind::Regular) })
    })
    .unwrap();
    let second = quote(&shop);
    assert!(!stands(&shop, first.seq, first.until));
    shop.put_group("g0", &["s1"]);
    assert!(!stands(&shop, second.seq, second.until), "a group that a list names");
    audit(&shop);
}

#[test]
fn the_rate_with_the_most_conditions_counts_and_then_the_first() {
    let shop = shop();
    let state = shop.engine.state();
    let location = |text: &str| state.catalogue.locations.id(text).unwrap();
    let group = |text: &str| state.catalogue.groups.id(text).unwrap();
    let rate = |rate: u32, locations: &[LocationId], groups: &[GroupId]| Rate {
        rate,
        locations: locations.to_vec(),
        groups: groups.to_vec(),
    };
    let (s0, s1) = (location("s0"), location("s1"));
    let rates = vec![
        rate(1, &[], &[]),
        rate(2, &[], &[group("g1")]),
        rate(3, &[s0], &[]),
        rate(4, &[s0], &[group("g0"), group("g1")]),
        rate(5, &[s0], &[group("g0")]),
    ];
    let class = TaxClass { name: None, rates };
    put(&shop, Command::SetTaxClass(name("books"), Some(Box::new(class)), Precondition::default())).unwrap();
    let book = state.own.prices.book();
    let at = |place: &PriceTarget| book.rate("books", place);
    assert_eq!(at(&PriceTarget::Nowhere), Some(1));
    assert_eq!(at(&PriceTarget::Location(s0, name("s0"))), Some(4));
    assert_eq!(at(&PriceTarget::Location(s1, name("s1"))), Some(2));
    assert_eq!(at(&PriceTarget::Location(location("s2"), name("s2"))), Some(1));
    assert_eq!((at(&PriceTarget::Group(group("g1"))), at(&PriceTarget::Group(group("g0")))), (Some(2), Some(1)));
    assert_eq!(book.rate("unknown", &PriceTarget::Nowhere), None);
}

#[test]
fn no_sku_has_more_than_two_hundred_prices_and_there_are_a_thousand_lists() {
    let shop = shop();
    let at = |n: u32| RowFields { min_quantity: n, ..row(None, "A", Some(5)) };
    set(&shop, (1..=200).map(at).collect());
    let refused = |failure: Result<Outcome, Failure>| match failure.unwrap_err() {
        Failure::Refused(Refusal::Limited { limit, most, .. }) => (limit, most),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(put(&shop, Command::SetRows(vec![at(201)]))), ("price_rows_max".to_owned(), 200));
    // One that is there may change, and one that is taken out makes room.
    set(&shop, vec![RowFields { amount: Some(6), ..at(7) }]);
    set(&shop, vec![RowFields { amount: None, ..at(7) }, at(201)]);
    for n in 0..1000 {
        set_list(&shop, &format!("l{n}"), Some(PriceList::of(EUR, ListKind::Regular))).unwrap();
    }
    let one_more = set_list(&shop, "one-more", Some(PriceList::of(EUR, ListKind::Regular)));
    assert_eq!(refused(one_more), ("price_lists_max".to_owned(), 1000));
    set_list(&shop, "l7", None).unwrap();
    set_list(&shop, "one-more", Some(PriceList::of(EUR, ListKind::Regular))).unwrap();
    audit(&shop);
}
