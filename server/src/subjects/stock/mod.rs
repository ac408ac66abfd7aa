//! Stock: availability, movements, counts, shortages.

pub mod bodies;
pub mod cell;
pub mod import;
pub mod ops;
pub mod routes;
pub mod views;
pub mod words;

use crate::subjects::subject::Subject;

/// What it adds to the server.
pub static SUBJECT: Subject = Subject { operations: ops::OPERATIONS, ..Subject::new(routes::routes, &[&words::WORDS]) };
