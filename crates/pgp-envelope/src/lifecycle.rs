//! What happens to a key in its life: revoked, renewed, extended.

use openpgp::packet::Signature;
use openpgp::serialize::Serialize as _;
use sequoia_openpgp as openpgp;

use crate::{Error, Result};

/// A revocation as people keep it: the primary key and the revoking signature, armored.
pub(crate) fn armored_revocation(cert: &openpgp::Cert, revocation: Signature) -> Result<Vec<u8>> {
    let failed = "writing a revocation certificate";
    let mut armored = openpgp::armor::Writer::with_headers(
        Vec::new(),
        openpgp::armor::Kind::PublicKey,
        [("Comment", "This is a revocation certificate")],
    )
    .map_err(|error| Error::Io {
        action: failed,
        source: error,
    })?;
    let primary = openpgp::Packet::from(cert.primary_key().key().clone());
    for packet in [primary, revocation.into()] {
        packet
            .serialize(&mut armored)
            .map_err(Error::library(failed))?;
    }
    armored.finalize().map_err(|error| Error::Io {
        action: failed,
        source: error,
    })
}
