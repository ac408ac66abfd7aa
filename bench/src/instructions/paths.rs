//! Single pieces of the hot paths.

use std::hint::black_box;

use anaquel_bench::retailer::{put_rules_of, retailer_of};
use anaquel_bench::{Numbers, in_memory, one, recorded, reservations, stock};
use anaquel_engine::Engine;
use anaquel_engine::ids::{ChannelId, LocationId, SkuId, Timestamp};
use anaquel_engine::journal::{self, BatchBuilder};
use anaquel_engine::level::{Floor, StockChange};
use anaquel_engine::matrix::StockCell;
use anyhow::ensure;

use super::child::{here, repeat};
use super::fixture::settle;

/// Counted directly.
fn measured(work: impl FnOnce()) {
    repeat(|| here(work));
}

pub fn take_and_give_back(times: u64) -> anyhow::Result<()> {
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

pub fn admission(times: u64) -> anyhow::Result<()> {
    let engine = in_memory();
    stock(&engine, 100, 200, 5);
    admit(&engine, times, 100, 200);
    Ok(())
}

pub fn admission_under_rules(times: u64) -> anyhow::Result<()> {
    admit(&ruled()?, times, 100, 200);
    Ok(())
}

fn admit(engine: &Engine, times: u64, skus: u32, locations: u32) {
    let (mut numbers, mut reserve) = (Numbers(5), one(0, 0));
    let mut each = || {
        if let Some(line) = reserve.lines.first_mut() {
            (line.sku, line.location) = (SkuId(numbers.pick(skus)), LocationId(numbers.pick(locations)));
        }
        let taken = engine.state().admit_lines(&reserve).unwrap_or_default();
        engine.state().give_back(&taken);
    };
    settle(engine);
    // Cached results are computed beforehand.
    (0..times).for_each(|_| each());
    measured(|| (0..times).for_each(|_| each()));
}

pub fn availability(times: u64) -> anyhow::Result<()> {
    let engine = in_memory();
    stock(&engine, 20, 200, 5);
    read(&engine, times, 20);
    Ok(())
}

pub fn availability_under_rules(times: u64) -> anyhow::Result<()> {
    read(&ruled()?, times, 20);
    Ok(())
}

/// As small as possible: callgrind is fifty times as slow.
fn ruled() -> anyhow::Result<Engine> {
    let engine = retailer_of(100, 200)?;
    put_rules_of(&engine, 1_000, 100, 200)?;
    Ok(engine)
}

fn read(engine: &Engine, times: u64, skus: u32) {
    let mut numbers = Numbers(5);
    let mut each = || black_box(engine.state().availability(&[SkuId(numbers.pick(skus))], None, Some(ChannelId(0))));
    settle(engine);
    (0..10 * times).for_each(|_| drop(each()));
    measured(|| (0..times).for_each(|_| drop(each())));
}

pub fn encode(times: u64) -> anyhow::Result<()> {
    let records = recorded(&reservations(times as u32), times as usize);
    let encode = || {
        let mut builder = BatchBuilder::new(1, Timestamp(1));
        for record in &records {
            journal::push_record(&mut builder, &record.cause, &record.event);
        }
        builder
    };
    // The first positions of blocks differ from machine to machine.
    drop(encode());
    measured(|| drop(black_box(encode())));
    Ok(())
}

pub fn decode(times: u64) -> anyhow::Result<()> {
    let records = recorded(&reservations(times as u32), times as usize);
    let mut builder = BatchBuilder::new(1, Timestamp(1));
    for record in &records {
        journal::push_record(&mut builder, &record.cause, &record.event);
    }
    let batch = builder.batch();
    ensure!(journal::records(batch)?.len() == records.len(), "records are missing");
    measured(|| drop(black_box(journal::records(batch))));
    Ok(())
}
