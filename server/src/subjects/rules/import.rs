//! Files of rules.

use std::io::{self, Write};

use anaquel_engine::Engine;
use anaquel_engine::command::Rows;
use anaquel_engine::event::ImportKind;
use serde_json::Value;

use crate::files::cells::{Cells, Numbers, Wrong, flag as read_flag, name, required};
use crate::files::csv;
use crate::files::export::{Texts, row};
use crate::files::kind::{Column, FileKind, FileRow, flag, list, number, word};
use crate::subjects::rules::bodies::RuleBody;
use crate::subjects::rules::views;

/// Rules; semicolons separate list values.
pub static RULES: FileKind = FileKind {
    kind: ImportKind::Rules,
    columns: &[
        word("rule"),
        word("kind"),
        list("skus"),
        list("categories"),
        list("attributes"),
        list("locations"),
        list("groups"),
        list("location_kinds"),
        list("channels"),
        word("starts_at"),
        word("ends_at"),
        number("units"),
        number("percent"),
        flag("allow"),
        number("few_left"),
        flag("exact"),
        number("minimum"),
        flag("spill_over"),
        number("lead_days"),
        word("available_at"),
        number("orders_per_day"),
        number("below"),
        word("currency"),
        number("days"),
        flag("without_sale"),
    ],
    required: 2,
    either: &[],
    attributes: false,
    creates: false,
    empty: |_| Rows::Rules(Vec::new()),
    read: read_rule,
    export: export_rules,
};

fn read_rule(rows: &mut Rows, row: FileRow<'_>) -> Result<(), Wrong> {
    let Rows::Rules(rows) = rows else { return Ok(()) };
    let FileRow { line, mut cells, numbers, .. } = row;
    let rule = name(&mut cells, "rule")?;
    let fields = rule_body(cells, &numbers)?.into_fields();
    rows.push((line, rule, fields.map_err(|problem| problem.into_field_and_reason())?));
    Ok(())
}

fn rule_body(mut cells: Cells, numbers: &Numbers) -> Result<RuleBody, Wrong> {
    let mut list = |column: &str| -> Vec<String> { csv::unlist(&cells.remove(column).unwrap_or_default()) };
    let (skus, categories, attributes) = (list("skus"), list("categories"), list("attributes"));
    let (locations, groups) = (list("locations"), list("groups"));
    let (location_kinds, channels) = (list("location_kinds"), list("channels"));
    let mut whole_of = |column: &str| cells.remove(column).map(|text| numbers.whole(column, &text)).transpose();
    let (units, percent) = (whole_of("units")?, whole_of("percent")?);
    let (few_left, minimum) = (whole_of("few_left")?, whole_of("minimum")?);
    let days = whole_of("days")?;
    let (lead_days, orders_per_day, below) = (whole_of("lead_days")?, whole_of("orders_per_day")?, whole_of("below")?);
    let mut flag_of = |column: &str| cells.remove(column).map(|text| read_flag(column, &text)).transpose();
    let (allow, exact, spill_over) = (flag_of("allow")?, flag_of("exact")?, flag_of("spill_over")?);
    let without_sale = flag_of("without_sale")?;
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
        days,
        without_sale,
    })
}

fn export_rules(engine: &Engine, texts: Texts, out: &mut dyn Write) -> io::Result<u64> {
    writeln!(out, "{}", RULES.header())?;
    let rules = engine.state().rules.page(None, usize::MAX);
    for standing in &rules {
        let said = views::rule(engine, standing.name.as_str(), &standing.rule);
        let text = |value: &Value| match value {
            Value::Null => String::new(),
            Value::String(text) => texts.cell(text),
            Value::Array(items) => texts.cell(&csv::list(items.iter().filter_map(Value::as_str))),
            other => other.to_string(),
        };
        let cell = |column: &Column| said.get(column.name).map(text).unwrap_or_default();
        row(out, &RULES.columns.iter().map(cell).collect::<Vec<_>>())?;
    }
    Ok(rules.len() as u64)
}
