//! What is tried beside the server's own modules, in one binary; with the real binary and from outside: `tests/system`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails shall say where"
)]

mod decoders;
#[cfg(feature = "otlp")]
mod otlp;
mod sbom;
