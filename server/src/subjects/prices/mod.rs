//! Prices, price lists and tax classes.

pub mod bodies;
pub mod import;
pub mod lists;
pub mod routes;
pub mod taxes;
pub mod views;
pub mod words;

use crate::subjects::subject::Subject;

/// What it adds to the server.
pub static SUBJECT: Subject = Subject::new(routes::routes, &[&words::WORDS]);
