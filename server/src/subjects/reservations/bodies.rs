//! Requests about reservations.

use anaquel_engine::Engine;
use anaquel_engine::admission::{LineRequest, ReserveRequest, Target};
use anaquel_engine::command::{LineUnits, Reallocation, SUPERSEDES_MAX, StepRequest};
use anaquel_engine::event::{Few, Purpose};
use anaquel_engine::ids::ReservationId;
use anaquel_engine::reservation::ReservationState;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::problem::Problem;
use crate::subjects::reservations::supersedes::Supersedes;
use crate::wire::{name, optional_name, parse_time, quantity, sku_name};

/// The maximum number of lines of a reservation.
pub const LINES_MAX: usize = 100;

/// The maximum time to live of a hold, in seconds: 31 days.
pub const TTL_SECONDS_MAX: i64 = 2_678_400;

/// The default time to live of a hold.
pub const TTL_SECONDS_DEFAULT: i64 = 900;

/// The maximum length of a reason, in bytes.
const REASON_BYTES_MAX: usize = 255;

/// A reservation to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReserveBody {
    /// The channel of the sale.
    #[schema(example = "web")]
    pub channel: String,
    /// The customer.
    #[schema(example = "c-81")]
    pub customer: Option<String>,
    /// `cart` (default), `pickup` or `delivery`.
    #[schema(example = "pickup")]
    pub purpose: Option<String>,
    /// The time to live of the hold, 1 to 2,678,400; 900 if left out.
    #[schema(example = 900)]
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub ttl_seconds: Option<i64>,
    /// The order.
    #[schema(example = "W-1007")]
    pub order: Option<String>,
    /// 1 to 100 lines; all or none, unless `allow_partial`.
    pub lines: Vec<LineBody>,
    /// Whether fewer units than requested are accepted.
    #[serde(default)]
    pub allow_partial: bool,
    /// Whether it is confirmed in the same step.
    #[serde(default)]
    pub confirm: bool,
    /// The hold that this reservation replaces, or a list of up to 16, such as a guest's cart and the customer's own:
    /// all in one step.
    #[serde(default)]
    #[schema(required = false)]
    pub supersedes: Supersedes,
}

/// A line.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LineBody {
    /// The SKU.
    #[schema(example = "TSHIRT-RED-M")]
    pub sku: String,
    /// The location. Give this or `group`.
    #[schema(example = "mx-014")]
    pub location: Option<String>,
    /// Any location of this group; `bind` makes the location final later.
    pub group: Option<String>,
    /// Units, at least 1.
    #[schema(example = 1)]
    #[serde(deserialize_with = "crate::wire::whole::required")]
    pub quantity: i64,
    /// Inbound units that arrive by this time are accepted; the answer has the date that they are promised for. Without
    /// it, only stock on hand counts.
    pub latest: Option<String>,
}

/// Makes the location of lines that were requested from a group public and final.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BindBody {
    /// Only these lines; all, at their current locations, if left out.
    pub lines: Option<Vec<BindLineBody>>,
}

/// Units of a group line that are wanted at one location.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BindLineBody {
    /// The SKU.
    pub sku: String,
    /// The group; may be left out if only one line has the SKU.
    pub group: Option<String>,
    /// The location; the current one if left out.
    pub location: Option<String>,
    /// Units; all of the line if left out.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub quantity: Option<i64>,
}

/// Moves units to other locations.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RebindBody {
    /// 1 to 100 moves; all or none.
    pub lines: Vec<RebindLineBody>,
}

/// Units to move.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RebindLineBody {
    /// The SKU.
    pub sku: String,
    /// The current location; may be left out if there is only one.
    pub from: Option<String>,
    /// The new location.
    #[schema(example = "mx-021")]
    pub location: String,
    /// Units; all of them if left out.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub quantity: Option<i64>,
}

/// Units of a reservation's line.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnitsBody {
    /// The SKU.
    pub sku: String,
    /// The location; may be left out if only one line has the SKU.
    pub location: Option<String>,
    /// Units, at least 1.
    #[serde(deserialize_with = "crate::wire::whole::required")]
    pub quantity: i64,
}

/// Confirms a hold: it becomes an order.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmBody {
    /// When the order expires if it is not collected.
    pub pickup_by: Option<String>,
    /// The order.
    pub order: Option<String>,
}

/// A body without fields.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadyBody {}

/// Hands over units.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CollectBody {
    /// Only these units. Needs an idempotency key.
    pub lines: Option<Vec<UnitsBody>>,
    /// The code that the customer shows.
    pub pickup_code: Option<String>,
}

/// Cancels a reservation, or a part of it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelBody {
    /// Only these units. Needs an idempotency key.
    pub lines: Option<Vec<UnitsBody>>,
    /// The reason.
    pub reason: Option<String>,
}

/// Sets the pickup deadline of an order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PickupByBody {
    /// When the order expires if it is not collected; null for never.
    #[schema(value_type = Option<String>, required = true, example = "2035-01-11T20:00:00Z")]
    #[serde(deserialize_with = "crate::wire::given")]
    pub pickup_by: Option<String>,
}

/// Extends a hold.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtendBody {
    /// Seconds from now, 1 to 2,678,400.
    #[schema(example = 900)]
    #[serde(deserialize_with = "crate::wire::whole::required")]
    pub ttl_seconds: i64,
}

impl ReserveBody {
    /// The holds that the reservation replaces.
    ///
    /// # Errors
    /// There are too many, or one is not a reservation of this log.
    pub fn supersedes(&self, engine: &Engine) -> Result<Few<ReservationId>, Problem> {
        let ids = self.supersedes.ids();
        if ids.len() > SUPERSEDES_MAX {
            let reason = format!("names {} holds; one reservation replaces at most {SUPERSEDES_MAX}", ids.len());
            return Err(Problem::invalid("supersedes", reason));
        }
        let read = |(at, id): (usize, &String)| {
            engine.parse_reservation_id(id).ok_or_else(|| Problem::nothing_to_supersede(&self.supersedes.field(at)))
        };
        ids.iter().enumerate().map(read).collect()
    }

    /// The same with the original value of `supersedes`.
    pub fn into_request_and_replaced(mut self, engine: &Engine) -> Result<(ReserveRequest, Supersedes), Problem> {
        let supersedes = self.supersedes(engine)?;
        let replaced = std::mem::take(&mut self.supersedes);
        Ok((ReserveRequest { supersedes, ..self.into_request(engine)? }, replaced))
    }

    /// The request, validated.
    pub fn into_request(self, engine: &Engine) -> Result<ReserveRequest, Problem> {
        if !(1..=LINES_MAX).contains(&self.lines.len()) {
            return Err(Problem::invalid("lines", format!("has {} entries; send 1 to {LINES_MAX}", self.lines.len())));
        }
        let purpose = self.purpose.as_deref().map_or(Ok(Purpose::Cart), parse_purpose)?;
        let supersedes = self.supersedes(engine)?;
        let line = |(at, body): (usize, LineBody)| {
            let place = match (&body.location, &body.group) {
                (Some(location), None) => Target::Location(name(format_args!("lines[{at}].location"), location)?),
                (None, Some(group)) => Target::Group(name(format_args!("lines[{at}].group"), group)?),
                (None, None) => {
                    return Err(Problem::invalid(
                        &format!("lines[{at}].location"),
                        "is required, or a group in its place",
                    ));
                }
                (Some(_), Some(_)) => {
                    return Err(Problem::invalid(
                        &format!("lines[{at}].group"),
                        "is given beside location; send one of \
                        both",
                    ));
                }
            };
            Ok(LineRequest {
                sku: sku_name(format_args!("lines[{at}].sku"), &body.sku)?,
                place,
                quantity: quantity(format_args!("lines[{at}].quantity"), body.quantity)?,
                latest: body.latest.map(|text| parse_time(format!("lines[{at}].latest"), &text)).transpose()?,
            })
        };
        Ok(ReserveRequest {
            channel: name("channel", &self.channel)?,
            purpose,
            customer: optional_name("customer", self.customer.as_deref())?,
            order: optional_name("order", self.order.as_deref())?,
            ttl_seconds: ttl(self.ttl_seconds.unwrap_or(TTL_SECONDS_DEFAULT))?,
            confirm: self.confirm,
            allow_partial: self.allow_partial,
            supersedes,
            lines: self.lines.into_iter().enumerate().map(line).collect::<Result<_, Problem>>()?,
            fetched_at: None,
            is_attempt: false,
        })
    }
}

impl ConfirmBody {
    /// The step, validated.
    pub fn into_step(self) -> Result<StepRequest, Problem> {
        Ok(StepRequest::Confirm {
            pickup_by: self.pickup_by.map(|text| parse_time("pickup_by", &text)).transpose()?,
            order: optional_name("order", self.order.as_deref())?,
        })
    }
}

impl CollectBody {
    /// The step, validated.
    pub fn into_step(self, engine: &Engine) -> Result<StepRequest, Problem> {
        let lines = self.lines.map(|lines| units(engine, lines)).transpose()?;
        Ok(StepRequest::Collect { lines, pickup_code: self.pickup_code })
    }
}

impl CancelBody {
    /// The step, validated.
    pub fn into_step(self, engine: &Engine) -> Result<StepRequest, Problem> {
        if self.reason.as_ref().is_some_and(|reason| reason.len() > REASON_BYTES_MAX) {
            return Err(Problem::invalid("reason", format!("is longer than {REASON_BYTES_MAX} bytes; shorten it")));
        }
        let lines = self.lines.map(|lines| units(engine, lines)).transpose()?;
        Ok(StepRequest::Cancel { lines, reason: self.reason.map(Into::into) })
    }
}

impl BindBody {
    /// The step, validated.
    pub fn into_step(self, engine: &Engine) -> Result<StepRequest, Problem> {
        let read = |at: usize, line: BindLineBody| {
            let BindLineBody { sku, group, location, quantity } = line;
            rebind(engine, at, &sku, (group.as_deref(), None, location.as_deref()), quantity)
        };
        let lines = self.lines.map(|lines| each_line(lines, read)).transpose()?;
        Ok(StepRequest::Bind { lines })
    }
}

impl RebindBody {
    /// The step, validated.
    pub fn into_step(self, engine: &Engine) -> Result<StepRequest, Problem> {
        let read = |at: usize, line: RebindLineBody| {
            let RebindLineBody { sku, from, location, quantity } = line;
            rebind(engine, at, &sku, (None, from.as_deref(), Some(&location)), quantity)
        };
        Ok(StepRequest::Reallocation { lines: each_line(self.lines, read)? })
    }
}

fn each_line<B, T>(lines: Vec<B>, read: impl Fn(usize, B) -> Result<T, Problem>) -> Result<Vec<T>, Problem> {
    if !(1..=LINES_MAX).contains(&lines.len()) {
        return Err(Problem::invalid("lines", format!("has {} entries; send 1 to {LINES_MAX}", lines.len())));
    }
    lines.into_iter().enumerate().map(|(at, line)| read(at, line)).collect()
}

/// Parses a line to move: its group, its location, and its new location.
fn rebind(
    engine: &Engine,
    at: usize,
    sku: &str,
    (group, from, to): (Option<&str>, Option<&str>, Option<&str>),
    units: Option<i64>,
) -> Result<Reallocation, Problem> {
    let catalogue = &engine.state().catalogue;
    let field = |name: &str| format!("lines[{at}].{name}");
    let sku = catalogue.skus.id(sku_name(field("sku"), sku)?.as_str());
    let location = |of: &str, text: &str| {
        let id = catalogue.locations.id(name(field(of), text)?.as_str());
        id.ok_or_else(|| Problem::invalid(&field(of), "is unknown"))
    };
    let group_named = |text: &str| {
        let id = catalogue.groups.id(name(field("group"), text)?.as_str());
        id.ok_or_else(|| Problem::invalid(&field("group"), "is not in this reservation"))
    };
    Ok(Reallocation {
        sku: sku.ok_or_else(|| Problem::invalid(&field("sku"), "is not in this reservation"))?,
        group: group.map(group_named).transpose()?,
        from: from.map(|text| location("from", text)).transpose()?,
        to: to.map(|text| location("location", text)).transpose()?,
        quantity: units.map(|units| quantity(field("quantity"), units)).transpose()?,
    })
}

impl PickupByBody {
    /// The step, validated.
    pub fn into_step(self) -> Result<StepRequest, Problem> {
        Ok(StepRequest::PickupBy { pickup_by: self.pickup_by.map(|text| parse_time("pickup_by", &text)).transpose()? })
    }
}

impl ExtendBody {
    /// The step, validated.
    pub fn into_step(self) -> Result<StepRequest, Problem> {
        Ok(StepRequest::Extend { ttl_seconds: ttl(self.ttl_seconds)? })
    }
}

/// Parses the time to live of a hold.
pub fn ttl(seconds: i64) -> Result<u32, Problem> {
    u32::try_from(seconds)
        .ok()
        .filter(|seconds| (1..=TTL_SECONDS_MAX).contains(&i64::from(*seconds)))
        .ok_or_else(|| Problem::invalid("ttl_seconds", format!("{seconds} is not between 1 and {TTL_SECONDS_MAX}")))
}

fn units(engine: &Engine, lines: Vec<UnitsBody>) -> Result<Vec<LineUnits>, Problem> {
    let catalogue = &engine.state().catalogue;
    let read = |at: usize, body: UnitsBody| {
        let field = |name: &str| format!("lines[{at}].{name}");
        let quantity = quantity(field("quantity"), body.quantity)?;
        let sku = sku_name(field("sku"), &body.sku)?;
        let sku = catalogue.skus.id(sku.as_str());
        let sku = sku.ok_or_else(|| Problem::invalid(&field("sku"), "is not in this reservation"))?;
        let location = match body.location {
            None => None,
            Some(text) => {
                let location = name(field("location"), &text)?;
                let location = catalogue.locations.id(location.as_str());
                Some(location.ok_or_else(|| Problem::invalid(&field("location"), "is not in this reservation"))?)
            }
        };
        Ok(LineUnits { sku, location, quantity })
    };
    each_line(lines, read)
}

/// Parses a state.
pub fn parse_state(text: &str) -> Result<ReservationState, Problem> {
    let states = [
        ReservationState::Held,
        ReservationState::Confirmed,
        ReservationState::Ready,
        ReservationState::Collected,
        ReservationState::Cancelled,
        ReservationState::Expired,
    ];
    states.into_iter().find(|state| state.as_str() == text).ok_or_else(|| {
        Problem::invalid("state", format!("{text:?} is not held, confirmed, ready, collected, cancelled or expired"))
    })
}

/// Parses a purpose.
pub fn parse_purpose(text: &str) -> Result<Purpose, Problem> {
    [Purpose::Cart, Purpose::Pickup, Purpose::Delivery]
        .into_iter()
        .find(|purpose| purpose.as_str() == text)
        .ok_or_else(|| Problem::invalid("purpose", format!("{text:?} is not cart, pickup or delivery")))
}
