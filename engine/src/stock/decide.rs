//! Decides movements and counts: physical facts, which are recorded rather than refused.

use crate::decide::draft::{Answer, CellChange};
use crate::decide::{Decide, Decision, left};
use crate::ids::{LocationId, SkuId, Timestamp};
use crate::kernel::cause::Cause;
use crate::kernel::name_ref::NameRef;
use crate::level::{CORRECTED_ON_HAND_MIN, IN_QUARANTINE, ON_HAND_RANGE, StockChange, StockLevel};
use crate::refusal::{Failure, Refusal};
use crate::stock::command::{AsOf, Command, Count, Movement};
use crate::stock::event::Event;
use crate::stock::movement::{Counted, Moved, MovementKind};
use crate::supply::decide::{Receipt, log_moved};
use crate::supply::is_of_transfer;

/// How far ahead of the log a caller's clock may be, in seconds; such an event then happens now.
const CLOCK_SKEW_SECONDS_MAX: u64 = 300;

/// The result of a count.
pub(crate) enum CountVerdict {
    /// It changes stock, safety stock, or the data of a cell: logged as this.
    Counted(Counted),
    /// It confirmed the books, at a time after the last count.
    Confirmed(SkuId, LocationId, Timestamp),
    /// It is not newer than the last count, and changes nothing.
    Stale(Counted),
    /// It repeats a known count.
    Unchanged,
}

/// The stated content of a cell, and the time from which the count is in force.
struct Finding {
    sku: SkuId,
    location: LocationId,
    /// The stated quantity.
    counted: i32,
    /// The books at that time; `None` if unknown, and then the count changes nothing.
    expected: Option<i64>,
    counted_at: Timestamp,
    safety_stock: Option<u32>,
}

/// Decides a command of stock.
pub(crate) fn decide(cx: &mut Decide<'_>, command: Command, cause: &mut Option<Box<Cause>>) -> Decision {
    match command {
        Command::Move(movements) => move_stock(cx, movements, cause),
        Command::Count(counts) => count_all(cx, counts, cause),
    }
}

/// Logs the shortages that began or ended in `cells`. A shortage is logged when it begins, when it has doubled since it
/// was last logged, and when it ends: a shortage that grows with every sale is logged only a few times, and the level
/// of the cell has the exact value.
pub(crate) fn note_shortages(cx: &mut Decide<'_>, cells: &[CellChange]) {
    // Bounded by the cells of one command.
    for (sku, location, _, change) in cells {
        let after = cx.draft.cell(*sku, *location).level;
        let before = after.checked_add(change.inverse()).unwrap_or(after);
        let (short_before, short_after) = (before.shortage(), after.shortage());
        if short_after > short_before
            && short_after >= cx.draft.told_missing(*sku, *location, short_before).saturating_mul(2)
        {
            let cell = cx.draft.cell_after(*sku, *location);
            cx.draft.tell_missing(*sku, *location, short_after);
            cx.draft.log(None, Event::ShortageGrew(cell));
        } else if short_before > 0 && short_after == 0 {
            let cell = cx.draft.cell_after(*sku, *location);
            cx.draft.log(None, Event::ShortageCleared(cell));
        }
    }
}

fn move_stock(cx: &mut Decide<'_>, movements: Vec<Movement>, cause: &mut Option<Box<Cause>>) -> Decision {
    let by = Cause::caller(cause.as_deref());
    let (mut rows, mut receipts) = (Vec::with_capacity(movements.len()), Vec::new());
    // Bounded by the rows of the request.
    for (at, movement) in movements.into_iter().enumerate() {
        let field = |name: &str| format!("movements[{at}].{name}");
        // Goods that a customer takes or brings are always recorded.
        use MovementKind::{Return, ReturnDamaged, ReturnToInspect, Sale};
        if !matches!(movement.kind, Sale | Return | ReturnToInspect | ReturnDamaged) {
            cx.draft.refuse_retired(&movement.sku, &movement.location, &field)?;
        }
        let sku = cx.draft.make_up_sku(&movement.sku, by, &|| field("sku"))?;
        let location = cx.draft.make_up_location(&movement.location, by, &|| field("location"))?;
        let is_tracked = cx.state.catalogue.is_tracked(sku);
        if !is_tracked {
            check_uncounted(cx, sku, movement.kind, &field)?;
        }
        let location = match movement.kind {
            _ if cx.draft.is_quarantine(location) => in_quarantine(location, movement.kind, || field("kind"))?,
            MovementKind::ReturnToInspect | MovementKind::ReturnDamaged => {
                cx.draft.quarantine_at(location).ok_or_else(|| left::locations(&field("location")))?
            }
            _ => location,
        };
        let is_sale = movement.kind == MovementKind::Sale;
        let told_at = match movement.occurred_at {
            // A till is never refused, however wrong its clock is.
            Some(time) if is_sale => Some(time).filter(|time| *time <= cx.draft.now),
            Some(time) => if_past(cx, time, || field("occurred_at"))?,
            None => None,
        };
        let told = ToldMovement {
            kind: movement.kind,
            change: movement.change,
            told_at,
            // Only a transfer itself receives its units, whatever the document says.
            supply: movement.reference.clone().filter(|reference| !is_of_transfer(reference)),
            reference: movement.reference,
            unplanned: movement.unplanned,
        };
        rows.push(move_cell(cx, (sku, location), told, &mut receipts, &field)?);
    }
    log_moved(cx, cause, rows, &receipts)
}

/// A movement of one cell, as it was reported.
pub(crate) struct ToldMovement {
    pub kind: MovementKind,
    pub change: i64,
    /// The time, if it was given and is not ahead of the log.
    pub told_at: Option<Timestamp>,
    pub reference: Option<String>,
    /// The supply that a receipt may belong to.
    pub supply: Option<String>,
    /// Whether a receipt belongs to no known supply.
    pub unplanned: bool,
}

/// Applies a movement to the draft. Units that arrived at a cell with inbound supply or backorders are added to
/// `receipts`.
pub(crate) fn move_cell(
    cx: &mut Decide<'_>,
    (sku, location): (SkuId, LocationId),
    movement: ToldMovement,
    receipts: &mut Vec<Receipt>,
    field: &dyn Fn(&str) -> String,
) -> Result<Moved, Failure> {
    let is_tracked = cx.state.catalogue.is_tracked(sku);
    let is_sale = movement.kind == MovementKind::Sale;
    let now = cx.draft.now;
    let cell = cx.draft.cell(sku, location);
    let created = !cell.exists;
    // A count includes everything before it. An event without a time happens now, after every count.
    let counted = movement.told_at.is_some_and(|time| time <= cell.counted_at);
    let occurred_at = movement.told_at.unwrap_or(now.after_count(cell.counted_at));
    let before = cell.level;
    let (level, absorbed) = match before.checked_add(StockChange::bring(movement.change)) {
        // It is recorded, and changes no tracked units.
        _ if counted || !is_tracked => (before, true),
        Some(level) if is_sale || !is_overcorrected(before, level) => (level, false),
        // The cell is at its minimum, and a till is never refused: the sale is in the log, and the next count corrects
        // the cell.
        None if is_sale => (before, true),
        Some(_) => return Err(overcorrected(field("quantity"))),
        None => return Err(out_of_range(field("quantity"))),
    };
    let cell = cx.draft.touch(sku, location);
    cell.level = level;
    if !absorbed {
        cell.moved.push((occurred_at, movement.change));
    }
    if movement.kind == MovementKind::Receipt && cx.draft.ledger.outlook(sku, location).is_some() {
        receipts.push(Receipt {
            sku,
            location,
            units: movement.change.max(0) as u32,
            unplanned: movement.unplanned,
            supply: movement.supply,
        });
    }
    Ok(Moved {
        kind: movement.kind,
        change: movement.change,
        occurred_at,
        absorbed,
        created,
        reference: movement.reference,
        cell: cx.draft.cell_after(sku, location),
    })
}

/// A movement of a quarantine, if it is one by which goods are found there, or leave it.
fn in_quarantine(location: LocationId, kind: MovementKind, field: impl Fn() -> String) -> Result<LocationId, Failure> {
    match kind {
        MovementKind::Damage | MovementKind::Adjustment => Ok(location),
        _ => {
            let reason = "is a quarantine, which accepts damage, adjustments and counts; returns name the location \
                          itself";
            Err(Refusal::invalid(field(), reason).into())
        }
    }
}

/// Refuses movements of untracked SKUs, except for reports of tills, whose baskets contain them.
fn check_uncounted(
    cx: &Decide<'_>,
    sku: SkuId,
    kind: MovementKind,
    field: &dyn Fn(&str) -> String,
) -> Result<(), Failure> {
    let name = cx.state.catalogue.skus.name(sku);
    match kind {
        MovementKind::Sale | MovementKind::Return => Ok(()),
        MovementKind::ReturnToInspect | MovementKind::ReturnDamaged => {
            let reason = format!("must be left out: {name} is untracked, so no unit of it goes into quarantine");
            Err(Refusal::invalid(field("condition"), reason).into())
        }
        MovementKind::Receipt | MovementKind::Adjustment | MovementKind::Damage => {
            let reason = format!(
                "{name} is untracked: only sales and returns of it are accepted; set tracked to true to count its units"
            );
            Err(Refusal::invalid(field("kind"), reason).into())
        }
    }
}

fn count_all(cx: &mut Decide<'_>, counts: Vec<Count>, cause: &mut Option<Box<Cause>>) -> Decision {
    let by = Some(Cause::caller(cause.as_deref()));
    let mut rows = Vec::with_capacity(counts.len());
    // Bounded by the rows of the request.
    for (at, count) in counts.iter().enumerate() {
        let field = |name: &str| format!("counts[{at}].{name}");
        let (counted_at, counted) = match count_one(cx, count, by, &field)? {
            CountVerdict::Counted(counted) | CountVerdict::Stale(counted) => (counted.counted_at, Some(counted)),
            CountVerdict::Confirmed(_, _, counted_at) => (counted_at, None),
            CountVerdict::Unchanged => {
                let (sku, location) = counted_cell(cx, count, by, &field)?;
                (cx.draft.cell(sku, location).counted_at, None)
            }
        };
        if let Some(counted) = counted {
            rows.push(counted);
            continue;
        }
        // It confirmed the books, and is answered like any other.
        let (sku, location) = counted_cell(cx, count, by, &field)?;
        let (cell, counted) = (cx.draft.cell_after(sku, location), count.on_hand);
        rows.push(Counted { counted, expected: counted, counted_at, outdated: false, created: false, cell });
    }
    Ok(Answer::Record(cx.draft.log(cause.take(), Event::Counted(rows))))
}

/// The cell of a count. Unknown names are created: undeclared by a caller, declared by an import with `create`.
fn counted_cell(
    cx: &mut Decide<'_>,
    count: &Count,
    by: Option<u64>,
    field: &dyn Fn(&str) -> String,
) -> Result<(SkuId, LocationId), Failure> {
    let Count { sku, location, .. } = count;
    if by.is_some() {
        cx.draft.refuse_retired(sku, location, field)?;
    }
    match by {
        Some(by) => Ok((
            cx.draft.make_up_sku(sku, by, &|| field("sku"))?,
            cx.draft.make_up_location(location, by, &|| field("location"))?,
        )),
        None => Ok((
            cx.draft.intern_sku(sku).ok_or_else(|| left::others(&field("sku")))?,
            cx.draft.intern_location(location).ok_or_else(|| left::locations(&field("location")))?,
        )),
    }
}

/// Decides one count and applies it to the draft. A caller that may not declare names creates undeclared ones, as `by`.
pub(crate) fn count_one(
    cx: &mut Decide<'_>,
    count: &Count,
    by: Option<u64>,
    field: &dyn Fn(&str) -> String,
) -> Result<CountVerdict, Failure> {
    let (sku, location) = counted_cell(cx, count, by, field)?;
    cx.refuse_uncounted(sku, field)?;
    let told_at = match count.counted_at {
        Some(time) => if_past(cx, time, || field("counted_at"))?,
        None => None,
    };
    if let Some(as_of) = count.as_of {
        return book_one(cx, (sku, location), count, told_at, as_of, field);
    }
    count_at(cx, (sku, location), count, told_at, field)
}

/// Logs what was counted in cells, now, as a part of a step that is logged already: what the caller has checked is refused
/// no more.
pub(crate) fn count_now(cx: &mut Decide<'_>, cells: &[(SkuId, LocationId, i32)], cause: Option<Box<Cause>>) {
    let mut rows = Vec::with_capacity(cells.len());
    // Bounded by the lines of the step.
    for (sku, location, on_hand) in cells {
        let count = Count {
            line: 0,
            sku: NameRef::Known(*sku),
            location: NameRef::Known(*location),
            on_hand: *on_hand,
            counted_at: None,
            safety_stock: None,
            as_of: None,
        };
        let verdict = count_at(cx, (*sku, *location), &count, None, &|name| name.to_owned());
        match verdict {
            Ok(CountVerdict::Counted(counted) | CountVerdict::Stale(counted)) => rows.push(counted),
            Ok(CountVerdict::Confirmed(..) | CountVerdict::Unchanged) => {
                let counted_at = cx.draft.cell(*sku, *location).counted_at;
                let (cell, counted) = (cx.draft.cell_after(*sku, *location), *on_hand);
                rows.push(Counted { counted, expected: counted, counted_at, outdated: false, created: false, cell });
            }
            // A cell whose books cannot hold it keeps what it has.
            Err(_) => {}
        }
    }
    if !rows.is_empty() {
        cx.draft.log(cause, Event::Counted(rows));
    }
}

/// Decides a count that is true at `told_at`, or now.
fn count_at(
    cx: &mut Decide<'_>,
    (sku, location): (SkuId, LocationId),
    count: &Count,
    told_at: Option<Timestamp>,
    field: &dyn Fn(&str) -> String,
) -> Result<CountVerdict, Failure> {
    let now = cx.draft.now;
    let cell = cx.draft.cell(sku, location);
    let (before, known_at) = (cell.level, cell.counted_at);
    let counted_at = told_at.unwrap_or(now.max(known_at));
    // A count without a time is true now: nothing moved after it. One that is older than another changes nothing, and
    // neither does one of the same time if the books at that time are unknown.
    let moved_since = match told_at {
        Some(time) if time < known_at => None,
        Some(time) => match cx.draft.moved_since(sku, location, time) {
            None if time > known_at => {
                let reason = "is newer than the last count of this cell, and older than its stored movements, so \
                              later movements are unknown; count the cell again, or leave counted_at out";
                return Err(Refusal::invalid(field("counted_at"), reason).into());
            }
            known => known,
        },
        None => Some(0),
    };
    let expected = moved_since.map(|moved| i64::from(before.on_hand) - moved);
    let Count { on_hand: counted, safety_stock, .. } = *count;
    apply_finding(cx, Finding { sku, location, counted, expected, counted_at, safety_stock }, field)
}

/// Decides an exported row: not a count, but the books as of a record, with the time of the last count. It changes only
/// what differs from the books at that record.
fn book_one(
    cx: &mut Decide<'_>,
    (sku, location): (SkuId, LocationId),
    count: &Count,
    told_at: Option<Timestamp>,
    as_of: AsOf,
    field: &dyn Fn(&str) -> String,
) -> Result<CountVerdict, Failure> {
    let now = cx.draft.now;
    let cell = cx.draft.cell(sku, location);
    let (exists, level, known_at) = (cell.exists, cell.level, cell.counted_at);
    let Count { on_hand: counted, safety_stock, .. } = *count;
    let never = Timestamp(0);
    if !exists {
        // A cell that was never counted gets no count.
        let counted_at = told_at.unwrap_or(never);
        return apply_finding(
            cx,
            Finding { sku, location, counted, expected: Some(0), counted_at, safety_stock },
            field,
        );
    }
    // Compared in the form of answers: the log's time is converted to the clock's, which it may be ahead of.
    let known = Some(known_at).filter(|at| *at != never).map(|at| cx.anchors.told(at));
    let own = as_of.seq.filter(|seq| *seq <= cx.state.view.seq());
    let moment = as_of.time.min(now);
    let (expected, counted_at) = match own {
        // The time of the count was changed by hand: it is a count like any other.
        Some(_) if as_of.counted_at > known => return count_at(cx, (sku, location), count, told_at, field),
        // A newer count is in force.
        Some(_) if as_of.counted_at < known => (None, known_at),
        Some(seq) => {
            let told_since = cx.draft.told_since(sku, location, seq);
            (told_since.map(|told| i64::from(level.on_hand) - told), moment.max(known_at))
        }
        // The books of another directory, true at that time.
        None if moment < known_at => (None, known_at),
        None => {
            let moved = cx.draft.moved_since(sku, location, moment);
            if moved.is_none() && as_of.counted_at > known {
                return count_at(cx, (sku, location), count, Some(moment), field);
            }
            (moved.map(|moved| i64::from(level.on_hand) - moved), moment)
        }
    };
    // Equal books only state the time of the last count.
    let agrees = expected == Some(i64::from(counted));
    let counted_at = match own {
        Some(_) if agrees => known_at,
        None if agrees => told_at.unwrap_or(never).max(known_at),
        _ => counted_at,
    };
    apply_finding(cx, Finding { sku, location, counted, expected, counted_at, safety_stock }, field)
}

/// Applies the counted quantity of a cell to the draft.
fn apply_finding(cx: &mut Decide<'_>, found: Finding, field: &dyn Fn(&str) -> String) -> Result<CountVerdict, Failure> {
    let Finding { sku, location, counted, expected, counted_at, safety_stock } = found;
    let cell = cx.draft.cell(sku, location);
    let (created, before, known_at) = (!cell.exists, cell.level, cell.counted_at);
    let known_safety_stock = cell.safety_stock;
    let is_inside = cx.draft.is_quarantine(location);
    let safety_stock = if is_inside { IN_QUARANTINE } else { safety_stock.unwrap_or(known_safety_stock) };
    let safety_changes = safety_stock != known_safety_stock;
    let outdated = expected.is_none();
    let expected = expected.unwrap_or(before.on_hand.into());
    let Ok(expected_then) = i32::try_from(expected) else {
        let reason = format!(
            "the books had {expected} at that time, and a cell cannot hold the result; count it \
                              again"
        );
        return Err(Refusal::invalid(field("counted_at"), reason).into());
    };
    let difference = if outdated { 0 } else { i64::from(counted) - expected };
    let changes = difference != 0 || safety_changes || created;
    if !changes && !outdated && counted_at == known_at {
        return Ok(CountVerdict::Unchanged);
    }
    let level = before.checked_add(StockChange::bring(difference)).ok_or_else(|| out_of_range(field("on_hand")))?;
    if changes || !outdated {
        let cell = cx.draft.touch(sku, location);
        cell.level = level;
        cell.safety_stock = safety_stock;
        if !outdated {
            if counted_at == known_at && !created && difference != 0 {
                // Corrects the stated quantity at that time.
                cell.moved.push((counted_at, difference));
            }
            cell.counted_at = counted_at;
        }
    }
    if !changes && !outdated {
        return Ok(CountVerdict::Confirmed(sku, location, counted_at));
    }
    let cell = cx.draft.cell_after(sku, location);
    let counted = Counted { counted, expected: expected_then, counted_at, outdated, created, cell };
    Ok(if changes { CountVerdict::Counted(counted) } else { CountVerdict::Stale(counted) })
}

/// A caller's time, if it is not ahead of the log. Nobody can observe the future: an event from a clock that is
/// slightly fast is treated as happening now, so that it hides no later events, and no earlier event hides it.
pub(crate) fn if_past(
    cx: &Decide<'_>,
    time: Timestamp,
    field: impl Fn() -> String,
) -> Result<Option<Timestamp>, Failure> {
    // If the log is held back, the clock may be right nevertheless.
    if time > cx.draft.now.plus_seconds(CLOCK_SKEW_SECONDS_MAX).plus_millis(cx.held_back_ms) {
        let reason = format!("is more than {CLOCK_SKEW_SECONDS_MAX} seconds in the future");
        return Err(Refusal::invalid(field(), reason).into());
    }
    Ok(Some(time).filter(|time| *time <= cx.draft.now))
}

/// Whether a correction leads lower than corrections may.
fn is_overcorrected(before: StockLevel, after: StockLevel) -> bool {
    after.on_hand < before.on_hand && i64::from(after.on_hand) < CORRECTED_ON_HAND_MIN
}

fn overcorrected(field: String) -> Failure {
    let reason = format!(
        "the cell's on_hand would fall below {CORRECTED_ON_HAND_MIN}, which only sales may do; count \
                          the cell"
    );
    Refusal::invalid(field, reason).into()
}

/// The refusal of a movement that a cell cannot hold.
pub(crate) fn out_of_range(field: String) -> Failure {
    let (low, high) = (ON_HAND_RANGE.start(), ON_HAND_RANGE.end());
    Refusal::invalid(field, format!("the cell's on_hand would leave the range {low} to {high}")).into()
}
