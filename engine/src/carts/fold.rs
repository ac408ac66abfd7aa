//! Folds carts into the durable view; promises and stock fold their own parts.

use super::cart::Cart;
use super::event::Event;
use super::ordered::CartOrdered;
use crate::effect::At;
use crate::state::DurableState;

/// Stores the carts of an event.
pub(crate) fn fold(state: &DurableState, at: At<'_>, event: &Event) {
    let store = &state.own.carts;
    if let Event::Made(made) = event {
        store.make(&state.catalogue, Cart::made(at, made));
    }
    event.for_each_cart(|id| store.change(&state.catalogue, id, |cart| cart.apply(at, event)));
}

/// Stores that an order took a cart.
pub(crate) fn ordered(state: &DurableState, at: At<'_>, ordered: &CartOrdered) {
    state.own.carts.change(&state.catalogue, ordered.cart, |cart| cart.ordered(at, ordered));
}
