//! The index of the archive: keys in order, on disk, so that memory does not grow with history.
//!
//! It is a list of [runs](super::run), oldest first, each with its keys in order; of a key that several have, the newest
//! counts. Each change is a run of its own. Eight runs of one size become one of the next, so that there are few.
//!
//! ```text
//!  <folder>/NNNNNNNNNN.run    a run; it never changes
//!  <folder>/list              which runs count, and up to where they have the archive: replaced as a whole
//! ```
//!
//! The index can be rebuilt from the archive, so it is never the only copy of anything. The last change can be taken back:
//! it is the last run. An index that cannot be opened, or belongs to another history, is deleted, and begins anew.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::{Bound, ControlFlow};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use super::place::ArchivePlace;
use super::run::{Cursor, Run, RunWriter};
use crate::encoding::{decode, encode};
use crate::private::{make_private, private_file};

/// Runs of one size that become one of the next.
const RUNS_OF_A_SIZE: usize = 8;

const LIST: &str = "list";
const RUN: &str = ".run";

/// Why the index is unreadable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the index of the archive is unreadable: {0}. It is made anew at the next start without the folder `index`")]
pub struct IndexError(String);

impl IndexError {
    /// The index belongs to another state of the files.
    pub fn behind() -> Self {
        Self("it belongs to another state of the files".to_owned())
    }
}

impl From<io::Error> for IndexError {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

/// What changes in one step.
#[derive(Debug, Default)]
pub struct IndexChange(BTreeMap<Vec<u8>, Vec<u8>>);

impl IndexChange {
    /// Sets a key.
    pub fn set(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.0.insert(key, value);
    }
}

/// A run as the list names it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Listed {
    number: u64,
    size: u8,
    bytes: u64,
}

/// What the list says.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct List {
    history: u64,
    /// Where the files of the archive end.
    ends: Vec<ArchivePlace>,
    /// Where they ended before the last run, if it may be taken back.
    before: Option<Vec<ArchivePlace>>,
    runs: Vec<Listed>,
    next: u64,
}

/// The runs that count.
#[derive(Debug, Clone)]
struct Runs {
    list: List,
    open: Vec<Arc<Run>>,
}

/// The index of an archive. One thread changes it, any number read.
#[derive(Debug)]
pub struct ArchiveIndex {
    folder: PathBuf,
    runs: RwLock<Arc<Runs>>,
}

/// Keys between two ends.
pub type KeyRange = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// Receives a key with its value; breaks to end the walk.
pub type EachKey<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

fn path_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:010}{RUN}"))
}

impl ArchiveIndex {
    /// Opens the index of a history in `folder`, or begins it anew. Returns the ends of the files that it has, none if
    /// it is new.
    ///
    /// # Errors
    /// An error of the file system.
    pub fn open(folder: &Path, history: u64) -> io::Result<(Self, Vec<ArchivePlace>)> {
        if let Some(parent) = folder.parent() {
            make_private(parent)?;
        }
        let runs = match existing(folder, history) {
            Some(runs) => runs,
            None => {
                Self::remove(folder)?;
                make_private(folder)?;
                let list = List { history, ends: Vec::new(), before: None, runs: Vec::new(), next: 1 };
                Runs { list, open: Vec::new() }
            }
        };
        remove_others(folder, &runs.list)?;
        let ends = runs.list.ends.clone();
        Ok((Self { folder: folder.to_owned(), runs: RwLock::new(Arc::new(runs)) }, ends))
    }

    /// Removes an index.
    ///
    /// # Errors
    /// An error of the file system.
    pub fn remove(folder: &Path) -> io::Result<()> {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    fn now(&self) -> Arc<Runs> {
        Arc::clone(&self.runs.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes it, durably: from here on it has the archive up to `ends`.
    ///
    /// # Errors
    /// It is unreadable, or cannot be written.
    pub fn apply(&self, change: IndexChange, ends: &[ArchivePlace]) -> Result<(), IndexError> {
        let before = self.now();
        let mut runs = Runs::clone(&before);
        // Bounded by the sizes that there are.
        while let Some(first) = runs.mergeable() {
            self.merge(&mut runs, first)?;
        }
        let entries = change.0.len() as u64;
        let mut writer = RunWriter::create(&path_of(&self.folder, runs.list.next), entries)?;
        change.0.iter().try_for_each(|(key, value)| writer.push(key, value))?;
        self.add(&mut runs, writer, 0)?;
        runs.list.before = Some(std::mem::replace(&mut runs.list.ends, ends.to_vec()));
        self.publish(runs)?;
        self.remove_gone(&before)
    }

    /// Takes the last change back, and returns the ends of the files that it has then.
    ///
    /// # Errors
    /// It is unreadable.
    pub fn take_back(&self) -> Result<Vec<ArchivePlace>, IndexError> {
        let before = self.now();
        let mut runs = Runs::clone(&before);
        let Some(ends) = runs.list.before.take() else { return Ok(runs.list.ends) };
        runs.list.ends.clone_from(&ends);
        runs.list.runs.pop();
        runs.open.pop();
        self.publish(runs)?;
        self.remove_gone(&before)?;
        Ok(ends)
    }

    /// Makes one run of those from `first` on.
    fn merge(&self, runs: &mut Runs, first: usize) -> Result<(), IndexError> {
        let parts = runs.open.split_off(first);
        let size = runs.list.runs.split_off(first).first().map_or(0, |listed| listed.size + 1);
        let entries = parts.iter().map(|run| run.entries()).sum();
        let mut writer = RunWriter::create(&path_of(&self.folder, runs.list.next), entries)?;
        let mut failed = None;
        walk(&parts, (Bound::Unbounded, Bound::Unbounded), false, &mut |key, value| match writer.push(key, value) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        })?;
        failed.map_or(Ok(()), Err)?;
        self.add(runs, writer, size)
    }

    fn add(&self, runs: &mut Runs, writer: RunWriter, size: u8) -> Result<(), IndexError> {
        let (number, bytes) = (runs.list.next, writer.finish()?);
        runs.list.next += 1;
        runs.list.runs.push(Listed { number, size, bytes });
        runs.open.push(Arc::new(Run::open(&path_of(&self.folder, number), bytes)?));
        Ok(())
    }

    /// Replaces the list, durably, and then what readers see.
    fn publish(&self, runs: Runs) -> Result<(), IndexError> {
        let (path, fresh) = (self.folder.join(LIST), self.folder.join("list.fresh"));
        let body = encode(&runs.list);
        let mut file = private_file().write(true).create(true).truncate(true).open(&fresh)?;
        file.write_all(&crc32fast::hash(&body).to_le_bytes())?;
        file.write_all(&body)?;
        file.sync_all()?;
        fs::rename(&fresh, &path)?;
        File::open(&self.folder)?.sync_all()?;
        *self.runs.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(runs);
        Ok(())
    }

    /// Removes the files of runs that no longer count; readers that began before have them open.
    fn remove_gone(&self, before: &Runs) -> Result<(), IndexError> {
        let now = self.now();
        let is_gone = |old: &&Listed| !now.list.runs.iter().any(|listed| listed.number == old.number);
        for gone in before.list.runs.iter().filter(is_gone) {
            fs::remove_file(path_of(&self.folder, gone.number))?;
        }
        Ok(())
    }

    /// The value of a key.
    ///
    /// # Errors
    /// It is unreadable.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        for run in self.now().open.iter().rev() {
            if let Some(value) = run.get(key)? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// Visits keys with their values in a range, in order or backwards, until `visit` breaks.
    ///
    /// # Errors
    /// It is unreadable.
    pub fn each(&self, range: KeyRange, backwards: bool, visit: &mut EachKey<'_>) -> Result<(), IndexError> {
        Ok(walk(&self.now().open, range, backwards, visit)?)
    }
}

impl Runs {
    /// The first of the last runs that should become one.
    fn mergeable(&self) -> Option<usize> {
        let size = self.list.runs.last()?.size;
        let same = self.list.runs.iter().rev().take_while(|listed| listed.size == size).count();
        (same >= RUNS_OF_A_SIZE).then(|| self.list.runs.len() - same)
    }
}

/// What a folder has, if it is whole and of this history.
fn existing(folder: &Path, history: u64) -> Option<Runs> {
    let bytes = fs::read(folder.join(LIST)).ok()?;
    let (check, body) = bytes.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*check) != crc32fast::hash(body) {
        return None;
    }
    let list: List = decode(body).ok()?;
    if list.history != history {
        return None;
    }
    let open = list.runs.iter().map(|listed| Run::open(&path_of(folder, listed.number), listed.bytes).map(Arc::new));
    let open = open.collect::<io::Result<Vec<_>>>().ok()?;
    Some(Runs { list, open })
}

/// Removes what an interrupted change left.
fn remove_others(folder: &Path, list: &List) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let number = name.strip_suffix(RUN).and_then(|digits| digits.parse::<u64>().ok());
        let counts = number.is_some_and(|number| list.runs.iter().any(|listed| listed.number == number));
        if name != LIST && !counts {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Visits the keys of all runs in order, of each the value of the newest run.
fn walk(runs: &[Arc<Run>], range: KeyRange, backwards: bool, visit: &mut EachKey<'_>) -> io::Result<()> {
    let (from, to) = (range.0.as_ref().map(Vec::as_slice), range.1.as_ref().map(Vec::as_slice));
    let mut cursors = Vec::with_capacity(runs.len());
    for run in runs {
        cursors.push(Cursor::new(Arc::clone(run), (from, to), backwards)?);
    }
    loop {
        let mut next: Option<usize> = None;
        // The newest last, so that it wins among equals.
        for (at, cursor) in cursors.iter().enumerate() {
            let Some((key, _)) = cursor.entry() else { continue };
            let best = next.and_then(|best| cursors.get(best)).and_then(Cursor::entry).map(|(best, _)| best);
            let wins = best.is_none_or(|best| if backwards { key >= best } else { key <= best });
            if wins {
                next = Some(at);
            }
        }
        let found = next.and_then(|at| cursors.get(at)).and_then(Cursor::entry);
        let Some((key, value)) = found.map(|(key, value)| (key.to_vec(), value.to_vec())) else { return Ok(()) };
        if visit(&key, &value).is_break() {
            return Ok(());
        }
        for cursor in &mut cursors {
            if cursor.entry().is_some_and(|(own, _)| own == key) {
                cursor.advance()?;
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    fn all(index: &ArchiveIndex, backwards: bool) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut found = Vec::new();
        let range = (Bound::Included(vec![1]), Bound::Unbounded);
        let mut visit = |key: &[u8], value: &[u8]| {
            found.push((key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        };
        index.each(range, backwards, &mut visit).unwrap();
        found
    }

    #[test]
    fn an_index_keeps_its_keys_in_order_and_its_place_through_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("archive").join("index");
        let ends = [ArchivePlace { file: 1, at: 77 }];
        let keys = {
            let (index, found) = ArchiveIndex::open(&at, 7).unwrap();
            assert_eq!(found, []);
            let mut change = IndexChange::default();
            [[2, 1], [1, 9], [1, 3]].into_iter().for_each(|key| change.set(key.to_vec(), vec![key[1]]));
            index.apply(change, &ends).unwrap();
            all(&index, false)
        };
        assert_eq!(keys.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(), [vec![1, 3], vec![1, 9], vec![2, 1]]);
        {
            let (index, found) = ArchiveIndex::open(&at, 7).unwrap();
            assert_eq!((found.as_slice(), all(&index, false)), (&ends[..], keys.clone()));
            assert!(all(&index, true).iter().eq(keys.iter().rev()));
            assert_eq!(index.get(&[1, 9]).unwrap(), Some(vec![9]));
        }
        // Of another history, it begins anew.
        let (index, found) = ArchiveIndex::open(&at, 8).unwrap();
        assert_eq!((found, all(&index, false)), (Vec::new(), Vec::new()));
    }

    #[test]
    fn the_last_change_is_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let (index, _) = ArchiveIndex::open(&folder.path().join("archive").join("index"), 7).unwrap();
        let change = |keys: &[(u8, u8)]| {
            let mut change = IndexChange::default();
            keys.iter().for_each(|(key, value)| change.set(vec![*key], vec![*value]));
            change
        };
        let ends = |at| vec![ArchivePlace { file: 1, at }];
        index.apply(change(&[(1, 1), (2, 1)]), &ends(20)).unwrap();
        let before = all(&index, false);
        index.apply(change(&[(2, 2), (3, 2)]), &ends(30)).unwrap();
        assert_eq!(all(&index, false), [(vec![1], vec![1]), (vec![2], vec![2]), (vec![3], vec![2])]);
        assert_eq!(index.take_back().unwrap(), ends(20));
        assert_eq!(all(&index, false), before);
        // Once only; and a later change stands on what is there.
        assert_eq!(index.take_back().unwrap(), ends(20));
        assert_eq!(all(&index, false), before);
        index.apply(change(&[(4, 3)]), &ends(40)).unwrap();
        assert_eq!(index.take_back().unwrap(), ends(20));
        assert_eq!(all(&index, false), before);
    }

    #[test]
    fn a_damaged_index_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("archive").join("index");
        {
            let (index, _) = ArchiveIndex::open(&at, 7).unwrap();
            let mut change = IndexChange::default();
            change.set(vec![1], vec![1]);
            index.apply(change, &[ArchivePlace { file: 1, at: 20 }]).unwrap();
        }
        for damaged in ["list", "0000000001.run"] {
            let whole = fs::read(at.join(damaged)).unwrap();
            for (nth, byte) in [0, whole.len() / 2, whole.len() - 1].into_iter().enumerate() {
                let mut flipped = whole.clone();
                flipped[byte] ^= 0xa5;
                fs::write(at.join(damaged), &flipped).unwrap();
                let copy = folder.path().join(format!("{damaged}-{nth}"));
                fs::create_dir(&copy).unwrap();
                for entry in fs::read_dir(&at).unwrap() {
                    let path = entry.unwrap().path();
                    fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
                }
                let (index, found) = ArchiveIndex::open(&copy, 7).unwrap();
                // It begins anew, or says so where it is read.
                let is_told = index.get(&[1]).is_err()
                    || index
                        .each((Bound::Unbounded, Bound::Unbounded), false, &mut |_, _| ControlFlow::Continue(()))
                        .is_err();
                assert!(found.is_empty() || is_told, "{damaged} at {byte}");
                fs::write(at.join(damaged), &whole).unwrap();
            }
            let whole = fs::read(at.join(damaged)).unwrap();
            fs::write(at.join(damaged), &whole[..whole.len() - 1]).unwrap();
            let copy = folder.path().join(format!("{damaged}-cut"));
            fs::create_dir(&copy).unwrap();
            for entry in fs::read_dir(&at).unwrap() {
                let path = entry.unwrap().path();
                fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
            }
            assert_eq!(ArchiveIndex::open(&copy, 7).unwrap().1, []);
            fs::write(at.join(damaged), &whole).unwrap();
        }
    }

    /// Many changes, merged on the way, against a map.
    #[test]
    fn runs_answer_as_a_map_does() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("index");
        let (mut index, _) = ArchiveIndex::open(&at, 7).unwrap();
        let (mut map, mut random) = (BTreeMap::new(), 12345_u64);
        let mut draw = move |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % below
        };
        for turn in 0..150_u64 {
            let mut change = IndexChange::default();
            let former = map.clone();
            for _ in 0..draw(60) {
                let key = vec![b'a' + draw(3) as u8; 1 + draw(40) as usize];
                let key = [key, draw(200).to_be_bytes().to_vec()].concat();
                let value = vec![turn as u8; draw(30) as usize];
                map.insert(key.clone(), value.clone());
                change.set(key, value);
            }
            index.apply(change, &[ArchivePlace { file: 1, at: turn }]).unwrap();
            if draw(7) == 0 {
                index.take_back().unwrap();
                map = former;
            }
            if draw(20) == 0 {
                drop(index);
                index = ArchiveIndex::open(&at, 7).unwrap().0;
            }
            let (from, to) = (vec![b'a' + draw(3) as u8], vec![b'a' + draw(4) as u8; 5]);
            if from < to {
                let range = (Bound::Excluded(from), Bound::Included(to));
                for backwards in [false, true] {
                    let mut found = Vec::new();
                    index
                        .each(range.clone(), backwards, &mut |key, value| {
                            found.push((key.to_vec(), value.to_vec()));
                            ControlFlow::Continue(())
                        })
                        .unwrap();
                    let mut wanted: Vec<_> =
                        map.range(range.clone()).map(|(key, value)| (key.clone(), value.clone())).collect();
                    if backwards {
                        wanted.reverse();
                    }
                    assert_eq!(found, wanted, "turn {turn}");
                }
            }
        }
        for (key, value) in &map {
            assert_eq!(index.get(key).unwrap().as_ref(), Some(value));
            assert_eq!(index.get(&[&key[..], b"x"].concat()).unwrap(), None);
        }
        let runs = fs::read_dir(&at).unwrap().count();
        assert!(runs < 30, "{runs} files");
    }
}
