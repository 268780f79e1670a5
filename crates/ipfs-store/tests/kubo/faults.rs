//! A daemon that dies, lies, dawdles, or says nothing.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use ipfs_store::{Block, BlockStore as _, Endpoint, Error, Kubo, MemoryStore, Profile, dag};

use crate::common::Stream;
use crate::daemon::Daemon;

#[test]
fn sending_goes_on_where_a_daemon_died() {
    let Some(mut daemon) = Daemon::start() else {
        return;
    };
    let store = MemoryStore::new();
    let node = dag::add(
        &store,
        Stream::new("dies").take(40 << 20),
        Profile::default(),
    )
    .unwrap();
    // the daemon dies when half of it has passed
    let through = Proxy::new(&daemon.api(), Fault::EndAfter(20 << 20));
    let error = through.kubo().send(&store, &node.cid).unwrap_err();
    assert!(
        matches!(error, Error::Unreachable { .. } | Error::Answer { .. }),
        "{error}"
    );
    daemon.kill();
    let error = through.kubo().send(&store, &node.cid).unwrap_err();
    assert!(
        matches!(error, Error::Unreachable { .. } | Error::Answer { .. }),
        "{error}"
    );
    daemon.run();
    let kubo = daemon.kubo();
    let error = kubo.pin(&node.cid).unwrap_err();
    assert!(
        matches!(error, Error::Missing { .. }),
        "it is not whole yet: {error:?}"
    );
    let sent = kubo.send(&store, &node.cid).unwrap();
    assert!(sent.skipped >= 8, "a batch of blocks had arrived: {sent:?}");
    assert_eq!(sent.blocks + sent.skipped, 41);
    kubo.pin(&node.cid).unwrap();
    let again = kubo.send(&store, &node.cid).unwrap();
    assert_eq!((again.blocks, again.bytes, again.skipped), (0, 0, 41));
}

#[test]
fn a_file_that_ends_early_does_not_look_complete() {
    let Some(daemon) = Daemon::start() else {
        return;
    };
    let node = dag::add(
        &daemon.kubo(),
        Stream::new("early").take(4 << 20),
        Profile::default(),
    )
    .unwrap();
    let through = Proxy::new(&daemon.api(), Fault::EndAfter(2 << 20));
    let kubo = through.kubo();
    let read = dag::cat(&kubo, &node.cid).and_then(|mut reader| {
        let mut bytes = Vec::new();
        match reader.read_to_end(&mut bytes) {
            Ok(len) => panic!("{len} bytes look like a whole file"),
            Err(error) => Err::<(), _>(error.downcast::<Error>().unwrap()),
        }
    });
    let error = read.unwrap_err();
    assert!(
        matches!(error, Error::Unreachable { .. } | Error::Answer { .. }),
        "{error}"
    );
}

#[test]
fn one_wrong_bit_in_an_answer_is_noticed() {
    let Some(daemon) = Daemon::start() else {
        return;
    };
    let block = Block::raw(Stream::bytes("lies", 1 << 20)).unwrap();
    daemon.kubo().put(&block).unwrap();
    let through = Proxy::new(&daemon.api(), Fault::Flip(500_000));
    let error = through.kubo().get(block.cid()).unwrap_err();
    assert!(matches!(error, Error::WrongHash { cid, .. } if cid == (*block.cid()).into()));
}

#[test]
fn whoever_dawdles_or_says_nothing_is_left() {
    let Some(daemon) = Daemon::start() else {
        return;
    };
    let block = Block::raw(Stream::bytes("slow", 1 << 20)).unwrap();
    daemon.kubo().put(&block).unwrap();
    for fault in [Fault::Silent, Fault::Slow] {
        let through = Proxy::new(&daemon.api(), fault);
        let start = Instant::now();
        let error = through.kubo().get(block.cid()).unwrap_err();
        assert!(
            matches!(error, Error::TimedOut { .. }),
            "{fault:?}: {error}"
        );
        assert!(start.elapsed() < Duration::from_secs(10), "{fault:?}");
    }
}

#[test]
fn what_is_no_daemon_is_no_daemon() {
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let kubo = Kubo::new(Endpoint::new(&format!("http://{nobody}"))).unwrap();
    assert!(matches!(kubo.version(), Err(Error::Unreachable { .. })));
    for (answer, expected) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue",
            "wrong answer",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
            "wrong answer",
        ),
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot here!",
            "404 not here!",
        ),
        (
            "HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",
            "301",
        ),
        ("SSH-2.0-OpenSSH_9.2\r\n", ""),
    ] {
        let says = says(answer);
        let kubo = Kubo::new(Endpoint::new(&says)).unwrap();
        let error = kubo.version().unwrap_err().to_string();
        assert!(error.contains(expected), "{answer:?}: {error}");
    }
    assert!(matches!(
        Kubo::new(Endpoint::new("ftp://127.0.0.1")),
        Err(Error::Endpoint { .. })
    ));
    assert!(matches!(
        Kubo::new(Endpoint::new("https://127.0.0.1").trust_only(b"no PEM")),
        Err(Error::Endpoint { .. })
    ));
}

/// The gateway's port in place of the RPC's: it has no block for anybody, and that is no answer to the question.
#[test]
fn a_404_is_no_missing_block() {
    let says = says("HTTP/1.1 404 Not Found\r\nContent-Length: 18\r\n\r\n404 page not found");
    let kubo = || Kubo::new(Endpoint::new(&says)).unwrap(); // it answers once for each connection
    let block = Block::raw(b"a block".to_vec()).unwrap();
    let refused = |error| matches!(error, Error::Refused { status: 404, .. });
    assert!(refused(kubo().get(block.cid()).unwrap_err()));
    assert!(refused(kubo().has(block.cid()).unwrap_err()));
    assert!(refused(kubo().pin(block.cid()).unwrap_err()));
    assert!(refused(kubo().unpin(block.cid()).unwrap_err()));
}

/// An error inside an answer that began well names the daemon, as others do.
#[test]
fn every_error_names_the_daemon() {
    let url = says("HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{\"Error\": \"full\"}");
    let kubo = || Kubo::new(Endpoint::new(&url)).unwrap();
    for error in [kubo().gc().unwrap_err(), kubo().version().unwrap_err()] {
        assert!(error.to_string().starts_with(&url), "{error}");
    }
}

/// A block that is longer than any block is not read to its end.
#[test]
fn an_answer_without_end_is_cut() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            drop(stream.read(&mut [0; 4096]));
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"));
            while stream.write_all(&[7; 65_536]).is_ok() {}
        }
    });
    let kubo = Kubo::new(Endpoint::new(&format!("http://{address}"))).unwrap();
    let block = Block::raw(b"short".to_vec()).unwrap();
    assert!(matches!(kubo.get(block.cid()), Err(Error::Answer { .. })));
}

/// A server that says the same to everybody.
fn says(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            drop(stream.read(&mut [0; 4096]));
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    format!("http://{address}")
}

/// What happens to the bytes on their way.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Both directions end when this many bytes have passed in all.
    EndAfter(usize),
    /// One bit of the answer is another one, this many bytes in.
    Flip(usize),
    /// Nothing is answered.
    Silent,
    /// A byte of the answer every tenth of a second.
    Slow,
}

/// Stands between a client and a daemon.
struct Proxy(String);

impl Proxy {
    fn new(to: &str, fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let to = to.to_owned();
        let passed = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let Ok(server) = TcpStream::connect(&to) else {
                    continue;
                };
                let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let (one, two) = (passed.clone(), passed.clone());
                thread::spawn(move || pass(client, server, &one, fault, false));
                thread::spawn(move || pass(back.0, back.1, &two, fault, true));
            }
        });
        Self(format!("http://{address}"))
    }

    fn kubo(&self) -> Kubo {
        let endpoint =
            Endpoint::new(&self.0).timeouts(Duration::from_secs(1), Duration::from_secs(3));
        Kubo::new(endpoint).unwrap()
    }
}

fn pass(
    mut from: TcpStream,
    mut to: TcpStream,
    passed: &std::sync::atomic::AtomicUsize,
    fault: Fault,
    answer: bool,
) {
    let mut buffer = vec![0; 16_384];
    let mut before = 0;
    while let Ok(len @ 1..) = from.read(&mut buffer) {
        let bytes = &mut buffer[..len];
        let all = passed.fetch_add(len, std::sync::atomic::Ordering::SeqCst);
        let sent = match fault {
            Fault::EndAfter(limit) if all > limit => break,
            Fault::Silent if answer => Ok(()),
            Fault::Slow if answer => bytes.iter().try_for_each(|byte| {
                thread::sleep(Duration::from_millis(100));
                to.write_all(&[*byte])
            }),
            Fault::Flip(at) if answer => {
                if let Some(byte) = at.checked_sub(before).and_then(|at| bytes.get_mut(at)) {
                    *byte ^= 1;
                }
                to.write_all(bytes)
            }
            _ => to.write_all(bytes),
        };
        before += len;
        if sent.is_err() {
            break;
        }
    }
    drop(from.shutdown(std::net::Shutdown::Both));
    drop(to.shutdown(std::net::Shutdown::Both));
}
