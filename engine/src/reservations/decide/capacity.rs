//! The capacity of locations: how many orders a location accepts in one of its days.

use crate::decide::Decide;
use crate::ids::LocationId;
use crate::reservations::command::Reserve;
use crate::reservations::plan::AllocationPlan;
use crate::reservations::promise::OrderDay;
use crate::rules::{Effect, Kind, RuleId};
use std::collections::BTreeMap;

/// The capacity of the locations of one promise.
pub(crate) struct Days {
    /// Whether the promise is an order, and any rule limits orders.
    counts: bool,
    asked: BTreeMap<LocationId, Option<Limited>>,
}

/// A location that limits orders: the day on which it would prepare this one, and the rule if that day is full.
#[derive(Clone, Copy)]
struct Limited {
    /// `None` if it does not open for a long time.
    day: Option<OrderDay>,
    full: Option<RuleId>,
}

impl Days {
    /// The days that the promise counts against if it takes units at these locations.
    pub fn orders(&self, at: impl Fn(LocationId) -> bool) -> Vec<OrderDay> {
        self.asked.values().flatten().filter_map(|limited| limited.day).filter(|day| at(day.location)).collect()
    }
}

/// Nothing looked up yet.
pub(crate) fn days_of(plan: &AllocationPlan, reserve: &Reserve) -> Days {
    let counts = !reserve.purpose.is_taken_along() && plan.book.has(Kind::Capacity);
    Days { counts, asked: BTreeMap::new() }
}

/// The rule by which a location is full on the day on which it would prepare the order, if it is. Each location is
/// looked up once: bounded by the locations that the lines of the request reach.
pub(crate) fn full_day(
    cx: &Decide<'_>,
    days: &mut Days,
    plan: &AllocationPlan,
    location: LocationId,
) -> Option<RuleId> {
    if !days.counts {
        return None;
    }
    let answer = days.asked.entry(location).or_insert_with(|| {
        let standing = plan.book.first_at(Kind::Capacity, location, Some(plan.channel))?;
        let Effect::Capacity { orders_per_day } = standing.rule.effect else { return None };
        let day = cx.state.places.load().day_of_work(location, cx.draft.now);
        let day = day.map(|day| OrderDay { location, day });
        // The replaced hold is hidden from the ledger meanwhile.
        let is_full = |day| cx.draft.ledger.orders(day) >= i64::from(orders_per_day);
        Some(Limited { day, full: day.is_none_or(is_full).then_some(standing.id) })
    });
    (*answer).and_then(|limited| limited.full)
}
