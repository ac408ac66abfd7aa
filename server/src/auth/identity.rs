//! What a caller may do, and for which channels and locations.

use std::fmt;
use std::str::FromStr;

use anaquel_engine::settings::PromiseLimits;
use serde::{Deserialize, Serialize};

use crate::http::problem::{Problem, Slug};

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Read stock, the catalogue and rules; follow the live stream.
    Read,
    /// Promise units, and take promises as far as confirmation or cancellation.
    Reserve,
    /// Make promises ready, and hand them over.
    Fulfil,
    /// Move and count stock, tell supply.
    Stock,
    /// Load files, and set SKUs, locations, groups and channels.
    Import,
    /// Set rules, and try what others would have sold.
    Rules,
    /// The log, metrics, exports, the clock.
    Ops,
    /// Everything.
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Read, Self::Reserve, Self::Fulfil, Self::Stock, Self::Import, Self::Rules, Self::Ops, Self::Admin];

    /// Whether it can be bound to channels and locations: what the others do is about all of them.
    pub fn can_be_bound(self) -> bool {
        matches!(self, Self::Read | Self::Reserve | Self::Fulfil | Self::Stock)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Reserve => "reserve",
            Self::Fulfil => "fulfil",
            Self::Stock => "stock",
            Self::Import => "import",
            Self::Rules => "rules",
            Self::Ops => "ops",
            Self::Admin => "admin",
        })
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|scope| scope.to_string() == text);
        found.ok_or_else(|| format!("{text:?} is no scope"))
    }
}

/// A caller who was let in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Who: the name of a key, or the subject of a token.
    pub name: String,
    /// By what: the id of an API key, or of the key that signed the token.
    pub key: String,
    /// Whether that is an API key.
    pub is_key: bool,
    /// Whose repeats it may send: the same for all keys that took each other's place.
    pub lineage: String,
    /// Who issued a token, if it says so.
    pub issuer: Option<String>,
    /// Whose share its keys and its holds count against, and whose requests a second: the same for all keys that took each
    /// other's place, and for all tokens of one subject of one issuer.
    pub share: u64,
    /// A digest of the key that signed a token.
    pub signer: u64,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The only channels that it speaks for; any, if empty.
    pub channels: Vec<String>,
    /// The only locations that it acts at; any, if empty.
    pub locations: Vec<String>,
    /// What it may ask for, and have open; what is left out is that of the settings.
    pub limits: PromiseLimits,
    /// Seconds since 1970.
    pub expires_at: Option<u64>,
}

/// A digest of who somebody is, the same after a restart; never 0, which is nobody.
pub fn digest(kind: &str, who: &str) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(kind.as_bytes()).update(&[0]).update(who.as_bytes());
    u64::from_le_bytes(hasher.finalize().as_bytes().first_chunk().copied().unwrap_or_default()).max(1)
}

impl Identity {
    /// Whether it is bound to channels or locations.
    pub fn is_bound(&self) -> bool {
        !self.channels.is_empty() || !self.locations.is_empty()
    }

    /// Whether it has one of these scopes.
    ///
    /// # Errors
    /// `forbidden`, naming the scopes that would do.
    pub fn may(&self, scopes: &[Scope]) -> Result<(), Problem> {
        if self.scopes.contains(&Scope::Admin) || scopes.iter().any(|scope| self.scopes.contains(scope)) {
            return Ok(());
        }
        let needed: Vec<_> = scopes.iter().map(Scope::to_string).collect();
        let needed = if needed.is_empty() { Scope::Admin.to_string() } else { needed.join(" or ") };
        Err(Problem::new(Slug::Forbidden, format!("this needs the scope {needed}")).with("scope", needed))
    }

    /// Whether it speaks for a channel.
    ///
    /// # Errors
    /// `forbidden`, naming the field and the channels that would do.
    pub fn may_use_channel(&self, field: &str, channel: Option<&str>) -> Result<(), Problem> {
        bound(field, channel, &self.channels, "channel")
    }

    /// Whether it acts at a location.
    ///
    /// # Errors
    /// `forbidden`, naming the field and the locations that would do.
    pub fn may_use_location(&self, field: &str, location: Option<&str>) -> Result<(), Problem> {
        bound(field, location, &self.locations, "location")
    }
}

fn bound(field: &str, given: Option<&str>, allowed: &[String], what: &str) -> Result<(), Problem> {
    if allowed.is_empty() || given.is_some_and(|given| allowed.iter().any(|one| one == given)) {
        return Ok(());
    }
    let only = allowed.join(", ");
    let detail = match given {
        Some(given) => format!("{field}: this key is bound to the {what} {only}, and not for {given}"),
        None => format!("{field}: this key is bound to the {what} {only}; name it"),
    };
    Err(Problem::new(Slug::Forbidden, detail).with("field", field))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_as_they_are_shown() {
        for scope in Scope::ALL {
            assert_eq!(scope.to_string().parse::<Scope>(), Ok(scope));
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.to_string());
        }
        assert!("Read".parse::<Scope>().is_err() && "".parse::<Scope>().is_err());
    }

    #[test]
    fn a_bound_caller_is_bound() {
        let till = Identity { locations: vec!["s14".into()], scopes: vec![Scope::Stock], ..Identity::default() };
        assert!(till.may_use_location("location", Some("s14")).is_ok());
        assert!(till.may_use_location("location", Some("s15")).is_err());
        assert!(till.may_use_location("location", None).is_err(), "no place is not its place");
        assert!(till.may_use_channel("channel", Some("anything")).is_ok());
        assert!(till.may(&[Scope::Stock]).is_ok() && till.may(&[Scope::Read, Scope::Stock]).is_ok());
        assert!(till.may(&[Scope::Read]).is_err() && till.may(&[]).is_err());
        let admin = Identity { scopes: vec![Scope::Admin], ..Identity::default() };
        assert!(admin.may(&[]).is_ok() && admin.may(&[Scope::Ops]).is_ok());
    }
}
