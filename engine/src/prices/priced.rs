//! The rows of a SKU as pricing reads them: what it looks at of each row, next to one another in memory.

use smallvec::SmallVec;

use super::list::{Currency, ListId};
use super::row::{Row, SkuPrices};
use crate::ids::{Name, Timestamp};

/// For whom a row may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Buyer<'a> {
    pub channel: &'a Name,
    /// The location; none elsewhere.
    pub location: Option<&'a Name>,
    pub currency: Currency,
}

/// What pricing looks at of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brief {
    /// The list.
    pub list: ListId,
    /// In minor units.
    pub amount: u64,
    /// When the row ends, as far as is known.
    pub end: Timestamp,
    /// Where the row is among those of the SKU.
    at: u32,
    pub(super) from: Timestamp,
    starts_at: Timestamp,
    min_quantity: u32,
    pub(super) currency: Currency,
    /// What of channel and location it names: 2 for a location, 1 for a channel, 3 for both.
    narrows: u8,
}

impl Brief {
    fn of(at: u32, row: &Row) -> Self {
        let key = &row.key;
        Self {
            list: key.list,
            amount: row.amount,
            end: row.end(),
            at,
            from: row.from,
            starts_at: key.starts_at.unwrap_or_default(),
            min_quantity: key.min_quantity,
            currency: key.currency,
            narrows: 2 * u8::from(key.location.is_some()) + u8::from(key.channel.is_some()),
        }
    }

    /// Whether it is in force at `at`.
    #[inline]
    pub(super) fn is_in_force(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.end
    }

    /// Which of two rows of one list counts: the larger one.
    #[inline]
    pub(super) fn rank_within(&self) -> (u32, u8, Timestamp) {
        (self.min_quantity, self.narrows, self.starts_at)
    }
}

/// The rows of a SKU, compiled.
#[derive(Debug, Default)]
pub struct Priced {
    briefs: SmallVec<[Brief; 4]>,
    kept: SkuPrices,
}

impl From<SkuPrices> for Priced {
    fn from(kept: SkuPrices) -> Self {
        let briefs = (0..).zip(&kept.rows).map(|(at, row)| Brief::of(at, row)).collect();
        Self { briefs, kept }
    }
}

impl std::ops::Deref for Priced {
    type Target = SkuPrices;

    fn deref(&self) -> &SkuPrices {
        &self.kept
    }
}

impl Priced {
    /// What pricing looks at of each row, in their order.
    #[inline]
    pub(super) fn briefs(&self) -> &[Brief] {
        &self.briefs
    }

    /// What is kept, without what was compiled.
    pub(super) fn into_kept(self) -> SkuPrices {
        self.kept
    }

    /// The row that a brief is of.
    pub(super) fn row(&self, brief: &Brief) -> Option<&Row> {
        self.kept.rows.get(brief.at as usize)
    }

    /// Whether a row is for a request, regardless of its dates and its list.
    #[inline]
    pub(super) fn fits(&self, brief: &Brief, buyer: Buyer<'_>, quantity: u32) -> bool {
        brief.currency == buyer.currency
            && brief.min_quantity <= quantity
            && (brief.narrows == 0 || self.fits_here(brief, buyer))
    }

    fn fits_here(&self, brief: &Brief, buyer: Buyer<'_>) -> bool {
        let Some(Row { key, .. }) = self.row(brief) else { return false };
        key.channel.as_ref().is_none_or(|channel| channel == buyer.channel)
            && key.location.as_ref().is_none_or(|location| buyer.location == Some(location))
    }

    /// When the next of its rows begins or ends after `at`.
    pub fn next_turn(&self, at: Timestamp) -> Timestamp {
        let turns = self.briefs.iter().flat_map(|brief| [brief.from, brief.end]).filter(|turn| *turn > at);
        turns.min().unwrap_or(Timestamp(u64::MAX))
    }
}

const _: () = assert!(size_of::<Brief>() == 48, "four fit beside the counts of an `Arc` into four lines of cache");
