//! Rules on the wire.

use anaquel_engine::command::RuleFields;
use anaquel_engine::level::LINE_QUANTITY_MAX;
use anaquel_engine::rules::{Amount, Effect};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::problem::Problem;
use crate::wire::{TEXT_BYTES_MAX, currency, location_kind, name, parse_time, sku_name};

/// Values in one list of a rule's conditions.
const LIST_MAX: usize = 10_000;

/// A rule. It holds where every list that is not empty holds, and a list holds where one of its values does.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RuleBody {
    /// `safety_stock`, `access`, `band`, `quota`, `backorder`, `preorder`, `capacity` or `pickup_only`.
    #[schema(example = "safety_stock")]
    pub kind: String,
    /// One of these SKUs.
    pub skus: Vec<String>,
    /// A SKU in one of these categories.
    pub categories: Vec<String>,
    /// A SKU with one of these attributes, as `name=value`.
    #[schema(example = json!(["size=XL"]))]
    pub attributes: Vec<String>,
    /// One of these locations.
    pub locations: Vec<String>,
    /// A location in one of these groups.
    #[schema(example = json!(["outlets"]))]
    pub groups: Vec<String>,
    /// A location of one of these kinds: `store`, `warehouse`, `supplier`.
    pub location_kinds: Vec<String>,
    /// One of these channels.
    #[schema(example = json!(["marketplace"]))]
    pub channels: Vec<String>,
    /// From when on.
    pub starts_at: Option<String>,
    /// Until when, that moment excluded.
    pub ends_at: Option<String>,
    /// `safety_stock`: so many units are held back. `quota`: so many are kept for its channels. `backorder` and `preorder`:
    /// so many may be waited for in each cell beyond what is known to come.
    #[schema(example = 2)]
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub units: Option<i64>,
    /// The same as so many of a hundred that are on hand: rounded up for a safety stock, down for a quota, whose base also
    /// has what was handed over under the quotas of the same places.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub percent: Option<i64>,
    /// `access`: whether they may be sold.
    pub allow: Option<bool>,
    /// `band`: up to so many are few.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub few_left: Option<i64>,
    /// `band`: whether the numbers are told as well; yes if left out.
    pub exact: Option<bool>,
    /// `quota`: at least so many units, where the share is a percentage.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub minimum: Option<i64>,
    /// `quota`: whether its channels may also have what no quota keeps for another; no if left out.
    pub spill_over: Option<bool>,
    /// `backorder`: what is promised is promised for so many days later, up to 3,650.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub lead_days: Option<i64>,
    /// `preorder`: when it is sold from; what is promised is promised for then.
    pub available_at: Option<String>,
    /// `capacity`: orders for pickup or delivery that a location takes on in one of its days, in its own time.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub orders_per_day: Option<i64>,
    /// `pickup_only`: an order worth less, in minor units, is not delivered.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub below: Option<i64>,
    /// `pickup_only`: ISO 4217, of `below`.
    #[schema(example = "EUR")]
    pub currency: Option<String>,
}

impl RuleBody {
    /// The fields, validated.
    pub fn into_fields(mut self) -> Result<RuleFields, Problem> {
        let effect = self.effect()?;
        let category = |(at, text): (usize, String)| match text.len() {
            1..=TEXT_BYTES_MAX => Ok(text),
            _ => Err(Problem::invalid(&format!("categories[{at}]"), format!("has 1 to {TEXT_BYTES_MAX} bytes"))),
        };
        let kind = |(at, text): (usize, String)| {
            location_kind(&text).map_err(|reason| Problem::invalid(&format!("location_kinds[{at}]"), reason))
        };
        for (field, length) in [
            ("skus", self.skus.len()),
            ("categories", self.categories.len()),
            ("attributes", self.attributes.len()),
            ("locations", self.locations.len()),
            ("groups", self.groups.len()),
            ("channels", self.channels.len()),
        ] {
            if length > LIST_MAX {
                return Err(Problem::invalid(field, format!("has {length} entries; up to {LIST_MAX} are taken")));
            }
        }
        Ok(RuleFields {
            effect,
            skus: each("skus", self.skus, sku_name)?,
            categories: self.categories.into_iter().enumerate().map(category).collect::<Result<_, _>>()?,
            attributes: each("attributes", self.attributes, attribute)?,
            locations: each("locations", self.locations, name)?,
            groups: each("groups", self.groups, name)?,
            kinds: self.location_kinds.into_iter().enumerate().map(kind).collect::<Result<_, _>>()?,
            channels: each("channels", self.channels, name)?,
            starts_at: self.starts_at.map(|text| parse_time("starts_at", &text)).transpose()?,
            ends_at: self.ends_at.map(|text| parse_time("ends_at", &text)).transpose()?,
        })
    }

    /// What the rule does; a field that its kind does not have is refused.
    fn effect(&mut self) -> Result<Effect, Problem> {
        let needs = |field: &str| Problem::invalid(field, format!("is needed for a rule of kind {}", self.kind));
        let effect = match self.kind.as_str() {
            "safety_stock" => Effect::SafetyStock(self.amount()?),
            "quota" => Effect::Quota {
                share: self.amount()?,
                minimum: bounded("minimum", self.minimum.take().unwrap_or(0))?,
                spill_over: self.spill_over.take().unwrap_or(false),
            },
            "access" => Effect::Access(self.allow.take().ok_or_else(|| needs("allow"))?),
            "band" => Effect::Band {
                few_left: bounded("few_left", self.few_left.take().unwrap_or(0))?,
                exact: self.exact.take().unwrap_or(true),
            },
            "backorder" => Effect::Backorder {
                units: bounded("units", self.units.take().ok_or_else(|| needs("units"))?)?,
                lead_days: self
                    .lead_days
                    .take()
                    .ok_or_else(|| needs("lead_days"))
                    .map(|days| u16::try_from(days).ok().filter(|days| *days <= LEAD_DAYS_MAX))?
                    .ok_or_else(|| Problem::invalid("lead_days", format!("is not between 0 and {LEAD_DAYS_MAX}")))?,
            },
            "preorder" => Effect::Preorder {
                units: bounded("units", self.units.take().ok_or_else(|| needs("units"))?)?,
                available_at: {
                    let text = self.available_at.take().ok_or_else(|| needs("available_at"))?;
                    parse_time("available_at", &text)?
                },
            },
            "capacity" => {
                let orders = self.orders_per_day.take().ok_or_else(|| needs("orders_per_day"))?;
                Effect::Capacity { orders_per_day: bounded("orders_per_day", orders)? }
            }
            "pickup_only" => Effect::PickupOnly {
                below: u64::try_from(self.below.take().ok_or_else(|| needs("below"))?)
                    .map_err(|_| Problem::invalid("below", "is negative"))?,
                currency: currency::read("currency", &self.currency.take().ok_or_else(|| needs("currency"))?)?,
            },
            other => {
                let reason = format!(
                    "{other:?} is not safety_stock, access, band, quota, backorder, preorder, capacity or pickup_only"
                );
                return Err(Problem::invalid("kind", reason));
            }
        };
        let left = [
            ("units", self.units.is_some()),
            ("percent", self.percent.is_some()),
            ("allow", self.allow.is_some()),
            ("few_left", self.few_left.is_some()),
            ("exact", self.exact.is_some()),
            ("minimum", self.minimum.is_some()),
            ("spill_over", self.spill_over.is_some()),
            ("lead_days", self.lead_days.is_some()),
            ("available_at", self.available_at.is_some()),
            ("orders_per_day", self.orders_per_day.is_some()),
            ("below", self.below.is_some()),
            ("currency", self.currency.is_some()),
        ];
        match left.iter().find(|(_, given)| *given) {
            Some((field, _)) => Err(Problem::invalid(field, format!("is not a field of a rule of kind {}", self.kind))),
            None => Ok(effect),
        }
    }
}

impl RuleBody {
    fn amount(&mut self) -> Result<Amount, Problem> {
        match (self.units.take(), self.percent.take()) {
            (Some(units), None) => Ok(Amount::Units(bounded("units", units)?)),
            (None, Some(percent)) => {
                let percent = u8::try_from(percent).ok().filter(|percent| *percent <= 100);
                percent.map(Amount::Percent).ok_or_else(|| Problem::invalid("percent", "is not between 0 and 100"))
            }
            (None, None) => Err(Problem::invalid("units", format!("is needed for a rule of kind {}", self.kind))),
            (Some(_), Some(_)) => Err(Problem::invalid("percent", "is given beside units; name one")),
        }
    }
}

fn each<T>(
    field: &str,
    texts: Vec<String>,
    read: impl Fn(&str, &str) -> Result<T, Problem>,
) -> Result<Vec<T>, Problem> {
    texts.iter().enumerate().map(|(at, text)| read(&format!("{field}[{at}]"), text)).collect()
}

fn attribute(field: &str, text: &str) -> Result<(String, String), Problem> {
    let (key, value) =
        text.split_once('=').ok_or_else(|| Problem::invalid(field, format!("{text:?} is not name=value")))?;
    name(field, key)?;
    if value.len() > TEXT_BYTES_MAX {
        return Err(Problem::invalid(field, format!("is longer than {TEXT_BYTES_MAX} bytes")));
    }
    Ok((key.to_owned(), value.to_owned()))
}

fn bounded(field: &str, value: i64) -> Result<u32, Problem> {
    u32::try_from(value)
        .ok()
        .filter(|value| *value <= LINE_QUANTITY_MAX)
        .ok_or_else(|| Problem::invalid(field, format!("{value} is not between 0 and {LINE_QUANTITY_MAX}")))
}

/// The longest that a backorder takes.
const LEAD_DAYS_MAX: u16 = 3650;
