//! A real web shop, invoice by invoice: the *Online Retail* sample of a gift-ware shop, `online_retail.csv.gz` in one
//! folder. Amounts are in pence.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, ensure};
use flate2::read::GzDecoder;
use jiff::civil::DateTime;

use crate::tills::TillLine;

/// The file in its folder.
const FILE: &str = "online_retail.csv.gz";

/// Lines of one order.
const LINES_MAX: usize = 100;

/// What is bought at once: at most 100 lines of an invoice.
#[derive(Debug, Clone)]
pub struct Invoice {
    /// The number of the invoice, and which hundred lines of it.
    pub order: String,
    /// The customer, if the shop knew one.
    pub customer: Option<String>,
    /// Where it was sold: the country.
    pub location: String,
    /// When.
    pub moment: DateTime,
    /// Its lines.
    pub lines: Vec<TillLine>,
}

impl Invoice {
    /// What the customer paid.
    pub fn amount(&self) -> i64 {
        self.lines.iter().map(TillLine::amount).sum()
    }
}

/// Units of one SKU that come back: a line of a cancellation.
#[derive(Debug, Clone)]
pub struct Cancel {
    /// The number of the cancellation, and of its line.
    pub id: String,
    /// The customer, if the shop knew one.
    pub customer: Option<String>,
    /// Where: the country.
    pub location: String,
    /// When.
    pub moment: DateTime,
    /// The SKU.
    pub sku: String,
    /// Units.
    pub units: i64,
}

/// Units that were written off: negative units on an invoice.
#[derive(Debug, Clone)]
pub struct WriteOff {
    /// The number of the invoice.
    pub reference: String,
    /// Where: the country.
    pub location: String,
    /// When.
    pub moment: DateTime,
    /// The SKU.
    pub sku: String,
    /// Units.
    pub units: i64,
}

/// What happened in the shop.
#[derive(Debug, Clone)]
pub enum Step {
    /// Goods were sold.
    Sold(Invoice),
    /// Goods came back.
    Cancelled(Cancel),
    /// Goods were written off.
    WrittenOff(WriteOff),
}

impl Step {
    /// When.
    pub fn moment(&self) -> DateTime {
        match self {
            Self::Sold(Invoice { moment, .. })
            | Self::Cancelled(Cancel { moment, .. })
            | Self::WrittenOff(WriteOff { moment, .. }) => *moment,
        }
    }

    /// Where.
    pub fn location(&self) -> &str {
        match self {
            Self::Sold(Invoice { location, .. })
            | Self::Cancelled(Cancel { location, .. })
            | Self::WrittenOff(WriteOff { location, .. }) => location,
        }
    }

    /// Whose, if the shop knew the customer.
    pub fn customer(&self) -> Option<&str> {
        match self {
            Self::Sold(Invoice { customer, .. }) | Self::Cancelled(Cancel { customer, .. }) => customer.as_deref(),
            Self::WrittenOff(_) => None,
        }
    }
}

/// The shop.
#[derive(Debug, Default)]
pub struct Invoices {
    /// In the order of the file; an invoice stands where its first line does.
    pub steps: Vec<Step>,
    /// Lines that were read.
    pub lines: u64,
    /// Of those, adjustments of the books, which are no sales and are left out.
    pub adjustments: u64,
    /// Of those, negative units on an invoice: write-offs, which are no sales.
    pub write_offs: u64,
    /// Of those, sold for nothing.
    pub free_lines: u64,
    /// The first price of each SKU in the file, in pence.
    pub prices: BTreeMap<String, i64>,
    /// All SKUs.
    pub skus: BTreeSet<String>,
    /// All locations.
    pub locations: BTreeSet<String>,
}

/// A line of the file.
struct Row {
    invoice: String,
    sku: String,
    units: i64,
    moment: DateTime,
    /// Thousandths of a pound.
    mills: i64,
    customer: Option<String>,
    location: String,
}

impl Invoices {
    /// Reads `folder`, only the first `lines_max` lines if that is set.
    ///
    /// # Errors
    /// The data is missing or malformed.
    pub fn read(folder: &Path, lines_max: Option<u64>) -> anyhow::Result<Self> {
        let path = folder.join(FILE);
        let file = File::open(&path).with_context(|| path.display().to_string())?;
        let mut shop = Self::default();
        let mut places: BTreeMap<String, Place> = BTreeMap::new();
        for line in BufReader::new(GzDecoder::new(file)).lines().skip(1) {
            if lines_max.is_some_and(|most| shop.lines >= most) {
                break;
            }
            let line = line?;
            let row = Row::read(&line).with_context(|| line.clone())?;
            shop.lines += 1;
            let place = places.entry(row.invoice.clone()).or_default();
            shop.add(row, place)?;
        }
        Ok(shop)
    }

    fn add(&mut self, row: Row, place: &mut Place) -> anyhow::Result<()> {
        let Row { invoice, sku, units, moment, mills, customer, location } = row;
        let kind = invoice.chars().next();
        if kind == Some('A') {
            self.adjustments += 1;
            return Ok(());
        }
        self.skus.insert(sku.clone());
        self.locations.insert(location.clone());
        let price = pence(mills);
        if price > 0 {
            self.prices.entry(sku.clone()).or_insert(price);
        }
        place.lines += 1;
        if kind == Some('C') {
            ensure!(units < 0, "a cancellation of {units} units");
            let id = format!("{invoice}-{}", place.lines);
            self.steps.push(Step::Cancelled(Cancel { id, customer, location, moment, sku, units: -units }));
            return Ok(());
        }
        if units < 0 {
            place.lines -= 1;
            self.write_offs += 1;
            self.steps.push(Step::WrittenOff(WriteOff { reference: invoice, location, moment, sku, units: -units }));
            return Ok(());
        }
        let amount = pence(mills * units);
        self.free_lines += u64::from(amount == 0);
        let unit_amount = (mills + 9) / 10;
        let line = TillLine { sku, quantity: units, unit_amount, discount: unit_amount * units - amount };
        if (place.lines - 1).is_multiple_of(LINES_MAX) {
            let order = format!("{invoice}-{}", (place.lines - 1) / LINES_MAX);
            let moment = *place.moment.get_or_insert(moment);
            place.at = self.steps.len();
            self.steps.push(Step::Sold(Invoice { order, customer, location, moment, lines: vec![line] }));
            return Ok(());
        }
        match self.steps.get_mut(place.at) {
            Some(Step::Sold(sold)) if sold.customer == customer && sold.location == location => sold.lines.push(line),
            _ => anyhow::bail!("invoice {invoice} has two customers or two countries"),
        }
        Ok(())
    }
}

/// Where the lines of an invoice go.
#[derive(Debug, Default)]
struct Place {
    /// Lines so far.
    lines: usize,
    /// Which step has the latest.
    at: usize,
    /// When its first line was sold.
    moment: Option<DateTime>,
}

/// Half a penny is rounded up.
fn pence(mills: i64) -> i64 {
    (mills + 5) / 10
}

impl Row {
    fn read(line: &str) -> anyhow::Result<Self> {
        let fields = split(line);
        let [invoice, sku, _, units, moment, price, customer, country] = fields.as_slice() else {
            anyhow::bail!("{} fields, and not 8", fields.len());
        };
        Ok(Self {
            invoice: invoice.clone(),
            sku: sku.clone(),
            units: units.parse().context("units")?,
            moment: moment.parse().context("the moment")?,
            mills: mills(price)?,
            customer: Some(customer.strip_suffix(".0").unwrap_or(customer).to_owned()).filter(|name| !name.is_empty()),
            location: country.to_lowercase().replace(' ', "-"),
        })
    }
}

/// Thousandths of a decimal number.
fn mills(text: &str) -> anyhow::Result<i64> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    ensure!(rest.len() <= 3, "{text} has more than three decimals");
    Ok(format!("{whole}{rest:0<3}").parse()?)
}

/// The fields of a line; those with commas or quotes stand between quotes.
fn split(line: &str) -> Vec<String> {
    let (mut fields, mut field, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut rest = line.chars().peekable();
    while let Some(letter) = rest.next() {
        match letter {
            '"' if is_quoted && rest.next_if_eq(&'"').is_some() => field.push('"'),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => fields.push(std::mem::take(&mut field)),
            letter => field.push(letter),
        }
    }
    fields.push(field);
    fields
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    #[test]
    fn lines_and_prices_are_read_as_they_are_written() {
        assert_eq!(split(r#"1,A,"RED, ""BIG""",6,,2.55"#), ["1", "A", r#"RED, "BIG""#, "6", "", "2.55"]);
        for (text, amount) in [("2.55", 2550), ("4", 4000), ("0.001", 1), ("-11062.06", -11_062_060), ("3.7", 3700)] {
            assert_eq!(mills(text).unwrap(), amount, "{text}");
        }
        assert!(mills("0.0001").is_err());
        assert_eq!([1, 4, 5, 2550].map(pence), [0, 0, 1, 255]);
    }

    #[test]
    fn an_invoice_is_cut_into_orders_of_a_hundred_lines() {
        let mut shop = Invoices::default();
        let mut place = Place::default();
        for nth in 0..250 {
            let units = if nth == 120 { -3 } else { 1 };
            let line = format!("536365,S{nth},NAME,{units},2010-12-01 08:26:00,2.55,17850.0,United Kingdom");
            shop.add(Row::read(&line).unwrap(), &mut place).unwrap();
        }
        let sold: Vec<_> = shop
            .steps
            .iter()
            .filter_map(|step| match step {
                Step::Sold(sold) => Some((sold.order.as_str(), sold.lines.len(), sold.location.as_str())),
                _ => None,
            })
            .collect();
        let place = "united-kingdom";
        assert_eq!(sold, [("536365-0", 100, place), ("536365-1", 100, place), ("536365-2", 49, place)]);
        assert_eq!((shop.write_offs, shop.steps.len()), (1, 4));
    }
}
