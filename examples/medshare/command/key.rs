use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use pgp_envelope::{Cert, Key, KeyOptions, MAX_CERT, Policy, Profile, Reason};
use serde_json::json;
use zeroize::Zeroizing;

use crate::command::seal::ProfileArg;
use crate::file::{self, Target};
use crate::home;
use crate::output::{Outcome, Output};
use crate::passphrase::{PassphraseArgs, replacing};

/// Makes and keeps OpenPGP keys in files.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Makes a key, and the certificate that revokes it
    Generate {
        /// `Name <address@domain.example>`
        userid: String,
        /// Where the secret key goes.
        #[arg(long, value_name = "KEY")]
        out: PathBuf,
        /// Where the revocation certificate goes: keep it apart from the key.
        #[arg(long, value_name = "FILE")]
        revocation: PathBuf,
        /// The edition of OpenPGP.
        #[arg(long, value_enum, default_value_t = ProfileArg::Rfc9580)]
        profile: ProfileArg,
        /// How many days it is valid; for ever with 0.
        #[arg(long, default_value_t = 3 * 366, value_name = "DAYS")]
        valid: u32,
        /// Protect the key by nothing but the file's mode.
        #[arg(long)]
        no_passphrase: bool,
        #[command(flatten)]
        passphrase: PassphraseArgs,
    },
    /// Changes the passphrase of a key
    Passwd {
        /// The secret key, which is replaced.
        key: PathBuf,
        /// Take the new passphrase from the first line of FILE, in place of the terminal
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
        #[command(flatten)]
        passphrase: PassphraseArgs,
    },
    /// Revokes a key: nobody accepts it any more who sees the cert
    Revoke {
        /// The secret key, which is replaced; with --apply a cert, which is not.
        key: PathBuf,
        /// Why.
        #[arg(long, value_enum, required_unless_present = "apply")]
        reason: Option<ReasonArg>,
        /// Why, in words for everybody to read.
        #[arg(long, default_value = "")]
        text: String,
        /// Use the revocation certificate that `generate` made: it needs no secret key.
        #[arg(long, value_name = "REVOCATION", conflicts_with_all = ["reason", "text"])]
        apply: Option<PathBuf>,
        /// Where the revoked cert goes, for you to hand out; `-` is stdout.
        #[arg(long, value_name = "CERT")]
        out: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseArgs,
    },
    /// Gives a key new subkeys, and retires the old ones
    Rotate {
        /// The secret key, which is replaced.
        key: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseArgs,
    },
    /// Lets a key expire later
    Extend {
        /// The secret key, which is replaced.
        key: PathBuf,
        /// How many days from now; for ever with 0.
        #[arg(long, value_name = "DAYS")]
        valid: u32,
        #[command(flatten)]
        passphrase: PassphraseArgs,
    },
    /// Prints the cert of a key: what others need, again after every change
    Cert {
        /// The secret key.
        key: PathBuf,
        /// Write it to a file in place of stdout.
        #[arg(long, value_name = "CERT")]
        out: Option<PathBuf>,
    },
    /// Says what a cert or key is
    Inspect {
        /// A cert or a secret key; `-` is stdin.
        file: PathBuf,
    },
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum ReasonArg {
    /// Somebody else may have it
    Compromised,
    /// Another key takes its place
    Superseded,
    /// It is no longer used
    Retired,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        let policy = Policy::now();
        match &self.action {
            Action::Generate {
                userid,
                out,
                revocation,
                profile,
                valid,
                no_passphrase,
                passphrase,
            } => {
                if file::same(out, revocation) {
                    bail!("--out and --revocation name the same file");
                }
                output.check_target(out)?;
                output.check_target(revocation)?;
                let (key_file, revocation_file) = (Target::fresh(out)?, Target::fresh(revocation)?);
                let options = KeyOptions::new(userid)
                    .profile((*profile).into())
                    .validity(days(*valid));
                let secret = match no_passphrase {
                    true => None,
                    false => Some(passphrase.chosen(userid)?),
                };
                let made = Key::generate(&options)?;
                let key = match secret {
                    Some(secret) => made.key.lock(&secret.as_str().into())?,
                    None => made.key,
                };
                revocation_file.fill(&made.revocation)?;
                key_file.fill(key.to_armored().as_bytes())?;
                let to_stdout = [revocation, out]
                    .into_iter()
                    .find(|path| file::is_dash(path));
                let text = format!("made the key {}{HAND_OUT}", key.fingerprint());
                output.say(to_stdout.unwrap_or(out), text);
                described(&key.cert())
            }
            Action::Passwd {
                key: path,
                new_passphrase_file,
                passphrase,
            } => {
                output.check_target(path)?;
                let _alone = home::alone_with(path)?;
                let key = unlocked(path, passphrase)?;
                let new = replacing(new_passphrase_file.as_deref(), &path.display().to_string())?;
                let key = key.lock(&new.as_str().into())?;
                file::write(path, key.to_armored().as_bytes())?;
                let text = format!("changed the passphrase of {}", key.fingerprint());
                output.say(path, text);
                described(&key.cert())
            }
            Action::Revoke {
                key: path,
                reason,
                text,
                apply,
                out,
                passphrase,
            } => {
                if apply.is_none() && file::same(path, out) {
                    bail!("--out names the key itself, which is secret: name another file");
                }
                output.check_target(out)?;
                let target = Target::fresh(out)?;
                let cert = match (apply, reason) {
                    (Some(revocation), _) => applied(path, revocation)?,
                    (None, Some(reason)) => change(output, path, passphrase, |key| {
                        Ok(key.revoke((*reason).into(), text, &policy)?.0)
                    })?
                    .cert(),
                    (None, None) => bail!("revoking needs --reason or --apply"),
                };
                target.fill(cert.to_armored().as_bytes())?;
                let text = format!("revoked {}: hand out the cert", cert.fingerprint());
                output.say(out, text);
                described(&cert)
            }
            Action::Rotate {
                key: path,
                passphrase,
            } => {
                let key = change(output, path, passphrase, |key| {
                    Ok(key.rotate_subkeys(&policy)?)
                })?;
                let text = format!("new subkeys for {}{HAND_OUT}", key.fingerprint());
                output.say(path, text);
                described(&key.cert())
            }
            Action::Extend {
                key: path,
                valid,
                passphrase,
            } => {
                let key = change(output, path, passphrase, |key| {
                    Ok(key.extend(days(*valid), &policy)?)
                })?;
                let text = format!("extended {}{HAND_OUT}", key.fingerprint());
                output.say(path, text);
                described(&key.cert())
            }
            Action::Cert { key, out } => {
                let cert = read(key)?;
                match out {
                    Some(out) => {
                        output.check_target(out)?;
                        Target::fresh(out)?.fill(cert.to_armored().as_bytes())?;
                    }
                    None => output.line(cert.to_armored().trim_end()),
                }
                described(&cert)
            }
            Action::Inspect { file } => inspect(output, file),
        }
    }
}

impl From<ReasonArg> for Reason {
    fn from(arg: ReasonArg) -> Self {
        match arg {
            ReasonArg::Compromised => Self::Compromised,
            ReasonArg::Superseded => Self::Superseded,
            ReasonArg::Retired => Self::Retired,
        }
    }
}

/// The cert with a revocation certificate taken in.
fn applied(cert: &Path, revocation: &Path) -> Result<Cert> {
    let bytes = file::read(revocation, MAX_CERT as u64)?;
    read(cert)?
        .apply_revocation(&bytes)
        .with_context(|| format!("cannot apply {}", revocation.display()))
}

fn read(path: &Path) -> Result<Cert> {
    Cert::read(&secret(path)?).with_context(|| format!("{} is no cert", path.display()))
}

fn inspect(output: &Output, path: &Path) -> Result<Outcome> {
    let bytes = secret(path)?;
    let cert = Cert::read(&bytes).with_context(|| format!("{} is no cert", path.display()))?;
    let key = Key::read(&bytes).ok();
    output.line(format_args!("fingerprint  {}", cert.fingerprint()));
    for userid in cert.userids() {
        output.line(format_args!("user ID      {}", userid.escape_debug()));
    }
    output.line(format_args!("edition      {}", edition(&cert)));
    output.line(format_args!(
        "expires      {}",
        expiry(&cert).as_deref().unwrap_or("never")
    ));
    if let Some(reason) = cert.revoked(&Policy::now())? {
        output.line(format_args!("revoked      {}", reason.escape_debug()));
    }
    let secret = match &key {
        None => "none",
        Some(key) if key.is_locked() => "locked by a passphrase",
        Some(_) => "unlocked",
    };
    output.line(format_args!("secret part  {secret}"));
    described(&cert)
}

/// What may be a secret key is wiped from memory when it has been read.
fn secret(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    file::read(path, MAX_CERT as u64).map(Zeroizing::new)
}

/// Reads a key, and unlocks it where it is locked.
pub(crate) fn unlocked(path: &Path, passphrase: &PassphraseArgs) -> Result<Key> {
    let fail = || format!("cannot use {}", path.display());
    let key = Key::read(&secret(path)?).with_context(fail)?;
    if !key.is_locked() {
        return Ok(key);
    }
    let secret = passphrase.existing(&path.display().to_string())?;
    key.unlock(&secret.as_str().into()).with_context(fail)
}

/// Changes a key in its file; it stays locked by what it was locked with.
fn change(
    output: &Output,
    path: &Path,
    passphrase: &PassphraseArgs,
    change: impl FnOnce(Key) -> Result<Key>,
) -> Result<Key> {
    output.check_target(path)?;
    let _alone = home::alone_with(path)?;
    let fail = || format!("cannot use {}", path.display());
    let key = Key::read(&secret(path)?).with_context(fail)?;
    let key = if key.is_locked() {
        let secret = passphrase.existing(&path.display().to_string())?;
        let passphrase = secret.as_str().into();
        change(key.unlock(&passphrase).with_context(fail)?)?.lock(&passphrase)?
    } else {
        change(key)?
    };
    file::write(path, key.to_armored().as_bytes())?;
    Ok(key)
}

fn days(days: u32) -> Option<Duration> {
    (days > 0).then(|| Duration::from_secs(u64::from(days) * 24 * 3600))
}

fn edition(cert: &Cert) -> &'static str {
    match cert.profile() {
        Profile::Rfc9580 => "RFC 9580 (version 6)",
        Profile::Rfc4880 => "RFC 4880 (version 4)",
    }
}

fn expiry(cert: &Cert) -> Option<String> {
    let expires: SystemTime = cert.expires_at()?;
    jiff::Timestamp::try_from(expires)
        .ok()
        .map(|time| time.to_string())
}

fn described(cert: &Cert) -> Result<Outcome> {
    Ok(Outcome::done(json!({
        "fingerprint": cert.fingerprint().to_string(),
        "userids": cert.userids(),
        "edition": edition(cert),
        "expires": expiry(cert),
        "revoked": cert.revoked(&Policy::now())?,
        "cert": cert.to_armored(),
    })))
}

/// What to do after a change.
const HAND_OUT: &str = ": hand out what `medshare key cert` prints";
