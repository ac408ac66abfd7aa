//! Carts after the batch so far.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::cart::Cart;
use super::event::Event;
use super::line::CartId;
use super::ordered::CartOrdered;
use crate::effect::At;
use crate::ids::Name;
use crate::prices::list::Currency;
use crate::state::DurableState;

/// Whose open cart it is, and in which currency.
type Owner = (Name, Currency);

/// Carts that the batch created or changed.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    changed: FxHashMap<CartId, Cart>,
    made: FxHashMap<Name, CartId>,
    /// The open carts of customers, where the batch changed which these are.
    open_of: FxHashMap<Owner, Option<CartId>>,
    /// Carts that the batch opened, minus those that it ended.
    opened: i64,
}

impl Draft {
    /// Clears everything for the next batch.
    pub fn restart(&mut self) {
        if !self.changed.is_empty() {
            *self = Self::default();
        }
    }

    /// Makes an event visible to later decisions of the batch.
    pub fn stage(&mut self, state: &DurableState, at: At<'_>, event: &Event) {
        if let Event::Made(made) = event {
            let cart = Cart::made(at, made);
            self.made.insert(cart.name.clone(), cart.id);
            self.owned(None, owner(&cart), cart.id);
            self.opened += 1;
            self.changed.insert(cart.id, cart);
        }
        event.for_each_cart(|id| self.change(state, id, |cart| cart.apply(at, event)));
    }

    /// Makes the order of a cart visible to later decisions of the batch.
    pub fn stage_ordered(&mut self, state: &DurableState, at: At<'_>, ordered: &CartOrdered) {
        self.change(state, ordered.cart, |cart| cart.ordered(at, ordered));
    }

    fn change(&mut self, state: &DurableState, id: CartId, change: impl FnOnce(&mut Cart)) {
        if !self.changed.contains_key(&id)
            && let Some(durable) = state.own.carts.get(id)
        {
            self.changed.insert(id, Arc::unwrap_or_clone(durable));
        }
        let Some(cart) = self.changed.get_mut(&id) else { return };
        let (was_open, before) = (cart.is_open(), owner(cart));
        change(cart);
        let (is_open, after) = (cart.is_open(), owner(cart));
        self.opened += i64::from(is_open) - i64::from(was_open);
        self.owned(before, after, id);
    }

    /// An open cart changed from one customer to another.
    fn owned(&mut self, before: Option<Owner>, after: Option<Owner>, id: CartId) {
        if before == after {
            return;
        }
        if let Some(before) = before {
            self.open_of.insert(before, None);
        }
        if let Some(after) = after {
            self.open_of.insert(after, Some(id));
        }
    }

    /// Whether the batch created or changed a cart.
    pub fn has_changed(&self, id: CartId) -> bool {
        self.changed.contains_key(&id)
    }

    /// A cart after the batch so far.
    pub fn get(&self, state: &DurableState, id: CartId) -> Option<Cart> {
        let here = self.changed.get(&id).cloned();
        here.or_else(|| state.own.carts.get(id).map(Arc::unwrap_or_clone))
    }

    /// The same by name.
    pub fn named(&self, state: &DurableState, name: &Name) -> Option<Cart> {
        match self.made.get(name) {
            Some(id) => self.changed.get(id).cloned(),
            None => self.get(state, state.own.carts.named(name.as_str())?.id),
        }
    }

    /// The open cart of a customer in a currency.
    pub fn open_of(&self, state: &DurableState, customer: &Name, currency: Currency) -> Option<Cart> {
        // Most batches change no customer's cart.
        let here = match self.open_of.is_empty() {
            true => None,
            false => self.open_of.get(&(customer.clone(), currency)).copied(),
        };
        let id = here.unwrap_or_else(|| state.own.carts.open_of(customer, currency))?;
        self.get(state, id)
    }

    /// The number of open carts.
    pub fn open(&self, state: &DurableState) -> u64 {
        state.own.carts.open().saturating_add_signed(self.opened)
    }
}

/// Whose open cart it is; `None` if it is not open, or has no customer.
fn owner(cart: &Cart) -> Option<Owner> {
    let customer = cart.customer.as_ref().filter(|_| cart.is_open())?;
    Some((customer.clone(), cart.currency))
}
