//! Orders after the batch so far.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::event::{Event, Stepped};
use super::exit::left_after;
use super::order::{Order, OrderId};
use crate::effect::At;
use crate::ids::{LocationId, Name};
use crate::state::DurableState;

/// Orders that the batch made or changed.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    changed: FxHashMap<OrderId, Arc<Order>>,
    made: FxHashMap<Name, OrderId>,
    audits_left: FxHashMap<Box<str>, u8>,
}

impl Draft {
    /// Clears everything for the next batch.
    pub fn restart(&mut self) {
        if !self.changed.is_empty() {
            *self = Self::default();
        }
    }

    /// Makes an event visible to later decisions of the batch.
    pub fn stage(&mut self, state: &DurableState, _: At<'_>, event: &Event) {
        let Event::Stepped(stepped) = event;
        self.stage_step(state, stepped);
    }

    /// The same for a step that another subject logged.
    pub fn stage_step(&mut self, state: &DurableState, stepped: &Stepped) {
        let order = &stepped.order;
        if order.id.0 == order.version {
            self.made.insert(order.name.clone(), order.id);
        }
        self.changed.insert(order.id, Arc::clone(order));
        if let Some((customer, exit)) = order.customer.as_ref().zip(order.exit.as_ref()) {
            let left = left_after(self.audits_left(state, customer), stepped.kind, exit);
            self.audits_left.insert(customer.clone(), left);
        }
    }

    /// Bags of a customer's self check-outs that are still to be looked into; `None` before the first.
    pub fn audits_left(&self, state: &DurableState, customer: &str) -> Option<u8> {
        self.audits_left.get(customer).copied().or_else(|| state.own.orders.audits_left(customer))
    }

    /// An order after the batch so far.
    pub fn named(&self, state: &DurableState, name: &Name) -> Option<Order> {
        if let Some(id) = self.made.get(name) {
            return self.changed.get(id).map(|order| (**order).clone());
        }
        let durable = state.own.orders.named(name.as_str())?;
        Some((**self.changed.get(&durable.id).unwrap_or(&durable)).clone())
    }

    /// An order after the batch so far, by its identity.
    pub fn get(&self, state: &DurableState, id: OrderId) -> Option<Order> {
        self.changed.get(&id).cloned().or_else(|| state.own.orders.get(id)).map(|order| (*order).clone())
    }

    /// The order that has this number of a till.
    pub fn told_by_till(&self, state: &DurableState, location: LocationId, till: &str, number: &str) -> Option<Name> {
        let is_it = |order: &&Arc<Order>| {
            let place = order.fulfilments.first().map(|fulfilment| fulfilment.source);
            (order.till.as_deref(), order.till_reference.as_deref()) == (Some(till), Some(number))
                && place == Some(super::line::Source::Location(location))
        };
        let here = self.changed.values().find(is_it).map(|order| order.name.clone());
        here.or_else(|| state.own.orders.told_by_till(location, till, number).map(|order| order.name.clone()))
    }
}
