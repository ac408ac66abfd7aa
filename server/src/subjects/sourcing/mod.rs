//! Sourcing: which locations ship an order.

pub mod bodies;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails shall say where")]
mod followed;
pub mod ops;
pub mod routes;
pub mod views;
pub mod words;

use crate::subjects::subject::Subject;

/// What it adds to the server.
pub static SUBJECT: Subject = Subject::new(routes::routes, &[&words::WORDS]);
