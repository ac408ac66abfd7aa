//! JSON that is written directly, piece by piece: format strings would take longer than the rest of a long answer.
//!
//! A text is a piece of JSON; an id is written inside a JSON string, so quotes and backslashes are escaped.

use anaquel_engine::ids::Name;

/// A value that needs no escaping.
pub trait Piece {
    /// Appends the value.
    fn append(self, out: &mut String);
}

impl Piece for &str {
    fn append(self, out: &mut String) {
        out.push_str(self);
    }
}

impl Piece for &Name {
    fn append(self, out: &mut String) {
        Id(self.as_str()).append(out);
    }
}

/// The text of an id. It contains no control characters, so only quotes and backslashes need escaping.
pub struct Id<'a>(pub &'a str);

impl Piece for Id<'_> {
    #[inline]
    fn append(self, out: &mut String) {
        let Self(text) = self;
        debug_assert!(!text.contains(char::is_control), "{text:?} is not an id");
        if !text.bytes().any(|byte| matches!(byte, b'"' | b'\\')) {
            out.push_str(text);
            return;
        }
        for character in text.chars() {
            if matches!(character, '"' | '\\') {
                out.push('\\');
            }
            out.push(character);
        }
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
            #[inline]
            fn append(self, out: &mut String) {
                match u8::try_from(self) {
                    Ok(small @ 0..=99) => append_small(small, out),
                    _ => out.push_str(itoa::Buffer::new().format(self)),
                }
            }
        })+
    };
}

/// Most quantities have one or two digits: pushing those is cheaper than a call that copies them.
#[inline]
fn append_small(small: u8, out: &mut String) {
    if small >= 10 {
        out.push(char::from(b'0' + small / 10));
    }
    out.push(char::from(b'0' + small % 10));
}

numbers!(u32, i32, u64, i64, usize);

/// Appends `items` as a JSON array.
pub fn write_array<T>(out: &mut String, items: &[T], mut write: impl FnMut(&mut String, &T)) {
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}

/// Appends pieces to a `String`.
macro_rules! put {
    ($out:expr, $($piece:expr),+ $(,)?) => {{
        $($crate::wire::put::Piece::append($piece, $out);)+
    }};
}
pub(crate) use put;

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_are_written_as_they_are_shown() {
        let mut out = String::new();
        for number in (-1000..=1000).chain([i64::MIN, i64::MAX]) {
            out.clear();
            put!(&mut out, number);
            assert_eq!(out, number.to_string());
        }
    }

    #[test]
    fn ids_are_escaped_as_json_has_it() {
        for id in ["plain", "O'Neil 5/8\"", "C:\\shop\\1", "\"", "\\", "日本 \"語\"", "</script>"] {
            let mut out = String::from("\"");
            put!(&mut out, super::Id(id), "\"");
            assert_eq!(serde_json::from_str::<String>(&out).ok().as_deref(), Some(id), "{out}");
        }
    }
}
