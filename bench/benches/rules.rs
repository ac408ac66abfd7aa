//! How long does it take until a changed rule is in force, among 100 and 10,000 others, over 2,000,000 cells?

use anaquel_bench::name;
use anaquel_bench::retailer::{RULES, put, retailer, run, safety, some_rule};
use anaquel_engine::command::{Command, PutWhat, Rows};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

fn rules(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("change a rule among");
    group.sample_size(20);
    for count in [100, RULES] {
        let engine = retailer().expect("the retailer opens");
        let rows = (0..count).map(|n| (0, name("rule", n), some_rule(n))).collect();
        run(&engine, Command::load(Rows::Rules(rows), true)).expect("the rules are good");
        let mut units = 0;
        group.bench_with_input(BenchmarkId::new("rules", count), &count, |bencher, _| {
            bencher.iter(|| {
                units = (units + 1) % 100;
                put(&engine, PutWhat::Rule(name("rule", 0), Some(Box::new(safety(units))))).expect("the rule is good");
            });
        });
    }
    group.finish();
}

criterion_group!(benches, rules);
criterion_main!(benches);
