//! The frames of all subjects in one list, and those of the checkpoint itself.

use std::{fmt, io};

use serde::de::{EnumAccess, Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::summary::Summary;
use crate::kernel::idempotency::{Done, KeptKeys};
use crate::kernel::tagged::tagged;
use crate::state::DurableState;
use crate::{catalogue, demand, reservations, rules, stock, supply};

/// Frames of the checkpoint itself, and of keys.
pub(super) mod own {
    use super::{Done, KeptKeys, Summary, tagged};

    tagged! {
        /// A frame.
        pub enum Frame {
            /// Keys in formats 1 to 3.
            9 => Keys(Vec<(u128, Done)>),
            /// The end: the summary of the checkpoint.
            10 => End(Summary),
            /// Kept keys. After everything that their answers depend on.
            19 => KeptKeys(KeptKeys),
        }
    }
}

/// Lists the subjects that have frames.
macro_rules! frames {
    ($($name:ident($module:path),)+) => {
        /// A frame of a checkpoint, by subject.
        pub(super) enum Frame { $($name($module),)+ }

        $(impl From<$module> for Frame {
            fn from(frame: $module) -> Self {
                Self::$name(frame)
            }
        })+

        impl Frame {
            /// Every tag with the frame's name, by subject.
            pub const TAGS: &'static [&'static [(u32, &'static str)]] = &[$(<$module>::TAGS,)+];
        }

        impl Serialize for Frame {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self { $(Self::$name(frame) => frame.write(serializer),)+ }
            }
        }

        impl<'de> Visitor<'de> for Tagged {
            type Value = Frame;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a frame")
            }

            fn visit_enum<A: EnumAccess<'de>>(self, frame: A) -> Result<Frame, A::Error> {
                let (tag, body) = frame.variant::<u32>()?;
                $(let body = match <$module>::read(tag, body) {
                    Ok(frame) => return frame.map(Frame::$name),
                    Err(body) => body,
                };)+
                drop(body);
                let known: usize = Frame::TAGS.iter().map(|tags| tags.len()).sum();
                let expected = format!("variant index 0 <= i < {known}");
                Err(A::Error::invalid_value(Unexpected::Unsigned(tag.into()), &expected.as_str()))
            }
        }
    };
}

/// Reads a frame by its tag.
struct Tagged;

/// Generates the list of all frames, and the save and restore of subjects with their own store.
macro_rules! all_frames {
    (effects: $($effects:ident),*; own: $($module:ident $event:ident,)*) => {
        frames! {
            Stock(stock::frames::Frame),
            Reservations(reservations::frames::Frame),
            Catalogue(catalogue::frames::Frame),
            Supply(supply::frames::Frame),
            Rules(rules::frames::Frame),
            Demand(demand::frames::Frame),
            Own(own::Frame),
            $($event(crate::$module::frames::Frame),)*
        }

        /// Saves the subjects' stores.
        ///
        /// # Errors
        /// An error of `put`.
        pub(super) fn save_own(
            _state: &DurableState,
            _put: &mut dyn FnMut(Frame) -> io::Result<()>,
        ) -> io::Result<()> {
            $(crate::$module::frames::save(_state, &mut |frame| _put(frame.into()))?;)*
            Ok(())
        }

        /// Restores a frame of such a subject.
        pub(super) fn restore_own(_state: &DurableState, frame: Frame) {
            match frame {
                $(Frame::$event(frame) => crate::$module::frames::restore(_state, frame),)*
                // These have their own writers.
                Frame::Stock(_)
                | Frame::Reservations(_)
                | Frame::Catalogue(_)
                | Frame::Supply(_)
                | Frame::Rules(_)
                | Frame::Demand(_)
                | Frame::Own(_) => {}
            }
        }
    };
}

crate::subjects::stores!(all_frames);

impl<'de> Deserialize<'de> for Frame {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_enum("Frame", &[], Tagged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tag_is_given_once_and_none_is_left_out() {
        let mut tags: Vec<u32> = Frame::TAGS.iter().flat_map(|tags| tags.iter().map(|(tag, _)| *tag)).collect();
        tags.sort_unstable();
        assert_eq!(tags, (0..tags.len() as u32).collect::<Vec<_>>());
    }
}
