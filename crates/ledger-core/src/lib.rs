//! A ledger of signed transactions whose answers a stranger can check: state machine, Merkle log, proofs.
