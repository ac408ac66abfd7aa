//! The data directory: its lock, its identity, and its permissions.
//!
//! ```text
//!  <data>/lock       held while the directory is in use
//!  <data>/identity   epochs, and from which record on each holds; which file it is itself; whether the node follows
//!                    another, or was told to stop
//!  <data>/secret     32 random bytes, which public ids are made with
//!  <data>/journal/   the log
//!  <data>/images/    the two newest checkpoints
//!  <data>/archive/   what left memory
//! ```
//!
//! Directories are 0700 and files 0600, whatever the umask, those of earlier builds too.
//!
//! **A copy has its own history.** Started beside the original, it would issue the same ids and the same cursors, so it
//! gets a new epoch, after its last record. What identifies a copy is what no copy can keep: `identity` contains its
//! own birth time in nanoseconds, or, if the file system has none, its inode number. A restart, a reboot, a move within
//! a file system, another mount point or another host keep both. A snapshot of a whole volume keeps both, too: an
//! operator who starts one beside its original marks it with a file `restored` in the directory (`anaquel serve
//! --restored`), which the start deletes.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::engine::identity::{Era, Identity, Secret};
use crate::engine::identity_file::{Birth, Written};
use crate::engine::role::Role;
use crate::ids::{Epoch, Seq};
use crate::journal::{Damage, OpenError, sync_directory};
use crate::kernel::clock::Anchors;
use crate::private::{make_private, private_file};

/// A file that the caller stores in the data directory.
#[derive(Debug, Clone)]
pub struct Extra {
    /// Its name, without a folder.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// The file by which an operator marks a directory as a copy.
pub const RESTORED: &str = "restored";

/// The marker of a directory that is being restored.
pub(crate) const UNFINISHED_RESTORE: &str = "restore.unfinished";

const IDENTITY: &str = "identity";
const SECRET: &str = "secret";

/// Makes the epoch of a promotion another one than that of a restore.
const PROMOTED: u64 = 1;

/// Why a directory has a new epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewEpoch {
    /// The former epoch.
    pub before: Epoch,
    /// The last record that both histories share.
    pub after: Seq,
}

/// A data directory, locked by this process.
pub(crate) struct DataDirectory {
    path: PathBuf,
    written: Written,
    pub created: bool,
    /// Whether it is a copy, by its files or its operator.
    is_copy: bool,
    /// Whether its files were copied one by one, possibly while they were written.
    pub is_copied_by_files: bool,
    /// Paths whose permissions could not be restricted, because they belong to another user.
    pub open_to_others: Vec<PathBuf>,
    lock: Option<File>,
}

impl DataDirectory {
    fn with(path: &Path, written: Written, lock: Option<File>) -> Self {
        Self {
            path: path.to_owned(),
            written,
            created: false,
            is_copy: false,
            is_copied_by_files: false,
            open_to_others: Vec::new(),
            lock,
        }
    }

    /// Opens an existing directory without changing anything, for readers.
    pub fn open_existing(path: &Path) -> Result<Self, OpenError> {
        if !path.join(IDENTITY).exists() {
            let source = io::Error::new(io::ErrorKind::NotFound, "this is not a data directory");
            return Err(OpenError::Io { path: path.to_owned(), source });
        }
        Self::open(path, 0)
    }

    /// Begins a restored directory: creates it if necessary, and locks it. It has the history of `identity`, the text
    /// of another directory, up to record `last_seq`; it is not a data directory before [`DataDirectory::is_restored`].
    pub fn restoring(path: &Path, identity: &str, last_seq: Seq) -> Result<Self, OpenError> {
        let mut written = Written::parse(identity).map_err(|what| Damage { seq: 0, what })?;
        written.eras.retain(|era| era.after <= last_seq);
        (written.birth, written.role) = (None, Role::Primary);
        let lock = Some(take_lock(path)?);
        Ok(Self::with(path, written, lock))
    }

    /// Completes a restore: writes its identity, with a new epoch after record `last_seq`.
    pub fn is_restored(&mut self, last_seq: Seq, entropy: u64) -> Result<Epoch, OpenError> {
        let epoch = epoch_from(&[entropy, self.epoch().0, last_seq]);
        self.written.eras.push(Era { epoch, after: last_seq });
        self.write_identity()?;
        Ok(epoch)
    }

    /// Completes a restore of a node that follows the original: it has the same history, and decides nothing.
    pub fn is_joined(&mut self) -> Result<Epoch, OpenError> {
        self.written.role = Role::Replica;
        self.write_identity()?;
        Ok(self.epoch())
    }

    /// The identity in a directory that this process has open, for a change of it.
    pub fn again(path: &Path) -> Result<Self, OpenError> {
        let identity = path.join(IDENTITY);
        let text = fs::read_to_string(&identity).map_err(OpenError::io(&identity))?;
        let written = Written::parse(&text).map_err(|what| Damage { seq: 0, what })?;
        Ok(Self::with(path, written, None))
    }

    /// What a node may do with it.
    pub fn role(&self) -> Role {
        self.written.role
    }

    /// Remembers, on disk, what a node may do with it.
    pub fn set_role(&mut self, role: Role) -> Result<(), OpenError> {
        if self.written.role != role {
            self.written.role = role;
            self.write_identity()?;
        }
        Ok(())
    }

    /// A node that followed another decides from now on: begins an era after its last record, on disk when it returns.
    pub fn is_promoted(&mut self, last_seq: Seq, entropy: u64) -> Result<Identity, OpenError> {
        let epoch = epoch_from(&[entropy, self.epoch().0, last_seq, PROMOTED]);
        // Eras that were told ahead of the log that came are not part of this history.
        self.written.eras.retain(|era| era.after <= last_seq);
        self.written.eras.push(Era { epoch, after: last_seq });
        self.written.role = Role::Primary;
        self.write_identity()?;
        self.identity()
    }

    /// The node that is followed has these eras, up to its last record; on disk when it returns. They may only go on
    /// from those that are known here.
    pub fn takes_eras(&mut self, identity: &str, last_seq: Seq) -> Result<Identity, OpenError> {
        let theirs = Written::parse(identity).map_err(|what| Damage { seq: 0, what })?;
        let before = |eras: &[Era]| eras.iter().copied().filter(|era| era.after < last_seq).collect::<Vec<_>>();
        if before(&theirs.eras) != before(&self.written.eras) {
            let what = "the node that is followed has another history".to_owned();
            return Err(Damage { seq: last_seq, what }.into());
        }
        if theirs.eras != self.written.eras || theirs.anchors != self.written.anchors {
            (self.written.eras, self.written.anchors) = (theirs.eras, theirs.anchors);
            self.write_identity()?;
        }
        self.identity()
    }

    fn identity(&self) -> Result<Identity, OpenError> {
        let missing = || Damage { seq: 0, what: "the file `secret` is missing".into() };
        let secret = self.read_secret()?.ok_or_else(missing)?;
        Ok(Identity::new(&self.written.eras, self.written.plain_until, &secret))
    }

    /// Opens it, and creates it if necessary, with an epoch from `entropy`.
    pub fn open(path: &Path, entropy: u64) -> Result<Self, OpenError> {
        if !path.exists() {
            if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                fs::create_dir_all(parent).map_err(OpenError::io(parent))?;
            }
            make_private(path).map_err(OpenError::io(path))?;
        }
        let lock = take_lock(path)?;
        let identity = path.join(IDENTITY);
        if !identity.exists() && path.join(UNFINISHED_RESTORE).exists() {
            let what = "a restore into this directory was interrupted; restore again".to_owned();
            return Err(Damage { seq: 0, what }.into());
        }
        if !identity.exists() && path.join("journal").exists() {
            let what = "the file `identity` is missing beside a log".to_owned();
            return Err(Damage { seq: 0, what }.into());
        }
        if !identity.exists() {
            let written = Written {
                eras: vec![Era { epoch: Epoch(entropy), after: 0 }],
                plain_until: 0,
                anchors: Anchors::default(),
                birth: None,
                role: Role::Primary,
            };
            let mut made = Self { created: true, ..Self::with(path, written, Some(lock)) };
            // The rest of an interrupted first start, which has issued no ids yet.
            made.write_secret()?;
            made.write_identity()?;
            if let Some(parent) = path.canonicalize().ok().as_deref().and_then(Path::parent) {
                sync_directory(parent)?;
            }
            return Ok(made);
        }
        let text = fs::read_to_string(&identity).map_err(OpenError::io(&identity))?;
        let written = Written::parse(&text).map_err(|what| Damage { seq: 0, what })?;
        let found = Birth::of(&identity).map_err(OpenError::io(&identity))?;
        let is_copied_by_files = written.birth.is_some_and(|birth| !birth.is(found));
        let is_copy = path.join(RESTORED).exists() || is_copied_by_files;
        Ok(Self { is_copy, is_copied_by_files, ..Self::with(path, written, Some(lock)) })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("images")
    }

    /// Its epochs so far, oldest first.
    pub fn eras(&self) -> &[Era] {
        &self.written.eras
    }

    /// The current epoch.
    pub fn epoch(&self) -> Epoch {
        self.written.eras.last().map_or(Epoch(0), |era| era.epoch)
    }

    pub fn take_lock(&mut self) -> Option<File> {
        self.lock.take()
    }

    /// The recorded points where the log was ahead of its clock.
    pub fn anchors(&self) -> &Anchors {
        &self.written.anchors
    }

    /// Settles the identity, now that the last record is known: a copy gets a new epoch from `entropy`, an older format
    /// is rewritten, `anchors` are stored, and permissions are restricted.
    pub fn settle(
        &mut self,
        last_seq: Seq,
        entropy: u64,
        anchors: &Anchors,
    ) -> Result<(Identity, Option<NewEpoch>), OpenError> {
        self.close_to_others()?;
        let marker = self.path.join(RESTORED);
        let is_marked = marker.exists();
        let secret = match self.read_secret()? {
            Some(secret) => secret,
            None if self.written.birth.is_some() && !is_marked => {
                let what = "the file `secret` is missing, and reservation ids are unreadable without it; restore it \
                            from the original directory, or start with --restored, which creates a new one: ids that \
                            were issued before are unknown then";
                return Err(Damage { seq: 0, what: what.into() }.into());
            }
            None => self.write_secret()?,
        };
        let mut new_epoch = None;
        let is_old_format = self.written.birth.is_none();
        if is_old_format {
            // Ids that were issued before keep their text, also in a copy.
            self.written.plain_until = last_seq;
        }
        // A copy of a node that follows another follows it, too: it decides nothing that the original does not.
        if self.is_copy && self.written.role == Role::Primary {
            let before = self.epoch();
            let birth = Birth::of(&self.path.join(IDENTITY)).map_err(OpenError::io(&self.path))?;
            let epoch = epoch_from(&[entropy, before.0, birth.inode, birth.born.unwrap_or(0)]);
            self.written.eras.push(Era { epoch, after: last_seq });
            new_epoch = Some(NewEpoch { before, after: last_seq });
        }
        if self.is_copy || is_old_format || self.written.anchors != *anchors {
            self.written.anchors = anchors.clone();
            self.write_identity()?;
            self.is_copy = false;
        }
        if is_marked {
            fs::remove_file(&marker).map_err(OpenError::io(&marker))?;
            sync_directory(&self.path)?;
        }
        Ok((Identity::new(&self.written.eras, self.written.plain_until, &secret), new_epoch))
    }

    /// Rewrites `identity` atomically.
    fn write_identity(&mut self) -> Result<(), OpenError> {
        let (identity, unfinished) = (self.path.join(IDENTITY), self.path.join("identity.unfinished"));
        let mut trusts_birth = true;
        // At most twice: a file system that changes the birth time at a rename is asked only once more.
        for _ in 0..2 {
            if unfinished.exists() {
                fs::remove_file(&unfinished).map_err(OpenError::io(&unfinished))?;
            }
            let written = private_file().write(true).create_new(true).open(&unfinished).and_then(|mut file| {
                let birth = Birth::of(&unfinished)?;
                self.written.birth = Some(Birth { born: birth.born.filter(|_| trusts_birth), ..birth });
                file.write_all(self.written.to_text().as_bytes())?;
                file.sync_all()
            });
            written.and_then(|()| fs::rename(&unfinished, &identity)).map_err(OpenError::io(&identity))?;
            sync_directory(&self.path)?;
            let found = Birth::of(&identity).map_err(OpenError::io(&identity))?;
            trusts_birth = self.written.birth.is_some_and(|birth| birth.is(found));
            if trusts_birth {
                break;
            }
        }
        Ok(())
    }

    fn read_secret(&self) -> Result<Option<Secret>, OpenError> {
        let path = self.path.join(SECRET);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => String::new(),
            Err(source) => return Err(OpenError::Io { path, source }),
        };
        parse_secret(&text).map(Some).ok_or_else(|| {
            let what = "the file `secret` is damaged; restore it from the original directory, or delete it and start \
                        with --restored: ids that were issued before are unknown then";
            Damage { seq: 0, what: what.into() }.into()
        })
    }

    fn write_secret(&self) -> Result<Secret, OpenError> {
        let (path, unfinished) = (self.path.join(SECRET), self.path.join("secret.unfinished"));
        let mut secret = Secret::default();
        // The only random number that the engine draws itself: a secret should not be passed around.
        let written = File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut secret)).and_then(|()| {
            let mut file = private_file().write(true).create(true).truncate(true).open(&unfinished)?;
            file.write_all(secret_text(&secret).as_bytes())?;
            file.sync_all()
        });
        written.and_then(|()| fs::rename(&unfinished, &path)).map_err(OpenError::io(&path))?;
        sync_directory(&self.path)?;
        Ok(secret)
    }

    /// Removes permissions of other users from everything in the directory. Paths that belong to another user stay
    /// unchanged, and are reported.
    fn close_to_others(&mut self) -> Result<(), OpenError> {
        let mut open = Vec::new();
        let io = OpenError::io(&self.path);
        let closed = close(&self.path, &mut open).and_then(|()| {
            for entry in fs::read_dir(&self.path)? {
                let entry = entry?;
                let path = entry.path();
                let kind = entry.file_type()?;
                let is_own = ["journal", "journal.fresh", "journal.old", "images", "archive"]
                    .iter()
                    .any(|name| entry.file_name() == *name);
                if kind.is_file() {
                    close(&path, &mut open)?;
                } else if is_own {
                    close_all(&path, &mut open)?;
                }
            }
            Ok(())
        });
        closed.map_err(io)?;
        self.open_to_others = open;
        Ok(())
    }
}

/// A new epoch.
fn epoch_from(words: &[u64]) -> Epoch {
    let mut digest = blake3::Hasher::new();
    for word in words {
        digest.update(&word.to_le_bytes());
    }
    Epoch(u64::from_le_bytes(*digest.finalize().as_bytes().first_chunk().unwrap_or(&[0; 8])))
}

fn secret_text(secret: &Secret) -> String {
    let digits: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{digits} {:08x}\n", crc32fast::hash(secret))
}

fn parse_secret(text: &str) -> Option<Secret> {
    let mut secret = Secret::default();
    for (at, byte) in secret.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    (secret_text(&secret) == text).then_some(secret)
}

fn take_lock(path: &Path) -> Result<File, OpenError> {
    let lock_path = path.join("lock");
    let lock = private_file().create(true).truncate(false).write(true).open(&lock_path);
    let lock = lock.map_err(OpenError::io(&lock_path))?;
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).map_err(|_| OpenError::Io {
        path: path.to_owned(),
        source: io::Error::new(io::ErrorKind::WouldBlock, "another process has this data directory open"),
    })?;
    Ok(lock)
}

/// The small files of a directory that a backup contains.
pub(crate) fn kept_files(path: &Path) -> Result<Vec<Extra>, OpenError> {
    let mut kept = Vec::new();
    for name in [IDENTITY, SECRET] {
        let file = path.join(name);
        match fs::read(&file) {
            Ok(bytes) => kept.push(Extra { name: name.to_owned(), bytes }),
            Err(error) if error.kind() == io::ErrorKind::NotFound && name == SECRET => {}
            Err(source) => return Err(OpenError::Io { path: file, source }),
        }
    }
    Ok(kept)
}

/// The text of the `identity` of a directory.
pub(crate) fn identity_file(path: &Path) -> Result<String, OpenError> {
    let identity = path.join(IDENTITY);
    fs::read_to_string(&identity).map_err(OpenError::io(&identity))
}

/// The role and the epochs that the file `identity` of a data directory contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedIdentity {
    /// What a node may do with it.
    pub role: Role,
    /// The epochs of its history, oldest first.
    pub epochs: Vec<Epoch>,
}

/// Reads the file `identity` of a data directory; `None` if there is no directory. Changes nothing, and takes no lock.
///
/// # Errors
/// Its identity is unreadable.
pub fn recorded_identity(path: &Path) -> Result<Option<RecordedIdentity>, OpenError> {
    if !path.join(IDENTITY).exists() {
        return Ok(None);
    }
    let written = Written::parse(&identity_file(path)?).map_err(|what| Damage { seq: 0, what })?;
    let epochs = written.eras.iter().map(|era| era.epoch).collect();
    Ok(Some(RecordedIdentity { role: written.role, epochs }))
}

/// Locks a data directory for this process, until the file is dropped.
///
/// # Errors
/// Another process has it open.
pub fn lock_directory(path: &Path) -> Result<File, OpenError> {
    take_lock(path)
}

/// Keeps the owner's permissions.
fn close(path: &Path, open: &mut Vec<PathBuf>) -> io::Result<()> {
    let metadata = fs::metadata(path)?;
    let mode = metadata.permissions().mode() & 0o7777;
    let wanted = if metadata.is_dir() { 0o700 } else { 0o600 };
    if mode & 0o077 == 0 && mode & wanted == wanted {
        return Ok(());
    }
    match fs::set_permissions(path, Permissions::from_mode(wanted)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => open.push(path.to_owned()),
        Err(error) => return Err(error),
        Ok(()) => {}
    }
    Ok(())
}

/// A directory of the store with its contents: a few files, and one level of directories.
fn close_all(path: &Path, open: &mut Vec<PathBuf>) -> io::Result<()> {
    close(path, open)?;
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if !entry.file_type()?.is_symlink() {
                close_all(&entry.path(), open)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_comes_in_as_it_went_out() {
        let text = secret_text(&[0xa7; 32]);
        assert_eq!(parse_secret(&text), Some([0xa7; 32]));
        assert_eq!(parse_secret(&text.replacen("a7", "a6", 1)), None);
        assert_eq!(parse_secret(""), None);
    }
}
