//! Decides transfers: each step is one record, with its effects on promises, stock and supply.

use std::collections::BTreeSet;

use super::answer::TransferAnswer;
use super::command::{Command, Fields, Make, Receive, Ship, Units};
use super::event::{Arrived, Cancelled, Content, Drafted, Event, GoneBack, Readied, Received, Redrafted, Shipped};
use super::policy::{Policy, PolicySet, Run};
use super::reason::TransferId;
use super::transfer::{Transfer, TransferState, supply_name};
use crate::answers::Thing;
use crate::catalogue::names::TRANSFER_CHANNEL;
use crate::decide::draft::Answer;
use crate::decide::{Decide, Decision, effect_of, left, unknown};
use crate::ids::{LocationId, Name, Seq, SkuId, Timestamp};
use crate::kernel::cause::Cause;
use crate::kernel::few::Few;
use crate::kernel::name_ref::NameRef;
use crate::kernel::version::{Precondition, Version};
use crate::refusal::{Failure, Refusal};
use crate::reservations::command::{Reserve, ReserveLine};
use crate::reservations::decide::reserve;
use crate::reservations::decide::step::{self, Gone};
use crate::reservations::event::Event as ReservationEvent;
use crate::reservations::promise::{Arranged, Cancelled as GivenBack, Collected, LineChange, Purpose};
use crate::stock::decide::{ToldMovement, if_past, move_cell};
use crate::stock::movement::MovementKind;
use crate::supply::decide::{Wanted, log_fills, receive};
use crate::supply::received::{Received as Receipt, SupplySet};
use crate::supply::{SupplyKind, SupplyOutlook};

/// The most shipped units of one line, and the most surplus units.
const UNITS_MAX: u32 = 1_000_000_000;

/// The most lines of one transfer, including lines for SKUs that it did not name.
const LINES_MAX: usize = 10_000;

/// The most arrival documents that one transfer keeps.
const REFERENCES_MAX: usize = 10_000;

/// Decides a command of transfers.
pub(crate) fn decide(cx: &mut Decide<'_>, command: Command, cause: &mut Option<Box<Cause>>) -> Decision {
    match command {
        Command::Make(make) => make_transfer(cx, *make, cause),
        Command::Redraft(name, fields) => redraft(cx, &name, &fields, cause),
        Command::Ready { transfer, expected_at, allow_partial } => {
            ready(cx, &transfer, expected_at, allow_partial, cause)
        }
        Command::Ship(asked) => ship(cx, &asked, cause),
        Command::Receive(asked) => take_in(cx, &asked, cause),
        Command::Cancel { transfer, units } => cancel(cx, &transfer, units, cause),
        Command::SetPolicy(name, policy, precondition) => {
            set_policy(cx, name, policy.map(|policy| *policy), &precondition, cause)
        }
        Command::NoteRun(run) => Ok(note_run(cx, *run, cause)),
    }
}

/// Logs an event, and answers with the transfer after it.
fn log(cx: &mut Decide<'_>, event: Event, name: &Name, cause: &mut Option<Box<Cause>>) -> Decision {
    let of_effect = effect_of(cause);
    let seq = cx.draft.log(of_effect, event);
    tell(cx, seq, name, cause)
}

fn tell(cx: &mut Decide<'_>, seq: Seq, name: &Name, cause: &mut Option<Box<Cause>>) -> Decision {
    let transfer = find(cx, name)?;
    Ok(cx.tell_thing(cause, seq, thing(TransferAnswer::Transfer(transfer))))
}

/// Answers with the unchanged transfer.
fn tell_as_is(cx: &mut Decide<'_>, transfer: Transfer, cause: &mut Option<Box<Cause>>) -> Decision {
    Ok(cx.tell_thing(cause, transfer.version, thing(TransferAnswer::Transfer(transfer))))
}

fn find(cx: &Decide<'_>, name: &Name) -> Result<Transfer, Failure> {
    cx.draft.own.transfers.named(cx.state, name).ok_or_else(|| Refusal::NotFound("transfer").into())
}

fn thing(told: TransferAnswer) -> Thing {
    Thing::Transfers(Box::new(told))
}

fn in_state(transfer: &Transfer) -> Failure {
    let (name, state) = (transfer.name.clone(), transfer.state.as_str());
    Refusal::InState { kind: "transfer", name, state }.into()
}

/// The content of a transfer, with resolved names.
fn content(cx: &Decide<'_>, fields: &Fields) -> Result<Content, Failure> {
    let place = |field: &str, name: &Name| cx.draft.known_location(name).ok_or_else(|| unknown(field, name));
    let (from, to) = (place("from", &fields.from)?, place("to", &fields.to)?);
    if from == to {
        return Err(Refusal::invalid("to", "is the location that it leaves; name another one").into());
    }
    if cx.draft.is_quarantine(to) {
        return Err(
            Refusal::invalid("to", "is a quarantine, which only damage and returns reach; name its location").into()
        );
    }
    let mut seen = BTreeSet::new();
    let mut lines = Vec::with_capacity(fields.lines.len());
    // Bounded by the lines of the request.
    for (at, (name, quantity)) in fields.lines.iter().enumerate() {
        let sku = cx.draft.known_sku(name).ok_or_else(|| unknown(&format!("lines[{at}].sku"), name))?;
        cx.refuse_uncounted(sku, &|field| format!("lines[{at}].{field}"))?;
        if !seen.insert(sku) {
            let reason = "is named twice; a transfer names each SKU once";
            return Err(Refusal::invalid(format!("lines[{at}].sku"), reason).into());
        }
        lines.push((sku, *quantity));
    }
    let Fields { reason, policy, run, order, reference, expected_at, .. } = fields.clone();
    Ok(Content { from, to, reason, policy, run, order, reference, expected_at, lines })
}

fn make_transfer(cx: &mut Decide<'_>, make: Make, cause: &mut Option<Box<Cause>>) -> Decision {
    if let Some(known) = cx.draft.own.transfers.named(cx.state, &make.name) {
        if known.digest == make.digest {
            return tell_as_is(cx, known, cause);
        }
        return Err(Refusal::AlreadyExists { kind: "transfer", name: make.name, seq: known.id.0 }.into());
    }
    let content = content(cx, &make.fields)?;
    // The record's `seq` is the transfer's id. `promise` logs the definitions first, so that the next `seq` is known.
    let ready = match make.ready {
        true => Some(promise(cx, None, &content, content.expected_at, make.allow_partial, cause)?),
        false => None,
    };
    let drafted = Drafted { name: make.name.clone(), digest: make.digest, content, ready };
    let of_effect = effect_of(cause);
    let seq = cx.draft.log(of_effect, Event::Drafted(Box::new(drafted)));
    let made = find(cx, &make.name)?;
    Ok(cx.tell_thing(cause, seq, thing(TransferAnswer::Made(made))))
}

fn redraft(cx: &mut Decide<'_>, name: &Name, fields: &Fields, cause: &mut Option<Box<Cause>>) -> Decision {
    let known = find(cx, name)?;
    if known.state != TransferState::Draft {
        return Err(in_state(&known));
    }
    let content = content(cx, fields)?;
    if content == known.content {
        return tell_as_is(cx, known, cause);
    }
    log(cx, Event::Redrafted(Box::new(Redrafted { transfer: known.id, content })), name, cause)
}

/// Promises the units of a transfer at its origin; the same record makes them inbound supply of the destination. `id`
/// is `None` for a new transfer, whose id is the `seq` of the next record.
fn promise(
    cx: &mut Decide<'_>,
    id: Option<TransferId>,
    content: &Content,
    expected_at: Option<Timestamp>,
    allow_partial: bool,
    cause: &Option<Box<Cause>>,
) -> Result<Readied, Failure> {
    if expected_at.is_some_and(|date| date <= cx.draft.now) {
        return Err(Refusal::invalid("expected_at", "is not in the future; choose a later time").into());
    }
    for (at, (sku, _)) in content.lines.iter().enumerate() {
        cx.refuse_uncounted(*sku, &|field| format!("lines[{at}].{field}"))?;
    }
    let channel_name = Name::from(TRANSFER_CHANNEL.to_owned());
    let channel = cx.draft.intern_channel(&NameRef::New(channel_name.clone()));
    let channel = channel.ok_or_else(|| left::channels("channel"))?;
    let line = |(sku, quantity): &(SkuId, u32)| ReserveLine {
        sku: *sku,
        location: content.from,
        quantity: *quantity,
        latest: None,
    };
    let asked = Reserve {
        channel: NameRef::Known(channel),
        channel_name,
        purpose: Purpose::Transfer,
        customer: None,
        order: content.order.clone(),
        ttl_seconds: 0,
        confirm: true,
        allow_partial,
        supersedes: Few::new(),
        lines: content.lines.iter().map(line).collect(),
        group_lines: Vec::new(),
        admitted: Few::new(),
        fetched_at: None,
        // An internal reservation: a refusal is not lost demand.
        is_attempt: true,
        bounds: Vec::new(),
        first_line: 0,
        replaces_parts_of: Vec::new(),
    };
    let event = reserve::promise(cx, asked, channel, cause)?;
    let promise: Arranged = event.into_arranged().expect("the promise replaces no holds");
    // Logs undefined names before the promise.
    cx.draft.flush_names(cause.as_deref());
    let id = id.unwrap_or(TransferId(cx.draft.builder.next_seq()));
    let lines = promise.promised.reserved.lines.iter().map(|line| (line.cell.sku, line.quantity));
    let supplies = match expected_at {
        Some(date) => supplies(cx, id, content.to, date, lines.filter(|(_, units)| *units > 0)),
        None => Vec::new(),
    };
    Ok(Readied { transfer: id, promise, supplies, expected_at })
}

/// The inbound supply of a transfer, SKU by SKU.
fn supplies(
    cx: &mut Decide<'_>,
    id: TransferId,
    to: LocationId,
    expected_at: Timestamp,
    units: impl Iterator<Item = (SkuId, u32)>,
) -> Vec<SupplySet> {
    let row = |(sku, open): (SkuId, u32)| {
        cx.draft.touch(sku, to);
        let cell = cx.draft.cell_after(sku, to);
        SupplySet { name: supply_name(id), kind: SupplyKind::InTransit, open, expected_at, cell }
    };
    units.map(row).collect()
}

fn ready(
    cx: &mut Decide<'_>,
    name: &Name,
    expected_at: Option<Timestamp>,
    allow_partial: bool,
    cause: &mut Option<Box<Cause>>,
) -> Decision {
    let known = find(cx, name)?;
    match known.state {
        TransferState::Draft => {}
        TransferState::Ready => return tell_as_is(cx, known, cause),
        _ => return Err(in_state(&known)),
    }
    let date = expected_at.or(known.content.expected_at);
    let readied = promise(cx, Some(known.id), &known.content, date, allow_partial, cause)?;
    log(cx, Event::Readied(Box::new(readied)), name, cause)
}

/// Converts the time of an event; `None` for now.
fn told_at(cx: &Decide<'_>, time: Option<Timestamp>) -> Result<Option<Timestamp>, Failure> {
    match time {
        Some(time) => if_past(cx, time, || "occurred_at".to_owned()),
        None => Ok(None),
    }
}

fn ship(cx: &mut Decide<'_>, asked: &Ship, cause: &mut Option<Box<Cause>>) -> Decision {
    let known = find(cx, &asked.transfer)?;
    match known.state {
        TransferState::Ready => {}
        TransferState::InTransit => return tell_as_is(cx, known, cause),
        _ => return Err(in_state(&known)),
    }
    let told_at = told_at(cx, asked.occurred_at)?;
    let reservation = known.reservation.ok_or(Refusal::NotFound("reservation"))?;
    let mut leaves: Vec<u32> = known.lines.iter().map(|line| line.reserved).collect();
    if let Some(lines) = &asked.lines {
        leaves.iter_mut().for_each(|units| *units = 0);
        for (at, (name, quantity)) in lines.iter().enumerate() {
            let sku = cx.draft.known_sku(name);
            let number = known.lines.iter().position(|line| Some(line.sku) == sku);
            let (Some(line), Some(units)) =
                (number.and_then(|at| known.lines.get(at)), number.and_then(|at| leaves.get_mut(at)))
            else {
                return Err(
                    Refusal::invalid(format!("lines[{at}].sku"), "is not in this transfer; leave it out").into()
                );
            };
            if *units > 0 || *quantity > line.reserved {
                let reason = format!("is more than the {} that are reserved; name each SKU once", line.reserved);
                return Err(Refusal::invalid(format!("lines[{at}].quantity"), reason).into());
            }
            *units = *quantity;
        }
    }
    if leaves.iter().all(|units| *units == 0) {
        return Err(Refusal::invalid("lines", "selects no units; cancel the transfer instead").into());
    }
    // Units that a later count already found missing move no stock; they are only released.
    let mut taken: Vec<(u16, u32)> = Vec::new();
    let mut back: Vec<(u16, u32)> = Vec::new();
    for (number, (line, units)) in (0..).zip(known.lines.iter().zip(&leaves)) {
        let counted_at = cx.draft.cell(line.sku, known.content.from).counted_at;
        let is_known = told_at.is_some_and(|time| time <= counted_at);
        let takes = if is_known { 0 } else { *units };
        taken.extend((takes > 0).then_some((number, takes)));
        back.extend((line.reserved > takes).then_some((number, line.reserved - takes)));
    }
    let left_at = told_at.unwrap_or(cx.draft.now);
    // Decides both before logging anything, so that a refusal leaves no trace.
    let given_back = step::change_units(cx, reservation, &back, Gone::Back)?;
    let lines: Few<LineChange> = step::change_units(cx, reservation, &taken, Gone::Moved(left_at))?;
    let collected = (!taken.is_empty()).then_some(Collected { reservation, code_shown: false, lines });
    if !back.is_empty() {
        let given_back = GivenBack { reservation, whole: taken.is_empty(), reason: None, lines: given_back };
        let of_part = cause.as_deref().and_then(Cause::of_part);
        cx.draft.log(of_part, ReservationEvent::Cancelled(Box::new(given_back)));
    }
    let expected_at = asked.expected_at.or(known.expected_at);
    let units = known.lines.iter().zip(&leaves).filter(|(line, _)| line.reserved > 0);
    let units: Vec<_> = units.map(|(line, units)| (line.sku, *units)).collect();
    let supplies = match expected_at {
        Some(date) => supplies(cx, known.id, known.content.to, date, units.into_iter()),
        None => Vec::new(),
    };
    let lines = (0..).zip(leaves).filter(|(_, units)| *units > 0).collect();
    let shipped = Shipped {
        transfer: known.id,
        lines,
        collected,
        supplies,
        expected_at,
        tracking: asked.tracking.clone(),
        occurred_at: left_at,
    };
    log(cx, Event::Shipped(Box::new(shipped)), &asked.transfer, cause)
}

/// The movements of a step, as far as decided.
#[derive(Default)]
struct Rows {
    rows: Vec<crate::stock::movement::Moved>,
    receipts: Vec<crate::supply::decide::Receipt>,
}

impl Rows {
    /// Adds units at a location, from the supply of this name if it has any.
    fn come(
        &mut self,
        cx: &mut Decide<'_>,
        cell: (SkuId, LocationId),
        units: u32,
        told_at: Option<Timestamp>,
        (name, is_supply): (&Name, bool),
    ) -> Result<(), Failure> {
        if units == 0 {
            return Ok(());
        }
        let told = ToldMovement {
            kind: MovementKind::Receipt,
            change: units.into(),
            told_at,
            reference: Some(name.to_string()),
            supply: Some(name.to_string()),
            unplanned: !is_supply,
        };
        let moved = move_cell(cx, cell, told, &mut self.receipts, &|field| format!("lines.{field}"))?;
        self.rows.push(moved);
        Ok(())
    }

    fn receive(self, cx: &mut Decide<'_>) -> (Receipt, Wanted) {
        receive(cx, self.rows, &self.receipts)
    }
}

fn take_in(cx: &mut Decide<'_>, asked: &Receive, cause: &mut Option<Box<Cause>>) -> Decision {
    let known = find(cx, &asked.transfer)?;
    if asked.reference.as_ref().is_some_and(|reference| known.references.contains(reference)) {
        return tell_as_is(cx, known, cause);
    }
    if !matches!(known.state, TransferState::InTransit | TransferState::PartiallyReceived) {
        return Err(in_state(&known));
    }
    if asked.reference.is_some() && known.references.len() >= REFERENCES_MAX {
        let reason = format!("is one more than the {REFERENCES_MAX} references of a transfer; close it");
        return Err(Refusal::invalid("reference", reason).into());
    }
    let told_at = told_at(cx, asked.occurred_at)?;
    let to = known.content.to;
    let mut arrived: Vec<Arrived> = Vec::new();
    for (at, (name, quantity, damaged)) in asked.lines.iter().enumerate() {
        let field = |field: &str| format!("lines[{at}].{field}");
        let sku = cx.draft.known_sku(name).ok_or_else(|| unknown(&field("sku"), name))?;
        cx.refuse_uncounted(sku, &field)?;
        if arrived.iter().any(|other| other.sku == sku) {
            return Err(Refusal::invalid(field("sku"), "is named twice; name it once").into());
        }
        let others = arrived.iter().filter(|other| usize::from(other.line) >= known.lines.len()).count();
        let number = known.lines.iter().position(|line| line.sku == sku).unwrap_or(known.lines.len() + others);
        if number >= LINES_MAX {
            let reason = format!("is one more than the {LINES_MAX} lines of a transfer; leave it out");
            return Err(Refusal::invalid(field("sku"), reason).into());
        }
        let line = known.lines.get(number);
        let outstanding = line.map_or(0, |line| line.outstanding());
        let came = quantity.saturating_add(*damaged);
        let surplus = came.saturating_sub(outstanding);
        // Keeps the sums of a line within bounds.
        if line.map_or(0, |line| line.surplus).saturating_add(surplus) > UNITS_MAX || came > 2 * UNITS_MAX {
            return Err(Refusal::invalid(field("quantity"), "is more than a transfer can hold; send less").into());
        }
        arrived.push(Arrived { line: number as u16, sku, received: *quantity, damaged: *damaged, surplus, missing: 0 });
    }
    let name = known.supply_name();
    let has_supply = |cx: &Decide<'_>, sku: SkuId| open_of(cx, sku, to, &name).is_some();
    let mut rows = Rows::default();
    for row in &arrived {
        let is_supply = has_supply(cx, row.sku);
        rows.come(cx, (row.sku, to), row.received, told_at, (&name, is_supply))?;
        if row.damaged > 0 {
            let inside = cx.draft.quarantine_at(to).ok_or_else(|| left::locations("lines"))?;
            rows.come(cx, (row.sku, inside), row.damaged, told_at, (&name, false))?;
        }
    }
    if asked.closes {
        for (number, line) in (0..).zip(&known.lines) {
            let row = arrived.iter_mut().find(|row| row.line == number);
            let here = row.as_ref().map_or(0, |row| row.received + row.damaged - row.surplus);
            let missing = line.outstanding() - here;
            match row {
                Some(row) => row.missing = missing,
                None if missing > 0 => {
                    arrived.push(Arrived { line: number, sku: line.sku, received: 0, damaged: 0, surplus: 0, missing })
                }
                None => {}
            }
        }
    }
    if arrived.is_empty() {
        return Err(Refusal::invalid("lines", "has no units; close the transfer, or cancel it").into());
    }
    let (receipt, wanted) = rows.receive(cx);
    // The outstanding units remain inbound supply: damaged and written-off units do not.
    let mut ended = Vec::new();
    for row in &arrived {
        let line = known.lines.get(usize::from(row.line));
        let outstanding = line.map_or(0, |line| line.outstanding());
        let still = (outstanding + row.surplus).saturating_sub(row.received + row.damaged + row.missing);
        let used = receipt.used.iter().find(|used| (used.sku, &used.name) == (row.sku, &name));
        let open = used.map(|used| used.open).or_else(|| open_of(cx, row.sku, to, &name));
        if let (Some(open), Some(date)) = (open, known.expected_at)
            && open != still
        {
            ended.extend(supplies(cx, known.id, to, date, std::iter::once((row.sku, still))));
        }
    }
    let received = Received {
        transfer: known.id,
        lines: arrived,
        receipt,
        ended,
        reference: asked.reference.clone(),
        closes: asked.closes,
        occurred_at: told_at.unwrap_or(cx.draft.now),
    };
    let answer = log(cx, Event::Received(Box::new(received)), &asked.transfer, cause)?;
    log_fills(cx, wanted);
    Ok(answer)
}

/// The outstanding units of a supply.
fn open_of(cx: &Decide<'_>, sku: SkuId, location: LocationId, name: &Name) -> Option<u32> {
    let supplies = cx.draft.ledger.outlook(sku, location).map_or(&[][..], SupplyOutlook::supplies);
    supplies.iter().find(|supply| supply.name == *name).map(|supply| supply.open)
}

fn cancel(cx: &mut Decide<'_>, name: &Name, units: Option<Units>, cause: &mut Option<Box<Cause>>) -> Decision {
    let known = find(cx, name)?;
    let (from, to) = (known.content.from, known.content.to);
    let mut event = Cancelled {
        transfer: known.id,
        given_back: None,
        lines: Vec::new(),
        receipt: Receipt { rows: Vec::new(), used: Vec::new(), fills: Vec::new() },
        ended: Vec::new(),
    };
    let mut wanted = Wanted::new();
    match known.state {
        TransferState::Draft => {}
        TransferState::Ready => {
            let reservation = known.reservation.ok_or(Refusal::NotFound("reservation"))?;
            let open = (0..).zip(&known.lines).filter(|(_, line)| line.reserved > 0);
            let open: Vec<(u16, u32)> = open.map(|(number, line)| (number, line.reserved)).collect();
            let lines = step::change_units(cx, reservation, &open, Gone::Back)?;
            event.given_back = Some(GivenBack { reservation, whole: true, reason: None, lines });
        }
        TransferState::InTransit | TransferState::PartiallyReceived => {
            let units = units.ok_or_else(|| {
                let reason = "is required while units are in transit: \"returned\" or \"written_off\"";
                Refusal::invalid("units", reason)
            })?;
            let supply = known.supply_name();
            let mut rows = Rows::default();
            for (number, line) in (0..).zip(&known.lines) {
                let left = line.outstanding();
                let (returned, missing) = if units == Units::Returned { (left, 0) } else { (0, left) };
                if left > 0 {
                    event.lines.push(GoneBack { line: number, returned, missing });
                }
                rows.come(cx, (line.sku, from), returned, None, (&supply, false))?;
            }
            (event.receipt, wanted) = rows.receive(cx);
        }
        TransferState::Cancelled => return tell_as_is(cx, known, cause),
        TransferState::Received => return Err(in_state(&known)),
    }
    let supply = known.supply_name();
    let still = known.lines.iter().filter(|line| open_of(cx, line.sku, to, &supply).is_some());
    let over: Vec<_> = still.map(|line| (line.sku, 0)).collect();
    if let Some(date) = known.expected_at {
        event.ended = supplies(cx, known.id, to, date, over.into_iter());
    }
    let answer = log(cx, Event::Cancelled(Box::new(event)), name, cause)?;
    log_fills(cx, wanted);
    Ok(answer)
}

fn set_policy(
    cx: &mut Decide<'_>,
    name: Name,
    policy: Option<Policy>,
    precondition: &Precondition,
    cause: &mut Option<Box<Cause>>,
) -> Decision {
    let known = cx.state.own.transfers.policy(name.as_str());
    let current = known.as_ref().map(|(seq, _)| Version::new(*seq));
    let version = current.map_or(0, |current| current.seq);
    if !precondition.holds(current) {
        return Err(Refusal::StaleVersion { actual: version }.into());
    }
    if known.is_none() && policy.is_none() {
        return Err(Refusal::NotFound("policy").into());
    }
    let told = thing(TransferAnswer::Policy(name.clone(), policy.clone()));
    if known.is_some_and(|(_, known)| policy.as_ref() == Some(&*known)) {
        return Ok(cx.tell_thing(cause, version, told));
    }
    let of_effect = effect_of(cause);
    let seq = cx.draft.log(of_effect, Event::PolicySet(Box::new(PolicySet { name, policy })));
    Ok(cx.tell_thing(cause, seq, told))
}

fn note_run(cx: &mut Decide<'_>, run: Run, cause: &mut Option<Box<Cause>>) -> Answer {
    let of_effect = effect_of(cause);
    let told = thing(TransferAnswer::Run(run.clone()));
    let seq = cx.draft.log(of_effect, Event::RunMade(Box::new(run)));
    cx.tell_thing(cause, seq, told)
}
