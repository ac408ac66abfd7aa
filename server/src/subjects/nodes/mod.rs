//! Nodes that follow one another: the log as a stream of sealed batches, what a node does that follows, and who decides.
//!
//! ```text
//!   [log] GET /v1/log ── frames ──► [tail] ─► engine
//!   GET /v1/log/checkpoint ──► [join] ─► a data directory, before the engine starts or after it fell too far behind
//! ```

pub mod bodies;
mod frame;
pub mod join;
mod log;
pub mod peers;
mod promoted;
mod promotion;
pub mod routes;
mod tail;
mod upstream;
pub mod words;

use crate::subjects::subject::Subject;

/// What it adds to the server.
pub static SUBJECT: Subject = Subject { start: tail::start, ..Subject::new(routes::routes, &[&words::WORDS]) };
