//! The writing end.

use std::sync::Arc;
use std::time::Instant;

use anaquel_cells::ids::{Seq, Timestamp};
use anaquel_log::{Head, Sealed, Term};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::client::{CallError, Client, PostgresOptions};
use super::reader::PostgresReader;
use super::schema::{IS_THERE, SCHEMA, big};
use crate::log::{Appended, Limits, LogError, Pulse, SharedLog, SharedLogReader, Trimmed};
use crate::stored::{head_bytes, read_head, read_tick, tick_bytes};

/// The most bytes of records in one batch.
const BATCH_BYTES: usize = 4 << 20;

impl From<CallError> for LogError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NoRoom(reason) | CallError::Unknown(reason) => Self::Unreachable(reason),
        }
    }
}

/// A log in PostgreSQL.
pub struct PostgresLog {
    client: Client,
    ticked: Option<(Head, u64)>,
}

impl PostgresLog {
    /// Opens the log at `options`, once the server is as it must be; makes its tables if they are not there.
    ///
    /// # Errors
    /// It cannot be reached, would be reached unencrypted, or does not keep what it acknowledges.
    pub fn open(options: &PostgresOptions, deadline: Instant) -> Result<Self, LogError> {
        let mut client = Client::new(options).map_err(LogError::Unreachable)?;
        let told = client.query(
            "SELECT current_setting('fsync'), current_setting('full_page_writes'), \
             current_setting('synchronous_standby_names'), current_setting('server_version_num')::integer",
            &[],
            deadline,
        )?;
        let row = told.first().ok_or_else(|| LogError::Unreachable("PostgreSQL says nothing of itself".into()))?;
        let setting = |nth: usize| row.try_get::<_, String>(nth).unwrap_or_default();
        let version: i32 = row.try_get(3).unwrap_or_default();
        let wrong = |what: &str| Err(LogError::Unreachable(format!("PostgreSQL: {what}")));
        if version < 130_000 {
            return wrong("13 and later are accepted");
        }
        if setting(0) != "on" || setting(1) != "on" {
            return wrong("fsync and full_page_writes must be on: else a power cut loses what it acknowledged");
        }
        if options.standbys && setting(2).is_empty() {
            return wrong(
                "synchronous_standby_names is empty: the loss of its machine would lose what it acknowledged",
            );
        }
        let is_there = client.query(IS_THERE, &[], deadline)?;
        if !is_there.first().and_then(|row| row.try_get(0).ok()).unwrap_or(false) {
            client.batch(SCHEMA, deadline)?;
        }
        Ok(Self { client, ticked: None })
    }

    fn call(
        &mut self,
        statement: &str,
        values: &[&(dyn ToSql + Sync)],
        deadline: Instant,
    ) -> Result<Option<Row>, CallError> {
        Ok(self.client.query(statement, values, deadline)?.into_iter().next())
    }

    /// What a function that compares and writes came to.
    fn write(&mut self, statement: &str, values: &[&(dyn ToSql + Sync)], deadline: Instant) -> Appended {
        let row = match self.call(statement, values, deadline) {
            Ok(Some(row)) => row,
            Ok(None) => return Appended::Unknown { reason: "PostgreSQL answers nothing".into() },
            Err(CallError::NoRoom(reason)) => return Appended::Full { reason },
            Err(CallError::Unknown(reason)) => return Appended::Unknown { reason },
        };
        let at = row.try_get::<_, Option<Vec<u8>>>(1).ok().flatten().as_deref().and_then(read_head);
        match (row.try_get::<_, i32>(0), at) {
            (Ok(0), _) => Appended::Durable,
            (Ok(1), Some(at)) => Appended::Fenced { at },
            (Ok(2), _) => Appended::Full { reason: "the log was never founded".into() },
            (Ok(3), _) => Appended::Full { reason: "synchronous_standby_names is empty: nothing is written".into() },
            (other, at) => Appended::Unknown { reason: format!("PostgreSQL answers {other:?}, {at:?}") },
        }
    }
}

impl SharedLog for PostgresLog {
    fn limits(&self) -> Limits {
        let durability = match self.client.options().standbys {
            true => "on the disks of the primary and of a synchronous standby before it is acknowledged",
            false => "on one disk before it is acknowledged; the loss of that disk loses it",
        };
        Limits { batch_bytes: BATCH_BYTES, durability: durability.to_owned() }
    }

    fn found(&mut self, head: &Head, deadline: Instant) -> Appended {
        let (log, bytes) = (self.client.options().log.clone(), head_bytes(head));
        let term = big(head.term.0);
        self.write("SELECT * FROM anaquel_found($1, $2, $3)", &[&log, &bytes, &term], deadline)
    }

    fn append(&mut self, batch: &Sealed, deadline: Instant) -> Appended {
        if batch.batch().body.len() > BATCH_BYTES {
            return Appended::Full { reason: format!("a batch has at most {BATCH_BYTES} bytes") };
        }
        let mut sealed = Vec::new();
        batch.write(&mut sealed);
        let PostgresOptions { log, standbys, .. } = self.client.options().clone();
        let (follows, becomes) = (head_bytes(batch.follows()), head_bytes(batch.becomes()));
        let (term, last) = (big(batch.becomes().term.0), big(batch.becomes().seq));
        self.write(
            "SELECT * FROM anaquel_append($1, $2, $3, $4, $5, $6, $7)",
            &[&log, &standbys, &follows, &becomes, &term, &last, &sealed],
            deadline,
        )
    }

    fn tick(&mut self, head: &Head, time: Timestamp, deadline: Instant) -> Appended {
        let number = self.ticked.filter(|(of, _)| of == head).map_or(1, |(_, number)| number + 1);
        let (log, own) = (self.client.options().log.clone(), head_bytes(head));
        let sign = tick_bytes(head, number, time);
        let ticked = self.write("SELECT * FROM anaquel_tick($1, $2, $3)", &[&log, &own, &sign], deadline);
        if matches!(ticked, Appended::Durable | Appended::Unknown { .. }) {
            self.ticked = Some((*head, number));
        }
        ticked
    }

    fn pulse(&mut self, deadline: Instant) -> Result<Option<Pulse>, LogError> {
        let log = self.client.options().log.clone();
        // A write: it ends once a standby has all that is before it.
        let barrier = "UPDATE anaquel_log SET beat = beat + 1 WHERE log = $1 RETURNING head, tick";
        let Some(row) = self.call(barrier, &[&log], deadline)? else { return Ok(None) };
        let head = row.try_get::<_, Vec<u8>>(0).ok().as_deref().and_then(read_head);
        let head = head.ok_or_else(|| LogError::Damaged("its head is none".into()))?;
        let tick = row.try_get::<_, Option<Vec<u8>>>(1).ok().flatten();
        let (ticks, time) = tick.and_then(|bytes| read_tick(&bytes, &head)).unwrap_or_default();
        Ok(Some(Pulse { head, ticks, time }))
    }

    fn trim(&mut self, before: Seq, term: Term, deadline: Instant) -> Result<Trimmed, LogError> {
        let (log, until, in_term) = (self.client.options().log.clone(), big(before), big(term.0));
        let newest = "SELECT sealed FROM anaquel_batch WHERE log = $1 AND last_seq < $2 ORDER BY last_seq DESC LIMIT 1";
        let found = self.call(newest, &[&log, &until], deadline)?;
        let sealed = found.and_then(|row| row.try_get::<_, Vec<u8>>(0).ok());
        let floor = match sealed {
            Some(bytes) => Some(*Sealed::take(&mut bytes.as_slice())?.becomes()),
            None => self.reader().floor(deadline)?,
        };
        let floor = floor.ok_or_else(|| LogError::Damaged("the log was never founded".into()))?;
        let begins = head_bytes(&floor);
        let statement = "SELECT * FROM anaquel_trim($1, $2, $3, $4)";
        match self.write(statement, &[&log, &in_term, &until, &begins], deadline) {
            Appended::Durable => Ok(Trimmed::From(floor.seq + 1)),
            Appended::Fenced { at } => Ok(Trimmed::Deposed(at)),
            Appended::Full { reason } | Appended::Unknown { reason } => Err(LogError::Unreachable(reason)),
        }
    }

    fn reader(&self) -> Arc<dyn SharedLogReader> {
        Arc::new(PostgresReader::new(self.client.options().clone()))
    }
}
