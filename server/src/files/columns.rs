//! What a row says: columns of a delimited file, or members of a JSON object, as rows for the engine.

use std::collections::{BTreeMap, BTreeSet};

use anaquel_engine::Engine;
use anaquel_engine::catalogue::Price;
use anaquel_engine::command::{Count, LocationFields, NameRef, Row, Rows, SkuFields, SupplyFields};
use anaquel_engine::event::{ImportKind, RowError};
use anaquel_engine::ids::{LocationId, Name, SkuId, Timestamp};
use anaquel_engine::level::LINE_QUANTITY_MAX;
use serde_json::{Map, Value};

use crate::files::numbers;
use crate::files::numbers::Decimal;
use crate::files::plan::{Plan, Surface};
use crate::files::table::Field;
use crate::files::{as_of, csv};
use crate::http::problem::Problem;
use crate::subjects::catalogue::bodies::{ATTRIBUTES_MAX, coordinates, decimals, services};
use crate::subjects::catalogue::hours;
use crate::subjects::rules::bodies::RuleBody;
use crate::subjects::stock::bodies::booked;
use crate::subjects::supply::bodies::{open, parse_kind as parse_supply_kind};
use crate::wire::currency;
use crate::wire::strict::Object;
use crate::wire::{TEXT_BYTES_MAX, location_kind};

/// Which columns a kind has; the first `required` must be there.
pub struct Shape {
    columns: &'static [&'static str],
    required: usize,
    /// Whether `attr.<name>` columns are taken, too.
    attributes: bool,
}

pub fn shape(kind: ImportKind) -> Shape {
    match kind {
        ImportKind::Locations => Shape { columns: &LOCATION_COLUMNS, required: 1, attributes: false },
        ImportKind::Groups => Shape { columns: &["group", "locations"], required: 2, attributes: false },
        ImportKind::Skus => Shape {
            columns: &["sku", "name", "gtin", "unit", "decimals", "product", "categories", "tracked"],
            required: 1,
            attributes: true,
        },
        ImportKind::Stock => Shape { columns: &STOCK_COLUMNS, required: 3, attributes: false },
        ImportKind::Prices => Shape {
            columns: &["sku", "currency", "amount", "channel", "location", "price"],
            required: 2,
            attributes: false,
        },
        ImportKind::Rules => Shape { columns: &RULE_COLUMNS, required: 2, attributes: false },
        ImportKind::Channels => Shape { columns: &["channel", "buffer"], required: 1, attributes: false },
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

fn rule_body(mut cells: Cells, numbers: &Numbers) -> Result<RuleBody, Wrong> {
    let mut list = |column: &str| -> Vec<String> { csv::unlist(&cells.remove(column).unwrap_or_default()) };
    let (skus, categories, attributes) = (list("skus"), list("categories"), list("attributes"));
    let (locations, groups) = (list("locations"), list("groups"));
    let (location_kinds, channels) = (list("location_kinds"), list("channels"));
    let mut whole_of = |column: &str| cells.remove(column).map(|text| numbers.whole(column, &text)).transpose();
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

/// What a column holds, which says how much of a cell counts and what may stand for it in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// White space at the ends of a text that stands between quotes is part of it.
    Text,
    /// An id, a word or a time.
    Word,
    /// A number.
    Number,
    /// True or false.
    Flag,
    /// Texts.
    List,
}

fn form(column: &str) -> Form {
    match column {
        "name" | "unit" | "product" => Form::Text,
        "pickup" | "ship" | "allow" | "exact" | "spill_over" | "tracked" => Form::Flag,
        "categories" | "groups" | "locations" | "skus" | "attributes" | "location_kinds" | "channels" => Form::List,
        "on_hand" | "safety_stock" | "amount" | "price" | "quantity" | "latitude" | "longitude" | "decimals"
        | "pickup_minutes" | "transfer_minutes" | "units" | "percent" | "few_left" | "minimum" | "lead_days"
        | "orders_per_day" | "below" | "buffer" => Form::Number,
        _ if column.starts_with("attr.") => Form::Text,
        _ => Form::Word,
    }
}

/// Columns of a file of rejects: read past, so that what was set right in it can be loaded as it is.
pub const REJECT_COLUMNS: [&str; 4] = ["rejected_line", "rejected_field", "rejected_reason", "rejected_row"];

/// Where a column of the file goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Goes {
    /// To columns of the import.
    To(Vec<String>),
    /// Nowhere.
    Nowhere,
    /// Nowhere, since it has no name: nothing may stand in it.
    Unnamed,
}

/// The columns of a file, in its order.
pub struct Columns(Vec<Goes>);

/// Whether a name in a header is a column of the import, or is said to be one.
pub fn is_known(plan: &Plan, name: &str) -> bool {
    let is_said = |theirs: &str| !theirs.is_empty() && theirs.eq_ignore_ascii_case(name);
    let is_mapped = plan.reading.map.iter().any(|(_, theirs)| is_said(theirs));
    is_mapped || known_column(&shape(plan.kind), name).is_some()
}

impl Columns {
    /// Reads a header row. Names are compared without regard to case.
    pub fn parse(plan: &Plan, header: &[Field]) -> Result<Self, Problem> {
        let shape = shape(plan.kind);
        let map = checked_map(plan, &shape)?;
        let is_in_header = |theirs: &str| {
            theirs.is_empty() || header.iter().any(|field| field.text.trim().eq_ignore_ascii_case(theirs))
        };
        if let Some((_, theirs)) = map.iter().find(|(_, theirs)| !is_in_header(theirs)) {
            let names: Vec<_> = header.iter().take(100).map(|field| shorten(field.text.trim())).collect();
            let reason = format!("the header has no column {theirs:?}; it has {}", names.join(", "));
            return Err(Problem::invalid("map", reason));
        }
        let mut found = BTreeSet::new();
        let mut columns = Vec::with_capacity(header.len());
        for (at, Field { text, .. }) in header.iter().enumerate() {
            let name = text.trim();
            let is_said = |theirs: &str| !theirs.is_empty() && theirs.eq_ignore_ascii_case(name);
            let mut ours: Vec<String> =
                map.iter().filter(|(_, theirs)| is_said(theirs)).map(|(ours, _)| ours.clone()).collect();
            if ours.is_empty() {
                ours.extend(known_column(&shape, name));
                // What is said to be another column of the file is that one.
                if let Some((column, theirs)) = map.iter().find(|(column, _)| ours.contains(column)) {
                    if !theirs.is_empty() && !plan.reading.ignore_unknown {
                        let ignore = plan.surface.option("ignore_unknown", "true");
                        let reason =
                            format!("stands in the header, and is said to be {theirs:?}; pass it over with {ignore}");
                        return Err(Problem::invalid(column, reason));
                    }
                    columns.push(Goes::Nowhere);
                    continue;
                }
            }
            if ours.is_empty() && name.is_empty() {
                columns.push(Goes::Unnamed);
                continue;
            }
            if ours.is_empty() {
                let is_reject = REJECT_COLUMNS.iter().any(|column| column.eq_ignore_ascii_case(name));
                if !is_reject && !plan.reading.ignore_unknown {
                    return Err(
                        Problem::invalid(&shorten(name), not_a_column(plan.surface, &shape)).with("column", at + 1)
                    );
                }
                columns.push(Goes::Nowhere);
                continue;
            }
            if let Some(again) = ours.iter().find(|column| !found.insert((*column).clone())) {
                let reason = "is named twice in the header; take one of both out, or give it another name";
                return Err(Problem::invalid(again, reason));
            }
            columns.push(Goes::To(ours));
        }
        let is_there = |column: &str| found.contains(column) || plan.reading.set.iter().any(|(set, _)| set == column);
        let missing = shape.columns.iter().take(shape.required).find(|column| !is_there(column));
        let has_amount = plan.kind != ImportKind::Prices || is_there("amount") || is_there("price");
        if let Some(missing) = missing.copied().or((!has_amount).then_some("amount")) {
            let (map, set) = (
                plan.surface.option("map", &format!("{missing}=NAME")),
                plan.surface.option("set", &format!("{missing}=VALUE")),
            );
            let reason = format!(
                "is a required column; the columns are {}. Say which column of the file it is with {map}, or what it is in \
                 every row with {set}",
                known(&shape)
            );
            return Err(Problem::invalid(missing, reason));
        }
        Ok(Self(columns))
    }
}

/// What the caller says of the file's names, with the columns as this import writes them.
pub fn checked_map(plan: &Plan, shape: &Shape) -> Result<Vec<(String, String)>, Problem> {
    let mut map: Vec<(String, String)> = Vec::new();
    for (ours, theirs) in &plan.reading.map {
        let column = known_column(shape, ours);
        let column = column.ok_or_else(|| {
            Problem::invalid(
                "map",
                format!("{ours:?} is not a column of this import; the columns are {}", known(shape)),
            )
        })?;
        if map.iter().any(|(known, _)| *known == column) {
            return Err(Problem::invalid("map", format!("{column} is said twice")));
        }
        map.push((column, theirs.clone()));
    }
    for (ours, _) in &plan.reading.set {
        if known_column(shape, ours).as_ref() != Some(ours) {
            let reason = format!("{ours:?} is not a column of this import; the columns are {}", known(shape));
            return Err(Problem::invalid("set", reason));
        }
    }
    Ok(map)
}

fn not_a_column(surface: Surface, shape: &Shape) -> String {
    let (ignore, map) = (surface.option("ignore_unknown", "true"), surface.option("map", "COLUMN=NAME"));
    format!(
        "is not a column of this import; the columns are {}. Pass it over with {ignore}, or say which it is with {map}",
        known(shape)
    )
}

/// A column of this import by its name in any case. What follows `attr.` is compared as it is written.
fn known_column(shape: &Shape, name: &str) -> Option<String> {
    let attribute = name.split_at_checked(5).filter(|(prefix, _)| prefix.eq_ignore_ascii_case("attr."));
    if let Some((_, key)) = attribute.filter(|(_, key)| shape.attributes && Name::parse(key).is_ok()) {
        return Some(format!("attr.{key}"));
    }
    shape.columns.iter().find(|column| column.eq_ignore_ascii_case(name)).map(|column| (*column).to_owned())
}

fn known(shape: &Shape) -> String {
    let attributes = if shape.attributes { ", attr.<name>" } else { "" };
    format!("{}{attributes}", shape.columns.join(", "))
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
    kind: ImportKind,
    create: bool,
    raw: bool,
    ignore_unknown: bool,
    surface: Surface,
    numbers: Numbers,
    map: Vec<(String, String)>,
    set: Vec<(String, String)>,
    rows: Rows,
}

impl Collector {
    /// One for a file whose fields stand between `delimiter`s; none for JSON.
    ///
    /// # Errors
    /// What the caller says of its columns cannot be.
    pub fn new(plan: &Plan, delimiter: Option<u8>) -> Result<Self, Problem> {
        let (kind, create, reading) = (plan.kind, plan.create, &plan.reading);
        let decimal = reading.decimal.unwrap_or(match delimiter {
            Some(b',') | None => Decimal::Unsaid,
            Some(_) => Decimal::UnsaidWithoutCommas,
        });
        Ok(Self {
            kind,
            create,
            raw: plan.raw,
            ignore_unknown: reading.ignore_unknown,
            surface: plan.surface,
            numbers: Numbers { decimal, surface: plan.surface },
            map: checked_map(plan, &shape(kind))?,
            set: reading.set.clone(),
            rows: empty(kind, create),
        })
    }

    pub fn count(&self) -> usize {
        match &self.rows {
            Rows::Locations(rows) => rows.len(),
            Rows::Groups(rows) => rows.len(),
            Rows::Skus(rows) => rows.len(),
            Rows::Stock { counts, .. } => counts.len(),
            Rows::Prices(rows) => rows.len(),
            Rows::Rules(rows) => rows.len(),
            Rows::Supply(rows) => rows.len(),
            Rows::Channels(rows) => rows.len(),
            Rows::None(_) => 0,
        }
    }

    /// Hands over what was collected.
    pub fn take(&mut self) -> Rows {
        std::mem::replace(&mut self.rows, empty(self.kind, self.create))
    }

    /// Reads a row of a table.
    pub fn push(&mut self, columns: &Columns, line: u64, row: &[Field], engine: &Engine) -> Result<(), RowError> {
        let read = self.cells_of_table(columns, row).and_then(|cells| self.read(line, cells, engine));
        read.map_err(|(field, reason)| RowError { line, field, reason })
    }

    /// Reads a row that is a JSON object.
    pub fn push_json(&mut self, line: u64, text: &str, engine: &Engine) -> Result<(), RowError> {
        let read = self.cells_of_json(text).and_then(|cells| self.read(line, cells, engine));
        read.map_err(|(field, reason)| RowError { line, field, reason })
    }

    fn cells_of_table(&self, Columns(columns): &Columns, row: &[Field]) -> Result<Cells, Wrong> {
        let beyond = row.iter().skip(columns.len()).any(|field| !field.text.is_empty());
        if row.len() < columns.len() || beyond {
            let what = if beyond { "more" } else { "fewer" };
            let reason = format!(
                "has {} fields, {what} than the {} of the header; a field that holds what stands between fields is written \
                 between quotes",
                row.len(),
                columns.len()
            );
            return Err((None, reason));
        }
        let mut cells = Cells::new();
        for (at, (goes, field)) in columns.iter().zip(row).enumerate() {
            let is_empty = field.text.trim().is_empty();
            match goes {
                Goes::To(ours) if !is_empty => {
                    let text = if self.raw { field.text.clone() } else { csv::unguard(&field.text) };
                    for column in ours {
                        let trimmed = form(column) != Form::Text;
                        let text = if trimmed { text.trim().to_owned() } else { text.clone() };
                        cells.insert(column.clone(), text);
                    }
                }
                Goes::Unnamed if !is_empty => {
                    let reason =
                        format!("has {:?} in field {}, which has no name in the header", shorten(&field.text), at + 1);
                    return Err((None, reason));
                }
                _ => {}
            }
        }
        self.set_columns(&mut cells);
        Ok(cells)
    }

    /// What is the same in every row that does not say otherwise.
    fn set_columns(&self, cells: &mut Cells) {
        for (column, value) in &self.set {
            cells.entry(column.clone()).or_insert_with(|| value.clone());
        }
    }

    fn cells_of_json(&self, text: &str) -> Result<Cells, Wrong> {
        let Object(mut row) =
            serde_json::from_str(text).map_err(|error| (None, format!("is not a JSON object: {error}")))?;
        let shape = shape(self.kind);
        let mut cells = Cells::new();
        // Members that the caller names are found first, also inside of others; then those that are named as columns are.
        let mut named = BTreeSet::new();
        for (ours, theirs) in self.map.iter().filter(|(_, theirs)| !theirs.is_empty()) {
            let Some((member, value)) = find_member(&row, theirs) else { continue };
            if let Some(text) = self.cell_of_json(ours, value)? {
                cells.insert(ours.clone(), text);
            }
            named.insert(member.to_owned());
        }
        named.iter().for_each(|member| drop(row.remove(member)));
        for (member, value) in row {
            if REJECT_COLUMNS.contains(&member.as_str()) || value.is_null() {
                continue;
            }
            if let ("attributes", true, Value::Object(attributes)) = (member.as_str(), shape.attributes, &value) {
                for (key, value) in attributes {
                    Name::parse(key).map_err(|error| wrong("attributes", format!("{key:?} {error}")))?;
                    let column = format!("attr.{key}");
                    let Some(text) = self.cell_of_json(&column, value)? else { continue };
                    if cells.insert(column, text).is_some() {
                        return Err(wrong("attributes", format!("{key:?} is said twice")));
                    }
                }
                continue;
            }
            let Some(column) = known_column(&shape, &member) else {
                if self.ignore_unknown {
                    continue;
                }
                return Err(wrong(&shorten(&member), not_a_column(self.surface, &shape)));
            };
            if let Some((_, theirs)) = self.map.iter().find(|(ours, _)| *ours == column) {
                if theirs.is_empty() || self.ignore_unknown {
                    continue;
                }
                return Err(wrong(&column, "is said to be another member; leave one of both out"));
            }
            if let Some(text) = self.cell_of_json(&column, &value)?
                && cells.insert(column.clone(), text).is_some()
            {
                return Err(wrong(&column, "is said twice; write it once"));
            }
        }
        self.set_columns(&mut cells);
        Ok(cells)
    }

    fn cell_of_json(&self, column: &str, value: &Value) -> Result<Option<String>, Wrong> {
        // A number of JSON has its point, whatever those have that stand in texts.
        let is_comma = self.numbers.decimal == Decimal::Comma && value.is_f64();
        Ok(cell_of_json(column, value)?.map(|text| if is_comma { text.replace('.', ",") } else { text }))
    }

    fn read(&mut self, line: u64, mut cells: Cells, engine: &Engine) -> Result<(), Wrong> {
        let state = engine.state();
        let numbers = self.numbers;
        match &mut self.rows {
            Rows::Locations(rows) => {
                let location = name(&mut cells, "location")?;
                rows.push(Row {
                    line,
                    id: state.location_ref(&location),
                    fields: location_fields(&mut cells, &numbers)?,
                });
            }
            Rows::Groups(rows) => {
                let group = name(&mut cells, "group")?;
                let members = names(cells.remove("locations").unwrap_or_default().as_str(), "locations")?;
                rows.push((line, group, members));
            }
            Rows::Skus(rows) => {
                let sku = sku(&mut cells)?;
                rows.push(Row { line, id: state.sku_ref(&sku), fields: sku_fields(cells, &numbers)? });
            }
            Rows::Stock { counts, .. } => {
                let (sku, location) = (sku(&mut cells)?, name(&mut cells, "location")?);
                let on_hand = required(&mut cells, "on_hand")?;
                let on_hand = numbers
                    .whole("on_hand", &on_hand)
                    .and_then(|units| booked(units).map_err(|reason| wrong("on_hand", reason)))?;
                let told_at = cells.remove("counted_at").map(|text| clock_time("counted_at", &text)).transpose()?;
                let counted_at = told_at.map(crate::wire::meant);
                let as_of = cells.remove("as_of").map(|text| as_of::read(engine, &text, told_at));
                let as_of = as_of.transpose().map_err(|reason| wrong("as_of", reason))?;
                let safety_stock =
                    cells.remove("safety_stock").map(|text| held_back("safety_stock", &text, &numbers)).transpose()?;
                let (sku, location): (NameRef<SkuId>, NameRef<LocationId>) =
                    (state.sku_ref(&sku), state.location_ref(&location));
                counts.push(Count { line, sku, location, on_hand, counted_at, safety_stock, as_of });
            }
            Rows::Prices(rows) => {
                let sku = sku(&mut cells)?;
                let currency = required(&mut cells, "currency")?;
                currency::parse(&currency).map_err(|reason| wrong("currency", reason))?;
                let (column, amount) = match (cells.remove("amount"), cells.remove("price")) {
                    (Some(_), Some(_)) => return Err(wrong("price", "is given beside amount; write one of both")),
                    (None, Some(price)) => {
                        let digits = currency::digits(&currency).unwrap_or_default();
                        ("price", numbers.minor_units("price", &price, digits)?)
                    }
                    (Some(amount), None) => {
                        let hint =
                            |(field, reason): Wrong| (field, format!("{reason}; in a column price, 19.99 is 1999"));
                        let has_point = amount.contains(['.', ',']);
                        let units = numbers.whole("amount", &amount);
                        ("amount", if has_point { units.map_err(hint)? } else { units? })
                    }
                    (None, None) => {
                        return Err(wrong("amount", "is required and empty; a column price will do as well"));
                    }
                };
                if amount < 0 {
                    return Err(wrong(
                        column,
                        format!("{amount} minor units are negative; write what is asked for it"),
                    ));
                }
                let optional = |cells: &mut Cells, column: &str| {
                    cells.remove(column).map(|text| Name::parse(&text).map_err(|e| wrong(column, e))).transpose()
                };
                let (channel, location) = (optional(&mut cells, "channel")?, optional(&mut cells, "location")?);
                rows.push((line, sku, Price { currency, channel, location, amount }));
            }
            Rows::Rules(rows) => {
                let rule = name(&mut cells, "rule")?;
                let fields = rule_body(cells, &numbers)?.into_fields();
                rows.push((line, rule, fields.map_err(|problem| problem.into_field_and_reason())?));
            }
            Rows::Supply(rows) => {
                let supply = required(&mut cells, "supply")?;
                let supply = Name::parse_printable(&supply).map_err(|error| wrong("supply", error))?;
                let (sku, location) = (sku(&mut cells)?, name(&mut cells, "location")?);
                let quantity = required(&mut cells, "quantity")?;
                let quantity =
                    numbers.whole("quantity", &quantity).and_then(|n| open(n).map_err(|r| wrong("quantity", r)))?;
                let expected_at = cells.remove("expected_at").map(|text| time("expected_at", &text)).transpose()?;
                let kind = cells.remove("kind").map(|text| parse_supply_kind(&text).map_err(|r| wrong("kind", r)));
                let (kind, name) = (kind.transpose()?.unwrap_or_default(), supply);
                let (sku, location) = (state.sku_ref(&sku), state.location_ref(&location));
                let as_of = cells.remove("as_of").map(|text| as_of::read(engine, &text, None)).transpose();
                let as_of = as_of.map_err(|reason| wrong("as_of", reason))?.and_then(|as_of| as_of.seq);
                rows.push(SupplyFields { line, name, kind, sku, location, quantity, expected_at, as_of });
            }
            Rows::Channels(rows) => {
                let channel = name(&mut cells, "channel")?;
                rows.push((
                    line,
                    channel,
                    cells.remove("buffer").map(|text| held_back("buffer", &text, &numbers)).transpose()?,
                ));
            }
            Rows::None(_) => {}
        }
        Ok(())
    }
}

fn empty(kind: ImportKind, create: bool) -> Rows {
    match kind {
        ImportKind::Locations => Rows::Locations(Vec::new()),
        ImportKind::Groups => Rows::Groups(Vec::new()),
        ImportKind::Skus => Rows::Skus(Vec::new()),
        ImportKind::Stock => Rows::Stock { counts: Vec::new(), create },
        ImportKind::Prices => Rows::Prices(Vec::new()),
        ImportKind::Rules => Rows::Rules(Vec::new()),
        ImportKind::Supply => Rows::Supply(Vec::new()),
        ImportKind::Channels => Rows::Channels(Vec::new()),
    }
}

/// The member of a row that has a name, or that a path leads to, such as `location.lat` or `coordinates.0`; with the member
/// of the row in which it stands.
fn find_member<'a>(row: &'a Map<String, Value>, name: &'a str) -> Option<(&'a str, &'a Value)> {
    if let Some(value) = row.get(name) {
        return Some((name, value));
    }
    let mut path = name.split('.');
    let member = path.next()?;
    let found = path.try_fold(row.get(member)?, |value, step| match value {
        Value::Object(members) => members.get(step),
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        _ => None,
    });
    found.map(|value| (member, value))
}

/// A JSON value as the cell of a column; none for null. A number that stands for a text is read where its digits are the
/// text, and in no other way.
fn cell_of_json(column: &str, value: &Value) -> Result<Option<String>, Wrong> {
    // Days by name, and dates, are told as a file tells them.
    if let Some(hours) = hours::of_json(column, value) {
        return hours.map(Some).map_err(|reason| wrong(column, reason));
    }
    let what = |what: &str, write: &str| Err(wrong(column, format!("is {what}; {write}")));
    Ok(Some(match (form(column), value) {
        (_, Value::Null) => return Ok(None),
        (Form::List, Value::Array(items)) => {
            let item = |item: &Value| match item {
                Value::String(text) => Ok(text.clone()),
                Value::Number(number) if !number.is_f64() => Ok(number.to_string()),
                other => {
                    Err(wrong(column, format!("holds {}; write texts between quotes", shorten(&other.to_string()))))
                }
            };
            let items = items.iter().map(item).collect::<Result<Vec<_>, _>>()?;
            csv::list(items.iter().map(String::as_str))
        }
        // As an empty cell: it says nothing.
        (_, Value::String(text)) if text.trim().is_empty() => return Ok(None),
        (Form::Text, Value::String(text)) => text.clone(),
        (_, Value::String(text)) => text.trim().to_owned(),
        (Form::Number, Value::Number(number)) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => format!("{float}"),
            None => number.to_string(),
        },
        (Form::Text | Form::Word, Value::Number(number)) if !number.is_f64() => number.to_string(),
        (Form::Text | Form::Word, Value::Number(number)) => {
            return what(
                &format!("the number {number}, whose digits as a text are not known"),
                "write it between quotes",
            );
        }
        (Form::Flag, Value::Bool(flag)) => flag.to_string(),
        (Form::Flag, other) => return what(&shorten(&other.to_string()), "write true or false"),
        (Form::Number, other) => return what(&shorten(&other.to_string()), "write a number"),
        (Form::List, other) => return what(&shorten(&other.to_string()), "write a list of texts"),
        (_, other) => return what(&shorten(&other.to_string()), "write a text between quotes"),
    }))
}

/// How the numbers of a file are read.
#[derive(Debug, Clone, Copy)]
struct Numbers {
    decimal: Decimal,
    surface: Surface,
}

impl Numbers {
    fn parts(&self, column: &str, text: &str, decimal: Decimal) -> Result<numbers::Parts, Wrong> {
        let say = |name: &str, value: &str| self.surface.option(name, value);
        numbers::parts(text, decimal, say).map_err(|reason| wrong(column, format!("{:?} {reason}", shorten(text))))
    }

    /// A whole number; zeros behind a point say nothing more.
    fn whole(&self, column: &str, text: &str) -> Result<i64, Wrong> {
        let whole = self.parts(column, text, self.decimal)?.whole();
        whole.map_err(|reason| wrong(column, format!("{:?} {reason}", shorten(text))))
    }

    /// Degrees, which are never thousands.
    fn degrees(&self, column: &str, text: &str) -> Result<f64, Wrong> {
        let decimal = if self.decimal == Decimal::UnsaidWithoutCommas { Decimal::Unsaid } else { self.decimal };
        self.parts(column, text, decimal).map(|parts| parts.float())
    }

    /// An amount of money in minor units of a currency.
    fn minor_units(&self, column: &str, text: &str, digits: u8) -> Result<i64, Wrong> {
        let units = self.parts(column, text, self.decimal)?.minor_units(digits);
        units.map_err(|reason| wrong(column, format!("{:?} {reason}", shorten(text))))
    }
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

fn flag(column: &str, text: &str) -> Result<bool, Wrong> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err(wrong(column, format!("{:?} is not true or false", shorten(text)))),
    }
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
    let at: jiff::Timestamp = text.parse().map_err(|_| {
        let reason = "is not an RFC 3339 time with an offset; write it like 2026-11-01T06:00:00Z";
        wrong(column, format!("{:?} {reason}", shorten(text)))
    })?;
    let ms = u64::try_from(at.as_millisecond()).ok().filter(|ms| *ms <= Timestamp::MAX.0);
    ms.map(Timestamp).ok_or_else(|| wrong(column, "lies outside 1970 to 2109"))
}

/// Units that are held back.
fn held_back(column: &str, text: &str, numbers: &Numbers) -> Result<u32, Wrong> {
    let value = numbers.whole(column, text)?;
    u32::try_from(value)
        .ok()
        .filter(|value| *value <= LINE_QUANTITY_MAX)
        .ok_or_else(|| wrong(column, format!("{value} is not between 0 and {LINE_QUANTITY_MAX}")))
}

fn location_fields(cells: &mut Cells, numbers: &Numbers) -> Result<LocationFields, Wrong> {
    let kind = cells
        .remove("kind")
        .map(|text| location_kind(&text.to_ascii_lowercase()).map_err(|reason| wrong("kind", reason)))
        .transpose()?;
    let latitude = cells.remove("latitude").map(|text| numbers.degrees("latitude", &text)).transpose()?;
    let longitude = cells.remove("longitude").map(|text| numbers.degrees("longitude", &text)).transpose()?;
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
    let mut minutes = |column: &str| cells.remove(column).map(|text| numbers.whole(column, &text)).transpose();
    let (pickup_minutes, transfer_minutes) = (minutes("pickup_minutes")?, minutes("transfer_minutes")?);
    let (cutoff, group) = (cells.remove("pickup_cutoff"), cells.remove("transfer_group"));
    let services = services(
        (hours.into(), special.into()),
        cutoff.into(),
        pickup_minutes.into(),
        group.into(),
        transfer_minutes.into(),
    );
    Ok(LocationFields {
        services: services.map_err(|(field, reason)| wrong(field, reason))?,
        name: text(cells, "name")?.into(),
        kind: kind.into(),
        coordinates: coordinates.into(),
        timezone: timezone.into(),
        pickup: cells.remove("pickup").map(|text| flag("pickup", &text)).transpose()?.into(),
        ship: cells.remove("ship").map(|text| flag("ship", &text)).transpose()?.into(),
        groups: cells.remove("groups").map(|text| names(&text, "groups")).transpose()?.into(),
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

fn sku_fields(mut cells: Cells, numbers: &Numbers) -> Result<SkuFields, Wrong> {
    let places = cells.remove("decimals").map(|text| {
        numbers.whole("decimals", &text).and_then(|value| decimals(value).map_err(|reason| wrong("decimals", reason)))
    });
    let fields = SkuFields {
        name: text(&mut cells, "name")?.into(),
        gtin: text(&mut cells, "gtin")?.into(),
        unit: text(&mut cells, "unit")?.into(),
        decimals: places.transpose()?.into(),
        product: text(&mut cells, "product")?.into(),
        categories: cells.remove("categories").map(|text| categories(&text)).transpose()?.into(),
        tracked: cells.remove("tracked").map(|text| flag("tracked", &text)).transpose()?.into(),
        ..SkuFields::default()
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
