//! Names in commands.

use crate::ids::Name;

/// A name in a command: interned, or not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameRef<I> {
    /// Interned and durable.
    Known(I),
    /// Unknown when the command was created.
    New(Name),
}
