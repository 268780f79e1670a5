//! kill -9 while a thread of its own writes to the tables: everything that was answered is there, under its name.
//!
//! `MEDSHARE_CRASH_CYCLES=500 cargo test -p ledger-core --test kill` is the long mode.

#![cfg(all(unix, feature = "redb"))]
#![allow(
    clippy::disallowed_methods,
    reason = "the length of the test is the caller's, and the child has to know its file"
)]
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::{env, fs};

use ledger_core::store::{Opening, RedbStore};
use ledger_core::testing::{Chain, Person, genesis, share, share_id};
use ledger_core::{Ledger, TxId};
use redb::{ReadableDatabase as _, TableDefinition};

const LEDGER: &str = "MEDSHARE_KILL_LEDGER";
const FILES: [&str; 3] = ["ledger", "ledger-journal0", "ledger-journal1"];
/// After how many bytes they go to the tables: after each block, so that the tables are nearly always being written, or after some
/// twenty.
const FULL: [usize; 2] = [4 << 10, 96 << 10];
const THRESHOLD: &str = "MEDSHARE_KILL_THRESHOLD";

/// Not a test of its own: the process that is killed. It records without end and says what was answered.
#[test]
fn child() {
    let Some(path) = env::var_os(LEDGER) else {
        return;
    };
    let full = env::var(THRESHOLD).unwrap().parse().unwrap();
    let store = RedbStore::open_with_threshold(path.as_ref(), Opening::Existing, full).unwrap();
    let mut chain = Chain::open(Ledger::open(store).unwrap());
    let sender = Person::new(0);
    for number in chain.sequence(&sender).. {
        let tx = chain.sign_as(&sender, number, share(number, &[&sender]));
        let receipt = chain.put(&tx).unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "answered {} {} .", receipt.index, receipt.id).unwrap();
        out.flush().unwrap();
    }
}

fn spawn(path: &Path, full: usize) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(LEDGER, path)
        .env(THRESHOLD, full.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Which fill of the journal comes next by the tables, and which is the newest that was begun.
fn fills(folder: &Path) -> (u64, u64) {
    const TABLE: TableDefinition<'static, &'static str, &'static [u8]> =
        TableDefinition::new("journal");
    let newest = FILES[1..].iter().filter_map(|name| {
        let bytes = fs::read(folder.join(name)).unwrap();
        let fill = u64::from_be_bytes(*bytes[12..].first_chunk().unwrap());
        (bytes[..4] == *b"mslj").then_some(fill)
    });
    let newest = newest.max().unwrap_or_default();
    let database = redb::Database::open(folder.join("ledger")).unwrap();
    let table = database.begin_read().unwrap().open_table(TABLE).unwrap();
    let done = table.get("done").unwrap().unwrap();
    let next = u64::from_be_bytes(*done.value().first_chunk().unwrap());
    (next, newest)
}

/// A copy of the three files, as they are.
fn copied(from: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in FILES {
        fs::copy(from.join(name), copy.path().join(name)).unwrap();
    }
    copy
}

#[test]
fn killed_while_the_tables_are_written_nothing_answered_is_lost() {
    let cycles: u64 =
        env::var("MEDSHARE_CRASH_CYCLES").map_or(10, |cycles| cycles.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let store = RedbStore::open(&path, Opening::Create).unwrap();
    drop(Ledger::found(store, genesis(1, 1)).unwrap());
    let mut answered: Vec<(u64, TxId)> = Vec::new();
    let (mut writing, mut turned) = (0, 0);
    // further ones if all were killed between two writings, which is rare
    for cycle in 0..10 * cycles {
        if cycle >= cycles && writing > 0 {
            break;
        }
        let mut child = spawn(&path, FULL[usize::from(cycle % 3 == 2)]);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let wanted = answered.len() + 30 + usize::try_from(cycle * 7919 % 60).unwrap();
        for line in lines.map_while(Result::ok) {
            // libtest writes its own words before ours, without a newline; a last line may be cut
            let said = line.split_once("answered ").map(|(_, said)| said);
            if let Some((index, id)) = said
                .and_then(|said| said.strip_suffix(" ."))
                .and_then(|said| said.split_once(' '))
            {
                answered.push((index.parse().unwrap(), id.parse().unwrap()));
            }
            if answered.len() == wanted {
                // what it says before it is gone is read too
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(answered.len() >= wanted, "it goes on until it is killed");
        let (next, newest) = fills(copied(folder.path()).path());
        writing += u64::from(newest > next);
        turned += u64::from(next > 0);
        // the files themselves stay as they are for the next cycle
        let copy = copied(folder.path());
        let store = RedbStore::open(&copy.path().join("ledger"), Opening::Existing).unwrap();
        let ledger = Ledger::open(store).unwrap();
        let view = ledger.view().unwrap();
        for (index, id) in &answered {
            assert_eq!(view.find(id).unwrap(), Some(*index), "cycle {cycle}");
            let tx = view.transaction(*index).unwrap().unwrap();
            assert_eq!(tx.id(), *id, "cycle {cycle}");
            let share = view.share(&share_id(*index)).unwrap().unwrap();
            assert_eq!(share.index, *index, "cycle {cycle}");
        }
        // at most the block that was being answered is there besides
        let size = view.head().log_size;
        let said = u64::try_from(answered.len()).unwrap();
        assert!(size == said || size == said + 1, "{size} of {said}");
        if cycle % 4 == 3 {
            ledger.audit(|_, _| {}).unwrap();
        }
        // what was recorded and not said is not said later
        if size > said {
            let tx = view.transaction(said).unwrap().unwrap();
            answered.push((said, tx.id()));
        }
    }
    println!("{cycles} processes killed or more, {writing} of them while the tables were written");
    assert!(
        turned > cycles / 2,
        "the tables were written to {turned} times"
    );
    assert!(writing > 0, "no process was killed while it wrote to them");
}
