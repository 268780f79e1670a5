//! Proof bundles: what a stranger needs to believe the ledger, in one file, and the function that believes it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::checkpoint::{Checkpoint, LogKey, WitnessKey};
use crate::codec::{decode, encode};
use crate::map::StateProof;
use crate::merkle::{ConsistencyProof, InclusionProof, leaf_hash};
use crate::state::{member_key, share_key};
use crate::strict::{KeptKey, KeptKeys};
use crate::{
    Address, Body, ChainId, Header, Height, MemberState, PublicKey, Result, Share, ShareId,
    ShareState, Signature, Transaction, signed_digest,
};

/// The version of the bundles' and the answers' format. 1 is read too: it spells out the empty subtrees of a state proof.
pub(crate) const FORMAT: u64 = 2;
/// The most bytes of a bundle.
pub const MAX_BUNDLE: usize = 1 << 20;

/// One share's record, its state, and everything that proves both: see DESIGN.md.
///
/// A bundle is only a claim; [`verify`] makes a [`Proven`] of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofBundle {
    format: u64,
    #[serde(with = "serde_bytes")]
    transaction: Vec<u8>,
    inclusion: InclusionProof,
    share: ShareState,
    share_proof: StateProof,
    sender: MemberState,
    sender_proof: StateProof,
    header: Header,
    checkpoint: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    consistency: Option<ConsistencyProof>,
}

impl ProofBundle {
    pub(crate) fn new(
        transaction: Vec<u8>,
        inclusion: InclusionProof,
        (share_proof, share): (StateProof, ShareState),
        (sender_proof, sender): (StateProof, MemberState),
        header: Header,
        checkpoint: String,
        consistency: Option<ConsistencyProof>,
    ) -> Self {
        Self {
            format: FORMAT,
            transaction,
            inclusion,
            share,
            share_proof,
            sender,
            sender_proof,
            header,
            checkpoint,
            consistency,
        }
    }

    /// Reads a bundle: exactly its canonical bytes, at most [`MAX_BUNDLE`]. Nothing is believed yet.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Malformed`] or [`crate::Error::TooLarge`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        decode(bytes, "a proof bundle", MAX_BUNDLE)
    }

    /// The canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// The signed note inside, unverified.
    #[must_use]
    pub fn checkpoint(&self) -> &str {
        &self.checkpoint
    }
}

/// The claim that no share of a name is recorded, and what proves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AbsenceBundle {
    format: u64,
    share_id: ShareId,
    share_proof: StateProof,
    header: Header,
    checkpoint: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    consistency: Option<ConsistencyProof>,
}

impl AbsenceBundle {
    pub(crate) fn new(
        share_id: ShareId,
        share_proof: StateProof,
        header: Header,
        checkpoint: String,
        consistency: Option<ConsistencyProof>,
    ) -> Self {
        Self {
            format: FORMAT,
            share_id,
            share_proof,
            header,
            checkpoint,
            consistency,
        }
    }

    /// Reads a bundle: exactly its canonical bytes, at most [`MAX_BUNDLE`]. Nothing is believed yet.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Malformed`] or [`crate::Error::TooLarge`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        decode(bytes, "a proof of absence", MAX_BUNDLE)
    }

    /// The canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }
}

/// What the verifier trusts, and what it remembers.
///
/// Verifying many proofs with one of them, or with clones of it, is faster than making one for each: it keeps the node's key
/// and those of the first 128 senders unpacked, and prepared ([`crate::UnpackedKey::prepared`]) once they were used often: up to 14 MB.
#[derive(Clone, Debug)]
pub struct Trust {
    log: LogKey,
    log_key: Arc<KeptKey>,
    sender_keys: Arc<KeptKeys>,
    older: Option<Checkpoint>,
    witnesses: Vec<WitnessKey>,
    quorum: usize,
}

impl Trust {
    /// Trusts the chain and the node's key; remembers nothing.
    #[must_use]
    pub fn new(log: LogKey) -> Self {
        Self {
            log,
            log_key: Arc::new(KeptKey::new(log.public_key())),
            sender_keys: Arc::default(),
            older: None,
            witnesses: Vec::new(),
            quorum: 0,
        }
    }

    /// Remembers a checkpoint: a bundle must continue it, else the history was rewritten, forked or rolled back.
    #[must_use]
    pub fn older(mut self, checkpoint: Checkpoint) -> Self {
        self.older = Some(checkpoint);
        self
    }

    /// Asks for the cosignatures of at least `quorum` of these witnesses. One key counts once, however often and by whatever names it
    /// is among them: a quorum beyond the number of different keys is never reached.
    #[must_use]
    pub fn witnesses(mut self, witnesses: Vec<WitnessKey>, quorum: usize) -> Self {
        (self.witnesses, self.quorum) = (witnesses, quorum);
        self
    }

    /// The same chain and key, with nothing remembered and no witness asked for.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self {
            log: self.log,
            log_key: Arc::clone(&self.log_key),
            sender_keys: Arc::clone(&self.sender_keys),
            older: None,
            witnesses: Vec::new(),
            quorum: 0,
        }
    }

    /// The chain and the node's key.
    #[must_use]
    pub const fn log(&self) -> &LogKey {
        &self.log
    }

    /// Checks a member's signature, and keeps its key.
    pub(crate) fn verifies(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        self.sender_keys.verifies(key, message, signature)
    }
}

/// A share whose record and state were proven; only [`verify`] makes one.
#[derive(Clone, Debug)]
pub struct Proven {
    transaction: Transaction,
    share: Share,
    state: ShareState,
    sender: MemberState,
    sender_key: PublicKey,
    header: Header,
    checkpoint: Checkpoint,
    inclusion: InclusionProof,
}

impl Proven {
    /// The recorded transaction.
    #[must_use]
    pub const fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// What the transaction records.
    #[must_use]
    pub const fn share(&self) -> &Share {
        &self.share
    }

    /// The share's name.
    #[must_use]
    pub const fn share_id(&self) -> &ShareId {
        &self.share.share_id
    }

    /// Who sent it.
    #[must_use]
    pub const fn sender(&self) -> &Address {
        self.transaction.sender()
    }

    /// The sender's key at the height of the share, under which the transaction's signature holds.
    #[must_use]
    pub const fn sender_key(&self) -> &PublicKey {
        &self.sender_key
    }

    /// What the ledger knows of the sender at the checkpoint: whether it was revoked since, where its cert is.
    #[must_use]
    pub const fn sender_state(&self) -> &MemberState {
        &self.sender
    }

    /// The index of the transaction in the log.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.state.index
    }

    /// The height of the transaction's block.
    #[must_use]
    pub const fn height(&self) -> Height {
        self.state.height
    }

    /// The share's state at the checkpoint: live or not, and whose grants stand.
    #[must_use]
    pub const fn state(&self) -> &ShareState {
        &self.state
    }

    /// The path from the transaction up to the log's root: to be drawn, it was checked already.
    #[must_use]
    pub const fn inclusion(&self) -> &InclusionProof {
        &self.inclusion
    }

    /// The header of the checkpoint.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The checkpoint: keep its note and pass it to [`Trust::older`] next time.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}

/// A share that is proven not to be recorded; only [`verify_absence`] makes one.
#[derive(Clone, Debug)]
pub struct Absent {
    share_id: ShareId,
    checkpoint: Checkpoint,
}

impl Absent {
    /// The name that no share has.
    #[must_use]
    pub const fn share_id(&self) -> &ShareId {
        &self.share_id
    }

    /// The checkpoint at which this holds.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}

/// Why a proof is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejected {
    /// The bytes are no bundle.
    #[error("{reason}")]
    Malformed {
        /// What was expected and what was found.
        reason: String,
    },
    /// The bundle has another format.
    #[error("the bundle has format {found}, this program reads 1 to {FORMAT}")]
    Format {
        /// Its format.
        found: u64,
    },
    /// The signed note is no checkpoint.
    #[error("the checkpoint is malformed: {reason}")]
    Checkpoint {
        /// What was expected and what was found.
        reason: String,
    },
    /// The proof is about another ledger.
    #[error("about chain {found}, trusted is chain {expected}")]
    WrongChain {
        /// The trusted chain.
        expected: ChainId,
        /// The chain of the bundle.
        found: ChainId,
    },
    /// The trusted key did not sign the checkpoint.
    #[error("the checkpoint is not signed by the trusted key")]
    Signature,
    /// Too few witnesses cosigned the checkpoint.
    #[error("{needed} witnesses must have cosigned the checkpoint, {found} have")]
    Witnesses {
        /// How many must have.
        needed: usize,
        /// How many have.
        found: usize,
    },
    /// The header is not the one that the checkpoint names.
    #[error("the header is not the one that the checkpoint signs")]
    Header,
    /// The checkpoint is older than one seen before.
    #[error(
        "the checkpoint has {found} transactions, one seen before had {known}: the ledger was rolled back or the proof is old"
    )]
    RolledBack {
        /// The transactions of the checkpoint seen before.
        known: u64,
        /// The transactions of this one.
        found: u64,
    },
    /// The checkpoint contradicts one seen before: the node showed two histories.
    #[error(
        "the checkpoint at {found} transactions does not continue the one seen before at {known}: the history was rewritten or forked"
    )]
    Forked {
        /// The transactions of the checkpoint seen before.
        known: u64,
        /// The transactions of this one.
        found: u64,
    },
    /// The bundle does not show that its checkpoint continues the one seen before.
    #[error(
        "no proof that the ledger continues the checkpoint seen before at {known} transactions"
    )]
    NoConsistency {
        /// The transactions of the checkpoint seen before.
        known: u64,
    },
    /// The transaction records no share.
    #[error("the transaction is no share but a {kind}")]
    NotShare {
        /// What it is.
        kind: &'static str,
    },
    /// The transaction is not in the log.
    #[error("the transaction is not in the log that the checkpoint signs")]
    Inclusion,
    /// The share's state is not in the state that the checkpoint signs.
    #[error("the share's state is not the one that the checkpoint signs")]
    ShareState,
    /// The sender's state is not in the state that the checkpoint signs.
    #[error("the sender's state is not the one that the checkpoint signs")]
    SenderState,
    /// A member's state is not in the state that the checkpoint signs.
    #[error("the state of member {address} is not the one that the checkpoint signs")]
    MemberState {
        /// The member.
        address: Address,
    },
    /// A block's header is not one that the node signed, or its log is not the beginning of the checkpoint's.
    #[error("block {height} is not proven")]
    Block {
        /// The block.
        height: Height,
    },
    /// The share's state is about another transaction.
    #[error("the share's state is not that of the transaction: its {what} differs")]
    Mismatch {
        /// What differs.
        what: &'static str,
    },
    /// The transaction's signature does not hold under the sender's key at that height.
    #[error("the transaction is not signed by its sender's key")]
    Sender,
    /// An approval's signature does not hold under the authority's key at that height.
    #[error("the approval of {address} is not signed by its key")]
    Approval {
        /// The authority.
        address: Address,
    },
    /// The answer does not say in which block a transaction is, and so not whose key was valid.
    #[error("the block of transaction {index} is not in the answer")]
    NoBlock {
        /// The index of the transaction.
        index: u64,
    },
}

impl Rejected {
    /// A stable name of the reason, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "malformed",
            Self::Format { .. } => "format",
            Self::Checkpoint { .. } => "checkpoint",
            Self::WrongChain { .. } => "wrong-chain",
            Self::Signature => "signature",
            Self::Witnesses { .. } => "witnesses",
            Self::Header => "header",
            Self::RolledBack { .. } => "rolled-back",
            Self::Forked { .. } => "forked",
            Self::NoConsistency { .. } => "no-consistency",
            Self::NotShare { .. } => "not-share",
            Self::Inclusion => "inclusion",
            Self::ShareState => "share-state",
            Self::SenderState => "sender-state",
            Self::MemberState { .. } => "member-state",
            Self::Block { .. } => "block",
            Self::Mismatch { .. } => "mismatch",
            Self::Sender => "sender",
            Self::Approval { .. } => "approval",
            Self::NoBlock { .. } => "no-block",
        }
    }
}

/// Believes a bundle or says why not. Needs nothing else: no store, no network, no clock. Never panics.
///
/// Success means: the trusted node signed a checkpoint under which this transaction is in the log, its share has this
/// state, and its sender had the key that signed it. It does not mean that the state still is so now, nor that the node
/// computed it by the rules: that shows who re-computes the chain.
///
/// # Errors
///
/// The first step that fails.
pub fn verify(bundle: &[u8], trust: &Trust) -> Result<Proven, Rejected> {
    let bundle = ProofBundle::from_bytes(bundle).map_err(|error| Rejected::Malformed {
        reason: error.to_string(),
    })?;
    format(bundle.format, [&bundle.share_proof, &bundle.sender_proof])?;
    let checkpoint = check_checkpoint(
        &bundle.checkpoint,
        &bundle.header,
        bundle.consistency.as_ref(),
        trust,
    )?;
    let header = bundle.header;

    let transaction =
        Transaction::from_bytes(&bundle.transaction).map_err(|error| Rejected::Malformed {
            reason: error.to_string(),
        })?;
    let Body::Share(share) = transaction.body() else {
        return Err(Rejected::NotShare {
            kind: transaction.body().kind(),
        });
    };
    let share = share.clone();
    if *transaction.chain() != checkpoint.chain() {
        return Err(Rejected::WrongChain {
            expected: checkpoint.chain(),
            found: *transaction.chain(),
        });
    }
    let leaf = leaf_hash(transaction.as_bytes());
    if bundle.inclusion.size != header.log_size
        || bundle.inclusion.root(&leaf) != Some(header.log_root)
    {
        return Err(Rejected::Inclusion);
    }

    let (state, sender) = (bundle.share, bundle.sender);
    let key = share_key(&share.share_id);
    if bundle.share_proof.root(&key, Some(&state.to_bytes())) != Some(header.state_root) {
        return Err(Rejected::ShareState);
    }
    let differs = |what| Err(Rejected::Mismatch { what });
    if state.index != bundle.inclusion.index {
        return differs("index");
    }
    if state.sender != *transaction.sender() {
        return differs("sender");
    }
    if state.content != share.content {
        return differs("content");
    }
    if state.commitment != share.commitment {
        return differs("commitment");
    }

    let key = member_key(transaction.sender());
    if bundle.sender_proof.root(&key, Some(&sender.to_bytes())) != Some(header.state_root) {
        return Err(Rejected::SenderState);
    }
    let sender_key = *sender.key_at(state.height).ok_or(Rejected::Sender)?;
    let message = signed_digest(transaction.message());
    if !trust.verifies(&sender_key, &message, transaction.signature()) {
        return Err(Rejected::Sender);
    }
    Ok(Proven {
        transaction,
        share,
        state,
        sender,
        sender_key,
        header,
        checkpoint,
        inclusion: bundle.inclusion,
    })
}

/// Believes that no share of a name is recorded, or says why not. Never panics.
///
/// # Errors
///
/// The first step that fails.
pub fn verify_absence(bundle: &[u8], trust: &Trust) -> Result<Absent, Rejected> {
    let bundle: AbsenceBundle =
        decode(bundle, "a proof of absence", MAX_BUNDLE).map_err(|error| Rejected::Malformed {
            reason: error.to_string(),
        })?;
    format(bundle.format, [&bundle.share_proof])?;
    let checkpoint = check_checkpoint(
        &bundle.checkpoint,
        &bundle.header,
        bundle.consistency.as_ref(),
        trust,
    )?;
    let key = share_key(&bundle.share_id);
    if bundle.share_proof.root(&key, None) != Some(bundle.header.state_root) {
        return Err(Rejected::ShareState);
    }
    Ok(Absent {
        share_id: bundle.share_id,
        checkpoint,
    })
}

/// Checks a checkpoint that a node answers with against the one that the caller remembers.
///
/// # Errors
///
/// [`Rejected`] when it is not signed by the trusted key, or does not continue the one remembered.
pub fn verify_checkpoint(
    note: &str,
    consistency: Option<&ConsistencyProof>,
    trust: &Trust,
) -> Result<Checkpoint, Rejected> {
    let signed = |text: &[u8], signature: &Signature| trust.log_key.verifies(text, signature);
    let (checkpoint, found) = Checkpoint::open_signed(note, &trust.log, signed, &trust.witnesses)?;
    if found < trust.quorum {
        return Err(Rejected::Witnesses {
            needed: trust.quorum,
            found,
        });
    }
    if let Some(older) = &trust.older {
        continues(&checkpoint, older, consistency)?;
    }
    Ok(checkpoint)
}

pub(crate) fn check_checkpoint(
    note: &str,
    header: &Header,
    consistency: Option<&ConsistencyProof>,
    trust: &Trust,
) -> Result<Checkpoint, Rejected> {
    let checkpoint = verify_checkpoint(note, consistency, trust)?;
    let same = header.digest() == checkpoint.header()
        && header.height == checkpoint.height()
        && header.log_size == checkpoint.size()
        && header.log_root == checkpoint.root();
    if same {
        Ok(checkpoint)
    } else {
        Err(Rejected::Header)
    }
}

/// Checks that a checkpoint continues an older one.
fn continues(
    newer: &Checkpoint,
    older: &Checkpoint,
    proof: Option<&ConsistencyProof>,
) -> Result<(), Rejected> {
    let (known, found) = (older.size(), newer.size());
    let forked = Err(Rejected::Forked { known, found });
    if older.chain() != newer.chain() {
        return Err(Rejected::WrongChain {
            expected: older.chain(),
            found: newer.chain(),
        });
    }
    if newer.height() < older.height() || found < known {
        return Err(Rejected::RolledBack { known, found });
    }
    if newer.height() == older.height() {
        return if newer.header() == older.header() && newer.root() == older.root() && known == found
        {
            Ok(())
        } else {
            forked
        };
    }
    if known == found {
        return if newer.root() == older.root() {
            Ok(())
        } else {
            forked
        };
    }
    let Some(proof) = proof.filter(|proof| proof.from == known && proof.to == found) else {
        return Err(Rejected::NoConsistency { known });
    };
    if proof.holds(&older.root(), &newer.root()) {
        Ok(())
    } else {
        forked
    }
}

/// Checks that a format is one of ours, and that the state proofs are spelled as it says.
pub(crate) fn format<'a>(
    found: u64,
    proofs: impl IntoIterator<Item = &'a StateProof>,
) -> Result<(), Rejected> {
    if !(1..=FORMAT).contains(&found) {
        return Err(Rejected::Format { found });
    }
    if proofs.into_iter().all(|proof| proof.is_of(found)) {
        Ok(())
    } else {
        Err(Rejected::Malformed {
            reason: format!("expected state proofs as format {found} spells them"),
        })
    }
}
