//! Backups: a data directory at one `seq`, as a stream of checked pieces; and the restore.
//!
//! A full backup contains the newest checkpoint, the whole log, and the small files of the directory. A later one
//! contains only the records since. Both read durable data beside the writer ([`write()`]), so that no caller waits for
//! a backup. [`restore`] joins a chain of backups in an empty directory and reads it like a start, before it writes its
//! identity: until then, it is not a data directory.
//!
//! The format is in [`format`]; the contents of a backup, and its position in a chain, are in its [`Head`].

mod directory;
pub mod format;
mod restore;
mod write;

pub use crate::engine::directory::Extra;
pub use directory::{Taken, of_directory};
pub use format::Head;
pub use restore::{Chain, Checked, RestoreError, Restored, Until, check, join, read_head, read_through, restore};
pub use write::{BackupError, Start};
pub(crate) use write::{Origin, newest_checkpoint, write};
