//! One oracle, one table, every implementation through it: ct-merkle, `tlog_tiles`, and RFC 6962's own words.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use sha2::Sha256;

use super::*;
use crate::store::{Batch, LedgerStore, MemorySnapshot, MemoryStore};

/// Leaves around every power of two and every edge of a tile.
const SIZES: [u64; 22] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33, 100, 255, 256, 257, 511, 513, 700,
];

fn leaf(index: u64) -> Vec<u8> {
    format!("leaf {index}").into_bytes()
}

/// A stored log, written in batches of uneven sizes.
fn log(size: u64) -> (MemorySnapshot, Digest) {
    let store = MemoryStore::new();
    let mut appended = Appended::new(Peaks::default());
    for index in 0..size {
        let snapshot = store.snapshot().unwrap();
        appended
            .push(&Tiles::new(&snapshot), leaf_hash(&leaf(index)))
            .unwrap();
        if index % 7 == 3 {
            let mut batch = Batch::new();
            appended.write(&mut batch);
            store.commit(&batch).unwrap();
            appended = Appended::new(appended.peaks);
        }
    }
    let mut batch = Batch::new();
    appended.write(&mut batch);
    store.commit(&batch).unwrap();
    (store.snapshot().unwrap(), appended.peaks.root())
}

fn oracle(size: u64) -> MemoryBackedTree<Sha256, Vec<u8>> {
    let mut tree = MemoryBackedTree::new();
    (0..size).for_each(|index| tree.push(leaf(index)));
    tree
}

fn joined(path: &[Digest]) -> Vec<u8> {
    path.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

fn tlog(digest: &Digest) -> tlog_tiles::tlog::Hash {
    tlog_tiles::tlog::Hash(*digest.as_bytes())
}

/// MTH of RFC 6962, section 2.1, word for word.
fn mth(leaves: &[Vec<u8>]) -> Digest {
    match leaves {
        [] => Digest::of(b""),
        [one] => leaf_hash(one),
        many => {
            let (left, right) = many.split_at(many.len().next_power_of_two() / 2);
            node_hash(&mth(left), &mth(right))
        }
    }
}

#[test]
fn roots_agree_with_ct_merkle_and_with_the_words_of_rfc_6962() {
    for size in SIZES {
        let (snapshot, root) = log(size);
        let leaves: Vec<_> = (0..size).map(leaf).collect();
        assert_eq!(
            root.as_bytes(),
            oracle(size).root().as_bytes().as_slice(),
            "{size} leaves"
        );
        assert_eq!(root, mth(&leaves), "{size} leaves");
        assert_eq!(
            root,
            root_of(
                &leaves
                    .iter()
                    .map(|leaf| leaf_hash(leaf))
                    .collect::<Vec<_>>()
            )
        );
        assert_eq!(
            root,
            range_root(&Tiles::new(&snapshot), 0, size).unwrap(),
            "{size} leaves"
        );
    }
}

#[test]
fn inclusion_agrees_with_ct_merkle_and_tlog_tiles() {
    for size in SIZES {
        let (snapshot, root) = log(size);
        let tree = oracle(size);
        for index in 0..size {
            let proof = InclusionProof::new(&Tiles::new(&snapshot), index, size).unwrap();
            let theirs = tree.prove_inclusion(usize::try_from(index).unwrap());
            assert_eq!(
                joined(&proof.path),
                theirs.as_bytes(),
                "leaf {index} of {size}"
            );
            let leaf = leaf_hash(&leaf(index));
            assert_eq!(proof.root(&leaf), Some(root));
            let path = proof.path.iter().map(tlog).collect();
            tlog_tiles::tlog::check_record(&path, size, tlog(&root), index, tlog(&leaf)).unwrap();
        }
        InclusionProof::new(&Tiles::new(&snapshot), size, size).unwrap_err();
    }
}

#[test]
fn consistency_agrees_with_ct_merkle_and_tlog_tiles() {
    for to in SIZES {
        let (snapshot, new) = log(to);
        let tree = oracle(to);
        for from in SIZES.into_iter().filter(|from| *from <= to) {
            let (_, old) = log(from);
            let proof = ConsistencyProof::new(&Tiles::new(&snapshot), from, to).unwrap();
            assert!(proof.holds(&old, &new), "{from} to {to}");
            assert_eq!(
                proof.holds(&new, &old),
                from == to,
                "{from} to {to}, swapped"
            );
            if from > 0 && from < to {
                let theirs = tree.prove_consistency(usize::try_from(to - from).unwrap());
                assert_eq!(joined(&proof.path), theirs.as_bytes(), "{from} to {to}");
                let path = proof.path.iter().map(tlog).collect();
                tlog_tiles::tlog::check_tree(&path, to, tlog(&new), from, tlog(&old)).unwrap();
            }
        }
        ConsistencyProof::new(&Tiles::new(&snapshot), to + 1, to).unwrap_err();
    }
}

#[test]
fn a_proof_with_anything_changed_does_not_hold() {
    let (snapshot, root) = log(100);
    let tiles = Tiles::new(&snapshot);
    for index in [0, 1, 63, 64, 98, 99] {
        let proof = InclusionProof::new(&tiles, index, 100).unwrap();
        let hash = leaf_hash(&leaf(index));
        let holds = |proof: &InclusionProof| proof.root(&hash) == Some(root);
        assert!(holds(&proof));
        for (other, size) in [
            (index ^ 1, 100),
            (index, 99),
            (index, 101),
            (index, 0),
            (u64::MAX, u64::MAX),
        ] {
            let changed = InclusionProof {
                index: other,
                size,
                path: proof.path.clone(),
            };
            // the root of a log says nothing of its size: that is compared with the checkpoint
            assert!(
                !holds(&changed) || other == index,
                "{index} as {other} of {size}"
            );
        }
        for at in 0..proof.path.len() {
            let mut shorter = proof.clone();
            shorter.path.remove(at);
            assert!(!holds(&shorter));
            let mut longer = proof.clone();
            longer.path.insert(at, root);
            assert!(!holds(&longer));
        }
        assert_eq!(
            proof
                .root(&leaf_hash(&leaf(index + 1)))
                .filter(|found| *found == root),
            None
        );
    }
    for from in [1, 50, 64, 99] {
        let (_, old) = log(from);
        let proof = ConsistencyProof::new(&tiles, from, 100).unwrap();
        for at in 0..proof.path.len() {
            let mut shorter = proof.clone();
            shorter.path.remove(at);
            assert!(!shorter.holds(&old, &root));
            let mut swapped = proof.clone();
            swapped.path[at] = old;
            assert!(!swapped.holds(&old, &root) || proof.path[at] == old);
        }
    }
}

#[test]
fn a_log_of_many_leaves_serves_complete_tiles() {
    let (snapshot, root) = log(700);
    let tiles = Tiles::new(&snapshot);
    let lengths: Vec<_> = (0..4)
        .map(|number| tiles.tile(0, number).unwrap().len())
        .collect();
    assert_eq!(lengths, [256, 256, 188, 0]);
    assert_eq!(tiles.tile(1, 0).unwrap().len(), 2);
    let first: Vec<_> = (0..256).map(|index| leaf_hash(&leaf(index))).collect();
    assert_eq!(tiles.tile(1, 0).unwrap()[0], root_of(&first));
    assert_ne!(root, root_of(&first));
}
