//! The state proofs of real bundles, read by a stranger and computed by the reference implementation of ICS23: the path that the
//! Cosmos chains check their proofs by, which knows nothing of this crate.
//!
//! That a share is absent, ICS23 shows by two neighbours and not by an empty place; that is held against jmt's own verifier
//! beside the tree (`src/map/tests.rs`), and here as far as another leaf stands there.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

use ics23::commitment_proof::Proof;
use ics23::{
    CommitmentProof, ExistenceProof, HashOp, HostFunctionsProvider, InnerOp, InnerSpec, LeafOp,
    LengthOp, ProofSpec, calculate_existence_root, verify_membership,
};
use ipld_core::ipld::Ipld;
use ledger_core::testing::{Chain, Person, share, share_id};
use ledger_core::{Accept, Body, Reject};
use sha2::{Digest as _, Sha256};

/// SHA-256; a proof of ours that asked for another hash would be wrong.
struct OneHash;

impl HostFunctionsProvider for OneHash {
    fn sha2_256(message: &[u8]) -> [u8; 32] {
        Sha256::digest(message).into()
    }

    fn sha2_512(_: &[u8]) -> [u8; 64] {
        panic!("not SHA-256")
    }

    fn sha2_512_truncated(_: &[u8]) -> [u8; 32] {
        panic!("not SHA-256")
    }

    fn keccak_256(_: &[u8]) -> [u8; 32] {
        panic!("not SHA-256")
    }

    fn ripemd160(_: &[u8]) -> [u8; 20] {
        panic!("not SHA-256")
    }

    fn blake2b_512(_: &[u8]) -> [u8; 64] {
        panic!("not SHA-256")
    }

    fn blake2s_256(_: &[u8]) -> [u8; 32] {
        panic!("not SHA-256")
    }

    fn blake3(_: &[u8]) -> [u8; 32] {
        panic!("not SHA-256")
    }
}

/// As jmt writes a leaf and an inner node before their hashes.
const LEAF: &[u8] = b"JMT::LeafNode";
const INNER: &[u8] = b"JMT::IntrnalNode";
/// What stands for the hash of an empty subtree.
const EMPTY: &[u8] = b"SPARSE_MERKLE_PLACEHOLDER_HASH__";

/// The tree in ICS23's words, as `jmt::ics23_spec` has them; but a key has 256 bits, and so many levels are possible.
fn spec() -> ProofSpec {
    ProofSpec {
        leaf_spec: Some(leaf(HashOp::Sha256)),
        inner_spec: Some(InnerSpec {
            hash: HashOp::Sha256.into(),
            child_order: vec![0, 1],
            min_prefix_length: i32::try_from(INNER.len()).unwrap(),
            max_prefix_length: i32::try_from(INNER.len()).unwrap(),
            child_size: 32,
            empty_child: EMPTY.to_vec(),
        }),
        min_depth: 0,
        max_depth: 256,
        prehash_key_before_comparison: true,
    }
}

/// A leaf whose key and value are hashed first, or are hashes already.
fn leaf(prehash: HashOp) -> LeafOp {
    LeafOp {
        hash: HashOp::Sha256.into(),
        prehash_key: prehash.into(),
        prehash_value: prehash.into(),
        length: LengthOp::NoPrefix.into(),
        prefix: LEAF.to_vec(),
    }
}

/// The path in ICS23's words: each sibling stands left of a key whose bit at that depth is 1, right of the others.
fn path(key: &[u8], siblings: &[u8]) -> Vec<InnerOp> {
    let siblings: Vec<_> = siblings.chunks(32).collect();
    let depth = siblings.len();
    let step = |(sibling, bit): (&&[u8], usize)| {
        let right = key[bit / 8] >> (7 - bit % 8) & 1 == 1;
        let (before, after): (&[u8], &[u8]) = if right {
            (sibling, &[])
        } else {
            (&[], sibling)
        };
        InnerOp {
            hash: HashOp::Sha256.into(),
            prefix: [INNER, before].concat(),
            suffix: after.to_vec(),
        }
    };
    siblings.iter().zip((0..depth).rev()).map(step).collect()
}

fn field<'a>(map: &'a Ipld, name: &str) -> &'a Ipld {
    map.get(name).unwrap().unwrap()
}

fn bytes(ipld: &Ipld) -> &[u8] {
    match ipld {
        Ipld::Bytes(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

/// All siblings from the leaf up, as DESIGN.md writes them: those at the places of `empty` are left out.
fn siblings(proof: &Ipld) -> Vec<u8> {
    let mut written = bytes(field(proof, "siblings")).chunks(32);
    let empty = proof.get("empty").ok().flatten().map_or(&[][..], bytes);
    let mut all = Vec::new();
    for place in 0.. {
        match empty.contains(&place) {
            true => all.extend_from_slice(EMPTY),
            false => match written.next() {
                Some(sibling) => all.extend_from_slice(sibling),
                None => break,
            },
        }
    }
    all
}

/// What a bundle claims: the root in its header, and the proof of one of its states.
struct Claim {
    root: Vec<u8>,
    key: Vec<u8>,
    value: Vec<u8>,
    siblings: Vec<u8>,
}

impl Claim {
    fn of(bundle: &Ipld, key: Vec<u8>, name: &str) -> Self {
        let proof = field(bundle, &format!("{name}_proof"));
        Self {
            root: bytes(field(field(bundle, "header"), "state_root")).to_vec(),
            key,
            value: serde_ipld_dagcbor::to_vec(field(bundle, name)).unwrap(),
            siblings: siblings(proof),
        }
    }

    fn holds(&self) -> bool {
        let proof = ExistenceProof {
            key: self.key.clone(),
            value: self.value.clone(),
            leaf: Some(leaf(HashOp::Sha256)),
            path: path(&Sha256::digest(&self.key), &self.siblings),
        };
        let proof = CommitmentProof {
            proof: Some(Proof::Exist(proof)),
        };
        verify_membership::<OneHash>(&proof, &spec(), &self.root, &self.key, &self.value)
    }

    fn parts(&mut self) -> [&mut Vec<u8>; 4] {
        [
            &mut self.root,
            &mut self.key,
            &mut self.value,
            &mut self.siblings,
        ]
    }
}

fn chain() -> Chain {
    let mut chain = Chain::new(3);
    let [alice, bob] = [1, 2].map(Person::new);
    for number in 0..40 {
        chain.send(&alice, share(number, &[&bob])).unwrap();
    }
    let share_id = |number| share_id(number);
    let accept = Accept {
        share_id: share_id(3),
    };
    chain.send(&bob, Body::Accept(accept)).unwrap();
    let reject = Reject {
        share_id: share_id(4),
        reason: None,
    };
    chain.send(&bob, Body::Reject(reject)).unwrap();
    chain
}

#[test]
fn ics23_computes_the_same_verdict_on_the_states_of_a_bundle() {
    let chain = chain();
    let alice = Person::new(1).address;
    for number in 0..40 {
        let id = share_id(number);
        let bundle = chain.prove(&id, None).unwrap();
        let bundle: Ipld = serde_ipld_dagcbor::from_slice(&bundle).unwrap();
        let share = [b"s", id.as_bytes().as_slice()].concat();
        let member = [b"m", alice.as_bytes()].concat();
        for (key, name) in [(share, "share"), (member, "sender")] {
            let mut claim = Claim::of(&bundle, key, name);
            assert!(
                claim.siblings.len() >= 32,
                "{name} of {number} stands alone"
            );
            assert!(claim.holds(), "{name} of {number}");
            for part in 0..4 {
                let length = claim.parts()[part].len();
                for at in [0, length / 2, length - 1] {
                    let bit = 1 << (at % 8);
                    claim.parts()[part][at] ^= bit;
                    assert!(!claim.holds(), "{name} of {number}: part {part}, byte {at}");
                    claim.parts()[part][at] ^= bit;
                }
            }
            claim.siblings.truncate(claim.siblings.len() - 32);
            assert!(!claim.holds(), "{name} of {number} without its last step");
        }
    }
}

#[test]
fn ics23_computes_the_root_over_the_leaf_that_stands_in_another_ones_place() {
    let chain = chain();
    let view = chain.ledger.view().unwrap();
    let mut met = 0;
    for number in 100..140 {
        let id = share_id(number);
        let bundle = view.prove_absence(&id, chain.checkpoint(), None).unwrap();
        let bundle: Ipld = serde_ipld_dagcbor::from_slice(&bundle.to_bytes()).unwrap();
        let proof = field(&bundle, "share_proof");
        // an empty place is none of ICS23's
        let Ok(Some(other)) = proof.get("other") else {
            continue;
        };
        met += 1;
        let wanted = Sha256::digest([b"s", id.as_bytes().as_slice()].concat());
        let siblings = siblings(proof);
        let root = |leaf_key: &[u8], siblings: &[u8]| {
            let proof = ExistenceProof {
                key: leaf_key.to_vec(),
                value: bytes(field(other, "value")).to_vec(),
                leaf: Some(leaf(HashOp::NoHash)),
                // the path is that of the share that is not there
                path: path(&wanted, siblings),
            };
            calculate_existence_root::<OneHash>(&proof).unwrap()
        };
        let trusted = bytes(field(field(&bundle, "header"), "state_root"));
        let found = bytes(field(other, "key"));
        assert_ne!(found, wanted.as_slice());
        assert_eq!(root(found, &siblings), trusted, "{number}");
        let mut flipped = siblings.clone();
        flipped[usize::try_from(number).unwrap() % siblings.len()] ^= 1;
        assert_ne!(root(found, &flipped), trusted, "{number}");
        assert_ne!(root(&wanted, &siblings), trusted, "{number}");
    }
    assert!(
        met > 5,
        "{met} absent shares have another one in their place"
    );
}
