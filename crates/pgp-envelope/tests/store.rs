//! The shared directory of certs, in the layout that others read.

#![cfg(feature = "cert-d")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod people;

use std::fs;

use people::{NAMES, day, key};
use pgp_envelope::{CertStore, Error, Reason};

#[test]
fn certs_are_put_merged_and_found() {
    let folder = tempfile::tempdir().unwrap();
    let store = CertStore::at(folder.path()).unwrap();
    for name in NAMES {
        let key = key(name);
        let (cert, fp) = (key.cert(), key.fingerprint());
        assert!(store.get(fp).unwrap().is_none());
        assert_eq!(store.put(&cert).unwrap(), cert);
        assert_eq!(store.get(fp).unwrap().unwrap(), cert);
        // draft-nwjw-openpgp-cert-d section 3: two digits, then the others
        let hex = fp.to_string().to_lowercase();
        let (first, rest) = hex.split_at(2);
        assert!(folder.path().join(first).join(rest).is_file());
        let (revoked, _) = key
            .revoke(Reason::Retired, "", &pgp_envelope::Policy::at(day(2)))
            .unwrap();
        assert_eq!(store.put(&revoked.cert()).unwrap(), revoked.cert());
        assert_eq!(
            store.put(&cert).unwrap(),
            revoked.cert(),
            "what is known is not forgotten"
        );
        fs::write(folder.path().join(first).join(rest), b"nothing").unwrap();
        assert!(matches!(store.get(fp), Err(Error::Malformed { .. })));
    }
}
