//! The quarantine of a location: found, or made and named by this batch.

use super::Draft;
use crate::ids::{LocationId, NAME_CHARACTERS_MAX, Name};
use crate::kernel::name_ref::NameRef;

/// What the quarantine of a location is called; `nth` where others have the names before.
fn quarantine_name(of: &str, nth: u32) -> Name {
    let suffix = if nth == 1 { String::new() } else { format!(":{nth}") };
    let room = NAME_CHARACTERS_MAX - QUARANTINE.len() - suffix.len();
    // Names of locations are ASCII; of a long one as much as there is room for.
    let of: String = of.chars().take(room).collect();
    Name::from(format!("{QUARANTINE}{of}{suffix}"))
}

/// How the names of quarantines begin.
const QUARANTINE: &str = "quarantine:";

impl Draft {
    /// Whether a location is the quarantine of another, this batch included.
    pub fn is_quarantine(&self, location: LocationId) -> bool {
        let made = || self.quarantines.values().any(|quarantine| *quarantine == location);
        self.state.catalogue.quarantine_of(location).is_some() || (!self.quarantines.is_empty() && made())
    }

    /// A location that somebody may have declared: any but a quarantine.
    pub fn own_location(&self, name: &Name) -> Option<LocationId> {
        self.known_location(name).filter(|location| !self.is_quarantine(*location))
    }

    /// The quarantine of a location, made and named where there is none yet. `None` where no more locations may be.
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
        // The first name that nobody took. Bounded by those that people gave to locations so as to be in the way.
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
