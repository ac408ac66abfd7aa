//! Imports: files of rows, and what became of them.

pub mod command;
pub(crate) mod decide;
pub mod event;
pub mod imported;
