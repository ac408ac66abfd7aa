//! The answer to a command of returns.

use serde::{Deserialize, Serialize};

use super::returned::Return;

/// A return after a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnAnswer {
    /// The return.
    pub returned: Return,
    /// Whether the command made it.
    pub is_made: bool,
}
