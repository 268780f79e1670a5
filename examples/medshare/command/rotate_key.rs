use std::path::PathBuf;

use anyhow::{Result, bail};
use ipfs_store::{Reach, dag};
use ledger_core::{Body, PublicKey, RotateKey};
use pgp_envelope::{Cert, Signer};
use serde_json::json;

use crate::draft::{Decided, DraftArgs};
use crate::home::{self, Home, MemberArgs};
use crate::output::{Outcome, Output};
use crate::share;

/// Gives your home new subkeys, and tells the ledger, signed with the old one, which no longer signs then.
///
/// What was sent before stays verified and readable. Hand out what `medshare cert` prints afterwards: others seal to it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    member: MemberArgs,
    /// The renewed cert of a member who lost its key; for the ledger's authority.
    cert: Option<PathBuf>,
    #[command(flatten)]
    draft: DraftArgs,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        if self.cert.is_none() && self.draft.is_asked_for() {
            bail!("nobody else has to approve your own key: leave --draft out");
        }
        let home = self.member.open()?;
        let told = |cert: &Cert| Ok((cert.clone(), self.record(&home, cert, output)?));
        let (cert, decided) = match &self.cert {
            Some(path) => told(&home::read_cert(path)?)?,
            None => home.renew_key(told)?,
        };
        output.line(format_args!("new key for  {}", cert.fingerprint()));
        match &decided {
            Some(decided) => decided.say(output),
            None => output.note("the ledger knows this key already"),
        }
        if self.cert.is_none() {
            output.note("hand out the cert that `medshare cert` prints: others seal to it");
        }
        Ok(Outcome::done(json!({
            "fingerprint": cert.fingerprint().to_string(),
            "height": decided.and_then(|decided| decided.height()),
        })))
    }

    /// Records the key of a cert, or drafts it, unless it is the member's already.
    fn record(&self, home: &Home, cert: &Cert, output: &Output) -> Result<Option<Decided>> {
        let (address, ledger) = (share::address(cert)?, home.ledger(output)?);
        let key = PublicKey::new(cert.ledger_key(&home::pgp_policy())?);
        let member = ledger.member(&address)?;
        if member.is_some_and(|member| member.key() == Some(&key)) {
            return Ok(None);
        }
        // what a member decides about itself needs nobody else
        if self.draft.is_asked_for() || address != home.address()? {
            self.draft.check(&ledger, &home.address()?)?;
        }
        let signer = Signer::new(&home.unlocked()?, &home::pgp_policy())?;
        let store = home.store(Reach::Local)?;
        let added = dag::add(store.as_store(), cert.to_bytes().as_slice(), share::PROFILE)?;
        store.pin(&added.cid)?;
        let body = Body::RotateKey(RotateKey {
            address,
            key,
            cert: Some(added.cid),
        });
        self.draft.decide(&ledger, &signer, body).map(Some)
    }
}
