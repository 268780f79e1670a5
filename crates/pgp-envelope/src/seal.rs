//! Sealing: signer, then recipients, then bytes.

use std::fmt;
use std::io::{Read, Write};
use std::mem;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::thread;
use std::time::SystemTime;

use crate::aside::Portions;
use crate::head::{self, Naming, Version};
use crate::packet::{self, tag};
use crate::padding::{self, Padding};
use crate::signing::Signing;
use crate::writer::ContainerWriter;
use crate::{Container, Error, Mode, Profile, Recipient, Result, SessionKey, Signer};

/// Literal data is read, hashed and framed in parts of this size, a power of two that stays in the second-level cache.
const PART_POWER: u8 = 16;
const PART: usize = 1 << PART_POWER;
/// Format "binary", no name, no date: outside the signature, so nobody may rely on them (section 5.9).
const LITERAL_START: [u8; 6] = [b'b', 0, 0, 0, 0, 0];

/// The state of a [`Sealer`] without signer.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct NoSigner;

/// The state of a [`Sealer`] without recipients.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct NoRecipient;

/// Signs and encrypts streams.
///
/// [`Sealer::seal`] is there when a signer and recipients are: a message without is made in [`crate::danger`] alone.
///
/// ```
/// use pgp_envelope::{Key, KeyOptions, Policy, Recipient, Sealer, Signer};
///
/// let policy = Policy::now();
/// let alice = Key::generate(&KeyOptions::new("Alice <alice@a.example>"))?.key;
/// let bob = Key::generate(&KeyOptions::new("Bob <bob@b.example>"))?.key;
/// let mut message = Vec::new();
/// let sealed = Sealer::new()
///     .signer(&Signer::new(&alice, &policy)?)
///     .recipient(&Recipient::new(&bob.cert(), &policy)?)
///     .seal(&b"a scan"[..], &mut message)?;
/// assert_eq!(sealed.head_len() + sealed.body_len(), message.len() as u64);
/// # Ok::<(), pgp_envelope::Error>(())
/// ```
///
/// Without a signer there is nothing to call:
///
/// ```compile_fail,E0599
/// # let policy = pgp_envelope::Policy::now();
/// # let bob = pgp_envelope::Key::generate(&pgp_envelope::KeyOptions::new("Bob"))?.key;
/// # let recipient = pgp_envelope::Recipient::new(&bob.cert(), &policy)?;
/// pgp_envelope::Sealer::new().recipient(&recipient).seal(&b"a scan"[..], std::io::sink())?;
/// # Ok::<(), pgp_envelope::Error>(())
/// ```
///
/// nor without recipients; a list of them that turns out to be empty is [`Error::NoRecipients`]:
///
/// ```compile_fail,E0599
/// # let policy = pgp_envelope::Policy::now();
/// # let alice = pgp_envelope::Key::generate(&pgp_envelope::KeyOptions::new("Alice"))?.key;
/// # let signer = pgp_envelope::Signer::new(&alice, &policy)?;
/// pgp_envelope::Sealer::new().signer(&signer).seal(&b"a scan"[..], std::io::sink())?;
/// # Ok::<(), pgp_envelope::Error>(())
/// ```
pub struct Sealer<'a, S = NoSigner, R = NoRecipient> {
    signer: S,
    recipients: R,
    options: Options<'a>,
}

struct Options<'a> {
    profile: Option<Profile>,
    naming: Naming,
    padding: Padding,
    time: Option<SystemTime>,
    threads: usize,
    progress: Option<Box<dyn FnMut(u64) -> ControlFlow<()> + 'a>>,
}

impl Sealer<'_> {
    /// With the newest profile that all recipients read, on up to four of the machine's cores.
    #[must_use]
    pub fn new() -> Self {
        Self {
            signer: NoSigner,
            recipients: NoRecipient,
            options: Options {
                profile: None,
                naming: Naming::Named,
                padding: Padding::None,
                time: None,
                threads: default_threads(),
                progress: None,
            },
        }
    }
}

/// As many threads as the machine has cores, four at most: more than hash, cipher and memory keep busy.
pub(crate) fn default_threads() -> usize {
    thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(4)
}

impl Default for Sealer<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a, R> Sealer<'a, NoSigner, R> {
    /// Who signs.
    #[must_use]
    pub fn signer(self, signer: &Signer) -> Sealer<'a, Signer, R> {
        Sealer {
            signer: signer.clone(),
            recipients: self.recipients,
            options: self.options,
        }
    }
}

impl<'a, S> Sealer<'a, S, NoRecipient> {
    /// Who will be able to open.
    #[must_use]
    pub fn recipient(self, recipient: &Recipient) -> Sealer<'a, S, Vec<Recipient>> {
        self.recipients([recipient.clone()])
    }

    /// Several who will be able to open.
    #[must_use]
    pub fn recipients(
        self,
        recipients: impl IntoIterator<Item = Recipient>,
    ) -> Sealer<'a, S, Vec<Recipient>> {
        Sealer {
            signer: self.signer,
            recipients: recipients.into_iter().collect(),
            options: self.options,
        }
    }
}

impl<S> Sealer<'_, S, Vec<Recipient>> {
    /// One more who will be able to open.
    #[must_use]
    pub fn and(mut self, recipient: &Recipient) -> Self {
        self.recipients.push(recipient.clone());
        self
    }
}

impl<'a, S, R> Sealer<'a, S, R> {
    /// Forces a profile: RFC 4880 for programs that read a recipient's mail but do not say what they understand.
    ///
    /// It decides over the encrypted container; the signature has the version of the signer's key.
    #[must_use]
    pub const fn profile(mut self, profile: Profile) -> Self {
        self.options.profile = Some(profile);
        self
    }

    /// Leaves out of the key packets for whom they are: every receiver tries every one. The signed content still names
    /// the recipients to those who can open it.
    #[must_use]
    pub const fn hidden_recipients(mut self) -> Self {
        self.options.naming = Naming::Hidden;
        self
    }

    /// Hides the exact length.
    #[must_use]
    pub const fn padding(mut self, padding: Padding) -> Self {
        self.options.padding = padding;
        self
    }

    /// When the signature is made, in whole seconds; the time of the signer's policy unless said.
    #[must_use]
    pub const fn at(mut self, time: SystemTime) -> Self {
        self.options.time = Some(time);
        self
    }

    /// Over how many cores the work is spread: one means that this thread does all of it.
    #[must_use]
    pub const fn threads(mut self, threads: NonZero<usize>) -> Self {
        self.options.threads = threads.get();
        self
    }

    /// Is told how many bytes of plaintext were read, after each 64 KiB, and can stop the work. What was written until then
    /// is no message, and opens for nobody.
    #[must_use]
    pub fn progress(mut self, progress: impl FnMut(u64) -> ControlFlow<()> + 'a) -> Self {
        self.options.progress = Some(Box::new(progress));
        self
    }
}

impl Sealer<'_, Signer, Vec<Recipient>> {
    /// Reads the plaintext to its end and writes the message.
    ///
    /// # Errors
    ///
    /// [`Error::NoRecipients`], [`Error::Cancelled`], [`Error::Io`]; [`Error::Unsupported`] for padding with RFC 4880;
    /// [`Error::Library`] when the key's keeper fails. What was written until then is no message.
    pub fn seal(&mut self, reader: impl Read, writer: impl Write) -> Result<Sealed> {
        self.options
            .run(Some(&self.signer), &self.recipients, reader, writer)
    }
}

impl Sealer<'_, NoSigner, Vec<Recipient>> {
    pub(crate) fn seal_unsigned(
        &mut self,
        reader: impl Read,
        writer: impl Write,
    ) -> Result<Sealed> {
        self.options.run(None, &self.recipients, reader, writer)
    }
}

impl<S, R> fmt::Debug for Sealer<'_, S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer")
            .field("profile", &self.options.profile)
            .field("naming", &self.options.naming)
            .field("padding", &self.options.padding)
            .field("time", &self.options.time)
            .field("threads", &self.options.threads)
            .finish_non_exhaustive()
    }
}

/// What was written.
#[derive(Clone, Debug)]
pub struct Sealed {
    head_len: u64,
    body_len: u64,
    session_key: SessionKey,
    container: Container,
}

impl Sealed {
    /// Bytes of the key packets, which come first: what [`crate::regrant`] replaces.
    #[must_use]
    pub const fn head_len(&self) -> u64 {
        self.head_len
    }

    /// Bytes of the encrypted container, which is the rest.
    #[must_use]
    pub const fn body_len(&self) -> u64 {
        self.body_len
    }

    /// The secret with which the message can be granted to others.
    #[must_use]
    pub const fn session_key(&self) -> &SessionKey {
        &self.session_key
    }

    /// How the content is encrypted.
    #[must_use]
    pub const fn container(&self) -> Container {
        self.container
    }
}

impl Options<'_> {
    fn run(
        &mut self,
        signer: Option<&Signer>,
        recipients: &[Recipient],
        mut reader: impl Read,
        mut writer: impl Write,
    ) -> Result<Sealed> {
        let container = self.container(recipients)?;
        let version = match container {
            Container::SeipdV1 => Version::V3,
            Container::SeipdV2 { .. } => Version::V6,
        };
        let session_key = SessionKey::generate()?;
        let head = head::write(version, self.naming, &session_key, recipients)?;
        writer.write_all(&head).map_err(writing)?;

        let workers = self.threads.saturating_sub(1);
        let mut body = ContainerWriter::new(&mut writer, container, &session_key, workers)?;
        let mut signing = signer
            .map(|signer| Signing::new(signer, self.time, recipients, workers > 0))
            .transpose()?;
        if let Some(signing) = &signing {
            body.write(&signing.one_pass()?)?;
        }
        self.literal(&mut reader, &mut body, signing.as_mut())?;
        if let (Some(signing), Some(signer)) = (signing, signer) {
            body.write(&signing.finish(signer)?)?;
        }
        padding::write(self.padding, &mut body)?;
        let body_len = body.finish()?;
        writer.flush().map_err(writing)?;
        Ok(Sealed {
            head_len: head.len() as u64,
            body_len,
            session_key,
            container,
        })
    }

    fn container(&self, recipients: &[Recipient]) -> Result<Container> {
        let common = || match recipients.iter().all(|one| one.profile == Profile::Rfc9580) {
            true => Profile::Rfc9580,
            false => Profile::Rfc4880,
        };
        match self.profile.unwrap_or_else(common) {
            Profile::Rfc9580 => Ok(Container::SeipdV2 {
                mode: Mode::preferred(),
                chunk: crate::writer::CHUNK,
            }),
            _ if self.padding != Padding::None => Err(Error::Unsupported {
                what: "padding",
                reason: "RFC 4880 has no packet for it".to_owned(),
            }),
            _ => Ok(Container::SeipdV1),
        }
    }

    /// The literal data packet (section 5.9), in parts.
    fn literal(
        &mut self,
        reader: &mut dyn Read,
        body: &mut ContainerWriter<'_>,
        mut signing: Option<&mut Signing>,
    ) -> Result<()> {
        let portions = Portions::default();
        let mut start = &LITERAL_START[..];
        let mut bytes = 0;
        body.write(&[0xc0 | tag::LITERAL])?;
        loop {
            let mut data = portions.empty();
            data.fill(reader, PART - start.len())
                .map_err(|source| Error::Io {
                    action: "reading the plaintext",
                    source,
                })?;
            bytes += data.len() as u64;
            let data = portions.share(data);
            if let Some(signing) = signing.as_deref_mut() {
                signing.hash.take(&data)?;
            }
            if let Some(progress) = &mut self.progress
                && progress(bytes).is_break()
            {
                return Err(Error::Cancelled { bytes });
            }
            let len = start.len() + data.len();
            if len == PART {
                body.write(&[packet::partial(PART_POWER)])?;
            } else {
                let mut length = Vec::new();
                packet::write_length(&mut length, u32::try_from(len).unwrap_or(u32::MAX)); // less than a part
                body.write(&length)?;
            }
            body.write(mem::take(&mut start))?;
            body.write(&data)?;
            if len < PART {
                return Ok(());
            }
        }
    }
}

fn writing(source: std::io::Error) -> Error {
    Error::Io {
        action: "writing the message",
        source,
    }
}
