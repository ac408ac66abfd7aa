//! What every subject says of its commands before they are decided.

use super::few::Few;
use super::plain::Plain;
use crate::level::StockChange;
use crate::matrix::CellId;

/// A command of a subject, whose decisions rest on a view `V`.
pub(crate) trait Asked<V> {
    /// What it is, in a word.
    fn kind(&self) -> &'static str;

    /// Lines or rows that it names.
    fn lines(&self) -> usize;

    /// Whether it is left undone where nobody waits for it any more. What happened in the world, and what the engine says
    /// itself, is noted whoever hears of it.
    fn may_be_dropped(&self) -> bool;

    /// Which kind it is, where it is of one line or step and costs little: it is told by that alone.
    #[inline]
    fn plain(&self) -> Option<Plain> {
        None
    }

    /// Whether it is decided on what is durable, and so begins a batch.
    #[inline]
    fn begins_batch(&self, _: &V) -> bool {
        false
    }

    /// Whether it may change what rules rest on, and so ends its batch.
    #[inline]
    fn ends_batch(&self, _: &V) -> bool {
        false
    }

    /// What its caller already took from promise words.
    #[inline]
    fn admitted(&self) -> Few<(CellId, StockChange)> {
        Few::new()
    }
}
