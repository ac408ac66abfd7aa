//! Ids of channels: the channel of a promise, and the release of unused ids.
//!
//! A channel's id is released when nothing uses it: it is undeclared, no reservation in memory and no rule has it,
//! nothing was promised through it since the check, and no lost demand of it waits to be logged. Its name still gives
//! old records their meaning, so another name gets the id only when the log no longer has the record of the release:
//! then the log has no older record either, and both checkpoints are newer.
//!
//! Undeclared SKUs and locations have a cell, and cells never move: their ids stay, and their number is bounded.

use super::event::Event;
use super::names::{Definitions, TRANSFER_CHANNEL};
use crate::decide::Decide;
use crate::decide::draft::Answer;
use crate::ids::{ChannelId, Seq};
use crate::kernel::cause::Cause;
use crate::kernel::name_ref::NameRef;
use crate::refusal::{Failure, Refusal};
use crate::reservations::command::Reserve;

/// The channel of a promise.
pub(crate) fn channel_of(
    cx: &mut Decide<'_>,
    reserve: &Reserve,
    cause: &Option<Box<Cause>>,
) -> Result<ChannelId, Failure> {
    let known = match &reserve.channel {
        NameRef::Known(id) if cx.state.catalogue.channels.all_live() => Some(*id),
        // The id may have been released since the command was queued.
        NameRef::Known(_) | NameRef::New(_) => cx.draft.known_channel(&reserve.channel_name),
    };
    if reserve.channel_name.as_str() == TRANSFER_CHANNEL {
        return Err(
            Refusal::invalid("channel", "is reserved for transfers between locations; choose another channel").into()
        );
    }
    if !cx.draft.takes_channel(known) {
        return Err(cx.state.catalogue.undeclared_channel("channel", &reserve.channel_name).into());
    }
    match known {
        Some(channel) => Ok(channel),
        None if cx.state.catalogue.is_retired_channel(reserve.channel_name.as_str()) => {
            Err(cx.state.catalogue.retired_channel("channel", &reserve.channel_name).into())
        }
        None => {
            let name = NameRef::New(reserve.channel_name.clone());
            cx.draft.make_up_channel(&name, Cause::caller(cause.as_deref()), &|| "channel".to_owned())
        }
    }
}

/// Releases the ids of channels that were unused at `unused_at` and still are: at most as many as the command names.
pub(crate) fn release_channels(cx: &mut Decide<'_>, channels: Vec<ChannelId>, unused_at: Seq) -> Answer {
    let registry = &cx.state.catalogue.channels;
    let mut used = cx.draft.channels_used();
    used.extend(cx.state.lost.channels());
    // A rule may name one since then. Bounded by the rules, once per checkpoint.
    for standing in cx.state.rules.all().into_iter().flatten() {
        used.extend(standing.rule.conditions.channels.iter().copied());
    }
    let promised_at = |id: ChannelId| cx.promised_at.get(id.0 as usize).copied().unwrap_or(0);
    let is_unused = |id: &ChannelId| {
        registry.is_live(*id)
            && cx.draft.channel_details(*id).is_none()
            && promised_at(*id) <= unused_at
            && !used.contains(id)
    };
    let names = channels.into_iter().filter(is_unused).map(|id| (id, registry.name(id).clone()));
    let names = Definitions { channels: names.collect(), ..Definitions::default() };
    match names.is_empty() {
        true => Answer::Put(cx.draft.builder.next_seq() - 1, None),
        false => Answer::Put(cx.draft.log(None, Event::Released(Box::new(names))), None),
    }
}
