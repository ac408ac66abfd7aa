//! What do ten times as many cells cost: to import, to store, to promise, to read, and to start?

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anaquel_bench::{Numbers, on_disk, request, resident_bytes, stock};
use anaquel_engine::Engine;
use anaquel_engine::ids::SkuId;

/// Locations, each of which stocks every SKU.
const LOCATIONS: u32 = 200;

/// The duration of reservations at one size.
const SLICE: Duration = Duration::from_secs(3);

/// Reservations in flight.
const IN_FLIGHT: usize = 4096;

/// SKUs read at one size.
const READS: u32 = 100_000;

/// The results of one size.
#[derive(Debug, Clone, Copy)]
struct Row {
    cells: f64,
    import_a_second: f64,
    bytes_a_cell: f64,
    reserve_a_second: f64,
    read_micros: f64,
    restart_seconds: f64,
}

/// Sizes from 10,000 cells up to `most`, ten times as many each time.
pub fn scale(most: u64) -> anyhow::Result<()> {
    anyhow::ensure!((10_000..=100_000_000).contains(&most), "from 10,000 to 100,000,000 cells");
    println!(
        "  {:>11} {:>12} {:>10} {:>12} {:>12} {:>10}   against the size before",
        "cells", "import/s", "bytes", "reserve/s", "read, us", "restart, s"
    );
    let mut before: Option<Row> = None;
    let mut cells = 10_000;
    while cells <= most {
        let row = in_a_process_of_its_own(cells)?;
        print!(
            "  {:>11.0} {:>12.0} {:>10.1} {:>12.0} {:>12.2} {:>10.2}",
            row.cells,
            row.import_a_second,
            row.bytes_a_cell,
            row.reserve_a_second,
            row.read_micros,
            row.restart_seconds
        );
        if let Some(before) = before {
            print!(
                "   import {:.2}, reserve {:.2}, read {:.2}, restart {:.1} times",
                row.import_a_second / before.import_a_second,
                row.reserve_a_second / before.reserve_a_second,
                row.read_micros / before.read_micros,
                row.restart_seconds / before.restart_seconds
            );
        }
        println!();
        before = Some(row);
        cells *= 10;
    }
    Ok(())
}

/// The argument by which `scale` starts itself for one size.
pub const ONE: &str = "scale-one";

/// One size per process: otherwise memory of an earlier size would count for the next.
fn in_a_process_of_its_own(cells: u64) -> anyhow::Result<Row> {
    let output = std::process::Command::new(std::env::current_exe()?).args([ONE, &cells.to_string()]).output()?;
    anyhow::ensure!(output.status.success(), "{cells} cells: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let numbers: Vec<f64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    match *numbers {
        [cells, import_a_second, bytes_a_cell, reserve_a_second, read_micros, restart_seconds] => {
            Ok(Row { cells, import_a_second, bytes_a_cell, reserve_a_second, read_micros, restart_seconds })
        }
        _ => anyhow::bail!("{cells} cells: {text}"),
    }
}

/// Measures one size, and prints it for [`scale`].
pub fn one(cells: &str) -> anyhow::Result<()> {
    let row = measure(cells.parse::<u32>()? / LOCATIONS)?;
    println!(
        "{} {} {} {} {} {}",
        row.cells, row.import_a_second, row.bytes_a_cell, row.reserve_a_second, row.read_micros, row.restart_seconds
    );
    Ok(())
}

fn measure(skus: u32) -> anyhow::Result<Row> {
    let directory = tempfile::tempdir()?;
    let cells = f64::from(skus) * f64::from(LOCATIONS);
    let resident = resident_bytes();
    let (engine, _) = on_disk(directory.path())?;
    let started = Instant::now();
    stock(&engine, skus, LOCATIONS, 1_000_000);
    let import_a_second = cells / started.elapsed().as_secs_f64();
    let bytes_a_cell = resident_bytes().saturating_sub(resident) as f64 / cells;
    // The import may have requested a checkpoint, which would run meanwhile.
    engine.take_checkpoint().map_err(|error| anyhow::anyhow!(error))?;
    let reserve_a_second = reserve(&engine, skus);
    let read_micros = read(&engine, skus);
    engine.close().map_err(|error| anyhow::anyhow!(error))?;
    drop(engine);
    let started = Instant::now();
    let (engine, _) = on_disk(directory.path())?;
    let restart_seconds = started.elapsed().as_secs_f64();
    anyhow::ensure!(f64::from(engine.state().cells()) == cells, "the restart leads to the same cells");
    Ok(Row { cells, import_a_second, bytes_a_cell, reserve_a_second, read_micros, restart_seconds })
}

/// Durable reservations of one unit of a random cell.
fn reserve(engine: &Engine, skus: u32) -> f64 {
    let mut numbers = Numbers(7);
    let (in_flight, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let started = Instant::now();
    while started.elapsed() < SLICE {
        if in_flight.load(Ordering::Relaxed) >= IN_FLIGHT {
            std::thread::yield_now();
            continue;
        }
        in_flight.fetch_add(1, Ordering::Relaxed);
        let (in_flight, done) = (Arc::clone(&in_flight), Arc::clone(&done));
        let told = Box::new(move |outcome: Result<_, _>| {
            done.fetch_add(usize::from(outcome.is_ok()), Ordering::Relaxed);
            in_flight.fetch_sub(1, Ordering::Relaxed);
        });
        engine.reserve(request(numbers.pick(skus), numbers.pick(LOCATIONS)), None, told);
    }
    while in_flight.load(Ordering::Relaxed) > 0 {
        std::thread::yield_now();
    }
    done.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64()
}

/// Microseconds for all cells of a random SKU.
fn read(engine: &Engine, skus: u32) -> f64 {
    let mut numbers = Numbers(9);
    let state = engine.state();
    let started = Instant::now();
    for _ in 0..READS {
        black_box(state.availability(&[SkuId(numbers.pick(skus))], None, None));
    }
    started.elapsed().as_secs_f64() * 1e6 / f64::from(READS)
}
