//! What callers are told of transfers and of replenishment.

use serde::{Deserialize, Serialize};

use super::policy::{Policy, Run};
use super::transfer::Transfer;
use crate::ids::Name;

/// Something that was set or went a step on, as it is from there on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum TransferAnswer {
    /// A transfer that went a step on, or is as it was.
    Transfer(Transfer),
    /// A policy; none where it was removed.
    Policy(Name, Option<Policy>),
    /// What a run came to.
    Run(Run),
    /// A transfer that was made.
    Made(Transfer),
}
