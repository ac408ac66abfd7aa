//! A shared log in etcd, over its JSON gateway: nothing but cargo is needed to build it.
//!
//! ```text
//!   PREFIX/head              the end of the log: what an append compares
//!   PREFIX/term              its term: what a trim compares
//!   PREFIX/tick              the sign of life under a head
//!   PREFIX/floor             the head before the oldest batch
//!   PREFIX/log/<last seq>    one sealed batch each, 20 digits, so that the batch with a record is the first key not below it
//! ```
//!
//! An append is one transaction: if `head` is what the batch follows, put the batch, the head and the term. Reads are
//! linearizable. A call that fails after its request may have been sent is unknown, whatever it says; only etcd's own
//! refusals for want of room are certain, and only for a first try ([`Committer`](crate::Committer) sees to that).
//!
//! The quota is never filled: see [`EtcdLog::size`]. What was trimmed is compacted away; nothing is defragmented in operation.

mod client;
mod log;
mod reader;
mod wire;

pub use client::EtcdOptions;
pub use log::{EtcdLog, Size};
