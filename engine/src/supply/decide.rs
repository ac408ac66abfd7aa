//! Decides inbound supply: sets it, promises it, uses it up, and fills backorders.
//!
//! Units that arrive fill backorders in the order in which they were made. A receipt fills them in its own record;
//! units that become free otherwise fill the ones without supply, in the next record. So nobody else gets these units
//! in between.

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

/// Supplies that a command has set so far, for its later rows.
pub(crate) type Fresh = BTreeMap<(SkuId, LocationId, Name), SupplySet>;

/// An arrival at a cell with inbound supply.
pub(crate) struct Receipt {
    pub sku: SkuId,
    pub location: LocationId,
    pub units: u32,
    /// The receipt states that it belongs to no known supply.
    pub unplanned: bool,
    /// The supply that it may belong to, by its document.
    pub supply: Option<String>,
}

/// The supply that a receipt uses up.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Uses {
    /// The earliest supply, and the following ones.
    Earliest,
    /// Only the named one.
    Named(Name),
    /// None: the named one has arrived already, or the receipt belongs to none.
    Nothing,
}

/// Rows in one record of promises at risk.
const DATED_PER_RECORD: usize = 1000;

/// Backorders that one record fills.
const FILLS_PER_RECORD: usize = 10_000;

/// The maximum number of supplies of one cell.
const SUPPLIES_MAX: usize = 1000;

/// Overdue backorders that are examined in one batch.
pub(crate) const OVERDUE_PER_BATCH: usize = 4096;

/// A refusal of a field in a row of supply.
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

/// Sets supplies, all or none. They name only what exists, and create nothing.
fn put_supply(cx: &mut Decide<'_>, rows: &[SupplyFields], cause: &mut Option<Box<Cause>>) -> Decision {
    let mut set = Fresh::new();
    let mut cells = Vec::new();
    // Bounded by the rows of the request.
    for (at, row) in rows.iter().enumerate() {
        let field = |name: &str| format!("supplies[{at}].{name}");
        if is_of_transfer(row.name.as_str()) {
            return Err(Refusal::invalid(
                field("supply"),
                "belongs to a transfer, which sets its own supply; change \
                the transfer",
            )
            .into());
        }
        // Ending an unknown supply creates nothing.
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

/// The supply after a row; `None` if nothing changes.
pub(crate) fn describe_supply(
    cx: &mut Decide<'_>,
    row: &SupplyFields,
    sku: SkuId,
    location: LocationId,
    fresh: &Fresh,
    field: &dyn Fn(&str) -> String,
) -> Result<Option<SupplySet>, Failure> {
    if cx.draft.is_quarantine(location) {
        return Err(Refusal::invalid(
            field("location"),
            "is a quarantine, which receives no supply; name its location",
        )
        .into());
    }
    // An own export contains it, and changes nothing.
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
            return Err(Refusal::invalid(field("expected_at"), "is required while units are inbound").into());
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

/// The part of `units` more that may be promised in a cell by `latest`, beyond the plan.
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

/// The supply that a receipt uses up: the named one, if one of that name exists or existed, or else the earliest.
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

/// Uses up supply of a cell for an arrival: the earliest, or only the one with `name`.
fn use_up_supply(
    cx: &Decide<'_>,
    (sku, location): (SkuId, LocationId),
    name: Option<&Name>,
    came: u32,
    used: &mut Vec<SupplyUsed>,
) {
    let mut left = came;
    let supplies = cx.draft.ledger.outlook(sku, location).map_or(&[][..], SupplyOutlook::supplies);
    // Bounded by SUPPLIES_MAX, times those that the rows of one command used.
    let is_meant = |supply: &Name| name.map_or(!is_of_transfer(supply.as_str()), |name| supply == name);
    for supply in supplies.iter().filter(|supply| is_meant(&supply.name)) {
        // Earlier rows of the same record may have used some of it.
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

/// Logs movements, with the supply that they use up and the backorders that they fill. `receipts` are the arrivals.
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

/// Units that are still to be given to backorders, by cell.
pub(crate) type Wanted = BTreeMap<(SkuId, LocationId), u32>;

/// Computes movements, with the supply that they use up and the backorders that they fill: the caller logs them, by
/// themselves or in a larger event; and the rest to be filled after it, by [`log_fills`].
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
            // Supply and backorders that earlier rows used up no longer count.
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

/// Logs the rest of the fills. Bounded by the backorders of the cells, `cell_waits_max` each.
pub(crate) fn log_fills(cx: &mut Decide<'_>, mut wanted: BTreeMap<(SkuId, LocationId), u32>) {
    loop {
        let fills = fill_some(cx, &mut wanted);
        if fills.is_empty() {
            return;
        }
        cx.draft.log(None, supply::event::Event::Filled(fills));
    }
}

/// Gives units to backorders in queue order, as many as one record holds; subtracts them from `wanted`.
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
            // Known to the draft, which applies the record to it.
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

/// Gives units that are available above the floor to backorders without supply, in cells that the command changed.
pub(crate) fn fill_uncovered(cx: &mut Decide<'_>) {
    if !cx.draft.ledger.has_outlooks() {
        return;
    }
    // Bounded by the cells of one command, and the backorders of each, `cell_waits_max`.
    for (sku, location) in cx.draft.touched_or_redated() {
        // Cell by cell and part by part, so that given units count for the next.
        loop {
            let (units, is_cut) = uncovered_and_free(cx, sku, location);
            if units == 0 {
                break;
            }
            log_fills(cx, BTreeMap::from([((sku, location), units)]));
            // A backorder gets its part of available units once: another round is for the later ones.
            if !is_cut {
                break;
            }
        }
    }
}

/// Units for backorders of a cell without supply, while the channel of each may have available units; and whether there
/// are more backorders than were examined.
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
            // The units of a quota's places are added up once for each channel with backorders.
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

/// Reports which promises are at risk, and which no longer are, in cells whose inbound supply the command changed.
pub(crate) fn date_waits(cx: &mut Decide<'_>) {
    for (sku, location) in cx.draft.take_redated() {
        date_waits_of(cx, sku, location);
    }
}

fn date_waits_of(cx: &mut Decide<'_>, sku: SkuId, location: LocationId) {
    let Some(outlook) = cx.draft.ledger.outlook(sku, location) else { return };
    // Bounded by the backorders of the cell, `cell_waits_max`.
    let rows = outlook.redated(sku, location, cx.draft.now);
    for chunk in rows.chunks(DATED_PER_RECORD) {
        for row in chunk {
            cx.draft.take_in(row.reservation);
        }
        cx.draft.log(None, supply::event::Event::BackordersDated(chunk.to_vec()));
    }
}

/// Promises whose date has passed become at risk, or get available units.
pub(crate) fn date_overdue(cx: &mut Decide<'_>, settle: impl Fn(&mut Decide<'_>)) {
    // Bounded by OVERDUE_PER_BATCH.
    for (sku, location) in cx.draft.ledger.overdue(cx.draft.now, OVERDUE_PER_BATCH) {
        cx.draft.redate(sku, location);
        settle(cx);
    }
}
