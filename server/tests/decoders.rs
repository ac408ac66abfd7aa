//! The decoders over the committed corpus and mutations of it; `server/fuzz/run` does it with coverage.

#[path = "../fuzz/src/decoders.rs"]
mod all;

use std::path::Path;

use all::DECODERS;

/// Mutations of each decoder's corpus.
const MUTATIONS: u64 = 20_000;

/// Numbers that a seed makes again.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }

    /// A few bytes changed, put in, taken out, or brought from elsewhere.
    fn mutate(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        for _ in 0..1 + self.below(4) {
            let at = self.below(bytes.len() + 1);
            match self.below(5) {
                0 => bytes.insert(at, self.below(256) as u8),
                1 if at < bytes.len() => drop(bytes.remove(at)),
                2 => bytes.truncate(at),
                3 => {
                    let from = self.below(other.len());
                    let length = self.below(16);
                    bytes.splice(at..at, other.iter().skip(from).take(length).copied());
                }
                _ => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= 1 << self.below(8);
                    }
                }
            }
        }
    }
}

#[test]
fn whatever_comes_is_read_or_refused() {
    let seed = std::env::var("ANAQUEL_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()) * 7919);
    println!("seed {seed}");
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, decode) in DECODERS {
        let mut files: Vec<_> =
            std::fs::read_dir(corpus.join(name)).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{name} has a corpus");
        let texts: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
        texts.iter().for_each(|text| decode(text));
        let mut numbers = Numbers(seed | 1);
        for nth in 0..MUTATIONS {
            let mut bytes = texts.get(numbers.below(texts.len())).cloned().unwrap_or_default();
            let other = texts.get(numbers.below(texts.len())).map_or(&[][..], Vec::as_slice);
            numbers.mutate(&mut bytes, other);
            let shown = String::from_utf8_lossy(&bytes).into_owned();
            let done = std::panic::catch_unwind(|| decode(&bytes));
            assert!(done.is_ok(), "{name}, mutation {nth} of seed {seed}: {shown:?}");
        }
    }
}
