//! Keys are used for what their owner has made them for (RFC 9580 section 5.2.3.29), at the time that is asked about.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod inside;
mod people;

use openpgp::cert::CertBuilder;
use openpgp::packet::signature::SignatureBuilder;
use openpgp::serialize::SerializeInto as _;
use openpgp::types::KeyFlags;
use pgp_envelope::{Cert, Error, Key, Opener, Recipient, Signer};
use sequoia_openpgp as openpgp;

use inside::sequoia_cert;
use people::{day, key, policy, seal};

/// A key whose only subkey has these flags.
fn with(flags: KeyFlags) -> Key {
    let (cert, _) = CertBuilder::new()
        .set_creation_time(day(0))
        .add_userid("Carol")
        .add_subkey(flags, None, None)
        .generate()
        .unwrap();
    Key::read(&cert.as_tsk().to_vec().unwrap()).unwrap()
}

#[test]
fn section_5_2_3_29_a_cert_without_the_flag_is_refused_by_that_name() {
    let policy = policy();
    let purpose = |error: Error| match error {
        Error::CertWithoutFlag { purpose, .. } => purpose,
        other => panic!("{other:?}"),
    };
    let signs = with(KeyFlags::empty().set_signing());
    let reads = with(KeyFlags::empty().set_storage_encryption());
    assert!(Signer::new(&signs, &policy).is_ok());
    assert!(Recipient::new(&reads.cert(), &policy).is_ok());
    let error = Recipient::new(&signs.cert(), &policy).unwrap_err();
    assert_eq!(purpose(error), "encryption");
    assert_eq!(
        purpose(Signer::new(&reads, &policy).unwrap_err()),
        "signing"
    );
    let error = reads.cert().ledger_key(&policy).unwrap_err();
    assert_eq!(purpose(error), "ledger signatures");
}

/// The owner takes the flag back at noon of day 0; what the key signs on day 1 counts for nothing.
#[test]
fn section_5_2_3_29_a_signature_by_a_key_without_the_flag_when_it_signed_is_refused() {
    let (policy, to) = (policy(), key("bob-v4"));
    let message = seal(&key("alice-v4"), &to, b"a scan");
    let cert = sequoia_cert("alice-v4");
    let primary = cert
        .primary_key()
        .key()
        .clone()
        .parts_into_secret()
        .unwrap();
    let mut primary = primary.into_keypair().unwrap();
    let standard = openpgp::policy::StandardPolicy::new();
    let mut signing = cert.keys().with_policy(&standard, day(1)).for_signing();
    let signing = signing.next().unwrap();
    let subkey = signing.key().clone().role_into_subordinate();
    let noon = day(0) + std::time::Duration::from_secs(12 * 3600);
    let binding = SignatureBuilder::from(signing.binding_signature().clone())
        .set_signature_creation_time(noon)
        .and_then(|builder| builder.set_key_flags(KeyFlags::empty().set_authentication()))
        .and_then(|builder| {
            builder.sign_subkey_binding(&mut primary, cert.primary_key().key(), &subkey)
        })
        .unwrap();
    let without = cert.clone().insert_packets(binding).unwrap().0;
    let without = Cert::read(&without.to_vec().unwrap()).unwrap();
    for (signer, good) in [(key("alice-v4").cert(), true), (without, false)] {
        let opened = Opener::new(&policy)
            .key(&to)
            .signer(&signer)
            .open(&message[..]);
        match opened {
            Ok(_) => assert!(good),
            Err(Error::CertWithoutFlag { purpose, .. }) => {
                assert!(!good && purpose == "signing");
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}
