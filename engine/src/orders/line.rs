//! The lines, charges and fulfilments of an order.

use serde::{Deserialize, Serialize};

use super::on_receipts::{ChargeOnReceipt, OnReceipts};
use crate::ids::{GroupId, LocationId, Name, ReservationId, SkuId, Timestamp};
use crate::kernel::money::part;
use crate::reservations::promise::Purpose;

/// A line: units of one SKU at a price that no longer moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// Its id within the order.
    pub name: Box<str>,
    /// The SKU.
    pub sku: SkuId,
    /// Units.
    pub quantity: u32,
    /// The price of a unit, in minor units.
    pub unit_amount: u64,
    /// The list that says so; none if the price was given by hand.
    pub price_list: Option<Name>,
    /// What is taken off the whole line.
    pub discount: u64,
    /// The tax rate, in hundredths of a percent; none if the tax class has no rate there.
    pub tax_rate: Option<u32>,
    /// Whether the price or the discount was given by hand.
    pub by_hand: bool,
    /// Whether it is not the price that was in force when it was sold.
    pub price_differs: bool,
    /// Units handed over.
    pub handed_over: u32,
    /// Units cancelled.
    pub cancelled: u32,
    /// What the cancelled units are worth.
    pub cancelled_amount: u64,
    /// Units that came back.
    pub returned: u32,
    /// When units of it were last handed over.
    pub handed_over_at: Option<Timestamp>,
    /// What of it stands on receipts.
    pub receipts: OnReceipts,
}

impl OrderLine {
    /// What all units come to: their price less the discount.
    pub fn amount(&self) -> u64 {
        (self.unit_amount * u64::from(self.quantity)).saturating_sub(self.discount)
    }

    /// What `units` of it are worth: `F(units)`.
    pub fn worth(&self, units: u32) -> u64 {
        part(self.amount(), units, self.quantity)
    }

    /// What it is worth if `cancelled` units of it are cancelled: `amount − F(quantity − cancelled)`.
    pub fn worth_cancelled(&self, cancelled: u32) -> u64 {
        self.amount() - self.worth(self.quantity.saturating_sub(cancelled))
    }

    /// Units that are neither handed over nor cancelled.
    pub fn outstanding(&self) -> u32 {
        self.quantity.saturating_sub(self.handed_over).saturating_sub(self.cancelled)
    }

    /// Units that may still come back.
    pub fn returnable(&self) -> u32 {
        self.handed_over.saturating_sub(self.returned)
    }

    /// What was brought back: what returned and cancelled units are worth.
    pub fn brought_back(&self) -> u64 {
        self.worth(self.returned) + self.cancelled_amount
    }
}

/// A charge, such as shipping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// Its id within the order.
    pub name: Box<str>,
    /// In minor units.
    pub amount: u64,
    /// The tax rate, in hundredths of a percent.
    pub tax_rate: Option<u32>,
    /// What of it is cancelled.
    pub cancelled_amount: u64,
    /// What of it came back by returns.
    pub returned_amount: u64,
    /// Whether it stands in the sales ledger: since the first hand-over.
    pub is_sold: bool,
    /// What of it stands on a receipt.
    pub receipt: ChargeOnReceipt,
}

impl Charge {
    /// What of it is still owed.
    pub fn left(&self) -> u64 {
        self.amount.saturating_sub(self.cancelled_amount)
    }

    /// What of it may still come back by a return.
    pub fn returnable(&self) -> u64 {
        if self.is_sold { self.left().saturating_sub(self.returned_amount) } else { 0 }
    }

    /// What of it is cancelled, stands on a receipt, and was not taken back by a credit note.
    pub fn to_credit(&self) -> u64 {
        let on = self.receipt.on.as_ref().map_or(0, |(_, amount)| *amount);
        on.saturating_sub(self.left()).saturating_sub(self.receipt.credited)
    }
}

/// Where the units of a fulfilment come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// A location.
    Location(LocationId),
    /// Any location of a group.
    Group(GroupId),
}

/// What leaves one location, or one group, in one way: a reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fulfilment {
    /// Its id within the order.
    pub name: Box<str>,
    /// In which way.
    pub purpose: Purpose,
    /// From where.
    pub source: Source,
    /// Its reservation; none for a sale, whose units leave in the same step.
    pub reservation: Option<ReservationId>,
    /// Units by line of the order.
    pub lines: Vec<FulfilmentLine>,
    /// The address, as the caller wrote it: a JSON object.
    pub address: Option<Box<str>>,
    /// Until when it can be picked up.
    pub pickup_by: Option<Timestamp>,
    /// For when it is promised.
    pub promised_for: Option<Timestamp>,
    /// The carrier's tracking number.
    pub tracking: Option<Box<str>>,
}

/// The id of a sale's only fulfilment.
const FULFILMENT: &str = "1";

impl Fulfilment {
    /// That of a sale: all units leave a location at once.
    pub(super) fn carried_out(location: LocationId, lines: &[OrderLine]) -> Self {
        let units = (0..).zip(lines).map(|(number, line)| FulfilmentLine {
            handed_over: line.quantity,
            ..FulfilmentLine::new(number, line.quantity)
        });
        Self {
            name: FULFILMENT.into(),
            purpose: Purpose::CarryOut,
            source: Source::Location(location),
            reservation: None,
            lines: units.collect(),
            address: None,
            pickup_by: None,
            promised_for: None,
            tracking: None,
        }
    }
}

/// The units of a line in one fulfilment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FulfilmentLine {
    /// The line of the order, from 0.
    pub line: u16,
    /// Units.
    pub quantity: u32,
    /// Units of them handed over.
    pub handed_over: u32,
    /// Units of them cancelled.
    pub cancelled: u32,
}

impl FulfilmentLine {
    /// A new line.
    pub fn new(line: u16, quantity: u32) -> Self {
        Self { line, quantity, handed_over: 0, cancelled: 0 }
    }

    /// Units that are neither handed over nor cancelled.
    pub fn outstanding(&self) -> u32 {
        self.quantity.saturating_sub(self.handed_over).saturating_sub(self.cancelled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(quantity: u32, unit_amount: u64, discount: u64) -> OrderLine {
        OrderLine {
            name: "1".into(),
            sku: SkuId(0),
            quantity,
            unit_amount,
            price_list: None,
            discount,
            tax_rate: Some(2100),
            by_hand: false,
            price_differs: false,
            handed_over: 0,
            cancelled: 0,
            cancelled_amount: 0,
            returned: 0,
            handed_over_at: None,
            receipts: OnReceipts::default(),
        }
    }

    #[test]
    fn three_for_two_come_back_one_by_one() {
        let mut line = line(3, 299, 299);
        assert_eq!(line.amount(), 598);
        line.handed_over = 3;
        let mut back = Vec::new();
        for units in 1..=3 {
            back.push(line.worth(units) - line.worth(units - 1));
            line.returned = units;
        }
        assert_eq!(back, [199, 199, 200]);
        assert_eq!(line.brought_back(), 598);
    }

    #[test]
    fn two_are_collected_and_one_is_cancelled() {
        let mut line = line(3, 299, 299);
        (line.handed_over, line.cancelled) = (2, 1);
        line.cancelled_amount = line.worth_cancelled(1);
        assert_eq!((line.worth(2), line.cancelled_amount, line.outstanding()), (398, 200, 0));
        assert_eq!(line.amount() - line.cancelled_amount, line.worth(2), "what is left is what was handed over");
    }

    #[test]
    fn collected_cancelled_and_returned_units_come_to_the_amount() {
        for (quantity, unit_amount, discount) in [(7, 100, 13), (3, 1, 1), (5, 0, 0), (9, 333, 1000)] {
            for handed_over in 0..=quantity {
                let mut line = line(quantity, unit_amount, discount);
                (line.handed_over, line.cancelled) = (handed_over, quantity - handed_over);
                line.cancelled_amount = line.worth_cancelled(line.cancelled);
                assert_eq!(line.worth(handed_over) + line.cancelled_amount, line.amount());
                line.returned = handed_over;
                assert_eq!(line.brought_back(), line.amount());
            }
        }
    }
}
