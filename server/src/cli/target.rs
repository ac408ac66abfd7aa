//! Where a tool reads or writes: a running server, or a data directory that no server has open.

use std::path::{Path, PathBuf};

use anaquel_engine::Engine;
use anaquel_engine::role::Role;
use anyhow::ensure;

use crate::cli::args::Target;
use crate::cli::remote::{FLAGS, Remote};
use crate::config::Config;

/// The target of a command.
pub enum DataLocation {
    /// A running server.
    Server(Remote),
    /// A data directory.
    Directory(PathBuf),
}

impl DataLocation {
    /// Resolves the target; without one, the default data directory of a server, if it exists.
    /// `writes` accepts an empty directory, too. This function never creates a directory.
    ///
    /// # Errors
    /// The target is not an address or a data directory; the message names what is accepted.
    pub fn of(target: &Target, writes: bool) -> anyhow::Result<Self> {
        let Target { data, url, ca } = target;
        if let Some(url) = url {
            return Ok(Self::Server(Remote::new(FLAGS, url, ca.as_deref())?));
        }
        let preset = Config::default().data;
        let Some(data) = data else {
            ensure!(
                is_data_directory(&preset),
                "say {}: --url http://127.0.0.1:7070 for a running server, or --data DIR for a data directory that no \
                 server has open",
                if writes { "where to" } else { "where from" }
            );
            return Ok(Self::Directory(preset));
        };
        ensure!(
            is_data_directory(data) || (writes && is_empty(data)),
            "--data {}: {}; `anaquel serve --data {}` creates one, and --url names a running server",
            data.display(),
            what_else(data),
            data.display()
        );
        Ok(Self::Directory(data.clone()))
    }
}

/// Opens the engine of a data directory.
///
/// # Errors
/// Why the directory cannot be opened; if a server has it open, the flag to use instead.
pub fn open(directory: &Path) -> anyhow::Result<Engine> {
    let config = Config { data: directory.to_owned(), ..Config::default() };
    let (engine, _) = crate::serve::open_engine(&config, None, Some(Role::Primary)).map_err(|error| {
        let told = format!("{error:#}");
        match told.contains("has this data directory open") {
            true => anyhow::anyhow!("{told}; if that is a server, use --url http://HOST:PORT"),
            false => error,
        }
    })?;
    Ok(engine)
}

/// Whether a server created this directory.
pub fn is_data_directory(directory: &Path) -> bool {
    directory.join("identity").is_file()
}

/// Whether the directory has only files of `anaquel keys` and of the file system itself.
pub fn is_empty(directory: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(directory) else { return false };
    let mut names = entries.map(|entry| entry.map(|entry| entry.file_name()).unwrap_or_default());
    names.all(|name| ["keys.json", "keys.lock", "keys.new", "lock", "lost+found"].iter().any(|known| name == *known))
}

/// Why a directory is not a data directory.
pub fn what_else(directory: &Path) -> &'static str {
    match (directory.exists(), is_empty(directory)) {
        (false, _) => "does not exist",
        (true, true) => "is empty",
        (true, false) => "is not a data directory",
    }
}
