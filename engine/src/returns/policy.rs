//! Which goods may come back: the rules of the kind `returns`.

use crate::ids::{ChannelId, LocationId, SkuId, Timestamp};
use crate::rules::{Effect, Kind};
use crate::state::DurableState;

/// Days after the hand-over in which goods may come back, where no rule says otherwise.
pub const DAYS: u32 = 30;

/// What a rule says of a SKU's returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Whether it may come back at all.
    pub allow: bool,
    /// Days after the hand-over in which it may.
    pub days: u32,
    /// Whether it may come back without a sale.
    pub without_sale: bool,
}

/// Where no rule says anything.
pub const DEFAULT: Policy = Policy { allow: true, days: DAYS, without_sale: false };

impl Policy {
    /// Whether units that were handed over at `handed_over` may still come back at `at`. Where nobody knows when, they may
    /// not.
    pub fn is_in_time(self, handed_over: Option<Timestamp>, at: Timestamp) -> bool {
        handed_over.is_some_and(|handed_over| at <= handed_over.plus_seconds(u64::from(self.days) * 86_400))
    }
}

impl DurableState {
    /// What the rules in force say of the returns of a SKU at a location, through a channel.
    pub fn return_policy(&self, sku: SkuId, location: Option<LocationId>, channel: Option<ChannelId>) -> Policy {
        let book = self.rules.book();
        let at = location.unwrap_or(LocationId(u32::MAX));
        match book.first(Kind::Returns, &self.catalogue, sku, at, channel).map(|standing| standing.rule.effect) {
            Some(Effect::Returns { allow, days, without_sale }) => Policy { allow, days, without_sale },
            _ => DEFAULT,
        }
    }
}
