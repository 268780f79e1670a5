//! Transactions: what members sign, and what the log's leaves are.

use std::sync::OnceLock;

use cid::Cid;
use ed25519_dalek::Signer as _;
use serde::{Deserialize, Serialize};
use sha2::Sha512;

use crate::codec::{decode, encode};
use crate::{
    Address, ChainId, Commitment, PublicKey, Refusal, Result, ShareId, Signature, TxId, UnpackedKey,
};

/// The most bytes that a transaction takes: what two bytes of length say in a bundle of C2SP's tlog-tiles.
pub const MAX_TRANSACTION: usize = 65_535;
/// The most receivers that one transaction names.
pub const MAX_RECEIVERS: usize = 64;
/// The most bytes of a public description.
pub const MAX_DESCRIPTION: usize = 16 * 1024;
/// The most bytes of a member's name and of a rejection's reason.
pub const MAX_TEXT: usize = 1024;

/// What is hashed behind the message before it is signed: 30 letters and ten bytes of 0xFF.
///
/// What an OpenPGP signature hashes never ends so: its version or its type stands among the last ten bytes, and is not 0xFF.
/// So no signature made for the ledger is one for OpenPGP, and none made for OpenPGP is one here.
pub const SIGNATURE_SUFFIX: [u8; 40] =
    *b"medshare ledger transaction v1\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";

/// SHA-512 of the message and [`SIGNATURE_SUFFIX`]: the 64 bytes that Ed25519 signs.
#[must_use]
pub fn signed_digest(message: &[u8]) -> [u8; 64] {
    use sha2::Digest as _;
    Sha512::new()
        .chain_update(message)
        .chain_update(SIGNATURE_SUFFIX)
        .finalize()
        .into()
}

/// A transaction before its sender has signed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers build it field by field")]
pub struct Unsigned {
    /// The ledger it is for.
    pub chain: ChainId,
    /// Who sends it.
    pub sender: Address,
    /// How many transactions of this sender the ledger has before it.
    pub sequence: u64,
    /// When the sender made it, by its own clock, in seconds since 1970.
    pub created_at: u64,
    /// What it does.
    pub body: Body,
}

/// What a transaction does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Body {
    /// Makes someone a member.
    Enroll(Enroll),
    /// Gives a member another key.
    RotateKey(RotateKey),
    /// Ends a membership.
    RevokeMember(RevokeMember),
    /// Records a share.
    Share(Share),
    /// Names further receivers of a share.
    Grant(Grant),
    /// Takes grants back.
    Revoke(Revoke),
    /// A receiver has verified the share.
    Accept(Accept),
    /// A receiver refuses the share, which freezes it.
    Reject(Reject),
    /// The sender takes the share back, which freezes it.
    Withdraw(Withdraw),
}

/// Makes someone a member; sent by an authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers build it field by field")]
pub struct Enroll {
    /// The fingerprint of the member's OpenPGP cert.
    pub address: Address,
    /// The key that its transactions are signed with.
    pub key: PublicKey,
    /// Where the cert is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert: Option<Cid>,
    /// What people call the member, at most [`MAX_TEXT`] bytes: an institution rather than a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Gives a member another key; sent by the member itself, or by an authority when the old key is lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers build it field by field")]
pub struct RotateKey {
    /// Whose key.
    pub address: Address,
    /// The new key, valid from the next block on.
    pub key: PublicKey,
    /// Where the renewed cert is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert: Option<Cid>,
}

/// Ends a membership; sent by an authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers build it field by field")]
pub struct RevokeMember {
    /// Whose membership.
    pub address: Address,
}

/// Records a share: the record of the paper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers build it field by field")]
pub struct Share {
    /// The share's name, chosen at random by its sender.
    pub share_id: ShareId,
    /// The root of what is shared.
    pub content: Cid,
    /// The salted hash of what is hidden in the image.
    pub commitment: Commitment,
    /// Words for everybody to read, at most [`MAX_DESCRIPTION`] bytes; nothing that identifies a patient belongs here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// For whom, at most [`MAX_RECEIVERS`].
    pub receivers: Vec<Address>,
}

/// Names further receivers of a share; sent by its sender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers build it field by field")]
pub struct Grant {
    /// Which share.
    pub share_id: ShareId,
    /// The root that these receivers can open: the same bodies under another head.
    pub content: Cid,
    /// To whom, at most [`MAX_RECEIVERS`].
    pub receivers: Vec<Address>,
}

/// Takes grants back; sent by the sender of the share. Who has opened it already, has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers build it field by field")]
pub struct Revoke {
    /// Which share.
    pub share_id: ShareId,
    /// From whom, at most [`MAX_RECEIVERS`].
    pub receivers: Vec<Address>,
}

/// A receiver has verified the share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers build it field by field")]
pub struct Accept {
    /// Which share.
    pub share_id: ShareId,
}

/// A receiver refuses the share, which freezes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers build it field by field")]
pub struct Reject {
    /// Which share.
    pub share_id: ShareId,
    /// Why, for everybody to read, at most [`MAX_TEXT`] bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The sender takes the share back, which freezes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers build it field by field")]
pub struct Withdraw {
    /// Which share.
    pub share_id: ShareId,
}

impl Body {
    /// The share that the transaction is about, unless it is about a member.
    #[must_use]
    pub const fn share_id(&self) -> Option<&ShareId> {
        match self {
            Self::Share(Share { share_id, .. })
            | Self::Grant(Grant { share_id, .. })
            | Self::Revoke(Revoke { share_id, .. })
            | Self::Accept(Accept { share_id })
            | Self::Reject(Reject { share_id, .. })
            | Self::Withdraw(Withdraw { share_id }) => Some(share_id),
            Self::Enroll(_) | Self::RotateKey(_) | Self::RevokeMember(_) => None,
        }
    }

    /// The member that the transaction is about, unless it is about a share.
    #[must_use]
    pub const fn member(&self) -> Option<&Address> {
        match self {
            Self::Enroll(Enroll { address, .. })
            | Self::RotateKey(RotateKey { address, .. })
            | Self::RevokeMember(RevokeMember { address }) => Some(address),
            _ => None,
        }
    }

    /// The kind in one word: `enroll`, `rotate-key`, `revoke-member`, `share`, `grant`, `revoke`, `accept`, `reject` or
    /// `withdraw`, as it is written in the bytes.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Enroll(_) => "enroll",
            Self::RotateKey(_) => "rotate-key",
            Self::RevokeMember(_) => "revoke-member",
            Self::Share(_) => "share",
            Self::Grant(_) => "grant",
            Self::Revoke(_) => "revoke",
            Self::Accept(_) => "accept",
            Self::Reject(_) => "reject",
            Self::Withdraw(_) => "withdraw",
        }
    }

    /// The receivers that the transaction names; empty for most kinds.
    #[must_use]
    pub fn receivers(&self) -> &[Address] {
        match self {
            Self::Share(Share { receivers, .. })
            | Self::Grant(Grant { receivers, .. })
            | Self::Revoke(Revoke { receivers, .. }) => receivers,
            _ => &[],
        }
    }

    /// The limits that hold whatever the state is.
    fn check(&self) -> Result<(), Refusal> {
        let within = |what, limit, text: &Option<String>| match text.as_ref().map_or(0, String::len)
        {
            found if found > limit => Err(Refusal::Limit { what, limit, found }),
            _ => Ok(()),
        };
        let usable = |address: &Address, key: &PublicKey| match key.point() {
            Some(_) => Ok(()),
            None => Err(Refusal::WeakKey { address: *address }),
        };
        match self {
            Self::Enroll(enroll) => {
                within("bytes of a member's name", MAX_TEXT, &enroll.name)?;
                usable(&enroll.address, &enroll.key)
            }
            Self::RotateKey(rotate) => usable(&rotate.address, &rotate.key),
            Self::Share(share) => {
                within(
                    "bytes of a description",
                    MAX_DESCRIPTION,
                    &share.description,
                )?;
                named(&share.receivers)
            }
            Self::Grant(Grant { receivers, .. }) | Self::Revoke(Revoke { receivers, .. }) => {
                named(receivers)
            }
            Self::Reject(reject) => within("bytes of a reason", MAX_TEXT, &reject.reason),
            Self::RevokeMember(_) | Self::Accept(_) | Self::Withdraw(_) => Ok(()),
        }
    }
}

impl Unsigned {
    /// Puts a transaction together.
    #[must_use]
    pub const fn new(
        chain: ChainId,
        sender: Address,
        sequence: u64,
        created_at: u64,
        body: Body,
    ) -> Self {
        Self {
            chain,
            sender,
            sequence,
            created_at,
            body,
        }
    }

    /// The bytes to sign: canonical DAG-CBOR. The signature is Ed25519's over [`signed_digest`] of them.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        encode(self)
    }

    /// Signs with whatever holds the key: the function gets [`Unsigned::message`] and returns the signature.
    ///
    /// # Errors
    ///
    /// What the function returns.
    pub fn sign_with<E>(
        self,
        sign: impl FnOnce(&[u8]) -> Result<[u8; 64], E>,
    ) -> Result<Transaction, E> {
        let message = self.message();
        let signature = Signature::new(sign(&message)?);
        Ok(Transaction::assemble(Wire {
            unsigned: self,
            approvals: Vec::new(),
            signature,
        }))
    }

    /// Signs with an Ed25519 key at hand.
    #[must_use]
    pub fn sign(self, key: &ed25519_dalek::SigningKey) -> Transaction {
        let signature = sign_message(key, &self.message());
        Transaction::assemble(Wire {
            unsigned: self,
            approvals: Vec::new(),
            signature,
        })
    }
}

/// An Ed25519 key from its 32 secret bytes, for those who keep keys without OpenPGP.
#[must_use]
pub fn signing_key(secret: [u8; 32]) -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&secret)
}

/// The signature of a transaction's message by an Ed25519 key at hand.
#[must_use]
pub fn sign_message(key: &ed25519_dalek::SigningKey, message: &[u8]) -> Signature {
    Signature::new(key.sign(&signed_digest(message)).to_bytes())
}

/// A signed transaction: exactly one sequence of bytes, whose hash is its name and a leaf of the log.
///
/// That the signature holds, and that its sender may send it, is what [`crate::Staged::apply`] checks.
#[derive(Clone)]
pub struct Transaction {
    wire: Wire,
    bytes: Vec<u8>,
    /// Where in the bytes the message ends, which is part of them.
    message_end: usize,
    id: OnceLock<TxId>,
}

/// What is written, in the order in which it is written: see DESIGN.md.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    unsigned: Unsigned,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    approvals: Vec<Approval>,
    signature: Signature,
}

/// Where the message begins: after the map's head and the key `unsigned` with its own.
const MESSAGE_START: usize = 1 + 1 + 8;
/// The bytes of the last entry: the key `signature`, and 64 bytes, each with its head.
const SIGNATURE_ENTRY: usize = 1 + 9 + 2 + 64;
/// The bytes of the key `approvals` with its head.
const APPROVALS_KEY: usize = 1 + 9;

/// One more authority's signature under the same message, where the genesis asks for several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Approval {
    /// The authority.
    pub authority: Address,
    /// Its signature of the transaction's message.
    pub signature: Signature,
}

impl Transaction {
    fn assemble(wire: Wire) -> Self {
        let bytes = encode(&wire);
        Self::of(wire, bytes)
    }

    /// A transaction and its canonical bytes.
    fn of(wire: Wire, bytes: Vec<u8>) -> Self {
        let approvals = match wire.approvals.as_slice() {
            [] => 0,
            approvals => APPROVALS_KEY + encode(&approvals).len(),
        };
        Self {
            message_end: bytes.len().saturating_sub(approvals + SIGNATURE_ENTRY),
            wire,
            bytes,
            id: OnceLock::new(),
        }
    }

    /// Reads a transaction: exactly its canonical bytes, at most [`MAX_TRANSACTION`].
    ///
    /// # Errors
    ///
    /// [`crate::Error::TooLarge`] or [`crate::Error::Malformed`] for everything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let wire: Wire = decode(bytes, "a transaction", MAX_TRANSACTION)?;
        Ok(Self::of(wire, bytes.to_vec()))
    }

    /// Adds the signature of a further authority by its Ed25519 key, where the genesis asks for several.
    #[must_use]
    pub fn approve(self, authority: Address, key: &ed25519_dalek::SigningKey) -> Self {
        let signature = sign_message(key, self.message());
        self.approved(authority, signature)
    }

    /// Adds the signature of a further authority, where the genesis asks for several.
    ///
    /// # Errors
    ///
    /// What the function returns.
    pub fn approve_with<E>(
        self,
        authority: Address,
        sign: impl FnOnce(&[u8]) -> Result<[u8; 64], E>,
    ) -> Result<Self, E> {
        let signature = Signature::new(sign(self.message())?);
        Ok(self.approved(authority, signature))
    }

    fn approved(self, authority: Address, signature: Signature) -> Self {
        let mut wire = self.wire;
        wire.approvals.push(Approval {
            authority,
            signature,
        });
        // in the one order that a ledger takes, whoever approved first
        wire.approvals.sort_by_key(|approval| approval.authority);
        Self::assemble(wire)
    }

    /// The canonical bytes: a leaf of the log.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.bytes.clone()
    }

    /// The canonical bytes, borrowed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the bytes.
    #[must_use]
    pub fn id(&self) -> TxId {
        *self
            .id
            .get_or_init(|| TxId::new(crate::hash::sha256(&[&self.bytes])))
    }

    /// The CID of the bytes as an IPFS block: CIDv1, dag-cbor, sha2-256.
    #[must_use]
    pub fn cid(&self) -> Cid {
        crate::block::dag_cbor_cid(&self.bytes)
    }

    /// What was signed.
    #[must_use]
    pub const fn unsigned(&self) -> &Unsigned {
        &self.wire.unsigned
    }

    /// The bytes that were signed.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        self.bytes
            .get(MESSAGE_START..self.message_end)
            .unwrap_or_default()
    }

    /// The ledger that it is for.
    #[must_use]
    pub const fn chain(&self) -> &ChainId {
        &self.unsigned().chain
    }

    /// Who claims to send it.
    #[must_use]
    pub const fn sender(&self) -> &Address {
        &self.unsigned().sender
    }

    /// How many transactions of this sender the ledger has before it.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.unsigned().sequence
    }

    /// When the sender says that it made it, in seconds since 1970.
    #[must_use]
    pub const fn created_at(&self) -> u64 {
        self.unsigned().created_at
    }

    /// What it does.
    #[must_use]
    pub const fn body(&self) -> &Body {
        &self.unsigned().body
    }

    /// The sender's signature.
    #[must_use]
    pub const fn signature(&self) -> &Signature {
        &self.wire.signature
    }

    /// The signatures of further authorities.
    #[must_use]
    pub fn approvals(&self) -> &[Approval] {
        &self.wire.approvals
    }

    /// Checks the sender's signature against a key, strictly.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadSignature`] when it does not hold.
    pub fn verify_signature(&self, key: &PublicKey) -> Result<(), Refusal> {
        verify(key, self.message(), self.signature(), self.sender())
    }

    /// The checks that need no state: limits, receivers named once, usable keys.
    ///
    /// # Errors
    ///
    /// The first limit that the transaction breaks.
    pub fn check(&self) -> Result<(), Refusal> {
        if self.bytes.len() > MAX_TRANSACTION {
            return Err(Refusal::Limit {
                what: "bytes of a transaction",
                limit: MAX_TRANSACTION,
                found: self.bytes.len(),
            });
        }
        self.body().check()
    }
}

/// Two transactions are the same when their bytes are.
impl PartialEq for Transaction {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Transaction {}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transaction")
            .field("id", &self.id())
            .field("unsigned", self.unsigned())
            .finish_non_exhaustive()
    }
}

/// Says that a transaction's signature was checked under a key, ahead of its turn and on any thread.
///
/// Whether that key is the sender's at the block's height is what [`crate::Staged::apply_verified`] looks up.
#[derive(Clone, Copy, Debug)]
pub struct Verified {
    id: TxId,
    key: PublicKey,
}

impl Verified {
    /// Checks the signature.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadSignature`] when it does not hold under this key.
    pub fn new(tx: &Transaction, key: &UnpackedKey) -> Result<Self, Refusal> {
        if key.verifies(&signed_digest(tx.message()), tx.signature()) {
            Ok(Self {
                id: tx.id(),
                key: *key.key(),
            })
        } else {
            Err(Refusal::BadSignature {
                address: *tx.sender(),
            })
        }
    }

    /// As [`Verified::new`] for many transactions, each with its key: none where the signature does not hold.
    #[must_use]
    pub fn each(signed: &[(&Transaction, &UnpackedKey)]) -> Vec<Option<Self>> {
        let messages = signed.iter().map(|(tx, key)| {
            let digest = signed_digest(tx.message());
            (*key, digest, tx.signature())
        });
        let verdicts = UnpackedKey::verify_each(&messages.collect::<Vec<_>>());
        let verified = |((tx, key), holds): (&(&Transaction, &UnpackedKey), bool)| {
            holds.then(|| Self {
                id: tx.id(),
                key: *key.key(),
            })
        };
        signed.iter().zip(verdicts).map(verified).collect()
    }

    /// Whether it is this transaction that was checked, and under this key.
    pub(crate) fn says(&self, id: &TxId, key: &PublicKey) -> bool {
        (&self.id, &self.key) == (id, key)
    }
}

/// Checks one signature of a message.
pub(crate) fn verify(
    key: &PublicKey,
    message: &[u8],
    signature: &Signature,
    address: &Address,
) -> Result<(), Refusal> {
    if key.verifies(&signed_digest(message), signature) {
        Ok(())
    } else {
        Err(Refusal::BadSignature { address: *address })
    }
}

/// Receivers: at least one, not too many, none twice.
fn named(receivers: &[Address]) -> Result<(), Refusal> {
    if receivers.is_empty() {
        return Err(Refusal::NoReceiver);
    }
    if receivers.len() > MAX_RECEIVERS {
        return Err(Refusal::Limit {
            what: "receivers",
            limit: MAX_RECEIVERS,
            found: receivers.len(),
        });
    }
    let mut sorted = receivers.to_vec();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair.first() == pair.last()) {
        Some(&[address, ..]) => Err(Refusal::Repeated { address }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_is_what_stands_in_the_bytes() {
        let unsigned = Unsigned::new(
            ChainId::new([1; 32]),
            Address::new(&[2; 20]).unwrap(),
            300,
            1_700_000_000,
            Body::RevokeMember(RevokeMember {
                address: Address::new(&[3; 32]).unwrap(),
            }),
        );
        let mut tx = unsigned.clone().sign(&signing_key([4; 32]));
        // more than 23, so that the list's head grows
        for number in 0..30 {
            assert_eq!(tx.message(), unsigned.message(), "{number} approvals");
            let read = Transaction::from_bytes(tx.as_bytes()).unwrap();
            assert_eq!((read.message(), &read), (tx.message(), &tx));
            let authority = Address::new(&[number; 20]).unwrap();
            let approved = tx.approve_with(authority, |_| Ok::<_, ()>([number; 64]));
            tx = approved.unwrap();
        }
    }
}
