//! Events of rules on the wire.

use anaquel_engine::event::RuleSet;
use anaquel_engine::rules::RuleId;
use anaquel_engine::rules::event::Event;
use serde_json::{Value, json};

use super::lookup::{Described, Lookup};

pub(super) fn describe(of: Lookup<'_>, event: &Event) -> Described {
    match event {
        Event::RulesSet(rows) => {
            let row = |set: &RuleSet| match &set.rule {
                Some(rule) => {
                    let mut item = crate::subjects::rules::views::rule(of.0, set.name.as_str(), rule);
                    item.insert("in_force".into(), set.in_force.into());
                    Value::Object(item)
                }
                None => json!({"rule": set.name.as_str(), "removed": true}),
            };
            ("rules_set", json!({"rules": rows.iter().map(row).collect::<Vec<_>>()}))
        }
        Event::RulesActivated(rows) => {
            let row = |(id, in_force): &(RuleId, bool)| {
                let standing = of.0.state().rules.at(*id);
                json!({"rule": standing.map(|standing| standing.name.to_string()), "in_force": in_force})
            };
            ("rules_turned", json!({"rules": rows.iter().map(row).collect::<Vec<_>>()}))
        }
    }
}
