use std::path::PathBuf;

use anyhow::Context;
use ipfs_store::{Reach, dag};
use ledger_core::{Body, Enroll, PublicKey};
use pgp_envelope::Signer;
use serde_json::json;

use crate::draft::DraftArgs;
use crate::home::{self, MemberArgs};
use crate::output::{Outcome, Output};
use crate::share;

/// Makes somebody a member of the ledger; for its authority.
///
/// Compare the fingerprint that is printed with the one that the member tells you on another way.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    member: MemberArgs,
    /// The member's OpenPGP cert; `-` is stdin.
    cert: PathBuf,
    /// What everybody on the ledger may call the member: an institution rather than a person.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    draft: DraftArgs,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> anyhow::Result<Outcome> {
        let home = self.member.open()?;
        let cert = home::read_cert(&self.cert)?;
        let policy = home::pgp_policy();
        let key = cert
            .ledger_key(&policy)
            .with_context(|| format!("cannot enroll {}", cert.fingerprint()))?;
        let ledger = home.ledger(output)?;
        self.draft.check(&ledger, &home.address()?)?;
        let signer = Signer::new(&home.unlocked()?, &policy)?;

        let store = home.store(Reach::Local)?;
        let added = dag::add(store.as_store(), cert.to_bytes().as_slice(), share::PROFILE)?;
        store.pin(&added.cid)?;
        let body = Body::Enroll(Enroll {
            address: share::address(&cert)?,
            key: PublicKey::new(key),
            cert: Some(added.cid),
            name: self.name.clone(),
        });
        let decided = self.draft.decide(&ledger, &signer, body)?;

        let what = if decided.is_recorded() {
            "enrolled"
        } else {
            "enroll"
        };
        output.line(format_args!("{what:<12} {}", cert.fingerprint()));
        for userid in cert.userids() {
            output.line(format_args!("user id      {}", userid.escape_debug()));
        }
        decided.say(output);
        Ok(Outcome::done(json!({
            "fingerprint": cert.fingerprint().to_string(),
            "userids": cert.userids(),
            "cert_cid": added.cid.to_string(),
            "height": decided.height(),
        })))
    }
}
