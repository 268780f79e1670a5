//! A key's life: revoked, extended, rotated, merged; and what messages and ledger signatures make of it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::{Duration, SystemTime};

use pgp_envelope::{
    Cert, Error, Key, KeyOptions, Opener, Policy, Profile, Reason, Recipient, Sealer, Signer,
    verify_ledger,
};

const DAY: Duration = Duration::from_secs(24 * 3600);
const PROFILES: [Profile; 2] = [Profile::Rfc9580, Profile::Rfc4880];

fn day(n: u32) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) + DAY * n
}

/// Made on day 0, valid for ten days.
fn key(profile: Profile) -> Key {
    let options = KeyOptions::new("Alice <alice@a.example>")
        .profile(profile)
        .created(day(0))
        .validity(Some(DAY * 10));
    Key::generate(&options).unwrap().key
}

fn seal(key: &Key, n: u32) -> Vec<u8> {
    let policy = Policy::at(day(n));
    let mut message = Vec::new();
    Sealer::new()
        .signer(&Signer::new(key, &policy).unwrap())
        .recipient(&Recipient::new(&key.cert(), &policy).unwrap())
        .seal(&b"a scan"[..], &mut message)
        .unwrap();
    message
}

fn open(key: &Key, message: &[u8], n: u32) -> Result<Vec<u8>, Error> {
    let policy = Policy::at(day(n));
    let opener = Opener::new(&policy).key(key).signer(&key.cert());
    opener.open(message)?.into_vec()
}

#[test]
fn a_cert_expires_at_its_time_and_can_be_extended() {
    for profile in PROFILES {
        let key = key(profile);
        assert_eq!(key.cert().expires_at(), Some(day(10)));
        let message = seal(&key, 1);
        assert!(open(&key, &message, 9).is_ok());
        assert!(matches!(
            open(&key, &message, 11),
            Err(Error::CertExpired { .. })
        ));
        let late = Policy::at(day(11));
        assert!(matches!(
            Recipient::new(&key.cert(), &late),
            Err(Error::CertExpired { .. })
        ));
        assert!(matches!(
            Signer::new(&key, &late),
            Err(Error::CertExpired { .. })
        ));
        assert!(matches!(
            Signer::new(&key, &Policy::at(day(0) - DAY)),
            Err(Error::CertInvalid { .. })
        ));

        // also when it has expired already
        let revived = key.clone().extend(Some(DAY), &Policy::at(day(12))).unwrap();
        assert_eq!(revived.cert().expires_at(), Some(day(13)));
        assert!(open(&revived, &seal(&revived, 12), 12).is_ok());
        let extended = key.extend(Some(DAY * 100), &Policy::at(day(5))).unwrap();
        assert_eq!(extended.cert().expires_at(), Some(day(105)));
        assert!(open(&extended, &seal(&extended, 50), 60).is_ok());
        let always = extended.extend(None, &Policy::at(day(50))).unwrap();
        assert_eq!(always.cert().expires_at(), None);
        assert!(Signer::new(&always, &Policy::at(day(5000))).is_ok());
    }
}

#[test]
fn a_compromised_key_is_refused_at_any_time_and_a_retired_one_from_then_on() {
    for profile in PROFILES {
        let key = key(profile);
        let message = seal(&key, 1);
        for (reason, before) in [
            (Reason::Compromised, false),
            (Reason::Retired, true),
            (Reason::Superseded, true),
        ] {
            let (revoked, certificate) = key
                .clone()
                .revoke(reason, "told by phone", &Policy::at(day(4)))
                .unwrap();
            // whoever gets the certificate alone comes to the same cert, and with it to the same key
            let cert = key.cert().apply_revocation(&certificate).unwrap();
            assert_eq!(cert, revoked.cert());
            let merged = key.clone().merge(&cert).unwrap();
            assert_eq!(*merged.to_armored(), *revoked.to_armored());
            let other = Key::generate(&KeyOptions::new("Bob")).unwrap().key;
            assert!(matches!(other.merge(&cert), Err(Error::OtherCert { .. })));
            assert_eq!(open(&revoked, &message, 2).is_ok(), before, "{reason:?}");
            let error = open(&revoked, &message, 5).unwrap_err();
            assert!(matches!(error, Error::CertRevoked { .. }), "{error:?}");
            assert!(error.to_string().contains("told by phone"), "{error}");
            let later = Policy::at(day(5));
            assert_eq!(key.cert().revoked(&later).unwrap(), None);
            let told = cert.revoked(&later).unwrap().unwrap();
            assert!(told.ends_with("told by phone"), "{told}");
            assert!(matches!(
                Recipient::new(&revoked.cert(), &later),
                Err(Error::CertRevoked { .. })
            ));
            assert!(matches!(
                Signer::new(&revoked, &later),
                Err(Error::CertRevoked { .. })
            ));
        }
    }
}

#[test]
fn the_revocation_certificate_made_with_the_key_revokes_it() {
    for profile in PROFILES {
        let made =
            Key::generate(&KeyOptions::new("Alice").profile(profile).created(day(0))).unwrap();
        let other =
            Key::generate(&KeyOptions::new("Bob").profile(profile).created(day(0))).unwrap();
        let cert = made.key.cert();
        let policy = Policy::at(day(1));
        assert!(Recipient::new(&cert, &policy).is_ok());
        let revoked = cert.apply_revocation(&made.revocation).unwrap();
        assert!(matches!(
            Recipient::new(&revoked, &policy),
            Err(Error::CertRevoked { .. })
        ));
        assert!(matches!(
            cert.apply_revocation(&other.revocation),
            Err(Error::OtherCert { .. })
        ));
        assert!(matches!(
            cert.apply_revocation(b"nothing"),
            Err(Error::Malformed { .. })
        ));
        assert!(matches!(
            cert.apply_revocation(&cert.to_bytes()),
            Err(Error::Malformed { .. })
        ));
        // and whoever merges has it too
        assert_eq!(cert.merge(&revoked).unwrap(), revoked);
        assert!(matches!(
            cert.merge(&other.key.cert()),
            Err(Error::OtherCert { .. })
        ));
    }
}

#[test]
fn rotated_subkeys_sign_from_then_on_and_old_messages_stay_good() {
    for profile in PROFILES {
        let old = key(profile);
        let before = seal(&old, 1);
        let new = old.clone().rotate_subkeys(&Policy::at(day(3))).unwrap();
        let after = seal(&new, 4);
        assert_eq!(open(&new, &before, 5).unwrap(), b"a scan");
        assert_eq!(open(&new, &after, 5).unwrap(), b"a scan");
        assert!(matches!(open(&old, &after, 5), Err(Error::NotForMe)));
        // what the old subkey signs after its retirement is refused
        let (stale, policy) = (seal(&old, 4), Policy::at(day(5)));
        let opened = Opener::new(&policy)
            .key(&new)
            .signer(&new.cert())
            .open(&stale[..]);
        assert!(
            matches!(opened, Err(Error::CertRevoked { .. })),
            "{opened:?}"
        );

        let keys = new.cert().ledger_keys();
        assert_eq!(keys.len(), 2);
        assert_eq!(old.cert().ledger_key(&Policy::at(day(5))).unwrap(), keys[0]);
        assert_eq!(new.cert().ledger_key(&Policy::at(day(2))).unwrap(), keys[0]);
        assert_eq!(new.cert().ledger_key(&Policy::at(day(5))).unwrap(), keys[1]);
        let signer = Signer::new(&new, &Policy::at(day(5))).unwrap();
        assert!(verify_ledger(
            &keys[1],
            b"tx",
            &signer.sign_ledger(b"tx").unwrap()
        ));
        // the public part carries it to others
        let merged = old.cert().merge(&new.cert()).unwrap();
        assert_eq!(merged.ledger_keys(), keys);
        assert_eq!(Cert::read(merged.to_armored().as_bytes()).unwrap(), merged);
    }
}

#[test]
fn a_passphrase_is_changed_and_a_locked_key_does_nothing() {
    let key = key(Profile::Rfc9580).lock(&"old".into()).unwrap();
    let policy = Policy::at(day(1));
    assert!(matches!(
        key.clone().rotate_subkeys(&policy),
        Err(Error::Locked { .. })
    ));
    assert!(matches!(
        key.clone().extend(None, &policy),
        Err(Error::Locked { .. })
    ));
    assert!(matches!(
        key.clone().revoke(Reason::Retired, "", &policy),
        Err(Error::Locked { .. })
    ));
    assert!(matches!(
        key.clone().lock(&"new".into()),
        Err(Error::Locked { .. })
    ));
    let changed = key.change_passphrase(&"old".into(), &"new".into()).unwrap();
    assert!(matches!(
        changed.clone().unlock(&"old".into()),
        Err(Error::WrongPassphrase)
    ));
    assert!(!changed.unlock(&"new".into()).unwrap().is_locked());
}
