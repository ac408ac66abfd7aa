//! Files of orders, which are only read: what each customer agreed to, and what became of it.

use std::io::{self, Write};

use anaquel_engine::Engine;
use anaquel_engine::orders::Filter;

use super::parts;
use super::shown::Sees;
use super::views;
use crate::files::export::{Texts, json_row};
use crate::files::kind::ExportKind;

/// Orders.
pub const ORDERS: ExportKind = ExportKind { name: "orders", export };

/// Orders that are read at once.
const ORDERS_PER_PAGE: usize = 1000;

/// The columns: members of an order. A list is JSON. Addresses and codes are in no export.
const COLUMNS: &[&str] = &[
    "order",
    "state",
    "channel",
    "begun_in",
    "customer",
    "cart",
    "reference",
    "currency",
    "subtotal",
    "discount",
    "tax",
    "total",
    "paid",
    "refunded",
    "due",
    "refund_due",
    "pay_at_handover",
    "till_reference",
    "created_at",
    "expires_at",
    "lines",
    "fulfilments",
    "charges",
    "taxes",
    "payments",
    "refunds",
    "receipts",
    "uncredited",
    "returns",
    "flags",
    "seq",
];

fn export(engine: &Engine, texts: Texts, out: &mut dyn Write) -> io::Result<u64> {
    writeln!(out, "{}", COLUMNS.join(","))?;
    let (mut rows, mut before) = (0, None);
    loop {
        let page = engine.orders(&Filter::default(), before, ORDERS_PER_PAGE, ORDERS_PER_PAGE);
        let (page, next) = page.map_err(io::Error::other)?;
        for order in &page {
            let sees = Sees { codes: false, address: Box::new(|_| false) };
            let item = views::order(engine, order, &parts::in_memory(engine, order), &sees);
            json_row(out, texts, COLUMNS, &item)?;
            rows += 1;
        }
        if next.is_none() {
            return Ok(rows);
        }
        before = next;
    }
}
