//! Authentication and authorisation: who a caller is, and what the caller may do.
//!
//! - [`identity`]: scopes, and the channels and locations that a caller is bound to
//! - [`keys`]: API keys, hashed in a file that the command line changes and the server watches
//! - [`tokens`]: JWTs, signed by a key of a JWKS file
//! - [`revoked`]: the keys that were revoked over HTTP
//! - `verified`: a cache of verified keys and tokens
//! - [`failures`]: failed authentications, counted and logged
//! - [`rates`]: limits of requests a second, by address and by key
//! - [`hosts`]: which names the server answers to
//! - [`origins`]: which pages may open sockets, and write
//! - [`proxies`]: the caller behind a trusted proxy
//! - [`tls`]: the certificate, reloaded when it changes
//! - [`principal`]: the authenticated caller of a request
//! - [`caller`]: the principal with its idempotency key and its share
//! - [`visibility`]: which rules, channels and numbers a caller sees
//!
//! Without keys and without a JWKS file the server does not authenticate callers, and listens on loopback only.

pub mod caller;
pub mod failures;
pub(crate) mod files;
pub mod hosts;
pub mod identity;
pub mod keys;
pub(crate) mod network;
pub mod origins;
pub mod principal;
pub mod proxies;
pub(crate) mod rates;
pub mod revoked;
pub mod tls;
mod tokens;
mod verified;
pub mod visibility;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::auth::failures::{Failures, Reason};
use crate::auth::hosts::Hosts;
pub use crate::auth::identity::{Identity, Scope, digest};
use crate::auth::keys::{Key, KeyFile, TOKEN_PREFIX};
use crate::auth::origins::Origins;
use crate::auth::principal::Principal;
use crate::auth::proxies::Proxies;
use crate::auth::rates::Rates;
use crate::auth::revoked::Revoked;
use crate::auth::tokens::Tokens;
use crate::auth::verified::Verified;
use crate::config::{AuthConfig, Config};
use crate::http::problem::{Problem, Slug};

/// How often the files are checked: a revoked key stops working within this time.
const LOOK: Duration = Duration::from_millis(100);

/// Everything that authenticates callers: keys, tokens, origins, hosts, proxies and rate limits.
pub struct Auth {
    keys_path: PathBuf,
    revoked_path: PathBuf,
    auth: AuthConfig,
    known: ArcSwap<Known>,
    /// Held while the files are read and the result is put in force: what was read earlier never replaces what was read
    /// later.
    reading: Mutex<()>,
    /// The state of the files at the last read.
    seen: Mutex<Stamps>,
    /// Changes whenever the keys change, so that open streams check their principal again.
    changed: watch::Sender<u64>,
    /// Allowed origins of web pages.
    pub origins: Arc<Origins>,
    /// Names that the server answers to.
    pub hosts: Hosts,
    /// Failed authentications.
    pub failures: Failures,
    /// Trusted proxies.
    pub proxies: Proxies,
    rates: Rates,
}

/// The content of the files.
#[derive(Default)]
struct Known {
    keys: Option<KeyFile>,
    tokens: Option<Tokens>,
    /// Verified against the files above.
    verified: Verified,
}

impl Auth {
    /// Reads the files that `config` names.
    ///
    /// # Errors
    /// A file is invalid.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let auth = Self {
            keys_path: config.auth.keys_path(&config.data),
            revoked_path: Revoked::path(&config.data),
            auth: config.auth.clone(),
            known: ArcSwap::default(),
            reading: Mutex::default(),
            seen: Mutex::default(),
            changed: watch::channel(0).0,
            origins: Arc::new(Origins::new(&config.auth.origins, config.insecure)?),
            hosts: Hosts::new(&config.auth.hosts, config.listen.ip(), config.insecure)?,
            failures: Failures::default(),
            proxies: Proxies::new(&config.trusted_proxies)?,
            rates: Rates::new(&config.limits),
        };
        // Read the state first: a change during the read causes another read.
        *auth.seen() = auth.stamps();
        auth.known.store(Arc::new(auth.read()?));
        let is_missing = config.auth.keys.is_some() && auth.known.load().keys.is_none();
        anyhow::ensure!(
            !is_missing,
            "auth.keys: {} does not exist; `anaquel keys add` creates it",
            auth.keys_path.display()
        );
        Ok(auth)
    }

    fn read(&self) -> anyhow::Result<Known> {
        let mut keys = KeyFile::read(&self.keys_path)?;
        // A server that requires keys still requires them if the file is deleted.
        let before = self.known.load();
        if keys.is_none() && before.keys.is_some() {
            tracing::error!(path = %self.keys_path.display(), "the file of keys is missing; the known keys stay valid");
            keys.clone_from(&before.keys);
        }
        if let Some(keys) = &mut keys {
            Revoked::read(&self.revoked_path)?.apply(keys);
        }
        let tokens = self.auth.jwks.as_deref().map(|path| Tokens::read(path, &self.auth)).transpose()?;
        Ok(Known { keys, tokens, verified: Verified::default() })
    }

    /// Whether callers must authenticate.
    pub fn is_locked(&self) -> bool {
        let known = self.known.load();
        known.keys.is_some() || known.tokens.is_some()
    }

    /// A receiver that reports every change of the keys.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Authenticates the bearer of `token`, who calls `route` from `address`. A failure is counted and logged.
    ///
    /// # Errors
    /// `unauthorized`, with a reason that reveals nothing about valid keys.
    pub fn admit(&self, token: Option<&str>, address: Option<IpAddr>, route: &str) -> Result<Arc<Identity>, Problem> {
        const UNKNOWN: &str = "the key is unknown, revoked or expired";
        let refuse = |reason, key: Option<&str>, told: &str| {
            self.failures.note(reason, address, route, key);
            unauthorized(told)
        };
        let Some(token) = token else {
            return Err(refuse(Reason::NoKey, None, "Authorization: send Bearer and a key or a token"));
        };
        let known = self.known.load();
        let now = now_seconds();
        known.verified.identity(token, now, || match (&known.keys, &known.tokens) {
            (Some(keys), _) if token.starts_with(TOKEN_PREFIX) => {
                keys.find(token, now).ok_or_else(|| refuse(Reason::BadKey, keys.id_in(token), UNKNOWN))
            }
            (_, Some(tokens)) if !token.starts_with(TOKEN_PREFIX) => {
                tokens.identify(token).map_err(|told| refuse(Reason::BadToken, None, &told))
            }
            _ => Err(refuse(Reason::BadKey, None, UNKNOWN)),
        })
    }

    /// Counts a request against the rate limits.
    ///
    /// # Errors
    /// `too-many-requests`, naming the limit and when to try again.
    pub fn has_room_for(&self, address: Option<IpAddr>, identity: Option<&Identity>) -> Result<(), Problem> {
        address.map_or(Ok(()), |address| self.rates.check_address(address))?;
        identity.map_or(Ok(()), |identity| self.rates.check_identity(identity))
    }

    /// Whether a principal is still valid: its key may be revoked, its token expired, or the server may require keys by
    /// now.
    pub fn is_still_valid(&self, principal: Option<&Principal>) -> bool {
        principal.map_or_else(|| !self.is_locked(), |principal| self.still_admits(&principal.identity))
    }

    fn still_admits(&self, identity: &Identity) -> bool {
        let now = now_seconds();
        let known = self.known.load();
        let is_known = match &known.keys {
            Some(keys) if identity.is_key => keys.is_valid(&identity.key, now),
            None if identity.is_key => false,
            _ => known.tokens.as_ref().is_some_and(|tokens| tokens.has(identity)),
        };
        is_known && identity.expires_at.is_none_or(|at| now < at)
    }

    /// Checks the files periodically and applies changes while the server runs. An unreadable file changes nothing.
    pub async fn watch(self: Arc<Self>) {
        let mut complained = Stamps::default();
        loop {
            tokio::time::sleep(LOOK).await;
            self.failures.tell_rest();
            let now = self.stamps();
            if now == *self.seen() {
                continue;
            }
            // An unreadable file is read again at each check; the error is logged once.
            let is_new = std::mem::replace(&mut complained, now) != now;
            match self.reload() {
                Ok(()) => tracing::info!("reloaded the keys"),
                Err(error) if is_new => {
                    tracing::error!(error = format!("{error:#}"), "cannot read the keys; the known keys stay valid");
                }
                Err(_) => {}
            }
        }
    }

    /// Reads the files again now, and puts them in force. Blocks.
    ///
    /// # Errors
    /// A file is unreadable, and the known keys stay valid.
    pub fn look_again(&self) -> anyhow::Result<()> {
        self.reload()
    }

    /// Also revokes what another node has revoked, the text of its file.
    ///
    /// # Errors
    /// It is no such file, or this node's cannot be written.
    pub fn revoke_all(&self, other: &[u8]) -> anyhow::Result<()> {
        let is_new = {
            let _one = crate::lock::lock(&self.reading);
            Revoked::add_all(&self.revoked_path, other)?
        };
        if is_new { self.reload() } else { Ok(()) }
    }

    /// Reads the files again, and puts them in force.
    fn reload(&self) -> anyhow::Result<()> {
        let _one = crate::lock::lock(&self.reading);
        // Read the state first: a change during the read causes another read.
        let now = self.stamps();
        let known = self.read()?;
        *self.seen() = now;
        self.known.store(Arc::new(known));
        self.changed.send_modify(|count| *count += 1);
        Ok(())
    }

    /// All keys, also those that are revoked or expired, oldest first. Tokens are not known to the server.
    pub fn keys(&self) -> Vec<Key> {
        self.known.load().keys.as_ref().map(|file| file.keys.clone()).unwrap_or_default()
    }

    /// Revokes a key, on disk and in force when it returns; `None` if there is no such key. The revocation is kept in a
    /// file of the server's own, so that it outlives a file of keys that is written again or cannot be written. Blocks.
    ///
    /// # Errors
    /// It cannot be written, and the key stays valid.
    pub fn revoke(&self, id: &str, now: u64) -> anyhow::Result<Option<Key>> {
        let found = || self.keys().into_iter().find(|key| key.id == id);
        if found().is_none() {
            return Ok(None);
        }
        {
            let _one = crate::lock::lock(&self.reading);
            Revoked::add(&self.revoked_path, id, now)?;
        }
        if self.keys_path.exists()
            && let Err(error) = KeyFile::change(&self.keys_path, |file| file.revoke(id, now))
        {
            tracing::warn!(key = id, error = format!("{error:#}"), "the file of keys does not say that it is revoked");
        }
        self.reload()?;
        Ok(found())
    }

    fn seen(&self) -> MutexGuard<'_, Stamps> {
        crate::lock::lock(&self.seen)
    }

    fn stamps(&self) -> Stamps {
        [stamp(&self.keys_path), self.auth.jwks.as_deref().and_then(stamp), stamp(&self.revoked_path)]
    }
}

/// The files of keys, of tokens and of revocations: when each was last written, and its length.
type Stamps = [Option<(SystemTime, u64)>; 3];

/// When a file was last written, and its length.
fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len()))
}

/// Seconds since 1970.
pub fn now_seconds() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0)
}

fn unauthorized(reason: impl Into<String>) -> Problem {
    Problem::new(Slug::Unauthorized, reason)
}
