//! The private swarm of the README: two daemons with one swarm key, and nobody else.

use std::fs;
use std::io::Read as _;
use std::time::Duration;

use ipfs_store::{BlockStore as _, Error, Kubo, MemoryStore, Profile, Reach, dag};

use crate::common::{self, Stream};
use crate::daemon::Daemon;

#[test]
fn the_receiver_fetches_what_the_sender_added() {
    let key = "/key/swarm/psk/1.0.0/\n/base16/\n0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n";
    let start = |key: &str| {
        let mut daemon = Daemon::init()?;
        fs::write(daemon.repo.path().join("swarm.key"), key).unwrap();
        daemon.run();
        Some(daemon)
    };
    let (Some(sender), Some(receiver)) = (start(key), start(key)) else {
        return;
    };
    let stranger = start(&key.replace("0123", "3210")).unwrap();
    for daemon in [&sender, &receiver] {
        assert_eq!(
            daemon.kubo().doctor().unwrap(),
            [],
            "nothing is announced, nobody public is asked"
        );
        assert_eq!(daemon.line(&["bootstrap", "list"]), "");
        assert_eq!(daemon.line(&["swarm", "peers"]), "");
    }

    let store = MemoryStore::new();
    let node = dag::add(
        &store,
        Stream::new("swarm").take(5 << 20),
        Profile::default(),
    )
    .unwrap();
    sender.kubo().send(&store, &node.cid).unwrap();
    sender.kubo().pin(&node.cid).unwrap();

    let address = sender.line(&["swarm", "addrs", "local", "--id"]);
    let address = address
        .lines()
        .find(|line| line.contains("/127.0.0.1/tcp/"))
        .unwrap();
    receiver.ipfs(&["swarm", "connect", address]);
    assert!(
        !receiver.kubo().has(&node.cid).unwrap(),
        "it is not on the receiver's disk"
    );
    let near = Kubo::new(
        receiver
            .endpoint()
            .timeouts(Duration::from_secs(20), Duration::from_secs(60)),
    );
    let near = near.unwrap().reach(Reach::Network);
    near.pin(&node.cid).unwrap(); // over Bitswap
    assert!(common::same(
        dag::cat(&receiver.kubo(), &node.cid).unwrap(),
        Stream::new("swarm").take(5 << 20)
    ));
    assert_eq!(receiver.line(&["swarm", "peers"]).lines().count(), 1);

    // another key is no member
    let connected = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        stranger.ipfs(&["swarm", "connect", "--timeout=5s", address]);
    }));
    assert!(connected.is_err());
    let far = Kubo::new(
        stranger
            .endpoint()
            .timeouts(Duration::from_secs(2), Duration::from_secs(4)),
    );
    let far = far.unwrap().reach(Reach::Network);
    assert!(matches!(
        far.get(&node.cid),
        Err(Error::TimedOut { .. }) | Ok(None)
    ));
}
