//! A node at the shell as others meet it: behind TLS, stopped while it records, asked too often, asked by a go-between that
//! lies; and the proofs and keys that outlive it.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

mod common;
use common::served::Served;
use common::{Place, image, program, text};

fn config(place: &Place, home: &str) -> serde_json::Value {
    let config = fs::read(place.path(home).join("config.json")).unwrap();
    serde_json::from_slice(&config).unwrap()
}

/// The key of the ledger that these homes use.
fn trust(place: &Place, home: &str) -> String {
    text(&config(place, home), "log_key").to_owned()
}

#[test]
fn a_proof_continues_a_checkpoint_that_was_seen_or_is_refused() {
    let place = Place::new();
    let trust = trust(&place, "city");
    let ct = image("CT_small.dcm");
    let share = text(&place.share(&ct), "share_id").to_owned();
    // what bob saw, by receiving it
    place.receive("bob", &share, "out").ok();
    fs::copy(place.path("bob/checkpoint"), place.path("seen")).unwrap();
    // from here on there are two ledgers with one key
    let fork = ["ledger", "backup", "--home", "city", "fork"];
    place.run(fork).ok();
    place.share(&ct);
    let ct = ct.to_str().unwrap();
    let other = ["share", "--home", "mallory", ct, "--to", "alice.pgp"];
    place.run(other.iter().chain(&["--ledger", "fork"])).ok();
    let prove = ["prove", "--home", "bob", &share, "--out"];
    place.run(prove.iter().chain(&["proof"])).ok();
    let of_fork = ["forked-proof", "--ledger", "fork"];
    place.run(prove.iter().chain(&of_fork)).ok();
    let check = |proof: &str, older: &str| {
        place.run([
            "check-proof",
            "--json",
            proof,
            "--trust",
            &trust,
            "--older",
            older,
        ])
    };
    // each of both continues what was seen when they were one
    let newer = check("proof", "seen").ok().json();
    let forked = check("forked-proof", "seen").ok().json();
    assert_eq!([&newer["size"], &forked["size"]], [6, 6]);
    for (name, proven) in [("newer", &newer), ("forked", &forked)] {
        fs::write(place.path(name), text(proven, "checkpoint")).unwrap();
    }
    // and neither continues the other
    check("proof", "newer").ok();
    let refused = check("proof", "forked").fails(3, &["rejected"]).json();
    assert_eq!(text(&refused, "code"), "forked");
    check("forked-proof", "newer").fails(3, &["rejected"]);
    // nor does a proof that is older than what was seen
    let old = ["prove", "--home", "bob", &share, "--out", "later"];
    place.share(&image("CT_small.dcm"));
    place.receive("bob", &share, "out-2").ok();
    place.run(old).ok();
    let later = place.path("bob/checkpoint");
    let refused = check("proof", later.to_str().unwrap());
    let refused = refused.fails(3, &["rejected", "rolled back"]).json();
    assert_eq!(text(&refused, "code"), "rolled-back");
    check("proof", "proof").fails(1, &["expected a checkpoint"]);
}

#[test]
fn a_node_behind_tls_is_asked_by_who_trusts_its_certificate() {
    let place = Place::new();
    let trust = trust(&place, "city");
    for name in ["node", "stranger"] {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        fs::write(place.path(&format!("{name}.pem")), cert).unwrap();
        fs::write(place.path(&format!("{name}.key")), key).unwrap();
    }
    let tls = ["--tls-cert", "node.pem", "--tls-key", "node.key"];
    let served = Served::with(&place, "city", &tls);
    assert!(served.url.starts_with("https://"), "{}", served.url);
    let init = |ca: &[&str]| {
        let carol = ["init", "--home", "carol", "--name", "Carol"];
        let at = ["--ledger", &served.url, "--trust", &trust];
        let email = ["--email", "c@c.example", "--store", "shared/store"];
        place.run([&carol[..], &email[..], &at[..], ca].concat())
    };
    // nobody vouches for it, or somebody else
    for ca in [&[][..], &["--ledger-ca", "stranger.pem"]] {
        init(ca).fails(1, &["cannot reach"]);
        assert!(!place.path("carol").exists());
    }
    init(&["--ledger-ca", "node.pem"]).ok();
    let cert = ["cert", "--home", "carol", "--out", "carol.pgp"];
    place.run(cert).ok();
    // homes of before, told whom to trust
    for home in ["city", "bob"] {
        fs::copy(place.path("node.pem"), place.path(home).join("ledger.pem")).unwrap();
    }
    let at = ["--ledger", served.url.as_str()];
    let run = |args: &[&str]| place.run(args.iter().chain(&at));
    run(&["enroll", "--home", "city", "carol.pgp"]).ok();
    let ct = image("CT_small.dcm");
    let ct = ct.to_str().unwrap();
    let share = ["share", "--json", "--home", "carol", ct, "--to", "bob.pgp"];
    let shared = place.run(share).ok().json();
    let share = text(&shared, "share_id");
    run(&["receive", "--home", "bob", share, "--out", "out"]).ok();
    assert_eq!(fs::read(ct).unwrap(), fs::read(place.path("out")).unwrap());
    let status = ["ledger", "status", "--trust", &trust];
    run(&status).fails(1, &["cannot reach"]);
    run(&[&status[..], &["--ledger-ca", "node.pem"]].concat()).ok();
    // and not without TLS
    let plain = served.url.replace("https", "http");
    place
        .run(status.iter().chain(&["--ledger", &plain]))
        .fails(1, &[]);
}

/// Three hospitals share one after the other; the node is told to stop meanwhile.
#[test]
fn a_node_that_is_stopped_has_recorded_everything_that_it_answered() {
    let place = Place::new();
    let served = Served::with(&place, "city", &["--rate", "0"]);
    let ct = image("CT_small.dcm");
    let ct = ct.to_str().unwrap();
    let answered = thread::scope(|scope| {
        // gone when this fails: the senders send until then
        let mut served = served;
        let senders = [("alice", "bob"), ("bob", "mallory"), ("mallory", "alice")];
        let sending = senders.map(|(sender, receiver)| {
            let (place, url) = (&place, served.url.clone());
            scope.spawn(move || {
                let to = format!("{receiver}.pgp");
                let share = ["share", "--json", "--home", sender, ct, "--to", &to];
                let mut answered = Vec::new();
                loop {
                    let ran = place.run(share.iter().chain(&["--ledger", &url]));
                    if ran.code != 0 {
                        // that it is gone, and not something else
                        ran.fails(1, &[]);
                        return answered;
                    }
                    answered.push(text(&ran.json(), "share_id").to_owned());
                }
            })
        });
        // some of them are recorded, and the next ones on their way
        let begin = Instant::now();
        while place_size(&served.url) < 8 {
            assert!(begin.elapsed() < Duration::from_secs(60), "nobody shares");
            thread::sleep(Duration::from_millis(20));
        }
        let stop = Command::new("kill")
            .args(["-TERM", &served.child.id().to_string()])
            .status();
        assert!(stop.unwrap().success());
        assert_eq!(served.child.wait().unwrap().code(), Some(0));
        let answered = sending.map(|sender| sender.join().unwrap());
        answered.concat()
    });
    assert!(answered.len() >= 3, "{answered:?}");
    let ledger = ledger_node::Node::open(&place.path("shared/ledger.redb")).unwrap();
    ledger.verify_chain(|_, _| {}).unwrap();
    let recorded = ledger.shares(0, usize::MAX).unwrap();
    for share in &answered {
        let there = recorded.iter().any(|(id, _)| id.to_string() == *share);
        assert!(there, "{share} was answered and is lost");
    }
}

/// One answer to a GET.
fn get(url: &str, path: &str) -> String {
    let host = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// How many transactions a node says that it has.
fn place_size(url: &str) -> u64 {
    let answer = get(url, "/v1/checkpoint");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let checkpoint: serde_json::Value = serde_json::from_str(body).unwrap();
    checkpoint["size"].as_u64().unwrap()
}

#[test]
fn whoever_asks_too_often_is_told_when_to_ask_again() {
    let place = Place::empty();
    place.init("city").ok();
    let served = Served::with(&place, "city", &["--rate", "2"]);
    let answers: Vec<_> = (0..12)
        .map(|_| get(&served.url, "/v1/checkpoint"))
        .collect();
    let of = |status: &str| {
        let status = format!("HTTP/1.1 {status} ");
        let found = answers.iter().filter(|answer| answer.starts_with(&status));
        found.collect::<Vec<_>>()
    };
    assert!(!of("200").is_empty(), "{answers:?}");
    let refused = of("429");
    assert!(!refused.is_empty(), "{answers:?}");
    assert_eq!(of("200").len() + refused.len(), 12, "{answers:?}");
    let wait = refused[0].lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        (name.eq_ignore_ascii_case("retry-after")).then(|| value.parse().unwrap())
    });
    // who waits for as long as it is told to is answered
    thread::sleep(Duration::from_secs(wait.unwrap()));
    let answer = get(&served.url, "/v1/checkpoint");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

/// A node of the city's that logs; whoever has it reads what it says and ends it.
fn logging(place: &Place, more: &[&str]) -> Child {
    program(place.directory.path())
        .args(["node", "--home", "city", "--listen", "127.0.0.1:0", "--log"])
        .args(more)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn whoever_runs_a_node_is_told_who_asked_what() {
    let place = Place::new();
    let allowed = [
        "--behind",
        "127.0.0.1",
        "--connections",
        "9",
        "--timeout",
        "20s",
    ];
    let mut child = logging(&place, &[&allowed[..], &["--members-only"]].concat());
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let url = lines.next().unwrap().unwrap();
    let url = url.strip_prefix("serving ").unwrap();
    thread::spawn(move || lines.count());
    // somebody behind a proxy, and a member
    let head = "GET /v1/shares?limit=2 HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.9\r\nConnection: close\r\n\r\n";
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    place.run(["log", "--home", "bob", "--ledger", url]).ok();
    child.kill().unwrap();
    let said = BufReader::new(child.stderr.take().unwrap()).lines();
    let said: Vec<_> = said.map_while(Result::ok).collect();
    child.wait().unwrap();

    let of = |words: &str| said.iter().find(|line| line.contains(words));
    let stranger = of(" 192.0.2.9 - GET /v1/shares?limit=2 401 ").unwrap();
    assert!(stranger.ends_with(" ms"), "{stranger}");
    let (day, _) = stranger.split_once('T').unwrap();
    assert_eq!(day.len(), "2026-11-29".len(), "{stranger}");
    let bob = config(&place, "bob");
    let asked = format!(" 127.0.0.1 {} GET /v1/", text(&bob, "fingerprint"));
    assert!(
        of(&asked).is_some_and(|line| line.contains(" 200 ")),
        "{said:?}"
    );
}

/// A program that starts a node on a free port heard only when the node ended where it had been.
#[test]
fn a_program_hears_where_a_node_serves() {
    let place = Place::empty();
    place.init("city").ok();
    let mut child = logging(&place, &["--json"]);
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let told: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert!(get(text(&told, "url"), "/health").starts_with("HTTP/1.1 200 "));
    assert_eq!(text(&told, "trust"), trust(&place, "city"));
    let mut log = BufReader::new(child.stderr.take().unwrap());
    line.clear();
    log.read_line(&mut line).unwrap();
    let asked: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&asked["path"], &asked["status"]),
        (&"/health".into(), &200.into())
    );
    assert!(
        asked["member"].is_null() && asked["milliseconds"].is_number(),
        "{asked}"
    );
    let stop = Command::new("kill").arg(child.id().to_string()).status();
    assert!(stop.unwrap().success() && child.wait().unwrap().success());
    // one object, and no other
    line.clear();
    assert_eq!(out.read_line(&mut line).unwrap(), 0, "{line}");
}

#[test]
fn what_a_node_is_told_to_allow_is_checked() {
    let place = Place::empty();
    place.init("city").ok();
    for (wrong, words) in [
        (["--timeout", "0s"], "expected a time such as 30s"),
        (["--connections", "0"], "--connections"),
        (["--behind", "proxy.example"], "--behind"),
    ] {
        let node = ["node", "--home", "city", "--listen", "127.0.0.1:0"];
        place.run(node.iter().chain(&wrong)).fails(2, &[words]);
    }
}

/// Asks the node for a path, otherwise as it was asked.
type Ask<'a> = &'a dyn Fn(&str) -> Vec<u8>;

/// Somebody between homes and node: `say` gets the path that is asked for, and what asks the node for one.
fn between(url: &str, say: impl Fn(&str, Ask<'_>) -> Vec<u8> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let host = url.strip_prefix("http://").unwrap().to_owned();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && lines.read_line(&mut head).unwrap() > 0 {}
            let Some(path) = head.split(' ').nth(1) else {
                continue; // somebody who said nothing
            };
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                let named = name.eq_ignore_ascii_case("content-length");
                named.then(|| value.parse().unwrap())
            });
            let mut body = vec![0; length.unwrap_or(0)];
            lines.read_exact(&mut body).unwrap();
            let head = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
            let ask = |asked: &str| {
                let mut node = TcpStream::connect(&host).unwrap();
                let head = head.replacen(path, asked, 1);
                node.write_all(head.as_bytes()).unwrap();
                node.write_all(&body).unwrap();
                let mut answer = Vec::new();
                node.read_to_end(&mut answer).unwrap();
                answer
            };
            stream.write_all(&say(path, &ask)).unwrap();
        }
    });
    address
}

#[test]
fn that_a_share_is_unknown_is_proven_like_everything_else() {
    const SHARES: &str = "/v1/shares/";
    let place = Place::new();
    let share = text(&place.share(&image("CT_small.dcm")), "share_id").to_owned();
    let served = Served::new(&place, "city");
    let ask = |url: &str, share: &str| place.run(["log", "--home", "bob", share, "--ledger", url]);
    let unknown = "5".repeat(64);
    ask(&served.url, &share).ok();
    ask(&served.url, &unknown).fails(3, &["no approved block", &unknown]);

    // the same through somebody who changes nothing
    let honest = between(&served.url, |path, ask| ask(path));
    ask(&honest, &share).ok();
    ask(&honest, &unknown).fails(3, &["no approved block"]);
    // no verdict on what is not proven: one bit of the proof, another absence's proof, the mere word that it is not there
    let one_bit = between(&served.url, |path, ask| {
        let mut answer = ask(path);
        if path.starts_with(SHARES) {
            let at = answer.len() - 40;
            answer[at] ^= 1;
        }
        answer
    });
    let another = between(&served.url, |path, ask| {
        match path.strip_prefix(SHARES).map(|rest| rest.split_at(64)) {
            Some((_, rest)) => ask(&format!("{SHARES}{}{rest}", "6".repeat(64))),
            None => ask(path),
        }
    });
    let word = between(&served.url, |path, ask| {
        if !path.starts_with(SHARES) {
            return ask(path);
        }
        let body = r#"{"title":"Not Found","status":404,"detail":"no","code":"not-found"}"#;
        let kind = "Content-Type: application/problem+json\r\nConnection: close";
        let length = body.len();
        format!("HTTP/1.1 404 Not Found\r\n{kind}\r\nContent-Length: {length}\r\n\r\n{body}")
            .into_bytes()
    });
    for lying in [&one_bit, &another, &word] {
        for share in [&share, &unknown] {
            let ran = ask(lying, share).fails(1, &[]);
            for verdict in ["no approved block", "cannot reach"] {
                assert!(!ran.stderr.contains(verdict), "{ran:?}");
            }
        }
    }
}

#[test]
fn what_may_be_recorded_is_kept() {
    let place = Place::new();
    let served = Served::new(&place, "city");
    let ct = image("CT_small.dcm");
    let problem = |status: &str| {
        let body = r#"{"code":"slow","detail":"no answer in time"}"#;
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
    };
    // the node hears it, and nobody hears the node; or whoever is between answers in its place
    let between_them = [
        String::new(),
        problem("408 Request Timeout"),
        // unproven
        "HTTP/1.1 200 OK\r\ncontent-type: application/cbor\r\ncontent-length: 1\r\nconnection: close\r\n\r\n\0".to_owned(),
    ];
    for (number, said) in between_them.into_iter().enumerate() {
        let deaf = between(&served.url, move |path, ask| {
            let answer = ask(path);
            if path.starts_with("/v1/transactions") {
                return said.clone().into_bytes();
            }
            answer
        });
        let share = ["share", "--home", "alice", ct.to_str().unwrap()];
        let to = ["--to", "bob.pgp", "--ledger", &deaf];
        let ran = place.run(share.iter().chain(&to));
        let ran = ran.fails(1, &["may have recorded it", "medshare log"]);
        let (_, rest) = ran.stderr.split_once("share ").unwrap();
        let share = rest.split(',').next().unwrap();
        let out = format!("out-{number}");
        let receive = ["receive", "--home", "bob", share, "--out", &out];
        place
            .run(receive.iter().chain(&["--ledger", &served.url]))
            .ok();
        assert_eq!(fs::read(&ct).unwrap(), fs::read(place.path(&out)).unwrap());
    }
}

#[test]
fn a_member_goes_on_with_a_new_key() {
    let place = Place::new();
    let ct = image("CT_small.dcm");
    let before = text(&place.share(&ct), "share_id").to_owned();
    let home = place.path("alice");
    let stolen = place.path("stolen");
    fs::create_dir(&stolen).unwrap();
    for name in ["config.json", "key.pgp"] {
        fs::copy(home.join(name), stolen.join(name)).unwrap();
    }
    let keys = || {
        let members = place.run(["members", "--json", "--home", "bob"]).ok();
        members.json()["members"].to_string()
    };
    let known = keys();
    let rotate = ["rotate-key", "--json", "--home", "alice"];
    let rotated = place.run(rotate).ok().json();
    assert_eq!(rotated["height"], 5);
    assert_ne!(known, keys());
    assert!(!home.join("key.next.pgp").exists());
    // the passphrase is what it was
    let mut wrong = program(place.directory.path());
    wrong.args(["share", "--home", "alice"]).arg(&ct);
    wrong.args(["--to", "bob.pgp"]);
    wrong.env("MEDSHARE_PASSPHRASE", "wrong");
    common::Ran::of(wrong.output().unwrap()).fails(1, &["cannot unlock"]);
    // the new key sends, and what the old one sent is verified still
    let after = text(&place.share(&ct), "share_id").to_owned();
    for (share, out) in [(&before, "before"), (&after, "after")] {
        place.receive("bob", share, out).ok();
        assert_eq!(fs::read(&ct).unwrap(), fs::read(place.path(out)).unwrap());
    }
    // bob seals to the cert of now alone, and alice reads that
    let cert = ["cert", "--home", "alice", "--out", "renewed.pgp"];
    place.run(cert).ok();
    let share = ["share", "--json", "--home", "bob", ct.to_str().unwrap()];
    let to_old = place.run(share.iter().chain(&["--to", "alice.pgp"]));
    to_old.fails(1, &["not the one that the ledger knows"]);
    let to_new = place.run(share.iter().chain(&["--to", "renewed.pgp"]));
    let shared = to_new.ok().json();
    place
        .receive("alice", text(&shared, "share_id"), "new-cert")
        .ok();
    // whoever has the old key sends nothing with it
    let share = ["share", "--home", "stolen", ct.to_str().unwrap()];
    place
        .run(share.iter().chain(&["--to", "bob.pgp"]))
        .fails(1, &["refuses"]);

    // between the ledger and the file: the same key is found again, and recorded once; no change is lost meanwhile
    fs::rename(home.join("key.pgp"), home.join("key.next.pgp")).unwrap();
    fs::copy(stolen.join("key.pgp"), home.join("key.pgp")).unwrap();
    let change = ["key", "rotate", "alice/key.pgp"];
    place.run(change).fails(1, &["waits to take the place"]);
    let held = fs::File::open(home.join("key.pgp")).unwrap();
    held.lock().unwrap();
    place.run(rotate).fails(1, &["another command"]);
    drop(held);
    let again = place.run(rotate).ok().json();
    assert!(again["height"].is_null(), "{again}");
    place.share(&ct);

    // a key that was changed behind the ledger's back is made known by the authority
    let key = home.join("key.pgp");
    let key = key.to_str().unwrap();
    place.run(["key", "rotate", key]).ok();
    let shared = ["share", "--home", "alice", ct.to_str().unwrap()];
    let shared = || place.run(shared.iter().chain(&["--to", "bob.pgp"]));
    shared().fails(1, &["refuses"]);
    let cert = ["cert", "--home", "alice", "--out", "again.pgp"];
    place.run(cert).ok();
    let stranger = ["rotate-key", "--home", "mallory", "again.pgp"];
    place.run(stranger).fails(1, &["refuses"]);
    place
        .run(["rotate-key", "--home", "city", "again.pgp"])
        .ok();
    shared().ok();
}
