//! Files in and out: reading and writing tables of any kind. What the columns of a kind mean is in its subject's
//! `import.rs`.
//!
//! - [`routes`]: `/v1/import/{kind}` and `/v1/export/{kind}`
//! - [`load`]: lines to rows, rows to the engine in chunks, and what became of each
//! - [`plan`], [`surface`]: what an import is asked for, and where
//! - [`table`], [`csv`], [`numbers`]: rows of delimited files, cells, numbers
//! - [`kind`]: what a subject says of a kind of file
//! - [`columns`], [`cells`]: the columns of a file, and the rows that are read from them
//! - [`rejects`]: rejected rows as a file
//! - [`as_of`]: which record an exported row reflects

pub mod as_of;
pub mod cells;
pub mod columns;
pub mod csv;
pub mod export;
pub mod kind;
pub mod load;
pub mod numbers;
pub mod plan;
pub mod rejects;
pub mod routes;
pub mod surface;
pub mod table;
pub mod words;
