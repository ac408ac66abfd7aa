//! What a row says: columns of a CSV file, or members of a JSON object, as rows for the engine.

use std::collections::BTreeMap;

use anaquel_engine::Engine;
use anaquel_engine::catalogue::Price;
use anaquel_engine::command::{Count, LocationFields, NameRef, Row, Rows, SkuFields, SupplyFields};
use anaquel_engine::event::{ImportKind, RowError};
use anaquel_engine::ids::{LocationId, Name, SkuId, Timestamp};
use anaquel_engine::level::LINE_QUANTITY_MAX;
use serde_json::Value;

use super::{Plan, as_of, csv};
use crate::problem::Problem;
use crate::wire::catalogue::{ATTRIBUTES_MAX, TEXT_BYTES_MAX, coordinates, decimals, parse_kind, services};
use crate::wire::hours;
use crate::wire::rule::RuleBody;
use crate::wire::stock::booked;
use crate::wire::supply::{open, parse_kind as parse_supply_kind};

/// Which columns a kind has; the first `required` must be there.
struct Shape {
    columns: &'static [&'static str],
    required: usize,
    /// Whether `attr.<name>` columns are taken, too.
    attributes: bool,
}

fn shape(kind: ImportKind) -> Shape {
    match kind {
        ImportKind::Locations => Shape { columns: &LOCATION_COLUMNS, required: 1, attributes: false },
        ImportKind::Groups => Shape { columns: &["group", "locations"], required: 2, attributes: false },
        ImportKind::Skus => Shape {
            columns: &["sku", "name", "gtin", "unit", "decimals", "product", "categories"],
            required: 1,
            attributes: true,
        },
        ImportKind::Stock => Shape { columns: &STOCK_COLUMNS, required: 3, attributes: false },
        ImportKind::Prices => {
            Shape { columns: &["sku", "currency", "amount", "channel", "location"], required: 3, attributes: false }
        }
        ImportKind::Rules => Shape { columns: &RULE_COLUMNS, required: 2, attributes: false },
        ImportKind::Supply => Shape { columns: &SUPPLY_COLUMNS, required: 4, attributes: false },
    }
}

/// The columns of stock.
pub const STOCK_COLUMNS: [&str; 6] = ["sku", "location", "on_hand", "counted_at", "safety_stock", "as_of"];

/// The columns of a supply.
pub const SUPPLY_COLUMNS: [&str; 7] = ["supply", "sku", "location", "quantity", "expected_at", "kind", "as_of"];

/// The columns of a location.
pub const LOCATION_COLUMNS: [&str; 15] = [
    "location",
    "name",
    "kind",
    "latitude",
    "longitude",
    "timezone",
    "pickup",
    "ship",
    "groups",
    "hours",
    "special_hours",
    "pickup_cutoff",
    "pickup_minutes",
    "transfer_group",
    "transfer_minutes",
];

/// The columns of a rule; lists stand between semicolons.
pub const RULE_COLUMNS: [&str; 23] = [
    "rule",
    "kind",
    "skus",
    "categories",
    "attributes",
    "locations",
    "groups",
    "location_kinds",
    "channels",
    "starts_at",
    "ends_at",
    "units",
    "percent",
    "allow",
    "few_left",
    "exact",
    "minimum",
    "spill_over",
    "lead_days",
    "available_at",
    "orders_per_day",
    "below",
    "currency",
];

fn rule_body(mut cells: Cells) -> Result<RuleBody, Wrong> {
    let mut list = |column: &str| -> Vec<String> { csv::unlist(&cells.remove(column).unwrap_or_default()) };
    let (skus, categories, attributes) = (list("skus"), list("categories"), list("attributes"));
    let (locations, groups) = (list("locations"), list("groups"));
    let (location_kinds, channels) = (list("location_kinds"), list("channels"));
    let mut whole_of = |column: &str| cells.remove(column).map(|text| whole(column, &text)).transpose();
    let (units, percent) = (whole_of("units")?, whole_of("percent")?);
    let (few_left, minimum) = (whole_of("few_left")?, whole_of("minimum")?);
    let (lead_days, orders_per_day, below) = (whole_of("lead_days")?, whole_of("orders_per_day")?, whole_of("below")?);
    let mut flag_of = |column: &str| cells.remove(column).map(|text| flag(column, &text)).transpose();
    let (allow, exact, spill_over) = (flag_of("allow")?, flag_of("exact")?, flag_of("spill_over")?);
    let (kind, starts_at, ends_at) =
        (required(&mut cells, "kind")?, cells.remove("starts_at"), cells.remove("ends_at"));
    Ok(RuleBody {
        kind,
        skus,
        categories,
        attributes,
        locations,
        groups,
        location_kinds,
        channels,
        starts_at,
        ends_at,
        units,
        percent,
        allow,
        few_left,
        exact,
        minimum,
        spill_over,
        lead_days,
        available_at: cells.remove("available_at"),
        orders_per_day,
        below,
        currency: cells.remove("currency"),
    })
}

/// The columns of a file, in its order.
pub struct Columns {
    kind: ImportKind,
    /// `None` for JSON, whose rows name their members themselves.
    names: Option<Vec<String>>,
}

impl Columns {
    /// Rows that name their members themselves.
    pub fn json(kind: ImportKind) -> Self {
        Self { kind, names: None }
    }

    /// Reads a header row.
    pub fn parse(kind: ImportKind, header: &str) -> Result<Self, Problem> {
        let mut names = Vec::new();
        csv::split(header, &mut names).map_err(|reason| Problem::invalid("header", reason))?;
        let shape = shape(kind);
        for (at, name) in names.iter().enumerate() {
            check_column(&shape, name).map_err(|reason| Problem::invalid(name, reason))?;
            if names.iter().take(at).any(|earlier| earlier == name) {
                return Err(Problem::invalid(name, "is named twice in the header"));
            }
        }
        if let Some(missing) =
            shape.columns.iter().take(shape.required).find(|column| !names.iter().any(|n| n == *column))
        {
            return Err(Problem::invalid(missing, format!("is a required column; the columns are {}", known(&shape))));
        }
        Ok(Self { kind, names: Some(names) })
    }
}

fn known(shape: &Shape) -> String {
    let attributes = if shape.attributes { ", attr.<name>" } else { "" };
    format!("{}{attributes}", shape.columns.join(", "))
}

fn check_column(shape: &Shape, name: &str) -> Result<(), String> {
    let attribute = shape.attributes && name.strip_prefix("attr.").is_some_and(|key| Name::parse(key).is_ok());
    if attribute || shape.columns.contains(&name) {
        Ok(())
    } else {
        Err(format!("is not a column of this import; the columns are {}", known(shape)))
    }
}

/// The cells of one row by column, the empty ones left out.
type Cells = BTreeMap<String, String>;

/// What is wrong with a row: the column, and why.
type Wrong = (Option<String>, String);

fn wrong(field: &str, reason: impl ToString) -> Wrong {
    (Some(field.to_owned()), reason.to_string())
}

/// Rows that wait for their chunk to be full.
pub struct Collector {
    plan: Plan,
    rows: Rows,
    fields: Vec<String>,
}

impl Collector {
    pub fn new(plan: Plan) -> Self {
        Self { plan, rows: empty(plan), fields: Vec::new() }
    }

    pub fn len(&self) -> usize {
        match &self.rows {
            Rows::Locations(rows) => rows.len(),
            Rows::Groups(rows) => rows.len(),
            Rows::Skus(rows) => rows.len(),
            Rows::Stock { counts, .. } => counts.len(),
            Rows::Prices(rows) => rows.len(),
            Rows::Rules(rows) => rows.len(),
            Rows::Supply(rows) => rows.len(),
            Rows::None(_) => 0,
        }
    }

    /// Hands over what was collected.
    pub fn take(&mut self) -> Rows {
        std::mem::replace(&mut self.rows, empty(self.plan))
    }

    /// Reads one line.
    pub fn push(&mut self, columns: &Columns, line: u64, text: &str, engine: &Engine) -> Result<(), RowError> {
        let cells = match &columns.names {
            Some(names) => self.cells_of_csv(names, text),
            None => cells_of_json(columns.kind, text),
        };
        let read = cells.and_then(|cells| self.read(line, cells, engine));
        read.map_err(|(field, reason)| RowError { line, field, reason })
    }

    fn cells_of_csv(&mut self, names: &[String], text: &str) -> Result<Cells, Wrong> {
        csv::split(text, &mut self.fields).map_err(|reason| (None, reason.to_owned()))?;
        if self.fields.len() != names.len() {
            let reason = format!("has {} fields, and the header names {}", self.fields.len(), names.len());
            return Err((None, reason));
        }
        let text = |field: &String| if self.plan.raw { field.clone() } else { csv::unguard(field) };
        let cells = names.iter().zip(&self.fields).map(|(name, field)| (name.clone(), text(field)));
        Ok(cells.filter(|(_, text)| !text.is_empty()).collect())
    }

    fn read(&mut self, line: u64, mut cells: Cells, engine: &Engine) -> Result<(), Wrong> {
        let state = engine.state();
        match &mut self.rows {
            Rows::Locations(rows) => {
                let location = name(&mut cells, "location")?;
                rows.push(Row { line, id: state.location_ref(&location), fields: location_fields(&mut cells)? });
            }
            Rows::Groups(rows) => {
                let group = name(&mut cells, "group")?;
                let members = names(cells.remove("locations").unwrap_or_default().as_str(), "locations")?;
                rows.push((line, group, members));
            }
            Rows::Skus(rows) => {
                let sku = sku(&mut cells)?;
                rows.push(Row { line, id: state.sku_ref(&sku), fields: sku_fields(cells)? });
            }
            Rows::Stock { counts, .. } => {
                let (sku, location) = (sku(&mut cells)?, name(&mut cells, "location")?);
                let on_hand = required(&mut cells, "on_hand")?;
                let on_hand = whole("on_hand", &on_hand)
                    .and_then(|units| booked(units).map_err(|reason| wrong("on_hand", reason)))?;
                let told_at = cells.remove("counted_at").map(|text| clock_time("counted_at", &text)).transpose()?;
                let counted_at = told_at.map(crate::wire::meant);
                let as_of = cells.remove("as_of").map(|text| as_of::read(engine, &text, told_at));
                let as_of = as_of.transpose().map_err(|reason| wrong("as_of", reason))?;
                let safety_stock = cells.remove("safety_stock").map(|text| safety_stock(&text)).transpose()?;
                let (sku, location): (NameRef<SkuId>, NameRef<LocationId>) =
                    (state.sku_ref(&sku), state.location_ref(&location));
                counts.push(Count { line, sku, location, on_hand, counted_at, safety_stock, as_of });
            }
            Rows::Prices(rows) => {
                let sku = sku(&mut cells)?;
                let currency = required(&mut cells, "currency")?;
                if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()) {
                    return Err(wrong("currency", format!("{currency:?} is not an ISO 4217 code")));
                }
                let amount = required(&mut cells, "amount")?;
                let amount = whole("amount", &amount)?;
                if amount < 0 {
                    return Err(wrong("amount", format!("{amount} is negative")));
                }
                let optional = |cells: &mut Cells, column: &str| {
                    cells.remove(column).map(|text| Name::parse(&text).map_err(|e| wrong(column, e))).transpose()
                };
                let (channel, location) = (optional(&mut cells, "channel")?, optional(&mut cells, "location")?);
                rows.push((line, sku, Price { currency, channel, location, amount }));
            }
            Rows::Rules(rows) => {
                let rule = name(&mut cells, "rule")?;
                let fields = rule_body(cells)?.into_fields();
                rows.push((line, rule, fields.map_err(|problem| problem.into_field_and_reason())?));
            }
            Rows::Supply(rows) => {
                let supply = name(&mut cells, "supply")?;
                let (sku, location) = (sku(&mut cells)?, name(&mut cells, "location")?);
                let quantity = required(&mut cells, "quantity")?;
                let quantity = whole("quantity", &quantity).and_then(|n| open(n).map_err(|r| wrong("quantity", r)))?;
                let expected_at = cells.remove("expected_at").map(|text| time("expected_at", &text)).transpose()?;
                let kind = cells.remove("kind").map(|text| parse_supply_kind(&text).map_err(|r| wrong("kind", r)));
                let (kind, name) = (kind.transpose()?.unwrap_or_default(), supply);
                let (sku, location) = (state.sku_ref(&sku), state.location_ref(&location));
                let as_of = cells.remove("as_of").map(|text| as_of::read(engine, &text, None)).transpose();
                let as_of = as_of.map_err(|reason| wrong("as_of", reason))?.and_then(|as_of| as_of.seq);
                rows.push(SupplyFields { line, name, kind, sku, location, quantity, expected_at, as_of });
            }
            Rows::None(_) => {}
        }
        Ok(())
    }
}

fn empty(plan: Plan) -> Rows {
    match plan.kind {
        ImportKind::Locations => Rows::Locations(Vec::new()),
        ImportKind::Groups => Rows::Groups(Vec::new()),
        ImportKind::Skus => Rows::Skus(Vec::new()),
        ImportKind::Stock => Rows::Stock { counts: Vec::new(), create: plan.create },
        ImportKind::Prices => Rows::Prices(Vec::new()),
        ImportKind::Rules => Rows::Rules(Vec::new()),
        ImportKind::Supply => Rows::Supply(Vec::new()),
    }
}

fn cells_of_json(kind: ImportKind, text: &str) -> Result<Cells, Wrong> {
    let row: BTreeMap<String, Value> =
        serde_json::from_str(text).map_err(|error| (None, format!("is not a JSON object: {error}")))?;
    let shape = shape(kind);
    let mut cells = Cells::new();
    for (column, value) in row {
        if let Some(hours) = hours::of_json(&column, &value).filter(|_| kind == ImportKind::Locations) {
            let text = hours.map_err(|reason| wrong(&column, reason))?;
            cells.insert(column, text);
            continue;
        }
        let text = match (column.as_str(), value) {
            (_, Value::Null) => continue,
            ("attributes", Value::Object(attributes)) if shape.attributes => {
                for (key, value) in attributes {
                    Name::parse(&key).map_err(|error| wrong("attributes", error))?;
                    let Value::String(value) = value else {
                        return Err(wrong("attributes", format!("{key} is not a string")));
                    };
                    cells.insert(format!("attr.{key}"), value);
                }
                continue;
            }
            (_, Value::String(text)) => text,
            (_, Value::Number(number)) => number.to_string(),
            (_, Value::Bool(flag)) => flag.to_string(),
            (
                "categories" | "groups" | "locations" | "skus" | "attributes" | "location_kinds" | "channels",
                Value::Array(items),
            ) => {
                let item = |item: Value| match item {
                    Value::String(text) => Ok(text),
                    other => Err(wrong(&column, format!("{other} is not a string"))),
                };
                let items = items.into_iter().map(item).collect::<Result<Vec<_>, _>>()?;
                csv::list(items.iter().map(String::as_str))
            }
            (_, other) => return Err(wrong(&column, format!("{other} is not a text or a number"))),
        };
        check_column(&shape, &column).map_err(|reason| wrong(&column, reason))?;
        if !text.trim().is_empty() {
            cells.insert(column, text.trim().to_owned());
        }
    }
    Ok(cells)
}

fn required(cells: &mut Cells, column: &str) -> Result<String, Wrong> {
    cells.remove(column).ok_or_else(|| wrong(column, "is required and empty"))
}

fn name(cells: &mut Cells, column: &str) -> Result<Name, Wrong> {
    let text = required(cells, column)?;
    Name::parse(&text).map_err(|error| wrong(column, error))
}

fn sku(cells: &mut Cells) -> Result<Name, Wrong> {
    let text = required(cells, "sku")?;
    Name::parse_sku(&text).map_err(|error| wrong("sku", error))
}

/// Names between semicolons.
fn names(text: &str, column: &str) -> Result<Vec<Name>, Wrong> {
    let read = |part: &String| Name::parse(part).map_err(|error| wrong(column, format!("{part:?} {error}")));
    csv::unlist(text).iter().map(read).collect()
}

fn whole(column: &str, text: &str) -> Result<i64, Wrong> {
    text.parse().map_err(|_| wrong(column, format!("{:?} is not a whole number", shorten(text))))
}

fn number(column: &str, text: &str) -> Result<f64, Wrong> {
    text.parse().map_err(|_| wrong(column, format!("{:?} is not a number", shorten(text))))
}

fn flag(column: &str, text: &str) -> Result<bool, Wrong> {
    text.parse().map_err(|_| wrong(column, format!("{:?} is not true or false", shorten(text))))
}

fn text(cells: &mut Cells, column: &str) -> Result<Option<String>, Wrong> {
    match cells.remove(column) {
        Some(text) if text.len() > TEXT_BYTES_MAX => {
            Err(wrong(column, format!("is longer than {TEXT_BYTES_MAX} bytes")))
        }
        text => Ok(text),
    }
}

/// A time as the log has it.
fn time(column: &str, text: &str) -> Result<Timestamp, Wrong> {
    clock_time(column, text).map(crate::wire::meant)
}

/// A time as it stands there.
fn clock_time(column: &str, text: &str) -> Result<Timestamp, Wrong> {
    let at: jiff::Timestamp = text
        .parse()
        .map_err(|_| wrong(column, format!("{:?} is not an RFC 3339 time with an offset", shorten(text))))?;
    let ms = u64::try_from(at.as_millisecond()).ok().filter(|ms| *ms <= Timestamp::MAX.0);
    ms.map(Timestamp).ok_or_else(|| wrong(column, "lies outside 1970 to 2109"))
}

fn safety_stock(text: &str) -> Result<u32, Wrong> {
    let value = whole("safety_stock", text)?;
    u32::try_from(value)
        .ok()
        .filter(|value| *value <= LINE_QUANTITY_MAX)
        .ok_or_else(|| wrong("safety_stock", format!("{value} is not between 0 and {LINE_QUANTITY_MAX}")))
}

fn location_fields(cells: &mut Cells) -> Result<LocationFields, Wrong> {
    let kind =
        cells.remove("kind").map(|text| parse_kind(&text).map_err(|reason| wrong("kind", reason))).transpose()?;
    let latitude = cells.remove("latitude").map(|text| number("latitude", &text)).transpose()?;
    let longitude = cells.remove("longitude").map(|text| number("longitude", &text)).transpose()?;
    let coordinates = match (latitude, longitude) {
        (None, None) => None,
        (Some(latitude), Some(longitude)) => {
            Some(coordinates(latitude, longitude).map_err(|(field, reason)| wrong(field, reason))?)
        }
        (None, Some(_)) => return Err(wrong("latitude", "is needed beside longitude")),
        (Some(_), None) => return Err(wrong("longitude", "is needed beside latitude")),
    };
    let hours =
        cells.remove("hours").map(|text| hours::parse_text(&text).map_err(|r| wrong("hours", r))).transpose()?;
    let special = cells.remove("special_hours").map(|text| hours::parse_special_text(&text)).transpose();
    let special = special.map_err(|reason| wrong("special_hours", reason))?;
    let timezone = hours::zone(cells.remove("timezone")).map_err(|reason| wrong("timezone", reason))?;
    let mut minutes = |column: &str| cells.remove(column).map(|text| whole(column, &text)).transpose();
    let (pickup_minutes, transfer_minutes) = (minutes("pickup_minutes")?, minutes("transfer_minutes")?);
    let (cutoff, group) = (cells.remove("pickup_cutoff"), cells.remove("transfer_group"));
    let services = services((hours, special), cutoff, pickup_minutes, group, transfer_minutes);
    Ok(LocationFields {
        services: services.map_err(|(field, reason)| wrong(field, reason))?,
        name: text(cells, "name")?,
        kind,
        coordinates,
        timezone,
        pickup: cells.remove("pickup").map(|text| flag("pickup", &text)).transpose()?,
        ship: cells.remove("ship").map(|text| flag("ship", &text)).transpose()?,
        groups: cells.remove("groups").map(|text| names(&text, "groups")).transpose()?,
    })
}

fn categories(text: &str) -> Result<Vec<String>, Wrong> {
    let categories = csv::unlist(text);
    if categories.len() > ATTRIBUTES_MAX {
        return Err(wrong("categories", format!("has {} entries; up to {ATTRIBUTES_MAX} are taken", categories.len())));
    }
    match categories.iter().any(|category| category.len() > TEXT_BYTES_MAX) {
        true => Err(wrong("categories", format!("one is longer than {TEXT_BYTES_MAX} bytes"))),
        false => Ok(categories),
    }
}

fn sku_fields(mut cells: Cells) -> Result<SkuFields, Wrong> {
    let places = cells.remove("decimals").map(|text| {
        whole("decimals", &text).and_then(|value| decimals(value).map_err(|reason| wrong("decimals", reason)))
    });
    let fields = SkuFields {
        name: text(&mut cells, "name")?,
        gtin: text(&mut cells, "gtin")?,
        unit: text(&mut cells, "unit")?,
        decimals: places.transpose()?,
        product: text(&mut cells, "product")?,
        categories: cells.remove("categories").map(|text| categories(&text)).transpose()?,
        attributes: Vec::new(),
    };
    let attribute = |(column, value): (String, String)| {
        if value.len() > TEXT_BYTES_MAX {
            return Err(wrong(&column, format!("is longer than {TEXT_BYTES_MAX} bytes")));
        }
        Ok((column.strip_prefix("attr.").unwrap_or(&column).to_owned(), value))
    };
    Ok(SkuFields { attributes: cells.into_iter().map(attribute).collect::<Result<_, _>>()?, ..fields })
}

/// As much of a bad value as an error needs to show.
fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}
