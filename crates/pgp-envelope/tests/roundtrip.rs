//! Every kind of cert and every size around a boundary, sealed and opened.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Read;
use std::num::NonZero;
use std::time::{Duration, SystemTime};

use openpgp::crypto::S2K;
use openpgp::packet::key::SecretKeyMaterial;
use openpgp::parse::Parse as _;
use pgp_envelope::{
    Container, Error, Key, KeyOptions, Mode, Opener, Padding, Policy, Profile, Recipient, Sealer,
    Signer, head_len, regrant,
};
use sequoia_openpgp as openpgp;

fn time() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn policy() -> Policy {
    Policy::at(time())
}

fn key(name: &str, profile: Profile) -> Key {
    let options = KeyOptions::new(name)
        .profile(profile)
        .created(time() - Duration::from_secs(3600));
    Key::generate(&options).unwrap().key
}

const PROFILES: [Profile; 2] = [Profile::Rfc9580, Profile::Rfc4880];

fn payload(len: usize) -> Vec<u8> {
    (0..len)
        .map(|i| u8::try_from((i * 7 + i / 251) % 256).unwrap())
        .collect()
}

#[test]
fn sizes_around_parts_and_chunks() {
    let policy = policy();
    for profile in PROFILES {
        let alice = key("Alice", profile);
        let bob = key("Bob", profile);
        let signer = Signer::new(&alice, &policy).unwrap();
        let recipient = Recipient::new(&bob.cert(), &policy).unwrap();
        let sizes = [
            0,
            1,
            100,
            65_529,
            65_530,
            65_531,
            262_144 - 500,
            262_144,
            600_000,
            1_500_000,
        ];
        for (size, threads) in sizes
            .into_iter()
            .flat_map(|size| [1, 2, 4].map(|threads| (size, threads)))
        {
            let threads = NonZero::new(threads).unwrap();
            let plaintext = payload(size);
            let mut message = Vec::new();
            let sealed = Sealer::new()
                .signer(&signer)
                .recipient(&recipient)
                .threads(threads)
                .seal(&plaintext[..], &mut message)
                .unwrap();
            assert_eq!(sealed.head_len(), head_len(&message[..]).unwrap());
            assert_eq!(sealed.head_len() + sealed.body_len(), message.len() as u64);
            match (profile, sealed.container()) {
                (Profile::Rfc9580, Container::SeipdV2 { mode, .. }) => {
                    let ocb = Mode::Ocb.is_supported();
                    assert_eq!(mode, if ocb { Mode::Ocb } else { Mode::Eax });
                }
                (Profile::Rfc4880, Container::SeipdV1) => {}
                other => panic!("{other:?}"),
            }
            let mut opened = Opener::new(&policy)
                .key(&bob)
                .signer(&alice.cert())
                .threads(threads)
                .open(&message[..])
                .unwrap_or_else(|error| panic!("{profile:?} {size}: {error:?}"));
            assert_eq!(opened.signer(), alice.fingerprint());
            assert_eq!(opened.signed_at(), time());
            assert_eq!(opened.intended(), [bob.fingerprint()]);
            assert_eq!(
                opened.session_key().as_bytes(),
                sealed.session_key().as_bytes()
            );
            let mut read = Vec::new();
            opened.plaintext().unwrap().read_to_end(&mut read).unwrap();
            assert!(read == plaintext, "{profile:?} {size}");
        }
    }
}

#[test]
fn mixed_recipients_get_what_all_of_them_read() {
    let policy = policy();
    let alice = key("Alice", Profile::Rfc9580);
    let receivers = PROFILES.map(|profile| key("Receiver", profile));
    let recipients = receivers
        .iter()
        .map(|key| Recipient::new(&key.cert(), &policy).unwrap());
    let mut message = Vec::new();
    let sealed = Sealer::new()
        .signer(&Signer::new(&alice, &policy).unwrap())
        .recipients(recipients)
        .hidden_recipients()
        .seal(&b"for both"[..], &mut message)
        .unwrap();
    assert_eq!(sealed.container(), Container::SeipdV1);
    for receiver in &receivers {
        let opened = Opener::new(&policy)
            .key(receiver)
            .signer(&alice.cert())
            .open(&message[..])
            .unwrap();
        assert_eq!(opened.into_vec().unwrap(), b"for both");
    }
}

/// What a key packet says of its receiver: the fingerprint of the subkey (section 5.1.2), or its key id (section 5.1.1).
fn encryption_subkey(key: &Key) -> Vec<u8> {
    let cert = openpgp::Cert::from_bytes(&key.cert().to_bytes()).unwrap();
    let mut subkeys = cert.keys().subkeys();
    let found = subkeys.find(|subkey| subkey.key().pk_algo().for_encryption());
    let subkey = found.unwrap().key().clone();
    match key.cert().profile() {
        Profile::Rfc9580 => subkey.fingerprint().as_bytes().to_vec(),
        Profile::Rfc4880 => subkey.keyid().as_bytes().to_vec(),
    }
}

#[test]
fn a_hidden_recipient_is_named_nowhere_not_even_after_a_grant() {
    let policy = policy();
    for profile in PROFILES {
        let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| key(name, profile));
        let [to_bob, to_carol] =
            [&bob, &carol].map(|key| Recipient::new(&key.cert(), &policy).unwrap());
        let signer = Signer::new(&alice, &policy).unwrap();
        let seal = |hidden: bool| {
            let mut sealer = Sealer::new().signer(&signer).recipient(&to_bob);
            if hidden {
                sealer = sealer.hidden_recipients();
            }
            let mut message = Vec::new();
            sealer.seal(&b"a scan"[..], &mut message).unwrap();
            message
        };
        let names = |message: &[u8], key: &Key| {
            let id = encryption_subkey(key);
            message.windows(id.len()).any(|window| window == id)
        };
        for hidden in [true, false] {
            let message = seal(hidden);
            assert_eq!(names(&message, &bob), !hidden, "{profile:?}");
            let opener = Opener::new(&policy).key(&bob).signer(&alice.cert());
            let opened = opener.open(&message[..]).unwrap();
            let (head, body) =
                message.split_at(usize::try_from(head_len(&message[..]).unwrap()).unwrap());
            let new = regrant(head, opened.session_key(), std::slice::from_ref(&to_carol)).unwrap();
            assert_eq!(names(&new, &carol), !hidden, "{profile:?}");
            let granted = [&new, body].concat();
            let opener = Opener::new(&policy).key(&carol).signer(&alice.cert());
            let opened = opener.granted().open(&granted[..]).unwrap();
            assert_eq!(opened.into_vec().unwrap(), b"a scan");
        }
    }
}

/// Each of them has a cert of its own, and the last opens; more key packets than the policy allows are refused unread.
#[test]
fn a_thousand_recipients_read_one_message() {
    let policy = policy();
    let alice = key("Alice", Profile::Rfc9580);
    let signer = Signer::new(&alice, &policy).unwrap();
    let certs: Vec<_> = (0..1000)
        .map(|n| key(&format!("Receiver {n}"), Profile::Rfc9580))
        .collect();
    let recipients = certs
        .iter()
        .map(|key| Recipient::new(&key.cert(), &policy).unwrap());
    let mut message = Vec::new();
    Sealer::new()
        .signer(&signer)
        .recipients(recipients)
        .seal(&b"for all"[..], &mut message)
        .unwrap();
    for receiver in [&certs[0], &certs[999]] {
        let opener = Opener::new(&policy).key(receiver).signer(&alice.cert());
        let opened = opener.open(&message[..]).unwrap();
        assert_eq!(opened.intended().len(), 1000);
        assert_eq!(opened.into_vec().unwrap(), b"for all");
    }
    let few = policy.recipients(999);
    let opener = Opener::new(&few).key(&certs[0]).signer(&alice.cert());
    assert!(matches!(
        opener.open(&message[..]),
        Err(Error::Limit { limit: 999, .. })
    ));
}

#[test]
fn a_grant_replaces_the_head_alone() {
    let policy = policy();
    for profile in PROFILES {
        let [alice, bob, carol, eve] =
            ["Alice", "Bob", "Carol", "Eve"].map(|name| key(name, profile));
        let mut message = Vec::new();
        let sealed = Sealer::new()
            .signer(&Signer::new(&alice, &policy).unwrap())
            .recipient(&Recipient::new(&bob.cert(), &policy).unwrap())
            .seal(&b"a scan"[..], &mut message)
            .unwrap();
        let (head, body) = message.split_at(usize::try_from(sealed.head_len()).unwrap());
        let both = [&bob, &carol].map(|key| Recipient::new(&key.cert(), &policy).unwrap());
        let head = regrant(head, sealed.session_key(), &both).unwrap();
        let granted = [&head, body].concat();
        let open = |key: &Key| Opener::new(&policy).key(key).signer(&alice.cert());
        assert_eq!(
            open(&carol)
                .granted()
                .open(&granted[..])
                .unwrap()
                .into_vec()
                .unwrap(),
            b"a scan"
        );
        assert_eq!(
            open(&bob).open(&granted[..]).unwrap().into_vec().unwrap(),
            b"a scan"
        );
        assert!(matches!(
            open(&carol).open(&granted[..]),
            Err(Error::NotIntended)
        ));
        assert!(matches!(
            open(&eve).granted().open(&granted[..]),
            Err(Error::NotForMe)
        ));
    }
}

#[test]
fn ledger_signatures_verify_without_openpgp() {
    let policy = policy();
    for profile in PROFILES {
        for _ in 0..20 {
            let key = key("Alice", profile);
            let signer = Signer::new(&key, &policy).unwrap();
            let public = key.cert().ledger_key(&policy).unwrap();
            assert_eq!(key.cert().ledger_keys(), [public]);
            for message in [&b""[..], b"a transaction"] {
                let signature = signer.sign_ledger(message).unwrap();
                assert!(pgp_envelope::verify_ledger(&public, message, &signature));
                let mut other = signature;
                other[3] ^= 1;
                assert!(!pgp_envelope::verify_ledger(&public, message, &other));
                assert!(!pgp_envelope::verify_ledger(
                    &public, b"another", &signature
                ));
            }
        }
    }
}

#[test]
fn padding_hides_the_length() {
    let policy = policy();
    let alice = key("Alice", Profile::Rfc9580);
    let recipient = Recipient::new(&alice.cert(), &policy).unwrap();
    let signer = Signer::new(&alice, &policy).unwrap();
    let seal = |len: usize, padding: Padding| {
        let mut message = Vec::new();
        Sealer::new()
            .signer(&signer)
            .recipient(&recipient)
            .padding(padding)
            .seal(&payload(len)[..], &mut message)
            .unwrap();
        let opener = Opener::new(&policy).key(&alice).signer(&alice.cert());
        assert_eq!(
            opener.open(&message[..]).unwrap().into_vec().unwrap(),
            payload(len)
        );
        message.len()
    };
    let page = Padding::Multiple(NonZero::new(4096).unwrap());
    assert_eq!(seal(1, page), seal(3000, page));
    assert_eq!(seal(50_000, Padding::Padme), seal(50_300, Padding::Padme));
    assert_ne!(seal(50_000, Padding::None), seal(50_300, Padding::None));
    // the padding packet came with RFC 9580 (section 5.14)
    let old = Sealer::new()
        .signer(&signer)
        .recipient(&recipient)
        .profile(Profile::Rfc4880)
        .padding(Padding::Padme)
        .seal(&b"a scan"[..], std::io::sink());
    assert!(matches!(old, Err(Error::Unsupported { .. })), "{old:?}");
}

#[test]
fn keys_lock_and_unlock() {
    for profile in PROFILES {
        let key = key("Alice", profile);
        let locked = key.clone().lock(&"hunter2".into()).unwrap();
        assert!(locked.is_locked() && !key.is_locked());
        let secrets = openpgp::Cert::from_bytes(locked.to_armored().as_bytes()).unwrap();
        for found in secrets.keys().secret() {
            let SecretKeyMaterial::Encrypted(secret) = found.key().secret() else {
                panic!("it is locked");
            };
            match (profile, secret.s2k()) {
                (Profile::Rfc9580, S2K::Argon2 { m: 16, .. })
                | (Profile::Rfc4880, S2K::Iterated { .. }) => {}
                other => panic!("{other:?}"),
            }
        }
        let read = Key::read(locked.to_armored().as_bytes()).unwrap();
        assert!(matches!(
            read.clone().unlock(&"hunter3".into()),
            Err(Error::WrongPassphrase)
        ));
        assert!(matches!(
            Signer::new(&read, &policy()),
            Err(Error::Locked { .. })
        ));
        let unlocked = read.unlock(&"hunter2".into()).unwrap();
        assert!(Signer::new(&unlocked, &policy()).is_ok());
        assert_eq!(unlocked.to_armored(), key.to_armored());
    }
}
