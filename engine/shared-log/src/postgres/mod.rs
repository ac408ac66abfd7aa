//! A shared log in PostgreSQL with synchronous standbys.
//!
//! ```text
//!   anaquel_log     log | head, term, floor, tick, beat        one row a log: what an append compares
//!   anaquel_batch   log, last_seq | sealed                     one row a batch
//! ```
//!
//! An append is one function, whose transaction is durable once a standby has it. It looks itself whether standbys are
//! demanded: a server that lost them all answers without them. Nothing is ever cancelled: a cancelled wait for a standby
//! commits, and says so only by a warning, which counts as unknown here. Where a call takes too long, its connection is
//! closed.
//!
//! What a primary shows may not be on any standby yet, right after it was started again. So the end of the log is read by a
//! write, which waits for a standby like any other; and a tail hands out what such a read has confirmed.

mod client;
mod log;
mod reader;
mod schema;

pub use client::PostgresOptions;
pub use log::PostgresLog;
