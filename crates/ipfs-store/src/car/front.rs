//! What stands before the CARv1 in a CARv2.

/// A CARv2 starts with this: the length and the DAG-CBOR of `{"version": 2}`.
pub(crate) const PRAGMA: [u8; 11] = [
    0x0a, 0xa1, 0x67, b'v', b'e', b'r', b's', b'i', b'o', b'n', 0x02,
];

/// The bytes of a CARv2's header: 16 of characteristics, then three numbers.
pub(crate) const HEADER: usize = 40;

/// The bytes before the CARv1 that is inside, without padding.
pub(crate) const FRONT: usize = PRAGMA.len() + HEADER;

/// The header of a CARv2; numbers are in bytes from the start of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Where the CARv1 starts.
    pub(crate) start: u64,
    /// The bytes of the CARv1.
    pub(crate) len: u64,
    /// Where the index starts; 0 when there is none.
    pub(crate) index: u64,
}

impl Header {
    #[cfg(feature = "embedded")]
    pub(crate) fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let numbers = [self.start, self.len, self.index];
        for (to, from) in bytes
            .iter_mut()
            .skip(16)
            .zip(numbers.iter().flat_map(|number| number.to_le_bytes()))
        {
            *to = from;
        }
        bytes
    }

    /// Reads pragma and header.
    pub(crate) fn read(front: &[u8]) -> Option<Self> {
        let header = front.strip_prefix(&PRAGMA)?.get(16..HEADER)?;
        let mut numbers = header
            .chunks_exact(8)
            .filter_map(|bytes| Some(u64::from_le_bytes(bytes.try_into().ok()?)));
        Some(Self {
            start: numbers.next()?,
            len: numbers.next()?,
            index: numbers.next()?,
        })
    }
}
