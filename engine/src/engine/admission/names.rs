//! The names of a request: known ids, accepted channels, and names in rules.

use crate::ids::{ChannelId, LocationId, Name, SkuId};
use crate::kernel::name_ref::NameRef;
use crate::refusal::Refusal;
use crate::rules::command::RuleFields;
use crate::rules::known::all_known;
use crate::state::DurableState;

impl DurableState {
    /// Resolves a SKU name.
    pub fn sku_ref(&self, name: &Name) -> NameRef<SkuId> {
        self.catalogue.skus.id(name.as_str()).map_or_else(|| NameRef::New(name.clone()), NameRef::Known)
    }

    /// Resolves a location name.
    pub fn location_ref(&self, name: &Name) -> NameRef<LocationId> {
        self.catalogue.locations.id(name.as_str()).map_or_else(|| NameRef::New(name.clone()), NameRef::Known)
    }

    /// The id of a requested channel, if it has one.
    ///
    /// # Errors
    /// Channels are declared, this one is not, and the settings refuse undeclared channels.
    #[inline]
    pub fn channel(&self, field: &str, name: &Name) -> Result<Option<ChannelId>, Refusal> {
        let channel = self.catalogue.channels.id(name.as_str());
        if channel.is_none() && self.catalogue.is_retired_channel(name.as_str()) {
            return Err(self.catalogue.retired_channel(field, name));
        }
        match self.catalogue.takes_any_channel() || channel.is_some_and(|id| self.catalogue.is_declared(id)) {
            true => Ok(channel),
            false => Err(self.catalogue.undeclared_channel(field, name)),
        }
    }

    /// Checks that every name in a rule exists.
    ///
    /// # Errors
    /// The unknown names, each with its field.
    pub fn names_of_rule(&self, fields: &RuleFields) -> Result<(), Refusal> {
        let catalogue = &self.catalogue;
        all_known(
            fields,
            |name| catalogue.skus.id(name.as_str()).is_some(),
            |name| catalogue.locations.id(name.as_str()).is_some(),
            |name| catalogue.groups.id(name.as_str()).is_some(),
            |name| catalogue.channels.id(name.as_str()).is_some(),
        )
    }
}
