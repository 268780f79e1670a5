//! Unsigned LEB128, as protobuf, CAR and multiformats write their numbers.

/// Appends a number.
pub(crate) fn push(out: &mut Vec<u8>, mut value: u64) {
    while let Some(more) = value.checked_shr(7).filter(|more| *more > 0) {
        out.push((value & 0x7f) as u8 | 0x80);
        value = more;
    }
    out.push((value & 0x7f) as u8);
}

/// The bytes that a number takes.
pub(crate) const fn len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Splits off the number at the front; `None` when the bytes end within it, or it takes more than 64 bits or more bytes
/// than it needs.
pub(crate) fn split(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (at, &byte) in bytes.iter().take(10).enumerate() {
        let low = u64::from(byte & 0x7f);
        if at == 9 && low > 1 {
            return None;
        }
        value |= low << (7 * at);
        if byte & 0x80 == 0 {
            // the canonical form does not end in a zero
            return (byte != 0 || at == 0)
                .then(|| (value, bytes.get(at + 1..).unwrap_or_default()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for value in (0..64)
            .flat_map(|bit| [(1 << bit) - 1, 1 << bit])
            .chain([u64::MAX])
        {
            let mut bytes = Vec::new();
            push(&mut bytes, value);
            assert_eq!(bytes.len(), len(value));
            assert_eq!(split(&bytes), Some((value, &[][..])));
            bytes.pop();
            assert_eq!(split(&bytes), None);
        }
    }

    #[test]
    fn other_forms_are_refused() {
        assert_eq!(split(&[0x80, 0x00]), None, "longer than needed");
        assert_eq!(split(&[0xff; 11]), None, "no end");
        assert_eq!(
            split(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]),
            None,
            "65 bits"
        );
    }
}
