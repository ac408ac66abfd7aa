//! One log for several nodes.
//!
//! A *shared log* is a consistent store of another maker that holds the newest stretch of the log; every node has the whole
//! log in a directory of its own. An append is acknowledged when the shared log has it on as many nodes as it promises. This
//! crate says what it must promise ([`SharedLog`]), resolves unknown outcomes ([`Committer`]), and
//! tests every implementation ([`conformance`]). It knows neither what a record contains nor any network; [`memory`] is a shared log for tests, with
//! a network that loses, doubles, delays and reorders.
//!
//! Three rules hold everywhere:
//!
//! 1. A node's own log is never ahead of what the shared log confirmed.
//! 2. Safety rests on one comparison: an append names the head that it follows, and the shared log compares and appends in
//!    one step. Leases, heartbeats and clocks are hints.
//! 3. The writer is whoever appended last under the highest [`Term`]. To take over is an append, which names the head that
//!    was read; of all who try it on one head, one succeeds.
//!
//! ```text
//!   log (trait) ◄── committer ◄── conformance
//!        ▲
//!        ├── memory
//!        ├── etcd        with the feature of that name
//!        └── postgres    with the feature of that name
//! ```

mod committer;
pub mod conformance;
#[cfg(feature = "etcd")]
pub mod etcd;
mod log;
pub mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(any(feature = "etcd", feature = "postgres"))]
mod stored;
#[cfg(any(feature = "etcd", feature = "postgres"))]
mod unencrypted;
#[cfg(any(feature = "etcd", feature = "postgres"))]
mod window;

pub use anaquel_log::{Batch, BatchId, Chain, Head, Sealed, Term};
pub use committer::{Commit, CommitError, Committer, Patience, Step};
pub use log::{Appended, Limits, LogError, Next, Pulse, SharedLog, SharedLogReader, Tail, Trimmed};
