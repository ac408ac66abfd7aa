//! What a node may do with its log.

use std::sync::atomic::{AtomicU8, Ordering};

/// What a node may do with its log. A data directory remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Role {
    /// It decides, and writes.
    #[default]
    Primary = 0,
    /// It folds what another node wrote, serves reads, and decides nothing.
    Replica = 1,
    /// It was told to stop, so that another node may take over: it never writes again in this history.
    Demoted = 2,
}

impl Role {
    /// Whether it decides.
    pub fn decides(self) -> bool {
        self == Self::Primary
    }
}

/// The role of a running node.
#[derive(Debug)]
pub(super) struct RoleNow(AtomicU8);

impl RoleNow {
    pub fn new(role: Role) -> Self {
        Self(AtomicU8::new(role as u8))
    }

    pub fn get(&self) -> Role {
        match self.0.load(Ordering::Acquire) {
            0 => Role::Primary,
            1 => Role::Replica,
            _ => Role::Demoted,
        }
    }

    pub fn set(&self, role: Role) {
        self.0.store(role as u8, Ordering::Release);
    }
}
