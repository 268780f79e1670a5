//! Canonical DAG-CBOR: bytes are accepted only when encoding what they decode to gives them back.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Result};

/// The canonical bytes of a value.
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // Fails only for types outside the data model (floats that are no numbers, map keys that are no text); none is used.
    serde_ipld_dagcbor::to_vec(value).expect("the types of this crate are inside the data model")
}

/// The value that `bytes` spell canonically; `what` names it in the error, `limit` is the most bytes it may take.
pub(crate) fn decode<T>(bytes: &[u8], what: &'static str, limit: usize) -> Result<T>
where
    T: Serialize + DeserializeOwned,
{
    let malformed = |reason: String| Error::Malformed { what, reason };
    if bytes.len() > limit {
        return Err(malformed(format!(
            "expected at most {limit} bytes, found {}",
            bytes.len()
        )));
    }
    let value: T =
        serde_ipld_dagcbor::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
    if encode(&value) != bytes {
        return Err(malformed("not the canonical encoding".to_owned()));
    }
    Ok(value)
}

/// Fixed-size byte strings in DAG-CBOR.
macro_rules! byte_string {
    ($name:ident, $size:literal) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_bytes(self.as_bytes())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let bytes = <&serde_bytes::Bytes>::deserialize(deserializer)?;
                <[u8; $size]>::try_from(&**bytes)
                    .map(Self::new)
                    .map_err(|_| {
                        serde::de::Error::custom(format!(
                            concat!("expected ", stringify!($size), " bytes, found {}"),
                            bytes.len(),
                        ))
                    })
            }
        }
    };
}
pub(crate) use byte_string;
