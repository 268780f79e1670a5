use core::fmt;

use crate::arch::{BLOCK, Ends, Lane};
use crate::{Bits, Error, Result};

/// A sample that can carry: `u8` or `u16`. Sealed.
///
/// ```
/// fn depth<S: lsb_stego::Sample>() -> u32 {
///     S::BITS
/// }
/// assert_eq!((depth::<u8>(), depth::<u16>()), (8, 16));
/// ```
pub trait Sample: Lane {
    /// The bits that a sample has.
    const BITS: u32 = <Self as Lane>::WIDTH;
}

impl Sample for u8 {}
impl Sample for u16 {}

/// How samples lie in memory and which of them carry.
///
/// Samples are interleaved by pixel, rows from top to bottom, frames one after another. Bits above `bits_stored` are
/// neither read nor changed.
///
/// ```
/// use lsb_stego::Layout;
///
/// let ct = Layout::new(12)?.with_reserved(48, 48)?; // padding samples have the value 48
/// let rgba = Layout::new(8)?.with_channels(4, 0b0111)?; // alpha does not carry
/// assert_eq!((ct.bits_stored(), rgba.channels()), (12, 4));
/// # Ok::<(), lsb_stego::Error>(())
/// ```
///
/// The buffers of the crate `image` lie so: `as_raw()` and `into_raw()` of a `GrayImage` or an `ImageBuffer<Luma<u16>, _>` are covers of
/// one channel, those of an `RgbImage` of three, and those of an `RgbaImage` are like `rgba` here; columns are its `width()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    bits_stored: u8,
    channels: u8,
    carrying: u8,
    reserved: Option<(u16, u16)>,
    columns: u32,
}

impl Layout {
    /// One channel, every sample carries; `bits_stored` is 1 to 16.
    ///
    /// # Errors
    ///
    /// [`Error::BitsStored`] outside of that range. A cover of `u8` refuses more than 8.
    pub const fn new(bits_stored: u8) -> Result<Self> {
        if bits_stored == 0 || bits_stored > 16 {
            return Err(Error::BitsStored {
                bits_stored,
                allocated: 16,
            });
        }
        Ok(Self {
            bits_stored,
            channels: 1,
            carrying: 1,
            reserved: None,
            columns: 0,
        })
    }

    /// Interleaved channels, 1 to 8; bit `c` of `carrying` says whether channel `c` carries.
    ///
    /// # Errors
    ///
    /// [`Error::Channels`] when no channel carries, or one that does not exist.
    pub const fn with_channels(mut self, channels: u8, carrying: u8) -> Result<Self> {
        if channels == 0 || channels > 8 || carrying == 0 || (carrying as u16) >> channels != 0 {
            return Err(Error::Channels { channels, carrying });
        }
        self.channels = channels;
        self.carrying = carrying;
        Ok(self)
    }

    /// Sample values from `low` to `high`, both included, that are neither touched nor made (DICOM: Pixel Padding Value,
    /// PS3.3 C.7.5.1.1.2).
    ///
    /// A sample is skipped when any value that it could take by changing its payload bits is reserved. So the rule gives
    /// the same answer before embedding and after. There is one range: another one takes its place.
    ///
    /// # Errors
    ///
    /// [`Error::Reserved`] when `low` is above `high`, or `high` is no stored value.
    pub const fn with_reserved(mut self, low: u16, high: u16) -> Result<Self> {
        if low > high || high > self.peak() {
            return Err(Error::Reserved { low, high });
        }
        self.reserved = Some((low, high));
        Ok(self)
    }

    /// Pixels per row, for whatever looks at the neighbours of a sample: [`Scheme::Reversible`](crate::Scheme::Reversible);
    /// [`Scheme::Adaptive`](crate::Scheme::Adaptive), to embed and to ask its capacity; [`cost::map`](crate::cost::map);
    /// with the feature `std`, the detectors and SSIM. The other schemes, extraction of the adaptive one, and the other metrics
    /// do not ask.
    ///
    /// # Errors
    ///
    /// [`Error::Columns`] for 0.
    pub const fn with_columns(mut self, columns: u32) -> Result<Self> {
        if columns == 0 {
            return Err(Error::Columns {
                columns,
                samples: 0,
            });
        }
        self.columns = columns;
        Ok(self)
    }

    /// The bits of a sample that are used.
    #[must_use]
    pub const fn bits_stored(&self) -> u8 {
        self.bits_stored
    }

    /// The largest stored value: 2^`bits_stored` - 1.
    #[must_use]
    pub const fn peak(&self) -> u16 {
        u16::MAX >> (16 - self.bits_stored)
    }

    /// The samples per pixel.
    #[must_use]
    pub const fn channels(&self) -> u8 {
        self.channels
    }

    /// The mask of the channels that carry.
    #[must_use]
    pub const fn carrying(&self) -> u8 {
        self.carrying
    }

    /// The reserved values.
    #[must_use]
    pub const fn reserved(&self) -> Option<(u16, u16)> {
        self.reserved
    }

    /// The pixels per row; 0 when none were named.
    #[must_use]
    pub const fn columns(&self) -> u32 {
        self.columns
    }

    fn check<S: Sample>(&self, samples: usize) -> Result<()> {
        if u32::from(self.bits_stored) > S::BITS {
            let allocated = S::BYTES * 8;
            return Err(Error::BitsStored {
                bits_stored: self.bits_stored,
                allocated,
            });
        }
        if !samples.is_multiple_of(usize::from(self.channels)) {
            return Err(Error::Samples {
                samples,
                channels: self.channels,
            });
        }
        let pixels = samples / usize::from(self.channels);
        match usize::try_from(self.columns) {
            Ok(columns) if columns == 0 || pixels.is_multiple_of(columns) => Ok(()),
            _ => Err(Error::Columns {
                columns: self.columns,
                samples,
            }),
        }
    }
}

/// Borrowed samples to read, and their layout.
///
/// ```
/// use lsb_stego::{Cover, Layout};
///
/// let cover = Cover::new(&[100u16; 64], Layout::new(12)?)?;
/// assert_eq!(cover.samples().len(), 64);
/// assert!(Cover::new(&[0u8; 64], Layout::new(12)?).is_err()); // a u8 does not have 12 bits
/// # Ok::<(), lsb_stego::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Cover<'a, S> {
    samples: &'a [S],
    layout: Layout,
}

impl<'a, S: Sample> Cover<'a, S> {
    /// Holds the samples against the layout.
    ///
    /// # Errors
    ///
    /// [`Error::BitsStored`], [`Error::Samples`] or [`Error::Columns`] when they do not agree.
    pub fn new(samples: &'a [S], layout: Layout) -> Result<Self> {
        layout.check::<S>(samples.len())?;
        Ok(Self { samples, layout })
    }

    /// The samples.
    #[must_use]
    pub const fn samples(&self) -> &'a [S] {
        self.samples
    }

    /// The layout.
    #[must_use]
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    /// Copies the samples over others, which then are changed: the cover stays, and its stego image comes to lie beside it.
    ///
    /// ```
    /// use lsb_stego::{Cover, Layout, Options, embed};
    ///
    /// let samples = [100u8; 256];
    /// let mut stego = [0; 256];
    /// let cover = Cover::new(&samples, Layout::new(8)?)?;
    /// embed(cover.copied_to(&mut stego)?, b"payload", &Options::new())?;
    /// assert!(cover.samples() == [100; 256] && stego != samples);
    /// assert!(cover.copied_to(&mut [0; 255]).is_err());
    /// # Ok::<(), lsb_stego::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Lengths`] when there are more or fewer of them.
    pub fn copied_to<'s>(&self, stego: &'s mut [S]) -> Result<CoverMut<'s, S>> {
        if stego.len() != self.samples.len() {
            return Err(Error::Lengths {
                expected: self.samples.len(),
                found: stego.len(),
            });
        }
        stego.copy_from_slice(self.samples);
        let layout = self.layout;
        Ok(CoverMut {
            samples: stego,
            layout,
        })
    }
}

impl<S> fmt::Debug for Cover<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Cover");
        shown
            .field("samples", &self.samples.len())
            .field("layout", &self.layout)
            .finish()
    }
}

/// Borrowed samples to change in place, and their layout; [`Cover::copied_to`] makes one that leaves the cover as it is.
///
/// ```
/// use lsb_stego::{CoverMut, Layout};
///
/// let mut samples = [100u8; 64];
/// let mut cover = CoverMut::new(&mut samples, Layout::new(8)?)?;
/// assert_eq!(cover.reborrow().as_cover().samples(), [100; 64]);
/// # Ok::<(), lsb_stego::Error>(())
/// ```
pub struct CoverMut<'a, S> {
    samples: &'a mut [S],
    layout: Layout,
}

impl<'a, S: Sample> CoverMut<'a, S> {
    /// Holds the samples against the layout.
    ///
    /// # Errors
    ///
    /// [`Error::BitsStored`], [`Error::Samples`] or [`Error::Columns`] when they do not agree.
    pub fn new(samples: &'a mut [S], layout: Layout) -> Result<Self> {
        layout.check::<S>(samples.len())?;
        Ok(Self { samples, layout })
    }

    /// The same cover, lent for a shorter time.
    pub const fn reborrow(&mut self) -> CoverMut<'_, S> {
        CoverMut {
            samples: self.samples,
            layout: self.layout,
        }
    }

    /// The samples to change.
    pub const fn samples_mut(&mut self) -> &mut [S] {
        self.samples
    }

    /// The layout.
    #[must_use]
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    /// The same cover, to read.
    #[must_use]
    pub const fn as_cover(&self) -> Cover<'_, S> {
        Cover {
            samples: self.samples,
            layout: self.layout,
        }
    }

    pub(crate) const fn into_samples(self) -> &'a mut [S] {
        self.samples
    }
}

impl<S> fmt::Debug for CoverMut<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("CoverMut");
        shown
            .field("samples", &self.samples.len())
            .field("layout", &self.layout)
            .finish()
    }
}

/// Which samples carry, block by block: what a layout says when so many low bits of a sample are payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Carriers {
    /// By the channel of the block's first sample: the samples whose channel carries.
    channels: [u64; 8],
    period: usize,
    carrying: usize,
    /// The stored bits, and the reserved values widened to whole sets of values that differ in payload bits only.
    reserved: Option<Reserved>,
}

/// A range of values that do not carry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reserved {
    pub(crate) stored: u16,
    pub(crate) low: u16,
    pub(crate) high: u16,
}

// detectors alone ask one by one
#[cfg(feature = "std")]
impl Reserved {
    /// Whether a sample of this value, of stored bits alone, does not carry.
    #[inline(always)]
    pub(crate) const fn holds(self, value: u16) -> bool {
        self.low <= value && value <= self.high
    }
}

impl Carriers {
    /// # Errors
    ///
    /// [`Error::Bits`] when fewer bits are stored than should carry.
    pub(crate) fn new(layout: &Layout, bits: Bits) -> Result<Self> {
        if bits.get() > layout.bits_stored {
            return Err(Error::Bits {
                bits: bits.get(),
                most: layout.bits_stored,
            });
        }
        let period = usize::from(layout.channels);
        let carrying = layout.carrying.count_ones() as usize;
        let channels = if carrying == period {
            [!0; 8]
        } else {
            // The pattern over a block and the seven samples before which another block may begin.
            let pattern = (0..BLOCK + 8).step_by(period).fold(0, |pattern, pixel| {
                pattern | u128::from(layout.carrying) << pixel
            });
            core::array::from_fn(|first| {
                let from_first = (pattern >> first).to_le_bytes();
                u64::from_le_bytes(from_first.as_chunks().0[0])
            })
        };
        let payload = u16::from(bits.mask());
        let reserved = layout.reserved.map(|(low, high)| Reserved {
            stored: layout.peak(),
            low: low & !payload,
            high: high | payload,
        });
        Ok(Self {
            channels,
            period,
            carrying,
            reserved,
        })
    }

    /// Whether every sample carries, so that positions follow from arithmetic alone.
    pub(crate) fn every_sample(&self) -> bool {
        self.every_channel() && self.reserved.is_none()
    }

    /// Whether all channels carry.
    pub(crate) const fn every_channel(&self) -> bool {
        self.carrying == self.period
    }

    /// The samples of block number `index` whose channel carries.
    #[inline(always)]
    pub(crate) fn channels(&self, index: usize) -> u64 {
        if self.period == 1 {
            !0
        } else {
            self.channels[index * BLOCK % self.period]
        }
    }

    /// The samples per pixel.
    pub(crate) const fn channel_count(&self) -> usize {
        self.period
    }

    /// The samples per pixel that carry.
    pub(crate) const fn carrying_count(&self) -> usize {
        self.carrying
    }

    /// Where a step of one would leave the stored range or become a reserved value.
    pub(crate) fn ends(&self, layout: &Layout) -> Ends {
        let peak = layout.peak();
        let (low, high) = self.reserved.map_or((0, peak), |reserved| {
            let above = if reserved.high < peak {
                reserved.high + 1
            } else {
                0
            };
            (above, reserved.low.checked_sub(1).unwrap_or(peak))
        });
        Ends {
            stored: peak,
            low: [0, low],
            high: [peak, high],
        }
    }

    /// The reserved values.
    #[inline(always)]
    pub(crate) const fn reserved(&self) -> Option<Reserved> {
        self.reserved
    }
}
