//! Stores that earlier versions wrote still open, prove and verify. A new format adds a file here and removes none.

#![cfg(feature = "redb")]
#![allow(
    clippy::disallowed_methods,
    reason = "the store of a new version is written when its author asks for it"
)]
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

use std::path::{Path, PathBuf};

use ledger_core::store::{Opening, RedbStore};
use ledger_core::testing::{Chain, Person, genesis, share, share_id};
use ledger_core::{
    Accept, Body, FORMAT_VERSION, Grant, Ledger, Reject, RotateKey, Trust, Withdraw, verify,
};

/// What every stored version holds: one transaction of most kinds. `MEDSHARE_WRITE_STORE=FILE` writes it with this version.
fn write(path: &Path) -> Chain<RedbStore> {
    let store = RedbStore::open(path, Opening::Create).unwrap();
    let mut chain = Chain::over(store, genesis(1, 1), 4);
    let [one, two, three] = [1, 2, 3].map(Person::new);
    for number in 0..4 {
        chain.send(&one, share(number, &[&two])).unwrap();
    }
    let grant = Body::Grant(Grant {
        share_id: share_id(0),
        content: ledger_core::testing::content(100),
        receivers: vec![three.address],
    });
    chain.send(&one, grant).unwrap();
    let share_id = |number| share_id(number);
    chain
        .send(
            &two,
            Body::Accept(Accept {
                share_id: share_id(0),
            }),
        )
        .unwrap();
    chain
        .send(
            &two,
            Body::Reject(Reject {
                share_id: share_id(1),
                reason: None,
            }),
        )
        .unwrap();
    chain
        .send(
            &one,
            Body::Withdraw(Withdraw {
                share_id: share_id(2),
            }),
        )
        .unwrap();
    let rotate = Body::RotateKey(RotateKey {
        address: two.address,
        key: Person::new(9).public_key(),
        cert: None,
    });
    chain.send(&two, rotate).unwrap();
    chain
}

/// The files of a store beside its path, as they are now.
fn copy(from: &Path, to: &Path) {
    for end in ["", "-journal0", "-journal1"] {
        let file = |path: &Path| PathBuf::from(format!("{}{end}", path.display()));
        if file(from).exists() {
            let mut bytes = std::fs::read(file(from)).unwrap();
            // the zeros by which a journal is longer than what is in it
            let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
            bytes.truncate(if end.is_empty() {
                bytes.len()
            } else {
                (used / 4096 + 1) * 4096
            });
            std::fs::write(file(to), bytes).unwrap();
        }
    }
}

#[test]
fn stores_of_every_format_open() {
    assert_eq!(
        FORMAT_VERSION, 2,
        "a new format: write its store too, and name it here"
    );
    // as it is after a process was killed, so with the journal
    if let Some(path) = std::env::var_os("MEDSHARE_WRITE_STORE") {
        let folder = tempfile::tempdir().unwrap();
        let open = folder.path().join("ledger");
        let _open = write(&open);
        copy(&open, path.as_ref());
    }
    for format in 1..=FORMAT_VERSION {
        opens(&format!("format-{format}.ledger"));
    }
}

fn opens(name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let stored = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    copy(&stored.join(name), &path);
    let ledger = Ledger::open(RedbStore::open(&path, Opening::Existing).unwrap()).unwrap();
    let audit = ledger.audit(|_, _| {}).unwrap();
    assert_eq!((audit.blocks, audit.transactions), (14, 13));
    drop(ledger);
    // what opening has changed is opened too
    let ledger = Ledger::open(RedbStore::open(&path, Opening::Existing).unwrap()).unwrap();
    let chain = Chain::open(ledger);
    let trust = Trust::new(chain.ledger.genesis().log_key());
    let states = [0, 1, 2, 3].map(|number| {
        let bundle = chain.prove(&share_id(number), None).unwrap();
        let proven = verify(&bundle, &trust).unwrap();
        (
            proven.state().status.to_string(),
            proven.state().receivers.len(),
        )
    });
    let expected = [("live", 2), ("rejected", 1), ("withdrawn", 1), ("live", 1)];
    assert_eq!(
        states,
        expected.map(|(status, receivers)| (status.to_owned(), receivers))
    );
    // what this version writes for the same transactions has the same roots
    let again = folder.path().join("again");
    let again = write(&again);
    assert_eq!(
        again.ledger.view().unwrap().head(),
        chain.ledger.view().unwrap().head()
    );
}
