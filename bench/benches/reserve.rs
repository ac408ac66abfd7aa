//! What does a reservation cost from request to answer on a log in memory, with 1, 10 and 100 lines, and with being
//! cancelled afterwards?

use anaquel_bench::{in_memory, name, request, stock};
use anaquel_engine::admission::{LineRequest, ReserveRequest, Target};
use anaquel_engine::command::{Command, Outcome, StepRequest};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

fn reserve(criterion: &mut Criterion) {
    let engine = in_memory();
    stock(&engine, 100, 10, 1_900_000_000);
    let mut group = criterion.benchmark_group("reserve");
    for lines in [1u32, 10, 100] {
        let line = |n| LineRequest {
            sku: name("sku", n % 100),
            place: Target::Location(name("location", n % 10)),
            quantity: 1,
            latest: None,
        };
        let request = ReserveRequest { lines: (0..lines).map(line).collect(), ..request(0, 0) };
        group.bench_with_input(BenchmarkId::new("lines", lines), &lines, |bencher, _| {
            bencher.iter(|| engine.run(|engine, done| engine.reserve(request.clone(), None, done)));
        });
    }
    group.bench_function("and cancel", |bencher| {
        bencher.iter(|| {
            let made = engine.run(|engine, done| engine.reserve(request(1, 1), None, done));
            let Ok(Outcome::Reservation(made)) = made else { panic!("{made:?}") };
            let cancel = Command::step(made.id, StepRequest::Cancel { lines: None, reason: None });
            engine.run(|engine, done| engine.submit(cancel, None, done))
        });
    });
    group.finish();
}

criterion_group!(benches, reserve);
criterion_main!(benches);
