//! Deciding rules: setting and removing them, and letting them begin and end by date.

use std::collections::BTreeMap;

use super::{Decision, Sequencer, effect_of};
use crate::admission::{all_known, each_known};
use crate::command::{Failure, Refusal, RuleFields};
use crate::event::{Cause, RuleSet, Thing};
use crate::ids::{Name, Seq};
use crate::rules::event::Event;
use crate::rules::{Conditions, Effect, Rule, RuleId};

/// Rules set so far by an import, which later rows of it must see.
pub(super) type Fresh = BTreeMap<Name, RuleSet>;

impl Sequencer {
    /// The rules whose date has come, as one record.
    pub(super) fn turn_rules(&mut self) {
        let due = self.state.rules.due(self.draft.now);
        if !due.is_empty() {
            self.draft.log(None, Event::RulesActivated(due));
            self.settle(None, None, crate::event::Few::new());
        }
    }

    /// Sets one rule, or removes it.
    pub(super) fn put_rule(
        &mut self,
        name: Name,
        fields: Option<RuleFields>,
        version: Seq,
        cause: &mut Option<Box<Cause>>,
    ) -> Decision {
        let known = self.state.rules.get(name.as_str());
        let set = match fields {
            Some(fields) => self.describe_rule(&name, fields, &Fresh::new())?,
            None => {
                let known = known.as_ref().ok_or(Refusal::NotFound("rule"))?;
                Some(RuleSet { id: known.id, name: name.clone(), rule: None, in_force: false })
            }
        };
        let of_effect = effect_of(cause);
        let (seq, thing) = match (set, known) {
            (Some(set), known) => {
                let seq = self.draft.log(of_effect, Event::RulesSet(vec![set.clone()]));
                let standing = set.standing(known.as_deref(), seq);
                (seq, standing.map_or(Thing::NoRule(name), |standing| Thing::Rule(Box::new(standing))))
            }
            (None, known) => {
                (version, known.map_or(Thing::NoRule(name), |known| Thing::Rule(Box::new((*known).clone()))))
            }
        };
        Ok(self.tell_thing(cause, seq, thing))
    }

    /// The rule that `fields` lead to; `None` where it is what is known.
    pub(super) fn describe_rule(
        &mut self,
        name: &Name,
        fields: RuleFields,
        fresh: &Fresh,
    ) -> Result<Option<RuleSet>, Failure> {
        let RuleFields { effect, starts_at, ends_at, .. } = fields;
        let channels = fields.channels.clone();
        if let Some((start, end)) = starts_at.zip(ends_at).filter(|(start, end)| start >= end) {
            let reason = format!("is not after starts_at ({} ms against {} ms)", end.0, start.0);
            return Err(Refusal::invalid("ends_at", reason).into());
        }
        let rule = Rule { conditions: self.conditions(fields)?, effect, starts_at, ends_at };
        let (skus, places) = (rule.conditions.name_skus(), rule.conditions.name_places());
        if matches!(effect, Effect::Capacity { .. } | Effect::PickupOnly { .. }) && skus {
            return Err(Refusal::invalid("skus", "a rule about orders names no SKUs, categories or attributes").into());
        }
        if matches!(effect, Effect::PickupOnly { .. }) && places {
            return Err(Refusal::invalid("locations", "a rule about what an order is worth names channels only").into());
        }
        let known = self.state.rules.get(name.as_str());
        let known_rule = match fresh.get(name) {
            Some(set) => set.rule.as_ref(),
            None => known.as_ref().map(|known| &known.rule),
        };
        if known_rule == Some(&rule) {
            return Ok(None);
        }
        // What a rule says already stays as it is, also where its channel was never declared.
        for (at, name) in channels.iter().enumerate() {
            if !self.draft.takes_channel(self.draft.known_channel(name)) {
                let field = format!("channels[{at}]");
                return Err(self.state.catalogue.undeclared_channel(&field, name).into());
            }
        }
        let id = match fresh.get(name) {
            Some(set) => set.id,
            None => known.map_or_else(|| self.next_rule_id(fresh), |known| known.id),
        };
        let in_force = rule.runs_at(self.draft.now);
        Ok(Some(RuleSet { id, name: name.clone(), rule: Some(rule), in_force }))
    }

    fn next_rule_id(&self, fresh: &Fresh) -> RuleId {
        let next = self.state.rules.next_id();
        fresh.values().map(|set| RuleId(set.id.0 + 1)).fold(next, RuleId::max)
    }

    /// Names become ids; a rule names only what there is, and creates nothing.
    fn conditions(&self, fields: RuleFields) -> Result<Conditions, Failure> {
        let draft = &self.draft;
        all_known(
            &fields,
            |name| draft.known_sku(name).is_some(),
            |name| draft.own_location(name).is_some(),
            |name| draft.known_group(name).is_some(),
            |name| draft.known_channel(name).is_some(),
        )?;
        let RuleFields { skus, categories, attributes, locations, groups, kinds, channels, .. } = fields;
        let mut conditions = Conditions {
            skus: each_known("skus", &skus, |name| draft.known_sku(name))?,
            locations: each_known("locations", &locations, |name| draft.own_location(name))?,
            groups: each_known("groups", &groups, |name| draft.known_group(name))?,
            channels: each_known("channels", &channels, |name| draft.known_channel(name))?,
            categories,
            attributes,
            kinds,
        };
        conditions.normalise();
        Ok(conditions)
    }
}
