use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use ipfs_store::{Cid, Reach, dag};
use ledger_core::{Authority, LogKey, PublicKey};
use ledger_node::{Access, Client, Founding, Location, Node};
use pgp_envelope::{Cert, Key, KeyOptions, Profile};
use serde_json::json;
use zeroize::Zeroizing;

use crate::blocks;
use crate::file;
use crate::home::{self, Config, Home, HomeArgs, RestArgs};
use crate::output::{Outcome, Output};
use crate::passphrase::PassphraseArgs;
use crate::share;
use crate::witnesses::WitnessArgs;

/// Makes a home: your keys, and which ledger and store you use.
///
/// Where no ledger is yet, this home founds it and becomes its authority: who it enrolls may send and receive. With `--authority`,
/// others are authorities too, who made their key before (`key generate`) and give it to `init --key` then.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    home: HomeArgs,
    /// Your name, or your institution's, for the OpenPGP cert that is made [default with --key: that of its user ID]
    #[arg(long, value_name = "NAME", required_unless_present = "key")]
    name: Option<String>,
    /// Your e-mail address, for the OpenPGP cert that is made [default with --key: that of its user ID]
    #[arg(long, value_name = "EMAIL", required_unless_present = "key")]
    email: Option<String>,
    /// The ledger's file, which several homes of one account may use, since its node's key is in it; or the URL of a node, for homes of
    /// any account [default: HOME/ledger.redb]
    #[arg(long, value_name = "PATH|URL", env = "MEDSHARE_LEDGER")]
    ledger: Option<PathBuf>,
    /// The PEM file of the authorities to trust for a node's https, and no others; it is copied into the home
    #[arg(long, value_name = "FILE")]
    ledger_ca: Option<PathBuf>,
    /// The block store's directory, which several homes may use, those of other accounts too as far as the umask lets them; or the URL
    /// of a Kubo daemon's RPC [default: HOME/store]
    #[arg(long, value_name = "PATH|URL", env = "MEDSHARE_STORE")]
    store: Option<PathBuf>,
    /// A file with what the daemon asks for: `bearer:TOKEN` or `basic:NAME:PASSPHRASE`; it is copied into the home
    #[arg(long, value_name = "FILE")]
    store_auth: Option<PathBuf>,
    /// The PEM file of the authorities to trust for the daemon's https, and no others; it is copied into the home
    #[arg(long, value_name = "FILE")]
    store_ca: Option<PathBuf>,
    /// The ledger's key, as its authority printed it: another ledger at the same place is refused, and none is founded.
    #[arg(long, value_name = "KEY")]
    trust: Option<LogKey>,
    #[command(flatten)]
    witnesses: WitnessArgs,
    /// A key that you have, as `key generate` makes it, in place of a new one.
    #[arg(long, value_name = "KEY", conflicts_with_all = ["profile", "passphrase_file", "no_passphrase"])]
    key: Option<PathBuf>,
    /// The cert of another authority of the ledger that is founded here; may be repeated. None can be named later.
    #[arg(long, value_name = "CERT")]
    authority: Vec<PathBuf>,
    /// How many authorities have to agree to a member: `enroll --draft` and `approve`.
    #[arg(long, value_name = "N", default_value = "1", requires = "authority")]
    threshold: u64,
    /// The kind of OpenPGP cert.
    #[arg(long, value_enum, default_value = "rfc9580")]
    profile: ProfileName,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Store the secret key unprotected: whoever can read the file can read your images and sign in your name.
    #[arg(long, conflicts_with = "passphrase_file")]
    no_passphrase: bool,
}

/// A kind of OpenPGP cert by the name that the command line knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProfileName {
    /// Version 6, with authenticated encryption (RFC 9580)
    Rfc9580,
    /// Version 4, for programs that know RFC 4880 only
    Rfc4880,
}

impl From<ProfileName> for Profile {
    fn from(name: ProfileName) -> Self {
        match name {
            ProfileName::Rfc9580 => Self::Rfc9580,
            ProfileName::Rfc4880 => Self::Rfc4880,
        }
    }
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        let path = self.home.path();
        self.check_vacant(path)?;
        let ledger = match &self.ledger {
            Some(url) if matches!(home::location(url), Location::Url(_)) => url.clone(),
            given => absolute(given.as_deref(), path, "ledger.redb")?,
        };
        if !self.authority.is_empty() && !is_vacant(&ledger) {
            bail!(
                "the ledger {} is there already: its authorities were named when it was founded, and --authority is for a new one",
                ledger.display()
            );
        }
        if self.trust.is_some() && is_vacant(&ledger) {
            bail!(
                "there is no ledger at {}: --trust is for one that is there, and none is founded in its place",
                ledger.display()
            );
        }
        // all that can be refused, before there is a home with a key in it
        let quorum = self.witnesses.needed()?;
        if quorum > 0 && matches!(home::location(&ledger), Location::Path(_)) {
            bail!("--witness is for the ledger of a node: name its URL with --ledger");
        }
        let files = self.files()?;
        let others = self
            .authority
            .iter()
            .map(|path| {
                let cert = home::read_cert(path)?;
                ledger_key(&cert)?;
                Ok(cert)
            })
            .collect::<Result<Vec<_>>>()?;
        if self.no_passphrase {
            output
                .note("--no-passphrase: the secret key is protected by the mode of its file alone");
        }
        let (key, stored, revocation) = self.keys(output)?;
        let cert = key.cert();
        let (name, email) = self.who(&cert)?;

        // before the store and the ledger, which are closed first
        let begun = Begun::new(path, &ledger)?;
        file::private_directory(path)?;
        file::write(&home::key_path(path), stored.to_armored().as_bytes())?;
        if let Some(revocation) = revocation {
            file::write(&path.join("revocation.pgp"), &revocation)?;
        }
        for (name, bytes) in files {
            file::write(&path.join(name), &bytes)?;
        }
        let place = match &self.store {
            Some(url) if blocks::is_url(url) => url.clone(),
            given => absolute(given.as_deref(), path, "store")?,
        };
        let store = home::open_store(&place, path, Reach::Local)?;
        let added = dag::add(store.as_store(), cert.to_bytes().as_slice(), share::PROFILE)?;
        store.pin(&added.cid)?;

        let authorities = || {
            let first = authority(&cert, added.cid)?;
            let others = others.iter().map(|cert| {
                let added = dag::add(store.as_store(), cert.to_bytes().as_slice(), share::PROFILE)?;
                store.pin(&added.cid)?;
                authority(cert, added.cid)
            });
            let others = others.collect::<Result<Vec<_>>>()?;
            let founding = Founding::new("medshare", first).threshold(self.threshold);
            Ok(others.into_iter().fold(founding, Founding::authority))
        };
        let (node, founded) = self.open_or_found(&ledger, authorities, output)?;
        let log_key = node.log_key();
        if let Some(trusted) = self.trust.filter(|trusted| *trusted != log_key) {
            bail!(
                "the ledger {} has the key {log_key}, expected {trusted}: it is not the one that you were told of",
                ledger.display()
            );
        }
        let config = Config {
            format: home::FORMAT,
            name,
            email,
            fingerprint: cert.fingerprint().to_string(),
            ledger,
            chain: node.chain().to_string(),
            log_key: log_key.to_string(),
            store: place,
            witnesses: self
                .witnesses
                .witness
                .iter()
                .map(ToString::to_string)
                .collect(),
            quorum,
        };
        let home = Home::configure(path, config)?;
        drop(begun); // the configuration is there: it stays
        let config = home.config();

        output.line(format_args!("home         {}", path.display()));
        output.line(format_args!("fingerprint  {}", config.fingerprint));
        output.line(format_args!(
            "ledger       {}{}",
            config.ledger.display(),
            if founded {
                if self.authority.is_empty() {
                    ", founded: this home is its authority"
                } else {
                    ", founded: this home is one of its authorities"
                }
            } else {
                ""
            }
        ));
        let genesis = node.genesis();
        if founded && genesis.authorities.len() > 1 {
            for authority in &genesis.authorities {
                output.line(format_args!("authority    {}", authority.address));
            }
            output.line(format_args!("threshold    {} of them", genesis.threshold));
        }
        output.line(format_args!("ledger key   {log_key}"));
        output.line(format_args!("store        {}", config.store.display()));
        if !founded && !genesis.is_authority(&home.address()?) {
            output.note(format_args!(
                "next: `medshare cert --home {}` prints your cert; the ledger's authority enrolls it",
                path.display()
            ));
        }
        if !founded && self.trust.is_none() {
            output.note("compare the ledger key with the one that its authority printed");
        }
        Ok(Outcome::done(json!({
            "home": crate::output::place(path),
            "fingerprint": config.fingerprint,
            "ledger": config.ledger,
            "chain": config.chain,
            "log_key": config.log_key,
            "founded": founded,
            "authorities": genesis.authorities.iter().map(|one| one.address.to_string()).collect::<Vec<_>>(),
            "threshold": genesis.threshold,
            "store": config.store,
        })))
    }

    /// What is copied into the home, and under which name.
    fn files(&self) -> Result<Vec<Named>> {
        let mut files = Vec::new();
        for (from, name) in [
            (&self.ledger_ca, home::LEDGER_PEM),
            (&self.store_ca, home::STORE_PEM),
            (&self.store_auth, home::STORE_AUTH),
        ] {
            let Some(from) = from else { continue };
            let bytes = Zeroizing::new(file::read(from, 1 << 20)?);
            if name == home::STORE_AUTH {
                blocks::auth_in(&bytes, from)?;
            }
            files.push((name, bytes));
        }
        Ok(files)
    }

    /// The key, as it is to be stored, and what revokes it, if it is made here.
    fn keys(&self, output: &Output) -> Result<(Key, Key, Option<Vec<u8>>)> {
        if let Some(path) = &self.key {
            let bytes = Zeroizing::new(file::read(path, 1 << 20)?);
            let key = Key::read(&bytes)
                .with_context(|| format!("cannot read the key {}", path.display()))?;
            if !key.is_locked() {
                output.note(format_args!(
                    "{} has no passphrase: the secret key is protected by the mode of its file alone",
                    path.display()
                ));
            }
            return Ok((key.clone(), key, None));
        }
        let (name, email) = (self.name.as_deref(), self.email.as_deref());
        let (name, email) = name
            .zip(email)
            .context("expected --name and --email, or --key")?;
        let options = KeyOptions::new(format!("{name} <{email}>")).profile(self.profile.into());
        let generated = Key::generate(&options).context("cannot make the keys")?;
        let key = generated.key;
        let stored = if self.no_passphrase {
            key.clone()
        } else {
            let secret = self.passphrase.chosen(&format!("the key of {name}"))?;
            key.clone().lock(&secret.as_str().into())?
        };
        Ok((key, stored, Some(generated.revocation)))
    }

    /// Whose home it is: name and e-mail address as they were given, or as the cert's primary user ID has them.
    fn who(&self, cert: &Cert) -> Result<(String, String)> {
        let (mut name, mut email) = (self.name.clone(), self.email.clone());
        if name.is_none() || email.is_none() {
            let found = cert.owner(&home::pgp_policy());
            let (found_name, found_email) =
                found.context("cannot tell whose key it is: say it with --name and --email")?;
            name = name.or(found_name);
            email = email.or(found_email);
        }
        let email = email.unwrap_or_default();
        // what is asked for names somebody
        let name = name
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| email.clone());
        if name.is_empty() {
            bail!(
                "the key {} has no user ID with a name: say whose it is with --name",
                cert.fingerprint()
            );
        }
        Ok((name, email))
    }

    /// Refuses to write into a directory that has something in it.
    fn check_vacant(&self, path: &Path) -> Result<()> {
        if home::config_path(path).exists() {
            bail!("{} is a home already", path.display());
        }
        let occupied = match path.read_dir() {
            Ok(mut entries) => entries.next().is_some(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        if occupied {
            bail!(
                "{} is not empty; name a directory to make (what an `init` that did not finish left behind can be removed)",
                path.display()
            );
        }
        Ok(())
    }

    /// Opens the ledger, or founds one where none is.
    fn open_or_found(
        &self,
        path: &Path,
        founding: impl FnOnce() -> Result<Founding>,
        output: &Output,
    ) -> Result<(Access, bool)> {
        if let Location::Url(url) = home::location(path) {
            let home = self.home.path();
            // without a key to expect, the node's own word, which is shown to be compared
            let log_key = match self.trust {
                Some(log_key) => log_key,
                None => Client::first_use(&url, home::connecting(home)?)?,
            };
            let connecting = home::connecting(home)?
                .witnesses(self.witnesses.witness.clone(), self.witnesses.needed()?);
            let client = Client::connect(&url, log_key, connecting)?;
            return Ok((client.into(), false));
        }
        if !is_vacant(path) {
            return Ok((
                home::open_ledger(path, None, &RestArgs::default(), output)?,
                false,
            ));
        }
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)
                .with_context(|| format!("cannot make the directory {}", parent.display()))?;
        }
        match Node::found(path, founding()?) {
            // another process was faster
            Err(ledger_node::Error::Exists { .. }) => Ok((
                home::open_ledger(path, None, &RestArgs::default(), output)?,
                false,
            )),
            founded => Ok((founded?.into(), true)),
        }
    }
}

/// A home that is being made: without its configuration it is gone when this is dropped, so that `init` can be tried again.
struct Begun {
    /// The home and the directories above it that were not there, the innermost first.
    made: Vec<PathBuf>,
    home: PathBuf,
    /// The ledger that may be founded outside the home.
    vacant: Option<PathBuf>,
}

impl Begun {
    /// Looks at what is there before anything is made.
    fn new(home: &Path, ledger: &Path) -> Result<Self> {
        let home = std::path::absolute(home)
            .with_context(|| format!("cannot resolve {}", home.display()))?;
        let made = home.ancestors().take_while(|path| !path.exists());
        Ok(Self {
            made: made.map(Path::to_owned).collect(),
            vacant: (is_vacant(ledger) && !ledger.starts_with(&home)).then(|| ledger.to_owned()),
            home,
        })
    }

    fn is_kept(&self) -> bool {
        // a ledger that was founded is its authority's, and the key is here
        let founded = |ledger: &PathBuf| !is_vacant(ledger);
        home::config_path(&self.home).exists() || self.vacant.as_ref().is_some_and(founded)
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if self.is_kept() {
            return;
        }
        // what cannot be removed is named by the next `init`; the home was empty, if it was there
        for entry in self.home.read_dir().into_iter().flatten().flatten() {
            let path = entry.path();
            let _ = match entry.file_type() {
                Ok(kind) if kind.is_dir() => std::fs::remove_dir_all(path),
                _ => std::fs::remove_file(path),
            };
        }
        for directory in &self.made {
            let _ = std::fs::remove_dir(directory);
        }
    }
}

/// A file's name in the home, and what is in it.
type Named = (&'static str, Zeroizing<Vec<u8>>);

/// Whether a ledger can be founded there.
fn is_vacant(ledger: &Path) -> bool {
    let path = match home::location(ledger) {
        Location::Path(path) => path,
        Location::Url(_) => return false,
    };
    path.metadata().map_or(true, |metadata| metadata.len() == 0)
}

/// What a cert's owner signs transactions with.
fn ledger_key(cert: &Cert) -> Result<PublicKey> {
    let key = cert.ledger_key(&home::pgp_policy());
    let key = key.with_context(|| format!("{} cannot be an authority", cert.fingerprint()))?;
    Ok(PublicKey::new(key))
}

fn authority(cert: &Cert, cid: Cid) -> Result<Authority> {
    Ok(Authority {
        address: share::address(cert)?,
        key: ledger_key(cert)?,
        cert: Some(cid),
        name: None,
    })
}

/// The path that was given, or the default in the home; absolute, so that the home works from every directory.
fn absolute(given: Option<&Path>, home: &Path, default: &str) -> Result<PathBuf> {
    let path = given.map_or_else(|| home.join(default), Path::to_owned);
    if let Some(url) = path.to_str().filter(|text| text.contains("://")) {
        bail!("{url}: expected a path");
    }
    std::path::absolute(&path).with_context(|| format!("cannot resolve {}", path.display()))
}
