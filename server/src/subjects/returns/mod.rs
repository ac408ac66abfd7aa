//! Returns: goods that come back, at any place and through any channel.

pub mod act;
pub mod bodies;
pub mod export;
pub mod ops;
pub mod routes;
pub mod views;
pub mod words;

use crate::subjects::subject::Subject;

/// What it adds to the server.
pub static SUBJECT: Subject = Subject { operations: ops::OPERATIONS, ..Subject::new(routes::routes, &[&words::WORDS]) };
