//! Audits carts, from the events alone: only open carts change, a customer has one open cart a currency, lines have units
//! and are at most 100, a merge adds no SKU that neither cart had, and a cart that ends holds nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::audited::{Audit, Audited};
use super::event::Event;
use super::line::{CartId, CartLine, LINES_MAX};
use super::ordered::CartOrdered;
use crate::audit::Books;
use crate::effect::At;
use crate::ids::{Name, ReservationId};
use crate::reservations::parent::ParentKind;
use crate::reservations::promise::Cancelled as GivenBack;

/// Audits the carts of an event; promises and stock audit their own parts.
///
/// # Errors
/// The violation.
pub(crate) fn check(books: &mut Books, at: At<'_>, event: &Event) -> Result<(), String> {
    let open: BTreeSet<ReservationId> = holds_of(books, event);
    let audit = &mut books.own.carts;
    match event {
        Event::Made(made) => {
            let mut cart =
                Audited { customer: None, currency: made.currency, lines: Default::default(), holds: Vec::new() };
            set(&mut cart, &made.lines)?;
            if made.customer.is_none() && cart.lines.is_empty() {
                return Err("a cart without a customer was made without a line".into());
            }
            let id = CartId(at.seq);
            audit.open.insert(id, cart);
            made.customer.iter().try_for_each(|customer| own(audit, id, customer))
        }
        Event::LinesSet(event) => set(known(audit, event.cart)?, &event.lines),
        Event::CustomerSet(event) => own(audit, event.cart, &event.customer),
        Event::Merged(event) => {
            let mine = end(audit, event.cart)?;
            let theirs = known(audit, event.into)?;
            if mine.currency != theirs.currency || mine.customer.is_some_and(|mine| Some(mine) != theirs.customer) {
                return Err("a cart was merged into one of another currency or customer".into());
            }
            let skus = mine.lines.values().chain(theirs.lines.values()).map(|(sku, _)| *sku);
            let skus: BTreeSet<_> = skus.collect();
            if event.lines.iter().chain(&event.dropped).any(|line| !skus.contains(&line.sku)) {
                return Err("a merge has a SKU that neither cart had".into());
            }
            set(theirs, &event.lines)?;
            gives_back(&open, &event.given_back)
        }
        Event::Held(event) => {
            let cart = known(audit, event.cart)?;
            if event.parent.seq != event.cart.0 || event.parent.kind != ParentKind::Cart {
                return Err(format!("a promise of cart {} is a part of something else", event.cart.0));
            }
            let reserved = &event.promise.arranged.promised.reserved;
            let mut replaced = reserved.supersedes.as_deref().into_iter().chain(&event.promise.others);
            if replaced.any(|promise| !cart.holds.contains(&promise.reservation)) {
                return Err(format!("cart {} replaced a promise that it did not hold", event.cart.0));
            }
            let (mut asked, mut has) = (BTreeMap::new(), BTreeMap::new());
            for line in &reserved.lines {
                *asked.entry(line.cell.sku).or_insert(0) += u64::from(line.requested);
            }
            for (sku, units) in cart.lines.values() {
                *has.entry(*sku).or_insert(0) += u64::from(*units);
            }
            if asked != has {
                return Err(format!("the promise of cart {} differs from its lines", event.cart.0));
            }
            cart.holds = vec![ReservationId(at.seq)];
            Ok(())
        }
        Event::Closed(event) => {
            end(audit, event.cart)?;
            gives_back(&open, &event.given_back)
        }
        Event::Expired(event) => {
            for cart in &event.carts {
                end(audit, *cart)?;
            }
            gives_back(&open, &event.given_back)
        }
    }
}

/// Audits that an order took a cart.
///
/// # Errors
/// The cart is not open.
pub(crate) fn ordered(books: &mut Books, ordered: &CartOrdered) -> Result<(), String> {
    end(&mut books.own.carts, ordered.cart).map(drop)
}

/// The promises that are still open of the carts that an event ends. The effects of the event are in the books by now, so
/// a promise that it gives back is no longer open.
fn holds_of(books: &Books, event: &Event) -> BTreeSet<ReservationId> {
    let mut holds = BTreeSet::new();
    let mut add = |cart: &CartId| {
        holds.extend(books.own.carts.open.get(cart).into_iter().flat_map(|cart| cart.holds.iter().copied()));
    };
    match event {
        Event::Merged(event) => add(&event.cart),
        Event::Closed(event) => add(&event.cart),
        Event::Expired(event) => event.carts.iter().for_each(add),
        Event::Made(_) | Event::LinesSet(_) | Event::CustomerSet(_) | Event::Held(_) => {}
    }
    holds
}

/// A cart that ends gives back promises of its own only.
fn gives_back(holds: &BTreeSet<ReservationId>, given_back: &[GivenBack]) -> Result<(), String> {
    match given_back.iter().find(|promise| !holds.contains(&promise.reservation)) {
        Some(promise) => Err(format!("a cart gave back the promise {}, which it did not hold", promise.reservation.0)),
        None => Ok(()),
    }
}

fn known(audit: &mut Audit, id: CartId) -> Result<&mut Audited, String> {
    audit.open.get_mut(&id).ok_or_else(|| format!("cart {} changed, and is not open", id.0))
}

fn end(audit: &mut Audit, id: CartId) -> Result<Audited, String> {
    let cart = audit.open.remove(&id).ok_or_else(|| format!("cart {} ended, and is not open", id.0))?;
    if let Some(customer) = &cart.customer {
        audit.owners.remove(&(customer.clone(), cart.currency));
    }
    Ok(cart)
}

fn own(audit: &mut Audit, id: CartId, customer: &Name) -> Result<(), String> {
    let cart = known(audit, id)?;
    if cart.customer.replace(customer.clone()).is_some() {
        return Err(format!("cart {} changed from one customer to another", id.0));
    }
    let key = (customer.clone(), cart.currency);
    match audit.owners.insert(key, id) {
        Some(other) => Err(format!("{customer} has two open carts of a currency: {} and {}", other.0, id.0)),
        None => Ok(()),
    }
}

fn set(cart: &mut Audited, rows: &[CartLine]) -> Result<(), String> {
    for row in rows {
        match row.quantity {
            0 if cart.lines.remove(&row.line).is_none() => return Err("a line was taken out that is not there".into()),
            0 => {}
            units => drop(cart.lines.insert(row.line.clone(), (row.sku, units))),
        }
    }
    match cart.lines.len() > LINES_MAX {
        true => Err(format!("a cart has {} lines", cart.lines.len())),
        false => Ok(()),
    }
}
