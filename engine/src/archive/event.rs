//! The events of the archive.

use anaquel_log::archive::ArchivePlace;
use serde::{Deserialize, Serialize};

use super::bytes::Bytes;
use super::kept::Kept;
use super::left::Left;
use crate::effect::Tell;
use crate::ids::Seq;
use crate::kernel::repeat::Repeat;
use crate::kernel::tagged::tagged;

tagged! {
    /// An event of the archive.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Event {
        /// Things left memory: the archive has them.
        68 => Archived(Box<Archived>),
        /// Archived things came back.
        69 => Recalled(Box<Recalled>),
    }
}

/// Things left memory.
///
/// The record has the bytes of the archive, so what the log has and a file lacks is written again: after a copy of the
/// directory took the files before the log, and in a restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archived {
    /// Where the bytes begin.
    pub place: ArchivePlace,
    /// The record before it of this kind; 0 for none.
    pub previous: Seq,
    /// What left.
    pub left: Vec<Left>,
    /// The batch, as the file has it.
    pub bytes: Bytes,
}

impl Archived {
    /// Where the bytes end.
    pub fn end(&self) -> ArchivePlace {
        ArchivePlace { at: self.place.at + self.bytes.0.len() as u64, ..self.place }
    }
}

/// Archived things came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recalled {
    /// As the archive has them. Rows of the sales ledger stay there.
    pub kept: Vec<Kept>,
}

impl Event {
    /// Lists its effects: none. What it takes out and puts back belongs to the stores of other subjects, which
    /// [`parts`](super::parts) lists.
    pub fn effects<'a>(&'a self, _: &mut impl Tell<'a>) {
        match self {
            Self::Archived(_) | Self::Recalled(_) => {}
        }
    }

    /// How a repeat of the request is answered: there is no request.
    pub fn repeat(&self) -> Repeat {
        match self {
            Self::Archived(_) | Self::Recalled(_) => Repeat::Never,
        }
    }
}
