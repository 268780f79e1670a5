//! Who may hold a connection, and for how long: handshakes that stall, and the places of one address.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

mod server;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use ledger_core::testing::Person;
use ledger_node::http::{Settings, Tls};
use ledger_node::{Client, Connecting, Founding, Node};
use server::Running;

/// Longer than anything here takes; what waits for ever fails by it.
const LONG: Duration = Duration::from_secs(20);
/// The limit that is tried.
const HEAD: Duration = Duration::from_secs(3);

fn connect(url: &str) -> TcpStream {
    let (_, address) = url.split_once("//").unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

/// Waits until the other side has closed, and says what it wrote before.
fn closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    match stream.read_to_end(&mut said) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("still open: {error}"),
        _ => said,
    }
}

/// All places are taken by clients that begin a handshake and go no further: each is ended in the time of a head, and whoever waits
/// for a place gets it then.
#[test]
fn a_tls_handshake_that_stalls_is_ended_and_gives_its_place_back() {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let [chain, key] = ["chain.pem", "key.pem"].map(|name| folder.path().join(name));
    std::fs::write(&chain, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let settings = Settings::new()
        .rate(None)
        .connections(2, 2)
        .timeouts(LONG, HEAD)
        .tls(Tls::from_files(&chain, &key).unwrap());
    let founding = Founding::new("tls", Person::new(0).authority());
    let node = Node::found(&folder.path().join("ledger"), founding).unwrap();
    let running = Running::serve(folder, node, settings);

    let start = Instant::now();
    let mut silent = connect(&running.url);
    let mut half = connect(&running.url);
    // a record of TLS (RFC 8446, section 5.1) with a ClientHello of 244 bytes (section 4.1.2), of which 20 come
    half.write_all(&[0x16, 3, 1, 0, 248, 1, 0, 0, 244, 3, 3])
        .unwrap();
    half.write_all(&[7; 20]).unwrap();
    let honest = thread::spawn({
        let (url, log, pem) = (running.url.clone(), running.log, made.cert.pem());
        move || {
            let client = Client::connect(&url, log, Connecting::new().roots(pem))?;
            client.checkpoint().map(|checkpoint| checkpoint.size())
        }
    });
    for stalled in [&mut silent, &mut half] {
        assert_eq!(closed(stalled), b"");
        let waited = start.elapsed();
        assert!(waited >= HEAD && waited < LONG / 2, "{waited:?}");
    }
    assert_eq!(honest.join().unwrap().unwrap(), 0);
}

/// Asks on a connection that stays open; what is answered, or nothing when it was closed.
fn ask(stream: &mut TcpStream) -> Option<String> {
    let asked = stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut answer = [0; 4096];
    match asked.and_then(|()| stream.read(&mut answer)) {
        Ok(0) => None,
        Ok(many) => Some(String::from_utf8(answer[..many].to_vec()).unwrap()),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            panic!("neither answered nor closed")
        }
        Err(_) => None,
    }
}

#[test]
fn one_address_has_so_many_connections_and_others_have_theirs() {
    const EACH: usize = 3;
    let settings = Settings::new()
        .rate(None)
        .connections(64, EACH)
        .timeouts(LONG, LONG);
    let running = Running::with(settings);
    let served =
        |stream: &mut TcpStream| ask(stream).is_some_and(|a| a.starts_with("HTTP/1.1 200"));
    let mut held: Vec<_> = (0..EACH).map(|_| connect(&running.url)).collect();
    for stream in &mut held {
        assert!(served(stream));
    }
    // one too many is closed without a word, every time, and those that are there are not disturbed
    for _ in 0..3 {
        assert_eq!(ask(&mut connect(&running.url)), None);
    }
    for stream in &mut held {
        assert!(served(stream));
    }
    #[cfg(target_os = "linux")]
    assert!(served(&mut from_another_address(&running.url)));
    let metrics = {
        let stream = &mut held[0];
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .unwrap();
        String::from_utf8(closed(stream)).unwrap()
    };
    assert!(
        metrics.contains("medshare_turned_away_total 3\n"),
        "{metrics}"
    );
    // that was the last word of one of them, so there is a place again
    let start = Instant::now();
    while !served(&mut connect(&running.url)) {
        assert!(start.elapsed() < LONG, "the place did not come back");
    }
}

/// From 127.0.0.2, which Linux has without asking.
#[cfg(target_os = "linux")]
fn from_another_address(url: &str) -> TcpStream {
    let (_, address) = url.split_once("//").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind(([127, 0, 0, 2], 0).into())?;
        socket.connect(address.parse().unwrap()).await?.into_std()
    });
    let stream = stream.unwrap();
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}
