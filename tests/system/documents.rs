//! What the documents name is there: tests by their names, files by their links.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

fn root() -> PathBuf {
    anaquel_tests::root()
}

/// All files of the project with an ending, those of builds left out.
fn files(ending: &str) -> Vec<PathBuf> {
    let (mut found, mut left) = (Vec::new(), vec![root()]);
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !["target", "node_modules", ".git"].contains(&name.as_str()) {
                left.push(path);
            } else if name.ends_with(ending) {
                found.push(path);
            }
        }
    }
    found
}

/// Whether a name in a text is one of a test.
fn is_test(name: &str) -> bool {
    name.matches('_').count() >= 3 && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
}

#[test]
fn every_test_that_is_named_is_there() {
    let mut functions = BTreeSet::new();
    for file in files(".rs") {
        let text = fs::read_to_string(file).unwrap();
        functions.extend(text.split("fn ").skip(1).map(|rest| {
            let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
            rest[..end].to_owned()
        }));
    }
    let text = fs::read_to_string(root().join("tests/README.md")).unwrap();
    let named: BTreeSet<&str> = text.split('`').skip(1).step_by(2).filter(|name| is_test(name)).collect();
    assert!(named.len() > 150, "only {} are named", named.len());
    let missing: Vec<_> = named.iter().filter(|name| !functions.contains(**name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// A file, and behind a colon the tests that are said to stand in it: ``T `files`: `one`, `another```.
#[test]
fn every_test_stands_in_the_file_that_is_named() {
    let sources = files(".rs");
    let text = fs::read_to_string(root().join("tests/README.md")).unwrap();
    let pieces: Vec<&str> = text.split('`').collect();
    let (mut seen, mut wrong) = (0, Vec::new());
    for at in (1..pieces.len() - 2).step_by(2).filter(|at| pieces[at + 1] == ": ") {
        let folder = match pieces[at - 1].rsplit([' ', '|']).nth(1) {
            Some("E") => "engine/tests",
            Some("S") => "server/src",
            Some("T") => "tests/system",
            _ => "",
        };
        if !is_test(pieces[at + 2]) {
            continue;
        }
        let path = root().join(folder).join(pieces[at].trim_end_matches(".rs"));
        let named = sources.iter().filter(|file| file.with_extension("") == path || file.starts_with(&path));
        let there: String = named.map(|file| fs::read_to_string(file).unwrap()).collect();
        let tests = (at + 2..pieces.len()).step_by(2).take_while(|name| *name == at + 2 || pieces[name - 1] == ", ");
        for test in tests.map(|name| pieces[name]) {
            if !there.contains(&format!("fn {test}(")) {
                wrong.push(format!("{test} in {}", path.display()));
            }
            seen += 1;
        }
    }
    assert!(seen > 150 && wrong.is_empty(), "{seen} seen: {wrong:#?}");
}

/// The binaries of tests, and where their files are: those that have only one file have none here.
const BINARIES: [(&str, Option<&str>); 7] = [
    ("engine", Some("engine/tests")),
    ("system", Some("tests/system")),
    ("server", Some("server/tests")),
    ("loadtest", Some("loadtest/tests")),
    ("closed_memory", None),
    ("month", None),
    ("files", None),
];

#[test]
fn every_command_runs_a_test_that_is_there() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for file in files(".md") {
        let text = fs::read_to_string(&file).unwrap();
        for command in text.split("cargo test").skip(1).map(|rest| rest.split(['`', '\n', '#']).next().unwrap()) {
            let words: Vec<&str> = command.split_whitespace().collect();
            let named = words.windows(2).filter(|pair| pair[0] == "--test").map(|pair| pair[1]);
            let named: Vec<_> = named.map(|name| (name, BINARIES.iter().find(|(known, _)| *known == name))).collect();
            wrong.extend(named.iter().filter(|(_, known)| known.is_none()).map(|(name, _)| format!("--test {name}")));
            let folders: Vec<&str> =
                named.iter().filter_map(|(_, known)| known.and_then(|(_, folder)| *folder)).collect();
            for path in words.iter().filter(|word| word.contains("::") && !folders.is_empty()) {
                let module = path.split("::").next().unwrap();
                // A word in capitals stands for any name.
                let has = |folder: &&str, file: String| root().join(folder).join(file).is_file();
                let is_there = folders
                    .iter()
                    .any(|folder| has(folder, format!("{module}.rs")) || has(folder, format!("{module}/mod.rs")));
                if !is_there && module.chars().any(char::is_lowercase) {
                    wrong.push(format!("{path} in {folders:?}"));
                }
                seen += 1;
            }
        }
    }
    assert!(seen > 15 && wrong.is_empty(), "{seen} seen: {wrong:?}");
}

#[test]
fn every_link_leads_somewhere() {
    let mut missing = Vec::new();
    for file in files(".md") {
        let text = fs::read_to_string(&file).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap();
            // Pages of the server are not files, nor is what lies elsewhere.
            if path.is_empty() || path.contains("://") || path.starts_with('/') || path.contains(char::is_whitespace) {
                continue;
            }
            if !file.parent().unwrap().join(path).exists() {
                missing.push(format!("{}: {target}", file.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_path_that_is_named_is_there() {
    let mut missing = Vec::new();
    for file in files(".md") {
        // What happened stays told by the paths of its time.
        if file.ends_with("CHANGELOG.md") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let named = text.split('`').skip(1).step_by(2).filter(|name| {
            let is_ours =
                ["engine/", "server/", "tests/", "loadtest/", "bench/"].iter().any(|top| name.starts_with(top));
            is_ours && name.chars().all(|letter| letter.is_alphanumeric() || "_/.-".contains(letter))
        });
        for name in named {
            if !root().join(name).exists() && !root().join(format!("{name}.rs")).exists() {
                missing.push(format!("{}: {name}", file.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
