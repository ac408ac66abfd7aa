//! Decides what is archived, and what comes back.

use anaquel_log::archive::{ArchivePlace, HEAD_BYTES};

use super::command::Command;
use super::event::{Archived, Event, Recalled};
use super::kept::Kept;
use super::parts;
use crate::decide::draft::Answer;
use crate::decide::{Decide, Decision};
use crate::ids::Seq;
use crate::kernel::cause::Cause;
use crate::refusal::Refusal;

/// Decides a command of the archive.
pub(crate) fn decide(cx: &mut Decide<'_>, command: Command, _cause: &mut Option<Box<Cause>>) -> Decision {
    match command {
        Command::Archive(archived) => archive(cx, archived),
        Command::Recall { kept, seen } => recall(cx, kept, seen),
    }
}

/// Whether a batch may begin at `place` after one that ended at `end`.
fn follows(place: ArchivePlace, end: Option<ArchivePlace>) -> bool {
    match end {
        None => place == ArchivePlace { file: 1, at: HEAD_BYTES },
        Some(end) => place == end || place == ArchivePlace { file: end.file + 1, at: HEAD_BYTES },
    }
}

/// Forgets what was written, if all of it is as it was written. Otherwise nothing: its file is cut again.
fn archive(cx: &mut Decide<'_>, archived: Box<Archived>) -> Decision {
    let standing = cx.state.own.archive.standing();
    let is_next = archived.previous == standing.last && follows(archived.place, standing.end());
    if !is_next || !archived.left.iter().all(|left| parts::is_as_it_was(cx, left)) {
        return Err(Refusal::ArchiveMoved.into());
    }
    Ok(Answer::Put(cx.draft.log(None, Event::Archived(archived)), None))
}

/// Puts back what is not there already, if nothing was archived since it was read: it may have come back, changed and
/// been archived again.
fn recall(cx: &mut Decide<'_>, mut kept: Vec<Kept>, seen: Seq) -> Decision {
    if cx.state.own.archive.standing().last > seen {
        return Err(Refusal::ArchiveMoved.into());
    }
    kept.retain(|kept| !parts::is_in_memory(cx.state, kept));
    if kept.is_empty() {
        return Ok(Answer::Put(cx.draft.builder.next_seq() - 1, None));
    }
    Ok(Answer::Put(cx.draft.log(None, Event::Recalled(Box::new(Recalled { kept }))), None))
}
