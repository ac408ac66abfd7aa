//! The commands of the archive, which the engine itself submits.

use super::event::Archived;
use super::kept::Kept;
use crate::ids::Seq;
use crate::kernel::asked::Asked;
use crate::state::DurableState;

/// A command of the archive.
#[derive(Debug)]
pub enum Command {
    /// These things are in the archive's files: forget them, if none changed since it was read.
    Archive(Box<Archived>),
    /// Put these archived things back.
    Recall {
        /// What was read.
        kept: Vec<Kept>,
        /// The last *archived* record before it was read.
        seen: Seq,
    },
}

impl Asked<DurableState> for Command {
    fn kind(&self) -> &'static str {
        match self {
            Self::Archive(_) => "archive",
            Self::Recall { .. } => "recall",
        }
    }

    fn lines(&self) -> usize {
        match self {
            Self::Archive(archived) => archived.left.len(),
            Self::Recall { kept, .. } => kept.len(),
        }
    }

    fn may_be_dropped(&self) -> bool {
        match self {
            // Its caller reads the answer before it writes on.
            Self::Archive(_) => false,
            Self::Recall { .. } => true,
        }
    }

    /// What is compared and changed is the durable view, so no other command is in its batch.
    fn begins_batch(&self, _: &DurableState) -> bool {
        true
    }

    fn ends_batch(&self, _: &DurableState) -> bool {
        true
    }
}
