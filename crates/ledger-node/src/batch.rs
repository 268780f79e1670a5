//! Batches of transactions: how many one request may hold, and where each transaction ends, for whoever sends and for whoever takes it.
//!
//! The body of `POST /v1/transactions/batch` is a CBOR sequence (RFC 8742): the canonical bytes of signed transactions, one behind
//! the other, in the order in which they are to be recorded.

/// The most transactions of one request.
pub const MAX_BATCH: usize = 100;

/// The most bytes of one request's body, in any of its forms.
pub const MAX_BATCH_BYTES: usize = 1 << 20;

/// Takes the first item off a CBOR sequence; none when what is there is no whole item. Whether an item is canonical, or a transaction,
/// is for whoever reads it.
///
/// ```
/// let mut sequence: &[u8] = &[0x01, 0x82, 0x02, 0x03];
/// assert_eq!(ledger_node::batch::take(&mut sequence), Some(&[0x01][..]));
/// assert_eq!(ledger_node::batch::take(&mut sequence), Some(&[0x82, 0x02, 0x03][..]));
/// assert!(sequence.is_empty());
/// ```
pub fn take<'a>(sequence: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (item, rest) = sequence.split_at_checked(length(sequence)?)?;
    *sequence = rest;
    Some(item)
}

/// The length of the item at the beginning, by the heads alone (RFC 8949, section 3): no recursion, whatever the nesting is. Items of
/// indefinite length are none, because no canonical one has them.
fn length(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut missing) = (0_usize, 1_u64);
    while missing > 0 {
        missing -= 1;
        let head = *bytes.get(at)?;
        at += 1;
        let argument = match head & 0x1f {
            short @ 0..=23 => u64::from(short),
            long @ 24..=27 => {
                let end = at.checked_add(1 << (long - 24))?;
                let argument = bytes.get(at..end)?.iter();
                at = end;
                argument.fold(0, |number, byte| number << 8 | u64::from(*byte))
            }
            _ => return None,
        };
        missing = match head >> 5 {
            // numbers and simple values: nothing else belongs to them
            0 | 1 | 7 => missing,
            2 | 3 => {
                at = at.checked_add(usize::try_from(argument).ok()?)?;
                missing
            }
            4 => missing.checked_add(argument)?,
            5 => missing.checked_add(argument.checked_mul(2)?)?,
            _ => missing.checked_add(1)?,
        };
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use ledger_core::testing::{Person, share};
    use ledger_core::{ChainId, Unsigned};

    use super::*;

    /// One of each kind of item, with arguments of each length.
    const ITEMS: [&[u8]; 14] = [
        b"\x00",
        b"\x18\xff",
        b"\x39\x01\x00",
        b"\x1a\x00\x01\x00\x00",
        b"\x1b\x00\x00\x00\x01\x00\x00\x00\x00",
        b"\x40",
        b"\x43abc",
        b"\x78\x03abc",
        b"\x80",
        b"\x82\x01\x82\x02\x41x",
        b"\xa0",
        b"\xa2\x61a\x01\x61b\xa1\x61c\x80",
        b"\xd8\x2a\x42xy",
        b"\xf5",
    ];

    #[test]
    fn items_end_where_they_end() {
        let all = ITEMS.concat();
        let mut rest = all.as_slice();
        for item in ITEMS {
            assert_eq!(take(&mut rest), Some(item));
        }
        assert_eq!((rest, take(&mut rest)), (&b""[..], None));
    }

    #[test]
    fn what_is_no_whole_item_is_left() {
        for item in ITEMS {
            for end in 0..item.len() {
                let mut part = &item[..end];
                assert_eq!((take(&mut part), part.len()), (None, end), "{item:?}");
            }
        }
        for none in [
            // indefinite, reserved, and lengths beyond everything
            &b"\x5f\x41x\xff"[..],
            b"\x9f\xff",
            b"\xff",
            b"\x1c",
            b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff\x00",
            b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x00",
            b"\x82\x9b\xff\xff\xff\xff\xff\xff\xff\xff\x00",
        ] {
            assert_eq!(take(&mut &none[..]), None, "{none:?}");
        }
        // as deep as it likes: each head costs its byte
        let deep = [[0x81; 100_000].as_slice(), b"\x00"].concat();
        assert_eq!(take(&mut deep.as_slice()), Some(deep.as_slice()));
        assert_eq!(take(&mut &deep[..100_000]), None);
    }

    #[test]
    fn transactions_stand_one_behind_the_other() {
        let person = Person::new(1);
        let txs = [1, 2, 300, 70_000].map(|number| {
            let body = share(number, &[&Person::new(2)]);
            let chain = ChainId::new([1; 32]);
            Unsigned::new(chain, person.address, number, number, body).sign(&person.key)
        });
        let all = txs.each_ref().map(|tx| tx.to_bytes()).concat();
        let mut rest = all.as_slice();
        for tx in &txs {
            assert_eq!(take(&mut rest), Some(tx.as_bytes()));
        }
        assert!(rest.is_empty());
    }
}
