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

use ledger_core::store::{Batch, LedgerStore, Opening, RedbStore, Table};
use ledger_core::testing::{Chain, Person, genesis, share, share_id};
use ledger_core::{
    Accept, Body, FORMAT_VERSION, Grant, Ledger, Reject, Revoke, RevokeMember, RotateKey, Trust,
    Withdraw, verify, verify_absence, verify_answer,
};

/// What every stored version holds: one transaction of most kinds, and from format 3 on [`of_every_kind`].
/// `MEDSHARE_WRITE_STORE=FILE` writes it with this version.
fn write(path: &Path, format: u64) -> Chain<RedbStore> {
    let store = RedbStore::open(path, Opening::Create).unwrap();
    if format >= 3 {
        return of_every_kind(store);
    }
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

/// Every kind of transaction under a threshold of two, so with approvals: shares 0 to 3 are live with one grant taken back,
/// rejected, withdrawn and live; member 4 is revoked, member 2 has a key that an authority gave it.
fn of_every_kind(store: RedbStore) -> Chain<RedbStore> {
    let ledger = Ledger::found(store, genesis(3, 2)).unwrap();
    let mut chain = Chain::open(ledger);
    let [zero, one, two, three, four] = [0, 1, 2, 3, 4].map(Person::new);
    let decide = |chain: &mut Chain<RedbStore>, body: Body| {
        let unsigned = chain.sign(&zero, body);
        let approved = unsigned.approve(one.address, &one.key);
        chain.put(&approved).unwrap();
    };
    for member in [&three, &four] {
        decide(&mut chain, member.enrollment());
    }
    for number in 0..4 {
        chain.send(&one, share(number, &[&two])).unwrap();
    }
    let share_id = |number| share_id(number);
    let receivers = vec![three.address, four.address];
    let bodies = [
        (
            &one,
            Body::Grant(Grant {
                share_id: share_id(0),
                content: ledger_core::testing::content(100),
                receivers,
            }),
        ),
        (
            &three,
            Body::Accept(Accept {
                share_id: share_id(0),
            }),
        ),
        (
            &one,
            Body::Revoke(Revoke {
                share_id: share_id(0),
                receivers: vec![four.address],
            }),
        ),
        (
            &two,
            Body::Reject(Reject {
                share_id: share_id(1),
                reason: Some("not my patient".to_owned()),
            }),
        ),
        (
            &one,
            Body::Withdraw(Withdraw {
                share_id: share_id(2),
            }),
        ),
    ];
    for (sender, body) in bodies {
        chain.send(sender, body).unwrap();
    }
    let revoke = RevokeMember {
        address: four.address,
    };
    decide(&mut chain, Body::RevokeMember(revoke));
    let rotate = RotateKey {
        address: two.address,
        key: Person::new(9).public_key(),
        cert: None,
    };
    decide(&mut chain, Body::RotateKey(rotate));
    chain
}

/// What to do about the zeros at a journal's end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Zeros {
    Left,
    Back,
}

/// The files of a store beside its path, as they are now.
fn copy(from: &Path, to: &Path, zeros: Zeros) {
    for end in ["", "-journal0", "-journal1"] {
        let file = |path: &Path| PathBuf::from(format!("{}{end}", path.display()));
        if file(from).exists() {
            let mut bytes = std::fs::read(file(from)).unwrap();
            if !end.is_empty() {
                // the zeros by which a journal is longer than what is in it are not stored, and come back
                let used = bytes.iter().rposition(|byte| *byte != 0);
                bytes.truncate(used.map_or(0, |used| (used / 4096 + 1) * 4096));
                if zeros == Zeros::Back {
                    bytes.resize(256 * 4096, 0);
                }
            }
            std::fs::write(file(to), bytes).unwrap();
        }
    }
}

#[test]
fn stores_of_every_format_open() {
    assert_eq!(
        FORMAT_VERSION, 3,
        "a new format: write its store too, and name it here"
    );
    // as it is after a process was killed, so with the journal
    if let Some(path) = std::env::var_os("MEDSHARE_WRITE_STORE") {
        let folder = tempfile::tempdir().unwrap();
        let open = folder.path().join("ledger");
        let _open = write(&open, FORMAT_VERSION);
        copy(&open, path.as_ref(), Zeros::Left);
    }
    for format in 1..=FORMAT_VERSION {
        opens(format);
    }
}

/// The first transactions: what became of each share, its receivers, and the chain's length.
const FIRST: ([(&str, usize); 4], u64) = (
    [("live", 2), ("rejected", 1), ("withdrawn", 1), ("live", 1)],
    13,
);
const EVERY_KIND: ([(&str, usize); 4], u64) = (
    [("live", 3), ("rejected", 1), ("withdrawn", 1), ("live", 1)],
    13,
);

fn opens(format: u64) {
    let name = format!("format-{format}.ledger");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let stored = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    copy(&stored.join(&name), &path, Zeros::Back);
    let (expected, transactions) = if format < 3 { FIRST } else { EVERY_KIND };
    let ledger = Ledger::open(RedbStore::open(&path, Opening::Existing).unwrap()).unwrap();
    let audit = ledger.audit(|_, _| {}).unwrap();
    assert_eq!(
        (audit.blocks, audit.transactions),
        (transactions + 1, transactions)
    );
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
    assert_eq!(
        states,
        expected.map(|(status, receivers)| (status.to_owned(), receivers))
    );
    if format >= 3 {
        let view = chain.ledger.view().unwrap();
        let member = |number| view.member(&Person::new(number).address).unwrap().unwrap();
        assert!(!member(4).is_live() && member(3).is_live());
        assert_eq!(member(2).keys.len(), 2);
        let first = view.share(&share_id(0)).unwrap().unwrap();
        assert!(!first.is_granted(&Person::new(4).address));
        assert!(first.is_granted(&Person::new(3).address));
        let approved = view.transaction(0).unwrap().unwrap();
        assert_eq!(approved.approvals().len(), 1);
    }
    // what this version writes for the same transactions has the same roots
    let again = folder.path().join("again");
    let again = write(&again, format);
    assert_eq!(
        again.ledger.view().unwrap().head(),
        chain.ledger.view().unwrap().head()
    );
}

/// A later version's store: nothing of it is read as if it were this version's, and nothing of it is changed.
#[test]
fn a_newer_format_is_refused_by_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    drop(write(&path, FORMAT_VERSION));
    for found in [FORMAT_VERSION + 1, u64::MAX, 0] {
        let store = RedbStore::open(&path, Opening::Existing).unwrap();
        let mut batch = Batch::new();
        batch.put(Table::Meta, *b"format", found.to_be_bytes());
        store.commit(&batch).unwrap();
        store.close().unwrap();
        for _ in 0..2 {
            let store = RedbStore::open(&path, Opening::Existing).unwrap();
            let error = Ledger::open(store).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("the ledger has format version {found}, this program reads version 3")
            );
        }
    }
}

/// Format 1 spells out the empty subtrees of a state proof; bundles of it are kept by whoever shared then.
#[test]
fn bundles_and_answers_of_format_1_are_still_believed() {
    let bundle = include_bytes!("data/version-1.bundle");
    let trust = trust();
    let proven = verify(bundle, &trust).unwrap();
    assert_eq!((*proven.share_id(), proven.index()), (share_id(1), 5));
    let empty = b"SPARSE_MERKLE_PLACEHOLDER_HASH__";
    assert!(bundle.windows(32).any(|hash| hash == empty));

    verify_absence(include_bytes!("data/version-1.absence"), &trust).unwrap();
    let answer = include_bytes!("data/version-1.answer");
    assert!(answer.windows(32).any(|hash| hash == empty));
    verify_answer(answer, &trust).unwrap();
}

#[test]
fn only_its_own_formats_are_read_each_as_it_is_spelled() {
    let mut chain = Chain::new(4);
    let [one, two] = [1, 2].map(Person::new);
    for number in 0..5 {
        chain.send(&one, share(number, &[&two])).unwrap();
    }
    let bundle = chain.prove(&share_id(1), None).unwrap();
    verify(&bundle, &trust()).unwrap();
    let old = include_bytes!("data/version-1.bundle").to_vec();
    for (bundle, format, expected) in [
        (&bundle, 0, "format"),
        (&bundle, 3, "format"),
        (&old, 0, "format"),
        // each spelled as the other one
        (&bundle, 1, "malformed"),
        (&old, 2, "malformed"),
    ] {
        let mut bundle = bundle.clone();
        let at = bundle.windows(6).position(|key| key == b"format").unwrap() + 6;
        bundle[at] = format;
        let rejected = verify(&bundle, &trust()).unwrap_err();
        assert_eq!(rejected.code(), expected, "{format}: {rejected}");
    }
}

/// Trusts the node of every chain that the tests make.
fn trust() -> Trust {
    Trust::new(genesis(1, 1).log_key())
}
