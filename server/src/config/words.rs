//! Settings whose value is one of a few words.

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::journal::{Store, Sync};
use super::names::{Noted, Undeclared};
use super::telemetry::LogFormat;

/// Defines an enum setting; a parse error lists the allowed words.
macro_rules! words {
    ($($setting:ident { $($word:literal => $case:ident),+ })+) => {
        $(impl<'de> Deserialize<'de> for $setting {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                match String::deserialize(deserializer)?.as_str() {
                    $($word => Ok(Self::$case),)+
                    other => Err(D::Error::custom(format!("{other:?} is not {}", [$($word),+].join(" or ")))),
                }
            }
        })+
    };
}

words! {
    Store { "sled" => Sled, "file" => File }
    Sync { "always" => Always, "interval" => Interval }
    Undeclared { "refuse" => Refuse, "accept" => Accept }
    Noted { "accept" => Accept, "refuse" => Refuse }
    LogFormat { "auto" => Auto, "human" => Human, "json" => Json }
}
