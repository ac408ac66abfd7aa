//! Deciding what is to come: setting supply, promising it, using it up, and giving what came to those who waited.
//!
//! What comes goes to promises in the order in which they were made. A receipt fills them in its own record; whatever
//! else frees units fills those that no supply covers, in a record right behind. So nobody slips in between.

use crate::decide::draft::{Answer, Telling, What};
use crate::decide::{Decide, Decision, effect_of};
use crate::event::Event;
use crate::ids::{ChannelId, LocationId, Name, SkuId, Timestamp};
use crate::kernel::cause::Cause;
use crate::level::StockChange;
use crate::refusal::{Failure, Refusal};
use crate::reservations::decide::moves::new_plan;
use crate::reservations::plan::{self, AllocationPlan};
use crate::reservations::promise::Purpose;
use crate::stock::movement::Moved;
use crate::supply::command::{Command, SupplyFields};
use crate::supply::received::{Fill, Received, SupplySet, SupplyUsed};
use crate::supply::{Grant, SupplyOutlook, is_of_transfer};
use crate::{stock, supply};
use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

/// Supplies set so far by a command, which what follows in it must see.
pub(crate) type Fresh = BTreeMap<(SkuId, LocationId, Name), SupplySet>;

/// Something came to a cell to which something was to come.
pub(crate) struct Receipt {
    pub sku: SkuId,
    pub location: LocationId,
    pub units: u32,
    /// It was known not to be known of.
    pub unplanned: bool,
    /// The supply that it may be of, by the document that it came with.
    pub supply: Option<String>,
}

/// What a receipt uses up.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Uses {
    /// The earliest supply, and those behind it.
    Earliest,
    /// The one that it names, and no other.
    Named(Name),
    /// None: what it names has come already, or it names none on purpose.
    Nothing,
}

/// Rows in one record that tells promises to be at risk.
const DATED_PER_RECORD: usize = 1000;

/// Promises filled by one record.
const FILLS_PER_RECORD: usize = 10_000;

/// Supplies of one cell.
const SUPPLIES_MAX: usize = 1000;

/// Lines that wait and are overdue, looked at in one batch.
pub(crate) const OVERDUE_PER_BATCH: usize = 4096;

/// A refusal of a field of a row of supply.
fn in_row(failure: Failure, at: usize) -> Failure {
    match failure {
        Failure::Refused(Refusal::Invalid { field, reason }) => {
            Refusal::invalid(format!("supplies[{at}].{field}"), reason).into()
        }
        other => other,
    }
}

/// Decides a command of inbound supply.
pub(crate) fn decide(cx: &mut Decide<'_>, command: Command, cause: &mut Option<Box<Cause>>) -> Decision {
    match command {
        Command::Set(rows) => put_supply(cx, &rows, cause),
    }
}

/// Sets supplies, all or none. They name only what there is, and create nothing.
fn put_supply(cx: &mut Decide<'_>, rows: &[SupplyFields], cause: &mut Option<Box<Cause>>) -> Decision {
    let mut set = Fresh::new();
    let mut cells = Vec::new();
    // Bounded by the rows of the request.
    for (at, row) in rows.iter().enumerate() {
        let field = |name: &str| format!("supplies[{at}].{name}");
        if is_of_transfer(row.name.as_str()) {
            return Err(Refusal::invalid(field("supply"), "is of a transfer, which says itself what is to come").into());
        }
        // The end of what nobody knew of creates nothing.
        if row.quantity == 0 && cx.known_cell(&row.sku, &row.location).is_err() {
            continue;
        }
        let (sku, location) = cx.known_cell(&row.sku, &row.location).map_err(|failure| in_row(failure, at))?;
        if !cells.contains(&(sku, location)) {
            cells.push((sku, location));
        }
        if let Some(supply) = describe_supply(cx, row, sku, location, &set, &field)? {
            set.insert((sku, location, row.name.clone()), supply);
        }
    }
    let seq = match set.is_empty() && !cx.draft.has_definitions() {
        true => cx.draft.builder.next_seq() - 1,
        false => {
            let of_effect = effect_of(cause);
            cx.draft.log(of_effect, supply::event::Event::SupplySet(set.into_values().collect()))
        }
    };
    cx.draft.telling = Some(Telling { cause: cause.take(), seq, what: What::Cells(cells) });
    Ok(Answer::Put(seq, None))
}

/// The supply that a row leads to; `None` where it is what is known.
pub(crate) fn describe_supply(
    cx: &mut Decide<'_>,
    row: &SupplyFields,
    sku: SkuId,
    location: LocationId,
    fresh: &Fresh,
    field: &dyn Fn(&str) -> String,
) -> Result<Option<SupplySet>, Failure> {
    if cx.draft.is_quarantine(location) {
        return Err(Refusal::invalid(field("location"), "is a quarantine: nothing comes to it").into());
    }
    // A file of our own has it, and changes nothing.
    if is_of_transfer(row.name.as_str()) {
        return Ok(None);
    }
    if row.quantity > 0 {
        cx.refuse_uncounted(sku, field)?;
    }
    let mut quantity = row.quantity;
    let known = match fresh.get(&(sku, location, row.name.clone())) {
        Some(set) => Some((set.kind, set.open, set.expected_at)),
        None => {
            let supplies = cx.draft.ledger.outlook(sku, location).map_or(&[][..], SupplyOutlook::supplies);
            let known = supplies.iter().find(|supply| supply.name == row.name);
            let known = known.map(|supply| (supply.kind, supply.open, supply.expected_at));
            if let Some(came) = cx.draft.ledger.came(sku, location, row.name.as_str()) {
                let open = known.map_or(0, |(_, open, _)| open);
                let came_since = row.quantity.saturating_sub(open);
                let is_of_before = row.as_of.is_some_and(|seq| seq < came.seq);
                quantity = match is_of_before && came_since > 0 && came_since <= came.came {
                    true => open,
                    false => came.left_of(row.quantity, open),
                };
            }
            known
        }
    };
    let expected_at = match (row.expected_at, known) {
        (Some(date), _) | (None, Some((_, _, date))) => date,
        (None, None) if quantity == 0 => cx.draft.now,
        (None, None) => {
            return Err(Refusal::invalid(field("expected_at"), "is needed while units are to come").into());
        }
    };
    let is_known = match known {
        Some(known) => known == (row.kind, quantity, expected_at),
        None => quantity == 0,
    };
    if is_known {
        return Ok(None);
    }
    let others = cx.draft.ledger.outlook(sku, location).map_or(0, |outlook| outlook.supplies().len());
    if known.is_none() && others >= SUPPLIES_MAX {
        let reason = format!("the cell has {SUPPLIES_MAX} supplies; end some of them with the quantity 0");
        return Err(Refusal::invalid(field("supply"), reason).into());
    }
    let SupplyFields { name, kind, .. } = row;
    cx.draft.touch(sku, location);
    let cell = cx.draft.cell_after(sku, location);
    Ok(Some(SupplySet { name: name.clone(), kind: *kind, open: quantity, expected_at, cell }))
}

/// What of `units` more may be promised in a cell by `latest`, beyond the plan.
pub(crate) fn grant_to_come(
    cx: &mut Decide<'_>,
    plan: &mut AllocationPlan,
    sku: SkuId,
    location: LocationId,
    units: u32,
    latest: Timestamp,
) -> Option<Grant> {
    if plan.book.terms(&cx.state.catalogue, sku, location, Some(plan.channel)).limits().is_denied() {
        return None;
    }
    if cx.state.catalogue.quarantine_of(location).is_some() || !cx.state.catalogue.is_tracked(sku) {
        return None;
    }
    let (catalogue, now) = (&cx.state.catalogue, cx.draft.now);
    let allowances = plan.book.allowances(catalogue, sku, location, Some(plan.channel), now);
    let none = SupplyOutlook::default();
    let outlook = cx.draft.ledger.outlook(sku, location).unwrap_or(&none);
    if outlook.waits_count() >= cx.settings.cell_waits_max {
        plan.too_many_wait();
        return None;
    }
    outlook.promise(units, latest, now, &allowances, plan.waiting(sku, location))
}

/// What a receipt uses up: the supply that it names, if there is or was one of that name, or else the earliest.
fn uses_of(cx: &Decide<'_>, receipt: &Receipt) -> Uses {
    let Receipt { sku, location, unplanned, supply, .. } = receipt;
    if *unplanned {
        return Uses::Nothing;
    }
    let Some(reference) = supply else { return Uses::Earliest };
    let supplies = cx.draft.ledger.outlook(*sku, *location).map_or(&[][..], SupplyOutlook::supplies);
    if let Some(supply) = supplies.iter().find(|supply| supply.name.as_str() == reference) {
        return Uses::Named(supply.name.clone());
    }
    match cx.draft.ledger.came(*sku, *location, reference) {
        Some(_) => Uses::Nothing,
        None => Uses::Earliest,
    }
}

/// Uses up supply of a cell for what came: the earliest, or the one of that `name` alone.
fn use_up_supply(
    cx: &Decide<'_>,
    (sku, location): (SkuId, LocationId),
    name: Option<&Name>,
    came: u32,
    used: &mut Vec<SupplyUsed>,
) {
    let mut left = came;
    let supplies = cx.draft.ledger.outlook(sku, location).map_or(&[][..], SupplyOutlook::supplies);
    // Bounded by SUPPLIES_MAX, against those that the rows of one command used.
    let is_meant = |supply: &Name| name.map_or(!is_of_transfer(supply.as_str()), |name| supply == name);
    for supply in supplies.iter().filter(|supply| is_meant(&supply.name)) {
        // Rows before this one of the same record may have used some of it.
        let known = |of: &&mut SupplyUsed| (of.sku, of.location, &of.name) == (sku, location, &supply.name);
        match used.iter_mut().find(known) {
            Some(before) => {
                let quantity = left.min(before.open);
                before.quantity += quantity;
                before.open -= quantity;
                left -= quantity;
            }
            None if left > 0 => {
                let quantity = left.min(supply.open);
                let (name, open) = (supply.name.clone(), supply.open - quantity);
                used.push(SupplyUsed { name, sku, location, quantity, open });
                left -= quantity;
            }
            None => {}
        }
    }
}

/// Logs movements, with the supply that they use up and the promises that they fill. `receipts` are the cells to which
/// something came.
pub(crate) fn log_moved(
    cx: &mut Decide<'_>,
    cause: &mut Option<Box<Cause>>,
    rows: Vec<Moved>,
    receipts: &[Receipt],
) -> Decision {
    let (received, wanted) = receive(cx, rows, receipts);
    let event = if received.used.is_empty() && received.fills.is_empty() {
        Event::from(stock::event::Event::Moved(received.rows))
    } else {
        supply::event::Event::Received(Box::new(received)).into()
    };
    let seq = cx.draft.log(cause.take(), event);
    log_fills(cx, wanted);
    Ok(Answer::Record(seq))
}

/// Units that are still to be given to those who wait, cell by cell.
pub(crate) type Wanted = BTreeMap<(SkuId, LocationId), u32>;

/// What movements come to, with the supply that they use up and the promises that they fill: to be logged, by itself or
/// within what it is a part of; and what is left to be filled behind it, by [`log_fills`].
pub(crate) fn receive(cx: &mut Decide<'_>, rows: Vec<Moved>, receipts: &[Receipt]) -> (Received, Wanted) {
    let (mut used, mut wanted) = (Vec::new(), BTreeMap::new());
    // Bounded by the rows of the request.
    for receipt in receipts {
        let Receipt { sku, location, units: came, .. } = receipt;
        let uses = uses_of(cx, receipt);
        let Some(outlook) = cx.draft.ledger.outlook(*sku, *location) else { continue };
        let given = wanted.get(&(*sku, *location)).copied().unwrap_or(0);
        let left = outlook.waiting().saturating_sub(u64::from(given));
        let units = if uses == Uses::Nothing {
            // What rows before this one used up covers nobody any more, and what they gave is waited for no more.
            let here = |of: &&SupplyUsed| (of.sku, of.location) == (*sku, *location);
            let gone: u64 = used.iter().filter(here).map(|used| u64::from(used.quantity)).sum();
            let covers = outlook.supplied_after(cx.draft.now).saturating_sub(gone);
            left.saturating_sub(covers)
        } else {
            let named = if let Uses::Named(name) = &uses { Some(name) } else { None };
            use_up_supply(cx, (*sku, *location), named, *came, &mut used);
            left
        };
        let free = cx.draft.cell(*sku, *location).level.free() - i64::from(given);
        let units = units.min(free.clamp(0, i64::from(*came)) as u64) as u32;
        *wanted.entry((*sku, *location)).or_default() += units;
    }
    let fills = fill_some(cx, &mut wanted);
    (Received { rows, used, fills }, wanted)
}

/// Logs what is left to be filled. Bounded by those who wait for the cells, `cell_waits_max` each.
pub(crate) fn log_fills(cx: &mut Decide<'_>, mut wanted: BTreeMap<(SkuId, LocationId), u32>) {
    loop {
        let fills = fill_some(cx, &mut wanted);
        if fills.is_empty() {
            return;
        }
        cx.draft.log(None, supply::event::Event::Filled(fills));
    }
}

/// Gives units to those who wait for them, the first first, as many as go into one record; takes them off `wanted`.
fn fill_some(cx: &mut Decide<'_>, wanted: &mut BTreeMap<(SkuId, LocationId), u32>) -> Vec<Fill> {
    let mut fills: Vec<Fill> = Vec::new();
    for ((sku, location), units) in wanted.iter_mut() {
        let Some(outlook) = cx.draft.ledger.outlook(*sku, *location) else { continue };
        let mut mine = Vec::new();
        for (_, waiting) in outlook.waits().take(FILLS_PER_RECORD - fills.len()) {
            if *units == 0 {
                break;
            }
            let quantity = waiting.units.min(*units);
            mine.push((waiting.holder, quantity));
            *units -= quantity;
        }
        let given = mine.iter().map(|(_, quantity)| quantity).sum();
        if given == 0 {
            continue;
        }
        let level = cx.draft.cell(*sku, *location).level.checked_add(StockChange::reserve(given));
        cx.draft.set_level(*sku, *location, level.expect("what is given is free"));
        let cell = cx.draft.cell_after(*sku, *location);
        for ((reservation, line), quantity) in mine {
            // Known to the draft, so that it hears of the record.
            cx.draft.take_in(reservation);
            fills.push(Fill { reservation, line, quantity, cell });
        }
        if fills.len() == FILLS_PER_RECORD {
            break;
        }
    }
    fills.sort_unstable_by_key(|fill| (fill.reservation, fill.line));
    fills
}

/// What is free above what is held back goes to those for whom nothing is to come, where the command may have changed
/// either.
pub(crate) fn fill_uncovered(cx: &mut Decide<'_>) {
    if !cx.draft.ledger.has_outlooks() {
        return;
    }
    // Bounded by the cells of one command, and those who wait for each, `cell_waits_max`.
    for (sku, location) in cx.draft.touched_or_redated() {
        // Cell by cell and part by part, so that what is given counts in what is given next.
        loop {
            let (units, is_cut) = uncovered_and_free(cx, sku, location);
            if units == 0 {
                break;
            }
            log_fills(cx, BTreeMap::from([((sku, location), units)]));
            // Who may have a part of what is free has it once: another round is for those behind, and not for more.
            if !is_cut {
                break;
            }
        }
    }
}

/// Units for those in a cell whom no supply covers, as long as the channel of each may have what is free; and whether
/// more of them wait than were looked at.
fn uncovered_and_free(cx: &mut Decide<'_>, sku: SkuId, location: LocationId) -> (u32, bool) {
    let Some(outlook) = cx.draft.ledger.outlook(sku, location) else { return (0, false) };
    let mut uncovered = outlook.uncovered(cx.draft.now);
    if uncovered == 0 || cx.draft.cell(sku, location).level.free() <= 0 {
        return (0, false);
    }
    let waits: Vec<_> = match cx.draft.ledger.outlook(sku, location) {
        Some(outlook) => outlook.waits().take(FILLS_PER_RECORD).map(|(_, waiting)| waiting).collect(),
        None => Vec::new(),
    };
    let book = cx.state.rules.share_book();
    let mut level = cx.draft.cell(sku, location).level;
    let (mut given, mut is_cut): (u32, bool) = (0, waits.len() == FILLS_PER_RECORD);
    let mut plans: FxHashMap<ChannelId, (AllocationPlan, u32)> = FxHashMap::default();
    // Bounded by FILLS_PER_RECORD.
    for waiting in waits {
        let Some(reservation) = cx.draft.reservation(waiting.holder.0) else { break };
        let (channel, line) = (reservation.channel, usize::from(waiting.holder.1));
        let terms = reservation.lines.get(line).and_then(|line| line.terms.as_deref());
        let is_charged = terms.is_some_and(|terms| !terms.charges.is_empty());
        let mut allowed = cx.draft.gate(&book, sku, location, channel).available(level);
        if !is_charged {
            // What a quota's places hold is added up once for each channel that waits.
            let (plan, known) = plans.entry(channel).or_insert_with(|| (new_plan(cx, channel, Purpose::Cart), 0));
            plan::take(&*cx.draft, plan, sku, location, i64::from(given - *known));
            *known = given;
            let left = plan::quota_allows(&*cx.draft, plan, sku, location);
            allowed = left.map_or(allowed, |(units, _)| allowed.min(units));
        }
        let units = u64::from(waiting.units.min(allowed)).min(uncovered) as u32;
        given += units;
        uncovered -= u64::from(units);
        level.reserved += units;
        if units < waiting.units {
            is_cut = false;
            break;
        }
    }
    (given, is_cut)
}

/// Tells which promises are at risk, and which no longer are, where the command changed what is to come.
pub(crate) fn date_waits(cx: &mut Decide<'_>) {
    for (sku, location) in cx.draft.take_redated() {
        date_waits_of(cx, sku, location);
    }
}

fn date_waits_of(cx: &mut Decide<'_>, sku: SkuId, location: LocationId) {
    let Some(outlook) = cx.draft.ledger.outlook(sku, location) else { return };
    // Bounded by those who wait for the cell, `cell_waits_max`.
    let rows = outlook.redated(sku, location, cx.draft.now);
    for chunk in rows.chunks(DATED_PER_RECORD) {
        for row in chunk {
            cx.draft.take_in(row.reservation);
        }
        cx.draft.log(None, supply::event::Event::BackordersDated(chunk.to_vec()));
    }
}

/// Promises whose date has passed are at risk, or get what is free.
pub(crate) fn date_overdue(cx: &mut Decide<'_>, settle: impl Fn(&mut Decide<'_>)) {
    // Bounded by OVERDUE_PER_BATCH.
    for (sku, location) in cx.draft.ledger.overdue(cx.draft.now, OVERDUE_PER_BATCH) {
        cx.draft.redate(sku, location);
        settle(cx);
    }
}
