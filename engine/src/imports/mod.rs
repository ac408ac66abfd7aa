//! Imports: files of rows, and what became of them.

pub mod event;
pub mod imported;
