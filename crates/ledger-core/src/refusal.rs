//! Why a transaction is refused: one variant per reason.

use crate::{Address, Height};

/// The reason why the state machine refuses a transaction. A refused transaction leaves no trace in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The transaction breaks a limit of its own: too many receivers, too long a text.
    #[error("{what}: at most {limit}, found {found}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// The most there may be.
        limit: usize,
        /// How much there is.
        found: usize,
    },
    /// A share, grant or revocation that names nobody.
    #[error("no receiver is named")]
    NoReceiver,
    /// The same receiver twice.
    #[error("receiver {address} is named twice")]
    Repeated {
        /// The receiver.
        address: Address,
    },
    /// A key that is no point of the curve, or one of small order, for which signatures mean nothing.
    #[error("the key of {address} is no usable Ed25519 key")]
    WeakKey {
        /// Whose key it would be.
        address: Address,
    },
    /// Made for another ledger.
    #[error("made for chain {found}, this is chain {expected}")]
    WrongChain {
        /// This chain.
        expected: crate::ChainId,
        /// The chain that the transaction names.
        found: crate::ChainId,
    },
    /// The sender was never enrolled.
    #[error("sender {address} is no member of this ledger")]
    UnknownSender {
        /// The sender.
        address: Address,
    },
    /// The sender was a member once.
    #[error("sender {address} was revoked at height {height}")]
    RevokedSender {
        /// The sender.
        address: Address,
        /// Since when.
        height: Height,
    },
    /// The signature does not hold under any key that the sender ever had.
    #[error("the signature of {address} does not hold")]
    BadSignature {
        /// The sender, or the authority that approves.
        address: Address,
    },
    /// The signature holds under a key that the sender no longer uses.
    #[error("the key of {address} that signed was replaced at height {until}")]
    KeyNotValid {
        /// The sender, or the authority that approves.
        address: Address,
        /// The first height at which the key was no longer valid.
        until: Height,
    },
    /// The signature holds under a key that the sender will use, from a later block on.
    #[error(
        "the key of {address} that signed is valid from height {from} on, this is height {height}"
    )]
    KeyNotYetValid {
        /// The sender, or the authority that approves.
        address: Address,
        /// The height that the transaction would have.
        height: Height,
        /// The first height at which the key is valid.
        from: Height,
    },
    /// The sequence was used already: the same transaction again, or another one in its place.
    #[error("sequence {found} of {address} was used already; its next is {expected}")]
    Replayed {
        /// The sender.
        address: Address,
        /// The next sequence.
        expected: u64,
        /// The sequence of the transaction.
        found: u64,
    },
    /// The sequence leaves a gap.
    #[error("sequence {found} of {address} comes too early; its next is {expected}")]
    WrongSequence {
        /// The sender.
        address: Address,
        /// The next sequence.
        expected: u64,
        /// The sequence of the transaction.
        found: u64,
    },
    /// Created after the block's time, by more than the tolerance.
    #[error(
        "created {ahead} s after the ledger's time {time}, more than the {tolerance} s tolerated: check both clocks"
    )]
    FutureTime {
        /// The block's time, unix seconds.
        time: u64,
        /// By how much the transaction is ahead, in seconds.
        ahead: u64,
        /// What the genesis tolerates, in seconds.
        tolerance: u64,
    },
    /// Created before the block's time, by more than the tolerance.
    #[error(
        "created {behind} s before the ledger's time {time}, more than the {tolerance} s tolerated: check both clocks"
    )]
    StaleTime {
        /// The block's time, unix seconds.
        time: u64,
        /// By how much the transaction is behind, in seconds.
        behind: u64,
        /// What the genesis tolerates, in seconds.
        tolerance: u64,
    },
    /// Only authorities of the genesis may send this.
    #[error("{address} is no authority of this ledger")]
    NotAuthority {
        /// The sender, or one that approves.
        address: Address,
    },
    /// Fewer authorities signed than the genesis asks for.
    #[error("{needed} authorities must sign, {found} did")]
    ThresholdNotMet {
        /// The genesis' threshold.
        needed: usize,
        /// The authorities that signed.
        found: usize,
    },
    /// A revocation after which the remaining authorities could not reach the threshold.
    #[error("{remaining} authorities would remain, {needed} must sign")]
    TooFewAuthorities {
        /// The genesis' threshold.
        needed: usize,
        /// The authorities that would remain.
        remaining: usize,
    },
    /// Approvals on a transaction that needs none.
    #[error("this transaction takes no approvals")]
    NeedlessApproval,
    /// Approvals that do not stand in rising order of their addresses: with another order it would be another transaction.
    #[error("the approval of {address} does not stand in the order of the addresses")]
    ApprovalOrder {
        /// The first authority that stands behind a greater address.
        address: Address,
    },
    /// One key for two of the authorities who sign together.
    #[error("{address} signs with the key of another authority")]
    SharedKey {
        /// The second of the two.
        address: Address,
    },
    /// Enrolled already.
    #[error("{address} is a member already")]
    MemberExists {
        /// The member.
        address: Address,
    },
    /// The member to change is none.
    #[error("{address} is no member of this ledger")]
    UnknownMember {
        /// The address.
        address: Address,
    },
    /// The member to change was revoked.
    #[error("member {address} was revoked at height {height}")]
    RevokedMember {
        /// The member.
        address: Address,
        /// Since when.
        height: Height,
    },
    /// The key is the member's own already, now or before.
    #[error("{address} has used this key before")]
    KeyReused {
        /// The member.
        address: Address,
    },
    /// A share with this id is recorded already.
    #[error("share {share} is recorded already")]
    ShareExists {
        /// The share.
        share: crate::ShareId,
    },
    /// No share with this id is recorded.
    #[error("no share {share} is recorded")]
    UnknownShare {
        /// The share.
        share: crate::ShareId,
    },
    /// The share was rejected or withdrawn: nothing more happens to it.
    #[error("the share is {status}: nothing more may happen to it")]
    Frozen {
        /// What it is.
        status: crate::Status,
    },
    /// Only the sender of the share may do this.
    #[error("only {sender} sent this share")]
    NotSender {
        /// The sender of the share.
        sender: Address,
    },
    /// Only a receiver whose grant stands may do this.
    #[error("{address} is no receiver of this share")]
    NotReceiver {
        /// Who is not.
        address: Address,
    },
    /// The receiver is no member.
    #[error("receiver {address} is no member of this ledger")]
    UnknownReceiver {
        /// The receiver.
        address: Address,
    },
    /// The receiver was a member once.
    #[error("receiver {address} was revoked at height {height}")]
    RevokedReceiver {
        /// The receiver.
        address: Address,
        /// Since when.
        height: Height,
    },
    /// Granted already.
    #[error("{address} is a receiver of this share already")]
    AlreadyReceiver {
        /// The receiver.
        address: Address,
    },
    /// Accepted already.
    #[error("{address} has accepted this share already")]
    AlreadyAccepted {
        /// The receiver.
        address: Address,
    },
}

impl Refusal {
    /// A stable name of the reason, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Limit { .. } => "limit",
            Self::NoReceiver => "no-receiver",
            Self::Repeated { .. } => "repeated",
            Self::WeakKey { .. } => "weak-key",
            Self::WrongChain { .. } => "wrong-chain",
            Self::UnknownSender { .. } => "unknown-sender",
            Self::RevokedSender { .. } => "revoked-sender",
            Self::BadSignature { .. } => "bad-signature",
            Self::KeyNotValid { .. } => "key-not-valid",
            Self::KeyNotYetValid { .. } => "key-not-yet-valid",
            Self::Replayed { .. } => "replayed",
            Self::WrongSequence { .. } => "wrong-sequence",
            Self::FutureTime { .. } => "future-time",
            Self::StaleTime { .. } => "stale-time",
            Self::NotAuthority { .. } => "not-authority",
            Self::ThresholdNotMet { .. } => "threshold-not-met",
            Self::TooFewAuthorities { .. } => "too-few-authorities",
            Self::NeedlessApproval => "needless-approval",
            Self::ApprovalOrder { .. } => "approval-order",
            Self::SharedKey { .. } => "shared-key",
            Self::MemberExists { .. } => "member-exists",
            Self::UnknownMember { .. } => "unknown-member",
            Self::RevokedMember { .. } => "revoked-member",
            Self::KeyReused { .. } => "key-reused",
            Self::ShareExists { .. } => "share-exists",
            Self::UnknownShare { .. } => "unknown-share",
            Self::Frozen { .. } => "frozen",
            Self::NotSender { .. } => "not-sender",
            Self::NotReceiver { .. } => "not-receiver",
            Self::UnknownReceiver { .. } => "unknown-receiver",
            Self::RevokedReceiver { .. } => "revoked-receiver",
            Self::AlreadyReceiver { .. } => "already-receiver",
            Self::AlreadyAccepted { .. } => "already-accepted",
        }
    }
}
