//! What authorities decide about members: recorded at once, or drafted for others to approve.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use ledger_core::tx::MAX_TRANSACTION;
use ledger_core::{
    Address, Body, Genesis, Height, MemberState, PublicKey, Signature, Transaction, signed_digest,
};
use ledger_node::Access;
use pgp_envelope::{Cert, Signer};

use crate::output::Output;
use crate::{file, home, share};

/// How an authority's decision is recorded.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DraftArgs {
    /// Write it to a file, which other authorities `approve`, instead of recording it: for a ledger that asks for more than one of
    /// them. It is good for a day, and until this home sends something else. What is there already is not overwritten.
    #[arg(long, value_name = "FILE")]
    draft: Option<PathBuf>,
}

/// What became of a decision.
#[derive(Clone, Debug)]
pub(crate) enum Decided {
    Recorded(Height),
    Drafted(PathBuf),
}

impl Decided {
    pub(crate) const fn is_recorded(&self) -> bool {
        matches!(self, Self::Recorded(_))
    }

    pub(crate) const fn height(&self) -> Option<u64> {
        match self {
            Self::Recorded(height) => Some(height.0),
            Self::Drafted(_) => None,
        }
    }

    pub(crate) fn say(&self, output: &Output) {
        match self {
            Self::Recorded(height) => output.line(format_args!("height       {height}")),
            Self::Drafted(path) => output.line(format_args!(
                "draft        {}: not recorded before others `medshare approve` it",
                path.display()
            )),
        }
    }
}

impl DraftArgs {
    /// Whether a draft is asked for.
    pub(crate) const fn is_asked_for(&self) -> bool {
        self.draft.is_some()
    }

    /// Refuses what this ledger would not take from this home, before anything else is done for it.
    pub(crate) fn check(&self, ledger: &Access, own: &Address) -> Result<()> {
        let genesis = ledger.genesis();
        if !genesis.is_authority(own) {
            bail!(
                "the ledger refuses this: {own} is no authority of it, and they decide about members"
            );
        }
        match (&self.draft, genesis.threshold) {
            (None, needed) if needed > 1 => bail!(
                "this ledger asks for {needed} of its authorities: `--draft FILE` writes what the others `medshare approve`"
            ),
            (Some(_), ..2) => bail!("nobody else has to approve this: leave --draft out"),
            (Some(path), _) if file::is_dash(path) => {
                bail!("--draft names a file, which the others' approvals are written into")
            }
            // it may have approvals already
            (Some(path), _) => file::check_new(path),
            (None, _) => Ok(()),
        }
    }

    /// Records what an authority decides, or writes the draft of it.
    pub(crate) fn decide(&self, ledger: &Access, signer: &Signer, body: Body) -> Result<Decided> {
        match &self.draft {
            None => {
                let receipt = home::submit(ledger, signer, home::now(), body)?;
                Ok(Decided::Recorded(receipt.height))
            }
            Some(path) => {
                let tx = home::signed(ledger, signer, home::now(), body)?;
                file::Target::fresh(path)?.fill(tx.as_bytes())?;
                Ok(Decided::Drafted(path.clone()))
            }
        }
    }
}

/// A draft that the ledger takes when enough authorities approve it.
pub(crate) struct Draft {
    pub(crate) tx: Transaction,
    /// Whom it is about.
    pub(crate) member: Address,
    /// Who drafted it, and who approved it since.
    pub(crate) agreed: Vec<Address>,
    /// Until when it is good.
    pub(crate) until: Timestamp,
}

impl Draft {
    /// Reads a draft, and refuses one that the ledger would refuse now, so that nobody is asked in vain or for something else: every
    /// signature in it is checked, and that those who signed are authorities.
    pub(crate) fn read(path: &Path, ledger: &Access) -> Result<Self> {
        if file::is_dash(path) {
            bail!("expected a file, because the approval is written into it, found -");
        }
        let bytes = file::read(path, MAX_TRANSACTION as u64)?;
        let tx = Transaction::from_bytes(&bytes)
            .with_context(|| format!("{} is no draft", path.display()))?;
        let (chain, found) = (ledger.chain(), tx.chain());
        if *found != chain {
            bail!("the draft is for the chain {found}, and this home's ledger is {chain}");
        }
        let Some(member) = tx.body().member().copied() else {
            bail!(
                "expected a decision about a member, found a {}",
                tx.body().kind()
            );
        };
        tx.check()?;
        let genesis = ledger.genesis();
        agrees(&tx, tx.sender(), tx.signature(), ledger)?;
        let mut agreed = vec![*tx.sender()];
        for approval in tx.approvals() {
            agrees(&tx, &approval.authority, &approval.signature, ledger)?;
            if agreed.contains(&approval.authority) {
                bail!("{} is named twice in the draft", approval.authority);
            }
            agreed.push(approval.authority);
        }
        let next = ledger.next_sequence(tx.sender())?;
        if tx.sequence() != next {
            bail!(
                "{} has sent something else since, or this: the draft has the sequence {}, and {next} comes next",
                tx.sender(),
                tx.sequence()
            );
        }
        let until = until(&tx, genesis)?;
        if until < Timestamp::now() {
            bail!("the draft was good until {until:.0}: it has to be drafted again");
        }
        Ok(Self {
            member,
            agreed,
            until,
            tx,
        })
    }

    /// The key and the cert that the draft would have everybody believe; none where it only takes something away.
    pub(crate) const fn believed(&self) -> Option<(&PublicKey, Option<&ipfs_store::Cid>)> {
        match self.tx.body() {
            Body::Enroll(enroll) => Some((&enroll.key, enroll.cert.as_ref())),
            Body::RotateKey(rotate) => Some((&rotate.key, rotate.cert.as_ref())),
            _ => None,
        }
    }

    /// Refuses a key that is not in the member's cert: whoever drafted it could sign in the member's name.
    pub(crate) fn check_key(&self, key: &PublicKey, cert: &Cert) -> Result<()> {
        let (member, found) = (self.member, share::address(cert)?);
        if found != member {
            bail!("the draft is about {member}, and the cert is of {found}");
        }
        if PublicKey::new(cert.ledger_key(&home::pgp_policy())?) != *key {
            bail!(
                "the draft has the key {key}, which is not the one in the cert of {member}: do not approve it"
            );
        }
        Ok(())
    }
}

/// Checks that a live authority signed this.
fn agrees(tx: &Transaction, who: &Address, signature: &Signature, ledger: &Access) -> Result<()> {
    let member = ledger.member(who)?.filter(MemberState::is_live);
    let member = member.filter(|_| ledger.genesis().is_authority(who));
    let key = member.as_ref().and_then(MemberState::key);
    let key = key.with_context(|| format!("{who} is no authority of this ledger"))?;
    if !key.verifies(&signed_digest(tx.message()), signature) {
        bail!("the draft was not signed by {who}, or was changed since");
    }
    Ok(())
}

fn until(tx: &Transaction, genesis: &Genesis) -> Result<Timestamp> {
    let good = Duration::from_secs(tx.created_at().saturating_add(genesis.tolerance.past));
    Timestamp::UNIX_EPOCH
        .checked_add(good)
        .context("the draft's time")
}
