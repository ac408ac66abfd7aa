//! Where things are and when people work there: what questions about distance and time need, looked up beforehand.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use arc_swap::ArcSwap;
use jiff::civil::{DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp as Instant, ToSpan};

use crate::catalogue::{Catalogue, ServiceDetails};
use crate::geo::Point;
use crate::ids::{GroupId, LocationId, Timestamp};

/// Minutes of a day.
pub const DAY_MINUTES: u16 = 24 * 60;

/// Days ahead in which an order is made ready, if at all.
const DAYS_AHEAD: i64 = 31;

/// A location as questions about distance and time see it.
#[derive(Debug, Clone)]
pub struct Place {
    /// Where it is, if that is known.
    pub point: Option<Point>,
    /// Whether customers may fetch orders here.
    pub pickup: bool,
    /// Whether orders are shipped from here.
    pub ship: bool,
    /// Its clock; UTC where none is known.
    pub timezone: TimeZone,
    /// When people work, and how long they take.
    pub services: Arc<ServiceDetails>,
}

/// All locations that are known.
#[derive(Debug, Default)]
pub struct Places {
    by_location: Vec<Place>,
}

/// The places of now, compiled anew when locations change.
#[derive(Debug, Default)]
pub struct PlaceTable {
    places: ArcSwap<Places>,
    stale: AtomicBool,
}

impl PlaceTable {
    /// The places of now. Exact at one `seq` when taken inside the durable view.
    pub fn load(&self) -> Arc<Places> {
        self.places.load_full()
    }

    /// Journal thread only, inside a fold: locations changed.
    pub(crate) fn fold(&self) {
        self.stale.store(true, Relaxed);
    }

    /// Journal thread only, at the end of a fold.
    pub(crate) fn refresh(&self, catalogue: &Catalogue) {
        if self.stale.swap(false, Relaxed) {
            self.places.store(Arc::new(Places::compile(catalogue)));
        }
    }
}

impl Places {
    fn compile(catalogue: &Catalogue) -> Self {
        let place = |location: LocationId| {
            let details = catalogue.locations.details_or_default(location);
            let timezone =
                details.timezone.as_deref().and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC);
            let services = catalogue.services(location).map(|set| set.details.clone()).unwrap_or_default();
            Place {
                point: details.coordinates.map(Point::new),
                pickup: details.pickup,
                ship: details.ship,
                timezone,
                services: Arc::new(services),
            }
        };
        Self { by_location: (0..catalogue.locations.count()).map(LocationId).map(place).collect() }
    }

    /// One of them.
    pub fn get(&self, location: LocationId) -> Option<&Place> {
        self.by_location.get(location.0 as usize)
    }

    /// The day that it is at a location, in its own time: days since 1970-01-01.
    pub fn day(&self, location: LocationId, now: Timestamp) -> i32 {
        const DAY_MS: u64 = 86_400_000;
        let day_in = |timezone: TimeZone| {
            let instant = Instant::from_millisecond(i64::try_from(now.0).ok()?).ok()?;
            let offset = timezone.to_offset(instant).seconds();
            Some(((now.0 / 1000) as i64 + i64::from(offset)).div_euclid((DAY_MS / 1000) as i64) as i32)
        };
        let timezone = self.get(location).map(|place| place.timezone.clone());
        timezone.and_then(day_in).unwrap_or((now.0 / DAY_MS) as i32)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.by_location.len()
    }

    /// All of them, by the order in which they were declared.
    pub fn iter(&self) -> impl Iterator<Item = (LocationId, &Place)> {
        (0..).map(LocationId).zip(&self.by_location)
    }
}

impl Place {
    /// When an order that comes at `now` is ready to be fetched: people work on it while the store is open, in the
    /// store's own time; what comes after the cut-off waits for the next opening. A store without opening hours never
    /// closes. `None` where it would not be ready within a month.
    pub fn ready_at(&self, now: Timestamp) -> Option<Timestamp> {
        let ServiceDetails { hours, pickup_cutoff, pickup_minutes, .. } = &*self.services;
        let mut left = i64::from(*pickup_minutes);
        if hours.is_empty() {
            return Some(now.plus_seconds(left as u64 * 60));
        }
        let instant = Instant::from_millisecond(i64::try_from(now.0).ok()?).ok()?;
        let local = instant.to_zoned(self.timezone.clone());
        let (today, minute) = (local.date(), i64::from(local.hour()) * 60 + i64::from(local.minute()));
        let too_late = pickup_cutoff.is_some_and(|cutoff| minute >= i64::from(cutoff));
        for day in 0..DAYS_AHEAD {
            let date = today.checked_add(day.days()).ok()?;
            let weekday = i64::from(weekday_number(date.weekday())) * i64::from(DAY_MINUTES);
            let from = if day > 0 {
                0
            } else if too_late {
                i64::from(DAY_MINUTES)
            } else {
                minute
            };
            for (open, close) in hours {
                let (open, close) = (i64::from(*open) - weekday, i64::from(*close) - weekday);
                if !(0..i64::from(DAY_MINUTES)).contains(&open) || close <= from {
                    continue;
                }
                let start = open.max(from);
                if start + left <= close {
                    // Seconds count only on the way to a start that is now.
                    let seconds = if day == 0 && start == minute { i64::from(local.second()) } else { 0 };
                    return self.timestamp(date.at(0, 0, 0, 0), (start + left) * 60 + seconds);
                }
                left -= close - start;
            }
        }
        None
    }

    fn timestamp(&self, midnight: DateTime, seconds: i64) -> Option<Timestamp> {
        let at = midnight.checked_add(seconds.seconds()).ok()?.to_zoned(self.timezone.clone()).ok()?;
        u64::try_from(at.timestamp().as_millisecond()).ok().map(Timestamp)
    }

    /// From where the store may have what it lacks brought, and how many minutes that takes.
    pub fn transfers(&self) -> Option<(GroupId, u32)> {
        self.services.transfers.map(|transfers| (transfers.from, transfers.minutes))
    }
}

/// 0 for Monday.
fn weekday_number(day: Weekday) -> i8 {
    day.to_monday_zero_offset()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Open Monday to Saturday from 10:00 to 20:00, Madrid.
    fn store(cutoff: Option<u16>, minutes: u32) -> Place {
        let day = |day: u16| (day * DAY_MINUTES + 600, day * DAY_MINUTES + 1200);
        let hours = (0..6).map(day).collect();
        let services = ServiceDetails { hours, pickup_cutoff: cutoff, pickup_minutes: minutes, transfers: None };
        let timezone = TimeZone::get("Europe/Madrid").expect("the zones are bundled");
        Place { point: None, pickup: true, ship: true, timezone, services: Arc::new(services) }
    }

    fn ready(store: &Place, at: &str) -> String {
        let now: Instant = at.parse().expect("a time");
        let ready = store.ready_at(Timestamp(now.as_millisecond() as u64)).expect("within a month");
        Instant::from_millisecond(ready.0 as i64).expect("a time").to_string()
    }

    #[test]
    fn an_order_is_ready_when_people_have_had_the_time() {
        let store = store(Some(1080), 120);
        // A Friday in winter: 12:00 in Madrid is 11:00 UTC.
        assert_eq!(ready(&store, "2026-11-20T11:00:00Z"), "2026-11-20T13:00:00Z");
        assert_eq!(ready(&store, "2026-11-20T11:00:30Z"), "2026-11-20T13:00:30Z");
        assert_eq!(ready(&store, "2026-11-20T05:00:00Z"), "2026-11-20T11:00:00Z", "before it opens");
        assert_eq!(ready(&store, "2026-11-20T17:00:00Z"), "2026-11-21T11:00:00Z", "after the cut-off at 18:00");
        assert_eq!(ready(&store, "2026-11-21T17:30:00Z"), "2026-11-23T11:00:00Z", "closed on Sunday");
    }

    #[test]
    fn work_that_is_not_done_by_the_evening_goes_on_in_the_morning() {
        let store = store(None, 180);
        assert_eq!(ready(&store, "2026-11-20T18:00:00Z"), "2026-11-21T11:00:00Z", "one hour today, two tomorrow");
        assert_eq!(ready(&super::tests::store(None, 0), "2026-11-22T12:00:00Z"), "2026-11-23T09:00:00Z");
    }

    #[test]
    fn the_night_in_which_the_clocks_change_is_counted_right() {
        // Summer time ends on 2026-10-25: 10:00 is 08:00 UTC the day before and 09:00 UTC the day after.
        assert_eq!(ready(&store(None, 60), "2026-10-24T23:00:00Z"), "2026-10-26T10:00:00Z");
    }

    #[test]
    fn a_store_without_hours_never_closes() {
        let services = ServiceDetails { pickup_minutes: 30, ..ServiceDetails::default() };
        let always = Place { services: Arc::new(services), ..store(None, 0) };
        assert_eq!(ready(&always, "2026-11-22T23:59:00Z"), "2026-11-23T00:29:00Z");
        let never = ServiceDetails { hours: vec![(600, 601)], pickup_minutes: 60, ..ServiceDetails::default() };
        let never = Place { services: Arc::new(never), ..store(None, 0) };
        assert_eq!(never.ready_at(Timestamp(1_800_000_000_000)), None);
    }
}
