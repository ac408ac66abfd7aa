//! The compiled rules in force: from (SKU, location, channel) to the numbers that a promise needs.
//!
//! ```text
//!  SKU ──► class: the best rules that name SKUs only, by channel; the rules that name both ──┐
//!  location ──► class: the best rules that name places only, by channel ─────────────────────┼──► the first of them
//!  everywhere: the best of the rest, by channel ─────────────────────────────────────────────┘
//! ```
//!
//! Rules are ranked once, so the winner is the smallest of a few numbers. Few SKUs differ in the rules that name them,
//! and fewer locations, so there are few classes for millions of cells. A new rule creates a new book; its cost depends
//! on the rules and the locations. The classes of SKUs are computed on first use, and cached. So a rule that affects
//! two million cells is in force as fast as one that affects two.
//!
//! A look-up reads a few words and takes no lock. Only the first user of a class writes it under a lock. A book never
//! changes its results, with one exception under the control of its owner: a SKU with new details gets a new class
//! ([`Book::reclassify`]).

mod compiled;
mod index;
mod terms;
mod whole;

pub use index::Book;
pub use terms::{RowTerms, Terms};
pub use whole::WholeRow;
