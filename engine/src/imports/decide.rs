//! Decides imports: the rows of each kind are decided by their subject.

use super::command::{Command, Rows};
use super::imported::Imported;
use crate::decide::draft::Answer;
use crate::decide::{Decide, Decision};
use crate::event::Event;
use crate::kernel::cause::Cause;
use crate::outcome::Loaded;
use crate::refusal::Refusal;
use crate::{catalogue, orders, prices, rules, stock, supply};

/// Row errors that the record of an import stores; its answer contains no more.
pub const IMPORT_ERRORS_MAX: usize = 1000;

/// Decides a command of imports.
pub(crate) fn decide(cx: &mut Decide<'_>, command: Command, cause: &mut Option<Box<Cause>>) -> Decision {
    match command {
        Command::Load { rows, atomic, finish } => load_rows(cx, rows, atomic, finish, cause),
    }
}

fn load_rows(
    cx: &mut Decide<'_>,
    rows: Rows,
    atomic: bool,
    finish: Option<Box<Imported>>,
    cause: &mut Option<Box<Cause>>,
) -> Decision {
    let mut loaded = Loaded { seq: cx.state.view.seq(), ..Loaded::default() };
    // Events are collected first: an atomic import with a wrong row must log none of them.
    let mut events: Vec<Event> = Vec::new();
    let mut sold = Vec::new();
    // Bounded by the rows of one command: 4,000, or `limits.import_atomic_rows` for an atomic import.
    match rows {
        Rows::Locations(rows) => catalogue::load::locations(cx, rows, &mut loaded, &mut events),
        Rows::Groups(rows) => catalogue::load::groups(cx, rows, &mut loaded, &mut events),
        Rows::Skus(rows) => catalogue::load::skus(cx, rows, &mut loaded, &mut events),
        Rows::Prices(rows) => prices::load::prices(cx, rows, &mut loaded, &mut events),
        Rows::Channels(rows) => catalogue::load::channels(cx, rows, &mut loaded, &mut events),
        Rows::Stock { counts, create } => stock::load::counts(cx, counts, create, &mut loaded, &mut events),
        Rows::Rules(rows) => rules::load::rules(cx, rows, &mut loaded, &mut events),
        Rows::Supply(rows) => supply::load::supplies(cx, rows, &mut loaded, &mut events),
        Rows::Sales(rows) => sold = orders::load::sales(cx, rows, Cause::caller(cause.as_deref()), &mut loaded)?,
        Rows::None(_) => {}
    }
    if atomic && !loaded.errors.is_empty() {
        loaded.errors.sort_by_key(|error| error.line);
        cx.draft.undo_details();
        return Err(Refusal::BadRows(loaded.errors).into());
    }
    loaded.errors.sort_by_key(|error| error.line);
    let of_part = cause.as_deref().and_then(Cause::of_part);
    if cx.draft.has_definitions() && events.is_empty() && sold.is_empty() {
        loaded.seq = cx.draft.log_definitions(of_part.clone());
    }
    for event in events {
        loaded.seq = cx.log_details(of_part.clone(), event);
    }
    for order in sold {
        loaded.seq = orders::load::log(cx, order, of_part.clone())?;
    }
    match finish {
        None => Ok(Answer::Loaded(loaded)),
        Some(mut imported) => {
            imported.accepted += loaded.accepted;
            imported.unchanged += loaded.unchanged;
            imported.rejected += loaded.errors.len() as u64;
            let room = IMPORT_ERRORS_MAX.saturating_sub(imported.errors.len());
            imported.errors.extend(loaded.errors.into_iter().take(room));
            Ok(Answer::Record(cx.draft.log(cause.take(), super::event::Event::Imported(imported))))
        }
    }
}
