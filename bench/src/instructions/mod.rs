//! Instructions instead of seconds: steady on a noisy machine, so that a change of a tenth is a change of the program.
//!
//! Every case runs under callgrind in a process of its own, which counts only what [`measured`] does on its thread. The
//! counts are compared with the committed baseline; where the compiler is another than the baseline's, they are only told.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;

use anaquel_bench::retailer::{put_rules_of, retailer_of};
use anaquel_bench::{Numbers, in_memory, one, recorded, reservations, stock};
use anaquel_engine::ids::{ChannelId, LocationId, SkuId, Timestamp};
use anaquel_engine::journal::BatchBuilder;
use anaquel_engine::level::{Floor, StockChange};
use anaquel_engine::matrix::StockCell;
use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

/// The argument under which one case is run.
pub const ONE: &str = "instructions-of";

/// How far a count may be from the baseline.
const TOLERANCE: f64 = 0.10;

/// What is counted: its name, how many times it does what it does, and the preparation, which is not counted.
type Case = (&'static str, u64, fn(u64) -> anyhow::Result<()>);

const CASES: &[Case] = &[
    ("cell: take and give back", 1_000, take_and_give_back),
    ("admission of one line", 1_000, admission),
    ("admission of one line under 1,000 rules", 1_000, admission_under_rules),
    ("availability of a SKU in 200 stores", 100, availability),
    ("availability of a SKU in 200 stores under 1,000 rules", 20, availability_under_rules),
    ("encode a reservation", 1_000, encode),
    ("decode a reservation", 1_000, decode),
];

/// What is counted happens in here.
#[inline(never)]
fn measured(mut work: impl FnMut()) {
    work();
    // Keeps the call from becoming a jump, by which callgrind would not see it return.
    black_box(());
}

fn take_and_give_back(times: u64) -> anyhow::Result<()> {
    let cell = StockCell::default();
    cell.adjust_promise(StockChange::bring(1_000_000));
    measured(|| {
        for _ in 0..times {
            let _ = black_box(black_box(&cell).admit(1, Floor { safety_stock: 2, buffer: 1 }));
            cell.adjust_promise(StockChange::reserve(1).inverse());
        }
    });
    Ok(())
}

fn admission(times: u64) -> anyhow::Result<()> {
    let engine = in_memory();
    stock(&engine, 100, 200, 5);
    admit(&engine, times, 100, 200);
    Ok(())
}

fn admission_under_rules(times: u64) -> anyhow::Result<()> {
    admit(&ruled()?, times, 100, 200);
    Ok(())
}

fn admit(engine: &anaquel_engine::Engine, times: u64, skus: u32, locations: u32) {
    let (mut numbers, mut reserve) = (Numbers(5), one(0, 0));
    let mut each = || {
        if let Some(line) = reserve.lines.first_mut() {
            (line.sku, line.location) = (SkuId(numbers.below(skus)), LocationId(numbers.below(locations)));
        }
        let taken = engine.state().admit_lines(&reserve).unwrap_or_default();
        engine.state().give_back(&taken);
    };
    // What is found out once is found out beforehand.
    (0..times).for_each(|_| each());
    measured(|| (0..times).for_each(|_| each()));
}

fn availability(times: u64) -> anyhow::Result<()> {
    let engine = in_memory();
    stock(&engine, 20, 200, 5);
    read(&engine, times, 20);
    Ok(())
}

fn availability_under_rules(times: u64) -> anyhow::Result<()> {
    read(&ruled()?, times, 20);
    Ok(())
}

/// As small as tells: callgrind takes fifty times as long.
fn ruled() -> anyhow::Result<anaquel_engine::Engine> {
    let engine = retailer_of(100, 200)?;
    put_rules_of(&engine, 1_000, 100, 200)?;
    Ok(engine)
}

fn read(engine: &anaquel_engine::Engine, times: u64, skus: u32) {
    let mut numbers = Numbers(5);
    let mut each = || black_box(engine.state().availability(&[SkuId(numbers.below(skus))], None, Some(ChannelId(0))));
    (0..10 * times).for_each(|_| drop(each()));
    measured(|| (0..times).for_each(|_| drop(each())));
}

fn encode(times: u64) -> anyhow::Result<()> {
    let records = recorded(&reservations(times as u32), times as usize);
    let encode = || {
        let mut builder = BatchBuilder::new(1, Timestamp(1));
        for record in &records {
            builder.push(&record.cause, &record.event);
        }
        builder
    };
    // Where the allocator finds room the first time differs from machine to machine.
    drop(encode());
    measured(|| drop(black_box(encode())));
    Ok(())
}

fn decode(times: u64) -> anyhow::Result<()> {
    let records = recorded(&reservations(times as u32), times as usize);
    let mut builder = BatchBuilder::new(1, Timestamp(1));
    for record in &records {
        builder.push(&record.cause, &record.event);
    }
    let batch = builder.batch();
    ensure!(batch.records()?.len() == records.len(), "records are missing");
    measured(|| drop(black_box(batch.records())));
    Ok(())
}

/// Runs one case; callgrind stands around it.
///
/// # Errors
/// There is none of that name.
pub fn one_case(name: &str) -> anyhow::Result<()> {
    let (_, times, run) = CASES.iter().find(|(case, ..)| *case == name).context("no such case")?;
    run(*times)
}

/// Counts all cases and compares them with the baseline, or writes it anew.
///
/// # Errors
/// A count is more than a tenth off, or there is no callgrind.
pub fn compare(what: Option<&str>) -> anyhow::Result<()> {
    let update = match what {
        None => false,
        Some("update") => true,
        Some(other) => bail!("instructions {other}: nothing, or update"),
    };
    let counts = CASES.iter().map(|(name, times, _)| Ok(((*name).to_owned(), count(name)? / *times as f64)));
    let counts = counts.collect::<anyhow::Result<BTreeMap<String, f64>>>()?;
    let (path, compiler) = (baseline(), compiler()?);
    if update {
        let rounded: BTreeMap<_, _> = counts.iter().map(|(name, count)| (name, count.round())).collect();
        let text = serde_json::to_string_pretty(&json!({"compiler": compiler, "instructions": rounded}))?;
        std::fs::write(&path, text + "\n")?;
        println!("the baseline is written; commit it with the reason");
        return Ok(());
    }
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let known: Value = serde_json::from_str(&text)?;
    let same_compiler = known.get("compiler").and_then(Value::as_str) == Some(&compiler);
    let mut off = Vec::new();
    println!("instructions each, on the calling thread");
    for (name, count) in &counts {
        let before = known.get("instructions").and_then(|known| known.get(name)).and_then(Value::as_f64);
        let change = before.map(|before| count / before - 1.0);
        let told = change.map_or("not in the baseline".to_owned(), |change| format!("{:+.1} %", change * 100.0));
        println!("  {name:<60} {count:>9.0}   {told}");
        if change.is_none_or(|change| change.abs() > TOLERANCE) {
            off.push(name.as_str());
        }
    }
    if !same_compiler {
        println!("the baseline is of another compiler than {compiler}; nothing is concluded");
        return Ok(());
    }
    ensure!(
        off.is_empty(),
        "more than {:.0} % off the baseline: {}; if that is meant, `anaquel-bench instructions update`",
        TOLERANCE * 100.0,
        off.join(", ")
    );
    Ok(())
}

fn baseline() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.json")
}

fn compiler() -> anyhow::Result<String> {
    let output = Command::new("rustc").arg("--version").output().context("running rustc")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Instructions of a whole case.
fn count(name: &str) -> anyhow::Result<f64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"])
        .args(["--toggle-collect=anaquel_bench::instructions::measured*"])
        .arg(std::env::current_exe()?)
        .args([ONE, name])
        .output()
        .context("running valgrind; apt-get install valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name}: {said}");
    let collected = said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    let collected: f64 = collected.with_context(|| format!("{name}: no count in {said}"))?;
    ensure!(collected > 0.0, "{name}: nothing was counted");
    Ok(collected)
}
