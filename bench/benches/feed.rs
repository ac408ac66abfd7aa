//! What does a reservation cost with 100 subscribers who follow its SKU, with 10,000 who follow others, and with none?

use std::sync::Arc;

use anaquel_bench::{in_memory, name, request, stock};
use anaquel_engine::Engine;
use anaquel_engine::feed::{Mode, Selection, Start, Subscription};
use criterion::{Criterion, criterion_group, criterion_main};

const SKUS: u32 = 2_000;

fn follow(engine: &Engine, count: u32, sku: impl Fn(u32) -> u32) -> Vec<Subscription> {
    let subscribe = |n: u32| {
        let selection =
            Selection { skus: vec![name("sku", sku(n))], locations: vec![name("location", 0)], ..Selection::default() };
        let subscription = engine.feed().subscribe(selection, Mode::Conflated, Start::Fresh, Arc::new(|| {}));
        let mut subscription = subscription.expect("within the limits");
        while subscription.poll().is_some() {}
        subscription
    };
    (0..count).map(subscribe).collect()
}

fn feed(criterion: &mut Criterion) {
    let engine = in_memory();
    stock(&engine, SKUS, 1, 1_900_000_000);
    let mut group = criterion.benchmark_group("a reservation, told to");
    for (who, count, follows_it) in
        [("nobody", 0, false), ("10,000 who follow others", 10_000, false), ("100 who follow it", 100, true)]
    {
        let mut followers = follow(&engine, count, |n| if follows_it { 0 } else { 1 + n % (SKUS - 1) });
        group.bench_function(who, |bencher| {
            bencher.iter(|| {
                let seq = engine.state().view.seq();
                engine.run(|engine, done| engine.reserve(request(0, 0), None, done)).expect("there is enough");
                // With nobody there, the feed takes its time.
                while count > 0 && engine.feed().position() <= seq {
                    std::thread::yield_now();
                }
                if follows_it { followers.iter_mut().filter_map(Subscription::poll).count() } else { 0 }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, feed);
criterion_main!(benches);
