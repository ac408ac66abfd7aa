//! One line of comma-separated values.

/// The fields of `line`.
///
/// # Errors
/// A quote that is opened and not closed, or text after a closing quote.
pub fn split(line: &str, fields: &mut Vec<String>) -> Result<(), &'static str> {
    fields.clear();
    if !line.contains('"') {
        fields.extend(line.split(',').map(|field| field.trim().to_owned()));
        return Ok(());
    }
    let mut reader = csv_core::Reader::new();
    let (mut output, mut ends) = (vec![0; line.len() + 1], vec![0; line.len() + 2]);
    // The end of the line is told by an empty input; a quote still open then swallows nothing but this line.
    if line.bytes().filter(|byte| *byte == b'"').count() % 2 == 1 {
        return Err("has a quote that is not closed on its line");
    }
    let (_, read, mut written, mut ended) = reader.read_record(line.as_bytes(), &mut output, &mut ends);
    let rest = line.as_bytes().get(read..).unwrap_or(&[]);
    let room = (output.get_mut(written..), ends.get_mut(ended..));
    if let (Some(output), Some(ends)) = room {
        let (_, _, more, last) = reader.read_record(rest, output, ends);
        written += more;
        ended += last;
    }
    let mut start = 0;
    for end in ends.iter().take(ended) {
        let field = output.get(start..*end).unwrap_or(&[]);
        fields.push(String::from_utf8_lossy(field).trim().to_owned());
        start = *end;
    }
    debug_assert!(start <= written);
    Ok(())
}

/// A field as it is written out.
pub fn quote(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) || field.trim() != field {
        format!("\"{}\"", field.replace('"', "\"\"").replace(['\n', '\r'], " "))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    fn fields(line: &str) -> Vec<String> {
        let mut fields = Vec::new();
        split(line, &mut fields).unwrap();
        fields
    }

    #[test]
    fn splits_plain_and_quoted_fields() {
        assert_eq!(fields("a, b ,,c"), ["a", "b", "", "c"]);
        assert_eq!(fields(r#""a,b",c,"say ""hi""""#), ["a,b", "c", r#"say "hi""#]);
        assert_eq!(fields(r#"a,"","b""#), ["a", "", "b"]);
        assert_eq!(fields(r#""only""#), ["only"]);
        assert_eq!(fields(r#""x","#), ["x", ""]);
    }

    #[test]
    fn an_open_quote_is_this_lines_error() {
        assert!(split(r#"a,"b"#, &mut Vec::new()).is_err());
    }

    #[test]
    fn what_is_written_is_read_back() {
        for field in ["plain", "a,b", "say \"hi\"", " padded "] {
            let read = fields(&format!("x,{},y", quote(field)));
            assert_eq!(read[1], field.trim());
        }
    }
}
