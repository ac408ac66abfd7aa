//! `loadtest peers`, small, and ended before its end.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

#[test]
fn peers_make_their_folder_and_tell_what_they_have_when_they_are_ended() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("not/there");
    let mut child = Command::new(env!("CARGO_BIN_EXE_anaquel-loadtest"))
        .args(["peers", "--connections", "4,8", "--seconds", "1", "--rounds", "500", "--only", "bare", "--out"])
        .arg(&out)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // It ends by itself if nobody tells it to: 500 rounds are bounded.
    let mut lines = BufReader::new(child.stderr.take().expect("its errors")).lines().map_while(Result::ok);
    let first = lines.find(|line| line.starts_with("round 1 of 500"));
    assert!(first.is_some(), "something was measured");
    assert!(out.is_dir(), "the folder was made before");
    let told = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(told.is_ok_and(|told| told.success()));
    lines.for_each(drop);
    let mut table = String::new();
    child.stdout.take().expect("its table").read_to_string(&mut table).expect("it is text");
    assert!(child.wait().is_ok_and(|status| status.success()), "{table}");
    let written = std::fs::read_to_string(out.join("RESULTS.md")).expect("it was written");
    for text in [&table, &written] {
        assert!(text.contains("of 1000 measurements") && text.contains("bare axum handler"), "{text}");
    }
    assert!(out.join("results.svg").is_file());
}
