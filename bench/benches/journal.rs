//! How long does it take until 1, 16, 256 and 4,096 reservations are in the log, flushed and not flushed?

use anaquel_bench::{recorded, reservations};
use anaquel_engine::ids::Timestamp;
use anaquel_engine::journal::{self, BatchBuilder, LogOptions, SyncPolicy};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

fn journal(criterion: &mut Criterion) {
    let records = recorded(&reservations(4_096), 4_096);
    for (what, sync) in [("append, flushed", SyncPolicy::Always), ("append, not flushed", SyncPolicy::Interval)] {
        let mut group = criterion.benchmark_group(what);
        group.sample_size(20);
        for size in [1usize, 16, 256, 4_096] {
            let directory = tempfile::tempdir().expect("a temporary folder");
            let options = LogOptions { sync, ..LogOptions::default() };
            let opened = journal::open(&directory.path().join("log"), options, 0, &mut |_| Ok(()));
            let (mut journal, _) = opened.expect("an empty folder opens");
            let (mut next_seq, mut builder) = (1, BatchBuilder::new(1, Timestamp(1)));
            group.throughput(Throughput::Elements(size as u64));
            group.bench_with_input(BenchmarkId::from_parameter(size), &size, |bencher, _| {
                bencher.iter(|| {
                    builder.restart(next_seq, Timestamp(next_seq));
                    for record in records.iter().take(size) {
                        journal::push_record(&mut builder, &record.cause, &record.event);
                    }
                    journal.append(builder.batch()).expect("the disk takes it");
                    next_seq = builder.next_seq();
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, journal);
criterion_main!(benches);
