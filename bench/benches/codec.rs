//! What does it cost to encode the record of a reservation, and to decode it?

use anaquel_bench::{recorded, reservations};
use anaquel_engine::ids::Timestamp;
use anaquel_engine::journal::{self, BatchBuilder};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn codec(criterion: &mut Criterion) {
    let records = recorded(&reservations(256), 256);
    let mut group = criterion.benchmark_group("256 reservations");
    group.throughput(Throughput::Elements(256));
    let mut builder = BatchBuilder::new(1, Timestamp(1));
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            builder.restart(1, Timestamp(1));
            for record in &records {
                journal::push_record(&mut builder, &record.cause, &record.event);
            }
            builder.batch().body.len()
        });
    });
    let batch = builder.batch().clone();
    group.bench_function("decode", |bencher| bencher.iter(|| journal::records(&batch)));
    group.finish();
}

criterion_group!(benches, codec);
criterion_main!(benches);
