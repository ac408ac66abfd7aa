//! What does it cost to read one SKU in 1, 200 and 10,000 stores, warm and at random, and in 1,000 with and without 10,000
//! rules?

use anaquel_bench::retailer::{RULES, SKUS, put_rules, retailer};
use anaquel_bench::{Numbers, in_memory, stock};
use anaquel_engine::ids::{ChannelId, SkuId};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

fn availability(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("availability");
    for (locations, skus) in [(1, 200_000), (200, 10_000), (10_000, 200)] {
        let engine = in_memory();
        stock(&engine, skus, locations, 5);
        group.bench_with_input(BenchmarkId::new("one SKU, warm", locations), &locations, |bencher, _| {
            bencher.iter(|| engine.state().availability(&[SkuId(7)], None, None));
        });
        let mut numbers = Numbers(9);
        group.bench_with_input(BenchmarkId::new("a random SKU", locations), &locations, |bencher, _| {
            bencher.iter(|| engine.state().availability(&[SkuId(numbers.pick(skus))], None, None));
        });
    }
    group.finish();
}

fn availability_under_rules(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("availability under rules");
    for rules in [0, RULES] {
        let engine = retailer().expect("the retailer opens");
        if rules > 0 {
            put_rules(&engine).expect("the rules are good");
        }
        let mut numbers = Numbers(9);
        group.bench_with_input(BenchmarkId::new("a random SKU in 1,000 stores", rules), &rules, |bencher, _| {
            bencher.iter(|| engine.state().availability(&[SkuId(numbers.pick(SKUS))], None, Some(ChannelId(0))));
        });
    }
    group.finish();
}

criterion_group!(benches, availability, availability_under_rules);
criterion_main!(benches);
