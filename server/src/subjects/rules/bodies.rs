//! Rules on the wire.

use anaquel_engine::command::RuleFields;
use anaquel_engine::level::LINE_QUANTITY_MAX;
use anaquel_engine::rules::{Amount, Effect};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::problem::Problem;
use crate::wire::lists::{VALUES_MAX, attribute, category, each};
use crate::wire::{currency, location_kind, name, parse_time, sku_name};

/// A rule. It applies if every non-empty list matches, and a list matches if one of its values does.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RuleBody {
    /// `safety_stock`, `access`, `band`, `quota`, `backorder`, `preorder`, `capacity`, `pickup_only` or
    /// `returns`.
    #[schema(example = "safety_stock")]
    pub kind: String,
    /// These SKUs.
    pub skus: Vec<String>,
    /// SKUs in these categories.
    pub categories: Vec<String>,
    /// SKUs with these attributes, as `name=value`.
    #[schema(example = json!(["size=XL"]))]
    pub attributes: Vec<String>,
    /// These locations.
    pub locations: Vec<String>,
    /// Locations in these groups.
    #[schema(example = json!(["outlets"]))]
    pub groups: Vec<String>,
    /// Locations of these kinds: `store`, `warehouse`, `supplier`.
    pub location_kinds: Vec<String>,
    /// These channels.
    #[schema(example = json!(["marketplace"]))]
    pub channels: Vec<String>,
    /// The time from which the rule applies.
    pub starts_at: Option<String>,
    /// The time at which the rule ends; exclusive.
    pub ends_at: Option<String>,
    /// `safety_stock`: units held back. `quota`: units kept for its channels. `backorder` and `preorder`: units of each
    /// cell that may be promised beyond the known inbound supply.
    #[schema(example = 2)]
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub units: Option<i64>,
    /// The same as a percentage of on hand: rounded up for a safety stock, down for a quota, whose base also includes
    /// units collected under the quotas of the same locations.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub percent: Option<i64>,
    /// `access`: whether the channels may sell. `returns`: whether the goods may come back; true if left out.
    pub allow: Option<bool>,
    /// `band`: the number of units up to which the band is few left.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub few_left: Option<i64>,
    /// `band`: whether numbers are shown, too; true if left out.
    pub exact: Option<bool>,
    /// `quota`: the minimum number of units, if the share is a percentage.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub minimum: Option<i64>,
    /// `quota`: whether its channels may also use units that no quota keeps for another; false if left out.
    pub spill_over: Option<bool>,
    /// `backorder`: promises are dated this many days later, up to 3,650.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub lead_days: Option<i64>,
    /// `preorder`: the date when sales begin; promises are dated to it.
    pub available_at: Option<String>,
    /// `capacity`: orders for pickup or delivery that a location accepts per day, in its own time.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub orders_per_day: Option<i64>,
    /// `pickup_only`: an order worth less than this, in minor units, is not delivered.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub below: Option<i64>,
    /// `pickup_only`: the ISO 4217 currency of `below`.
    #[schema(example = "EUR")]
    pub currency: Option<String>,
    /// `returns`: days after the hand-over in which the goods may come back, up to 3,650; 30 if left out.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub days: Option<i64>,
    /// `returns`: whether they may come back without a sale; false if left out.
    pub without_sale: Option<bool>,
}

impl RuleBody {
    /// The fields, validated.
    pub fn into_fields(mut self) -> Result<RuleFields, Problem> {
        let effect = self.effect()?;
        let kind = |(at, text): (usize, String)| {
            location_kind(&text).map_err(|reason| Problem::invalid(&format!("location_kinds[{at}]"), reason))
        };
        Ok(RuleFields {
            effect,
            skus: each("skus", &self.skus, VALUES_MAX, sku_name)?,
            categories: each("categories", &self.categories, VALUES_MAX, category)?,
            attributes: each("attributes", &self.attributes, VALUES_MAX, attribute)?,
            locations: each("locations", &self.locations, VALUES_MAX, name)?,
            groups: each("groups", &self.groups, VALUES_MAX, name)?,
            kinds: self.location_kinds.into_iter().enumerate().map(kind).collect::<Result<_, _>>()?,
            channels: each("channels", &self.channels, VALUES_MAX, name)?,
            starts_at: self.starts_at.map(|text| parse_time("starts_at", &text)).transpose()?,
            ends_at: self.ends_at.map(|text| parse_time("ends_at", &text)).transpose()?,
        })
    }

    /// The effect of the rule; a field that its kind does not have is refused.
    fn effect(&mut self) -> Result<Effect, Problem> {
        let needs = |field: &str| Problem::invalid(field, format!("is required for a rule of kind {}", self.kind));
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
            "returns" => Effect::Returns {
                allow: self.allow.take().unwrap_or(true),
                days: match self.days.take() {
                    None => anaquel_engine::returns::policy::DAYS,
                    Some(days) => u32::try_from(days)
                        .ok()
                        .filter(|days| *days <= DAYS_MAX)
                        .ok_or_else(|| Problem::invalid("days", format!("{days} is not between 0 and {DAYS_MAX}")))?,
                },
                without_sale: self.without_sale.take().unwrap_or(false),
            },
            other => {
                let reason = format!(
                    "{other:?} is not safety_stock, access, band, quota, backorder, preorder, capacity, pickup_only or \
                     returns"
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
            ("days", self.days.is_some()),
            ("without_sale", self.without_sale.is_some()),
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
            (None, None) => Err(Problem::invalid("units", format!("is required for a rule of kind {}", self.kind))),
            (Some(_), Some(_)) => Err(Problem::invalid("percent", "is given beside units; send one of both")),
        }
    }
}

fn bounded(field: &str, value: i64) -> Result<u32, Problem> {
    u32::try_from(value)
        .ok()
        .filter(|value| *value <= LINE_QUANTITY_MAX)
        .ok_or_else(|| Problem::invalid(field, format!("{value} is not between 0 and {LINE_QUANTITY_MAX}")))
}

/// The maximum number of days in which goods may come back.
const DAYS_MAX: u32 = 3650;

/// The maximum lead time of a backorder.
const LEAD_DAYS_MAX: u16 = 3650;
