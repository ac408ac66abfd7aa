//! The names of a request: known ids, channels that are taken, and what a rule may name.

use crate::ids::{ChannelId, LocationId, Name, SkuId};
use crate::kernel::name_ref::NameRef;
use crate::refusal::Refusal;
use crate::rules::command::RuleFields;
use crate::rules::known::all_known;
use crate::state::DurableState;

impl DurableState {
    /// A name on its way in.
    pub fn sku_ref(&self, name: &Name) -> NameRef<SkuId> {
        self.catalogue.skus.id(name.as_str()).map_or_else(|| NameRef::New(name.clone()), NameRef::Known)
    }

    /// A name on its way in.
    pub fn location_ref(&self, name: &Name) -> NameRef<LocationId> {
        self.catalogue.locations.id(name.as_str()).map_or_else(|| NameRef::New(name.clone()), NameRef::Known)
    }

    /// The id of a channel that is asked for, if it has one.
    ///
    /// # Errors
    /// Where channels are declared and this one is not, unless the settings accept it.
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

    /// Whether everything that a rule names is there.
    ///
    /// # Errors
    /// The names that are not, each with its field.
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
