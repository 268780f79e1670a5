//! A machine that fails gives no verdict: nothing is released, and nothing is said about the share.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use ipfs_store::{Block, BlockStore, Cid, Error, MemoryStore, dag};
use medshare_verify::testing::{Draft, World, envelope_policy};
use medshare_verify::{Claim, Evidence, Policy, Rejected, Step, verify};

const CT: &[u8] = include_bytes!("../../../examples/data/CT_small.dcm");

/// A store that answers so many times, and fails from then on.
#[derive(Debug)]
struct Failing<'a> {
    store: &'a MemoryStore,
    left: AtomicUsize,
    error: fn() -> Error,
}

impl BlockStore for Failing<'_> {
    fn get(&self, cid: &Cid) -> ipfs_store::Result<Option<Block>> {
        let left = &self.left;
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
            .map_err(|_| (self.error)())?;
        self.store.get(cid)
    }
    fn put(&self, block: &Block) -> ipfs_store::Result<()> {
        self.store.put(block)
    }
    fn has(&self, cid: &Cid) -> ipfs_store::Result<bool> {
        self.store.has(cid)
    }
    fn delete(&self, cid: &Cid) -> ipfs_store::Result<bool> {
        self.store.delete(cid)
    }
}

fn verify_on(world: &World, draft: &Draft, store: &dyn BlockStore) -> Result<(), Rejected> {
    verify(
        &Claim::new(draft.share_id, &world.bob.key),
        &Evidence::new(&world.bundle(draft), store),
        &world.trust(),
        &Policy::new(envelope_policy()),
        |_| {},
    )
    .map(drop)
}

fn unreachable() -> Error {
    Error::Unreachable {
        url: "http://127.0.0.1:5001".to_owned(),
        action: "getting a block",
        source: "connection refused".into(),
    }
}

fn disk() -> Error {
    Error::Io {
        action: "reading a block",
        path: None,
        source: io::Error::other("the disk is gone"),
    }
}

/// Whenever the store fails: while it is walked, and while certs and envelopes are read.
#[test]
fn a_store_that_fails_at_any_moment_is_no_verdict() {
    let mut world = World::new();
    let draft = world.draft(1);
    world.share(&draft, CT);
    for error in [unreachable as fn() -> Error, disk] {
        let mut steps = Vec::new();
        for left in 0.. {
            let failing = Failing {
                store: &world.store,
                left: AtomicUsize::new(left),
                error,
            };
            let Err(rejected) = verify_on(&world, &draft, &failing) else {
                break;
            };
            assert!(rejected.is_failure(), "after {left}: {rejected:?}");
            assert!(
                rejected.to_string().contains(&error().to_string()),
                "{rejected}"
            );
            steps.push(rejected.step());
        }
        assert!(steps.contains(&Step::Content) && steps.contains(&Step::Envelope));
    }
}

#[test]
fn a_block_that_nobody_has_is_a_verdict() {
    let mut world = World::new();
    let draft = world.draft(1);
    let (_, root) = world.share(&draft, CT);
    let last = dag::cids(&world.store, &root).last().unwrap().unwrap();
    world.store.delete(&last).unwrap();
    let rejected = verify_on(&world, &draft, &world.store).unwrap_err();
    assert!(!rejected.is_failure(), "{rejected:?}");
    assert_eq!(rejected.step(), Step::Content);
}

#[test]
fn a_full_disk_is_no_verdict_and_damage_is() {
    let envelope = |source| Rejected::Envelope {
        name: "0001.pgp".to_owned(),
        source: Box::new(source),
    };
    let full = pgp_envelope::Error::Io {
        action: "keeping the plaintext",
        source: io::ErrorKind::StorageFull.into(),
    };
    assert!(envelope(full).is_failure());
    assert!(!envelope(pgp_envelope::Error::Tampered).is_failure());
    assert!(!envelope(pgp_envelope::Error::NotForMe).is_failure());
}
