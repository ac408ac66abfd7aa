//! What a caller sees: the rules, channels and prices that concern them, and numbers only where one of their channels is
//! told them.

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

/// What somebody sees.
pub struct Sight<'a> {
    engine: &'a Engine,
    /// The only channels that they speak for; any, if none.
    channels: Option<Vec<ChannelId>>,
    /// The names of those.
    names: &'a [String],
    /// The only locations that they act at; any, if none.
    locations: Option<Vec<LocationId>>,
    /// As whom they look at stock; empty for those who keep it, and are told numbers.
    looks_as: Vec<Option<ChannelId>>,
}

impl<'a> Sight<'a> {
    /// What a caller sees where no channel is named: who is bound to channels sees what those see.
    pub fn of(engine: &'a Engine, caller: &'a Caller) -> Self {
        let catalogue = &engine.state().catalogue;
        let identity = caller.principal.as_ref().map(|principal| principal.identity.as_ref());
        let names = identity.map_or(&[][..], |identity| &identity.channels);
        let places = identity.map_or(&[][..], |identity| &identity.locations);
        // A name that nobody declared yet is bound to all the same: to nothing.
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

    /// What is seen by a channel, or by nobody in particular.
    pub fn as_channel(engine: &'a Engine, channel: Option<ChannelId>) -> Self {
        Self { engine, channels: None, names: &[], locations: None, looks_as: vec![channel] }
    }

    /// What is seen of everything.
    pub fn everything(engine: &'a Engine) -> Self {
        Self { engine, channels: None, names: &[], locations: None, looks_as: Vec::new() }
    }

    /// Whether everything is seen.
    pub fn is_free(&self) -> bool {
        self.channels.is_none() && self.locations.is_none()
    }

    /// Whether a channel is the caller's own, or they are bound to none.
    pub fn has_channel(&self, name: &str) -> bool {
        self.channels.is_none() || self.names.iter().any(|own| own == name)
    }

    /// Whether a rule concerns the caller: it names one of their channels, or none; and it may hold at one of their
    /// locations.
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

    /// Whether a price list concerns the caller: it names one of their channels, or none; and it may hold at one of their
    /// locations.
    pub fn concerns_list(&self, list: &PriceList) -> bool {
        let groups_of = |location: &LocationId| self.engine.state().catalogue.groups_of(*location);
        let holds = |location: &LocationId| {
            (list.locations.is_empty() || list.locations.contains(location))
                && (list.groups.is_empty() || groups_of(location).iter().any(|group| list.groups.contains(group)))
        };
        (list.channels.is_empty() || list.channels.iter().any(|channel| self.has_channel(channel.as_str())))
            && self.locations.as_ref().is_none_or(|own| {
                (list.locations.is_empty() && list.groups.is_empty()) || own.iter().any(holds)
            })
    }

    /// Takes out of a rule's answer what is not the caller's: the names of other channels that it holds for, too, and of a
    /// rule that it loses to.
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

    /// Whether a band may be all that is told of some cell: of none, where no rule tells bands, or to who keeps stock.
    pub fn has_bands(&self) -> bool {
        !self.looks_as.is_empty() && self.engine.state().rules.book().has_bands()
    }

    /// How much of a SKU there is at a location, for who is told that alone; none for who is told numbers. Of several
    /// channels, the one that is told most counts.
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

    /// Leaves out of a refusal the rules that do not concern the caller.
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

/// Whether the channel of a reservation is told the numbers of all that it is for.
pub fn tells_numbers(engine: &Engine, reservation: &Reservation) -> bool {
    let mut lines = reservation.lines.iter();
    lines.all(|line| engine.state().tells_numbers(line.sku, Some(reservation.channel)))
}
