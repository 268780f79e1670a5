//! What JSON shows: for people and for Postman; whoever does not trust the server asks for the proof.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ledger_core::{Address, Body, Header, MemberState, ShareId, ShareState, Status, Transaction};
use serde::Serialize;
use utoipa::ToSchema;

/// A recorded transaction.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Transaction")]
pub(super) struct TransactionView {
    /// SHA-256 of its bytes, in hexadecimal.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub(super) id: String,
    /// The CID of its bytes as an IPFS block.
    cid: String,
    /// Where it stands in the log, from 0.
    pub(super) index: u64,
    /// The height of its block.
    pub(super) height: u64,
    /// The time of its block, in seconds since 1970.
    time: u64,
    /// `enroll`, `rotate-key`, `revoke-member`, `share`, `grant`, `revoke`, `accept`, `reject` or `withdraw`.
    pub(super) kind: String,
    /// Who sent it: an OpenPGP fingerprint.
    sender: String,
    /// How many transactions of this sender come before it.
    sequence: u64,
    /// When its sender made it, by the sender's clock, in seconds since 1970.
    created_at: u64,
    /// The share that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    share_id: Option<String>,
    /// The member that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<String>,
    /// The CID that it names.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    /// The salted hash of what is hidden in the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    commitment: Option<String>,
    /// The public words of a share, the name of a member, the reason of a rejection.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// The receivers that it names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    receivers: Vec<String>,
    /// Its bytes, in base64.
    bytes: String,
}

impl TransactionView {
    pub(super) fn new(tx: &Transaction, index: u64, header: &Header) -> Self {
        let body = tx.body();
        let (content, commitment, text) = match body {
            Body::Share(share) => (
                Some(share.content),
                Some(share.commitment),
                share.description.clone(),
            ),
            Body::Grant(grant) => (Some(grant.content), None, None),
            Body::Enroll(enroll) => (enroll.cert, None, enroll.name.clone()),
            Body::RotateKey(rotate) => (rotate.cert, None, None),
            Body::Reject(reject) => (None, None, reject.reason.clone()),
            _ => (None, None, None),
        };
        Self {
            id: tx.id().to_string(),
            cid: tx.cid().to_string(),
            index,
            height: header.height.0,
            time: header.time,
            kind: body.kind().to_owned(),
            sender: tx.sender().to_string(),
            sequence: tx.sequence(),
            created_at: tx.created_at(),
            share_id: body.share_id().map(ToString::to_string),
            member: body.member().map(ToString::to_string),
            content: content.map(|cid| cid.to_string()),
            commitment: commitment.map(|commitment| commitment.to_string()),
            text,
            receivers: body.receivers().iter().map(ToString::to_string).collect(),
            bytes: BASE64_STANDARD.encode(tx.as_bytes()),
        }
    }
}

/// Where a transaction was recorded.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Receipt")]
pub(super) struct ReceiptView {
    /// SHA-256 of its bytes, in hexadecimal.
    pub(super) id: String,
    /// The CID of its bytes as an IPFS block.
    pub(super) cid: String,
    /// Where it stands in the log; absent until it is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) index: Option<u64>,
    /// The height of its block; absent until it is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) height: Option<u64>,
}

/// A share.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Share")]
pub(super) struct ShareView {
    /// Its name, in hexadecimal.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    share_id: String,
    /// Who sent it: an OpenPGP fingerprint.
    sender: String,
    /// The CID of what is shared.
    content: String,
    /// The salted hash of what is hidden in the image, in hexadecimal.
    commitment: String,
    /// The index of its transaction.
    index: u64,
    /// The height of its block.
    height: u64,
    /// `live`, `rejected` or `withdrawn`.
    status: String,
    /// Who rejected it.
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected_by: Option<String>,
    /// Everyone who ever was a receiver.
    receivers: Vec<ReceiverView>,
    /// The indices of every transaction on it.
    events: Vec<u64>,
}

/// A receiver of a share.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Receiver")]
struct ReceiverView {
    /// Who: an OpenPGP fingerprint.
    address: String,
    /// The CID made for this receiver.
    content: String,
    /// The index of the transaction that named it.
    granted: u64,
    /// The index of its acceptance.
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<u64>,
    /// The index of the transaction that took the grant back.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked: Option<u64>,
}

impl ShareView {
    pub(super) fn new(id: &ShareId, share: &ShareState) -> Self {
        let receiver = |receiver: &ledger_core::ReceiverState| ReceiverView {
            address: receiver.address.to_string(),
            content: receiver.content.unwrap_or(share.content).to_string(),
            granted: receiver.granted,
            accepted: receiver.accepted,
            revoked: receiver.revoked,
        };
        Self {
            share_id: id.to_string(),
            sender: share.sender.to_string(),
            content: share.content.to_string(),
            commitment: share.commitment.to_string(),
            index: share.index,
            height: share.height.0,
            status: share.status.to_string(),
            rejected_by: match &share.status {
                Status::Rejected { by, .. } => Some(by.to_string()),
                _ => None,
            },
            receivers: share.receivers.iter().map(receiver).collect(),
            events: share.events.clone(),
        }
    }
}

/// A member.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Member")]
pub(super) struct MemberView {
    /// Its OpenPGP fingerprint.
    address: String,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The CID of its cert.
    #[serde(skip_serializing_if = "Option::is_none")]
    cert: Option<String>,
    /// Its Ed25519 keys, the oldest first.
    keys: Vec<KeyView>,
    /// The sequence of its next transaction.
    sequence: u64,
    /// The height at which it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked: Option<u64>,
}

/// A key and the heights at which it is valid.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Key")]
struct KeyView {
    /// In hexadecimal.
    key: String,
    /// The first height at which it is valid.
    from: u64,
    /// The first height at which it is no longer valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
}

impl MemberView {
    pub(super) fn new(address: &Address, member: &MemberState) -> Self {
        let key = |span: &ledger_core::KeySpan| KeyView {
            key: span.key.to_string(),
            from: span.from.0,
            until: span.until.map(|height| height.0),
        };
        Self {
            address: address.to_string(),
            name: member.name.clone(),
            cert: member.cert.map(|cid| cid.to_string()),
            keys: member.keys.iter().map(key).collect(),
            sequence: member.sequence,
            revoked: member.revoked.map(|height| height.0),
        }
    }
}

/// A block's header.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Block")]
pub(super) struct BlockView {
    /// The number of the block.
    height: u64,
    /// The CID of the header.
    cid: String,
    /// The CID of the header before.
    previous: String,
    /// The block's time, in seconds since 1970.
    time: u64,
    /// The index of its first transaction.
    first: u64,
    /// The number of transactions up to and with this block.
    log_size: u64,
    /// The root of the log, in hexadecimal.
    log_root: String,
    /// The root of the map of members and shares, in hexadecimal.
    state_root: String,
    /// Its transactions, when one block is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    transactions: Option<Vec<TransactionView>>,
}

impl BlockView {
    pub(super) fn new(header: &Header, first: u64, txs: Option<&[Transaction]>) -> Self {
        let view = |txs: &[Transaction]| {
            (first..)
                .zip(txs)
                .map(|(index, tx)| TransactionView::new(tx, index, header))
                .collect()
        };
        Self {
            height: header.height.0,
            cid: header.cid().to_string(),
            previous: header.previous.to_string(),
            time: header.time,
            first,
            log_size: header.log_size,
            log_root: header.log_root.to_string(),
            state_root: header.state_root.to_string(),
            transactions: txs.map(view),
        }
    }
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Page")]
pub(super) struct Page<T> {
    /// What is on this page; it may be fewer than the limit, even none, while there is a next page.
    pub(super) items: Vec<T>,
    /// The cursor of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}
