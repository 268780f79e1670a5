//! A client that does not trust its server: what it believes, and every lie that it does not.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

mod server;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use ledger_core::store::MemoryStore;
use ledger_core::testing::{Person, share, share_id};
use ledger_core::{
    Accept, Body, ChainId, Height, LogKey, Refusal, Rejected, ShareFilter, StatusKind, Trust,
    Withdraw, tx, verify,
};
use ledger_node::http::{Reads, Settings, Tls};
use ledger_node::{Access, Client, Connecting, Error, Location, Node};
use server::{Running, proxy, signed};

/// Three shares of person 1; the first is accepted, the last withdrawn.
fn running() -> Running {
    let running = Running::new();
    for number in 1..=3 {
        running.send(1, share(number, &[&Person::new(2), &Person::new(3)]));
    }
    running.send(
        2,
        Body::Accept(Accept {
            share_id: share_id(1),
        }),
    );
    running.send(
        1,
        Body::Withdraw(Withdraw {
            share_id: share_id(3),
        }),
    );
    running
}

/// Everything that can be asked, as text.
fn everything(access: &Access) -> Result<Vec<String>, Error> {
    let mut said = vec![
        format!("{:?}", access.members()?),
        format!("{:?}", access.member(&Person::new(2).address)?),
        format!("{:?}", access.member(&Person::new(9).address)?),
        format!("{:?}", access.share(&share_id(3))?),
        format!("{:?}", access.share(&share_id(9))?),
        format!("{:?}", access.events(&share_id(1))?),
        format!("{:?}", access.events(&share_id(9))?),
        format!("{:?}", access.block(Height(4))?),
        format!("{:?}", access.block(Height(99))?),
        format!("{:?}", access.log(None, 2)?),
        format!("{:?}", access.log(Some(&Person::new(3).address), 0)?),
        format!("{:?}", access.checkpoint()?),
    ];
    for filter in [
        ShareFilter::default(),
        ShareFilter {
            sender: Some(Person::new(1).address),
            ..ShareFilter::default()
        },
        ShareFilter {
            receiver: Some(Person::new(3).address),
            ..ShareFilter::default()
        },
        ShareFilter {
            status: Some(StatusKind::Live),
            ..ShareFilter::default()
        },
        ShareFilter {
            begins: share_id(1).to_string()[..4].parse().ok(),
            ..ShareFilter::default()
        },
        ShareFilter {
            receiver: Some(Person::new(2).address),
            accepted: Some(false),
            ..ShareFilter::default()
        },
    ] {
        said.push(format!("{:?}", access.shares(&filter)?));
    }
    access.prove(&share_id(1), None)?;
    Ok(said)
}

#[test]
fn a_server_says_what_the_file_says() {
    let running = running();
    let remote = Access::from(running.client());
    assert_eq!(remote.genesis().log_key(), running.log);
    let unknown = remote.prove(&share_id(9), None).unwrap_err();
    assert!(
        matches!(unknown, Error::Refused(Refusal::UnknownShare { .. })),
        "{unknown}"
    );
    let refused = remote
        .submit(&running.sign(1, share(1, &[&Person::new(2)])))
        .unwrap_err();
    assert!(
        matches!(&refused, Error::RefusedThere { code, .. } if code == "share-exists"),
        "{refused}"
    );
    // an older checkpoint of the caller's own is continued too
    let older = remote.checkpoint().unwrap();
    running.send(1, share(4, &[&Person::new(2)]));
    let bundle = remote.prove(&share_id(1), Some(&older)).unwrap();
    verify(&bundle, &Trust::new(running.log).older(older)).unwrap();

    let said = everything(&remote).unwrap();
    let folder = running.stop();
    let local = Access::from(Node::open(&folder.path().join("ledger")).unwrap());
    assert_eq!(said, everything(&local).unwrap());
}

#[test]
fn a_location_is_a_path_or_a_server() {
    let read = |text: &str| text.parse::<Location>().unwrap();
    assert_eq!(
        read("https://ledger.example"),
        Location::Url("https://ledger.example".to_owned())
    );
    assert_eq!(
        read("shared/ledger"),
        Location::Path("shared/ledger".into())
    );
    for url in ["ftp://x", "http://", "http://x/?a=b"] {
        let client = Client::first_use(url, Connecting::new());
        assert!(matches!(client, Err(Error::Address { .. })), "{url}");
    }
    let nobody = Client::first_use("http://127.0.0.1:9", Connecting::new());
    assert!(matches!(nobody, Err(Error::Unreachable { .. })));
}

#[test]
fn another_chain_or_another_key_is_not_believed() {
    let running = Running::new();
    assert_eq!(
        Client::first_use(&running.url, Connecting::new()).unwrap(),
        running.log
    );
    let chain = LogKey::new(ChainId::new([1; 32]), running.log.public_key());
    let other = Client::connect(&running.url, chain, Connecting::new());
    assert!(matches!(
        other,
        Err(Error::Unproven(Rejected::WrongChain { .. }))
    ));
    let key = LogKey::new(running.log.chain(), Person::new(7).public_key());
    let other = Client::connect(&running.url, key, Connecting::new());
    assert!(matches!(other, Err(Error::Unproven(Rejected::Signature))));
}

/// One changed bit somewhere in one of the answers: whatever the client still says is true.
#[test]
fn a_changed_byte_is_never_believed() {
    let running = running();
    let truth = everything(&Access::from(running.client())).unwrap();
    let asked = Arc::new(AtomicU64::new(0));
    let changed = Arc::new(AtomicU64::new(u64::MAX));
    let round = Arc::new(AtomicU64::new(0));
    let (count, which, seed) = (asked.clone(), changed.clone(), round.clone());
    let url = proxy::between(
        &running.url,
        Arc::new(str::to_owned),
        Arc::new(move |path, mut body| {
            // the genesis is compared with the chain's name before anything else
            if path != "/v1/genesis"
                && !body.is_empty()
                && count.fetch_add(1, Ordering::Relaxed) == which.load(Ordering::Relaxed)
            {
                let number = seed.load(Ordering::Relaxed) * 7919;
                let index = usize::try_from(number % u64::try_from(body.len()).unwrap()).unwrap();
                body[index] ^= 1 << (number % 8);
            }
            Some(body)
        }),
    );
    let ask = || {
        let client = Client::connect(&url, running.log, Connecting::new())?;
        everything(&Access::from(client))
    };
    assert_eq!(ask().unwrap(), truth);
    let answers = asked.load(Ordering::Relaxed);
    assert!(answers > 5, "{answers}");
    let mut refused = 0;
    for number in 0..8 * answers {
        round.store(number, Ordering::Relaxed);
        asked.store(0, Ordering::Relaxed);
        changed.store(number % answers, Ordering::Relaxed);
        match ask() {
            Ok(told) => assert_eq!(told, truth, "answer {}", number % answers),
            Err(Error::Unproven(_) | Error::Server { .. } | Error::Unanswered { .. }) => {
                refused += 1;
            }
            Err(other) => panic!("answer {}: {other:?}", number % answers),
        }
    }
    // a bit in what nobody asked for may be passed over
    assert!(
        refused * 10 > 9 * 8 * answers,
        "{refused} of {}",
        8 * answers
    );
    assert_eq!(everything(&Access::from(running.client())).unwrap(), truth);
}

/// Proven answers to other questions: nothing is wrong in them, and nothing is answered.
#[test]
fn an_answer_to_another_question_is_none() {
    let running = running();
    let (one, two) = (share_id(1).to_string(), share_id(2).to_string());
    let [alice, bob] = [1, 2].map(|n| Person::new(n).address.to_string());
    let swap = move |path: &str| {
        path.replace(&one, &two)
            .replace(&alice, &bob)
            .replace("blocks/4", "blocks/5")
            .replace("cursor=2", "cursor=3")
    };
    let url = proxy::between(&running.url, Arc::new(swap), Arc::new(|_, body| Some(body)));
    let client = Client::connect(&url, running.log, Connecting::new()).unwrap();
    let filter = ShareFilter {
        sender: Some(Person::new(1).address),
        ..ShareFilter::default()
    };
    for answer in [
        client.share(&share_id(1)).map(drop),
        client.events(&share_id(1)).map(drop),
        client.member(&Person::new(1).address).map(drop),
        client.block(Height(4)).map(drop),
        client.prove(&share_id(1), None).map(drop),
        client.log(None, 2).map(drop),
    ] {
        assert!(
            matches!(answer, Err(Error::Unanswered { .. })),
            "{answer:?}"
        );
    }
    // the shares that person 2 sent are none, so a list can only be made shorter
    assert!(client.find_shares(&filter).unwrap().is_empty());
}

#[test]
fn a_server_that_goes_back_or_forks_is_refused_by_name() {
    let running = Running::new();
    let kept = tempfile::tempdir().unwrap();
    let file = kept.path().join("checkpoint");
    let connecting = || Connecting::new().keep(&file);
    running.send(1, share(1, &[&Person::new(2)]));
    let folder = running.stop();
    let path = folder.path().join("ledger");
    let node = Node::open(&path).unwrap();
    let (earlier, fork) = (kept.path().join("earlier"), kept.path().join("fork"));
    for copy in [&earlier, &fork] {
        node.backup(copy, |_| {}).unwrap();
    }
    let log = node.log_key();
    for number in [2, 3] {
        let sequence = node.next_sequence(&Person::new(1).address).unwrap();
        node.submit(&signed(
            &node,
            1,
            sequence,
            share(number, &[&Person::new(2)]),
        ))
        .unwrap();
    }
    let running = Running::serve(folder, node, Settings::new().rate(None));
    let client = Client::connect(&running.url, log, connecting()).unwrap();
    assert_eq!(client.checkpoint().unwrap().size(), 6);
    drop(running);

    // the next process knows it from the file
    let serve = |path: &std::path::Path, shares: std::ops::Range<u64>| {
        let node = Node::open(path).unwrap();
        for number in shares {
            let sequence = node.next_sequence(&Person::new(2).address).unwrap();
            node.submit(&signed(
                &node,
                2,
                sequence,
                share(number, &[&Person::new(1)]),
            ))
            .unwrap();
        }
        Running::serve(
            tempfile::tempdir().unwrap(),
            node,
            Settings::new().rate(None),
        )
    };
    let back = serve(&earlier, 0..0);
    let client = Client::connect(&back.url, log, connecting()).unwrap();
    let found = client.checkpoint().unwrap_err();
    assert!(
        matches!(
            found,
            Error::Unproven(Rejected::RolledBack { known: 6, found: 4 })
        ),
        "{found}"
    );
    let found = client.prove(&share_id(1), None).unwrap_err();
    assert!(
        matches!(found, Error::Unproven(Rejected::RolledBack { .. })),
        "{found}"
    );

    for (shares, name) in [(10..12, "same length"), (12..16, "longer")] {
        let forked = serve(&fork, shares);
        let client = Client::connect(&forked.url, log, connecting()).unwrap();
        let found = client.share(&share_id(1)).unwrap_err();
        assert!(
            matches!(found, Error::Unproven(Rejected::Forked { .. })),
            "{name}: {found}"
        );
    }
    std::fs::write(&file, "not a note").unwrap();
    let spoiled = Client::connect(&back.url, log, connecting());
    assert!(matches!(spoiled, Err(Error::Kept { .. })));
}

/// Two processes that share a file are shown one history each, after both have read what is common: the second is held against
/// what the first has kept, whichever is longer.
#[test]
fn histories_shown_to_two_processes_are_held_against_each_other() {
    for lengths in [[1, 3], [2, 2], [3, 1]] {
        let kept = tempfile::tempdir().unwrap();
        let file = kept.path().join("checkpoint");
        let connecting = || Connecting::new().keep(&file);
        let running = Running::new();
        let log = running.log;
        let client = Client::connect(&running.url, log, connecting()).unwrap();
        client.checkpoint().unwrap();
        drop(client);
        let folder = running.stop();
        let node = Node::open(&folder.path().join("ledger")).unwrap();
        let served: Vec<_> = [(1, 2), (2, 1)]
            .into_iter()
            .zip(lengths)
            .map(|((sender, receiver), length)| {
                let copy = kept.path().join(format!("of {sender}"));
                node.backup(&copy, |_| {}).unwrap();
                let copy = Node::open(&copy).unwrap();
                for number in 0..length {
                    let sequence = copy.next_sequence(&Person::new(sender).address).unwrap();
                    let share = share(number, &[&Person::new(receiver)]);
                    copy.submit(&signed(&copy, sender, sequence, share))
                        .unwrap();
                }
                let settings = Settings::new().rate(None);
                Running::serve(tempfile::tempdir().unwrap(), copy, settings)
            })
            .collect();
        let clients = served
            .iter()
            .map(|served| Client::connect(&served.url, log, connecting()).unwrap());
        let clients: Vec<_> = clients.collect();
        let shown = clients[0].checkpoint().unwrap();
        let found = clients[1].checkpoint().unwrap_err();
        assert!(
            matches!(
                found,
                Error::Unproven(Rejected::Forked { .. } | Rejected::RolledBack { .. })
            ),
            "{lengths:?}: {found}"
        );
        assert_eq!(std::fs::read_to_string(&file).unwrap(), shown.note());
    }
}

/// The answer to a submission is lost: the client sends it again, and it is recorded once.
#[test]
fn a_lost_receipt_is_fetched_again() {
    let running = Running::new();
    let count = Arc::new(AtomicU64::new(0));
    let lost = Arc::clone(&count);
    let url = proxy::between(
        &running.url,
        Arc::new(str::to_owned),
        Arc::new(move |path, body| {
            let first =
                path.starts_with("/v1/transactions") && lost.fetch_add(1, Ordering::Relaxed) == 0;
            (!first).then_some(body)
        }),
    );
    let client = Client::connect(&url, running.log, Connecting::new()).unwrap();
    let tx = running.sign(1, share(1, &[&Person::new(2)]));
    let receipt = client.submit(&tx).unwrap();
    assert_eq!((receipt.index, count.load(Ordering::Relaxed)), (3, 2));
    assert_eq!(client.find(&tx.id()).unwrap(), Some(3));
    assert_eq!(client.checkpoint().unwrap().size(), 4);
}

/// Once a connection broke behind a submission, what a server says of anything else does not mean that it was not recorded.
#[test]
fn what_was_recorded_is_not_called_refused() {
    let running = Running::new();
    let count = Arc::new(AtomicU64::new(0));
    let asked = Arc::clone(&count);
    let url = proxy::between(
        &running.url,
        Arc::new(move |path| match path.starts_with("/v1/transactions") {
            true if asked.fetch_add(1, Ordering::Relaxed) > 0 => "/v1/nothing".to_owned(),
            _ => path.to_owned(),
        }),
        Arc::new(move |path, body| {
            let lost = path.starts_with("/v1/transactions") && count.load(Ordering::Relaxed) == 1;
            (!lost).then_some(body)
        }),
    );
    let client = Client::connect(&url, running.log, Connecting::new()).unwrap();
    let tx = running.sign(1, share(1, &[&Person::new(2)]));
    let error = client.submit(&tx).unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(!error.is_refusal());
    let straight = Client::connect(&running.url, running.log, Connecting::new()).unwrap();
    assert_eq!(straight.find(&tx.id()).unwrap(), Some(3));
    let again = running.sign(1, share(1, &[&Person::new(2)]));
    assert!(straight.submit(&again).unwrap_err().is_refusal());
}

/// While one thread's answer is on its way, another thread believes a newer one: the server has not gone back.
#[test]
fn an_answer_that_another_thread_overtook_is_believed() {
    let running = Running::new();
    let (came, comes) = mpsc::channel();
    let (go, goes) = mpsc::channel();
    let goes = Mutex::new(goes);
    let url = proxy::between(
        &running.url,
        Arc::new(str::to_owned),
        Arc::new(move |path, body| {
            if path.starts_with("/v1/members/") {
                came.send(()).unwrap();
                goes.lock().unwrap().recv().unwrap();
            }
            Some(body)
        }),
    );
    let kept = tempfile::tempdir().unwrap();
    let file = kept.path().join("checkpoint");
    let connecting = Connecting::new().keep(&file);
    let client = Client::connect(&url, running.log, connecting).unwrap();
    let before = client.checkpoint().unwrap().size();
    thread::scope(|scope| {
        let slow = scope.spawn(|| client.member(&Person::new(1).address));
        comes.recv().unwrap();
        running.send(1, share(1, &[&Person::new(2)]));
        let newer = client.checkpoint().unwrap();
        assert_eq!(newer.size(), before + 1);
        go.send(()).unwrap();
        assert!(slow.join().unwrap().unwrap().is_some());
        // the newer one stays
        assert_eq!(std::fs::read_to_string(&file).unwrap(), newer.note());
    });
}

#[test]
fn tls_with_a_certificate_of_ones_own() {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let [chain, key] = ["chain.pem", "key.pem"].map(|name| folder.path().join(name));
    std::fs::write(&chain, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let tls = Tls::from_files(&chain, &key).unwrap();
    assert!(matches!(
        Tls::from_files(&key, &chain),
        Err(Error::Tls { .. })
    ));
    assert!(matches!(
        Tls::from_files(&chain, folder.path()),
        Err(Error::Tls { .. })
    ));

    let folder = tempfile::tempdir().unwrap();
    let founding = ledger_node::Founding::new("tls", Person::new(0).authority());
    let node = Node::found(&folder.path().join("ledger"), founding).unwrap();
    let running = Running::serve(folder, node, Settings::new().tls(tls));
    assert!(running.url.starts_with("https://"));
    let stranger = Client::connect(&running.url, running.log, Connecting::new());
    assert!(matches!(stranger, Err(Error::Unreachable { .. })));
    let plain = running.url.replace("https", "http");
    assert!(Client::connect(&plain, running.log, Connecting::new()).is_err());
    let connecting = Connecting::new().roots(made.cert.pem());
    let client = Client::connect(&running.url, running.log, connecting).unwrap();
    assert_eq!(client.checkpoint().unwrap().size(), 0);
}

#[test]
fn a_member_signs_what_it_reads() {
    let folder = tempfile::tempdir().unwrap();
    let founding = ledger_node::Founding::new("members", Person::new(0).authority());
    let node = Node::found(&folder.path().join("ledger"), founding).unwrap();
    let running = Running::serve(folder, node, Settings::new().reads(Reads::Members));
    let connect = |person: u32| {
        let person = Person::new(person);
        let reader = move |message: &[u8]| Ok(*tx::sign_message(&person.key, message).as_bytes());
        let address = Person::new(0).address;
        let connecting = Connecting::new().reader(address, reader);
        Client::connect(&running.url, running.log, connecting).unwrap()
    };
    assert_eq!(connect(0).members().unwrap().len(), 1);
    let replica = connect(0).replica(MemoryStore::new(), |_, _| {}).unwrap();
    assert_eq!(replica.view().unwrap().head().height, Height(0));
    let locked = Connecting::new().reader(Person::new(0).address, |_| Err("locked".into()));
    let locked = Client::connect(&running.url, running.log, locked).unwrap();
    assert!(matches!(locked.members(), Err(Error::Unsigned { .. })));
    // which chain it is may be learnt by whoever is to become a member
    let stranger = Client::connect(&running.url, running.log, Connecting::new()).unwrap();
    for refused in [connect(1).members(), stranger.members()] {
        assert!(
            matches!(refused, Err(Error::Server { status: 401, .. })),
            "{refused:?}"
        );
    }
}

/// The whole chain, computed again from what a server says, is the server's own.
#[test]
fn a_replica_is_the_servers_chain() {
    let running = running();
    let mut heard = (0, 0);
    let replica = running
        .client()
        .replica(MemoryStore::new(), |done, all| heard = (done, all))
        .unwrap();
    assert_eq!(heard, (9, 9));
    let mut fetched = Vec::new();
    replica.export(&mut fetched, |_, _| {}).unwrap();
    // in a file it is the same, and the file is gone with it
    let folder = tempfile::tempdir().unwrap();
    let scratch = running.client().replica_in(folder.path(), |_, _| {});
    let mut again = Vec::new();
    scratch.unwrap().export(&mut again, |_, _| {}).unwrap();
    assert!(again == fetched);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let missing = folder.path().join("missing");
    let failed = running.client().replica_in(&missing, |_, _| {});
    assert!(
        matches!(&failed, Err(Error::Scratch { folder, .. }) if *folder == missing),
        "{:?}",
        failed.err()
    );
    let url = running.url.clone();
    // a server that leaves a block out, or gives another in its place, is found out
    for (asked, instead) in [
        ("/v1/blocks/5", "/v1/blocks/4"),
        ("/v1/blocks/3", "/v1/blocks/99"),
    ] {
        let ask = move |path: &str| path.replace(asked, instead);
        let lying = proxy::between(&url, Arc::new(ask), Arc::new(|_, said| Some(said)));
        let lied = Client::connect(&lying, running.log, Connecting::new())
            .unwrap()
            .replica(MemoryStore::new(), |_, _| {});
        assert!(
            matches!(lied, Err(Error::Unanswered { .. } | Error::Server { .. })),
            "{:?}",
            lied.err()
        );
    }
    let folder = running.stop();
    let node = Node::open(&folder.path().join("ledger")).unwrap();
    let mut own = Vec::new();
    node.export(&mut own, |_, _| {}).unwrap();
    assert_eq!(fetched, own);
}
