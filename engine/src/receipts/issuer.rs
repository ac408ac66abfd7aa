//! An issuer: a legal entity that issues receipts, and the chain of everything that it issued.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use crate::ids::{Name, Seq};

/// How the receipts of an issuer are chained, and what is told of them to an authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scheme {
    /// A chain of their canonical JSON; nothing is told to anybody.
    None,
    /// VERI*FACTU of the Spanish tax authority.
    Verifactu,
}

impl Scheme {
    /// Both.
    pub const ALL: [Self; 2] = [Self::None, Self::Verifactu];

    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Verifactu => "verifactu",
        }
    }
}

/// Which of the authority's systems a receipt is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Environment {
    /// The real one.
    Production,
    /// The one for tests.
    Test,
}

impl Environment {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Production, Self::Test];

    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Test => "test",
        }
    }
}

/// The content of an issuer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issuer {
    /// The number under which the tax authority knows it.
    pub tax_id: String,
    /// Its legal name.
    pub name: String,
    /// Its address.
    pub address: String,
    /// ISO 3166 code of its country.
    pub country: [u8; 2],
    /// The name of its time zone in the tz database: its receipts are dated there.
    pub timezone: String,
    /// How its receipts are chained.
    pub scheme: Scheme,
    /// Which of the authority's systems they are meant for.
    pub environment: Environment,
}

impl Issuer {
    /// The code of its country.
    pub fn country(&self) -> &str {
        std::str::from_utf8(&self.country).unwrap_or_default()
    }
}

/// What an issuer said from some record on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerVersion {
    /// The first position of its chain to which this applies.
    pub from: u64,
    /// What it said.
    pub issuer: Arc<Issuer>,
}

/// An issuer as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerStanding {
    /// Its id.
    pub name: Name,
    /// The `seq` of its last change.
    pub version: Seq,
    /// What it said, oldest first: each content under which a receipt was issued, and the present one. Empty if it was
    /// removed.
    pub versions: Arc<Vec<IssuerVersion>>,
    /// Receipts in its chain.
    pub position: u64,
    /// The hash of the last of them.
    pub last: Option<Digest>,
}

impl IssuerStanding {
    /// A new one, of which nothing is said yet.
    pub(super) fn new(name: Name) -> Self {
        Self { name, version: 0, versions: Arc::default(), position: 0, last: None }
    }

    /// Its present content; `None` if it was removed.
    pub fn issuer(&self) -> Option<&Issuer> {
        self.versions.last().map(|version| &*version.issuer)
    }

    /// The same, shared.
    pub(super) fn shared(&self) -> Option<Arc<Issuer>> {
        self.versions.last().map(|version| Arc::clone(&version.issuer))
    }

    /// Its content when it issued the receipt at this position of its chain.
    pub fn at(&self, position: u64) -> Option<&Issuer> {
        let found = self.versions.iter().rev().find(|version| version.from <= position);
        found.map(|version| &*version.issuer)
    }

    /// Its content is this from a record on.
    pub(super) fn set(&mut self, seq: Seq, issuer: Option<Issuer>) {
        if self.version >= seq {
            return;
        }
        self.version = seq;
        let from = self.position + 1;
        let versions = Arc::make_mut(&mut self.versions);
        match issuer {
            Some(issuer) => {
                // A content under which nothing was issued is not kept.
                versions.retain(|version| version.from < from);
                versions.push(IssuerVersion { from, issuer: Arc::new(issuer) });
            }
            None => versions.clear(),
        }
    }

    /// A receipt joined its chain; one that is in it already changes nothing.
    pub(super) fn issued(&mut self, position: u64, hash: Digest) {
        if position > self.position {
            (self.position, self.last) = (position, Some(hash));
        }
    }
}
