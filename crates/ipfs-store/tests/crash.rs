//! A process that is killed at any moment; a disk that is full; two processes at once.

#![allow(
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test says what is wrong by panicking"
)]

mod common;

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use common::Stream;
use ipfs_store::{BlockStore as _, EmbeddedStore, Error, Profile, dag, parse_cid};

/// The bytes of each file that the child adds.
const LEN: u64 = 300_000;

/// Not a test: what the child process does, when it is told where.
#[test]
fn child() {
    let Some(folder) = std::env::var_os("MEDSHARE_CRASH_STORE") else {
        return;
    };
    let kind = std::env::var("MEDSHARE_CRASH_KIND").unwrap();
    let store = EmbeddedStore::open(Path::new(&folder)).unwrap();
    for number in 0.. {
        let seed = format!("{kind} {number}");
        let node = match dag::add(&store, Stream::new(&seed).take(LEN), Profile::Cidv1_256k) {
            Ok(node) => node,
            Err(error) => {
                println!("failed {error}");
                return;
            }
        };
        match store.pin(&node.cid) {
            Ok(()) => println!("pinned {} {seed}", node.cid),
            Err(error) => {
                println!("failed {error}");
                return;
            }
        }
        if number % 3 == 2 {
            // the one before goes: packs are written anew
            let before = dag::only_hash(
                Stream::new(&format!("{kind} {}", number - 1)).take(LEN),
                Profile::Cidv1_256k,
            );
            let before = before.unwrap().cid;
            println!("unpinning {before}");
            store.unpin(&before).unwrap();
            store.gc().unwrap();
        }
    }
}

fn spawn(folder: &Path, kind: &str, limit: Option<u64>) -> Child {
    let program = std::env::current_exe().unwrap();
    let mut command = match limit {
        None => Command::new(&program),
        // writing beyond the limit fails, as on a full disk
        Some(blocks) => {
            let mut shell = Command::new("sh");
            shell.args([
                "-c",
                &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\""),
            ]);
            shell.arg(&program);
            shell
        }
    };
    command
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env("MEDSHARE_CRASH_STORE", folder)
        .env("MEDSHARE_CRASH_KIND", kind)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What a child said: the pinned roots with their seeds, without those that it may have unpinned.
fn said(child: &mut Child) -> (Vec<(String, String)>, Option<String>) {
    let (mut pinned, mut failed) = (Vec::new(), None);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let line = line.strip_prefix("test child ... ").unwrap_or(&line);
        let words: Vec<_> = line.splitn(3, ' ').collect();
        match words.as_slice() {
            ["pinned", cid, seed] => pinned.push(((*cid).to_owned(), (*seed).to_owned())),
            ["unpinning", cid] => pinned.retain(|(other, _)| other != cid),
            ["failed", ..] => failed = Some(line.to_owned()),
            _ => {}
        }
    }
    (pinned, failed)
}

fn check(folder: &Path, pinned: &[(String, String)]) {
    let store = EmbeddedStore::open(folder).unwrap();
    for _ in 0..2 {
        let pins: Vec<_> = store
            .pins()
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        for (cid, seed) in pinned {
            assert!(pins.contains(cid), "{seed} was pinned");
            let reader = dag::cat(&store, &parse_cid(cid).unwrap()).unwrap();
            assert!(common::same(reader, Stream::new(seed).take(LEN)), "{seed}");
        }
        // what the crash left behind goes, what is pinned stays
        store.gc().unwrap();
        let left = std::fs::read_dir(folder.join("packs")).unwrap();
        assert!(
            left.map(|file| file.unwrap().file_name())
                .all(|name| !name.to_string_lossy().starts_with("tmp-"))
        );
    }
    store
        .put(&ipfs_store::Block::raw(vec![1]).unwrap())
        .unwrap();
    store.sync().unwrap();
}

#[test]
fn what_was_pinned_survives_a_kill_at_any_moment() {
    let rounds: u64 = if std::env::var_os("MEDSHARE_LONG").is_some() {
        200
    } else {
        12
    };
    let folder = tempfile::tempdir().unwrap();
    let mut all = Vec::new();
    for round in 0..rounds {
        let mut child = spawn(folder.path(), &format!("round {round}"), None);
        thread::sleep(Duration::from_millis(60 + round * 7919 % 400));
        child.kill().unwrap();
        child.wait().unwrap();
        all.extend(said(&mut child).0);
        check(folder.path(), &all);
    }
    assert!(all.len() as u64 > rounds, "only {}", all.len());
}

#[test]
fn two_processes_add_and_collect_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut children = [
        spawn(folder.path(), "one", None),
        spawn(folder.path(), "two", None),
    ];
    thread::sleep(Duration::from_millis(1500));
    let mut all = Vec::new();
    for child in &mut children {
        child.kill().unwrap();
        child.wait().unwrap();
        let (pinned, failed) = said(child);
        // a pin says so when the other one's collection was faster; it never keeps half
        assert!(failed.is_none_or(|failed| failed.contains("missing")));
        all.extend(pinned);
    }
    check(folder.path(), &all);
    assert!(all.len() >= 2, "both got on");
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_an_error_and_leaves_nothing_half() {
    let folder = tempfile::tempdir().unwrap();
    drop(EmbeddedStore::open(folder.path()).unwrap());
    // 512 or 1024 bytes each: not one file of the child fits
    let mut child = spawn(folder.path(), "full", Some(200));
    let (pinned, failed) = said(&mut child);
    child.wait().unwrap();
    assert!(pinned.is_empty());
    let failed = failed.expect("it says so");
    assert!(failed.contains("block"), "{failed}");
    check(folder.path(), &[]);
    let store = EmbeddedStore::open(folder.path()).unwrap();
    assert_eq!(
        store.size().unwrap().blocks,
        1,
        "the one that the check put"
    );
}

#[test]
fn a_collection_waits_and_then_says_busy() {
    let folder = tempfile::tempdir().unwrap();
    let adding = EmbeddedStore::open(folder.path()).unwrap();
    adding
        .put(&ipfs_store::Block::raw(vec![1]).unwrap())
        .unwrap();
    let other = EmbeddedStore::open_waiting(folder.path(), Duration::from_millis(30)).unwrap();
    assert!(matches!(other.gc(), Err(Error::Busy { .. })));
    thread::scope(|scope| {
        let patient = EmbeddedStore::open(folder.path()).unwrap();
        let collecting = scope.spawn(move || patient.gc().unwrap());
        thread::sleep(Duration::from_millis(100));
        adding.sync().unwrap();
        assert_eq!(collecting.join().unwrap().blocks, 1);
    });
}
