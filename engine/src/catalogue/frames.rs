//! The frames of the catalogue in a checkpoint.

use std::io;

use super::details::{
    ChannelDetails, GroupDetails, LocationDetails, LocationHours, ServiceDetails, SkuDetails, TradingDetails,
};
use super::fold::define;
use super::names::Definitions;
use super::{Registry, RetiredNames, Undeclared, Versioned};
use crate::ids::{ChannelId, GroupId, LocationId, SkuId};
use crate::kernel::frames::in_frames;
use crate::kernel::tagged::tagged;
use crate::state::DurableState;

tagged! {
    /// A frame.
    pub enum Frame {
        /// Names and their ids.
        0 => Names(Definitions),
        /// SKUs.
        1 => Skus(Vec<(SkuId, Versioned<SkuDetails>)>),
        /// Locations.
        2 => Locations(Vec<(LocationId, Versioned<LocationDetails>)>),
        /// Groups.
        3 => Groups(Vec<(GroupId, Versioned<GroupDetails>)>),
        /// Channels.
        4 => Channels(Vec<(ChannelId, Versioned<ChannelDetails>)>),
        /// Service times of locations.
        14 => Services(Vec<(LocationId, Versioned<ServiceDetails>)>),
        /// Undeclared names. After the names, which include those without an id.
        18 => Undeclared(Box<Undeclared>),
        /// Opening hours of locations.
        24 => Hours(Vec<(LocationId, Versioned<LocationHours>)>),
        /// Quarantines and their locations. After the names.
        26 => Quarantines(Vec<(LocationId, LocationId)>),
        /// Retired names. After the names, and before details.
        27 => Retired(Box<RetiredNames>),
        /// `tracked` of SKUs. Before the cells.
        28 => Tracking(Vec<(SkuId, Versioned<bool>)>),
        /// Currency, address and barcodes of locations.
        46 => Trading(Vec<(LocationId, Versioned<TradingDetails>)>),
    }
}

/// Saves the catalogue: names first, because everything else uses them.
///
/// # Errors
/// An error of `put`.
pub(crate) fn save(state: &DurableState, put: &mut dyn FnMut(Frame) -> io::Result<()>) -> io::Result<()> {
    let catalogue = &state.catalogue;
    let skus = (0..catalogue.skus.count()).map(SkuId);
    in_frames(skus.clone().map(|id| (id, catalogue.skus.name(id).clone())), |skus| {
        put(Frame::Names(Definitions { skus, ..Definitions::default() }))
    })?;
    let named = Definitions {
        skus: Vec::new(),
        locations: (0..catalogue.locations.count())
            .map(|n| (n.into(), catalogue.locations.name(n.into()).clone()))
            .collect(),
        groups: (0..catalogue.groups.count()).map(|n| (n.into(), catalogue.groups.name(n.into()).clone())).collect(),
        channels: (0..catalogue.channels.count())
            .map(|n| (n.into(), catalogue.channels.name(n.into()).clone()))
            .collect(),
    };
    put(Frame::Names(named))?;
    put(Frame::Undeclared(Box::new(catalogue.undeclared())))?;
    in_frames(catalogue.all_quarantines(), |rows| put(Frame::Quarantines(rows)))?;
    put(Frame::Retired(Box::new(catalogue.copy_retired())))?;
    in_frames(details(&catalogue.skus), |rows| put(Frame::Skus(rows)))?;
    in_frames(details(&catalogue.locations), |rows| put(Frame::Locations(rows)))?;
    in_frames(details(&catalogue.groups), |rows| put(Frame::Groups(rows)))?;
    in_frames(details(&catalogue.channels), |rows| put(Frame::Channels(rows)))?;
    let tracking = skus.filter_map(|sku| Some((sku, catalogue.tracking(sku)?)));
    in_frames(tracking, |rows| put(Frame::Tracking(rows)))?;
    let locations = (0..catalogue.locations.count()).map(LocationId);
    let services = locations.clone().filter_map(|id| Some((id, catalogue.services(id)?.as_ref().clone())));
    in_frames(services, |rows| put(Frame::Services(rows)))?;
    let hours = locations.clone().filter_map(|id| Some((id, catalogue.own_hours(id)?.as_ref().clone())));
    in_frames(hours, |rows| put(Frame::Hours(rows)))?;
    let trading = locations.filter_map(|id| Some((id, catalogue.trading(id)?.as_ref().clone())));
    in_frames(trading, |rows| put(Frame::Trading(rows)))
}

fn details<I, D>(registry: &Registry<I, D>) -> impl Iterator<Item = (I, Versioned<D>)>
where
    I: From<u32> + Into<u32> + Copy + Eq + std::hash::Hash,
    D: Default + Clone,
{
    let ids = (0..registry.count()).map(I::from);
    ids.filter_map(|id| Some((id, registry.details(id)?.as_ref().clone())))
}

/// Restores a frame.
pub(crate) fn restore(state: &DurableState, frame: Frame) {
    let catalogue = &state.catalogue;
    match frame {
        Frame::Names(names) => define(state, &names),
        Frame::Undeclared(undeclared) => catalogue.restore_undeclared(&undeclared),
        Frame::Retired(names) => catalogue.restore_retired(&names),
        Frame::Skus(rows) => rows.into_iter().for_each(|(id, set)| catalogue.fold_sku(id, set.version, set.details)),
        Frame::Locations(rows) => {
            rows.into_iter().for_each(|(id, set)| catalogue.fold_location(id, set.version, set.details));
        }
        Frame::Groups(rows) => {
            rows.into_iter().for_each(|(id, set)| catalogue.fold_group(id, set.version, set.details));
        }
        Frame::Channels(rows) => {
            rows.into_iter().for_each(|(id, set)| catalogue.fold_channel(id, set.version, set.details));
        }
        Frame::Tracking(rows) => {
            rows.into_iter().for_each(|(id, set)| catalogue.fold_tracking(id, set.version, set.details));
        }
        Frame::Quarantines(rows) => {
            rows.into_iter().for_each(|(quarantine, of)| catalogue.fold_quarantine(quarantine, of));
        }
        Frame::Services(rows) => {
            rows.into_iter().for_each(|(id, set)| catalogue.fold_services(id, set.version, set.details));
        }
        Frame::Hours(rows) => {
            rows.into_iter().for_each(|(id, set)| catalogue.fold_hours(id, set.version, set.details));
        }
        Frame::Trading(rows) => {
            rows.into_iter().for_each(|(id, set)| catalogue.fold_trading(id, set.version, set.details));
        }
    }
}
