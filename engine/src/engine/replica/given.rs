//! What a node gives of its log: sealed batches up to the visible `seq`.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use crate::engine::directory;
use crate::engine::handle::Engine;
use crate::engine::shared::Shared;
use crate::ids::{Epoch, Seq};
use crate::journal::{Damage, Head, JournalReader, OpenError, ReadError, Sealed};

/// The head at a record of a log, which belongs to `history`; `None` if the log ends before it.
pub(in crate::engine) fn head_at(
    reader: &dyn JournalReader,
    history: Epoch,
    seq: Seq,
) -> Result<Option<Head>, ReadError> {
    if seq == 0 {
        return Ok(Some(Head::at(history, 0, Default::default(), &[])));
    }
    let mut found = Ok(None);
    reader.read(seq, &mut |batch| {
        found = batch.bytes_of(seq).map(|bytes| bytes.map(|bytes| Head::at(history, seq, batch.time, bytes)));
        ControlFlow::Break(())
    })?;
    found.map_err(|error| ReadError::Damaged(error.into()))
}

impl Shared {
    /// The last record that another node may have: on a node that decides, none that a crash could take back.
    fn given_up_to(&self) -> Seq {
        let seq = self.state.view.seq();
        match self.decides() && self.syncs_later.load(Ordering::Acquire) {
            true => seq.min(self.synced.load(Ordering::Acquire)),
            false => seq,
        }
    }

    /// The head at a record of the log; `None` if it is not visible yet.
    ///
    /// # Errors
    /// The log no longer has the record, or it is unreadable.
    pub(super) fn head_at(&self, seq: Seq) -> Result<Option<Head>, ReadError> {
        if seq > self.given_up_to() {
            return Ok(None);
        }
        head_at(&*self.reader, self.identity.load().epoch_of(seq.max(1)), seq)
    }
}

impl Engine {
    /// The last record that another node may have: the visible one; with an interval between syncs, the last that is synced.
    pub fn given_up_to(&self) -> Seq {
        self.shared.given_up_to()
    }

    /// The head at a record: what a node that has the log up to there must name. `None` if the record is not visible yet.
    ///
    /// # Errors
    /// The log no longer has the record, or it is unreadable.
    pub fn head_at(&self, seq: Seq) -> Result<Option<Head>, ReadError> {
        self.shared.head_at(seq)
    }

    /// The batches that follow `head`, sealed, up to the visible `seq`: about `bytes` of them, and at least one if there is
    /// one.
    ///
    /// # Errors
    /// The log no longer has them, or they are unreadable.
    pub fn sealed_after(&self, head: &Head, bytes: usize) -> Result<Vec<Sealed>, ReadError> {
        let shared = &*self.shared;
        let visible = shared.given_up_to();
        let (mut head, mut all, mut length) = (*head, Vec::new(), 0);
        if head.seq >= visible {
            return Ok(all);
        }
        let identity = shared.identity.load();
        let mut damaged = None;
        shared.reader.read(head.seq + 1, &mut |batch| {
            let ends = batch.last_seq() >= visible;
            match batch.between(head.seq, visible) {
                Ok(Some(batch)) if batch.first_seq == head.seq + 1 => {
                    length += batch.body.len();
                    let history = identity.epoch_of(batch.last_seq());
                    let sealed = Sealed::read(head, history, batch);
                    head = *sealed.becomes();
                    all.push(sealed);
                }
                Ok(Some(batch)) => {
                    let what = format!("record {} stands there", batch.first_seq);
                    damaged = Some(Damage { seq: head.seq + 1, what });
                }
                Ok(None) => {}
                Err(error) => damaged = Some(error.into()),
            }
            match ends || length >= bytes || damaged.is_some() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })?;
        match damaged {
            Some(damage) => Err(ReadError::Damaged(damage)),
            None => Ok(all),
        }
    }

    /// The file `identity` of the data directory: its eras, for a node that follows. `None` in memory.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn identity_file(&self) -> Result<Option<String>, OpenError> {
        self.shared.directory.as_deref().map(directory::identity_file).transpose()
    }
}
