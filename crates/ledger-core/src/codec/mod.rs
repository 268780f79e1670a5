//! The one canonical encoding: DAG-CBOR in exactly one form.
//!
//! A decoder here accepts `bytes` only when `encode(decode(bytes)) == bytes`. Encoding is a function of the value alone
//! (map keys sorted, lengths definite and shortest, absent options left out), so that one comparison refuses every
//! other spelling of the same value at once: unsorted or repeated keys, long integers, indefinite lengths, tags, unknown
//! fields, trailing bytes, `null` for an absent field. It costs one more encoding, under a microsecond for a
//! transaction, against thirty for its signature.

mod encode;

use serde::Serialize;
use serde::de::DeserializeOwned;

use self::encode::Encoder;
use crate::{Error, Result};

/// The canonical bytes of a value.
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    encode_into(value, 256)
}

fn encode_into<T: Serialize>(value: &T, capacity: usize) -> Vec<u8> {
    let mut encoder = Encoder::with_capacity(capacity);
    // Encoding into memory fails only for kinds of values that the encoder does not know. The types of this crate have none.
    let encoded = value.serialize(&mut encoder);
    encoded.expect("the types of this crate are made of what the encoder knows");
    debug_assert_eq!(
        Ok(&encoder.bytes),
        serde_ipld_dagcbor::to_vec(value).as_ref().map_err(drop),
        "the second opinion"
    );
    encoder.bytes
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
    if encode_into(&value, bytes.len()) != bytes {
        return Err(Error::Malformed {
            what,
            reason: "not the canonical encoding".to_owned(),
        });
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use cid::Cid;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Every kind of value that the types of this crate are made of, with fields out of order.
    #[derive(Debug, Serialize)]
    struct Every {
        zone: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        link: Option<Cid>,
        text: String,
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
        kinds: Vec<Kind>,
    }

    #[derive(Clone, Debug, Serialize)]
    #[serde(rename_all = "kebab-case")]
    enum Kind {
        Nothing,
        Number(u64),
        Both { number: u64, by: String },
        Deep(Vec<Self>),
    }

    fn kind() -> impl Strategy<Value = Kind> {
        let flat = prop_oneof![
            Just(Kind::Nothing),
            number().prop_map(Kind::Number),
            (number(), "[a-zé]{0,30}").prop_map(|(number, by)| Kind::Both { number, by }),
        ];
        flat.prop_recursive(3, 40, 30, |kind| vec(kind, 0..30).prop_map(Kind::Deep))
    }

    /// Numbers on both sides of each length.
    fn number() -> impl Strategy<Value = u64> {
        (0_u32..64, 0_u64..3).prop_map(|(bits, more)| (1_u64 << bits).wrapping_add(more) - 1)
    }

    proptest! {
        #[test]
        fn the_bytes_are_those_of_serde_ipld_dagcbor(
            zone in number(), link in any::<Option<u8>>(), text in "[a-zé]{0,300}",
            bytes in prop_oneof![0..30_usize, 250..260_usize, Just(70_000)].prop_map(|length| vec![7; length]),
            kinds in vec(kind(), 0..4),
        ) {
            let link = link.map(|byte| crate::block::dag_cbor_cid(&[byte]));
            let value = Every { zone, link, text, bytes, kinds };
            let other = serde_ipld_dagcbor::to_vec(&value).unwrap();
            let mut encoder = Encoder::with_capacity(0);
            value.serialize(&mut encoder).unwrap();
            prop_assert_eq!(encoder.bytes, other);
        }
    }

    #[test]
    fn what_no_type_of_this_crate_has_is_not_written() {
        for refused in [
            (1.5_f64).serialize(&mut Encoder::with_capacity(0)),
            (-1_i64).serialize(&mut Encoder::with_capacity(0)),
            None::<u64>.serialize(&mut Encoder::with_capacity(0)),
            std::collections::BTreeMap::from([(1_u64, 2_u64)])
                .serialize(&mut Encoder::with_capacity(0)),
        ] {
            assert!(refused.is_err());
        }
    }
}
