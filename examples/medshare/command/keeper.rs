//! Where a secret key is: in a file, or with a gpg-agent, which may have it on a smart card.

use std::path::Path;

use anyhow::Result;
use pgp_envelope::{Opener, Policy, Signer};

use crate::command::key::unlocked;
use crate::passphrase::PassphraseArgs;

/// What stands before the file of a cert whose secret keys the agent keeps.
const AGENT: &str = "agent:";

/// The cert's file, when an agent has the key.
fn kept(key: &Path) -> Option<&Path> {
    key.to_str()?.strip_prefix(AGENT).map(Path::new)
}

/// Takes `KEY` or `agent:CERT` to sign with.
pub(crate) fn signer(key: &Path, passphrase: &PassphraseArgs, policy: &Policy) -> Result<Signer> {
    match kept(key) {
        Some(cert) => agent::signer(cert, policy),
        None => Ok(Signer::new(&unlocked(key, passphrase)?, policy)?),
    }
}

/// Takes `KEY` or `agent:CERT` to decrypt with.
pub(crate) fn opener<'a>(
    opener: Opener<'a>,
    key: &Path,
    passphrase: &PassphraseArgs,
) -> Result<Opener<'a>> {
    match kept(key) {
        Some(cert) => agent::opener(opener, cert),
        None => Ok(opener.key(&unlocked(key, passphrase)?)),
    }
}

#[cfg(feature = "gpg-agent")]
mod agent {
    use std::path::Path;

    use anyhow::{Context, Result};
    use pgp_envelope::{Agent, Cert, MAX_CERT, Opener, Policy, Signer};

    use crate::file;

    fn read(cert: &Path) -> Result<(Cert, Agent)> {
        let read = Cert::read(&file::read(cert, MAX_CERT as u64)?)
            .with_context(|| format!("cannot use {}", cert.display()))?;
        Ok((read, Agent::new(None)?))
    }

    pub(super) fn signer(cert: &Path, policy: &Policy) -> Result<Signer> {
        let (cert, agent) = read(cert)?;
        Ok(Signer::with_agent(&cert, &agent, policy)?)
    }

    pub(super) fn opener<'a>(opener: Opener<'a>, cert: &Path) -> Result<Opener<'a>> {
        let (cert, agent) = read(cert)?;
        Ok(opener.agent(&cert, &agent))
    }
}

#[cfg(not(feature = "gpg-agent"))]
mod agent {
    use std::path::Path;

    use anyhow::{Result, bail};
    use pgp_envelope::{Opener, Policy, Signer};

    pub(super) fn signer(_: &Path, _: &Policy) -> Result<Signer> {
        bail!("this medshare asks no gpg-agent: build it with --features gpg-agent")
    }

    pub(super) fn opener<'a>(_: Opener<'a>, _: &Path) -> Result<Opener<'a>> {
        bail!("this medshare asks no gpg-agent: build it with --features gpg-agent")
    }
}
