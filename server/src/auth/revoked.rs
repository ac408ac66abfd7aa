//! Keys that were revoked over HTTP: a file of the server's own in the data directory.
//!
//! The file of keys may belong to a tool that writes it again, or be read-only. So a revocation is first kept here, and
//! counts whatever the file of keys says later: the id of a key is random and never given twice.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::auth::files;
use crate::auth::keys::KeyFile;

/// The name of the file in the data directory.
pub const FILE_NAME: &str = "revoked.json";

/// The content of the file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoked {
    /// By the id of the key: when it was revoked, in seconds since 1970.
    keys: BTreeMap<String, u64>,
}

impl Revoked {
    /// Where the file of a data directory is.
    pub fn path(data: &Path) -> PathBuf {
        data.join(FILE_NAME)
    }

    /// Reads the file; nothing is revoked if it does not exist.
    ///
    /// # Errors
    /// The file is not one of revoked keys.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        match std::fs::read(path) {
            Ok(text) => {
                serde_json::from_slice(&text).with_context(|| format!("{}: not a file of revoked keys", path.display()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    /// Adds a key to the file, on disk when it returns. A key that is in the file stays as it is.
    ///
    /// # Errors
    /// The file cannot be read or written; nothing is changed then.
    pub fn add(path: &Path, id: &str, now: u64) -> anyhow::Result<()> {
        let mut file = Self::read(path)?;
        file.keys.entry(id.to_owned()).or_insert(now);
        files::replace(path, serde_json::to_string_pretty(&file)?.as_bytes())
            .with_context(|| format!("writing {}", path.display()))
    }

    /// Adds all keys of `other`, the text of such a file, on disk when it returns: says whether one was new. No key is ever
    /// taken out.
    ///
    /// # Errors
    /// Either is not a file of revoked keys, or the file cannot be written; nothing is changed then.
    pub fn add_all(path: &Path, other: &[u8]) -> anyhow::Result<bool> {
        let other: Self = serde_json::from_slice(other).context("not a file of revoked keys")?;
        let mut file = Self::read(path)?;
        let before = file.keys.len();
        for (id, at) in other.keys {
            file.keys.entry(id).or_insert(at);
        }
        if file.keys.len() == before {
            return Ok(false);
        }
        files::replace(path, serde_json::to_string_pretty(&file)?.as_bytes())
            .with_context(|| format!("writing {}", path.display()))?;
        Ok(true)
    }

    /// Revokes its keys among those of `file`.
    pub fn apply(&self, file: &mut KeyFile) {
        for key in &mut file.keys {
            if let Some(at) = self.keys.get(&key.id) {
                key.revoked_at.get_or_insert(*at);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use anaquel_engine::settings::PromiseLimits;

    use super::*;
    use crate::auth::keys::Grant;
    use crate::auth::{Identity, Scope};

    #[test]
    fn a_revocation_outlives_the_file_of_keys() {
        let folder = tempfile::tempdir().unwrap();
        let path = Revoked::path(folder.path());
        let grant = Grant {
            name: "till".into(),
            scopes: vec![Scope::Read],
            channels: vec![],
            locations: vec![],
            limits: PromiseLimits::default(),
            expires_at: None,
        };
        let mut file = KeyFile::default();
        let (id, token) = file.add(grant, 1).unwrap();
        Revoked::read(&path).unwrap().apply(&mut file);
        assert_eq!(file.find(&token, 2).map(|Identity { name, .. }| name).as_deref(), Some("till"));
        Revoked::add(&path, &id, 7).unwrap();
        Revoked::add(&path, &id, 9).unwrap();
        // The same file of keys, as a tool wrote it: without the revocation.
        Revoked::read(&path).unwrap().apply(&mut file);
        assert_eq!(file.find(&token, 10), None);
        assert_eq!(file.keys.first().and_then(|key| key.revoked_at), Some(7), "the first time counts");
        // Another node has revoked another one: both stay revoked, and the same again is nothing new.
        let other = br#"{"keys": {"elsewhere": 5}}"#;
        assert!(Revoked::add_all(&path, other).unwrap());
        assert!(!Revoked::add_all(&path, other).unwrap());
        assert!(!Revoked::add_all(&path, b"{\"keys\": {}}").unwrap());
        assert_eq!(Revoked::read(&path).unwrap().keys.len(), 2);
        assert!(Revoked::add_all(&path, b"[").is_err());
        std::fs::write(&path, "[").unwrap();
        assert!(Revoked::read(&path).is_err() && Revoked::add(&path, &id, 9).is_err());
    }
}
