//! Imports and exports: reading and writing tables of any kind. The meaning of a kind's columns is in `import.rs` of
//! its subject.
//!
//! - [`routes`]: `/v1/import/{kind}` and `/v1/export/{kind}`
//! - [`load`]: parses lines to rows, submits chunks to the engine, collects results
//! - [`plan`], [`surface`]: the options of an import, and how error texts name them
//! - [`table`], [`csv`], [`numbers`]: rows of delimited files, cells, numbers
//! - [`kind`]: a kind of file, as its subject declares it
//! - [`columns`], [`cells`]: maps columns, and parses cells
//! - [`progress`]: how far imports over HTTP are
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
pub mod progress;
pub mod rejects;
pub mod routes;
pub mod surface;
pub mod table;
pub mod words;
