//! What of a request can come back, and what it brings: the same for a decision and for a preview.

use super::command::{ChargeFields, KnownLine, LineFields, Of, TakeBack};
use super::policy::Policy;
use super::returned::{Condition, Flag, Return, ReturnCharge, ReturnId, ReturnLine, ReturnState};
use crate::ids::{LocationId, SkuId, Timestamp};
use crate::kernel::money::spread;
use crate::orders::{Order, ReturnLink};
use crate::prices::list::Currency;
use crate::prices::row::AMOUNT_MAX;
use crate::refusal::{NotReturnable, Refusal, WhyNotReturnable};
use crate::stock::movement::MovementKind;

/// The reason by which the days of a policy do not count: a parcel that came back.
pub const UNDELIVERED: &str = "undelivered";

/// Returns of an order.
const RETURNS_MAX: usize = 100;

/// What is asked.
pub struct Question<'a> {
    /// The lines.
    pub lines: &'a [KnownLine],
    /// The charges.
    pub charges: &'a [ChargeFields],
    /// When the goods come.
    pub at: Timestamp,
    /// Whether it is reported late: then it has happened, and nothing is refused.
    pub is_late: bool,
    /// What was paid back, if it is reported late.
    pub paid_back: u64,
    /// The policy of a SKU.
    pub policy: &'a dyn Fn(SkuId) -> Policy,
}

/// Units of one line of an order that come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedLine {
    /// The line of the order, from 0; none for units that belong to no known sale.
    pub of: Option<usize>,
    /// Units of it that were back before.
    pub before: u32,
    /// What of the discount is theirs.
    pub discount: i64,
    /// The tax rate.
    pub tax_rate: Option<u32>,
    /// What comes back.
    pub line: ReturnLine,
}

/// What comes back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Planned {
    /// Its lines.
    pub lines: Vec<PlannedLine>,
    /// Its charges, by their number in the order.
    pub charges: Vec<(usize, u64)>,
}

impl Planned {
    /// What it is worth.
    pub fn value(&self) -> u64 {
        let lines: u64 = self.lines.iter().map(|planned| planned.line.refund_amount).sum();
        lines + self.charges.iter().map(|(_, amount)| amount).sum::<u64>()
    }

    /// Whether some of it belongs to no known sale.
    pub fn has_rest(&self) -> bool {
        self.lines.iter().any(|planned| planned.of.is_none())
    }

    /// What of it belongs to the order.
    fn value_of_order(&self) -> u64 {
        let lines = self.lines.iter().filter(|planned| planned.of.is_some());
        let lines: u64 = lines.map(|planned| planned.line.refund_amount).sum();
        lines + self.charges.iter().map(|(_, amount)| amount).sum::<u64>()
    }

    /// Puts it into a return, and the return into its order: from then on both know what is owed.
    pub(super) fn put(&self, returned: &mut Return, order: Option<&mut Order>, is_of_sale: bool) {
        self.put_lines(returned, order.as_deref());
        if self.has_rest() && is_of_sale {
            returned.flags.push(Flag::OverReturned);
        }
        returned.owed = returned.value();
        let Some(order) = order else { return };
        let of_order = self.value_of_order();
        order.returns.push(ReturnLink { name: returned.name.clone(), value: of_order, refunds: Vec::new() });
        // What was never paid is not paid back.
        returned.owed -= of_order - of_order.min(order.refund_due());
    }

    fn put_lines(&self, returned: &mut Return, order: Option<&Order>) {
        returned.lines = self.lines.iter().map(|planned| planned.line.clone()).collect();
        let charge = |(number, amount): &(usize, u64)| {
            let name = order?.charges.get(*number)?.name.clone();
            Some(ReturnCharge { name, amount: *amount })
        };
        returned.charges = self.charges.iter().filter_map(charge).collect();
    }
}

/// A return before anything came.
pub(super) fn new_return(asked: &TakeBack, order: Option<&Order>, now: Timestamp) -> Return {
    let currency = match (&asked.of, order) {
        (_, Some(order)) => order.currency,
        (Of::NoSale(currency, _), None) => *currency,
        // An order that is not known yet, reported late.
        (Of::Order(_) | Of::Receipt(_), None) => asked.currency.unwrap_or(Currency::NONE),
    };
    let reported = match &asked.of {
        Of::Order(name) => Some(name.clone()),
        Of::Receipt(_) | Of::NoSale(..) => None,
    };
    Return {
        id: ReturnId(0),
        version: 0,
        name: asked.name.clone(),
        digest: asked.digest,
        state: if asked.is_announced { ReturnState::Announced } else { ReturnState::Received },
        channel: asked.teller.channel.clone(),
        location: asked.teller.location,
        till: asked.teller.till.clone(),
        order: order.map(|order| order.name.clone()).or(reported),
        customer: order.and_then(|order| order.customer.clone()).or_else(|| asked.customer.clone()),
        currency,
        lines: Vec::new(),
        charges: Vec::new(),
        owed: 0,
        refunds: Vec::new(),
        exchange: None,
        receipts: Vec::new(),
        flags: Vec::new(),
        created_at: now,
        received: None,
        expires_at: None,
        history: Vec::new(),
    }
}

/// Where goods come, if they may come there, each line in some condition.
///
/// # Errors
/// It is missing, or a quarantine; a line says no condition.
pub(super) fn checked_place(
    location: Option<LocationId>,
    is_quarantine: bool,
    lines: &[KnownLine],
) -> Result<LocationId, Refusal> {
    let Some(location) = location else {
        return Err(Refusal::invalid("location", "is required: goods come back to a location"));
    };
    if is_quarantine {
        let reason = "is a quarantine; name the location itself, and the condition of the goods";
        return Err(Refusal::invalid("location", reason));
    }
    match lines.iter().position(|asked| asked.fields.condition.is_none()) {
        Some(at) => {
            let reason = "is required: sellable, inspect or damaged";
            Err(Refusal::invalid(format!("lines[{at}].condition"), reason))
        }
        None => Ok(location),
    }
}

/// How goods in a condition move. Units that nobody counts are in no cell, and so in no quarantine.
pub(super) fn kind_of_move(condition: Option<Condition>, is_tracked: bool) -> MovementKind {
    match condition {
        Some(Condition::Inspect) if is_tracked => MovementKind::ReturnToInspect,
        Some(Condition::Damaged) if is_tracked => MovementKind::ReturnDamaged,
        _ => MovementKind::Return,
    }
}

/// Units that find no line.
struct Rest<'a> {
    /// The line of the request, from 0.
    at: usize,
    asked: &'a KnownLine,
    /// The SKU, if the request or the order says it.
    sku: Option<SkuId>,
    units: u32,
    returnable: u32,
    why: WhyNotReturnable,
}

/// Takes back what can come back of an order: its lines and charges count it from then on.
///
/// # Errors
/// Which lines cannot come back, and why; a charge that has less left.
pub fn take(order: &mut Order, question: &Question<'_>) -> Result<Planned, Refusal> {
    let mut planned = Planned::default();
    if order.returns.len() >= RETURNS_MAX && !question.is_late {
        let reason = format!("has {RETURNS_MAX} returns, which is the limit; take more back at a time");
        return Err(Refusal::invalid("order", reason));
    }
    let mut rest = Vec::new();
    for (at, asked) in question.lines.iter().enumerate() {
        rest.extend(take_line(order, (at, asked), question, &mut planned));
    }
    if !rest.is_empty() && !question.is_late {
        return Err(Refusal::NotReturnable(rest.iter().map(|rest| refused(order, rest)).collect()));
    }
    take_charges(order, question, &mut planned)?;
    take_rest(&rest, question, &mut planned)?;
    Ok(planned)
}

/// Takes back goods of no known sale: each unit is worth what its line says.
///
/// # Errors
/// A rule does not allow it, or a SKU had no price.
pub fn take_without_sale(question: &Question<'_>) -> Result<Planned, Refusal> {
    let mut planned = Planned::default();
    let mut refusals = Vec::new();
    for asked in question.lines {
        let Some(sku) = asked.sku else { continue };
        let policy = (question.policy)(sku);
        if policy.allow && policy.without_sale {
            continue;
        }
        refusals.push(NotReturnable {
            line: asked.fields.line.clone(),
            sku: asked.fields.sku.clone(),
            requested: asked.fields.quantity,
            returnable: 0,
            reason: if policy.allow { WhyNotReturnable::UnknownSale } else { WhyNotReturnable::Excluded },
        });
    }
    if !refusals.is_empty() && !question.is_late {
        return Err(Refusal::NotReturnable(refusals));
    }
    if let Some(charge) = question.charges.first() {
        let reason = format!("has {}, and there is no order that it could be of; leave it out", charge.charge);
        return Err(Refusal::invalid("charges", reason));
    }
    let mut all = Vec::with_capacity(question.lines.len());
    for (at, asked) in question.lines.iter().enumerate() {
        let (sku, units, why) = (asked.sku, asked.fields.quantity, WhyNotReturnable::UnknownSale);
        all.push(Rest { at, asked, sku, units, returnable: 0, why });
    }
    take_rest(&all, question, &mut planned)?;
    Ok(planned)
}

/// Takes what a line asks for from the lines of the order that it means; returns the units that find none.
fn take_line<'a>(
    order: &mut Order,
    (at, asked): (usize, &'a KnownLine),
    question: &Question<'_>,
    planned: &mut Planned,
) -> Option<Rest<'a>> {
    let LineFields { quantity, condition, reason, .. } = &asked.fields;
    let meant = order.lines.iter().enumerate().filter(|(_, of)| asked.means(of));
    let meant: Vec<usize> = meant.map(|(number, _)| number).collect();
    let sku = asked.sku.or_else(|| meant.first().and_then(|at| order.lines.get(*at)).map(|of| of.sku));
    let is_undelivered = reason.as_deref() == Some(UNDELIVERED);
    let mut left = *quantity;
    let (mut why, mut returnable) = (WhyNotReturnable::UnknownSale, 0_u32);
    for number in meant {
        let Some(of) = order.lines.get_mut(number) else { continue };
        let policy = (question.policy)(of.sku);
        let here = of.returnable();
        let refused = match () {
            () if question.is_late => None,
            () if !policy.allow => Some(WhyNotReturnable::Excluded),
            () if of.handed_over == 0 => Some(WhyNotReturnable::NotHandedOver),
            () if !is_undelivered && !policy.is_in_time(of.handed_over_at, question.at) => {
                Some(WhyNotReturnable::Window)
            }
            () => None,
        };
        if let Some(refused) = refused {
            // Units that could come back but for their number say more than those that could not at all.
            why = if why == WhyNotReturnable::Quantity { why } else { refused };
            continue;
        }
        why = WhyNotReturnable::Quantity;
        returnable = returnable.saturating_add(here);
        let units = left.min(here);
        if units == 0 {
            continue;
        }
        left -= units;
        let before = of.returned;
        of.returned += units;
        let amount = of.worth(of.returned) - of.worth(before);
        let full = of.unit_amount * u64::from(units);
        planned.lines.push(PlannedLine {
            of: Some(number),
            before,
            discount: full as i64 - amount as i64,
            tax_rate: of.tax_rate,
            line: ReturnLine {
                name: of.name.clone(),
                sku: of.sku,
                quantity: units,
                condition: *condition,
                found_sellable: 0,
                found_damaged: 0,
                refund_amount: amount,
                reason: reason.clone(),
                is_unreferenced: false,
            },
        });
    }
    (left > 0).then_some(Rest { at, asked, sku, units: left, returnable, why })
}

fn refused(order: &Order, rest: &Rest<'_>) -> NotReturnable {
    let LineFields { line, sku, quantity, .. } = &rest.asked.fields;
    let of_line = |name: &str| order.lines.iter().find(|of| &*of.name == name).map(|of| of.name.clone());
    let only = || {
        let mut of_sku = order.lines.iter().filter(|of| rest.asked.sku == Some(of.sku));
        of_sku.next().filter(|_| of_sku.next().is_none()).map(|of| of.name.clone())
    };
    NotReturnable {
        line: line.as_ref().map_or_else(only, |name| of_line(name).or_else(|| Some(name.clone()))),
        sku: sku.clone(),
        requested: *quantity,
        returnable: rest.returnable,
        reason: rest.why,
    }
}

fn take_charges(order: &mut Order, question: &Question<'_>, planned: &mut Planned) -> Result<(), Refusal> {
    for (at, asked) in question.charges.iter().enumerate() {
        let number = order.charges.iter().position(|charge| charge.name == asked.charge);
        let Some((number, charge)) = number.and_then(|number| Some((number, order.charges.get_mut(number)?))) else {
            let reason = "is not a charge of this order; leave it out";
            return Err(Refusal::invalid(format!("charges[{at}].charge"), reason));
        };
        let left = charge.returnable();
        if asked.amount > left && !question.is_late {
            let reason = format!("is more than the {left} that may still come back of it");
            return Err(Refusal::invalid(format!("charges[{at}].amount"), reason));
        }
        let amount = asked.amount.min(left);
        charge.returned_amount += amount;
        planned.charges.push((number, amount));
    }
    Ok(())
}

/// Units of no known sale. What a unit is worth stands in its line; of what is reported late and says nothing, what was paid
/// back is spread over them.
fn take_rest(rest: &[Rest<'_>], question: &Question<'_>, planned: &mut Planned) -> Result<(), Refusal> {
    let worth_of = |rest: &Rest<'_>| rest.asked.fields.worth.and_then(|worth| worth.amount);
    let known: u64 = rest.iter().filter_map(|rest| worth_of(rest)?.checked_mul(rest.units.into())).sum();
    let weights: Vec<u64> =
        rest.iter().map(|rest| if worth_of(rest).is_some() { 0 } else { rest.units.into() }).collect();
    let spread = spread(question.paid_back.saturating_sub(planned.value() + known), &weights);
    for (one, spread) in rest.iter().zip(spread) {
        let LineFields { line, condition, reason, worth, .. } = &one.asked.fields;
        let field = |name: &str| format!("lines[{}].{name}", one.at);
        let Some(sku) = one.sku else {
            let reason = "is required: the order of this line is not known, so it says nothing of its SKU";
            return Err(Refusal::invalid(field("sku"), reason));
        };
        let amount = match worth_of(one) {
            Some(amount) => amount.checked_mul(one.units.into()).filter(|all| *all <= AMOUNT_MAX).ok_or_else(|| {
                let reason = format!("comes to more than {AMOUNT_MAX} minor units; take back fewer at a time");
                Refusal::invalid(field("quantity"), reason)
            })?,
            None => spread,
        };
        let name = line.clone().unwrap_or_else(|| free_name(planned));
        planned.lines.push(PlannedLine {
            of: None,
            before: 0,
            discount: 0,
            tax_rate: worth.and_then(|worth| worth.tax_rate),
            line: ReturnLine {
                name,
                sku,
                quantity: one.units,
                condition: *condition,
                found_sellable: 0,
                found_damaged: 0,
                refund_amount: amount,
                reason: reason.clone(),
                is_unreferenced: true,
            },
        });
    }
    Ok(())
}

/// The first number that no line has.
fn free_name(planned: &Planned) -> Box<str> {
    let is_taken = |name: &str| planned.lines.iter().any(|planned| &*planned.line.name == name);
    (1_u32..).map(|n| n.to_string()).find(|name| !is_taken(name)).unwrap_or_default().into()
}

#[cfg(test)]
mod tests;
