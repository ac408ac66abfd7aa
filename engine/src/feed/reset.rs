//! Why a subscriber starts over.

/// Why a subscriber must start over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// The cursor is none that this server gave.
    CursorUnknown,
    /// It is of another log.
    EpochChanged,
    /// The log no longer has what came after it.
    CursorTooOld,
    /// The log does not reach so far.
    CursorAhead,
    /// It was given for another selection.
    SelectionChanged,
    /// A selected group had other members then.
    GroupChanged,
    /// The channel's buffer was another then.
    BufferChanged,
    /// Other rules were in force then.
    RulesChanged,
    /// More cells changed than are kept for one reader.
    TooFarBehind,
    /// The log cannot be read.
    LogUnreadable,
}

impl Reset {
    /// The reason on the wire.
    pub fn slug(self) -> &'static str {
        match self {
            Self::CursorUnknown => "cursor-unknown",
            Self::EpochChanged => "epoch-changed",
            Self::CursorTooOld => "cursor-too-old",
            Self::CursorAhead => "cursor-ahead",
            Self::SelectionChanged => "selection-changed",
            Self::GroupChanged => "group-changed",
            Self::BufferChanged => "buffer-changed",
            Self::RulesChanged => "rules-changed",
            Self::TooFarBehind => "too-far-behind",
            Self::LogUnreadable => "log-unreadable",
        }
    }
}
