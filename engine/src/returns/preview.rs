//! What a return would be: worked out beside the log, and nothing is written.

use super::announced::{of_no_sale, put_announced};
use super::command::{KnownLine, Of, TakeBack};
use super::planned::{Planned, Question, checked_place, kind_of_move, new_return, take, take_without_sale};
use super::refund_plan::Look;
use super::repaid::{Repaid, pays_for, put_exchanged};
use super::returned::Return;
use crate::decide::left;
use crate::ids::{LOCATIONS_MAX, LocationId, Name, SkuId, Timestamp};
use crate::level::StockChange;
use crate::orders::Order;
use crate::orders::command::Sell;
use crate::orders::payment::Origin;
use crate::receipts::series::{ReceiptKind, SeriesUse};
use crate::refusal::{Failure, PriceDifference, Refusal};
use crate::state::DurableState;
use crate::stock::decide::out_of_range;
use crate::stock::movement::MovementKind;

impl DurableState {
    /// What a return would be: what could come back, what it would bring, and its refunds. `order` is the one that the
    /// request names; `look` finds what its exchanges lead back to.
    ///
    /// # Errors
    /// As the return itself.
    pub fn preview_return(
        &self,
        asked: &TakeBack,
        mut order: Option<Order>,
        look: &dyn Look,
        now: Timestamp,
    ) -> Result<Return, Failure> {
        match &asked.of {
            Of::Order(_) if order.is_none() => return Err(Refusal::NotFound("order").into()),
            // A receipt of several orders says of none where its goods come from.
            Of::Receipt(_) if order.is_none() => {
                return Err(Refusal::NotReturnable(asked.lines.iter().map(of_no_sale).collect()).into());
            }
            Of::Order(_) | Of::Receipt(_) | Of::NoSale(..) => {}
        }
        let lines = self.known_lines(asked)?;
        let mut returned = new_return(asked, order.as_ref(), now);
        if asked.is_announced {
            put_announced(&mut returned, order.as_ref(), &lines, &asked.charges)?;
            return Ok(returned);
        }
        let teller = &asked.teller;
        let is_quarantine = teller.location.is_some_and(|location| self.catalogue.quarantine_of(location).is_some());
        let location = checked_place(teller.location, is_quarantine, &lines)?;
        let channel = self.catalogue.channels.id(teller.channel.as_str());
        let policy = |sku: SkuId| self.return_policy(sku, Some(location), channel);
        let (is_late, paid_back) = (false, 0);
        let question =
            Question { lines: &lines, charges: &asked.charges, at: now, is_late, paid_back, policy: &policy };
        let planned = match &mut order {
            Some(order) => take(order, &question),
            None => take_without_sale(&question),
        }?;
        planned.put(&mut returned, order.as_mut(), !matches!(asked.of, Of::NoSale(..)));
        self.check_cells(&planned, location)?;
        let origin = Origin {
            channel: teller.channel.clone(),
            location: Some(location),
            till: teller.till.clone(),
            occurred_at: now,
            business_date: self.business_date(Some(location), now),
        };
        if let Some(exchange) = &asked.money.exchange {
            preview_exchange(&mut returned, exchange, asked, &origin)?;
        }
        let repaid = Repaid { order: order.as_ref(), money: &asked.money, origin: &origin, is_late, look };
        repaid.put(&mut returned)?;
        self.check_note(asked, &planned, order.as_ref(), location)?;
        returned.settle_state();
        Ok(returned)
    }

    /// The lines of a request with their SKUs.
    fn known_lines(&self, asked: &TakeBack) -> Result<Vec<KnownLine>, Failure> {
        let known = |(at, fields): (usize, &super::command::LineFields)| {
            let sku = fields.sku.as_ref().map(|name| {
                let known = self.catalogue.skus.id(name.as_str());
                known.ok_or_else(|| crate::decide::unknown(&format!("lines[{at}].sku"), name))
            });
            Ok(KnownLine { fields: fields.clone(), sku: sku.transpose()? })
        };
        asked.lines.iter().enumerate().map(known).collect()
    }

    /// Checks that the shelf and the quarantine of a location can take what comes back.
    fn check_cells(&self, planned: &Planned, location: LocationId) -> Result<(), Failure> {
        let mut changes: Vec<((SkuId, Option<LocationId>), i64)> = Vec::new();
        for (nth, line) in planned.lines.iter().map(|planned| &planned.line).enumerate() {
            let is_tracked = self.catalogue.is_tracked(line.sku);
            let place = match kind_of_move(line.condition, is_tracked) {
                MovementKind::Return => Some(location),
                _ => {
                    let quarantine = self.catalogue.quarantine(location);
                    if quarantine.is_none() && self.catalogue.locations.count() >= LOCATIONS_MAX {
                        return Err(left::locations("location"));
                    }
                    quarantine
                }
            };
            if !is_tracked {
                continue;
            }
            let cell = (line.sku, place);
            let before: i64 = changes.iter().filter(|(of, _)| *of == cell).map(|(_, units)| units).sum();
            let units = before + i64::from(line.quantity);
            let level = place.and_then(|place| self.matrix.get(line.sku, place)).map(|cell| cell.durable());
            if level.unwrap_or_default().checked_add(StockChange::bring(units)).is_none() {
                return Err(out_of_range(format!("lines[{nth}].quantity")));
            }
            changes.push((cell, line.quantity.into()));
        }
        Ok(())
    }

    /// Checks that the credit note that is requested could be issued, if anything stands on a receipt.
    fn check_note(
        &self,
        asked: &TakeBack,
        planned: &Planned,
        order: Option<&Order>,
        location: LocationId,
    ) -> Result<(), Failure> {
        let (Some(note), Some(order)) = (&asked.money.receipt, order) else { return Ok(()) };
        let location = self.catalogue.locations.name(location);
        let (name, channel, location) = (note.named("receipt.")?, &asked.teller.channel, Some(location));
        let of = SeriesUse { field: "receipt.series", name, kinds: &[ReceiptKind::CreditNote], channel, location };
        let standing = self.own.receipts.series(name.as_str());
        let series = standing.and_then(|standing| standing.series.clone()).ok_or_else(|| of.unknown())?;
        let stands = planned.lines.iter().any(|one| {
            let line = one.of.and_then(|number| order.lines.get(number));
            line.is_some_and(|line| !line.receipts.between(one.before, one.before + one.line.quantity).is_empty())
        });
        let charge =
            |(number, _): &(usize, u64)| order.charges.get(*number).is_some_and(|one| one.receipt.on.is_some());
        match stands || planned.charges.iter().any(charge) {
            true => Ok(of.check(&series)?),
            false => Ok(()),
        }
    }
}

/// Takes a sale in exchange: what comes back pays for it, as far as it reaches.
fn preview_exchange(returned: &mut Return, sell: &Sell, asked: &TakeBack, origin: &Origin) -> Result<(), Failure> {
    let amount = pays_for(returned, sell)?;
    let unpriced = sell.lines.iter().filter(|line| line.terms.unit_amount.is_none());
    let unpriced = unpriced.map(|line| PriceDifference { line: line.name.clone(), expected: None, actual: None });
    let (unpriced, total): (Vec<PriceDifference>, u64) = (unpriced.collect(), sell.total());
    if !unpriced.is_empty() {
        return Err(Refusal::PriceMismatch { lines: unpriced, total }.into());
    }
    let paid: u64 = sell.payments.iter().filter(|one| one.state.covers()).map(|one| one.amount).sum();
    if amount + paid < total {
        return Err(Refusal::Unbalanced { due: total, tendered: amount + paid }.into());
    }
    if amount > 0 {
        put_exchanged(returned, &asked.money, &Name::from(String::new()), amount, origin);
    }
    Ok(())
}
