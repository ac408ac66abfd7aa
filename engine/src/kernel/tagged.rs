//! Events and frames with fixed tags: the tag, little endian in four bytes, and then the body.
//!
//! The tags of all subjects together form one enumeration: frozen, dense from 0, each used once. A new event takes the
//! next free number, in the file of its subject; a test finds duplicate tags.

/// Declares the events or the frames of a subject: the tag, the name and the body of each.
macro_rules! tagged {
    ($(#[$about:meta])* pub enum $name:ident { $($(#[$doc:meta])* $tag:literal => $variant:ident($body:ty),)+ }) => {
        $(#[$about])*
        pub enum $name { $($(#[$doc])* $variant($body),)+ }

        impl $name {
            /// The tags of these, with their names.
            pub const TAGS: &'static [(u32, &'static str)] = &[$(($tag, stringify!($variant)),)+];

            /// Writes the tag and the body.
            #[inline]
            pub(crate) fn write<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant(body) => {
                        serializer.serialize_newtype_variant(stringify!($name), $tag, stringify!($variant), body)
                    })+
                }
            }

            /// Reads the body with this `tag`; returns `body` if the tag belongs to another subject.
            #[inline]
            pub(crate) fn read<'de, A: serde::de::VariantAccess<'de>>(
                tag: u32,
                body: A,
            ) -> Result<Result<Self, A::Error>, A> {
                match tag {
                    $($tag => Ok(body.newtype_variant().map(Self::$variant)),)+
                    _ => Err(body),
                }
            }
        }
    };
}

pub(crate) use tagged;
