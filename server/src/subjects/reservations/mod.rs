//! Reservations, and the steps of their lives.

pub mod bodies;
pub mod codes;
pub mod lists;
pub mod ops;
pub mod recall;
pub mod refusal;
pub mod routes;
pub mod supersedes;
pub mod views;
pub mod words;

use crate::subjects::subject::Subject;

/// What it adds to the server.
pub static SUBJECT: Subject = Subject { operations: ops::OPERATIONS, ..Subject::new(routes::routes, &[&words::WORDS]) };
