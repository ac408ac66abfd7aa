//! The rights of a caller: scopes, channels, locations.

use std::fmt::{self, Display};
use std::str::FromStr;

use anaquel_engine::settings::PromiseLimits;
use serde::{Deserialize, Serialize};

use crate::http::problem::{Problem, Slug};

/// A scope: what a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Read stock, the catalogue and rules; follow the live stream.
    Read,
    /// Reserve units, and confirm, extend or cancel reservations.
    Reserve,
    /// Mark reservations ready, and hand them over.
    Fulfil,
    /// Move and count stock, set inbound supply.
    Stock,
    /// Import files, and set SKUs, locations, groups and channels.
    Import,
    /// Set rules, and compute what other rules would have sold.
    Rules,
    /// Carts, orders, sales, returns, receipts; finding one customer by one identifier.
    Sell,
    /// Carts and orders of one's own, each opened by its token: for pages of a shop.
    Shop,
    /// Refunds off the plan, returns without a sale, prices and discounts by hand.
    Refund,
    /// Personal data of customers, merges, consents.
    Customers,
    /// Set, move, adjust and block wallets.
    Wallet,
    /// Audiences, offers, messages, figures, journeys.
    Marketing,
    /// The log, metrics, exports, the clock.
    Ops,
    /// Follow the log as another node, with its keys and its secret; have this node stop deciding.
    Node,
    /// Everything.
    Admin,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 15] = [
        Self::Read,
        Self::Reserve,
        Self::Fulfil,
        Self::Stock,
        Self::Import,
        Self::Rules,
        Self::Sell,
        Self::Shop,
        Self::Refund,
        Self::Customers,
        Self::Wallet,
        Self::Marketing,
        Self::Ops,
        Self::Node,
        Self::Admin,
    ];

    /// Whether the scope can be bound to channels and locations; the other scopes concern all of them.
    pub fn can_be_bound(self) -> bool {
        matches!(self, Self::Read | Self::Reserve | Self::Fulfil | Self::Stock | Self::Sell | Self::Shop | Self::Refund)
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
            Self::Sell => "sell",
            Self::Shop => "shop",
            Self::Refund => "refund",
            Self::Customers => "customers",
            Self::Wallet => "wallet",
            Self::Marketing => "marketing",
            Self::Ops => "ops",
            Self::Node => "node",
            Self::Admin => "admin",
        })
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|scope| scope.to_string() == text);
        found.ok_or_else(|| format!("{text:?} is not a scope; the scopes are listed in the access guide"))
    }
}

/// An authenticated caller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The name of a key, or the subject of a token.
    pub name: String,
    /// The id of an API key, or of the key that signed the token.
    pub key: String,
    /// Whether `key` is an API key.
    pub is_key: bool,
    /// The identity that idempotency keys belong to: the same for a key and its rotations.
    pub lineage: String,
    /// The issuer of a token, if it names one.
    pub issuer: Option<String>,
    /// The identity that idempotency keys, holds and requests a second count against: the same for a key and its
    /// rotations, and for all tokens of one subject of one issuer.
    pub share: u64,
    /// A digest of the key that signed a token.
    pub signer: u64,
    /// The scopes.
    pub scopes: Vec<Scope>,
    /// The only channels that the caller may use; all, if empty.
    pub channels: Vec<String>,
    /// The only locations that the caller may use; all, if empty.
    pub locations: Vec<String>,
    /// Limits of the caller; the settings apply where a limit is left out.
    pub limits: PromiseLimits,
    /// Seconds since 1970.
    pub expires_at: Option<u64>,
}

/// A digest of an identity, the same after a restart; never 0, which stands for an unauthenticated caller.
pub fn digest(kind: &str, who: &str) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(kind.as_bytes()).update(&[0]).update(who.as_bytes());
    u64::from_le_bytes(hasher.finalize().as_bytes().first_chunk().copied().unwrap_or_default()).max(1)
}

impl Identity {
    /// Whether the caller is bound to channels or locations.
    pub fn is_bound(&self) -> bool {
        !self.channels.is_empty() || !self.locations.is_empty()
    }

    /// Whether the caller has one of these scopes.
    ///
    /// # Errors
    /// `forbidden`, naming the scopes that are sufficient.
    pub fn may(&self, scopes: &[Scope]) -> Result<(), Problem> {
        if self.scopes.contains(&Scope::Admin) || scopes.iter().any(|scope| self.scopes.contains(scope)) {
            return Ok(());
        }
        let needed: Vec<_> = scopes.iter().map(Scope::to_string).collect();
        let needed = if needed.is_empty() { Scope::Admin.to_string() } else { needed.join(" or ") };
        Err(Problem::new(Slug::Forbidden, format!("this needs the scope {needed}")).with("scope", needed))
    }

    /// Whether the caller may act through a channel.
    ///
    /// # Errors
    /// `forbidden`, naming the field and the allowed channels.
    pub fn may_use_channel(&self, field: &str, channel: Option<&str>) -> Result<(), Problem> {
        bound(field, channel, &self.channels, "channel")
    }

    /// Whether the caller may act at a location.
    ///
    /// # Errors
    /// `forbidden`, naming the field and the allowed locations.
    pub fn may_use_location(&self, field: impl Display, location: Option<&str>) -> Result<(), Problem> {
        bound(field, location, &self.locations, "location")
    }
}

fn bound(field: impl Display, given: Option<&str>, allowed: &[String], what: &str) -> Result<(), Problem> {
    if allowed.is_empty() || given.is_some_and(|given| allowed.iter().any(|one| one == given)) {
        return Ok(());
    }
    let only = allowed.join(", ");
    let detail = match given {
        Some(given) => format!("{field}: this key is bound to the {what} {only}, not to {given}"),
        None => format!("{field}: this key is bound to the {what} {only}; name it"),
    };
    Err(Problem::new(Slug::Forbidden, detail).with("field", field.to_string()))
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
