//! What is measured.

use std::path::PathBuf;

/// What to measure.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Length of one measurement.
    pub seconds: u64,
    /// Interleaved measurements of each.
    pub rounds: usize,
    /// Only those whose name contains this.
    pub only: String,
    /// Where `RESULTS.md` and its plot go; none to print only.
    pub out: Option<PathBuf>,
}
