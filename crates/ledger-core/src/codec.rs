//! The one canonical encoding: DAG-CBOR in exactly one form.
//!
//! A decoder here accepts `bytes` only when `encode(decode(bytes)) == bytes`. Encoding is a function of the value alone
//! (map keys sorted, lengths definite and shortest, absent options left out), so that one comparison refuses every
//! other spelling of the same value at once: unsorted or repeated keys, long integers, indefinite lengths, tags, unknown
//! fields, trailing bytes, `null` for an absent field. It costs one more encoding, about a microsecond for a
//! transaction, against fifty for its signature.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Result};

/// The canonical bytes of a value.
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // Encoding into memory fails only for types outside the data model: 128-bit integers beyond 64 bits, floats that are
    // not numbers, and map keys that are not text. The types of this crate have none of these.
    serde_ipld_dagcbor::to_vec(value).expect("the types of this crate are inside the data model")
}

/// The value that `bytes` spell canonically; `what` names it in the error, `limit` is the most bytes it may take.
pub(crate) fn decode<T>(bytes: &[u8], what: &'static str, limit: usize) -> Result<T>
where
    T: Serialize + DeserializeOwned,
{
    if bytes.len() > limit {
        return Err(Error::TooLarge {
            what,
            limit,
            found: bytes.len(),
        });
    }
    let value: T = serde_ipld_dagcbor::from_slice(bytes).map_err(|error| Error::Malformed {
        what,
        reason: error.to_string(),
    })?;
    if encode(&value) != bytes {
        return Err(Error::Malformed {
            what,
            reason: "not the canonical encoding".to_owned(),
        });
    }
    Ok(value)
}
