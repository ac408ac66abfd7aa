//! No file of a crate names one that names it again, however many stand between: who reads one needs not read all.

use std::path::{Path, PathBuf};

use anaquel_tests::imports::Imports;

fn circles_of(root: &str) -> String {
    let path = anaquel_tests::root().join(root);
    let mut told = String::new();
    for (nth, circle) in Imports::read(&path).circles().iter().enumerate() {
        let files: std::collections::BTreeSet<&String> = circle.iter().flat_map(|(from, to, _)| [from, to]).collect();
        told += &format!("{root}: circle {} of {} files\n", nth + 1, files.len());
        for (from, to, names) in circle {
            told += &format!("  {from} -> {to}: {}\n", names.iter().cloned().collect::<Vec<_>>().join(", "));
        }
    }
    told
}

/// The folders of the crates.
const CRATES: [&str; 7] = ["engine/cells", "engine/log", "engine/shared-log", "engine", "server", "loadtest", "bench"];

#[test]
fn no_crate_has_a_circle() {
    let told: String = CRATES.into_iter().map(|folder| circles_of(&format!("{folder}/src/lib.rs"))).collect();
    assert!(told.is_empty(), "{told}");
}

/// A list that hands on names of all subjects would tie whoever uses one of them to all the others.
#[test]
fn every_name_is_taken_from_the_file_or_the_folder_that_defines_it() {
    for folder in CRATES {
        let detours = Imports::read(&anaquel_tests::root().join(format!("{folder}/src/lib.rs"))).detours();
        assert!(detours.is_empty(), "{folder}: {detours:#?}");
    }
    let (lib, list) = (("", "pub mod a; pub mod b; pub mod list;"), ("list", "pub use crate::b::B;"));
    let taken =
        |text| Imports::of_texts(&[lib, list, ("b", "mod deep; pub use deep::Deep;"), ("b::deep", ""), ("a", text)]);
    assert_eq!(taken("use crate::list::B;").detours(), [("a.rs".to_owned(), "list::B".to_owned())]);
    assert_eq!(taken("fn f() { crate::list::B::new(); }").detours().len(), 1);
    assert!(taken("use crate::b::{B, Deep};").detours().is_empty(), "a folder hands on what its files define");
}

/// The manifests below a folder.
fn manifests(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        if name == "Cargo.toml" {
            found.push(path);
        } else if path.is_dir()
            && name != "target"
            && name != "node_modules"
            && !name.as_encoded_bytes().starts_with(b".")
        {
            found.extend(manifests(&path));
        }
    }
    found
}

/// The log's store and its encoding can be replaced without a line elsewhere: nobody else can name them.
#[test]
fn only_the_log_names_its_store_and_its_encoding() {
    let root = anaquel_tests::root();
    let names = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        let mut words = text.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'));
        words.any(|word| matches!(word, "sled" | "bincode"))
    };
    let all = manifests(&root);
    assert!(all.len() >= 8, "the manifests were found: {all:?}");
    let named: Vec<PathBuf> = all.into_iter().filter(names).collect();
    assert_eq!(named, [root.join("engine").join("log").join("Cargo.toml")]);
}

/// Circles of each kind are seen: by `use`, by a plain path, through a re-export, between a module and its parent.
#[test]
fn a_planted_circle_is_seen() {
    let lib = ("", "pub mod a; pub mod b; pub mod c;");
    let circle = |texts: &[(&str, &str)]| {
        let texts: Vec<_> = [lib].into_iter().chain(texts.iter().copied()).collect();
        Imports::of_texts(&texts).circles().iter().map(Vec::len).collect::<Vec<_>>()
    };
    assert_eq!(circle(&[("a", "use crate::b::{B, c as d};"), ("b", "use crate::c;"), ("c", "")]), [0; 0]);
    assert_eq!(circle(&[("a", "use crate::b::B;"), ("b", "use super::{c::C};"), ("c", "use crate::a::*;")]), [3]);
    assert_eq!(circle(&[("a", "fn f() { crate::b::g(); }"), ("b", "type A = crate::a::A;"), ("c", "")]), [2]);
    let through = [
        ("a", "use crate::b::Deep;"),
        ("b", "mod deep; pub use deep::Deep;"),
        ("b::deep", "use crate::c::C;"),
        ("c", "use crate::a::A;"),
    ];
    assert_eq!(circle(&through), [3], "it is the file behind the re-export that names the next");
    assert_eq!(circle(&[("a", "mod x; use x::X;"), ("a::x", "use super::Y;"), ("b", ""), ("c", "")]), [2]);
    let seen = [("a", "use crate::b::B;"), ("b", "pub(in crate::a) struct B;"), ("c", "")];
    assert_eq!(circle(&seen), [0; 0], "who may see a thing is not what it takes");
    let elsewhere = [
        ("", "pub mod a; pub use a::A; pub use other::{d, e as f};"),
        ("a", "use crate::{d::D, f}; fn g() { crate::f::g(); }"),
    ];
    assert!(Imports::of_texts(&elsewhere).circles().is_empty(), "what another crate has is in no file of this one");
    let held = [("a", "mod own { use super::A; fn f() { crate::b::g(); } } use crate::c::C;"), ("b", ""), ("c", "")];
    assert_eq!(circle(&held), [0; 0], "what a file holds itself is the file");
    let filled =
        [("a", "fn f() { $(crate::$module::deep::g();)* }"), ("b", "mod deep;"), ("b::deep", "use crate::a::A;")];
    assert_eq!(circle(&filled), [2], "what a macro fills in is each module that has it");
    let tests = "use crate::b::B; #[cfg(test)] mod tests { use crate::c::C; } // use crate::c::C;";
    assert_eq!(circle(&[("a", tests), ("b", ""), ("c", "use crate::a::A;")]), [0; 0], "tests and comments may");
}
