//! The certificate that a server shows: from two files, and from what replaces them.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use prometheus_client::metrics::counter::Counter;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, ServerConfig};

use crate::{Error, Result};

/// How often the files are looked at, while somebody connects.
const LOOK: Duration = Duration::from_secs(1);

/// A certificate chain and its key. When their files are replaced, as certificates are that are good for some weeks, new connections
/// have the new one within a second; while the two do not belong together, or one cannot be read, the old one, and
/// `medshare_certificate_failures_total` among the metrics counts.
#[derive(Clone)]
pub struct Tls {
    pub(super) config: Arc<ServerConfig>,
    files: Arc<Files>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the chain and the key from two PEM files.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`] naming the file.
    pub fn from_files(chain: &Path, key: &Path) -> Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let files = Arc::new(Files::new(chain, key, Arc::clone(&provider))?);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(key, &error))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&files) as Arc<_>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            config: Arc::new(config),
            files,
        })
    }

    /// Counts there how often files that were replaced could not be read.
    pub(super) fn count(&self, failures: Counter) {
        // a second server with the same files counts with the first
        let _ = self.files.failures.set(failures);
    }
}

/// Two files, and what they held when they were read.
#[derive(Debug)]
struct Files {
    paths: [PathBuf; 2],
    provider: Arc<CryptoProvider>,
    kept: Mutex<Kept>,
    failures: OnceLock<Counter>,
}

#[derive(Debug)]
struct Kept {
    certified: Arc<CertifiedKey>,
    /// When each file was changed last, as far as the system tells.
    changed: [Option<SystemTime>; 2],
    looked: Instant,
}

impl Files {
    fn new(chain: &Path, key: &Path, provider: Arc<CryptoProvider>) -> Result<Self> {
        let paths = [chain.to_owned(), key.to_owned()];
        let kept = Kept {
            // before they are read: what changes meanwhile is read again
            changed: changed(&paths),
            certified: read(&paths, &provider)?,
            looked: Instant::now(),
        };
        Ok(Self {
            paths,
            provider,
            kept: Mutex::new(kept),
            failures: OnceLock::new(),
        })
    }

    /// The certificate of now.
    fn certified(&self) -> Arc<CertifiedKey> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.looked.elapsed() >= LOOK {
            kept.looked = Instant::now();
            let changed = changed(&self.paths);
            if changed != kept.changed {
                match read(&self.paths, &self.provider) {
                    Ok(certified) => (kept.certified, kept.changed) = (certified, changed),
                    Err(_) => {
                        self.failures.get().map(Counter::inc);
                    }
                }
            }
        }
        Arc::clone(&kept.certified)
    }
}

impl ResolvesServerCert for Files {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.certified())
    }
}

fn wrong(path: &Path, reason: &dyn fmt::Display) -> Error {
    Error::Tls {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

fn changed(paths: &[PathBuf; 2]) -> [Option<SystemTime>; 2] {
    let time = |path: &PathBuf| fs::metadata(path).and_then(|file| file.modified()).ok();
    [time(&paths[0]), time(&paths[1])]
}

fn read(paths: &[PathBuf; 2], provider: &CryptoProvider) -> Result<Arc<CertifiedKey>> {
    let [chain, key] = paths;
    let certificates = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(chain, &error))?;
    if certificates.is_empty() {
        return Err(wrong(chain, &"it holds no certificate"));
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, &error))?;
    let certified = CertifiedKey::from_der(certificates, secret, provider);
    certified.map(Arc::new).map_err(|error| wrong(key, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(paths: &[PathBuf; 2], parts: [Option<&str>; 2]) {
        for (path, part) in paths.iter().zip(parts) {
            if let Some(part) = part {
                fs::write(path, part).unwrap();
                // a second later by the file's clock, whose steps may be coarse
                let later = SystemTime::now() + Duration::from_secs(1);
                let file = fs::File::options().write(true).open(path).unwrap();
                file.set_modified(later).unwrap();
            }
        }
    }

    #[test]
    fn a_renewed_certificate_is_shown_when_both_its_files_are_there() {
        let [old, new] = [(), ()].map(|()| {
            let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
            (
                made.cert.der().to_vec(),
                made.cert.pem(),
                made.signing_key.serialize_pem(),
            )
        });
        let folder = tempfile::tempdir().unwrap();
        let paths = ["chain.pem", "key.pem"].map(|name| folder.path().join(name));
        write(&paths, [Some(&old.1), Some(&old.2)]);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let files = Files::new(&paths[0], &paths[1], provider).unwrap();
        let failures = Counter::default();
        files.failures.set(failures.clone()).unwrap();
        let shown = || {
            files.kept.lock().unwrap().looked -= LOOK;
            files.certified().cert[0].to_vec()
        };
        assert_eq!(shown(), old.0);
        // the chain of the new one with the key of the old one, half of a key, none, and then the whole
        for (key, expected) in [
            (Some(old.2.as_str()), &old.0),
            (Some(&new.2[..60]), &old.0),
            (None, &old.0),
            (Some(new.2.as_str()), &new.0),
        ] {
            write(&paths, [Some(&new.1), key]);
            if key.is_none() {
                fs::remove_file(&paths[1]).unwrap();
            }
            assert_eq!(&shown(), expected, "{key:?}");
        }
        assert_eq!(failures.get(), 3);
        // no question to the system for each connection
        write(&paths, [Some(&old.1), Some(&old.2)]);
        assert_eq!(files.certified().cert[0].to_vec(), new.0);
        assert_eq!(shown(), old.0);
    }
}
