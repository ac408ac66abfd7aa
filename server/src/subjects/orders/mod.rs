//! Orders: what customers agreed to, in all channels; and sales, which are orders in one step.

pub mod act;
pub mod bodies;
mod carts;
pub mod compose;
pub mod decided;
pub mod exit;
pub mod export;
pub mod import;
mod ledger;
pub mod of_reservation;
pub mod ops;
mod parts;
mod preview;
pub mod record;
mod refusal;
pub mod routes;
pub mod sales;
pub mod sales_words;
mod sample;
pub mod series;
mod short_pick;
mod shown;
pub mod sight;
mod step_routes;
mod steps;
pub mod views;
pub mod words;

use crate::subjects::subject::Subject;

/// What it adds to the server.
pub static SUBJECT: Subject =
    Subject { operations: ops::OPERATIONS, ..Subject::new(routes::routes, &[&words::WORDS, &sales_words::WORDS]) };
