//! Takes a backup of a directory, also while a server has it open.
//!
//! A directory that no process has open is opened like `verify` opens one. If a server has it open, its files are
//! copied, and the copy is opened like any copy: at its last complete record, which is durable. The server is not
//! involved.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anaquel_log::archive::ArchiveFiles;

use super::format::Head;
use super::write::{BackupError, Origin, Start, newest_checkpoint, write};
use crate::engine::archive;
use crate::engine::checkpoint;
use crate::engine::directory::Extra;
use crate::engine::directory::{DataDirectory, kept_files};
use crate::engine::recovery::{Reading, recover};
use crate::journal::{Damage, LogOptions, OpenError, known_durable};
use crate::private::{make_private, private_file};

/// The maximum number of attempts to copy a directory.
const ATTEMPTS: u32 = 5;

/// A backup of a directory.
#[derive(Debug)]
pub struct Taken {
    /// Its head.
    pub head: Head,
    /// Whether a server had the directory open.
    pub was_open: bool,
}

impl From<OpenError> for BackupError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Damaged(damage) => Self::Damaged(damage),
            OpenError::Archive(damage) => Self::Io(io::Error::new(io::ErrorKind::InvalidData, damage.to_string())),
            OpenError::Io { path, source } => {
                Self::Io(io::Error::new(source.kind(), format!("{}: {source}", path.display())))
            }
        }
    }
}

/// Writes a backup of `directory`. If a server has it open, the copy of its files goes into `scratch`, a folder that is
/// created and deleted again.
///
/// # Errors
/// As [`Engine::back_up`](crate::Engine::back_up); and if the directory cannot be opened.
pub fn of_directory(
    directory: &Path,
    scratch: &Path,
    start: Start,
    extra: &[Extra],
    begun: &mut dyn FnMut(&Head),
    out: &mut dyn Write,
) -> Result<Taken, BackupError> {
    match DataDirectory::open_existing(directory) {
        Ok(open) => {
            let head = of_open(&open, start, extra, begun, out)?;
            Ok(Taken { head, was_open: false })
        }
        Err(OpenError::Io { source, .. }) if source.kind() == io::ErrorKind::WouldBlock => {
            let scratch = Scratch::new(scratch)?;
            let open = copied(directory, &scratch.0)?;
            let head = of_open(&open, start, extra, begun, out)?;
            Ok(Taken { head, was_open: true })
        }
        Err(error) => Err(error.into()),
    }
}

fn of_open(
    directory: &DataDirectory,
    start: Start,
    extra: &[Extra],
    begun: &mut dyn FnMut(&Head),
    out: &mut dyn Write,
) -> Result<Head, BackupError> {
    let (state, _, journal, report) =
        recover(directory, &super::restore::settings(), LogOptions::default(), Reading::Tail, &mut |_, _, _| Ok(()))?;
    checkpoint::set_aside(
        &directory.checkpoints(),
        &report.bad_checkpoints.iter().map(|bad| bad.path.clone()).collect::<Vec<_>>(),
    )?;
    let checkpoint = if start == Start::Whole { newest_checkpoint(directory.path())? } else { None };
    let (seq, (hash, time)) = state.view.read(|| (state.hash.show(), state.last_time()));
    let kept = kept_files(directory.path())?;
    let reader = journal.reader();
    let archive = (ArchiveFiles::new(&archive::folder_of(directory.path())), state.own.archive.standing());
    archive::mend(&archive.0, &archive.1, reader.as_ref())?;
    let eras = directory.eras().to_vec();
    let origin = Origin { reader: reader.as_ref(), eras, kept, checkpoint, archive, seq, hash, time };
    write(origin, start, extra, &|_| (), begun, out)
}

/// A folder that is deleted on drop.
struct Scratch(PathBuf);

impl Scratch {
    fn new(path: &Path) -> io::Result<Self> {
        if path.exists() {
            fs::remove_dir_all(path)?;
        }
        make_private(path)?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A copy of a directory that a server writes to, opened.
fn copied(directory: &Path, scratch: &Path) -> Result<DataDirectory, BackupError> {
    let mut missing = 0;
    for attempt in 0..ATTEMPTS {
        let copy = scratch.join(format!("copy-{attempt}"));
        let marked = known_durable(&directory.join("journal"))?;
        // Checkpoints first: the log, which is copied later, includes their records.
        copy_all(directory, &copy)?;
        let open = DataDirectory::open_existing(&copy)?;
        let mended = crate::journal::mend(&open.journal())?;
        match mended {
            Some(mended) if mended.last_seq >= marked => return Ok(open),
            mended => missing = marked - mended.map_or(0, |mended| mended.last_seq).min(marked),
        }
        drop(open);
        fs::remove_dir_all(&copy)?;
    }
    let what = format!(
        "the last {missing} records of the open directory are unreadable from outside; take the backup from the \
         running server, by its URL"
    );
    Err(Damage { seq: 0, what }.into())
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    make_private(to)?;
    for Extra { name, bytes } in kept_files(from).map_err(io::Error::other)? {
        private_file().write(true).create_new(true).open(to.join(name))?.write_all(&bytes)?;
    }
    copy_folder(&from.join("images"), &to.join("images"))?;
    copy_folder(&from.join("journal"), &to.join("journal"))?;
    // Last: it has all that the log says then. Its index is made anew.
    copy_archive(&archive::folder_of(from), &archive::folder_of(to))
}

fn copy_archive(from: &Path, to: &Path) -> io::Result<()> {
    let (files, copies) = (ArchiveFiles::new(from), ArchiveFiles::new(to));
    for (number, _) in files.list()? {
        make_private(to)?;
        match copy_file(&files.path_of(number), &copies.path_of(number)) {
            // It was begun, and did not count.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            copied => copied?,
        }
    }
    Ok(())
}

/// Files that were deleted meanwhile are not needed.
fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    make_private(to)?;
    for entry in entries {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let copied = match entry.file_type() {
            Ok(kind) if kind.is_dir() => copy_folder(&path, &target),
            Ok(_) => copy_file(&path, &target),
            Err(error) => Err(error),
        };
        match copied {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            copied => copied?,
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let mut input = File::open(from)?;
    let mut output = private_file().write(true).create_new(true).open(to)?;
    io::copy(&mut input, &mut output).map(drop)
}
