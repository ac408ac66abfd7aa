//! Numbers that a seed makes again, and the seeds of tests.
//!
//! A test that draws numbers takes its seeds from [`seeds`] or [`seed`]. They are fresh in every run; `ANAQUEL_SEED=n` names
//! one, and `ANAQUEL_SEEDS=n` says how many, one after the other. A test that fails prints the command that runs its seed
//! again.

use std::hash::{BuildHasher, RandomState};

/// A generator (xorshift): the same numbers from the same state, everywhere. It costs next to nothing beside what is
/// measured with it.
#[derive(Debug, Clone)]
pub struct Numbers(pub u64);

impl Numbers {
    /// The numbers of a seed. Seeds that are neighbours have numbers that are not.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    #[inline]
    pub fn draw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `bound`, which is not 0: the rest of a division.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        self.draw() % bound
    }

    /// A number below `bound`, without a division: where the drawing itself must not be measured.
    #[inline]
    pub fn pick(&mut self, bound: u32) -> u32 {
        ((u128::from(self.draw()) * u128::from(bound)) >> 64) as u32
    }
}

/// A seed of the test that runs in this thread. If the test panics while it holds the seed, the command that repeats the
/// seed is printed.
#[derive(Debug)]
#[must_use = "the command is printed only if the seed is held to the end"]
pub struct Seed(u64);

impl Seed {
    fn new(value: u64) -> Self {
        // For a test that hangs and is killed.
        println!("ANAQUEL_SEED={value}");
        Self(value)
    }

    /// The seed as a number.
    pub fn value(&self) -> u64 {
        self.0
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("to repeat this seed: {}", command(self.0));
        }
    }
}

/// The seeds of a test: first those that ever failed, then so many fresh ones.
///
/// With `ANAQUEL_SEED=n` only that one, with `ANAQUEL_SEEDS=m` m of them from the named or a fresh one on; those that ever
/// failed are left out then.
///
/// # Panics
/// A variable is set to what is no number.
pub fn seeds(failed: &[u64], count: u64) -> impl Iterator<Item = Seed> {
    let (named, wanted) = (number("ANAQUEL_SEED"), number("ANAQUEL_SEEDS"));
    let is_given = named.is_some() || wanted.is_some();
    let failed = if is_given { Vec::new() } else { failed.to_vec() };
    let count = wanted.unwrap_or(if named.is_some() { 1 } else { count });
    let first = named.unwrap_or_else(fresh);
    failed.into_iter().chain((0..count).map(move |nth| first.wrapping_add(nth))).map(Seed::new)
}

/// One seed: the one that `ANAQUEL_SEED` names, or a fresh one.
///
/// # Panics
/// `ANAQUEL_SEED` is no number.
pub fn seed() -> Seed {
    Seed::new(number("ANAQUEL_SEED").unwrap_or_else(fresh))
}

/// A seed that no run before had, short enough to be typed. The first 100 are left to
/// what tests keep.
pub fn fresh() -> u64 {
    100 + RandomState::new().hash_one(std::process::id()) % 1_000_000_000
}

/// What a variable of the environment is set to.
///
/// # Panics
/// It is no number.
pub fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// The command that repeats a seed of the test that runs in this thread.
fn command(seed: u64) -> String {
    let program = std::env::current_exe().unwrap_or_default();
    let release = if program.ancestors().any(|folder| folder.ends_with("release")) { " --release" } else { "" };
    // Cargo appends a hash to the name of the target.
    let stem = program.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let target = stem.rsplit_once('-').map_or(stem.as_str(), |(target, _)| target);
    let target = if target.starts_with("anaquel_") { "--lib".to_owned() } else { format!("--test {target}") };
    let thread = std::thread::current();
    // With one test at a time the harness has no thread for each.
    let test = thread.name().filter(|name| *name != "main").map_or(String::new(), |name| format!("--exact {name} "));
    format!("ANAQUEL_SEED={seed} cargo test{release} --workspace {target} -- {test}--nocapture")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_their_seed() {
        let of = |seed| {
            let mut numbers = Numbers::new(seed);
            [numbers.draw(), numbers.below(1000), u64::from(numbers.pick(1000))]
        };
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
        let mut numbers = Numbers::new(0);
        assert!((0..1000).all(|_| numbers.below(3) < 3 && numbers.pick(3) < 3));
    }

    #[test]
    fn the_command_names_the_test_and_its_seed() {
        let command = command(5);
        assert!(command.starts_with("ANAQUEL_SEED=5 cargo test"), "{command}");
        assert!(command.contains(" --lib -- ") && command.ends_with("--nocapture"), "{command}");
    }
}
