//! Decides rules: sets and removes them, and activates and ends them by date.

use std::collections::BTreeMap;

use super::command::{Command, RuleFields};
use super::event::Event;
use super::known::{all_known, each_known};
use super::set::RuleSet;
use super::{Conditions, Effect, Rule, RuleId};
use crate::answers::Thing;
use crate::catalogue::names::TRANSFER_CHANNEL;
use crate::decide::{Decide, Decision, effect_of};
use crate::ids::Name;
use crate::kernel::cause::Cause;
use crate::kernel::name_ref::NameRef;
use crate::kernel::version::{Precondition, Version};
use crate::refusal::{Failure, Refusal};

/// Rules that an import has set so far, for its later rows.
pub(crate) type Fresh = BTreeMap<Name, RuleSet>;

/// Decides a command of rules.
pub(crate) fn decide(cx: &mut Decide<'_>, command: Command, cause: &mut Option<Box<Cause>>) -> Decision {
    match command {
        Command::Put(name, fields, precondition) => {
            put_rule(cx, name, fields.map(|fields| *fields), &precondition, cause)
        }
    }
}

/// Activates the rules whose date has come, as one record, and settles it.
pub(crate) fn activate(cx: &mut Decide<'_>, settle: impl Fn(&mut Decide<'_>)) {
    let due = cx.state.rules.due(cx.draft.now);
    if !due.is_empty() {
        cx.draft.log(None, Event::RulesActivated(due));
        settle(cx);
    }
}

/// Sets or removes one rule.
fn put_rule(
    cx: &mut Decide<'_>,
    name: Name,
    fields: Option<RuleFields>,
    precondition: &Precondition,
    cause: &mut Option<Box<Cause>>,
) -> Decision {
    let known = cx.state.rules.get(name.as_str());
    let current = known.as_ref().map(|known| Version::new(known.changed_at()));
    let version = current.map_or(0, |current| current.seq);
    if !precondition.holds(current) {
        return Err(Refusal::StaleVersion { actual: version }.into());
    }
    let set = match fields {
        Some(fields) => describe_rule(cx, &name, fields, &Fresh::new())?,
        None => {
            let known = known.as_ref().ok_or(Refusal::NotFound("rule"))?;
            Some(RuleSet { id: known.id, name: name.clone(), rule: None, in_force: false })
        }
    };
    let of_effect = effect_of(cause);
    let (seq, thing) = match (set, known) {
        (Some(set), known) => {
            let seq = cx.draft.log(of_effect, Event::RulesSet(vec![set.clone()]));
            let standing = set.standing(known.as_deref(), seq);
            (seq, standing.map_or(Thing::NoRule(name), |standing| Thing::Rule(Box::new(standing))))
        }
        (None, known) => (version, known.map_or(Thing::NoRule(name), |known| Thing::Rule(Box::new((*known).clone())))),
    };
    Ok(cx.tell_thing(cause, seq, thing))
}

/// The rule after `fields`; `None` if nothing changes.
pub(crate) fn describe_rule(
    cx: &mut Decide<'_>,
    name: &Name,
    fields: RuleFields,
    fresh: &Fresh,
) -> Result<Option<RuleSet>, Failure> {
    let RuleFields { effect, starts_at, ends_at, .. } = fields;
    let channels = fields.channels.clone();
    if channels.iter().any(|name| name.as_str() == TRANSFER_CHANNEL) {
        cx.draft.intern_channel(&NameRef::New(Name::from(TRANSFER_CHANNEL.to_owned())));
    }
    if let Some((start, end)) = starts_at.zip(ends_at).filter(|(start, end)| start >= end) {
        let reason = format!("is not after starts_at ({} ms against {} ms); choose a later time", end.0, start.0);
        return Err(Refusal::invalid("ends_at", reason).into());
    }
    let rule = Rule { conditions: resolve_conditions(cx, fields)?, effect, starts_at, ends_at };
    let (skus, places) = (rule.conditions.name_skus(), rule.conditions.name_places());
    if matches!(effect, Effect::Capacity { .. } | Effect::PickupOnly { .. }) && skus {
        return Err(Refusal::invalid(
            "skus",
            "must be empty: a rule about orders names no SKUs, categories or \
            attributes",
        )
        .into());
    }
    if matches!(effect, Effect::PickupOnly { .. }) && places {
        return Err(Refusal::invalid(
            "locations",
            "must be empty: a rule about the value of an order names channels \
            only",
        )
        .into());
    }
    let known = cx.state.rules.get(name.as_str());
    let known_rule = match fresh.get(name) {
        Some(set) => set.rule.as_ref(),
        None => known.as_ref().map(|known| &known.rule),
    };
    if known_rule == Some(&rule) {
        return Ok(None);
    }
    // Content that does not change is accepted, also if its channel was never declared.
    for (at, name) in channels.iter().enumerate() {
        if name.as_str() != TRANSFER_CHANNEL && !cx.draft.takes_channel(cx.draft.known_channel(name)) {
            let field = format!("channels[{at}]");
            return Err(cx.state.catalogue.undeclared_channel(&field, name).into());
        }
    }
    let id = match fresh.get(name) {
        Some(set) => set.id,
        None => known.map_or_else(|| next_rule_id(cx, fresh), |known| known.id),
    };
    let in_force = rule.runs_at(cx.draft.now);
    Ok(Some(RuleSet { id, name: name.clone(), rule: Some(rule), in_force }))
}

fn next_rule_id(cx: &Decide<'_>, fresh: &Fresh) -> RuleId {
    let next = cx.state.rules.next_id();
    fresh.values().map(|set| RuleId(set.id.0 + 1)).fold(next, RuleId::max)
}

/// Converts names to ids; a rule names only what exists, and creates nothing.
fn resolve_conditions(cx: &Decide<'_>, fields: RuleFields) -> Result<Conditions, Failure> {
    let draft = &*cx.draft;
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
