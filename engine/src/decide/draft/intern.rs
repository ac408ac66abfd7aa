//! From a name to its id: known, revived, or defined by this batch.

use super::Draft;
use crate::catalogue::holders::stands;
use crate::decide::left::{CHANNELS_MAX, IDS_MAX, no_ids_left};
use crate::ids::{ChannelId, GroupId, LOCATIONS_MAX, LocationId, Name, SkuId};
use crate::kernel::name_ref::NameRef;
use crate::refusal::{Failure, Refusal};
use crate::settings::NameSettings;

macro_rules! names {
    ($intern:ident, $known:ident, $make_up:ident, $count_max:expr, $id:ident, $field:ident,
     $limit:ident, $setting:expr, $remedy:expr, $refuses:expr) => {
        impl Draft {
            /// The id of a name; a name without an id is defined in this batch. `None` if no ids are left.
            pub fn $intern(&mut self, name: &NameRef<$id>) -> Option<$id> {
                let registry = &self.state.catalogue.$field;
                let name = match name {
                    NameRef::Known(id) if stands(registry, *id) => return Some(*id),
                    // The name was retired after the command was queued.
                    NameRef::Known(id) => registry.name(*id),
                    NameRef::New(name) => name,
                };
                let name = name.clone();
                if let Some(id) = self.$known(&name) {
                    return Some(id);
                }
                let registry = &self.state.catalogue.$field;
                let fresh = &mut self.$field;
                if let Some(id) = registry.retired_id(name.as_str()) {
                    fresh.revived.insert(id.into());
                    fresh.names.insert(name.clone(), id);
                    self.revived.$field.push((id, name.clone()));
                    return Some(id);
                }
                let next = match registry.reusable(fresh.reused.last().copied(), self.log_from) {
                    Some((seq, id)) => {
                        fresh.reused.insert((seq, id));
                        id
                    }
                    None => registry.count() + (fresh.names.len() - fresh.reused.len() - fresh.revived.len()) as u32,
                };
                if next >= $count_max {
                    return None;
                }
                self.$field.names.insert(name.clone(), $id(next));
                self.undefined.$field.push(($id(next), name.clone()));
                Some($id(next))
            }

            /// The id of a name without a declaration; an unknown name is introduced by the caller `by`.
            ///
            /// # Errors
            /// Names `field` and the limit: there are too many undeclared names, in total or for this caller.
            pub fn $make_up(
                &mut self,
                name: &NameRef<$id>,
                by: u64,
                field: &dyn Fn() -> String,
            ) -> Result<$id, Failure> {
                let registry = &self.state.catalogue.$field;
                let name = match name {
                    NameRef::Known(id) if stands(registry, *id) => return Ok(*id),
                    NameRef::Known(id) => registry.name(*id),
                    NameRef::New(name) => name,
                }
                .clone();
                let name = &name;
                if let Some(id) = self.$known(name) {
                    return Ok(id);
                }
                let refuses: fn(&NameSettings) -> bool = $refuses;
                if refuses(&self.names) {
                    let kind = stringify!($field);
                    let reason = format!(
                        "{name} is not declared, and {kind}.undeclared is \"refuse\"; declare it \
                        ({})",
                        $remedy
                    );
                    return Err(Refusal::invalid(field(), reason).into());
                }
                let (all, own) = self.state.catalogue.$field.made_up(by);
                let all = all + self.$field.made_up.len() as u32;
                let own = own + self.$field.made_up_by.get(&by).copied().unwrap_or(0);
                let limit = self.names.$limit;
                let left = limit.saturating_sub(all);
                // A caller with a key must leave as many names to others as it has.
                if left == 0 || (by != 0 && own >= left) {
                    let whose = if left == 0 { "all callers together have" } else { "this caller has its share of" };
                    let reason = format!(
                        "{name} is not declared, and {whose} the {limit} undeclared names that limits.{} allows; \
                         declare it ({})",
                        $setting, $remedy
                    );
                    return Err(Refusal::invalid(field(), reason).into());
                }
                let id = self.$intern(&NameRef::New(name.clone())).ok_or_else(|| no_ids_left(&field(), $count_max))?;
                self.$field.make_up(id, by);
                Ok(id)
            }

            /// The id of a name in the view or in this batch.
            pub fn $known(&self, name: &Name) -> Option<$id> {
                let fresh = self.$field.names.get(name).copied();
                fresh.or_else(|| self.state.catalogue.$field.id(name.as_str()))
            }
        }
    };
}

names!(
    intern_sku,
    known_sku,
    make_up_sku,
    IDS_MAX,
    SkuId,
    skus,
    undeclared_skus_max,
    "undeclared_skus",
    "PUT /v1/skus/{sku}, or import skus",
    |names| names.refuse_undeclared_skus
);
names!(
    intern_location,
    known_location,
    make_up_location,
    LOCATIONS_MAX,
    LocationId,
    locations,
    undeclared_locations_max,
    "undeclared_locations",
    "PUT /v1/locations/{location}, or import locations",
    |names| names.refuse_undeclared_locations
);
names!(
    intern_channel,
    known_channel,
    make_up_channel,
    CHANNELS_MAX,
    ChannelId,
    channels,
    undeclared_channels_max,
    "undeclared_channels",
    "PUT /v1/channels/{channel}",
    |_| false
);

impl Draft {
    /// The id of a group; a name without an id is defined in this batch. `None` if no ids are left.
    pub fn intern_group(&mut self, name: &Name) -> Option<GroupId> {
        if let Some(id) = self.known_group(name) {
            return Some(id);
        }
        if let Some(id) = self.state.catalogue.groups.retired_id(name.as_str()) {
            self.groups.revived.insert(id.into());
            self.groups.names.insert(name.clone(), id);
            self.revived.groups.push((id, name.clone()));
            return Some(id);
        }
        let fresh = self.groups.names.len() - self.groups.revived.len();
        let next = self.state.catalogue.groups.count() + fresh as u32;
        if next >= IDS_MAX {
            return None;
        }
        self.groups.names.insert(name.clone(), GroupId(next));
        self.undefined.groups.push((GroupId(next), name.clone()));
        Some(GroupId(next))
    }

    /// The id of a group in the view or in this batch.
    pub fn known_group(&self, name: &Name) -> Option<GroupId> {
        self.groups.names.get(name).copied().or_else(|| self.state.catalogue.groups.id(name.as_str()))
    }
}
