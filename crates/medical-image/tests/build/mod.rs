//! Builders of small files, written from the standards and sharing nothing with the crate.

#![allow(
    clippy::unwrap_used,
    dead_code,
    unreachable_pub,
    reason = "each test program uses its part"
)]

/// The transfer syntaxes that pixels can be replaced in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    ImplicitLittle,
    ExplicitLittle,
    ExplicitBig,
}

impl Syntax {
    pub fn uid(self) -> &'static str {
        match self {
            Self::ImplicitLittle => "1.2.840.10008.1.2",
            Self::ExplicitLittle => "1.2.840.10008.1.2.1",
            Self::ExplicitBig => "1.2.840.10008.1.2.2",
        }
    }

    pub fn word(self, n: u16) -> [u8; 2] {
        if self == Self::ExplicitBig {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
    }

    fn long(self, n: u32) -> [u8; 4] {
        if self == Self::ExplicitBig {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
    }

    /// One element; values of odd length are padded with a space.
    pub fn element(self, tag: (u16, u16), vr: &str, value: &[u8]) -> Vec<u8> {
        let mut value = value.to_vec();
        if value.len() % 2 == 1 {
            value.push(b' ');
        }
        let len = u32::try_from(value.len()).unwrap();
        let mut bytes = [self.word(tag.0), self.word(tag.1)].concat();
        match self {
            Self::ImplicitLittle => bytes.extend(self.long(len)),
            _ => {
                bytes.extend(vr.as_bytes());
                if matches!(vr, "OB" | "OW" | "SQ" | "UN" | "UT" | "UC") {
                    bytes.extend([0, 0]);
                    bytes.extend(self.long(len));
                } else {
                    bytes.extend(self.word(u16::try_from(len).unwrap()));
                }
            }
        }
        bytes.extend(value);
        bytes
    }

    pub fn us(self, tag: (u16, u16), value: u16) -> Vec<u8> {
        self.element(tag, "US", &self.word(value))
    }
}

/// What an image says of its samples.
#[derive(Clone, Debug)]
pub struct Dicom {
    pub syntax: Syntax,
    pub rows: u16,
    pub columns: u16,
    pub frames: Option<u32>,
    pub channels: u16,
    pub photometric: &'static str,
    pub planar: u16,
    pub allocated: u16,
    pub stored: u16,
    pub high: u16,
    pub representation: u16,
    pub padding: Option<u16>,
    pub padding_limit: Option<u16>,
    /// Elements of groups below 0028, already written.
    pub before: Vec<u8>,
    pub pixel_vr: &'static str,
    pub pixels: Vec<u8>,
    /// What follows the pixel data.
    pub after: Vec<u8>,
}

impl Default for Dicom {
    fn default() -> Self {
        Self {
            syntax: Syntax::ExplicitLittle,
            rows: 2,
            columns: 2,
            frames: None,
            channels: 1,
            photometric: "MONOCHROME2",
            planar: 0,
            allocated: 16,
            stored: 12,
            high: 11,
            representation: 0,
            padding: None,
            padding_limit: None,
            before: Vec::new(),
            pixel_vr: "OW",
            pixels: vec![0; 8],
            after: Vec::new(),
        }
    }
}

impl Dicom {
    pub fn data_set(&self) -> Vec<u8> {
        let s = self.syntax;
        let mut bytes = self.before.clone();
        bytes.extend(s.us((0x0028, 0x0002), self.channels));
        bytes.extend(s.element((0x0028, 0x0004), "CS", self.photometric.as_bytes()));
        if self.channels > 1 {
            bytes.extend(s.us((0x0028, 0x0006), self.planar));
        }
        if let Some(frames) = self.frames {
            bytes.extend(s.element((0x0028, 0x0008), "IS", frames.to_string().as_bytes()));
        }
        bytes.extend(s.us((0x0028, 0x0010), self.rows));
        bytes.extend(s.us((0x0028, 0x0011), self.columns));
        bytes.extend(s.us((0x0028, 0x0100), self.allocated));
        bytes.extend(s.us((0x0028, 0x0101), self.stored));
        bytes.extend(s.us((0x0028, 0x0102), self.high));
        bytes.extend(s.us((0x0028, 0x0103), self.representation));
        for (tag, value) in [(0x0120, self.padding), (0x0121, self.padding_limit)] {
            bytes.extend(
                value
                    .map(|value| s.us((0x0028, tag), value))
                    .unwrap_or_default(),
            );
        }
        bytes.extend(s.element((0x7FE0, 0x0010), self.pixel_vr, &self.pixels));
        bytes.extend(&self.after);
        bytes
    }

    /// The file of PS3.10: preamble, prefix, file meta information, data set.
    pub fn file(&self) -> Vec<u8> {
        [file_meta(self.syntax.uid()), self.data_set()].concat()
    }
}

pub fn file_meta(uid: &str) -> Vec<u8> {
    let mut uid = uid.as_bytes().to_vec();
    if uid.len() % 2 == 1 {
        uid.push(0);
    }
    let meta = Syntax::ExplicitLittle.element((0x0002, 0x0010), "UI", &uid);
    let len = u32::try_from(meta.len()).unwrap().to_le_bytes();
    let group_length = Syntax::ExplicitLittle.element((0x0002, 0x0000), "UL", &len);
    [vec![0; 128], b"DICM".to_vec(), group_length, meta].concat()
}

/// An uncompressed TIFF of 6.0 in which strips, tiles and planes can be chosen.
#[derive(Clone, Debug)]
pub struct Tiff {
    pub big_endian: bool,
    pub columns: u32,
    pub rows: u32,
    pub channels: u16,
    pub bits: u16,
    pub photometric: u16,
    pub planar: u16,
    pub compression: u16,
    pub fill_order: u16,
    pub sample_format: u16,
    /// Rows per strip, or columns and rows of a tile.
    pub cut: Cut,
    /// The bytes of each strip or tile.
    pub segments: Vec<Vec<u8>>,
}

#[derive(Clone, Copy, Debug)]
pub enum Cut {
    Strips(u32),
    Tiles(u32, u32),
}

impl Tiff {
    pub fn file(&self) -> Vec<u8> {
        let word = |n: u16| {
            if self.big_endian {
                n.to_be_bytes()
            } else {
                n.to_le_bytes()
            }
        };
        let long = |n: u32| {
            if self.big_endian {
                n.to_be_bytes()
            } else {
                n.to_le_bytes()
            }
        };
        let mut file = if self.big_endian {
            b"MM".to_vec()
        } else {
            b"II".to_vec()
        };
        file.extend(word(42));
        file.extend([0; 4]);
        let mut offsets = Vec::new();
        for segment in &self.segments {
            // something between the segments must stay too
            file.extend(b"gap.");
            offsets.push(u32::try_from(file.len()).unwrap());
            file.extend(segment);
        }
        let counts = self
            .segments
            .iter()
            .map(|s| u32::try_from(s.len()).unwrap())
            .collect::<Vec<_>>();
        let shorts = |values: Vec<u16>| {
            (
                3,
                values.len(),
                values.into_iter().flat_map(word).collect::<Vec<_>>(),
            )
        };
        let longs = |values: Vec<u32>| {
            (
                4,
                values.len(),
                values.into_iter().flat_map(long).collect::<Vec<_>>(),
            )
        };
        let mut entries = vec![
            (256, longs(vec![self.columns])),
            (257, longs(vec![self.rows])),
            (258, shorts(vec![self.bits; usize::from(self.channels)])),
            (259, shorts(vec![self.compression])),
            (262, shorts(vec![self.photometric])),
            (266, shorts(vec![self.fill_order])),
            (277, shorts(vec![self.channels])),
            (284, shorts(vec![self.planar])),
            (
                339,
                shorts(vec![self.sample_format; usize::from(self.channels)]),
            ),
        ];
        match self.cut {
            Cut::Strips(rows) => entries.extend([
                (273, longs(offsets)),
                (278, longs(vec![rows])),
                (279, longs(counts)),
            ]),
            Cut::Tiles(columns, rows) => entries.extend([
                (322, longs(vec![columns])),
                (323, longs(vec![rows])),
                (324, longs(offsets)),
                (325, longs(counts)),
            ]),
        }
        entries.sort_by_key(|(tag, _)| *tag);
        let mut directory = word(u16::try_from(entries.len()).unwrap()).to_vec();
        for (tag, (field, count, mut value)) in entries {
            directory.extend([word(tag), word(field)].concat());
            directory.extend(long(u32::try_from(count).unwrap()));
            if value.len() > 4 {
                directory.extend(long(u32::try_from(file.len()).unwrap()));
                file.extend(value);
            } else {
                value.resize(4, 0);
                directory.extend(value);
            }
        }
        directory.extend([0; 4]);
        let at = long(u32::try_from(file.len()).unwrap());
        file.splice(4..8, at);
        file.extend(directory);
        file
    }
}
