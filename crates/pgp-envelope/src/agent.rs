//! Secret keys that a running gpg-agent keeps.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use sequoia_gpg_agent::{self as agent, gnupg};

use crate::cert::PublicKey;
use crate::key::BoxedDecryptor;
use crate::signer::BoxedSigner;
use crate::{Cert, Error, Passphrase, Result};

const ACTION: &str = "asking gpg-agent";

/// A gpg-agent that keeps secret keys, of smart cards too: it signs and decrypts, and the secrets stay with it.
///
/// The agent asks for passphrases and PINs itself, with its pinentry. It is started when it does not run. GnuPG 2.2 and 2.4 keep
/// keys of version 4 alone.
///
/// ```no_run
/// use pgp_envelope::{Agent, Cert, Opener, Policy, Recipient, Sealer, Signer};
/// # let (cert, bob) = (Cert::read(&[])?, Cert::read(&[])?);
///
/// let policy = Policy::now();
/// let agent = Agent::new(None)?;
/// let signer = Signer::with_agent(&cert, &agent, &policy)?;
/// let mut message = Vec::new();
/// Sealer::new()
///     .signer(&signer)
///     .recipient(&Recipient::new(&cert, &policy)?)
///     .seal(&b"a scan"[..], &mut message)?;
/// let opened = Opener::new(&policy).agent(&cert, &agent).signer(&cert).open(&message[..])?;
/// # let _ = (opened, bob);
/// # Ok::<(), pgp_envelope::Error>(())
/// ```
#[derive(Clone)]
pub struct Agent {
    socket: PathBuf,
    passphrase: Option<Passphrase>,
}

impl Agent {
    /// The agent of a GnuPG home; without, of the user's own.
    ///
    /// # Errors
    ///
    /// [`Error::Library`] when GnuPG is not installed, the home is not there, or the agent does not start.
    pub fn new(home: Option<&Path>) -> Result<Self> {
        let context = match home {
            Some(home) => gnupg::Context::with_homedir(home),
            None => gnupg::Context::new(),
        }
        .map_err(Error::library(ACTION))?;
        let agent = wait(agent::Agent::connect(&context))?;
        drop(agent);
        let socket = context.socket("agent").map_err(Error::library(ACTION))?;
        Ok(Self {
            socket: socket.to_owned(),
            passphrase: None,
        })
    }

    /// Answers the agent's question for a passphrase, where its option `allow-loopback-pinentry` lets callers do so.
    #[must_use]
    pub fn passphrase(mut self, passphrase: &Passphrase) -> Self {
        self.passphrase = Some(passphrase.clone());
        self
    }

    /// Whether it keeps the secret part of a key.
    fn has(&self, key: &PublicKey) -> Result<bool> {
        wait(async {
            let mut agent = agent::Agent::connect_to_agent(&self.socket).await?;
            agent.has_key(key).await
        })
    }

    fn keypair(&self, key: &PublicKey) -> Result<agent::KeyPair> {
        let keypair =
            agent::KeyPair::new_for_socket(&self.socket, key).map_err(Error::library(ACTION))?;
        Ok(match &self.passphrase {
            Some(passphrase) => keypair.with_password(passphrase.to_sequoia()),
            None => keypair,
        })
    }

    fn kept(&self, cert: &Cert, key: &PublicKey, purpose: &'static str) -> Result<agent::KeyPair> {
        match self.has(key)? {
            true => self.keypair(key),
            false => Err(Error::SecretMissing {
                fingerprint: cert.fingerprint(),
                purpose,
            }),
        }
    }

    pub(crate) fn signer(&self, cert: &Cert, key: &PublicKey) -> Result<BoxedSigner> {
        self.kept(cert, key, "signing")
            .map(|keypair| Box::new(keypair) as _)
    }

    /// The keys for decryption that it keeps, whatever their validity.
    pub(crate) fn decryptors(&self, cert: &Cert) -> Result<Vec<BoxedDecryptor>> {
        let mut kept = Vec::new();
        for key in cert.inner.keys() {
            if key.key().pk_algo().for_encryption() && self.has(key.key())? {
                kept.push(Box::new(self.keypair(key.key())?) as BoxedDecryptor);
            }
        }
        match kept.is_empty() {
            true => Err(Error::SecretMissing {
                fingerprint: cert.fingerprint(),
                purpose: "decryption",
            }),
            false => Ok(kept),
        }
    }
}

/// The library waits in tokio's way; this crate's callers wait in theirs.
fn wait<T>(work: impl Future<Output = std::result::Result<T, agent::Error>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(|source: io::Error| Error::Io {
            action: ACTION,
            source,
        })?
        .block_on(work)
        .map_err(Error::library(ACTION))
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Agent({})", self.socket.display())
    }
}
