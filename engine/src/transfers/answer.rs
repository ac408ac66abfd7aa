//! The answers to commands of transfers and replenishment.

use serde::{Deserialize, Serialize};

use super::policy::{Policy, Run};
use super::transfer::Transfer;
use crate::ids::Name;

/// An item that was set or changed, with its new state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum TransferAnswer {
    /// A changed transfer, or an unchanged one.
    Transfer(Transfer),
    /// A policy; `None` if it was removed.
    Policy(Name, Option<Policy>),
    /// The result of a run.
    Run(Run),
    /// A new transfer.
    Made(Transfer),
}
