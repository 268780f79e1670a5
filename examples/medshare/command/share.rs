use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use ipfs_store::{Cid, Reach};
use ledger_core::{Address, Height, PublicKey, ShareId};
use medical_image::Picture;
use medshare_verify::{Description, file_digest};
use pgp_envelope::{Cert, Signer};
use serde_json::json;

use crate::file::{self, Target};
use crate::home::{self, Home, MemberArgs, Remembered, Unanswered};
use crate::output::{Outcome, Output, causes, size};
use crate::pixels;
use crate::share::{self, Draft, address};

/// The most bytes of a description that is read from a file.
const DESCRIPTION: u64 = 1 << 20;

/// Sends an image: hides its description in it, seals it, stores it, and records it on the ledger.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    member: MemberArgs,
    /// A DICOM, PNG or TIFF file; `-` is stdin.
    file: PathBuf,
    /// The cert of a receiver; give it once for each, up to 64.
    #[arg(long = "to", value_name = "CERT", required = true)]
    to: Vec<PathBuf>,
    /// What to hide in place of the file's own description: text, or @FILE.
    #[arg(long, value_name = "TEXT|@FILE")]
    describe: Option<String>,
    /// Words about the image for everybody on the ledger, such as "CT chest"; nothing that identifies a patient.
    #[arg(long, value_name = "TEXT")]
    public: Option<String>,
    /// As the paper has it: hide the description readable for everybody who has the stego image, in place of sealing it.
    #[arg(long)]
    plain: bool,
    /// Write the signed transaction to a file in place of sending it. Whoever POSTs its bytes to /v1/transactions of a node, with the
    /// Content-Type application/cbor, records it: by Postman, say. It is good for a day, and until this home sends something else. What is
    /// there already is not overwritten.
    #[arg(long, value_name = "FILE")]
    sign_only: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        let home = self.member.open()?;
        if self.sign_only.as_deref().is_some_and(file::is_dash) {
            bail!("--sign-only names a file: stdout says what was shared");
        }
        // before the work, so that nothing is stored for a file that cannot be written
        let signed = self.sign_only.as_deref().map(Target::fresh).transpose()?;
        let picture = pixels::read(&self.file)?;
        let description = self.description(&picture)?;
        let receivers = self
            .to
            .iter()
            .map(|path| home::read_cert(path))
            .collect::<Result<Vec<Cert>>>()?;
        let sender = home.address()?;
        let policy = home::pgp_policy();
        // its sender can open a share, too, to grant it to others later
        let own = home.cert()?;
        let recipients = share::recipients(receivers.iter().chain([&own]), &policy)?;
        let addresses = check_members(&home, &receivers, output)?;

        let signer = Signer::new(&home.unlocked()?, &policy)?;
        let mut draft = Draft::new(description, sender, addresses, home::now())?;
        draft.public.clone_from(&self.public);
        if self.plain {
            output.note(
                "--plain: everybody who gets the stego image can read the patient's description in it",
            );
            draft.hiding_key = None;
        }
        let concealed = draft
            .hide(&picture)
            .with_context(|| format!("cannot hide the description in {}", self.file.display()))?;
        let name = self.name();
        let manifest = draft.manifest(&name, &concealed);
        let sealed_manifest = share::seal(&manifest.to_bytes(), &signer, &recipients)?;
        let sealed_image = share::seal(&concealed.stego, &signer, &recipients)?;

        let store = home.store(Reach::Local)?;
        let root = share::add_share(store.as_store(), &sealed_manifest, &sealed_image)?;
        store.pin(&root.cid)?;
        let remembered = Remembered::new(
            &name,
            file_digest(picture.bytes()),
            draft.hiding_key.as_ref(),
        );
        home.remember(&draft.share_id, &remembered)?;
        let recorded = home.ledger(output).and_then(|ledger| {
            let body = draft.transaction(root.cid, &concealed);
            let tx = home::signed(&ledger, &signer, draft.created_at, body)?;
            match signed {
                Some(target) => target.fill(tx.as_bytes()).map(|()| None),
                None => home::send(&ledger, &tx).map(|receipt| Some(receipt.height)),
            }
        });
        let height = match recorded {
            Ok(height) => height,
            Err(error) if error.is::<Unanswered>() => {
                return Err(error.context(format!(
                    "share {0}, content {1}, is kept: `medshare log {0}` says whether it is recorded; if not, `medshare pin rm {1}` lets go of it",
                    draft.share_id, root.cid
                )));
            }
            Err(error) => {
                // nothing was recorded, so nothing is kept
                let unpinned = store.unpin(&root.cid).map(drop);
                let forgotten = home.forget(&draft.share_id);
                return Err(undone(error, unpinned.and(forgotten), &root.cid));
            }
        };
        self.say(output, &picture, &draft.share_id, &root, height, &concealed)
    }

    fn say(
        &self,
        output: &Output,
        picture: &Picture,
        share_id: &ShareId,
        root: &ipfs_store::dag::Node,
        height: Option<Height>,
        concealed: &medshare_verify::Concealed,
    ) -> Result<Outcome> {
        output.line(format_args!("share        {share_id}"));
        output.line(format_args!("cid          {}", root.cid));
        if let Some(height) = height {
            output.line(format_args!("height       {height}"));
        }
        if let Some(path) = &self.sign_only {
            output.line(format_args!(
                "signed       {}: not recorded before it is sent; if it is not, `medshare pin rm {}` lets go of what is kept for it",
                path.display(),
                root.cid
            ));
        }
        output.line(format_args!(
            "hidden       {} in {} ({}), {} stored",
            size(concealed.payload_len as u64),
            picture.summary(),
            concealed.record.image.scheme,
            size(root.tree_size),
        ));
        Ok(Outcome::done(json!({
            "share_id": share_id.to_string(),
            "cid": root.cid.to_string(),
            "height": height.map(|height| height.0),
            "receivers": concealed.record.receivers.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "scheme": concealed.record.image.scheme.to_string(),
            "hidden_bytes": concealed.payload_len,
            "stored_bytes": root.tree_size,
        })))
    }

    /// What to hide: what was given, else what the file says.
    fn description(&self, picture: &Picture) -> Result<Description> {
        Ok(match self.describe.as_deref() {
            None => Description::of(picture.description())?,
            Some(given) => match given.strip_prefix('@') {
                None => Description::text(given)?,
                Some(path) => {
                    let text = String::from_utf8(file::read(path.as_ref(), DESCRIPTION)?)
                        .with_context(|| format!("{path}: expected UTF-8"))?;
                    Description::text(&text)?
                }
            },
        })
    }

    /// What receivers are told that the file is called.
    fn name(&self) -> String {
        match self.file.file_name() {
            Some(name) if !file::is_dash(&self.file) => name.to_string_lossy().into_owned(),
            _ => "image".to_owned(),
        }
    }
}

/// Why something was not recorded, and also why what had been stored for it could not be let go of, if so.
pub(crate) fn undone(error: anyhow::Error, undoing: Result<()>, root: &Cid) -> anyhow::Error {
    match undoing {
        Ok(()) => error,
        Err(also) => error.context(format!(
            "{}, so that {root} may still be kept: `medshare pin rm {root}` lets go of it; and nothing was recorded",
            causes(&also)
        )),
    }
}

/// The addresses of receivers; says before any work who is named twice or no member, and whose cert is not the one that the ledger
/// knows: after `rotate-key` an older one has an encryption key that its owner gave up.
pub(crate) fn check_members(
    home: &Home,
    receivers: &[Cert],
    output: &Output,
) -> Result<Vec<Address>> {
    let ledger = home.ledger(output)?;
    let (policy, own) = (home::pgp_policy(), home.address()?);
    let live = |address: &Address| match ledger.member(address)? {
        Some(member) if member.is_live() => Ok(member),
        Some(_) => bail!("{address} was revoked as a member of the ledger"),
        None if *address == own => bail!(
            "this home ({own}) is no member of the ledger: its authority enrolls it with `medshare enroll`"
        ),
        None => bail!(
            "the receiver {address} is no member of the ledger: its authority enrolls it with `medshare enroll`"
        ),
    };
    let mut addresses = Vec::new();
    for cert in receivers {
        let address = address(cert)?;
        if addresses.contains(&address) {
            bail!("the receiver {address} is named twice");
        }
        let key = PublicKey::new(cert.ledger_key(&policy)?);
        if live(&address)?.key() != Some(&key) {
            bail!(
                "the cert of {address} is not the one that the ledger knows: its owner has rotated keys since, or not recorded it; ask for what `medshare cert` prints there now"
            );
        }
        addresses.push(address);
    }
    live(&own)?;
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// That the store failed as well was all that was said, and the ledger's reason was lost.
    #[test]
    fn the_first_error_is_told_although_another_follows() {
        let root: Cid = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
            .parse()
            .unwrap();
        let refused = || anyhow::anyhow!("the ledger refuses this");
        assert_eq!(
            causes(&undone(refused(), Ok(()), &root)),
            "the ledger refuses this"
        );
        let error = undone(refused(), Err(anyhow::anyhow!("the store is gone")), &root);
        let said = causes(&error);
        assert!(said.starts_with("the store is gone"), "{said}");
        assert!(said.contains(&format!("pin rm {root}")), "{said}");
        assert!(
            said.ends_with("nothing was recorded: the ledger refuses this"),
            "{said}"
        );
    }
}
