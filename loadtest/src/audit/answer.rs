//! What callers were told, and what came of holding it against the log.

/// SKU and location.
pub type Cell = (String, String);

/// On hand and reserved.
pub type Level = (i64, i64);

/// What a caller was told.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The cells at that `seq`.
    Read(u64, Vec<(Cell, Level)>),
    /// A record of this kind, about this reservation, or about cells that are like this after it.
    Wrote(u64, &'static str, Option<String>, Vec<(Cell, Level)>),
}

impl Answer {
    /// The `seq` of the answer.
    pub(super) fn seq(&self) -> u64 {
        match self {
            Self::Read(seq, _) | Self::Wrote(seq, ..) => *seq,
        }
    }
}

/// What was held against the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Findings {
    /// Records of the log.
    pub records: u64,
    /// Writes that were answered, each with a record of its own.
    pub writes: u64,
    /// Reads that were the cells at their `seq`.
    pub reads: u64,
}
