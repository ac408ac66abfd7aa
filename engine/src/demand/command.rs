//! The commands of demand that was refused.

use super::lost_demand::LostDemand;
use crate::reservations::promise::Purpose;

/// What the engine itself notes of demand.
#[derive(Debug)]
pub enum Command {
    /// Note what was asked for and refused.
    Note(Vec<(Purpose, LostDemand)>),
}

impl Command {
    /// What it is, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Note(_) => "lost demand",
        }
    }

    /// Rows that it names.
    pub fn lines(&self) -> usize {
        match self {
            Self::Note(rows) => rows.len(),
        }
    }
}
