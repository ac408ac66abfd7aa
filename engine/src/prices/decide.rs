//! Deciding prices: rows, lists and tax classes, and letting lists begin and end by date.

use std::collections::BTreeMap;

use super::answer::PriceAnswer;
use super::command::{Command, RowFields};
use super::event::{Event, ListSet, SkuRows, TaxClassSet};
use super::list::{BASE, BASE_NAME, LISTS_MAX, ListId, PriceList};
use super::row::{ROWS_MAX, RowKey, RowSet, SkuPrices};
use super::tax::{STANDARD, TaxClass};
use crate::answers::Thing;
use crate::decide::{Decide, Decision, effect_of, unknown};
use crate::ids::{Name, SkuId};
use crate::kernel::cause::Cause;
use crate::kernel::holder::Holder;
use crate::kernel::patch::Patch;
use crate::kernel::version::{Precondition, Version};
use crate::refusal::{Failure, Refusal};

/// Decides a command of prices.
pub(crate) fn decide(cx: &mut Decide<'_>, command: Command, cause: &mut Option<Box<Cause>>) -> Decision {
    match command {
        Command::SetList(name, list, precondition) => set_list(cx, name, list.map(|list| *list), &precondition, cause),
        Command::SetTaxClass(name, class, precondition) => {
            set_tax_class(cx, name, class.map(|class| *class), &precondition, cause)
        }
        Command::SetRows(rows) => set_rows(cx, rows, cause),
    }
}

/// Lets lists begin and end whose date has come, as one record, and settles it.
pub(crate) fn turn(cx: &mut Decide<'_>, settle: impl Fn(&mut Decide<'_>)) {
    let due = cx.state.own.prices.due_lists(cx.draft.now);
    if !due.is_empty() {
        cx.draft.log(None, Event::ListsTurned(due));
        settle(cx);
    }
}

fn thing(told: PriceAnswer) -> Thing {
    Thing::Prices(Box::new(told))
}

fn in_use(kind: &'static str, name: &Name, holder: Holder) -> Failure {
    Refusal::InUse { kind, name: name.clone(), holders: vec![holder] }.into()
}

fn set_list(
    cx: &mut Decide<'_>,
    name: Name,
    list: Option<PriceList>,
    precondition: &Precondition,
    cause: &mut Option<Box<Cause>>,
) -> Decision {
    let (now, store) = (cx.draft.now, &cx.state.own.prices);
    if name.as_str() == BASE_NAME {
        return Err(Refusal::invalid("price_list", "base is there by itself, and is as it is").into());
    }
    let known = store.list(name.as_str());
    let current = known.as_ref().map(|known| Version::new(known.version));
    let version = current.map_or(0, |current| current.seq);
    if !precondition.holds(current) {
        return Err(Refusal::StaleVersion { actual: version }.into());
    }
    let before = known.as_ref().and_then(|known| known.list.as_ref());
    let live = known.as_ref().map_or(0, |known| store.live_in(known.id, now));
    let id = match (&known, &list) {
        (None, None) => return Err(Refusal::NotFound("price list").into()),
        (Some(_), None) if live > 0 => return Err(in_use("price_list", &name, Holder::counted("prices", live))),
        (Some(known), _) => known.id,
        (None, Some(_)) => store.free_id().ok_or_else(|| {
            let (field, limit) = ("price_list".to_owned(), "price_lists_max".to_owned());
            let most = LISTS_MAX as u64;
            Refusal::Limited { field, limit, asked: most + 1, most, passes: false, seconds: None }
        })?,
    };
    if let Some(list) = &list {
        check_list(cx, list, before)?;
        if live > 0 && before.is_some_and(|before| before.currency != list.currency) {
            return Err(in_use("price_list", &name, Holder::counted("prices", live)));
        }
    }
    let in_force = list.as_ref().is_some_and(|list| list.runs_at(now));
    let told = |in_force| thing(PriceAnswer::List(name.clone(), list.clone(), in_force));
    if let Some(known) = known.as_ref().filter(|known| known.list == list && known.in_force == in_force) {
        return Ok(cx.tell_thing(cause, version, told(known.in_force)));
    }
    let told = told(in_force);
    let forgotten = store.forgettable_lists(now);
    let of_effect = effect_of(cause);
    let set = ListSet { id, name, list, in_force, forgotten };
    let seq = cx.draft.log(of_effect, Event::ListSet(Box::new(set)));
    Ok(cx.tell_thing(cause, seq, told))
}

/// Checks that a list names only existing channels, locations and groups. Names that it had before may stay.
fn check_list(cx: &Decide<'_>, list: &PriceList, before: Option<&PriceList>) -> Result<(), Failure> {
    if let Some((start, end)) = list.starts_at.zip(list.ends_at).filter(|(start, end)| start >= end) {
        let reason = format!("is not after starts_at ({} ms against {} ms)", end.0, start.0);
        return Err(Refusal::invalid("ends_at", reason).into());
    }
    for (at, name) in list.channels.iter().enumerate() {
        if !before.is_some_and(|before| before.channels.contains(name)) {
            check_channel(cx, &format!("channels[{at}]"), Some(name))?;
        }
    }
    Ok(())
}

/// Whether a price may be one of a channel; of none, it holds for all.
fn check_channel(cx: &Decide<'_>, field: &str, channel: Option<&Name>) -> Result<(), Failure> {
    let Some(name) = channel else { return Ok(()) };
    match cx.draft.takes_channel(cx.draft.known_channel(name)) {
        true => Ok(()),
        false => Err(cx.state.catalogue.undeclared_channel(field, name).into()),
    }
}

fn set_tax_class(
    cx: &mut Decide<'_>,
    name: Name,
    class: Option<TaxClass>,
    precondition: &Precondition,
    cause: &mut Option<Box<Cause>>,
) -> Decision {
    let store = &cx.state.own.prices;
    let known = store.class(name.as_str());
    let current = known.as_ref().map(|(seq, _)| Version::new(*seq));
    let version = current.map_or(0, |current| current.seq);
    if !precondition.holds(current) {
        return Err(Refusal::StaleVersion { actual: version }.into());
    }
    if class.is_none() {
        if known.is_none() {
            return Err(Refusal::NotFound("tax class").into());
        }
        let taxed = store.taxed(name.as_str());
        if taxed > 0 {
            return Err(in_use("tax_class", &name, Holder::counted("skus", taxed.into())));
        }
    }
    let told = thing(PriceAnswer::TaxClass(name.clone(), class.clone()));
    if known.is_some_and(|(_, known)| class.as_ref() == Some(&*known)) {
        return Ok(cx.tell_thing(cause, version, told));
    }
    let of_effect = effect_of(cause);
    let seq = cx.draft.log(of_effect, Event::TaxClassSet(Box::new(TaxClassSet { name, class })));
    Ok(cx.tell_thing(cause, seq, told))
}

fn set_rows(cx: &mut Decide<'_>, rows: Vec<RowFields>, cause: &mut Option<Box<Cause>>) -> Decision {
    let mut changes = Changes::default();
    let (mut changed, mut unchanged) = (0, 0);
    for (at, row) in rows.into_iter().enumerate() {
        let field = |field: &str| format!("prices[{at}].{field}");
        match changes.set(cx, row, true, &field)? {
            true => changed += 1,
            false => unchanged += 1,
        }
    }
    let told = thing(PriceAnswer::Rows { changed, unchanged });
    let rows = changes.into_rows(cx);
    if rows.is_empty() {
        let seq = cx.state.view.seq();
        return Ok(cx.tell_thing(cause, seq, told));
    }
    let of_effect = effect_of(cause);
    let seq = cx.draft.log(of_effect, Event::RowsSet(rows));
    Ok(cx.tell_thing(cause, seq, told))
}

/// Rows that are being changed, as they are from here on.
#[derive(Default)]
pub(super) struct Changes {
    skus: BTreeMap<SkuId, (SkuPrices, Vec<RowSet>)>,
    lists: BTreeMap<Name, Option<(ListId, PriceList)>>,
}

impl Changes {
    /// Takes in a row; whether it changes anything. `strict` refuses locations that are unknown, which files may name before
    /// they are declared.
    pub fn set(
        &mut self,
        cx: &Decide<'_>,
        fields: RowFields,
        strict: bool,
        field: &dyn Fn(&str) -> String,
    ) -> Result<bool, Failure> {
        let (now, store) = (cx.draft.now, &cx.state.own.prices);
        let sku = cx.draft.known_sku(&fields.sku).ok_or_else(|| unknown(&field("sku"), &fields.sku))?;
        let (key, known_channel) = (self.key(cx, &fields, field)?, fields.channel.as_ref());
        let (prices, sets) = self.skus.entry(sku).or_insert_with(|| {
            (store.get(sku).map(|prices| SkuPrices::clone(&prices)).unwrap_or_default(), Vec::new())
        });
        let known = prices.get(&key);
        let live = known.filter(|row| row.is_live(now));
        let value = match fields.amount {
            None => None,
            Some(amount) => {
                let mut ends_at = live.and_then(|row| row.ends_at);
                fields.ends_at.apply(&mut ends_at);
                Some((amount, ends_at))
            }
        };
        match (known, &value) {
            // What a row says already stays as it is, also where its channel was never declared.
            (Some(row), Some((amount, ends_at))) if row.amount == *amount && row.ends_at == *ends_at => {
                return Ok(false);
            }
            (None, None) => return Ok(false),
            _ => {}
        }
        if let Some((_, Some(end))) = value {
            if key.starts_at.is_some_and(|start| end <= start) {
                let reason = "is not after starts_at";
                return Err(Refusal::invalid(field("ends_at"), reason).into());
            }
            if live.is_some_and(|row| row.is_in_force(now)) && end <= now {
                let reason = "has passed, and the row is in force; to end it now, set its amount to null";
                return Err(Refusal::invalid(field("ends_at"), reason).into());
            }
        }
        if value.is_some() {
            check_channel(cx, &field("channel"), known_channel)?;
            if let Some(location) = fields.location.as_ref().filter(|_| strict)
                && cx.draft.own_location(location).is_none()
            {
                return Err(unknown(&field("location"), location));
            }
        }
        let set = RowSet { key, value };
        let before = prices.live(now);
        let mut after = prices.clone();
        after.set(now, &set);
        let count = after.live(now);
        if count > ROWS_MAX && count > before {
            let (most, limit) = (ROWS_MAX as u64, "price_rows_max".to_owned());
            let field = field("sku");
            return Err(
                Refusal::Limited { field, limit, asked: count as u64, most, passes: false, seconds: None }.into()
            );
        }
        *prices = after;
        sets.push(set);
        Ok(true)
    }

    /// What identifies a row.
    fn key(&mut self, cx: &Decide<'_>, fields: &RowFields, field: &dyn Fn(&str) -> String) -> Result<RowKey, Failure> {
        let RowFields { list, channel, location, currency, min_quantity, starts_at, .. } = fields;
        let invalid = |of: &str, reason: String| Failure::from(Refusal::invalid(field(of), reason));
        let Some(name) = list.as_ref().filter(|name| name.as_str() != BASE_NAME) else {
            let missing = || invalid("currency", "is required for a price of base".into());
            let currency = currency.ok_or_else(missing)?;
            let (channel, location) = (channel.clone(), location.clone());
            return Ok(RowKey {
                channel,
                location,
                min_quantity: *min_quantity,
                starts_at: *starts_at,
                ..RowKey::base(currency)
            });
        };
        let found = self.lists.entry(name.clone()).or_insert_with(|| {
            let standing = cx.state.own.prices.list(name.as_str())?;
            Some((standing.id, standing.list.clone()?))
        });
        let Some((id, said)) = found else {
            let reason = format!("there is no price list {name}; set it first with PUT /v1/price-lists/{name}");
            return Err(invalid("price_list", reason));
        };
        for (of, is_said) in [("channel", channel.is_some()), ("location", location.is_some())] {
            if is_said {
                let reason = format!("is of rows of base alone; the list {name} says where its rows hold");
                return Err(invalid(of, reason));
            }
        }
        if let Some(currency) = currency.filter(|currency| *currency != said.currency) {
            let reason = format!("{currency:?} is not the currency of the list {name}, which is {:?}", said.currency);
            return Err(invalid("currency", reason));
        }
        Ok(RowKey {
            list: *id,
            currency: said.currency,
            channel: None,
            location: None,
            min_quantity: *min_quantity,
            starts_at: *starts_at,
        })
    }

    /// What changes, by SKU, with what may be forgotten of these and of some others; nothing where nothing changes.
    pub fn into_rows(self, cx: &Decide<'_>) -> Vec<SkuRows> {
        let (now, store) = (cx.draft.now, &cx.state.own.prices);
        let book = store.book();
        let forgettable = |prices: &SkuPrices| prices.forgettable(now, |list| list != BASE && book.is_sale(list));
        let changed = self.skus.into_iter().filter(|(_, (_, rows))| !rows.is_empty());
        let mut all: Vec<SkuRows> =
            changed.map(|(sku, (prices, rows))| SkuRows { sku, rows, forgotten: forgettable(&prices) }).collect();
        if all.is_empty() {
            return all;
        }
        let due = store.forgettable_skus(now).into_iter();
        let due: Vec<SkuId> = due.filter(|sku| all.binary_search_by_key(sku, |rows| rows.sku).is_err()).collect();
        for sku in due {
            if let Some(prices) = store.look(sku).as_deref() {
                all.push(SkuRows { sku, rows: Vec::new(), forgotten: forgettable(prices) });
            }
        }
        all
    }
}

/// The tax class that a SKU comes to have, if it is not what it has, or what the rows before left it with; none for the
/// standard one.
pub(crate) fn describe_tax_class(
    cx: &Decide<'_>,
    sku: SkuId,
    said: &Patch<Name>,
    set: &BTreeMap<SkuId, Option<Name>>,
) -> Option<(SkuId, Option<Name>)> {
    let class = match said {
        Patch::Keep => return None,
        Patch::Clear => None,
        Patch::Set(name) => Some(name.clone()).filter(|name| name.as_str() != STANDARD),
    };
    let durable = || cx.state.own.prices.tax_class(sku).and_then(|taxed| taxed.1.clone());
    let known = set.get(&sku).cloned().unwrap_or_else(durable);
    (known != class).then_some((sku, class))
}

/// What a row weighs in a record, in bytes.
pub(super) fn weight(rows: &SkuRows) -> usize {
    16 + 96 * rows.rows.len()
}
