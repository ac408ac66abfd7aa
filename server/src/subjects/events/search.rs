//! Searching the log: what moved a SKU, what happened at a location, of which kind, by whom; forward, or back from a record.

use std::ops::ControlFlow;

use anaquel_engine::effect::Effect;
use anaquel_engine::event::Record;
use anaquel_engine::ids::{LocationId, Seq, SkuId};
use serde_json::Value;

use crate::app::App;
use crate::auth::Scope;
use crate::auth::caller::Caller;
use crate::http::page::Page;
use crate::http::problem::{Problem, Slug};
use crate::stream::follow::about::Entry;
use crate::stream::follow::shown::shown;
use crate::subjects::events::views;

/// Records that one page examines.
const LOOKS_PER_PAGE: usize = 20_000;

/// Records that are read at a time on the way back.
const WINDOW: Seq = 2048;

/// What is looked for.
#[derive(Debug, Default)]
pub struct Search {
    /// That changed a cell of this SKU, or has a line of it.
    pub sku: Option<SkuId>,
    /// That concerns this location.
    pub location: Option<LocationId>,
    /// Of one of these kinds; of any, if empty.
    pub kinds: Vec<String>,
    /// Under a key of this name.
    pub actor: Option<String>,
    /// Only older records, the newest first.
    pub before: Option<Seq>,
}

impl Search {
    /// Whether everything is asked for, in order.
    pub fn is_plain(&self) -> bool {
        self.sku.is_none()
            && self.location.is_none()
            && self.kinds.is_empty()
            && self.actor.is_none()
            && self.before.is_none()
    }

    /// Whether a caller may search: operators anything, who keeps stock the records of a location.
    ///
    /// # Errors
    /// `invalid-request`, naming `location`.
    pub fn check(&self, caller: &Caller) -> Result<(), Problem> {
        if self.location.is_none() && caller.may(&[Scope::Ops]).is_err() {
            let reason = "is required: without the scope ops, the records of one location are searched";
            return Err(Problem::invalid("location", reason));
        }
        // A channel may get bands only, and the log has numbers.
        let is_of_channels = caller.principal.as_ref().is_some_and(|of| !of.identity.channels.is_empty());
        match is_of_channels {
            true => Err(Problem::new(Slug::Forbidden, "a key that is bound to channels does not search the log")),
            false => Ok(()),
        }
    }

    /// The record as a caller sees it, if it is one of those.
    fn found(&self, app: &App, caller: &Caller, record: &Record) -> Option<Value> {
        let actor = record.cause.as_deref().and_then(|cause| cause.actor.as_deref());
        if self.actor.as_deref().is_some_and(|wanted| actor != Some(wanted)) {
            return None;
        }
        let sees_all = caller.may(&[Scope::Ops]).is_ok();
        let entry = Entry::of(&app.engine, record).unwrap_or_else(|| Entry::plain(record.seq));
        if (self.sku.is_some() || self.location.is_some()) && !self.has_place(app, record, &entry, sees_all) {
            return None;
        }
        let item = views::record(&app.engine, record);
        let kind = item.get("kind").and_then(Value::as_str);
        if !self.kinds.is_empty() && !kind.is_some_and(|kind| self.kinds.iter().any(|wanted| wanted == kind)) {
            return None;
        }
        let entry = Entry { item, ..entry };
        let identity = caller.principal.as_ref().map(|principal| principal.identity.as_ref());
        Some(shown(&entry, identity).unwrap_or(entry.item))
    }

    /// Whether a record concerns the SKU and the location. Cells of promises without a location are private: they count for
    /// operators only.
    fn has_place(&self, app: &App, record: &Record, entry: &Entry, sees_all: bool) -> bool {
        let is_sku = |sku: SkuId| self.sku.is_none_or(|wanted| wanted == sku);
        let mut is_it = false;
        if sees_all || !entry.is_promise() {
            record.event.effects(|effect| {
                if let Effect::Cell(cell, _) = effect {
                    is_it |= is_sku(cell.sku) && self.location.is_none_or(|wanted| wanted == cell.location);
                }
            });
        }
        let names = &app.engine.state().catalogue.locations;
        let at_location = || {
            self.location
                .is_none_or(|wanted| entry.locations.iter().any(|name| names.id(name.as_str()) == Some(wanted)))
        };
        let of_sku = || self.sku.is_none_or(|wanted| entry.skus.contains(&wanted));
        is_it || (!entry.kinds.is_empty() && of_sku() && at_location())
    }

    /// A page of what is found: after a record in the order of the log, or before one, the newest first.
    ///
    /// # Errors
    /// The log no longer has these records, or is unreadable.
    pub fn page(&self, app: &App, caller: &Caller, after: Seq, limit: usize) -> Result<String, Problem> {
        match self.before {
            None => self.forward(app, caller, after, limit),
            Some(before) => self.back(app, caller, (after, before), limit),
        }
    }

    fn forward(&self, app: &App, caller: &Caller, after: Seq, limit: usize) -> Result<String, Problem> {
        let visible = app.engine.state().view.seq();
        let mut page = Page::new(app);
        let (mut count, mut last) = (0, after);
        app.engine.for_each_event(after, LOOKS_PER_PAGE, &mut |record| {
            if let Some(item) = self.found(app, caller, record) {
                if !page.add(item) {
                    return ControlFlow::Break(());
                }
                count += 1;
            }
            last = record.seq;
            page.is_at(last);
            if count < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(page.end(None, last < visible))
    }

    fn back(&self, app: &App, caller: &Caller, (after, before): (Seq, Seq), limit: usize) -> Result<String, Problem> {
        let oldest = app.engine.oldest().max(1).max(after + 1);
        let mut end = before.min(app.engine.state().view.seq() + 1);
        let mut page = Page::new(app);
        let (mut count, mut looks) = (0, 0);
        page.is_at(end);
        while end > oldest && looks < LOOKS_PER_PAGE {
            let start = end.saturating_sub(WINDOW).max(oldest);
            let mut window = Vec::new();
            app.engine.for_each_event(start - 1, usize::try_from(end - start).unwrap_or(0), &mut |record| {
                window.extend(self.found(app, caller, record).map(|item| (record.seq, item)));
                ControlFlow::Continue(())
            })?;
            looks += usize::try_from(end - start).unwrap_or(0);
            for (seq, item) in window.into_iter().rev() {
                if !page.add(item) {
                    return Ok(page.end(None, true));
                }
                page.is_at(seq);
                count += 1;
                if count == limit {
                    return Ok(page.end(None, seq > oldest));
                }
            }
            end = start;
            page.is_at(end);
        }
        Ok(page.end(None, end > oldest))
    }
}
