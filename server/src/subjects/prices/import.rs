//! Files of prices.

use std::io::{self, Write};

use anaquel_engine::Engine;
use anaquel_engine::command::Rows;
use anaquel_engine::event::ImportKind;
use anaquel_engine::ids::{Name, SkuId, Timestamp};
use anaquel_engine::patch::Patch;
use anaquel_engine::prices::command::RowFields;
use anaquel_engine::prices::list::{BASE_NAME, Currency};

use super::bodies;
use crate::files::cells::{Cells, Wrong, sku, time, wrong};
use crate::files::export::{Texts, row};
use crate::files::kind::{FileKind, FileRow, number, word};
use crate::wire::{self, currency};

/// Prices.
pub static PRICES: FileKind = FileKind {
    kind: ImportKind::Prices,
    columns: &[
        word("sku"),
        word("price_list"),
        word("channel"),
        word("location"),
        word("currency"),
        number("amount"),
        number("min_quantity"),
        word("starts_at"),
        word("ends_at"),
        number("price"),
    ],
    required: 1,
    either: &["amount", "price"],
    attributes: false,
    creates: false,
    empty: |_| Rows::Prices(Vec::new()),
    read: read_price,
    export: export_prices,
};

fn read_price(rows: &mut Rows, row: FileRow<'_>) -> Result<(), Wrong> {
    let Rows::Prices(rows) = rows else { return Ok(()) };
    let FileRow { line, mut cells, numbers, engine } = row;
    let sku = sku(&mut cells)?;
    let optional = |cells: &mut Cells, column: &str| {
        cells.remove(column).map(|text| Name::parse(&text).map_err(|e| wrong(column, e))).transpose()
    };
    let list = optional(&mut cells, "price_list")?.filter(|name| name.as_str() != BASE_NAME);
    let (channel, location) = (optional(&mut cells, "channel")?, optional(&mut cells, "location")?);
    let code = match cells.remove("currency") {
        Some(text) => Some(currency::parse(&text).map_err(|reason| wrong("currency", reason))?),
        // The digits of an amount are those of the list's currency.
        None => match &list {
            Some(name) => {
                let standing = engine.state().own.prices.list(name.as_str());
                standing.and_then(|standing| standing.list.as_ref().map(|list| list.currency.0))
            }
            None => return Err(wrong("currency", "is required and empty; of a price_list it is the list's")),
        },
    };
    let (column, amount) = match (cells.remove("amount"), cells.remove("price")) {
        (Some(_), Some(_)) => return Err(wrong("price", "is given beside amount; write one of both")),
        (None, Some(price)) => {
            let digits = code.and_then(|code| currency::digits(std::str::from_utf8(&code).ok()?)).unwrap_or(2);
            ("price", numbers.minor_units("price", &price, digits)?)
        }
        (Some(amount), None) => {
            let hint = |(field, reason): Wrong| (field, format!("{reason}; the column price takes 19.99 for 1999"));
            let has_point = amount.contains(['.', ',']);
            let units = numbers.whole("amount", &amount);
            ("amount", if has_point { units.map_err(hint)? } else { units? })
        }
        (None, None) => {
            return Err(wrong("amount", "is required and empty; write it, or use a column price"));
        }
    };
    if amount < 0 {
        return Err(wrong(column, format!("{amount} minor units are negative; write an amount of at least 0")));
    }
    let amount = bodies::amount(amount).map_err(|reason| wrong(column, reason))?;
    let least = cells.remove("min_quantity").map(|text| numbers.whole("min_quantity", &text)).transpose()?;
    let min_quantity = bodies::min_quantity(least).map_err(|reason| wrong("min_quantity", reason))?;
    let starts_at = cells.remove("starts_at").map(|text| time("starts_at", &text)).transpose()?;
    let ends_at = Patch::from(cells.remove("ends_at").map(|text| time("ends_at", &text)).transpose()?);
    rows.push(RowFields {
        line,
        list,
        sku,
        channel,
        location,
        currency: code.map(Currency),
        amount: Some(amount),
        min_quantity,
        starts_at,
        ends_at,
    });
    Ok(())
}

fn export_prices(engine: &Engine, texts: Texts, out: &mut dyn Write) -> io::Result<u64> {
    let (catalogue, prices) = (&engine.state().catalogue, &engine.state().own.prices);
    writeln!(out, "price_list,sku,channel,location,currency,amount,min_quantity,starts_at,ends_at")?;
    let mut rows = 0;
    let name = |name: Option<&Name>| name.map(|name| texts.cell(name.as_str())).unwrap_or_default();
    let when = |at: Option<Timestamp>| at.map(wire::time).unwrap_or_default();
    for id in (0..prices.skus()).map(SkuId) {
        let mut of_sku = prices.set_rows(id);
        of_sku.sort_by(|a, b| a.0.cmp(&b.0));
        for (list, price) in of_sku {
            let fields = [
                name(Some(&list)),
                texts.cell(catalogue.skus.name(id).as_str()),
                name(price.key.channel.as_ref()),
                name(price.key.location.as_ref()),
                price.key.currency.as_str().to_owned(),
                price.amount.to_string(),
                price.key.min_quantity.to_string(),
                when(price.key.starts_at),
                when(price.ends_at),
            ];
            row(out, &fields)?;
            rows += 1;
        }
    }
    Ok(rows)
}
