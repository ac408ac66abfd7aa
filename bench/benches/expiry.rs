//! A million holds fall due at once: how long until the log has given all of their units back?

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anaquel_bench::{Numbers, in_memory_at, request, stock};
use anaquel_engine::admission::ReserveRequest;
use anaquel_engine::ids::Timestamp;
use anaquel_engine::{Clock, Engine};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const HOLDS: u32 = 1_000_000;
const SKUS: u32 = 2_000;
const LOCATIONS: u32 = 100;
const TTL_SECONDS: u32 = 900;

/// It stands still until it is set.
struct Standing(AtomicU64);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

fn hold(engine: &Engine) {
    let mut numbers = Numbers(3);
    for _ in 0..HOLDS {
        while engine.in_flight() > 8192 {
            std::thread::yield_now();
        }
        let place = request(numbers.pick(SKUS), numbers.pick(LOCATIONS));
        let told = Box::new(|outcome: Result<_, _>| assert!(outcome.is_ok(), "there is enough"));
        engine.reserve(ReserveRequest { ttl_seconds: TTL_SECONDS, ..place }, None, told);
    }
    while engine.state().reservations.open() < HOLDS as usize {
        std::thread::yield_now();
    }
}

fn expiry(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("expiry");
    group.sample_size(10).throughput(Throughput::Elements(u64::from(HOLDS)));
    group.bench_function("a million holds due at once", |bencher| {
        bencher.iter_custom(|times| {
            let mut taken = Duration::ZERO;
            for _ in 0..times {
                let clock = Arc::new(Standing(AtomicU64::new(1_800_000_000_000)));
                let engine = in_memory_at(clock.clone());
                stock(&engine, SKUS, LOCATIONS, 1_000_000);
                hold(&engine);
                clock.0.fetch_add(u64::from(TTL_SECONDS + 1) * 1000, Ordering::Relaxed);
                let started = Instant::now();
                // A clock that leaps wakes nobody; the next request does.
                engine.run(|engine, done| engine.reserve(request(0, 0), None, done)).expect("there is enough");
                while engine.state().reservations.open() > 1 {
                    std::thread::yield_now();
                }
                taken += started.elapsed();
            }
            taken
        });
    });
    group.finish();
}

criterion_group!(benches, expiry);
criterion_main!(benches);
