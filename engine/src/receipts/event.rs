//! The events of receipts. A receipt is issued inside the record that it belongs to, of whichever subject: that event
//! lists [`Effect::Receipt`].

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::issuer::Issuer;
use super::receipt::{FiscalAnswer, Issued, ReceiptId};
use super::series::Series;
use crate::effect::{Effect, Tell};
use crate::ids::Name;
use crate::kernel::repeat::Repeat;
use crate::kernel::tagged::tagged;

tagged! {
    /// An event of receipts.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Event {
        /// An issuer was set or removed.
        54 => IssuerSet(Box<IssuerSet>),
        /// A series was set or removed.
        55 => SeriesSet(Box<SeriesSet>),
        /// Receipts were issued by themselves.
        56 => ReceiptsIssued(Vec<Arc<Issued>>),
        /// An authority said something of a receipt.
        57 => FiscalTold(Box<FiscalTold>),
    }
}

/// An issuer was set or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerSet {
    /// Its id.
    pub name: Name,
    /// What it says; `None` if it was removed.
    pub issuer: Option<Issuer>,
}

/// A series was set or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesSet {
    /// Its id.
    pub name: Name,
    /// What it says; `None` if it was removed.
    pub series: Option<Series>,
}

/// An authority said something of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FiscalTold {
    /// The receipt.
    pub receipt: ReceiptId,
    /// What was said.
    pub told: FiscalAnswer,
}

impl Event {
    /// Lists its effects.
    pub fn effects<'a>(&'a self, to: &mut impl Tell<'a>) {
        match self {
            Self::ReceiptsIssued(all) => all.iter().for_each(|issued| to.tell(Effect::Receipt(issued))),
            // Their content belongs to this subject alone.
            Self::IssuerSet(_) | Self::SeriesSet(_) | Self::FiscalTold(_) => {}
        }
    }

    /// How a repeat of the request is answered: with the recorded answer.
    pub fn repeat(&self) -> Repeat {
        match self {
            Self::IssuerSet(_) | Self::SeriesSet(_) | Self::ReceiptsIssued(_) | Self::FiscalTold(_) => Repeat::Never,
        }
    }
}
