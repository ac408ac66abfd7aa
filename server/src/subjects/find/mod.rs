//! What a scanned or typed code is: one request instead of one for each kind of thing.

pub mod code;
mod found;
pub mod routes;
pub mod words;

use crate::subjects::subject::Subject;

/// What it adds to the server.
pub static SUBJECT: Subject = Subject::new(routes::routes, &[&words::WORDS]);
