//! What every subject is built from: causes, short lists, cells as events leave them, and events with given tags.
//!
//! Nothing here knows a subject.

pub mod cause;
pub mod cell_after;
pub mod few;
pub mod holder;
pub mod name_ref;
pub(crate) mod plain;
pub(crate) mod repeat;
pub(crate) mod tagged;
pub mod version;
