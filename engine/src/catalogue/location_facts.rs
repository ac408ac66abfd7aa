//! Where things are and when people work there: what questions about distance and time need, looked up beforehand.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use arc_swap::ArcSwap;
use jiff::tz::TimeZone;

use crate::catalogue::business_time::{self, BusinessHours};
use crate::catalogue::geo::Point;
use crate::catalogue::{Catalogue, LocationHours, ServiceDetails};
use crate::ids::{GroupId, LocationId, Timestamp};
use crate::reservations::promise::Purpose;

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
    /// How long people take, and from where they have brought what they lack.
    pub services: Arc<ServiceDetails>,
    /// When people work.
    pub hours: Arc<BusinessHours>,
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
            let LocationHours { weekly, special } = catalogue.hours(location).details;
            let hours =
                BusinessHours { weekly, special: special.into_iter().collect(), cutoff: services.pickup_cutoff };
            Place {
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

    /// One of them.
    pub fn get(&self, location: LocationId) -> Option<&Place> {
        self.by_location.get(location.0 as usize)
    }

    /// The day of a location, in its own time, on which people take up an order that comes at `now`: days since
    /// 1970-01-01. `None` where nobody works there within 31 days.
    pub fn day_of_work(&self, location: LocationId, now: Timestamp) -> Option<i32> {
        match self.get(location) {
            Some(place) => place.hours.day_of_work(&place.timezone, now),
            None => Some(business_time::local_day(&TimeZone::UTC, now)),
        }
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
    /// When an order that comes at `now` is ready to be fetched: people work on it while they are there, in the store's
    /// own time. `None` where it would not be ready within 31 days.
    pub fn ready_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.hours.after_work(&self.timezone, now, self.services.pickup_minutes)
    }

    /// From where the store may have what it lacks brought, and how many minutes that takes.
    pub fn brought_from(&self) -> Option<(GroupId, u32)> {
        self.services.brought_from.map(|brought| (brought.from, brought.minutes))
    }
}
