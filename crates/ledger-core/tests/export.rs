//! An export is whole or refused: cut anywhere, lengthened, of another chain. An export of version 1 is still read.

#![cfg(feature = "redb")]
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

use ledger_core::store::{MemoryStore, Opening, RedbStore};
use ledger_core::testing::{Chain, Person, share};
use ledger_core::{Error, Ledger, Result};

/// The first line, and what stands between it and the genesis.
const LINE: usize = 26;
const FRONT: usize = 48;

/// The export of four blocks behind the genesis.
fn exported() -> (Chain, Vec<u8>) {
    let mut chain = Chain::new(2);
    for number in 0..2 {
        let (alice, bob) = (Person::new(1), Person::new(2));
        chain.send(&alice, share(number, &[&bob])).unwrap();
    }
    let mut export = Vec::new();
    chain.ledger.export(&mut export, |_, _| {}).unwrap();
    (chain, export)
}

fn import(export: &[u8]) -> Result<Ledger<MemoryStore>> {
    Ledger::import(MemoryStore::new(), export, &[], |_| {})
}

/// Where each part behind the front ends: the genesis, and the blocks.
fn ends(export: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut at = LINE + FRONT;
    while at < export.len() {
        let length = u64::from_be_bytes(*export[at..].first_chunk().unwrap());
        at += 8 + usize::try_from(length).unwrap();
        ends.push(at);
    }
    ends
}

#[test]
fn an_export_cut_between_two_blocks_says_what_is_missing() {
    let (chain, export) = exported();
    let again = import(&export).unwrap();
    assert_eq!(
        again.view().unwrap().head(),
        chain.ledger.view().unwrap().head()
    );
    let ends = ends(&export);
    assert_eq!((ends.len(), ends.last()), (5, Some(&export.len())));
    for (blocks, end) in ends[..4].iter().enumerate() {
        let error = import(&export[..*end]).unwrap_err().to_string();
        let found =
            format!("after block {blocks} and {blocks} transactions, expected block 4 and 4");
        assert!(error.contains(&found), "{error}");
    }
    for end in (0..export.len()).filter(|end| !ends.contains(end)) {
        let error = import(&export[..end]).unwrap_err();
        assert!(
            matches!(error, Error::Malformed { .. }),
            "cut at {end}: {error}"
        );
    }
}

#[test]
fn an_export_with_something_behind_its_end_is_refused() {
    let (_, export) = exported();
    let ends = ends(&export);
    // a byte, and the last block again
    let last = &export[ends[3]..ends[4]];
    for more in [&[0][..], &[0; 8], last] {
        let longer = [&export, more].concat();
        let error = import(&longer).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{error}");
    }
}

#[test]
fn every_flipped_bit_of_the_front_is_refused() {
    let (_, export) = exported();
    for bit in 0..8 * (LINE + FRONT) {
        let mut changed = export.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        import(&changed).unwrap_err();
    }
}

#[test]
fn a_genesis_that_is_not_believed_leaves_the_store_empty() {
    let (chain, export) = exported();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let store = RedbStore::open(&path, Opening::Create).unwrap();
    let expected = chain.ledger.chain();
    let other = |genesis: &ledger_core::Genesis| {
        assert_eq!(genesis.chain(), expected);
        Err(Error::NotALedger {
            reason: "another one was expected".to_owned(),
        })
    };
    let refused = Ledger::import_if(store, export.as_slice(), other, &[], |_| {});
    assert!(matches!(refused, Err(Error::NotALedger { .. })));
    let store = RedbStore::open(&path, Opening::Existing).unwrap();
    assert!(matches!(Ledger::open(store), Err(Error::Empty)));
}

/// Written by version 1, which does not say how many blocks follow: a cut between two of them is a shorter chain.
#[test]
fn an_export_of_version_1_is_still_read() {
    let stored = include_bytes!("data/version-1.export");
    let ledger = import(stored).unwrap();
    let audit = ledger.audit(|_, _| {}).unwrap();
    assert_eq!((audit.blocks, audit.transactions), (5, 4));
    // version 2 has the same parts behind its front
    let (_, export) = exported();
    assert_eq!(stored[LINE..], export[LINE + FRONT..]);
}
