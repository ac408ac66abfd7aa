//! Feeds: everything that a reader keeps a copy of, as a snapshot and then as what changed.

mod changed;
pub mod routes;
mod row;
pub mod words;

use crate::subjects::subject::Subject;

/// What it adds to the server.
pub static SUBJECT: Subject = Subject::new(routes::routes, &[&words::WORDS]);
