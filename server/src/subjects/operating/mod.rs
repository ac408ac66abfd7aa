//! Health, metrics, the build, the clock, backups.

pub mod backup;
mod last_backup;
pub mod routes;
pub mod words;

use crate::subjects::subject::Subject;

/// What it adds to the server.
pub static SUBJECT: Subject = Subject::new(routes::routes, &[&words::WORDS]);
