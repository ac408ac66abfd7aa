//! Where and when a customer can pick up a SKU.

pub mod routes;
pub mod words;

use crate::subjects::subject::Subject;

/// What it adds to the server.
pub static SUBJECT: Subject = Subject::new(routes::routes, &[&words::WORDS]);
