//! Where and when a step is told: its channel, its location, its till, and when it happened.

use std::fmt::Display;

use anaquel_engine::Engine;
use anaquel_engine::ids::{LocationId, Name, Timestamp};
use anaquel_engine::orders::command::Teller;

use crate::auth::Scope;
use crate::auth::caller::Caller;
use crate::http::problem::Problem;
use crate::wire::declared::unknown;
use crate::wire::{asking_channel, name, optional_name, parse_time};

/// A time within this distance of now counts as now.
const NOW_MS: u64 = 120_000;

/// The maximum age of a step that is told late, in days.
const OFFLINE_DAYS: u64 = 30;

/// The channel of the engine's own transfers.
const OWN_CHANNEL: &str = "transfer";

/// What a request says of itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Told<'a> {
    /// The channel; if it is left out, the order's.
    pub channel: Option<&'a str>,
    /// The location.
    pub location: Option<&'a str>,
    /// The till.
    pub till: Option<&'a str>,
    /// When it happened.
    pub occurred_at: Option<&'a str>,
    /// Whether a till was offline then: it is told late, however soon.
    pub offline: bool,
}

/// When a step happened that is told late; `None` if it is now. What an offline till tells is late, however soon.
///
/// # Errors
/// It lies ahead, or too far back.
pub fn happened(now: Timestamp, text: Option<&str>, offline: bool) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let at = parse_time("occurred_at", text)?;
    if at.since_ms(now) > NOW_MS {
        return Err(Problem::invalid("occurred_at", "is more than 120 seconds in the future"));
    }
    if now.since_ms(at) > OFFLINE_DAYS * 86_400_000 {
        let reason = format!("is more than {OFFLINE_DAYS} days ago; import it as history instead");
        return Err(Problem::invalid("occurred_at", reason));
    }
    if offline {
        return Ok(Some(at.min(now)));
    }
    Ok(Some(at).filter(|_| now.since_ms(at) > NOW_MS))
}

/// Reads the channel of a caller.
///
/// # Errors
/// It is no channel, not declared, the engine's own, or not the caller's.
pub fn channel(engine: &Engine, caller: &Caller, text: &str) -> Result<Name, Problem> {
    let channel = name("channel", text)?;
    if text == OWN_CHANNEL {
        return Err(Problem::invalid("channel", "transfer is the channel of transfers, and no caller's"));
    }
    caller.may_use_channel("channel", Some(text))?;
    asking_channel(engine, Some(&channel))?;
    Ok(channel)
}

/// Reads a location that there is, and that the caller may use.
///
/// # Errors
/// It is unknown, or not the caller's.
pub fn location(engine: &Engine, caller: &Caller, field: impl Display, text: &str) -> Result<LocationId, Problem> {
    name(&field, text)?;
    caller.may_use_location(&field, Some(text))?;
    engine.state().catalogue.locations.id(text).ok_or_else(|| unknown(field, text))
}

impl Told<'_> {
    /// Who tells a step; `own` is the channel of the order. What depends on the time is decided with the step: the repeat
    /// of a keyed request is answered as first, however late it comes.
    ///
    /// # Errors
    /// What is wrong, or what the caller may not do.
    pub fn teller(&self, engine: &Engine, caller: &Caller, own: Option<&Name>) -> Result<Teller, Problem> {
        let channel = match (self.channel, own) {
            (Some(text), _) => channel(engine, caller, text)?,
            (None, Some(own)) => own.clone(),
            (None, None) => return Err(Problem::invalid("channel", "is required")),
        };
        let location = self.location.map(|text| location(engine, caller, "location", text)).transpose()?;
        let occurred_at = self.late(engine, caller)?;
        Ok(Teller { channel, location, till: optional_name("till", self.till)?, occurred_at })
    }

    /// When the step happened, if it is told late; who may tell so has the scope `stock`.
    ///
    /// # Errors
    /// It lies ahead or too far back, or the caller may not tell it.
    pub fn late(&self, engine: &Engine, caller: &Caller) -> Result<Option<Timestamp>, Problem> {
        if self.offline && self.occurred_at.is_none() {
            return Err(Problem::invalid("occurred_at", "is required with offline: say when it happened"));
        }
        let occurred_at = happened(engine.now(), self.occurred_at, self.offline)?;
        if occurred_at.is_some() {
            caller.may(&[Scope::Stock]).map_err(|problem| problem.with("field", "occurred_at"))?;
        }
        Ok(occurred_at)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;
    use crate::wire::time;

    #[test]
    fn two_minutes_are_now_and_thirty_days_are_too_long() {
        let now = Timestamp(1_800_000_000_000);
        let told = |ms: i64, offline: bool| {
            happened(now, Some(&time(Timestamp(now.0.checked_add_signed(ms).unwrap()))), offline)
        };
        let at = |ms: i64| told(ms, false);
        for ms in [0, 120_000, -120_000, 1, -1] {
            assert_eq!(at(ms).unwrap(), None, "{ms}");
        }
        assert_eq!(at(-120_001).unwrap(), Some(Timestamp(now.0 - 120_001)));
        assert_eq!(at(-30 * 86_400_000).unwrap(), Some(Timestamp(now.0 - 30 * 86_400_000)));
        for ms in [120_001, -30 * 86_400_000 - 1] {
            assert_eq!(at(ms).unwrap_err().status(), 400, "{ms}");
        }
        assert_eq!(happened(now, None, true).unwrap(), None);
        assert!(happened(now, Some("yesterday"), false).is_err());
        // Of an offline till it is late at once, and never ahead of the log.
        assert_eq!(told(-1, true).unwrap(), Some(Timestamp(now.0 - 1)));
        assert_eq!(told(120_000, true).unwrap(), Some(now));
        assert!(told(120_001, true).is_err());
    }
}
