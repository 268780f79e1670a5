//! Added here and read there, added there and read here.

use std::fs;
use std::io::Read as _;

use ipfs_store::{
    Block, BlockStore as _, Counting, EmbeddedStore, Error, MemoryStore, Profile, Warning, car,
    dag, parse_cid, testing,
};

use crate::common::{self, Stream};
use crate::daemon::Daemon;

#[test]
fn the_client_of_ipfs_api_passes_the_suite() {
    use ipfs_api_backend_hyper::{IpfsClient, TryFromUri as _};
    let Some(daemon) = Daemon::start() else {
        return;
    };
    let url = format!("http://{}", daemon.api());
    let open = || ipfs_store::IpfsApi::new(IpfsClient::from_str(&url).unwrap()).unwrap();
    testing::conformance(&|| Box::new(open()));
    // what one client put, the other one gets
    let block = Block::raw(b"by either client".to_vec()).unwrap();
    open().put(&block).unwrap();
    assert_eq!(daemon.kubo().get(block.cid()).unwrap(), Some(block));
}

/// The flags that make `ipfs add` follow a profile.
fn flags(profile: Profile) -> Vec<String> {
    let version = match profile {
        Profile::LegacyCidv0 => ["--cid-version=0", "--raw-leaves=false"],
        _ => ["--cid-version=1", "--raw-leaves"],
    };
    let sizes = [
        format!("--chunker=size-{}", profile.chunk()),
        format!("--max-file-links={}", profile.width()),
    ];
    version
        .map(str::to_owned)
        .into_iter()
        .chain(sizes)
        .collect()
}

#[test]
fn the_daemon_and_its_gateway_pass_the_suite() {
    let Some(daemon) = Daemon::start() else {
        return;
    };
    assert!(daemon.kubo().version().unwrap().starts_with("0."));
    testing::conformance(&|| Box::new(daemon.kubo()));
    let blocks: Vec<_> = [&b"one"[..], b"two", b""]
        .map(|bytes| Block::raw(bytes.to_vec()).unwrap())
        .into();
    blocks
        .iter()
        .for_each(|block| daemon.kubo().put(block).unwrap());
    testing::conformance_read_only(&daemon.gateway(), &blocks);

    // whole DAGs by CAR
    let file = dag::add(
        &daemon.kubo(),
        Stream::new("gateway").take(3 << 20),
        Profile::default(),
    )
    .unwrap();
    let store = MemoryStore::new();
    assert_eq!(daemon.gateway().fetch(&file.cid, &store).unwrap().blocks, 4);
    assert!(common::same(
        dag::cat(&store, &file.cid).unwrap(),
        Stream::new("gateway").take(3 << 20)
    ));
    let leaf = dag::parts(&store, &file.cid).unwrap()[2].cid;
    assert!(daemon.kubo().delete(&leaf).unwrap());
    let error = daemon
        .gateway()
        .fetch(&file.cid, &MemoryStore::new())
        .unwrap_err();
    let known = matches!(
        error,
        Error::Missing { .. }
            | Error::Car { .. }
            | Error::Unreachable { .. }
            | Error::Answer { .. }
    );
    assert!(known, "{error}");
    // block by block, only what lacks
    store.delete(&leaf).unwrap();
    daemon
        .kubo()
        .put(&Block::raw(leaf_bytes(2)).unwrap())
        .unwrap();
    assert_eq!(dag::copy(&daemon.gateway(), &store, &file.cid).unwrap(), 1);
}

fn leaf_bytes(number: usize) -> Vec<u8> {
    Stream::bytes("gateway", 3 << 20).split_off(number << 20)
}

#[test]
fn files_go_both_ways_in_every_profile() {
    let Some(daemon) = Daemon::start() else {
        return;
    };
    let kubo = daemon.kubo();
    for profile in Profile::ALL {
        for len in [0, 1, profile.chunk(), profile.chunk() + 1, 5 << 20] {
            let bytes = Stream::bytes("both ways", len);
            // here and there
            let store = MemoryStore::new();
            let node = dag::add(&store, bytes.as_slice(), profile).unwrap();
            kubo.send(&store, &node.cid).unwrap();
            kubo.pin(&node.cid).unwrap();
            assert!(
                daemon.ipfs(&["cat", &node.cid.to_string()]) == bytes,
                "{profile}, {len} bytes"
            );
            // there and here
            let path = daemon.file("there", &bytes);
            let flags = flags(profile);
            let mut args = vec!["add", "-Q"];
            args.extend(flags.iter().map(String::as_str));
            args.push(&path);
            assert_eq!(
                daemon.line(&args),
                node.cid.to_string(),
                "{profile}, {len} bytes"
            );
            assert!(common::same(
                dag::cat(&kubo, &node.cid).unwrap(),
                bytes.as_slice()
            ));
        }
        // head and body, in a directory
        let store = MemoryStore::new();
        let head = dag::add(&store, &b"head "[..], profile).unwrap();
        let body = dag::add(&store, Stream::new("body").take(2 << 20), profile).unwrap();
        let file = dag::concat(&store, &[head, body], profile).unwrap();
        let root = dag::directory(&store, &[("envelope", file), ("other", head)], profile).unwrap();
        kubo.send(&store, &root.cid).unwrap();
        let whole = [b"head ".to_vec(), Stream::bytes("body", 2 << 20)].concat();
        assert!(daemon.ipfs(&["cat", &format!("{}/envelope", root.cid)]) == whole);
        let names = daemon.line(&[
            "ls",
            "--size=false",
            "--resolve-type=false",
            &root.cid.to_string(),
        ]);
        assert!(
            names
                .lines()
                .map(|line| line.split_whitespace().last().unwrap())
                .eq(["envelope", "other"])
        );
        let stat = daemon.line(&[
            "files",
            "stat",
            "--format=<cumulsize>",
            &format!("/ipfs/{}", root.cid),
        ]);
        assert_eq!(stat, root.tree_size.to_string());
    }
}

#[test]
fn a_grant_costs_its_head_and_the_root() {
    let Some(daemon) = Daemon::start() else {
        return;
    };
    let kubo = daemon.kubo();
    let body = Stream::bytes("body", 9 << 20);
    let profile = Profile::default();
    let old_head = dag::add(&kubo, &[1; 400][..], profile).unwrap();
    let added = dag::add(&kubo, body.as_slice(), profile).unwrap();
    let old = dag::concat(&kubo, &[old_head, added], profile).unwrap();
    let counting = Counting::new(&kubo);
    let new_head = dag::add(&counting, &[2; 800][..], profile).unwrap();
    let parts = dag::parts(&counting, &old.cid).unwrap();
    let new = dag::concat(&counting, &[new_head, parts[1]], profile).unwrap();
    println!(
        "a grant over {} bytes writes {} bytes in {} blocks",
        old.size,
        counting.bytes(),
        counting.blocks()
    );
    assert!(counting.bytes() < 2048);
    for (root, head) in [(old, vec![1; 400]), (new, vec![2; 800])] {
        assert!(daemon.ipfs(&["cat", &root.cid.to_string()]) == [head, body.clone()].concat());
    }
}

#[test]
fn car_files_go_both_ways() {
    let Some(daemon) = Daemon::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path()).unwrap();
    let node = dag::add(&store, Stream::new("car").take(3 << 20), Profile::default()).unwrap();
    store.pin(&node.cid).unwrap();
    let mut bytes = Vec::new();
    car::export(&store, &[node.cid], &mut bytes).unwrap();
    let path = daemon.file("here.car", &bytes);
    let imported = daemon.line(&["dag", "import", "--stats", &path]);
    assert!(
        imported.contains(&node.cid.to_string()),
        "it is pinned: {imported}"
    );
    assert!(daemon.kubo().pins().unwrap().contains(&node.cid));
    let exported = daemon.ipfs(&["dag", "export", "--progress=false", &node.cid.to_string()]);
    let there = MemoryStore::new();
    assert_eq!(
        car::import(&there, exported.as_slice()).unwrap().roots,
        [node.cid]
    );
    assert_eq!(there.len(), 4);

    // a pack of the store is a CARv2 that Kubo reads as it is
    // without the daemon: over its RPC, 0.40.1 answers "operation not supported" to every CARv2
    let other = Daemon::init().unwrap();
    let pack = fs::read_dir(folder.path().join("packs"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    other.ipfs(&["dag", "import", "--pin-roots=false", pack.to_str().unwrap()]);
    assert!(other.ipfs(&["cat", &node.cid.to_string()]) == Stream::bytes("car", 3 << 20));
}

#[test]
fn pins_garbage_and_erasure() {
    let Some(daemon) = Daemon::start() else {
        return;
    };
    let kubo = daemon.kubo();
    let kept = dag::add(&kubo, Stream::new("kept").take(2 << 20), Profile::default()).unwrap();
    let other = dag::add(
        &kubo,
        Stream::new("other").take(2 << 20),
        Profile::default(),
    )
    .unwrap();
    let before = kubo.pins().unwrap();
    kubo.pin(&kept.cid).unwrap();
    let mut pins = kubo.pins().unwrap();
    pins.retain(|pin| !before.contains(pin));
    assert_eq!(pins, [kept.cid]);
    assert!(kubo.gc().unwrap() >= 3, "two leaves and their root");
    assert!(kubo.has(&kept.cid).unwrap() && !kubo.has(&other.cid).unwrap());
    assert!(
        matches!(kubo.delete(&kept.cid), Err(Error::Refused { .. })),
        "it is pinned"
    );
    assert!(matches!(kubo.pin(&other.cid), Err(Error::Missing { cid }) if *cid == other.cid));
    assert!(!kubo.unpin(&other.cid).unwrap());
    let leaf = dag::parts(&kubo, &kept.cid).unwrap()[0].cid;
    let erased = kubo.erase(&kept.cid).unwrap();
    assert!(erased.unpinned && erased.blocks >= 3);
    assert!(!kubo.has(&leaf).unwrap());
    assert!(!kubo.erase(&kept.cid).unwrap().unpinned);
}

#[test]
fn the_doctor_knows_what_is_dangerous() {
    let Some(mut daemon) = Daemon::start() else {
        return;
    };
    assert_eq!(daemon.kubo().doctor().unwrap(), []);
    daemon.kill();
    // the configuration is read, the daemon does not get to the network
    let peer = r#"["/ip4/127.0.0.1/tcp/9/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN"]"#;
    daemon.configure("Bootstrap", peer);
    daemon.run();
    assert_eq!(
        daemon.kubo().doctor().unwrap(),
        [Warning::Bootstraps { peers: 1 }]
    );
    // as it stands in the file; the daemon itself goes on without a DHT
    daemon.configure("Routing.Type", r#""auto""#);
    let announces = Warning::Announces {
        routing: "auto".to_owned(),
    };
    assert!(daemon.kubo().doctor().unwrap().contains(&announces));
}

#[test]
fn bytes_that_kubo_does_not_hash_are_hashed_here() {
    let Some(daemon) = Daemon::start() else {
        return;
    };
    let kubo = daemon.kubo();
    let node = dag::add(&kubo, Stream::new("flip").take(3 << 20), Profile::default()).unwrap();
    let leaf = dag::parts(&kubo, &node.cid).unwrap()[1].cid;
    let bytes = kubo.get(&leaf).unwrap().unwrap().into_bytes();
    let shards = fs::read_dir(daemon.repo.path().join("blocks")).unwrap();
    let files = shards
        .filter_map(|shard| fs::read_dir(shard.unwrap().path()).ok())
        .flatten();
    let path = files
        .map(|file| file.unwrap().path())
        .find(|path| fs::read(path).unwrap() == bytes)
        .expect("one file holds the block");
    let mut flipped = bytes;
    flipped[77] ^= 1;
    fs::write(path, flipped).unwrap();
    assert_eq!(
        daemon.ipfs(&["block", "get", &leaf.to_string()]).len(),
        1 << 20,
        "Kubo says nothing"
    );
    assert!(matches!(kubo.get(&leaf), Err(Error::WrongHash { cid, .. }) if *cid == leaf));
    let error = dag::cat(&kubo, &node.cid)
        .unwrap()
        .read_to_end(&mut Vec::new())
        .unwrap_err();
    assert!(matches!(
        error.downcast::<Error>().unwrap(),
        Error::WrongHash { .. }
    ));
    assert!(matches!(
        daemon.gateway().get(&leaf),
        Err(Error::WrongHash { .. })
    ));
    assert!(
        daemon
            .gateway()
            .fetch(&node.cid, &MemoryStore::new())
            .is_err()
    );
    assert!(parse_cid(&leaf.to_string()).is_ok());
}
