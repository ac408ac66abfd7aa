//! What does a reservation against a group of 10, 100 and 1,000 stores cost beside one against a store?

use anaquel_bench::retailer::put;
use anaquel_bench::{in_memory, name, request, stock};
use anaquel_engine::admission::Target;
use anaquel_engine::command::PutWhat;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

fn group(criterion: &mut Criterion) {
    let engine = in_memory();
    stock(&engine, 10, 1_000, 1_900_000_000);
    let mut benches = criterion.benchmark_group("reserve in");
    benches.bench_function("one store", |bencher| {
        bencher.iter(|| engine.run(|engine, done| engine.reserve(request(1, 1), None, done)));
    });
    for stores in [10u32, 100, 1_000] {
        let members = (0..stores).map(|n| name("location", n)).collect();
        put(&engine, PutWhat::Group(name("group", stores), Some(members).into())).expect("the group is good");
        let mut request = request(2, 0);
        for line in &mut request.lines {
            line.place = Target::Group(name("group", stores));
        }
        benches.bench_with_input(BenchmarkId::new("a group of stores", stores), &stores, |bencher, _| {
            bencher.iter(|| engine.run(|engine, done| engine.reserve(request.clone(), None, done)));
        });
    }
    benches.finish();
}

criterion_group!(benches, group);
criterion_main!(benches);
