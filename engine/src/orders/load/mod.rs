//! Loads sales of before this log: rows of one order stand together, and become one completed order.
//!
//! Rows of one return without an order become one settled return, which `returns/load` decides.
//!
//! A row of an order that is known is unchanged if the ledger has it; otherwise it is refused, unless it is a return of an
//! order that was imported. An order is made with all of its rows, or with none: one wrong row refuses the others.

mod fresh;
mod known;
pub(crate) mod resolved;
mod returned;
pub(crate) mod rows;

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::decide::step::OrderChange;
use super::imported::{ArchivedRows, ORDER_ROWS_MAX, SaleFields, SaleGroup, SaleOf, Sales};
use super::order::Order;
use super::sale_row::SaleRow;
use super::step_kind::StepKind;
use crate::catalogue::Catalogue;
use crate::decide::Decide;
use crate::decide::load::row_error;
use crate::ids::{Name, Seq};
use crate::imports::imported::RowError;
use crate::kernel::cause::Cause;
use crate::outcome::Loaded;
use crate::refusal::{Failure, Refusal};
use crate::returns::{self, Return};
use known::Known;
use resolved::Options;

/// What rows of a file make. Its record is logged once all rows are decided.
pub(crate) enum Ready {
    /// A step of an order.
    Order(Box<OrderChange>),
    /// A return without an order.
    Return(Box<returns::load::Ready>),
}

/// Rows that are being loaded.
struct Loading {
    options: Options,
    ready: Vec<Ready>,
    /// Orders after the rows so far.
    known: FxHashMap<Name, Known>,
    /// Returns after the rows so far.
    known_returns: FxHashMap<Name, returns::load::Known>,
    /// What the archive has of them.
    archived: ArchivedRows,
}

/// Decides rows of sales.
///
/// # Errors
/// An order may have left for the archive since the caller looked.
pub(crate) fn sales(cx: &mut Decide<'_>, sales: Sales, by: u64, loaded: &mut Loaded) -> Result<Vec<Ready>, Failure> {
    let Sales { groups, create, stock, archived } = sales;
    let is_missing = |group: &SaleGroup| match &group.of {
        SaleOf::Order(name) => cx.draft.own.orders.named(cx.state, name).is_none(),
        SaleOf::Return(name) => cx.draft.own.returns.named(cx.state, name.as_str()).is_none(),
    };
    if cx.state.own.archive.last() > archived.seen && groups.iter().any(is_missing) {
        return Err(Refusal::ArchiveMoved.into());
    }
    let options = Options { create, stock, by };
    let (known, known_returns) = (FxHashMap::default(), FxHashMap::default());
    let mut loading = Loading { options, ready: Vec::new(), known, known_returns, archived };
    for group in groups {
        if group.rows.len() > ORDER_ROWS_MAX {
            let (column, name) = (group.of.column(), group.of.name());
            let reason = |_: &SaleFields| format!("{name} has more than {ORDER_ROWS_MAX} rows; split it into several");
            refuse(group.rows.iter(), loaded, Some(column), reason);
            continue;
        }
        match &group.of {
            SaleOf::Order(_) => loading.group(cx, group, loaded),
            SaleOf::Return(_) => loading.returned(cx, group, loaded),
        }
    }
    Ok(loading.ready)
}

/// Whether the ledger has every row of a file that is of one order, none of them twice: the answer of a decision, for an
/// order that is only in the archive.
pub(crate) fn has_all(catalogue: &Catalogue, order: Order, ledger: Vec<Arc<SaleRow>>, groups: &[&SaleGroup]) -> bool {
    let mut known = Known::with(order, ledger);
    all_rows(groups, |row| known.has(catalogue, row))
}

/// The same of one return.
pub(crate) fn has_all_of_return(
    catalogue: &Catalogue,
    back: Return,
    ledger: Vec<Arc<SaleRow>>,
    groups: &[&SaleGroup],
) -> bool {
    let mut known = returns::load::Known::with(back, ledger);
    all_rows(groups, |row| known.has(catalogue, row))
}

fn all_rows(groups: &[&SaleGroup], mut is_known: impl FnMut(&SaleFields) -> bool) -> bool {
    groups.iter().all(|group| group.rows.len() <= ORDER_ROWS_MAX && group.rows.iter().all(&mut is_known))
}

/// Logs a step, and returns its record.
///
/// # Errors
/// None is expected: the step is decided.
pub(crate) fn log(cx: &mut Decide<'_>, ready: Ready, mut cause: Option<Box<Cause>>) -> Result<Seq, Failure> {
    let mut change = match ready {
        Ready::Order(change) => change,
        Ready::Return(ready) => return returns::load::log(cx, *ready, cause),
    };
    // The same rows may have made the order: its id is known since that record.
    if let Some(before) = cx.draft.own.orders.named(cx.state, &change.order.name) {
        (change.order.id, change.order.version, change.order.history) = (before.id, before.version, before.history);
    }
    change.log(cx, &mut cause)?;
    Ok(cx.draft.builder.next_seq() - 1)
}

/// Refuses rows with one reason.
fn refuse<'a>(
    rows: impl Iterator<Item = &'a SaleFields>,
    loaded: &mut Loaded,
    field: Option<&str>,
    reason: impl Fn(&SaleFields) -> String,
) {
    for row in rows {
        let reason = reason(row);
        loaded.errors.push(RowError { line: row.row, field: field.map(str::to_owned), reason });
    }
}

/// Why a row of an order is refused that has nothing wrong itself.
fn with_another(_: &SaleFields) -> String {
    "another row of its order is refused; correct that one, and send all rows of the order again".to_owned()
}

/// The same of a return.
fn with_another_of_return(_: &SaleFields) -> String {
    "another row of its return is refused; correct that one, and send all rows of the return again".to_owned()
}

impl Loading {
    /// Decides the rows of one order.
    fn group(&mut self, cx: &mut Decide<'_>, group: SaleGroup, loaded: &mut Loaded) {
        let SaleGroup { of, rows, is_broken } = group;
        let order = of.name().clone();
        let known = self.known.remove(&order).or_else(|| Known::find(cx, &order, self.archived.rows.get(&of)));
        let after = match known {
            None if is_broken => {
                refuse(rows.iter(), loaded, None, with_another);
                None
            }
            None => self.make(cx, order.clone(), rows, loaded),
            Some(known) => Some(self.add(cx, known, rows, loaded)),
        };
        if let Some(after) = after {
            self.known.insert(order, after);
        }
    }

    /// Decides the rows of one return without an order.
    fn returned(&mut self, cx: &mut Decide<'_>, group: SaleGroup, loaded: &mut Loaded) {
        let SaleGroup { of, rows, is_broken } = group;
        let name = of.name();
        let find = || returns::load::Known::find(cx, name, self.archived.rows.get(&of));
        let known = match self.known_returns.remove(name).or_else(find) {
            Some(mut known) => {
                for row in &rows {
                    match known.has(cx, row) {
                        true => loaded.count::<()>(None),
                        false => loaded.errors.push(row_error(row.row, known.refusal().into())),
                    }
                }
                known
            }
            None if is_broken => return refuse(rows.iter(), loaded, None, with_another_of_return),
            None => {
                let defined = cx.draft.defined_so_far();
                match returns::load::make(self.options, cx, name, &rows) {
                    Ok((ready, known)) => {
                        loaded.accepted += rows.len() as u64;
                        self.ready.push(Ready::Return(Box::new(ready)));
                        known
                    }
                    Err(wrong) => {
                        cx.draft.forget_definitions(defined);
                        let others = rows.iter().filter(|row| !wrong.iter().any(|(of, _)| *of == row.row));
                        refuse(others, loaded, None, with_another_of_return);
                        loaded.errors.extend(wrong.into_iter().map(|(row, failure)| row_error(row, failure)));
                        return;
                    }
                }
            }
        };
        self.known_returns.insert(name.clone(), known);
    }

    /// Compares rows with a known order, and adds returns that it does not have.
    fn add(&mut self, cx: &mut Decide<'_>, mut known: Known, rows: Vec<SaleFields>, loaded: &mut Loaded) -> Known {
        let mut new = Vec::new();
        for row in rows {
            match known.has(cx, &row) {
                true => loaded.count::<()>(None),
                false => new.push(row),
            }
        }
        let mut change: Option<OrderChange> = None;
        for row in new {
            let refused = known.refusal(&row).map_or_else(
                || {
                    let defined = cx.draft.defined_so_far();
                    let taken = self.take_back(cx, &known, &mut change, &row);
                    taken.inspect_err(|_| cx.draft.forget_definitions(defined))
                },
                |refusal| Err(refusal.into()),
            );
            match refused {
                Ok(()) => loaded.count(Some(())),
                Err(failure) => loaded.errors.push(row_error(row.row, failure)),
            }
        }
        if let Some(change) = change {
            known.take_in(&change);
            self.ready.push(Ready::Order(Box::new(change)));
        }
        known
    }

    /// Adds a return to the step of a known order.
    fn take_back(
        &self,
        cx: &mut Decide<'_>,
        known: &Known,
        change: &mut Option<OrderChange>,
        row: &SaleFields,
    ) -> Result<(), Failure> {
        let origin = self.options.origin(cx, row)?;
        match change {
            Some(change) => returned::take_back(cx, change, row, origin, self.options.stock),
            None => {
                let mut first = OrderChange::of(known.order.clone(), StepKind::Imported, origin.clone());
                returned::take_back(cx, &mut first, row, origin, self.options.stock)?;
                *change = Some(first);
                Ok(())
            }
        }
    }

    /// Makes an order of its rows. Returns that are wrong are refused by themselves.
    fn make(&mut self, cx: &mut Decide<'_>, name: Name, rows: Vec<SaleFields>, loaded: &mut Loaded) -> Option<Known> {
        let (returns, sold): (Vec<_>, Vec<_>) = rows.into_iter().partition(SaleFields::is_return);
        if sold.is_empty() {
            let reason = |_: &SaleFields| format!("{name} is no known order; load what it sold first");
            refuse(returns.iter(), loaded, Some("order"), reason);
            return None;
        }
        let defined = cx.draft.defined_so_far();
        let mut change = match fresh::make(self.options, cx, name, &sold) {
            Ok(change) => change,
            Err(wrong) => {
                cx.draft.forget_definitions(defined);
                let others = sold.iter().chain(&returns).filter(|row| !wrong.iter().any(|(of, _)| *of == row.row));
                refuse(others, loaded, None, with_another);
                loaded.errors.extend(wrong.into_iter().map(|(row, failure)| row_error(row, failure)));
                return None;
            }
        };
        loaded.accepted += sold.len() as u64;
        for row in &returns {
            let defined = cx.draft.defined_so_far();
            let taken = self
                .options
                .origin(cx, row)
                .and_then(|at| returned::take_back(cx, &mut change, row, at, self.options.stock));
            match taken {
                Ok(()) => loaded.count(Some(())),
                Err(failure) => {
                    cx.draft.forget_definitions(defined);
                    loaded.errors.push(row_error(row.row, failure));
                }
            }
        }
        let known = Known::of(&change);
        self.ready.push(Ready::Order(Box::new(change)));
        Some(known)
    }
}
