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

use std::path::Path;

use ledger_core::store::{Opening, RedbStore};
use ledger_core::testing::{Chain, Person, genesis, share, share_id};
use ledger_core::{
    Accept, Body, FORMAT_VERSION, Grant, Ledger, Reject, RotateKey, Trust, Withdraw, verify,
};

/// What every stored version holds: one transaction of most kinds. `MEDSHARE_WRITE_STORE=FILE` writes it with this version.
fn write(path: &Path) {
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
}

#[test]
fn a_store_of_format_1_opens() {
    assert_eq!(
        FORMAT_VERSION, 1,
        "a new format: write its store too, and name it here"
    );
    if let Some(path) = std::env::var_os("MEDSHARE_WRITE_STORE") {
        write(path.as_ref());
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let stored = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/format-1.ledger");
    std::fs::copy(stored, &path).unwrap();
    let ledger = Ledger::open(RedbStore::open(&path, Opening::Existing).unwrap()).unwrap();
    let audit = ledger.audit(|_, _| {}).unwrap();
    assert_eq!((audit.blocks, audit.transactions), (14, 13));
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
    write(&again);
    let again = Ledger::open(RedbStore::open(&again, Opening::Existing).unwrap()).unwrap();
    assert_eq!(
        again.view().unwrap().head(),
        chain.ledger.view().unwrap().head()
    );
}
