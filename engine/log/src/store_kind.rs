//! The stores of the log on disk, by name.

/// Where the log on disk is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StoreKind {
    /// In sled's tree.
    #[default]
    Sled,
    /// In files that only grow.
    File,
}

impl StoreKind {
    /// Its name, as in the settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sled => "sled",
            Self::File => "file",
        }
    }
}
