//! The decoders over the committed corpus and mutations of it; `server/fuzz/run` does it with coverage.

#[path = "../fuzz/src/decoders.rs"]
mod all;

use std::path::Path;

use all::DECODERS;
use anaquel_seeds::{Numbers, seed};

/// Mutations of each decoder's corpus.
const MUTATIONS: u64 = 20_000;

/// A few bytes changed, put in, taken out, or brought from elsewhere.
fn mutate(numbers: &mut Numbers, bytes: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..1 + numbers.below(4) {
        let at = below(numbers, bytes.len() + 1);
        match numbers.below(5) {
            0 => bytes.insert(at, numbers.below(256) as u8),
            1 if at < bytes.len() => drop(bytes.remove(at)),
            2 => bytes.truncate(at),
            3 => {
                let from = below(numbers, other.len());
                let length = below(numbers, 16);
                bytes.splice(at..at, other.iter().skip(from).take(length).copied());
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << numbers.below(8);
                }
            }
        }
    }
}

/// An index below a length, 0 where that is 0.
fn below(numbers: &mut Numbers, length: usize) -> usize {
    numbers.below(length.max(1) as u64) as usize
}

#[test]
fn whatever_comes_is_read_or_refused() {
    let seed = seed();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, decode) in DECODERS {
        let mut files: Vec<_> =
            std::fs::read_dir(corpus.join(name)).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{name} has a corpus");
        let texts: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
        texts.iter().for_each(|text| decode(text));
        let mut numbers = Numbers::new(seed.value());
        for nth in 0..MUTATIONS {
            let mut bytes = texts.get(below(&mut numbers, texts.len())).cloned().unwrap_or_default();
            let other = texts.get(below(&mut numbers, texts.len())).map_or(&[][..], Vec::as_slice);
            mutate(&mut numbers, &mut bytes, other);
            let shown = String::from_utf8_lossy(&bytes).into_owned();
            let done = std::panic::catch_unwind(|| decode(&bytes));
            assert!(done.is_ok(), "{name}, mutation {nth}: {shown:?}");
        }
    }
}
