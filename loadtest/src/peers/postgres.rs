//! PostgreSQL: a conditional update and an insert as one statement, driven by its own `pgbench`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::look::{Look, Made, Seen};
use crate::server::free_address;
use crate::stock::{CELLS, Demand};

/// Both changes in one transaction and one round trip: the fastest form.
const RESERVE: &str = "WITH taken AS (\
    UPDATE cells SET reserved = reserved + 1 WHERE id = :cell AND on_hand - reserved >= 1 RETURNING id) \
    INSERT INTO reservations (cell, quantity, state, expires_at) \
    SELECT id, 1, 'held', now() + interval '15 minutes' FROM taken;";

/// A PostgreSQL instance. Dropping it ends it.
#[derive(Debug)]
pub struct Postgres {
    child: Child,
    programs: PathBuf,
    folder: PathBuf,
    port: String,
}

impl Postgres {
    /// Starts an instance in `folder` and loads the stock; `None` if PostgreSQL is not installed.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(folder: &Path) -> anyhow::Result<Option<Self>> {
        let Some(programs) = programs() else { return Ok(None) };
        std::fs::create_dir_all(folder)?;
        if is_root() {
            // PostgreSQL refuses to run as root.
            ensure!(Command::new("chown").arg("postgres").arg(folder).status()?.success(), "chown postgres");
        }
        let data = folder.join("data");
        let output = as_its_user(&programs.join("initdb"))
            .arg("-D")
            .arg(&data)
            .args(["-A", "trust", "-U", "bench", "--no-locale", "-E", "UTF8"])
            .output()
            .context("running initdb")?;
        ensure!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        let port = free_address()?.port().to_string();
        let child = as_its_user(&programs.join("postgres"))
            .arg("-D")
            .arg(&data)
            .args(["-p", &port, "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=300"])
            .args(["-c", "shared_buffers=512MB", "-c", "max_wal_size=8GB", "-c", "synchronous_commit=on", "-k"])
            .arg(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("starting postgres")?;
        let postgres = Self { child, programs, folder: folder.to_owned(), port };
        let started = Instant::now();
        while postgres.ask("SELECT 1").is_err() {
            ensure!(started.elapsed() < Duration::from_secs(30), "postgres does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        // Leaves room on the pages, so that an update does not touch the index.
        postgres.ask(
            "CREATE TABLE cells (id bigint PRIMARY KEY, on_hand bigint NOT NULL, reserved bigint NOT NULL) \
             WITH (fillfactor = 50)",
        )?;
        postgres.ask(
            "CREATE TABLE reservations (id bigserial PRIMARY KEY, cell bigint NOT NULL, quantity int NOT NULL, \
             state text NOT NULL, expires_at timestamptz NOT NULL)",
        )?;
        postgres.ask(&format!("INSERT INTO cells SELECT n, 1000000000, 0 FROM generate_series(0, {}) n", CELLS - 1))?;
        postgres.ask("VACUUM ANALYZE cells")?;
        Ok(Some(postgres))
    }

    /// The version.
    ///
    /// # Errors
    /// It does not answer.
    pub fn version(&self) -> anyhow::Result<String> {
        let version = self.ask("SHOW server_version")?;
        Ok(format!("PostgreSQL {}", version.split(' ').next().unwrap_or("?")))
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Bytes written to its log, and bytes of its tables.
    ///
    /// # Errors
    /// It does not answer.
    pub fn written(&self) -> anyhow::Result<(u64, u64)> {
        let log = self.ask("SELECT pg_current_wal_insert_lsn() - '0/0'")?.parse()?;
        let tables = "SELECT pg_total_relation_size('cells') + pg_total_relation_size('reservations')";
        Ok((log, self.ask(tables)?.parse()?))
    }

    /// About so many reservations, one after the other.
    ///
    /// # Errors
    /// `pgbench` fails.
    pub fn one_by_one(&self, writes: u64) -> anyhow::Result<()> {
        let script = self.folder.join("reserve.sql");
        std::fs::write(&script, format!("\\set cell random(0, {})\n{RESERVE}\n", CELLS - 1))?;
        let output = Command::new(self.programs.join("pgbench"))
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &self.port,
                "-U",
                "bench",
                "-n",
                "-c",
                "1",
                "-t",
                &writes.to_string(),
                "-f",
            ])
            .arg(&script)
            .arg("postgres")
            .output()
            .context("running pgbench")?;
        ensure!(output.status.success(), "pgbench: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Sets the units of every cell to what they are, where they differ.
    ///
    /// # Errors
    /// It does not answer.
    pub fn fill_again(&self) -> anyhow::Result<()> {
        let load = format!(
            "INSERT INTO cells SELECT n, 1000000000, 0 FROM generate_series(0, {}) n ON CONFLICT (id) DO UPDATE SET \
             on_hand = excluded.on_hand WHERE cells.on_hand <> excluded.on_hand",
            CELLS - 1
        );
        self.ask(&load).map(drop)
    }

    /// Reservations through `connections`; each must have left its row.
    ///
    /// # Errors
    /// `pgbench` fails, or rows are missing.
    pub fn ask_for(
        &self,
        demand: Demand,
        connections: usize,
        seconds: u64,
        look: &Look,
    ) -> anyhow::Result<(Made, Seen)> {
        let cell = match demand {
            Demand::Spread => format!("\\set cell random(0, {})", CELLS - 1),
            Demand::OneCell => "\\set cell 0".to_owned(),
        };
        let script = self.folder.join("reserve.sql");
        std::fs::write(&script, format!("{cell}\n{RESERVE}\n"))?;
        let count = "SELECT count(*) FROM reservations";
        let before: u64 = self.ask(count)?.parse()?;
        let (told, seen) = look.at(self.child.id(), || self.run(&script, connections, seconds))?;
        let books = self.ask("SELECT (SELECT sum(reserved) FROM cells) = (SELECT count(*) FROM reservations)")?;
        ensure!(books == "t", "the reserved units differ from the number of reservations");
        let made = self.ask(count)?.parse::<u64>()? - before;
        ensure!(made >= told.made, "{} reservations were reported, and {made} were made", told.made);
        Ok((told, seen))
    }

    fn run(&self, script: &Path, connections: usize, seconds: u64) -> anyhow::Result<Made> {
        let connections = connections.to_string();
        let output = Command::new(self.programs.join("pgbench"))
            .args(["-n", "-M", "prepared", "-j", "2", "-h", "127.0.0.1", "-U", "bench", "-p", &self.port])
            .args(["-c", &connections, "-T", &seconds.to_string(), "-f"])
            .arg(script)
            .arg("postgres")
            .output()
            .context("running pgbench")?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "pgbench: {}", String::from_utf8_lossy(&output.stderr));
        let after = |words: &str| said.lines().find_map(|line| line.strip_prefix(words)?.split(' ').next());
        let made = after("number of transactions actually processed: ").and_then(|count| count.parse().ok());
        let rate = after("tps = ").and_then(|rate| rate.parse().ok());
        let (made, rate) = made.zip(rate).with_context(|| format!("neither count nor rate in: {said}"))?;
        Ok(Made { rate, made, p50: None })
    }

    fn ask(&self, sql: &str) -> anyhow::Result<String> {
        let output = Command::new(self.programs.join("psql"))
            .args(["-h", "127.0.0.1", "-U", "bench", "-p", &self.port, "-d", "postgres", "-qtA", "-c", sql])
            .output()?;
        ensure!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let stop = as_its_user(&self.programs.join("pg_ctl"))
            .arg("-D")
            .arg(self.folder.join("data"))
            .args(["-m", "immediate", "stop"])
            .output();
        if !stop.is_ok_and(|output| output.status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// The newest installation in Debian's location.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let programs = versions.flatten().map(|version| version.path().join("bin"));
    programs.filter(|folder| folder.join("initdb").is_file() && folder.join("pgbench").is_file()).max()
}

fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status")
        .is_ok_and(|status| status.lines().any(|line| line.starts_with("Uid:\t0\t")))
}

fn as_its_user(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    command
}
