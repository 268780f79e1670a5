//! CIDs that Kubo computed.

#![allow(
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test says what is wrong by panicking"
)]

mod common;

use std::io::Read as _;

use common::Stream;
use ipfs_store::Profile::{self, Cidv1_256k, LegacyCidv0, UnixfsV1_2025};
use ipfs_store::{MemoryStore, dag};

/// The first bytes of the stream with the seed "medshare", added by Kubo 0.40.1:
///
/// - `unixfs-v1-2025`: `ipfs add -q --only-hash --cid-version=1 --raw-leaves --chunker=size-1048576 --max-file-links=1024`
/// - `test-cid-v1`: `ipfs add -q --only-hash --cid-version=1 --raw-leaves --chunker=size-262144 --max-file-links=174`
/// - `legacy-cid-v0`: `ipfs add -q --only-hash --cid-version=0 --raw-leaves=false --chunker=size-262144 --max-file-links=174`
///
/// 45613056 bytes are 174 leaves of 256 KiB: one node more begins after them.
const MEDSHARE: &[(Profile, u64, &str)] = &[
    (
        UnixfsV1_2025,
        0,
        "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
    ),
    (
        UnixfsV1_2025,
        1,
        "bafkreigks6arfsq3xxfpvqrrwonchxcnu6do76auprhhfomao6c273sixm",
    ),
    (
        UnixfsV1_2025,
        262144,
        "bafkreihnoenh4247p5svgmksssmxjjnpjqph54gcsvbfy2ffh7kwpakxmi",
    ),
    (
        UnixfsV1_2025,
        262145,
        "bafkreihqqi4vvvs6554okxptc3cuzcqqeonis2vc4usrdj7xp4vmgcayim",
    ),
    (
        UnixfsV1_2025,
        1048576,
        "bafkreifjubybhsrpgvn65xkkkudsoavfgjbanxmgvgnajsbcakvgi42a7e",
    ),
    (
        UnixfsV1_2025,
        1048577,
        "bafybeig3gftr65cozp3xa4xnmbe3jmwjh7g7cgmovhomrvezy4lcgjkvxm",
    ),
    (
        UnixfsV1_2025,
        10485760,
        "bafybeig7j4nwhtmkaaeajvcp6szc32osvwjvoyetjnmignzifmhkjb7bse",
    ),
    (
        UnixfsV1_2025,
        45613056,
        "bafybeifyhuomt2geiwvtqkezleuezqkptxzjy6fruqc7o6zdeqvkrgzrcu",
    ),
    (
        UnixfsV1_2025,
        45613057,
        "bafybeigdk6gcbf6n5t2n7vwsipqeanhaw24msiimjx745uof7dhs7jjcjm",
    ),
    (
        Cidv1_256k,
        0,
        "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
    ),
    (
        Cidv1_256k,
        1,
        "bafkreigks6arfsq3xxfpvqrrwonchxcnu6do76auprhhfomao6c273sixm",
    ),
    (
        Cidv1_256k,
        262144,
        "bafkreihnoenh4247p5svgmksssmxjjnpjqph54gcsvbfy2ffh7kwpakxmi",
    ),
    (
        Cidv1_256k,
        262145,
        "bafybeih26e2nru5fwo2g2e33jxdaw7ol6rzutkvlsumtvgpigkqhwvxzcy",
    ),
    (
        Cidv1_256k,
        1048576,
        "bafybeih2h6y5muyb6x5sfimuc6dtl5mvf3vkqjjgjkz4izkgxrps33zuiy",
    ),
    (
        Cidv1_256k,
        1048577,
        "bafybeib2v6cedr6mkad7lnxdbry6bmlkauzjm63pnlhoxibqvh5v6xpztm",
    ),
    (
        Cidv1_256k,
        10485760,
        "bafybeiggpauz2pbtat3x624g2fsixsggrctlgwurf6fbgobw3iaveu6yge",
    ),
    (
        Cidv1_256k,
        45613056,
        "bafybeih2f54ehbpy3ea3ikejzfk4ddstvhzcxtoudqtmns4u3jqppw4hha",
    ),
    (
        Cidv1_256k,
        45613057,
        "bafybeia44t5ix4ktrbccv4eiulrrzgrlvnyahed4x3ixsoucgczqwsntgi",
    ),
    (
        LegacyCidv0,
        0,
        "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH",
    ),
    (
        LegacyCidv0,
        1,
        "QmfDmsHTywy6L9Ne5RXsj5YumDedfBLMvCvmaxjBoe6w4d",
    ),
    (
        LegacyCidv0,
        262144,
        "QmTfD1L7ELtPBKmKpmJbnJ8LbLvzxg73RBVPoyTZNAXqZL",
    ),
    (
        LegacyCidv0,
        262145,
        "QmT9voiaMzAw4MQmkNhFyZakLdHVpTcj5ooo2BMhnVXfSa",
    ),
    (
        LegacyCidv0,
        1048576,
        "QmaGx5j7kKQwboFphyEfNhg6ZXm3cR4upAyriLqqFTJfep",
    ),
    (
        LegacyCidv0,
        1048577,
        "Qmcy2LC4h7n8TditqfKKFcT9YPzi6roeUq1h53GhirV7Fn",
    ),
    (
        LegacyCidv0,
        10485760,
        "QmPC9wzopjMhTHf6poTxdfCeiGkPaeA3VEif5rG6zzRJyc",
    ),
    (
        LegacyCidv0,
        45613056,
        "QmUdjh85qyDbpKEPLRuBm3gDz3aY2pCErKqEPTRZWVPZk5",
    ),
    (
        LegacyCidv0,
        45613057,
        "QmdVTgiv4zfR8CdPHRRZ2U1ViV8qZ6Nix8MfiUSMt9XmRL",
    ),
];

/// Kubo 0.40.1's own golden CIDs (`test/cli/cid_profiles_test.go`, MIT OR Apache-2.0), with their seeds.
const GOLDEN: &[(Profile, u64, &str, &str)] = &[
    (
        LegacyCidv0,
        262_144,
        "chunk-v0-seed",
        "QmWmRj3dFDZdb6ABvbmKhEL6TmPbAfBZ1t5BxsEyJrcZhE",
    ),
    (
        LegacyCidv0,
        262_145,
        "chunk-v0-seed",
        "QmYyLxtzZyW22zpoVAtKANLRHpDjZtNeDjQdJrcQNWoRkJ",
    ),
    (
        LegacyCidv0,
        174 << 18,
        "v0-seed",
        "QmUbBALi174SnogsUzLpYbD4xPiBSFANF4iztWCsHbMKh2",
    ),
    (
        LegacyCidv0,
        (174 << 18) + 1,
        "v0-seed",
        "QmV81WL765sC8DXsRhE5fJv2rwhS4icHRaf3J9Zk5FdRnW",
    ),
    (
        UnixfsV1_2025,
        1 << 20,
        "chunk-v1-seed",
        "bafkreiacndfy443ter6qr2tmbbdhadvxxheowwf75s6zehscklu6ezxmta",
    ),
    (
        UnixfsV1_2025,
        (1 << 20) + 1,
        "chunk-v1-seed",
        "bafybeigmix7t42i6jacydtquhet7srwvgpizfg7gjbq7627d35mjomtu64",
    ),
];

/// The golden CIDs of a GiB: one full node of 1024 links, and one byte more. Only with `MEDSHARE_LONG`.
const GOLDEN_GIB: &[(Profile, u64, &str, &str)] = &[
    (
        UnixfsV1_2025,
        1 << 30,
        "v1-2025-seed",
        "bafybeihmf37wcuvtx4hpu7he5zl5qaf2ineo2lqlfrapokkm5zzw7zyhvm",
    ),
    (
        UnixfsV1_2025,
        (1 << 30) + 1,
        "v1-2025-seed",
        "bafybeibdsi225ugbkmpbdohnxioyab6jsqrmkts3twhpvfnzp77xtzpyhe",
    ),
];

#[test]
fn files_have_kubos_roots_and_come_back() {
    for &(profile, len, expected) in MEDSHARE {
        let store = MemoryStore::new();
        let node = dag::add(&store, Stream::new("medshare").take(len), profile).unwrap();
        assert_eq!(node.cid.to_string(), expected, "{profile}, {len} bytes");
        assert_eq!(node.size, len);
        assert_eq!(
            dag::only_hash(Stream::new("medshare").take(len), profile).unwrap(),
            node
        );
        assert_eq!(dag::stat(&store, &node.cid).unwrap(), node);
        let mut reader = dag::cat(&store, &node.cid).unwrap();
        assert_eq!(reader.size(), len);
        assert!(
            common::same(&mut reader, Stream::new("medshare").take(len)),
            "{profile}, {len} bytes"
        );
    }
}

#[test]
fn kubos_golden_files() {
    let long = std::env::var_os("MEDSHARE_LONG").map_or(&[][..], |_| GOLDEN_GIB);
    for &(profile, len, seed, expected) in GOLDEN.iter().chain(long) {
        let node = dag::only_hash(Stream::new(seed).take(len), profile).unwrap();
        assert_eq!(node.cid.to_string(), expected, "{profile}, {len} bytes");
    }
}

#[test]
fn hello_world() {
    for (profile, expected) in [
        (
            LegacyCidv0,
            "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD",
        ),
        (
            UnixfsV1_2025,
            "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e",
        ),
    ] {
        let node = dag::only_hash(&b"hello world"[..], profile).unwrap();
        assert_eq!(node.cid.to_string(), expected);
    }
}
