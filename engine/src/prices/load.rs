//! Loading rows of prices.

use super::command::RowFields;
use super::decide::{Changes, weight};
use super::event::Event;
use crate::decide::Decide;
use crate::decide::load::{chunks, row_error};
use crate::event;
use crate::outcome::Loaded;

/// Prices.
pub(crate) fn prices(cx: &Decide<'_>, rows: Vec<RowFields>, loaded: &mut Loaded, events: &mut Vec<event::Event>) {
    let mut changes = Changes::default();
    for row in rows {
        let line = row.line;
        match changes.set(cx, row, false, &str::to_owned) {
            Ok(changed) => loaded.count(changed.then_some(())),
            Err(failure) => loaded.errors.push(row_error(line, failure)),
        }
    }
    events.extend(chunks(changes.into_rows(cx), weight, Event::RowsSet));
}
