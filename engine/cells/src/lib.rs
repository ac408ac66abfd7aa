//! Stock in memory: cells that never move, the matrix that finds them, and the view that makes reads exact.
//!
//! This crate knows nothing of the log, of reservations or of rules. Readers and admissions share everything; durable
//! words change only with the single [`MatrixWriter`](matrix::MatrixWriter), which the journal thread owns.
//!
//! ```text
//!   ids, level, arena, writer ◄── cell ◄── row ◄── matrix        view
//! ```
//!
//! Loom tests models of the lock-free parts in every interleaving, in seconds:
//!
//! ```console
//! $ RUSTFLAGS="--cfg loom" cargo test --release -p anaquel-cells --lib --target-dir target/loom models
//! ```

mod arena;
mod cell;
pub mod ids;
pub mod level;
pub mod matrix;
#[cfg(all(test, loom))]
mod models;
mod row;
mod sync;
pub mod view;
mod writer;
