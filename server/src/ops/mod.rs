//! What can be asked for, whatever it comes over: HTTP and the socket differ only in how a request arrives and how its
//! answer leaves.

mod availability;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails shall say where")]
mod followed;
mod recall;
mod refusal;
mod reply;
mod reservations;
mod sourcing;
mod stock;

pub use availability::availability;
pub use recall::{handles, reservation};
pub use refusal::advised;
pub use reply::{Reply, unexpected};
pub use reservations::{StepBody, find, reserve, step};
pub use sourcing::source;
pub use stock::{counts, movements};
