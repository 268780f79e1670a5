//! Certs in the directory that OpenPGP programs share.

use std::path::Path;

use openpgp_cert_d::{CertD, Error as StoreError, MergeResult};

use crate::{Cert, Error, Fingerprint, Result};

/// A shared directory of certs (draft-nwjw-openpgp-cert-d): `sq` and others see the same ones.
///
/// What it holds is known, not trusted: anybody's program may have put it there.
#[derive(Debug)]
pub struct CertStore {
    directory: CertD,
}

impl CertStore {
    /// The user's own: where `PGP_CERT_D` says, or in the place that the platform has for such data.
    ///
    /// # Errors
    ///
    /// [`Error::Library`] when there is none.
    pub fn user() -> Result<Self> {
        let directory = CertD::new().map_err(failed)?;
        Ok(Self { directory })
    }

    /// At a path; made when a cert is first put there.
    ///
    /// # Errors
    ///
    /// [`Error::Library`] when it cannot be used.
    pub fn at(path: &Path) -> Result<Self> {
        let directory = CertD::with_base_dir(path).map_err(failed)?;
        Ok(Self { directory })
    }

    /// The cert of this fingerprint.
    ///
    /// # Errors
    ///
    /// [`Error::Library`] when the directory cannot be read, [`Error::Malformed`] when its file is no cert,
    /// [`Error::OtherCert`] when it is another's.
    pub fn get(&self, fingerprint: Fingerprint) -> Result<Option<Cert>> {
        let name = fingerprint.to_string().to_lowercase();
        let Some((_, bytes)) = self.directory.get(&name).map_err(failed)? else {
            return Ok(None);
        };
        let cert = Cert::read(&bytes)?;
        if cert.fingerprint() == fingerprint {
            Ok(Some(cert))
        } else {
            Err(Error::OtherCert {
                expected: fingerprint,
                found: cert.fingerprint(),
            })
        }
    }

    /// Puts a cert there, merged with what was there before, and gives what is there now.
    ///
    /// # Errors
    ///
    /// As [`CertStore::get`]; [`Error::Library`] when the directory cannot be written.
    pub fn put(&self, cert: &Cert) -> Result<Cert> {
        let mut merged = Ok(cert.clone());
        let merge = |new: &Cert, old: Option<Cert>| match old {
            Some(old) => old.merge(new),
            None => Ok(new.clone()),
        };
        let stored = self
            .directory
            .insert_data(&cert.to_bytes(), false, |_, old| {
                merged = old
                    .map(Cert::read)
                    .transpose()
                    .and_then(|old| merge(cert, old));
                match &merged {
                    Ok(merged) => Ok(MergeResult::Data(merged.to_bytes())),
                    Err(_) => Ok(MergeResult::Keep),
                }
            });
        let merged = merged?;
        stored.map_err(failed)?;
        Ok(merged)
    }
}

fn failed(error: StoreError) -> Error {
    Error::library("using the cert directory")(error)
}
