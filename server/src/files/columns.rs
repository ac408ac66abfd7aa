//! Maps the columns of a delimited file, or the members of a JSON object, to the columns of an import.

use std::collections::BTreeSet;

use anaquel_engine::Engine;
use anaquel_engine::command::Rows;
use anaquel_engine::event::RowError;
use anaquel_engine::ids::Name;
use serde_json::{Map, Value};

use crate::files::cells::{Cells, Numbers, Wrong, shorten, wrong};
use crate::files::csv;
use crate::files::kind::{FileKind, FileRow, Form, RowOptions};
use crate::files::numbers::Decimal;
use crate::files::plan::ImportPlan;
use crate::files::surface::Surface;
use crate::files::table::Field;
use crate::http::problem::Problem;
use crate::subjects::catalogue::hours;
use crate::wire::strict::Object;

/// Columns of a file of rejects. The import ignores them, so that a corrected file of rejects can be imported.
pub const REJECT_COLUMNS: [&str; 4] = ["rejected_line", "rejected_field", "rejected_reason", "rejected_row"];

/// Where the cells of a column of the file go.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Goes {
    /// To columns of the import.
    To(Vec<String>),
    /// Nowhere.
    Nowhere,
    /// Nowhere, because the column has no name: its cells must be empty.
    Unnamed,
}

/// The columns of a file, in its order.
pub struct Columns(Vec<Goes>);

/// Whether a name in a header is a column of the import, by itself or by a mapping.
pub fn is_known(plan: &ImportPlan, name: &str) -> bool {
    let is_said = |theirs: &str| !theirs.is_empty() && theirs.eq_ignore_ascii_case(name);
    let is_mapped = plan.reading.map.iter().any(|(_, theirs)| is_said(theirs));
    is_mapped || known_column(plan.kind, name).is_some()
}

impl Columns {
    /// Reads a header row. Names are compared case-insensitively.
    pub fn parse(plan: &ImportPlan, header: &[Field]) -> Result<Self, Problem> {
        let kind = plan.kind;
        let map = checked_map(plan)?;
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
                ours.extend(known_column(kind, name));
                // A mapped column reads the column of the file that the mapping names.
                if let Some((column, theirs)) = map.iter().find(|(column, _)| ours.contains(column)) {
                    if !theirs.is_empty() && !plan.reading.ignore_unknown {
                        let ignore = plan.surface.option("ignore_unknown", "true");
                        let reason = format!(
                            "is a column of the header, and is also mapped to {theirs:?}; ignore it with \
                                     {ignore}"
                        );
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
                        Problem::invalid(&shorten(name), not_a_column(plan.surface, kind)).with("column", at + 1)
                    );
                }
                columns.push(Goes::Nowhere);
                continue;
            }
            if let Some(again) = ours.iter().find(|column| !found.insert((*column).clone())) {
                let reason = "is in the header twice; remove or rename one of them";
                return Err(Problem::invalid(again, reason));
            }
            columns.push(Goes::To(ours));
        }
        let is_there = |column: &str| found.contains(column) || plan.reading.set.iter().any(|(set, _)| set == column);
        let missing = kind.columns.iter().take(kind.required).map(|column| column.name).find(|name| !is_there(name));
        let has_one = kind.either.is_empty() || kind.either.iter().any(|name| is_there(name));
        let missing = missing.or(kind.either.first().copied().filter(|_| !has_one));
        if let Some(missing) = missing {
            let (map, set) = (
                plan.surface.option("map", &format!("{missing}=NAME")),
                plan.surface.option("set", &format!("{missing}=VALUE")),
            );
            let reason = format!(
                "is a required column; the columns are {}. Name the column of the file with {map}, or set a value for \
                 all rows with {set}",
                kind.known()
            );
            return Err(Problem::invalid(missing, reason));
        }
        Ok(Self(columns))
    }
}

/// What the caller says of the file's names, with the columns as this import writes them.
pub fn checked_map(plan: &ImportPlan) -> Result<Vec<(String, String)>, Problem> {
    let kind = plan.kind;
    let mut map: Vec<(String, String)> = Vec::new();
    for (ours, theirs) in &plan.reading.map {
        let column = known_column(kind, ours);
        let column = column.ok_or_else(|| {
            Problem::invalid(
                "map",
                format!("{ours:?} is not a column of this import; the columns are {}", kind.known()),
            )
        })?;
        if map.iter().any(|(known, _)| *known == column) {
            return Err(Problem::invalid("map", format!("{column} is given twice; give it once")));
        }
        map.push((column, theirs.clone()));
    }
    for (at, (ours, _)) in plan.reading.set.iter().enumerate() {
        if plan.reading.set.iter().take(at).any(|(before, _)| before == ours) {
            return Err(Problem::invalid("set", format!("{ours} is said twice")));
        }
        if known_column(kind, ours).as_ref() != Some(ours) {
            let reason = format!("{ours:?} is not a column of this import; the columns are {}", kind.known());
            return Err(Problem::invalid("set", reason));
        }
    }
    Ok(map)
}

fn not_a_column(surface: Surface, kind: &FileKind) -> String {
    let (ignore, map) = (surface.option("ignore_unknown", "true"), surface.option("map", "COLUMN=NAME"));
    format!(
        "is not a column of this import; the columns are {}. Ignore it with {ignore}, or map it with {map}",
        kind.known()
    )
}

/// A column of this import, found case-insensitively. The part after `attr.` is compared exactly.
fn known_column(kind: &FileKind, name: &str) -> Option<String> {
    let attribute = name.split_at_checked(5).filter(|(prefix, _)| prefix.eq_ignore_ascii_case("attr."));
    if let Some((_, key)) = attribute.filter(|(_, key)| kind.attributes && Name::parse(key).is_ok()) {
        return Some(format!("attr.{key}"));
    }
    let found = kind.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
    found.map(|column| column.name.to_owned())
}

/// Rows that are collected until their chunk is full.
pub struct Collector {
    kind: &'static FileKind,
    options: RowOptions,
    raw: bool,
    ignore_unknown: bool,
    surface: Surface,
    numbers: Numbers,
    map: Vec<(String, String)>,
    set: Vec<(String, String)>,
    rows: Rows,
    count: usize,
}

impl Collector {
    /// A collector for a file with the separator `delimiter`; `None` for JSON.
    ///
    /// # Errors
    /// The caller's mappings are inconsistent.
    pub fn new(plan: &ImportPlan, delimiter: Option<u8>) -> Result<Self, Problem> {
        let (kind, options, reading) = (plan.kind, plan.options, &plan.reading);
        let decimal = reading.decimal.unwrap_or(match delimiter {
            Some(b',') | None => Decimal::Unsaid,
            Some(_) => Decimal::UnsaidWithoutCommas,
        });
        Ok(Self {
            kind,
            options,
            raw: plan.raw,
            ignore_unknown: reading.ignore_unknown,
            surface: plan.surface,
            numbers: Numbers { decimal, surface: plan.surface },
            map: checked_map(plan)?,
            set: reading.set.clone(),
            rows: (kind.empty)(options),
            count: 0,
        })
    }

    /// The number of collected rows.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Returns the collected rows; unless the file ended, without those that belong to rows that may follow.
    pub fn take(&mut self, is_end: bool) -> Rows {
        let mut rows = std::mem::replace(&mut self.rows, (self.kind.empty)(self.options));
        if !is_end && let Some(held_back) = rows.hold_back() {
            self.rows = held_back;
        }
        self.count = self.rows.len();
        rows
    }

    /// The line of the first row that is held back.
    pub fn held_back_from(&self) -> Option<u64> {
        self.rows.first_row()
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
                "has {} fields, {what} than the {} of the header; write a field that contains a separator between \
                 quotes",
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
                        let trimmed = self.kind.form(column) != Form::Text;
                        let text = if trimmed { text.trim().to_owned() } else { text.clone() };
                        cells.insert(column.clone(), text);
                    }
                }
                Goes::Unnamed if !is_empty => {
                    let reason = format!(
                        "has {:?} in field {}, which has no name in the header; name the column, or empty the \
                                 field",
                        shorten(&field.text),
                        at + 1
                    );
                    return Err((None, reason));
                }
                _ => {}
            }
        }
        self.set_columns(&mut cells);
        Ok(cells)
    }

    /// Values for rows that have none of their own.
    fn set_columns(&self, cells: &mut Cells) {
        for (column, value) in &self.set {
            cells.entry(column.clone()).or_insert_with(|| value.clone());
        }
    }

    fn cells_of_json(&self, text: &str) -> Result<Cells, Wrong> {
        let Object(mut row) =
            serde_json::from_str(text).map_err(|error| (None, format!("is not a JSON object: {error}")))?;
        let kind = self.kind;
        let mut cells = Cells::new();
        // Mapped members are read first, also nested ones; then the members that are named like columns.
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
            if let ("attributes", true, Value::Object(attributes)) = (member.as_str(), kind.attributes, &value) {
                for (key, value) in attributes {
                    Name::parse(key).map_err(|error| wrong("attributes", format!("{key:?} {error}")))?;
                    let column = format!("attr.{key}");
                    let Some(text) = self.cell_of_json(&column, value)? else { continue };
                    if cells.insert(column, text).is_some() {
                        return Err(wrong("attributes", format!("{key:?} is in the object twice; write it once")));
                    }
                }
                continue;
            }
            let Some(column) = known_column(kind, &member) else {
                if self.ignore_unknown {
                    continue;
                }
                return Err(wrong(&shorten(&member), not_a_column(self.surface, kind)));
            };
            if let Some((_, theirs)) = self.map.iter().find(|(ours, _)| *ours == column) {
                if theirs.is_empty() || self.ignore_unknown {
                    continue;
                }
                return Err(wrong(&column, "is mapped to another member; remove one of both"));
            }
            if let Some(text) = self.cell_of_json(&column, &value)?
                && cells.insert(column.clone(), text).is_some()
            {
                return Err(wrong(&column, "is in the object twice; write it once"));
            }
        }
        self.set_columns(&mut cells);
        Ok(cells)
    }

    fn cell_of_json(&self, column: &str, value: &Value) -> Result<Option<String>, Wrong> {
        // A JSON number has a decimal point, whatever the separator of numbers in texts.
        let is_comma = self.numbers.decimal == Decimal::Comma && value.is_f64();
        Ok(cell_of_json(self.kind.form(column), column, value)?
            .map(|text| if is_comma { text.replace('.', ",") } else { text }))
    }

    fn read(&mut self, line: u64, cells: Cells, engine: &Engine) -> Result<(), Wrong> {
        (self.kind.read)(&mut self.rows, FileRow { line, cells, numbers: self.numbers, engine })?;
        self.count += 1;
        Ok(())
    }
}

/// The member of a row at a name or a path, such as `location.lat` or `coordinates.0`; with the top-level member that
/// contains it.
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

/// A JSON value as the cell of a column; `None` for null. A number in a text column is accepted only if its digits are
/// unambiguous.
fn cell_of_json(form: Form, column: &str, value: &Value) -> Result<Option<String>, Wrong> {
    // Hours by day and special dates are converted to the text form of files.
    if let Some(hours) = hours::of_json(column, value) {
        return hours.map(Some).map_err(|reason| wrong(column, reason));
    }
    let what = |what: &str, write: &str| Err(wrong(column, format!("is {what}; {write}")));
    Ok(Some(match (form, value) {
        (_, Value::Null) => return Ok(None),
        (Form::List, Value::Array(items)) => {
            let item = |item: &Value| match item {
                Value::String(text) => Ok(text.clone()),
                Value::Number(number) if !number.is_f64() => Ok(number.to_string()),
                other => {
                    Err(wrong(column, format!("contains {}; write texts between quotes", shorten(&other.to_string()))))
                }
            };
            let items = items.iter().map(item).collect::<Result<Vec<_>, _>>()?;
            csv::list(items.iter().map(String::as_str))
        }
        // Like an empty cell: no value.
        (_, Value::String(text)) if text.trim().is_empty() => return Ok(None),
        (Form::Text, Value::String(text)) => text.clone(),
        (_, Value::String(text)) => text.trim().to_owned(),
        (Form::Number, Value::Number(number)) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => format!("{float}"),
            None => number.to_string(),
        },
        (Form::Text | Form::Word, Value::Number(number)) if !number.is_f64() => number.to_string(),
        (Form::Text | Form::Word, Value::Number(number)) => {
            return what(&format!("the number {number}, whose exact digits are unknown"), "write it between quotes");
        }
        (Form::Flag, Value::Bool(flag)) => flag.to_string(),
        (Form::Flag, other) => return what(&shorten(&other.to_string()), "write true or false"),
        (Form::Number, other) => return what(&shorten(&other.to_string()), "write a number"),
        (Form::List, other) => return what(&shorten(&other.to_string()), "write a list of texts"),
        (_, other) => return what(&shorten(&other.to_string()), "write a text between quotes"),
    }))
}
