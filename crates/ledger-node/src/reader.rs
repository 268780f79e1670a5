//! Signed requests: a member shows who reads, with the key that its transactions are signed with.
//!
//! ```text
//! Authorization: Medshare address="FINGERPRINT", time="1700000000", signature="BASE64"
//! ```
//!
//! What is signed stands in [`read_message`]; as behind a transaction's, [`ledger_core::SIGNATURE_SUFFIX`] is hashed behind
//! it ([`ledger_core::signed_digest`]). It begins with a letter and a transaction with the byte of a map, so neither is ever
//! taken for the other. The path is signed with its query: whoever listens in can repeat the question for five minutes, and
//! ask nothing else.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ledger_core::{Address, ChainId, Signature};

/// How far the time of a signed request may be from the server's, in seconds.
pub const READ_TOLERANCE: u64 = 300;

/// The message that a member signs to read: the chain, the member, the time, and the path with its query.
#[must_use]
pub fn read_message(chain: &ChainId, address: &Address, time: u64, path: &str) -> Vec<u8> {
    format!("medshare read v1\n{chain}\n{address}\n{time}\n{path}\n").into_bytes()
}

/// The value of the `Authorization` header for a signature of [`read_message`].
#[must_use]
pub fn authorization(address: &Address, time: u64, signature: &Signature) -> String {
    let signature = BASE64_STANDARD.encode(signature.as_bytes());
    format!("Medshare address=\"{address}\", time=\"{time}\", signature=\"{signature}\"")
}
