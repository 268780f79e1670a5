use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use ledger_core::{Body, Transaction};
use ledger_node::Access;
use pgp_envelope::Signer;
use serde_json::json;

use crate::file;
use crate::home::{self, MemberArgs};
use crate::output::{Outcome, Output};

/// The most bytes of a transaction.
const LARGEST: u64 = 65_535;

/// Agrees, as an authority, to what another one drafted, and records it when enough have.
///
/// Look at it first (`--look`), and compare the fingerprint with the one that the member tells you on another way.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    member: MemberArgs,
    /// What `enroll --draft`, `revoke-member --draft` or `rotate-key --draft` wrote; your approval is added to it.
    draft: PathBuf,
    /// Only say what it is and who has agreed.
    #[arg(long)]
    look: bool,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        let home = self.member.open()?;
        let (ledger, own) = (home.ledger(output)?, home.address()?);
        let bytes = file::read(&self.draft, LARGEST)?;
        let tx = Transaction::from_bytes(&bytes)
            .with_context(|| format!("{} is no draft", self.draft.display()))?;
        check(&tx, &ledger)?;
        let needed = ledger.genesis().threshold;
        let (kind, subject) = (tx.body().kind(), *tx.body().member().context("a member")?);
        output.line(format_args!("{kind:<12} {subject}"));
        if let Body::Enroll(enroll) = tx.body()
            && let Some(name) = &enroll.name
        {
            output.line(format_args!("name         {name}"));
        }
        let mut agreed = vec![*tx.sender()];
        agreed.extend(tx.approvals().iter().map(|approval| approval.authority));

        let mut height = None;
        if !self.look {
            if !ledger.genesis().is_authority(&own) {
                bail!("{own} is no authority of this ledger");
            }
            if agreed.contains(&own) {
                bail!("you have agreed to this already: another authority has to");
            }
            let signer = Signer::new(&home.unlocked()?, &home::pgp_policy())?;
            let tx = tx.approve_with(own, |message| signer.sign_ledger(message))?;
            agreed.push(own);
            if agreed.len() as u64 >= needed {
                height = Some(home::send(&ledger, &tx)?.height);
            } else {
                file::write(&self.draft, &tx.to_bytes())?;
            }
        }
        for authority in &agreed {
            output.line(format_args!("agreed       {authority}"));
        }
        match height {
            Some(height) => output.line(format_args!("height       {height}")),
            None => output.line(format_args!("needed       {needed} of the authorities")),
        }
        Ok(Outcome::done(json!({
            "kind": kind,
            "member": subject.to_string(),
            "agreed": agreed.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "needed": needed,
            "height": height.map(|height| height.0),
        })))
    }
}

/// Refuses what no authority of this ledger drafted: somebody else's approval would be asked for in vain, or for something else.
fn check(tx: &Transaction, ledger: &Access) -> Result<()> {
    let (chain, found) = (ledger.chain(), tx.chain());
    if *found != chain {
        bail!("the draft is for the chain {found}, and this home's ledger is {chain}");
    }
    if tx.body().member().is_none() {
        bail!(
            "expected a decision about a member, found a {}",
            tx.body().kind()
        );
    }
    tx.check()?;
    let sender = ledger.member(tx.sender())?;
    let key = sender.as_ref().and_then(ledger_core::MemberState::key);
    let key = key.with_context(|| format!("{} is no member of this ledger", tx.sender()))?;
    tx.verify_signature(key)
        .with_context(|| format!("the draft is not by {}", tx.sender()))?;
    Ok(())
}
