//! The rules in force, compiled: from (SKU, location, channel) to the numbers that a promise needs.
//!
//! ```text
//!  SKU ──► class: the best rules that name SKUs only, by channel; the rules that name both ──┐
//!  location ──► class: the best rules that name places only, by channel ─────────────────────┼──► the first of them
//!  everywhere: the best of the rest, by channel ─────────────────────────────────────────────┘
//! ```
//!
//! Rules are ranked once, so the one in force is the smallest of a few numbers. Few SKUs differ in the rules that name
//! them, and fewer locations, so classes are few where cells are millions. A new rule makes a new book, which costs what
//! the rules and the locations are worth; the classes of SKUs are found out when somebody first asks, and remembered. So
//! a rule that touches two million cells is in force as soon as one that touches two.
//!
//! Looking up reads a few words and takes no lock. Only whoever is the first to need a class writes it down under one. A
//! book never changes what it says, with one exception that its owner brings about: a SKU that is described anew gets its
//! class anew ([`Book::reclassify`]).

mod compiled;
mod index;
mod terms;
mod whole;

pub use index::Book;
pub use terms::{RowTerms, Terms};
pub use whole::WholeRow;
