//! A server that is killed under load, one whose disk is full, and one that may open few files: what it answered is there, and it
//! goes on.

#![cfg(all(target_os = "linux", feature = "http"))]
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use ledger_core::testing::{Person, share};
use ledger_core::{ChainId, Transaction, TxId, Unsigned};
use ledger_node::http::{Backups, Server, Settings, Tls};
use ledger_node::{Founding, Node};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

const LEDGER: &str = "MEDSHARE_HOSTILE_LEDGER";
/// Where it puts its copies, if it makes any.
const COPIES: &str = "MEDSHARE_HOSTILE_COPIES";
/// Where its certificate and the key of that lie, if it speaks TLS.
const TLS: &str = "MEDSHARE_HOSTILE_TLS";
const SENDERS: u32 = 4;

/// Not a test of its own: the server that is killed.
#[test]
fn child() {
    let Some(path) = env::var_os(LEDGER) else {
        return;
    };
    let node = Node::open(path.as_ref()).unwrap();
    // everybody here has one address
    let mut settings = Settings::new().rate(None).connections(1024, 1024);
    if let Some(folder) = env::var_os(COPIES) {
        settings = settings.backups(Backups::new(folder).every(Duration::from_secs(1)));
    }
    if let Some(folder) = env::var_os(TLS) {
        let [chain, key] = ["chain.pem", "key.pem"].map(|name| Path::new(&folder).join(name));
        settings = settings.tls(Tls::from_files(&chain, &key).unwrap());
    }
    let address = ([127, 0, 0, 1], 0).into();
    let server = Server::bind(node, address, settings.stop_on_signals());
    let mut out = std::io::stdout().lock();
    let server = match server {
        Ok(server) => server,
        Err(error) => return writeln!(out, "\nrefused {error}").unwrap(),
    };
    writeln!(out, "\nserving {}", server.url()).unwrap();
    out.flush().unwrap();
    drop(out);
    server.run().unwrap();
}

/// Starts it behind a shell that first runs `before`.
fn spawn(path: &Path, before: &str) -> (Child, String) {
    let mut child = start(path, before);
    let url = said(&mut child, "serving ");
    (child, url)
}

/// What it says behind a word.
fn said(child: &mut Child, word: &str) -> String {
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let mut lines = lines.map_while(Result::ok);
    let said = lines.find_map(|line| line.strip_prefix(word).map(str::to_owned));
    said.expect(word)
}

fn start(path: &Path, before: &str) -> Child {
    Command::new("sh")
        .args([
            "-c",
            &format!("{before} exec \"$0\" --exact child --nocapture"),
        ])
        .arg(env::current_exe().unwrap())
        .env(LEDGER, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn found(path: &Path) -> ChainId {
    let node = Node::found(path, Founding::new("test", Person::new(0).authority())).unwrap();
    for (sequence, member) in (0..).zip(1..=SENDERS) {
        let person = Person::new(0);
        let body = Person::new(member).enrollment();
        let tx = Unsigned::new(node.chain(), person.address, sequence, node.now(), body);
        node.submit(&tx.sign(&person.key)).unwrap();
    }
    node.chain()
}

/// A share whose name no other sender or sequence has.
fn next(chain: ChainId, sender: u32, sequence: u64, description: usize) -> Transaction {
    let person = Person::new(sender);
    let mut body = share(u64::from(sender) << 32 | sequence, &[&Person::new(1)]);
    if let ledger_core::Body::Share(share) = &mut body {
        share.description = Some("x".repeat(description));
    }
    let now = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap()
        .as_secs();
    Unsigned::new(chain, person.address, sequence, now, body).sign(&person.key)
}

fn post(agent: &ureq::Agent, url: &str, tx: &Transaction) -> Option<(u16, String, String)> {
    let request = agent
        .post(format!("{url}/v1/transactions"))
        .header("content-type", "application/cbor");
    let mut response = request.send(tx.as_bytes()).ok()?;
    let kind = response.headers().get("content-type");
    let kind = kind.map(|kind| kind.to_str().unwrap().to_owned());
    let text = response.body_mut().read_to_string().ok()?;
    Some((response.status().as_u16(), kind.unwrap_or_default(), text))
}

fn agent() -> ureq::Agent {
    trusting(None)
}

fn trusting(root: Option<Certificate<'static>>) -> ureq::Agent {
    let mut tls = TlsConfig::builder();
    if let Some(root) = root {
        tls = tls.root_certs(RootCerts::new_with_certs(&[root]));
    }
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .tls_config(tls.build())
        .timeout_global(Some(Duration::from_secs(20)));
    config.build().into()
}

/// `MEDSHARE_CRASH_CYCLES=500 cargo test -p ledger-node --test hostile` is the long mode.
#[test]
fn a_server_killed_under_load_has_what_it_answered() {
    let cycles: u64 = env::var("MEDSHARE_CRASH_CYCLES").map_or(6, |n| n.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let chain = found(&path);
    let mut answered: Vec<TxId> = Vec::new();
    for cycle in 0..cycles {
        let node = Node::open(&path).unwrap();
        let sequences = [1, 2, 3, 4].map(|sender| {
            let address = Person::new(sender).address;
            (sender, node.next_sequence(&address).unwrap())
        });
        drop(node);
        let (mut child, url) = spawn(&path, "");
        let dead = AtomicBool::new(false);
        let new = thread::scope(|scope| {
            let threads = sequences.map(|(sender, first)| {
                let (url, dead) = (&url, &dead);
                scope.spawn(move || {
                    let (agent, mut new) = (agent(), Vec::new());
                    for sequence in first.. {
                        let tx = next(chain, sender, sequence, 10);
                        match post(&agent, url, &tx) {
                            Some((201, _, text)) => {
                                assert!(text.contains(&tx.id().to_string()), "{text}");
                                new.push(tx.id());
                            }
                            // the connection ended with the server
                            None => break,
                            Some(other) => {
                                assert!(dead.load(Ordering::SeqCst), "{other:?}");
                                break;
                            }
                        }
                    }
                    new
                })
            });
            thread::sleep(Duration::from_micros(150_000 + cycle * 104_729 % 90_000));
            dead.store(true, Ordering::SeqCst);
            child.kill().unwrap();
            child.wait().unwrap();
            threads.map(|thread| thread.join().unwrap()).concat()
        });
        assert!(!new.is_empty(), "cycle {cycle} recorded nothing");
        answered.extend(new);
        let node = Node::open(&path).unwrap();
        for id in &answered {
            assert!(
                node.find(id).unwrap().is_some(),
                "cycle {cycle}: {id} is lost"
            );
        }
        node.verify_chain(|_, _| {}).unwrap();
    }
}

/// The limit of a file's size stands for the end of the disk: it can be lifted while the server runs, without a mount.
#[test]
fn a_full_disk_is_a_507_and_the_server_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let chain = found(&path);
    // room for the journal's first mebibyte, in blocks of 512 bytes
    let (mut child, url) = spawn(&path, "trap '' XFSZ; ulimit -S -f 2048;");
    let agent = agent();
    let mut recorded = Vec::new();
    let mut refused = None;
    for sequence in 0..400 {
        let tx = next(chain, 1, sequence, 12_000);
        let (status, kind, text) = post(&agent, &url, &tx).unwrap();
        if status != 201 {
            refused = Some((tx, status, kind, text));
            break;
        }
        recorded.push(tx.id());
    }
    let (tx, status, kind, text) = refused.expect("the disk is full at some time");
    assert_eq!(
        (status, kind.as_str()),
        (507, "application/problem+json"),
        "{text}"
    );
    assert!(
        recorded.len() > 10 && text.contains("\"code\":\"full\""),
        "{text}"
    );
    // what is recorded is still read, and the server says how it is
    let read = agent
        .get(format!("{url}/v1/transactions/{}", recorded[0]))
        .call();
    assert_eq!(read.unwrap().status(), 200);
    assert_eq!(post(&agent, &url, &tx).unwrap().0, 507, "it is still full");
    let ready = agent.get(format!("{url}/ready")).call().unwrap();
    assert_eq!(ready.status(), 503, "not ready while it cannot record");
    let lifted = Command::new("prlimit")
        .args(["--pid", &child.id().to_string(), "--fsize=unlimited"])
        .status();
    assert!(lifted.unwrap().success(), "prlimit of util-linux");
    // a balancer sends nothing before the server is ready again
    let start = Instant::now();
    while agent.get(format!("{url}/ready")).call().unwrap().status() != 200 {
        assert!(start.elapsed() < Duration::from_secs(20), "it stays away");
        thread::sleep(Duration::from_millis(50));
    }
    let (status, _, text) = post(&agent, &url, &tx).unwrap();
    assert_eq!(status, 201, "{text}");
    recorded.push(tx.id());
    child.kill().unwrap();
    child.wait().unwrap();
    holds(&path, &recorded);
}

/// A ledger whose server has ended has what it answered, and every block computes.
fn holds<'a>(path: &Path, recorded: impl IntoIterator<Item = &'a TxId>) {
    let node = Node::open(path).unwrap();
    for id in recorded {
        assert!(node.find(id).unwrap().is_some());
    }
    node.verify_chain(|_, _| {}).unwrap();
}

fn figures(agent: &ureq::Agent, url: &str) -> String {
    let mut response = agent.get(format!("{url}/metrics")).call().unwrap();
    response.body_mut().read_to_string().unwrap()
}

/// One of its figures.
fn figure(agent: &ureq::Agent, url: &str, name: &str) -> u64 {
    let text = figures(agent, url);
    let mut values = text.lines().filter_map(|line| line.strip_prefix(name));
    let value = values.find_map(|rest| rest.strip_prefix(' '));
    value.expect(name).parse().unwrap()
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn address(url: &str) -> SocketAddr {
    url.split_once("//").unwrap().1.parse().unwrap()
}

/// A connection that says half of a request, unless the system's queue is full.
fn half_open(address: SocketAddr) -> Option<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_millis(500)).ok()?;
    stream.write_all(b"GET /health HTTP/1.1\r\nHo").ok()?;
    Some(stream)
}

/// How much of the processor a process has had, in hundredths of a second (proc(5): `utime` and `stime`).
fn processor_time(child: &Child) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    let (_, behind_name) = stat.rsplit_once(')').unwrap();
    let fields = behind_name.split_whitespace();
    fields
        .skip(11)
        .take(2)
        .map(|n| n.parse::<u64>().unwrap())
        .sum()
}

/// Connections used to be taken until the process could open nothing else: a copy of the ledger failed for want of a file.
#[test]
fn connections_leave_the_server_files_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let copies = folder.path().join("copies");
    let chain = found(&path);
    let before = format!("ulimit -n 128; export {COPIES}='{}';", copies.display());
    let (mut child, url) = spawn(&path, &before);
    // a connection that is there before
    let agent = agent();
    let mut recorded = Vec::new();
    let mut record = || {
        let sequence = u64::try_from(recorded.len()).unwrap();
        let tx = next(chain, 1, sequence, 10);
        let (status, _, text) = post(&agent, &url, &tx).unwrap();
        assert_eq!(status, 201, "{text}");
        recorded.push(tx.id());
        let receipt: serde_json::Value = serde_json::from_str(&text).unwrap();
        receipt["height"].as_u64().unwrap()
    };
    record();
    let held: Vec<_> = (0..400).map_while(|_| half_open(address(&url))).collect();
    assert!(held.len() > 128, "{} connections", held.len());
    assert_eq!(figure(&agent, &url, "medshare_connections_allowed"), 64);
    until("not all places are taken", || {
        figure(&agent, &url, "medshare_connections") == 64
    });
    let height = (0..10).map(|_| record()).last().unwrap();
    let copied = || {
        let names = fs::read_dir(&copies).unwrap();
        let names = names.map(|entry| entry.unwrap().path());
        let shown = format!("-{height:010}-");
        let is_whole = |path: &PathBuf| path.extension().is_some_and(|end| end == "redb");
        let mut newest =
            names.filter(|path| path.to_string_lossy().contains(&shown) && is_whole(path));
        newest.next()
    };
    until("no copy is made", || {
        // its connection is not one of the silent
        figure(&agent, &url, "medshare_connections");
        copied().is_some()
    });
    let backups = figures(&agent, &url);
    assert!(!backups.contains("outcome=\"failed\""), "{backups}");
    let (start, worked) = (Instant::now(), processor_time(&child));
    thread::sleep(Duration::from_secs(1));
    let worked = u128::from(processor_time(&child) - worked) * 10;
    assert!(
        worked * 2 < start.elapsed().as_millis(),
        "{worked} ms of work for nobody"
    );
    assert_eq!(figure(&agent, &url, "medshare_accepts_failed_total"), 0);
    // whoever comes now waits, and is answered when there are places
    thread::scope(|scope| {
        let asked = scope.spawn(|| self::agent().get(format!("{url}/ready")).call());
        thread::sleep(Duration::from_millis(300));
        assert!(!asked.is_finished());
        drop(held);
        assert_eq!(asked.join().unwrap().unwrap().status(), 200);
    });
    record();
    child.kill().unwrap();
    child.wait().unwrap();
    holds(&path, &recorded);
    let copy = Node::open(&copied().unwrap()).unwrap();
    let last = &recorded[recorded.len() - 2];
    assert!(copy.find(last).unwrap().is_some());
}

#[test]
fn a_server_raises_its_limit_of_files_and_does_with_fewer_connections() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    found(&path);
    for (limits, allowed) in [
        ("ulimit -S -n 100; ulimit -H -n 600;", 536),
        ("ulimit -n 65;", 1),
    ] {
        let (mut child, url) = spawn(&path, limits);
        let figure = figure(&agent(), &url, "medshare_connections_allowed");
        assert_eq!(figure, allowed, "{limits}");
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let mut child = start(&path, "ulimit -n 64;");
    let refused = said(&mut child, "refused ");
    assert!(refused.contains("64 files open"), "{refused}");
    assert!(child.wait().unwrap().success());
}

/// Somebody who means no good, in one of five ways. What is closed by the server is written to in vain.
fn visit(address: SocketAddr, way: usize) -> Option<TcpStream> {
    // what is sent, in how many pieces, and whether an answer may come that nobody reads: closing is a reset then
    let (sent, pieces, unread) = match way % 5 {
        0 => {
            let half = b"GET /health HTTP/1.1\r\nHost: x\r\nX: ";
            ([half.as_slice(), &[b'x'; 16_000]].concat(), 1, false)
        }
        1 => (b"GET /metrics HTTP/1.1\r\n\r\n".repeat(3), 1, true),
        // a record of TLS that is none, and half of a ClientHello (RFC 8446, sections 5.1 and 4.1.2)
        2 => (
            [&[0x16, 3, 1, 0x3e, 0x80], [0xff; 16_000].as_slice()].concat(),
            1,
            true,
        ),
        3 => {
            let hello = [0x16, 3, 1, 0, 248, 1, 0, 0, 244, 3, 3];
            ([hello.as_slice(), &[7; 20]].concat(), 1, false)
        }
        _ => (b"GET /health HTTP/1.1\r\nHost: x".to_vec(), 10, false),
    };
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_millis(500)).ok()?;
    for piece in sent.chunks(sent.len().div_ceil(pieces)) {
        stream.write_all(piece).ok()?;
        if pieces > 1 || unread {
            thread::sleep(Duration::from_millis(2));
        }
    }
    Some(stream)
}

/// How many sockets a process has open, and how many bytes of memory it has in use (proc(5), `statm` in pages of 4 KiB at least).
fn held_by(child: &Child) -> (usize, u64) {
    let open = fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap();
    // one that was closed meanwhile has no name
    let names = open.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    let sockets = names.filter(|name| name.to_string_lossy().starts_with("socket:"));
    let memory = fs::read_to_string(format!("/proc/{}/statm", child.id())).unwrap();
    let pages: u64 = memory.split(' ').nth(1).unwrap().parse().unwrap();
    (sockets.count(), pages * 4096)
}

/// Members submit while others come and go who only cost: `before` says with what the server starts, and `root` whom members trust.
fn churn(path: &Path, before: &str, root: Option<&Certificate<'static>>) {
    let chain = found(path);
    // fewer places than are fought for
    let (mut child, url) = spawn(path, &format!("ulimit -n 128; {before}"));
    let address = address(&url);
    let agent = || trusting(root.cloned());
    let round = |first: [u64; 3], long: Duration| {
        let start = Instant::now();
        let visits = || {
            let (mut open, mut many) = (VecDeque::new(), 0);
            while start.elapsed() < long {
                open.extend(visit(address, many));
                many += 1;
                if open.len() > 24 {
                    open.pop_front();
                }
            }
            many
        };
        let submits = |sender, first| {
            let (mut agent, mut recorded) = (agent(), Vec::new());
            for sequence in first.. {
                if start.elapsed() >= long {
                    break;
                }
                // by a connection that is there, and by one that has to come in
                if sequence % 4 == 0 {
                    agent = trusting(root.cloned());
                }
                let tx = next(chain, sender, sequence, 10);
                let (status, _, text) = post(&agent, &url, &tx).unwrap();
                assert_eq!(status, 201, "{text}");
                recorded.push(tx.id());
                // what is recorded takes memory too
                thread::sleep(Duration::from_millis(10));
            }
            recorded
        };
        thread::scope(|scope| {
            let visiting = [(); 4].map(|()| scope.spawn(visits));
            let submits = &submits;
            let mut sender = 0;
            let recording = first.map(|first| {
                sender += 1;
                let sender = sender;
                scope.spawn(move || submits(sender, first))
            });
            let visits: usize = visiting.map(|thread| thread.join().unwrap()).iter().sum();
            (visits, recording.map(|thread| thread.join().unwrap()))
        })
    };
    let quiet = || {
        let agent = agent();
        until("connections stay open", || {
            figure(&agent, &url, "medshare_connections") == 1
        });
        held_by(&child)
    };
    // what a process that has worked keeps
    let (_, warm) = round([0; 3], Duration::from_millis(700));
    let (sockets, memory) = quiet();
    let firsts = warm.each_ref().map(|ids| u64::try_from(ids.len()).unwrap());
    let (visits, recorded) = round(firsts, Duration::from_secs(3));
    assert!(visits > 200, "{visits} came");
    let (sockets_then, memory_then) = quiet();
    assert_eq!(sockets_then, sockets);
    let grown = memory_then.saturating_sub(memory) >> 10;
    assert!(grown < 16 << 10, "{grown} KiB more after {visits} came");
    let agent = agent();
    for ids in warm.iter().chain(&recorded) {
        assert!(!ids.is_empty(), "a member was kept out");
        let url = format!("{url}/v1/transactions/{}", ids[ids.len() - 1]);
        assert_eq!(agent.get(url).call().unwrap().status(), 200);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    holds(path, warm.iter().chain(&recorded).flatten());
}

#[test]
fn those_who_come_and_go_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    churn(&folder.path().join("ledger"), "", None);
}

#[test]
fn those_who_come_and_go_leave_nothing_behind_tls() {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("chain.pem"), made.cert.pem()).unwrap();
    let key = made.signing_key.serialize_pem();
    fs::write(folder.path().join("key.pem"), key).unwrap();
    let before = format!("export {TLS}='{}';", folder.path().display());
    let root = Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    churn(&folder.path().join("ledger"), &before, Some(&root));
}

/// A disk of the server's own, in a mount that nobody else has. Where the system lets this user mount nothing, as in many containers,
/// the test says that it is left out: the limit of a file's size stands for it everywhere.
#[test]
fn a_disk_that_was_full_takes_more_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let [path, disk, kept, script] =
        ["ledger", "disk", "kept", "script"].map(|name| folder.path().join(name));
    fs::create_dir(&disk).unwrap();
    let mount = format!("mount -t tmpfs -o size=12M tmpfs '{}'", disk.display());
    let mut probe = Command::new("unshare");
    let probe = probe
        .args(["-rm", "sh", "-c", &mount])
        .stderr(Stdio::null());
    if !probe.status().is_ok_and(|status| status.success()) {
        eprintln!("left out: nobody may mount a disk here (unshare -rm)");
        return;
    }
    let chain = found(&path);
    let inside = format!(
        "{mount} && cp '{}' '{disk}' && head -c 6M /dev/zero >'{disk}/filler' && export {LEDGER}='{disk}/ledger' && \
         exec \"$1\" --exact child --nocapture",
        path.display(),
        disk = disk.display(),
    );
    fs::write(&script, inside).unwrap();
    let before = format!("exec unshare -rm sh '{}' \"$0\";", script.display());
    let (mut child, url) = spawn(&path, &before);
    let agent = agent();
    let (mut recorded, mut sequence) = (Vec::new(), 0);
    let mut record = || {
        let tx = next(chain, 1, sequence, 12_000);
        let (status, kind, text) = post(&agent, &url, &tx).unwrap();
        if status == 201 {
            recorded.push(tx.id());
            sequence += 1;
            return true;
        }
        assert_eq!((status, kind.as_str()), (507, "application/problem+json"));
        assert!(text.contains("\"code\":\"full\""), "{text}");
        false
    };
    let many = (0..2000).take_while(|_| record()).count();
    assert!((10..2000).contains(&many), "{many} recorded");
    assert!(!record(), "it is still full");
    // the server's own view of its files
    let seen =
        Path::new(&format!("/proc/{}/root", child.id())).join(disk.strip_prefix("/").unwrap());
    fs::remove_file(seen.join("filler")).unwrap();
    until("it stays away", || {
        agent.get(format!("{url}/ready")).call().unwrap().status() == 200
    });
    for _ in 0..100 {
        assert!(record());
    }
    // as it is killed, while there is somebody who sees the disk
    let stop = ["-STOP", &child.id().to_string()].map(str::to_owned);
    assert!(Command::new("kill").args(stop).status().unwrap().success());
    for end in ["", "-journal0", "-journal1"] {
        let from = seen.join(format!("ledger{end}"));
        if from.exists() {
            fs::copy(from, format!("{}{end}", kept.display())).unwrap();
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    holds(&kept, &recorded);
}
