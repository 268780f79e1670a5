//! Known answers of the transparency-log world.
//!
//! The eight leaves, roots and paths are those of the Certificate Transparency project's own tests
//! (github.com/google/certificate-transparency, `cpp/merkletree/merkle_tree_test.cc`), which later logs took over.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

use ledger_core::merkle::{ConsistencyProof, InclusionProof, leaf_hash, root_of};
use ledger_core::{Checkpoint, Digest, LogKey};

const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];

const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// Index, size, path.
const INCLUSIONS: [(u64, u64, &[&str]); 4] = [
    (0, 1, &[]),
    (
        0,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        3,
        &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    ),
];

/// Old size, new size, path.
const CONSISTENCIES: [(u64, u64, &[&str]); 4] = [
    (1, 1, &[]),
    (
        1,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        &[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];

fn digest(text: &str) -> Digest {
    text.parse().unwrap()
}

fn path(texts: &[&str]) -> String {
    texts.concat()
}

fn leaves() -> Vec<Digest> {
    LEAVES
        .iter()
        .map(|leaf| leaf_hash(&hex::decode(leaf).unwrap()))
        .collect()
}

/// A proof of this crate from its canonical bytes, as a stranger would bring it.
fn proof<T: serde::de::DeserializeOwned>(fields: &[(&str, u64)], path: &str) -> T {
    read(fields, path).unwrap()
}

/// The proof, unless its path is none of whole hashes.
fn read<T: serde::de::DeserializeOwned>(fields: &[(&str, u64)], path: &str) -> Option<T> {
    let mut map = std::collections::BTreeMap::new();
    for (name, value) in fields {
        map.insert(
            (*name).to_owned(),
            ipld_core::ipld::Ipld::Integer(i128::from(*value)),
        );
    }
    map.insert(
        "path".to_owned(),
        ipld_core::ipld::Ipld::Bytes(hex::decode(path).unwrap()),
    );
    serde_ipld_dagcbor::from_slice(&serde_ipld_dagcbor::to_vec(&map).unwrap()).ok()
}

/// What others publish as proofs that must not hold, each beside the one that does: one thing is wrong in each.
#[test]
fn published_proofs_that_must_not_hold() {
    let vectors = include_str!("data/transparency-dev-merkle.txt");
    let (mut held, mut refused, mut empty) = (0, 0, 0);
    for line in vectors.lines() {
        let (line, name) = line.split_once(" # ").unwrap();
        let words: Vec<_> = line.split(' ').collect();
        let [kind, verdict, a, b, one, two, hashes @ ..] = words.as_slice() else {
            panic!("{line}")
        };
        let [a, b] = [a, b].map(|number| number.parse::<u64>().unwrap());
        // where the path decides alone, theirs are a few letters; without bytes they are nothing
        let digest = |root: &str| match root.parse::<Digest>() {
            Ok(digest) => Some(digest),
            Err(_) => (root != "-").then(|| leaf_hash(root.as_bytes())),
        };
        let Some((one, two)) = digest(one).zip(digest(two)) else {
            assert_eq!(*verdict, "refused", "{name}");
            refused += 1;
            continue;
        };
        let path = hashes.concat().replace('-', "");
        let whole = hashes.iter().all(|hash| hash.len() == 64);
        let holds = whole
            && if *kind == "inclusion" {
                read::<InclusionProof>(&[("index", a), ("size", b)], &path)
                    .is_some_and(|proof| proof.root(&two) == Some(one))
            } else {
                read::<ConsistencyProof>(&[("from", a), ("to", b)], &path)
                    .is_some_and(|proof| proof.holds(&one, &two))
            };
        if *kind == "consistency" && a == 0 {
            // theirs asks for no proof from an empty log; here every log continues it
            let begins = one == if b == 0 { two } else { root_of(&[]) };
            assert_eq!(holds, begins && hashes.is_empty(), "{name}");
            empty += 1;
            continue;
        }
        assert_eq!(holds, *verdict == "holds", "{kind} {name}");
        *(if holds { &mut held } else { &mut refused }) += 1;
    }
    assert_eq!((held, refused, empty), (12, 175, 9));
}

#[test]
fn roots() {
    let leaves = leaves();
    assert_eq!(
        root_of(&[]),
        digest("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    );
    for (size, root) in (1..).zip(ROOTS) {
        assert_eq!(root_of(&leaves[..size]), digest(root), "{size} leaves");
    }
}

#[test]
fn inclusion_paths() {
    for (index, size, hashes) in INCLUSIONS {
        let proof: InclusionProof = proof(&[("index", index), ("size", size)], &path(hashes));
        let at = |n: u64| usize::try_from(n).unwrap();
        let expected = digest(ROOTS[at(size - 1)]);
        assert_eq!(
            proof.root(&leaves()[at(index)]),
            Some(expected),
            "{index} of {size}"
        );
    }
}

#[test]
fn consistency_paths() {
    for (from, to, hashes) in CONSISTENCIES {
        let proof: ConsistencyProof = proof(&[("from", from), ("to", to)], &path(hashes));
        let root = |size: u64| digest(ROOTS[usize::try_from(size - 1).unwrap()]);
        assert!(proof.holds(&root(from), &root(to)), "{from} to {to}");
        assert!(
            from == to || !proof.holds(&root(from), &root(from)),
            "{from} to {to}"
        );
    }
}

#[test]
fn a_checkpoint_is_a_c2sp_checkpoint() {
    let chain = ledger_core::testing::Chain::new(3);
    let log: LogKey = chain.ledger.genesis().log_key();
    let note = chain.checkpoint();
    // read by others: the text by tlog_tiles, the signature and the key by signed_note
    let text = note.split_once("\n\n").unwrap().0.to_owned() + "\n";
    let theirs = tlog_tiles::checkpoint::Checkpoint::from_bytes(text.as_bytes()).unwrap();
    let ours = Checkpoint::open(&note, &log).unwrap();
    assert_eq!(
        (theirs.origin(), theirs.size()),
        (log.origin().as_str(), ours.size())
    );
    assert_eq!(theirs.hash().0, *ours.root().as_bytes());
    let verifier = signed_note::StandardVerifier::new(&log.to_string()).unwrap();
    let verifiers = signed_note::VerifierList::new(vec![Box::new(verifier)]);
    let parsed = signed_note::Note::from_bytes(note.as_bytes()).unwrap();
    assert_eq!(parsed.verify(&verifiers).unwrap().0.len(), 1);
    assert_eq!(log.to_string().parse::<LogKey>().unwrap(), log);
}
