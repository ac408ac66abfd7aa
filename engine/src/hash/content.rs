//! The digest of an item by its content, whatever its fields are.
//!
//! The item is serialised like in the log, into bytes that mean the same in every directory: an id becomes the digest
//! of its name, and a list of ids their sum, because its order depends on the ids. A new field of an item is part of
//! its digest automatically.

use std::cell::Cell;

use serde::Serialize;
use serde::ser::{
    Error as _, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::{Digest, Part, fold_multiply};

/// Looks up the digests of names by id.
pub trait Names {
    /// The digest of the name of an id, if the type is one of ids.
    fn digest_of(&self, kind: &str, id: u32) -> Option<u64>;
}

/// The digest of an item of `part` with the name `key`, by its content: every field, ids by their names, and lists of
/// ids without order.
pub fn digest<T: Serialize>(names: &dyn Names, part: Part, key: u64, thing: &T) -> Digest {
    let mut bytes = BYTES.take();
    bytes.clear();
    let mut writer = Writer { names, bytes, ids: 0 };
    writer.bytes.push(part as u8);
    writer.bytes.extend_from_slice(&key.to_le_bytes());
    thing.serialize(&mut writer).expect("what the log can hold can be digested");
    let digest = blake3::hash(&writer.bytes);
    if writer.bytes.capacity() <= KEPT_BYTES {
        BYTES.set(writer.bytes);
    }
    let (head, _) = digest.as_bytes().split_first_chunk().unwrap_or((&[0; 16], &[]));
    u128::from_le_bytes(*head)
}

thread_local! {
    /// The buffer of the digest before.
    static BYTES: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The largest buffer that is kept.
const KEPT_BYTES: usize = 1 << 16;

/// Collects the serialised bytes.
struct Writer<'a> {
    names: &'a dyn Names,
    bytes: Vec<u8>,
    /// Ids written so far.
    ids: usize,
}

type Error = std::fmt::Error;

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn number(&mut self, number: u64) -> Result<(), Error> {
        self.put(&number.to_le_bytes())
    }
}

macro_rules! numbers {
    ($($method:ident: $type:ty),+) => {
        $(fn $method(self, value: $type) -> Result<(), Error> {
            self.put(&value.to_le_bytes())
        })+
    };
}

impl<'w, 'a> Serializer for &'w mut Writer<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = List<'w, 'a>;
    type SerializeTuple = Fields<'w, 'a>;
    type SerializeTupleStruct = Fields<'w, 'a>;
    type SerializeTupleVariant = Fields<'w, 'a>;
    type SerializeMap = Fields<'w, 'a>;
    type SerializeStruct = Fields<'w, 'a>;
    type SerializeStructVariant = Fields<'w, 'a>;

    numbers!(
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128
    );

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.put(&[u8::from(value)])
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        self.put(&value.to_bits().to_le_bytes())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        // Both zeros are the same place.
        self.put(&(value + 0.0).to_bits().to_le_bytes())
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.put(&u32::from(value).to_le_bytes())
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        self.serialize_bytes(value.as_bytes())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        self.number(value.len() as u64)?;
        self.put(value)
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.put(&[0])
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.put(&[1])?;
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, variant: u32, _: &'static str) -> Result<(), Error> {
        self.number(variant.into())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<(), Error> {
        let from = self.bytes.len();
        value.serialize(&mut *self)?;
        let id = self.bytes.get(from..).and_then(|bytes| Some(u32::from_le_bytes(bytes.try_into().ok()?)));
        if let Some(named) = id.and_then(|id| self.names.digest_of(name, id)) {
            self.bytes.truncate(from);
            self.ids += 1;
            self.number(named)?;
        }
        Ok(())
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.number(variant.into())?;
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List<'w, 'a>, Error> {
        // The count goes in front, and is known at the end.
        self.number(0)?;
        let (from, ids) = (self.bytes.len(), self.ids);
        Ok(List { writer: self, from, ids, count: 0 })
    }

    fn serialize_tuple(self, _: usize) -> Result<Fields<'w, 'a>, Error> {
        Ok(Fields(self))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Fields<'w, 'a>, Error> {
        Ok(Fields(self))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Fields<'w, 'a>, Error> {
        self.number(variant.into())?;
        Ok(Fields(self))
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Fields<'w, 'a>, Error> {
        let length = length.ok_or_else(|| Error::custom("a map without a length"))?;
        self.number(length as u64)?;
        Ok(Fields(self))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields<'w, 'a>, Error> {
        Ok(Fields(self))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Fields<'w, 'a>, Error> {
        self.number(variant.into())?;
        Ok(Fields(self))
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// A list, which is a set if its elements are ids.
struct List<'w, 'a> {
    writer: &'w mut Writer<'a>,
    from: usize,
    ids: usize,
    count: usize,
}

impl SerializeSeq for List<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.count += 1;
        value.serialize(&mut *self.writer)
    }

    fn end(self) -> Result<(), Error> {
        let Self { writer, from, ids, count } = self;
        let (front, written) = writer.bytes.split_at_mut_checked(from).unwrap_or_default();
        if let Some(place) = front.last_chunk_mut() {
            *place = (count as u64).to_le_bytes();
        }
        let is_set = count > 0 && writer.ids - ids == count && written.len() == 8 * count;
        if !is_set {
            return Ok(());
        }
        let word = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
        let wide = |name: u64| {
            let high = fold_multiply(name ^ 0x082e_fa98_ec4e_6c89, 0x9e37_79b9_7f4a_7c15);
            (u128::from(high) << 64) | u128::from(name)
        };
        let sum = written.chunks_exact(8).fold(0_u128, |sum, name| sum.wrapping_add(wide(word(name))));
        writer.bytes.truncate(from);
        writer.put(&sum.to_le_bytes())
    }
}

/// Fields in order.
struct Fields<'w, 'a>(&'w mut Writer<'a>);

macro_rules! fields {
    ($($kind:ident :: $method:ident ( $($named:ident)? )),+) => {
        $(impl $kind for Fields<'_, '_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, $($named: &'static str,)? value: &T) -> Result<(), Error> {
                $(let _ = $named;)?
                value.serialize(&mut *self.0)
            }

            fn end(self) -> Result<(), Error> {
                Ok(())
            }
        })+
    };
}

fields!(
    SerializeTuple::serialize_element(),
    SerializeTupleStruct::serialize_field(),
    SerializeTupleVariant::serialize_field(),
    SerializeStruct::serialize_field(name),
    SerializeStructVariant::serialize_field(name)
);

impl SerializeMap for Fields<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        key.serialize(&mut *self.0)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        value.serialize(&mut *self.0)
    }

    fn end(self) -> Result<(), Error> {
        Ok(())
    }
}
