//! How long does it take to write a checkpoint of 100,000 cells, and to start from it?

use std::time::{Duration, Instant};

use anaquel_bench::{on_disk, stock};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const SKUS: u32 = 1_000;
const LOCATIONS: u32 = 100;

fn checkpoint(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a temporary folder");
    let mut group = criterion.benchmark_group("100,000 cells");
    group.sample_size(10).throughput(Throughput::Elements(u64::from(SKUS * LOCATIONS)));
    let (engine, _) = on_disk(directory.path()).expect("an empty folder opens");
    stock(&engine, SKUS, LOCATIONS, 5);
    group.bench_function("checkpoint", |bencher| {
        bencher.iter(|| engine.take_checkpoint().expect("the disk takes it"));
    });
    engine.close().expect("the engine closes");
    drop(engine);
    group.bench_function("recovery", |bencher| {
        bencher.iter_custom(|times| {
            let mut taken = Duration::ZERO;
            for _ in 0..times {
                let started = Instant::now();
                let (engine, _) = on_disk(directory.path()).expect("what was closed opens");
                taken += started.elapsed();
                engine.close().expect("the engine closes");
            }
            taken
        });
    });
    group.finish();
}

criterion_group!(benches, checkpoint);
criterion_main!(benches);
