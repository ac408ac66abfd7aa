//! Locations with position and hours, compiled for questions about distance and time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use arc_swap::ArcSwap;
use jiff::tz::TimeZone;

use crate::catalogue::business_time::{self, BusinessHours};
use crate::catalogue::geo::Point;
use crate::catalogue::{Catalogue, LocationHours, ServiceDetails};
use crate::ids::{GroupId, LocationId, Timestamp};
use crate::reservations::promise::Purpose;

/// A location for questions about distance and time.
#[derive(Debug, Clone)]
pub struct LocationFacts {
    /// Its position, if known.
    pub point: Option<Point>,
    /// Whether customers may pick up orders here.
    pub pickup: bool,
    /// Whether orders are shipped from here.
    pub ship: bool,
    /// Its time zone; UTC if unknown.
    pub timezone: TimeZone,
    /// Its service times, and the source of missing units.
    pub services: Arc<ServiceDetails>,
    /// Its opening hours.
    pub hours: Arc<BusinessHours>,
}

/// All locations that are known.
#[derive(Debug, Default)]
pub struct KnownLocations {
    by_location: Vec<LocationFacts>,
}

/// The current locations, compiled again after a change.
#[derive(Debug, Default)]
pub struct LocationTable {
    places: ArcSwap<KnownLocations>,
    stale: AtomicBool,
}

impl LocationTable {
    /// The current locations. Exact at one `seq` if read inside the durable view.
    pub fn load(&self) -> Arc<KnownLocations> {
        self.places.load_full()
    }

    /// Journal thread only, inside a fold: marks that locations changed.
    pub(crate) fn fold(&self) {
        self.stale.store(true, Relaxed);
    }

    /// Journal thread only, at the end of a fold: compiles them again.
    pub(crate) fn refresh(&self, catalogue: &Catalogue) {
        if self.stale.swap(false, Relaxed) {
            self.places.store(Arc::new(KnownLocations::compile(catalogue)));
        }
    }
}

impl KnownLocations {
    fn compile(catalogue: &Catalogue) -> Self {
        let place = |location: LocationId| {
            let details = catalogue.locations.details_or_default(location);
            let timezone =
                details.timezone.as_deref().and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC);
            let services = catalogue.services(location).map(|set| set.details.clone()).unwrap_or_default();
            let LocationHours { weekly, special } = catalogue.hours(location).details;
            let hours =
                BusinessHours { weekly, special: special.into_iter().collect(), cutoff: services.pickup_cutoff };
            LocationFacts {
                point: details.coordinates.map(Point::new),
                pickup: catalogue.takes(location, Purpose::Pickup),
                ship: catalogue.takes(location, Purpose::Delivery),
                timezone,
                services: Arc::new(services),
                hours: Arc::new(hours),
            }
        };
        Self { by_location: (0..catalogue.locations.count()).map(LocationId).map(place).collect() }
    }

    /// One location.
    pub fn get(&self, location: LocationId) -> Option<&LocationFacts> {
        self.by_location.get(location.0 as usize)
    }

    /// The day of a location, in its own time, on which work on an order that arrives at `now` begins: days since
    /// 1970-01-01. `None` if the location does not open within 31 days.
    pub fn day_of_work(&self, location: LocationId, now: Timestamp) -> Option<i32> {
        match self.get(location) {
            Some(place) => place.hours.day_of_work(&place.timezone, now),
            None => Some(business_time::local_day(&TimeZone::UTC, now)),
        }
    }

    /// The number of locations.
    pub fn count(&self) -> usize {
        self.by_location.len()
    }

    /// All locations, in the order of their declaration.
    pub fn iter(&self) -> impl Iterator<Item = (LocationId, &LocationFacts)> {
        (0..).map(LocationId).zip(&self.by_location)
    }
}

impl LocationFacts {
    /// When an order that arrives at `now` is ready for pickup, by the store's own hours. `None` if it would not be
    /// ready within 31 days.
    pub fn ready_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.hours.after_work(&self.timezone, now, self.services.pickup_minutes)
    }

    /// The locations that may send missing units to the store, and the minutes until they arrive.
    pub fn brought_from(&self) -> Option<(GroupId, u32)> {
        self.services.brought_from.map(|brought| (brought.from, brought.minutes))
    }
}
