//! Properties of ledger-core: decoders, proofs, and the state machine against its model.

#![allow(
    clippy::missing_panics_doc,
    reason = "a property panics when it does not hold"
)]

use std::sync::OnceLock;

use ledger_core::testing::{Chain, Person, model, share};
use ledger_core::{
    AbsenceBundle, Block, Checkpoint, Genesis, Header, LogKey, ProofBundle, Transaction, Trust,
    WitnessKey, verify, verify_absence,
};

use crate::Target;

/// The targets of this module.
pub const TARGETS: &[Target] = &[
    ("ledger_block", block),
    ("ledger_checkpoint", checkpoint),
    ("ledger_model", model),
    ("ledger_proof", proof),
    ("ledger_transaction", transaction),
];

/// A chain with five shares, the log's key, and what is true of it.
fn chain() -> &'static (Chain, Trust) {
    static CHAIN: OnceLock<(Chain, Trust)> = OnceLock::new();
    CHAIN.get_or_init(|| {
        let mut chain = Chain::new(3);
        for number in 0..5 {
            chain
                .send(
                    &Person::new(1),
                    share(number, &[&Person::new(2), &Person::new(3)]),
                )
                .expect("the rules allow it");
        }
        let trust = Trust::new(chain.ledger.genesis().log_key());
        (chain, trust)
    })
}

/// What is read as a transaction is written to the same bytes, and the state machine answers it.
pub fn transaction(data: &[u8]) {
    if let Ok(tx) = Transaction::from_bytes(data) {
        assert_eq!(tx.to_bytes(), data);
        let (chain, _) = chain();
        let _ = chain.ledger.check(&tx, chain.time);
        let _ = tx.check();
    }
}

/// What is read as a block, a header or a genesis is written to the same bytes.
pub fn block(data: &[u8]) {
    if let Ok(block) = Block::from_bytes(data) {
        assert_eq!(block.to_bytes(), data);
    }
    if let Ok(header) = Header::from_bytes(data) {
        assert_eq!(header.to_bytes(), data);
    }
    if let Ok(genesis) = Genesis::from_bytes(data) {
        assert_eq!(genesis.to_bytes(), data);
    }
}

/// A proof that is believed says what the chain says, and nothing else is believed.
pub fn proof(data: &[u8]) {
    let (chain, trust) = chain();
    if let Ok(bundle) = ProofBundle::from_bytes(data) {
        assert_eq!(bundle.to_bytes(), data);
    }
    if let Ok(bundle) = AbsenceBundle::from_bytes(data) {
        assert_eq!(bundle.to_bytes(), data);
    }
    let view = chain.ledger.view().expect("memory does not fail");
    if let Ok(proven) = verify(data, trust) {
        let state = view.share(proven.share_id()).expect("memory does not fail");
        // the seeds are of this chain at earlier checkpoints too, but no share of it changes later
        assert_eq!(state.as_ref(), Some(proven.state()));
        let tx = view
            .transaction(proven.index())
            .expect("memory does not fail");
        assert_eq!(tx.as_ref(), Some(proven.transaction()));
    }
    if let Ok(absent) = verify_absence(data, trust) {
        let size = absent.checkpoint().size();
        let recorded = view.share(absent.share_id()).expect("memory does not fail");
        assert!(recorded.is_none_or(|share| share.index >= size));
    }
}

/// A note that is believed is one that the node signed.
pub fn checkpoint(data: &[u8]) {
    let (chain, trust) = chain();
    let text = String::from_utf8_lossy(data);
    if let Ok(checkpoint) = Checkpoint::open(&text, trust.log()) {
        let header = chain
            .ledger
            .view()
            .and_then(|view| view.header(checkpoint.height()));
        let header = header
            .expect("memory does not fail")
            .expect("the node signs headers of its chain");
        assert_eq!(
            (header.log_size, header.log_root),
            (checkpoint.size(), checkpoint.root())
        );
        assert_eq!(header.digest(), checkpoint.header());
    }
    if let Ok(key) = text.parse::<LogKey>() {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(key) = text.parse::<WitnessKey>() {
        assert_eq!(key.to_string(), text);
    }
}

/// The state machine and its model give the same verdicts, states and proofs.
pub fn model(data: &[u8]) {
    model::run(data);
}
