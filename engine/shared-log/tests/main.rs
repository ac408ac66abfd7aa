//! The shared log in memory conforms, and three nodes on it keep every promise, whatever the network does.
//!
//! `ANAQUEL_SEED=n` lives one life again, `ANAQUEL_SEEDS=n` so many.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails shall say where")]

mod committer;
#[cfg(feature = "etcd")]
mod etcd;
mod model;
#[cfg(feature = "postgres")]
mod postgres;

use anaquel_shared_log::conformance;
use anaquel_shared_log::memory::MemoryStore;

#[test]
fn the_log_in_memory_conforms() {
    conformance::all(
        &|_, run| {
            let store = MemoryStore::default();
            run(&|| Box::new(store.log()));
        },
        1_000,
    );
}
