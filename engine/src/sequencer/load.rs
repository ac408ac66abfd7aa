//! Deciding what is loaded: rows of imports, and single things that are set.
//!
//! A row that says what is known is counted as unchanged and logs nothing. A row that is wrong is told by its line and
//! spoils nothing else, unless the import is atomic: then one wrong row refuses all.

use std::collections::BTreeMap;

use super::draft::{Answer, Telling, What};
use super::names::left;
use super::stock::CountVerdict;
use super::{Decision, Sequencer, effect_of};
use crate::catalogue::{
    ChannelDetails, GroupDetails, LocationDetails, LocationHours, Price, ServiceDetails, SkuDetails, Transfers,
};
use crate::command::{
    Failure, Loaded, LocationFields, NameRef, Put, PutWhat, Refusal, Rows, ServiceFields, SkuFields, Version,
};
use crate::event::{Cause, Event, Imported, PlaceSet, RowError, RuleSet, SupplySet, Thing, ThingKind};
use crate::gtin::Gtin;
use crate::holders::stands;
use crate::ids::{ChannelId, GroupId, LocationId, Name, Seq, SkuId, Timestamp};
use crate::patch::Patch;
use crate::rules::Conditions;
use crate::stock::confirmed::{CellSet, CountsConfirmed};
use crate::{catalogue, imports, rules, stock, supply};

/// Rows in one record. An import is cut into records of so many, so that no delta of the stream is ever larger.
const ROWS_PER_RECORD: usize = 1000;

/// Cells in one record that tells of counts which found what the books say.
const CONFIRMED_PER_RECORD: usize = 4000;

/// Bytes, roughly, in one record.
const RECORD_WEIGHT_MAX: usize = 1 << 20;

/// What a command sets.
enum Set {
    Sku(SkuId, bool),
    Location(LocationId, Option<ServiceDetails>, Option<LocationHours>),
    Group(GroupId),
    Channel(ChannelId, ChannelDetails),
}

impl Sequencer {
    pub(super) fn load(
        &mut self,
        rows: Rows,
        atomic: bool,
        finish: Option<Box<Imported>>,
        cause: &mut Option<Box<Cause>>,
    ) -> Decision {
        let mut loaded = Loaded { seq: self.state.view.seq(), ..Loaded::default() };
        // Events are collected first: an atomic import with a wrong row must log none of them.
        let mut events = Vec::new();
        // Bounded by the rows of one command: 4,000, or `limits.import_atomic_rows` where one bad row refuses all.
        match rows {
            Rows::Locations(rows) => {
                let mut set = Vec::new();
                let (mut groups, mut services, mut hours) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
                for row in rows {
                    let defined = self.draft.defined_so_far();
                    let Some(location) = self.draft.intern_location(&row.id) else {
                        loaded.errors.push(row_error(row.line, left::locations("location")));
                        continue;
                    };
                    let fields = &row.fields.services;
                    let served = self.describe_services(location, fields, &mut services);
                    let described = served.and_then(|served| {
                        let served = self.describe_hours(location, fields, &mut hours) || served;
                        Ok((served, self.describe_location(location, &row.fields, &mut groups)?))
                    });
                    match described {
                        Ok((served, details)) => {
                            let changed = served || details.is_some();
                            set.extend(details.map(|details| (location, details)));
                            loaded.count(changed.then_some(()));
                        }
                        Err(failure) => {
                            self.draft.forget_definitions(defined);
                            loaded.errors.push(row_error(row.line, failure));
                        }
                    }
                }
                events.extend(chunks(set, |_| 256, catalogue::event::Event::LocationsSet));
                events.extend(chunks(services.into_iter().collect(), |_| 256, catalogue::event::Event::ServicesSet));
                events.extend(chunks(hours.into_iter().collect(), hours_weight, catalogue::event::Event::HoursSet));
                events.extend(chunks(groups.into_iter().collect(), group_weight, catalogue::event::Event::GroupsSet));
            }
            Rows::Groups(rows) => {
                let mut set = BTreeMap::new();
                for (line, group, members) in rows {
                    match self.describe_group(&group, &Patch::Set(members)) {
                        Ok((group, details)) => loaded.count(details.map(|details| set.insert(group, details))),
                        Err(failure) => loaded.errors.push(row_error(line, failure)),
                    }
                }
                events.extend(chunks(set.into_iter().collect(), group_weight, catalogue::event::Event::GroupsSet));
            }
            Rows::Skus(rows) => {
                let (mut set, mut tracking) = (Vec::new(), BTreeMap::new());
                for row in rows {
                    let defined = self.draft.defined_so_far();
                    let Some(sku) = self.draft.intern_sku(&row.id) else {
                        loaded.errors.push(row_error(row.line, left::others("sku")));
                        continue;
                    };
                    let tracked = self.describe_tracking(sku, &row.fields, &tracking);
                    match tracked.and_then(|tracked| Ok((tracked, self.describe_sku(sku, &row.fields)?))) {
                        Ok((tracked, details)) => {
                            let changed = tracked.is_some() || details.is_some();
                            tracking.extend(tracked.map(|tracked| (sku, tracked)));
                            set.extend(details.map(|details| (sku, details)));
                            loaded.count(changed.then_some(()));
                        }
                        Err(failure) => {
                            self.draft.forget_definitions(defined);
                            loaded.errors.push(row_error(row.line, failure));
                        }
                    }
                }
                events.extend(chunks(set, sku_weight, catalogue::event::Event::SkusSet));
                // What a row took back after another is as it was.
                tracking.retain(|sku, tracked| *tracked != self.state.catalogue.is_tracked(*sku));
                events.extend(chunks(tracking.into_iter().collect(), |_| 8, catalogue::event::Event::TrackingSet));
            }
            Rows::Stock { mut counts, create } => {
                // Side by side in memory: a SKU's cells are made together.
                counts.sort_by(|a, b| sku_order(&a.sku).cmp(&sku_order(&b.sku)).then(a.line.cmp(&b.line)));
                let (mut set, mut confirmed) = (Vec::new(), BTreeMap::<Timestamp, Vec<_>>::new());
                for count in &counts {
                    let defined = self.draft.defined_so_far();
                    match self.load_count(count, create) {
                        Ok(CountVerdict::Counted(counted)) => {
                            set.push(counted);
                            loaded.count(Some(()));
                        }
                        Ok(CountVerdict::Confirmed(sku, location, counted_at)) => {
                            confirmed.entry(counted_at).or_default().push((sku, location));
                            loaded.count::<()>(None);
                        }
                        Ok(CountVerdict::Stale(_) | CountVerdict::Unchanged) => loaded.count::<()>(None),
                        Err(failure) => {
                            self.draft.forget_definitions(defined);
                            loaded.errors.push(row_error(count.line, failure));
                        }
                    }
                }
                events.extend(chunks(set, |_| 64, stock::event::Event::Counted));
                for (counted_at, cells) in confirmed {
                    let confirmed = |cells: &[_]| CountsConfirmed { counted_at, cells: CellSet::new(cells.to_vec()) };
                    let events_of = cells.chunks(CONFIRMED_PER_RECORD).map(confirmed);
                    events.extend(
                        events_of.map(|confirmed| stock::event::Event::CountsConfirmed(Box::new(confirmed)).into()),
                    );
                }
            }
            Rows::Prices(rows) => {
                let mut set: BTreeMap<SkuId, Vec<Price>> = BTreeMap::new();
                for (line, sku, price) in rows {
                    match self.draft.known_sku(&sku) {
                        // What a price says already stays as it is, also where its channel was never declared.
                        Some(sku) if self.has_price(sku, &price, &set) => loaded.count::<()>(None),
                        Some(sku) => match self.check_channel(price.channel.as_ref()) {
                            Ok(()) => loaded.count(self.set_price(sku, price, &mut set)),
                            Err(failure) => loaded.errors.push(row_error(line, failure)),
                        },
                        None => loaded.errors.push(row_error(line, unknown("sku", &sku))),
                    }
                }
                events.extend(chunks(
                    set.into_iter().collect(),
                    |(_, prices)| 64 * prices.len(),
                    catalogue::event::Event::PricesSet,
                ));
            }
            Rows::Rules(rows) => {
                let mut set = super::rules::Fresh::new();
                for (line, name, fields) in rows {
                    let defined = self.draft.defined_so_far();
                    match self.describe_rule(&name, fields, &set) {
                        Ok(rule) => loaded.count(rule.map(|rule| set.insert(name, rule))),
                        Err(failure) => {
                            self.draft.forget_definitions(defined);
                            loaded.errors.push(row_error(line, failure));
                        }
                    }
                }
                events.extend(chunks(set.into_values().collect(), rule_weight, rules::event::Event::RulesSet));
            }
            Rows::Supply(rows) => {
                let mut set = super::supply::Fresh::new();
                for row in rows {
                    let known = self.known(&row.sku, &row.location);
                    match known
                        .and_then(|(sku, location)| self.describe_supply(&row, sku, location, &set, &str::to_owned))
                    {
                        Ok(supply) => {
                            let key = |supply: &SupplySet| (supply.cell.sku, supply.cell.location, supply.name.clone());
                            loaded.count(supply.map(|supply| set.insert(key(&supply), supply)));
                        }
                        Err(failure) => loaded.errors.push(row_error(row.line, failure)),
                    }
                }
                events.extend(chunks(set.into_values().collect(), |_| 128, supply::event::Event::SupplySet));
            }
            Rows::Channels(rows) => {
                let mut set = BTreeMap::new();
                for (line, name, buffer) in rows {
                    let Some(channel) = self.draft.intern_channel(&NameRef::New(name)) else {
                        loaded.errors.push(row_error(line, left::channels("channel")));
                        continue;
                    };
                    let known = self.draft.channel_details(channel).map(|(_, known)| *known);
                    let known = set.get(&channel).copied().or(known);
                    let mut details = known.unwrap_or_default();
                    details.buffer = buffer.unwrap_or(details.buffer);
                    let changed = known != Some(details);
                    loaded.count(changed.then(|| set.insert(channel, details)));
                }
                events.extend(chunks(set.into_iter().collect(), |_| 64, catalogue::event::Event::ChannelsSet));
            }
            Rows::None(_) => {}
        }
        if atomic && !loaded.errors.is_empty() {
            loaded.errors.sort_by_key(|error| error.line);
            self.draft.undo_details();
            return Err(Refusal::BadRows(loaded.errors).into());
        }
        loaded.errors.sort_by_key(|error| error.line);
        let of_part = cause.as_deref().and_then(Cause::of_part);
        if self.draft.has_definitions() && events.is_empty() {
            loaded.seq = self.draft.log_definitions(of_part.clone());
        }
        for event in events {
            loaded.seq = self.log_details(of_part.clone(), event);
        }
        match finish {
            None => Ok(Answer::Loaded(loaded)),
            Some(mut imported) => {
                imported.accepted += loaded.accepted;
                imported.unchanged += loaded.unchanged;
                imported.rejected += loaded.errors.len() as u64;
                let room = IMPORT_ERRORS_MAX.saturating_sub(imported.errors.len());
                imported.errors.extend(loaded.errors.into_iter().take(room));
                Ok(Answer::Record(self.draft.log(cause.take(), imports::event::Event::Imported(imported))))
            }
        }
    }

    pub(super) fn put(&mut self, put: Put, cause: &mut Option<Box<Cause>>) -> Decision {
        let current = self.version_of(&put.what);
        let version = current.map_or(0, |current| current.seq);
        if !put.precondition.holds(current) {
            return Err(Refusal::StaleVersion { actual: version }.into());
        }
        let (mut groups, mut services, mut hours) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut tracking = None;
        let what;
        let event = match put.what {
            PutWhat::Sku(name, fields) => {
                let sku = self.draft.intern_sku(&NameRef::New(name)).ok_or_else(|| left::others("sku"))?;
                let tracked = self.describe_tracking(sku, &fields, &BTreeMap::new())?;
                let details = self.describe_sku(sku, &fields)?;
                what = Set::Sku(sku, tracked.unwrap_or(self.state.catalogue.is_tracked(sku)));
                let set = tracked.map(|tracked| catalogue::event::Event::TrackingSet(vec![(sku, tracked)]));
                match details {
                    Some(details) => {
                        tracking = set;
                        Some(catalogue::event::Event::SkusSet(vec![(sku, details)]))
                    }
                    None => set,
                }
            }
            PutWhat::Location(name, fields) => {
                let location =
                    self.draft.intern_location(&NameRef::New(name)).ok_or_else(|| left::locations("location"))?;
                self.describe_services(location, &fields.services, &mut services)?;
                self.describe_hours(location, &fields.services, &mut hours);
                let details = self.describe_location(location, &fields, &mut groups)?;
                what = Set::Location(location, services.get(&location).cloned(), hours.get(&location).cloned());
                match (details, services.is_empty(), hours.is_empty()) {
                    (Some(details), ..) => Some(catalogue::event::Event::LocationsSet(vec![(location, details)])),
                    (None, false, _) => {
                        Some(catalogue::event::Event::ServicesSet(std::mem::take(&mut services).into_iter().collect()))
                    }
                    (None, true, false) => {
                        Some(catalogue::event::Event::HoursSet(std::mem::take(&mut hours).into_iter().collect()))
                    }
                    (None, true, true) => None,
                }
            }
            PutWhat::Group(name, members) => {
                let (group, details) = self.describe_group(&name, &members)?;
                what = Set::Group(group);
                details.map(|details| catalogue::event::Event::GroupsSet(vec![(group, details)]))
            }
            PutWhat::Retire(kind, name) => return self.retire(kind, name, cause),
            PutWhat::Rule(name, fields) => {
                return self.put_rule(name, fields.map(|fields| *fields), version, cause);
            }
            PutWhat::Channel(name, fields) => {
                let channel =
                    self.draft.intern_channel(&NameRef::New(name)).ok_or_else(|| left::channels("channel"))?;
                let known = self.draft.channel_details(channel).map(|(_, known)| *known);
                let mut details = known.unwrap_or_default();
                fields.buffer.apply_or(&mut details.buffer, 0);
                let known = known == Some(details);
                what = Set::Channel(channel, details);
                (!known).then_some(catalogue::event::Event::ChannelsSet(vec![(channel, details)]))
            }
        };
        let thing = self.thing(what, &groups);
        let Some(event) = event else { return Ok(self.tell_thing(cause, version, thing)) };
        let of_part = cause.as_deref().and_then(Cause::of_part);
        if let Some(tracking) = tracking {
            self.log_details(of_part.clone(), tracking);
        }
        if !groups.is_empty() {
            self.log_details(of_part.clone(), catalogue::event::Event::GroupsSet(groups.into_iter().collect()));
        }
        if !services.is_empty() {
            self.log_details(of_part.clone(), catalogue::event::Event::ServicesSet(services.into_iter().collect()));
        }
        if !hours.is_empty() {
            self.log_details(of_part, catalogue::event::Event::HoursSet(hours.into_iter().collect()));
        }
        let of_effect = effect_of(cause);
        let seq = self.log_details(of_effect, event);
        Ok(self.tell_thing(cause, seq, thing))
    }

    /// What was set is told when the command is settled, under its key, if it has one.
    pub(super) fn tell_thing(&mut self, cause: &mut Option<Box<Cause>>, seq: Seq, thing: Thing) -> Answer {
        self.draft.telling = Some(Telling { cause: cause.take(), seq, what: What::Thing(thing) });
        Answer::Put(seq, None)
    }

    /// A thing as the draft has it; `groups` are those that the command changes.
    fn thing(&self, what: Set, groups: &BTreeMap<GroupId, GroupDetails>) -> Thing {
        let draft = &self.draft;
        match what {
            Set::Sku(sku, tracked) => {
                let details = draft.sku_details(sku).map(|(_, set)| (*set).clone()).unwrap_or_default();
                if tracked { Thing::Sku(sku, details) } else { Thing::Uncounted(sku, details) }
            }
            Set::Location(location, services, hours) => {
                let hours = hours.unwrap_or_else(|| self.state.catalogue.hours(location).details);
                let details = draft.location_details(location).map(|(_, set)| (*set).clone()).unwrap_or_default();
                let durable = || self.state.catalogue.services(location).map(|set| set.details.clone());
                let services = services.or_else(durable).unwrap_or_default();
                let mut of: Vec<GroupId> = self.state.catalogue.groups_of(location);
                of.retain(|group| !groups.contains_key(group));
                let holds = |details: &GroupDetails| details.locations.binary_search(&location).is_ok();
                of.extend(groups.iter().filter(|(_, details)| holds(details)).map(|(group, _)| *group));
                of.sort_unstable();
                Thing::Place(Box::new(PlaceSet { location, details, services, hours, groups: of }))
            }
            Set::Group(group) => {
                Thing::Group(group, draft.group_details(group).map(|(_, set)| (*set).clone()).unwrap_or_default())
            }
            Set::Channel(channel, details) => Thing::Channel(channel, details),
        }
    }

    fn log_details(&mut self, cause: Option<Box<Cause>>, event: impl Into<Event>) -> Seq {
        let seq = self.draft.log(cause, event);
        self.remember_last();
        seq
    }

    /// Gives details set in the draft the `seq` that their record really got.
    fn remember_last(&mut self) {
        if let Some(record) = self.draft.records.pop() {
            self.draft.remember_details(&record);
            self.draft.records.push(record);
        }
    }

    /// The version of a thing; `None` where there is no such thing.
    fn version_of(&self, what: &PutWhat) -> Option<Version> {
        let draft = &self.draft;
        let seq = match what {
            PutWhat::Sku(name, _) | PutWhat::Retire(ThingKind::Sku, name) => {
                let sku = draft.known_sku(name)?;
                let details = draft.sku_details(sku).map(|(version, _)| version);
                details.max(self.state.catalogue.tracking(sku).map(|tracking| tracking.version))
            }
            PutWhat::Location(name, _) | PutWhat::Retire(ThingKind::Location, name) => {
                let location = draft.known_location(name)?;
                let details = draft.location_details(location).map(|(version, _)| version);
                let served = self.state.catalogue.services(location).map(|set| set.version);
                let hours = Some(self.state.catalogue.hours(location).version);
                let seq = details.max(served).max(hours).unwrap_or(0);
                return Some(Version::of_location(seq, &self.state.catalogue.groups_of(location)));
            }
            PutWhat::Group(name, _) | PutWhat::Retire(ThingKind::Group, name) => {
                draft.group_details(draft.known_group(name)?).map(|(version, _)| version)
            }
            PutWhat::Rule(name, _) => Some(self.state.rules.get(name.as_str())?.changed_at()),
            PutWhat::Channel(name, _) | PutWhat::Retire(ThingKind::Channel, name) => {
                draft.channel_details(draft.known_channel(name)?).map(|(version, _)| version)
            }
        };
        Some(Version::new(seq.unwrap_or(0)))
    }

    /// The details that `fields` lead to; `None` where they are what is known. What they do not mention stays as it is.
    fn describe_sku(&mut self, sku: SkuId, fields: &SkuFields) -> Result<Option<SkuDetails>, Failure> {
        if let Some(Err(error)) = fields.gtin.value().map(|gtin| Gtin::parse_all(gtin)) {
            return Err(Refusal::invalid("gtin", error.to_string()).into());
        }
        let known = self.draft.sku_details(sku);
        let mut details = known.as_ref().map(|(_, known)| (**known).clone()).unwrap_or_default();
        fields.name.apply(&mut details.name);
        fields.gtin.apply(&mut details.gtin);
        fields.unit.apply(&mut details.unit);
        fields.product.apply(&mut details.product);
        fields.decimals.apply_or(&mut details.decimals, 0);
        fields.categories.apply_or(&mut details.categories, Vec::new());
        fields.all_attributes.apply_or(&mut details.attributes, BTreeMap::new());
        details.attributes.extend(fields.attributes.iter().cloned());
        if known.is_some_and(|(_, known)| *known == details) {
            return Ok(None);
        }
        self.draft.set_sku_details(sku, self.draft.builder.next_seq(), details.clone());
        Ok(Some(details))
    }

    /// Whether a SKU comes to be counted, or no longer is: `None` where it stays as the rows before left it.
    fn describe_tracking(
        &self,
        sku: SkuId,
        fields: &SkuFields,
        set: &BTreeMap<SkuId, bool>,
    ) -> Result<Option<bool>, Failure> {
        let Some(tracked) = fields.tracks() else { return Ok(None) };
        let catalogue = &self.state.catalogue;
        if tracked == set.get(&sku).copied().unwrap_or(catalogue.is_tracked(sku)) {
            return Ok(None);
        }
        // The command began its batch, so what is durable is all there is but for what fell due meanwhile.
        let holders = self.state.holders_of_units(sku);
        if !holders.is_empty() {
            return Err(Refusal::HeldAsCounted { name: catalogue.skus.name(sku).clone(), holders }.into());
        }
        Ok(Some(tracked))
    }

    fn describe_location(
        &mut self,
        location: LocationId,
        fields: &LocationFields,
        groups: &mut BTreeMap<GroupId, GroupDetails>,
    ) -> Result<Option<LocationDetails>, Failure> {
        if self.draft.is_quarantine(location) {
            let reason = "is a quarantine, which the server made; it is as it is";
            return Err(Refusal::invalid("location", reason).into());
        }
        let known = self.draft.location_details(location);
        let mut details = known.as_ref().map(|(_, known)| (**known).clone()).unwrap_or_default();
        let empty = LocationDetails::default();
        fields.name.apply(&mut details.name);
        fields.timezone.apply(&mut details.timezone);
        fields.kind.apply_or(&mut details.kind, empty.kind);
        fields.coordinates.apply(&mut details.coordinates);
        fields.pickup.apply_or(&mut details.pickup, empty.pickup);
        fields.ship.apply_or(&mut details.ship, empty.ship);
        let regrouped = match &fields.groups {
            Patch::Keep => false,
            Patch::Clear => self.set_groups_of(location, &[], groups)?,
            Patch::Set(names) => self.set_groups_of(location, names, groups)?,
        };
        if known.is_some_and(|(_, known)| *known == details) && !regrouped {
            return Ok(None);
        }
        self.draft.set_location_details(location, self.draft.builder.next_seq(), details.clone());
        Ok(Some(details))
    }

    /// What is said of the people in a location; true where that changed anything.
    fn describe_services(
        &mut self,
        location: LocationId,
        fields: &ServiceFields,
        set: &mut BTreeMap<LocationId, ServiceDetails>,
    ) -> Result<bool, Failure> {
        let ServiceFields { pickup_cutoff, pickup_minutes, transfer_group, transfer_minutes, .. } = fields;
        let durable = || self.state.catalogue.services(location).map(|set| set.details.clone());
        let known = set.get(&location).cloned().or_else(durable).unwrap_or_default();
        let mut details = known.clone();
        pickup_cutoff.apply(&mut details.pickup_cutoff);
        pickup_minutes.apply_or(&mut details.pickup_minutes, 0);
        match transfer_group {
            Patch::Keep => {}
            Patch::Clear => details.transfers = None,
            Patch::Set(group) => {
                let from = self.draft.intern_group(group).ok_or_else(|| left::others("transfer_group"))?;
                let minutes = details.transfers.map_or(0, |transfers| transfers.minutes);
                details.transfers = Some(Transfers { from, minutes });
            }
        }
        match &mut details.transfers {
            Some(transfers) => transfer_minutes.apply_or(&mut transfers.minutes, 0),
            None if transfer_minutes.value().is_some() => {
                return Err(Refusal::invalid("transfer_minutes", "is given without transfer_group").into());
            }
            None => {}
        }
        if details == known {
            return Ok(false);
        }
        set.insert(location, details);
        Ok(true)
    }

    /// When people work in a location; true where that changed anything.
    fn describe_hours(
        &mut self,
        location: LocationId,
        fields: &ServiceFields,
        set: &mut BTreeMap<LocationId, LocationHours>,
    ) -> bool {
        let known = set.get(&location).cloned().unwrap_or_else(|| self.state.catalogue.hours(location).details);
        let mut hours = known.clone();
        fields.hours.apply(&mut hours.weekly);
        fields.special_hours.apply_or(&mut hours.special, Vec::new());
        let changed = hours != known;
        if changed {
            set.insert(location, hours);
        }
        changed
    }

    /// Puts a location into exactly the named groups; true where that changed one.
    fn set_groups_of(
        &mut self,
        location: LocationId,
        names: &[Name],
        changed: &mut BTreeMap<GroupId, GroupDetails>,
    ) -> Result<bool, Failure> {
        let mut wanted = Vec::new();
        for name in names {
            wanted.push(self.draft.intern_group(name).ok_or_else(|| left::others("groups"))?);
        }
        let mut touched: Vec<GroupId> = self.state.catalogue.groups_of(location);
        touched.extend(self.draft.fresh_groups_of(location));
        touched.extend(changed.keys().copied());
        touched.extend(&wanted);
        touched.sort_unstable();
        touched.dedup();
        let mut any = false;
        // Bounded by the groups that the location was in, is to be in, or that rows before it changed; of these only
        // where it comes or goes is anything copied.
        for group in touched {
            let known = self.draft.group_details(group).map(|(_, known)| known).unwrap_or_default();
            let at = known.locations.binary_search(&location);
            let mut details = match (at, wanted.contains(&group)) {
                (Err(_), true) | (Ok(_), false) => (*known).clone(),
                _ => continue,
            };
            match at {
                Err(at) => details.locations.insert(at, location),
                Ok(at) => drop(details.locations.remove(at)),
            }
            self.draft.set_group_details(group, self.draft.builder.next_seq(), details.clone());
            changed.insert(group, details);
            any = true;
        }
        Ok(any)
    }

    fn describe_group(
        &mut self,
        name: &Name,
        members: &Patch<Vec<Name>>,
    ) -> Result<(GroupId, Option<GroupDetails>), Failure> {
        let mut locations = Vec::new();
        for member in members.value().into_iter().flatten() {
            locations.push(self.draft.own_location(member).ok_or_else(|| unknown("locations", member))?);
        }
        locations.sort_unstable();
        locations.dedup();
        let group = self.draft.intern_group(name).ok_or_else(|| left::others("group"))?;
        if members.is_keep()
            && let Some((_, known)) = self.draft.group_details(group)
        {
            locations.clone_from(&known.locations);
        }
        let details = GroupDetails { locations };
        if self.draft.group_details(group).is_some_and(|(_, known)| *known == details) {
            return Ok((group, None));
        }
        self.draft.set_group_details(group, self.draft.builder.next_seq(), details.clone());
        Ok((group, Some(details)))
    }

    fn load_count(&mut self, count: &crate::command::Count, create: bool) -> Result<CountVerdict, Failure> {
        if !create {
            self.known(&count.sku, &count.location)?;
        }
        self.count_one(count, None, &|field| field.to_owned())
    }

    /// The cell that a row is about, if both of its names are known.
    pub(super) fn known(
        &self,
        sku: &NameRef<SkuId>,
        location: &NameRef<LocationId>,
    ) -> Result<(SkuId, LocationId), Failure> {
        let sku = match sku {
            NameRef::New(name) => self.draft.known_sku(name).ok_or_else(|| unknown("sku", name))?,
            NameRef::Known(sku) if stands(&self.state.catalogue.skus, *sku) => *sku,
            NameRef::Known(sku) => {
                let name = self.state.catalogue.skus.name(*sku);
                self.draft.known_sku(name).ok_or_else(|| unknown("sku", name))?
            }
        };
        let location = match location {
            NameRef::New(name) => self.draft.known_location(name).ok_or_else(|| unknown("location", name))?,
            NameRef::Known(location) if stands(&self.state.catalogue.locations, *location) => *location,
            NameRef::Known(location) => {
                let name = self.state.catalogue.locations.name(*location);
                self.draft.known_location(name).ok_or_else(|| unknown("location", name))?
            }
        };
        Ok((sku, location))
    }

    /// Whether a price may be one of a channel; of none, it holds for all.
    fn check_channel(&self, channel: Option<&Name>) -> Result<(), Failure> {
        let Some(name) = channel else { return Ok(()) };
        match self.draft.takes_channel(self.draft.known_channel(name)) {
            true => Ok(()),
            false => Err(self.state.catalogue.undeclared_channel("channel", name).into()),
        }
    }

    fn has_price(&self, sku: SkuId, price: &Price, set: &BTreeMap<SkuId, Vec<Price>>) -> bool {
        match set.get(&sku) {
            Some(prices) => prices.contains(price),
            None => self.draft.prices(sku).contains(price),
        }
    }

    /// Adds a price, or replaces the one for the same currency, channel and location.
    fn set_price(&self, sku: SkuId, price: Price, set: &mut BTreeMap<SkuId, Vec<Price>>) -> Option<()> {
        let mut prices = set.get(&sku).cloned().unwrap_or_else(|| self.draft.prices(sku));
        let same = |known: &&mut Price| {
            (&known.currency, &known.channel, &known.location) == (&price.currency, &price.channel, &price.location)
        };
        match prices.iter_mut().find(same) {
            Some(known) if known.amount == price.amount => return None,
            Some(known) => known.amount = price.amount,
            None => prices.push(price),
        }
        prices.sort_unstable();
        set.insert(sku, prices);
        Some(())
    }
}

/// Row errors kept with the record of an import; its answer carries no more either.
pub const IMPORT_ERRORS_MAX: usize = 1000;

impl Loaded {
    fn count<T>(&mut self, changed: Option<T>) {
        match changed {
            Some(_) => self.accepted += 1,
            None => self.unchanged += 1,
        }
    }
}

/// Cuts rows into records, by number and by weight.
fn chunks<T, E: Into<Event>>(rows: Vec<T>, weight: impl Fn(&T) -> usize, event: impl Fn(Vec<T>) -> E) -> Vec<Event> {
    let (mut events, mut chunk, mut bytes) = (Vec::new(), Vec::new(), 0);
    for row in rows {
        let row_bytes = weight(&row);
        if !chunk.is_empty() && (chunk.len() >= ROWS_PER_RECORD || bytes + row_bytes > RECORD_WEIGHT_MAX) {
            events.push(event(std::mem::take(&mut chunk)).into());
            bytes = 0;
        }
        bytes += row_bytes;
        chunk.push(row);
    }
    if !chunk.is_empty() {
        events.push(event(chunk).into());
    }
    events
}

/// Bytes, roughly, that the hours of a location take in a record.
fn hours_weight((_, hours): &(LocationId, LocationHours)) -> usize {
    64 + 4 * hours.weekly.iter().flatten().count()
        + hours.special.iter().map(|(_, spans)| 16 + 4 * spans.len()).sum::<usize>()
}

fn group_weight((_, details): &(GroupId, GroupDetails)) -> usize {
    16 + 4 * details.locations.len()
}

fn sku_weight((_, details): &(SkuId, SkuDetails)) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let categories: usize = details.categories.iter().map(|category| 8 + category.len()).sum();
    let attributes: usize = details.attributes.iter().map(|(key, value)| 16 + key.len() + value.len()).sum();
    64 + text(&details.name)
        + text(&details.gtin)
        + text(&details.unit)
        + text(&details.product)
        + categories
        + attributes
}

fn rule_weight(set: &RuleSet) -> usize {
    let Some(rule) = &set.rule else { return 64 };
    let Conditions { skus, categories, attributes, locations, groups, kinds, channels } = &rule.conditions;
    let texts: usize = categories.iter().map(|category| 8 + category.len()).sum();
    let pairs: usize = attributes.iter().map(|(key, value)| 16 + key.len() + value.len()).sum();
    256 + texts + pairs + 4 * (skus.len() + locations.len() + groups.len() + kinds.len() + channels.len())
}

fn sku_order(sku: &NameRef<SkuId>) -> (u32, &str) {
    match sku {
        NameRef::Known(id) => (id.0, ""),
        NameRef::New(name) => (u32::MAX, name.as_str()),
    }
}

fn unknown(field: &str, name: &Name) -> Failure {
    Refusal::invalid(field, format!("{name} is unknown; declare it first")).into()
}

fn row_error(line: u64, failure: Failure) -> RowError {
    match failure {
        Failure::Refused(Refusal::Invalid { field, reason }) => RowError { line, field: Some(field), reason },
        Failure::Refused(refusal @ Refusal::HeldAsCounted { .. }) => {
            let reason = refusal.to_string();
            let reason = reason.strip_prefix("tracked: ").unwrap_or(&reason).to_owned();
            RowError { line, field: Some("tracked".to_owned()), reason }
        }
        other => RowError { line, field: None, reason: other.to_string() },
    }
}
