//! What the documents name is there: tests by their names, files by their links.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails shall say where")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
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
    let named: BTreeSet<&str> = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|name| {
            name.matches('_').count() >= 3 && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
        })
        .collect();
    assert!(named.len() > 150, "only {} are named", named.len());
    let missing: Vec<_> = named.iter().filter(|name| !functions.contains(**name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
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
