//! Where a tool reads or writes: a running server, or a data directory that nobody has open.

use std::path::{Path, PathBuf};

use anaquel_engine::Engine;
use anyhow::ensure;

use crate::cli::args::Target;
use crate::cli::remote::{FLAGS, Remote};
use crate::config::Config;

/// Where that is.
pub enum DataLocation {
    /// A running server.
    Server(Remote),
    /// A data directory.
    Directory(PathBuf),
}

impl DataLocation {
    /// What `target` names; where it names nothing, the data directory that a server would have by itself, if it is one.
    /// `writes` says that an empty directory will do as well. No directory is ever made here.
    ///
    /// # Errors
    /// It is no address, or no data directory; says what would be.
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
            "--data {}: {}; `anaquel serve --data {}` makes one, and --url names a running server",
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
/// What is wrong with it; where a server has it open, what to say instead.
pub fn open(directory: &Path) -> anyhow::Result<Engine> {
    let config = Config { data: directory.to_owned(), ..Config::default() };
    let (engine, _) = crate::serve::open_engine(&config, None).map_err(|error| {
        let told = format!("{error:#}");
        match told.contains("has this data directory open") {
            true => anyhow::anyhow!("{told}; where that is a server, --url http://HOST:PORT goes through it"),
            false => error,
        }
    })?;
    Ok(engine)
}

/// Whether a server made this directory.
pub fn is_data_directory(directory: &Path) -> bool {
    directory.join("identity").is_file()
}

/// Whether there is nothing in it but what `anaquel keys` left there, and the file system itself.
pub fn is_empty(directory: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(directory) else { return false };
    let mut names = entries.map(|entry| entry.map(|entry| entry.file_name()).unwrap_or_default());
    names.all(|name| ["keys.json", "keys.lock", "keys.new", "lock", "lost+found"].iter().any(|known| name == *known))
}

/// What a directory is that is no data directory.
pub fn what_else(directory: &Path) -> &'static str {
    match (directory.exists(), is_empty(directory)) {
        (false, _) => "is not there",
        (true, true) => "is empty",
        (true, false) => "is not a data directory",
    }
}
