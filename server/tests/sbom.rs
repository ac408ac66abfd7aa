//! The bill of materials leaves nothing out that the server is made of, and lists nothing that Cargo.lock does not have.
//! (The tool counts in what the features of the whole workspace add.)

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

#[test]
fn the_bill_of_materials_is_that_of_the_lock_file() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = std::fs::read_to_string(root.join(".ci/sbom.cdx.json"))?;
    assert!(
        !text.contains("path+file:///") && !text.contains(env!("CARGO_MANIFEST_DIR")),
        "it names a machine's paths"
    );
    let bill: Value = serde_json::from_str(&text)?;
    let word = |component: &Value, name: &str| component[name].as_str().unwrap_or_default().to_owned();
    let components = bill["components"].as_array().into_iter().flatten();
    let listed: BTreeSet<_> =
        components.map(|component| (word(component, "name"), word(component, "version"))).collect();

    let mut tree = Command::new(env!("CARGO"));
    tree.args([
        "tree",
        "--package",
        "anaquel-server",
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    let tree =
        tree.args(["--target", "x86_64-unknown-linux-gnu", "--locked", "--offline"]).current_dir(&root).output()?;
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout)?;
    let mut packages = tree.lines().filter_map(|line| {
        let (name, rest) = line.split_once(" v")?;
        Some((name.to_owned(), rest.split(' ').next()?.to_owned()))
    });
    let itself = packages.next();
    let mut made_of: BTreeSet<_> = packages.collect();
    made_of.retain(|package| Some(package) != itself.as_ref());
    assert!(made_of.len() > 100, "the tree was read");
    let missing: Vec<_> = made_of.difference(&listed).collect();
    let locked = std::fs::read_to_string(root.join("Cargo.lock"))?;
    let is_locked =
        |(name, version): &&(String, String)| locked.contains(&format!("name = \"{name}\"\nversion = \"{version}\""));
    let gone: Vec<_> = listed.iter().filter(|package| !is_locked(package)).collect();
    assert!(missing.is_empty() && gone.is_empty(), "run .ci/sbom: missing {missing:?}, no longer used {gone:?}");
    Ok(())
}
