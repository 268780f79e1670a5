//! Files and directories: what comes back, what is refused, and each refusal by one change.

#![allow(
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test says what is wrong by panicking"
)]

#[path = "common/asked.rs"]
mod asked;
mod common;

use std::io::{BufRead as _, Read as _, Seek as _, SeekFrom};
use std::sync::atomic::{AtomicUsize, Ordering};

use asked::Asked;
use common::Stream;
use ipfs_store::{
    Block, BlockStore, Cid, Counting, Error, MAX_BLOCK, MemoryStore, Profile, dag, parse_cid,
};

#[test]
fn ranges_come_back() {
    let bytes = Stream::bytes("ranges", (256 << 10) * 5 + 77);
    let store = MemoryStore::new();
    for profile in Profile::ALL {
        let node = dag::add(&store, bytes.as_slice(), profile).unwrap();
        let mut reader = dag::cat(&store, &node.cid).unwrap();
        for start in [
            0,
            1,
            (256 << 10) - 1,
            256 << 10,
            700_000,
            bytes.len() - 1,
            bytes.len(),
            bytes.len() + 9,
        ] {
            for len in [0, 1, 300_000] {
                let mut read = Vec::new();
                reader.seek(SeekFrom::Start(start as u64)).unwrap();
                reader
                    .by_ref()
                    .take(len as u64)
                    .read_to_end(&mut read)
                    .unwrap();
                let from = start.min(bytes.len());
                assert!(
                    read == bytes[from..(from + len).min(bytes.len())],
                    "{profile} {start} {len}"
                );
            }
        }
        assert_eq!(reader.seek(SeekFrom::End(-77)).unwrap(), node.size - 77);
        assert_eq!(reader.fill_buf().unwrap(), &bytes[bytes.len() - 77..]);
        assert!(reader.seek(SeekFrom::Current(-i64::MAX)).is_err());
    }
}

#[test]
fn a_grant_shares_every_block_of_the_body() {
    let store = MemoryStore::new();
    let profile = Profile::default();
    let head = dag::add(&store, &[1; 300][..], profile).unwrap();
    let body = dag::add(&store, Stream::new("body").take(5 << 20), profile).unwrap();
    let old = dag::concat(&store, &[head, body], profile).unwrap();
    assert_eq!(dag::parts(&store, &old.cid).unwrap(), [head, body]);

    let counting = Counting::new(&store);
    let longer = dag::add(&counting, &[2; 600][..], profile).unwrap();
    let parts = dag::parts(&counting, &old.cid).unwrap();
    let new = dag::concat(&counting, &[longer, parts[1]], profile).unwrap();
    assert_eq!(counting.blocks(), 2, "the head and the root");
    assert!(counting.bytes() < 2048, "{} bytes", counting.bytes());
    let expected = [2; 600].chain(Stream::new("body").take(5 << 20));
    assert!(common::same(dag::cat(&store, &new.cid).unwrap(), expected));
    assert_eq!(new.size, 600 + (5 << 20));
}

#[test]
fn directories_list_and_resolve() {
    let store = MemoryStore::new();
    let profile = Profile::default();
    let file = dag::add(&store, &b"inside"[..], profile).unwrap();
    let inner = dag::directory(&store, &[("b", file), ("a", file)], profile).unwrap();
    let root = dag::directory(&store, &[("folder", inner), ("file", file)], profile).unwrap();
    let names: Vec<_> = dag::list(&store, &root.cid)
        .unwrap()
        .into_iter()
        .map(|entry| entry.name)
        .collect();
    assert_eq!(names, ["file", "folder"]);
    assert_eq!(
        dag::resolve(&store, &root.cid, "/folder/a").unwrap(),
        file.cid
    );
    assert_eq!(dag::resolve(&store, &root.cid, "").unwrap(), root.cid);
    assert!(
        matches!(dag::resolve(&store, &root.cid, "folder/c"), Err(Error::NotFound { name, .. }) if name == "c")
    );
    assert!(matches!(
        dag::resolve(&store, &root.cid, "file/c"),
        Err(Error::WrongKind { .. })
    ));
    assert!(matches!(
        dag::cat(&store, &root.cid),
        Err(Error::WrongKind { .. })
    ));
    assert!(matches!(
        dag::list(&store, &file.cid),
        Err(Error::WrongKind { .. })
    ));
    assert_eq!(
        dag::walk(&store, &root.cid).map(Result::unwrap).count(),
        3,
        "each block once"
    );
    for name in ["", ".", "..", "a/b", "a\0"] {
        assert!(matches!(
            dag::directory(&store, &[(name, file)], profile),
            Err(Error::BadName { .. })
        ));
    }
    assert!(matches!(
        dag::directory(&store, &[("a", file), ("a", inner)], profile),
        Err(Error::BadName { .. })
    ));
    assert!(matches!(
        dag::concat(&store, &[], profile),
        Err(Error::Parts { found: 0, .. })
    ));
}

/// Kubo 0.40.1's golden CIDs for directories at the size where they shard, and one byte beyond
/// (`test/cli/cid_profiles_test.go`): names come from the stream, letter by letter, and every file holds "x".
#[test]
fn kubos_golden_directories() {
    for (profile, seed, count, len, last, expected) in [
        (
            Profile::LegacyCidv0,
            "hamt-unixfs-v0-2015",
            4096,
            30,
            30,
            "QmX5GtRk3TSSEHtdrykgqm4eqMEn3n2XhfkFAis5fjyZmN",
        ),
        (
            Profile::LegacyCidv0,
            "hamt-unixfs-v0-2015",
            4033,
            31,
            31,
            "QmeMiJzmhpJAUgynAcxTQYek5PPKgdv3qEvFsdV3XpVnvP",
        ),
        (
            Profile::UnixfsV1_2025,
            "hamt-unixfs-v1-2025",
            4766,
            11,
            21,
            "bafybeic3h7rwruealwxkacabdy45jivq2crwz6bufb5ljwupn36gicplx4",
        ),
        (
            Profile::UnixfsV1_2025,
            "hamt-unixfs-v1-2025",
            4766,
            11,
            22,
            "bafybeiegvuterwurhdtkikfhbxcldohmxp566vpjdofhzmnhv6o4freidu",
        ),
    ] {
        const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz01234567890-_";
        let store = MemoryStore::new();
        let file = dag::add(&store, &b"x"[..], profile).unwrap();
        let mut stream = Stream::new(seed);
        let names: Vec<_> = (0..count)
            .map(|at| {
                let mut bytes = vec![0; if at == count - 1 { last } else { len }];
                stream.read_exact(&mut bytes).unwrap();
                let letters = bytes
                    .iter()
                    .map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]));
                letters.collect::<String>()
            })
            .collect();
        let entries: Vec<_> = names.iter().map(|name| (name.as_str(), file)).collect();
        let root = dag::directory(&store, &entries, profile).unwrap();
        assert_eq!(root.cid.to_string(), expected, "{profile}");
        let mut sorted = names.clone();
        sorted.sort();
        let listed: Vec<_> = dag::list(&store, &root.cid)
            .unwrap()
            .into_iter()
            .map(|entry| entry.name)
            .collect();
        assert!(listed == sorted);
        assert_eq!(
            dag::resolve(&store, &root.cid, &names[99]).unwrap(),
            file.cid
        );
        assert_eq!(dag::stat(&store, &root.cid).unwrap(), root);
    }
}

#[test]
fn links_that_claim_another_size_are_named() {
    let store = MemoryStore::new();
    let leaf = Block::raw(vec![7; 10]).unwrap();
    store.put(&leaf).unwrap();
    for (claim, right) in [(10, true), (9, false), (11, false)] {
        let file = file(&[(leaf.cid(), claim)], claim);
        store.put(&file).unwrap();
        let mut bytes = Vec::new();
        let read = dag::cat(&store, file.cid())
            .unwrap()
            .read_to_end(&mut bytes);
        match read.map_err(|error| error.downcast::<Error>().unwrap()) {
            Ok(_) => assert!(right),
            Err(Error::WrongSize {
                cid,
                claimed,
                found,
            }) => {
                assert_eq!((*cid, claimed, found), (*leaf.cid(), claim, 10));
                assert!(!right);
            }
            Err(other) => panic!("{other}"),
        }
    }
    let file = file(&[(leaf.cid(), 10)], 20);
    store.put(&file).unwrap();
    assert!(
        matches!(dag::cat(&store, file.cid()), Err(Error::Malformed { .. })),
        "20 is not 10"
    );
}

#[test]
fn files_that_unfold_without_end_are_bounded() {
    let store = MemoryStore::new();
    // sixty nodes, each of which links to the next one twice: 2^60 bytes, in 61 blocks
    let mut below = Block::raw(vec![0]).unwrap();
    store.put(&below).unwrap();
    for level in 0..60 {
        let node = file(
            &[(below.cid(), 1 << level), (below.cid(), 1 << level)],
            2 << level,
        );
        store.put(&node).unwrap();
        below = node;
    }
    assert_eq!(
        dag::walk(&store, below.cid()).map(Result::unwrap).count(),
        61
    );
    let mut reader = dag::cat(&store, below.cid()).unwrap();
    assert_eq!(reader.size(), 1 << 60);
    reader.seek(SeekFrom::End(-3)).unwrap();
    assert_eq!(reader.read_to_end(&mut Vec::new()).unwrap(), 3);

    // without bytes there is nothing to read, however often it is linked
    let mut below = Block::raw(Vec::new()).unwrap();
    store.put(&below).unwrap();
    for _ in 0..60 {
        let node = file(&[(below.cid(), 0), (below.cid(), 0)], 0);
        store.put(&node).unwrap();
        below = node;
    }
    assert_eq!(
        dag::cat(&store, below.cid())
            .unwrap()
            .read_to_end(&mut Vec::new())
            .unwrap(),
        0
    );

    // one link after the other
    let mut below = Block::raw(vec![0]).unwrap();
    store.put(&below).unwrap();
    for _ in 0..dag::MAX_DEPTH {
        let node = file(&[(below.cid(), 1)], 1);
        store.put(&node).unwrap();
        below = node;
    }
    let last = dag::walk(&store, below.cid()).last().unwrap();
    assert!(matches!(last, Err(Error::TooLarge { what: "levels", .. })));
    let error = dag::cat(&store, below.cid())
        .unwrap()
        .read(&mut [0])
        .unwrap_err();
    assert!(matches!(
        error.downcast::<Error>().unwrap(),
        Error::TooLarge { what: "levels", .. }
    ));
}

#[test]
fn a_missing_leaf_is_named_and_nothing_after_it_is_read() {
    let store = MemoryStore::new();
    let node = dag::add(
        &store,
        Stream::new("hole").take(4 << 20),
        Profile::default(),
    )
    .unwrap();
    let leaf = dag::parts(&store, &node.cid).unwrap()[2].cid;
    store.delete(&leaf).unwrap();
    let mut reader = dag::cat(&store, &node.cid).unwrap();
    let mut bytes = Vec::new();
    for _ in 0..2 {
        let error = reader.read_to_end(&mut bytes).unwrap_err();
        assert!(
            matches!(error.downcast::<Error>().unwrap(), Error::Missing { cid } if *cid == leaf)
        );
        assert_eq!(bytes.len(), 2 << 20);
    }
    assert!(dag::walk(&store, &node.cid).last().unwrap().is_err());
    assert!(dag::cids(&store, &node.cid).last().unwrap().is_err());
}

#[test]
fn a_jump_fetches_its_own_leaf_and_no_other() {
    let store = Asked(MemoryStore::new(), AtomicUsize::new(0));
    let bytes = Stream::bytes("jump", 20 << 20);
    let node = dag::add(&store, bytes.as_slice(), Profile::default()).unwrap();
    let asked = || store.1.swap(0, Ordering::Relaxed);
    asked();
    let mut reader = dag::cat(&store, &node.cid).unwrap();
    for at in [11 << 20, 3 << 20, 19 << 20] {
        asked();
        reader.seek(SeekFrom::Start(at)).unwrap();
        reader.read_exact(&mut [0; 99]).unwrap();
        assert_eq!(asked(), 2, "the root and a leaf");
    }
    // and reading on asks once for each, whatever is fetched ahead
    reader.rewind().unwrap();
    let mut read = Vec::new();
    assert_eq!(reader.copy_to(&mut read).unwrap(), node.size);
    assert!(read == bytes);
    assert_eq!(asked(), 21);
}

#[test]
fn malformed_nodes_are_refused_each_for_its_reason() {
    let leaf = Block::raw(vec![7; 10]).unwrap();
    let good = file(&[(leaf.cid(), 10)], 10).into_bytes();
    let refuse = |bytes: Vec<u8>| {
        let store = MemoryStore::new();
        let block = Block::dag_pb(bytes).unwrap();
        store.put(&block).unwrap();
        match dag::cat(&store, block.cid()) {
            Err(Error::Malformed { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    };
    assert!(refuse(Vec::new()).contains("without data"));
    assert!(refuse(good[..good.len() - 1].to_vec()).contains("ends within"));
    assert!(refuse([good.as_slice(), &[0x1a, 0]].concat()).contains("does not know"));
    assert!(refuse([good.as_slice(), &[0x0a, 0]].concat()).contains("one field of data"));
    assert!(refuse([good.as_slice(), &[0x0d]].concat()).contains("ends within"));
    assert!(refuse(vec![0x0a, 0]).contains("no type"));
    assert!(refuse(vec![0x0a, 2, 8, 9]).contains("type that UnixFS"));
    assert!(refuse(vec![0x0a, 4, 8, 2, 0x18, 1]).contains("sum"));
    assert!(refuse(vec![0x0a, 4, 8, 2, 0x20, 1]).contains("as many sizes"));
    assert!(refuse(vec![0x12, 0, 0x0a, 2, 8, 2]).contains("no hash"));
    assert!(refuse(vec![0x12, 3, 0x0a, 1, 9, 0x0a, 2, 8, 2]).contains("no CID"));
    assert!(refuse(vec![0x12, 5, 0x12, 3, 0xff, 0xff, 0xff, 0x0a, 2, 8, 2]).contains("UTF-8"));
    assert!(refuse(vec![0x0a, 3, 8, 0x82, 0]).contains("shortest form"));
}

#[test]
fn cids_that_nothing_can_be_checked_against_are_refused() {
    let bytes = Block::raw(b"x".to_vec()).unwrap();
    assert!(matches!(parse_cid("nonsense"), Err(Error::NotACid { .. })));
    assert!(matches!(
        parse_cid(&"b".repeat(9999)),
        Err(Error::NotACid { .. })
    ));
    assert!(parse_cid("bafybmiaaaa").is_err());
    let sha1 = "bafkrcfaaeaqdamcqpdmnmrtuhxe4gvgbfbuwv7x6"; // truncated text of a SHA-1
    assert!(parse_cid(sha1).is_err());
    assert!(matches!(
        Block::raw(vec![0; MAX_BLOCK + 1]),
        Err(Error::BlockTooLarge { .. })
    ));
    let flipped = Block::new(*bytes.cid(), b"y".to_vec());
    assert!(matches!(flipped, Err(Error::WrongHash { cid, .. }) if *cid == *bytes.cid()));
}

#[test]
fn trees_of_files_go_in_and_come_out() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    std::fs::create_dir_all(tree.join("a/b")).unwrap();
    std::fs::write(tree.join("a/b/.hidden"), "hidden").unwrap();
    std::fs::write(tree.join("large"), Stream::bytes("large", 3 << 20)).unwrap();
    std::fs::write(tree.join("empty"), "").unwrap();
    let store = MemoryStore::new();
    let root = dag::add_path(&store, &tree, Profile::default()).unwrap();
    assert_eq!(
        dag::only_hash_path(&tree, Profile::default()).unwrap(),
        root
    );
    let out = folder.path().join("out");
    dag::extract(&store, &root.cid, &out).unwrap();
    assert_eq!(
        dag::add_path(&MemoryStore::new(), &out, Profile::default()).unwrap(),
        root
    );
    assert!(
        matches!(dag::extract(&store, &root.cid, &out), Err(Error::Io { .. })),
        "it is there"
    );

    // a leaf is missing: nothing is left behind
    let leaf =
        dag::parts(&store, &dag::resolve(&store, &root.cid, "large").unwrap()).unwrap()[1].cid;
    store.delete(&leaf).unwrap();
    let again = folder.path().join("again");
    assert!(
        matches!(dag::extract(&store, &root.cid, &again), Err(Error::Missing { cid }) if *cid == leaf)
    );
    let mut left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["out", "tree"]);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("/etc", tree.join("link")).unwrap();
        assert!(matches!(
            dag::add_path(&store, &tree, Profile::default()),
            Err(Error::Io { .. })
        ));
    }
}

#[test]
fn a_reader_that_breaks_off_is_an_error() {
    struct Broken(u32);
    impl std::io::Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0 += 1;
            if self.0 > 200 {
                return Err(std::io::Error::other("the disk is gone"));
            }
            buffer.fill(1);
            Ok(buffer.len())
        }
    }
    let error = dag::only_hash(Broken(0), Profile::default()).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
}

/// A node of a file, written out by hand.
fn file(children: &[(&Cid, u64)], size: u64) -> Block {
    let mut node = Vec::new();
    let mut unixfs = vec![8, 2, 0x18];
    push(&mut unixfs, size);
    for (cid, size) in children {
        let cid = cid.to_bytes();
        let mut link = vec![0x0a, cid.len() as u8];
        link.extend(cid);
        link.extend([0x12, 0, 0x18, 0]);
        node.extend([0x12, link.len() as u8]);
        node.extend(link);
        unixfs.push(0x20);
        push(&mut unixfs, *size);
    }
    node.extend([0x0a, unixfs.len() as u8]);
    node.extend(unixfs);
    Block::dag_pb(node).unwrap()
}

fn push(out: &mut Vec<u8>, mut number: u64) {
    while number > 127 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
