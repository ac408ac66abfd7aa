//! Files of sales: what was sold before this log, or what its own ledger has. The rows of an order stand together, and those
//! of a return of goods of no known order.

use std::io::{self, Write};
use std::sync::Arc;

use anaquel_engine::Engine;
use anaquel_engine::command::Rows;
use anaquel_engine::event::ImportKind;
use anaquel_engine::kernel::tender::Tender;
use anaquel_engine::level::LINE_QUANTITY_MAX;
use anaquel_engine::orders::imported::{SaleFields, SaleOf, Sales};
use anaquel_engine::orders::payment::{PaymentState, Refund, RefundState};
use anaquel_engine::orders::{Order, SaleRow, SalesFilter};
use anaquel_engine::prices::list::Currency;
use anaquel_engine::prices::row::AMOUNT_MAX;
use anaquel_engine::prices::tax::RATE_MAX;

use super::bodies::limits;
use crate::files::cells::{Cells, Numbers, Wrong, name, required, sku, time, wrong};
use crate::files::csv;
use crate::files::export::{Texts, row};
use crate::files::kind::{FileKind, FileRow, list, number, word};
use crate::http::problem::Problem;
use crate::wire::{self, currency, outside_name};

/// Sales.
pub static SALES: FileKind = FileKind {
    kind: ImportKind::Sales,
    columns: &[
        word("order"),
        word("occurred_at"),
        word("channel"),
        word("location"),
        number("quantity"),
        number("amount"),
        word("line"),
        word("customer"),
        word("sku"),
        number("discount"),
        list("code"),
        word("tender"),
        word("currency"),
        word("till"),
        word("charge"),
        number("tax_rate"),
        word("return"),
    ],
    required: 6,
    either: &["sku", "charge"],
    attributes: false,
    creates: true,
    empty: |options| Rows::Sales(Sales { create: options.create, stock: options.stock, ..Sales::default() }),
    read: read_sale,
    export: export_sales,
};

/// The columns of an export.
const COLUMNS: &str = "order,line,occurred_at,channel,location,customer,sku,quantity,amount,discount,code,tender,currency,till,charge,\
     tax_rate,return";

/// Rows of the ledger that are read at once.
const ROWS_PER_PAGE: usize = 1000;

/// Reads a row. An order or a return of which a row cannot be read is not made without it.
fn read_sale(rows: &mut Rows, row: FileRow<'_>) -> Result<(), Wrong> {
    let Rows::Sales(sales) = rows else { return Ok(()) };
    let of = sale_of(&row.cells);
    match (of.clone().and_then(|of| Ok((read_row(row, &of)?, of))), of) {
        (Ok((fields, of)), _) => sales.push(of, fields),
        (Err(wrong), of) => {
            of.into_iter().for_each(|of| sales.break_off(of));
            return Err(wrong);
        }
    }
    Ok(())
}

/// What a row is of: its order, or the return of goods of no known order.
fn sale_of(cells: &Cells) -> Result<SaleOf, Wrong> {
    let cell = |column: &str| cells.get(column).filter(|text| !text.is_empty());
    match (cell("order"), cell("return")) {
        (Some(_), Some(_)) => {
            Err(wrong("return", "is given beside order; leave it empty: what comes back is of the order"))
        }
        (Some(order), None) => Ok(SaleOf::Order(limits::order_name(order).map_err(of_body("order"))?)),
        (None, Some(name)) => Ok(SaleOf::Return(outside_name("return", name).map_err(of_body("return"))?)),
        (None, None) => {
            let reason =
                "is required and empty; write the order, or in the column return the return of goods without one";
            Err(wrong("order", reason))
        }
    }
}

/// What is wrong with a cell, of a check that bodies share.
fn of_body(column: &'static str) -> impl Fn(Problem) -> Wrong {
    move |problem| {
        let detail = problem.detail();
        let prefix = format!("{column}: ");
        wrong(column, detail.strip_prefix(&prefix).unwrap_or(detail))
    }
}

fn read_row(row: FileRow<'_>, of: &SaleOf) -> Result<SaleFields, Wrong> {
    let FileRow { line, mut cells, numbers, .. } = row;
    let id = |cells: &mut Cells, column: &'static str| -> Result<Option<Box<str>>, Wrong> {
        let read = cells.remove(column).map(|text| outside_name(column, &text).map_err(of_body(column)));
        Ok(read.transpose()?.map(|name| name.as_str().into()))
    };
    let occurred_at = time("occurred_at", &required(&mut cells, "occurred_at")?)?;
    let (channel, location) = (name(&mut cells, "channel")?, name(&mut cells, "location")?);
    let (till, charge) = (id(&mut cells, "till")?, id(&mut cells, "charge")?);
    let customer = limits::customer(cells.remove("customer").as_deref()).map_err(of_body("customer"))?;
    let currency = required(&mut cells, "currency")?;
    let currency = Currency(currency::parse(&currency).map_err(|reason| wrong("currency", reason))?);
    let (sku, line_name) = match charge {
        None => (Some(sku(&mut cells)?), id(&mut cells, "line")?),
        Some(_) if cells.contains_key("sku") => return Err(wrong("charge", "is given beside sku; write one of both")),
        Some(_) if cells.contains_key("line") => return Err(wrong("line", "is given beside charge; leave it empty")),
        Some(charge) => (None, Some(charge)),
    };
    let quantity = quantity(&mut cells, &numbers, sku.is_some())?;
    if matches!(of, SaleOf::Return(_)) {
        of_no_order(sku.is_some(), quantity)?;
    }
    let (amount, discount) = amounts(&mut cells, &numbers, quantity)?;
    let codes = cells.remove("code").map(|text| csv::unlist(&text)).unwrap_or_default();
    let codes = limits::codes(&codes).map_err(|problem| wrong("code", problem.detail()))?;
    let tender = cells.remove("tender").map(|text| tender(&text)).transpose()?;
    let tax_rate = cells.remove("tax_rate").map(|text| tax_rate(&numbers, &text)).transpose()?;
    Ok(SaleFields {
        row: line,
        name: line_name,
        sku,
        occurred_at,
        channel,
        location,
        till,
        customer,
        currency,
        quantity,
        amount,
        discount,
        codes,
        tender,
        tax_rate,
    })
}

/// Goods of no known order only come back, and have no charges.
fn of_no_order(is_of_goods: bool, quantity: i64) -> Result<(), Wrong> {
    match (is_of_goods, quantity) {
        (false, _) => {
            Err(wrong("charge", "is given without an order, and goods of no known order have none; remove it"))
        }
        (true, units) if units > 0 => {
            Err(wrong("quantity", format!("{units} were sold, and no order is given; write the order, or -{units}")))
        }
        (true, _) => Ok(()),
    }
}

fn quantity(cells: &mut Cells, numbers: &Numbers, is_of_goods: bool) -> Result<i64, Wrong> {
    let quantity = numbers.whole("quantity", &required(cells, "quantity")?)?;
    match (is_of_goods, quantity) {
        (true, 0) => {
            Err(wrong("quantity", "is 0; write the units that were sold, or those that came back with a minus"))
        }
        (false, units) if units != 0 => Err(wrong("quantity", format!("is {units} of a charge; write 0"))),
        (_, quantity) if quantity.unsigned_abs() > LINE_QUANTITY_MAX.into() => {
            Err(wrong("quantity", format!("{quantity} is more than {LINE_QUANTITY_MAX} units")))
        }
        (_, quantity) => Ok(quantity),
    }
}

/// The amount and the discount of a row: what comes back is negative.
fn amounts(cells: &mut Cells, numbers: &Numbers, quantity: i64) -> Result<(Option<i64>, Option<i64>), Wrong> {
    let mut read = |column: &str| -> Result<Option<i64>, Wrong> {
        let Some(text) = cells.remove(column) else { return Ok(None) };
        let value = numbers.whole(column, &text)?;
        match value.unsigned_abs() > AMOUNT_MAX {
            true => Err(wrong(column, format!("{value} is more than {AMOUNT_MAX} minor units"))),
            false => Ok(Some(value)),
        }
    };
    let (amount, discount) = (read("amount")?, read("discount")?);
    for (column, value) in [("amount", amount), ("discount", discount)] {
        let Some(value) = value else { continue };
        if quantity < 0 && value > 0 {
            return Err(wrong(column, format!("{value} is positive, and the units come back; write -{value}")));
        }
        if quantity > 0 && value < 0 {
            return Err(wrong(column, format!("{value} is negative, and the units were sold; write {}", -value)));
        }
    }
    if amount.is_none() && quantity >= 0 {
        return Err(wrong("amount", "is required and empty; write a value"));
    }
    Ok((amount, discount))
}

fn tender(text: &str) -> Result<Tender, Wrong> {
    let found = Tender::ALL.into_iter().find(|tender| tender.as_str() == text);
    found.ok_or_else(|| {
        let all: Vec<&str> = Tender::ALL.into_iter().map(Tender::as_str).collect();
        wrong("tender", format!("{:?} is not one of {}", crate::files::cells::shorten(text), all.join(", ")))
    })
}

fn tax_rate(numbers: &Numbers, text: &str) -> Result<u32, Wrong> {
    let rate = numbers.whole("tax_rate", text)?;
    let read = u32::try_from(rate).ok().filter(|rate| *rate <= RATE_MAX);
    read.ok_or_else(|| wrong("tax_rate", format!("{rate} is not between 0 and {RATE_MAX} hundredths of a percent")))
}

/// Writes the ledger: the rows of an order together, where its first one stands.
fn export_sales(engine: &Engine, texts: Texts, out: &mut dyn Write) -> io::Result<u64> {
    writeln!(out, "{COLUMNS}")?;
    let (mut rows, mut after) = (0, None);
    loop {
        let page = engine.sales(&SalesFilter::default(), None, after, ROWS_PER_PAGE, ROWS_PER_PAGE);
        let (page, next) = page.map_err(io::Error::other)?;
        for sold in &page {
            let order = sold.order.as_ref().map(|name| engine.order(name.as_str())).transpose();
            let order = order.map_err(io::Error::other)?.flatten();
            let together: Vec<Arc<SaleRow>> = match &order {
                Some(order) => engine.sales_of(order).map_err(io::Error::other)?,
                None => Vec::new(),
            };
            match together.first().map(|first| first.key()) {
                Some(first) if first == sold.key() => {
                    for row in &together {
                        write_row(engine, texts, out, order.as_deref(), row)?;
                    }
                    rows += together.len() as u64;
                }
                // It stands with the others of its order.
                Some(_) if together.iter().any(|row| row.key() == sold.key()) => {}
                _ => {
                    write_row(engine, texts, out, order.as_deref(), sold)?;
                    rows += 1;
                }
            }
        }
        if next.is_none() {
            return Ok(rows);
        }
        after = next;
    }
}

/// The tender of a row, if its order, or its return, has only one: money is of the whole.
fn tender_of(engine: &Engine, order: Option<&Order>, row: &SaleRow) -> io::Result<Option<Tender>> {
    let done = |refunds: &[Refund]| {
        let done = refunds.iter().filter(|refund| refund.state == RefundState::Done);
        done.map(|one| one.tender).collect::<Vec<Tender>>()
    };
    let back = row.returned.as_ref().map(|name| engine.returned(name.as_str())).transpose();
    let back = back.map_err(io::Error::other)?.flatten();
    Ok(match (order, back) {
        // Nothing was paid back for it.
        (None, _) if row.amount == 0 => None,
        (_, Some(back)) => only(done(&back.refunds)),
        (None, None) => None,
        (Some(order), None) => {
            let payments = order.payments.iter().filter(|payment| payment.state == PaymentState::Captured);
            let refunds = order.refunds.iter().filter(|refund| refund.state == RefundState::Done);
            let here = refunds.filter(|refund| refund.origin.occurred_at == row.occurred_at);
            only(match row.is_return() {
                true => here.map(|one| one.tender).collect(),
                false => payments.map(|payment| payment.tender).collect(),
            })
        }
    })
}

fn only(mut tenders: Vec<Tender>) -> Option<Tender> {
    tenders.dedup();
    match tenders[..] {
        [tender] => Some(tender),
        _ => None,
    }
}

fn write_row(
    engine: &Engine,
    texts: Texts,
    out: &mut dyn Write,
    order: Option<&Order>,
    sold: &SaleRow,
) -> io::Result<()> {
    let catalogue = &engine.state().catalogue;
    let optional = |text: Option<&str>| text.map(|text| texts.cell(text)).unwrap_or_default();
    let codes = order.map(|order| &order.codes[..]).unwrap_or_default();
    let fields = [
        optional(sold.order.as_ref().map(|name| name.as_str())),
        optional(sold.line.as_deref()),
        wire::time(sold.occurred_at),
        texts.cell(sold.channel.as_str()),
        optional(sold.location.map(|id| catalogue.locations.name(id).as_str())),
        optional(sold.customer.as_deref()),
        optional(sold.sku.map(|id| catalogue.skus.name(id).as_str())),
        sold.quantity.to_string(),
        sold.amount.to_string(),
        sold.discount.to_string(),
        texts.cell(&csv::list(codes.iter().map(|code| &**code))),
        tender_of(engine, order, sold)?.unwrap_or(Tender::Other).as_str().to_owned(),
        sold.currency.as_str().to_owned(),
        optional(sold.till.as_deref()),
        optional(sold.charge.as_deref()),
        sold.tax_rate.map(|rate| rate.to_string()).unwrap_or_default(),
        // What comes back of an order is found with it.
        optional(sold.returned.as_ref().filter(|_| sold.order.is_none()).map(|name| name.as_str())),
    ];
    row(out, &fields)
}
