//! What holds a SKU, a location, a group or a channel, and so prevents its retirement.
//!
//! The journal thread asks the durable view. The cost is bounded by the cells of a SKU, the rules, and the locations of
//! a group; holders of a location or a channel are counted when they change.

use crate::catalogue::Registry;
use crate::catalogue::names::ThingKind;
use crate::ids::{GroupId, LocationId, Name, SkuId};
pub use crate::kernel::holder::Holder;
use crate::kernel::holder::TOLD_MAX;
use crate::prices::list::PriceList;
use crate::prices::tax::Rate;
use crate::receipts::series::Series;
use crate::rules::Conditions;
use crate::state::DurableState;
use crate::transfers::Transfer;

impl DurableState {
    /// The holders of an item in the durable view; empty if it may be retired, or does not exist.
    pub fn holders(&self, kind: ThingKind, name: &Name) -> Vec<Holder> {
        let (catalogue, prices, now) = (&self.catalogue, &self.own.prices, self.last_time());
        let found = match kind {
            ThingKind::Sku => catalogue.skus.id(name.as_str()).map(|sku| self.holders_of_sku(sku)),
            ThingKind::Location => catalogue.locations.id(name.as_str()).map(|at| self.holders_of_location(at, name)),
            ThingKind::Group => catalogue.groups.id(name.as_str()).map(|group| self.holders_of_group(group)),
            ThingKind::Channel => catalogue.channels.id(name.as_str()).map(|channel| {
                vec![
                    Holder::counted("reservations", self.reservations.open_through(channel)),
                    self.rules_with(|conditions| conditions.channels.contains(&channel)),
                    Holder::counted("prices", prices.for_channel(name.as_str(), now)),
                    self.price_lists_with(|list| list.channels.contains(name)),
                    self.series_with(|series| series.channels.contains(name)),
                ]
            }),
        };
        found.into_iter().flatten().filter(|holder| holder.count > 0).collect()
    }

    fn rules_with(&self, names: impl Fn(&Conditions) -> bool) -> Holder {
        let rules = self.rules.all().into_iter().flatten().filter(|standing| names(&standing.rule.conditions));
        Holder::of("rules", rules.map(|standing| standing.name.to_string()))
    }

    fn price_lists_with(&self, names: impl Fn(&PriceList) -> bool) -> Holder {
        Holder::of("price_lists", self.own.prices.lists_with(names).into_iter())
    }

    fn tax_classes_with(&self, names: impl Fn(&Rate) -> bool) -> Holder {
        Holder::of("tax_classes", self.own.prices.classes_with(names).into_iter())
    }

    fn series_with(&self, names: impl Fn(&Series) -> bool) -> Holder {
        Holder::of("series", self.own.receipts.series_with(names).into_iter())
    }

    fn transfers_with(&self, is_asked: impl Fn(&Transfer) -> bool) -> Holder {
        Holder::counted("transfers", self.own.transfers.open_with(is_asked) as u64)
    }

    /// What holds units of a SKU, and so prevents a change of `tracked`.
    pub(crate) fn holders_of_units(&self, sku: SkuId) -> Vec<Holder> {
        let mut holders = self.holders_of_sku(sku);
        holders.retain(|holder| holder.count > 0 && holder.what != "rules");
        holders
    }

    fn holders_of_sku(&self, sku: SkuId) -> Vec<Holder> {
        let at = |location: LocationId| self.catalogue.locations.name(location).to_string();
        let stocked = self.matrix.row(sku).iter().map(|(_, cell)| cell).filter(|cell| cell.durable().is_stocked());
        let reservations = self.reservations.open_of(sku, TOLD_MAX);
        let supplies: Vec<LocationId> = self.ledger().to_come_of(sku).collect();
        vec![
            Holder::of("stock", stocked.map(|cell| at(cell.location()))),
            Holder { reservations: reservations.1, ..Holder::counted("reservations", reservations.0) },
            Holder::of("supplies", supplies.into_iter().map(at)),
            self.transfers_with(|transfer| transfer.lines.iter().any(|line| line.sku == sku)),
            self.rules_with(|conditions| conditions.skus.contains(&sku)),
        ]
    }

    fn holders_of_location(&self, location: LocationId, name: &Name) -> Vec<Holder> {
        let groups = self.catalogue.groups_of(location);
        let group = |group: GroupId| self.catalogue.groups.name(group).to_string();
        let quarantine = self.catalogue.quarantine(location);
        vec![
            Holder::counted("stock", self.stocked_at(location).into()),
            Holder::counted("quarantine", quarantine.map_or(0, |quarantine| self.stocked_at(quarantine)).into()),
            Holder::counted("reservations", self.reservations.open_at(location)),
            Holder::counted("supplies", self.ledger().to_come_at(location)),
            self.transfers_with(|transfer| [transfer.content.from, transfer.content.to].contains(&location)),
            self.rules_with(|conditions| conditions.locations.contains(&location)),
            Holder::of("groups", groups.into_iter().map(group)),
            Holder::counted("prices", self.own.prices.for_location(name.as_str(), self.last_time())),
            self.price_lists_with(|list| list.locations.contains(&location)),
            self.tax_classes_with(|rate| rate.locations.contains(&location)),
            self.series_with(|series| series.locations.contains(name)),
        ]
    }

    fn holders_of_group(&self, group: GroupId) -> Vec<Holder> {
        let locations = &self.catalogue.locations;
        let members = self.catalogue.groups.details_or_default(group).locations;
        let places = self.places.load();
        let brought = places.iter().filter(|(_, place)| place.brought_from().is_some_and(|(from, _)| from == group));
        let all = members.into_iter().chain(brought.map(|(location, _)| location));
        let mut all: Vec<_> = all.filter(|location| locations.is_live(*location)).collect();
        all.sort_unstable();
        all.dedup();
        vec![
            Holder::counted("reservations", self.ledger().open_lines_of(group)),
            self.rules_with(|conditions| conditions.groups.contains(&group)),
            self.price_lists_with(|list| list.groups.contains(&group)),
            self.tax_classes_with(|rate| rate.groups.contains(&group)),
            Holder::of("locations", all.into_iter().map(|location| locations.name(location).to_string())),
        ]
    }
}

/// Whether a name may be used: it exists, and was not retired since its lookup.
pub(crate) fn stands<I, D>(registry: &Registry<I, D>, id: I) -> bool
where
    I: From<u32> + Into<u32> + Copy + Eq + std::hash::Hash,
    D: Default + Clone,
{
    registry.all_live() || registry.is_live(id)
}
