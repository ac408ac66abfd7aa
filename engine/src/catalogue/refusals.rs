//! Refusals of names.

use super::Catalogue;
use crate::ids::Name;
use crate::refusal::Refusal;

/// The number of declared channels that a refusal lists.
const CHANNELS_TOLD: usize = 20;

impl Catalogue {
    /// The refusal of an undeclared channel.
    pub(crate) fn undeclared_channel(&self, field: &str, name: &Name) -> Refusal {
        let told: Vec<&str> = self.channels.some_declared(CHANNELS_TOLD).into_iter().map(Name::as_str).collect();
        let more = (self.channels.declared() as usize).saturating_sub(told.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let reason = format!(
            "{name} is not a declared channel; declared are {}{more}. Declare it with PUT /v1/channels/{{channel}}, \
             or set channels.undeclared to \"accept\"",
            told.join(", ")
        );
        Refusal::invalid(field, reason)
    }

    /// The refusal of a retired channel.
    pub(crate) fn retired_channel(&self, field: &str, name: &Name) -> Refusal {
        Self::retired(field, name, "PUT /v1/channels/{channel}")
    }

    /// The refusal of a retired name.
    pub(crate) fn retired(field: &str, name: &Name, remedy: &str) -> Refusal {
        Refusal::invalid(field, format!("{name} is retired; declare it again first ({remedy})"))
    }
}
