//! Where a passphrase comes from: a file, the environment, or the terminal; never the command line, which other users of
//! the machine can see.

use std::env;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

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
            None => ask(&format!("passphrase of {of}: ")),
        }
    }

    /// The passphrase of a new key: asked for twice, and never empty.
    pub(crate) fn chosen(&self, of: &str) -> Result<Secret> {
        let secret = match self.given()? {
            Some(secret) => secret,
            None => {
                let first = ask(&format!("new passphrase for {of}: "))?;
                if first != ask("the same again: ")? {
                    bail!("the two passphrases differ: nothing was written; try again");
                }
                first
            }
        };
        if secret.is_empty() {
            bail!(
                "the passphrase is empty; give one, or say --no-passphrase and what it protects is the file's mode alone"
            );
        }
        Ok(secret)
    }

    fn given(&self) -> Result<Option<Secret>> {
        if let Some(path) = &self.passphrase_file {
            let text = Zeroizing::new(file::read(path, 64 * 1024)?);
            let text = Zeroizing::new(
                String::from_utf8(text.to_vec())
                    .with_context(|| format!("{}: expected UTF-8", path.display()))?,
            );
            return Ok(Some(Zeroizing::new(
                text.lines().next().unwrap_or_default().to_owned(),
            )));
        }
        Ok(env::var(VARIABLE).ok().map(Zeroizing::new))
    }
}

fn ask(prompt: &str) -> Result<Secret> {
    if !io::stdin().is_terminal() {
        bail!(
            "a passphrase is needed and there is no terminal to ask at: set {VARIABLE} or give --passphrase-file FILE"
        );
    }
    rpassword::prompt_password(prompt)
        .map(Zeroizing::new)
        .context("cannot read the passphrase")
}
