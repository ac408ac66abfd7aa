//! API keys: 256 random bits, shown once, stored as a hash.
//!
//! The file is written to a temporary file and renamed: a reader sees the old or the new content.

use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anaquel_engine::settings::PromiseLimits;
use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};

use crate::auth::files;
use crate::auth::identity::{Identity, Scope, digest};

/// The prefix of a key, which makes a leaked key easy to recognise.
pub const TOKEN_PREFIX: &str = "anq_";

/// Letters and digits that people do not confuse.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// All keys of a server.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    /// The keys.
    pub keys: Vec<Key>,
}

/// What is stored of a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// The public part: it is in the key itself, in the log, and in answers.
    pub id: String,
    /// The id of the first key of a chain of rotations: idempotency keys belong to the chain.
    pub lineage: String,
    /// The name of the key's owner.
    pub name: String,
    /// BLAKE3 of the whole key, in hex.
    pub hash: String,
    /// Its scopes.
    pub scopes: Vec<Scope>,
    /// The channels that it is bound to; all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<String>,
    /// The locations that it is bound to; all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locations: Vec<String>,
    /// Its limits, in place of those of the settings.
    #[serde(default, skip_serializing_if = "is_unlimited")]
    pub limits: PromiseLimits,
    /// Seconds since 1970.
    pub created_at: u64,
    /// When it expires, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// When it was revoked, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<u64>,
}

/// The properties of a new key.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The name of its owner.
    pub name: String,
    /// Its scopes.
    pub scopes: Vec<Scope>,
    /// The channels that it is bound to; all if empty.
    pub channels: Vec<String>,
    /// The locations that it is bound to; all if empty.
    pub locations: Vec<String>,
    /// Its limits.
    pub limits: PromiseLimits,
    /// When it expires, in seconds since 1970.
    pub expires_at: Option<u64>,
}

fn is_unlimited(limits: &PromiseLimits) -> bool {
    *limits == PromiseLimits::default()
}

impl Key {
    fn is_valid(&self, now: u64) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| now < at)
    }

    /// Whether it is valid, revoked or expired.
    pub fn state(&self, now: u64) -> &'static str {
        match (self.revoked_at, self.is_valid(now)) {
            (Some(_), _) => "revoked",
            (None, false) => "expired",
            (None, true) => "valid",
        }
    }
}

impl KeyFile {
    /// Reads the file; `None` if it does not exist.
    ///
    /// # Errors
    /// The file is not a file of keys.
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

    /// Changes the file under a lock, so that changes of another process are kept.
    ///
    /// # Errors
    /// The file cannot be read or written, or `change` fails; nothing is changed then.
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

    /// Writes the file, readable by its owner only.
    ///
    /// # Errors
    /// The folder is not writable.
    fn write(&self, path: &Path) -> anyhow::Result<()> {
        files::replace(path, serde_json::to_string_pretty(self)?.as_bytes())
            .with_context(|| format!("writing {}", path.display()))
    }

    /// Creates a key and returns it; only its hash is stored.
    ///
    /// # Errors
    /// The properties are invalid, or the system returns no random numbers.
    pub fn add(&mut self, grant: Grant, now: u64) -> anyhow::Result<(String, String)> {
        self.make(grant, None, now)
    }

    fn make(&mut self, grant: Grant, lineage: Option<String>, now: u64) -> anyhow::Result<(String, String)> {
        let Grant { name, mut scopes, channels, locations, limits, expires_at } = grant;
        ensure!(!name.is_empty() && name.len() <= 64, "a name has 1 to 64 bytes");
        ensure!(!scopes.is_empty(), "--scope: name at least one; a key without a scope has no rights");
        let unallocated = scopes.iter().find(|scope| !scope.can_be_bound());
        if let Some(scope) = unallocated.filter(|_| !channels.is_empty() || !locations.is_empty()) {
            anyhow::bail!(
                "--scope {scope}: concerns all channels and locations; leave out --channel and --location, \
                           or use another scope"
            );
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

    /// Creates a key with the rights of another key, which stays valid for `overlap` seconds.
    ///
    /// # Errors
    /// The other key does not exist, or is not valid.
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

    /// Revokes a key.
    ///
    /// # Errors
    /// The key does not exist.
    pub fn revoke(&mut self, id: &str, now: u64) -> anyhow::Result<()> {
        self.get_mut(id)?.revoked_at.get_or_insert(now);
        Ok(())
    }

    fn get_mut(&mut self, id: &str) -> anyhow::Result<&mut Key> {
        self.keys.iter_mut().find(|key| key.id == id).with_context(|| format!("there is no key {id}"))
    }

    /// The key that `token` is, if it is known and valid. The comparison takes constant time.
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

    /// The public part of a known key that `token` claims to be; `None` for an invented one.
    pub fn id_in(&self, token: &str) -> Option<&str> {
        let (id, _) = token.strip_prefix(TOKEN_PREFIX)?.split_once('_')?;
        self.keys.iter().find(|key| key.id == id).map(|key| key.id.as_str())
    }

    /// Whether the key exists and is valid.
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
    getrandom::fill(&mut bytes).map_err(|error| {
        anyhow::anyhow!(
            "the operating system returned no random numbers: \
        {error}"
        )
    })?;
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
