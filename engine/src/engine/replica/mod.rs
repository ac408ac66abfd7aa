//! Nodes that follow another one: what a node gives of its log, and what a node does with what it is given.
//!
//! ```text
//!   primary:  log ── read, sealed ──► │ any transport │ ──► inbox ──► check the chain ─► append ─► fold ─► feed  :replica
//! ```
//!
//! A replica appends the batches that another node decided, to a log of its own, and folds them as that node did: all
//! records of a command, or none. It decides nothing: it expires nothing, turns no rule, reads no clock in a fold. So its
//! state at a `seq` equals that of the other node at that `seq`, and so do its cursors and its ids, since both have the same
//! identity. What it has appended is on disk a moment later than it is visible; the log of the node that it follows has it.
//!
//! The chain of seals begins at the record that both have: see [`Head::at`]. A gap, a repeat, a changed bit, and another
//! history that is as long are each found before anything of them is appended.

mod following;
mod given;
mod link;
mod promotion;
mod received;
mod turn;

pub(super) use following::Following;
pub(super) use given::head_at;
pub use link::{Demoted, FollowError, Promoted};
pub(super) use link::{Link, Stopping};

#[cfg(doc)]
use crate::journal::Head;
