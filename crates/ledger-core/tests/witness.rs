//! Witnesses: a cosignature is worth something because the other history does not get one.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

use ledger_core::testing::{Chain, Person, share};
use ledger_core::{
    AddCheckpoint, Checkpoint, Digest, MAX_ADD_CHECKPOINT, NotCosigned, Rejected, Trust, Witness,
    WitnessKey, verify_checkpoint,
};

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
    // one witness that is named twice, also by two names, is one
    let alone = format!("{}{}", chain.checkpoint(), lines[0]);
    let twice = vec![trusted[0].clone(), trusted[0].clone()];
    let both = WitnessKey::new(
        "witness.example/alias",
        ledger_core::PublicKey::from(&keys[0]),
    );
    let mut alias = Witness::new("witness.example/alias", keys[0].clone(), log, None).unwrap();
    let again = alias.cosign(&chain.checkpoint(), None, 1_700_000_009);
    let aliased = format!("{alone}{}", again.unwrap());
    for (note, named) in [
        (&alone, twice),
        (&aliased, vec![trusted[0].clone(), both.unwrap()]),
    ] {
        let trust = |quorum| Trust::new(log).witnesses(named.clone(), quorum);
        verify_checkpoint(note, None, &trust(1)).unwrap();
        let rejected = verify_checkpoint(note, None, &trust(2)).unwrap_err();
        assert_eq!(
            rejected,
            Rejected::Witnesses {
                needed: 2,
                found: 1
            }
        );
    }
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

/// A log of 2, 3 and 4 leaves, and a witness that has cosigned the first.
fn witnessed() -> (Chain, Witness, WitnessKey) {
    let chain = Chain::new(2);
    let key = Person::new(7).key;
    let log = chain.ledger.genesis().log_key();
    let mut witness = Witness::new("witness.example", key, log, None).unwrap();
    let first = AddCheckpoint::new(0, Vec::new(), chain.checkpoint());
    witness.add_checkpoint(&first, 1_700_000_000).unwrap();
    let public = witness.key();
    (chain, witness, public)
}

fn growth(chain: &Chain, from: u64, to: u64) -> Vec<Digest> {
    let view = chain.ledger.view().unwrap();
    view.consistency(from, to).unwrap().path
}

#[test]
fn a_request_has_one_spelling() {
    let (chain, ..) = witnessed();
    let path = vec![Digest::new([1; 32]), Digest::new([2; 32])];
    let request = AddCheckpoint::new(20, path.clone(), chain.checkpoint());
    let text = request.to_string();
    assert_eq!(text.parse::<AddCheckpoint>().unwrap(), request);
    let long = AddCheckpoint::new(20, vec![path[0]; 64], chain.checkpoint());
    for wrong in [
        String::new(),
        text.replace("old 20", "old 020"),
        text.replace("old 20", "old +20"),
        text.replace("old 20", "old -1"),
        text.replace("old 20", "old"),
        text.replace("old 20", "Old 20"),
        text.replace("old 20\n", "old 20\r\n"),
        text.replace("AQEB", "!QEB"),
        text.replacen("AQEB", "", 1),
        text.replacen("\n\n", "\n", 2),
        long.to_string(),
        format!("{text}{}", " ".repeat(MAX_ADD_CHECKPOINT)),
    ] {
        assert!(wrong.parse::<AddCheckpoint>().is_err(), "{wrong:.60}");
    }
}

#[test]
fn a_log_that_grew_is_cosigned_and_nothing_else_is() {
    let (mut chain, mut witness, key) = witnessed();
    for number in 1..=2 {
        let body = share(number, &[&Person::new(2)]);
        chain.send(&Person::new(1), body).unwrap();
    }
    let log = chain.ledger.genesis().log_key();
    let (note, path) = (chain.checkpoint(), growth(&chain, 2, 4));
    let mut fork = Chain::new(2);
    for number in 8..=9 {
        let body = share(number, &[&Person::new(2)]);
        fork.send(&Person::new(1), body).unwrap();
    }
    let header = chain.ledger.view().unwrap().head().clone();
    let stranger = Checkpoint::sign(log.chain(), &header, &Person::new(9).key);
    let elsewhere = note.replacen("medshare/", "elsewhere/", 1);
    let mut bent = path.clone();
    bent[0] = Digest::new([9; 32]);
    for (old, path, note, status) in [
        (5, path.clone(), &note, 400),
        (
            2,
            path.clone(),
            &note.replacen("header ", "footer ", 1),
            400,
        ),
        (2, path.clone(), &stranger, 403),
        (2, path.clone(), &elsewhere, 404),
        (0, Vec::new(), &note, 409),
        (3, path.clone(), &note, 409),
        (2, Vec::new(), &note, 422),
        (2, bent, &note, 422),
        (2, [path.as_slice(), &path].concat(), &note, 422),
        // another history, with its own proof, which is right
        (2, growth(&fork, 2, 4), &fork.checkpoint(), 200),
    ] {
        let mut witness = witness.clone();
        let request = AddCheckpoint::new(old, path, note.clone());
        let answer = witness.add_checkpoint(&request, 1_700_000_009);
        assert_eq!(
            answer.as_ref().map_or_else(NotCosigned::status, |_| 200),
            status,
            "{answer:?}"
        );
        if status != 200 {
            assert_eq!(witness.last().map(Checkpoint::size), Some(2));
        }
    }
    let request = AddCheckpoint::new(2, path, note.clone());
    let line = witness.add_checkpoint(&request, 1_700_000_009).unwrap();
    let cosigned = format!("{note}{line}");
    let (checkpoint, found) = Checkpoint::open_cosigned(&cosigned, &log, &[key]).unwrap();
    assert_eq!((checkpoint.size(), found), (4, 1));
    // the same again is cosigned again; the other history of this size is not
    let same = AddCheckpoint::new(4, Vec::new(), note);
    witness.add_checkpoint(&same, 1_700_000_010).unwrap();
    let other = AddCheckpoint::new(4, Vec::new(), fork.checkpoint());
    let refused = witness.add_checkpoint(&other, 1_700_000_011);
    assert_eq!(refused, Err(NotCosigned::Conflict { size: 4 }));
    // and the log cannot go back
    let back = Chain::new(2).checkpoint();
    let refused = witness.add_checkpoint(&AddCheckpoint::new(2, Vec::new(), back), 1_700_000_012);
    assert_eq!(refused, Err(NotCosigned::Conflict { size: 4 }));
}
