use crate::{Cover, Options, Result, Sample, Scheme, adaptive, frame, reversible, walk};

/// What a cover holds under given options: exact, in bits.
///
/// ```
/// use lsb_stego::{Cover, Layout, Options, capacity};
///
/// let samples = vec![0u8; 512 * 512];
/// let capacity = capacity(Cover::new(&samples, Layout::new(8)?)?, &Options::new())?;
/// assert_eq!(capacity.bits(), 512 * 512);
/// assert_eq!(capacity.payload_bytes(), 512 * 512 / 8 - 16);
/// assert!((capacity.rate() - 1.0).abs() < 1e-9);
/// # Ok::<(), lsb_stego::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    bits: usize,
    samples: usize,
}

impl Capacity {
    /// Payload bits, the frame's included.
    #[must_use]
    pub const fn bits(&self) -> usize {
        self.bits
    }

    /// The bytes of the largest payload that [`embed`](crate::embed) accepts; 0 also when not even the frame fits.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        frame::payload_bytes(self.bits).unwrap_or(0)
    }

    /// The embedding rate: bits per sample of the cover, carrying or not; 0 for an empty cover.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate for people, right to 15 digits"
    )]
    pub fn rate(&self) -> f64 {
        if self.samples == 0 {
            0.0
        } else {
            self.bits as f64 / self.samples as f64
        }
    }
}

/// Counts what the cover holds, exactly: by arithmetic where every sample carries, else by one pass.
///
/// Under [`Scheme::Reversible`] it depends on the content: the best choice is tried out, in a few passes.
///
/// # Errors
///
/// [`Error::Bits`](crate::Error::Bits) when more bits per sample are asked for than are stored, and [`Error::OneBit`](crate::Error::OneBit)
/// than the scheme carries; [`Error::Scheme`](crate::Error::Scheme) for a key under the reversible scheme, and
/// [`Error::Columns`](crate::Error::Columns) when that or the adaptive one lacks them.
///
/// # Example
///
/// ```
/// use lsb_stego::{Cover, Layout, Options, capacity};
///
/// let padded = [0u16, 0, 7, 8, 9, 0, 0, 0];
/// let layout = Layout::new(12)?.with_reserved(0, 0)?;
/// assert_eq!(capacity(Cover::new(&padded, layout)?, &Options::new())?.bits(), 3);
/// # Ok::<(), lsb_stego::Error>(())
/// ```
pub fn capacity<S: Sample>(cover: Cover<'_, S>, options: &Options) -> Result<Capacity> {
    let bits = match options.scheme {
        Scheme::Replacement | Scheme::Matching | Scheme::Matrix(_) => {
            walk::count_bits(cover, options)?
        }
        Scheme::Reversible => {
            options.keyless()?;
            reversible::count_bits(cover, options)?
        }
        Scheme::Adaptive { .. } => adaptive::count_bits(cover, options)?,
    };
    Ok(Capacity {
        bits,
        samples: cover.samples().len(),
    })
}
