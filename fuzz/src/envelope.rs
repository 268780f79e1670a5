//! Properties of pgp-envelope, with keys that its tests have stored.

#![allow(
    clippy::missing_panics_doc,
    reason = "a property panics when it does not hold"
)]

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use pgp_envelope::{
    Cert, Key, Opener, Policy, Profile, Recipient, Sealer, Signer, head_len, regrant, testing,
};

use crate::Target;

/// The targets of this module.
pub const TARGETS: &[Target] = &[
    ("envelope_open", open),
    ("envelope_content", content),
    ("envelope_flip", flip),
    ("envelope_cert", cert),
    ("envelope_head", head),
];

struct People {
    policy: Policy,
    alice: [Key; 2],
    bob: [Key; 2],
}

static PEOPLE: LazyLock<People> = LazyLock::new(|| {
    let key = |bytes: &[u8]| Key::read(bytes).expect("a stored key");
    macro_rules! stored {
        ($name:literal) => {
            key(include_bytes!(concat!(
                "../../crates/pgp-envelope/tests/data/keys/",
                $name,
                ".asc"
            )))
        };
    }
    People {
        // 2026-09-02, and little memory
        policy: Policy::at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_788_307_200))
            .memory(1 << 20)
            .size(8 << 20)
            .decompressed(4 << 20),
        alice: [stored!("alice-v6"), stored!("alice-v4")],
        bob: [stored!("bob-v6"), stored!("bob-v4")],
    }
});

fn opener() -> Opener<'static> {
    let People { policy, alice, bob } = &*PEOPLE;
    let opener = bob.iter().fold(Opener::new(policy), Opener::key);
    alice
        .iter()
        .fold(opener, |opener, alice| opener.signer(&alice.cert()))
}

/// Arbitrary bytes are refused, or are a message by Alice.
pub fn open(data: &[u8]) {
    if let Ok(opened) = opener().open(data) {
        assert!(
            PEOPLE
                .alice
                .iter()
                .any(|alice| alice.fingerprint() == opened.signer())
        );
    }
}

/// Arbitrary packets inside a container, as an insider could write them, are refused, or are signed by Alice. The first byte
/// chooses the container.
pub fn content(data: &[u8]) {
    let Some((&first, content)) = data.split_first() else {
        return;
    };
    let profile = if first & 1 == 0 {
        Profile::Rfc9580
    } else {
        Profile::Rfc4880
    };
    let (message, key) = testing::contain(profile, content).expect("the backend has both");
    if let Ok(opened) = opener().session_key(&key).open(&message[..]) {
        assert!(
            PEOPLE
                .alice
                .iter()
                .any(|alice| alice.fingerprint() == opened.signer())
        );
        assert!(opened.len() <= 8 << 20);
    }
}

/// What is sealed opens, and does not with one bit flipped. The first byte chooses the profile, four more the bit, the rest is
/// the plaintext.
pub fn flip(data: &[u8]) {
    let Some((&[first, bit @ ..], plaintext)) = data.split_first_chunk::<5>() else {
        return;
    };
    let People { policy, alice, bob } = &*PEOPLE;
    let which = usize::from(first & 1);
    let signer = Signer::new(&alice[which], policy).expect("a valid key");
    let recipient = Recipient::new(&bob[which].cert(), policy).expect("a valid cert");
    let mut message = Vec::new();
    let sealed = Sealer::new()
        .signer(&signer)
        .recipient(&recipient)
        .seal(plaintext, &mut message);
    let sealed = sealed.expect("memory does not fail");
    assert_eq!(head_len(&message[..]).ok(), Some(sealed.head_len()));
    let opened = opener()
        .open(&message[..])
        .and_then(|opened| opened.into_vec());
    assert_eq!(opened.ok().as_deref(), Some(plaintext));
    let bit = usize::try_from(u32::from_le_bytes(bit)).expect("32 bits") % (message.len() * 8);
    message[bit / 8] ^= 1 << (bit % 8);
    assert!(opener().open(&message[..]).is_err(), "bit {bit}");
}

/// Arbitrary bytes as a cert, a key and a revocation: what reads is written and read again as the same.
pub fn cert(data: &[u8]) {
    let alice = PEOPLE.alice[0].cert();
    assert!(alice.apply_revocation(data).is_err() || data.len() > 100);
    if let Ok(key) = Key::read(data) {
        assert_eq!(key.fingerprint(), key.cert().fingerprint());
        let _ = Signer::new(&key, &PEOPLE.policy);
    }
    let Ok(cert) = Cert::read(data) else {
        return;
    };
    let _ = (
        cert.userids(),
        cert.expires_at(),
        cert.ledger_key(&PEOPLE.policy),
    );
    let _ = Recipient::new(&cert, &PEOPLE.policy);
    assert!(cert.ledger_keys().len() <= data.len());
    let again = Cert::read(&cert.to_bytes()).expect("what was written is read");
    assert_eq!(again.fingerprint(), cert.fingerprint());
    assert_eq!(again.to_bytes(), cert.to_bytes());
    assert!(cert.merge(&cert).is_ok_and(|merged| merged == cert));
    assert!(alice.merge(&cert).is_err() || alice.fingerprint() == cert.fingerprint());
}

/// Where arbitrary bytes have a head, it lies inside them, and a grant under any session key makes a head again.
pub fn head(data: &[u8]) {
    let Ok(len) = head_len(data) else {
        return;
    };
    let len = usize::try_from(len).expect("less than the data");
    let (head, body) = data.split_at(len);
    let key = pgp_envelope::SessionKey::from_bytes(&[1; 32]).expect("32 bytes");
    let bob = PEOPLE
        .bob
        .iter()
        .map(|bob| Recipient::new(&bob.cert(), &PEOPLE.policy).expect("a valid cert"));
    if let Ok(granted) = regrant(head, &key, &bob.collect::<Vec<_>>()) {
        let message = [&granted[..], body].concat();
        assert_eq!(head_len(&message[..]).ok(), Some(granted.len() as u64));
    }
}
