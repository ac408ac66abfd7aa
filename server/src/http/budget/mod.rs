//! The cost of answers, and who pays for them.
//!
//! - [`link`]: connections, the limit per address, and which connection is closed when there is no room
//! - [`pace`]: delays callers with many requests while the server is busy with others
//! - [`watched`]: closes a client that reads nothing while bytes wait for it
//! - [`answers`]: bytes of large answers, from before they are built until they are written
//! - [`aside`]: long reads, a few at a time, off the serving threads
//!
//! Shared resources are divided fairly: a caller may have as much as it leaves to others. So two callers leave a
//! third of the resource, and a single caller never has all of it.

pub mod answers;
pub mod aside;
pub mod link;
pub mod pace;
mod payer;
mod shares;
pub mod watched;

pub use crate::http::budget::payer::{ByWho, Payer, Who};
pub use crate::http::budget::shares::fair;

/// Paths that are answered beyond the connection limit, and without delay for crowding callers.
pub const ALWAYS_ANSWERED: [&str; 3] = ["/healthz", "/readyz", "/metrics"];
