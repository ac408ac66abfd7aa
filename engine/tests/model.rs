//! Random lives of a shop from several threads, with crashes in between, against the auditor: a second and simpler
//! implementation that adds the log up by itself. `ANAQUEL_SEED` runs a seed again.

use crate::common::life::Life;
use crate::common::{Numbers, Shop, audit};
use anaquel_engine::command::Failure;
use anaquel_engine::settings::Settings;
use anaquel_seeds::seeds;

const THREADS: u64 = 4;
const STEPS: u64 = 150;

fn live(shop: &Shop, life: &Life, mut numbers: Numbers) {
    for _ in 0..STEPS {
        match life.step(shop, &mut numbers) {
            // An expected no, or a bug.
            Ok(()) | Err(Failure::Refused(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn no_interleaving_breaks_a_promise() {
    for seed in seeds(&[], 12) {
        let mut numbers = Numbers(seed.value() | 1);
        let mut shop = Shop::open();
        let mut life = Life::begin(&shop);
        life.give(&shop);
        for _ in 0..3 {
            std::thread::scope(|scope| {
                for _ in 0..THREADS {
                    let numbers = Numbers(numbers.below(u64::MAX) | 1);
                    scope.spawn(|| live(&shop, &life, numbers));
                }
            });
            life.advance(&shop, 10_000);
            shop.sell("A0", "s0", 1);
            shop.wait_until("nothing is in flight", || shop.engine.in_flight() == 0);
            audit(&shop);
            // A crash: what is durable is replayed, and leads to the same.
            let before = shop.engine.state().view.read(|| shop.engine.state().hash.show());
            let (disk, manual) = (shop.disk.clone(), shop.clock.clone());
            drop(shop);
            disk.crash(0);
            shop = Shop::on(disk, manual, Settings::default());
            assert_eq!(shop.engine.state().view.read(|| shop.engine.state().hash.show()), before);
            audit(&shop);
        }
    }
}
