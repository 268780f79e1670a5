//! Opening: plaintext and its verified signer, together or not at all.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::num::NonZero;
use std::path::PathBuf;

use openpgp::packet::PKESK;
use openpgp::types::{PublicKeyAlgorithm, SymmetricAlgorithm};
use sequoia_openpgp as openpgp;

use crate::armor::Dearmor;
use crate::container::{Plaintext as Decrypted, Preamble, refuse_indeterminate};
use crate::content::Content;
use crate::error::guarded;
use crate::key::decryption_keys;
use crate::packet::Body;
use crate::seal::default_threads;
use crate::storage::Storage;
use crate::verify::{Signed, verify};
use crate::{Cert, Container, Error, Fingerprint, Key, Opened, Policy, Result, SessionKey, head};

/// Decrypts and verifies messages.
///
/// ```
/// use pgp_envelope::{Error, Key, KeyOptions, Opener, Policy, Recipient, Sealer, Signer};
///
/// let policy = Policy::now();
/// let alice = Key::generate(&KeyOptions::new("Alice <alice@a.example>"))?.key;
/// let bob = Key::generate(&KeyOptions::new("Bob <bob@b.example>"))?.key;
/// let mut message = Vec::new();
/// Sealer::new()
///     .signer(&Signer::new(&alice, &policy)?)
///     .recipient(&Recipient::new(&bob.cert(), &policy)?)
///     .seal(&b"a scan"[..], &mut message)?;
///
/// let opener = Opener::new(&policy).key(&bob).signer(&alice.cert());
/// let opened = opener.open(&message[..])?;
/// assert_eq!(opened.signer(), alice.fingerprint());
/// assert_eq!(opened.into_vec()?, b"a scan");
///
/// message[400] ^= 1;
/// assert!(opener.open(&message[..]).is_err());
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct Opener<'a> {
    policy: &'a Policy,
    keys: Vec<Key>,
    #[cfg(feature = "gpg-agent")]
    agents: Vec<(Cert, crate::Agent)>,
    session_key: Option<SessionKey>,
    expected: Vec<Cert>,
    known: Vec<Cert>,
    granted: bool,
    threads: usize,
    folder: Option<PathBuf>,
}

impl<'a> Opener<'a> {
    /// With a policy; keys and signers follow.
    #[must_use]
    pub fn new(policy: &'a Policy) -> Self {
        Self {
            policy,
            keys: Vec::new(),
            #[cfg(feature = "gpg-agent")]
            agents: Vec::new(),
            session_key: None,
            expected: Vec::new(),
            known: Vec::new(),
            granted: false,
            threads: default_threads(),
            folder: None,
        }
    }

    /// A key to decrypt with, unlocked. Its age does not matter: an old message is read with an old key.
    #[must_use]
    pub fn key(mut self, key: &Key) -> Self {
        self.keys.push(key.clone());
        self
    }

    /// A cert whose secret keys an agent keeps. It is asked when the message has a key packet for them.
    #[cfg(feature = "gpg-agent")]
    #[must_use]
    pub fn agent(mut self, cert: &Cert, agent: &crate::Agent) -> Self {
        self.agents.push((cert.clone(), agent.clone()));
        self
    }

    /// The message's own session key, when it came by another way: the key packets are not looked at.
    #[must_use]
    pub fn session_key(mut self, session_key: &SessionKey) -> Self {
        self.session_key = Some(session_key.clone());
        self
    }

    /// Who is expected to have signed; any one of them when there are several.
    #[must_use]
    pub fn signer(mut self, cert: &Cert) -> Self {
        self.expected.push(cert.clone());
        self
    }

    /// Somebody who is known but not expected, so that the rejection can say that it was them.
    #[must_use]
    pub fn known(mut self, cert: &Cert) -> Self {
        self.known.push(cert.clone());
        self
    }

    /// Says that the caller knows of a grant, for example from the ledger: the message need not have been meant for these
    /// keys from the beginning. See [`crate::regrant`].
    #[must_use]
    pub const fn granted(mut self) -> Self {
        self.granted = true;
        self
    }

    /// Over how many cores the work is spread: one means that this thread does all of it.
    #[must_use]
    pub const fn threads(mut self, threads: NonZero<usize>) -> Self {
        self.threads = threads.get();
        self
    }

    /// Where large plaintext waits for verification, so that [`Opened::persist`] renames instead of copying. Without, it
    /// waits in a file without a name in the system's folder for temporary files.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Reads one message, binary or armored, to its end, and releases it when every check has passed.
    ///
    /// # Errors
    ///
    /// The first check that fails, by its name in [`Error`]. Nothing is released then.
    pub fn open(&self, message: impl Read) -> Result<Opened> {
        let mut message = message;
        let decrypted = self.decrypt(&mut message)?;
        if decrypted.signatures.is_empty() {
            return Err(Error::NotSigned);
        }
        let verified = verify(
            decrypted.signatures,
            &self.expected,
            &self.known,
            self.policy,
        )?;
        let ours = |fp: &Fingerprint| self.is_ours(*fp);
        if !self.granted && !verified.intended.is_empty() && !verified.intended.iter().any(ours) {
            return Err(Error::NotIntended);
        }
        Ok(Opened {
            storage: decrypted.storage,
            signer: verified.signer,
            signed_at: verified.signed_at,
            intended: verified.intended,
            session_key: decrypted.session_key,
            container: decrypted.container,
        })
    }

    /// Everything but the signatures' verification.
    pub(crate) fn decrypt(&self, message: &mut dyn Read) -> Result<Unverified> {
        let mut reader = BufReader::with_capacity(64 << 10, message);
        let first = reader
            .fill_buf()
            .map_err(Error::io("reading the message"))?;
        match first.first() {
            // Armor is ASCII; every packet starts with bit 7 set (section 4.2).
            Some(first) if first & 0x80 == 0 => {
                let mut binary = BufReader::with_capacity(64 << 10, Dearmor::new(reader));
                self.decrypt_binary(&mut binary)
            }
            _ => self.decrypt_binary(&mut reader),
        }
    }

    fn decrypt_binary(&self, reader: &mut dyn BufRead) -> Result<Unverified> {
        let (packets, header) = head::read(reader, self.policy.recipients)?;
        refuse_indeterminate(header.length)?;
        let mut body = Body::new(reader, header.length);
        let preamble = Preamble::read(&mut body)?;
        let (session_key, cipher) = self.session_key_of(&packets, &preamble)?;
        let workers = self.threads.saturating_sub(1);
        let mut plaintext =
            Decrypted::new(body, &preamble, &session_key, cipher, workers, self.policy)?;
        let storage = Storage::new(self.policy.memory, self.folder.clone());
        let mut content = Content::new(self.policy, storage, workers > 0);
        let read = content.message(&mut plaintext, 0);
        // Nothing that is inside counts before the whole is known to be what was encrypted: an error that an attacker
        // provoked by damage is damage, and says no more.
        let whole = plaintext.drain();
        drop(plaintext);
        whole?;
        read.map_err(|error| match error {
            Error::Truncated => {
                Error::malformed("the encrypted content", "it ends within a packet")
            }
            other => other,
        })?;
        if !reader
            .fill_buf()
            .map_err(Error::io("reading the message"))?
            .is_empty()
        {
            return Err(Error::TrailingBytes {
                what: "the encrypted container",
            });
        }
        Ok(Unverified {
            storage: content.storage.finish()?,
            signatures: content.signatures,
            session_key,
            container: preamble.container(),
        })
    }

    fn is_ours(&self, fp: Fingerprint) -> bool {
        #[cfg(feature = "gpg-agent")]
        if self.agents.iter().any(|(cert, _)| cert.fingerprint() == fp) {
            return true;
        }
        self.keys.iter().any(|key| key.fingerprint() == fp)
    }

    /// Finds the key packet that one of the keys opens. Section 5.1: version 3 goes with the container's version 1, version
    /// 6 with 2, and others are ignored.
    fn session_key_of(
        &self,
        packets: &[PKESK],
        preamble: &Preamble,
    ) -> Result<(SessionKey, SymmetricAlgorithm)> {
        if let Some(key) = &self.session_key {
            return Ok((
                key.clone(),
                preamble.cipher().unwrap_or_else(|| key.cipher()),
            ));
        }
        let version = match preamble {
            Preamble::V1 => 3,
            Preamble::V2 { .. } => 6,
        };
        let mut keypairs = Vec::new();
        for key in &self.keys {
            keypairs.extend(decryption_keys(key)?);
        }
        #[cfg(feature = "gpg-agent")]
        for (cert, agent) in &self.agents {
            keypairs.extend(agent.decryptors(cert)?);
        }
        let mut padded = false;
        for packet in packets.iter().filter(|packet| packet.version() == version) {
            for keypair in &mut keypairs {
                let public = keypair.public();
                let ours = head::is_canonical(packet)
                    && packet.pk_algo() == public.pk_algo()
                    && packet
                        .recipient()
                        .is_none_or(|named| named.aliases(public.key_handle()));
                if !ours {
                    continue;
                }
                padded |= is_padded(packet.pk_algo());
                let decrypt = || Ok(packet.decrypt(keypair, preamble.cipher()));
                if let Some((cipher, key)) =
                    guarded("decrypting a session key", decrypt).unwrap_or(None)
                    && let Some(cipher) = cipher.or_else(|| preamble.cipher())
                    && cipher.key_size().is_ok_and(|size| size == key.len())
                {
                    return Ok((SessionKey::from_sequoia(key)?, cipher));
                }
            }
        }
        if padded {
            let random = SessionKey::generate()?;
            let cipher = preamble.cipher().unwrap_or_else(|| random.cipher());
            let size = cipher.key_size().unwrap_or(random.as_bytes().len());
            let bytes = random.as_bytes().get(..size).unwrap_or_default();
            return Ok((SessionKey::from_bytes(bytes)?, cipher));
        }
        Err(Error::NotForMe)
    }
}

/// Whether the session key is padded as PKCS #1 1.5 has it. Who learns whether the padding of a packet that he made up is right,
/// learns in the end what another packet holds (RFC 9580 section 13.5). So when none opens, a random session key goes on, as
/// one that the padding hid would, and the answer is that the container was changed. The other algorithms
/// wrap with a check of their own, which tells nobody anything.
fn is_padded(algorithm: PublicKeyAlgorithm) -> bool {
    // section 9.1: two numbers of RSA, two of Elgamal
    matches!(u8::from(algorithm), 1 | 2 | 16 | 20)
}

impl fmt::Debug for Opener<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener")
            .field("keys", &self.keys)
            .field("expected", &self.expected)
            .field("known", &self.known)
            .field("granted", &self.granted)
            .finish_non_exhaustive()
    }
}

/// A message that is whole, of which nobody has looked at the signatures.
pub(crate) struct Unverified {
    pub(crate) storage: Storage,
    pub(crate) signatures: Vec<Signed>,
    pub(crate) session_key: SessionKey,
    pub(crate) container: Container,
}
