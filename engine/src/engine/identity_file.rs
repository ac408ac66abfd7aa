//! The file `identity` of a data directory, as text.

use std::io;
use std::path::Path;

use crate::engine::identity::Era;
use crate::engine::role::Role;
use crate::ids::{Epoch, Seq, Timestamp};
use crate::kernel::clock::{Anchor, Anchors};

const MAGIC: &str = "anaquel data directory";

/// The maximum number of lines when reading; one for each restore of the directory, and a few.
const LINES_MAX: usize = 4096;

/// What identifies the file `identity` itself, and no copy of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Birth {
    pub inode: u64,
    /// Nanoseconds since 1970, if the file system stores them.
    pub born: Option<u64>,
}

impl Birth {
    pub fn of(path: &Path) -> io::Result<Self> {
        use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
        let stat = statx(CWD, path, AtFlags::empty(), StatxFlags::INO | StatxFlags::BTIME)?;
        let time = stat.stx_btime;
        let nanos = u64::try_from(time.tv_sec).ok().map(|seconds| seconds * 1_000_000_000 + u64::from(time.tv_nsec));
        let told = StatxFlags::from_bits_retain(stat.stx_mask).contains(StatxFlags::BTIME);
        Ok(Self { inode: stat.stx_ino, born: nanos.filter(|nanos| told && *nanos > 0) })
    }

    /// Whether a file with `other` is the same one. If both have a birth time, it decides alone: some file systems
    /// change inode numbers with each mount, and none copies the birth time.
    pub fn is(self, other: Self) -> bool {
        match (self.born, other.born) {
            (Some(one), Some(other)) => one == other,
            _ => self.inode == other.inode,
        }
    }
}

/// The content of the file `identity`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    pub eras: Vec<Era>,
    /// Reservations up to here have ids in the form of builds before format 2.
    pub plain_until: Seq,
    /// The points where the log was ahead of its clock.
    pub anchors: Anchors,
    /// `None` in format 1.
    pub birth: Option<Birth>,
    /// What a node may do with the log. Format 2 is that of a primary; others are of format 3, so that no build that does
    /// not know them writes there.
    pub role: Role,
}

impl Written {
    pub fn to_text(&self) -> String {
        let mut text = match self.role {
            Role::Primary => format!("{MAGIC}\nformat 2\n"),
            Role::Replica => format!("{MAGIC}\nformat 3\nrole replica\n"),
            Role::Demoted => format!("{MAGIC}\nformat 3\nrole demoted\n"),
        };
        for Era { epoch, after } in &self.eras {
            text += &format!("epoch {epoch} after {after}\n");
        }
        text += &format!("plain {}\n", self.plain_until);
        for Anchor { clock, log } in &self.anchors.0 {
            text += &format!("clock {} log {}\n", clock.0, log.0);
        }
        if let Some(Birth { inode, born }) = self.birth {
            text += &format!("file {inode} {}\n", born.map_or("unknown".into(), |born| born.to_string()));
        }
        let check = crc32fast::hash(text.as_bytes());
        text + &format!("check {check:08x}\n")
    }

    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        if lines.next() != Some(MAGIC) {
            return Err("the file `identity` does not belong to a data directory".into());
        }
        let epoch = |digits: &str| u64::from_str_radix(digits, 16).ok().map(Epoch);
        match lines.next() {
            Some("format 1") => {
                let named = lines.next().and_then(|line| line.strip_prefix("epoch ")).and_then(epoch);
                let epoch = named.ok_or("the file `identity` contains no epoch")?;
                let eras = vec![Era { epoch, after: 0 }];
                let (anchors, role) = (Anchors::default(), Role::Primary);
                return Ok(Self { eras, plain_until: 0, anchors, birth: None, role });
            }
            Some("format 2" | "format 3") => {}
            other => return Err(format!("the data directory says {other:?}; this build reads formats 1 to 3")),
        }
        let broken = || "the file `identity` is damaged".to_owned();
        let (checked, check) = text.trim_end().rsplit_once('\n').ok_or_else(broken)?;
        let expected = crc32fast::hash(format!("{checked}\n").as_bytes());
        if check != format!("check {expected:08x}") {
            return Err(broken());
        }
        let (mut eras, mut anchors, mut plain_until, mut birth) = (Vec::new(), Vec::new(), None, None);
        let mut role = Role::Primary;
        for line in lines.take(LINES_MAX) {
            let mut words = line.split(' ');
            match (words.next(), words.next(), words.next(), words.next()) {
                (Some("epoch"), Some(digits), Some("after"), Some(after)) => {
                    let after = after.parse().map_err(|_| broken())?;
                    eras.push(Era { epoch: epoch(digits).ok_or_else(broken)?, after });
                }
                (Some("clock"), Some(clock), Some("log"), Some(log)) => {
                    let time = |text: &str| text.parse().map(Timestamp).map_err(|_| broken());
                    anchors.push(Anchor { clock: time(clock)?, log: time(log)? });
                }
                (Some("role"), Some("replica"), None, None) => role = Role::Replica,
                (Some("role"), Some("demoted"), None, None) => role = Role::Demoted,
                (Some("plain"), Some(until), None, None) => plain_until = until.parse().ok(),
                (Some("file"), Some(inode), Some(born), None) => {
                    let inode = inode.parse().map_err(|_| broken())?;
                    birth = Some(Birth { inode, born: born.parse().ok() });
                }
                (Some("check"), Some(_), None, None) => {}
                _ => return Err(broken()),
            }
        }
        if eras.is_empty() || !eras.is_sorted_by_key(|era| era.after) {
            return Err("the file `identity` contains no epoch".into());
        }
        let plain_until = plain_until.ok_or_else(broken)?;
        Ok(Self { eras, plain_until, anchors: Anchors(anchors), birth: Some(birth.ok_or_else(broken)?), role })
    }
}

/// The eras in the text of an `identity`.
pub(crate) fn eras_of(identity: &str) -> Result<Vec<Era>, String> {
    Written::parse(identity).map(|written| written.eras)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_comes_in_as_it_went_out_and_damage_is_found() {
        let written = Written {
            eras: vec![Era { epoch: Epoch(0xfeed), after: 0 }, Era { epoch: Epoch(0xbead), after: 1841 }],
            plain_until: 12,
            anchors: Anchors(vec![Anchor { clock: Timestamp(5), log: Timestamp(9) }]),
            birth: Some(Birth { inode: 77, born: Some(1_800_000_000_123_456_789) }),
            role: Role::Primary,
        };
        let text = written.to_text();
        assert_eq!(Written::parse(&text), Ok(written.clone()));
        for role in [Role::Replica, Role::Demoted] {
            let written = Written { role, ..written.clone() };
            let text = written.to_text();
            assert!(text.starts_with("anaquel data directory\nformat 3\n"), "older builds refuse it: {text}");
            assert_eq!(Written::parse(&text), Ok(written));
        }
        for at in 0..text.len() - 1 {
            let mut damaged = text.clone().into_bytes();
            damaged[at] ^= 1;
            let damaged = String::from_utf8(damaged).unwrap_or_default();
            assert!(Written::parse(&damaged).is_err(), "{damaged}");
        }
        let unknown = Written { birth: Some(Birth { inode: 77, born: None }), ..written };
        assert_eq!(Written::parse(&unknown.to_text()), Ok(unknown));
        let old = Written::parse("anaquel data directory\nformat 1\nepoch 000000000000feed\n").map(|old| old.birth);
        assert_eq!(old, Ok(None));
    }

    #[test]
    fn a_file_is_told_by_its_birth_and_else_by_its_number() {
        let file = |inode, born| Birth { inode, born };
        assert!(file(1, Some(5)).is(file(2, Some(5))), "numbers may change with a mount");
        assert!(!file(1, Some(5)).is(file(1, Some(6))), "a number may be used again");
        assert!(file(1, Some(5)).is(file(1, None)));
        assert!(!file(1, None).is(file(2, Some(5))));
    }
}
