#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

#[cfg(feature = "gpg-agent")]
mod agent;
mod armor;
mod aside;
mod cert;
#[cfg(feature = "crypto-rust")]
mod cfb;
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
mod memory;
#[cfg(feature = "crypto-rust")]
mod ocb;
mod open;
mod opened;
mod packet;
mod padding;
mod pipeline;
mod policy;
mod recipient;
mod seal;
mod session;
mod signer;
mod signing;
mod storage;
#[cfg(feature = "cert-d")]
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod verify;
mod writer;

#[cfg(feature = "gpg-agent")]
pub use agent::Agent;
pub use cert::{Cert, MAX_CERT, Profile};
pub use error::{Error, Result};
pub use fingerprint::Fingerprint;
pub use head::{head_len, regrant};
pub use key::{Generated, Key, KeyOptions, Passphrase};
pub use ledger::{LEDGER_SUFFIX, verify_ledger};
pub use lifecycle::Reason;
pub use open::Opener;
pub use opened::Opened;
pub use padding::Padding;
pub use policy::Policy;
pub use recipient::Recipient;
pub use seal::{NoRecipient, NoSigner, Sealed, Sealer};
pub use session::{Container, Mode, SessionKey};
pub use signer::Signer;
pub use storage::Plaintext;
#[cfg(feature = "cert-d")]
pub use store::CertStore;

/// Why it is built like this.
#[cfg(doc)]
#[doc = include_str!("../DESIGN.md")]
pub mod _design {}
