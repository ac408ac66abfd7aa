//! Commands of one line, row or step, told to whoever watches by their kind alone: they cost a word.

/// A kind of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plain {
    Reserve = 1,
    Confirm,
    Ready,
    Collect,
    Cancel,
    Extend,
    Movements,
}

impl Plain {
    /// The kind of a number; none of 0.
    pub fn of(number: u64) -> Option<Self> {
        let all =
            [Self::Reserve, Self::Confirm, Self::Ready, Self::Collect, Self::Cancel, Self::Extend, Self::Movements];
        all.into_iter().find(|plain| *plain as u64 == number)
    }

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reserve => "reserve",
            Self::Confirm => "confirm",
            Self::Ready => "ready",
            Self::Collect => "collect",
            Self::Cancel => "cancel",
            Self::Extend => "extend",
            Self::Movements => "movements",
        }
    }
}
