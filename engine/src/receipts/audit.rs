//! Audits receipts, from the events alone: numbers without holes, the chain recomputed, taxes added up, nothing taken back
//! twice, nothing replaced twice.

use std::collections::BTreeMap;

use super::audited::{AuditedReceipt, check_link, check_number, sums};
use super::event::Event;
use super::receipt::{FiscalState, Issued};
use super::series::ReceiptKind;
use crate::audit::Books;
use crate::effect::At;

/// Audits what an event says of issuers and series, and of what an authority said.
///
/// # Errors
/// The violation.
pub(crate) fn check(books: &mut Books, _: At<'_>, event: &Event) -> Result<(), String> {
    let audit = &mut books.own.receipts;
    match event {
        Event::IssuerSet(set) => {
            let known = audit.issuers.entry(set.name.clone()).or_default();
            let chained =
                |issuer: &super::issuer::Issuer| (issuer.tax_id.clone(), issuer.scheme, issuer.timezone.clone());
            let same = known.issuer.as_ref().map(chained) == set.issuer.as_ref().map(chained);
            if known.position > 0 && !same {
                return Err(format!("issuer {} changed with receipts in its chain", set.name));
            }
            known.issuer.clone_from(&set.issuer);
            Ok(())
        }
        Event::SeriesSet(set) => {
            let known = audit.series.entry(set.name.clone()).or_default();
            let numbers =
                |series: &super::series::Series| (series.issuer.clone(), series.kind, series.number(series.first));
            if known.next.is_some() && known.series.as_ref().map(numbers) != set.series.as_ref().map(numbers) {
                return Err(format!("series {} changed with numbers in use", set.name));
            }
            known.series.clone_from(&set.series);
            Ok(())
        }
        Event::FiscalTold(told) => {
            let known = audit.receipts.get_mut(&told.receipt).ok_or("an unknown receipt was told of")?;
            let passes = match (known.fiscal, told.told.state) {
                (FiscalState::Pending, FiscalState::Accepted | FiscalState::Rejected) => true,
                (before, after) => before == FiscalState::Rejected && after == FiscalState::Accepted,
            };
            known.fiscal = told.told.state;
            match passes {
                true => Ok(()),
                false => Err(format!("receipt {} took a step that there is not", told.receipt)),
            }
        }
        // Checked by its effects.
        Event::ReceiptsIssued(_) => Ok(()),
    }
}

/// Audits a receipt, whichever subject logged it.
///
/// # Errors
/// The violation.
pub(crate) fn issued(books: &mut Books, at: At<'_>, issued: &Issued) -> Result<(), String> {
    let audit = &mut books.own.receipts;
    if issued.seq != at.seq || issued.issued_at.0 != at.time.0 / 1000 * 1000 {
        return Err(format!("receipt {} names another record, or another time", issued.id));
    }
    let issuer = audit.issuers.get_mut(&issued.issuer).ok_or("a receipt has no issuer")?;
    let content = issuer.issuer.as_ref().ok_or("a receipt has no issuer")?;
    check_link(content, issued, issuer.position, issuer.last)?;
    (issuer.position, issuer.last) = (issued.chain.position, Some(issued.chain.hash));
    let series = audit.series.get_mut(&issued.id.series).ok_or("a receipt has no series")?;
    let content = series.series.as_ref().ok_or("a receipt has no series")?;
    if content.closed || content.issuer != issued.issuer || content.kind != issued.kind {
        return Err(format!("receipt {} is not one of its series", issued.id));
    }
    check_number(issued, series.next.unwrap_or(content.first))?;
    if *issued.number != *content.number(issued.id.n) {
        return Err(format!("receipt {} prints {}", issued.id, issued.number));
    }
    series.next = Some(issued.id.n + 1);
    check_amounts(issued)?;
    for id in &issued.replaces {
        let known = audit.receipts.get_mut(id).ok_or("an unknown receipt was replaced")?;
        if std::mem::replace(&mut known.replaced, true) || known.issuer != issued.issuer {
            return Err(format!("receipt {id} was replaced twice, or by another issuer"));
        }
    }
    let mut taken: BTreeMap<(u16, u32), i64> = BTreeMap::new();
    if issued.kind == ReceiptKind::CreditNote {
        issued.amounts().for_each(|(of, rate, amount)| *taken.entry((of, rate)).or_default() -= amount);
    }
    for ((of, rate), amount) in taken {
        let id = issued.corrects.get(usize::from(of)).ok_or("a credit note takes back from nothing")?;
        let known = audit.receipts.get_mut(id).ok_or("an unknown receipt was corrected")?;
        let left = known.left.entry(rate).or_default();
        *left -= amount;
        if *left < 0 || amount < 0 || known.replaced || known.issuer != issued.issuer {
            return Err(format!("receipt {id} was taken back beyond what is on it"));
        }
    }
    let fiscal = if issued.fiscal_type.is_some() { FiscalState::Pending } else { FiscalState::None };
    let audited = AuditedReceipt { issuer: issued.issuer.clone(), left: sums(issued), replaced: false, fiscal };
    match audit.receipts.insert(issued.id.clone(), audited) {
        Some(_) => Err(format!("receipt {} was issued twice", issued.id)),
        None => Ok(()),
    }
}

/// Lines, charges, taxes and total of a receipt add up.
fn check_amounts(issued: &Issued) -> Result<(), String> {
    let all: i64 = issued.amounts().map(|(_, _, amount)| amount).sum();
    let taxed: i64 = issued.taxes.iter().map(|tax| tax.base + tax.tax).sum();
    if all != issued.total || taxed != issued.total {
        return Err(format!(
            "receipt {} has the total {}, amounts of {all} and bases of {taxed}",
            issued.id, issued.total
        ));
    }
    let is_off = |line: &super::receipt::ReceiptLine| {
        i128::from(line.unit_amount) * i128::from(line.quantity) - i128::from(line.discount) != i128::from(line.amount)
    };
    match issued.lines.iter().find(|line| is_off(line)) {
        Some(line) => Err(format!("line {} of receipt {} does not add up", line.line, issued.id)),
        None => Ok(()),
    }
}
