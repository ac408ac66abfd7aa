//! Why a subscription starts over.

/// Why a subscription must start over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// The cursor is not from this server.
    CursorUnknown,
    /// It belongs to another log.
    EpochChanged,
    /// The log no longer has the records after it.
    CursorTooOld,
    /// The log ends before it.
    CursorAhead,
    /// It belongs to another selection.
    SelectionChanged,
    /// A selected group had other members then.
    GroupChanged,
    /// The channel had another buffer then.
    BufferChanged,
    /// Other rules were in force then.
    RulesChanged,
    /// More cells changed than are stored for one reader.
    TooFarBehind,
    /// The log is unreadable.
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
