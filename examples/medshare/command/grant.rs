use std::io::Read as _;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use ipfs_store::dag::{self, Node};
use ipfs_store::{BlockStore, Cid, Reach};
use ledger_core::{Body, Grant};
use pgp_envelope::{Cert, Key, Opener, Policy, Recipient, Signer, regrant};
use serde_json::json;

use crate::answer;
use crate::command::share::{check_members, undone};
use crate::home::{self, MemberArgs, Unanswered};
use crate::output::{Outcome, Output, size};
use crate::share;

/// Names further receivers of a share that you sent.
///
/// Only new key packets are stored, before the bodies that are there: nothing is sealed or uploaded again, whatever the size.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    member: MemberArgs,
    /// The share id, or the first letters of it.
    share: String,
    /// The cert of a receiver; give it once for each, up to 64.
    #[arg(long = "to", value_name = "CERT", required = true)]
    to: Vec<PathBuf>,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        let home = self.member.open()?;
        let receivers = self
            .to
            .iter()
            .map(|path| home::read_cert(path))
            .collect::<Result<Vec<Cert>>>()?;
        let policy = home::pgp_policy();
        let recipients = share::recipients(&receivers, &policy)?;
        let addresses = check_members(&home, &receivers, output)?;
        let ledger = home.ledger(output)?;
        let share_id = match answer::find_share(&ledger, &self.share, output)? {
            Ok(share_id) => share_id,
            Err(rejected) => return Ok(rejected),
        };
        let state = ledger
            .share(&share_id)?
            .context("the share is gone from the ledger")?;
        drop(ledger);
        if state.sender != home.address()? {
            bail!(
                "only its sender {} grants the share to others",
                state.sender
            );
        }

        let key = home.unlocked()?;
        let signer = Signer::new(&key, &policy)?;
        let store = home.store(Reach::Local)?;
        let head = Head {
            key: &key,
            policy: &policy,
            recipients: &recipients,
        };
        let (root, written) = head.replace_all(store.as_store(), &state.content)?;
        store.pin(&root.cid)?;
        let body = Body::Grant(Grant {
            share_id,
            content: root.cid,
            receivers: addresses.clone(),
        });
        let granted = home
            .ledger(output)
            .and_then(|ledger| home::submit(&ledger, &signer, home::now(), body));
        let receipt = match granted {
            Ok(receipt) => receipt,
            Err(error) if error.is::<Unanswered>() => {
                return Err(error.context(format!(
                    "content {0} is kept: `medshare log {share_id}` says whether the grant is recorded; if not, `medshare pin rm {0}` lets go of it",
                    root.cid
                )));
            }
            Err(error) => {
                let unpinned = store.unpin(&root.cid).map(drop);
                return Err(undone(error, unpinned, &root.cid));
            }
        };
        output.line(format_args!("granted      {share_id}"));
        output.line(format_args!("cid          {}", root.cid));
        output.line(format_args!("height       {}", receipt.height));
        output.line(format_args!(
            "written      {} before {} that are shared",
            size(written),
            size(root.tree_size.saturating_sub(written))
        ));
        Ok(Outcome::done(json!({
            "share_id": share_id.to_string(),
            "cid": root.cid.to_string(),
            "height": receipt.height.0,
            "receivers": addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "written_bytes": written,
            "shared_bytes": root.tree_size.saturating_sub(written),
        })))
    }
}

/// What new heads are made with.
struct Head<'a> {
    key: &'a Key,
    policy: &'a Policy,
    recipients: &'a [Recipient],
}

impl Head<'_> {
    /// The share's directory with another head before each body, and how many bytes were written for it.
    fn replace_all(&self, store: &dyn BlockStore, root: &Cid) -> Result<(Node, u64)> {
        let mut written = 0;
        let mut files = Vec::new();
        for entry in dag::list(store, root)? {
            let parts = dag::parts(store, &entry.cid)?;
            let [head, body] = parts.as_slice() else {
                bail!(
                    "{} is not stored as head and body: share the image again",
                    entry.name
                );
            };
            let new = self.replace(store, &entry.cid, &head.cid)?;
            let new = dag::add(store, new.as_slice(), share::PROFILE)?;
            let file = dag::concat(store, &[new, *body], share::PROFILE)?;
            written += file.tree_size - body.tree_size;
            files.push((entry.name, file));
        }
        let entries: Vec<(&str, Node)> = files
            .iter()
            .map(|(name, file)| (name.as_str(), *file))
            .collect();
        let directory = dag::directory(store, &entries, share::PROFILE)?;
        let below: u64 = entries.iter().map(|(_, file)| file.tree_size).sum();
        Ok((directory, written + directory.tree_size - below))
    }

    /// The key packets for other recipients of the same body.
    fn replace(&self, store: &dyn BlockStore, envelope: &Cid, head: &Cid) -> Result<Vec<u8>> {
        let opened = Opener::new(self.policy)
            .key(self.key)
            .signer(&self.key.cert())
            .open(dag::cat(store, envelope)?)
            .context("cannot open the share that you sent")?;
        let mut packets = Vec::new();
        dag::cat(store, head)?
            .read_to_end(&mut packets)
            .context("cannot read the key packets")?;
        Ok(regrant(&packets, opened.session_key(), self.recipients)?)
    }
}
