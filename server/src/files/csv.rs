//! Cells of delimited files: how texts and lists are written so that no spreadsheet runs them, and read back.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@` or a control character for a formula. So what people
//! named is written behind an apostrophe there, which a spreadsheet shows as text, and the import takes off again:
//!
//! - what begins with any number of apostrophes and then such a character, or a quote after at least one, gets one more;
//! - what holds control characters, white space at an end, or a separator before such a character is written as an
//!   apostrophe and a JSON string.
//!
//! Every text has one form, and reads back as itself. Numbers and times are the server's own, and stay plain.

use std::fmt::Write;

/// A field as it is written out.
pub fn quote(field: &str) -> String {
    if field.contains([',', ';', '|', '\t', '"', '\n', '\r']) || field.trim() != field {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

/// What a spreadsheet takes a cell for a formula by, the wide forms included, or passes over before it does.
fn is_active(first: char) -> bool {
    matches!(first, '=' | '+' | '-' | '@' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}' | '\u{feff}')
        || first.is_control()
}

/// What a spreadsheet may take for the end of a cell.
fn is_separator(character: char) -> bool {
    matches!(character, ',' | ';' | '|' | '\t')
}

/// Whether a text is one that an apostrophe stands before: any number of them, and then something active; or at least
/// one, and then a quote.
fn is_marked(text: &str) -> bool {
    let rest = text.trim_start_matches('\'');
    rest.starts_with(is_active) || rest.len() < text.len() && rest.starts_with('"')
}

/// A text as a cell that no spreadsheet runs. [`unguard`] reads it back.
pub fn guard(text: &str) -> String {
    let starts_anew = |at: usize| {
        let rest = text.get(at + 1..).unwrap_or_default();
        rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'')).starts_with(is_active)
    };
    let is_split = text.char_indices().any(|(at, character)| is_separator(character) && starts_anew(at));
    if is_split || text.contains(char::is_control) || text.trim() != text {
        return format!("'{}", json(text));
    }
    if is_marked(text) { format!("'{text}") } else { text.to_owned() }
}

/// A text that was said, as a cell: one without a character is told from none.
pub fn said(text: &str) -> String {
    if text.is_empty() { "'\"\"".to_owned() } else { guard(text) }
}

/// The text that [`guard`] or [`said`] wrote as `cell`, or that a spreadsheet keeps as text by a formula, such as
/// `="00123"`; any other cell as it is.
pub fn unguard(cell: &str) -> String {
    let Some(rest) = cell.strip_prefix('\'') else {
        let text = cell.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"'));
        return text.filter(|text| !text.contains('"')).unwrap_or(cell).to_owned();
    };
    if rest.starts_with('"') {
        return serde_json::from_str(rest).unwrap_or_else(|_| cell.to_owned());
    }
    if is_marked(rest) { rest.to_owned() } else { cell.to_owned() }
}

/// A JSON string in which nothing active and no separator stands as such.
fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            _ if is_active(character) || is_separator(character) => {
                // All of them are of the basic plane: one unit of UTF-16 each.
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
    out
}

/// Texts as one cell, between semicolons; one that would not read back as itself is a JSON string. [`unlist`] reads it
/// back.
pub fn list<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    let plain = |item: &str| {
        let odd = item.is_empty() || item.trim() != item || item.starts_with(|c| c == '"' || is_active(c));
        !odd && !item.contains(|c: char| c == ';' || c.is_control())
    };
    let item = |item: &'a str| if plain(item) { item.to_owned() } else { json(item) };
    items.into_iter().map(item).collect::<Vec<_>>().join(";")
}

/// The texts of a cell that [`list`] wrote; what is empty between semicolons is passed over.
pub fn unlist(cell: &str) -> Vec<String> {
    let mut items = Vec::new();
    let mut rest = cell;
    while !rest.is_empty() {
        let trimmed = rest.trim_start();
        // A JSON string ends where its quote does, and then there is a semicolon, or nothing.
        if trimmed.starts_with('"') {
            let mut texts = serde_json::Deserializer::from_str(trimmed).into_iter::<String>();
            if let Some(Ok(text)) = texts.next() {
                let after = trimmed.get(texts.byte_offset()..).unwrap_or_default().trim_start();
                if after.is_empty() || after.starts_with(';') {
                    items.push(text);
                    rest = after.get(1..).unwrap_or_default();
                    continue;
                }
            }
        }
        let (item, more) = rest.split_once(';').unwrap_or((rest, ""));
        if !item.trim().is_empty() {
            items.push(item.trim().to_owned());
        }
        rest = more;
    }
    items
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(line: &str) -> Vec<String> {
        let mut fields = Vec::new();
        crate::files::table::split(line, b',', &mut fields).unwrap();
        fields.into_iter().map(|field| field.text).collect()
    }

    /// Texts as they come to be by chance, and as somebody would choose them.
    fn nasty() -> impl Strategy<Value = String> {
        prop_oneof![".*", r#"['"=+@;,|\\a \t\r\n\x00\x7f\u{85}\u{a0}\u{ff1d}-]{0,8}"#]
    }

    /// Whether a spreadsheet would run a cell of this line, whatever separates cells for it.
    fn is_run(line: &str) -> bool {
        let cells = |separator: char| {
            let mut cells = line.split(separator);
            // The first is quoted as it should be; what comes after a separator that no quote holds together is not.
            let first = cells.next().is_some_and(|cell| cell.strip_prefix('"').unwrap_or(cell).starts_with(is_active));
            first || cells.any(|cell| cell.trim_start_matches(['"', ' ']).starts_with(is_active))
        };
        [';', '|', '\t'].into_iter().any(cells) || fields(line).iter().any(|cell| cell.starts_with(is_active))
    }

    proptest! {
        #[test]
        fn a_guarded_text_comes_back_as_it_was(text in nasty(), other in nasty()) {
            prop_assert_eq!(unguard(&guard(&text)), text.clone());
            let line = format!("{},{}", quote(&guard(&text)), quote(&guard(&other)));
            prop_assert!(!line.contains(char::is_control), "{:?}", line);
            let read: Vec<_> = fields(&line).iter().map(|field| unguard(field)).collect();
            prop_assert_eq!(read, [text, other]);
            prop_assert!(!is_run(&line), "{:?}", line);
        }

        #[test]
        fn a_list_comes_back_as_it_was(items in prop::collection::vec(nasty(), 0..5)) {
            let cell = guard(&list(items.iter().map(String::as_str)));
            let line = quote(&cell);
            prop_assert_eq!(unlist(&unguard(&fields(&line).concat())), items);
            prop_assert!(!line.contains(char::is_control) && !is_run(&line), "{:?}", line);
        }

        #[test]
        fn whatever_somebody_wrote_is_read(cell in nasty()) {
            let (text, items) = (unguard(&cell), unlist(&cell));
            prop_assert_eq!(unguard(&guard(&text)), text);
            prop_assert_eq!(unlist(&list(items.iter().map(String::as_str))), items);
        }
    }

    #[test]
    fn a_cell_that_somebody_wrote_by_hand_stays_what_it_is() {
        for plain in
            ["'t Hooft", "rock 'n' roll", "'", "''", "5' 3\"", "\"quoted\"", "a=b", "TSHIRT-RED-M", "", "'\"broken"]
        {
            assert_eq!(unguard(plain), plain);
        }
        for (text, cell) in [("=1+1", "'=1+1"), ("'=1", "''=1"), ("-A", "'-A"), ("@x", "'@x"), ("'\"a", "''\"a")] {
            assert_eq!((guard(text).as_str(), unguard(cell).as_str()), (cell, text));
        }
        assert_eq!(guard("a\nb"), r#"'"a\u000ab""#);
        assert_eq!((unguard(r#"="00123""#).as_str(), unguard(r#"'="00123""#).as_str()), ("00123", r#"="00123""#));
        assert_eq!((said(""), unguard(&said(""))), ("'\"\"".to_owned(), String::new()));
        assert_eq!(unlist("a; b ;;c"), ["a", "b", "c"]);
        assert_eq!(list(["a", "b;c", "=d"]), r#"a;"b\u003bc";"\u003dd""#);
    }
}
