//! Secret keys in a gpg-agent that runs: signing, decrypting, ledger signatures.
//!
//! Without GnuPG the test says that it is left out, unless `MEDSHARE_FORBID_SKIPS` is set: then it fails.

#![cfg(all(feature = "gpg-agent", unix))]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and says what it leaves out"
)]

mod people;

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

use people::key;
use pgp_envelope::{
    Agent, Error, Key, Opener, Passphrase, Policy, Recipient, Sealer, Signer, verify_ledger,
};

/// A GnuPG home of its own, whose agent is ended with it.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(
            folder.path().join("gpg-agent.conf"),
            "allow-loopback-pinentry\n",
        )
        .unwrap();
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn import(&self, key: &Key) {
        let mut gpg = Command::new("gpg")
            .args(["--batch", "--quiet", "--no-tty", "--homedir"])
            .arg(self.path())
            .arg("--import")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = gpg.stdin.take().unwrap();
        stdin.write_all(key.to_armored().as_bytes()).unwrap();
        drop(stdin);
        assert!(gpg.wait().unwrap().success());
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf")
            .arg("--homedir")
            .arg(self.path())
            .args(["--kill", "all"])
            .status();
    }
}

/// Whether GnuPG is there; it is a failure where skipping is forbidden.
fn is_installed() -> bool {
    let found = Command::new("gpg").arg("--version").output().is_ok();
    if !found {
        println!("skipped: GnuPG is not installed");
        assert!(
            env::var_os("MEDSHARE_FORBID_SKIPS").is_none(),
            "GnuPG is missing"
        );
    }
    found
}

#[test]
fn an_agent_signs_decrypts_and_signs_for_the_ledger() {
    if !is_installed() {
        return;
    }
    let (alice, bob) = (key("alice-v4"), key("bob-v4"));
    let policy = Policy::now();
    let home = Home::new();
    home.import(&alice);
    let agent = Agent::new(Some(home.path())).unwrap();

    let signer = Signer::with_agent(&alice.cert(), &agent, &policy).unwrap();
    let mut message = Vec::new();
    Sealer::new()
        .signer(&signer)
        .recipient(&Recipient::new(&alice.cert(), &policy).unwrap())
        .seal(&b"a scan"[..], &mut message)
        .unwrap();
    let kept = Opener::new(&policy)
        .agent(&alice.cert(), &agent)
        .signer(&alice.cert());
    for opener in [
        kept.clone(),
        Opener::new(&policy).key(&alice).signer(&alice.cert()),
    ] {
        let opened = opener.open(&message[..]).unwrap();
        assert_eq!(opened.signer(), alice.fingerprint());
        assert_eq!(opened.into_vec().unwrap(), b"a scan");
    }

    // Ed25519 over the ledger's digest: the agent signs what it is given, as for OpenPGP.
    let signature = signer.sign_ledger(b"a transaction").unwrap();
    let public = alice.cert().ledger_key(&policy).unwrap();
    assert!(verify_ledger(&public, b"a transaction", &signature));
    assert!(!verify_ledger(&public, b"another", &signature));

    // One bit flipped in the message, and a message for somebody else.
    let mut flipped = message.clone();
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    assert!(matches!(kept.open(&flipped[..]), Err(Error::Tampered)));
    let mut other = Vec::new();
    Sealer::new()
        .signer(&signer)
        .recipient(&Recipient::new(&bob.cert(), &policy).unwrap())
        .seal(&b"a scan"[..], &mut other)
        .unwrap();
    assert!(matches!(kept.open(&other[..]), Err(Error::NotForMe)));

    // Whose secrets it does not keep.
    assert!(matches!(
        Signer::with_agent(&bob.cert(), &agent, &policy),
        Err(Error::SecretMissing { .. })
    ));
    assert!(matches!(
        Opener::new(&policy)
            .agent(&bob.cert(), &agent)
            .open(&other[..]),
        Err(Error::SecretMissing { .. })
    ));
}

#[test]
fn a_locked_key_needs_its_passphrase() {
    if !is_installed() {
        return;
    }
    let policy = Policy::now();
    let right = Passphrase::from("hunter2");
    let locked = key("alice-v4").lock(&right).unwrap();
    let home = Home::new();
    home.import(&locked);
    let agent = Agent::new(Some(home.path())).unwrap();
    for (passphrase, holds) in [(Passphrase::from("hunter3"), false), (right, true)] {
        let agent = agent.clone().passphrase(&passphrase);
        let signer = Signer::with_agent(&locked.cert(), &agent, &policy).unwrap();
        assert_eq!(signer.sign_ledger(b"a transaction").is_ok(), holds);
    }
}

#[test]
fn no_agent_is_an_error() {
    let nowhere = Path::new("/nowhere/at/all");
    assert!(matches!(
        Agent::new(Some(nowhere)),
        Err(Error::Library { .. })
    ));
}
