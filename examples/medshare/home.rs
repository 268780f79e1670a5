//! A home: one person's or institution's keys, and which ledger and store they use.
//!
//! ```text
//!   config.json   name, fingerprint, ledger, chain, log key, store
//!   key.pgp       the secret key, passphrase-protected unless its owner said otherwise (0600)
//!   key.next.pgp  the key that `rotate-key` is about to put in its place, while it does
//!   revocation.pgp  what tells others that the key must no longer be used (0600): move it to a safe place
//!   checkpoint    the last checkpoint seen: a ledger that does not continue it is refused; checkpoint.lock is held while it is written
//!   ledger.pem, store.pem   whom alone to trust for TLS, where the ledger or the store is behind a URL
//!   store.auth    what the daemon that is the store asks for (0600)
//!   witness/      the key and the last checkpoints of a `node` that witnesses the ledgers of others (0600)
//!   shares/       one file per share sent or received: what a loose stego image is verified with (0600)
//! ```

use std::convert::Infallible;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use ipfs_store::Reach;
use ledger_core::{
    Address, Body, ChainId, Checkpoint, LogKey, Receipt, ShareId, Transaction, Trust, Unsigned,
    WitnessKey,
};
use ledger_node::client::kept_lock;
use ledger_node::{Access, Client, Connecting, Location, Node, Opening};
use medshare_verify::{HidingKey, Policy};
use pgp_envelope::{Cert, Key, Signer};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::blocks::Blocks;
use crate::file;
use crate::output::Output;
use crate::passphrase::{self, PassphraseArgs};
use crate::share;

/// The most bytes of a key, a cert or a file of the home.
const SMALL: u64 = 16 << 20;
/// How long a command waits for a ledger or a store that another process uses.
const PATIENCE: Duration = Duration::from_secs(30);
/// The key with new subkeys, until the ledger knows them.
const NEXT_KEY: &str = "key.next.pgp";
/// The authorities to trust for a node's TLS, and no others.
pub(crate) const LEDGER_PEM: &str = "ledger.pem";
/// The authorities to trust for a daemon's TLS, and no others.
pub(crate) const STORE_PEM: &str = "store.pem";
/// A daemon's authorization, as `--auth` reads it.
pub(crate) const STORE_AUTH: &str = "store.auth";

/// Which home, on every command line.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct HomeArgs {
    /// The directory that holds your keys, made by `init`
    #[arg(long, value_name = "DIR", env = "MEDSHARE_HOME")]
    home: PathBuf,
}

impl HomeArgs {
    pub(crate) fn path(&self) -> &Path {
        &self.home
    }

    pub(crate) fn open(&self) -> Result<Home> {
        Home::open(&self.home)
    }
}

/// Which home, how its ledger is reached and its key unlocked: on the command line of whatever asks the ledger.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct MemberArgs {
    #[command(flatten)]
    home: HomeArgs,
    /// The ledger's file or the URL of a node, in place of what `init` was told; another chain is refused
    #[arg(long, value_name = "PATH|URL", env = "MEDSHARE_LEDGER")]
    ledger: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    #[command(flatten)]
    rest: RestArgs,
}

impl MemberArgs {
    pub(crate) fn open(&self) -> Result<Home> {
        let home = self.home.open()?;
        let home = home.asking(self.ledger.as_deref(), &self.passphrase);
        Ok(home.rested(&self.rest))
    }
}

/// How long a ledger rested, on the command line of whatever writes to it.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct RestArgs {
    /// For a ledger that nobody used for more than a year: so many days may have passed since its last block, so the clock is right
    #[arg(long = "rested", value_name = "DAYS", hide_short_help = true)]
    days: Option<u32>,
}

/// A member on the command line: its fingerprint, or a file with its cert.
#[derive(Clone, Debug)]
pub(crate) struct Who(String);

impl FromStr for Who {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl Who {
    pub(crate) fn address(&self) -> Result<Address> {
        match self.0.parse() {
            Ok(address) => Ok(address),
            Err(_) => share::address(
                &read_cert(Path::new(&self.0))
                    .with_context(|| format!("{:?} is no fingerprint and no cert", self.0))?,
            ),
        }
    }
}

/// What a home is configured with.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) format: u32,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) fingerprint: String,
    pub(crate) ledger: PathBuf,
    pub(crate) chain: String,
    pub(crate) log_key: String,
    pub(crate) store: PathBuf,
    /// Who must have cosigned what a node says, and how many of them; nobody in a home of before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) witnesses: Vec<String>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) quorum: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
const fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// The version of the configuration.
pub(crate) const FORMAT: u32 = 1;

/// What a home remembers of a share: enough to verify its images once they have left their envelope.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Remembered {
    pub(crate) name: String,
    /// SHA-256 of the original file.
    pub(crate) file: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hiding_key: Option<String>,
}

/// An opened home.
#[derive(Debug)]
pub(crate) struct Home {
    path: PathBuf,
    config: Config,
    secret: Arc<Secret>,
    rest: RestArgs,
}

/// The secret key of a home, unlocked once, by whatever needs it first.
struct Secret {
    path: PathBuf,
    owner: String,
    passphrase: PassphraseArgs,
    given: OnceLock<passphrase::Secret>,
    unlocked: OnceLock<Key>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Secret {
    fn new(home: &Path, owner: &str, passphrase: &PassphraseArgs) -> Arc<Self> {
        Arc::new(Self {
            path: key_path(home),
            owner: owner.to_owned(),
            passphrase: passphrase.clone(),
            given: OnceLock::new(),
            unlocked: OnceLock::new(),
        })
    }

    /// The key, as it is stored.
    fn stored(&self) -> Result<Key> {
        let bytes = Zeroizing::new(file::read(&self.path, SMALL)?);
        Key::read(&bytes).with_context(|| format!("cannot read the key {}", self.path.display()))
    }

    fn unlocked(&self) -> Result<Key> {
        if let Some(key) = self.unlocked.get() {
            return Ok(key.clone());
        }
        let mut key = self.stored()?;
        if let Some(secret) = self.passphrase()? {
            key = key
                .unlock(&secret.as_str().into())
                .with_context(|| format!("cannot unlock {}", self.key_name()))?;
        }
        Ok(self.unlocked.get_or_init(|| key).clone())
    }

    /// The key, for a person who reads it; the owner's name may come from a file, and is to show as one line.
    fn key_name(&self) -> String {
        let shown = |c: char| if c.is_control() { ' ' } else { c };
        let owner: String = self.owner.chars().map(shown).collect();
        format!("the key of {owner}")
    }

    /// What the stored key is locked with, if it is: asked for once.
    fn passphrase(&self) -> Result<Option<&passphrase::Secret>> {
        if !self.stored()?.is_locked() {
            return Ok(None);
        }
        if self.given.get().is_none() {
            let given = self.passphrase.existing(&self.key_name())?;
            // another thread may have been faster
            let _ = self.given.set(given);
        }
        Ok(self.given.get())
    }
}

impl Home {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = config_path(path);
        if !file.exists() {
            bail!(
                "there is no home at {}: `medshare init --home {0} --name NAME --email EMAIL` makes one",
                path.display()
            );
        }
        let bytes = file::read(&file, SMALL)?;
        let config: Config = serde_json::from_slice(&bytes)
            .with_context(|| format!("{} is not what `init` wrote", file.display()))?;
        if config.format != FORMAT {
            bail!(
                "{} has format {}, this program reads {FORMAT}",
                file.display(),
                config.format
            );
        }
        Ok(Self::new(path, config))
    }

    fn new(path: &Path, config: Config) -> Self {
        Self {
            path: path.to_owned(),
            secret: Secret::new(path, &config.name, &PassphraseArgs::default()),
            config,
            rest: RestArgs::default(),
        }
    }

    /// The same home, whose ledger may have rested for long.
    pub(crate) fn rested(mut self, rest: &RestArgs) -> Self {
        self.rest = rest.clone();
        self
    }

    /// The same home with another way to its ledger, and with where its key's passphrase is.
    pub(crate) fn asking(mut self, ledger: Option<&Path>, passphrase: &PassphraseArgs) -> Self {
        if let Some(ledger) = ledger {
            ledger.clone_into(&mut self.config.ledger);
        }
        self.secret = Secret::new(&self.path, &self.config.name, passphrase);
        self
    }

    /// Writes the configuration of a home whose keys are there.
    pub(crate) fn configure(path: &Path, config: Config) -> Result<Self> {
        let mut text = serde_json::to_vec_pretty(&config)?;
        text.push(b'\n');
        file::write(&config_path(path), &text)?;
        Ok(Self::new(path, config))
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The secret key, ready to use.
    pub(crate) fn unlocked(&self) -> Result<Key> {
        self.secret.unlocked()
    }

    pub(crate) fn cert(&self) -> Result<Cert> {
        Ok(self.secret.stored()?.cert())
    }

    /// Gives the key new subkeys: `record` tells others of the cert, and then the new key takes the old one's place. It lies
    /// beside the old one before anybody knows of it, and the same one is taken up again after a failure: a key that was
    /// made known is never lost.
    pub(crate) fn renew_key<T>(&self, record: impl FnOnce(&Cert) -> Result<T>) -> Result<T> {
        let key = key_path(&self.path);
        let _alone = file::alone(&key)?;
        // nothing waits and nobody is told before it is known that the key can sign
        self.unlocked()?;
        // read only now: another command may have changed it until here
        let (cert, next) = self.renewed_key()?;
        let recorded = record(&cert).with_context(|| {
            format!(
                "the new key waits in {0} and the old one stays: repeat the command; if the ledger refuses the old key, it knows the new one already: rename {0} to {1}",
                next.display(),
                key.display()
            )
        })?;
        file::rename(&next, &key)?;
        Ok(recorded)
    }

    /// The key with new subkeys, locked as the key is, in a file beside it; the one that is there already, if one is.
    fn renewed_key(&self) -> Result<(Cert, PathBuf)> {
        let path = self.path.join(NEXT_KEY);
        if path.exists() {
            let bytes = Zeroizing::new(file::read(&path, SMALL)?);
            let key = Key::read(&bytes)
                .with_context(|| format!("cannot read the key {}", path.display()))?;
            return Ok((key.cert(), path));
        }
        let renewed = self.unlocked()?.rotate_subkeys(&pgp_policy())?;
        let cert = renewed.cert();
        let stored = match self.secret.passphrase()? {
            Some(passphrase) => renewed.lock(&passphrase.as_str().into())?,
            None => renewed,
        };
        file::write(&path, stored.to_armored().as_bytes())?;
        Ok((cert, path))
    }

    pub(crate) fn address(&self) -> Result<Address> {
        self.config
            .fingerprint
            .parse()
            .context("config.json: the fingerprint")
    }

    /// The ledger that this home was made for: another chain at the same place is refused, and so is one that does not continue the last
    /// checkpoint that this home saw. A node that asks for it gets signed questions.
    pub(crate) fn ledger(&self, output: &Output) -> Result<Access> {
        let ledger = self.ledger_to_prove(output)?;
        // a node's answers are compared by its client, each of them
        if let Access::Alone(node) = &ledger {
            self.check_continued(node)?;
        }
        Ok(ledger)
    }

    /// As [`Home::ledger`], for who asks for one proof and says itself whether that continues the checkpoint: a ledger by path is not
    /// compared with it here.
    pub(crate) fn ledger_to_prove(&self, output: &Output) -> Result<Access> {
        if let Location::Url(url) = location(&self.config.ledger) {
            let (secret, signer) = (Arc::clone(&self.secret), OnceLock::new());
            let sign = move |message: &[u8]| {
                if signer.get().is_none() {
                    let made = Signer::new(&secret.unlocked()?, &pgp_policy())?;
                    // another thread may have been faster
                    let _ = signer.set(made);
                }
                let signer = signer.get().context("no signer")?;
                Ok(signer.sign_ledger(message)?)
            };
            let witnesses = self.config.witnesses.iter().map(|key| {
                key.parse::<WitnessKey>()
                    .with_context(|| format!("config.json: the witness {key}"))
            });
            let connecting = connecting(&self.path)?
                .reader(self.address()?, sign)
                .witnesses(witnesses.collect::<Result<_>>()?, self.config.quorum);
            return Ok(Client::connect(&url, self.log_key()?, connecting)?.into());
        }
        let chain: ChainId = self
            .config
            .chain
            .parse()
            .context("config.json: the chain")?;
        open_ledger(&self.config.ledger, Some(chain), &self.rest, output)
    }

    /// Refuses a ledger that went back or took another way since this home saw it: whoever wrote to it would fork it in silence.
    fn check_continued(&self, node: &Node) -> Result<()> {
        let Some(seen) = self.checkpoint()? else {
            return Ok(());
        };
        let what = match node.block(seen.height())? {
            Some(block) if block.header.digest() == seen.header() => return Ok(()),
            Some(_) => format!("its block {} is another one than", seen.height()),
            None => format!("it lacks block {} of", seen.height()),
        };
        bail!(
            "{} does not continue the ledger that this home has seen: {what} {}; if a backup was put back, and the ledger's authority says so, remove that file, and record again what is lost",
            node.path().display(),
            self.path.join("checkpoint").display()
        )
    }

    /// The store; one that is a daemon looks for what it lacks as far as `reach` says.
    pub(crate) fn store(&self, reach: Reach) -> Result<Blocks> {
        open_store(&self.config.store, &self.path, reach)
    }

    /// The chain, the key that signs its checkpoints, and the last checkpoint that was seen.
    pub(crate) fn trust(&self, seen: Option<&Checkpoint>) -> Result<Trust> {
        let trust = Trust::new(self.log_key()?);
        Ok(match seen {
            Some(checkpoint) => trust.older(checkpoint.clone()),
            None => trust,
        })
    }

    pub(crate) fn log_key(&self) -> Result<LogKey> {
        self.config
            .log_key
            .parse()
            .context("config.json: the log key")
    }

    /// The last checkpoint that this home saw.
    pub(crate) fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        let path = self.path.join("checkpoint");
        if !path.exists() {
            return Ok(None);
        }
        let note = String::from_utf8(file::read(&path, SMALL)?)
            .with_context(|| format!("{}: expected UTF-8", path.display()))?;
        let checkpoint = Checkpoint::open(&note, &self.log_key()?).with_context(|| {
            format!("{} is no checkpoint of this home's ledger", path.display())
        })?;
        Ok(Some(checkpoint))
    }

    /// Keeps a checkpoint that was found to continue the one that had been `seen`, unless that is as new. Where another command has kept
    /// another one meanwhile, that stays: this one was not compared with it, and may be of another history.
    pub(crate) fn remember_checkpoint(
        &self,
        checkpoint: &Checkpoint,
        seen: Option<&Checkpoint>,
    ) -> Result<()> {
        if seen.is_some_and(|seen| seen.size() >= checkpoint.size()) {
            return Ok(());
        }
        let path = self.path.join("checkpoint");
        // clients of a node write this file too, and take the same lock
        let lock = kept_lock(&path);
        let _alone = lock.with_context(|| format!("cannot lock {}", path.display()))?;
        let kept = self.checkpoint()?;
        let other = kept.as_ref().map(Checkpoint::note) != seen.map(Checkpoint::note);
        if other {
            return Ok(());
        }
        file::write(&path, checkpoint.note().as_bytes())
    }

    /// Keeps what verifying the images of a share needs later.
    pub(crate) fn remember(&self, share: &ShareId, remembered: &Remembered) -> Result<()> {
        let directory = self.path.join("shares");
        file::private_directory(&directory)?;
        let mut text = Zeroizing::new(serde_json::to_vec_pretty(remembered)?);
        text.push(b'\n');
        file::write(&directory.join(format!("{share}.json")), &text)
    }

    /// Forgets a share.
    pub(crate) fn forget(&self, share: &ShareId) -> Result<()> {
        let path = self.path.join("shares").join(format!("{share}.json"));
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", path.display()))
            }
            _ => Ok(()),
        }
    }

    /// Every share that this home remembers.
    pub(crate) fn remembered(&self) -> Result<Vec<(ShareId, Remembered)>> {
        let directory = self.path.join("shares");
        if !directory.exists() {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        let entries = fs::read_dir(&directory)
            .with_context(|| format!("cannot read {}", directory.display()))?;
        for entry in entries {
            let path = entry?.path();
            let Some(share) = path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .and_then(|stem| stem.parse().ok())
            else {
                continue;
            };
            let remembered = serde_json::from_slice(&Zeroizing::new(file::read(&path, SMALL)?))
                .with_context(|| format!("{} is not what `receive` wrote", path.display()))?;
            found.push((share, remembered));
        }
        found.sort_by_key(|(share, _)| *share);
        Ok(found)
    }
}

impl Remembered {
    pub(crate) fn new(name: &str, file: impl ToString, hiding_key: Option<&HidingKey>) -> Self {
        let hex = |key: &HidingKey| key.as_bytes().iter().map(|b| format!("{b:02x}")).collect();
        Self {
            name: name.to_owned(),
            file: file.to_string(),
            hiding_key: hiding_key.map(hex),
        }
    }

    pub(crate) fn hiding_key(&self) -> Option<HidingKey> {
        let text = self.hiding_key.as_ref()?;
        // 32 bytes in hexadecimal are what a share id is, too
        let bytes: ShareId = text.parse().ok()?;
        Some(HidingKey::new(*bytes.as_bytes()))
    }
}

impl Drop for Remembered {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.hiding_key);
    }
}

/// Where a home's configuration is: what has none is no home.
pub(crate) fn config_path(home: &Path) -> PathBuf {
    home.join("config.json")
}

/// Where a home keeps its secret key.
pub(crate) fn key_path(home: &Path) -> PathBuf {
    home.join("key.pgp")
}

/// Keeps others from changing a key in its file until what this gives is dropped. A home's key is refused while another one waits to take
/// its place: the change would be lost then.
pub(crate) fn alone_with(key: &Path) -> Result<Option<File>> {
    let alone = file::alone(key)?;
    let next = key.with_file_name(NEXT_KEY);
    if key.file_name() == key_path(Path::new("")).file_name() && next.exists() {
        bail!(
            "{0} waits to take the place of {1}: end `medshare rotate-key` first, or remove {0} if no ledger has heard of it",
            next.display(),
            key.display()
        );
    }
    Ok(alone)
}

/// Where a ledger is: a path, or the URL of somebody's node.
pub(crate) fn location(ledger: &Path) -> Location {
    let Ok(location) = ledger.to_string_lossy().parse();
    match location {
        Location::Path(_) => Location::Path(ledger.to_owned()),
        url => url,
    }
}

/// How a home reaches a node: its last checkpoint is kept, and [`LEDGER_PEM`], if it is there, names whom to trust for TLS.
pub(crate) fn connecting(home: &Path) -> Result<Connecting<'static>> {
    let connecting = Connecting::new().keep(home.join("checkpoint"));
    let pem = home.join(LEDGER_PEM);
    Ok(if pem.exists() {
        connecting.roots(file::read(&pem, SMALL)?)
    } else {
        connecting
    })
}

/// Opens a ledger, waiting while another process uses it.
pub(crate) fn open_ledger(
    path: &Path,
    chain: Option<ChainId>,
    rest: &RestArgs,
    output: &Output,
) -> Result<Access> {
    let mut opening = Opening::new()
        .wait(PATIENCE)
        .waiting(|_| output.waiting(format_args!("the ledger {}", path.display())));
    if let Some(chain) = chain {
        opening = opening.chain(chain);
    }
    if let Some(days) = rest.days {
        opening = opening.rested(Duration::from_secs(u64::from(days) * 24 * 60 * 60));
    }
    Node::open_with(path, opening).map(Access::from).map_err(|error| {
        let is_busy = matches!(error, ledger_node::Error::Busy { .. });
        let error = anyhow::Error::new(error);
        let is_denied = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
        if is_busy {
            return error.context(
                "a node may serve this ledger: `--ledger URL` names it, and `node --backup` has it copied",
            );
        }
        if error.chain().filter_map(|error| error.downcast_ref()).any(is_denied) {
            return error.context(format!(
                "{} is for one account, since its node's key is in it: have it served with `medshare node`, and give the URL to --ledger",
                path.display()
            ));
        }
        error
    })
}

/// Opens the store of a home, where [`STORE_AUTH`] and [`STORE_PEM`], if they are there, say how a daemon is asked.
pub(crate) fn open_store(place: &Path, home: &Path, reach: Reach) -> Result<Blocks> {
    let there = |name: &str| Some(home.join(name)).filter(|path| path.exists());
    let (auth, trust) = (there(STORE_AUTH), there(STORE_PEM));
    Blocks::open(place, auth.as_deref(), trust.as_deref(), reach)
}

/// Why [`submit`] cannot say whether it was recorded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unanswered;

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the ledger may have recorded it, but did not say so")
    }
}

/// Signs a transaction as the next one of its sender, and puts it into a block. An error with [`Unanswered`] as its context
/// leaves open whether it was recorded.
pub(crate) fn submit(
    ledger: &Access,
    signer: &Signer,
    created_at: u64,
    body: Body,
) -> Result<Receipt> {
    send(ledger, &signed(ledger, signer, created_at, body)?)
}

/// The next transaction of its sender.
pub(crate) fn signed(
    ledger: &Access,
    signer: &Signer,
    created_at: u64,
    body: Body,
) -> Result<Transaction> {
    let sender = Address::new(signer.fingerprint().as_bytes())?;
    let sequence = ledger.next_sequence(&sender).with_context(|| {
        format!(
            "{sender} is no member of this ledger: an authority enrolls it with `medshare enroll`"
        )
    })?;
    let unsigned = Unsigned::new(ledger.chain(), sender, sequence, created_at, body);
    Ok(unsigned.sign_with(|message| signer.sign_ledger(message))?)
}

/// Puts a transaction into a block; errors as those of [`submit`].
pub(crate) fn send(ledger: &Access, tx: &Transaction) -> Result<Receipt> {
    match ledger.submit(tx) {
        Err(error) if !error.is_refusal() => Err(anyhow::Error::new(error).context(Unanswered)),
        Err(error @ ledger_node::Error::Clock { .. }) => Err(anyhow::Error::new(error).context(
            "the clock is not believed; if it is right, `--rested DAYS` says how long nobody used the ledger",
        )),
        submitted => Ok(submitted?),
    }
}

/// The rules of OpenPGP, and verification's decisions, as of now.
pub(crate) fn policy() -> Policy {
    Policy::new(pgp_policy())
}

pub(crate) fn pgp_policy() -> pgp_envelope::Policy {
    pgp_envelope::Policy::at(SystemTime::now())
}

/// Seconds since 1970 by this machine's clock.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}

/// Reads a cert, `-` from stdin.
pub(crate) fn read_cert(path: &Path) -> Result<Cert> {
    let bytes = file::read(path, SMALL)?;
    Cert::read(&bytes).with_context(|| format!("cannot read {} as an OpenPGP cert", path.display()))
}
