//! What requests about prices look like.

use anaquel_engine::catalogue::Catalogue;
use anaquel_engine::ids::{Name, Timestamp};
use anaquel_engine::level::LINE_QUANTITY_MAX;
use anaquel_engine::patch::Patch;
use anaquel_engine::prices::command::RowFields;
use anaquel_engine::prices::list::{Currency, ListKind, PriceList};
use anaquel_engine::prices::row::AMOUNT_MAX;
use anaquel_engine::prices::tax::{RATE_MAX, RATES_MAX, Rate, TaxClass};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::problem::Problem;
use crate::wire::declared::{group, location};
use crate::wire::lists::{VALUES_MAX, each};
use crate::wire::patch::{self, Said};
use crate::wire::{TEXT_BYTES_MAX, currency, name, parse_time, quantity, sku_name};

/// Rows in one request.
const ROWS_MAX: usize = 1000;

/// Lines in one question.
const LINES_MAX: usize = 200;

/// The highest and the lowest priority.
const PRIORITY_MAX: i64 = 1_000_000;

/// A price list. A field that is left out stays as it is; `null` and `[]` take it out.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PriceListBody {
    /// What people call it.
    #[schema(example = "Web, winter sale", value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub name: Said<String>,
    /// The currency of its prices. It changes only while none of them is in force or to come.
    #[schema(example = "EUR", value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub currency: Said<String>,
    /// `regular` (the default) or `sale`.
    #[schema(example = "sale", value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub kind: Said<String>,
    /// Only through these channels; through all, if there are none.
    #[schema(example = json!(["web"]), value_type = Option<Vec<String>>)]
    #[serde(deserialize_with = "patch::said")]
    pub channels: Said<Vec<String>>,
    /// Only at these locations.
    #[schema(value_type = Option<Vec<String>>)]
    #[serde(deserialize_with = "patch::said")]
    pub locations: Said<Vec<String>>,
    /// Only at the locations of these groups.
    #[schema(value_type = Option<Vec<String>>)]
    #[serde(deserialize_with = "patch::said")]
    pub groups: Said<Vec<String>>,
    /// Whether its prices include tax: they do, and only `true` is taken.
    #[schema(value_type = Option<bool>)]
    #[serde(deserialize_with = "patch::said")]
    pub includes_tax: Said<bool>,
    /// The list with the highest one wins; the default is 0, and `base` has −1.
    #[schema(example = 10, value_type = Option<i64>)]
    #[serde(deserialize_with = "patch::whole")]
    pub priority: Said<i64>,
    /// From when on it is in force.
    #[schema(value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub starts_at: Said<String>,
    /// Until when, that moment excluded.
    #[schema(value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub ends_at: Said<String>,
}

/// Prices that are set, or taken out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PricesBody {
    /// Up to 1,000; all or none.
    pub prices: Vec<PriceRowBody>,
}

/// One price. List, SKU, channel, location, currency, `min_quantity` and `starts_at` identify it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceRowBody {
    /// The price list; `base` if it is left out.
    #[schema(example = "web")]
    pub price_list: Option<String>,
    /// The SKU.
    #[schema(example = "TSHIRT-RED-M")]
    pub sku: String,
    /// Of `base` alone: only through this channel.
    pub channel: Option<String>,
    /// Of `base` alone: only at this location.
    pub location: Option<String>,
    /// Required for `base`; of any other list it is the list's.
    pub currency: Option<String>,
    /// In minor units of the currency; `null` takes the price out.
    #[schema(example = 1995, value_type = Option<i64>)]
    #[serde(deserialize_with = "crate::wire::whole::optional")]
    pub amount: Option<i64>,
    /// From so many units on; 1 if it is left out.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    #[schema(value_type = Option<i64>)]
    pub min_quantity: Option<i64>,
    /// From when on it holds; from the record that sets it, if it is left out. One in the past counts from then.
    pub starts_at: Option<String>,
    /// Until when, that moment excluded. Left out it stays as it is; `null` takes it out.
    #[schema(value_type = Option<String>)]
    #[serde(default, deserialize_with = "patch::said")]
    pub ends_at: Said<String>,
}

/// What is to be priced.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceQueryBody {
    /// Up to 200.
    pub lines: Vec<PriceLineBody>,
    /// Through which channel.
    #[schema(example = "web")]
    pub channel: String,
    /// At which location; at none in particular, if it is left out.
    pub location: Option<String>,
    /// From whichever location of a group: only conditions on groups hold then, and what names no place.
    pub group: Option<String>,
    /// In which currency.
    #[schema(example = "EUR")]
    pub currency: String,
    /// At which moment: up to 60 days back, and any way ahead. Now, if it is left out.
    pub at: Option<String>,
}

/// One line.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceLineBody {
    /// The SKU.
    #[schema(example = "TSHIRT-RED-M")]
    pub sku: String,
    /// Units; 1 if it is left out.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    #[schema(value_type = Option<i64>)]
    pub quantity: Option<i64>,
}

/// A tax class. A field that is left out stays as it is; `null` and `[]` take it out.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TaxClassBody {
    /// What people call it.
    #[schema(example = "Books", value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub name: Said<String>,
    /// Its rates. Of those that hold at a place, the one with the most conditions counts, then the first.
    #[schema(value_type = Option<Vec<TaxRateBody>>)]
    #[serde(deserialize_with = "patch::said")]
    pub rates: Said<Vec<TaxRateBody>>,
}

/// A rate of a tax class.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaxRateBody {
    /// In hundredths of a percent: 2100 is 21 %.
    #[schema(example = 2100)]
    #[serde(deserialize_with = "crate::wire::whole::required")]
    pub rate: i64,
    /// Only at these locations.
    #[serde(default)]
    pub locations: Vec<String>,
    /// Only at the locations of these groups.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// A list that is said: taken out, it is empty; in order, each value once.
fn set_list<T: Ord>(
    list: &mut Vec<T>,
    field: &str,
    said: Said<Vec<String>>,
    read: impl Fn(String, &str) -> Result<T, Problem>,
) -> Result<(), Problem> {
    if let Some(said) = said {
        *list = each(field, &said.unwrap_or_default(), VALUES_MAX, read)?;
        list.sort_unstable();
        list.dedup();
    }
    Ok(())
}

fn set_name(of: &mut Option<String>, said: Said<String>) -> Result<(), Problem> {
    let Some(said) = said else { return Ok(()) };
    if said.as_ref().is_some_and(|text| text.len() > TEXT_BYTES_MAX) {
        return Err(Problem::invalid("name", format!("is longer than {TEXT_BYTES_MAX} bytes")));
    }
    *of = said;
    Ok(())
}

fn set_time(of: &mut Option<Timestamp>, field: &str, said: Said<String>) -> Result<(), Problem> {
    if let Some(said) = said {
        *of = said.map(|text| parse_time(field, &text)).transpose()?;
    }
    Ok(())
}

impl PriceListBody {
    /// The list from here on: what it says now, where nothing new is said.
    ///
    /// # Errors
    /// The field that is wrong.
    pub fn into_list(self, catalogue: &Catalogue, known: Option<&PriceList>) -> Result<PriceList, Problem> {
        let code = match &self.currency {
            Some(Some(text)) => Some(Currency(currency::read("currency", text)?)),
            Some(None) => None,
            None => known.map(|known| known.currency),
        };
        let code = code.ok_or_else(|| Problem::invalid("currency", "is needed"))?;
        let mut list = known.cloned().unwrap_or_else(|| PriceList::of(code, ListKind::Regular));
        list.currency = code;
        if let Some(kind) = self.kind {
            let kind = kind.as_deref().unwrap_or(ListKind::Regular.as_str());
            let found = ListKind::ALL.into_iter().find(|known| known.as_str() == kind);
            list.kind = found.ok_or_else(|| Problem::invalid("kind", format!("{kind:?} is not regular or sale")))?;
        }
        if self.includes_tax.flatten() == Some(false) {
            let reason = "is false; prices include tax here, so write them with it, and leave this out";
            return Err(Problem::invalid("includes_tax", reason));
        }
        if let Some(priority) = self.priority {
            let priority = priority.unwrap_or(0);
            if !(-PRIORITY_MAX..=PRIORITY_MAX).contains(&priority) {
                let reason = format!("{priority} is not between -{PRIORITY_MAX} and {PRIORITY_MAX}");
                return Err(Problem::invalid("priority", reason));
            }
            list.priority = priority as i32;
        }
        set_name(&mut list.name, self.name)?;
        set_list(&mut list.channels, "channels", self.channels, name)?;
        set_list(&mut list.locations, "locations", self.locations, |field, text| location(catalogue, field, text))?;
        set_list(&mut list.groups, "groups", self.groups, |field, text| group(catalogue, field, text))?;
        set_time(&mut list.starts_at, "starts_at", self.starts_at)?;
        set_time(&mut list.ends_at, "ends_at", self.ends_at)?;
        match list.starts_at.zip(list.ends_at) {
            Some((start, end)) if end <= start => Err(Problem::invalid("ends_at", "is not after starts_at")),
            _ => Ok(list),
        }
    }
}

impl TaxClassBody {
    /// The class from here on: what it says now, where nothing new is said.
    ///
    /// # Errors
    /// The field that is wrong.
    pub fn into_class(self, catalogue: &Catalogue, known: Option<&TaxClass>) -> Result<TaxClass, Problem> {
        let mut class = known.cloned().unwrap_or_default();
        set_name(&mut class.name, self.name)?;
        if let Some(rates) = self.rates {
            let rates = rates.unwrap_or_default();
            if rates.len() > RATES_MAX {
                let reason = format!("has {} entries; up to {RATES_MAX} are taken", rates.len());
                return Err(Problem::invalid("rates", reason));
            }
            let rate = |(at, said): (usize, TaxRateBody)| {
                let field = |field: &str| format!("rates[{at}].{field}");
                let value = u32::try_from(said.rate).ok().filter(|rate| *rate <= RATE_MAX);
                let value = value.ok_or_else(|| {
                    let reason = format!("{} is not between 0 and {RATE_MAX}; 2100 is 21 %", said.rate);
                    Problem::invalid(&field("rate"), reason)
                })?;
                let mut rate = Rate { rate: value, ..Rate::default() };
                let (locations, groups) = (Some(Some(said.locations)), Some(Some(said.groups)));
                set_list(&mut rate.locations, &field("locations"), locations, |at, text| {
                    location(catalogue, at, text)
                })?;
                set_list(&mut rate.groups, &field("groups"), groups, |at, text| group(catalogue, at, text))?;
                Ok(rate)
            };
            class.rates = rates.into_iter().enumerate().map(rate).collect::<Result<_, Problem>>()?;
        }
        Ok(class)
    }
}

/// Reads an amount.
pub fn amount(value: i64) -> Result<u64, String> {
    let read = u64::try_from(value).ok().filter(|amount| *amount <= AMOUNT_MAX);
    read.ok_or_else(|| format!("{value} is not between 0 and {AMOUNT_MAX} minor units"))
}

/// Reads the least number of units of a price.
pub fn min_quantity(value: Option<i64>) -> Result<u32, String> {
    let value = value.unwrap_or(1);
    let read = u32::try_from(value).ok().filter(|units| (1..=LINE_QUANTITY_MAX).contains(units));
    read.ok_or_else(|| format!("{value} is not between 1 and {LINE_QUANTITY_MAX}"))
}

impl PricesBody {
    /// The rows.
    ///
    /// # Errors
    /// The field that is wrong.
    pub fn into_rows(self) -> Result<Vec<RowFields>, Problem> {
        if self.prices.is_empty() || self.prices.len() > ROWS_MAX {
            let reason = format!("has {} entries; 1 to {ROWS_MAX} are taken", self.prices.len());
            return Err(Problem::invalid("prices", reason));
        }
        self.prices.into_iter().enumerate().map(|(at, row)| row.into_row(at)).collect()
    }
}

impl PriceRowBody {
    fn into_row(self, at: usize) -> Result<RowFields, Problem> {
        let field = |field: &str| format!("prices[{at}].{field}");
        let named = |of: &str, text: Option<&String>| text.map(|text| name(field(of), text)).transpose();
        let time = |of: &str, text: &String| parse_time(field(of), text);
        let code = self.currency.as_ref().map(|text| currency::read(&field("currency"), text)).transpose()?;
        let ends_at = Patch::said(self.ends_at).try_map(|text| time("ends_at", &text))?;
        let wrong = |of: &str, reason: String| Problem::invalid(&field(of), reason);
        Ok(RowFields {
            line: 0,
            list: named("price_list", self.price_list.as_ref())?,
            sku: sku_name(field("sku"), &self.sku)?,
            channel: named("channel", self.channel.as_ref())?,
            location: named("location", self.location.as_ref())?,
            currency: code.map(Currency),
            amount: self.amount.map(amount).transpose().map_err(|reason| wrong("amount", reason))?,
            min_quantity: min_quantity(self.min_quantity).map_err(|reason| wrong("min_quantity", reason))?,
            starts_at: self.starts_at.as_ref().map(|text| time("starts_at", text)).transpose()?,
            ends_at,
        })
    }
}

impl PriceQueryBody {
    /// The SKUs and units of its lines.
    ///
    /// # Errors
    /// The field that is wrong.
    pub fn read_lines(&self) -> Result<Vec<(Name, u32)>, Problem> {
        if self.lines.is_empty() || self.lines.len() > LINES_MAX {
            let reason = format!("has {} entries; 1 to {LINES_MAX} are taken", self.lines.len());
            return Err(Problem::invalid("lines", reason));
        }
        let line = |(at, line): (usize, &PriceLineBody)| {
            let field = |field: &str| format!("lines[{at}].{field}");
            let units = quantity(field("quantity"), line.quantity.unwrap_or(1))?;
            Ok((sku_name(field("sku"), &line.sku)?, units))
        };
        self.lines.iter().enumerate().map(line).collect()
    }
}
