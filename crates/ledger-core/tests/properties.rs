//! What must hold whatever the input is.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

use ledger_core::testing::{Chain, Person, model, node_key, share, share_id};
use ledger_core::{
    Block, Body, Genesis, Header, LogKey, MemberState, ProofBundle, ShareState, Transaction, Trust,
    WitnessKey, verify, verify_absence,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// A chain with a few shares: its bytes are what is changed below.
fn chain() -> Chain {
    let mut chain = Chain::new(3);
    for number in 0..4 {
        chain
            .send(
                &Person::new(1),
                share(number, &[&Person::new(2), &Person::new(3)]),
            )
            .unwrap();
    }
    chain
}

/// Bytes with one place changed, inserted or removed.
fn changed() -> impl Strategy<Value = (usize, u8, u8)> {
    (any::<usize>(), any::<u8>(), 0..3_u8)
}

fn change(bytes: &[u8], (at, value, how): (usize, u8, u8)) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = at % bytes.len();
    match how {
        0 => bytes[at] = value,
        1 => bytes.insert(at, value),
        _ => drop(bytes.remove(at)),
    }
    bytes
}

/// Two of three authorities enroll member 4 and renew a key; one alone, a stranger's approval and a forged one are refused; then
/// members and authorities go until too few would remain. The seed `two_of_three_decide` of the fuzz target is the same.
#[test]
fn authorities_that_decide_together_are_the_models() {
    let steps: [[u8; 4]; 10] = [
        [132, 0, 4, 1],
        [132, 0, 5, 8],
        [132, 0, 5, 129],
        [135, 0, 0, 16],
        [138, 4, 0, 0],
        [133, 0, 1, 2],
        [134, 0, 4, 1],
        [134, 0, 0, 2],
        [134, 1, 2, 0],
        [132, 2, 5, 0],
    ];
    let mut bytes = steps.concat();
    bytes.push(0);
    model::run(&bytes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_is_decoded_is_encoded_to_the_same_bytes(how in changed()) {
        let chain = chain();
        let view = chain.ledger.view().unwrap();
        let block = view.block(view.head().height).unwrap().unwrap();
        let tx = change(block.transactions[0].as_bytes(), how);
        if let Ok(decoded) = Transaction::from_bytes(&tx) {
            prop_assert_eq!(decoded.to_bytes(), tx);
        }
        let bytes = change(&block.to_bytes(), how);
        if let Ok(decoded) = Block::from_bytes(&bytes) {
            prop_assert_eq!(decoded.to_bytes(), bytes);
        }
        let bytes = change(&block.header.to_bytes(), how);
        if let Ok(decoded) = Header::from_bytes(&bytes) {
            prop_assert_eq!(decoded.to_bytes(), bytes);
        }
        let bytes = change(&chain.ledger.genesis().to_bytes(), how);
        if let Ok(decoded) = Genesis::from_bytes(&bytes) {
            prop_assert_eq!(decoded.to_bytes(), bytes);
        }
        let bytes = change(&view.share(&share_id(1)).unwrap().unwrap().to_bytes(), how);
        if let Ok(decoded) = ShareState::from_bytes(&bytes) {
            prop_assert_eq!(decoded.to_bytes(), bytes);
        }
        let bytes = change(&view.member(&Person::new(1).address).unwrap().unwrap().to_bytes(), how);
        if let Ok(decoded) = MemberState::from_bytes(&bytes) {
            prop_assert_eq!(decoded.to_bytes(), bytes);
        }
        let bytes = change(&chain.prove(&share_id(1), Some(2)).unwrap(), how);
        if let Ok(decoded) = ProofBundle::from_bytes(&bytes) {
            prop_assert_eq!(decoded.to_bytes(), bytes);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_state_machine_is_the_model(steps in vec(any::<u8>(), 0..256)) {
        model::run(&steps);
    }

    #[test]
    fn nothing_panics_on_noise(noise in vec(any::<u8>(), 0..2000)) {
        let trust = Trust::new(Chain::new(0).ledger.genesis().log_key());
        prop_assert!(verify(&noise, &trust).is_err());
        prop_assert!(verify_absence(&noise, &trust).is_err());
        let _ = (Transaction::from_bytes(&noise), Block::from_bytes(&noise), Genesis::from_bytes(&noise));
        let text = String::from_utf8_lossy(&noise);
        let _ = (text.parse::<LogKey>(), text.parse::<WitnessKey>());
        prop_assert!(ledger_core::Checkpoint::open(&text, trust.log()).is_err());
    }

    #[test]
    fn every_share_of_any_chain_is_proven(count in 1..40_u64, old in 0..40_u64) {
        let mut chain = Chain::new(2);
        let mut older = None;
        for number in 0..count {
            if number == old {
                older = Some(ledger_core::Checkpoint::open(&chain.checkpoint(), &chain.ledger.genesis().log_key()).unwrap());
            }
            chain.send(&Person::new(1), share(number, &[&Person::new(2)])).unwrap();
        }
        let mut trust = Trust::new(chain.ledger.genesis().log_key());
        let size = older.as_ref().map(ledger_core::Checkpoint::size);
        if let Some(older) = older {
            trust = trust.older(older);
        }
        for number in 0..count {
            let proven = verify(&chain.prove(&share_id(number), size).unwrap(), &trust).unwrap();
            prop_assert_eq!(proven.share_id(), &share_id(number));
            prop_assert_eq!(proven.index(), number + 2);
        }
    }
}

/// The same transactions in the same blocks give the same bytes, on whatever store and in whatever run.
#[test]
fn the_same_input_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let store = ledger_core::store::RedbStore::open(
        &folder.path().join("ledger"),
        ledger_core::store::Opening::Create,
    );
    let mut stored = Chain::over(store.unwrap(), ledger_core::testing::genesis(1, 1), 3);
    for number in 0..4 {
        stored
            .send(
                &Person::new(1),
                share(number, &[&Person::new(2), &Person::new(3)]),
            )
            .unwrap();
    }
    let chain = chain();
    assert_eq!(stored.checkpoint(), chain.checkpoint());
    assert_eq!(
        stored.prove(&share_id(2), Some(1)).unwrap(),
        chain.prove(&share_id(2), Some(1)).unwrap()
    );
    // and the same as ever: a change of this value is a change of the format
    let header = chain.ledger.view().unwrap().head().digest().to_string();
    assert_eq!(
        header,
        "0576fae245e12a4a7b974beb4971defc0789fefb76b24cdbc95fbaf59741cb61"
    );
}

/// The order in which independent transactions arrive changes the log, and nothing else.
#[test]
fn the_order_of_independent_transactions_does_not_change_what_the_state_says() {
    let run = |order: &[u32]| {
        let mut chain = Chain::new(4);
        for sender in order {
            chain
                .send(
                    &Person::new(*sender),
                    share(u64::from(*sender), &[&Person::new(4)]),
                )
                .unwrap();
        }
        let view = chain.ledger.view().unwrap();
        let states = [1_u64, 2, 3].map(|number| {
            let state = view.share(&share_id(number)).unwrap().unwrap();
            (
                state.sender,
                state.content,
                state.status,
                state.receivers.len(),
            )
        });
        (states, view.head().log_size)
    };
    assert_eq!(run(&[1, 2, 3]), run(&[3, 1, 2]));
}

#[test]
fn witnesses_count_when_their_cosignatures_hold() {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    use ed25519_dalek::Signer as _;
    use sha2::Digest as _;

    let chain = chain();
    let log = chain.ledger.genesis().log_key();
    let note = chain.checkpoint();
    let text = note.split_once("\n\n").unwrap().0.to_owned() + "\n";
    let cosign = |number: u8, time: u64| {
        let key = ed25519_dalek::SigningKey::from_bytes(&[number; 32]);
        let name = format!("witness.example/{number}");
        let public = [&[0x04], key.verifying_key().as_bytes().as_slice()].concat();
        let digest = sha2::Sha256::digest([name.as_bytes(), b"\n", &public].concat());
        let id = &digest[..4];
        let message = format!("cosignature/v1\ntime {time}\n{text}");
        let signature = key.sign(message.as_bytes()).to_bytes();
        let line = [id, &time.to_be_bytes(), &signature].concat();
        let witness = format!(
            "{name}+{}+{}",
            hex::encode(id),
            BASE64_STANDARD.encode(&public)
        );
        (
            witness.parse::<WitnessKey>().unwrap(),
            format!("\u{2014} {name} {}\n", BASE64_STANDARD.encode(line)),
        )
    };
    let (first, line) = cosign(1, 1_700_000_000);
    let (second, other) = cosign(2, 1_700_000_001);
    let open = |note: &str| {
        let trust = Trust::new(log).witnesses(vec![first.clone(), second.clone()], 2);
        ledger_core::verify_checkpoint(note, None, &trust).map(drop)
    };
    open(&format!("{note}{line}{other}")).unwrap();
    assert_eq!(
        open(&format!("{note}{line}")).unwrap_err().code(),
        "witnesses"
    );
    assert_eq!(
        open(&format!("{note}{line}{line}")).unwrap_err().code(),
        "witnesses"
    );
    // a cosignature of another time under this time's bytes
    let (_, late) = cosign(2, 1_800_000_000);
    let forged = BASE64_STANDARD
        .decode(other.split(' ').next_back().unwrap().trim())
        .unwrap();
    let mut mixed = BASE64_STANDARD
        .decode(late.split(' ').next_back().unwrap().trim())
        .unwrap();
    mixed[4..12].copy_from_slice(&forged[4..12]);
    let mixed = format!(
        "\u{2014} witness.example/2 {}\n",
        BASE64_STANDARD.encode(mixed)
    );
    assert_eq!(
        open(&format!("{note}{line}{mixed}")).unwrap_err().code(),
        "witnesses"
    );
    assert_ne!(node_key().verifying_key().as_bytes(), &[0; 32]);
}

#[test]
fn a_transaction_is_refused_when_its_body_is_said_differently() {
    let chain = chain();
    let tx = chain
        .ledger
        .view()
        .unwrap()
        .transaction(3)
        .unwrap()
        .unwrap();
    assert!(matches!(tx.body(), Body::Share(_)));
    let bytes = tx.to_bytes();
    Transaction::from_bytes(&bytes).unwrap();
    let find = |needle: &[u8]| {
        bytes
            .windows(needle.len())
            .position(|w| w == needle)
            .unwrap()
    };
    // the same number in more bytes
    let at = find(b"sequence") + 8;
    let longer = [&bytes[..at], &[0x18], &bytes[at..]].concat();
    // an unknown field, an absent option as null, a map of indefinite length, a byte behind
    let map = find(b"\x68unsigned") - 1;
    let unknown = [&[bytes[map] + 1], &b"\x61x\x01"[..], &bytes[map + 1..]].concat();
    let null = [&[bytes[map] + 1], &bytes[1..], &b"\x69approvals\xf6"[..]].concat();
    let endless = [&[0xbf], &bytes[1..], &[0xff]].concat();
    for other in [longer, unknown, null, endless, [&bytes[..], &[0]].concat()] {
        Transaction::from_bytes(&other).unwrap_err();
    }
}
