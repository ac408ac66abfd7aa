//! Everything that the engine's public interface shows, in one binary: `common` is compiled and linked once.
//!
//! One file: `cargo test --workspace --test engine golden::`. What needs a process of its own is none of these: see
//! `Cargo.toml`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails shall say where")]

mod backup;
mod batches;
mod carts;
mod closed;
mod common;
mod counts;
mod crashes;
mod damage;
mod decisions;
mod feed;
mod golden;
mod groups;
mod holds;
mod model;
mod names;
mod orders;
mod places;
mod prices;
mod promises;
mod replica;
mod retire;
mod rules;
mod simulation;
mod sourcing;
mod start;
mod supply;
mod trading;
mod transfers;
mod uncounted;
mod what_if;
