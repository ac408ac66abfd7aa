//! The auditor's own model of open carts, from the log alone.

use std::collections::BTreeMap;

use super::cart::Cart;
use super::line::CartId;
use crate::ids::{Name, ReservationId, SkuId};
use crate::prices::list::Currency;
use crate::state::DurableState;

/// The model of one open cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Audited {
    pub customer: Option<Name>,
    pub currency: Currency,
    /// The SKU and the units of each line.
    pub lines: BTreeMap<Box<str>, (SkuId, u32)>,
    pub holds: Vec<ReservationId>,
}

impl From<&Cart> for Audited {
    fn from(cart: &Cart) -> Self {
        Self {
            customer: cart.customer.clone(),
            currency: cart.currency,
            lines: cart.lines.iter().map(|line| (line.line.clone(), (line.sku, line.quantity))).collect(),
            holds: cart.holds().to_vec(),
        }
    }
}

/// The models of all open carts.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    pub(super) open: BTreeMap<CartId, Audited>,
    /// Whose open cart in which currency each is.
    pub(super) owners: BTreeMap<(Name, Currency), CartId>,
}

impl Audit {
    /// Starts from a checkpoint.
    pub fn start_from(&mut self, state: &DurableState) {
        state.own.carts.each(|cart| {
            if cart.is_open() {
                if let Some(customer) = &cart.customer {
                    self.owners.insert((customer.clone(), cart.currency), cart.id);
                }
                self.open.insert(cart.id, cart.into());
            }
        });
    }

    /// Compares the model with the engine's fold of the log.
    ///
    /// # Errors
    /// The cart that differs.
    pub fn compare(&self, state: &DurableState) -> Result<(), String> {
        let (mut open, mut wrong) = (0, None);
        state.own.carts.each(|cart| {
            let differs = match cart.is_open() {
                true => {
                    open += 1;
                    self.open.get(&cart.id) != Some(&cart.into())
                }
                false => self.open.contains_key(&cart.id),
            };
            if differs {
                wrong = Some(format!("memory and log disagree on cart {}", cart.name));
            }
        });
        match wrong {
            Some(wrong) => Err(wrong),
            None if open != self.open.len() => {
                Err(format!("memory has {open} open carts, and the log {}", self.open.len()))
            }
            None => Ok(()),
        }
    }
}
