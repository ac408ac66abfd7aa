//! Names that come and go: which channel a promise is made through, and ids that are given back.
//!
//! An id goes back when nothing uses its name: nobody declared it, no reservation that is kept and no rule has it, nothing
//! was promised through it since that was looked at, and no lost demand waits to be noted under it. Its name still tells
//! what old records mean, so another name gets the id only when the log no longer has the record that gave it back: then
//! the log has none before it either, and both images are newer.
//!
//! SKUs and locations that are made up have a cell, and cells never move: their ids stay, and their number is bounded.

use super::Sequencer;
use super::draft::Answer;
use super::draft::no_ids_left;
use crate::command::{Failure, NameRef, Reserve};
use crate::event::{Cause, Definitions, LostDemand, Purpose};
use crate::ids::{ChannelId, Seq};
use crate::{catalogue, demand};

impl Sequencer {
    /// The channel that a promise is asked for through.
    pub(super) fn channel_of(&mut self, reserve: &Reserve, cause: &Option<Box<Cause>>) -> Result<ChannelId, Failure> {
        let known = match &reserve.channel {
            NameRef::Known(id) if self.state.catalogue.channels.all_live() => Some(*id),
            // The id may have gone back since the command was queued.
            NameRef::Known(_) | NameRef::New(_) => self.draft.known_channel(&reserve.channel_name),
        };
        if !self.draft.takes_channel(known) {
            return Err(self.state.catalogue.undeclared_channel("channel", &reserve.channel_name).into());
        }
        match known {
            Some(channel) => Ok(channel),
            None if self.state.catalogue.is_retired_channel(reserve.channel_name.as_str()) => {
                Err(self.state.catalogue.retired_channel("channel", &reserve.channel_name).into())
            }
            None => {
                let name = NameRef::New(reserve.channel_name.clone());
                self.draft.make_up_channel(&name, Cause::caller(cause.as_deref()), &|| "channel".to_owned())
            }
        }
    }

    /// Takes back the ids of channels that nothing used at `unused_at`, if nothing used them since: at most as many as
    /// the command names.
    pub(super) fn release(&mut self, channels: Vec<ChannelId>, unused_at: Seq) -> Answer {
        let registry = &self.state.catalogue.channels;
        let mut used = self.draft.channels_used();
        used.extend(self.state.lost.channels());
        // A rule may name one since then. Bounded by the rules, once an image.
        for standing in self.state.rules.all().into_iter().flatten() {
            used.extend(standing.rule.conditions.channels.iter().copied());
        }
        let promised_at = |id: ChannelId| self.folder.promised_at.get(id.0 as usize).copied().unwrap_or(0);
        let is_unused = |id: &ChannelId| {
            registry.is_live(*id)
                && self.draft.channel_details(*id).is_none()
                && promised_at(*id) <= unused_at
                && !used.contains(id)
        };
        let names = channels.into_iter().filter(is_unused).map(|id| (id, registry.name(id).clone()));
        let names = Definitions { channels: names.collect(), ..Definitions::default() };
        match names.is_empty() {
            true => Answer::Put(self.draft.builder.next_seq() - 1, None),
            false => Answer::Put(self.draft.log(None, catalogue::event::Event::Released(Box::new(names))), None),
        }
    }

    /// What was asked for and refused becomes part of the log, but for what was asked for through a channel that is gone.
    pub(super) fn note_lost(&mut self, mut rows: Vec<(Purpose, LostDemand)>) -> Answer {
        let channels = &self.state.catalogue.channels;
        rows.retain(|(_, row)| channels.is_retired(row.channel) || channels.is_live(row.channel));
        match rows.is_empty() {
            true => Answer::Put(self.draft.builder.next_seq() - 1, None),
            false => Answer::Put(self.draft.log(None, demand::event::Event::DemandRefused(rows)), None),
        }
    }
}

/// The limits of ids, as refusals tell them.
pub(super) mod left {
    use super::super::draft::{CHANNELS_MAX, IDS_MAX};
    use super::{Failure, no_ids_left};
    use crate::ids::LOCATIONS_MAX;

    pub fn channels(field: &str) -> Failure {
        no_ids_left(field, CHANNELS_MAX)
    }

    pub fn locations(field: &str) -> Failure {
        no_ids_left(field, LOCATIONS_MAX)
    }

    pub fn others(field: &str) -> Failure {
        no_ids_left(field, IDS_MAX)
    }
}
