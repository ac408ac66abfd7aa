//! Kept answers of commands that set something.

pub mod event;

use serde::{Deserialize, Serialize};

use crate::catalogue::details::{
    ChannelDetails, GroupDetails, LocationDetails, LocationHours, ServiceDetails, SkuDetails, TradingDetails,
};
use crate::catalogue::names::ThingKind;
use crate::ids::{ChannelId, GroupId, LocationId, Name, Seq, SkuId};
use crate::rules::StandingRule;
use crate::supply::received::CellToCome;

/// What a caller who set something is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptAnswer {
    /// The record of the effect, or the version that was found where there was nothing to change.
    pub seq: Seq,
    /// What was set, as it is from there on.
    pub thing: Thing,
}

/// Something that was set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Thing {
    /// A SKU.
    Sku(SkuId, SkuDetails),
    /// A location, with the groups that it is in.
    Location(LocationId, LocationDetails, ServiceDetails, Vec<GroupId>),
    /// A group.
    Group(GroupId, GroupDetails),
    /// A channel.
    Channel(ChannelId, ChannelDetails),
    /// A rule.
    Rule(Box<StandingRule>),
    /// A rule that is no more.
    NoRule(Name),
    /// What is to come.
    Supply(Vec<CellToCome>),
    /// A location with everything that is said of it. In the place of [`Thing::Location`] since format 6.
    LocationSet(Box<PlaceSet>),
    /// Something that is retired.
    Retired(ThingKind, Name),
    /// A SKU that nobody counts; any other is a [`Thing::Sku`].
    Uncounted(SkuId, SkuDetails),
    /// Of transfers and of replenishment.
    Transfers(Box<crate::transfers::TransferAnswer>),
    /// Of prices.
    Prices(Box<crate::prices::PriceAnswer>),
    /// A SKU with a tax class of its own, and whether it is counted; any other is a [`Thing::Sku`] or [`Thing::Uncounted`].
    Taxed(SkuId, SkuDetails, bool, Name),
    /// Of orders.
    Orders(Box<crate::orders::OrderAnswer>),
    /// Of issuers, series and receipts.
    Receipts(Box<crate::receipts::ReceiptAnswer>),
    /// Of carts.
    Carts(Box<crate::carts::CartAnswer>),
    /// Of returns.
    Returns(Box<crate::returns::ReturnAnswer>),
    /// A location with a currency, an address or barcodes; any other is a [`Thing::LocationSet`].
    LocationTrading(Box<PlaceSet>, TradingDetails),
}

/// A location, with everything that is said of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlaceSet {
    /// Which.
    pub location: LocationId,
    /// What it is.
    pub details: LocationDetails,
    /// How long people take there.
    pub services: ServiceDetails,
    /// When people work there.
    pub hours: LocationHours,
    /// The groups that it is in.
    pub groups: Vec<GroupId>,
}
