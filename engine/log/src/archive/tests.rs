//! Frames are read as they were written; an end that is cut or does not count is told or removed; damage is told by file
//! and byte.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails shall say where")]

use super::super::batch::{ArchiveBatch, frames_of};
use super::*;

fn batch(nth: u8) -> (Vec<u8>, Vec<(u64, u32)>) {
    let mut batch = ArchiveBatch::default();
    let frames = (1..=3).map(|kind| batch.push(kind, &vec![nth; usize::from(nth) * 7 + usize::from(kind)])).collect();
    (batch.end(u64::from(nth) * 100), frames)
}

/// Three batches in one file; returns where each ends, the head first.
fn written(files: &ArchiveFiles) -> Vec<u64> {
    let mut ends = vec![HEAD_BYTES];
    for nth in 0..3 {
        let (bytes, _) = batch(nth);
        let at = *ends.last().unwrap();
        files.append(ArchivePlace { file: 1, at }, &bytes).unwrap();
        ends.push(at + bytes.len() as u64);
    }
    ends
}

/// Kinds and payloads of frames, and the `seq` of each end.
type Found = (Vec<(u8, Vec<u8>)>, Vec<u64>);

fn scanned(files: &ArchiveFiles, to: u64) -> Result<Found, ArchiveDamage> {
    let (mut frames, mut seqs) = Found::default();
    files.scan(1, 0, to, &mut |scanned| {
        match scanned {
            Scanned::Frame { kind, payload, .. } => frames.push((kind, payload.to_vec())),
            Scanned::End { seq, .. } => seqs.push(seq),
        }
        Ok(())
    })?;
    Ok((frames, seqs))
}

#[test]
fn frames_are_read_by_place_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let files = ArchiveFiles::new(&folder.path().join("archive"));
    let ends = written(&files);
    let (frames, seqs) = scanned(&files, ends[3]).unwrap();
    let joined: Vec<u8> = (0..3).flat_map(|nth| batch(nth).0).collect();
    let mut at = 0;
    for nth in 0..3 {
        let (bytes, told) = batch(nth);
        let (seq, inside) = frames_of(&joined[at..at + bytes.len()]).unwrap();
        assert_eq!(seq, u64::from(nth) * 100);
        assert!(inside.iter().map(|frame| (frame.at, frame.bytes)).eq(told));
        for cut in 0..bytes.len() {
            assert!(frames_of(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        at += bytes.len();
    }
    assert_eq!((frames.len(), seqs), (9, vec![0, 100, 200]));
    for nth in 0..3 {
        for (kind, (at, bytes)) in (1_u8..).zip(batch(nth).1) {
            let place = ArchivePlace { file: 1, at: ends[usize::from(nth)] + at };
            let (found, payload) = files.read(Frame { place, bytes }).unwrap();
            assert_eq!((found, payload), frames[usize::from(nth) * 3 + usize::from(kind) - 1].clone());
        }
    }
    // From the middle, from the end of a batch on.
    let mut seqs = Vec::new();
    let mut visit = |scanned: Scanned<'_>| {
        if let Scanned::End { seq, place } = scanned {
            seqs.push((seq, place.at));
        }
        Ok(())
    };
    files.scan(1, ends[1], ends[3], &mut visit).unwrap();
    assert_eq!(seqs, [(100, ends[2]), (200, ends[3])]);
}

#[test]
fn what_is_behind_the_known_end_is_cut_and_what_is_missing_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let files = ArchiveFiles::new(&folder.path().join("archive"));
    let ends = written(&files);
    let whole = std::fs::read(files.path_of(1)).unwrap();
    let known = ArchivePlace { file: 1, at: ends[2] };
    for length in ends[2]..=ends[3] {
        std::fs::write(files.path_of(1), &whole[..length as usize]).unwrap();
        std::fs::write(files.path_of(2), b"begun").unwrap();
        assert_eq!(files.cut(&[known]).unwrap(), None, "{length}");
        assert_eq!(files.list().unwrap(), [(1, ends[2])], "{length}");
        assert_eq!(scanned(&files, ends[2]).unwrap().1, [0, 100]);
    }
    for length in 0..ends[2] {
        std::fs::write(files.path_of(1), &whole[..length as usize]).unwrap();
        assert_eq!(files.cut(&[known]).unwrap(), Some(Short { file: 1, has: length }));
        let damage = scanned(&files, ends[2]).unwrap_err();
        assert!(damage.at <= length && damage.path == files.path_of(1), "{length}: {damage}");
    }
    std::fs::remove_file(files.path_of(1)).unwrap();
    assert_eq!(files.cut(&[known]).unwrap(), Some(Short { file: 1, has: 0 }));
    assert_eq!(files.cut(&[]).unwrap(), None);
}

#[test]
fn every_changed_byte_is_found_by_file_and_place() {
    let folder = tempfile::tempdir().unwrap();
    let files = ArchiveFiles::new(&folder.path().join("archive"));
    let ends = written(&files);
    let whole = std::fs::read(files.path_of(1)).unwrap();
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        std::fs::write(files.path_of(1), &flipped).unwrap();
        let damage = scanned(&files, ends[3]).unwrap_err();
        assert!(damage.at <= at as u64, "flipped at {at}: {damage}");
        assert!(damage.to_string().contains("000001.archive"), "{damage}");
    }
    // One frame by its place, too.
    std::fs::write(files.path_of(1), &whole).unwrap();
    let (at, bytes) = batch(1).1[2];
    let frame = Frame { place: ArchivePlace { file: 1, at: ends[1] + at }, bytes };
    files.read(frame).unwrap();
    for within in 0..bytes as usize {
        let mut flipped = whole.clone();
        flipped[frame.place.at as usize + within] ^= 1;
        std::fs::write(files.path_of(1), &flipped).unwrap();
        files.read(frame).unwrap_err();
    }
}

#[test]
fn an_append_elsewhere_than_at_the_end_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let files = ArchiveFiles::new(&folder.path().join("archive"));
    let ends = written(&files);
    for at in [ends[1], ends[3] + 1] {
        files.append(ArchivePlace { file: 1, at }, &batch(1).0).unwrap_err();
        assert_eq!(files.list().unwrap(), [(1, ends[3])]);
    }
    files.append(ArchivePlace { file: 3, at: 40 }, &batch(1).0).unwrap_err();
    // What was appended and does not count is taken back, and the place is free again.
    let place = ArchivePlace { file: 1, at: ends[3] };
    files.append(place, &batch(2).0).unwrap();
    files.take_back(place).unwrap();
    files.append(place, &batch(1).0).unwrap();
    files.append(ArchivePlace { file: 2, at: HEAD_BYTES }, &batch(2).0).unwrap();
    assert_eq!(files.list().unwrap().len(), 2);
}
