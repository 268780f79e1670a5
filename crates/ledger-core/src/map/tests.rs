//! Membership and absence beside jmt's own proofs of the same tree.

use std::collections::BTreeMap;

use jmt::storage::{LeafNode, Node, NodeKey, TreeReader};
use jmt::{KeyHash, OwnedValue, RootHash, Sha256Jmt, Version};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::by_jmt::{self, Stored, key_hash};
use super::node::{Children, Leaf, Node as Ours};
use super::{EMPTY, StateProof, prove, root, update};
use crate::codec::{decode, encode};
use crate::hash::sha256;
use crate::store::{Batch, LedgerStore as _, MemorySnapshot, MemoryStore, Snapshot as _, Table};
use crate::{Digest, Error, Height};

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

/// The map of these keys, each its own value, and its root.
fn map_of(keys: &[Vec<u8>]) -> (MemorySnapshot, Digest) {
    let store = MemoryStore::new();
    let values = keys.iter().map(|key| (key.clone(), key.clone())).collect();
    let mut batch = Batch::new();
    let root = update(&store.snapshot().unwrap(), Height(0), &values, &mut batch).unwrap();
    store.commit(&batch).unwrap();
    (store.snapshot().unwrap(), root)
}

/// Two keys whose hashes have at least their first 16 bits in common: all places but one above them are empty.
fn alike() -> [Vec<u8>; 2] {
    let mut seen = BTreeMap::new();
    (0..)
        .find_map(|number| {
            let hash = sha256(&[&key(number)]);
            let other = seen.insert([hash[0], hash[1]], number)?;
            Some([key(other), key(number)])
        })
        .unwrap()
}

#[test]
fn empty_subtrees_take_a_byte_and_prove_the_same_as_spelled_out() {
    let keys = alike();
    let (snapshot, root) = map_of(&keys);
    for key in &keys {
        let proof = prove(&snapshot, key).unwrap();
        assert_eq!(proof.siblings.len(), 1, "{proof:?}");
        assert!(proof.empty.len() >= 16, "{proof:?}");
        assert_eq!(proof.root(key, Some(key)), Some(root));
        let bytes = encode(&proof);
        assert!(bytes.len() < 80, "{} bytes", bytes.len());
        assert_eq!(
            decode::<StateProof>(&bytes, "a proof", 1 << 10).unwrap(),
            proof
        );

        // as format 1 has it
        let spelled = StateProof {
            siblings: proof.all().unwrap(),
            empty: Vec::new(),
            other: None,
        };
        assert_eq!(
            spelled
                .siblings
                .iter()
                .filter(|hash| **hash == EMPTY)
                .count(),
            proof.empty.len()
        );
        assert_eq!(spelled.root(key, Some(key)), Some(root));
        assert!(encode(&spelled).len() > 500);
    }
}

#[test]
fn places_that_are_none_or_out_of_order_prove_nothing() {
    let keys = alike();
    let (snapshot, root) = map_of(&keys);
    let proof = prove(&snapshot, &keys[0]).unwrap();
    let found = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut changed = proof.clone();
        change(&mut changed.empty);
        changed.root(&keys[0], Some(&keys[0]))
    };
    assert_eq!(found(&|_| ()), Some(root));
    assert_eq!(found(&|empty| empty.swap(3, 4)), None);
    assert_eq!(found(&|empty| empty[4] = empty[3]), None);
    assert_eq!(found(&|empty| *empty.last_mut().unwrap() = u8::MAX), None);
    assert_eq!(found(&|empty| empty.extend(100..=u8::MAX)), None);
    // one place fewer is another path
    assert_ne!(found(&|empty| empty.truncate(empty.len() - 1)), Some(root));
}

#[test]
fn a_leaf_at_the_end_of_the_longest_path_has_its_places() {
    // two hashes that differ in their last bit alone cannot be found, so the proof is made by hand
    let mut siblings = vec![EMPTY; 256];
    siblings[255] = Digest::of(b"sibling");
    let proof = StateProof::new(&siblings, None);
    assert_eq!((proof.siblings.len(), proof.empty.len()), (1, 255));
    siblings.reverse();
    assert_eq!(proof.all(), Some(siblings));
    let mut longer = proof;
    longer.siblings.push(EMPTY);
    assert_eq!(longer.all(), None, "a path has at most 256 places");
}

/// Keys' hashes of which many begin alike, some up to their last four bits.
fn hashes() -> impl Strategy<Value = [u8; 32]> {
    let byte = prop_oneof![Just(0), Just(0x01), Just(0x10), any::<u8>()];
    (0..=32_usize, vec(byte, 32)).prop_map(|(alike, bytes)| {
        let mut hash = [0; 32];
        hash[alike..].copy_from_slice(&bytes[alike..]);
        hash
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    /// Block by block, some of them without a change: the root and every byte that is written.
    #[test]
    fn the_tree_is_the_one_that_jmt_builds(
        blocks in vec(btree_map(hashes(), vec(any::<u8>(), 0..3), 0..20), 1..8),
        first in btree_map(hashes(), vec(any::<u8>(), 0..3), 1..4),
    ) {
        let (ours, theirs) = (MemoryStore::new(), MemoryStore::new());
        for (height, changes) in (0..).map(Height).zip([first].into_iter().chain(blocks)) {
            let (snapshot, mut batch) = (ours.snapshot().unwrap(), Batch::new());
            let leaves = changes.iter().map(|(hash, value)| Leaf {
                key: Digest::new(*hash),
                value: Digest::of(value),
            });
            let found = update::insert(&snapshot, height, leaves.collect(), &mut batch);
            let (snapshot, mut expected) = (theirs.snapshot().unwrap(), Batch::new());
            let changes = changes.into_iter().map(|(hash, value)| (KeyHash(hash), value));
            let their_root = by_jmt::insert(&snapshot, height, changes.collect(), &mut expected);
            prop_assert_eq!(found.unwrap(), their_root.unwrap());
            prop_assert_eq!(&batch, &expected);
            theirs.commit(&expected).unwrap();
            ours.commit(&batch).unwrap();
        }
    }

    /// Whatever is read, of a node in which one byte is another, is written back as it was, and jmt reads it too.
    #[test]
    fn a_node_has_one_spelling(inner: bool, at: prop::sample::Index, byte in prop_oneof![0..4_u8, any::<u8>()]) {
        let (store, path) = written();
        let path = if inner { path } else { [path.as_slice(), &[7]].concat() };
        let bytes = store.snapshot().unwrap().get(Table::Node, &path).unwrap();
        let mut bytes = bytes.unwrap_or_else(|| [[7; 8].as_slice(), &[2], &[9; 64]].concat());
        *at.get_mut(&mut bytes) = byte;
        if let Ok((height, node)) = Ours::read(&bytes) {
            let mut again = Vec::new();
            node.write(height, &mut again);
            prop_assert_eq!(&again, &bytes);
            prop_assert!(borsh::from_slice::<(u64, Node)>(&bytes).is_ok());
        }
    }
}

/// A tree of two leaves far below the root, and the path of its deepest inner node.
fn written() -> (MemoryStore, Vec<u8>) {
    let store = MemoryStore::new();
    let values = alike().map(|key| (key.clone(), key)).into_iter().collect();
    let mut batch = Batch::new();
    update(&store.snapshot().unwrap(), Height(0), &values, &mut batch).unwrap();
    store.commit(&batch).unwrap();
    let nodes = batch.changes().find(|(table, _)| *table == Table::Node);
    let inner = |bytes: &[u8]| matches!(Ours::read(bytes), Ok((_, Ours::Inner(_))));
    let deepest = nodes
        .unwrap()
        .1
        .filter(|(_, bytes)| bytes.is_some_and(inner))
        .map(|(path, _)| path.to_vec())
        .max_by_key(Vec::len);
    (store, deepest.unwrap())
}

/// Whether the next block notices when the bytes of a node are others, or none.
fn noticed(path: &dyn Fn(&[u8]) -> Vec<u8>, damage: &dyn Fn(&mut Vec<u8>)) -> bool {
    let (store, deepest) = written();
    let path = path(&deepest);
    let mut bytes = store.snapshot().unwrap().get(Table::Node, &path).unwrap();
    let bytes = bytes.as_mut().unwrap();
    damage(bytes);
    let mut batch = Batch::new();
    if bytes.is_empty() {
        batch.remove(Table::Node, &path);
    } else {
        batch.put(Table::Node, &path, bytes);
    }
    store.commit(&batch).unwrap();
    let changed: BTreeMap<_, _> = alike().map(|key| (key, b"new".to_vec())).into();
    let snapshot = store.snapshot().unwrap();
    match update(&snapshot, Height(1), &changed, &mut Batch::new()) {
        Ok(_) => false,
        Err(Error::Damaged { .. }) => true,
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_node_that_is_not_what_was_written_is_damage_and_no_root() {
    /// Height, kind, and then the places of an inner node: none, but for these.
    fn inner(places: &[u8], free: usize, taken: u64, leaves: u64) -> Vec<u8> {
        let counts = [taken.to_le_bytes(), leaves.to_le_bytes()].concat();
        [&[0; 8], [1].as_slice(), places, &vec![0; free], &counts].concat()
    }
    // place, hash, height, and that it is a leaf
    let leaf = [[1].as_slice(), &[7; 32], &[0; 8], &[0]].concat();
    // or that one leaf is below, which would be that leaf
    let lonely = [
        [1].as_slice(),
        &[7; 32],
        &[0; 8],
        &[1, 1, 0, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    let in_place = |path: &[u8]| path.to_vec();
    assert!(!noticed(&in_place, &|_| ()));
    for (number, damage) in [
        // gone, of another height, of no kind, and jmt's empty tree
        &Vec::clear as &dyn Fn(&mut Vec<u8>),
        &|bytes| bytes[0] ^= 1,
        &|bytes| bytes[8] = 3,
        &|bytes| *bytes = vec![0; 9],
        // with a child too many by its own count, a leaf too many, cut, and too long
        &|bytes| {
            let at = bytes.len() - 16;
            bytes[at] ^= 1;
        },
        &|bytes| {
            let at = bytes.len() - 8;
            bytes[at] ^= 1;
        },
        &|bytes| bytes.truncate(bytes.len() - 1),
        &|bytes| bytes.push(0),
        // what jmt cannot make: no child, one leaf alone, and one that says it has one leaf below
        &|bytes| *bytes = inner(&[], 16, 0, 0),
        &|bytes| *bytes = inner(&leaf, 15, 1, 1),
        &|bytes| *bytes = inner(&lonely, 15, 1, 1),
        &|bytes| *bytes = inner(&[lonely.as_slice(), &leaf].concat(), 14, 2, 2),
        // sound alone, but with more leaves than the node above says
        &|bytes| *bytes = inner(&leaf.repeat(3), 13, 3, 3),
    ]
    .into_iter()
    .enumerate()
    {
        assert!(noticed(&in_place, damage), "{number}");
    }
}

/// Counts that fit until one leaf more is set: without a count the node would pass for a leaf.
#[test]
fn more_leaves_than_can_be_counted_are_damage() {
    let [zero, one] = [[0x00; 32], [0x10; 32]].map(|hash| Leaf {
        key: Digest::new(hash),
        value: Digest::of(b"value"),
    });
    for (many, fits) in [(u64::MAX - 1, true), (u64::MAX, false)] {
        let mut children = Box::<Children>::default();
        children.set(0, Ours::Leaf(zero).child(0));
        let mut inner = Ours::Leaf(one).child(0);
        inner.leaves = Some(many - 1);
        children.set(2, inner);
        let mut bytes = Vec::new();
        Ours::Inner(children).write(0, &mut bytes);
        let (store, mut batch) = (MemoryStore::new(), Batch::new());
        batch.put(Table::Node, b"", bytes);
        store.commit(&batch).unwrap();
        let snapshot = store.snapshot().unwrap();
        let found = update::insert(&snapshot, Height(1), vec![one], &mut Batch::new());
        assert_eq!(found.is_ok(), fits, "{found:?}");
    }
}

#[test]
fn a_leaf_under_another_key_or_with_another_value_is_damage() {
    // where the first of both stands
    let below = |path: &[u8]| {
        let hash = sha256(&[&alike()[0]]);
        let nibble = hash[path.len() / 2] >> (4 * (1 - path.len() % 2)) & 0x0f;
        [path, &[nibble]].concat()
    };
    assert!(!noticed(&below, &|_| ()));
    // bytes 9 to 40 are the key, those behind them the value
    for at in [9, 40, 41, 72] {
        assert!(noticed(&below, &|bytes| bytes[at] ^= 1), "{at}");
    }
}

#[test]
fn a_root_of_another_height_than_the_block_before_is_damage() {
    let changed: BTreeMap<_, _> = alike().map(|key| (key, b"new".to_vec())).into();
    for values in [changed, BTreeMap::new()] {
        let (store, _) = written();
        let snapshot = store.snapshot().unwrap();
        let next = |height| update(&snapshot, Height(height), &values, &mut Batch::new());
        assert!(next(1).is_ok());
        assert!(matches!(next(2), Err(Error::Damaged { .. })));
    }
}
