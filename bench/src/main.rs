//! `anaquel-bench`: measures the performance floors of the core, each beside its reference, in one run.
//!
//! `cargo run --release -p anaquel-bench -- all`, or one of `admission`, `durable`, `batches`, `memory`, `restart [CELLS]`
//! (default 2,000,000), `scale [CELLS]` (up to this number, default 10,000,000), `expiry`, `feed`, `rules`, `supply`;
//! `month [--scale N] [--days N]` simulates 1,000 orders a second for 30 days, divided by N (default 10,000); `year
//! [--sales N] [--days N] [--memory-days N]` sells 10,000 times a day for a year, with receipts; `pickup STORES.json` and
//! `sourcing STORES.json` read the stores from a file. `instructions` counts instructions and allocations instead of
//! timing, and compares with `bench/instructions.json`, which `instructions update` writes.

mod allocations;
mod batches;
mod instructions;
mod promise;
mod scale;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anaquel_bench::{Numbers, in_memory, median, name, on_disk, one, request, resident_bytes, stock};
use anaquel_engine::admission::ReserveRequest;
use anaquel_engine::command::Reserve;
use anaquel_engine::feed::{Exceeded, Mode, Selection, Start};
use anaquel_engine::ids::{LocationId, SkuId};
use anaquel_engine::level::{Floor, StockLevel};

#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;

const THREADS: u64 = 2;
const ROUNDS: usize = 5;
const SLICE: Duration = Duration::from_millis(800);

fn main() -> anyhow::Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("admission") => admission(),
        Some("durable") => durable()?,
        Some("batches") => batches::batches()?,
        Some("memory") => memory(std::env::args().nth(2).as_deref() == Some("by-location")),
        Some("restart") => restart(std::env::args().nth(2).map_or(Ok(2_000_000), |cells| cells.parse())?)?,
        Some("scale") => scale::scale(std::env::args().nth(2).map_or(Ok(10_000_000), |most| most.parse())?)?,
        Some(scale::ONE) => scale::one(&std::env::args().nth(2).unwrap_or_default())?,
        Some("expiry") => expiry()?,
        Some("feed") => feed()?,
        Some("rules") => promise::rules()?,
        Some("supply") => promise::supply()?,
        Some("pickup") => promise::pickup(&stores()?)?,
        Some("sourcing") => promise::sourcing(&stores()?)?,
        Some("month") => anaquel_bench::month::print(month()?)?,
        Some("year") => anaquel_bench::year::print(year()?)?,
        Some("instructions") => instructions::compare(std::env::args().nth(2).as_deref())?,
        Some(instructions::ONE) => {
            let [name, mode] = [2, 3].map(|nth| std::env::args().nth(nth).unwrap_or_default());
            instructions::one_case(&name, &mode)?;
        }
        Some("all") => {
            // First, while no other benchmark has left memory behind.
            memory(false);
            admission();
            durable()?;
            batches::batches()?;
            restart(2_000_000)?;
            expiry()?;
            feed()?;
            promise::rules()?;
            promise::supply()?;
        }
        _ => anyhow::bail!(
            "name a benchmark: admission, durable, batches, memory, restart [CELLS], scale [CELLS], expiry, feed, rules, \
             supply, month [--scale N] [--days N], year [--sales N] [--days N] [--memory-days N], pickup STORES.json, sourcing STORES.json, instructions [update] or \
             all"
        ),
    }
    Ok(())
}

/// The arguments of the month.
fn month() -> anyhow::Result<anaquel_bench::month::Month> {
    let mut month = anaquel_bench::month::Month::default();
    options(|word, value| {
        match word {
            "--scale" => month.scale = value,
            "--days" => month.days = value.try_into()?,
            _ => anyhow::bail!("{word}: month takes --scale N and --days N"),
        }
        Ok(())
    })?;
    Ok(month)
}

/// The arguments of the year.
fn year() -> anyhow::Result<anaquel_bench::year::Year> {
    let mut year = anaquel_bench::year::Year::default();
    options(|word, value| {
        match word {
            "--sales" => year.sales = value,
            "--days" => year.days = value.try_into()?,
            "--memory-days" => year.memory_days = value,
            _ => anyhow::bail!("{word}: year takes --sales N, --days N and --memory-days N"),
        }
        Ok(())
    })?;
    Ok(year)
}

/// The options of a benchmark, each with a number of at least 1.
fn options(mut set: impl FnMut(&str, u64) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut words = std::env::args().skip(2);
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| anyhow::anyhow!("{word}: add a number"))?;
        let value = value.parse().map_err(|error| anyhow::anyhow!("{word} {value}: {error}"))?;
        anyhow::ensure!(value > 0, "{word}: must be at least 1");
        set(&word, value)?;
    }
    Ok(())
}

/// The file of stores.
fn stores() -> anyhow::Result<std::path::PathBuf> {
    std::env::args().nth(2).map(Into::into).ok_or_else(|| anyhow::anyhow!("name the file of stores"))
}

/// Runs `step` on both cores for a slice of time; returns operations a second.
fn rate(step: impl Fn(&mut Numbers, &mut Reserve) + Sync) -> f64 {
    let done = AtomicU64::new(0);
    let started = Instant::now();
    std::thread::scope(|scope| {
        for thread in 1..=THREADS {
            let (step, done) = (&step, &done);
            scope.spawn(move || {
                let (mut numbers, mut reserve) = (Numbers(0x9E37_79B9 * thread), one(7, 7));
                let mut count = 0;
                while started.elapsed() < SLICE {
                    for _ in 0..256 {
                        step(&mut numbers, &mut reserve);
                    }
                    count += 256;
                }
                done.fetch_add(count, Ordering::Relaxed);
            });
        }
    });
    done.into_inner() as f64 / started.elapsed().as_secs_f64()
}

/// How does admission and release, look-up included, compare with a bare compare-and-swap on the same random cells? And
/// a cell that both cores hit with spread cells?
fn admission() {
    const SKUS: u32 = 10_000;
    const LOCATIONS: u32 = 200;
    let engine = in_memory();
    stock(&engine, SKUS, LOCATIONS, 1_000_000);
    let state = engine.state();
    let words: Vec<AtomicU64> =
        (0..SKUS * LOCATIONS).map(|_| AtomicU64::new(StockLevel { on_hand: 1_000_000, reserved: 0 }.pack())).collect();
    // The same words at the distance of cells, which no cache holds.
    let apart: Vec<[AtomicU64; 4]> =
        words.iter().map(|word| [0, 0, 0, word.load(Ordering::Relaxed)].map(AtomicU64::new)).collect();
    let [mut bare, mut bare_apart, mut spread, mut hot, mut bare_hot] = [const { Vec::new() }; 5];
    let take_and_give = |word: &AtomicU64| {
        for change in [1u64, 1u64.wrapping_neg()] {
            let mut seen = word.load(Ordering::Relaxed);
            loop {
                let level = StockLevel::unpack(seen);
                if level.available(Floor::default()) == 0 {
                    break;
                }
                match word.compare_exchange_weak(seen, seen.wrapping_add(change), Ordering::Relaxed, Ordering::Relaxed)
                {
                    Ok(_) => break,
                    Err(now) => seen = now,
                }
            }
        }
    };
    for _ in 0..ROUNDS {
        bare.push(rate(|numbers, _| {
            let (sku, location) = (numbers.pick(SKUS), numbers.pick(LOCATIONS));
            if let Some(word) = words.get((sku * LOCATIONS + location) as usize) {
                take_and_give(word);
            }
        }));
        bare_apart.push(rate(|numbers, _| {
            let (sku, location) = (numbers.pick(SKUS), numbers.pick(LOCATIONS));
            if let Some([.., word]) = apart.get((sku * LOCATIONS + location) as usize) {
                take_and_give(word);
            }
        }));
        spread.push(rate(|numbers, reserve| {
            if let Some(line) = reserve.lines.first_mut() {
                (line.sku, line.location) = (SkuId(numbers.pick(SKUS)), LocationId(numbers.pick(LOCATIONS)));
            }
            let taken = state.admit_lines(reserve).unwrap_or_default();
            state.give_back(&taken);
        }));
        hot.push(rate(|numbers, reserve| {
            let _ = (numbers.draw(), numbers.draw());
            let taken = state.admit_lines(reserve).unwrap_or_default();
            state.give_back(&taken);
        }));
        bare_hot.push(rate(|numbers, _| {
            let _ = (numbers.draw(), numbers.draw());
            if let Some(word) = words.get(7) {
                take_and_give(word);
            }
        }));
    }
    let [bare, bare_apart, spread, hot, bare_hot] = [bare, bare_apart, spread, hot, bare_hot].map(median);
    println!("admission and give-back on 2,000,000 cells, both cores, median of {ROUNDS}");
    println!("  bare loop               {bare:>14.0} /s");
    println!("  bare loop, 32 B apart   {bare_apart:>14.0} /s   {:.2} of bare", bare_apart / bare);
    println!(
        "  engine, spread          {spread:>14.0} /s   {:.2} of bare, {:.2} of bare 32 B apart",
        spread / bare,
        spread / bare_apart
    );
    println!("  engine, one hot cell    {hot:>14.0} /s   {:.2} of spread", hot / spread);
    println!("  bare loop, one hot cell {bare_hot:>14.0} /s");
}

/// How many durable single-line reservations a second with 4,096 in flight, names resolved at the edge? And how long
/// does a single caller wait?
fn durable() -> anyhow::Result<()> {
    const SKUS: u32 = 2_000;
    const LOCATIONS: u32 = 100;
    const IN_FLIGHT: usize = 4096;
    let directory = tempfile::tempdir()?;
    let (engine, _) = on_disk(directory.path())?;
    stock(&engine, SKUS, LOCATIONS, 1_000_000);
    let (mut rates, mut batches) = (Vec::new(), Vec::new());
    let bytes = |engine: &anaquel_engine::Engine| engine.counters().bytes.load(Ordering::Relaxed);
    let records = |engine: &anaquel_engine::Engine| engine.counters().records.load(Ordering::Relaxed);
    let (first_bytes, first_records) = (bytes(&engine), records(&engine));
    let prepared: Vec<ReserveRequest> = {
        let mut numbers = Numbers(42);
        (0..65_536).map(|_| request(numbers.pick(SKUS), numbers.pick(LOCATIONS))).collect()
    };
    for _ in 0..ROUNDS {
        let in_flight = Arc::new(AtomicUsize::new(0));
        let done = Arc::new(AtomicU64::new(0));
        let batches_before = engine.counters().batches.load(Ordering::Relaxed);
        let started = Instant::now();
        let mut next = prepared.iter().cycle();
        while started.elapsed() < Duration::from_secs(2) {
            if in_flight.load(Ordering::Relaxed) >= IN_FLIGHT {
                std::thread::yield_now();
                continue;
            }
            let Some(request) = next.next() else { break };
            in_flight.fetch_add(1, Ordering::Relaxed);
            let (in_flight, done) = (Arc::clone(&in_flight), Arc::clone(&done));
            engine.reserve(
                request.clone(),
                None,
                Box::new(move |outcome: anaquel_engine::command::CommandResult| {
                    in_flight.fetch_sub(1, Ordering::Relaxed);
                    done.fetch_add(u64::from(outcome.is_ok()), Ordering::Relaxed);
                }),
            );
        }
        let elapsed = started.elapsed();
        rates.push(done.load(Ordering::Relaxed) as f64 / elapsed.as_secs_f64());
        batches.push((engine.counters().batches.load(Ordering::Relaxed) - batches_before) as f64);
        while in_flight.load(Ordering::Relaxed) > 0 {
            std::thread::yield_now();
        }
    }
    let record_bytes = (bytes(&engine) - first_bytes) as f64 / (records(&engine) - first_records) as f64;
    let mut waits = Vec::new();
    for _ in 0..1000 {
        let started = Instant::now();
        engine.run(|engine, done| engine.reserve(request(1, 1), None, done))?;
        waits.push(started.elapsed().as_secs_f64() * 1000.0);
    }
    let mut flushes = Vec::new();
    let probe = directory.path().join("probe");
    let mut file = std::fs::File::create(&probe)?;
    for _ in 0..1000 {
        let started = Instant::now();
        std::io::Write::write_all(&mut file, &[7; 4096])?;
        file.sync_data()?;
        flushes.push(started.elapsed().as_secs_f64() * 1000.0);
    }
    println!("durable single-line reservations, sled, sync = always, {IN_FLIGHT} in flight, median of {ROUNDS}");
    println!("  rate                    {:>14.0} /s", median(rates));
    println!("  a record                {record_bytes:>14.1} bytes");
    println!("  batches in 2 s          {:>14.0}", median(batches));
    println!("  a lone caller waits     {:>14.3} ms (median of 1,000)", median(waits));
    println!("  4 KiB append+fdatasync  {:>14.3} ms (median of 1,000, same disk, same run)", median(flushes));
    engine.close().map_err(|error| anyhow::anyhow!(error))
}

/// How much memory does a stocked cell take, both words, index, safety stock and `counted_at` included?
fn memory(by_location: bool) {
    const SKUS: u32 = 50_000;
    const LOCATIONS: u32 = 200;
    let order = if by_location { "location by location" } else { "SKU by SKU" };
    {
        let before = resident_bytes();
        let (matrix, mut writer) = anaquel_engine::matrix::Matrix::new();
        for outer in 0..if by_location { LOCATIONS } else { SKUS } {
            for inner in 0..if by_location { SKUS } else { LOCATIONS } {
                let (sku, location) = if by_location { (inner, outer) } else { (outer, inner) };
                matrix.make(&mut writer, anaquel_engine::ids::SkuId(sku), anaquel_engine::ids::LocationId(location));
            }
        }
        let cells = f64::from(writer.cells());
        println!("memory of {cells:.0} cells, made {order}");
        println!("  allocated a cell        {:>14.1} bytes", matrix.bytes() as f64 / cells);
        println!("  resident a cell         {:>14.1} bytes", resident_bytes().saturating_sub(before) as f64 / cells);
    }
}

/// How long does a restart take with this many cells, 100,000 open reservations and a tail of a million events?
fn restart(cells: u32) -> anyhow::Result<()> {
    const LOCATIONS: u32 = 200;
    const OPEN: u32 = 100_000;
    const TAIL: u32 = 1_000_000;
    let skus = (cells / LOCATIONS).max(1);
    let directory = tempfile::tempdir()?;
    let (engine, _) = on_disk(directory.path())?;
    stock(&engine, skus, LOCATIONS, 1_000_000);
    let mut numbers = Numbers(1);
    let in_flight = Arc::new(AtomicUsize::new(0));
    let submit = |engine: &anaquel_engine::Engine, request: ReserveRequest| {
        while in_flight.load(Ordering::Relaxed) > 8192 {
            std::thread::yield_now();
        }
        in_flight.fetch_add(1, Ordering::Relaxed);
        let in_flight = Arc::clone(&in_flight);
        engine.reserve(
            request,
            None,
            Box::new(move |_: anaquel_engine::command::CommandResult| {
                in_flight.fetch_sub(1, Ordering::Relaxed);
            }),
        );
    };
    for _ in 0..OPEN {
        submit(&engine, request(numbers.pick(skus), numbers.pick(LOCATIONS)));
    }
    while in_flight.load(Ordering::Relaxed) > 0 {
        std::thread::yield_now();
    }
    engine.take_checkpoint().map_err(|error| anyhow::anyhow!(error))?;
    let checkpointed = engine.state().view.seq();
    // The tail: holds that are made and released, so that the number of open ones is constant.
    let mut made = Vec::new();
    for _ in 0..TAIL / 2 / 8192 + 1 {
        let (tx, rx) = crossbeam::channel::unbounded();
        for _ in 0..8192 {
            let tx = tx.clone();
            let request = request(numbers.pick(skus), numbers.pick(LOCATIONS));
            engine.reserve(
                request,
                None,
                Box::new(move |outcome: anaquel_engine::command::CommandResult| drop(tx.send(outcome))),
            );
        }
        drop(tx);
        for outcome in rx {
            if let anaquel_engine::command::Outcome::Reservation(reservation) = outcome? {
                made.push(reservation.id);
            }
        }
        let (tx, rx) = crossbeam::channel::unbounded();
        for id in made.drain(..) {
            let tx = tx.clone();
            let cancel = anaquel_engine::command::StepRequest::Cancel { lines: None, reason: None };
            let command = anaquel_engine::command::Command::step(id, cancel);
            engine.submit(
                command,
                None,
                Box::new(move |outcome: anaquel_engine::command::CommandResult| drop(tx.send(outcome))),
            );
        }
        drop(tx);
        for outcome in rx {
            outcome?;
        }
    }
    let tail = engine.state().view.seq() - checkpointed;
    let hash = engine.state().hash.show();
    drop(engine);
    let before = resident_bytes();
    let started = Instant::now();
    let (engine, report) = on_disk(directory.path())?;
    let elapsed = started.elapsed();
    assert_eq!(engine.state().hash.show(), hash, "the restart leads to the same state");
    println!("restart with {} cells, {} open reservations", engine.state().cells(), engine.state().reservations.open());
    println!("  records replayed        {:>14} of a tail of {tail}", report.replayed);
    println!("  ready within            {:>14.2} s", elapsed.as_secs_f64());
    println!("  log read                {:>14.1} MB", report.log.bytes as f64 / 1e6);
    println!("  resident grew by        {:>14.1} MB", resident_bytes().saturating_sub(before) as f64 / 1e6);
    Ok(())
}

/// With a million open holds, how long after their deadline are the units of 20,000 that fall due at once available
/// again?
fn expiry() -> anyhow::Result<()> {
    const SKUS: u32 = 2_000;
    const LOCATIONS: u32 = 100;
    const OPEN: usize = 1_000_000;
    const DUE: usize = 20_000;
    let directory = tempfile::tempdir()?;
    let (engine, _) = on_disk(directory.path())?;
    stock(&engine, SKUS, LOCATIONS, 1_000_000);
    let mut numbers = Numbers(3);
    let mut hold = |count: usize, ttl_seconds: u32| -> anyhow::Result<u64> {
        let mut last = 0;
        let mut left = count;
        while left > 0 {
            let (tx, rx) = crossbeam::channel::unbounded();
            let now = left.min(20_000);
            for _ in 0..now {
                let (tx, place) = (tx.clone(), request(numbers.pick(SKUS), numbers.pick(LOCATIONS)));
                let request = ReserveRequest { ttl_seconds, ..place };
                engine.reserve(
                    request,
                    None,
                    Box::new(move |outcome: anaquel_engine::command::CommandResult| drop(tx.send(outcome))),
                );
            }
            drop(tx);
            for outcome in rx {
                if let anaquel_engine::command::Outcome::Reservation(made) = outcome? {
                    last = last.max(made.expires_at.0);
                }
            }
            left -= now;
        }
        Ok(last)
    };
    hold(OPEN, 86_400)?;
    let before = engine.state().reservations.open();
    let mut lags = Vec::new();
    for _ in 0..ROUNDS {
        let last_deadline = hold(DUE, 3)?;
        while engine.state().reservations.open() > before {
            std::thread::sleep(Duration::from_millis(1));
        }
        lags.push(engine.now().0.saturating_sub(last_deadline) as f64);
    }
    println!("expiry of {DUE} holds made together, with {before} open, median of {ROUNDS}");
    println!("  all units free after    {:>14.0} ms (from the last deadline)", median(lags));
    engine.close().map_err(|error| anyhow::anyhow!(error))
}

/// What does a change cost, from the request to the wake-up of all subscribers, without subscribers, and with 100 and
/// 10,000 subscribers to other SKUs?
fn feed() -> anyhow::Result<()> {
    const SKUS: u32 = 20_000;
    const TRACKED: u32 = 20;
    const CHANGES: u64 = 200_000;
    let crowds = [0u32, 100, 10_000];
    let mut taken: Vec<Vec<f64>> = vec![Vec::new(); crowds.len()];
    let engine = in_memory();
    stock(&engine, SKUS, 1, 1_000_000_000);
    for _ in 0..ROUNDS {
        for (crowd, taken) in crowds.iter().zip(&mut taken) {
            let mut numbers = Numbers(7);
            let subscriptions: Result<Vec<_>, _> = (0..*crowd)
                .map(|_| {
                    // The second half has subscribers; the first half changes.
                    let skus = (0..TRACKED).map(|_| name("sku", SKUS / 2 + numbers.pick(SKUS / 2))).collect();
                    let selection = Selection { skus, locations: vec![name("location", 0)], ..Selection::default() };
                    let mut live =
                        engine.feed().subscribe(selection, Mode::Conflated, Start::Fresh, Arc::new(|| {}))?;
                    while live.poll().is_some() {}
                    Ok::<_, Exceeded>(live)
                })
                .collect();
            let subscriptions = subscriptions.map_err(|exceeded| anyhow::anyhow!("{exceeded:?}"))?;
            let before = engine.state().view.seq();
            let started = Instant::now();
            for _ in 0..CHANGES {
                engine.reserve(
                    request(numbers.pick(SKUS / 2), 0),
                    None,
                    Box::new(|_: anaquel_engine::command::CommandResult| {}),
                );
            }
            while engine.feed().position() < before + CHANGES {
                std::thread::yield_now();
            }
            taken.push(started.elapsed().as_secs_f64() * 1e9 / CHANGES as f64);
            drop(subscriptions);
        }
    }
    println!("{CHANGES} reservations of one unit, in memory, medians of {ROUNDS} interleaved rounds");
    let alone = median(taken.first().cloned().unwrap_or_default());
    for (crowd, taken) in crowds.iter().zip(taken) {
        let cost = median(taken);
        println!("{crowd:>7} subscribers elsewhere  {cost:>6.0} ns a change, {:.2} x", cost / alone);
    }
    Ok(())
}
