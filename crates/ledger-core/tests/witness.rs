//! Witnesses: a cosignature is worth something because the other history does not get one.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

use ledger_core::testing::{Chain, Person, share};
use ledger_core::{Checkpoint, Rejected, Trust, Witness, WitnessKey, verify_checkpoint};

fn grown(number: u64) -> Chain {
    let mut chain = Chain::new(2);
    chain
        .send(&Person::new(1), share(number, &[&Person::new(2)]))
        .unwrap();
    chain
}

#[test]
fn only_one_of_two_histories_is_cosigned() {
    let (mut chain, fork) = (Chain::new(2), grown(9));
    let log = chain.ledger.genesis().log_key();
    let keys = [7, 8].map(|number| Person::new(number).key);
    let trusted = [0, 1].map(|at| {
        let name = format!("witness.example/{at}");
        WitnessKey::new(&name, ledger_core::PublicKey::from(&keys[at])).unwrap()
    });
    let mut witnesses = [0, 1].map(|at| {
        let name = format!("witness.example/{at}");
        Witness::new(&name, keys[at].clone(), log, None).unwrap()
    });
    let first = chain.checkpoint();
    for witness in &mut witnesses {
        witness.cosign(&first, None, 1_700_000_000).unwrap();
    }
    chain
        .send(&Person::new(1), share(1, &[&Person::new(2)]))
        .unwrap();
    let proof = chain.ledger.view().unwrap().consistency(2, 3).unwrap();
    let lines = witnesses.each_mut().map(|witness| {
        witness
            .cosign(&chain.checkpoint(), Some(&proof), 1_700_000_009)
            .unwrap()
    });
    let trust = Trust::new(log).witnesses(trusted.to_vec(), 2);
    let cosigned = format!("{}{}", chain.checkpoint(), lines.concat());
    let checkpoint = verify_checkpoint(&cosigned, None, &trust).unwrap();
    assert_eq!(checkpoint.size(), 3);
    // the keys as people write them down are the same keys
    for key in &trusted {
        assert_eq!(&key.to_string().parse::<WitnessKey>().unwrap(), key);
    }

    let other = fork.ledger.view().unwrap().consistency(2, 3).unwrap();
    for witness in &mut witnesses {
        let refused = witness.cosign(&fork.checkpoint(), Some(&other), 1_700_000_010);
        assert!(matches!(refused, Err(Rejected::Forked { .. })));
        let back = witness.cosign(&first, None, 1_700_000_011);
        assert!(matches!(back, Err(Rejected::RolledBack { .. })));
        assert_eq!(witness.last().map(Checkpoint::size), Some(3));
    }
    let lone = verify_checkpoint(&fork.checkpoint(), None, &trust).unwrap_err();
    assert_eq!(lone.code(), "witnesses");
    assert!(Witness::new("two words", keys[0].clone(), log, None).is_err());
}
