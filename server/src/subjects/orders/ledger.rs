//! The sales ledger: its rows, and their sums.

use std::collections::BTreeMap;

use anaquel_engine::Engine;
use anaquel_engine::ids::{LocationId, Name, Timestamp};
use anaquel_engine::kernel::tender::Tender;
use anaquel_engine::orders::payment::{Origin, PaymentState, Refund, RefundState};
use anaquel_engine::orders::{Order, SaleRow, SalesFilter};
use anaquel_engine::prices::list::Currency;
use anaquel_engine::returns::Return;
use serde_json::{Map, Value, json};

use super::shown::day;
use crate::http::problem::Problem;
use crate::wire::time;

/// A row of the ledger.
pub fn row(engine: &Engine, row: &SaleRow) -> Value {
    let catalogue = &engine.state().catalogue;
    json!({
        "seq": row.seq,
        "time": time(row.time),
        "occurred_at": time(row.occurred_at),
        "business_date": day(row.business_date),
        "kind": if row.is_return() { "return" } else { "sale" },
        "channel": row.channel.as_str(),
        "location": row.location.map(|id| catalogue.locations.name(id).as_str()),
        "till": row.till.as_deref(),
        "order": row.order.as_ref().map(|name| name.as_str()),
        "return": row.returned.as_ref().map(|name| name.as_str()),
        "receipt": row.receipt.as_ref().map(ToString::to_string),
        "customer": row.customer.as_deref(),
        "line": row.line.as_deref(),
        "charge": row.charge.as_deref(),
        "sku": row.sku.map(|id| catalogue.skus.name(id).as_str()),
        "kit": null,
        "quantity": row.quantity,
        "amount": row.amount,
        "discount": row.discount,
        "tax_rate": row.tax_rate,
        "currency": row.currency.as_str(),
        "absorbed": row.absorbed,
    })
}

/// What sums are told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// The channel.
    Channel,
    /// The location.
    Location,
    /// The till.
    Till,
    /// The day of the location's books.
    BusinessDate,
    /// The tender: then sums are of money, not of goods.
    Tender,
    /// The tax rate.
    TaxRate,
}

impl By {
    const ALL: [Self; 6] = [Self::Channel, Self::Location, Self::Till, Self::BusinessDate, Self::Tender, Self::TaxRate];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::Location => "location",
            Self::Till => "till",
            Self::BusinessDate => "business_date",
            Self::Tender => "tender",
            Self::TaxRate => "tax_rate",
        }
    }
}

/// Reads what sums are told by.
///
/// # Errors
/// One is unknown or comes twice, or the tax rate is asked for beside the tender.
pub fn read_by(text: &str) -> Result<Vec<By>, Problem> {
    let mut all = Vec::new();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let found = super::bodies::money::one_of("by", name, &By::ALL, By::as_str)?;
        if all.contains(&found) {
            return Err(Problem::invalid("by", format!("{name} is given twice; give it once")));
        }
        all.push(found);
    }
    if all.contains(&By::Tender) && all.contains(&By::TaxRate) {
        return Err(Problem::invalid("by", "has tax_rate beside tender: money has no tax rate; ask for one of both"));
    }
    Ok(all)
}

/// What a sum is of: the values of `by`, in its order, then the currency and, of money, its kind.
type Key = (Vec<Part>, Currency, &'static str);

/// A value of a key, in an order that does not depend on when names were made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    None,
    Text(String),
    Number(i64),
}

impl From<Part> for Value {
    fn from(part: Part) -> Self {
        match part {
            Part::None => Self::Null,
            Part::Text(text) => text.into(),
            Part::Number(number) => number.into(),
        }
    }
}

/// Sums of rows of the ledger.
#[derive(Debug, Default, Clone, Copy)]
struct Sums {
    rows: u64,
    quantity: i64,
    amount: i64,
    discount: i64,
}

/// Sums of the ledger, or of money.
pub struct Totals<'a> {
    engine: &'a Engine,
    by: &'a [By],
    sums: BTreeMap<Key, Sums>,
}

/// Where and when something is counted.
struct Counted<'a> {
    channel: &'a Name,
    location: Option<LocationId>,
    till: Option<&'a str>,
    business_date: i32,
    tender: Option<Tender>,
    tax_rate: Option<u32>,
}

impl<'a> Totals<'a> {
    /// No sums yet.
    pub fn new(engine: &'a Engine, by: &'a [By]) -> Self {
        Self { engine, by, sums: BTreeMap::new() }
    }

    /// How many sums there are.
    pub fn len(&self) -> usize {
        self.sums.len()
    }

    fn key(&self, of: &Counted<'_>) -> Vec<Part> {
        let text = |text: Option<&str>| text.map_or(Part::None, |text| Part::Text(text.to_owned()));
        let catalogue = &self.engine.state().catalogue;
        let part = |by: &By| match by {
            By::Channel => text(Some(of.channel.as_str())),
            By::Location => text(of.location.map(|id| catalogue.locations.name(id).as_str())),
            By::Till => text(of.till),
            By::BusinessDate => Part::Text(day(of.business_date)),
            By::Tender => text(of.tender.map(Tender::as_str)),
            By::TaxRate => of.tax_rate.map_or(Part::None, |rate| Part::Number(rate.into())),
        };
        self.by.iter().map(part).collect()
    }

    /// Adds a row.
    pub fn add(&mut self, row: &SaleRow) {
        let of = Counted {
            channel: &row.channel,
            location: row.location,
            till: row.till.as_deref(),
            business_date: row.business_date,
            tender: None,
            tax_rate: row.tax_rate,
        };
        let key = (self.key(&of), row.currency, "");
        let sums = self.sums.entry(key).or_default();
        sums.rows += 1;
        sums.quantity += row.quantity;
        sums.amount += row.amount;
        sums.discount += row.discount;
    }

    /// Adds the money of an order: each payment where and when it was captured, each refund where and when it was done.
    pub fn add_money(&mut self, order: &Order, is_seen: impl Fn(&Origin) -> bool, filter: &SalesFilter) {
        let payments = order.payments.iter().filter(|payment| payment.state == PaymentState::Captured);
        let payments = payments.filter_map(|one| Some(("payment", one.captured.as_ref()?, one.tender, one.amount)));
        self.add_moneys(payments.chain(done(&order.refunds)), order.currency, is_seen, filter);
    }

    /// Adds the refunds of a return: each where and when it was done.
    pub fn add_refunds(&mut self, back: &Return, is_seen: impl Fn(&Origin) -> bool, filter: &SalesFilter) {
        self.add_moneys(done(&back.refunds), back.currency, is_seen, filter);
    }

    fn add_moneys<'m>(
        &mut self,
        moneys: impl Iterator<Item = Money<'m>>,
        currency: Currency,
        is_seen: impl Fn(&Origin) -> bool,
        filter: &SalesFilter,
    ) {
        for (kind, origin, tender, amount) in moneys {
            if !is_asked(origin, filter) || !is_seen(origin) {
                continue;
            }
            let of = Counted {
                channel: &origin.channel,
                location: origin.location,
                till: origin.till.as_deref(),
                business_date: origin.business_date,
                tender: Some(tender),
                tax_rate: None,
            };
            let key = (self.key(&of), currency, kind);
            let sums = self.sums.entry(key).or_default();
            sums.rows += 1;
            sums.amount += i64::try_from(amount).unwrap_or(i64::MAX);
        }
    }

    /// The sums, in the order of what they are told by.
    pub fn items(self) -> Vec<Value> {
        let of_money = self.by.contains(&By::Tender);
        let item = |((parts, currency, kind), sums): (Key, Sums)| {
            let mut item: Map<String, Value> =
                self.by.iter().zip(parts).map(|(by, part)| (by.as_str().to_owned(), part.into())).collect();
            item.insert("currency".into(), currency.as_str().into());
            item.insert("rows".into(), sums.rows.into());
            item.insert("amount".into(), sums.amount.into());
            if of_money {
                item.insert("kind".into(), kind.into());
            } else {
                item.insert("quantity".into(), sums.quantity.into());
                item.insert("discount".into(), sums.discount.into());
            }
            Value::Object(item)
        };
        self.sums.into_iter().map(item).collect()
    }
}

/// Money that moved: its kind, where and when, its tender and its amount.
type Money<'a> = (&'static str, &'a Origin, Tender, u64);

/// Refunds that are done.
fn done(refunds: &[Refund]) -> impl Iterator<Item = Money<'_>> {
    let refunds = refunds.iter().filter(|refund| refund.state == RefundState::Done);
    refunds.filter_map(|one| Some(("refund", one.done.as_ref()?, one.tender, one.amount)))
}

/// Whether money was told where and when a filter asks.
fn is_asked(origin: &Origin, filter: &SalesFilter) -> bool {
    let within = |from: Option<Timestamp>, to: Option<Timestamp>| {
        from.is_none_or(|from| origin.occurred_at >= from) && to.is_none_or(|to| origin.occurred_at < to)
    };
    within(filter.from, filter.to)
        && filter.channel.as_ref().is_none_or(|channel| *channel == origin.channel)
        && filter.location.is_none_or(|location| origin.location == Some(location))
        && filter.till.as_deref().is_none_or(|till| origin.till.as_deref() == Some(till))
}
