//! Transfers between the retailer's locations, and the replenishment that proposes them.

pub mod bodies;
pub mod replenishment;
pub mod routes;
pub mod views;
pub mod words;

use crate::subjects::subject::Subject;

/// What it adds to the server.
pub static SUBJECT: Subject = Subject {
    start: |app| drop(tokio::spawn(replenishment::schedule::watch(app.clone()))),
    ..Subject::new(routes::routes, &[&words::WORDS, &replenishment::words::WORDS])
};
