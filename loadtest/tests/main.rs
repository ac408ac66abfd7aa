//! What the load test does in processes of its own, and how it ends; by its own binary, in one binary of tests.
//!
//! It starts the server that stands beside its binary, so whoever runs this alone lets cargo build both:
//! `cargo test --workspace --test system --test loadtest attack::`. All else of the load test is tried through its library,
//! in `tests/system`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails shall say where")]

mod attack;
mod peers;
