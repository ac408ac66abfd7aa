//! Limits on the requests and open reservations of a channel or a caller.

use crate::settings::PromiseLimits;

/// The owner of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The channel of the request.
    Channel,
    /// The caller's.
    Caller,
}

/// Limits of a promise.
#[derive(Debug, Clone)]
pub struct Bound {
    /// Their owner.
    pub whose: Whose,
    /// Their name as a setting; the name of the channel follows after a dot.
    pub name: String,
    /// The values.
    pub limits: PromiseLimits,
}

/// All limits; empty if there are none.
pub type Bounds = Vec<Bound>;
