//! The details of a location: the purposes it serves, its quarantine, its hours and its services.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::Catalogue;
use super::bits::{MADE_UP, NO_PICKUP, NO_SHIP};
use crate::catalogue::details::{LocationDetails, LocationHours, ServiceDetails, TradingDetails};
use crate::catalogue::registry::Versioned;
use crate::hash::Part;
use crate::ids::{LocationId, Seq};
use crate::reservations::promise::Purpose;

impl Catalogue {
    /// The quarantine of a location, which holds goods that must be inspected before sale; `None` if it never had
    /// one.
    pub fn quarantine(&self, location: LocationId) -> Option<LocationId> {
        self.quarantines.get(&location).map(|quarantine| *quarantine)
    }

    /// The location that a quarantine belongs to.
    pub fn quarantine_of(&self, location: LocationId) -> Option<LocationId> {
        if !self.has_quarantines() {
            return None;
        }
        self.quarantined.get(&location).map(|of| *of)
    }

    /// Whether any quarantine exists.
    #[inline]
    pub fn has_quarantines(&self) -> bool {
        self.has_quarantines.load(Relaxed)
    }

    /// The number of locations that are neither retired nor quarantines.
    pub fn own_locations(&self) -> usize {
        let quarantines = self.quarantined.iter().filter(|entry| !self.locations.is_retired(*entry.key())).count();
        (self.locations.count() - self.locations.retired()) as usize - quarantines
    }

    /// All quarantines with their locations, for a checkpoint.
    pub(crate) fn all_quarantines(&self) -> Vec<(LocationId, LocationId)> {
        let mut all: Vec<_> = self.quarantined.iter().map(|entry| (*entry.key(), *entry.value())).collect();
        all.sort_unstable();
        all
    }

    pub(crate) fn fold_quarantine(&self, quarantine: LocationId, of: LocationId) {
        self.quarantines.insert(of, quarantine);
        self.quarantined.insert(quarantine, of);
        self.barred.reach(quarantine.0 as usize).store(NO_PICKUP | NO_SHIP, Relaxed);
        self.has_quarantines.store(true, Relaxed);
    }

    /// A retired location hands nothing out.
    pub(super) fn retire_location(&self, location: LocationId) {
        self.barred.reach(location.0 as usize).store(NO_PICKUP | NO_SHIP, Relaxed);
        self.locations.fold_retired(location);
    }

    /// Whether a location accepts reservations of a purpose: pickups if customers may pick up orders there,
    /// deliveries if orders are shipped from there, neither if only a movement or a count introduced the location,
    /// carts always.
    #[inline]
    pub fn takes(&self, location: LocationId, purpose: Purpose) -> bool {
        let bar = match purpose {
            Purpose::Cart | Purpose::CarryOut | Purpose::Transfer => return true,
            Purpose::Pickup => NO_PICKUP,
            Purpose::Delivery => NO_SHIP,
        };
        self.barred.get(location.0 as usize).is_none_or(|barred| barred.load(Relaxed) & bar == 0)
    }

    /// Whether a location accepts reservations of every purpose.
    pub(crate) fn takes_all(&self, location: LocationId) -> bool {
        self.barred.get(location.0 as usize).is_none_or(|barred| barred.load(Relaxed) == 0)
    }

    /// Whether only a movement or a count introduced a location, so that it hands nothing out.
    pub fn is_made_up(&self, location: LocationId) -> bool {
        self.barred.get(location.0 as usize).is_some_and(|barred| barred.load(Relaxed) & MADE_UP != 0)
    }

    pub(crate) fn fold_location(&self, location: LocationId, version: Seq, details: LocationDetails) {
        let bar = |may: bool, bit: u8| if may { 0 } else { bit };
        let barred = bar(details.pickup, NO_PICKUP) | bar(details.ship, NO_SHIP);
        self.barred.reach(location.0 as usize).store(barred, Relaxed);
        let before = self.locations.details(location);
        let before = before.as_deref().map(|set| &set.details);
        self.rehash(Part::Locations, self.locations.digest(location), before, Some(&details));
        self.locations.fold_details(location, version, details);
    }

    pub(super) fn fold_made_up_location(&self, location: LocationId, by: u64) {
        self.locations.fold_made_up(location, by);
        if self.locations.details(location).is_none() {
            self.barred.reach(location.0 as usize).store(MADE_UP | NO_PICKUP | NO_SHIP, Relaxed);
        }
    }

    /// The opening hours of a location as last set, with their version.
    pub fn hours(&self, location: LocationId) -> Versioned<LocationHours> {
        if let Some(hours) = self.hours.get(&location) {
            return hours.as_ref().clone();
        }
        let Some(services) = self.services(location) else {
            return Versioned { version: 0, details: LocationHours::default() };
        };
        Versioned { version: services.version, details: services.details.old_hours() }
    }

    /// The hours if they were set by their own event, for a checkpoint.
    pub(crate) fn own_hours(&self, location: LocationId) -> Option<Arc<Versioned<LocationHours>>> {
        self.hours.get(&location).map(|hours| hours.clone())
    }

    pub(crate) fn fold_hours(&self, location: LocationId, version: Seq, details: LocationHours) {
        let before = self.served(location);
        self.hours.insert(location, Arc::new(Versioned { version, details }));
        self.rehash_served(location, before);
    }

    /// The currency, address and barcodes of a location, if they were ever set.
    pub fn trading(&self, location: LocationId) -> Option<Arc<Versioned<TradingDetails>>> {
        self.trading.get(&location).map(|trading| trading.clone())
    }

    /// What is digested of them: `None` if nothing is set.
    pub(super) fn traded(&self, location: LocationId) -> Option<TradingDetails> {
        self.trading(location).map(|set| set.details.clone()).filter(|details| *details != TradingDetails::default())
    }

    pub(super) fn rehash_traded(&self, location: LocationId, before: Option<&TradingDetails>) {
        let after = self.traded(location);
        self.rehash(Part::Locations, self.locations.digest(location), before, after.as_ref());
    }

    pub(crate) fn fold_trading(&self, location: LocationId, version: Seq, details: TradingDetails) {
        let before = self.traded(location);
        self.trading.insert(location, Arc::new(Versioned { version, details }));
        self.rehash_traded(location, before.as_ref());
    }

    /// The service times of a location and the source of its missing units, if they were ever set.
    pub fn services(&self, location: LocationId) -> Option<Arc<Versioned<ServiceDetails>>> {
        self.services.get(&location).map(|services| services.clone())
    }

    /// The digested services of a location: the hours in force, from whichever event. `None` if none were ever set.
    pub(super) fn served(&self, location: LocationId) -> Option<(ServiceDetails, LocationHours)> {
        let services = self.services(location).map(|set| set.details.clone()).unwrap_or_default();
        let served = (ServiceDetails { hours: Vec::new(), ..services }, self.hours(location).details);
        (served != Default::default()).then_some(served)
    }

    pub(super) fn rehash_served(&self, location: LocationId, before: Option<(ServiceDetails, LocationHours)>) {
        let after = self.served(location);
        self.rehash(Part::Services, self.locations.digest(location), before.as_ref(), after.as_ref());
    }

    pub(crate) fn fold_services(&self, location: LocationId, version: Seq, details: ServiceDetails) {
        let before = self.served(location);
        self.services.insert(location, Arc::new(Versioned { version, details }));
        self.rehash_served(location, before);
    }
}
