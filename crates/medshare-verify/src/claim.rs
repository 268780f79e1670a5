//! What is claimed.

use ledger_core::ShareId;
use pgp_envelope::Key;

/// The claim to verify: this share is for the owner of this key.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    share_id: ShareId,
    receiver: &'a Key,
}

impl<'a> Claim<'a> {
    /// Claims that a share is for the owner of an unlocked key.
    #[must_use]
    pub const fn new(share_id: ShareId, receiver: &'a Key) -> Self {
        Self { share_id, receiver }
    }

    /// The share.
    #[must_use]
    pub const fn share_id(&self) -> &ShareId {
        &self.share_id
    }

    /// The receiver's key.
    #[must_use]
    pub const fn receiver(&self) -> &'a Key {
        self.receiver
    }
}
