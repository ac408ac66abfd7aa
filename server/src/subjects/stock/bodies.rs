//! Requests about stock: movements, counts, availability.

use anaquel_engine::admission::MovementRequest;
use anaquel_engine::command::{Count, NameRef};
use anaquel_engine::event::MovementKind;
use anaquel_engine::level::{LINE_QUANTITY_MAX, ON_HAND_RANGE};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::problem::Problem;
use crate::wire::{parse_time, quantity};

/// The maximum number of movements or counts in one request.
pub const ROWS_MAX: usize = 1000;

/// Movements of stock.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MovementsBody {
    /// Up to 1,000; all or none.
    pub movements: Vec<MovementBody>,
}

/// One movement.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MovementBody {
    /// `receipt`, `sale`, `return`, `adjustment` or `damage`.
    #[schema(example = "sale")]
    pub kind: String,
    /// The SKU.
    #[schema(example = "TSHIRT-RED-M")]
    pub sku: String,
    /// The location.
    #[schema(example = "mx-014")]
    pub location: String,
    /// Units, at least 1; signed for an adjustment.
    #[schema(example = 1)]
    #[serde(deserialize_with = "crate::wire::whole::required")]
    pub quantity: i64,
    /// The caller's own document.
    pub reference: Option<String>,
    /// The time of the movement, if it is not now.
    pub occurred_at: Option<String>,
    /// `return`: `sellable` (default) goes to the shelf; `inspect` and `damaged` go to the quarantine of the location,
    /// which is never promised.
    #[schema(example = "sellable")]
    pub condition: Option<String>,
    /// `receipt`: it belongs to no known supply, and uses up none.
    #[serde(default)]
    pub unplanned: bool,
}

/// Counts of stock.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CountsBody {
    /// Up to 1,000; all or none.
    pub counts: Vec<CountBody>,
    /// `excluded`: what was counted is what is on the shelf; units that are set aside for ready reservations are added.
    /// `included`, the default: they were counted, too.
    pub put_aside: Option<String>,
    /// Whether only to say what the counts would change.
    #[serde(default)]
    pub dry_run: bool,
}

/// One count.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CountBody {
    /// The SKU.
    #[schema(example = "TSHIRT-RED-M")]
    pub sku: String,
    /// The location.
    #[schema(example = "mx-014")]
    pub location: String,
    /// Units that were counted.
    #[schema(example = 12)]
    #[serde(deserialize_with = "crate::wire::whole::required")]
    pub on_hand: i64,
    /// The time of the count, if it is not now.
    pub counted_at: Option<String>,
}

/// Many SKUs at once.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AvailabilityBody {
    /// Up to 1,000.
    pub skus: Vec<String>,
    /// Only these locations; all, if neither this nor `groups` is given.
    pub locations: Option<Vec<String>>,
    /// Added up over each of these groups.
    pub groups: Option<Vec<String>>,
    /// The channel of the sale.
    pub channel: Option<String>,
    /// Include the cells of quarantines, if no locations are named.
    #[serde(default)]
    pub quarantine: bool,
}

impl MovementsBody {
    /// The movements, validated.
    pub fn into_requests(self) -> Result<Vec<MovementRequest>, Problem> {
        bounded("movements", self.movements.len())?;
        self.movements.into_iter().enumerate().map(|(at, body)| body.into_request(at)).collect()
    }
}

impl MovementBody {
    fn into_request(self, at: usize) -> Result<MovementRequest, Problem> {
        let field = |name: &str| format!("movements[{at}].{name}");
        let kind = movement_kind(&self.kind)
            .ok_or_else(|| Problem::invalid(&field("kind"), "must be receipt, sale, return, adjustment or damage"))?;
        let kind = match (kind, self.condition.as_deref()) {
            (_, None) | (MovementKind::Return, Some("sellable")) => kind,
            (MovementKind::Return, Some("inspect")) => MovementKind::ReturnToInspect,
            (MovementKind::Return, Some("damaged")) => MovementKind::ReturnDamaged,
            (MovementKind::Return, Some(other)) => {
                let shown: String = other.chars().take(40).collect();
                let reason = format!("{shown:?} is not sellable, inspect or damaged");
                return Err(Problem::invalid(&field("condition"), reason));
            }
            (_, Some(_)) => return Err(Problem::invalid(&field("condition"), "is only allowed for a return")),
        };
        let change = match kind {
            MovementKind::Adjustment => {
                let most = i64::from(LINE_QUANTITY_MAX);
                if self.quantity == 0 || !(-most..=most).contains(&self.quantity) {
                    let reason = format!("{} is 0, or not between -{most} and {most}", self.quantity);
                    return Err(Problem::invalid(&field("quantity"), reason));
                }
                self.quantity
            }
            MovementKind::Receipt
            | MovementKind::Return
            | MovementKind::ReturnToInspect
            | MovementKind::ReturnDamaged => quantity(field("quantity"), self.quantity)?.into(),
            MovementKind::Sale | MovementKind::Damage => -i64::from(quantity(field("quantity"), self.quantity)?),
        };
        if self.unplanned && kind != MovementKind::Receipt {
            return Err(Problem::invalid(&field("unplanned"), "is only allowed for a receipt"));
        }
        if let Some(reference) = &self.reference {
            crate::wire::outside_name(field("reference"), reference)?;
        }
        Ok(MovementRequest {
            kind,
            sku: crate::wire::sku_name(field("sku"), &self.sku)?,
            location: crate::wire::name(field("location"), &self.location)?,
            change,
            occurred_at: self.occurred_at.map(|text| parse_time(field("occurred_at"), &text)).transpose()?,
            reference: self.reference,
            unplanned: self.unplanned,
        })
    }
}

impl CountsBody {
    /// Whether units that are set aside are added to what was counted.
    ///
    /// # Errors
    /// The field says something else.
    pub fn adds_put_aside(&self) -> Result<bool, Problem> {
        match self.put_aside.as_deref() {
            None | Some("included") => Ok(false),
            Some("excluded") => Ok(true),
            Some(other) => Err(Problem::invalid("put_aside", format!("{other:?} is not included or excluded"))),
        }
    }

    /// The counts, validated.
    pub fn into_counts(self) -> Result<Vec<Count>, Problem> {
        bounded("counts", self.counts.len())?;
        let read = |(at, body): (usize, CountBody)| {
            let field = |name: &str| format!("counts[{at}].{name}");
            Ok(Count {
                line: 0,
                sku: NameRef::New(crate::wire::sku_name(field("sku"), &body.sku)?),
                location: NameRef::New(crate::wire::name(field("location"), &body.location)?),
                on_hand: counted(body.on_hand).map_err(|reason| Problem::invalid(&field("on_hand"), reason))?,
                counted_at: body.counted_at.map(|text| parse_time(field("counted_at"), &text)).transpose()?,
                safety_stock: None,
                as_of: None,
            })
        };
        self.counts.into_iter().enumerate().map(read).collect()
    }
}

/// A counted quantity, which is never negative.
pub fn counted(value: i64) -> Result<i32, String> {
    i32::try_from(value)
        .ok()
        .filter(|on_hand| (0..=LINE_QUANTITY_MAX as i32).contains(on_hand))
        .ok_or_else(|| format!("{value} is not between 0 and {LINE_QUANTITY_MAX}"))
}

/// The quantity of the books, which is negative if tills sold more than was known.
pub fn booked(value: i64) -> Result<i32, String> {
    let (low, high) = (ON_HAND_RANGE.start(), ON_HAND_RANGE.end());
    i32::try_from(value)
        .ok()
        .filter(|on_hand| ON_HAND_RANGE.contains(&i64::from(*on_hand)))
        .ok_or_else(|| format!("{value} is not between {low} and {high}"))
}

fn bounded(field: &str, rows: usize) -> Result<(), Problem> {
    if (1..=ROWS_MAX).contains(&rows) {
        Ok(())
    } else {
        Err(Problem::invalid(field, format!("has {rows} entries; send 1 to {ROWS_MAX}")))
    }
}

fn movement_kind(text: &str) -> Option<MovementKind> {
    match text {
        "receipt" => Some(MovementKind::Receipt),
        "sale" => Some(MovementKind::Sale),
        "return" => Some(MovementKind::Return),
        "adjustment" => Some(MovementKind::Adjustment),
        "damage" => Some(MovementKind::Damage),
        _ => None,
    }
}
