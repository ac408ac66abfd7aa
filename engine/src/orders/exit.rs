//! The exit of a self check-out, as a plain value: a code that passes once, and whether somebody is to look into the bag.

use serde::{Deserialize, Serialize};

use super::step_kind::StepKind;
use crate::ids::Seq;

/// Bags of a customer that are looked into after one that was not what was paid.
const AUDITS_AFTER_MISMATCH: u8 = 3;

/// Why somebody is to look into the bag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AuditReason {
    /// It is one of the sample.
    Sample,
    /// It is the customer's first.
    First,
    /// One of the last three of the customer was not what was paid.
    Mismatch,
}

impl AuditReason {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sample => "sample",
            Self::First => "first",
            Self::Mismatch => "mismatch",
        }
    }
}

/// The state of an exit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ExitState {
    /// The customer is still inside.
    Open,
    /// The customer went out.
    Passed,
    /// The bag was not what was paid.
    Stopped,
}

impl ExitState {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Passed => "passed",
            Self::Stopped => "stopped",
        }
    }
}

/// The exit of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// The code that the customer shows.
    pub code: Box<str>,
    /// Why somebody is to look into the bag; nobody is, without a reason.
    pub reason: Option<AuditReason>,
    /// Its state.
    pub state: ExitState,
    /// Who let the customer pass, or did not.
    pub actor: Option<Box<str>>,
}

impl Exit {
    /// Whether the customer shows its code. People read 0 for O and 1 for I or L; the alphabet has neither letter.
    pub fn has_code(&self, shown: &str) -> bool {
        let read = |c: char| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            c => c,
        };
        self.code.chars().eq(shown.trim().chars().map(read))
    }
}

/// Bags of a customer that are still to be looked into; `None` before the first.
pub(super) type Left = Option<u8>;

/// How many bags of a customer are still to be looked into, since which record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AuditsLeft {
    /// The customer.
    pub customer: Box<str>,
    /// So many.
    pub left: u8,
    /// The record.
    pub seq: Seq,
}

/// Why the bag of a customer is looked into, who has so many left.
pub(super) fn reason(left: Left, is_known: bool, is_sampled: bool) -> Option<AuditReason> {
    let sample = is_sampled.then_some(AuditReason::Sample);
    match left {
        None if is_known => Some(AuditReason::First),
        Some(1..) => Some(AuditReason::Mismatch),
        None | Some(0) => sample,
    }
}

/// What is left after a step of an order with an exit.
pub(super) fn left_after(left: Left, kind: StepKind, exit: &Exit) -> u8 {
    let left = left.unwrap_or(0);
    match (kind == StepKind::Sold, kind == StepKind::Exited && exit.state == ExitState::Stopped) {
        (true, _) => left.saturating_sub(1),
        (false, true) => AUDITS_AFTER_MISMATCH,
        (false, false) => left,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(state: ExitState) -> Exit {
        Exit { code: "01AB".into(), reason: None, state, actor: None }
    }

    #[test]
    fn three_bags_are_looked_into_after_one_that_was_not_what_was_paid() {
        assert_eq!(reason(None, true, true), Some(AuditReason::First));
        assert_eq!((reason(None, false, true), reason(None, false, false)), (Some(AuditReason::Sample), None));
        let open = exit(ExitState::Open);
        let mut left = Some(left_after(None, StepKind::Sold, &open));
        assert_eq!((left, reason(left, true, false)), (Some(0), None));
        left = Some(left_after(left, StepKind::Exited, &exit(ExitState::Stopped)));
        for _ in 0..3 {
            assert_eq!(reason(left, true, true), Some(AuditReason::Mismatch));
            left = Some(left_after(left, StepKind::Sold, &open));
            left = Some(left_after(left, StepKind::Exited, &exit(ExitState::Passed)));
        }
        assert_eq!(reason(left, true, false), None);
    }

    #[test]
    fn a_code_is_read_as_people_write_it() {
        let open = exit(ExitState::Open);
        assert!(open.has_code("01ab") && open.has_code(" oIAb ") && open.has_code("OlAB"));
        assert!(!open.has_code("01AC") && !open.has_code("01A") && !open.has_code("01ABC"));
    }
}
