//! What an answer may cost, and who pays for it.
//!
//! - [`link`]: connections, how many an address may have, and which of them goes when there is no room
//! - [`pace`]: callers that crowd the server wait while it is busy with others
//! - [`watched`]: a client that reads nothing while bytes wait for it is let go
//! - [`answers`]: bytes of large answers, from before they are made until they are written
//! - [`aside`]: long reads, a few at a time, off the threads that serve
//!
//! Whatever is shared is shared out: a caller may have as much as it leaves to others, so that two of them leave a third,
//! and one alone never has everything.

pub mod answers;
pub mod aside;
pub mod link;
pub mod pace;
mod payer;
mod shares;
pub mod watched;

pub use crate::http::budget::payer::{Payer, Who};
pub use crate::http::budget::shares::fair;

/// What is answered beyond the limit of connections, and whoever crowds.
pub const ALWAYS_ANSWERED: [&str; 3] = ["/healthz", "/readyz", "/metrics"];
