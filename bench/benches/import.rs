//! What does it cost to import 20,000 stock rows: new cells, and cells that are there?

use anaquel_bench::{in_memory, stock};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

fn import(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("import of 20,000 rows");
    group.sample_size(20).throughput(Throughput::Elements(20_000));
    group.bench_function("new cells", |bencher| {
        let load = |engine| {
            stock(&engine, 200, 100, 5);
            // Its end is not counted.
            engine
        };
        bencher.iter_batched(in_memory, load, BatchSize::PerIteration);
    });
    let engine = in_memory();
    stock(&engine, 200, 100, 5);
    let mut units = 5;
    group.bench_function("cells that are there", |bencher| {
        bencher.iter(|| {
            units = 11 - units;
            stock(&engine, 200, 100, units);
        });
    });
    group.finish();
}

criterion_group!(benches, import);
criterion_main!(benches);
