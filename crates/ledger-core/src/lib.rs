#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

mod address;
mod answer;
mod audit;
mod block;
mod checkpoint;
mod codec;
mod error;
mod export;
mod genesis;
mod hash;
mod ledger;
mod map;
pub mod merkle;
mod multiples;
pub mod proof;
mod read;
mod refusal;
mod rules;
mod search;
mod state;
pub mod store;
mod strict;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tx;
mod witness;

pub use address::Address;
pub use answer::{Answer, AnswerBundle, MAX_ANSWER, ProvenBlock, Question, verify_answer};
pub use audit::Audit;
pub use block::{Block, Header, Height, MAX_BLOCK_TRANSACTIONS};
pub use checkpoint::{Checkpoint, LogKey, MAX_NOTE, WitnessKey};
pub use cid::Cid;
pub use error::{Error, Result};
pub use genesis::{Authority, Genesis, MAX_AUTHORITIES, Tolerance};
pub use hash::{ChainId, Commitment, Digest, Nonce, PublicKey, ShareId, Signature, TxId};
pub use ledger::{FORMAT_VERSION, Finished, Ledger, Receipt, Staged};
pub use map::{OtherLeaf, StateProof};
pub use proof::{
    AbsenceBundle, Absent, ProofBundle, Proven, Rejected, Trust, verify, verify_absence,
    verify_checkpoint,
};
pub use read::Reading;
pub use refusal::Refusal;
pub use search::{MAX_SEARCH, ShareFilter, ShareIdPrefix, SharePage, StatusKind};
pub use state::{
    KeySpan, MAX_MEMBER_KEYS, MAX_SHARE_EVENTS, MAX_SHARE_RECEIVERS, MemberState, ReceiverState,
    ShareState, Status,
};
pub use strict::UnpackedKey;
pub use tx::{
    Accept, Approval, Body, Enroll, Grant, Reject, Revoke, RevokeMember, RotateKey,
    SIGNATURE_SUFFIX, Share, Transaction, Unsigned, Verified, Withdraw, signed_digest, signing_key,
};
pub use witness::{AddCheckpoint, MAX_ADD_CHECKPOINT, NotCosigned, Witness};

/// Why it is built like this.
#[cfg(doc)]
#[doc = include_str!("../DESIGN.md")]
pub mod _design {}
