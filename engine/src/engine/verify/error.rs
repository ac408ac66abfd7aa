//! Why a log is not proven.

use crate::ids::Seq;
use crate::journal::OpenError;

/// Why the log is not proven.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The log is unreadable.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log violates an invariant.
    #[error("record {seq} breaks an invariant: {what}")]
    Violation {
        /// The record.
        seq: Seq,
        /// The invariant, with both numbers.
        what: String,
    },
    /// The log violates an invariant only as earlier builds could.
    #[error(
        "records {} kept less available than safety stock and buffers hold back, as builds up to 0.1 could when they \
         moved promises of a group to make room; no unit was promised twice. --allow floor-kept-too-little accepts \
         them",
        show_all(.0)
    )]
    FloorKeptTooLittle(Vec<Seq>),
}

/// The first numbers of a list, and how many more there are.
fn show_all(seqs: &[Seq]) -> String {
    const SHOWN: usize = 20;
    let shown: Vec<_> = seqs.iter().take(SHOWN).map(Seq::to_string).collect();
    match seqs.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
