//! Names on their way in.

use crate::ids::Name;

/// A name on its way in: interned, or not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameRef<I> {
    /// Interned and durable.
    Known(I),
    /// Never seen before when the command was made.
    New(Name),
}
