//! The parameters of a comparison.

use std::path::PathBuf;

/// The parameters of a comparison.
#[derive(Debug, Clone)]
pub struct ComparisonPlan {
    /// Numbers of connections over HTTP, and to Redis.
    pub connections: Vec<usize>,
    /// Length of one measurement.
    pub seconds: u64,
    /// Interleaved measurements of each.
    pub rounds: usize,
    /// Only contenders whose name contains one of these; all if empty.
    pub only: Vec<String>,
    /// The folder for `RESULTS.md` and its plot; `None` to print only.
    pub out: Option<PathBuf>,
}
