//! The commands of receipts.

use super::issuer::Issuer;
use super::receipt::{FiscalAnswer, ReceiptId, Recipient};
use super::series::Series;
use crate::ids::Name;
use crate::kernel::asked::Asked;
use crate::kernel::version::Precondition;
use crate::state::DurableState;

/// A command of receipts.
#[derive(Debug)]
pub enum Command {
    /// Set an issuer, or remove it if there is no content, if the precondition holds.
    SetIssuer(Name, Option<Box<Issuer>>, Precondition),
    /// The same for a series.
    SetSeries(Name, Option<Box<Series>>, Precondition),
    /// Replace simplified receipts by an invoice.
    Invoice(Box<Invoice>),
    /// Tell what an authority said of a receipt.
    TellFiscal(ReceiptId, Box<FiscalAnswer>),
    /// Issue a receipt by itself.
    #[cfg(test)]
    Issue(Vec<super::issue::Ask>),
}

/// A requested invoice in place of simplified receipts.
#[derive(Debug, Clone)]
pub struct Invoice {
    /// The receipts, each once; at most [`REPLACES_MAX`](super::receipt::REPLACES_MAX).
    pub receipts: Vec<ReceiptId>,
    /// The series of the invoice.
    pub series: Name,
    /// To whom it is made out.
    pub recipient: Recipient,
    /// Random bits for its key.
    pub entropy: [u8; 16],
}

impl Asked<DurableState> for Command {
    fn kind(&self) -> &'static str {
        match self {
            Self::SetIssuer(..) => "issuer",
            Self::SetSeries(..) => "series",
            Self::Invoice(_) => "invoice",
            Self::TellFiscal(..) => "fiscal",
            #[cfg(test)]
            Self::Issue(_) => "receipt",
        }
    }

    fn lines(&self) -> usize {
        match self {
            Self::SetIssuer(..) | Self::SetSeries(..) | Self::TellFiscal(..) => 1,
            Self::Invoice(invoice) => invoice.receipts.len(),
            #[cfg(test)]
            Self::Issue(asked) => asked.len(),
        }
    }

    fn may_be_dropped(&self) -> bool {
        match self {
            // What an authority said has happened.
            Self::TellFiscal(..) => false,
            Self::SetIssuer(..) | Self::SetSeries(..) | Self::Invoice(_) => true,
            #[cfg(test)]
            Self::Issue(_) => true,
        }
    }
}
