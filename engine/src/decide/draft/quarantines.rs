//! The quarantine of a location: found, or created and named by this batch.

use super::Draft;
use crate::ids::{LocationId, NAME_CHARACTERS_MAX, Name};
use crate::kernel::name_ref::NameRef;

/// The name of a location's quarantine; `nth` if earlier names are taken.
fn quarantine_name(of: &str, nth: u32) -> Name {
    let suffix = if nth == 1 { String::new() } else { format!(":{nth}") };
    let room = NAME_CHARACTERS_MAX - QUARANTINE.len() - suffix.len();
    // Location names are ASCII; a long one is truncated.
    let of: String = of.chars().take(room).collect();
    Name::from(format!("{QUARANTINE}{of}{suffix}"))
}

/// The prefix of quarantine names.
const QUARANTINE: &str = "quarantine:";

impl Draft {
    /// Whether a location is a quarantine, including this batch.
    pub fn is_quarantine(&self, location: LocationId) -> bool {
        let made = || self.quarantines.values().any(|quarantine| *quarantine == location);
        self.state.catalogue.quarantine_of(location).is_some() || (!self.quarantines.is_empty() && made())
    }

    /// A location that may be declared: any except a quarantine.
    pub fn own_location(&self, name: &Name) -> Option<LocationId> {
        self.known_location(name).filter(|location| !self.is_quarantine(*location))
    }

    /// The quarantine of a location; created and named if there is none. `None` if no more locations are possible.
    pub fn quarantine_at(&mut self, of: LocationId) -> Option<LocationId> {
        let known = self.quarantines.get(&of).copied().or_else(|| self.state.catalogue.quarantine(of));
        if known.is_some() {
            return known;
        }
        let locations = &self.state.catalogue.locations;
        let name = match of.0 < locations.count() {
            true => locations.name(of).clone(),
            false => self.locations.names.iter().find(|(_, id)| **id == of)?.0.clone(),
        };
        // The first free name. Bounded by the location names that were chosen to collide.
        let free = (1_u32..).find_map(|nth| {
            let name = quarantine_name(name.as_str(), nth);
            self.known_location(&name).is_none().then_some(name)
        });
        let quarantine = self.intern_location(&NameRef::New(free?))?;
        self.quarantines.insert(of, quarantine);
        self.unmade_quarantines.push((quarantine, of));
        Some(quarantine)
    }
}
