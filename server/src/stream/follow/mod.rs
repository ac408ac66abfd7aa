//! Following records of the log: what happens to orders, transfers, returns, reservations and shortages.
//!
//! ```text
//!   log ──► hub: reads each new record once, makes what followers see of it, finds them by location ──► wakes
//!    │        │ keeps the newest in memory                                                               │
//!    └────────┴──────────────► each follower takes what it was not told yet, from memory or the log ◄────┘
//! ```
//!
//! - [`about`]: which records concern followers, and what each is about
//! - [`hub`]: the newest of them, and who is woken by which
//! - [`follower`]: one follower: what it is told next, and from where
//! - [`shown`]: what a caller sees of a record

pub mod about;
pub mod follower;
pub mod hub;
pub mod shown;
