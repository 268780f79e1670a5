//! Data elements one after another, nested ones too, without recursion and without trusting a length (PS3.5 7.1, 7.5).

use dicom_core::header::{DataElementHeader, HasLength as _, Header as _};
use dicom_core::{Tag, VR};
use dicom_encoding::decode::explicit_be::ExplicitVRBigEndianDecoder;
use dicom_encoding::decode::explicit_le::ExplicitVRLittleEndianDecoder;
use dicom_encoding::decode::implicit_le::StandardImplicitVRLittleEndianDecoder;
use dicom_encoding::decode::{Decode, Result as Decoded};

use super::syntax::{Syntax, VrEncoding};
use crate::reader::{Endian, Reader};
use crate::{Error, Format, Result};

pub(crate) const PIXEL_DATA: Tag = Tag(0x7FE0, 0x0010);
const ITEM: Tag = Tag(0xFFFE, 0xE000);
const ITEM_END: Tag = Tag(0xFFFE, 0xE00D);
const SEQUENCE_END: Tag = Tag(0xFFFE, 0xE0DD);
/// Shared, and per frame.
const FUNCTIONAL_GROUPS: [Tag; 2] = [Tag(0x5200, 0x9229), Tag(0x5200, 0x9230)];

/// Deeper nesting than any real object has; a file may not make us remember more.
const MAX_DEPTH: usize = 32;

/// One data element that is no sequence.
#[derive(Clone, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) tag: Tag,
    pub(crate) vr: VR,
    /// Where the value begins in the file.
    pub(crate) offset: usize,
    pub(crate) value: &'a [u8],
}

/// Walks through a data set.
///
/// Sequences of undefined length are walked through, because nothing else tells where they end. Of those with a length
/// only the functional groups of multi-frame images are, the rest is stepped over.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    reader: Reader<'a>,
    syntax: Syntax,
    open: Vec<Open>,
}

/// A sequence that was entered.
#[derive(Debug)]
struct Open {
    tag: Tag,
    /// Items begun so far.
    items: u32,
    /// Where the sequence ends, when its length is defined.
    end: Option<usize>,
    item: Item,
    /// The syntax outside, to return to.
    outside: Syntax,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    /// Between items.
    Closed,
    /// Inside an item that ends at an offset, or at a delimiter.
    Open(Option<usize>),
}

const UNDEFINED: u32 = u32::MAX;

impl<'a> Walk<'a> {
    pub(crate) fn new(reader: Reader<'a>, syntax: Syntax) -> Self {
        let reader = Reader::new_at(&reader, syntax.endian);
        Self {
            reader,
            syntax,
            open: Vec::new(),
        }
    }

    pub(crate) fn position(&self) -> usize {
        self.reader.position()
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.reader.rest()
    }

    /// The next element that is no sequence; none at the end of the file.
    pub(crate) fn next_element(&mut self) -> Result<Option<Element<'a>>> {
        loop {
            self.leave();
            if self.reader.rest().is_empty() {
                return match self.open.last() {
                    None => Ok(None),
                    Some(open) => Err(Error::malformed(
                        format!("sequence {}", open.tag),
                        "its end",
                        "the end of the file",
                    )),
                };
            }
            let offset = self.reader.position();
            let header = self.header()?;
            let (tag, len) = (header.tag(), header.length().0);
            let walked = len == UNDEFINED || self.is_of_functional_groups(&header);
            match (self.open.last_mut(), tag) {
                (Some(open), ITEM) if open.item == Item::Closed => {
                    open.items = open.items.saturating_add(1);
                    open.item = Item::Open(end(&self.reader, len));
                }
                (Some(open), SEQUENCE_END) if open.item == Item::Closed && open.end.is_none() => {
                    self.close();
                }
                (Some(open), ITEM_END) if open.item == Item::Open(None) => {
                    open.item = Item::Closed;
                }
                (
                    Some(Open {
                        item: Item::Closed, ..
                    }),
                    _,
                )
                | (_, ITEM | ITEM_END | SEQUENCE_END) => {
                    return Err(Error::malformed(
                        format!("data element at byte {offset}"),
                        "what belongs there by PS3.5 7.5",
                        tag.to_string(),
                    ));
                }
                (None, PIXEL_DATA) if len == UNDEFINED => {
                    return Err(Error::refused(
                        Format::Dicom,
                        "its pixel data is encapsulated, expected a defined length",
                    ));
                }
                _ if walked => self.enter(&header)?,
                _ => return self.element(&header).map(Some),
            }
        }
    }

    /// How many sequences the last element stands in.
    pub(crate) fn depth(&self) -> usize {
        self.open.len()
    }

    /// The sequences that the last element stands in, outermost first, each with the number of its item.
    pub(crate) fn path(&self) -> Vec<(Tag, u32)> {
        let open = self.open.iter();
        open.map(|open| (open.tag, open.items.saturating_sub(1)))
            .collect()
    }

    /// Whether the last element stands in functional groups.
    pub(crate) fn is_in_functional_groups(&self) -> bool {
        self.open
            .first()
            .is_some_and(|open| FUNCTIONAL_GROUPS.contains(&open.tag))
    }

    fn element(&mut self, header: &DataElementHeader) -> Result<Element<'a>> {
        let tag = header.tag();
        let offset = self.reader.position();
        let what = if tag == PIXEL_DATA {
            "value of PixelData".to_owned()
        } else {
            format!("value of {tag}")
        };
        let value = self.reader.take(u64::from(header.length().0), &what)?;
        Ok(Element {
            tag,
            vr: header.vr(),
            offset,
            value,
        })
    }

    /// Whether this is a functional groups sequence, or a sequence inside one.
    fn is_of_functional_groups(&self, header: &DataElementHeader) -> bool {
        let outermost = self.open.first().map_or(header.tag(), |open| open.tag);
        FUNCTIONAL_GROUPS.contains(&outermost) && (self.open.is_empty() || header.vr() == VR::SQ)
    }

    fn enter(&mut self, header: &DataElementHeader) -> Result<()> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Error::malformed(
                format!("sequence {}", header.tag()),
                format!("at most {MAX_DEPTH} sequences inside one another"),
                "more",
            ));
        }
        self.open.push(Open {
            tag: header.tag(),
            items: 0,
            end: end(&self.reader, header.length().0),
            item: Item::Closed,
            outside: self.syntax,
        });
        // PS3.5 6.2.2 note 2: an unknown sequence of undefined length is written with implicit VR.
        if header.vr() == VR::UN {
            self.syntax.vr = VrEncoding::Implicit;
        }
        Ok(())
    }

    /// Leaves the items and sequences that end here by their length.
    fn leave(&mut self) {
        let position = self.reader.position();
        while let Some(open) = self.open.last_mut() {
            if matches!(open.item, Item::Open(Some(end)) if position >= end) {
                open.item = Item::Closed;
            }
            match open.end {
                Some(end) if position >= end => self.close(),
                _ => break,
            }
        }
    }

    fn close(&mut self) {
        if let Some(open) = self.open.pop() {
            self.syntax = open.outside;
        }
    }

    fn header(&mut self) -> Result<DataElementHeader> {
        let mut rest = self.reader.rest();
        let decoded = match (self.syntax.vr, self.syntax.endian) {
            (VrEncoding::Explicit, Endian::Little) => {
                ExplicitVRLittleEndianDecoder::default().decode_header(&mut rest)
            }
            (VrEncoding::Explicit, Endian::Big) => {
                ExplicitVRBigEndianDecoder::default().decode_header(&mut rest)
            }
            (VrEncoding::Implicit, _) => implicit(&mut rest),
        };
        match decoded {
            Ok((header, read)) => {
                self.reader.take(read as u64, "data element header")?;
                Ok(header)
            }
            // eight bytes are the shortest header, twelve the longest
            Err(_) => Err(Error::Truncated {
                what: "data element header".to_owned(),
                offset: self.reader.position() as u64,
                needed: if self.reader.rest().len() < 8 { 8 } else { 12 },
                available: self.reader.rest().len() as u64,
            }),
        }
    }
}

fn implicit(rest: &mut &[u8]) -> Decoded<(DataElementHeader, usize)> {
    StandardImplicitVRLittleEndianDecoder::default().decode_header(rest)
}

fn end(reader: &Reader<'_>, len: u32) -> Option<usize> {
    (len != UNDEFINED).then(|| {
        reader
            .position()
            .saturating_add(usize::try_from(len).unwrap_or(usize::MAX))
    })
}
