//! The keys of the index: how something archived is found. A text in the middle of a key is preceded by its length, so
//! that no key of one thing lies among those of another.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};

use anaquel_log::archive::index::{ArchiveIndex, IndexChange, IndexError};
use anaquel_log::archive::{ArchivePlace, Frame};

use super::error::ArchiveError;
use crate::archive::Kept;
use crate::ids::{LocationId, Seq, Timestamp};
use crate::orders::{Order, OrderId, SaleRow};
use crate::receipts::{Key, Receipt, ReceiptId};
use crate::returns::{Return, ReturnId};

/// A key in the making.
#[derive(Debug, Clone)]
pub(super) struct Words(pub Vec<u8>);

impl Words {
    fn new(kind: u8) -> Self {
        Self(vec![kind])
    }

    fn text(mut self, text: &str) -> Self {
        self.0.extend_from_slice(&(text.len() as u16).to_be_bytes());
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
}

/// Which receipts are walked, in the order of issue.
#[derive(Debug, Clone, Copy)]
pub(super) enum Issued<'a> {
    All,
    Series(&'a str),
    Issuer(&'a str),
    Order(&'a str),
    Customer(&'a str),
}

/// Which rows of the ledger are walked, in log order.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sold<'a> {
    All,
    Customer(&'a str),
}

/// The version of the index's keys. An index of another version is rebuilt from the archive.
pub(super) const KEYS: u64 = 1;

pub(super) fn order(id: OrderId) -> Vec<u8> {
    Words::new(b'O').bytes(&id.0.to_be_bytes()).0
}

pub(super) fn order_name(name: &str) -> Vec<u8> {
    Words::new(b'N').text(name).0
}

/// An order by its last change; former versions keep theirs.
pub(super) fn changed(at: Timestamp, id: OrderId) -> Vec<u8> {
    Words::new(b'H').bytes(&at.0.to_be_bytes()).bytes(&id.0.to_be_bytes()).0
}

/// The beginning of the keys of the orders of a customer.
pub(super) fn of_customer(customer: &str) -> Vec<u8> {
    Words::new(b'C').text(customer).0
}

pub(super) fn customer(customer: &str, id: OrderId) -> Vec<u8> {
    Words::new(b'C').text(customer).bytes(&id.0.to_be_bytes()).0
}

pub(super) fn till(location: LocationId, till: &str, number: &str) -> Vec<u8> {
    Words::new(b'T').text(number).bytes(&location.0.to_be_bytes()).text(till).0
}

/// The beginning of the keys of all orders with a number of a till.
pub(super) fn till_number(number: &str) -> Vec<u8> {
    Words::new(b'T').text(number).0
}

/// The beginning of the keys of these rows of the ledger.
pub(super) fn sold_of(which: Sold<'_>) -> Vec<u8> {
    match which {
        Sold::All => Words::new(b'L').0,
        Sold::Customer(name) => Words::new(b'l').text(name).0,
    }
}

/// A row of the ledger, among those whose keys begin so.
pub(super) fn row_of(beginning: &[u8], seq: Seq, nth: u16) -> Vec<u8> {
    [beginning, &seq.to_be_bytes(), &nth.to_be_bytes()].concat()
}

pub(super) fn receipt(id: &ReceiptId) -> Vec<u8> {
    Words::new(b'R').text(id.series.as_str()).bytes(&id.n.to_be_bytes()).0
}

pub(super) fn copy(key: &[u8; 16]) -> Vec<u8> {
    Words::new(b'K').bytes(key).0
}

/// The beginning of the keys of these receipts.
pub(super) fn issued_of(which: Issued<'_>) -> Vec<u8> {
    match which {
        Issued::All => Words::new(b'I').0,
        Issued::Series(name) => Words::new(b's').text(name).0,
        Issued::Issuer(name) => Words::new(b'u').text(name).0,
        Issued::Order(name) => Words::new(b'o').text(name).0,
        Issued::Customer(name) => Words::new(b'c').text(name).0,
    }
}

pub(super) fn returned(id: ReturnId) -> Vec<u8> {
    Words::new(b'E').bytes(&id.0.to_be_bytes()).0
}

pub(super) fn return_name(name: &str) -> Vec<u8> {
    Words::new(b'F').text(name).0
}

/// A return by its last change; former versions keep theirs.
pub(super) fn return_changed(at: Timestamp, id: ReturnId) -> Vec<u8> {
    Words::new(b'J').bytes(&at.0.to_be_bytes()).bytes(&id.0.to_be_bytes()).0
}

/// The beginning of the keys of the returns of a customer.
pub(super) fn returns_of_customer(customer: &str) -> Vec<u8> {
    Words::new(b'g').text(customer).0
}

/// The beginning of the keys of the returns of an order.
pub(super) fn returns_of_order(order: &str) -> Vec<u8> {
    Words::new(b'h').text(order).0
}

/// A place in the order of issue, as it ends a key.
pub(super) fn place_of(key: &Key) -> Vec<u8> {
    let Key { at, seq, position, series } = key;
    let numbers = [at.0, *seq, *position].map(u64::to_be_bytes).concat();
    [numbers.as_slice(), series.as_str().as_bytes()].concat()
}

/// Reads the place in the order of issue that ends a key with this beginning.
pub(super) fn read_place(key: &[u8], beginning: usize) -> Option<Key> {
    let (numbers, series) = key.get(beginning..)?.split_first_chunk::<24>()?;
    let number = |at: usize| numbers.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_be_bytes);
    let series = String::from_utf8(series.to_vec()).ok()?;
    Some(Key { at: Timestamp(number(0)), seq: number(8), position: number(16), series: series.into() })
}

/// Reads the number that ends a key.
pub(super) fn read_id(key: &[u8]) -> Option<OrderId> {
    key.last_chunk::<8>().map(|bytes| OrderId(u64::from_be_bytes(*bytes)))
}

/// Reads the place in the ledger that ends a key of a row.
pub(super) fn read_row(key: &[u8]) -> Option<(Seq, u16)> {
    let (seq, nth) = key.last_chunk::<10>()?.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*seq), u16::from_be_bytes(nth.try_into().ok()?)))
}

/// The keys that begin with `beginning`.
pub(super) fn starting_with(beginning: &[u8]) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    (Bound::Included(beginning.to_vec()), after_all(beginning))
}

/// After every key that begins with `beginning`.
pub(super) fn after_all(beginning: &[u8]) -> Bound<Vec<u8>> {
    let mut end = beginning.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Bound::Excluded(end);
        }
    }
    Bound::Unbounded
}

/// A frame as a value of the index.
pub(super) fn value_of(frame: Frame) -> Vec<u8> {
    let Frame { place: ArchivePlace { file, at }, bytes } = frame;
    [&file.to_be_bytes()[..], &at.to_be_bytes(), &bytes.to_be_bytes()].concat()
}

/// Reads a value of the index: a frame, and for a row its place in it.
///
/// # Errors
/// It is none.
pub(super) fn read_value(value: &[u8]) -> Result<(Frame, u16), ArchiveError> {
    let word = |at: usize| value.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_be_bytes);
    let wide = value.get(4..12).and_then(|b| b.try_into().ok()).map_or(0, u64::from_be_bytes);
    let nth = value.get(16..18).and_then(|b| b.try_into().ok()).map_or(0, u16::from_be_bytes);
    match value.len() {
        16 | 18 => Ok((Frame { place: ArchivePlace { file: word(0), at: wide }, bytes: word(12) }, nth)),
        other => Err(ArchiveError::Content(format!("an entry of the index has {other} bytes"))),
    }
}

/// Passes every key by which the content of a frame is found, with its value.
pub(super) fn each(kept: &Kept, frame: Frame, put: &mut dyn FnMut(Vec<u8>, Vec<u8>)) {
    let value = value_of(frame);
    match kept {
        Kept::Order(order) => of_order(order, &value, put),
        Kept::Rows(rows) => {
            let all = sold_of(Sold::All);
            for (nth, SaleRow { seq, nth: of_record, customer, .. }) in (0_u16..).zip(rows) {
                let value = [&value[..], &nth.to_be_bytes()].concat();
                if let Some(customer) = customer {
                    put(row_of(&sold_of(Sold::Customer(customer)), *seq, *of_record), value.clone());
                }
                put(row_of(&all, *seq, *of_record), value);
            }
        }
        Kept::Receipt(receipt) => of_receipt(receipt, &value, put),
        Kept::Return(back) => of_return(back, &value, put),
    }
}

fn of_order(of: &Order, value: &[u8], put: &mut dyn FnMut(Vec<u8>, Vec<u8>)) {
    put(changed(of.changed_at(), of.id), value.to_vec());
    put(order(of.id), value.to_vec());
    put(order_name(of.name.as_str()), value.to_vec());
    if let Some(name) = &of.customer {
        put(customer(name, of.id), value.to_vec());
    }
    if let Some((location, name, number)) = of.till_number() {
        put(till(location, &name, &number), value.to_vec());
    }
}

fn of_return(of: &Return, value: &[u8], put: &mut dyn FnMut(Vec<u8>, Vec<u8>)) {
    put(return_changed(of.changed_at(), of.id), value.to_vec());
    put(returned(of.id), value.to_vec());
    put(return_name(of.name.as_str()), value.to_vec());
    let customer = of.customer.as_deref().map(returns_of_customer);
    let order = of.order.as_ref().map(|name| returns_of_order(name.as_str()));
    for beginning in customer.into_iter().chain(order) {
        put([&beginning[..], &of.id.0.to_be_bytes()].concat(), value.to_vec());
    }
}

fn of_receipt(of: &Receipt, value: &[u8], put: &mut dyn FnMut(Vec<u8>, Vec<u8>)) {
    let issued = &of.issued;
    put(receipt(&issued.id), value.to_vec());
    put(copy(&issued.key), value.to_vec());
    let place = place_of(&Key::of(issued));
    let order = issued.order.as_ref().map(|(_, name)| Issued::Order(name.as_str()));
    let customer = issued.customer.as_ref().map(|name| Issued::Customer(name.as_str()));
    let always = [Issued::All, Issued::Series(issued.id.series.as_str()), Issued::Issuer(issued.issuer.as_str())];
    for which in always.into_iter().chain(order).chain(customer) {
        put([issued_of(which), place.clone()].concat(), value.to_vec());
    }
}

/// The first archived row of the ledger of each day of the log, so that a read from some time on begins there.
#[derive(Debug, Default)]
pub(super) struct Days(BTreeMap<u64, Seq>);

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// How far what is told may be ahead of the log.
const AHEAD_MS: u64 = 120_000;

fn day(day: u64) -> Vec<u8> {
    Words::new(b'D').bytes(&day.to_be_bytes()).0
}

impl Days {
    /// Notes rows.
    pub fn note(&mut self, kept: &Kept) {
        if let Kept::Rows(rows) = kept {
            for row in rows {
                let first = self.0.entry(row.time.0 / DAY_MS).or_insert(row.seq);
                *first = row.seq.min(*first);
            }
        }
    }

    /// Adds what was noted to a change of the index.
    pub fn set(self, index: &ArchiveIndex, change: &mut IndexChange) -> Result<(), IndexError> {
        for (number, first) in self.0 {
            let key = day(number);
            let known = index.get(&key)?.and_then(|value| value.try_into().ok()).map(u64::from_be_bytes);
            if known.is_none_or(|known| first < known) {
                change.set(key, first.to_be_bytes().to_vec());
            }
        }
        Ok(())
    }
}

/// The first archived row of the ledger that may have happened at `from` or later; `None` if there is none.
pub(super) fn first_row(index: &ArchiveIndex, from: Timestamp) -> Result<Option<Seq>, IndexError> {
    let begin = Bound::Included(day(from.0.saturating_sub(AHEAD_MS) / DAY_MS));
    let mut first = None;
    index.each((begin, after_all(b"D")), false, &mut |_, value| {
        first = value.try_into().ok().map(u64::from_be_bytes);
        ControlFlow::Break(())
    })?;
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Name;

    #[test]
    fn a_key_is_read_as_it_is_written() {
        let key = Key { at: Timestamp(7), seq: 300, position: 2, series: Name::from("ES-1".to_owned()) };
        for which in [Issued::All, Issued::Series("S"), Issued::Order("a:b")] {
            let beginning = issued_of(which);
            let written = [beginning.clone(), place_of(&key)].concat();
            assert_eq!(read_place(&written, beginning.len()), Some(key.clone()));
        }
        for which in [Sold::All, Sold::Customer("c")] {
            assert_eq!(read_row(&row_of(&sold_of(which), 70_000, 3)), Some((70_000, 3)));
        }
        assert_eq!(read_id(&customer("c", OrderId(9))), Some(OrderId(9)));
        let frame = Frame { place: ArchivePlace { file: 3, at: 1 << 33 }, bytes: 70 };
        assert_eq!(read_value(&value_of(frame)).ok(), Some((frame, 0)));
        assert!(read_value(&[1]).is_err());
    }

    #[test]
    fn keys_of_one_text_do_not_lie_among_those_of_another() {
        let (short, long) = (customer("a", OrderId(u64::MAX)), customer("ab", OrderId(0)));
        let (Bound::Included(from), Bound::Excluded(to)) = starting_with(&Words::new(b'C').text("a").0) else {
            panic!("both ends are there");
        };
        assert!(from <= short && short < to);
        assert!(!(from <= long && long < to));
        assert_eq!(after_all(&[255, 255]), Bound::Unbounded);
    }
}
