//! Limits of what a channel or a caller may ask for, and have open at a time.

use crate::settings::PromiseLimits;

/// Whose a limit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The channel's that it is asked through.
    Channel,
    /// The caller's.
    Caller,
}

/// Limits that a promise must keep.
#[derive(Debug, Clone)]
pub struct Bound {
    /// Whose they are.
    pub whose: Whose,
    /// How they are called, as a setting: the name of one follows behind a dot.
    pub name: String,
    /// They.
    pub limits: PromiseLimits,
}

/// All of them; none where nothing is bounded.
pub type Bounds = Vec<Bound>;
