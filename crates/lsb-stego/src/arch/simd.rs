//! The token and its dozen operations.

use core::fmt::Debug;

/// Samples per block: payload words are then whole 64-bit words for every number of bits per sample.
pub(crate) const BLOCK: usize = 64;

/// A token: who holds one may use its instructions.
///
/// Operations work on a block of 64 samples. `Bytes` are 64 lanes of eight bits, whatever the width of the samples:
/// payload bits of a sample never need more.
#[expect(
    unnameable_types,
    reason = "sealed: named in the methods of `Lane` only"
)]
pub trait Simd: Copy + Send + Sync {
    /// 64 lanes of eight bits.
    type Bytes: Copy;

    /// Every lane has this value.
    fn splat(self, value: u8) -> Self::Bytes;

    /// Lane by lane `a & b`.
    fn and(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes;

    /// Lane `j` becomes bits `K * j .. K * j + K` of the payload, the words' lowest bits first; `K` is 1 to 4.
    fn spread<const K: usize>(self, payload: [u64; K]) -> Self::Bytes;

    /// The inverse of `spread`; only the `K` lowest bits of a lane are looked at.
    fn gather<const K: usize>(self, lanes: Self::Bytes) -> [u64; K];

    /// Lane `j` is `value` if bit `j` of `mask` is set, else 0.
    fn select(self, mask: u64, value: u8) -> Self::Bytes;

    /// The samples, as they are.
    fn load8(self, block: &[u8; BLOCK]) -> Self::Bytes;

    /// The low eight bits of the samples.
    fn load16(self, block: &[u16; BLOCK]) -> Self::Bytes;

    /// In each sample the bits of `mask` become those of `value`, which has no others.
    fn insert8(self, block: &mut [u8; BLOCK], value: Self::Bytes, mask: Self::Bytes);

    /// In each sample the bits of `mask` become those of `value`, which has no others.
    fn insert16(self, block: &mut [u16; BLOCK], value: Self::Bytes, mask: Self::Bytes);

    /// The lowest bit of each sample becomes the bit of `payload`: `spread` and `insert8` for one bit, in fewer steps where
    /// there are any.
    #[inline(always)]
    fn replace8(self, block: &mut [u8; BLOCK], payload: u64) {
        self.insert8(block, self.spread([payload]), self.splat(1));
    }

    /// As `replace8`.
    #[inline(always)]
    fn replace16(self, block: &mut [u16; BLOCK], payload: u64) {
        self.insert16(block, self.spread([payload]), self.splat(1));
    }

    /// The samples that are at least `low` and at most `high` after `& stored`.
    fn within8(self, block: &[u8; BLOCK], stored: u8, low: u8, high: u8) -> u64;

    /// The samples that are at least `low` and at most `high` after `& stored`.
    fn within16(self, block: &[u16; BLOCK], stored: u16, low: u16, high: u16) -> u64;

    /// The low bits of `bits`, in order, at the set bits of `mask` (PDEP).
    fn deposit(self, bits: u64, mask: u64) -> u64;

    /// The bits of `bits` at the set bits of `mask`, in order, as low bits (PEXT).
    fn compress(self, bits: u64, mask: u64) -> u64;
}

/// A width of samples: sends a block to the operation of its width.
#[expect(unnameable_types, reason = "sealed: the supertrait of `Sample`")]
pub trait Lane: Copy + Default + Send + Sync + Debug + Into<u16> + 'static {
    /// Bits.
    const WIDTH: u32;
    /// Bytes.
    const BYTES: u8;

    /// The low bits of a value.
    fn cut(value: u16) -> Self;

    /// `Simd::load8` or `Simd::load16`.
    fn load<V: Simd>(simd: V, block: &[Self; BLOCK]) -> V::Bytes;

    /// `Simd::insert8` or `Simd::insert16`.
    fn insert<V: Simd>(simd: V, block: &mut [Self; BLOCK], value: V::Bytes, mask: V::Bytes);

    /// `Simd::replace8` or `Simd::replace16`.
    fn replace<V: Simd>(simd: V, block: &mut [Self; BLOCK], payload: u64);

    /// `Simd::within8` or `Simd::within16`; ends that do not fit the width are cut to it.
    fn within<V: Simd>(simd: V, block: &[Self; BLOCK], stored: u16, low: u16, high: u16) -> u64;
}

impl Lane for u8 {
    const WIDTH: u32 = Self::BITS;
    const BYTES: Self = 1;

    #[inline(always)]
    fn cut(value: u16) -> Self {
        value.to_le_bytes()[0]
    }

    #[inline(always)]
    fn load<V: Simd>(simd: V, block: &[Self; BLOCK]) -> V::Bytes {
        simd.load8(block)
    }

    #[inline(always)]
    fn insert<V: Simd>(simd: V, block: &mut [Self; BLOCK], value: V::Bytes, mask: V::Bytes) {
        simd.insert8(block, value, mask);
    }

    #[inline(always)]
    fn replace<V: Simd>(simd: V, block: &mut [Self; BLOCK], payload: u64) {
        simd.replace8(block, payload);
    }

    #[inline(always)]
    fn within<V: Simd>(simd: V, block: &[Self; BLOCK], stored: u16, low: u16, high: u16) -> u64 {
        let [stored, low, high] = [stored, low, high].map(Self::cut);
        simd.within8(block, stored, low, high)
    }
}

impl Lane for u16 {
    const WIDTH: u32 = Self::BITS;
    const BYTES: u8 = 2;

    #[inline(always)]
    fn cut(value: u16) -> Self {
        value
    }

    #[inline(always)]
    fn load<V: Simd>(simd: V, block: &[Self; BLOCK]) -> V::Bytes {
        simd.load16(block)
    }

    #[inline(always)]
    fn insert<V: Simd>(simd: V, block: &mut [Self; BLOCK], value: V::Bytes, mask: V::Bytes) {
        simd.insert16(block, value, mask);
    }

    #[inline(always)]
    fn replace<V: Simd>(simd: V, block: &mut [Self; BLOCK], payload: u64) {
        simd.replace16(block, payload);
    }

    #[inline(always)]
    fn within<V: Simd>(simd: V, block: &[Self; BLOCK], stored: u16, low: u16, high: u16) -> u64 {
        simd.within16(block, stored, low, high)
    }
}
