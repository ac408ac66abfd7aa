//! The commands of refused demand.

use super::lost_demand::LostDemand;
use crate::kernel::asked::Asked;
use crate::reservations::promise::Purpose;
use crate::state::DurableState;

/// A command that the engine itself submits.
#[derive(Debug)]
pub enum Command {
    /// Log refused demand.
    Note(Vec<(Purpose, LostDemand)>),
}

impl Asked<DurableState> for Command {
    fn kind(&self) -> &'static str {
        match self {
            Self::Note(_) => "lost demand",
        }
    }

    fn lines(&self) -> usize {
        match self {
            Self::Note(rows) => rows.len(),
        }
    }

    fn may_be_dropped(&self) -> bool {
        false
    }
}
