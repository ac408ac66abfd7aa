//! What does a reservation cost from request to answer on a log in memory, alone and with 1, 10 and 100 lines?

use anaquel_bench::{in_memory, name, stock};
use anaquel_engine::admission::{LineRequest, Place, ReserveRequest};
use anaquel_engine::event::Purpose;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

fn reserve(criterion: &mut Criterion) {
    let engine = in_memory();
    stock(&engine, 100, 10, 1_900_000_000);
    let mut group = criterion.benchmark_group("reserve");
    for lines in [1u32, 10, 100] {
        let line = |n| LineRequest {
            sku: name("sku", n % 100),
            place: Place::Location(name("location", n % 10)),
            quantity: 1,
            latest: None,
        };
        let request = ReserveRequest {
            channel: name("channel", 0),
            purpose: Purpose::Cart,
            customer: None,
            order: None,
            ttl_seconds: 900,
            confirm: false,
            allow_partial: false,
            supersedes: None,
            is_attempt: false,
            lines: (0..lines).map(line).collect(),
        };
        group.bench_with_input(BenchmarkId::new("lines", lines), &lines, |bencher, _| {
            bencher.iter(|| engine.run(|engine, done| engine.reserve(request.clone(), None, done)));
        });
    }
    group.finish();
}

criterion_group!(benches, reserve);
criterion_main!(benches);
