//! Answers of callers, and the result of comparing them with the log.

/// SKU and location.
pub type Cell = (String, String);

/// On hand and reserved.
pub type Level = (i64, i64);

/// An answer.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The cells at that `seq`.
    Read(u64, Vec<(Cell, Level)>),
    /// A record of this kind, about this reservation, or about cells with these levels after it.
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

/// The result of the comparison.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Findings {
    /// Records of the log.
    pub records: u64,
    /// Answered writes, each with its own record.
    pub writes: u64,
    /// Reads that match the cells at their `seq`.
    pub reads: u64,
}
