//! A connection to whichever server accepts writes, with a runtime of its own: calls block.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Config, NoTls, Row};

use crate::unencrypted::stays_here;

/// How long a connection to one server may take.
const CONNECT: Duration = Duration::from_millis(500);

/// How long a statement waits for the lock of a row: whoever has it waits for its standby.
const LOCK: &str = "SET lock_timeout = '2s'; SET synchronous_commit = on;";

/// Where a log is.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    config: Config,
    /// The name of the log in the database.
    pub log: String,
    /// Whether an append must be on a standby. Without it, the loss of one disk loses the log.
    pub standbys: bool,
}

impl PostgresOptions {
    /// Parses `postgres://USER[:PASSWORD]@HOST:PORT[,HOST:PORT]/DATABASE`; `log` is the name of the log in it.
    ///
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub fn parse(url: &str, log: &str, standbys: bool) -> Result<Self, String> {
        const FORM: &str = "write postgres://USER[:PASSWORD]@HOST:PORT[,HOST:PORT]/DATABASE";
        let mut config: Config = url.parse().map_err(|error| format!("{error}; {FORM}"))?;
        if config.get_hosts().is_empty() || config.get_dbname().is_none() || config.get_user().is_none() {
            return Err(format!("it lacks a host, a database or a user; {FORM}"));
        }
        if log.is_empty() {
            return Err("the log has no name".to_owned());
        }
        config.connect_timeout(CONNECT).target_session_attrs(TargetSessionAttrs::ReadWrite).application_name("anaquel");
        Ok(Self { config, log: log.to_owned(), standbys })
    }

    /// Checks that no statement leaves this machine unencrypted.
    ///
    /// # Errors
    /// A server is not on this machine.
    pub fn check(&self) -> Result<(), String> {
        let ports = self.config.get_ports();
        for (nth, host) in self.config.get_hosts().iter().enumerate() {
            let Host::Tcp(name) = host else { continue };
            let port = ports.get(nth).or(ports.first()).copied().unwrap_or(5432);
            stays_here("PostgreSQL", (name.as_str(), port), name)?;
        }
        Ok(())
    }
}

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// The server has no room; the transaction was rolled back.
    NoRoom(String),
    /// It may have been done, or not.
    Unknown(String),
}

/// An open connection.
struct Open {
    client: tokio_postgres::Client,
    /// The server warned: a wait for a standby ended before a standby had it.
    warned: Arc<AtomicBool>,
    driver: JoinHandle<()>,
}

impl Drop for Open {
    /// Closes the socket. Nothing is cancelled: a cancelled wait for a standby would commit.
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A client of one log.
pub struct Client {
    options: PostgresOptions,
    runtime: Runtime,
    open: Option<Open>,
}

impl Client {
    /// Of a log that is checked.
    ///
    /// # Errors
    /// A server is not on this machine; the system gives no runtime.
    pub fn new(options: &PostgresOptions) -> Result<Self, String> {
        options.check()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        Ok(Self { options: options.clone(), runtime, open: None })
    }

    /// Where it is.
    pub fn options(&self) -> &PostgresOptions {
        &self.options
    }

    /// Runs statements without parameters.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn batch(&mut self, statements: &str, deadline: Instant) -> Result<(), CallError> {
        self.run(deadline, async |open| open.client.batch_execute(statements).await)
    }

    /// Runs one statement, as a transaction of its own, and returns its rows.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn query(
        &mut self,
        statement: &str,
        values: &[&(dyn ToSql + Sync)],
        deadline: Instant,
    ) -> Result<Vec<Row>, CallError> {
        self.run(deadline, async |open| open.client.query(statement, values).await)
    }

    fn run<T>(
        &mut self,
        deadline: Instant,
        call: impl AsyncFnOnce(&Open) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, CallError> {
        let Self { options, runtime, open } = self;
        let ran = runtime.block_on(async {
            let run = async {
                if open.as_ref().is_none_or(|open| open.client.is_closed()) {
                    *open = Some(connect(&options.config).await?);
                }
                let Some(open) = open.as_ref() else { return Err(Failed::Unknown("no connection".into())) };
                open.warned.store(false, Ordering::SeqCst);
                let answer = call(open).await?;
                if open.warned.load(Ordering::SeqCst) {
                    let what = "the server ended its wait for a standby: what it did may be on no standby";
                    return Err(Failed::Unknown(what.into()));
                }
                Ok(answer)
            };
            tokio::time::timeout_at(deadline.into(), run).await
        });
        match ran {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(Failed::NoRoom(reason))) => Err(CallError::NoRoom(reason)),
            Ok(Err(Failed::Unknown(reason))) => {
                self.open = None;
                Err(CallError::Unknown(reason))
            }
            Err(_) => {
                self.open = None;
                Err(CallError::Unknown("PostgreSQL did not answer in time".to_owned()))
            }
        }
    }
}

enum Failed {
    NoRoom(String),
    Unknown(String),
}

impl From<tokio_postgres::Error> for Failed {
    fn from(error: tokio_postgres::Error) -> Self {
        let told = match error.as_db_error() {
            Some(db) => format!("{}: {}", db.code().code(), db.message()),
            None => error.to_string(),
        };
        // Class 53 is *insufficient resources*, raised before the transaction commits. Too many connections is none of it.
        match error.code().map(tokio_postgres::error::SqlState::code) {
            Some(code) if code.starts_with("53") && code != "53300" => Self::NoRoom(told),
            _ => Self::Unknown(told),
        }
    }
}

async fn connect(config: &Config) -> Result<Open, tokio_postgres::Error> {
    let (client, mut connection) = config.connect(NoTls).await?;
    let warned = Arc::new(AtomicBool::new(false));
    let notes = Arc::clone(&warned);
    let driver = tokio::spawn(async move {
        let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
        while let Some(Ok(message)) = messages.next().await {
            if let AsyncMessage::Notice(notice) = message
                && notice.severity() == "WARNING"
            {
                notes.store(true, Ordering::SeqCst);
            }
        }
    });
    let open = Open { client, warned, driver };
    open.client.batch_execute(LOCK).await?;
    Ok(open)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_and_what_is_none_is_told() {
        assert!(PostgresOptions::parse("postgres://anaquel@127.0.0.1:5432,127.0.0.1:5433/shop", "one", true).is_ok());
        for wrong in ["", "http://h/d", "postgres://127.0.0.1/", "postgres://u@/d"] {
            let told = PostgresOptions::parse(wrong, "one", true).map(drop);
            assert!(told.as_ref().is_err_and(|told| told.contains("postgres://USER")), "{wrong}: {told:?}");
        }
        let far = PostgresOptions::parse("postgres://u@192.0.2.1/d", "one", true).and_then(|options| options.check());
        assert!(far.is_err_and(|told| told.contains("loopback")));
    }
}
