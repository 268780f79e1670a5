//! What a sender could make too large: the envelopes of a share, and its own cert.

#![allow(clippy::unwrap_used, reason = "tests")]

use ipfs_store::{Profile, dag};
use ledger_core::{Body, PublicKey, RotateKey};
use medshare_verify::testing::{World, envelope_policy};
use medshare_verify::{Policy, Rejected, Step};
use pgp_envelope::Signer;

const CT: &[u8] = include_bytes!("../../../examples/data/CT_small.dcm");

#[test]
fn an_envelope_is_opened_up_to_the_policys_limit() {
    let mut world = World::new();
    let draft = world.draft(1);
    let (concealed, _) = world.share(&draft, CT);
    let (manifest, image) = (draft.manifest(&concealed).to_bytes(), &concealed.stego);
    let (manifest, image) = (manifest.len() as u64, image.len() as u64);
    let verify = |policy: Policy| world.verify_with("bob", &draft, &world.bundle(&draft), &policy);
    let policy = || Policy::new(envelope_policy());
    verify(policy().manifest(manifest).image(image)).unwrap();
    let stricter = envelope_policy().size(image - 1);
    for (policy, envelope) in [
        (policy().manifest(manifest - 1), "manifest.pgp"),
        (policy().image(image - 1), "0001.pgp"),
        (Policy::new(stricter), "0001.pgp"),
    ] {
        let rejected = verify(policy).unwrap_err();
        assert!(
            matches!(&rejected, Rejected::Envelope { name, source }
                if name == envelope && matches!(**source, pgp_envelope::Error::Limit { .. })),
            "{rejected:?}"
        );
        assert!(!rejected.is_failure());
    }
}

/// User IDs that nobody signed, as long as it takes.
fn longer(cert: &[u8], megabytes: usize) -> Vec<u8> {
    let mut bytes = cert.to_vec();
    for n in 0..2 * megabytes {
        let userid = vec![b'a' + u8::try_from(n).unwrap(); 500_000];
        bytes.extend([0xcd, 0xff]);
        bytes.extend(u32::try_from(userid.len()).unwrap().to_be_bytes());
        bytes.extend(userid);
    }
    bytes
}

/// A cert that `enroll` takes is one that receivers take.
#[test]
fn a_senders_cert_is_read_whole_or_refused() {
    for (megabytes, accepted) in [(0, true), (3, true), (5, false)] {
        let mut world = World::new();
        let renewed = world.alice.key.rotate_subkeys(&envelope_policy()).unwrap();
        world.alice.signer = Signer::new(&renewed, &envelope_policy()).unwrap();
        world.alice.cert = renewed.cert();
        world.alice.key = renewed;
        let cert = longer(&world.alice.cert.to_bytes(), megabytes);
        let cid = dag::add(&world.store, cert.as_slice(), Profile::default())
            .unwrap()
            .cid;
        let key = world.alice.cert.ledger_key(&envelope_policy()).unwrap();
        let body = Body::RotateKey(RotateKey {
            address: world.alice.address,
            key: PublicKey::new(key),
            cert: Some(cid),
        });
        world.send("city", body);
        let draft = world.draft(1);
        world.share(&draft, CT);
        match world.verify("bob", &draft) {
            Ok(_) => assert!(accepted, "{megabytes}"),
            Err(rejected) => {
                assert!(!accepted, "{megabytes}: {rejected}");
                assert_eq!(rejected.step(), Step::Envelope);
                assert!(
                    rejected.to_string().contains("exceeds the limit"),
                    "{rejected}"
                );
            }
        }
    }
}
