//! `anaquel backup` and `anaquel restore`.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anaquel_engine::backup::{self, BackupError, Chain, Head, RestoreError, Start, Until};
use anaquel_engine::ids::Seq;
use anyhow::Context;

use crate::cli::args::{BackupArgs, RestoreArgs};
use crate::cli::client;
use crate::cli::remote::{FLAGS, Remote};
use crate::config::Config;
use crate::subjects::operating::backup::{ENDING, file_name, key_files};

/// The ending of the name of a backup that is not complete yet.
const UNFINISHED: &str = "unfinished";

/// The lock file, held by one backup at a time.
const LOCK: &str = "lock";

/// Takes a backup.
///
/// # Errors
/// The backup cannot be taken, or does not lead to its state hash; no backup is left then.
pub fn backup(args: &BackupArgs) -> anyhow::Result<ExitCode> {
    let folder = &args.folder;
    let made: Vec<&Path> =
        folder.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect();
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(|| folder.display().to_string())?;
    let taken = backup_into(folder, args);
    if taken.is_err() && !made.is_empty() {
        // Deletes a folder that was created in vain, and nothing else.
        let _ = clear(folder).and_then(|()| fs::remove_file(folder.join(LOCK)));
        made.iter().take_while(|path| fs::remove_dir(path).is_ok()).for_each(drop);
    }
    taken
}

fn backup_into(folder: &Path, args: &BackupArgs) -> anyhow::Result<ExitCode> {
    let _lock = lock(folder)?;
    let mut known = Vec::new();
    for path in files_in(folder)? {
        // An unreadable backup is not used as a base.
        match Chain::find(std::slice::from_ref(&path), Until::End) {
            Err(RestoreError::Io { path, source }) => eprintln!("anaquel: ignored: {}: {source}", path.display()),
            _ => known.push(path),
        }
    }
    let before = if args.whole { None } else { Chain::find(&known, Until::End).ok() };
    let start = before.as_ref().and_then(Chain::last).map_or(Start::Whole, |last| Start::After(last.epoch, last.seq));
    let unfinished = folder.join(format!("new.{UNFINISHED}"));
    let head = match take(args, start, &unfinished) {
        Err(Refused::Gone(reason)) if start != Start::Whole => {
            eprintln!("anaquel: no backup to continue from ({reason}): taking a full backup");
            take(args, Start::Whole, &unfinished)
        }
        taken => taken,
    }?;
    let mut chain: Vec<_> = if head.is_whole() {
        Vec::new()
    } else {
        before.iter().flat_map(Chain::files).map(|(path, _)| path.to_owned()).collect()
    };
    if head.after == head.seq && !head.is_whole() {
        fs::remove_file(&unfinished)?;
        // The answer says that no new backup is needed, so verify the existing ones.
        prove(&chain, head.seq, args.quick)?;
        println!("no new records since seq {}; state hash {}", head.seq, head.hash);
        return Ok(ExitCode::SUCCESS);
    }
    chain.push(unfinished.clone());
    let proven = prove(&chain, head.seq, args.quick)?;
    let path = folder.join(file_name(&head));
    fs::rename(&unfinished, &path).with_context(|| path.display().to_string())?;
    File::open(folder)?.sync_all()?;
    let bytes = fs::metadata(&path)?.len();
    println!("backup              {}", path.display());
    println!("bytes               {bytes}");
    if !head.is_whole() {
        println!("after               {}", head.after);
    }
    println!("seq                 {}", head.seq);
    println!("epoch               {}", head.epoch);
    println!("state hash          {}", head.hash);
    println!("ok: {proven}");
    Ok(ExitCode::SUCCESS)
}

/// Reads a chain of backups, and returns what that proves about the last one.
fn prove(chain: &[PathBuf], seq: Seq, quick: bool) -> anyhow::Result<&'static str> {
    let advice = || match chain.len() {
        0 | 1 => "reading the backup back",
        _ => "reading the backup and those before it back (--whole takes a full backup, which needs no other)",
    };
    if quick {
        // Reads back what was written: every checksum, and the end.
        chain.last().map_or(Ok(()), |last| backup::read_through(last)).with_context(advice)?;
        return Ok("every checksum read back");
    }
    let checked = Chain::find(chain, Until::Seq(seq)).and_then(|chain| backup::check(&chain)).with_context(advice)?;
    anyhow::ensure!(
        checked.seq == seq,
        "the backup leads to record {}, but its header names record {seq}",
        checked.seq
    );
    Ok(match checked.is_same {
        Some(_) => "read back; the state that was rebuilt from it has this state hash",
        None => "read back; the server's state hash covers other data than the hash of this build",
    })
}

/// Why no backup was taken.
enum Refused {
    /// The new records are no longer in the log.
    Gone(String),
    Other(anyhow::Error),
}

impl From<Refused> for anyhow::Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Gone(reason) => anyhow::anyhow!(reason),
            Refused::Other(error) => error,
        }
    }
}

/// Writes the backup to `path`, and flushes it to disk.
fn take(args: &BackupArgs, start: Start, path: &Path) -> Result<Head, Refused> {
    let other = |error: io::Error| Refused::Other(anyhow::Error::new(error).context(path.display().to_string()));
    let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path).map_err(other)?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    match &args.target.url {
        Some(url) => {
            let query = match start {
                Start::Whole => String::new(),
                Start::After(epoch, after) => format!("?after={after}&epoch={epoch}"),
            };
            let remote = Remote::new(FLAGS, url, args.target.ca.as_deref()).map_err(Refused::Other)?;
            client::get(&remote, &format!("/v1/backup{query}"), &mut out).map_err(|error| match error.to_string() {
                // A 410 answer of the server begins with its status.
                said if said.starts_with("410") => Refused::Gone(said),
                _ => Refused::Other(error),
            })?;
        }
        None => {
            let config = Config::default();
            let data = args.target.data.clone().unwrap_or(config.data);
            let extra = key_files(&config.auth, &data).map_err(other)?;
            let scratch = path.with_extension("copy");
            let taken = backup::of_directory(&data, &scratch, start, &extra, &mut |_| (), &mut out);
            taken.map_err(|error| match error {
                BackupError::Gone(_) => Refused::Gone(error.to_string()),
                error => Refused::Other(anyhow::Error::new(error).context(data.display().to_string())),
            })?;
        }
    }
    out.flush().and_then(|()| out.get_ref().sync_all()).map_err(other)?;
    backup::read_head(path).map_err(|error| Refused::Other(error.into()))
}

/// Only one backup is taken at a time; the unfinished file of an interrupted backup is deleted.
fn lock(folder: &Path) -> anyhow::Result<File> {
    let path = folder.join(LOCK);
    let lock = File::options().create(true).truncate(false).write(true).mode(0o600).open(&path);
    let lock = lock.with_context(|| path.display().to_string())?;
    lock.try_lock().map_err(|_| anyhow::anyhow!("another backup into {} is running", folder.display()))?;
    clear(folder)?;
    Ok(lock)
}

/// Deletes the unfinished file of an interrupted backup.
fn clear(folder: &Path) -> io::Result<()> {
    for name in [format!("new.{UNFINISHED}"), "new.copy".to_owned()] {
        let left = folder.join(name);
        if left.is_dir() {
            fs::remove_dir_all(&left)?;
        } else if left.exists() {
            fs::remove_file(&left)?;
        }
    }
    Ok(())
}

fn files_in(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == ENDING) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Creates a data directory from backups, or checks the backups.
///
/// # Errors
/// The backups do not lead to the requested record, or the directory is not empty.
pub fn restore(args: &RestoreArgs) -> anyhow::Result<ExitCode> {
    let mut files = Vec::new();
    for path in &args.from {
        if path.is_dir() { files.extend(files_in(path)?) } else { files.push(path.clone()) }
    }
    anyhow::ensure!(!files.is_empty(), "there are no backups in {}", show(&args.from));
    let until = match (args.at_seq, &args.at_time) {
        (Some(seq), _) => Until::Seq(seq),
        (None, Some(time)) => {
            let time = crate::wire::parse_time("--at-time", time)
                .map_err(|problem| anyhow::anyhow!("{}", problem.detail()))?;
            Until::Time(time)
        }
        (None, None) => Until::End,
    };
    let chain = Chain::find(&files, until)?;
    let Some(data) = args.data.as_ref().filter(|_| !args.check) else {
        let checked = backup::check(&chain)?;
        tell(&chain, &checked);
        println!("ok: these backups lead to this state hash; nothing was written");
        return Ok(ExitCode::SUCCESS);
    };
    let entropy = crate::random().map_err(|_| anyhow::anyhow!("the operating system returned no random numbers"))?;
    let restored = backup::restore(&chain, data, args.store, entropy)?;
    tell(&chain, &restored.checked);
    println!("log from            {}", restored.oldest);
    println!("epoch               {}", restored.epoch);
    println!("ok: restored into {}", data.display());
    if restored.files.iter().any(|name| name == "keys.json") {
        println!(
            "keys.json is as it was at the backup: revoke again each key that was revoked since (anaquel keys \
                  list)"
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn show(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn tell(chain: &Chain, checked: &backup::Checked) {
    for (path, _) in chain.files() {
        println!("from                {}", path.display());
    }
    println!("seq                 {}", checked.seq);
    println!("records             {}", checked.records);
    println!("cells               {}", checked.cells);
    println!("open reservations   {}", checked.open_reservations);
    let same = if checked.is_same.is_some() { " (as at the time of the backup)" } else { "" };
    println!("state hash          {}{same}", checked.hash);
}
