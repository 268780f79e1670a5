//! Answers: states, blocks and transactions, as many as were asked for, proven under one checkpoint.
//!
//! What a server says to a client that does not trust it. A [`Question`] becomes an [`AnswerBundle`], which travels as
//! bytes, and [`verify_answer`] makes an [`Answer`] of them. A [`crate::ProofBundle`] is for the one share that somebody
//! keeps the proof of; an answer is for the moment.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::checkpoint::Checkpoint;
use crate::codec::{decode, encode};
use crate::map::StateProof;
use crate::merkle::{ConsistencyProof, InclusionProof, leaf_hash};
use crate::proof::{FORMAT, check_checkpoint, format};
use crate::state::{member_key, share_key};
use crate::store::Snapshot;
use crate::{
    Address, Error, Header, Height, MemberState, Reading, Rejected, Result, ShareId, ShareState,
    Signature, Transaction, Trust, map, signed_digest,
};

/// The most bytes of an answer.
pub const MAX_ANSWER: usize = 32 << 20;

/// What is asked; nothing at all asks for the newest checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it field by field")]
pub struct Question {
    /// The number of leaves of the checkpoint that the asker keeps: the answer shows that it is continued.
    pub older: Option<u64>,
    /// Members, enrolled or not.
    pub members: Vec<Address>,
    /// Shares, recorded or not.
    pub shares: Vec<ShareId>,
    /// Blocks: their headers, and so which transactions they hold.
    pub blocks: Vec<Height>,
    /// Transactions by their index. Their blocks, and the members who signed them, are in the answer too: without these nobody
    /// could tell whose key has to have signed.
    pub transactions: Vec<u64>,
}

/// A claim about one moment of a ledger, with everything that proves it: see DESIGN.md.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerBundle {
    format: u64,
    header: Header,
    checkpoint: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    consistency: Option<ConsistencyProof>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    members: Vec<MemberClaim>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    shares: Vec<ShareClaim>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    blocks: Vec<BlockClaim>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    transactions: Vec<TransactionClaim>,
}

/// The state of a member, or that there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberClaim {
    address: Address,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<MemberState>,
    proof: StateProof,
}

/// The state of a share, or that there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ShareClaim {
    share_id: ShareId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<ShareState>,
    proof: StateProof,
}

/// A header, the one before it, and the node's signature on it as the head that it once was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BlockClaim {
    header: Header,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<Header>,
    /// Left out when it is the answer's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checkpoint: Option<String>,
    /// Left out when the log has not grown since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    consistency: Option<ConsistencyProof>,
}

/// A transaction and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TransactionClaim {
    #[serde(with = "serde_bytes")]
    transaction: Vec<u8>,
    inclusion: InclusionProof,
}

impl AnswerBundle {
    /// Reads an answer: exactly its canonical bytes, at most [`MAX_ANSWER`]. Nothing is believed yet.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Malformed`] or [`crate::Error::TooLarge`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        decode(bytes, "an answer", MAX_ANSWER)
    }

    /// The same answer with the note over the same checkpoint that witnesses cosigned too.
    #[must_use]
    pub fn cosigned(mut self, note: String) -> Self {
        self.checkpoint = note;
        self
    }

    /// The canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }
}

/// What was proven, at one checkpoint; only [`verify_answer`] makes one.
#[derive(Clone, Debug)]
pub struct Answer {
    header: Header,
    checkpoint: Checkpoint,
    members: BTreeMap<Address, Option<MemberState>>,
    shares: BTreeMap<ShareId, Option<ShareState>>,
    blocks: BTreeMap<Height, ProvenBlock>,
    /// The heights of the blocks that have transactions, by their first.
    firsts: BTreeMap<u64, Height>,
    transactions: BTreeMap<u64, Transaction>,
}

/// A header that the node signed, and which transactions its block holds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProvenBlock {
    /// The header.
    pub header: Header,
    /// The index of its first transaction; the one behind its last is the header's log size.
    pub first: u64,
}

impl Answer {
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

    /// A member; `None` when the answer says nothing about it, `Some(None)` when it is proven to be none.
    #[must_use]
    pub fn member(&self, address: &Address) -> Option<Option<&MemberState>> {
        self.members.get(address).map(Option::as_ref)
    }

    /// Every member that the answer is about and that there is, in the order of the addresses.
    pub fn members(&self) -> impl Iterator<Item = (&Address, &MemberState)> {
        self.members
            .iter()
            .filter_map(|(address, state)| Some((address, state.as_ref()?)))
    }

    /// A share; `None` when the answer says nothing about it, `Some(None)` when it is proven not to be recorded.
    #[must_use]
    pub fn share(&self, share: &ShareId) -> Option<Option<&ShareState>> {
        self.shares.get(share).map(Option::as_ref)
    }

    /// Every share that the answer is about and that there is.
    pub fn shares(&self) -> impl Iterator<Item = (&ShareId, &ShareState)> {
        self.shares
            .iter()
            .filter_map(|(id, state)| Some((id, state.as_ref()?)))
    }

    /// Every address that the answer proves to be no member's.
    pub fn absent_members(&self) -> impl Iterator<Item = &Address> {
        let absent = self.members.iter().filter(|(_, state)| state.is_none());
        absent.map(|(address, _)| address)
    }

    /// Every share that the answer proves not to be recorded.
    pub fn absent_shares(&self) -> impl Iterator<Item = &ShareId> {
        let absent = self.shares.iter().filter(|(_, state)| state.is_none());
        absent.map(|(share_id, _)| share_id)
    }

    /// Every block that the answer is about, in the order of the heights.
    pub fn blocks(&self) -> impl Iterator<Item = &ProvenBlock> {
        self.blocks.values()
    }

    /// A block.
    #[must_use]
    pub fn block(&self, height: Height) -> Option<&ProvenBlock> {
        self.blocks.get(&height)
    }

    /// The block that holds the transaction at an index, if the answer is about it.
    #[must_use]
    pub fn block_of(&self, index: u64) -> Option<&ProvenBlock> {
        let (_, height) = self.firsts.range(..=index).next_back()?;
        self.block(*height)
            .filter(|block| index < block.header.log_size)
    }

    /// The transaction at an index.
    #[must_use]
    pub fn transaction(&self, index: u64) -> Option<&Transaction> {
        self.transactions.get(&index)
    }

    /// Every transaction, in the order of the log.
    pub fn transactions(&self) -> impl Iterator<Item = (u64, &Transaction)> {
        self.transactions.iter().map(|(index, tx)| (*index, tx))
    }

    /// Checks that a transaction is of this chain, and each signature in it under the key of then.
    fn check_signed(&self, index: u64, tx: &Transaction, trust: &Trust) -> Result<(), Rejected> {
        let expected = self.checkpoint.chain();
        if *tx.chain() != expected {
            let found = *tx.chain();
            return Err(Rejected::WrongChain { expected, found });
        }
        let block = self.block_of(index).ok_or(Rejected::NoBlock { index })?;
        let message = signed_digest(tx.message());
        for (address, signature) in signers(tx) {
            let member = self.member(&address).flatten();
            let key = member.and_then(|member| member.key_at(block.header.height));
            let holds = key.is_some_and(|key| trust.verifies(key, &message, signature));
            if !holds {
                return Err(match address == *tx.sender() {
                    true => Rejected::Sender,
                    false => Rejected::Approval { address },
                });
            }
        }
        Ok(())
    }
}

/// Believes an answer or says why not. Needs nothing else: no store, no network, no clock. Never panics.
///
/// Success means what it means for [`crate::verify`], for each thing in the answer: a transaction is of this chain, in the log, and
/// signed, as is each approval in it, under the key that the proven state of its signer says was valid at the height of its block.
/// So nobody but the holder of that key made it, whoever has the node's. That the rules allowed it, such as enough approvals or that
/// the member was not revoked before, and that the states follow from the transactions, shows only who computes the chain again: a
/// node that lies about a member's key can still sign in its name. Whether the answer is about what was asked is for the caller to
/// look up; that a list is whole is not proven.
///
/// # Errors
///
/// The first thing that is not proven.
pub fn verify_answer(bundle: &[u8], trust: &Trust) -> Result<Answer, Rejected> {
    let bundle = AnswerBundle::from_bytes(bundle).map_err(|error| Rejected::Malformed {
        reason: error.to_string(),
    })?;
    let members = bundle.members.iter().map(|member| &member.proof);
    let shares = bundle.shares.iter().map(|share| &share.proof);
    format(bundle.format, members.chain(shares))?;
    let consistency = bundle.consistency.as_ref();
    let checkpoint = check_checkpoint(&bundle.checkpoint, &bundle.header, consistency, trust)?;
    let header = bundle.header;
    let mut answer = Answer {
        header: header.clone(),
        checkpoint,
        members: BTreeMap::new(),
        shares: BTreeMap::new(),
        blocks: BTreeMap::new(),
        firsts: BTreeMap::new(),
        transactions: BTreeMap::new(),
    };
    for MemberClaim {
        address,
        state,
        proof,
    } in bundle.members
    {
        let value = state.as_ref().map(MemberState::to_bytes);
        if proof.root(&member_key(&address), value.as_deref()) != Some(header.state_root) {
            return Err(Rejected::MemberState { address });
        }
        answer.members.insert(address, state);
    }
    for ShareClaim {
        share_id,
        state,
        proof,
    } in bundle.shares
    {
        let value = state.as_ref().map(ShareState::to_bytes);
        if proof.root(&share_key(&share_id), value.as_deref()) != Some(header.state_root) {
            return Err(Rejected::ShareState);
        }
        answer.shares.insert(share_id, state);
    }
    for claim in bundle.blocks {
        let block = claim.check(&header, trust)?;
        let height = block.header.height;
        if block.first < block.header.log_size {
            answer.firsts.insert(block.first, height);
        }
        answer.blocks.insert(height, block);
    }
    for TransactionClaim {
        transaction,
        inclusion,
    } in bundle.transactions
    {
        let tx = Transaction::from_bytes(&transaction).map_err(|error| Rejected::Malformed {
            reason: error.to_string(),
        })?;
        let root = inclusion.root(&leaf_hash(&transaction));
        if inclusion.size != header.log_size || root != Some(header.log_root) {
            return Err(Rejected::Inclusion);
        }
        answer.check_signed(inclusion.index, &tx, trust)?;
        answer.transactions.insert(inclusion.index, tx);
    }
    Ok(answer)
}

/// Everybody whose signature is in a transaction.
fn signers(tx: &Transaction) -> impl Iterator<Item = (Address, &Signature)> {
    let approvals = tx.approvals().iter();
    let approvals = approvals.map(|approval| (approval.authority, &approval.signature));
    std::iter::once((*tx.sender(), tx.signature())).chain(approvals)
}

impl BlockClaim {
    /// Checks that the node signed the header, that the log of then is the beginning of the head's, and the link to the
    /// header before.
    fn check(self, head: &Header, trust: &Trust) -> Result<ProvenBlock, Rejected> {
        let header = self.header;
        let height = header.height;
        let rejected = Rejected::Block { height };
        match &self.checkpoint {
            None if header == *head => {}
            None => return Err(rejected),
            Some(note) => {
                check_checkpoint(note, &header, None, &trust.anew())?;
            }
        }
        let continued = match &self.consistency {
            None => header.log_size == head.log_size && header.log_root == head.log_root,
            Some(proof) => {
                (proof.from, proof.to) == (header.log_size, head.log_size)
                    && proof.holds(&header.log_root, &head.log_root)
            }
        };
        let first = match (&self.previous, height) {
            (None, Height(0)) => Some(0),
            (Some(previous), _) => {
                let follows = header.check_follows(previous).is_ok();
                follows.then_some(previous.log_size)
            }
            (None, _) => None,
        };
        match first {
            Some(first) if continued && height <= head.height => Ok(ProvenBlock { header, first }),
            _ => Err(rejected),
        }
    }
}

impl<R: Snapshot> Reading<R> {
    /// Answers a question, provably, under a checkpoint signed by the node's key.
    ///
    /// # Errors
    ///
    /// [`Error::Beyond`] for an index, a height or an older size that the ledger has not reached; else as
    /// [`Reading::member`].
    pub fn answer(
        &self,
        question: &Question,
        key: &ed25519_dalek::SigningKey,
    ) -> Result<AnswerBundle> {
        let size = self.head().log_size;
        let older = question.older;
        let consistency = older.map(|from| self.consistency(from, size)).transpose()?;
        let member = |&address: &Address| {
            Ok(MemberClaim {
                address,
                state: self.member(&address)?,
                proof: map::prove(self.snapshot(), &member_key(&address))?,
            })
        };
        let share = |&share_id: &ShareId| {
            Ok(ShareClaim {
                share_id,
                state: self.share(&share_id)?,
                proof: map::prove(self.snapshot(), &share_key(&share_id))?,
            })
        };
        let mut transactions = Vec::with_capacity(question.transactions.len());
        let (mut members, mut blocks) = (question.members.clone(), question.blocks.clone());
        let mut signed_by: BTreeSet<_> = members.iter().copied().collect();
        let mut heights: BTreeSet<_> = blocks.iter().copied().collect();
        for &index in &question.transactions {
            let beyond = || Error::Beyond {
                what: "index",
                found: index,
                size,
            };
            let tx = self.transaction(index)?.ok_or_else(beyond)?;
            members.extend(
                signers(&tx)
                    .map(|(address, _)| address)
                    .filter(|address| signed_by.insert(*address)),
            );
            let height = self.height_of(index)?;
            blocks.extend(heights.insert(height).then_some(height));
            transactions.push(TransactionClaim {
                transaction: tx.to_bytes(),
                inclusion: self.inclusion(index, size)?,
            });
        }
        Ok(AnswerBundle {
            format: FORMAT,
            header: self.head().clone(),
            checkpoint: self.checkpoint(key),
            consistency,
            members: members.iter().map(member).collect::<Result<_>>()?,
            shares: question.shares.iter().map(share).collect::<Result<_>>()?,
            blocks: blocks
                .iter()
                .map(|height| self.block_claim(*height, key))
                .collect::<Result<_>>()?,
            transactions,
        })
    }

    fn block_claim(&self, height: Height, key: &ed25519_dalek::SigningKey) -> Result<BlockClaim> {
        let head = self.head();
        let some = |height: Height| {
            self.header(height)?.ok_or(Error::Beyond {
                what: "height",
                found: height.0,
                size: head.height.0.saturating_add(1),
            })
        };
        let header = some(height)?;
        let before = height.0.checked_sub(1).map(Height);
        let grown = header.log_size != head.log_size;
        Ok(BlockClaim {
            previous: before.map(some).transpose()?,
            checkpoint: (header != *head)
                .then(|| Checkpoint::sign(self.genesis().chain(), &header, key)),
            consistency: grown
                .then(|| self.consistency(header.log_size, head.log_size))
                .transpose()?,
            header,
        })
    }
}
