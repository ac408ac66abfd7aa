//! Requests of what-if.

use std::collections::BTreeMap;

use anaquel_engine::Engine;
use anaquel_engine::level::LINE_QUANTITY_MAX;
use anaquel_engine::what_if::Question;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::problem::Problem;
use crate::subjects::rules::bodies::RuleBody;
use crate::wire::{known_location, known_sku, name, parse_time};

/// The maximum number of rules, or of changes of stock, in one question.
const ROWS_MAX: usize = 10_000;

/// The changes to try, and the span of the log.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WhatIfBody {
    /// Records after this `seq`; the whole log, if nothing is said.
    #[schema(example = 1200)]
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub after: Option<u64>,
    /// Records up to this `seq`.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub until: Option<u64>,
    /// Records from this time on.
    #[schema(example = "2026-11-21T00:00:00Z")]
    pub from: Option<String>,
    /// Records up to this time.
    pub to: Option<String>,
    /// Rules by id: a rule replaces the one with its id, or is added; null removes it.
    #[schema(value_type = Object, example = json!({"keep-two": null, "app-first": {"kind": "quota", "units": 50, "channels": ["app"]}}))]
    #[serde(default, deserialize_with = "crate::wire::strict::map_or_empty")]
    pub rules: BTreeMap<String, Option<RuleBody>>,
    /// Units to add or remove when the span begins.
    #[serde(default)]
    pub stock: Vec<StockChangeBody>,
}

/// Units to add or remove.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StockChangeBody {
    /// The SKU.
    #[schema(example = "TSHIRT-RED-M")]
    pub sku: String,
    /// The location.
    #[schema(example = "mx-014")]
    pub location: String,
    /// Units, signed.
    #[schema(example = 20)]
    #[serde(deserialize_with = "crate::wire::whole::required")]
    pub quantity: i64,
}

impl WhatIfBody {
    /// The question, validated.
    pub fn into_question(self, engine: &Engine) -> Result<Question, Problem> {
        for (field, rows) in [("rules", self.rules.len()), ("stock", self.stock.len())] {
            if rows > ROWS_MAX {
                return Err(Problem::invalid(field, format!("has {rows} entries; at most {ROWS_MAX} are allowed")));
            }
        }
        let catalogue = &engine.state().catalogue;
        let in_field = |field: String| {
            move |problem: Problem| match problem.into_field_and_reason() {
                (Some(of), reason) => Problem::invalid(&format!("{field}.{of}"), reason),
                (None, reason) => Problem::invalid(&field, reason),
            }
        };
        let mut rules = Vec::with_capacity(self.rules.len());
        for (id, body) in self.rules {
            let field = format!("rules.{id}");
            let fields = body.map(RuleBody::into_fields).transpose().map_err(in_field(field.clone()))?;
            if let Some(fields) = &fields {
                engine.state().names_of_rule(fields).map_err(|refusal| in_field(field.clone())(refusal.into()))?;
            }
            rules.push((name(&field, &id)?, fields));
        }
        let mut stock = Vec::with_capacity(self.stock.len());
        for (at, change) in self.stock.iter().enumerate() {
            let field = format!("stock[{at}]");
            let most = i64::from(LINE_QUANTITY_MAX);
            if !(-most..=most).contains(&change.quantity) {
                let reason = format!("{} is not between -{most} and {most}", change.quantity);
                return Err(Problem::invalid(&format!("{field}.quantity"), reason));
            }
            let sku = known_sku(catalogue, &change.sku).map_err(in_field(format!("{field}.sku")))?;
            let location =
                known_location(catalogue, &change.location).map_err(in_field(format!("{field}.location")))?;
            stock.push((sku, location, change.quantity));
        }
        let time = |field: &str, text: Option<String>| text.map(|text| parse_time(field, &text)).transpose();
        let (from, to) = (time("from", self.from)?, time("to", self.to)?);
        if from.zip(to).is_some_and(|(from, to)| from > to) {
            return Err(Problem::invalid("to", "is before from"));
        }
        Ok(Question { after: self.after.unwrap_or(0), until: self.until, from, to, rules, stock })
    }
}
