//! Lists of returns over memory and the archive together, newest first, each once.

use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::error::ArchiveError;
use super::page::{Walk, newest_first};
use super::{Archive, keys};
use crate::engine::Engine;
use crate::ids::{Seq, Timestamp};
use crate::returns::{Filter, Return, ReturnId};

/// A page of returns, newest first, and before which one the next page begins, if there may be more.
pub type ReturnPage = (Vec<Arc<Return>>, Option<ReturnId>);

/// Receives a return; breaks to end the walk.
pub type EachReturn<'a> = dyn FnMut(&Return) -> ControlFlow<()> + 'a;

impl Engine {
    /// Up to `limit` matching returns, newest first, before `before`; examines at most `looks` in memory and as many in
    /// the archive. May read the disk.
    ///
    /// # Errors
    /// The archive is unreadable.
    pub fn returns(
        &self,
        filter: &Filter,
        before: Option<ReturnId>,
        limit: usize,
        looks: usize,
    ) -> Result<ReturnPage, ArchiveError> {
        let (here, next) = self.state().own.returns.list(filter, before, limit, looks);
        let Some(archive) = self.archived() else { return Ok((here, next)) };
        let (there, next_there) = self.archived_returns(archive, filter, before, limit, looks)?;
        Ok(newest_first((here, next), (there, next_there), limit, |back| back.id))
    }

    fn archived_returns(
        &self,
        archive: &Archive,
        filter: &Filter,
        before: Option<ReturnId>,
        limit: usize,
        looks: usize,
    ) -> Result<ReturnPage, ArchiveError> {
        let upto = before.unwrap_or(ReturnId(Seq::MAX));
        let begin = match (&filter.order, &filter.customer) {
            (Some(order), _) => keys::returns_of_order(order.as_str()),
            (None, Some(customer)) => keys::returns_of_customer(customer),
            (None, None) => vec![b'E'],
        };
        let end = [&begin[..], &upto.0.to_be_bytes()].concat();
        let (mut walk, mut last) = (Walk::new(), upto);
        archive.index().each((Bound::Included(begin), Bound::Excluded(end)), true, &mut |key, value| {
            if walk.is_full(limit, looks) {
                return ControlFlow::Break(());
            }
            let Some(id) = keys::read_id(key).map(|id| ReturnId(id.0)) else { return ControlFlow::Continue(()) };
            last = id;
            let read = match self.state().own.returns.get(id) {
                Some(back) => Ok(back),
                None => archive.return_of(value).map(Arc::new),
            };
            walk.take(read.map(|back| filter.matches(&back).then_some(back)))
        })?;
        let (found, ended) = walk.end()?;
        Ok((found, (!ended).then_some(last)))
    }

    /// Visits every archived return that changed at `from` or later, but those of `known`, until `visit` breaks. May read
    /// the disk.
    ///
    /// # Errors
    /// The archive is unreadable.
    pub fn archived_returns_since(
        &self,
        from: Timestamp,
        known: &FxHashSet<ReturnId>,
        visit: &mut EachReturn<'_>,
    ) -> Result<(), ArchiveError> {
        let Some(archive) = self.archived() else { return Ok(()) };
        let mut failed = None;
        let range = (Bound::Included(keys::return_changed(from, ReturnId(0))), keys::after_all(b"J"));
        archive.index().each(range, false, &mut |key, value| {
            let id = keys::read_id(key).map(|id| ReturnId(id.0)).filter(|id| !known.contains(id));
            let Some(id) = id else { return ControlFlow::Continue(()) };
            // A return that came back and left again has an entry for each time; the last one counts.
            let read = archive.index().get(&keys::returned(id)).map_err(ArchiveError::from);
            let read = read.and_then(|last| match last.as_deref() == Some(value) {
                true => archive.return_of(value).map(Some),
                false => Ok(None),
            });
            match read {
                Ok(Some(back)) => visit(&back),
                Ok(None) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        failed.map_or(Ok(()), Err)
    }
}
