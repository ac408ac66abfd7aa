//! SKUs, locations, groups, channels and prices.

pub mod bodies;
pub mod hours;
pub mod import;
pub mod routes;
mod trading;
pub mod views;
pub mod words;

use crate::subjects::subject::Subject;

/// What it adds to the server.
pub static SUBJECT: Subject = Subject::new(routes::routes, &[&words::WORDS]);
