//! A stego image that left its envelope: is it still the one that the ledger knows?

use core::fmt;

use ledger_core::{Proven, ShareId, Trust};
use medical_image::Picture;

use crate::image::Revealed;
use crate::verify::{Checks, check_image, check_live, check_match, extract};
use crate::{Check, HiddenRecord, HidingKey, Policy, Rejected, Step};

/// A stego image whose hidden record was read (step 5), and nothing verified yet.
pub struct LooseImage {
    picture: Picture,
    revealed: Revealed,
    record: HiddenRecord,
}

impl LooseImage {
    /// Reads an image file and the record hidden in it, with whichever of the hiding keys opens it.
    ///
    /// # Errors
    ///
    /// [`Rejected::NotHidden`]: the image holds no record, not the whole one, or one that none of the keys opens.
    pub fn read(file: Vec<u8>, keys: &[HidingKey]) -> Result<Self, Rejected> {
        let (picture, revealed, record) = extract(file, keys)?;
        Ok(Self {
            picture,
            revealed,
            record,
        })
    }

    /// The share that the hidden record claims: ask the ledger for its proof.
    #[must_use]
    pub const fn share_id(&self) -> &ShareId {
        &self.record.share_id
    }

    /// Takes steps 1, 2 (whoever holds the image), 6 and 7 with the ledger's proof bundle.
    ///
    /// The envelope is gone, so nobody's signature covers the file as such; what is proven is that samples and clinical
    /// attributes are those that the recorded sender hid this record for: the ledger's commitment, which the sender signed, covers
    /// their digests.
    ///
    /// # Errors
    ///
    /// [`Rejected`], with its step.
    pub fn verify(
        self,
        bundle: &[u8],
        trust: &Trust,
        policy: &Policy,
        observe: impl FnMut(&Check),
    ) -> Result<VerifiedImage, Rejected> {
        let mut checks = Checks::new(observe);
        let proven = ledger_core::verify(bundle, trust).map_err(Rejected::NotProven)?;
        if proven.share_id() != self.share_id() {
            return Err(Rejected::OtherShare {
                expected: *self.share_id(),
                found: *proven.share_id(),
            });
        }
        checks.record(&proven);
        check_live(&proven, policy)?;
        checks.held(
            Step::Live,
            format!(
                "not rejected, not withdrawn at height {}",
                proven.header().height
            ),
        );
        checks.hidden(&self.revealed);
        check_match(&self.record, &proven)?;
        checks.matching(&self.record);
        check_image(&self.picture, &self.revealed, &self.record)?;
        checks.held(Step::Image, "samples and clinical attributes".to_owned());
        Ok(VerifiedImage {
            checks: checks.held,
            proven,
            record: self.record,
        })
    }
}

impl fmt::Debug for LooseImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LooseImage")
            .field("share_id", self.share_id())
            .finish_non_exhaustive()
    }
}

/// A stego image that is the one that the ledger knows; only [`LooseImage::verify`] makes one.
#[derive(Debug)]
pub struct VerifiedImage {
    checks: Vec<Check>,
    proven: Proven,
    record: HiddenRecord,
}

impl VerifiedImage {
    /// What was compared, step by step.
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// The ledger's proven record.
    #[must_use]
    pub const fn proven(&self) -> &Proven {
        &self.proven
    }

    /// The record that was hidden in the image.
    #[must_use]
    pub const fn record(&self) -> &HiddenRecord {
        &self.record
    }
}
