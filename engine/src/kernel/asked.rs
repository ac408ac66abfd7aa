//! The properties of every command that are needed before it is decided.

use super::few::Few;
use super::plain::Plain;
use crate::level::StockChange;
use crate::matrix::CellId;

/// A command of a subject, whose decisions depend on a view `V`.
pub(crate) trait Asked<V> {
    /// Its name.
    fn kind(&self) -> &'static str;

    /// The number of its lines or rows.
    fn lines(&self) -> usize;

    /// Whether the command is dropped if its caller no longer waits. Physical events, and commands of the engine
    /// itself, are always recorded.
    fn may_be_dropped(&self) -> bool;

    /// Its kind, if it has one line or step and is cheap: then the kind alone identifies it.
    #[inline]
    fn plain(&self) -> Option<Plain> {
        None
    }

    /// Whether its decision needs the durable state, so that it begins a batch.
    #[inline]
    fn begins_batch(&self, _: &V) -> bool {
        false
    }

    /// Whether it may change what rules depend on, so that it ends its batch.
    #[inline]
    fn ends_batch(&self, _: &V) -> bool {
        false
    }

    /// The units that its caller already took from promise words.
    #[inline]
    fn admitted(&self) -> Few<(CellId, StockChange)> {
        Few::new()
    }
}
