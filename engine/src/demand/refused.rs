//! Collects refused lines as lost demand.

use crate::kernel::name_ref::NameRef;
use crate::refusal::{Failure, Refusal};
use crate::reservations::command::Reserve;
use crate::state::DurableState;

impl DurableState {
    /// Called when a promise was refused because stock is short: the short lines are lost demand, except at locations
    /// that accept no such orders.
    pub(crate) fn note_refused(&self, reserve: &Reserve, failure: &Failure) {
        let Failure::Refused(Refusal::Insufficient(shorts)) = failure else { return };
        let channel = match &reserve.channel {
            NameRef::Known(channel) => Some(*channel),
            NameRef::New(name) => self.catalogue.channels.id(name.as_str()),
        };
        // An unknown name has no id to count under; an attempt is not lost demand.
        let Some(channel) = channel.filter(|_| !reserve.is_attempt) else { return };
        let shorts = || shorts.iter().filter(|short| !short.is_barred());
        // Lines on one cell are short together; the first of them is reported.
        let cell_of = |at: usize| reserve.lines.iter().enumerate().find(|(nth, _)| reserve.line_number(*nth) == at);
        let located = shorts().filter_map(|short| {
            let (_, line) = cell_of(short.line)?;
            Some((line.sku, Some(line.location), None, short.requested))
        });
        let grouped = shorts().filter_map(|short| {
            let line = reserve.group_lines.iter().find(|line| line.at == short.line)?;
            Some((line.sku, None, Some(line.group), line.quantity))
        });
        self.lost.add(channel, reserve.purpose, located.chain(grouped));
    }
}
