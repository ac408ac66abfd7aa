//! The forms of money.

use serde::{Deserialize, Serialize};

/// In which form money came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Tender {
    /// Coins and notes.
    Cash,
    /// A card.
    Card,
    /// A wallet.
    Wallet,
    /// Points.
    Points,
    /// A transfer from a bank.
    Bank,
    /// A voucher.
    Voucher,
    /// On the customer's account.
    OnAccount,
    /// Goods that came back in the same step.
    Exchange,
    /// Any other form.
    Other,
}

impl Tender {
    /// All tenders.
    pub const ALL: [Self; 9] = [
        Self::Cash,
        Self::Card,
        Self::Wallet,
        Self::Points,
        Self::Bank,
        Self::Voucher,
        Self::OnAccount,
        Self::Exchange,
        Self::Other,
    ];

    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cash => "cash",
            Self::Card => "card",
            Self::Wallet => "wallet",
            Self::Points => "points",
            Self::Bank => "bank",
            Self::Voucher => "voucher",
            Self::OnAccount => "on_account",
            Self::Exchange => "exchange",
            Self::Other => "other",
        }
    }
}
