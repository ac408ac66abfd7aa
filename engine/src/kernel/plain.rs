//! Commands with one line, row or step, which the watchdog identifies by their kind alone, in one word.

/// The kind of such a command.
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
    /// The kind with this number; `None` for 0.
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
