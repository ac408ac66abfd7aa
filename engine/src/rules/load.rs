//! Loading rules.

use super::Conditions;
use super::command::RuleFields;
use super::decide::{Fresh, describe_rule};
use super::event::Event as RulesEvent;
use super::set::RuleSet;
use crate::decide::Decide;
use crate::decide::load::{chunks, row_error};
use crate::event::Event;
use crate::ids::Name;
use crate::outcome::Loaded;

/// Rules.
pub(crate) fn rules(
    cx: &mut Decide<'_>,
    rows: Vec<(u64, Name, RuleFields)>,
    loaded: &mut Loaded,
    events: &mut Vec<Event>,
) {
    let mut set = Fresh::new();
    for (line, name, fields) in rows {
        let defined = cx.draft.defined_so_far();
        match describe_rule(cx, &name, fields, &set) {
            Ok(rule) => loaded.count(rule.map(|rule| set.insert(name, rule))),
            Err(failure) => {
                cx.draft.forget_definitions(defined);
                loaded.errors.push(row_error(line, failure));
            }
        }
    }
    events.extend(chunks(set.into_values().collect(), rule_weight, RulesEvent::RulesSet));
}

fn rule_weight(set: &RuleSet) -> usize {
    let Some(rule) = &set.rule else { return 64 };
    let Conditions { skus, categories, attributes, locations, groups, kinds, channels } = &rule.conditions;
    let texts: usize = categories.iter().map(|category| 8 + category.len()).sum();
    let pairs: usize = attributes.iter().map(|(key, value)| 16 + key.len() + value.len()).sum();
    256 + texts + pairs + 4 * (skus.len() + locations.len() + groups.len() + kinds.len() + channels.len())
}
