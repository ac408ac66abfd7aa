//! Short sequences, most with one element.

use smallvec::SmallVec;

/// Lines of a reservation; most have one.
pub type Few<T> = SmallVec<[T; 1]>;

/// Sequences with a length of two bytes instead of eight: most have one element, and the log consists of them.
pub mod short {
    use std::fmt;
    use std::marker::PhantomData;

    use serde::de::{Error, SeqAccess, Visitor};
    use serde::ser::{Error as _, SerializeTuple};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Few;

    /// Inlined: otherwise the compiler sometimes emits calls, which cost a tenth of a reservation's encoding.
    #[inline(always)]
    pub fn serialize<T: Serialize, S: Serializer>(items: &Few<T>, serializer: S) -> Result<S::Ok, S::Error> {
        let length = u16::try_from(items.len()).map_err(|_| S::Error::custom("more than 65,535 lines"))?;
        let mut tuple = serializer.serialize_tuple(items.len() + 1)?;
        tuple.serialize_element(&length)?;
        for item in items {
            tuple.serialize_element(item)?;
        }
        tuple.end()
    }

    /// Reads the output of [`serialize`].
    ///
    /// # Errors
    /// There are fewer items than the length says.
    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Few<T>, D::Error> {
        struct Items<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
            type Value = Few<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length of two bytes and as many items")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Few<T>, A::Error> {
                let length: u16 = seq.next_element()?.ok_or_else(|| A::Error::custom("no length"))?;
                (0..length)
                    .map(|_| seq.next_element()?.ok_or_else(|| A::Error::custom("fewer items than its length says")))
                    .collect()
            }
        }

        deserializer.deserialize_tuple(usize::from(u16::MAX) + 1, Items(PhantomData))
    }
}
