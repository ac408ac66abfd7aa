//! Frames: pieces of a checkpoint, some hundred items each.

use std::io;

/// Items per frame, and cells copied in one durable read: some tens of microseconds.
pub const ITEMS_PER_FRAME: usize = 1024;

/// Items taken from a subject's store under one hold of its lock, which the fold needs, too.
pub const ITEMS_PER_HOLD: usize = 128;

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

/// Writes pages as frames. Each page is what comes after the last item of the one before, so that folds run in between;
/// an empty page is the end.
///
/// # Errors
/// An error of `put`.
pub fn in_pages<T: Clone>(
    page: impl Fn(Option<&T>) -> Vec<T>,
    mut put: impl FnMut(Vec<T>) -> io::Result<()>,
) -> io::Result<()> {
    let mut last = None;
    loop {
        let items = page(last.as_ref());
        last = items.last().cloned();
        if last.is_none() {
            return Ok(());
        }
        put(items)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_end_with_the_last_item() {
        let all: Vec<u32> = (1..=7).collect();
        for limit in [1, 3, 7, 8] {
            let (mut pages, mut found) = (0, Vec::new());
            let page = |last: Option<&u32>| {
                let rest = all.iter().copied().filter(|item| last.is_none_or(|last| item > last));
                rest.take(limit).collect()
            };
            in_pages(page, |items| {
                pages += 1;
                found.extend(items);
                Ok(())
            })
            .expect("nothing fails");
            assert_eq!((found, pages), (all.clone(), all.len().div_ceil(limit)), "{limit} a page");
        }
        let failed = in_pages(|_| vec![1], |_| Err(io::Error::other("full")));
        assert!(failed.is_err(), "an error ends it");
    }
}
