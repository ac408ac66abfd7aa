//! An order that rows of a file make: completed, handed over at one place, and paid.

use super::resolved::{Options, wrong};
use crate::decide::Decide;
use crate::ids::{Name, SkuId, Timestamp};
use crate::kernel::tender::Tender;
use crate::level::LINE_QUANTITY_MAX;
use crate::orders::decide::step::OrderChange;
use crate::orders::event::SoldRow;
use crate::orders::imported::{Imported, SaleFields};
use crate::orders::line::{Charge, Fulfilment, OrderLine};
use crate::orders::on_receipts::{ChargeOnReceipt, OnReceipts};
use crate::orders::order::{Order, OrderId, OrderState};
use crate::orders::payment::{Origin, Payment, PaymentState};
use crate::orders::step_kind::StepKind;
use crate::prices::row::AMOUNT_MAX;
use crate::refusal::Failure;
use crate::stock::decide::{ToldMovement, move_cell};
use crate::stock::movement::MovementKind;

/// Codes of one order.
const CODES_MAX: usize = 20;

/// Charges of one order.
const CHARGES_MAX: usize = 20;

/// Rows that are wrong, with the reason.
type Wrong = Vec<(u64, Failure)>;

/// What a row comes to, with its names known.
struct Sold<'a> {
    row: &'a SaleFields,
    sku: Option<SkuId>,
    origin: Origin,
    amount: u64,
    discount: u64,
}

/// A line in the making: several rows may be parts of it, which were handed over one after the other.
struct Line {
    name: Box<str>,
    sku: SkuId,
    quantity: u32,
    amount: u64,
    discount: u64,
    tax_rate: Option<u32>,
    /// When the last part of it was handed over.
    handed_over_at: Timestamp,
}

/// Makes the order of rows that sell.
///
/// # Errors
/// The rows that are wrong.
pub(super) fn make(
    options: Options,
    cx: &mut Decide<'_>,
    name: Name,
    rows: &[SaleFields],
) -> Result<OrderChange, Wrong> {
    let mut sold = Vec::with_capacity(rows.len());
    let mut wrong = Wrong::new();
    for row in rows {
        match read(options, cx, row) {
            Ok(read) => sold.push(read),
            Err(failure) => wrong.push((row.row, failure)),
        }
    }
    wrong.extend(sold.iter().filter_map(|one| Some((one.row.row, differs(rows, one.row)?))));
    let (lines, charges, places) = lines(&sold, &mut wrong);
    let codes = codes(rows, &mut wrong);
    let Some(first) = sold.first().filter(|_| wrong.is_empty()) else { return Err(wrong) };
    let order = order(cx, name, &sold, first, (lines, charges), codes);
    let reference = order.name.to_string();
    let mut change = OrderChange::of(order, StepKind::Imported, first.origin.clone());
    for (one, at) in sold.into_iter().zip(places) {
        let cell = one.sku.zip(one.origin.location).filter(|_| options.stock);
        let mut absorbed = true;
        if let Some(cell) = cell {
            let told = ToldMovement {
                kind: MovementKind::Sale,
                change: -one.row.quantity,
                told_at: one.origin.late(cx.draft.now),
                reference: Some(reference.clone()),
                supply: None,
                unplanned: false,
            };
            let moved = move_cell(cx, cell, told, &mut Vec::new(), &str::to_owned);
            let moved = moved.map_err(|failure| vec![(one.row.row, failure)])?;
            absorbed = moved.absorbed;
            change.moved.push(moved);
        }
        change.sold.push(SoldRow {
            line: at,
            is_charge: one.sku.is_none(),
            location: one.origin.location,
            quantity: one.row.quantity,
            amount: one.amount as i64,
            discount: one.discount as i64,
            absorbed,
        });
        change.row_origins.push(one.origin);
    }
    Ok(change)
}

/// Reads a row by itself.
fn read<'a>(options: Options, cx: &mut Decide<'_>, row: &'a SaleFields) -> Result<Sold<'a>, Failure> {
    let money = |field: &str, value: i64| {
        let read = u64::try_from(value).ok().filter(|value| *value <= AMOUNT_MAX);
        read.ok_or_else(|| wrong(field, format!("{value} is not between 0 and {AMOUNT_MAX} minor units")))
    };
    let amount = money("amount", row.amount.ok_or_else(|| wrong("amount", "is required and empty; write a value"))?)?;
    let discount = money("discount", row.discount.unwrap_or(0))?;
    if row.quantity > i64::from(LINE_QUANTITY_MAX) {
        return Err(wrong("quantity", format!("{} is more than {LINE_QUANTITY_MAX}", row.quantity)));
    }
    if amount + discount > AMOUNT_MAX {
        return Err(wrong("discount", format!("with amount is more than {AMOUNT_MAX} minor units")));
    }
    let sku = row.sku.as_ref().map(|name| options.sku(cx, name)).transpose()?;
    let origin = options.origin(cx, row)?;
    Ok(Sold { row, sku, origin, amount, discount })
}

/// What an order has once, and a row says otherwise than another. Its units may have left different places.
fn differs(rows: &[SaleFields], row: &SaleFields) -> Option<Failure> {
    let one = |field: &str, this: &str, that: &str| {
        let reason = || format!("{this} is not {that}, as in another row of the order; an order has one {field}");
        (this != that).then(|| wrong(field, reason()))
    };
    let currency = rows.first()?.currency;
    let customer = rows.iter().find_map(|row| row.customer.as_deref());
    let other = row.customer.as_deref().zip(customer);
    one("currency", row.currency.as_str(), currency.as_str())
        .or_else(|| other.and_then(|(this, that)| one("customer", this, that)))
}

/// The lines and charges of rows, and which of them each row is a part of.
fn lines(sold: &[Sold<'_>], wrong_rows: &mut Wrong) -> (Vec<Line>, Vec<Charge>, Vec<u16>) {
    let (mut lines, mut charges, mut places) = (Vec::<Line>::new(), Vec::<Charge>::new(), Vec::new());
    let is_named = |name: &str| sold.iter().any(|one| one.sku.is_some() && one.row.name.as_deref() == Some(name));
    let mut seen = std::collections::BTreeMap::<&str, usize>::new();
    let mut next = 0;
    for (nth, one) in sold.iter().enumerate() {
        let told = one.row.name.as_deref();
        let Some(sku) = one.sku else {
            places.push(charges.len() as u16);
            if charges.iter().any(|charge| Some(&*charge.name) == told) {
                wrong_rows.push((one.row.row, wrong("charge", "is the id of another charge of the order")));
            }
            charges.push(charge(one));
            continue;
        };
        if let Some((told, at)) = told.and_then(|told| Some((told, *seen.get(told)?))) {
            places.push(at as u16);
            match (joins(sold, nth, told), lines.get_mut(at)) {
                (Some(failure), _) => wrong_rows.push((one.row.row, failure)),
                (None, line) => line.into_iter().for_each(|line| join(line, one, wrong_rows)),
            }
            continue;
        }
        let name: Box<str> = match told {
            Some(told) => told.into(),
            None => loop {
                next += 1;
                let free = next.to_string();
                if !is_named(&free) {
                    break free.into();
                }
            },
        };
        if let Some(told) = told {
            seen.insert(told, lines.len());
        }
        places.push(lines.len() as u16);
        let (quantity, tax_rate) = (one.row.quantity as u32, one.row.tax_rate);
        let (amount, discount, handed_over_at) = (one.amount, one.discount, one.origin.occurred_at);
        lines.push(Line { name, sku, quantity, amount, discount, tax_rate, handed_over_at });
    }
    if charges.len() > CHARGES_MAX {
        let over = sold.iter().filter(|one| one.sku.is_none()).skip(CHARGES_MAX);
        let reason = format!("is one of more than {CHARGES_MAX} charges of the order; add some of them up");
        wrong_rows.extend(over.map(|one| (one.row.row, wrong("charge", reason.clone()))));
    }
    (lines, charges, places)
}

/// Why a row with the id of a line before it is no other part of that line.
fn joins(sold: &[Sold<'_>], nth: usize, told: &str) -> Option<Failure> {
    let one = sold.get(nth)?;
    let mut before = sold.iter().take(nth).filter(|other| other.row.name.as_deref() == Some(told));
    before.find_map(|other| match () {
        () if other.sku != one.sku => {
            Some(wrong("line", "is the id of another line of the order; each SKU needs its own"))
        }
        () if SaleFields { row: 0, ..other.row.clone() } == SaleFields { row: 0, ..one.row.clone() } => {
            Some(wrong("line", format!("is the same row as line {} of the file; remove one of both", other.row.row)))
        }
        () => None,
    })
}

/// Adds a row to its line.
fn join(line: &mut Line, one: &Sold<'_>, wrong_rows: &mut Wrong) {
    let quantity = u64::from(line.quantity) + one.row.quantity.unsigned_abs();
    (line.amount, line.discount) = (line.amount + one.amount, line.discount + one.discount);
    line.handed_over_at = line.handed_over_at.max(one.origin.occurred_at);
    match u32::try_from(quantity).ok().filter(|units| *units <= LINE_QUANTITY_MAX) {
        Some(units) if line.amount + line.discount <= AMOUNT_MAX => line.quantity = units,
        _ => wrong_rows.push((one.row.row, wrong("quantity", "makes its line too large; give it a line of its own"))),
    }
}

fn charge(one: &Sold<'_>) -> Charge {
    Charge {
        name: one.row.name.clone().unwrap_or_default(),
        amount: one.amount,
        tax_rate: one.row.tax_rate,
        cancelled_amount: 0,
        returned_amount: 0,
        is_sold: true,
        receipt: ChargeOnReceipt::default(),
    }
}

/// The codes of all rows, each once.
fn codes(rows: &[SaleFields], wrong_rows: &mut Wrong) -> Vec<Box<str>> {
    let mut codes: Vec<Box<str>> = Vec::new();
    for row in rows {
        let fresh: Vec<_> = row.codes.iter().filter(|code| !codes.contains(code)).cloned().collect();
        codes.extend(fresh);
        if codes.len() > CODES_MAX {
            wrong_rows.push((row.row, wrong("code", format!("is one of more than {CODES_MAX} codes of the order"))));
            break;
        }
    }
    codes
}

/// The line of an order. Its price of a unit is rounded up where the amount does not divide, and the discount has the rest.
fn order_line(line: Line) -> OrderLine {
    let full = line.amount + line.discount;
    let unit_amount = full.div_ceil(u64::from(line.quantity.max(1)));
    OrderLine {
        name: line.name,
        sku: line.sku,
        quantity: line.quantity,
        unit_amount,
        price_list: None,
        discount: unit_amount * u64::from(line.quantity) - line.amount,
        tax_rate: line.tax_rate,
        by_hand: false,
        price_differs: false,
        handed_over: line.quantity,
        cancelled: 0,
        cancelled_amount: 0,
        returned: 0,
        handed_over_at: Some(line.handed_over_at),
        receipts: OnReceipts::default(),
    }
}

/// What was paid, by tender, in the order of the rows.
fn payments(sold: &[Sold<'_>]) -> Vec<Payment> {
    let mut payments: Vec<Payment> = Vec::new();
    for one in sold.iter().filter(|one| one.amount > 0) {
        let tender = one.row.tender.unwrap_or(Tender::Other);
        match payments.iter_mut().find(|payment| payment.tender == tender) {
            Some(payment) => payment.amount += one.amount,
            None => payments.push(Payment {
                name: format!("p{}", payments.len() + 1).into(),
                tender,
                amount: one.amount,
                state: PaymentState::Captured,
                reference: None,
                given: None,
                origin: one.origin.clone(),
                captured: Some(one.origin.clone()),
                on_receipt: false,
            }),
        }
    }
    payments
}

fn order(
    cx: &Decide<'_>,
    name: Name,
    sold: &[Sold<'_>],
    first: &Sold<'_>,
    (lines, charges): (Vec<Line>, Vec<Charge>),
    codes: Vec<Box<str>>,
) -> Order {
    let lines: Vec<OrderLine> = lines.into_iter().map(order_line).collect();
    let fulfilment = first.origin.location.map(|location| Fulfilment::carried_out(location, &lines));
    Order {
        id: OrderId(0),
        version: 0,
        name,
        digest: 0,
        state: OrderState::Completed,
        channel: first.row.channel.clone(),
        begun_in: first.row.channel.clone(),
        customer: sold.iter().find_map(|one| one.row.customer.clone()),
        cart: None,
        reference: None,
        currency: first.row.currency,
        lines,
        charges,
        fulfilments: fulfilment.into_iter().collect(),
        codes,
        payments: payments(sold),
        refunds: Vec::new(),
        receipts: Vec::new(),
        returns: Vec::new(),
        imported: Some(Imported::default()),
        exit: None,
        pay_at_handover: false,
        till: first.row.till.clone(),
        till_reference: None,
        flags: Vec::new(),
        priced_at: cx.draft.builder.next_seq() - 1,
        created_at: sold.iter().map(|one| one.origin.occurred_at).min().unwrap_or(cx.draft.now),
        expires_at: None,
        history: Vec::new(),
    }
}
