//! Issuing a receipt inside the record that is being decided, of whichever subject.
//!
//! The record embeds the [`Issued`] and lists it as [`Effect::Receipt`](crate::effect::Effect::Receipt). A number is used
//! once that record is logged, which is when the draft learns it: a refusal after [`issue`], a failed batch and a crash use
//! none up.

use std::sync::Arc;

use super::amounts::{by_rate, tax_of, tax_taken_back};
use super::chain;
use super::digest::Digest;
use super::issuer::{Issuer, IssuerStanding, Scheme};
use super::receipt::{
    Chain, Issued, REPLACES_MAX, Receipt, ReceiptCharge, ReceiptId, ReceiptLine, Recipient, Tax, Tendered,
};
use super::series::{NUMBER_CHARACTERS_MAX, NUMBER_MAX, ReceiptKind, Series, SeriesStanding, SeriesUse};
use crate::decide::Decide;
use crate::ids::{Name, Seq, Timestamp};
use crate::prices::list::Currency;
use crate::refusal::{Failure, Refusal};

/// The currency in which VERI*FACTU is told.
const EURO: Currency = Currency(*b"EUR");

/// What a receipt is asked to say. Quantities and amounts are positive; a credit note prints them negative.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The path of the object in the request that names the series, such as `receipt.`; empty for the body itself.
    pub field: &'static str,
    /// The series.
    pub series: Name,
    /// To whom it is made out.
    pub recipient: Option<Recipient>,
    /// The channel.
    pub channel: Name,
    /// The location.
    pub location: Option<Name>,
    /// The till.
    pub till: Option<Box<str>>,
    /// The order, by its `seq` and its id.
    pub order: Option<(Seq, Name)>,
    /// The return.
    pub returned: Option<Name>,
    /// The customer.
    pub customer: Option<Name>,
    /// When the operation was.
    pub occurred_at: Timestamp,
    /// The currency.
    pub currency: Currency,
    /// What it covers.
    pub content: Content,
    /// How it was paid, or repaid.
    pub tenders: Vec<Tendered>,
    /// Random bits for its key.
    pub entropy: [u8; 16],
    /// Records that are logged before the one that embeds it.
    pub records_before: u8,
}

/// What a receipt covers.
#[derive(Debug, Clone)]
pub enum Content {
    /// Sold units, on a receipt or an invoice.
    Sold(Vec<AskLine>, Vec<AskCharge>),
    /// Units that come back or are cancelled, on a credit note, each with the receipt on which it stands.
    TakenBack(Vec<(ReceiptId, AskLine)>, Vec<(ReceiptId, AskCharge)>),
    /// What is left of these simplified receipts, on an invoice.
    InPlaceOf(Vec<ReceiptId>),
}

/// Units of one line.
#[derive(Debug, Clone)]
pub struct AskLine {
    /// The line of the order.
    pub line: Box<str>,
    /// The SKU.
    pub sku: Name,
    /// What it is called.
    pub name: Option<Box<str>>,
    /// Units.
    pub quantity: u64,
    /// What one costs.
    pub unit_amount: u64,
    /// What the units are worth.
    pub amount: u64,
    /// In hundredths of a percent; `None` if the tax class has no rate, which counts as 0.
    pub tax_rate: Option<u32>,
}

/// A charge, or a part of it.
#[derive(Debug, Clone)]
pub struct AskCharge {
    /// The charge of the order.
    pub charge: Box<str>,
    /// How much.
    pub amount: u64,
    /// As of a line.
    pub tax_rate: Option<u32>,
}

/// Decides a receipt: checks the series, and gives its number, its place in the chain and its hash.
///
/// It is the last step of a decision: the record that embeds the result is the next one that is logged but
/// [`Ask::records_before`], with the receipts of `earlier` before it. Names that are not logged yet are logged here, as [`Draft::log`](crate::decide::draft::Draft::log)
/// would.
///
/// # Errors
/// The series does not exist, is closed, is of another kind, or not of this place or channel; what is corrected or replaced
/// is not there, or has less left; a line has no rate that the issuer's scheme needs ([`Refusal::NoTaxRate`]).
pub(crate) fn issue(cx: &mut Decide<'_>, asked: Ask, earlier: &[Arc<Issued>]) -> Result<Arc<Issued>, Failure> {
    let checked = check(cx, asked, earlier)?;
    Ok(issue_checked(cx, checked))
}

/// Gives a receipt that was checked its number, its place in the chain and its hash. No other was issued since the check.
pub(crate) fn issue_checked(cx: &mut Decide<'_>, checked: Checked) -> Arc<Issued> {
    let Checked { asked, prepared } = checked;
    let Prepared { series, standing, issuer, issuer_standing, covered, number } = prepared;
    let n = standing.next;
    let recipient = asked.recipient.or(covered.recipient);
    let replaces_any = !covered.replaces.is_empty();
    let fiscal_type =
        chain::fiscal_type(&issuer, series.kind, replaces_any, recipient.is_some(), &covered.corrected_types);
    let sign = if series.kind == ReceiptKind::CreditNote { -1 } else { 1 };
    let tenders = asked.tenders.into_iter().map(|told| Tendered { amount: sign * told.amount, ..told }).collect();
    cx.draft.flush_names(None);
    let position = issuer_standing.position + 1;
    let mut issued = Issued {
        id: ReceiptId { series: asked.series, n },
        kind: series.kind,
        number: number.into(),
        issuer: series.issuer.clone(),
        seq: cx.draft.builder.next_seq() + Seq::from(asked.records_before),
        issued_at: Timestamp(cx.draft.now.0 / 1000 * 1000),
        occurred_at: asked.occurred_at,
        order: asked.order.or(covered.order),
        returned: asked.returned,
        replaces: covered.replaces,
        corrects: covered.corrects,
        customer: asked.customer.or(covered.customer),
        recipient,
        channel: asked.channel,
        location: asked.location,
        till: asked.till,
        total: covered.lines.iter().map(|line| line.amount).sum::<i64>()
            + covered.charges.iter().map(|charge| charge.amount).sum::<i64>(),
        lines: covered.lines,
        charges: covered.charges,
        taxes: covered.taxes,
        currency: asked.currency,
        tenders,
        chain: Chain { position, previous: issuer_standing.last, hash: Digest([0; 32]) },
        fiscal_type,
        key: asked.entropy,
    };
    issued.chain.hash = chain::hash(&issuer, &issued);
    Arc::new(issued)
}

/// A receipt that can be issued.
pub(crate) struct Checked {
    asked: Ask,
    prepared: Prepared,
}

impl Checked {
    /// The same, of an order whose identity is known by now, behind so many records.
    pub fn of_order(mut self, order: (Seq, Name), records_before: u8) -> Self {
        (self.asked.order, self.asked.records_before) = (Some(order), records_before);
        self
    }
}

/// Checks a receipt as [`issue`] does, without a number and a hash.
///
/// # Errors
/// As [`issue`].
pub(crate) fn check(cx: &Decide<'_>, asked: Ask, earlier: &[Arc<Issued>]) -> Result<Checked, Failure> {
    let prepared = prepare(cx, &asked, earlier)?;
    Ok(Checked { asked, prepared })
}

/// Whether a refusal may have its cause after the operation, which an offline till reports late: the series was closed or
/// filled meanwhile, or a rate was removed. The operation is then booked without a receipt.
pub(crate) fn is_overtaken(failure: &Failure) -> bool {
    match failure {
        Failure::Refused(Refusal::NoTaxRate { .. } | Refusal::Spent { .. } | Refusal::SeriesElsewhere { .. }) => true,
        Failure::Refused(Refusal::InState { kind, .. }) => *kind == "series",
        _ => false,
    }
}

/// Where a receipt goes, and what it says.
struct Prepared {
    series: Arc<Series>,
    standing: SeriesStanding,
    issuer: Arc<Issuer>,
    issuer_standing: IssuerStanding,
    covered: Covered,
    number: String,
}

/// Checks everything that a receipt may be refused for.
fn prepare(cx: &Decide<'_>, asked: &Ask, earlier: &[Arc<Issued>]) -> Result<Prepared, Failure> {
    let (series, standing, issuer, issuer_standing) = places(cx, asked, earlier)?;
    if let Some(known) = cx.draft.own.receipts.with_key(cx.state, &asked.entropy) {
        let name = Name::from(known.issued.id.to_string());
        return Err(Refusal::AlreadyExists { kind: "receipt", name, seq: known.issued.seq }.into());
    }
    let scheme = issuer.scheme;
    if scheme == Scheme::Verifactu && asked.currency != EURO {
        let reason = format!("{} is of an issuer with the scheme verifactu, which takes EUR alone", asked.series);
        return Err(Refusal::invalid(path(asked, "series"), reason).into());
    }
    let covered = cover(cx, asked, &series, scheme, earlier)?;
    if covered.lines.is_empty() && covered.charges.is_empty() {
        let reason = "nothing is left to issue a receipt for";
        return Err(Refusal::invalid(path(asked, "series"), reason).into());
    }
    let n = standing.next;
    let number = series.number(n);
    if n > NUMBER_MAX || number.len() > NUMBER_CHARACTERS_MAX {
        return Err(Refusal::InState { kind: "series", name: asked.series.clone(), state: "full" }.into());
    }
    let has_recipient = asked.recipient.is_some() || covered.recipient.is_some();
    if series.kind == ReceiptKind::Invoice && !has_recipient {
        let field = format!("{}recipient", asked.field);
        return Err(Refusal::invalid(field, "is required for an invoice; say to whom it is made out").into());
    }
    Ok(Prepared { series, standing, issuer, issuer_standing, covered, number })
}

fn path(asked: &Ask, field: &str) -> String {
    format!("{}{field}", asked.field)
}

/// The series and its issuer, as the batch and the receipts before in this record leave them.
fn places(
    cx: &Decide<'_>,
    asked: &Ask,
    earlier: &[Arc<Issued>],
) -> Result<(Arc<Series>, SeriesStanding, Arc<Issuer>, IssuerStanding), Failure> {
    let kinds = match asked.content {
        Content::Sold(..) => &[ReceiptKind::Receipt, ReceiptKind::Invoice][..],
        Content::TakenBack(..) => &[ReceiptKind::CreditNote],
        Content::InPlaceOf(_) => &[ReceiptKind::Invoice],
    };
    let (field, name) = (path(asked, "series"), &asked.series);
    let of = SeriesUse { field: &field, name, kinds, channel: &asked.channel, location: asked.location.as_ref() };
    let draft = &cx.draft.own.receipts;
    let mut standing = draft.series(cx.state, name).ok_or_else(|| of.unknown())?;
    let series = standing.series.clone().ok_or_else(|| of.unknown())?;
    let mut issuer_standing = draft.issuer(cx.state, &series.issuer).ok_or_else(|| of.unknown())?;
    let issuer = issuer_standing.shared().ok_or_else(|| of.unknown())?;
    of.check(&series)?;
    for before in earlier {
        if before.issuer == series.issuer {
            issuer_standing.issued(before.chain.position, before.chain.hash);
        }
        if before.id.series == *name {
            standing.issued(before.id.n, before.chain.hash);
        }
    }
    Ok((series, standing, issuer, issuer_standing))
}

/// What a receipt says of what it covers.
#[derive(Default)]
struct Covered {
    lines: Vec<ReceiptLine>,
    charges: Vec<ReceiptCharge>,
    taxes: Vec<Tax>,
    replaces: Vec<ReceiptId>,
    corrects: Vec<ReceiptId>,
    corrected_types: Vec<Option<super::receipt::FiscalType>>,
    recipient: Option<Recipient>,
    order: Option<(Seq, Name)>,
    customer: Option<Name>,
}

fn cover(
    cx: &Decide<'_>,
    asked: &Ask,
    series: &Series,
    scheme: Scheme,
    earlier: &[Arc<Issued>],
) -> Result<Covered, Failure> {
    match &asked.content {
        Content::Sold(lines, charges) => {
            let mut covered = Covered::default();
            covered.lines.reserve_exact(lines.len());
            covered.charges.reserve_exact(charges.len());
            for line in lines {
                let rate = rate_of(scheme, line.tax_rate, &line.line)?;
                covered.lines.push(line_of(line, rate, 1, 0));
            }
            for charge in charges {
                let rate = rate_of(scheme, charge.tax_rate, &charge.charge)?;
                covered.charges.push(charge_of(charge, rate, 1, 0));
            }
            covered.taxes = taxes(&covered);
            Ok(covered)
        }
        Content::TakenBack(lines, charges) => take_back(cx, asked, series, earlier, lines, charges),
        Content::InPlaceOf(receipts) => replace(cx, asked, series, earlier, receipts),
    }
}

/// The rate of a line or charge; one that nothing is said of counts as 0, unless the scheme needs to know it.
fn rate_of(scheme: Scheme, rate: Option<u32>, line: &str) -> Result<u32, Failure> {
    match (rate, scheme) {
        (Some(rate), _) => Ok(rate),
        (None, Scheme::None) => Ok(0),
        (None, Scheme::Verifactu) => Err(Refusal::NoTaxRate { line: line.to_owned() }.into()),
    }
}

fn signed(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

fn line_of(line: &AskLine, tax_rate: u32, sign: i64, of: u16) -> ReceiptLine {
    let (quantity, amount) = (sign * signed(line.quantity), sign * signed(line.amount));
    let unit_amount = signed(line.unit_amount);
    ReceiptLine {
        line: line.line.clone(),
        sku: line.sku.clone(),
        name: line.name.clone(),
        quantity,
        unit_amount,
        discount: unit_amount.saturating_mul(quantity).saturating_sub(amount),
        amount,
        tax_rate,
        of,
    }
}

fn charge_of(charge: &AskCharge, tax_rate: u32, sign: i64, of: u16) -> ReceiptCharge {
    ReceiptCharge { charge: charge.charge.clone(), amount: sign * signed(charge.amount), tax_rate, of }
}

/// Tax once per rate, on the sum at that rate; a rate of which everything is free is told with nothing.
fn taxes(covered: &Covered) -> Vec<Tax> {
    let lines = covered.lines.iter().map(|line| (line.tax_rate, line.amount));
    let all = lines.chain(covered.charges.iter().map(|charge| (charge.tax_rate, charge.amount)));
    let tax = |(rate, sum): (u32, i64)| {
        let tax = tax_of(sum, rate);
        Tax { rate, base: sum - tax, tax }
    };
    by_rate(all).into_iter().map(tax).collect()
}

/// A receipt as the batch and the receipts before in this record leave it.
fn known(cx: &Decide<'_>, id: &ReceiptId, earlier: &[Arc<Issued>]) -> Option<Receipt> {
    let own = earlier.iter().find(|issued| issued.id == *id).cloned().map(Receipt::new);
    let mut receipt = own.or_else(|| cx.draft.own.receipts.receipt(cx.state, id))?;
    earlier.iter().for_each(|later| receipt.touched_by(later));
    Some(receipt)
}

fn take_back(
    cx: &Decide<'_>,
    asked: &Ask,
    series: &Series,
    earlier: &[Arc<Issued>],
    lines: &[(ReceiptId, AskLine)],
    charges: &[(ReceiptId, AskCharge)],
) -> Result<Covered, Failure> {
    let mut covered = Covered::default();
    let mut corrected: Vec<Receipt> = Vec::new();
    // Bounded by the receipts of an order.
    let mut place = |covered: &mut Covered, id: &ReceiptId| -> Result<u16, Failure> {
        let receipt = known(cx, id, earlier).ok_or(Refusal::NotFound("receipt"))?;
        let receipt = match &receipt.after.replaced_by {
            Some(invoice) => known(cx, invoice, earlier).ok_or(Refusal::NotFound("receipt"))?,
            None => receipt,
        };
        let issued = &receipt.issued;
        let at = match covered.corrects.iter().position(|known| *known == issued.id) {
            Some(at) => at,
            None => {
                check_like(asked, series, issued)?;
                covered.corrects.push(issued.id.clone());
                covered.corrected_types.push(issued.fiscal_type);
                covered.recipient = covered.recipient.take().or_else(|| issued.recipient.clone());
                corrected.push(receipt);
                corrected.len() - 1
            }
        };
        u16::try_from(at).map_err(|_| Refusal::invalid(path(asked, "series"), "corrects too many receipts").into())
    };
    let rate = |receipt: &Receipt, line: Option<&str>, charge: Option<&str>, told: Option<u32>| -> u32 {
        // What is taken back has the rate at which it was sold.
        let of_line = receipt.issued.lines.iter().find(|of| Some(&*of.line) == line).map(|of| of.tax_rate);
        let of_charge = receipt.issued.charges.iter().find(|of| Some(&*of.charge) == charge).map(|of| of.tax_rate);
        of_line.or(of_charge).or(told).unwrap_or_default()
    };
    let mut places = Vec::with_capacity(lines.len() + charges.len());
    for id in lines.iter().map(|(id, _)| id).chain(charges.iter().map(|(id, _)| id)) {
        places.push(place(&mut covered, id)?);
    }
    let (of_lines, of_charges) = places.split_at(lines.len());
    for ((_, line), of) in lines.iter().zip(of_lines) {
        let receipt = corrected.get(usize::from(*of)).ok_or(Refusal::NotFound("receipt"))?;
        covered.lines.push(line_of(line, rate(receipt, Some(&line.line), None, line.tax_rate), -1, *of));
    }
    for ((_, charge), of) in charges.iter().zip(of_charges) {
        let receipt = corrected.get(usize::from(*of)).ok_or(Refusal::NotFound("receipt"))?;
        covered.charges.push(charge_of(charge, rate(receipt, None, Some(&charge.charge), charge.tax_rate), -1, *of));
    }
    covered.taxes = taxes_taken_back(&covered, &corrected)?;
    Ok(covered)
}

/// Refuses a receipt of another issuer or currency.
fn check_like(asked: &Ask, series: &Series, of: &Issued) -> Result<(), Failure> {
    if of.issuer != series.issuer {
        let reason = format!("{} is a series of {}, and {} is of {}", asked.series, series.issuer, of.id, of.issuer);
        return Err(Refusal::invalid(path(asked, "series"), reason).into());
    }
    if of.currency != asked.currency {
        let reason = format!("{} is in {:?}, and this is in {:?}", of.id, of.currency, asked.currency);
        return Err(Refusal::invalid(path(asked, "series"), reason).into());
    }
    Ok(())
}

/// Per corrected receipt and rate, the tax of what was on it less the tax of what remains; told once per rate.
fn taxes_taken_back(covered: &Covered, corrected: &[Receipt]) -> Result<Vec<Tax>, Failure> {
    let lines = covered.lines.iter().map(|line| (line.of, line.tax_rate, -line.amount));
    let all = lines.chain(covered.charges.iter().map(|charge| (charge.of, charge.tax_rate, -charge.amount)));
    let mut taken: std::collections::BTreeMap<(u32, u16), i64> = std::collections::BTreeMap::new();
    for (of, rate, amount) in all {
        *taken.entry((rate, of)).or_default() += amount;
    }
    let mut taxes: Vec<Tax> = Vec::new();
    for ((rate, of), amount) in taken {
        let receipt = corrected.get(usize::from(of)).ok_or(Refusal::NotFound("receipt"))?;
        let left = receipt.left_at(rate);
        if amount > left {
            let by = receipt.issued.id.to_string();
            return Err(Refusal::Spent { kind: "receipt", name: by, state: "taken back", by: None }.into());
        }
        let tax = tax_taken_back(left, amount, rate);
        let told = Tax { rate, base: tax - amount, tax: -tax };
        match taxes.last_mut().filter(|last| last.rate == rate) {
            Some(last) => (last.base, last.tax) = (last.base + told.base, last.tax + told.tax),
            None => taxes.push(told),
        }
    }
    taxes.retain(|tax| tax.base != 0 || tax.tax != 0);
    Ok(taxes)
}

fn replace(
    cx: &Decide<'_>,
    asked: &Ask,
    series: &Series,
    earlier: &[Arc<Issued>],
    receipts: &[ReceiptId],
) -> Result<Covered, Failure> {
    if receipts.len() > REPLACES_MAX {
        let reason = format!("names {} receipts; an invoice replaces at most {REPLACES_MAX}", receipts.len());
        return Err(Refusal::invalid("receipts", reason).into());
    }
    let mut covered = Covered::default();
    let (mut orders, mut customers) = (Vec::new(), Vec::new());
    for id in receipts {
        if covered.replaces.contains(id) {
            return Err(Refusal::invalid("receipts", format!("names {id} twice; name each receipt once")).into());
        }
        let receipt = known(cx, id, earlier).ok_or(Refusal::NotFound("receipt"))?;
        let issued = &receipt.issued;
        if issued.kind != ReceiptKind::Receipt {
            let (kind, name) = (issued.kind.as_str(), id.to_string());
            return Err(Refusal::Spent { kind: "receipt", name, state: kind, by: None }.into());
        }
        if let Some(invoice) = &receipt.after.replaced_by {
            let by = Some(invoice.to_string());
            return Err(Refusal::Spent { kind: "receipt", name: id.to_string(), state: "replaced", by }.into());
        }
        check_like(asked, series, issued)?;
        for (_, line, quantity, amount) in receipt.lines_left() {
            let discount = line.unit_amount.saturating_mul(quantity).saturating_sub(amount);
            covered.lines.push(ReceiptLine { quantity, amount, discount, of: 0, ..line.clone() });
        }
        let charges = receipt.charges_left();
        covered.charges.extend(charges.map(|(_, charge, amount)| ReceiptCharge { amount, of: 0, ..charge.clone() }));
        orders.push(issued.order.clone());
        customers.push(issued.customer.clone());
        covered.replaces.push(id.clone());
    }
    if covered.lines.is_empty() && covered.charges.is_empty() {
        let name = receipts.first().map(ToString::to_string).unwrap_or_default();
        return Err(Refusal::Spent { kind: "receipt", name, state: "taken back", by: None }.into());
    }
    covered.taxes = taxes(&covered);
    covered.order = of_all(orders);
    covered.customer = of_all(customers);
    Ok(covered)
}

/// What all of them name, if they name one thing.
fn of_all<T: PartialEq>(all: Vec<Option<T>>) -> Option<T> {
    let mut all = all.into_iter();
    let first = all.next()?;
    if all.all(|other| other == first) { first } else { None }
}
