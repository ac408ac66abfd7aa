//! What is measured.

use std::path::PathBuf;

/// What to measure.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Numbers of connections over HTTP, and to Redis.
    pub connections: Vec<usize>,
    /// Length of one measurement.
    pub seconds: u64,
    /// Interleaved measurements of each.
    pub rounds: usize,
    /// Only those whose name contains one of these; all if there are none.
    pub only: Vec<String>,
    /// Where `RESULTS.md` and its plot go; none to print only.
    pub out: Option<PathBuf>,
}
