//! Events with given tags: what stands in the log is the tag, little endian in four bytes, and then the event's body.
//!
//! The tags of all subjects together are what one flat enum once derived: frozen, dense from 0, each given once. A new
//! event takes the next free number, in the file of its subject; a test finds tags that are given twice.

/// Declares the events of a subject: for each its tag, its name and its body.
macro_rules! events {
    ($(#[$about:meta])* pub enum Event { $($(#[$doc:meta])* $tag:literal => $variant:ident($body:ty),)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq)]
        pub enum Event { $($(#[$doc])* $variant($body),)+ }

        impl Event {
            /// The tags of these events, with their names.
            pub const TAGS: &'static [(u32, &'static str)] = &[$(($tag, stringify!($variant)),)+];

            /// Writes the tag and the body.
            #[inline]
            pub(crate) fn write<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant(body) => {
                        serializer.serialize_newtype_variant("Event", $tag, stringify!($variant), body)
                    })+
                }
            }

            /// Reads the body of the event `tag`; gives `body` back where the tag is another subject's.
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

pub(crate) use events;
