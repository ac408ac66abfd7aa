//! Backups: a data directory at one `seq`, as a stream of checked pieces; and back.
//!
//! A whole backup holds the newest checkpoint, the log as far back as it is kept, and the small files of the directory. One that
//! was taken after another holds the log since. Both are read from what is durable, beside the writer ([`write()`]), so that
//! taking one never makes anybody wait. [`restore`] puts a chain of them together in an empty directory, and reads it as a
//! start would before it gives it an identity: until then nobody takes it for a data directory.
//!
//! The format stands in [`format`]; what a backup is of, and whether it follows another, in its [`Head`].

mod directory;
pub mod format;
mod restore;
mod write;

pub use crate::engine::directory::Extra;
pub use directory::{Taken, of_directory};
pub use format::Head;
pub use restore::{Chain, Checked, RestoreError, Restored, Until, check, read_head, read_through, restore};
pub use write::{BackupError, Start};
pub(crate) use write::{Origin, newest_checkpoint, write};
