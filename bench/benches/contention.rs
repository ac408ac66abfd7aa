//! What do 1, 2 and 4 threads get out of one cell, and out of cells of their own?

use std::sync::Barrier;
use std::time::{Duration, Instant};

use anaquel_engine::level::{Floor, StockChange};
use anaquel_engine::matrix::StockCell;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// A cell with enough for everybody, on cache lines of its own.
#[repr(align(128))]
struct Alone(StockCell);

fn contention(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("contention");
    group.throughput(Throughput::Elements(1));
    for threads in [1usize, 2, 4] {
        for (what, apart) in [("one cell", false), ("cells of their own", true)] {
            group.bench_with_input(BenchmarkId::new(what, threads), &threads, |bencher, _| {
                bencher.iter_custom(|takes| take(threads, apart, takes));
            });
        }
    }
    group.finish();
}

/// Has `threads` take a unit and give it back, `takes` times all together.
fn take(threads: usize, apart: bool, takes: u64) -> Duration {
    let cells: Vec<_> = (0..threads).map(|_| Alone(StockCell::default())).collect();
    cells.iter().for_each(|Alone(cell)| cell.adjust_promise(StockChange::bring(1_000_000)));
    let barrier = Barrier::new(threads + 1);
    let each = takes.div_ceil(threads as u64);
    std::thread::scope(|scope| {
        for nth in 0..threads {
            let (barrier, cells) = (&barrier, &cells);
            scope.spawn(move || {
                let Some(Alone(cell)) = cells.get(if apart { nth } else { 0 }) else { return };
                barrier.wait();
                for _ in 0..each {
                    if cell.admit(1, Floor::default()).is_ok() {
                        cell.adjust_promise(StockChange::reserve(1).inverse());
                    }
                }
                barrier.wait();
            });
        }
        barrier.wait();
        let started = Instant::now();
        barrier.wait();
        started.elapsed()
    })
}

criterion_group!(benches, contention);
criterion_main!(benches);
