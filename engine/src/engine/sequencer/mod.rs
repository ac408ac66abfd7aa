//! The sequencer. Decides commands in log order, appends them as one durable batch, folds it, then answers.
//!
//! ```text
//!   queue ──► decide against the draft ──► append ──► fold ──► credits ──► seq ──► answers
//!             (durable view + batch so far)  durable    view    promises  visible
//! ```
//!
//! # The order of steps, and what a crash between any two of them leaves
//!
//! *Admit early.* A caller takes its units from the promise words by compare-and-swap (or finds them gone, which the
//! durable words must confirm before it is told so) and queues the command. A crash here leaves nothing: promise words
//! are memory, and are rebuilt from the durable ones. *Decide in log order.* The journal thread checks each command once
//! more, against the durable view and what the batch already holds, and writes down what became true. What no longer
//! holds is given back and refused. A crash here leaves nothing either: nothing was written, nobody was answered.
//! *Append.* The batch is written and flushed. A crash during it leaves a batch that is whole or torn: a torn one is
//! dropped at the next start, a whole one counts although nobody was told, and a caller who asks again with its key
//! learns of it. *Fold, credit, publish.* Only now, and in this order, are the durable words stored, what was freed
//! given to the promise words, and the batch's `seq` made visible: so memory never shows a unit that the durable log
//! does not grant, and a crash here loses only memory. *Answer.* Last, so whoever has an answer sees its effect. A crash
//! before it leaves a durable change whose caller does not know; its key tells.
//!
//! One batch is in flight at a time, so the durable view is all that is durable whenever something is decided, and a
//! refusal made here is final: everything before it in the queue is already in the log, in this batch, or refused. One
//! that may rest on this batch is told when the batch is durable, like everything else.
//!
//! What rules rest on (rules, locations, groups, descriptions of SKUs) is always decided against the durable view: a
//! command that changes any of it is the last of its batch, and a rule whose date has come begins or ends in a batch
//! that takes no commands. So each command is decided under the rules in force at its `seq`, whatever came before it.

mod hooks;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::command::{Command, Queued};
use crate::decide::draft::{Answer, Decided, Draft};
use crate::decide::{Decide, Decision, KeptAlive, scope_of};
use crate::engine::counters::Counters;
use crate::engine::fold::Folder;
use crate::engine::watch::Watch;
use crate::event::{Event, Record};
use crate::ids::{Seq, Timestamp};
use crate::journal::{AppendError, Batch, Journal, JournalReader, SyncPolicy};
use crate::kernel::asked::Asked;
use crate::kernel::cause::Cause;
use crate::kernel::clock::Anchors;
use crate::kernel::few::Few;
use crate::outcome::Outcome;
use crate::own_store::OwnStore;
use crate::refusal::Failure;
use crate::settings::Settings;
use crate::state::DurableState;

/// Records folded under one hold of the sequence lock. A reader that meets a fold waits for at most this many.
const FOLD_GROUP: usize = 64;

/// Receives every record, in log order, once it is durable and folded.
pub trait Observer: Send {
    /// `records` just became visible.
    fn published(&mut self, records: &[Record]);
}

/// Counts of one cycle, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cycle {
    /// Records made durable.
    pub records: usize,
    /// Bytes of them.
    pub bytes: usize,
    /// Expiries among them.
    pub expired: usize,
}

/// Decides, appends, folds. There is one, and it owns the journal.
pub(crate) struct Sequencer {
    state: Arc<DurableState>,
    journal: Box<dyn Journal>,
    /// The first record of the log.
    reader: Arc<dyn JournalReader>,
    folder: Folder,
    settings: Settings,
    observer: Option<Box<dyn Observer>>,
    draft: Draft,
    /// Why nothing is written any more, after a failure.
    failed: Option<AppendError>,
    /// Why the last batch was refused for lack of space, until there is some again.
    full: Option<String>,
    /// Frozen deadlines.
    kept: KeptAlive,
    /// Milliseconds by which the clock is ahead of a log that is held back.
    pub held_back_ms: u64,
    /// When the log's time catches up with the clock.
    pub anchors: Anchors,
    /// When the next rule or price list begins or ends.
    next_activation: Option<Timestamp>,
    /// The looks that the plans of the batch used.
    looks: usize,
    /// The current step, for a watchdog.
    pub watch: Arc<Watch>,
    /// Its counters.
    pub counters: Arc<Counters>,
}

impl Sequencer {
    pub fn new(
        state: Arc<DurableState>,
        folder: Folder,
        journal: Box<dyn Journal>,
        settings: Settings,
        observer: Option<Box<dyn Observer>>,
    ) -> Self {
        let reader = journal.reader();
        let draft = first_draft(&state, &settings, &*reader);
        let there_at_start = state.view.seq();
        // Rules and price lists whose date passed during the downtime are due at once.
        let next_activation = hooks::next_activation(&state, Timestamp(0)).map(|_| Timestamp(0));
        Self {
            state,
            reader,
            journal,
            folder,
            settings,
            observer,
            draft,
            failed: None,
            full: None,
            kept: KeptAlive { there_at_start, ..KeptAlive::default() },
            held_back_ms: 0,
            anchors: Anchors::default(),
            next_activation,
            looks: 0,
            watch: Arc::default(),
            counters: Arc::default(),
        }
    }

    /// Decides from now on, after another node wrote what this one folded.
    pub fn take_over(&mut self) {
        self.draft = first_draft(&self.state, &self.settings, &*self.reader);
        self.kept = KeptAlive { there_at_start: self.state.view.seq(), ..KeptAlive::default() };
        self.next_activation = hooks::next_activation(&self.state, Timestamp(0)).map(|_| Timestamp(0));
    }

    /// From now on, appends are durable by this policy.
    pub fn set_sync(&mut self, policy: SyncPolicy) {
        self.journal.set_sync(policy);
    }

    /// When the next reservation or cart expires, if the clock is trusted, or the next rule or price list begins or ends.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let expiry = self.folder.reservations.deadlines.next();
        let overdue = self.draft.ledger.next_overdue().map(|date| date.plus_millis(1)).filter(|_| !self.kept.frozen);
        let carts = self.state.own.carts.next_due().filter(|_| !self.kept.frozen);
        let returns = self.state.own.returns.next_due();
        [expiry, self.next_activation, overdue, carts, returns]
            .into_iter()
            .flatten()
            .min()
            .filter(|_| self.failed.is_none())
    }

    /// While the clock is not trusted, reservations from before the start do not expire. Trusting it later costs a step
    /// for each that would have expired.
    pub fn freeze(&mut self, frozen: bool) {
        self.kept.frozen = frozen;
        if !frozen {
            for (deadline, id) in self.kept.due.drain(..) {
                self.folder.reservations.deadlines.insert(deadline, id);
            }
        }
    }

    /// The context of a decision.
    #[inline]
    fn context(&mut self) -> Decide<'_> {
        Decide {
            state: &self.state,
            settings: &self.settings,
            draft: &mut self.draft,
            anchors: &self.anchors,
            held_back_ms: self.held_back_ms,
            looks: &mut self.looks,
            deadlines: &mut self.folder.reservations.deadlines,
            kept: &mut self.kept,
            promised_at: &self.folder.reservations.promised_at,
        }
    }

    /// Returns the journal, after the last decision.
    pub fn into_journal(self) -> Box<dyn Journal> {
        self.journal
    }

    /// The first failure of the journal; nothing is written after it.
    pub fn failure(&self) -> Option<&AppendError> {
        self.failed.as_ref()
    }

    /// Why there is no space to write; checks again if there was none.
    pub fn full(&mut self) -> Option<&String> {
        if self.full.is_some() && self.journal.has_room() {
            self.full = None;
        }
        self.full.as_ref()
    }

    /// Takes `commands` in order, and everything that is due at `now`, through all steps. Returns when all taken
    /// commands are answered; commands after one that ends the batch are left for the next cycle.
    // A separate function, so that `anaquel-bench instructions` can count it.
    #[inline(never)]
    pub fn cycle(&mut self, now: Timestamp, commands: &mut VecDeque<Queued>) -> Cycle {
        let now = now.max(self.state.last_time());
        if let Some(error) = &self.failed {
            let reason = error.to_string();
            for queued in commands.drain(..) {
                self.refuse(queued, Failure::ReadOnly(reason.clone()));
            }
            return Cycle::default();
        }
        self.watch.begins("what is due");
        self.draft.restart(now);
        let activates = self.next_activation.is_some_and(|date| date <= now);
        let expired = hooks::due(&mut self.context(), activates);
        let (mut ended, mut first) = (activates, true);
        self.looks = 0;
        // Bounded by `batch_commands_max`, and by the looks of one plan: after an expensive command, later ones are
        // left for the next batch, so that earlier ones get their answers.
        while !ended
            && self.looks < self.settings.plan_looks_max
            && let Some(queued) = commands.pop_front_if(|queued| first || !queued.command.begins_batch(&self.state))
        {
            first = false;
            ended = queued.command.ends_batch(&self.state);
            self.decide(queued);
        }
        self.watch.begins("append");
        let mut cycle = Cycle { expired: expired.len(), ..Cycle::default() };
        let nothing_to_write = self.draft.builder.is_empty();
        if nothing_to_write {
            self.publish();
        } else {
            match self.journal.append(self.draft.builder.batch()) {
                Ok(()) => {
                    self.full = None;
                    cycle.records = self.draft.records.len();
                    cycle.bytes = self.draft.builder.batch().body.len();
                    self.counters.batch(cycle.records, cycle.bytes, cycle.expired);
                    self.publish();
                }
                Err(error) => {
                    for (deadline, id) in expired {
                        self.folder.reservations.deadlines.insert(deadline, id);
                    }
                    self.abandon(error);
                }
            }
        }
        // A rule activation that could not be written is still due; if nothing was due, it is done.
        if ended && (cycle.records > 0 || nothing_to_write) {
            self.draft.forget_members();
            self.next_activation = hooks::next_activation(&self.state, now);
        }
        self.forget(now);
        cycle
    }

    /// Appends and folds a batch that another node decided: `records`, of which each of `ends` is the last one of its
    /// command. Nobody is answered here. Promise words follow the durable ones, since nothing is promised meanwhile.
    ///
    /// # Errors
    /// As [`Journal::append`]; nothing of it is visible then.
    pub fn follow(&mut self, batch: &Batch, records: &[Record], ends: &[Seq]) -> Result<(), AppendError> {
        self.watch.begins("append");
        match self.journal.append(batch) {
            Ok(()) => self.full = None,
            Err(error) => {
                match &error {
                    AppendError::Full { .. } => self.full = Some(error.to_string()),
                    AppendError::Fenced { .. } | AppendError::Unknown(_) => self.failed = Some(error.clone()),
                }
                return Err(error);
            }
        }
        self.counters.batch(records.len(), batch.body.len(), 0);
        self.watch.begins("fold");
        let (mut rest, mut first_seq) = (records, batch.first_seq);
        let mut ends = ends.iter().copied().peekable();
        while !rest.is_empty() {
            // As in `publish`: a group ends where a command ends.
            let mut last_seq = first_seq;
            while let Some(end) = ends.next_if(|_| (last_seq - first_seq) < FOLD_GROUP as u64) {
                last_seq = end;
            }
            let length = (last_seq - first_seq + 1) as usize;
            let (group, after) = rest.split_at(length.min(rest.len()));
            let state = &self.state;
            state.view.fold(&mut self.folder, last_seq, |folder| {
                for record in group {
                    folder.fold(state, record);
                    folder.level_promises(state, record);
                }
                state.rules.refresh(last_seq, &state.catalogue);
                state.own.refresh(last_seq, &state.catalogue);
                state.places.refresh(&state.catalogue);
            });
            (rest, first_seq) = (after, last_seq + 1);
        }
        if let Some(observer) = &mut self.observer {
            observer.published(records);
        }
        Ok(())
    }

    /// Drops keys and closed reservations after their retention, a bounded number at a time. Continues while nothing
    /// can be written, too, because a caller without room for keys waits for it.
    pub fn forget(&mut self, now: Timestamp) {
        let before = |seconds: u64| Timestamp(now.0.saturating_sub(seconds.saturating_mul(1000)));
        let settings = &self.settings;
        self.draft.ledger.forget_came(before(settings.log_retention_seconds));
        self.state.forget_came(before(settings.log_retention_seconds));
        self.state.own.carts.forget(before(settings.carts.closed_seconds), settings.carts.closed_max);
        self.folder.forget(
            &self.state,
            now,
            before(settings.idempotency_retention_seconds),
            before(settings.closed_reservation_retention_seconds.max(settings.idempotency_retention_seconds)),
        );
    }

    /// Makes durable what an interval policy left in memory.
    pub fn sync(&mut self) {
        if self.failed.is_none()
            && let Err(error) = self.journal.sync()
        {
            self.failed = Some(error);
        }
    }

    /// Trims a part of the log that no checkpoint needs and that is past its retention; true when none is left.
    pub fn trim(&mut self, before: Seq) -> bool {
        let trimmed = self.journal.trim(before);
        self.draft.log_from = self.reader.oldest();
        match trimmed {
            Ok(done) => done,
            Err(error) => {
                self.failed.get_or_insert(error);
                true
            }
        }
    }

    /// Files for copies are needed from record `from` on.
    pub fn keep_recent(&mut self, from: Seq) {
        self.journal.keep_recent(from);
    }

    fn decide(&mut self, queued: Queued) {
        if queued.done.is_gone() && queued.command.may_be_dropped() {
            return self.refuse(queued, Failure::Unheard);
        }
        self.watch.decides(&queued);
        let Queued { command, mut cause, done } = queued;
        let scope = scope_of(&cause);
        let admitted = command.admitted();
        let defined_so_far = self.draft.defined_so_far();
        let cx = &mut self.context();
        let decision = decide_by_subject(cx, command, &mut cause);
        match decision {
            Ok(answer) => {
                // A key without a record had no effect: its repeat is decided again.
                let logged = scope.filter(|_| scope_of(&cause).is_none());
                if let Some(scope) = scope.filter(|_| logged.is_none()) {
                    self.state.idempotency.abandon(scope);
                }
                hooks::settle(&mut self.context(), Some((done, Ok(answer))), logged, admitted);
            }
            Err(failure) => {
                self.draft.undo_touched();
                self.draft.forget_definitions(defined_so_far);
                self.state.give_back(&admitted);
                if let Some(scope) = scope {
                    self.state.idempotency.abandon(scope);
                }
                if self.draft.builder.is_empty() {
                    done.hear(Err(failure));
                } else {
                    let end_seq = self.draft.builder.next_seq();
                    let done = Some((done, Err(failure)));
                    let (debited, credits) = (Few::new(), Few::new());
                    self.draft.decided.push(Decided { done, scope: None, end_seq, debited, credits });
                }
            }
        }
    }

    /// Releases what was admitted for a command that is not decided.
    pub fn refuse(&self, queued: Queued, failure: Failure) {
        self.state.give_back(&queued.command.admitted());
        if let Some(scope) = scope_of(&queued.cause) {
            self.state.idempotency.abandon(scope);
        }
        queued.done.hear(Err(failure));
    }

    /// The batch is durable: fold it, credit what it freed, publish its `seq`, answer, notify the observer.
    fn publish(&mut self) {
        let records = std::mem::take(&mut self.draft.records);
        let decided = std::mem::take(&mut self.draft.decided);
        // Bounded by the records of the batch.
        let mut rest = records.as_slice();
        let mut folded = decided.as_slice();
        while !rest.is_empty() {
            // A group ends where a command ends, so that no reader sees half of one.
            let mut commands = 0;
            let mut length = 0;
            let first = rest.first().map_or(0, |record| record.seq);
            while length < FOLD_GROUP
                && let Some(next) = folded.get(commands)
            {
                length = (next.end_seq - first) as usize;
                commands += 1;
            }
            let (group, after) = rest.split_at(length.min(rest.len()));
            let (settled, unsettled) = folded.split_at(commands);
            let last_seq = group.last().map_or(first, |record| record.seq);
            let state = &self.state;
            state.view.fold(&mut self.folder, last_seq, |folder| {
                for record in group {
                    folder.fold(state, record);
                }
                for (sku, location, credit) in settled.iter().flat_map(|decided| &decided.credits) {
                    if let Some(cell) = state.matrix.find(*sku, *location) {
                        state.matrix.cell(cell).adjust_promise(*credit);
                    }
                }
                state.rules.refresh(last_seq, &state.catalogue);
                state.own.refresh(last_seq, &state.catalogue);
                state.places.refresh(&state.catalogue);
            });
            (rest, folded) = (after, unsettled);
        }
        let first_seq = records.first().map_or(0, |record| record.seq);
        for decided in decided {
            if let Some((done, answer)) = decided.done {
                done.hear(answer.map(|answer| self.answer(answer, first_seq, &records)));
            }
        }
        if let Some(observer) = &mut self.observer {
            observer.published(&records);
        }
        self.draft.records = records;
    }

    fn answer(&self, answer: Answer, first_seq: Seq, records: &[Record]) -> Outcome {
        let record = |seq: Seq| records.get(usize::try_from(seq.checked_sub(first_seq)?).ok()?);
        match answer {
            Answer::Reservation(id, seq) => {
                // Reservations that this batch closed stay complete in memory until all callers are answered.
                let reservation = self.state.reservations.get(id).expect("what was just folded is there");
                Outcome::Reservation(match (reservation.is_told_by_record(seq), record(seq)) {
                    _ if reservation.version == seq => reservation,
                    (false, _) => Arc::new(reservation.as_of(seq)),
                    (true, Some(record)) => Arc::new(reservation.as_of_record(record)),
                    // Nothing was done at `seq`: it is the record as it was found, and a later one is equally good.
                    (true, None) => reservation,
                })
            }
            Answer::Record(seq) => {
                let record = record(seq).expect("an answer names a record of its own batch");
                Outcome::of_record(record).expect("the record of a movement, a count or an import tells its outcome")
            }
            Answer::Loaded(loaded) => Outcome::Loaded(loaded),
            Answer::Put(seq, thing) => Outcome::Put { seq, thing },
        }
    }

    /// The batch is not durable, or its state is unknown: release what was taken and report the error.
    fn abandon(&mut self, error: AppendError) {
        let failure = || match &error {
            AppendError::Full { .. } => Failure::ReadOnly(error.to_string()),
            AppendError::Fenced { .. } | AppendError::Unknown(_) => Failure::Unknown(error.to_string()),
        };
        self.draft.forget_ledger();
        for decided in std::mem::take(&mut self.draft.decided) {
            self.state.give_back(&decided.debited);
            if let Some(scope) = decided.scope {
                self.state.idempotency.abandon(scope);
            }
            if let Some((done, _)) = decided.done {
                done.hear(Err(failure()));
            }
        }
        match error {
            AppendError::Full { .. } => self.full = Some(error.to_string()),
            AppendError::Fenced { .. } | AppendError::Unknown(_) => self.failed = Some(error),
        }
    }
}

/// A draft of the durable view, with what it must know of it.
fn first_draft(state: &Arc<DurableState>, settings: &Settings, reader: &dyn JournalReader) -> Draft {
    let mut draft = Draft::new(Arc::clone(state), settings.names);
    draft.holds.counts_channels = !settings.channel_limits.is_empty();
    // Bounded by the open reservations; runs once, before anything is decided.
    for reservation in state.reservations.open_ones() {
        draft.holds.count(&reservation, state.owner(reservation.id));
    }
    draft.log_from = reader.oldest();
    draft
}

/// Decides a command, by its subject.
macro_rules! decisions {
    ($($(#[$doc:meta])* $name:ident($module:ident),)+) => {
        fn decide_by_subject(cx: &mut Decide<'_>, command: Command, cause: &mut Option<Box<Cause>>) -> Decision {
            match command { $(Command::$name(command) => crate::$module::decide::decide(cx, command, cause),)+ }
        }
    };
}

crate::subjects::commands!(decisions);

/// The outcome that a record contains, by the subject of its event.
macro_rules! outcomes {
    (record: $($name:ident),*; elsewhere: $($silent:ident),*;) => {
        impl Outcome {
            /// The outcome that the record contains; `None` if a repeat is answered by an entity, or by a later record.
            pub fn of_record(record: &Record) -> Option<Self> {
                match &record.event {
                    $(Event::$name(event) => event.outcome(record.seq),)*
                    $(Event::$silent(_) => None,)*
                }
            }
        }
    };
}

crate::subjects::outcomes!(outcomes);
