//! Keys that the tests share, made by this project and stored, so that nothing waits for their making.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "not every test uses all of it; a test may panic"
)]

use std::time::{Duration, SystemTime};

use pgp_envelope::{Key, Opener, Policy, Recipient, Sealer, Signer};

/// When the stored keys were made, in seconds since 1970: 2026-09-01.
pub(crate) const MADE: u64 = 1_788_220_800;

/// The keys made by `data.rs`.
pub(crate) const NAMES: [&str; 4] = ["alice-v6", "bob-v6", "alice-v4", "bob-v4"];

pub(crate) fn day(n: u32) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(MADE + 24 * 3600 * u64::from(n))
}

pub(crate) fn policy() -> Policy {
    Policy::at(day(1))
}

pub(crate) fn path(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

pub(crate) fn key(name: &str) -> Key {
    Key::read(&std::fs::read(path(&format!("keys/{name}.asc"))).unwrap()).unwrap()
}

/// From the key of one name to the other, on day 1.
pub(crate) fn seal(from: &Key, to: &Key, plaintext: &[u8]) -> Vec<u8> {
    let policy = policy();
    let mut message = Vec::new();
    Sealer::new()
        .signer(&Signer::new(from, &policy).unwrap())
        .recipient(&Recipient::new(&to.cert(), &policy).unwrap())
        .seal(plaintext, &mut message)
        .unwrap();
    message
}

pub(crate) fn opener<'a>(policy: &'a Policy, from: &Key, to: &Key) -> Opener<'a> {
    Opener::new(policy).key(to).signer(&from.cert())
}
