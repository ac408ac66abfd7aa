//! Frames: pieces of a checkpoint, some hundred items each.

use std::io;

/// Items per frame, and cells copied in one durable read: some tens of microseconds.
pub const ITEMS_PER_FRAME: usize = 1024;

/// Writes `items` as frames, as many per frame as fit.
///
/// # Errors
/// An error of `put`.
pub fn in_frames<T>(
    items: impl IntoIterator<Item = T>,
    mut put: impl FnMut(Vec<T>) -> io::Result<()>,
) -> io::Result<()> {
    let mut items = items.into_iter().peekable();
    while items.peek().is_some() {
        put(items.by_ref().take(ITEMS_PER_FRAME).collect())?;
    }
    Ok(())
}
