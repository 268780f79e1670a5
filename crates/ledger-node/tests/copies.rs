//! Backup, export and import: the same chain, whole or not at all.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

mod server;

use std::time::{Duration, Instant};

use ledger_core::testing::{Person, share, share_id};
use ledger_core::{ChainId, Trust, Unsigned, verify};
use ledger_node::http::{Backups, Server, Settings};
use ledger_node::{Error, Founding, Importing, Node};
use server::Running;

/// A ledger with twenty shares in several blocks.
fn filled(folder: &tempfile::TempDir) -> Node {
    let person = Person::new(0);
    let node = Node::found(
        &folder.path().join("ledger"),
        Founding::new("test", person.authority()),
    )
    .unwrap();
    let txs: Vec<_> = (0..20).map(|n| sign(&node, n)).collect();
    txs.chunks(3)
        .for_each(|txs| drop(node.submit_all(txs).unwrap()));
    node
}

fn sign(node: &Node, number: u64) -> ledger_core::Transaction {
    let person = Person::new(0);
    let body = share(number, &[&person]);
    Unsigned::new(node.chain(), person.address, number, node.now(), body).sign(&person.key)
}

#[test]
fn a_backup_is_the_same_node() {
    let folder = tempfile::tempdir().unwrap();
    let node = filled(&folder);
    let path = folder.path().join("backup");
    node.backup(&path, |_| {}).unwrap();
    // the node goes on meanwhile
    node.submit(&sign(&node, 20)).unwrap();
    let copy = Node::open(&path).unwrap();
    assert_eq!(copy.verify_chain(|_, _| {}).unwrap().transactions, 20);
    verify(
        &copy.prove(&share_id(3)).unwrap().to_bytes(),
        &Trust::new(node.log_key()),
    )
    .unwrap();
    copy.submit(&sign(&copy, 20)).unwrap();
    assert!(
        matches!(node.backup(&path, |_| {}), Err(Error::File { .. })),
        "nothing is overwritten"
    );
}

#[test]
fn an_export_is_imported_with_every_rule() {
    let folder = tempfile::tempdir().unwrap();
    let node = filled(&folder);
    let mut export = Vec::new();
    let mut heard = (0, 0);
    let last = node
        .export(&mut export, |done, all| heard = (done, all))
        .unwrap();
    assert_eq!((last.0, heard), (7, (7, 7)));

    let path = folder.path().join("import");
    let copy = Node::import(&path, export.as_slice(), None, |_| {}).unwrap();
    assert_eq!(
        (copy.head().unwrap(), copy.chain()),
        (node.head().unwrap(), node.chain())
    );
    assert_eq!(copy.verify_chain(|_, _| {}).unwrap().transactions, 20);
    assert!(matches!(
        copy.submit(&sign(&copy, 20)),
        Err(Error::NoKey { .. })
    ));
    assert!(matches!(copy.checkpoint(), Err(Error::NoKey { .. })));
    let again = Node::import(&path, export.as_slice(), None, |_| {});
    assert!(matches!(again, Err(Error::File { .. })));

    let other = folder.path().join("other");
    let wrong = Node::import(&other, export.as_slice(), Some(&[1; 32]), |_| {});
    assert!(matches!(wrong, Err(Error::WrongKey)));
    for at in (0..export.len()).step_by(97) {
        let mut changed = export.clone();
        changed[at] ^= 0x10;
        // another genesis is another chain: then nothing after it fits
        Node::import(&other, changed.as_slice(), None, |_| {}).unwrap_err();
        if at > 0 {
            let cut = Node::import(&other, &export[..at], None, |_| {});
            cut.unwrap_err();
        }
        assert!(!other.exists(), "nothing half-written is left");
    }
}

#[test]
fn an_import_takes_the_expected_ledger_only() {
    let folder = tempfile::tempdir().unwrap();
    let node = filled(&folder);
    let mut export = Vec::new();
    node.export(&mut export, |_, _| {}).unwrap();
    let path = folder.path().join("import");
    let import =
        |importing: Importing| Node::import_with(&path, export.as_slice(), &importing, |_| {});
    let other = ChainId::new([1; 32]);
    let chain = import(Importing::new().chain(other)).unwrap_err();
    assert!(
        matches!(&chain, Error::OtherChain { expected, found, .. } if *expected == other && *found == node.chain()),
        "{chain}"
    );
    let founders = import(Importing::new().authority(Person::new(1).public_key())).unwrap_err();
    assert!(
        matches!(founders, Error::OtherAuthority { .. }),
        "{founders}"
    );
    let secret = import(Importing::new().secret([1; 32])).unwrap_err();
    assert!(matches!(secret, Error::WrongKey), "{secret}");
    assert!(!path.exists(), "nothing half-written is left");
    let expected = Importing::new().chain(node.chain());
    let expected = expected.authority(Person::new(0).public_key());
    let copy = import(expected).unwrap();
    assert_eq!(copy.head().unwrap(), node.head().unwrap());
}

/// While the ledger is served nobody else can open its file, so the server itself copies it.
#[test]
fn a_server_makes_backups_and_removes_the_oldest() {
    let kept = tempfile::tempdir().unwrap();
    let backups = Backups::new(kept.path().join("copies"))
        .every(Duration::from_secs(1))
        .keep(2);
    // whatever is not a copy of this chain is left alone
    std::fs::create_dir(kept.path().join("copies")).unwrap();
    let others = ["0123456789abcdef-0000000001.redb", "notes.txt"];
    for other in others {
        std::fs::write(kept.path().join("copies").join(other), "mine").unwrap();
    }
    let running = Running::with(Settings::new().rate(None).backups(backups));
    let copies = || {
        let names = std::fs::read_dir(kept.path().join("copies")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names
            .filter(|name| name.ends_with(".redb") && !others.contains(&name.as_str()))
            .collect();
        names.sort();
        names
    };
    let shows = |name: &str, height: u64| name.contains(&format!("-{height:010}-"));
    let start = Instant::now();
    for number in 0..3 {
        let receipt = running.send(1, share(number, &[&Person::new(2)]));
        while !copies()
            .last()
            .is_some_and(|name| shows(name, receipt.height.0))
        {
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "copies: {:?}",
                copies()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    // the oldest goes when the newest is whole
    while copies().len() > 2 {
        assert!(start.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(50));
    }
    let log = running.log;
    let metrics = ureq::get(format!("{}/metrics", running.url)).call();
    let metrics = metrics.unwrap().body_mut().read_to_string().unwrap();
    assert!(
        metrics.contains(r#"medshare_backups_total{outcome="made"}"#),
        "{metrics}"
    );
    drop(running);
    for name in others {
        assert!(kept.path().join("copies").join(name).exists());
    }
    let newest = kept.path().join("copies").join(copies().pop().unwrap());
    let copy = Node::open(&newest).unwrap();
    assert_eq!(copy.log_key(), log);
    assert_eq!(copy.verify_chain(|_, _| {}).unwrap().transactions, 6);
    verify(
        &copy.prove(&share_id(2)).unwrap().to_bytes(),
        &Trust::new(log),
    )
    .unwrap();
}

/// Each copy is named after its height, so that only one of the same height removed what an interrupted one had left.
#[test]
fn what_an_interrupted_backup_left_is_removed() {
    let kept = tempfile::tempdir().unwrap();
    let backups = Backups::new(kept.path()).every(Duration::from_secs(1));
    let running = Running::with(Settings::new().rate(None).backups(backups));
    let chain = running.log.chain().to_string();
    let write = |name: String| {
        let path = kept.path().join(name);
        std::fs::write(&path, "half").unwrap();
        path
    };
    let ends = [".partial", ".partial-journal0", ".partial-journal1"];
    let left = ends.map(|end| write(format!("{}-0000000001.redb{end}", &chain[..16])));
    let others = [
        "0123456789abcdef-0000000001.redb.partial",
        "my.redb.partial",
    ];
    let others = others.map(|name| write(name.to_owned()));
    let start = Instant::now();
    while left.iter().any(|path| path.exists()) {
        assert!(start.elapsed() < Duration::from_secs(30), "it stays");
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(running);
    assert!(others.iter().all(|path| path.exists()));
}

#[test]
fn a_server_that_cannot_make_backups_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let node = filled(&folder);
    let file = folder.path().join("ledger");
    let settings = Settings::new().backups(Backups::new(file.join("copies")));
    let server = Server::bind(node, ([127, 0, 0, 1], 0).into(), settings).unwrap();
    assert!(matches!(server.run(), Err(Error::File { .. })));
}
