//! What does a reservation cost from request to answer beside orders in the store: none, and 50,000 that are confirmed?
//! And an order and a sale of three lines, each priced, paid and with its receipt? The log is in memory.

use anaquel_bench::selling::{order, sale, shop};
use anaquel_bench::{Numbers, request};
use anaquel_engine::command::{Command, Outcome, StepRequest};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

fn reservations(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("reserve and cancel beside orders");
    for orders in [0, 50_000] {
        let (engine, mut numbers) = (shop(), Numbers(5));
        (0..orders).for_each(|nth| order(&engine, &mut numbers, nth));
        group.bench_with_input(BenchmarkId::new("orders", orders), &orders, |bencher, _| {
            bencher.iter(|| {
                let made = engine.run(|engine, done| engine.reserve(request(1, 1), None, done));
                let Ok(Outcome::Reservation(made)) = made else { panic!("{made:?}") };
                let cancel = Command::step(made.id, StepRequest::Cancel { lines: None, reason: None });
                engine.run(|engine, done| engine.submit(cancel, None, done))
            });
        });
    }
    group.finish();
}

fn sell(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("three lines with a receipt");
    for (name, sell) in [("an order", order as fn(&_, &mut _, _)), ("a sale", sale)] {
        let (engine, mut numbers, mut nth) = (shop(), Numbers(5), 0);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                nth += 1;
                sell(&engine, &mut numbers, nth);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, reservations, sell);
criterion_main!(benches);
