//! Loads returns of no known order, of before this log: rows of one return stand together, and become one settled return.
//!
//! A row of a return that is known is unchanged if the ledger has it; otherwise it is refused. A return is made with all of
//! its rows, or with none.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::decide::record::Change;
use super::returned::{Return, ReturnId, ReturnLine, ReturnState, StepKind};
use crate::decide::Decide;
use crate::ids::{LocationId, Name, Seq, SkuId};
use crate::kernel::cause::Cause;
use crate::kernel::tender::Tender;
use crate::level::StockChange;
use crate::orders::SaleRow;
use crate::orders::imported::SaleFields;
use crate::orders::load::resolved::{Options, wrong};
use crate::orders::load::rows::{LedgerRows, Names, is_none_or};
use crate::orders::payment::{Origin, Refund, RefundState};
use crate::prices::row::AMOUNT_MAX;
use crate::refusal::{Failure, Refusal};
use crate::stock::decide::{ToldMovement, move_cell, out_of_range};
use crate::stock::movement::MovementKind;

/// A return that rows of a file make. Its record is logged once all rows are decided.
pub(crate) struct Ready(Change);

/// A return that is known, with its rows of the ledger.
pub(crate) struct Known {
    returned: Return,
    rows: LedgerRows,
}

/// Rows that are wrong, with the reason.
type Wrong = Vec<(u64, Failure)>;

/// What a row comes to, with its names known.
struct Came<'a> {
    row: &'a SaleFields,
    sku: SkuId,
    location: LocationId,
    origin: Origin,
    amount: u64,
}

impl Known {
    /// A return after the batch so far; `archived` are its rows that left memory.
    pub fn find(cx: &Decide<'_>, name: &Name, archived: Option<&Vec<Arc<SaleRow>>>) -> Option<Self> {
        let returned = cx.draft.own.returns.named(cx.state, name.as_str())?;
        let rows = cx.state.own.orders.rows_of_return(&returned);
        let all: BTreeMap<_, _> =
            archived.into_iter().flatten().cloned().chain(rows).map(|row| (row.key(), row)).collect();
        Some(Self { returned, rows: LedgerRows::of(all.into_values()) })
    }

    /// A return with its rows of the ledger.
    pub fn with(returned: Return, rows: Vec<Arc<SaleRow>>) -> Self {
        Self { returned, rows: LedgerRows::of(rows.into_iter()) }
    }

    /// Whether the ledger has a row of the file that no row before it is. What the file leaves out is not compared.
    pub fn has(&mut self, names: &dyn Names, row: &SaleFields) -> bool {
        let returned = &self.returned;
        let has_tender =
            |tender| returned.refunds.is_empty() || returned.refunds.iter().any(|refund| refund.tender == tender);
        row.currency == returned.currency
            && is_none_or(row.customer.as_deref(), returned.customer.as_deref())
            && row.codes.is_empty()
            && row.tender.is_none_or(|tender| tender == Tender::Other || has_tender(tender))
            && self.rows.has(names, row)
    }

    /// Why a row that the ledger does not have is not added.
    pub fn refusal(&self) -> Refusal {
        let name = &self.returned.name;
        let reason =
            format!("{name} is known, and has no such row; a return takes no more, so give this one another id");
        Refusal::invalid("return", reason)
    }
}

/// Makes the return of rows.
///
/// # Errors
/// The rows that are wrong.
pub(crate) fn make(
    options: Options,
    cx: &mut Decide<'_>,
    name: &Name,
    rows: &[SaleFields],
) -> Result<(Ready, Known), Wrong> {
    let (mut came, mut wrong_rows) = (Vec::with_capacity(rows.len()), Wrong::new());
    for row in rows {
        match read(options, cx, row) {
            Ok(read) => came.push(read),
            Err(failure) => wrong_rows.push((row.row, failure)),
        }
    }
    wrong_rows.extend(came.iter().filter_map(|one| Some((one.row.row, differs(&came, one)?))));
    if options.stock {
        wrong_rows.extend(beyond_cells(cx, &came));
    }
    let Some(first) = came.first().filter(|_| wrong_rows.is_empty()) else { return Err(wrong_rows) };
    let origin = first.origin.clone();
    let mut change = Change::of(return_of(cx, name, &came, first), StepKind::Imported, origin);
    let names: Vec<Box<str>> = change.returned.lines.iter().map(|line| line.name.clone()).collect();
    let mut ledger = LedgerRows::default();
    for (one, line) in came.into_iter().zip(names) {
        let mut absorbed = true;
        if options.stock {
            let moved = ToldMovement {
                kind: MovementKind::Return,
                change: one.row.quantity.saturating_neg(),
                told_at: one.origin.late(cx.draft.now),
                reference: Some(name.to_string()),
                supply: None,
                unplanned: false,
            };
            let moved = move_cell(cx, (one.sku, one.location), moved, &mut Vec::new(), &str::to_owned);
            let moved = moved.map_err(|failure| vec![(one.row.row, failure)])?;
            absorbed = moved.absorbed;
            change.moved.push(moved);
        }
        let row = row_of(&change.returned, one, line, absorbed);
        ledger.push_found(&row);
        change.rows.push(row);
    }
    let known = Known { returned: change.returned.clone(), rows: ledger };
    Ok((Ready(change), known))
}

/// Logs a return, and returns its record.
///
/// # Errors
/// None is expected: the step is decided.
pub(crate) fn log(cx: &mut Decide<'_>, ready: Ready, mut cause: Option<Box<Cause>>) -> Result<Seq, Failure> {
    ready.0.log(cx, &mut cause)?;
    Ok(cx.draft.builder.next_seq() - 1)
}

/// Reads a row by itself.
fn read<'a>(options: Options, cx: &mut Decide<'_>, row: &'a SaleFields) -> Result<Came<'a>, Failure> {
    let Some(name) = &row.sku else { return Err(wrong("sku", "is required: goods without an order have no charges")) };
    let asked = row.amount.ok_or_else(|| wrong("amount", "is required: no order says what the goods are worth"))?;
    let amount = asked.checked_neg().and_then(|amount| u64::try_from(amount).ok());
    let amount = amount.filter(|amount| *amount <= AMOUNT_MAX);
    let amount =
        amount.ok_or_else(|| wrong("amount", format!("{asked} is not between -{AMOUNT_MAX} and 0 minor units")))?;
    if row.quantity >= 0 {
        return Err(wrong("quantity", "is not negative: goods without an order only come back"));
    }
    let sku = options.sku(cx, name)?;
    let origin = options.origin(cx, row)?;
    let location = origin.location.ok_or_else(|| wrong("location", "is required"))?;
    Ok(Came { row, sku, location, origin, amount })
}

/// What a return has once, and a row says otherwise than another.
fn differs(came: &[Came<'_>], one: &Came<'_>) -> Option<Failure> {
    let first = came.first()?;
    let differs = |field: &str, this: &str, that: &str| {
        let reason = || format!("{this} is not {that}, as in another row of the return; a return has one {field}");
        (this != that).then(|| wrong(field, reason()))
    };
    let customer = came.iter().find_map(|one| one.row.customer.as_deref());
    let other = one.row.customer.as_deref().zip(customer);
    differs("currency", one.row.currency.as_str(), first.row.currency.as_str())
        .or_else(|| differs("location", one.row.location.as_str(), first.row.location.as_str()))
        .or_else(|| differs("channel", one.row.channel.as_str(), first.row.channel.as_str()))
        .or_else(|| other.and_then(|(this, that)| differs("customer", this, that)))
}

/// Rows that come to more than their cell can have on hand: a movement that is refused would leave its cell touched.
fn beyond_cells(cx: &mut Decide<'_>, came: &[Came<'_>]) -> Wrong {
    let mut units: BTreeMap<(SkuId, LocationId), i64> = BTreeMap::new();
    let mut wrong_rows = Wrong::new();
    for one in came {
        let all = units.entry((one.sku, one.location)).or_default();
        *all = all.saturating_sub(one.row.quantity);
        if cx.draft.cell(one.sku, one.location).level.checked_add(StockChange::bring(*all)).is_none() {
            wrong_rows.push((one.row.row, out_of_range("quantity".to_owned())));
        }
    }
    wrong_rows
}

/// The first number that no line has.
fn free_name(next: &mut u32, came: &[Came<'_>]) -> Box<str> {
    loop {
        *next += 1;
        let free = next.to_string();
        if !came.iter().any(|one| one.row.name.as_deref() == Some(&free)) {
            return free.into();
        }
    }
}

fn return_of(cx: &Decide<'_>, name: &Name, came: &[Came<'_>], first: &Came<'_>) -> Return {
    let mut next = 0;
    let line = |one: &Came<'_>| ReturnLine {
        name: one.row.name.clone().unwrap_or_else(|| free_name(&mut next, came)),
        sku: one.sku,
        quantity: u32::try_from(one.row.quantity.unsigned_abs()).unwrap_or(u32::MAX),
        // Nobody says; whoever looked at them did so long ago.
        condition: None,
        found_sellable: 0,
        found_damaged: 0,
        refund_amount: one.amount,
        reason: None,
        is_unreferenced: true,
    };
    let mut returned = Return {
        id: ReturnId(0),
        version: 0,
        name: name.clone(),
        digest: 0,
        state: ReturnState::Received,
        channel: first.row.channel.clone(),
        location: Some(first.location),
        till: first.row.till.clone(),
        order: None,
        customer: came.iter().find_map(|one| one.row.customer.clone()),
        currency: first.row.currency,
        lines: came.iter().map(line).collect(),
        charges: Vec::new(),
        owed: 0,
        refunds: refunds(came),
        exchange: None,
        receipts: Vec::new(),
        flags: Vec::new(),
        created_at: came.iter().map(|one| one.origin.occurred_at).min().unwrap_or(cx.draft.now),
        received: None,
        expires_at: None,
        history: Vec::new(),
    };
    returned.owed = returned.value();
    returned
}

/// What was paid back, by tender, in the order of the rows.
fn refunds(came: &[Came<'_>]) -> Vec<Refund> {
    let mut refunds: Vec<Refund> = Vec::new();
    for one in came.iter().filter(|one| one.amount > 0) {
        let tender = one.row.tender.unwrap_or(Tender::Other);
        match refunds.iter_mut().find(|refund| refund.tender == tender) {
            Some(refund) => refund.amount += one.amount,
            None => refunds.push(Refund {
                name: format!("r{}", refunds.len() + 1).into(),
                tender,
                amount: one.amount,
                state: RefundState::Done,
                payment: None,
                reference: None,
                origin: one.origin.clone(),
                done: Some(one.origin.clone()),
                on_receipt: false,
            }),
        }
    }
    refunds
}

/// The row of the ledger; its place in the log is known when it is logged.
fn row_of(returned: &Return, one: Came<'_>, line: Box<str>, absorbed: bool) -> SaleRow {
    let Came { row, sku, location, origin, amount } = one;
    SaleRow {
        seq: 0,
        nth: 0,
        time: crate::ids::Timestamp(0),
        occurred_at: origin.occurred_at,
        business_date: origin.business_date,
        channel: origin.channel,
        location: Some(location),
        till: origin.till,
        order: None,
        returned: Some(returned.name.clone()),
        receipt: None,
        customer: returned.customer.clone(),
        line: Some(line),
        charge: None,
        sku: Some(sku),
        quantity: row.quantity,
        amount: -(amount as i64),
        discount: row.discount.unwrap_or(0),
        tax_rate: row.tax_rate,
        currency: returned.currency,
        absorbed,
    }
}
