//! API keys: 256 random bits, shown once, kept as a hash.
//!
//! The file is written whole, beside itself, and renamed: whoever reads it sees the old one or the new one.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anaquel_engine::settings::PromiseLimits;
use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};

use crate::auth::identity::{Identity, Scope, digest};

/// How a key begins, so that it is known for one wherever it turns up.
pub const TOKEN_PREFIX: &str = "anq_";

/// Letters and digits that are not mistaken for each other.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// All keys of a server.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    /// All of them.
    pub keys: Vec<Key>,
}

/// What is kept of a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Stands in the key itself, in the log, and in answers.
    pub id: String,
    /// The first of those that took each other's place: repeats are told under any of them.
    pub lineage: String,
    /// Whose it is.
    pub name: String,
    /// BLAKE3 of the whole key, in hex.
    pub hash: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The channels that it is bound to; none for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<String>,
    /// The locations that it is bound to; none for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locations: Vec<String>,
    /// What it may ask for, and have open, beside what the settings say of every key.
    #[serde(default, skip_serializing_if = "is_unlimited")]
    pub limits: PromiseLimits,
    /// Seconds since 1970.
    pub created_at: u64,
    /// When it ends, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// When it was revoked, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<u64>,
}

/// What a new key may do.
#[derive(Debug, Clone)]
pub struct Grant {
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The channels that it is bound to; none for all.
    pub channels: Vec<String>,
    /// The locations that it is bound to; none for all.
    pub locations: Vec<String>,
    /// What it may ask for and have open.
    pub limits: PromiseLimits,
    /// When it ends, in seconds since 1970.
    pub expires_at: Option<u64>,
}

fn is_unlimited(limits: &PromiseLimits) -> bool {
    *limits == PromiseLimits::default()
}

impl Key {
    fn is_valid(&self, now: u64) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| now < at)
    }

    /// What became of it.
    pub fn state(&self, now: u64) -> &'static str {
        match (self.revoked_at, self.is_valid(now)) {
            (Some(_), _) => "revoked",
            (None, false) => "expired",
            (None, true) => "valid",
        }
    }
}

impl KeyFile {
    /// Reads the file; none where there is none.
    ///
    /// # Errors
    /// It is not a file of keys.
    pub fn read(path: &Path) -> anyhow::Result<Option<Self>> {
        match fs::read(path) {
            Ok(text) => {
                let file =
                    serde_json::from_slice(&text).with_context(|| format!("{}: not a file of keys", path.display()));
                file.map(Some)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    /// Changes the file, one process at a time: what another did meanwhile is not undone.
    ///
    /// # Errors
    /// The file cannot be read or written, or `change` fails, and nothing is changed.
    pub fn change<T>(path: &Path, change: impl FnOnce(&mut Self) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let locked = || -> std::io::Result<fs::File> {
            let lock =
                fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path.with_extension("lock"))?;
            lock.lock()?;
            Ok(lock)
        };
        let _lock = locked().with_context(|| format!("locking {}", path.display()))?;
        let mut file = Self::read(path)?.unwrap_or_default();
        let changed = change(&mut file)?;
        file.write(path)?;
        Ok(changed)
    }

    /// Writes the file, for its owner's eyes only.
    ///
    /// # Errors
    /// The folder cannot be written.
    fn write(&self, path: &Path) -> anyhow::Result<()> {
        let written = || -> std::io::Result<()> {
            let beside = path.with_extension("new");
            let mut options = fs::OpenOptions::new();
            let mut file = options.create(true).write(true).truncate(true).mode(0o600).open(&beside)?;
            file.write_all(serde_json::to_string_pretty(self)?.as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, path)?;
            match path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => fs::File::open(folder)?.sync_all(),
                _ => Ok(()),
            }
        };
        written().with_context(|| format!("writing {}", path.display()))
    }

    /// Makes a key; it is told here, and never again.
    ///
    /// # Errors
    /// What is asked for makes no sense, or the system gives no random numbers.
    pub fn add(&mut self, grant: Grant, now: u64) -> anyhow::Result<(String, String)> {
        self.make(grant, None, now)
    }

    fn make(&mut self, grant: Grant, lineage: Option<String>, now: u64) -> anyhow::Result<(String, String)> {
        let Grant { name, mut scopes, channels, locations, limits, expires_at } = grant;
        ensure!(!name.is_empty() && name.len() <= 64, "a name has 1 to 64 bytes");
        ensure!(!scopes.is_empty(), "--scope: a key without one could do nothing");
        let unallocated = scopes.iter().find(|scope| !scope.can_be_bound());
        if let Some(scope) = unallocated.filter(|_| !channels.is_empty() || !locations.is_empty()) {
            anyhow::bail!("--scope {scope}: is about all channels and locations, and cannot be bound to some");
        }
        scopes.sort_unstable();
        scopes.dedup();
        let (id, secret) = (random_text(8)?, random_text(52)?);
        let token = format!("{TOKEN_PREFIX}{id}_{secret}");
        let hash = hash(&token);
        let lineage = lineage.unwrap_or_else(|| id.clone());
        let key = Key {
            id: id.clone(),
            lineage,
            name,
            hash,
            scopes,
            channels,
            locations,
            limits,
            created_at: now,
            expires_at,
            revoked_at: None,
        };
        self.keys.push(key);
        Ok((id, token))
    }

    /// Makes a key with the rights of another, which is good for `overlap` seconds more.
    ///
    /// # Errors
    /// There is no such key, or it is not valid any more.
    pub fn rotate(&mut self, id: &str, overlap: u64, now: u64) -> anyhow::Result<(String, String)> {
        let old = self.get_mut(id)?;
        ensure!(old.is_valid(now), "{id} is {}; add a new one", old.state(now));
        let grant = Grant {
            name: old.name.clone(),
            scopes: old.scopes.clone(),
            channels: old.channels.clone(),
            locations: old.locations.clone(),
            limits: old.limits,
            expires_at: old.expires_at,
        };
        let lineage = old.lineage.clone();
        let until = now.saturating_add(overlap);
        old.expires_at = Some(old.expires_at.map_or(until, |at| at.min(until)));
        self.make(grant, Some(lineage), now)
    }

    /// Ends a key.
    ///
    /// # Errors
    /// There is no such key.
    pub fn revoke(&mut self, id: &str, now: u64) -> anyhow::Result<()> {
        self.get_mut(id)?.revoked_at.get_or_insert(now);
        Ok(())
    }

    fn get_mut(&mut self, id: &str) -> anyhow::Result<&mut Key> {
        self.keys.iter_mut().find(|key| key.id == id).with_context(|| format!("there is no key {id}"))
    }

    /// Whose key this is, if it is one and valid. What is compared is compared in constant time.
    pub fn find(&self, token: &str, now: u64) -> Option<Identity> {
        let (id, _) = token.strip_prefix(TOKEN_PREFIX)?.split_once('_')?;
        let key = self.keys.iter().find(|key| key.id == id)?;
        let expected = blake3::Hash::from_hex(&key.hash).ok()?;
        let is_it = blake3::hash(token.as_bytes()) == expected;
        let lineage = format!("key:{}", key.lineage);
        (is_it && key.is_valid(now)).then(|| Identity {
            name: key.name.clone(),
            key: key.id.clone(),
            is_key: true,
            share: digest("", &lineage),
            lineage,
            issuer: None,
            signer: 0,
            scopes: key.scopes.clone(),
            channels: key.channels.clone(),
            locations: key.locations.clone(),
            limits: key.limits,
            expires_at: key.expires_at,
        })
    }

    /// The public part of the key that `token` is, or claims to be; nothing that somebody made up.
    pub fn id_in(&self, token: &str) -> Option<&str> {
        let (id, _) = token.strip_prefix(TOKEN_PREFIX)?.split_once('_')?;
        self.keys.iter().find(|key| key.id == id).map(|key| key.id.as_str())
    }

    /// Whether there is such a key, and it is valid.
    pub fn is_valid(&self, id: &str, now: u64) -> bool {
        self.keys.iter().any(|key| key.id == id && key.is_valid(now))
    }
}

fn hash(token: &str) -> String {
    blake3::hash(token.as_bytes()).to_hex().to_string()
}

/// Random letters and digits, five bits each.
fn random_text(length: usize) -> anyhow::Result<String> {
    let mut bytes = vec![0_u8; length];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("the system gives no random numbers: {error}"))?;
    let letter = |byte: &u8| ALPHABET.get(usize::from(byte % 32)).copied().map_or('0', char::from);
    Ok(bytes.iter().map(letter).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    fn grant(scopes: &[Scope]) -> Grant {
        let (channels, locations, limits) = (Vec::new(), Vec::new(), PromiseLimits::default());
        Grant { name: "till-14".into(), scopes: scopes.to_vec(), channels, locations, limits, expires_at: None }
    }

    #[test]
    fn a_key_is_known_by_its_whole_text_and_by_nothing_less() {
        let mut file = KeyFile::default();
        let (id, token) = file.add(grant(&[Scope::Reserve, Scope::Read, Scope::Read]), 100).unwrap();
        let found = file.find(&token, 100).unwrap();
        assert_eq!((found.name.as_str(), found.key.as_str()), ("till-14", id.as_str()));
        assert_eq!(found.scopes, [Scope::Read, Scope::Reserve]);
        assert!(
            !serde_json::to_string(&file).unwrap().contains(token.rsplit('_').next().unwrap()),
            "only its hash is kept"
        );
        for wrong in [&token[..token.len() - 1], &format!("{token}0"), &format!("anq_{id}_"), "anq_", "", "anq_x_y"] {
            assert_eq!(file.find(wrong, 100), None, "{wrong}");
        }
    }

    #[test]
    fn revoked_expired_and_rotated_keys_end_when_they_should() {
        let mut file = KeyFile::default();
        let (id, token) = file.add(Grant { expires_at: Some(200), ..grant(&[Scope::Read]) }, 100).unwrap();
        assert!(file.find(&token, 199).is_some() && file.find(&token, 200).is_none());
        let (newer, second) = file.rotate(&id, 10, 150).unwrap();
        assert!(file.find(&token, 159).is_some() && file.find(&token, 160).is_none(), "both live for a while");
        assert!(file.find(&second, 199).is_some());
        file.revoke(&newer, 170).unwrap();
        assert!(file.find(&second, 170).is_none());
        assert!(file.rotate(&newer, 10, 171).is_err() && file.revoke("nobody", 1).is_err());
    }

    #[test]
    fn what_is_about_everything_cannot_be_bound() {
        let bound = Grant { locations: vec!["s14".into()], ..grant(&[Scope::Read, Scope::Import]) };
        assert!(KeyFile::default().add(bound, 1).unwrap_err().to_string().contains("import"));
        assert!(KeyFile::default().add(grant(&[]), 1).is_err());
    }

    #[test]
    fn the_file_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        assert!(KeyFile::read(&path).unwrap().is_none());
        let mut file = KeyFile::default();
        let (_, token) = file.add(grant(&[Scope::Ops]), 1).unwrap();
        file.write(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(KeyFile::read(&path).unwrap().unwrap().find(&token, 2).is_some());
        fs::write(&path, "{").unwrap();
        assert!(KeyFile::read(&path).unwrap_err().to_string().contains("not a file of keys"));
    }
}
