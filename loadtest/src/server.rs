//! A server for the test: starts, awaits, kills and verifies it.

use std::ffi::OsStr;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use crate::client::Client;

/// How long a server may take to end.
pub const STOP_PATIENCE: Duration = Duration::from_secs(120);

/// How long a server may take to be ready.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// The variable with the seed of a test, which is not a setting of the server.
const SEED: &str = "ANAQUEL_SEED";

/// A running `anaquel serve`. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Its address.
    pub address: SocketAddr,
}

/// The server's binary: the named one, or the one beside this binary or in the folder above, where Cargo puts them.
///
/// # Errors
/// It does not exist; the error says how to build it.
pub fn binary(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(named) = named {
        ensure!(named.is_file(), "--server: {} is not a file; name the anaquel binary", named.display());
        return Ok(named.to_owned());
    }
    let here = std::env::current_exe()?;
    let mut folders = here.ancestors().skip(1).take(2);
    let found = folders.clone().map(|folder| folder.join("anaquel")).find(|path| path.is_file());
    let release = if folders.any(|folder| folder.ends_with("release")) { "--release " } else { "" };
    found.with_context(|| {
        let here = here.display();
        format!("no `anaquel` beside {here}; build it: cargo build {release}--package anaquel-server")
    })
}

/// A free port.
///
/// # Errors
/// There is none.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

impl Server {
    /// Starts `binary` on `data` and waits until it accepts writes.
    ///
    /// # Errors
    /// It ended, or was not ready in time; the error contains its output.
    pub fn start(binary: &Path, data: &Path, arguments: &[&str]) -> anyhow::Result<Self> {
        Self::start_under(&[], binary, data, arguments)
    }

    /// The same, started by another program, which must become the server: `strace -D`, `prlimit`.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_under(tool: &[&str], binary: &Path, data: &Path, arguments: &[&str]) -> anyhow::Result<Self> {
        // Between the search for a free port and the listen call, another process may take it.
        for _ in 0..4 {
            match Self::start_at(free_address()?, tool, binary, data, arguments) {
                Err(error) if error.to_string().contains("Address already in use") => {}
                other => return other,
            }
        }
        Self::start_at(free_address()?, tool, binary, data, arguments)
    }

    /// The same at a given address, where others expect it.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_at(
        address: SocketAddr,
        tool: &[&str],
        binary: &Path,
        data: &Path,
        arguments: &[&str],
    ) -> anyhow::Result<Self> {
        Self::start_until("/readyz", address, tool, binary, data, arguments)
    }

    /// The same, and waits only until it answers: it may serve reads alone.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_alive_at(address: SocketAddr, binary: &Path, data: &Path, arguments: &[&str]) -> anyhow::Result<Self> {
        Self::start_until("/healthz", address, &[], binary, data, arguments)
    }

    fn start_until(
        path: &str,
        address: SocketAddr,
        tool: &[&str],
        binary: &Path,
        data: &Path,
        arguments: &[&str],
    ) -> anyhow::Result<Self> {
        let log = data.with_extension("log");
        let said_before = std::fs::metadata(&log).map_or(0, |file| file.len());
        let log_file = std::fs::File::options().create(true).append(true).open(&log)?;
        let mut words = tool.iter().map(OsStr::new).chain([binary.as_os_str()]);
        let mut command = Command::new(words.next().context("a program")?);
        let child = command
            .args(words)
            .arg("serve")
            .arg("--data")
            .arg(data)
            .arg("--listen")
            .arg(address.to_string())
            .args(arguments)
            .env_remove(SEED)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log_file)
            .spawn()
            .with_context(|| format!("starting {}", binary.display()))?;
        let mut server = Self { child, address };
        let started = Instant::now();
        loop {
            if let Ok(answer) = Client::new(address).get(path)
                && answer.status == 200
            {
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                let said = std::fs::read(&log).unwrap_or_default();
                let said = said.get(said_before as usize..).unwrap_or_default();
                bail!("the server ended with {status}: {}", String::from_utf8_lossy(said));
            }
            ensure!(started.elapsed() < START_PATIENCE, "the server was not ready within {START_PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended, and its exit code.
    ///
    /// # Errors
    /// That is not known.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Sends SIGKILL: the process ends at once.
    ///
    /// # Errors
    /// It was not there any more.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Sends SIGTERM, and waits for an orderly end.
    ///
    /// # Errors
    /// It did not, or not with exit code 0.
    pub fn stop(self) -> anyhow::Result<()> {
        self.stop_within(STOP_PATIENCE)
    }

    /// The same, and kills it if it does not end in time.
    ///
    /// # Errors
    /// It did not end in time, or not with exit code 0.
    pub fn stop_within(mut self, patience: Duration) -> anyhow::Result<()> {
        let told = Command::new("kill").arg(self.child.id().to_string()).status()?;
        ensure!(told.success(), "kill: {told}");
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "the server ended with {status}");
                return Ok(());
            }
            ensure!(began.elapsed() < patience, "the server did not end within {patience:?} of SIGTERM");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command of the binary to its end.
///
/// # Errors
/// It could not be started.
pub fn run(binary: &Path, arguments: &[&str]) -> anyhow::Result<Output> {
    Command::new(binary)
        .args(arguments)
        .env_remove(SEED)
        .output()
        .with_context(|| format!("running {}", binary.display()))
}

/// Runs `anaquel verify` on a data directory that no server has open; returns the state hash.
///
/// # Errors
/// It found a violation.
pub fn verify(binary: &Path, data: &Path) -> anyhow::Result<String> {
    let data = data.to_str().context("a path that is text")?;
    let output = run(binary, &["verify", "--data", data])?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "verify: {said}{}", String::from_utf8_lossy(&output.stderr));
    let hash = said.lines().find_map(|line| line.strip_prefix("state hash")).context("verify tells a state hash")?;
    Ok(hash.trim().to_owned())
}
