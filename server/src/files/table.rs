//! Delimited files as spreadsheets and shops write them, row by row.
//!
//! A row has several lines if a quoted field contains line breaks. An unclosed quote rejects only the row that it opens
//! in, with that line; reading continues at the next line. A row of several lines with a wrong number of fields is
//! treated in the same way, because it would have consumed other rows.

use std::collections::VecDeque;
use std::io::{BufRead, Read};

/// The longest line, in bytes: longer than the longest row of an export, a group of all locations.
const LINE_BYTES_MAX: usize = 32 << 20;

/// The maximum length of a row with line breaks in quoted fields. A quote that is still open then counts as unclosed.
const BROKEN_ROW_BYTES_MAX: usize = 1 << 20;

/// Bytes that are read in vain for unclosed quotes, beyond as many as the file has so far; after that, a row ends at
/// its line.
const IN_VAIN_BYTES_MAX: usize = 64 << 20;

/// The possible separators of fields, the most common first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// A line or a row, with the number of the line where it begins.
pub enum Part<'a, T: ?Sized> {
    /// A valid line or row.
    Good(u64, &'a T),
    /// An invalid one, with the reason.
    Bad(u64, String),
}

/// Lines of a file without blank lines.
pub struct Lines<R> {
    input: R,
    number: u64,
    /// Lines that were taken for a part of the previous row.
    returned: VecDeque<(u64, Vec<u8>)>,
    line: Vec<u8>,
    bytes: usize,
}

impl<R: BufRead> Lines<R> {
    /// Reads lines of `input`.
    pub fn new(input: R) -> Self {
        Self { input, number: 0, returned: VecDeque::new(), line: Vec::new(), bytes: 0 }
    }

    /// Reads the next line, with its line break, into `line`; returns its number, and whether it is too long.
    fn read(&mut self) -> std::io::Result<Option<(u64, bool)>> {
        if let Some((number, line)) = self.returned.pop_front() {
            self.line = line;
            return Ok(Some((number, false)));
        }
        self.line.clear();
        let read = self.input.by_ref().take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.bytes = self.bytes.saturating_add(read);
        let is_too_long = self.line.len() > LINE_BYTES_MAX && self.line.last() != Some(&b'\n');
        if is_too_long {
            self.skip_to_line_end()?;
        }
        if self.number == 1 && self.line.starts_with(b"\xef\xbb\xbf") {
            self.line.drain(..3);
        }
        Ok(Some((self.number, is_too_long)))
    }

    /// The next line that is not blank, without its line break.
    ///
    /// # Errors
    /// An error of the input.
    pub fn next_line(&mut self) -> std::io::Result<Option<Part<'_, str>>> {
        loop {
            let Some((number, is_too_long)) = self.read()? else { return Ok(None) };
            if is_too_long {
                return Ok(Some(Part::Bad(number, too_long())));
            }
            if !is_blank(&self.line) {
                return Ok(Some(match text_of(&self.line) {
                    Ok(text) => Part::Good(number, text.trim_end_matches(['\n', '\r'])),
                    Err(reason) => Part::Bad(number, reason),
                }));
            }
        }
    }

    /// The last line or row, as it is in the file.
    pub fn raw(&self) -> &[u8] {
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        line.strip_suffix(b"\r").unwrap_or(line)
    }

    fn skip_to_line_end(&mut self) -> std::io::Result<()> {
        loop {
            let available = self.input.fill_buf()?;
            let end = available.iter().position(|byte| *byte == b'\n');
            let (used, done) = (end.map_or(available.len(), |at| at + 1), end.is_some() || available.is_empty());
            self.input.consume(used);
            if done {
                return Ok(());
            }
        }
    }
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

fn too_long() -> String {
    format!("is longer than {LINE_BYTES_MAX} bytes; shorten its lists, or write several rows")
}

fn text_of(bytes: &[u8]) -> Result<&str, String> {
    match bytes {
        [0x1f, 0x8b, ..] => Err("is compressed; send Content-Encoding: gzip with it, or decompress it".into()),
        [b'P', b'K', 3, 4, ..] => Err("is a workbook or an archive; save the sheet as CSV (UTF-8)".into()),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Err("is UTF-16; save the file as UTF-8".into()),
        _ => std::str::from_utf8(bytes).map_err(|_| "is not UTF-8; save the file as UTF-8".into()),
    }
}

/// A field as it is in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Field {
    /// The exact text between quotes; without quotes, the text without white space at the ends.
    pub text: String,
    /// Whether the field is quoted.
    pub quoted: bool,
}

/// Rows of a delimited file.
pub struct Table<R> {
    lines: Lines<R>,
    delimiter: Option<u8>,
    fields: Vec<Field>,
    /// The number of fields of the header, once it is read.
    width: Option<usize>,
    /// Bytes that were read in vain for unclosed quotes.
    in_vain: usize,
}

impl<R: BufRead> Table<R> {
    /// Reads rows with the separator `delimiter`; detected from the header if `None`.
    pub fn new(input: R, delimiter: Option<u8>) -> Self {
        Self { lines: Lines::new(input), delimiter, fields: Vec::new(), width: None, in_vain: 0 }
    }

    /// The header: the first row that is not blank, and not a spreadsheet's `sep=;` line. Without a given separator,
    /// the one that yields the most `known` names wins, then the one with the most names.
    ///
    /// # Errors
    /// An error of the input.
    pub fn header(&mut self, known: impl Fn(&str) -> bool) -> std::io::Result<Option<Part<'_, [Field]>>> {
        loop {
            match self.lines.read()? {
                None => return Ok(None),
                Some((number, true)) => return Ok(Some(Part::Bad(number, too_long()))),
                Some((_, false)) if is_blank(&self.lines.line) => {}
                Some((number, false)) => {
                    if let Some(reason) = unreadable(&self.lines.line) {
                        return Ok(Some(Part::Bad(number, reason.into())));
                    }
                    let line = std::mem::take(&mut self.lines.line);
                    let said = said_separator(&line);
                    if said.is_none() {
                        self.delimiter.get_or_insert_with(|| delimiter_of(&line, known));
                        self.lines.returned.push_front((number, line));
                        break;
                    }
                    self.delimiter = self.delimiter.or(said);
                }
            }
        }
        let line = match self.next_row()? {
            None => return Ok(None),
            Some(Part::Bad(line, reason)) => return Ok(Some(Part::Bad(line, reason))),
            Some(Part::Good(line, _)) => line,
        };
        self.width = Some(self.fields.len());
        Ok(Some(Part::Good(line, &self.fields)))
    }

    /// The separator of fields.
    pub fn delimiter(&self) -> u8 {
        self.delimiter.unwrap_or(b',')
    }

    /// The last row, as it is in the file.
    pub fn raw(&self) -> &[u8] {
        self.lines.raw()
    }

    /// The next row that is not blank.
    ///
    /// # Errors
    /// An error of the input.
    pub fn next_row(&mut self) -> std::io::Result<Option<Part<'_, [Field]>>> {
        let delimiter = self.delimiter();
        loop {
            let (number, is_too_long) = loop {
                match self.lines.read()? {
                    None => return Ok(None),
                    Some((_, false)) if is_blank(&self.lines.line) => {}
                    Some(found) => break found,
                }
            };
            if is_too_long {
                return Ok(Some(Part::Bad(number, too_long())));
            }
            let read = if self.lines.line.contains(&b'"') {
                self.read_quoted(delimiter)?
            } else {
                text_of(&self.lines.line)
                    .and_then(|text| split(text.trim_end_matches(['\n', '\r']), delimiter, &mut self.fields))
            };
            match read {
                // Spreadsheets append rows whose cells are all empty.
                Ok(()) if self.fields.len() > 1 && self.fields.iter().all(|field| field.text.is_empty()) => {}
                Ok(()) => return Ok(Some(Part::Good(number, &self.fields))),
                Err(reason) => return Ok(Some(Part::Bad(number, reason))),
            }
        }
    }

    /// Reads the row that begins with the current line, with the lines of its quoted fields.
    fn read_quoted(&mut self, delimiter: u8) -> std::io::Result<Result<(), String>> {
        let mut row = std::mem::take(&mut self.lines.line);
        let first_length = row.len();
        let mut taken = Vec::new();
        let mut open = ends_open(&row, delimiter, false);
        let may_go_on = self.in_vain <= IN_VAIN_BYTES_MAX.saturating_add(self.lines.bytes);
        while open && may_go_on && row.len() <= BROKEN_ROW_BYTES_MAX {
            let Some((next, is_too_long)) = self.lines.read()? else { break };
            let line = std::mem::take(&mut self.lines.line);
            open = ends_open(&line, delimiter, true);
            row.extend_from_slice(&line);
            taken.push((next, line));
            if is_too_long {
                break;
            }
        }
        let mut read = match text_of(&row) {
            _ if open => Err(NOT_CLOSED.to_owned()),
            Ok(text) => split(text.trim_end_matches(['\n', '\r']), delimiter, &mut self.fields),
            Err(reason) => Err(reason),
        };
        if !taken.is_empty() && self.width.is_some_and(|width| width != self.fields.len()) {
            read = read.and(Err(NOT_CLOSED.to_owned()));
        }
        if read.is_err() && !taken.is_empty() {
            // Only the row that opens the quote is lost.
            self.in_vain = self.in_vain.saturating_add(row.len());
            taken.into_iter().rev().for_each(|line| self.lines.returned.push_front(line));
            row.truncate(first_length);
            read = text_of(&row).and(Err(NOT_CLOSED.to_owned()));
        }
        self.lines.line = row;
        Ok(read)
    }
}

const NOT_CLOSED: &str = "has an unclosed quote on this line; close it, and write a quote inside a field twice";

/// What is wrong with a file of text whose first line shows that its lines cannot be separated.
fn unreadable(first: &[u8]) -> Option<&'static str> {
    // Invalid text is reported when it is read.
    text_of(first).ok()?;
    if first.contains(&0) {
        return Some("is UTF-16; save the file as UTF-8");
    }
    if let Some(rest) = first.trim_ascii().strip_prefix(b"[")
        && (rest.is_empty() || rest.trim_ascii_start().starts_with(b"{"))
    {
        return Some("is a JSON array; write its objects as JSON lines, each on its own line (jq -c '.[]')");
    }
    let mut quoted = false;
    let ends_a_line = |pair: &[u8]| {
        quoted ^= pair.first() == Some(&b'"');
        !quoted && matches!(pair, [b'\r', after] if !matches!(after, b'\r' | b'\n'))
    };
    let reason =
        "ends with a carriage return without a line feed, as old programs write it; save the file as CSV (UTF-8)";
    first.windows(2).any(ends_a_line).then_some(reason)
}

/// A first line in which some spreadsheets name the separator: `sep=;`.
fn said_separator(line: &[u8]) -> Option<u8> {
    match line.trim_ascii() {
        [s, e, p, b'=', separator] if [*s, *e, *p].eq_ignore_ascii_case(b"sep") => Some(*separator),
        // A tab is white space.
        [s, e, p, b'='] if [*s, *e, *p].eq_ignore_ascii_case(b"sep") && line.contains(&b'\t') => Some(b'\t'),
        _ => None,
    }
}

fn delimiter_of(header: &[u8], known: impl Fn(&str) -> bool) -> u8 {
    let header = String::from_utf8_lossy(header);
    let mut fields = Vec::new();
    let mut shown = |delimiter: &u8| {
        // An open quote continues after this line: the part before it is enough.
        let _ = split(header.trim_end(), *delimiter, &mut fields);
        (fields.iter().filter(|field| known(field.text.trim())).count(), fields.len())
    };
    // The most common separator among equal results.
    DELIMITERS.iter().rev().copied().max_by_key(|delimiter| shown(delimiter)).unwrap_or(b',')
}

/// Whether a quoted field continues after `line`; `open` says that one was open at its beginning. A quote opens a field
/// only at the field's beginning.
fn ends_open(line: &[u8], delimiter: u8, mut open: bool) -> bool {
    let mut at_start = !open;
    let mut bytes = line.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if open {
            if byte == b'"' && bytes.next_if_eq(&b'"').is_none() {
                open = false;
                at_start = false;
            }
        } else if byte == delimiter {
            at_start = true;
        } else if byte == b'"' && at_start {
            open = true;
        } else if !(byte == b' ' || byte == b'\t') {
            at_start = false;
        }
    }
    open
}

/// Splits the fields of a row.
///
/// # Errors
/// An unclosed quote, or text after a closing quote.
pub fn split(row: &str, delimiter: u8, fields: &mut Vec<Field>) -> Result<(), String> {
    fields.clear();
    let delimiter = char::from(delimiter);
    if !row.contains('"') {
        fields.extend(row.split(delimiter).map(|text| Field { text: text.trim().to_owned(), quoted: false }));
        return Ok(());
    }
    let blank = |c: char| c == ' ' || (c == '\t' && delimiter != '\t');
    let mut rest = row;
    loop {
        let Some(quoted) = rest.trim_start_matches(blank).strip_prefix('"') else {
            let (text, after) = match rest.split_once(delimiter) {
                Some((text, after)) => (text, Some(after)),
                None => (rest, None),
            };
            fields.push(Field { text: text.trim().to_owned(), quoted: false });
            match after {
                Some(after) => rest = after,
                None => return Ok(()),
            }
            continue;
        };
        let mut text = String::new();
        let mut inside = quoted;
        let after = loop {
            let (before, behind) = inside.split_once('"').ok_or_else(|| NOT_CLOSED.to_owned())?;
            text.push_str(before);
            match behind.strip_prefix('"') {
                Some(behind) => {
                    text.push('"');
                    inside = behind;
                }
                None => break behind,
            }
        };
        fields.push(Field { text, quoted: true });
        let after = after.trim_start_matches(blank);
        match after.strip_prefix(delimiter) {
            Some(after) => rest = after,
            None if after.is_empty() => return Ok(()),
            None => {
                let behind: String = after.chars().take(20).collect();
                return Err(format!("has text after a closing quote: {behind:?}; write a quote inside a field twice"));
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails shall say where")]
mod tests {
    use super::*;
    use crate::files::csv::quote;
    use proptest::prelude::*;

    fn fields(line: &str) -> Vec<String> {
        let mut fields = Vec::new();
        split(line, b',', &mut fields).unwrap();
        fields.into_iter().map(|field| field.text).collect()
    }

    type Row = (u64, Result<Vec<String>, String>);

    /// The rows of a file: the line and the fields, or the error; the header first.
    fn rows(file: &str) -> Vec<Row> {
        let known = |name: &str| ["sku", "location", "on_hand", "name"].contains(&name);
        let mut table = Table::new(file.as_bytes(), None);
        let mut rows = Vec::new();
        let mut next = |row: Option<Part<'_, [Field]>>| match row {
            Some(Part::Good(line, fields)) => {
                rows.push((line, Ok(fields.iter().map(|field| field.text.clone()).collect())));
                true
            }
            Some(Part::Bad(line, reason)) => {
                rows.push((line, Err(reason)));
                true
            }
            None => false,
        };
        let mut more = next(table.header(known).unwrap());
        while more {
            more = next(table.next_row().unwrap());
        }
        rows
    }

    fn good(line: u64, fields: &[&str]) -> Row {
        (line, Ok(fields.iter().map(|field| (*field).to_owned()).collect()))
    }

    #[test]
    fn splits_plain_and_quoted_fields() {
        assert_eq!(fields("a, b ,,c"), ["a", "b", "", "c"]);
        assert_eq!(fields(r#""a,b",c,"say ""hi""""#), ["a,b", "c", r#"say "hi""#]);
        assert_eq!(fields(r#"a,"","b""#), ["a", "", "b"]);
        assert_eq!(fields(r#""only""#), ["only"]);
        assert_eq!(fields(r#""x","#), ["x", ""]);
        assert_eq!(fields(r#"pipe 5/8",x"#), [r#"pipe 5/8""#, "x"]);
        assert_eq!(fields(r#"" kept ", "y" "#), [" kept ", "y"]);
    }

    #[test]
    fn a_file_whose_lines_cannot_be_told_apart_says_so() {
        let told = |file: &str, words: &str| {
            let rows = rows(file);
            assert!(matches!(rows.first(), Some((1, Err(reason))) if reason.contains(words)), "{file:?}: {rows:?}");
        };
        told("sku,name\rA,x\rB,y\r", "carriage return");
        told("\"sku\",\"na\rme\"\rA,x", "carriage return");
        told("s\0k\0u\0", "UTF-16");
        told("[{\"sku\":\"A\"}]", "JSON array");
        told("[\n  {\"sku\":\"A\"}\n]", "JSON array");
        for file in [
            "sku,name\r\nA,x\r\n",
            "sku,name\r",
            "sku,name\r\r\nA,x",
            "sku,\"na\rme\"\nA,x",
            "[sku],name\nA,x",
            "sku,name\nA,\"x\ry\"",
        ] {
            assert!(rows(file).iter().all(|(_, row)| row.is_ok()), "{file:?}: {:?}", rows(file));
        }
    }

    #[test]
    fn text_behind_a_closing_quote_is_refused() {
        for row in [r#"A,L1,"1"2"#, r#""A"B,L1,1"#, r#"A,"L1"x,1"#, r#"A,L1,"1" 2"#] {
            assert!(split(row, b',', &mut Vec::new()).unwrap_err().contains("after a closing quote"), "{row}");
        }
    }

    #[test]
    fn a_quoted_field_may_hold_line_breaks() {
        let file = "sku,name\r\nA,\"two\r\nlines, and \"\"more\"\"\"\r\n\r\nB,plain\r\n,\r\nC,\"\n\n\"\n";
        let expected = [
            good(1, &["sku", "name"]),
            good(2, &["A", "two\r\nlines, and \"more\""]),
            good(5, &["B", "plain"]),
            good(7, &["C", "\n\n"]),
        ];
        assert_eq!(rows(file), expected);
    }

    #[test]
    fn a_quote_that_is_never_closed_spoils_its_own_row() {
        let found = rows("sku,name\n\"A,x\n\n\"B\",y\nC,z\n");
        assert!(
            matches!(&found[1], (2, Err(reason)) if reason.contains("an unclosed quote on this line")),
            "{found:?}"
        );
        assert_eq!(found[2..], [good(4, &["B", "y"]), good(5, &["C", "z"])]);
        // The stray quote that closes the field comes much later; the rows between are kept.
        let found = rows("sku,name\n\"A,x\nB,y\nC,z\"\nD,z\n");
        assert!(matches!(&found[1], (2, Err(_))), "{found:?}");
        assert_eq!(found[2..], [good(3, &["B", "y"]), good(4, &["C", "z\""]), good(5, &["D", "z"])]);
        let mut endless = String::from("sku,name\n\"A,x\n");
        (0..80_000).for_each(|n| endless.push_str(&format!("B{n},yyyyyyyyyyyyyyyy\n")));
        let found = rows(&endless);
        assert_eq!(found.len(), 80_002);
        assert!(found[1].1.is_err() && found[2..].iter().all(|(_, row)| row.is_ok()));
    }

    /// Every line opens a quote; reading ahead for each would read the file once per line.
    #[test]
    fn a_file_of_nothing_but_open_quotes_is_read_in_passing() {
        let file = "sku,name\n".to_owned() + &"a\"b\",\"c\n".repeat(200_000);
        let found = rows(&file);
        assert_eq!(found.len(), 200_001);
        assert!(found[1..].iter().all(|(_, row)| row.is_err()));
    }

    #[test]
    fn the_header_shows_the_delimiter() {
        for delimiter in [",", ";", "\t", "|"] {
            let file = ["sku,location,on_hand", "A,L1,5"].join("\n").replace(',', delimiter);
            assert_eq!(rows(&file), [good(1, &["sku", "location", "on_hand"]), good(2, &["A", "L1", "5"])]);
            let file = format!("sep={delimiter}\r\nsku{delimiter}on_hand\r\nA{delimiter}5\r\n");
            assert_eq!(rows(&file), [good(2, &["sku", "on_hand"]), good(3, &["A", "5"])]);
        }
        assert_eq!(rows("sku\nA;B\n"), [good(1, &["sku"]), good(2, &["A;B"])]);
        assert_eq!(rows("sku;a,b,c,d\nA;1\n")[1], good(2, &["A", "1"]), "names that are known weigh more");
    }

    #[test]
    fn what_is_no_text_is_told() {
        let found = |bytes: &[u8]| match Table::new(bytes, None).header(|_| false).unwrap() {
            Some(Part::Bad(_, reason)) => reason,
            _ => String::new(),
        };
        assert!(found(b"caf\xe9,1\n").contains("UTF-8"));
        assert!(found(b"\x1f\x8b\x08\x00").contains("gzip"));
        assert!(found(b"\xff\xfes\x00k\x00").contains("UTF-16"));
        assert!(found(b"PK\x03\x04\x14\x00").contains("save the sheet as CSV"));
    }

    proptest! {
        /// Every row reads back as it was written.
        #[test]
        fn what_is_written_is_read_back(table in prop::collection::vec(prop::collection::vec("[a-c \"\r\n,;|\t'=]{0,8}", 3), 1..6)) {
            let mut file = String::from("x,y,z\n");
            for row in &table {
                let quoted: Vec<_> = row.iter().map(|field| quote(field)).collect();
                file.push_str(&format!("{}\n", quoted.join(",")));
            }
            let found: Vec<_> = rows(&file).into_iter().skip(1).map(|(_, row)| row.unwrap()).collect();
            let filled: Vec<_> = table.into_iter().filter(|row| !row.concat().is_empty()).collect();
            prop_assert_eq!(found, filled);
        }
    }
}
