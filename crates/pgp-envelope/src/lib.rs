#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

mod armor;
mod cert;
mod cipher;
mod container;
mod content;
pub mod danger;
mod error;
mod fingerprint;
mod head;
mod key;
mod ledger;
mod lifecycle;
mod open;
mod packet;
mod padding;
mod pipeline;
mod policy;
mod seal;
mod session;
mod spool;
#[cfg(feature = "cert-d")]
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod verify;
mod writer;

pub use cert::{Cert, MAX_CERT, Profile, Recipient, Signer};
pub use error::{Error, Result};
pub use fingerprint::Fingerprint;
pub use head::{head_len, regrant};
pub use key::{Generated, Key, KeyOptions, Passphrase};
pub use ledger::{LEDGER_SUFFIX, verify_ledger};
pub use lifecycle::Reason;
pub use open::{Opened, Opener};
pub use padding::Padding;
pub use policy::Policy;
pub use seal::{NoRecipient, NoSigner, Sealed, Sealer};
pub use session::{Container, Mode, SessionKey};
pub use spool::Plaintext;
#[cfg(feature = "cert-d")]
pub use store::CertStore;

/// Why it is built like this.
#[cfg(doc)]
#[doc = include_str!("../DESIGN.md")]
pub mod _design {}
