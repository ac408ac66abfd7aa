//! A node that follows has the archive of the node that it follows: byte for byte, through kills.

use std::fs;

use anaquel_engine::backup::{self, Chain, Start, Until};
use anaquel_engine::role::Role;

use super::*;
use crate::common::{contents, copy, store};
use crate::replica::follow_all;

fn open_replica(directory: &Path, clock: &Arc<ManualClock>) -> Shop {
    let settings = Settings { clock_jump_seconds_max: u64::MAX, ..Settings::default() };
    let options = Options { log: log_options(), settings, entropy: 42, trust_clock: true, role: Some(Role::Replica) };
    let (engine, _) = Engine::open(directory, options, clock.clone(), None).unwrap();
    Shop { engine, clock: clock.clone(), disk: MemoryDisk::default() }
}

#[test]
fn what_left_memory_is_read_on_every_node() {
    let (at, shop) = on_disk();
    (0..4).for_each(|nth| drop(sold(&shop, nth)));
    at.pass_days(MEMORY_DAYS + 1);
    shop.engine.archive_now().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (file, path) = (folder.path().join("whole.backup"), folder.path().join("replica"));
    shop.engine.back_up(Start::Whole, &[], &mut |_| (), &mut fs::File::create(&file).unwrap()).unwrap();
    backup::join(&Chain::find(&[file], Until::End).unwrap(), &path, store()).unwrap();
    let mut replica = open_replica(&path, &at.clock);
    assert_eq!(reads(&replica), reads(&shop));
    for round in 0..6 {
        (0..8).for_each(|nth| drop(sold(&shop, 100 * (round + 1) + nth)));
        // What had left comes back for a step, and leaves again.
        let needed = Needed { orders: vec![name("S-1")], ..Needed::default() };
        shop.engine.recall_needed(&needed).unwrap();
        at.pass_days(MEMORY_DAYS + 1);
        shop.engine.archive_now().unwrap();
        follow_all(&shop.engine, &replica.engine);
        assert_eq!(reads(&replica), reads(&shop));
        assert_eq!(in_memory(&replica), in_memory(&shop));
        // A kill: what the files have now is all there is, or the archive lacks what the log has.
        let after = folder.path().join(format!("replica-{round}"));
        copy(&path.with_file_name(newest(round)), &after);
        if round % 2 == 1 {
            fs::remove_dir_all(after.join("archive")).unwrap();
        }
        drop(replica);
        replica = open_replica(&after, &at.clock);
        assert_eq!(reads(&replica), reads(&shop));
        replica.engine.archive_now().unwrap();
    }
    let files = |directory: &Path| {
        let all = contents(&directory.join("archive")).into_iter();
        all.filter(|(path, _)| !path.components().any(|part| part.as_os_str() == "index"))
            .map(|(path, bytes)| (path.file_name().unwrap().to_owned(), bytes))
            .collect::<Vec<_>>()
    };
    assert_eq!(files(&at.directory), files(&folder.path().join(newest(6))), "byte for byte");
}

fn newest(round: u64) -> String {
    round.checked_sub(1).map_or("replica".to_owned(), |last| format!("replica-{last}"))
}
