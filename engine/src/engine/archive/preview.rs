//! What a return would be, of an order that may have left memory.

use std::cell::RefCell;

use super::error::ArchiveError;
use crate::engine::Engine;
use crate::ids::Name;
use crate::orders::Order;
use crate::refusal::Failure;
use crate::returns::Return;
use crate::returns::command::TakeBack;
use crate::returns::refund_plan::Look;

/// Finds returns and orders in memory and in the archive.
struct Everywhere<'a> {
    engine: &'a Engine,
    failed: RefCell<Option<ArchiveError>>,
}

impl Everywhere<'_> {
    fn found<T>(&self, read: Result<Option<T>, ArchiveError>) -> Option<T> {
        read.unwrap_or_else(|error| {
            self.failed.replace(Some(error));
            None
        })
    }
}

impl Look for Everywhere<'_> {
    fn returned(&self, name: &str) -> Option<Return> {
        self.found(self.engine.returned(name)).map(|back| (*back).clone())
    }

    fn order(&self, name: &Name) -> Option<Order> {
        self.found(self.engine.order(name.as_str())).map(|order| (*order).clone())
    }
}

impl Engine {
    /// What a return of `order` would be; nothing is written. May read the disk.
    ///
    /// # Errors
    /// The archive is unreadable. The inner result is that of the return itself.
    pub fn preview_return(
        &self,
        asked: &TakeBack,
        order: Option<Order>,
    ) -> Result<Result<Return, Failure>, ArchiveError> {
        let look = Everywhere { engine: self, failed: RefCell::new(None) };
        let back = self.state().preview_return(asked, order, &look, self.now());
        look.failed.into_inner().map_or(Ok(back), Err)
    }
}
