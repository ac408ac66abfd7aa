//! The auditor's own books of returns, from the log alone.

use std::collections::BTreeMap;

use super::returned::{Return, ReturnId, ReturnState};
use crate::ids::{Seq, SkuId};
use crate::state::DurableState;

/// What the auditor knows of a return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Audited {
    pub version: Seq,
    pub state: ReturnState,
    /// Units by SKU: those that came, those found sellable, those found damaged.
    pub units: BTreeMap<SkuId, [u64; 3]>,
    pub value: u64,
    pub refunded: u64,
}

impl From<&Return> for Audited {
    fn from(returned: &Return) -> Self {
        let mut units: BTreeMap<SkuId, [u64; 3]> = BTreeMap::new();
        let has_come = matches!(returned.state, ReturnState::Received | ReturnState::Settled);
        for line in returned.lines.iter().filter(|_| has_come) {
            let of_line = [line.quantity, line.found_sellable, line.found_damaged];
            let sums = units.entry(line.sku).or_default();
            sums.iter_mut().zip(of_line).for_each(|(sum, units)| *sum += u64::from(units));
        }
        let (state, value, refunded) = (returned.state, returned.value(), returned.refunded());
        Self { version: returned.version, state, units, value, refunded }
    }
}

/// The returns that the auditor knows.
#[derive(Debug, Default)]
pub(crate) struct Audit(pub(super) BTreeMap<ReturnId, Audited>);

impl Audit {
    /// Starts from a checkpoint instead of from nothing.
    pub fn start_from(&mut self, state: &DurableState) {
        self.0 =
            state.own.returns.all().iter().map(|returned| (returned.id, Audited::from(returned.as_ref()))).collect();
    }

    /// A return leaves for the archive, as it is, and with nothing left to do.
    ///
    /// # Errors
    /// It is another, or something is left.
    pub fn leaves(&mut self, returned: &Return) -> Result<(), String> {
        let known = self.0.remove(&returned.id).ok_or("an unknown return was archived")?;
        match known == Audited::from(returned) && returned.may_leave() {
            true => Ok(()),
            false => {
                Err(format!("the return {} was archived as it is not, or with something left to do", returned.name))
            }
        }
    }

    /// A return comes back from the archive.
    ///
    /// # Errors
    /// It was not there.
    pub fn comes_back(&mut self, returned: &Return) -> Result<(), String> {
        match self.0.insert(returned.id, Audited::from(returned)) {
            None => Ok(()),
            Some(_) => Err(format!("the return {} came back, and had not left", returned.name)),
        }
    }

    /// Compares with the engine's own fold.
    ///
    /// # Errors
    /// The first return that differs.
    pub fn compare(&self, state: &DurableState) -> Result<(), String> {
        let known = state.own.returns.all();
        if known.len() != self.0.len() {
            return Err(format!("memory has {} returns, and the log {}", known.len(), self.0.len()));
        }
        match known.iter().find(|returned| self.0.get(&returned.id) != Some(&Audited::from(returned.as_ref()))) {
            Some(returned) => Err(format!("memory and log disagree on the return {}", returned.name)),
            None => Ok(()),
        }
    }
}
