use std::io::Read as _;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use ipfs_store::{Reach, dag};
use ledger_core::Body;
use pgp_envelope::{Cert, MAX_CERT, Signer};
use serde_json::json;

use crate::draft::Draft;
use crate::file;
use crate::home::{self, Home, MemberArgs};
use crate::output::{Outcome, Output};

/// Agrees, as an authority, to what another one drafted, and records it when enough have.
///
/// Look at it first (`--look`), and compare the fingerprint with the one that the member tells you on another way. That the key is
/// the one in the member's cert is checked.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    member: MemberArgs,
    /// What `enroll --draft`, `revoke-member --draft` or `rotate-key --draft` wrote; your approval is added to it.
    draft: PathBuf,
    /// The cert of the member, where the store of this home does not have it.
    #[arg(long, value_name = "CERT")]
    cert: Option<PathBuf>,
    /// Only say what it is and who has agreed.
    #[arg(long)]
    look: bool,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        let home = self.member.open()?;
        let (ledger, own) = (home.ledger(output)?, home.address()?);
        let mut draft = Draft::read(&self.draft, &ledger)?;
        let needed = ledger.genesis().threshold;
        let (kind, member) = (draft.tx.body().kind(), draft.member);
        output.line(format_args!("{kind:<12} {member}"));
        if let Body::Enroll(enroll) = draft.tx.body()
            && let Some(name) = &enroll.name
        {
            output.line(format_args!("name         {}", name.escape_debug()));
        }
        let mut userids = Vec::new();
        if let Some((key, cid)) = draft.believed() {
            let cert = self.cert(&home, cid)?;
            draft.check_key(key, &cert)?;
            userids = cert.userids();
            for userid in &userids {
                output.line(format_args!("user id      {}", userid.escape_debug()));
            }
            output.line(format_args!("key          {key}, as in the member's cert"));
        }
        output.line(format_args!("good until   {:.0}", draft.until));

        let mut height = None;
        if !self.look {
            if !ledger.genesis().is_authority(&own) {
                bail!("{own} is no authority of this ledger");
            }
            if draft.agreed.contains(&own) {
                bail!("you have agreed to this already: another authority has to");
            }
            let signer = Signer::new(&home.unlocked()?, &home::pgp_policy())?;
            let tx = draft.tx;
            draft.tx = tx.approve_with(own, |message| signer.sign_ledger(message))?;
            draft.agreed.push(own);
            if draft.agreed.len() as u64 >= needed {
                height = Some(home::send(&ledger, &draft.tx)?.height);
            } else {
                file::write(&self.draft, draft.tx.as_bytes())?;
            }
        }
        for authority in &draft.agreed {
            output.line(format_args!("agreed       {authority}"));
        }
        match height {
            Some(height) => output.line(format_args!("height       {height}")),
            None => output.line(format_args!("needed       {needed} of the authorities")),
        }
        Ok(Outcome::done(json!({
            "kind": kind,
            "member": member.to_string(),
            "userids": userids,
            "until": format!("{:.0}", draft.until),
            "agreed": draft.agreed.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "needed": needed,
            "height": height.map(|height| height.0),
        })))
    }

    /// The member's cert: the one that is named, or the one that the draft names.
    fn cert(&self, home: &Home, cid: Option<&ipfs_store::Cid>) -> Result<Cert> {
        if let Some(path) = &self.cert {
            return home::read_cert(path);
        }
        let cid = cid.context("the draft names no cert: name the member's with --cert")?;
        let store = home.store(Reach::Network)?;
        let mut bytes = Vec::new();
        let limit = MAX_CERT as u64 + 1;
        let absent = || format!("cannot read the member's cert {cid}: name it with --cert");
        let reader = dag::cat(store.as_store(), cid).with_context(absent)?;
        reader
            .take(limit)
            .read_to_end(&mut bytes)
            .with_context(absent)?;
        Cert::read(&bytes).with_context(|| format!("{cid} is no cert"))
    }
}
