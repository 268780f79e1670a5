use core::fmt;
use std::collections::BTreeMap;

use crate::raster::{Raster, Width};
use crate::{Error, Result, dicom, png, tiff};

/// An image file, its samples, and what it says of itself.
///
/// # Example
///
/// ```
/// use medical_image::{Picture, Samples};
///
/// # fn main() -> Result<(), medical_image::Error> {
/// # let file = include_bytes!("../../../examples/data/CT_small.dcm").to_vec();
/// let picture = Picture::read(file)?;
/// let mut samples = picture.samples().clone();
/// if let Samples::U16(samples) = &mut samples {
///     samples[0] ^= 1;
/// }
/// let stego = picture.patch(&samples)?;
/// assert_eq!(stego.bytes.len(), picture.bytes().len());
/// # Ok(())
/// # }
/// ```
pub struct Picture {
    format: Format,
    bytes: Vec<u8>,
    content: Content,
}

/// What a door to a format finds.
pub(crate) struct Content {
    pub(crate) geometry: Geometry,
    pub(crate) samples: Samples,
    pub(crate) carrying: u8,
    pub(crate) reserved: Option<(u16, u16)>,
    pub(crate) description: Description,
    pub(crate) header: BTreeMap<String, String>,
    /// The first words of the summary.
    pub(crate) kind: String,
    pub(crate) place: Place,
}

/// How samples go back into the file.
pub(crate) enum Place {
    /// They lie in the file as they are.
    Raw(Raster),
    /// They are filtered and deflated.
    Png(png::Layout),
}

impl Picture {
    /// Reads a whole DICOM, PNG or TIFF file, told apart by its content, never by its name.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownFormat`], [`Error::Truncated`] and [`Error::Malformed`] for bytes that are no such file, and
    /// [`Error::Refused`] for a file whose samples cannot be replaced: see the table in the crate's documentation.
    ///
    /// # Performance
    ///
    /// Holds the file and its samples in memory, and never allocates more than a small multiple of what the file
    /// really holds, whatever lengths it claims.
    pub fn read(bytes: Vec<u8>) -> Result<Self> {
        let (format, content) = if bytes.starts_with(&png::SIGNATURE) {
            (Format::Png, png::read(&bytes)?)
        } else if let Some(start) = dicom::start(&bytes) {
            // before TIFF: the preamble of a DICOM file may hold a TIFF header (PS3.10 7.1), and CT_small's does
            (Format::Dicom, dicom::read(&bytes, start)?)
        } else if tiff::is_tiff(&bytes) {
            (Format::Tiff, tiff::read(&bytes)?)
        } else {
            return Err(Error::UnknownFormat {
                found: beginning(&bytes),
            });
        };
        Ok(Self {
            format,
            bytes,
            content,
        })
    }

    /// The format that the content told.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Rows, columns, frames, channels, depth and sign.
    pub fn geometry(&self) -> Geometry {
        self.content.geometry
    }

    /// The samples, interleaved by pixel, frame after frame, signed ones in offset binary (`value ^ sign bit`), so that
    /// they keep their order; bits outside the stored ones are zero here and kept in the file.
    pub fn samples(&self) -> &Samples {
        &self.content.samples
    }

    /// The samples, for who needs nothing else of the file.
    pub fn into_samples(self) -> Samples {
        self.content.samples
    }

    /// The channels that may carry a payload: bit `c` is set when channel `c` may. Alpha may not.
    pub fn carrying(&self) -> u8 {
        self.content.carrying
    }

    /// The sample values, inclusive, that mean "no image here" and are neither to be touched nor produced: DICOM's Pixel
    /// Padding Value (PS3.3 C.7.5.1.1.2), PNG's transparent grey. In the representation of [`samples`](Self::samples).
    pub fn reserved(&self) -> Option<(u16, u16)> {
        self.content.reserved
    }

    /// What the file says of patient and study.
    pub fn description(&self) -> &Description {
        &self.content.description
    }

    /// The attributes that matter clinically: patient, study, laterality, spacing, orientation, rescaling and the like;
    /// keyed as [`Description::Attributes`] for DICOM, by the format's own words otherwise.
    pub fn header(&self) -> &BTreeMap<String, String> {
        &self.content.header
    }

    /// One line that identifies nobody, such as `CT CHEST, 128x128` (columns x rows).
    pub fn summary(&self) -> String {
        let Geometry {
            rows,
            columns,
            frames,
            ..
        } = self.geometry();
        let kind = &self.content.kind;
        if frames > 1 {
            format!("{kind}, {columns}x{rows}x{frames}")
        } else {
            format!("{kind}, {columns}x{rows}")
        }
    }

    /// The file, as it was read.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The file, as it was read.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Makes the same file with other samples.
    ///
    /// DICOM and TIFF: every bit that is not a sample stays where it is. PNG: every chunk but IDAT stays byte for byte.
    ///
    /// # Errors
    ///
    /// [`Error::WrongSamples`] when `samples` has another width or length than [`samples`](Self::samples), or a value
    /// above the bits stored.
    pub fn patch(&self, samples: &Samples) -> Result<Patched> {
        if let Place::Png(layout) = &self.content.place {
            self.check(samples)?;
            return layout.patch(&self.bytes, &self.content.samples, samples);
        }
        Ok(Patched {
            bytes: self.overwrite(samples)?,
            restore: Vec::new(),
            attach_at: 0,
        })
    }

    /// As [`patch`](Self::patch), for those who will never make the original file again: without what that needs, which for a large PNG
    /// takes most of the time and many bytes. Restore data in the file, which was of the samples before, is left out.
    ///
    /// # Errors
    ///
    /// As [`patch`](Self::patch).
    ///
    /// # Example
    ///
    /// ```
    /// use medical_image::{Picture, restore_attached};
    ///
    /// # fn main() -> Result<(), medical_image::Error> {
    /// # let file = include_bytes!("../../../examples/data/phantom.png").to_vec();
    /// let picture = Picture::read(file)?;
    /// let other = Picture::read(picture.overwrite(picture.samples())?)?;
    /// assert_eq!(other.samples(), picture.samples());
    /// assert!(restore_attached(&other, picture.samples()).is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn overwrite(&self, samples: &Samples) -> Result<Vec<u8>> {
        self.check(samples)?;
        match &self.content.place {
            Place::Raw(raster) => {
                let mut bytes = self.bytes.clone();
                raster.write(&mut bytes, samples)?;
                Ok(bytes)
            }
            Place::Png(layout) => layout.overwrite(&self.bytes, samples),
        }
    }

    fn check(&self, samples: &Samples) -> Result<()> {
        let own = self.samples();
        if own.width() != samples.width() || own.len() != samples.len() {
            return Err(Error::WrongSamples {
                expected: format!("{own:?}"),
                found: format!("{samples:?}"),
            });
        }
        let max = u16::MAX >> (16 - self.geometry().bits_stored);
        match samples.max() {
            Some(value) if value > max => Err(Error::WrongSamples {
                expected: format!("values of at most {max}"),
                found: value.to_string(),
            }),
            _ => Ok(()),
        }
    }
}

/// Makes the original file again, byte for byte, from a stego picture, the original samples and what
/// [`Picture::patch`] said is needed besides.
///
/// Success says that the file is complete and consistent; whether it is the file that someone sent is for a digest to say.
///
/// # Errors
///
/// [`Error::WrongSamples`] as for [`Picture::patch`], and [`Error::NotRestored`] when `restore` is damaged or belongs to
/// another picture.
pub fn restore(stego: &Picture, original: &Samples, restore: &[u8]) -> Result<Vec<u8>> {
    stego.check(original)?;
    match &stego.content.place {
        Place::Raw(_) if !restore.is_empty() => Err(Error::not_restored(
            format!("no restore data for {}", stego.format),
            format!("{} bytes", restore.len()),
        )),
        Place::Raw(_) => stego.patch(original).map(|patched| patched.bytes),
        Place::Png(layout) => layout.restore(&stego.bytes, original, restore),
    }
}

/// Makes the original file again, byte for byte, from a self-contained stego picture and the original samples.
///
/// # Errors
///
/// As [`restore`]; [`Error::NotRestored`] also for a PNG without restore data inside.
pub fn restore_attached(stego: &Picture, original: &Samples) -> Result<Vec<u8>> {
    match &stego.content.place {
        Place::Raw(_) => restore(stego, original, &[]),
        Place::Png(layout) => {
            stego.check(original)?;
            layout.restore_attached(&stego.bytes, original)
        }
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Picture")
            .field("format", &self.format)
            .field("bytes", &self.bytes.len())
            .field("geometry", &self.content.geometry)
            .finish_non_exhaustive()
    }
}

/// A file with other samples, and what brings the first one back.
#[derive(Clone)]
#[non_exhaustive]
pub struct Patched {
    /// The new file.
    pub bytes: Vec<u8>,
    /// What [`restore`] needs besides the original samples; empty for DICOM and TIFF.
    pub restore: Vec<u8>,
    pub(crate) attach_at: usize,
}

impl Patched {
    /// The new file with its restore data inside, for those who send nothing beside it: in a PNG in a chunk `reST` before
    /// the end; DICOM and TIFF need none. [`restore_attached`] reads it.
    pub fn self_contained(self) -> Vec<u8> {
        if self.restore.is_empty() {
            self.bytes
        } else {
            png::attach(&self.bytes, &self.restore, self.attach_at)
        }
    }
}

impl fmt::Debug for Patched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patched")
            .field("bytes", &self.bytes.len())
            .field("restore", &self.restore.len())
            .finish()
    }
}

/// The formats this crate reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// DICOM, PS3.10, or a bare data set of PS3.5.
    Dicom,
    /// PNG, third edition.
    Png,
    /// TIFF 6.0 and `BigTIFF`.
    Tiff,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dicom => "DICOM",
            Self::Png => "PNG",
            Self::Tiff => "TIFF",
        })
    }
}

/// The shape of a picture's samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Geometry {
    /// Height in pixels, at least 1.
    pub rows: u32,
    /// Width in pixels, at least 1.
    pub columns: u32,
    /// Frames (DICOM) or pages (TIFF), at least 1.
    pub frames: u32,
    /// Samples per pixel, 1..=4.
    pub channels: u8,
    /// Bits of a sample that mean something, 1..=16.
    pub bits_stored: u8,
    /// Whether the file stores two's complement.
    pub signed: bool,
}

impl Geometry {
    /// `rows * columns * frames * channels`, saturating.
    pub fn samples(&self) -> u64 {
        [self.columns, self.frames, u32::from(self.channels)]
            .into_iter()
            .fold(u64::from(self.rows), |product, n| {
                product.saturating_mul(u64::from(n))
            })
    }
}

/// Samples, interleaved by pixel.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Samples {
    /// Eight bits allocated.
    U8(Vec<u8>),
    /// Sixteen bits allocated.
    U16(Vec<u16>),
}

impl Samples {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(samples) => samples.len(),
            Self::U16(samples) => samples.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sample at `index`.
    pub fn get(&self, index: usize) -> Option<u16> {
        match self {
            Self::U8(samples) => samples.get(index).copied().map(u16::from),
            Self::U16(samples) => samples.get(index).copied(),
        }
    }

    /// The largest, if there is one.
    pub fn max(&self) -> Option<u16> {
        match self {
            // of values and not of references: compilers make vectors of it
            Self::U8(samples) => samples.iter().copied().reduce(u8::max).map(u16::from),
            Self::U16(samples) => samples.iter().copied().reduce(u16::max),
        }
    }

    pub(crate) fn width(&self) -> Width {
        match self {
            Self::U8(_) => Width::Eight,
            Self::U16(_) => Width::Sixteen,
        }
    }
}

impl fmt::Debug for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} samples of {} bits", self.len(), self.width().bits())
    }
}

/// What a file says of the patient and the study it belongs to.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Description {
    /// Nothing.
    #[default]
    None,
    /// DICOM's Patient and Study attributes: eight upper-case hexadecimal digits of group and element (`00100010`) to
    /// the value in UTF-8, Normalization Form C, values parted by `\` as in the file.
    Attributes(BTreeMap<String, String>),
    /// Free text: PNG's `Description` keyword, TIFF's `ImageDescription`.
    Text(String),
}

impl fmt::Debug for Description {
    /// Prints how much there is, never what: it names a patient.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Attributes(map) => write!(f, "Attributes({})", map.len()),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
        }
    }
}

/// The first bytes, for an error message: as text when they are text, else as hexadecimal digits.
fn beginning(bytes: &[u8]) -> String {
    let head = bytes.get(..bytes.len().min(16)).unwrap_or_default();
    if head.is_empty() {
        "an empty file".to_owned()
    } else if head
        .iter()
        .all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
    {
        format!("text {:?}", String::from_utf8_lossy(head))
    } else {
        let hex: Vec<String> = head.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("bytes {}", hex.join(" "))
    }
}
