//! Messages to and from other OpenPGP programs, and the table of who reads what in the README, which this test makes.
//!
//! `.ci/interop` installs the programs. Those that are missing are named and left out, unless `MEDSHARE_FORBID_SKIPS` is set:
//! then the test fails. With `MEDSHARE_MAKE_DATA` set and all programs there, the table is written anew.

#![allow(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::print_stdout,
    reason = "a test may panic, and says what it leaves out"
)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};
use std::{env, fs, thread};

use pgp_envelope::{
    Error, Key, KeyOptions, Mode, Opener, Policy, Profile, Recipient, Sealer, Signer,
};

const PROFILES: [(Profile, &str); 2] = [(Profile::Rfc9580, "v6"), (Profile::Rfc4880, "v4")];

/// Somebody's files: a secret key and a public cert.
struct Person {
    key: Key,
    secret: PathBuf,
    public: PathBuf,
}

struct Desk {
    folder: PathBuf,
    tools: PathBuf,
}

/// Where gpg writes what it has found out of a signature.
const STATUS: &str = "gpg-status";

type Run = Box<dyn Fn(&Desk, &Person, &Person) -> Command>;

struct Peer {
    name: &'static str,
    version: String,
    /// Which of v6 and v4 it knows.
    knows: &'static [&'static str],
    /// From the first to the second.
    seal: Run,
    /// As the first, from the second.
    open: Run,
}

fn output(command: &mut Command, input: &[u8]) -> Result<Vec<u8>, String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A program that fails early closes its end: not our failure.
    let writer = thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

fn version(command: &mut Command) -> Option<String> {
    let text = String::from_utf8(output(command, b"").ok()?).ok()?;
    let line = text.lines().find(|line| !line.trim().is_empty())?;
    let number = line
        .split([' ', ','])
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    Some(number.to_owned())
}

fn gpg(desk: &Desk) -> Command {
    let mut command = Command::new("gpg");
    command
        .args([
            "--batch",
            "--quiet",
            "--no-tty",
            "--trust-model=always",
            "--homedir",
        ])
        .arg(desk.folder.join("gnupg"));
    command
}

fn peers(desk: &Desk) -> Vec<Peer> {
    let mut found = Vec::new();
    let mut missing = Vec::new();
    let mut add = |name, version: Option<String>, knows, seal: Run, open: Run| match version {
        Some(version) => found.push(Peer {
            name,
            version,
            knows,
            seal,
            open,
        }),
        None => missing.push(name),
    };
    add(
        "GnuPG",
        version(Command::new("gpg").arg("--version")),
        &["v4"][..],
        Box::new(|desk, from, to| {
            let mut command = gpg(desk);
            command
                .args(["--sign", "--encrypt", "--local-user"])
                .arg(from.key.fingerprint().to_string());
            command
                .arg("--recipient")
                .arg(to.key.fingerprint().to_string());
            command
        }),
        Box::new(|desk, _, _| {
            let mut command = gpg(desk);
            let status = desk.folder.join(STATUS);
            command.arg("--status-file").arg(status).arg("--decrypt");
            command
        }),
    );
    let sq = version(Command::new("sq").arg("--version"));
    // Debian 12 has 0.27, whose flags were other words.
    let old = sq.as_ref().is_some_and(|version| version.starts_with("0."));
    add(
        "sq",
        sq,
        &["v4"][..],
        Box::new(move |_, from, to| {
            let [signer, recipient] = if old {
                ["--signer-key", "--recipient-cert"]
            } else {
                ["--signer-file", "--for-file"]
            };
            let mut command = Command::new("sq");
            command.args(["encrypt", "--binary"]);
            command.arg(signer).arg(&from.secret);
            command.arg(recipient).arg(&to.public);
            command
        }),
        Box::new(move |_, to, from| {
            let [recipient, signer] = if old {
                ["--recipient-key", "--signer-cert"]
            } else {
                ["--recipient-file", "--signer-file"]
            };
            let mut command = Command::new("sq");
            command.args(["decrypt", "--signatures=1"]);
            command.arg(recipient).arg(&to.secret);
            command.arg(signer).arg(&from.public);
            command
        }),
    );
    let rpgp = desk.tools.join("bin/rpgp");
    let also = rpgp.clone();
    add(
        "rPGP",
        rpgp.exists().then(|| "0.21.0".to_owned()),
        &["v6", "v4"][..],
        Box::new(move |_, from, to| {
            let mut command = Command::new(&rpgp);
            let container = if to.key.cert().profile() == Profile::Rfc9580 {
                "v2"
            } else {
                "v1"
            };
            command
                .args(["seal", container])
                .arg(&from.secret)
                .arg(&to.public);
            command
        }),
        Box::new(move |_, to, from| {
            let mut command = Command::new(&also);
            command.arg("open").arg(&to.secret).arg(&from.public);
            command
        }),
    );
    let library = desk.tools.join("node_modules/openpgp");
    let number = fs::read_to_string(library.join("package.json"))
        .ok()
        .filter(|_| {
            version(Command::new("node").arg("--version")).is_some()
                || output(Command::new("node").arg("--version"), b"").is_ok()
        })
        .and_then(|text| {
            Some(
                text.split("\"version\": \"")
                    .nth(1)?
                    .split('"')
                    .next()?
                    .to_owned(),
            )
        });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/openpgp.mjs");
    let node = move |command: &str, secret: &Path, public: &Path| {
        let mut node = Command::new("node");
        node.arg(&script)
            .arg(library.join("dist/node/openpgp.mjs"))
            .arg(command)
            .arg(secret)
            .arg(public);
        node
    };
    let also = node.clone();
    add(
        "OpenPGP.js",
        number,
        &["v6", "v4"][..],
        Box::new(move |_, from, to| node("seal", &from.secret, &to.public)),
        Box::new(move |_, to, from| also("open", &to.secret, &from.public)),
    );
    let python = desk.tools.join("venv/bin/python");
    let number = version(
        Command::new(&python)
            .args(["-W", "ignore", "-c"])
            .arg("import pgpy, importlib.metadata as m; print('PGPy', m.version('PGPy'))"),
    );
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/pgpy.py");
    let pgpy = move |command: &str, secret: &Path, public: &Path| {
        let mut process = Command::new(&python);
        process.arg(&script).arg(command).arg(secret).arg(public);
        process
    };
    let also = pgpy.clone();
    add(
        "PGPy",
        number,
        &["v4"][..],
        Box::new(move |_, from, to| pgpy("seal", &from.secret, &to.public)),
        Box::new(move |_, to, from| also("open", &to.secret, &from.public)),
    );
    for name in &missing {
        println!("skipped: {name} is not installed; .ci/interop installs it");
    }
    assert!(
        missing.is_empty() || env::var_os("MEDSHARE_FORBID_SKIPS").is_none(),
        "missing: {missing:?}"
    );
    found
}

fn sealed(from: &Person, to: &Person, plaintext: &[u8]) -> Vec<u8> {
    let policy = Policy::now();
    let mut message = Vec::new();
    Sealer::new()
        .signer(&Signer::new(&from.key, &policy).unwrap())
        .recipient(&Recipient::new(&to.key.cert(), &policy).unwrap())
        .seal(plaintext, &mut message)
        .unwrap();
    message
}

#[test]
fn messages_travel_to_and_from_other_programs() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tools =
        env::var_os("MEDSHARE_INTEROP").map_or(repository.join("target/interop"), PathBuf::from);
    let desk = Desk {
        folder: folder.path().to_owned(),
        tools,
    };
    let peers = peers(&desk);
    let mut rows: Vec<Vec<String>> = peers
        .iter()
        .map(|peer| vec![format!("`{}` {}", peer.name, peer.version)])
        .collect();
    for (profile, label) in PROFILES {
        let person = |name: &str| {
            let options = KeyOptions::new(format!("{name} <{name}@example.org>"))
                .profile(profile)
                .created(SystemTime::now() - Duration::from_secs(3600));
            let key = Key::generate(&options).unwrap().key;
            let [secret, public] = ["secret", "public"]
                .map(|kind| desk.folder.join(format!("{name}-{label}-{kind}.asc")));
            fs::write(&secret, key.to_armored().as_bytes()).unwrap();
            fs::write(&public, key.cert().to_armored()).unwrap();
            Person {
                key,
                secret,
                public,
            }
        };
        let (alice, bob) = (person("alice"), person("bob"));
        for (peer, row) in peers.iter().zip(&mut rows) {
            let known = peer.knows.contains(&label);
            if peer.name == "GnuPG" {
                let home = desk.folder.join("gnupg");
                fs::create_dir_all(&home).unwrap();
                for person in [&alice, &bob] {
                    let imported = output(gpg(&desk).arg("--import").arg(&person.secret), b"");
                    assert_eq!(imported.is_ok(), known, "{label}: {imported:?}");
                }
            }
            if !known {
                // tried, so that the table says so when a new version of the program knows it
                let ours = sealed(&alice, &bob, b"a scan");
                let read = output(&mut (peer.open)(&desk, &bob, &alice), &ours);
                let theirs = output(&mut (peer.seal)(&desk, &alice, &bob), b"a scan");
                for done in [read, theirs] {
                    row.push(if done.is_ok() { "yes" } else { "-" }.to_owned());
                }
                continue;
            }
            let mut written = "yes";
            for size in [0, 1, 300, 65_530, 700_000] {
                let plaintext: Vec<u8> = (0..size)
                    .map(|i: u32| i.wrapping_mul(2_654_435_761).to_be_bytes()[0])
                    .collect();
                let what = format!("{} {label} {size}", peer.name);
                let ours = sealed(&alice, &bob, &plaintext);
                let read = output(&mut (peer.open)(&desk, &bob, &alice), &ours)
                    .unwrap_or_else(|error| panic!("{what} opens: {error}"));
                assert!(read == plaintext, "{what} opens");
                if peer.name == "GnuPG" {
                    let status = fs::read(desk.folder.join(STATUS)).unwrap();
                    let status = String::from_utf8_lossy(&status);
                    let mut lines = status.lines();
                    let valid = lines.find(|line| line.starts_with("[GNUPG:] VALIDSIG "));
                    let signer = alice.key.fingerprint().to_string();
                    assert!(
                        valid.is_some_and(|line| line.ends_with(&signer)),
                        "{status}"
                    );
                }
                let theirs = output(&mut (peer.seal)(&desk, &alice, &bob), &plaintext)
                    .unwrap_or_else(|error| panic!("{what} seals: {error}"));
                let opened = Opener::new(&Policy::now())
                    .key(&bob.key)
                    .signer(&alice.key.cert())
                    .open(&theirs[..]);
                let opened = match opened {
                    // the peer chose OCB, which Nettle 3 lacks: said by name, as it should be
                    Err(Error::Unsupported { .. }) if !Mode::Ocb.is_supported() => {
                        written = "with another backend";
                        continue;
                    }
                    opened => opened.unwrap_or_else(|error| panic!("{what} sealed: {error:?}")),
                };
                assert_eq!(opened.signer(), alice.key.fingerprint());
                assert!(opened.into_vec().unwrap() == plaintext, "{what} sealed");
            }
            row.extend(["yes".to_owned(), written.to_owned()]);
        }
    }
    let _ = Command::new("gpgconf")
        .arg("--homedir")
        .arg(desk.folder.join("gnupg"))
        .args(["--kill", "all"])
        .status();
    if peers.len() == 5 && Mode::Ocb.is_supported() {
        check_table(&rows);
    }
}

/// The README's table is what was found; versions may have moved on.
fn check_table(rows: &[Vec<String>]) {
    const START: &str = "<!-- made by tests/interop.rs -->\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(START).unwrap();
    let (table, after) = rest.split_at(rest.find("\n\n").unwrap() + 1);
    let mut made =
        "| program | reads v6 | writes v6 | reads v4 | writes v4 |\n|---|---|---|---|---|\n"
            .to_owned();
    for row in rows {
        made += &format!("| {} |\n", row.join(" | "));
    }
    if env::var_os("MEDSHARE_MAKE_DATA").is_some() {
        return fs::write(&path, format!("{before}{START}{made}{after}")).unwrap();
    }
    let unversioned = |table: &str| -> Vec<String> {
        table
            .lines()
            .map(|line| {
                line.chars()
                    .filter(|c| !c.is_ascii_digit() && *c != '.')
                    .collect()
            })
            .collect()
    };
    assert_eq!(
        unversioned(table),
        unversioned(&made),
        "MEDSHARE_MAKE_DATA=1 makes the table anew"
    );
}
