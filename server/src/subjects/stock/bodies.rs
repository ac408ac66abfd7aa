//! Stock on the wire: cells, movements, counts, shortages.

use anaquel_engine::Engine;
use anaquel_engine::coming::Coming;
use anaquel_engine::event::{CellAfter, Counted, Moved, MovementKind};
use anaquel_engine::query::{GroupView, Shortage};
use anaquel_engine::reservation::Reservation;
use anaquel_engine::rules::Band;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::auth::sight::Sight;
use crate::http::problem::Problem;
use crate::wire::put::put;
use crate::wire::{parse_time, quantity, time};
use anaquel_engine::admission::MovementRequest;
use anaquel_engine::command::{Count, NameRef};
use anaquel_engine::ids::{LocationId, ReservationId, SkuId};
use anaquel_engine::level::{LINE_QUANTITY_MAX, ON_HAND_RANGE};
use anaquel_engine::supply::Waiting;

/// Movements or counts in one request.
pub const ROWS_MAX: usize = 1000;

/// Stock that moved.
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
    /// Where.
    #[schema(example = "mx-014")]
    pub location: String,
    /// Units, at least 1; signed for an adjustment.
    #[schema(example = 1)]
    #[serde(deserialize_with = "crate::wire::whole::required")]
    pub quantity: i64,
    /// The caller's own document.
    pub reference: Option<String>,
    /// When it happened, if not now.
    pub occurred_at: Option<String>,
    /// `return`: `sellable` (if left out) goes to the shelf; `inspect` and `damaged` to the quarantine of the location, where
    /// nobody is promised it.
    #[schema(example = "sellable")]
    pub condition: Option<String>,
    /// `receipt`: it is of nothing that was known to come, and uses up no supply.
    #[serde(default)]
    pub unplanned: bool,
}

/// Stock that was counted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CountsBody {
    /// Up to 1,000; all or none.
    pub counts: Vec<CountBody>,
}

/// One count.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CountBody {
    /// The SKU.
    #[schema(example = "TSHIRT-RED-M")]
    pub sku: String,
    /// Where.
    #[schema(example = "mx-014")]
    pub location: String,
    /// What was found.
    #[schema(example = 12)]
    #[serde(deserialize_with = "crate::wire::whole::required")]
    pub on_hand: i64,
    /// The moment for which it is true, if not now.
    pub counted_at: Option<String>,
}

/// Many SKUs at once.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AvailabilityBody {
    /// Up to 1,000.
    pub skus: Vec<String>,
    /// Only here; everywhere if neither this nor `groups` is given.
    pub locations: Option<Vec<String>>,
    /// Added up over each of these.
    pub groups: Option<Vec<String>>,
    /// For whom.
    pub channel: Option<String>,
    /// With the cells of quarantines, where no locations are named.
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
            .ok_or_else(|| Problem::invalid(&field("kind"), "is one of receipt, sale, return, adjustment, damage"))?;
        let kind = match (kind, self.condition.as_deref()) {
            (_, None) | (MovementKind::Return, Some("sellable")) => kind,
            (MovementKind::Return, Some("inspect")) => MovementKind::ReturnToInspect,
            (MovementKind::Return, Some("damaged")) => MovementKind::ReturnDamaged,
            (MovementKind::Return, Some(other)) => {
                let shown: String = other.chars().take(40).collect();
                let reason = format!("{shown:?} is not sellable, inspect or damaged");
                return Err(Problem::invalid(&field("condition"), reason));
            }
            (_, Some(_)) => return Err(Problem::invalid(&field("condition"), "is for a return only")),
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
            | MovementKind::ReturnDamaged => quantity(&field("quantity"), self.quantity)?.into(),
            MovementKind::Sale | MovementKind::Damage => -i64::from(quantity(&field("quantity"), self.quantity)?),
        };
        if self.unplanned && kind != MovementKind::Receipt {
            return Err(Problem::invalid(&field("unplanned"), "is for a receipt only"));
        }
        if let Some(reference) = &self.reference {
            crate::wire::outside_name(&field("reference"), reference)?;
        }
        Ok(MovementRequest {
            kind,
            sku: crate::wire::sku_name(&field("sku"), &self.sku)?,
            location: crate::wire::name(&field("location"), &self.location)?,
            change,
            occurred_at: self.occurred_at.map(|text| parse_time(&field("occurred_at"), &text)).transpose()?,
            reference: self.reference,
            unplanned: self.unplanned,
        })
    }
}

impl CountsBody {
    /// The counts, validated.
    pub fn into_counts(self) -> Result<Vec<Count>, Problem> {
        bounded("counts", self.counts.len())?;
        let read = |(at, body): (usize, CountBody)| {
            let field = |name: &str| format!("counts[{at}].{name}");
            Ok(Count {
                line: 0,
                sku: NameRef::New(crate::wire::sku_name(&field("sku"), &body.sku)?),
                location: NameRef::New(crate::wire::name(&field("location"), &body.location)?),
                on_hand: counted(body.on_hand).map_err(|reason| Problem::invalid(&field("on_hand"), reason))?,
                counted_at: body.counted_at.map(|text| parse_time(&field("counted_at"), &text)).transpose()?,
                safety_stock: None,
                as_of: None,
            })
        };
        self.counts.into_iter().enumerate().map(read).collect()
    }
}

/// A counted quantity: what is physically there is never negative.
pub fn counted(value: i64) -> Result<i32, String> {
    i32::try_from(value)
        .ok()
        .filter(|on_hand| (0..=LINE_QUANTITY_MAX as i32).contains(on_hand))
        .ok_or_else(|| format!("{value} is not between 0 and {LINE_QUANTITY_MAX}"))
}

/// What books say is there: negative where tills sold more than was known of.
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
        Err(Problem::invalid(field, format!("has {rows} entries; 1 to {ROWS_MAX} are taken")))
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

/// The condition in which something came back, where somebody has to look at it.
pub fn condition_name(kind: MovementKind) -> Option<&'static str> {
    match kind {
        MovementKind::ReturnToInspect => Some("inspect"),
        MovementKind::ReturnDamaged => Some("damaged"),
        _ => None,
    }
}

/// Appends `items` as a JSON array.
pub fn write_array<T>(out: &mut String, items: &[T], mut write: impl FnMut(&mut String, &T)) {
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}

/// Appends one SKU in one group.
pub fn write_group(out: &mut String, engine: &Engine, group: &GroupView, coming: Option<&Coming>) {
    let catalogue = &engine.state().catalogue;
    if !group.exact {
        let (sku, name) = (catalogue.skus.name(group.sku), catalogue.groups.name(group.group));
        let band = if group.available > 0 { Band::InStock } else { Band::OutOfStock };
        put!(out, r#"{"sku":""#, sku, r#"","group":""#, name, r#"","band":""#, band.as_str(), "\"");
        out.push_str(if group.tracked { "}" } else { r#","tracked":false}"# });
        return;
    }
    let (sku, name) = (catalogue.skus.name(group.sku), catalogue.groups.name(group.group));
    put!(out, r#"{"sku":""#, sku, r#"","group":""#, name, r#"","on_hand":"#, group.on_hand);
    put!(out, r#","reserved":"#, group.reserved, r#","available":"#, group.available);
    put!(out, r#","locations":"#, group.locations);
    if let Some(Coming { incoming, orderable, .. }) = coming {
        put!(out, r#","incoming":"#, *incoming, r#","orderable":"#, *orderable);
    }
    out.push_str(match (group.tracked, group.available) {
        (true, _) => "}",
        (false, 0) => r#","availability":"OutOfStock","tracked":false}"#,
        (false, _) => r#","availability":"InStock","tracked":false}"#,
    });
}

/// A cell after an event, as a channel without a buffer sees it under the rules in force now.
pub fn cell_after(engine: &Engine, cell: &CellAfter) -> Value {
    let catalogue = &engine.state().catalogue;
    let seen = engine.state().lens(None).see(catalogue, cell);
    let mut item = json!({
        "sku": catalogue.skus.name(cell.sku).as_str(),
        "location": catalogue.locations.name(cell.location).as_str(),
        "on_hand": cell.level.on_hand,
        "reserved": cell.level.reserved,
        "safety_stock": seen.held_back(),
        "buffer": seen.buffer,
        "available": seen.available,
    });
    if let (false, Value::Object(members)) = (seen.is_tracked(), &mut item) {
        members.insert("tracked".into(), false.into());
    }
    item
}

/// A movement's row in its answer: the cell after it, or how much there is for who is not told numbers, and what became of
/// it.
pub fn moved(engine: &Engine, row: &Moved, sight: &Sight) -> Value {
    let mut item = match sight.band_alone(row.cell.sku, row.cell.location) {
        None => cell_after(engine, &row.cell),
        Some(band) => private(engine, (row.cell.sku, row.cell.location), band),
    };
    if let Value::Object(members) = &mut item {
        members.insert("occurred_at".into(), time(row.occurred_at).into());
        let after = i64::from(row.cell.level.on_hand) + row.change;
        let is_tracked = engine.state().catalogue.is_tracked(row.cell.sku);
        if row.absorbed && is_tracked && row.kind == MovementKind::Sale && after < *ON_HAND_RANGE.start() {
            // It is in the log, and the cell is as low as it goes until somebody counts it.
            members.insert("out_of_range".into(), true.into());
        }
        if let Some(condition) = condition_name(row.kind) {
            members.insert("condition".into(), condition.into());
        }
        if row.created {
            members.insert("created".into(), true.into());
        }
        if row.absorbed {
            members.insert("absorbed".into(), true.into());
        }
    }
    item
}

/// A cell for who is not told its numbers.
fn private(engine: &Engine, (sku, location): (SkuId, LocationId), band: Band) -> Value {
    let catalogue = &engine.state().catalogue;
    json!({
        "sku": catalogue.skus.name(sku).as_str(),
        "location": catalogue.locations.name(location).as_str(),
        "band": band.as_str(),
    })
}

/// A count's row in its answer. Who is not told numbers is told nothing but what they counted.
pub fn counted_row(engine: &Engine, row: &Counted, sight: &Sight) -> Value {
    let catalogue = &engine.state().catalogue;
    let delta = if row.outdated { 0 } else { i64::from(row.counted) - i64::from(row.expected) };
    let mut item = match sight.band_alone(row.cell.sku, row.cell.location) {
        None => json!({
            "sku": catalogue.skus.name(row.cell.sku).as_str(),
            "location": catalogue.locations.name(row.cell.location).as_str(),
            "expected": row.expected,
            "counted": row.counted,
            "delta": delta,
            "on_hand": row.cell.level.on_hand,
            "reserved": row.cell.level.reserved,
        }),
        Some(band) => {
            let mut item = private(engine, (row.cell.sku, row.cell.location), band);
            if let Value::Object(members) = &mut item {
                members.insert("counted".into(), row.counted.into());
            }
            item
        }
    };
    if let Value::Object(members) = &mut item {
        // The moment for which it is true: that of its record where it was told one that is still to be; none for stock
        // that was there before anybody counted it.
        let counted_at = (row.counted_at != anaquel_engine::ids::Timestamp(0)).then(|| time(row.counted_at));
        members.insert("counted_at".into(), counted_at.into());
    }
    if let Value::Object(members) = &mut item
        && row.outdated
    {
        members.insert("outdated".into(), true.into());
    }
    item
}

/// A cell that is short, with the promises at risk that the caller may be told of.
pub fn shortage(engine: &Engine, shortage: &Shortage, is_told: impl Fn(&Reservation) -> bool, sight: &Sight) -> Value {
    let catalogue = &engine.state().catalogue;
    let band = sight.band_alone(shortage.cell.sku, shortage.cell.location);
    let promise = |id: ReservationId, units: u32| {
        let reservation = engine.state().reservations.get(id).filter(|reservation| is_told(reservation))?;
        Some(json!({
            "reservation": engine.reservation_id(id),
            "quantity": band.is_none().then_some(units),
            "state": reservation.state.as_str(),
            "channel": catalogue.channels.name(reservation.channel).as_str(),
            "customer": reservation.customer,
            "order": reservation.order,
        }))
    };
    let promises: Vec<Value> = shortage.at_risk.iter().filter_map(|(id, units)| promise(*id, *units)).collect();
    let late = |waiting: &Waiting| {
        let mut item = promise(waiting.holder.0, waiting.units)?;
        if let Value::Object(members) = &mut item {
            members.insert("promised_for".into(), time(waiting.promised_for).into());
            members.insert("expected_at".into(), waiting.expected_at.map(time).into());
        }
        Some(item)
    };
    let waiting: Vec<Value> = shortage.late.iter().filter_map(late).collect();
    let mut item = match band {
        None => json!({
            "sku": catalogue.skus.name(shortage.cell.sku).as_str(),
            "location": catalogue.locations.name(shortage.cell.location).as_str(),
            "on_hand": shortage.cell.level.on_hand,
            "reserved": shortage.cell.level.reserved,
            "missing": shortage.missing,
        }),
        Some(band) => private(engine, (shortage.cell.sku, shortage.cell.location), band),
    };
    if let Value::Object(members) = &mut item {
        members.insert("promises".into(), promises.into());
        members.insert("waiting".into(), waiting.into());
        // The newest are told; where there are more, that is told, too.
        if shortage.more_at_risk {
            members.insert("more_promises".into(), true.into());
        }
    }
    item
}
