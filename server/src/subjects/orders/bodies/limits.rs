//! The limits of orders, and the checks that bodies share.

use std::collections::HashSet;
use std::fmt::Display;

use anaquel_engine::ids::{Name, Timestamp};
use anaquel_engine::prices::row::AMOUNT_MAX;

use crate::http::problem::Problem;
use crate::wire::{outside_name, parse_time};

/// Lines of an order, over all of its fulfilments.
pub const LINES_MAX: usize = 100;

/// Fulfilments of an order.
pub const FULFILMENTS_MAX: usize = 20;

/// Charges of an order.
pub const CHARGES_MAX: usize = 20;

/// Codes of an order.
pub const CODES_MAX: usize = 20;

/// Payments of an order.
pub const PAYMENTS_MAX: usize = 50;

/// Refunds of an order.
pub const REFUNDS_MAX: usize = 50;

/// The maximum length of a reason, in bytes.
pub const REASON_BYTES_MAX: usize = 255;

/// The maximum length of an address, in bytes of JSON.
pub const ADDRESS_BYTES_MAX: usize = 4096;

/// Checks the length of a list.
///
/// # Errors
/// It is outside `least` to `most`.
pub fn count(field: &str, len: usize, least: usize, most: usize) -> Result<(), Problem> {
    match (least..=most).contains(&len) {
        true => Ok(()),
        false => Err(Problem::invalid(field, format!("has {len} entries; send {least} to {most}"))),
    }
}

/// Reads an amount: whole minor units, 0 to 10^12.
///
/// # Errors
/// It is outside.
pub fn amount(field: impl Display, value: i64) -> Result<u64, Problem> {
    let read = u64::try_from(value).ok().filter(|amount| *amount <= AMOUNT_MAX);
    let reason = || format!("{value} is not between 0 and {AMOUNT_MAX} minor units");
    read.ok_or_else(|| Problem::invalid(&field.to_string(), reason()))
}

/// Reads the price of a unit that is given by hand: with its quantity at most 10^12.
///
/// # Errors
/// It is outside, or too much for the quantity.
pub fn unit_amount(field: impl Display, value: i64, quantity: u32) -> Result<u64, Problem> {
    let read = amount(&field, value)?;
    match read.checked_mul(quantity.into()).is_some_and(|product| product <= AMOUNT_MAX) {
        true => Ok(read),
        false => {
            let reason = format!("times quantity is more than {AMOUNT_MAX} minor units; ask for fewer units");
            Err(Problem::invalid(&field.to_string(), reason))
        }
    }
}

/// An id within a record: the caller's, or `default`.
///
/// # Errors
/// It is no id.
pub fn part_name(
    field: impl Display,
    given: Option<&str>,
    default: impl FnOnce() -> String,
) -> Result<Box<str>, Problem> {
    match given {
        Some(text) => Ok(outside_name(field, text)?.as_str().into()),
        None => Ok(default().into()),
    }
}

/// Checks that ids are unique in their record.
///
/// # Errors
/// One comes twice; `field` names it.
pub fn unique<'a>(
    names: impl Iterator<Item = &'a str>,
    field: impl Fn(usize) -> String,
    what: &str,
) -> Result<(), Problem> {
    let mut seen = HashSet::new();
    for (at, name) in names.enumerate() {
        if !seen.insert(name) {
            let reason = format!("{name:?} is the id of another {what} of this order; each needs its own");
            return Err(Problem::invalid(&field(at), reason));
        }
    }
    Ok(())
}

/// Reads a customer: an id, which stays when what identifies the person changes.
///
/// # Errors
/// It is no id, or it looks like an e-mail address or a telephone number.
pub fn customer(text: Option<&str>) -> Result<Option<Box<str>>, Problem> {
    let Some(text) = text else { return Ok(None) };
    if text.contains('@') || text.starts_with('+') {
        let reason = "is an id without @ that does not begin with +; an e-mail address or a telephone number is one \
                      of the identifiers of a customer";
        return Err(Problem::invalid("customer", reason).with("identifiers", true));
    }
    Ok(Some(outside_name("customer", text)?.as_str().into()))
}

/// Reads the name of an order.
///
/// # Errors
/// It is no id.
pub fn order_name(text: &str) -> Result<Name, Problem> {
    outside_name("order", text)
}

/// Reads the codes that the customer gave.
///
/// # Errors
/// There are too many, or one is no code.
pub fn codes(given: &[String]) -> Result<Vec<Box<str>>, Problem> {
    count("codes", given.len(), 0, CODES_MAX)?;
    let read = |(at, code): (usize, &String)| Ok(outside_name(format!("codes[{at}]"), code)?.as_str().into());
    given.iter().enumerate().map(read).collect()
}

/// Reads a reason.
///
/// # Errors
/// It is too long.
pub fn reason(text: Option<String>) -> Result<Option<Box<str>>, Problem> {
    match text {
        Some(text) if text.len() > REASON_BYTES_MAX => {
            Err(Problem::invalid("reason", format!("is longer than {REASON_BYTES_MAX} bytes; shorten it")))
        }
        text => Ok(text.map(Into::into)),
    }
}

/// Reads a time that may be left out.
///
/// # Errors
/// It is no time.
pub fn date(field: impl Display, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    text.map(|text| parse_time(field, text)).transpose()
}

/// Reads an address: a JSON object, kept as it is written.
///
/// # Errors
/// It is too long.
pub fn address(field: impl Display, given: &serde_json::Map<String, serde_json::Value>) -> Result<Box<str>, Problem> {
    let text = serde_json::Value::Object(given.clone()).to_string();
    match text.len() > ADDRESS_BYTES_MAX {
        true => Err(Problem::invalid(&field.to_string(), format!("is longer than {ADDRESS_BYTES_MAX} bytes of JSON"))),
        false => Ok(text.into()),
    }
}
