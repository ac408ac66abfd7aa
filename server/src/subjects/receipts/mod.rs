//! Issuers, series and receipts: set, list, read, print.

pub mod bodies;
pub mod copies;
pub mod export;
mod issuers;
mod page;
mod qr;
pub mod routes;
mod series;
mod texts;
pub mod views;
pub mod words;

use crate::subjects::subject::Subject;

/// What it adds to the server.
pub static SUBJECT: Subject = Subject::new(routes::routes, &[&words::WORDS]);
