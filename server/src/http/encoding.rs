//! `Content-Encoding` of request bodies: unpacks gzip within a size limit and refuses every other encoding.

use std::io::{BufReader, Error, ErrorKind, Read};

use flate2::bufread::MultiGzDecoder;
use http::{HeaderMap, header};

use crate::http::problem::{Problem, Slug};

/// The encoding of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Not packed.
    Identity,
    /// Packed with gzip.
    Gzip,
}

impl Encoding {
    /// Reads the encoding from the request headers.
    ///
    /// # Errors
    /// `unsupported-media-type` for every encoding except gzip, and for a body that is packed more than once.
    pub fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut found = Self::Identity;
        for value in headers.get_all(header::CONTENT_ENCODING) {
            for coding in value.to_str().unwrap_or("?").split(',').map(str::trim) {
                match coding.to_ascii_lowercase().as_str() {
                    "" | "identity" => {}
                    "gzip" | "x-gzip" if found == Self::Identity => found = Self::Gzip,
                    _ => {
                        let detail = format!(
                            "Content-Encoding: {coding:?} is not supported; send the body uncompressed, or compressed \
                             once with gzip"
                        );
                        let problem = Problem::new(Slug::UnsupportedMediaType, detail);
                        return Err(problem.with("field", "Content-Encoding"));
                    }
                }
            }
        }
        Ok(found)
    }
}

/// Unpacks the bytes of another reader, up to a size limit.
///
/// Fails with [`ErrorKind::FileTooLarge`] above the limit, and with [`ErrorKind::InvalidData`] if the bytes are not
/// gzip or end too early.
pub struct Unpacked<R: Read> {
    source: Source<R>,
    left: u64,
    most: u64,
}

enum Source<R: Read> {
    Plain(R),
    Gzip(MultiGzDecoder<BufReader<R>>),
}

impl<R: Read> Unpacked<R> {
    /// Unpacks `packed` to at most `most` bytes.
    pub fn new(packed: R, encoding: Encoding, most: u64) -> Self {
        let source = match encoding {
            Encoding::Identity => Source::Plain(packed),
            Encoding::Gzip => Source::Gzip(MultiGzDecoder::new(BufReader::new(packed))),
        };
        Self { source, left: most, most }
    }

    /// The reader of the packed bytes.
    pub fn get_ref(&self) -> &R {
        match &self.source {
            Source::Plain(packed) => packed,
            Source::Gzip(decoder) => decoder.get_ref().get_ref(),
        }
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = match &mut self.source {
            Source::Plain(packed) => packed.read(buffer)?,
            Source::Gzip(decoder) => decoder.read(buffer).map_err(not_gzip)?,
        };
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            Error::new(ErrorKind::FileTooLarge, format!("it has more than {} bytes after decompression", self.most))
        })?;
        Ok(read)
    }
}

/// Rewords the decoder's error for bytes that are not gzip, so that the error names the request header. Errors of the
/// inner reader stay as they are.
fn not_gzip(error: Error) -> Error {
    match error.kind() {
        ErrorKind::InvalidInput | ErrorKind::InvalidData => Error::new(
            ErrorKind::InvalidData,
            "Content-Encoding: the body is not gzip, or is damaged; send it uncompressed, or compress it again",
        ),
        ErrorKind::UnexpectedEof => {
            Error::new(ErrorKind::InvalidData, "Content-Encoding: the gzip data ends too early; send all of it")
        }
        _ => error,
    }
}

/// Unpacks `packed` completely.
///
/// # Errors
/// As [`Unpacked`]; [`ErrorKind::FileTooLarge`] if the result exceeds `most` bytes.
pub fn unpack(packed: &[u8], encoding: Encoding, most: usize) -> std::io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    // An empty body is empty in every encoding.
    if !packed.is_empty() {
        Unpacked::new(packed, encoding, most as u64).read_to_end(&mut plain)?;
    }
    Ok(plain)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails shall say where")]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_is_packed_comes_out_and_has_a_bound() {
        let plain = vec![b'a'; 100_000];
        let once = packed(&plain);
        assert!(once.len() < 1000);
        assert_eq!(unpack(&once, Encoding::Gzip, plain.len()).unwrap(), plain);
        let refused = unpack(&once, Encoding::Gzip, plain.len() - 1).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::FileTooLarge);
        // Concatenated gzip files unpack as one file.
        let twice = [once.as_slice(), &packed(b"b")].concat();
        assert_eq!(unpack(&twice, Encoding::Gzip, 200_000).unwrap().len(), 100_001);
        assert_eq!(unpack(b"", Encoding::Gzip, 0).unwrap(), b"");
    }

    #[test]
    fn what_is_no_gzip_is_told_so() {
        let once = packed(b"some text that is long enough to be cut");
        let mut flipped = once.clone();
        let at = flipped.len() - 6;
        flipped[at] ^= 1;
        for bad in
            [b"sku,location".as_slice(), &once[..once.len() - 3], &once[..5], &flipped, &[&once[..], b"x"].concat()]
        {
            let error = unpack(bad, Encoding::Gzip, 1000).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData, "{bad:?}: {error}");
            assert!(error.to_string().starts_with("Content-Encoding: "), "{error}");
        }
    }

    #[test]
    fn other_encodings_are_refused_by_name() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CONTENT_ENCODING, value.parse().unwrap());
            }
            Encoding::of(&headers).map_err(|problem| problem.status().as_u16())
        };
        for plain in [&[][..], &["identity"], &[""]] {
            assert_eq!(of(plain), Ok(Encoding::Identity), "{plain:?}");
        }
        for gzip in [&["gzip"][..], &["X-GZip"], &["identity, gzip"]] {
            assert_eq!(of(gzip), Ok(Encoding::Gzip), "{gzip:?}");
        }
        for other in [&["br"][..], &["deflate"], &["gzip, gzip"], &["gzip", "gzip"], &["zstd, gzip"], &["g\u{e9}"]] {
            assert_eq!(of(other), Err(415), "{other:?}");
        }
    }
}
