//! Taking goods back at once, and announcing that they will come.

use super::receive::{self, Taking};
use super::record::Change;
use super::step::{known_lines, tell_as_is};
use crate::decide::{Decide, Decision};
use crate::kernel::cause::Cause;
use crate::orders::Order;
use crate::orders::decide::origin_of;
use crate::orders::payment::Origin;
use crate::refusal::{Failure, Refusal};
use crate::returns::announced::{of_no_sale, put_announced};
use crate::returns::command::{ChargeFields, KnownLine, Of, TakeBack};
use crate::returns::planned::new_return;
use crate::returns::returned::{Return, StepKind};

/// Seconds after which an announced return is cancelled: 60 days.
const ANNOUNCED_SECONDS: u64 = 60 * 86_400;

/// Takes goods back, or announces that they will come.
pub(super) fn take_back(cx: &mut Decide<'_>, asked: TakeBack, cause: &mut Option<Box<Cause>>) -> Decision {
    if let Some(known) = cx.draft.own.returns.named(cx.state, asked.name.as_str()) {
        if known.digest == asked.digest {
            return tell_as_is(cx, known, cause);
        }
        return Err(Refusal::AlreadyExists { kind: "return", name: asked.name, seq: known.id.0 }.into());
    }
    let origin = origin_of(cx, &asked.teller, cause)?;
    let is_late = origin.late(cx.draft.now).is_some();
    let order = order_of(cx, &asked, is_late)?;
    if order.is_none() && asked.currency.is_none() && !matches!(asked.of, Of::NoSale(..)) {
        let reason = "is required: the order is not known, and the goods have prices in no currency, or in several";
        return Err(Refusal::invalid("currency", reason).into());
    }
    let returned = new_return(&asked, order.as_ref(), cx.draft.now);
    let lines = known_lines(cx, asked.lines, is_late, cause)?;
    if asked.is_announced {
        return announce(cx, returned, order.as_ref(), (&lines, &asked.charges), origin, cause);
    }
    check_prices(cx, &asked.of, &lines)?;
    let is_of_sale = !matches!(asked.of, Of::NoSale(..));
    let (charges, money) = (asked.charges, asked.money);
    let taking = Taking { returned, order, lines, charges, money, origin, is_late, is_of_sale };
    receive::take(cx, taking, cause)
}

/// The order of a return; none if it is of no known sale.
fn order_of(cx: &Decide<'_>, asked: &TakeBack, is_late: bool) -> Result<Option<Order>, Failure> {
    let found = match &asked.of {
        Of::NoSale(..) => return Ok(None),
        Of::Order(name) => cx.draft.own.orders.named(cx.state, name),
        Of::Receipt(id) => {
            let receipt = cx.draft.own.receipts.receipt(cx.state, id);
            if receipt.is_none() && !is_late {
                return Err(Refusal::NotFound("receipt").into());
            }
            let order = receipt.as_ref().and_then(|receipt| receipt.issued.order.as_ref());
            let order = order.and_then(|(_, name)| cx.draft.own.orders.named(cx.state, name));
            if order.is_none() && !is_late {
                // An invoice in place of receipts of several orders says of none where its goods come from.
                return Err(Refusal::NotReturnable(asked.lines.iter().map(of_no_sale).collect()).into());
            }
            order
        }
    };
    match found {
        Some(order) => Ok(Some(order)),
        None if is_late => Ok(None),
        None => Err(Refusal::NotFound("order").into()),
    }
}

/// Checks that what goods without a sale are worth still stands.
fn check_prices(cx: &Decide<'_>, of: &Of, lines: &[KnownLine]) -> Result<(), Failure> {
    let Of::NoSale(_, pricing) = of else { return Ok(()) };
    let skus = lines.iter().filter_map(|line| line.sku);
    match cx.state.own.prices.stand(pricing.seq, pricing.until, cx.draft.now, skus) {
        true => Ok(()),
        false => Err(Refusal::Repriced.into()),
    }
}

/// Announces goods: nothing is held, and what counts is what can come back when they come.
fn announce(
    cx: &mut Decide<'_>,
    mut returned: Return,
    order: Option<&Order>,
    (lines, charges): (&[KnownLine], &[ChargeFields]),
    origin: Origin,
    cause: &mut Option<Box<Cause>>,
) -> Decision {
    put_announced(&mut returned, order, lines, charges)?;
    returned.expires_at = Some(cx.deadline_in(ANNOUNCED_SECONDS));
    Change::of(returned, StepKind::Announced, origin).log(cx, cause)
}
