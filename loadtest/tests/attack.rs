//! `loadtest attack`, small: two attackers with the least of keys take nothing from an honest shop but time, and of that
//! nothing is asked here, where many tests share the cores.

use std::process::Command;

use serde_json::Value;

/// Runs an attack to its end: what it tells, and whether every bound was held.
fn attack(arguments: &[&str]) -> (Value, bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_anaquel-loadtest"))
        .args(["attack", "--out", folder.path().to_str().unwrap()])
        .args(["--places", "400", "--skus", "60", "--median-ratio", "0", "--p99-ratio", "0"])
        .args(arguments)
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let json = std::fs::read(folder.path().join("attack.json")).unwrap_or_else(|_| panic!("no report: {said}"));
    (serde_json::from_slice(&json).unwrap(), output.status.success(), said)
}

#[test]
fn attackers_take_nothing_from_an_honest_shop() {
    let (told, held, said) =
        attack(&["--seconds", "12", "--rate", "60", "--connections", "12", "--memory-mib", "1024"]);
    assert!(held, "{said}");
    for part in ["alone", "attacked", "afterwards"] {
        assert_eq!(told[part]["refused"], 0, "{said}");
        assert!(told[part]["writes"]["answered"].as_u64().unwrap() > 0, "{said}");
    }
    assert_eq!(told["attacked"]["writes"]["answered"], 720, "{said}");
    assert!(!told["attacks"].as_object().unwrap().is_empty(), "{said}");
    assert!(told["bounds"].as_array().unwrap().iter().all(|bound| bound["held"] == true), "{said}");
}

#[test]
fn a_bound_that_is_missed_is_told_by_name_and_by_exit_code() {
    let (told, held, said) =
        attack(&["--seconds", "6", "--rate", "20", "--connections", "2", "--only", "L", "--memory-mib", "1"]);
    assert!(!held && said.contains("a bound was missed"), "{said}");
    let missed: Vec<_> = told["bounds"].as_array().unwrap().iter().filter(|bound| bound["held"] == false).collect();
    assert_eq!(missed.len(), 1, "{said}");
    assert_eq!(missed[0]["what"], "resident memory", "{said}");
}
