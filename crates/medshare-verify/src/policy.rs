//! What a receiver decides where the design leaves a choice.

use pgp_envelope::Policy as EnvelopePolicy;

use crate::MAX_MANIFEST;

/// What to do with a share whose sender was revoked as a member after it had sent it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum RevokedSender {
    /// Reject at step 2: the key may have been stolen before anybody noticed.
    #[default]
    Reject,
    /// Accept what was recorded while the sender was a member.
    Accept,
}

/// A receiver's decisions; every default rejects.
#[derive(Clone, Debug)]
pub struct Policy {
    envelope: EnvelopePolicy,
    revoked_sender: RevokedSender,
    pub(crate) manifest: u64,
    pub(crate) image: u64,
}

/// The most bytes of an image file, unless a receiver decides otherwise.
const MAX_IMAGE: u64 = 4 << 30;

impl Policy {
    /// The strictest decisions, with the rules (and so the time) by which OpenPGP certs and messages are judged.
    #[must_use]
    pub const fn new(envelope: EnvelopePolicy) -> Self {
        Self {
            envelope,
            revoked_sender: RevokedSender::Reject,
            manifest: MAX_MANIFEST as u64,
            image: MAX_IMAGE,
        }
    }

    /// The most bytes of the manifest: [`MAX_MANIFEST`]. What an envelope holds waits on the disk and then in memory.
    #[must_use]
    pub const fn manifest(mut self, bytes: u64) -> Self {
        self.manifest = bytes;
        self
    }

    /// The most bytes of the image file: 4 GiB.
    #[must_use]
    pub const fn image(mut self, bytes: u64) -> Self {
        self.image = bytes;
        self
    }

    /// Decides about senders that were revoked since.
    #[must_use]
    pub const fn revoked_sender(mut self, decision: RevokedSender) -> Self {
        self.revoked_sender = decision;
        self
    }

    pub(crate) const fn envelope(&self) -> &EnvelopePolicy {
        &self.envelope
    }

    pub(crate) fn accepts_revoked_sender(&self) -> bool {
        self.revoked_sender == RevokedSender::Accept
    }
}
