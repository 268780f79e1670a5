//! Membership and absence beside jmt's own proofs of the same tree.

use std::collections::BTreeMap;

use jmt::storage::{LeafNode, Node, NodeKey, TreeReader};
use jmt::{KeyHash, OwnedValue, RootHash, Sha256Jmt, Version};

use super::{Stored, key_hash, prove, root, update};
use crate::Height;
use crate::store::{Batch, LedgerStore as _, MemorySnapshot, MemoryStore};

/// The tree as jmt reads it for a proof of its own, which takes the values too.
struct Oracle<'a>(Stored<'a, MemorySnapshot>, BTreeMap<[u8; 32], Vec<u8>>);

impl TreeReader for Oracle<'_> {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        self.0.get_node_option(key)
    }

    fn get_value_option(&self, _: Version, key: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        Ok(self.1.get(&key.0).cloned())
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        Ok(None)
    }
}

fn key(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

#[test]
fn membership_and_absence_agree_with_jmt() {
    let store = MemoryStore::new();
    let mut values = BTreeMap::new();
    for height in 0..12_u64 {
        // more and more new keys, and some old ones with new values
        let changed: BTreeMap<_, _> = (0..1 << height.min(8))
            .map(|n| {
                (
                    key(2 * (n + 300 * (height % 3))),
                    format!("{height} {n}").into_bytes(),
                )
            })
            .collect();
        let mut batch = Batch::new();
        let snapshot = store.snapshot().unwrap();
        let found = update(&snapshot, Height(height), &changed, &mut batch).unwrap();
        store.commit(&batch).unwrap();
        values.extend(changed);

        let snapshot = store.snapshot().unwrap();
        assert_eq!(root(&snapshot).unwrap(), found);
        let theirs = RootHash(*found.as_bytes());
        let hashed = values
            .iter()
            .map(|(key, value)| (key_hash(key).0, value.clone()));
        let oracle = Oracle(Stored(&snapshot), hashed.collect());
        let tree = Sha256Jmt::new(&oracle);
        // even numbers are there or will be, odd ones never
        for number in 0..200 {
            let key = key(number);
            let (value, proof) = tree.get_with_proof(key_hash(&key), height).unwrap();
            assert_eq!(value.as_ref(), values.get(&key));
            let ours = prove(&snapshot, &key).unwrap();
            match value {
                Some(value) => {
                    proof
                        .verify_existence(theirs, key_hash(&key), &value)
                        .unwrap();
                    assert_eq!(ours.root(&key, Some(&value)), Some(found), "{number}");
                    assert_ne!(ours.root(&key, Some(b"another")), Some(found));
                    assert_ne!(ours.root(&key, None), Some(found), "{number} is there");
                }
                None => {
                    proof.verify_nonexistence(theirs, key_hash(&key)).unwrap();
                    assert_eq!(ours.root(&key, None), Some(found), "{number}");
                    assert_ne!(ours.root(&key, Some(b"a value")), Some(found));
                }
            }
        }
    }
}
