//! The token and its dozen operations.

use core::fmt::{self, Debug};

use super::lanes::Lanes;

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

    /// A block of samples of eight bits.
    type Narrow: Lanes<Sample = u8, Token = Self>;

    /// A block of samples of sixteen bits.
    type Wide: Lanes<Sample = u16, Token = Self>;

    /// Whether one bit per sample is written at three places in turns: where no instruction asks memory ahead of the walk.
    const ABREAST: bool = false;

    /// Every lane has this value.
    fn splat(self, value: u8) -> Self::Bytes;

    /// Bit by bit `a & b`.
    fn and(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes;

    /// Bit by bit `a & !b`.
    fn and_not(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes;

    /// Bit by bit `a ^ b`.
    fn xor(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes;

    /// The same 512 bits, from eight words.
    fn words_in(self, words: [u64; 8]) -> Self::Bytes;

    /// The same 512 bits, as eight words.
    fn words_out(self, bytes: Self::Bytes) -> [u64; 8];

    /// Asks memory for what lies some blocks after this one, where the CPU has an instruction that does not wait for it. Who works
    /// along masks or a keystream makes these part by part, in which memory would stand still.
    #[inline(always)]
    fn ahead<S>(self, _: &[S; BLOCK]) {}

    /// Each word moved left.
    fn left<const N: i32>(self, words: Self::Bytes) -> Self::Bytes;

    /// Each word moved right.
    fn right<const N: i32>(self, words: Self::Bytes) -> Self::Bytes;

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

    /// The lowest bit of each sample of `mask` becomes the bit of `bits`, which has no others.
    #[inline(always)]
    fn replace_some8(self, block: &mut [u8; BLOCK], bits: u64, mask: u64) {
        self.insert8(block, self.spread([bits]), self.spread([mask]));
    }

    /// As `replace_some8`.
    #[inline(always)]
    fn replace_some16(self, block: &mut [u16; BLOCK], bits: u64, mask: u64) {
        self.insert16(block, self.spread([bits]), self.spread([mask]));
    }

    /// The lowest bits of the samples.
    #[inline(always)]
    fn lowest8(self, block: &[u8; BLOCK]) -> u64 {
        let [bits] = self.gather(self.load8(block));
        bits
    }

    /// As `lowest8`.
    #[inline(always)]
    fn lowest16(self, block: &[u16; BLOCK]) -> u64 {
        let [bits] = self.gather(self.load16(block));
        bits
    }

    /// The lowest bit of each sample of `mask` becomes the bit of `bits`, by a step of one: up where `up` has a bit, else
    /// down, and the other way at an end.
    fn step8(self, block: &mut [u8; BLOCK], bits: u64, mask: u64, up: u64, ends: &Ends);

    /// As `step8`.
    fn step16(self, block: &mut [u16; BLOCK], bits: u64, mask: u64, up: u64, ends: &Ends);

    /// Each sample `^ lanes`.
    fn toggle8(self, block: &mut [u8; BLOCK], lanes: Self::Bytes);

    /// As `toggle8`; lanes are low bytes.
    fn toggle16(self, block: &mut [u16; BLOCK], lanes: Self::Bytes);

    /// Sixteen blocks of `ChaCha8`, from this counter on.
    fn chacha8(self, state: &ChaCha, counter: u64, blocks: &mut [u8; KEYSTREAM]);

    /// The state of a CRC-32C after these bytes.
    #[inline(always)]
    fn crc32c(self, state: u32, bytes: &[u8]) -> u32 {
        crate::checksum::by_tables(state, bytes)
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

/// The bytes of keystream that are made at once.
pub(crate) const KEYSTREAM: usize = 1024;

/// What selects a keystream of `ChaCha`: key and nonce, as words.
#[expect(
    unnameable_types,
    reason = "sealed: named in the methods of `Simd` only"
)]
pub struct ChaCha {
    pub(crate) key: [u32; 8],
    pub(crate) nonce: [u32; 2],
}

impl Drop for ChaCha {
    fn drop(&mut self) {
        super::wipe(&mut self.key);
    }
}

impl Debug for ChaCha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChaCha(..)")
    }
}

/// "expand 32-byte k".
pub(crate) const CHACHA: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

/// The quarter rounds of a double round: columns, then diagonals (RFC 8439, section 2.3).
pub(crate) const QUARTERS: [[usize; 4]; 8] = [
    [0, 4, 8, 12],
    [1, 5, 9, 13],
    [2, 6, 10, 14],
    [3, 7, 11, 15],
    [0, 5, 10, 15],
    [1, 6, 11, 12],
    [2, 7, 8, 13],
    [3, 4, 9, 14],
];

/// Where LSB matching has no choice.
#[derive(Clone, Copy, Debug)]
#[expect(
    unnameable_types,
    reason = "sealed: named in the methods of `Simd` only"
)]
pub struct Ends {
    /// The bits that make the value.
    pub(crate) stored: u16,
    /// Values that can only step up: all even.
    pub(crate) low: [u16; 2],
    /// Values that can only step down: all odd.
    pub(crate) high: [u16; 2],
}

impl Ends {
    /// A step of one: the value's bits only, never past an end.
    #[inline(always)]
    pub(crate) fn step<S: Lane>(&self, sample: S, up: bool) -> S {
        let sample = sample.into();
        let value = sample & self.stored;
        if self.low.contains(&value) || up && !self.high.contains(&value) {
            S::cut(sample + 1)
        } else {
            S::cut(sample - 1)
        }
    }
}

/// A width of samples: sends a block to the operation of its width.
#[expect(unnameable_types, reason = "sealed: the supertrait of `Sample`")]
pub trait Lane: Copy + Default + PartialEq + Send + Sync + Debug + Into<u16> + 'static {
    /// Bits.
    const WIDTH: u32;
    /// Bytes.
    const BYTES: u8;

    /// `Simd::Narrow` or `Simd::Wide`.
    type Block<V: Simd>: Lanes<Sample = Self, Token = V>;

    /// The low bits of a value.
    fn cut(value: u16) -> Self;

    /// The sum, without what does not fit.
    fn plus(self, other: Self) -> Self;

    /// The difference, without what does not fit.
    fn minus(self, other: Self) -> Self;

    /// `Simd::load8` or `Simd::load16`.
    fn load<V: Simd>(simd: V, block: &[Self; BLOCK]) -> V::Bytes;

    /// `Simd::insert8` or `Simd::insert16`.
    fn insert<V: Simd>(simd: V, block: &mut [Self; BLOCK], value: V::Bytes, mask: V::Bytes);

    /// `Simd::replace8` or `Simd::replace16`.
    fn replace<V: Simd>(simd: V, block: &mut [Self; BLOCK], payload: u64);

    /// `Simd::replace_some8` or `Simd::replace_some16`.
    fn replace_some<V: Simd>(simd: V, block: &mut [Self; BLOCK], bits: u64, mask: u64);

    /// `Simd::lowest8` or `Simd::lowest16`.
    fn lowest<V: Simd>(simd: V, block: &[Self; BLOCK]) -> u64;

    /// `Simd::step8` or `Simd::step16`.
    fn step<V: Simd>(
        simd: V,
        block: &mut [Self; BLOCK],
        bits: u64,
        mask: u64,
        up: u64,
        ends: &Ends,
    );

    /// `Simd::toggle8` or `Simd::toggle16`.
    fn toggle<V: Simd>(simd: V, block: &mut [Self; BLOCK], lanes: V::Bytes);

    /// `Simd::within8` or `Simd::within16`; ends that do not fit the width are cut to it.
    fn within<V: Simd>(simd: V, block: &[Self; BLOCK], stored: u16, low: u16, high: u16) -> u64;
}

impl Lane for u8 {
    const WIDTH: u32 = Self::BITS;
    const BYTES: Self = 1;
    type Block<V: Simd> = V::Narrow;

    #[inline(always)]
    fn cut(value: u16) -> Self {
        value.to_le_bytes()[0]
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        self.wrapping_sub(other)
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
    fn replace_some<V: Simd>(simd: V, block: &mut [Self; BLOCK], bits: u64, mask: u64) {
        simd.replace_some8(block, bits, mask);
    }

    #[inline(always)]
    fn lowest<V: Simd>(simd: V, block: &[Self; BLOCK]) -> u64 {
        simd.lowest8(block)
    }

    #[inline(always)]
    fn step<V: Simd>(
        simd: V,
        block: &mut [Self; BLOCK],
        bits: u64,
        mask: u64,
        up: u64,
        ends: &Ends,
    ) {
        simd.step8(block, bits, mask, up, ends);
    }

    #[inline(always)]
    fn toggle<V: Simd>(simd: V, block: &mut [Self; BLOCK], lanes: V::Bytes) {
        simd.toggle8(block, lanes);
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
    type Block<V: Simd> = V::Wide;

    #[inline(always)]
    fn cut(value: u16) -> Self {
        value
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        self.wrapping_sub(other)
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
    fn replace_some<V: Simd>(simd: V, block: &mut [Self; BLOCK], bits: u64, mask: u64) {
        simd.replace_some16(block, bits, mask);
    }

    #[inline(always)]
    fn lowest<V: Simd>(simd: V, block: &[Self; BLOCK]) -> u64 {
        simd.lowest16(block)
    }

    #[inline(always)]
    fn step<V: Simd>(
        simd: V,
        block: &mut [Self; BLOCK],
        bits: u64,
        mask: u64,
        up: u64,
        ends: &Ends,
    ) {
        simd.step16(block, bits, mask, up, ends);
    }

    #[inline(always)]
    fn toggle<V: Simd>(simd: V, block: &mut [Self; BLOCK], lanes: V::Bytes) {
        simd.toggle16(block, lanes);
    }

    #[inline(always)]
    fn within<V: Simd>(simd: V, block: &[Self; BLOCK], stored: u16, low: u16, high: u16) -> u64 {
        simd.within16(block, stored, low, high)
    }
}
