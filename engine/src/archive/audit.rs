//! Audits the archive, from the events alone: what is written is what leaves, whole, and as the books have it.

use anaquel_log::archive::{HEAD_BYTES, frames_of};

use super::event::{Archived, Event};
use super::kept::Kept;
use super::left::Left;
use crate::audit::Books;
use crate::effect::At;

/// Audits what leaves and what comes back.
///
/// # Errors
/// The violation.
pub(crate) fn check(books: &mut Books, _: At<'_>, event: &Event) -> Result<(), String> {
    match event {
        Event::Archived(archived) => check_archived(books, archived),
        Event::Recalled(recalled) => recalled.kept.iter().try_for_each(|kept| comes_back(books, kept)),
    }
}

fn check_archived(books: &mut Books, archived: &Archived) -> Result<(), String> {
    let last = books.own.archive.0.last_key_value().map(|(file, at)| (*file, *at));
    let (file, at) = (archived.place.file, archived.place.at);
    let is_next = match last {
        None => (file, at) == (1, HEAD_BYTES),
        Some(end) => (file, at) == end || (file, at) == (end.0 + 1, HEAD_BYTES),
    };
    if !is_next {
        return Err(format!("the archive continues at byte {at} of file {file}, and ended at {last:?}"));
    }
    books.own.archive.0.insert(file, archived.end().at);
    let (_, frames) = frames_of(&archived.bytes.0)?;
    let mut left: Vec<&Left> = archived.left.iter().rev().collect();
    for frame in frames {
        let kept = Kept::read(frame.kind, frame.payload)?;
        if let Some(told) = kept.left()
            && left.pop() != Some(&told)
        {
            return Err("the archive has another thing than leaves".into());
        }
        match &kept {
            Kept::Order(order) => books.own.orders.leaves(order)?,
            Kept::Rows(rows) => {
                if !rows.iter().all(|row| row.seq <= books.seq) {
                    return Err("the archive has a row of a later record".into());
                }
            }
            Kept::Receipt(receipt) => books.own.receipts.leaves(receipt)?,
            Kept::Return(back) => books.own.returns.leaves(back)?,
        }
    }
    match left.is_empty() {
        true => Ok(()),
        false => Err(format!("{} things left that the archive does not have", left.len())),
    }
}

fn comes_back(books: &mut Books, kept: &Kept) -> Result<(), String> {
    match kept {
        Kept::Order(order) => books.own.orders.comes_back(order),
        Kept::Rows(_) => Err("rows of the ledger came back".into()),
        Kept::Receipt(receipt) => books.own.receipts.comes_back(receipt),
        Kept::Return(back) => books.own.returns.comes_back(back),
    }
}
