//! The reading end.

use std::time::{Duration, Instant};

use anaquel_cells::ids::Seq;
use anaquel_log::Head;

use super::client::{Client, PostgresOptions};
use super::schema::big;
use crate::log::{LogError, Next, SharedLogReader, Tail};
use crate::stored::read_head;
use crate::window::{self, ReadsAhead, Window};

/// Batches that are read at once.
const READ: i64 = 16;

/// How long one read may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often a tail that waits looks.
const LOOK: Duration = Duration::from_millis(10);

/// Where a log is.
pub struct PostgresReader {
    options: PostgresOptions,
}

impl PostgresReader {
    pub fn new(options: PostgresOptions) -> Self {
        Self { options }
    }
}

fn floor_of(client: &mut Client, deadline: Instant) -> Result<Option<Head>, LogError> {
    let log = client.options().log.clone();
    let rows = client.query("SELECT floor FROM anaquel_log WHERE log = $1", &[&log], deadline)?;
    match rows.first() {
        None => Ok(None),
        Some(row) => {
            let floor = row.try_get::<_, Vec<u8>>(0).ok().as_deref().and_then(read_head);
            floor.map(Some).ok_or_else(|| LogError::Damaged("its floor is no head".into()))
        }
    }
}

impl SharedLogReader for PostgresReader {
    fn floor(&self, deadline: Instant) -> Result<Option<Head>, LogError> {
        floor_of(&mut Client::new(&self.options).map_err(LogError::Unreachable)?, deadline)
    }

    fn tail(&self, from: Seq, deadline: Instant) -> Result<Box<dyn Tail>, LogError> {
        let mut client = Client::new(&self.options).map_err(LogError::Unreachable)?;
        let oldest = floor_of(&mut client, deadline)?.map_or(1, |floor| floor.seq + 1);
        if from < oldest {
            return Err(LogError::Trimmed { oldest });
        }
        Ok(Box::new(PostgresTail { client, confirmed: 0, window: Window::from(from) }))
    }
}

struct PostgresTail {
    client: Client,
    /// No failover takes back what is up to here.
    confirmed: Seq,
    window: Window,
}

impl ReadsAhead for PostgresTail {
    fn window(&mut self) -> &mut Window {
        &mut self.window
    }

    fn read_on(&mut self) -> Result<(), LogError> {
        let deadline = Instant::now() + PATIENCE;
        let (log, next) = (self.client.options().log.clone(), big(self.window.next));
        let newest = "SELECT last_seq FROM anaquel_batch WHERE log = $1 AND last_seq >= $2 ORDER BY last_seq LIMIT 1";
        let found = self.client.query(newest, &[&log, &next], deadline)?;
        let Some(first) = found.first().and_then(|row| row.try_get::<_, i64>(0).ok()) else {
            return self.check_floor(deadline);
        };
        if first.unsigned_abs() > self.confirmed {
            // A write, which ends once a standby has all that is before it.
            let barrier = "UPDATE anaquel_log SET beat = beat + 1 WHERE log = $1 RETURNING head";
            let rows = self.client.query(barrier, &[&log], deadline)?;
            let head = rows.first().and_then(|row| row.try_get::<_, Vec<u8>>(0).ok());
            let head =
                head.as_deref().and_then(read_head).ok_or_else(|| LogError::Damaged("its head is none".into()))?;
            self.confirmed = head.seq;
        }
        let confirmed = big(self.confirmed);
        let batches = "SELECT sealed FROM anaquel_batch WHERE log = $1 AND last_seq >= $2 AND last_seq <= $3 \
                       ORDER BY last_seq LIMIT $4";
        for row in self.client.query(batches, &[&log, &next, &confirmed, &READ], deadline)? {
            let bytes: Vec<u8> = row.try_get(0).map_err(|error| LogError::Damaged(error.to_string()))?;
            self.window.add(&bytes)?;
        }
        // What comes first must hold the next record: else what was before it was trimmed meanwhile.
        if self.window.has_gap() {
            self.check_floor(deadline)?;
            return Err(LogError::Damaged(format!("record {} is missing", self.window.next)));
        }
        Ok(())
    }

    fn wait(&mut self, at_most: Duration) -> Result<(), LogError> {
        std::thread::sleep(at_most.min(LOOK));
        Ok(())
    }
}

impl PostgresTail {
    fn check_floor(&mut self, deadline: Instant) -> Result<(), LogError> {
        let oldest = floor_of(&mut self.client, deadline)?.map_or(1, |floor| floor.seq + 1);
        if oldest > self.window.next { Err(LogError::Trimmed { oldest }) } else { Ok(()) }
    }
}

impl Tail for PostgresTail {
    fn next(&mut self, wait: Duration) -> Result<Next, LogError> {
        window::next(self, wait)
    }
}
