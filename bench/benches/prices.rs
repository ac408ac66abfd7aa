//! What does it cost to price a listing: 200 SKUs in one call, among 200,000, for a channel at a location?

use anaquel_bench::{Numbers, in_memory, name, stock};
use anaquel_engine::command::{Command, Precondition, Rows};
use anaquel_engine::ids::{SkuId, Timestamp};
use anaquel_engine::prices::book::{Asked, PriceTarget};
use anaquel_engine::prices::command::{Command as PriceCommand, RowFields};
use anaquel_engine::prices::list::{Currency, ListKind, PriceList};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

const SKUS: u32 = 200_000;
const EUR: Currency = Currency(*b"EUR");

fn listing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("price 200 SKUs");
    for lists in [10, 1000] {
        let engine = in_memory();
        stock(&engine, SKUS, 2, 5);
        let now = engine.now();
        let before = |days: u64| Timestamp(now.0.saturating_sub(days * 86_400_000));
        // A regular list and a sale for each of some channels; the first channel is asked.
        for n in 0..lists {
            let kind = if n % 2 == 0 { ListKind::Regular } else { ListKind::Sale };
            let priority = i32::from(kind == ListKind::Sale) * 10;
            let list = PriceList { channels: vec![name("channel", n / 2)], priority, ..PriceList::of(EUR, kind) };
            let set = PriceCommand::SetList(name("list", n), Some(Box::new(list)), Precondition::default());
            engine.run(|engine, done| engine.submit(set, None, done)).expect("the list is good");
        }
        for chunk in (0..SKUS).collect::<Vec<_>>().chunks(1000) {
            let mut rows = Vec::new();
            for sku in chunk {
                let text = engine.state().catalogue.skus.name(SkuId(*sku)).clone();
                rows.push(RowFields::base(text.clone(), EUR, 1995));
                let of = |list: u32, amount: u64, from: Timestamp| RowFields {
                    list: Some(name("list", list)),
                    starts_at: Some(from),
                    ..RowFields::base(text.clone(), EUR, amount)
                };
                rows.push(of(0, 1895, before(90)));
                // A third of them is on sale.
                if sku % 3 == 0 {
                    rows.push(of(1, 1495, before(9)));
                }
                rows.push(of(2, 1795, before(90)));
            }
            let load = Command::load(Rows::Prices(rows), true);
            engine.run(|engine, done| engine.submit(load, None, done)).expect("the prices are good");
        }
        let channel = name("channel", 0);
        let location = engine.state().catalogue.locations.name(0.into()).clone();
        let place = PriceTarget::Location(0.into(), location);
        let mut numbers = Numbers(9);
        let bench = BenchmarkId::new("for a channel at a location, lists", lists);
        group.bench_with_input(bench, &lists, |bencher, _| {
            bencher.iter(|| {
                let now = engine.now();
                let asked = Asked { channel: channel.clone(), place: place.clone(), currency: EUR, at: now, now };
                let lines: Vec<_> = (0..200).map(|_| (Some(SkuId(numbers.pick(SKUS))), 1)).collect();
                engine.state().quote(&asked, &lines)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, listing);
criterion_main!(benches);
