//! What a caller may see: the rules, channels and prices that concern the caller, and numbers only if one of the
//! caller's channels gets numbers.

use anaquel_engine::Engine;
use anaquel_engine::event::CellAfter;
use anaquel_engine::ids::{ChannelId, GroupId, LocationId, SkuId};
use anaquel_engine::level::StockLevel;
use anaquel_engine::prices::list::PriceList;
use anaquel_engine::reservation::Reservation;
use anaquel_engine::rules::{Band, Rule};
use serde_json::Value;

use crate::auth::caller::Caller;
use crate::http::problem::Problem;

/// What a caller may see.
pub struct Visibility<'a> {
    engine: &'a Engine,
    /// The only channels of the caller; all, if empty.
    channels: Option<Vec<ChannelId>>,
    /// The names of these channels.
    names: &'a [String],
    /// The only locations of the caller; all, if empty.
    locations: Option<Vec<LocationId>>,
    /// The channels through which the caller looks at stock; empty for stock keepers, who get numbers.
    looks_as: Vec<Option<ChannelId>>,
}

impl<'a> Visibility<'a> {
    /// The view of a caller that names no channel: a bound caller sees what its channels see.
    pub fn of(engine: &'a Engine, caller: &'a Caller) -> Self {
        let catalogue = &engine.state().catalogue;
        let identity = caller.principal.as_ref().map(|principal| principal.identity.as_ref());
        let names = identity.map_or(&[][..], |identity| &identity.channels);
        let places = identity.map_or(&[][..], |identity| &identity.locations);
        // A name that is not declared yet still binds: to nothing.
        let channels: Vec<_> = names.iter().filter_map(|name| catalogue.channels.id(name)).collect();
        let locations = places.iter().filter_map(|name| catalogue.locations.id(name)).collect();
        let looks_as = names.iter().map(|name| catalogue.channels.id(name)).collect();
        Self {
            engine,
            channels: (!names.is_empty()).then_some(channels),
            names,
            locations: (!places.is_empty()).then_some(locations),
            looks_as,
        }
    }

    /// The view of a channel, or without a channel.
    pub fn as_channel(engine: &'a Engine, channel: Option<ChannelId>) -> Self {
        Self { engine, channels: None, names: &[], locations: None, looks_as: vec![channel] }
    }

    /// The view without any restriction.
    pub fn everything(engine: &'a Engine) -> Self {
        Self { engine, channels: None, names: &[], locations: None, looks_as: Vec::new() }
    }

    /// Whether the view has no restriction.
    pub fn is_free(&self) -> bool {
        self.channels.is_none() && self.locations.is_none()
    }

    /// Whether the caller may use a channel.
    pub fn has_channel(&self, name: &str) -> bool {
        self.channels.is_none() || self.names.iter().any(|own| own == name)
    }

    /// Whether a rule concerns the caller: the rule names one of the caller's channels, or none; and it can apply at
    /// one of the caller's locations.
    pub fn concerns(&self, rule: &Rule) -> bool {
        let (conditions, catalogue) = (&rule.conditions, &self.engine.state().catalogue);
        let of_channel = |own: &Vec<ChannelId>| {
            conditions.channels.is_empty() || own.iter().any(|own| conditions.channels.contains(own))
        };
        let at_place = |own: &Vec<LocationId>| {
            let holds = |location: &LocationId| {
                let kind = catalogue.locations.details(*location).map(|set| set.details.kind).unwrap_or_default();
                conditions.hold_for_place(*location, kind, &catalogue.groups_of(*location))
            };
            !conditions.name_places() || own.iter().any(holds)
        };
        self.channels.as_ref().is_none_or(of_channel) && self.locations.as_ref().is_none_or(at_place)
    }

    /// Whether a location is the caller's own, or they are bound to none.
    pub fn has_location(&self, name: &str) -> bool {
        let id = self.engine.state().catalogue.locations.id(name);
        self.locations.as_ref().is_none_or(|own| id.is_some_and(|id| own.contains(&id)))
    }

    /// Whether a location of the caller's is in a group, or they are bound to none.
    pub fn is_in(&self, group: GroupId) -> bool {
        let catalogue = &self.engine.state().catalogue;
        let is_in = |location: &LocationId| catalogue.groups_of(*location).contains(&group);
        self.locations.as_ref().is_none_or(|own| own.iter().any(is_in))
    }

    /// Whether a price list concerns the caller: the list names one of the caller's channels, or none; and it can hold at
    /// one of the caller's locations.
    pub fn concerns_list(&self, list: &PriceList) -> bool {
        let groups_of = |location: &LocationId| self.engine.state().catalogue.groups_of(*location);
        let holds = |location: &LocationId| {
            (list.locations.is_empty() || list.locations.contains(location))
                && (list.groups.is_empty() || groups_of(location).iter().any(|group| list.groups.contains(group)))
        };
        (list.channels.is_empty() || list.channels.iter().any(|channel| self.has_channel(channel.as_str())))
            && self
                .locations
                .as_ref()
                .is_none_or(|own| (list.locations.is_empty() && list.groups.is_empty()) || own.iter().any(holds))
    }

    /// Removes from a rule's answer the names of other channels, also those of a rule that it loses to.
    pub fn trim(&self, mut item: Value) -> Value {
        if self.channels.is_some()
            && let Some(Value::Array(channels)) = item.get_mut("channels")
        {
            channels.retain(|channel| channel.as_str().is_some_and(|channel| self.has_channel(channel)));
        }
        if !self.is_free()
            && let Some(winner) = item.get_mut("loses_to")
        {
            let standing = winner.as_str().and_then(|name| self.engine.state().rules.get(name));
            if !standing.is_some_and(|standing| self.concerns(&standing.rule)) {
                *winner = Value::Null;
            }
        }
        item
    }

    /// Whether some cell may be shown only as a band; false if no rule shows bands, or for stock keepers.
    pub fn has_bands(&self) -> bool {
        !self.looks_as.is_empty() && self.engine.state().rules.book().has_bands()
    }

    /// The band of a SKU at a location, for a caller who gets only bands; `None` for a caller who gets numbers. Of
    /// several channels, the one with the most detail counts.
    pub fn band_alone(&self, sku: SkuId, location: LocationId) -> Option<Band> {
        let state = self.engine.state();
        if !self.has_bands() {
            return None;
        }
        let mut band = None;
        for channel in &self.looks_as {
            let seen = state.cell(sku, location, *channel).unwrap_or_else(|| {
                let nothing = CellAfter { sku, location, level: StockLevel::default(), safety_stock: 0 };
                state.lens(*channel).see(&state.catalogue, &nothing)
            });
            if seen.exact {
                return None;
            }
            band.get_or_insert(seen.band);
        }
        band
    }

    /// Removes from a refusal the rules that do not concern the caller.
    pub fn hide_rules(&self, mut problem: Problem) -> Problem {
        if self.is_free() {
            return problem;
        }
        for line in problem.lines() {
            let Some(rule) = line.get_mut("rule") else { continue };
            let standing = rule.as_str().and_then(|name| self.engine.state().rules.get(name));
            if !standing.is_some_and(|standing| self.concerns(&standing.rule)) {
                *rule = Value::Null;
            }
        }
        problem
    }
}

/// Whether the channel of a reservation gets numbers for all its lines.
pub fn tells_numbers(engine: &Engine, reservation: &Reservation) -> bool {
    let mut lines = reservation.lines.iter();
    lines.all(|line| engine.state().tells_numbers(line.sku, Some(reservation.channel)))
}
