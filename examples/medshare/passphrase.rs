//! Where a passphrase comes from: a file, the environment, or the terminal; never the command line, which other users of
//! the machine can see.

use std::env;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use zeroize::Zeroizing;

use crate::file;

/// The environment variable that holds the passphrase.
pub(crate) const VARIABLE: &str = "MEDSHARE_PASSPHRASE";

/// A passphrase is wiped when it goes out of scope.
pub(crate) type Secret = Zeroizing<String>;

/// Where to take the passphrase of an existing key from.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct PassphraseArgs {
    /// Take the passphrase from the first line of FILE, in place of the environment or the terminal
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

impl PassphraseArgs {
    /// The passphrase of an existing key.
    pub(crate) fn existing(&self, of: &str) -> Result<Secret> {
        match self.given()? {
            Some(secret) => Ok(secret),
            None => ask(&format!("passphrase of {of}: "), GIVE),
        }
    }

    /// The passphrase of a new key: asked for twice, and never empty.
    pub(crate) fn chosen(&self, of: &str) -> Result<Secret> {
        let secret = match self.given()? {
            Some(secret) => secret,
            None => ask_twice(of, GIVE)?,
        };
        if secret.is_empty() {
            bail!(
                "the passphrase is empty; give one, or say --no-passphrase and what it protects is the file's mode alone"
            );
        }
        Ok(secret)
    }

    fn given(&self) -> Result<Option<Secret>> {
        match &self.passphrase_file {
            Some(path) => first_line(path).map(Some),
            None => Ok(env::var(VARIABLE).ok().map(Zeroizing::new)),
        }
    }
}

/// The passphrase that takes the place of another: from a file or the terminal, since the environment holds the other.
pub(crate) fn replacing(file: Option<&Path>, of: &str) -> Result<Secret> {
    let secret = match file {
        Some(path) => first_line(path)?,
        None => ask_twice(of, "give --new-passphrase-file FILE")?,
    };
    if secret.is_empty() {
        bail!("the new passphrase is empty; nothing was changed");
    }
    Ok(secret)
}

fn first_line(path: &Path) -> Result<Secret> {
    let text = Zeroizing::new(file::read(path, 64 * 1024)?);
    let text = Zeroizing::new(
        String::from_utf8(text.to_vec())
            .with_context(|| format!("{}: expected UTF-8", path.display()))?,
    );
    Ok(Zeroizing::new(
        text.lines().next().unwrap_or_default().to_owned(),
    ))
}

fn ask_twice(of: &str, otherwise: &str) -> Result<Secret> {
    let first = ask(&format!("new passphrase for {of}: "), otherwise)?;
    if first != ask("the same again: ", otherwise)? {
        bail!("the two passphrases differ: nothing was written; try again");
    }
    Ok(first)
}

fn ask(prompt: &str, otherwise: &str) -> Result<Secret> {
    if !io::stdin().is_terminal() {
        bail!("a passphrase is needed and there is no terminal to ask at: {otherwise}");
    }
    rpassword::prompt_password(prompt)
        .map(Zeroizing::new)
        .context("cannot read the passphrase")
}

/// What to do where there is no terminal.
const GIVE: &str = "set MEDSHARE_PASSPHRASE or give --passphrase-file FILE";
