//! The log, record by record.

pub mod routes;
mod search;
pub mod views;
pub mod words;

use crate::subjects::subject::Subject;

/// What it adds to the server.
pub static SUBJECT: Subject = Subject::new(routes::routes, &[&words::WORDS]);
