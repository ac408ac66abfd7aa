//! The archive: files beside the log that only grow, with what left memory.
//!
//! ```text
//!  <folder>/NNNNNN.archive     head, then batches of frames
//!  head:   "ANQARCH\n" | format u16 | number u32
//!  frame:  length u32 | crc32 u32 | kind u8 | payload      the checksum covers kind and payload
//!  end:    a frame of kind 0: seq u64 | frames u32 | crc32 u32 of the whole batch before it
//! ```
//!
//! Numbers are little endian. A file is sealed once there is a later one. This module does not know what a frame
//! contains, nor which batches count: its caller knows how far each file is valid, and has the rest cut off.

mod batch;
mod damage;
mod files;
pub mod index;
mod place;
mod run;

pub use batch::{ArchiveBatch, FrameOf, frames_of};
pub use damage::ArchiveDamage;
pub use files::{ArchiveFiles, Frame, HEAD_BYTES, Scanned, Short};
pub use place::ArchivePlace;
