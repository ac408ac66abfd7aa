//! The steps around every command, in one explicit order: what is due, and what settles a command.

use rustc_hash::FxHashMap;

use crate::decide::draft::{Answer, Decided};
use crate::decide::{Decide, Decision};
use crate::ids::{ReservationId, Timestamp};
use crate::kernel::few::Few;
use crate::level::StockChange;
use crate::matrix::CellId;
use crate::outcome::Completion;
use crate::own_store::OwnStore;
use crate::state::DurableState;
use crate::{carts, orders, prices, reservations, returns, rules, stock, supply};

/// Up to this number of cells, a linear search is used.
const FEW_CELLS: usize = 16;

/// Handles what is due before a command is decided. Reservations expire first, so that backorders can use the units
/// that they free, and carts after them. Then overdue promises are checked. Rules come last: expiries happen under the
/// rules that were in force. Returns the expired reservations, which are restored if the batch fails.
pub(super) fn due(cx: &mut Decide<'_>, activates: bool) -> Vec<(Timestamp, ReservationId)> {
    let settle_own = |cx: &mut Decide<'_>| settle(cx, None, None, Few::new());
    let expired = reservations::decide::step::expire(cx, settle_own, orders::decide::expire_part);
    // After reservations: a cart gives back only what did not expire by itself.
    carts::decide::expire(cx, settle_own);
    returns::decide::expire(cx, settle_own);
    supply::decide::date_overdue(cx, settle_own);
    if activates {
        rules::decide::activate(cx, settle_own);
        // Nothing above looks at prices.
        prices::decide::turn(cx, settle_own);
    }
    expired
}

/// When the next rule begins or ends after `now`, or something in a store of a subject.
pub(super) fn next_activation(state: &DurableState, now: Timestamp) -> Option<Timestamp> {
    [state.rules.next_activation(now), state.own.next_turn(now)].into_iter().flatten().min()
}

/// Splits the effect of a decided command on promise words into debits, applied now, and credits, applied once durable.
pub(super) fn settle(
    cx: &mut Decide<'_>,
    done: Option<(Completion, Decision)>,
    scope: Option<u128>,
    admitted: Few<(CellId, StockChange)>,
) {
    // First fills: backorders get units that became free before another command is decided.
    supply::decide::fill_uncovered(cx);
    // Then dates: they depend on the remaining supply.
    supply::decide::date_waits(cx);
    // Shortages last: of what the fills left.
    let mut rests = cx.draft.take_touched();
    stock::decide::note_shortages(cx, &rests);
    // Bounded by the units that one command took early and the cells that it touched; large sets are searched by id.
    let nth_of: FxHashMap<CellId, usize> = match admitted.len() > FEW_CELLS {
        true => rests.iter().enumerate().filter_map(|(nth, (_, _, id, _))| Some(((*id)?, nth))).collect(),
        false => FxHashMap::default(),
    };
    for (cell, taken) in &admitted {
        let found = match nth_of.is_empty() {
            true => rests.iter().position(|(_, _, id, _)| *id == Some(*cell)),
            false => nth_of.get(cell).copied(),
        };
        match found.and_then(|nth| rests.get_mut(nth)) {
            Some((_, _, _, rest)) => *rest = rest.minus(*taken),
            None => {
                let stock = cx.state.matrix.cell(*cell);
                rests.push((stock.sku(), stock.location(), Some(*cell), taken.inverse()));
            }
        }
    }
    let (mut debited, mut credits) = (admitted, Few::new());
    for (sku, location, cell, rest) in rests {
        match cell {
            Some(cell) if rest.debit() > 0 => {
                cx.state.matrix.cell(cell).adjust_promise(rest);
                debited.push((cell, rest));
            }
            _ if rest.is_none() => {}
            _ => credits.push((sku, location, rest)),
        }
    }
    let mut done = done;
    if let Some((seq, thing)) = cx.draft.tell()
        && let Some((_, answer)) = &mut done
    {
        *answer = Ok(Answer::Put(seq, Some(thing)));
    }
    cx.draft.builder.end_command();
    cx.draft.decided.push(Decided { done, scope, end_seq: cx.draft.builder.next_seq(), debited, credits });
}
