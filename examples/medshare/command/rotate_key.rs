use std::path::PathBuf;

use anyhow::Result;
use ipfs_store::{Reach, dag};
use ledger_core::{Body, PublicKey, Receipt, RotateKey};
use pgp_envelope::{Cert, Signer};
use serde_json::json;

use crate::home::{self, DraftArgs, Home, MemberArgs};
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
        let home = self.member.open()?;
        let told = |cert: &Cert| Ok((cert.clone(), self.record(&home, cert, output)?));
        let (cert, receipt) = match &self.cert {
            Some(path) => told(&home::read_cert(path)?)?,
            None => home.renew_key(told)?,
        };
        output.line(format_args!("new key for  {}", cert.fingerprint()));
        self.draft.say(output, receipt.as_ref());
        if self.cert.is_none() {
            output.note("hand out the cert that `medshare cert` prints: others seal to it");
        }
        Ok(Outcome::done(json!({
            "fingerprint": cert.fingerprint().to_string(),
            "height": receipt.map(|receipt| receipt.height.0),
        })))
    }

    /// Records the key of a cert, unless it is the member's already.
    fn record(&self, home: &Home, cert: &Cert, output: &Output) -> Result<Option<Receipt>> {
        let signer = Signer::new(&home.unlocked()?, &home::pgp_policy())?;
        let (address, ledger) = (share::address(cert)?, home.ledger(output)?);
        let key = PublicKey::new(cert.ledger_key(&home::pgp_policy())?);
        let member = ledger.member(&address)?;
        if member.is_some_and(|member| member.key() == Some(&key)) {
            return Ok(None);
        }
        let store = home.store(Reach::Local)?;
        let added = dag::add(store.as_store(), cert.to_bytes().as_slice(), share::PROFILE)?;
        store.pin(&added.cid)?;
        let body = Body::RotateKey(RotateKey {
            address,
            key,
            cert: Some(added.cid),
        });
        self.draft.decide(&ledger, &signer, body)
    }
}
