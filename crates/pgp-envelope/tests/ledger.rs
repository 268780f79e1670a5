//! No ledger signature passes for an OpenPGP signature, nor the other way round: the cases of `verify_ledger`'s proof.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod inside;
mod people;

use openpgp::packet::signature::SignatureBuilder;
use openpgp::packet::{Packet, Signature};
use openpgp::parse::Parse as _;
use openpgp::serialize::SerializeInto as _;
use openpgp::types::{HashAlgorithm, SignatureType};
use pgp_envelope::{LEDGER_SUFFIX, Signer, verify_ledger};
use sequoia_openpgp as openpgp;

use inside::signing_key;
use people::{day, key, policy};

const DOCUMENT: &[u8] = b"a transaction";

fn openpgp_signature(hash: HashAlgorithm, document: &[u8]) -> (Signature, [u8; 64]) {
    let mut signer = signing_key("alice-v6");
    let signature = SignatureBuilder::new(SignatureType::Binary)
        .set_hash_algo(hash)
        .set_signature_creation_time(day(1))
        .and_then(|builder| builder.sign_message(&mut signer, document))
        .unwrap();
    // Ed25519's 64 bytes are the packet's last (section 5.2.3.4)
    let bytes = Packet::from(signature.clone()).to_vec().unwrap();
    (signature, bytes[bytes.len() - 64..].try_into().unwrap())
}

#[test]
fn an_openpgp_signature_is_no_ledger_signature() {
    let public = key("alice-v6").cert().ledger_key(&policy()).unwrap();
    for hash in [HashAlgorithm::SHA512, HashAlgorithm::SHA256] {
        let suffixed = [DOCUMENT, &LEDGER_SUFFIX].concat();
        for document in [DOCUMENT, &suffixed] {
            let (signature, raw) = openpgp_signature(hash, document);
            let key = signing_key("alice-v6");
            assert!(signature.verify_message(key.public(), document).is_ok());
            for message in [DOCUMENT, &suffixed] {
                assert!(!verify_ledger(&public, message, &raw), "{hash}");
            }
        }
    }
}

#[test]
fn a_ledger_signature_is_no_openpgp_signature() {
    let (alice, policy) = (key("alice-v6"), policy());
    let public = alice.cert().ledger_key(&policy).unwrap();
    let raw = Signer::new(&alice, &policy)
        .unwrap()
        .sign_ledger(DOCUMENT)
        .unwrap();
    assert!(verify_ledger(&public, DOCUMENT, &raw));
    let (good, own) = openpgp_signature(HashAlgorithm::SHA512, DOCUMENT);
    let mut bytes = Packet::from(good).to_vec().unwrap();
    let at = bytes.len() - 64;
    let suffixed = [DOCUMENT, &LEDGER_SUFFIX].concat();
    let signer = signing_key("alice-v6");
    for (raw, counts) in [(own, true), (raw, false)] {
        bytes[at..].copy_from_slice(&raw);
        let Ok(Packet::Signature(signature)) = Packet::from_bytes(&bytes) else {
            panic!("it is a signature");
        };
        let verified = |document: &[u8]| signature.verify_message(signer.public(), document);
        assert_eq!(verified(DOCUMENT).is_ok(), counts);
        assert!(verified(&suffixed).is_err());
    }
}
