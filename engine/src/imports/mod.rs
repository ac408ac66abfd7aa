//! Imports: files of rows, and their results.

pub mod command;
pub(crate) mod decide;
pub mod event;
pub mod imported;
