//! Sourcing requests.

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

/// The maximum number of shipments of one order.
pub const SHIPMENTS_MAX: i64 = 100;

/// The default number of shipments of one order.
const SHIPMENTS_DEFAULT: i64 = 5;

/// The maximum number of locations that a request names as sources.
const SOURCES_MAX: usize = 10_000;

/// An order to source.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SourcingBody {
    /// The channel of the sale.
    #[schema(example = "web")]
    pub channel: String,
    /// 1 to 100 lines. Lines of one SKU are added up.
    pub lines: Vec<SourcingLineBody>,
    /// The destination: coordinates, or a location.
    pub destination: Option<DestinationBody>,
    /// `delivery` (default): from locations that ship. `pickup`: at the destination's location, from its own stock and
    /// from locations that may send units to it.
    pub purpose: Option<String>,
    /// `nearest` (default if the destination is known), `priority`, `most_stock`, `fewest_shipments` (default
    /// otherwise), `whole_order`,
    /// `stores_last` or `balance`.
    #[schema(example = "fewest_shipments")]
    pub policy: Option<String>,
    /// The weights of the score, in place of a policy.
    pub weights: Option<WeightsBody>,
    /// Only these locations; their order is their priority.
    pub locations: Option<Vec<String>>,
    /// Only the locations of this group.
    pub group: Option<String>,
    /// 1 to 100 shipments; 5 if left out.
    #[schema(example = 2)]
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub max_shipments: Option<i64>,
    /// The value of the order; computed from prices if left out.
    pub value: Option<ValueBody>,
    /// Only compute the plan and the runner-up.
    #[serde(default)]
    pub dry_run: bool,
    /// The customer.
    pub customer: Option<String>,
    /// The order.
    pub order: Option<String>,
    /// The time to live of the hold, 1 to 2,678,400; 900 if left out.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub ttl_seconds: Option<i64>,
    /// Whether it is confirmed in the same step.
    #[serde(default)]
    pub confirm: bool,
    /// Whether fewer units than requested are accepted.
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
    /// Inbound units that arrive by this time are accepted if stock is short.
    pub latest: Option<String>,
}

/// The destination of an order.
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

/// The value of an order.
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

/// The weight of each part of the score; 0 if left out.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WeightsBody {
    /// For each location that is used.
    pub shipments: f64,
    /// For each unit and 100 km.
    pub distance: f64,
    /// For each unit and each location that is named before its own.
    pub priority: f64,
    /// For each unit: 1 / available units there.
    pub stock: f64,
    /// For each unit from a store.
    pub store: f64,
    /// For each unit: 1 / (1 + days until the location sells out).
    pub cover: f64,
}

/// An order to source, validated.
#[derive(Debug, Clone)]
pub struct Order {
    /// The channel.
    pub channel: Name,
    /// The purpose.
    pub purpose: Purpose,
    /// The customer.
    pub customer: Option<Box<str>>,
    /// The order.
    pub order: Option<Box<str>>,
    /// The time to live of the hold.
    pub ttl_seconds: u32,
    /// Whether it is confirmed in the same step.
    pub confirm: bool,
    /// Whether fewer units than requested are accepted.
    pub allow_partial: bool,
    /// Whether only the plan is computed.
    pub dry_run: bool,
    /// The pickup location, if any.
    pub fetched_at: Option<LocationId>,
    /// Whether one location must send everything.
    pub is_whole: bool,
    /// For each SKU: its name, the units, and the date by which inbound units are accepted.
    pub lines: Vec<(Name, u32, Option<Timestamp>)>,
    /// The value in minor units and currency, if the caller gave it.
    pub value: Option<(u64, String)>,
    /// The question without limits; its lines are the known ones above.
    pub question: Question,
    /// Lines of unknown SKUs.
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
                Purpose::Cart => {
                    return Err(Problem::invalid(
                        "purpose",
                        "an order is for pickup or delivery; send one \
                    of both",
                    ));
                }
                purpose => purpose,
            },
        };
        let (near, store) = self.destination(engine)?;
        let fetched_at = || -> Result<LocationId, Problem> {
            store.ok_or_else(|| Problem::invalid("destination", "has no location; name the location of the pickup"))
        };
        let fetched_at = if purpose == Purpose::Pickup { Some(fetched_at()?) } else { None };
        let sources = match (&self.locations, &self.group, purpose) {
            (Some(_), Some(_), _) => {
                return Err(Problem::invalid(
                    "group",
                    "is given beside locations; send one of \
                both",
                ));
            }
            (None, None, Purpose::Pickup) => fetched_at.map_or(Sources::Shipping, Sources::Store),
            (None, None, _) => Sources::Shipping,
            (Some(named), None, _) => {
                if !(1..=SOURCES_MAX).contains(&named.len()) {
                    let reason = format!("has {} entries; send 1 to {SOURCES_MAX}", named.len());
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
            (Some(_), Some(_)) => {
                return Err(Problem::invalid("weights", "are given beside a policy; send one of both"));
            }
            (None, Some(weights)) => weights.read()?,
            (Some(policy), None) => policy.weights(),
            (None, None) if near.is_some() => Policy::Nearest.weights(),
            (None, None) => Policy::FewestShipments.weights(),
        };
        let wants_near = policy == Some(Policy::Nearest) || self.weights.is_some() && weights.distance > 0.0;
        if near.is_none() && wants_near {
            return Err(Problem::invalid("destination", "is required, with coordinates, if distance counts"));
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

    /// The destination, and the location that it is.
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
            _ => Err(Problem::invalid("destination", "must have latitude and longitude, or a location")),
        }
    }
}

/// Lines of one SKU are merged: the units are added up, and the earlier date counts.
fn merged(lines: &[SourcingLineBody]) -> Result<Vec<(Name, u32, Option<Timestamp>)>, Problem> {
    if !(1..=LINES_MAX).contains(&lines.len()) {
        return Err(Problem::invalid("lines", format!("has {} entries; send 1 to {LINES_MAX}", lines.len())));
    }
    let mut merged: Vec<(Name, u32, Option<Timestamp>)> = Vec::with_capacity(lines.len());
    for (at, line) in lines.iter().enumerate() {
        let field = |name: &str| format!("lines[{at}].{name}");
        let sku = sku_name(field("sku"), &line.sku)?;
        let units = quantity(field("quantity"), line.quantity)?;
        let latest = line.latest.as_ref().map(|text| parse_time(field("latest"), text)).transpose()?;
        match merged.iter_mut().find(|(known, ..)| *known == sku) {
            Some((_, known, earlier)) => {
                let sum = i64::from(*known) + i64::from(units);
                *known = quantity(field("quantity"), sum)?;
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
