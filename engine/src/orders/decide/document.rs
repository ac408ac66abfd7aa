//! The receipt that a step issues: which units it covers, and what the order knows of it from then on.

use std::sync::Arc;

use super::coverage::{BroughtBack, Coverage, ReceiptAsked};
use super::step::OrderChange;
use crate::decide::Decide;
use crate::ids::Name;
use crate::kernel::tight::push_tight;
use crate::orders::line::OrderLine;
use crate::orders::order::Order;
use crate::orders::receipted::{to_cover, to_credit};
use crate::orders::step_kind::StepKind;
use crate::receipts::issue::{Ask, AskCharge, AskLine, Checked, Content, check as check_issue, issue, issue_checked};
use crate::receipts::receipt::{Issued, Tendered};
use crate::receipts::series::ReceiptKind;
use crate::refusal::{Failure, Refusal};

/// Checks that a receipt can be issued, before anything that can no longer be refused; nothing if nothing is left that it
/// would cover.
///
/// # Errors
/// As [`issue`].
pub(super) fn check(cx: &Decide<'_>, change: &OrderChange, asked: &ReceiptAsked) -> Result<Option<Checked>, Failure> {
    let Some(asked) = ask(cx, change, asked, 0)? else { return Ok(None) };
    check_issue(cx, asked, &[]).map(Some)
}

/// Issues the receipt that a step asks for, in the record that comes after `records_before` others, behind the receipts of
/// `earlier` in it; nothing if nothing is left to cover.
///
/// # Errors
/// As [`issue`].
pub(super) fn add(
    cx: &mut Decide<'_>,
    change: &mut OrderChange,
    asked: &ReceiptAsked,
    records_before: u8,
    earlier: &[Arc<Issued>],
) -> Result<(), Failure> {
    let issued = match change.checked.take() {
        Some(checked) => {
            let order = (change.order.id.0, change.order.name.clone());
            issue_checked(cx, checked.of_order(order, records_before))
        }
        None => {
            let Some(ask) = ask(cx, change, asked, records_before)? else { return Ok(()) };
            issue(cx, ask, earlier)?
        }
    };
    note(&mut change.order, &issued, matches!(asked.1, Coverage::Returned(_)));
    change.receipts.push(issued);
    Ok(())
}

/// What the receipt is asked to say; nothing if nothing is left to cover.
fn ask(
    cx: &Decide<'_>,
    change: &OrderChange,
    (fields, coverage): &ReceiptAsked,
    records_before: u8,
) -> Result<Option<Ask>, Failure> {
    let order = &change.order;
    // A receipt that is asked for by itself is the whole body.
    let field = if change.kind == StepKind::Receipted { "" } else { "receipt." };
    let named = fields.named(field)?;
    let series = cx.draft.own.receipts.series(cx.state, named);
    let kind = series.and_then(|standing| standing.series.as_ref().map(|series| series.kind));
    let is_credit = kind == Some(ReceiptKind::CreditNote);
    let (content, tenders) = match coverage {
        Coverage::Returned(back) => (brought_back(cx, order, back), back.tenders.clone()),
        _ if is_credit => (credited(cx, order), refunds(order)),
        _ => (covered(cx, order, coverage)?, payments(order)),
    };
    let is_empty = match &content {
        Content::Sold(lines, charges) => lines.is_empty() && charges.is_empty(),
        Content::TakenBack(lines, charges) => lines.is_empty() && charges.is_empty(),
        Content::InPlaceOf(receipts) => receipts.is_empty(),
    };
    // An unknown series is refused, whatever is left.
    if is_empty && kind.is_some() {
        return Ok(None);
    }
    let origin = &change.origin;
    let location = origin.location.map(|location| cx.state.catalogue.locations.name(location).clone());
    Ok(Some(Ask {
        field,
        series: named.clone(),
        recipient: fields.recipient.clone(),
        channel: origin.channel.clone(),
        location,
        till: origin.till.clone(),
        order: Some((order.id.0, order.name.clone())).filter(|(seq, _)| *seq > 0),
        returned: change.returned.clone(),
        customer: order.customer.as_deref().map(|customer| Name::from(customer.to_owned())),
        occurred_at: origin.occurred_at,
        currency: order.currency,
        content,
        tenders,
        entropy: fields.entropy,
        records_before,
    }))
}

fn line_of(cx: &Decide<'_>, line: &OrderLine, units: u32, amount: u64) -> AskLine {
    let details = cx.state.catalogue.skus.details(line.sku);
    AskLine {
        line: line.name.clone(),
        sku: cx.state.catalogue.skus.name(line.sku).clone(),
        name: details.and_then(|known| known.details.name.as_deref().map(Into::into)),
        quantity: units.into(),
        unit_amount: line.unit_amount,
        amount,
        tax_rate: line.tax_rate,
    }
}

fn covered(cx: &Decide<'_>, order: &Order, coverage: &Coverage) -> Result<Content, Failure> {
    let all = match coverage {
        Coverage::HandedOver => false,
        Coverage::Order | Coverage::Fulfilment(_) | Coverage::Returned(_) => order.covered() >= order.total(),
    };
    let of = match coverage {
        Coverage::HandedOver | Coverage::Order | Coverage::Returned(_) => None,
        Coverage::Fulfilment(name) => {
            let (_, fulfilment) = order.fulfilment(name).ok_or(Refusal::NotFound("fulfilment"))?;
            Some(fulfilment.lines.iter().map(|line| usize::from(line.line)).collect::<Vec<_>>())
        }
    };
    let units = to_cover(order, all, |line| of.as_ref().is_none_or(|lines| lines.contains(&line)));
    let lines = units.iter().filter_map(|covered| {
        order.lines.get(covered.line).map(|line| line_of(cx, line, covered.units, covered.amount))
    });
    let lines: Vec<AskLine> = lines.collect();
    let is_owed = all || order.lines.iter().any(|line| line.handed_over > 0);
    let charges = order.charges.iter().filter(|charge| is_owed && charge.receipt.on.is_none() && charge.left() > 0);
    let charge = |charge: &crate::orders::line::Charge| AskCharge {
        charge: charge.name.clone(),
        amount: charge.left(),
        tax_rate: charge.tax_rate,
    };
    Ok(Content::Sold(lines, charges.map(charge).collect()))
}

fn credited(cx: &Decide<'_>, order: &Order) -> Content {
    let mut lines = Vec::new();
    for credited in to_credit(order) {
        let Some(line) = order.lines.get(credited.line) else { continue };
        let mut above = line.receipts.covered() - line.receipts.credited;
        for (id, units) in line.receipts.last(credited.units, line.receipts.credited) {
            let amount = line.worth(above) - line.worth(above - units);
            above -= units;
            lines.push((id, line_of(cx, line, units, amount)));
        }
    }
    let charges = order.charges.iter().filter_map(|charge| {
        let (id, _) = charge.receipt.on.as_ref().filter(|_| charge.to_credit() > 0)?;
        let (name, amount, tax_rate) = (charge.name.clone(), charge.to_credit(), charge.tax_rate);
        Some((id.clone(), AskCharge { charge: name, amount, tax_rate }))
    });
    Content::TakenBack(lines, charges.collect())
}

/// What a return brings of what stands on receipts.
fn brought_back(cx: &Decide<'_>, order: &Order, back: &BroughtBack) -> Content {
    let mut lines = Vec::new();
    for (number, from, to) in &back.units {
        let Some(line) = order.lines.get(*number) else { continue };
        let mut first = *from;
        for (id, units) in line.receipts.between(*from, *to) {
            let amount = line.worth(first + units) - line.worth(first);
            first += units;
            lines.push((id, line_of(cx, line, units, amount)));
        }
    }
    let charges = back.charges.iter().filter_map(|(number, amount)| {
        let charge = order.charges.get(*number)?;
        let (id, _) = charge.receipt.on.as_ref()?;
        let (charge, tax_rate) = (charge.name.clone(), charge.tax_rate);
        Some((id.clone(), AskCharge { charge, amount: *amount, tax_rate }))
    });
    Content::TakenBack(lines, charges.collect())
}

/// The payments that stand on no receipt yet.
fn payments(order: &Order) -> Vec<Tendered> {
    let told = order.payments.iter().filter(|payment| payment.state.covers() && !payment.on_receipt);
    told.map(|payment| Tendered {
        tender: payment.tender,
        amount: payment.amount as i64,
        given: payment.given.map(|given| given as i64),
    })
    .collect()
}

/// The refunds that stand on no receipt yet.
fn refunds(order: &Order) -> Vec<Tendered> {
    let told = order.refunds.iter().filter(|refund| refund.state.counts() && !refund.on_receipt);
    told.map(|refund| Tendered { tender: refund.tender, amount: refund.amount as i64, given: None }).collect()
}

/// What the order knows of a receipt that is issued. A return's takes back units that were handed over: it leaves what is to
/// be credited for cancelled units as it is.
fn note(order: &mut Order, issued: &Issued, is_of_return: bool) {
    let id = &issued.id;
    push_tight(&mut order.receipts, id.clone());
    if is_of_return {
        return;
    }
    let is_credit = issued.kind == ReceiptKind::CreditNote;
    for told in &issued.lines {
        let Some(line) = order.lines.iter_mut().find(|line| line.name == told.line) else { continue };
        let units = u32::try_from(told.quantity.unsigned_abs()).unwrap_or(u32::MAX);
        match is_credit {
            true => line.receipts.credited += units,
            false => line.receipts.units.push((id.clone(), units)),
        }
    }
    for told in &issued.charges {
        let Some(charge) = order.charges.iter_mut().find(|charge| charge.name == told.charge) else { continue };
        match is_credit {
            true => charge.receipt.credited += told.amount.unsigned_abs(),
            false => charge.receipt.on = Some((id.clone(), told.amount.unsigned_abs())),
        }
    }
    match is_credit {
        true => order.refunds.iter_mut().filter(|one| one.state.counts()).for_each(|one| one.on_receipt = true),
        false => order.payments.iter_mut().filter(|one| one.state.covers()).for_each(|one| one.on_receipt = true),
    }
}
