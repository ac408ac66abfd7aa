//! JSON that is written out directly, piece by piece: the machinery of format strings would take longer than everything
//! else that a long answer needs.

use anaquel_engine::ids::Name;

/// Something that stands in an answer as it is: it has nothing to escape.
pub trait Piece {
    /// Appends it.
    fn append(self, out: &mut String);
}

impl Piece for &str {
    fn append(self, out: &mut String) {
        out.push_str(self);
    }
}

impl Piece for &Name {
    fn append(self, out: &mut String) {
        out.push_str(self.as_str());
    }
}

impl Piece for bool {
    fn append(self, out: &mut String) {
        out.push_str(if self { "true" } else { "false" });
    }
}

macro_rules! numbers {
    ($($number:ty),+) => {
        $(impl Piece for $number {
            fn append(self, out: &mut String) {
                out.push_str(itoa::Buffer::new().format(self));
            }
        })+
    };
}

numbers!(u32, i32, u64, i64, usize);

/// Appends pieces to a `String`.
macro_rules! put {
    ($out:expr, $($piece:expr),+ $(,)?) => {{
        $($crate::wire::put::Piece::append($piece, $out);)+
    }};
}

pub(crate) use put;
