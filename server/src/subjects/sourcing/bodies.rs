//! Sourcing on the wire: what is asked, the plan, and what comes from where.

use anaquel_engine::Engine;
use anaquel_engine::event::Purpose;
use anaquel_engine::ids::{LocationId, Name, SkuId, Timestamp};
use anaquel_engine::sourcing::{Policy, Question, Sources, Weights};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::problem::Problem;
use crate::subjects::catalogue::bodies::coordinates;
use crate::subjects::reservations::bodies::{LINES_MAX, TTL_SECONDS_DEFAULT, parse_purpose, ttl};
use crate::wire::{currency, known_location, name, optional_name, parse_time, quantity, sku_name};

/// Shipments of one order.
pub const SHIPMENTS_MAX: i64 = 100;

/// Shipments of one order, if nothing is said.
const SHIPMENTS_DEFAULT: i64 = 5;

/// Locations that may be named as sources.
const SOURCES_MAX: usize = 10_000;

/// An order that is to be sourced.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SourcingBody {
    /// Through which channel.
    #[schema(example = "web")]
    pub channel: String,
    /// 1 to 100. Lines of one SKU are added up.
    pub lines: Vec<SourcingLineBody>,
    /// Where it goes: coordinates, or a location.
    pub destination: Option<DestinationBody>,
    /// `delivery` (default): from locations that ship. `pickup`: at the destination's location, from its own stock and
    /// from where it may have things brought from.
    pub purpose: Option<String>,
    /// `nearest` (default where the destination is known), `priority`, `most_stock`, `fewest_shipments` (default elsewhere), `whole_order`,
    /// `stores_last` or `balance`.
    #[schema(example = "fewest_shipments")]
    pub policy: Option<String>,
    /// The weights of the score, in place of a policy.
    pub weights: Option<WeightsBody>,
    /// From these locations only; their order is their priority.
    pub locations: Option<Vec<String>>,
    /// From the locations of this group only.
    pub group: Option<String>,
    /// 1 to 100 shipments; 5 if left out.
    #[schema(example = 2)]
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub max_shipments: Option<i64>,
    /// What the order is worth; added up from prices if left out.
    pub value: Option<ValueBody>,
    /// Only show the plan and the runner-up.
    #[serde(default)]
    pub dry_run: bool,
    /// For whom.
    pub customer: Option<String>,
    /// For which order.
    pub order: Option<String>,
    /// 1 to 2,678,400; 900 if left out.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub ttl_seconds: Option<i64>,
    /// Whether it is confirmed in the same step.
    #[serde(default)]
    pub confirm: bool,
    /// Whether fewer units than asked for will do.
    #[serde(default)]
    pub allow_partial: bool,
}

/// One line.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SourcingLineBody {
    /// The SKU.
    #[schema(example = "TSHIRT-RED-M")]
    pub sku: String,
    /// Units, at least 1.
    #[schema(example = 2)]
    #[serde(deserialize_with = "crate::wire::whole::required")]
    pub quantity: i64,
    /// Units that are to come by then will do, where there are not enough.
    pub latest: Option<String>,
}

/// Where an order goes.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DestinationBody {
    /// Degrees north.
    #[schema(example = 40.41)]
    pub latitude: Option<f64>,
    /// Degrees east.
    #[schema(example = -3.70)]
    pub longitude: Option<f64>,
    /// A location, in place of coordinates.
    pub location: Option<String>,
}

/// What an order is worth.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ValueBody {
    /// In minor units.
    #[schema(example = 1999)]
    #[serde(deserialize_with = "crate::wire::whole::required")]
    pub amount: u64,
    /// ISO 4217.
    #[schema(example = "EUR")]
    pub currency: String,
}

/// What each part of the score counts; 0 if left out.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WeightsBody {
    /// For each place that is used.
    pub shipments: f64,
    /// For each unit and 100 km.
    pub distance: f64,
    /// For each unit and each location named before its own.
    pub priority: f64,
    /// For each unit: 1 / units available there.
    pub stock: f64,
    /// For each unit from a store.
    pub store: f64,
    /// For each unit: 1 / (1 + days until the place sells out).
    pub cover: f64,
}

/// An order that is to be sourced, validated.
#[derive(Debug, Clone)]
pub struct Order {
    /// Through which channel.
    pub channel: Name,
    /// For what.
    pub purpose: Purpose,
    /// For which customer.
    pub customer: Option<Box<str>>,
    /// For which order.
    pub order: Option<Box<str>>,
    /// How long it is held.
    pub ttl_seconds: u32,
    /// Whether it is confirmed in the same step.
    pub confirm: bool,
    /// Whether fewer units than asked for will do.
    pub allow_partial: bool,
    /// Whether the plan is only shown.
    pub dry_run: bool,
    /// Where it is fetched, if it is.
    pub fetched_at: Option<LocationId>,
    /// Whether it comes from one place, or not at all.
    pub is_whole: bool,
    /// SKU by SKU: its name, the units, and until when what is to come will do.
    pub lines: Vec<(Name, u32, Option<Timestamp>)>,
    /// What it is worth: minor units and currency, where the caller says so.
    pub value: Option<(u64, String)>,
    /// Empty of limits; its lines are those above that are known.
    pub question: Question,
    /// Lines whose SKU nobody ever heard of.
    pub unknown: Vec<usize>,
}

impl ValueBody {
    fn into_value(self) -> Result<(u64, String), Problem> {
        currency::read("value.currency", &self.currency)?;
        Ok((self.amount, self.currency))
    }
}

impl SourcingBody {
    /// The order, validated.
    pub fn into_order(self, engine: &Engine) -> Result<Order, Problem> {
        let catalogue = &engine.state().catalogue;
        let lines = merged(&self.lines)?;
        let channel = name("channel", &self.channel)?;
        let purpose = match self.purpose.as_deref() {
            None => Purpose::Delivery,
            Some(text) => match parse_purpose(text)? {
                Purpose::Cart => return Err(Problem::invalid("purpose", "an order is for pickup or delivery")),
                purpose => purpose,
            },
        };
        let (near, store) = self.destination(engine)?;
        let fetched_at = || -> Result<LocationId, Problem> {
            store.ok_or_else(|| Problem::invalid("destination", "names no location to pick it up at"))
        };
        let fetched_at = if purpose == Purpose::Pickup { Some(fetched_at()?) } else { None };
        let sources = match (&self.locations, &self.group, purpose) {
            (Some(_), Some(_), _) => return Err(Problem::invalid("group", "is given beside locations; name one")),
            (None, None, Purpose::Pickup) => fetched_at.map_or(Sources::Shipping, Sources::Store),
            (None, None, _) => Sources::Shipping,
            (Some(named), None, _) => {
                if !(1..=SOURCES_MAX).contains(&named.len()) {
                    let reason = format!("has {} entries; 1 to {SOURCES_MAX} are taken", named.len());
                    return Err(Problem::invalid("locations", reason));
                }
                let id = |text: &String| known_location(catalogue, text);
                Sources::Named(named.iter().map(id).collect::<Result<_, _>>()?)
            }
            (None, Some(group), _) => {
                let id = catalogue.groups.id(name("group", group)?.as_str());
                let id = id.ok_or_else(|| Problem::not_found("group").with("field", "group"))?;
                let members = catalogue.groups.details_or_default(id).locations;
                Sources::Named(members)
            }
        };
        let policy = self.policy.as_deref().map(parse_policy).transpose()?;
        let weights = match (policy, &self.weights) {
            (Some(_), Some(_)) => return Err(Problem::invalid("weights", "are given beside a policy; name one")),
            (None, Some(weights)) => weights.read()?,
            (Some(policy), None) => policy.weights(),
            (None, None) if near.is_some() => Policy::Nearest.weights(),
            (None, None) => Policy::FewestShipments.weights(),
        };
        let wants_near = policy == Some(Policy::Nearest) || self.weights.is_some() && weights.distance > 0.0;
        if near.is_none() && wants_near {
            return Err(Problem::invalid("destination", "is needed, with coordinates, where distance counts"));
        }
        let shipments = self.max_shipments.unwrap_or(SHIPMENTS_DEFAULT);
        if !(1..=SHIPMENTS_MAX).contains(&shipments) {
            return Err(Problem::invalid("max_shipments", format!("{shipments} is not between 1 and {SHIPMENTS_MAX}")));
        }
        let shipments_max = if policy == Some(Policy::WholeOrder) { 1 } else { shipments as usize };
        let known: Vec<Option<SkuId>> = lines.iter().map(|(sku, ..)| catalogue.skus.id(sku.as_str())).collect();
        let unknown = known.iter().enumerate().filter(|(_, id)| id.is_none()).map(|(at, _)| at).collect();
        let asked = known.iter().zip(&lines).filter_map(|(id, (_, units, latest))| Some(((*id)?, *units, *latest)));
        let question = Question {
            lines: asked.collect(),
            near,
            sources,
            channel: engine.state().channel("channel", &channel)?,
            purpose,
            weights,
            shipments_max,
            now: engine.now(),
            limits: Default::default(),
        };
        Ok(Order {
            channel,
            purpose,
            customer: optional_name("customer", self.customer.as_deref())?,
            order: optional_name("order", self.order.as_deref())?,
            ttl_seconds: ttl(self.ttl_seconds.unwrap_or(TTL_SECONDS_DEFAULT))?,
            confirm: self.confirm,
            allow_partial: self.allow_partial,
            dry_run: self.dry_run,
            fetched_at,
            is_whole: policy == Some(Policy::WholeOrder),
            lines,
            value: self.value.map(ValueBody::into_value).transpose()?,
            question,
            unknown,
        })
    }

    /// Where it goes, and the location that this is.
    #[allow(clippy::type_complexity, reason = "a place and a name")]
    fn destination(&self, engine: &Engine) -> Result<(Option<(f64, f64)>, Option<LocationId>), Problem> {
        let Some(destination) = &self.destination else { return Ok((None, None)) };
        let catalogue = &engine.state().catalogue;
        match (destination.latitude, destination.longitude, &destination.location) {
            (Some(latitude), Some(longitude), None) => {
                let near = coordinates(latitude, longitude);
                near.map(|near| (Some(near), None))
                    .map_err(|(field, reason)| Problem::invalid(&format!("destination.{field}"), reason))
            }
            (None, None, Some(location)) => {
                let location = known_location(catalogue, location)?;
                Ok((catalogue.locations.details_or_default(location).coordinates, Some(location)))
            }
            _ => Err(Problem::invalid("destination", "has latitude and longitude, or a location")),
        }
    }
}

/// Lines of one SKU are one: the units add up, and the earlier date counts.
fn merged(lines: &[SourcingLineBody]) -> Result<Vec<(Name, u32, Option<Timestamp>)>, Problem> {
    if !(1..=LINES_MAX).contains(&lines.len()) {
        return Err(Problem::invalid("lines", format!("has {} entries; 1 to {LINES_MAX} are taken", lines.len())));
    }
    let mut merged: Vec<(Name, u32, Option<Timestamp>)> = Vec::with_capacity(lines.len());
    for (at, line) in lines.iter().enumerate() {
        let field = |name: &str| format!("lines[{at}].{name}");
        let sku = sku_name(&field("sku"), &line.sku)?;
        let units = quantity(&field("quantity"), line.quantity)?;
        let latest = line.latest.as_ref().map(|text| parse_time(&field("latest"), text)).transpose()?;
        match merged.iter_mut().find(|(known, ..)| *known == sku) {
            Some((_, known, earlier)) => {
                let sum = i64::from(*known) + i64::from(units);
                *known = quantity(&field("quantity"), sum)?;
                *earlier = earlier.zip(latest).map(|(one, other)| one.min(other));
            }
            None => merged.push((sku, units, latest)),
        }
    }
    Ok(merged)
}

impl WeightsBody {
    fn read(&self) -> Result<Weights, Problem> {
        let Self { shipments, distance, priority, stock, store, cover } = *self;
        for (field, weight) in [
            ("shipments", shipments),
            ("distance", distance),
            ("priority", priority),
            ("stock", stock),
            ("store", store),
            ("cover", cover),
        ] {
            if !(weight.is_finite() && (0.0..=1e9).contains(&weight)) {
                return Err(Problem::invalid(&format!("weights.{field}"), "is not between 0 and 1,000,000,000"));
            }
        }
        Ok(Weights { shipments, distance, priority, stock, store, cover })
    }
}

fn parse_policy(text: &str) -> Result<Policy, Problem> {
    Ok(match text {
        "nearest" => Policy::Nearest,
        "priority" => Policy::Priority,
        "most_stock" => Policy::MostStock,
        "fewest_shipments" => Policy::FewestShipments,
        "whole_order" => Policy::WholeOrder,
        "stores_last" => Policy::StoresLast,
        "balance" => Policy::Balance,
        other => {
            let reason = format!(
                "{other:?} is not nearest, priority, most_stock, fewest_shipments, whole_order, stores_last or balance"
            );
            return Err(Problem::invalid("policy", reason));
        }
    })
}
