//! Pages of lists: of entries of the index, and of what memory and the archive have together.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::error::ArchiveError;

/// One page of what memory and the archive have, newest first: as far as both looked. Each comes with where its next page
/// begins, if there may be more. What is in both counts as memory has it.
pub(super) fn newest_first<I: Copy + Ord, T>(
    (here, next): (Vec<T>, Option<I>),
    (there, next_there): (Vec<T>, Option<I>),
    limit: usize,
    id_of: impl Fn(&T) -> I,
) -> (Vec<T>, Option<I>) {
    let ends_at = next.max(next_there);
    let all: BTreeMap<I, T> = there.into_iter().chain(here).map(|one| (id_of(&one), one)).collect();
    let whole = all.into_values().rev().take_while(|one| ends_at.is_none_or(|end| id_of(one) >= end));
    let mut page: Vec<T> = whole.collect();
    let is_cut = page.len() > limit;
    page.truncate(limit);
    let next = if is_cut { page.last().map(&id_of) } else { ends_at };
    (page, next)
}

/// Collects a page from entries of the index.
pub(super) struct Walk<T> {
    found: Vec<T>,
    looked: usize,
    failed: Option<ArchiveError>,
    ended: bool,
}

impl<T> Walk<T> {
    pub fn new() -> Self {
        Self { found: Vec::new(), looked: 0, failed: None, ended: true }
    }

    /// Whether the page is full: then this entry is not examined.
    pub fn is_full(&mut self, limit: usize, looks: usize) -> bool {
        let is_full = self.found.len() == limit || self.looked == looks;
        self.looked += 1;
        self.ended &= !is_full;
        is_full
    }

    /// Takes what an entry holds, if it matches.
    pub fn take(&mut self, read: Result<Option<T>, ArchiveError>) -> ControlFlow<()> {
        match read {
            Ok(found) => {
                self.found.extend(found);
                ControlFlow::Continue(())
            }
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    pub fn end(self) -> Result<(Vec<T>, bool), ArchiveError> {
        self.failed.map_or(Ok((self.found, self.ended)), Err)
    }
}
