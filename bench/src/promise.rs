//! The cost of rules in decisions, of changing a rule, of pickup searches, of sourcing plans, and of backorders.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anaquel_bench::retailer::{LOCATIONS, RULES, SKUS, put, put_rules, retailer, run, safety};
use anaquel_bench::{Numbers, in_memory, median, name, request, stock};
use anaquel_engine::Engine;
use anaquel_engine::admission::MovementRequest;
use anaquel_engine::command::{Command, LocationFields, NameRef, PutWhat, Row, Rows, RuleFields, SupplyFields};
use anaquel_engine::event::{MovementKind, Purpose, SupplyKind};
use anaquel_engine::ids::{ChannelId, LocationId, Name, SkuId, Timestamp};
use anaquel_engine::pickup::PickupQuestion;
use anaquel_engine::sourcing::{Policy, Question, Sources};
use anyhow::Context;

use crate::{ROUNDS, rate};

/// Reads of one SKU in all its stores per round: long enough that a burst of a neighbour does not dominate a round.
const READS: u32 = 5_000;

/// With 10,000 rules over 2,000,000 cells: what does a promise cost against one without, and reading a SKU in 1,000
/// stores? How long does one change take, and who waits for it?
pub fn rules() -> anyhow::Result<()> {
    let (plain, ruled) = (retailer()?, retailer()?);
    let started = Instant::now();
    put_rules(&ruled)?;
    println!("{RULES} rules over {} cells, medians of {ROUNDS}", plain.state().cells());
    println!("  loading all of them          {:>10.1} ms", started.elapsed().as_secs_f64() * 1e3);

    let (mut free, mut bound) = (Vec::new(), Vec::new());
    let (mut without, mut with, mut few, mut many) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for (engine, rates) in [(&plain, &mut without), (&ruled, &mut with)] {
            let state = engine.state();
            rates.push(rate(|numbers, reserve| {
                if let Some(line) = reserve.lines.first_mut() {
                    (line.sku, line.location) = (SkuId(numbers.pick(SKUS)), LocationId(numbers.pick(LOCATIONS)));
                }
                let taken = state.admit_lines(reserve).unwrap_or_default();
                state.give_back(&taken);
            }));
        }
        for (engine, rates) in [(&plain, &mut free), (&ruled, &mut bound)] {
            rates.push(promises(engine)?);
        }
        for (engine, times) in [(&plain, &mut few), (&ruled, &mut many)] {
            let mut numbers = Numbers(11);
            let started = Instant::now();
            for _ in 0..READS {
                let (_, cells) = engine.state().availability(&[SkuId(numbers.pick(SKUS))], None, Some(ChannelId(0)));
                assert_eq!(cells.len(), LOCATIONS as usize);
            }
            times.push(started.elapsed().as_secs_f64() / f64::from(READS) * 1e6);
        }
    }
    let (without, with, few, many) = (median(without), median(with), median(few), median(many));
    println!("  admission without rules      {without:>10.0} /s");
    println!("  admission with them          {with:>10.0} /s   {:.2} times the cost", without / with);
    let (free, bound) = (median(free), median(bound));
    println!("  promises without rules       {free:>10.0} /s, log in memory, 1,024 in flight");
    println!("  promises with them           {bound:>10.0} /s   {:.2} times the cost", free / bound);
    println!("  a SKU in 1,000 stores        {few:>10.1} us without, {many:.1} us with   {:.2} times", many / few);

    changes(&ruled)?;
    Ok(())
}

/// Complete promises a second: admitted, decided, logged in memory, folded, answered.
fn promises(engine: &Engine) -> anyhow::Result<f64> {
    const PROMISES: u64 = 40_000;
    const IN_FLIGHT: u64 = 1_024;
    let (done, refused) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut numbers = Numbers(23);
    let requests: Vec<_> = (0..PROMISES).map(|_| request(numbers.pick(SKUS), numbers.pick(LOCATIONS))).collect();
    let started = Instant::now();
    for (nth, request) in (0..).zip(requests) {
        while nth - done.load(Ordering::Relaxed) >= IN_FLIGHT {
            std::thread::yield_now();
        }
        let (done, refused) = (Arc::clone(&done), Arc::clone(&refused));
        engine.reserve(
            request,
            None,
            Box::new(move |outcome: anaquel_engine::command::CommandResult| {
                refused.fetch_add(u64::from(outcome.is_err()), Ordering::Relaxed);
                done.fetch_add(1, Ordering::Relaxed);
            }),
        );
    }
    while done.load(Ordering::Relaxed) < PROMISES {
        std::thread::yield_now();
    }
    let rate = PROMISES as f64 / started.elapsed().as_secs_f64();
    anyhow::ensure!(refused.load(Ordering::Relaxed) == 0, "every promise is granted");
    Ok(rate)
}

/// One rule changes, for few cells and for all, while promises are made.
fn changes(engine: &Engine) -> anyhow::Result<()> {
    let hundred: Vec<Name> = (0..100).map(|n| name("sku", n)).collect();
    let (mut set, mut read) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS as u32 {
        let fields = RuleFields { skus: hundred.clone(), kinds: vec![Default::default()], ..safety(10 + round) };
        let started = Instant::now();
        put(engine, PutWhat::Rule(name("changing", 0), Some(Box::new(fields))))?;
        set.push(started.elapsed().as_secs_f64() * 1e3);
        let ids: Vec<_> = (0..100).map(SkuId).collect();
        let (_, cells) = engine.state().availability(&ids, None, Some(ChannelId(0)));
        anyhow::ensure!(cells.len() == 100_000, "the rule is about 100,000 cells");
        read.push(started.elapsed().as_secs_f64() * 1e3);
    }
    println!(
        "  a change about 100,000 cells {:>10.1} ms until in force, {:.1} ms until all were read again",
        median(set),
        median(read)
    );

    let (stop, longest, made) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let mut set = Vec::new();
    let mut calm = 0;
    std::thread::scope(|scope| -> anyhow::Result<()> {
        scope.spawn(|| {
            let mut numbers = Numbers(5);
            while !stop.load(Ordering::Relaxed) {
                let started = Instant::now();
                let request = anaquel_bench::request(numbers.pick(SKUS), numbers.pick(LOCATIONS));
                let _ = engine.run(|engine, done| engine.reserve(request, None, done));
                longest.fetch_max(started.elapsed().as_micros() as u64, Ordering::Relaxed);
                made.fetch_add(1, Ordering::Relaxed);
            }
        });
        std::thread::sleep(Duration::from_millis(500));
        calm = longest.swap(0, Ordering::Relaxed);
        for round in 0..ROUNDS as u32 {
            let started = Instant::now();
            let put = put(engine, PutWhat::Rule(name("changing", 1), Some(Box::new(safety(20 + round)))));
            set.push(started.elapsed().as_secs_f64() * 1e3);
            std::thread::sleep(Duration::from_millis(100));
            if put.is_err() {
                stop.store(true, Ordering::Relaxed);
            }
            put?;
        }
        stop.store(true, Ordering::Relaxed);
        Ok(())
    })?;
    println!(
        "  a change about 2,000,000     {:>10.1} ms until in force; the longest promise meanwhile took {:.1} ms, {:.1} ms before",
        median(set),
        longest.into_inner() as f64 / 1e3,
        calm as f64 / 1e3
    );
    Ok(())
}

/// SKUs that every store of a file has, three of each.
const CARRIED: u32 = 500;

/// The stores of `file`, a JSON array with `location.lat` and `location.lon`, and their positions.
fn stores(file: &Path) -> anyhow::Result<(Engine, Vec<(f64, f64)>)> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let stores: Vec<serde_json::Value> = serde_json::from_str(&text)?;
    let at = |store: &serde_json::Value| -> Option<(f64, f64)> {
        let degrees = |axis: &str| store.get("location")?.get(axis)?.as_f64();
        Some((degrees("lat")?, degrees("lon")?))
    };
    let places: Vec<(f64, f64)> = stores.iter().filter_map(at).collect();
    let engine = in_memory();
    let rows = (0..).zip(&places).map(|(n, at)| Row {
        line: 0,
        id: NameRef::New(name("location", n)),
        fields: LocationFields { coordinates: Some(*at).into(), ..LocationFields::default() },
    });
    run(&engine, Command::load(Rows::Locations(rows.collect()), false))?;
    stock(&engine, CARRIED, places.len() as u32, 3);
    Ok((engine, places))
}

/// Prints the median and the 99th percentile of times in microseconds.
fn tell(what: &str, mut times: Vec<f64>, more: &str) {
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN);
    println!("  {what:<17} median {:>7.0} us, 99th percentile {:>7.0} us, {more}", at(0.5), at(0.99));
}

/// How long does a pickup search for a basket of 20 lines take, over the stores of a file?
pub fn pickup(file: &Path) -> anyhow::Result<()> {
    const BASKETS: usize = 2_000;
    let (engine, places) = stores(file)?;
    println!("pickup over {} stores, a basket of 20 lines, {BASKETS} baskets each", places.len());
    for (what, radius_km) in [("within 30 km", Some(30.0)), ("within 300 km", Some(300.0)), ("anywhere", None)] {
        let (mut numbers, mut times, mut found) = (Numbers(3), Vec::new(), 0);
        for _ in 0..BASKETS {
            let basket = (0..20).map(|_| (SkuId(numbers.pick(CARRIED)), 1 + numbers.pick(4))).collect();
            let near = places.get(numbers.pick(places.len() as u32) as usize).copied();
            let now = Timestamp(1_800_000_000_000);
            let question = PickupQuestion { basket, near, radius_km, channel: None, now, since: now, limit: 20 };
            let started = Instant::now();
            found += engine.state().pickup(&question).1.len();
            times.push(started.elapsed().as_secs_f64() * 1e6);
        }
        tell(what, times, &format!("{:.1} places each", found as f64 / BASKETS as f64));
    }
    Ok(())
}

/// How long does a plan for an order of 20 lines take over the stores of a file, by policy?
pub fn sourcing(file: &Path) -> anyhow::Result<()> {
    const ORDERS: usize = 200;
    let (engine, places) = stores(file)?;
    println!(
        "sourcing over {} stores, an order of 20 lines and up to five shipments, {ORDERS} orders each",
        places.len()
    );
    for (what, policy) in [
        ("nearest", Policy::Nearest),
        ("fewest shipments", Policy::FewestShipments),
        ("most stock", Policy::MostStock),
        ("stores last", Policy::StoresLast),
        ("balance", Policy::Balance),
        ("whole order", Policy::WholeOrder),
    ] {
        let (mut numbers, mut times, mut used) = (Numbers(3), Vec::new(), 0);
        for _ in 0..ORDERS {
            let question = Question {
                lines: (0..20).map(|_| (SkuId(numbers.pick(CARRIED)), 1 + numbers.pick(8), None)).collect(),
                near: places.get(numbers.pick(places.len() as u32) as usize).copied(),
                sources: Sources::Shipping,
                channel: None,
                purpose: Purpose::Delivery,
                weights: policy.weights(),
                shipments_max: if policy == Policy::WholeOrder { 1 } else { 5 },
                now: Timestamp(1_800_000_000_000),
                limits: Default::default(),
            };
            let started = Instant::now();
            used += engine.state().source(&question).1.best.map_or(0, |plan| plan.shipments.len());
            times.push(started.elapsed().as_secs_f64() * 1e6);
        }
        tell(what, times, &format!("{:.1} shipments each", used as f64 / ORDERS as f64));
    }
    Ok(())
}

/// How long does a promise of inbound supply take, by the number of backorders before it, and the receipt that fills
/// them?
pub fn supply() -> anyhow::Result<()> {
    const WAITING: u64 = 100_000;
    let engine = in_memory();
    stock(&engine, 1, 1, 0);
    let state = engine.state();
    let (sku, location) = (state.sku_ref(&name("sku", 0)), state.location_ref(&name("location", 0)));
    let expected_at = Some(Timestamp(engine.now().0 + 86_400_000));
    let kind = SupplyKind::PurchaseOrder;
    let row = SupplyFields {
        as_of: None,
        line: 0,
        name: name("po", 0),
        kind,
        sku,
        location,
        quantity: WAITING as u32,
        expected_at,
    };
    run(&engine, Command::supply(vec![row]))?;
    println!("one cell, {WAITING} promises of one unit that is to come, one after the other, log in memory");
    let mut times = Vec::new();
    for nth in 0..WAITING {
        let mut request = anaquel_bench::request(0, 0);
        request.confirm = true;
        request.lines.iter_mut().for_each(|line| line.latest = Some(Timestamp::MAX));
        let started = Instant::now();
        engine.run(|engine, done| engine.reserve(request, None, done))?;
        times.push(started.elapsed().as_secs_f64() * 1e6);
        if nth + 1 == WAITING / 100 {
            tell("the first 1,000", std::mem::take(&mut times), "");
        }
    }
    tell("the last 1,000", times.split_off(times.len() - 1_000), "");
    let receipt = MovementRequest {
        kind: MovementKind::Receipt,
        sku: name("sku", 0),
        location: name("location", 0),
        change: WAITING as i64,
        occurred_at: None,
        reference: None,
        unplanned: false,
    };
    let started = Instant::now();
    engine.run(|engine, done| engine.move_stock(vec![receipt], None, done))?;
    println!("  the receipt that fills all of them {:.0} ms", started.elapsed().as_secs_f64() * 1e3);
    Ok(())
}
