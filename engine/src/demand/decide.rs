//! Logs refused demand.

use super::command::Command;
use super::event::Event;
use super::lost_demand::LostDemand;
use crate::decide::draft::Answer;
use crate::decide::{Decide, Decision};
use crate::kernel::cause::Cause;
use crate::reservations::promise::Purpose;

/// Decides a command of demand.
pub(crate) fn decide(cx: &mut Decide<'_>, command: Command, _cause: &mut Option<Box<Cause>>) -> Decision {
    match command {
        Command::Note(rows) => Ok(note_lost(cx, rows)),
    }
}

/// Logs the collected demand, except for channels that no longer exist.
fn note_lost(cx: &mut Decide<'_>, mut rows: Vec<(Purpose, LostDemand)>) -> Answer {
    let channels = &cx.state.catalogue.channels;
    rows.retain(|(_, row)| channels.is_retired(row.channel) || channels.is_live(row.channel));
    match rows.is_empty() {
        true => Answer::Put(cx.draft.builder.next_seq() - 1, None),
        false => Answer::Put(cx.draft.log(None, Event::DemandRefused(rows)), None),
    }
}
