//! What does it cost to take a unit from a cell and give it back, with nobody else there?

use anaquel_engine::level::{Floor, StockChange};
use anaquel_engine::matrix::StockCell;
use criterion::{Criterion, criterion_group, criterion_main};

fn cell(criterion: &mut Criterion) {
    let cell = StockCell::default();
    cell.adjust_promise(StockChange::bring(1_000_000));
    criterion.bench_function("cell/admit and give back", |bencher| {
        bencher.iter(|| {
            let _ = std::hint::black_box(&cell).admit(1, Floor { safety_stock: 2, buffer: 1 });
            cell.adjust_promise(StockChange::reserve(1).inverse());
        });
    });
}

criterion_group!(benches, cell);
criterion_main!(benches);
