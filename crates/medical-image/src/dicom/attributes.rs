//! The attributes of a data set: those that describe the image, the patient and the study.

use std::collections::BTreeMap;

use dicom_core::dictionary::{DataDictionary as _, DataDictionaryEntry as _};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::StandardDataDictionary;

use super::element::{Element, PIXEL_DATA, Walk};
use super::syntax::Syntax;
use super::text::CharacterSet;
use crate::reader::{Endian, Reader};
use crate::{Description, Error, Format, Result};

/// Study attributes of the description; group 0010 belongs to it whole (PS3.3 C.7.1.1, C.7.2.1, C.7.2.2).
const STUDY: &[Tag] = &[
    Tag(0x0008, 0x0020), // Study Date
    Tag(0x0008, 0x0030), // Study Time
    Tag(0x0008, 0x0050), // Accession Number
    Tag(0x0008, 0x0090), // Referring Physician's Name
    Tag(0x0008, 0x009C), // Consulting Physician's Name
    Tag(0x0008, 0x1030), // Study Description
    Tag(0x0008, 0x1048), // Physician(s) of Record
    Tag(0x0008, 0x1060), // Name of Physician(s) Reading Study
    Tag(0x0008, 0x1080), // Admitting Diagnoses Description
    Tag(0x0020, 0x000D), // Study Instance UID
    Tag(0x0020, 0x0010), // Study ID
    Tag(0x0032, 0x4000), // Study Comments
];

/// What a reader must not be shown wrongly: whose image, which side, how large, which way round, which values.
const CLINICAL: &[Tag] = &[
    Tag(0x0008, 0x0016), // SOP Class UID
    Tag(0x0008, 0x0018), // SOP Instance UID
    Tag(0x0008, 0x0020), // Study Date
    Tag(0x0008, 0x0060), // Modality
    Tag(0x0010, 0x0010), // Patient's Name
    Tag(0x0010, 0x0020), // Patient ID
    Tag(0x0010, 0x0030), // Patient's Birth Date
    Tag(0x0010, 0x0040), // Patient's Sex
    Tag(0x0018, 0x0015), // Body Part Examined
    Tag(0x0018, 0x0050), // Slice Thickness
    Tag(0x0018, 0x0088), // Spacing Between Slices
    Tag(0x0018, 0x1164), // Imager Pixel Spacing
    Tag(0x0018, 0x5100), // Patient Position
    Tag(0x0018, 0x5101), // View Position
    Tag(0x0020, 0x000D), // Study Instance UID
    Tag(0x0020, 0x000E), // Series Instance UID
    Tag(0x0020, 0x0013), // Instance Number
    Tag(0x0020, 0x0020), // Patient Orientation
    Tag(0x0020, 0x0032), // Image Position (Patient)
    Tag(0x0020, 0x0037), // Image Orientation (Patient)
    Tag(0x0020, 0x0052), // Frame of Reference UID
    Tag(0x0020, 0x0060), // Laterality
    Tag(0x0020, 0x0062), // Image Laterality
    Tag(0x0020, 0x9072), // Frame Laterality
    Tag(0x0028, 0x0004), // Photometric Interpretation
    Tag(0x0028, 0x0030), // Pixel Spacing
    Tag(0x0028, 0x0034), // Pixel Aspect Ratio
    Tag(0x0028, 0x1052), // Rescale Intercept
    Tag(0x0028, 0x1053), // Rescale Slope
    Tag(0x0028, 0x1054), // Rescale Type
];

/// Sequences inside one another in functional groups that clinical attributes are looked for in: twice as many as those of PS3.3 C.7.6.16 have.
const DEEPEST: usize = 8;

/// The elements of a data set up to its pixel data.
#[derive(Debug)]
pub(crate) struct Attributes<'a> {
    top: BTreeMap<Tag, Element<'a>>,
    /// Clinical attributes inside functional groups, each with its path.
    nested: Vec<(Vec<(Tag, u32)>, Element<'a>)>,
    endian: Endian,
    charset: CharacterSet,
}

impl<'a> Attributes<'a> {
    /// Walks from the beginning of the data set, at byte `at`, to the pixel data.
    pub(crate) fn read(
        bytes: &'a [u8],
        syntax: Syntax,
        at: usize,
    ) -> Result<(Self, Option<Element<'a>>)> {
        let reader = Reader::new(bytes, syntax.endian).at(at as u64, "data set")?;
        let mut walk = Walk::new(reader, syntax);
        let mut attributes = Self {
            top: BTreeMap::new(),
            nested: Vec::new(),
            endian: syntax.endian,
            charset: CharacterSet::default(),
        };
        let mut pixel_data = None;
        while let Some(element) = walk.next_element()? {
            if walk.depth() > 0 {
                // A path is longer than most elements: it is kept for those alone that can be shown.
                if walk.is_in_functional_groups()
                    && walk.depth() <= DEEPEST
                    && !element.value.is_empty()
                    && CLINICAL.contains(&element.tag)
                {
                    attributes.nested.push((walk.path(), element));
                }
            } else if element.tag == PIXEL_DATA {
                pixel_data = Some(element);
                break;
            } else if matches!(element.tag, Tag(0x7FE0, 0x0008 | 0x0009)) {
                return Err(Error::refused(
                    Format::Dicom,
                    format!(
                        "its pixel data is floating point {}, expected integers",
                        element.tag
                    ),
                ));
            } else if let Some(twice) = attributes.top.insert(element.tag, element) {
                return Err(Error::malformed(
                    "data set",
                    format!("element {} once", twice.tag),
                    "it twice",
                ));
            }
        }
        let terms = attributes
            .top
            .get(&Tag(0x0008, 0x0005))
            .map_or(&[][..], |element| element.value);
        attributes.charset = CharacterSet::new(terms);
        Ok((attributes, pixel_data))
    }

    /// A US or SS value (its first, if there are several) as it is stored.
    pub(crate) fn word(&self, tag: Tag, name: &str) -> Result<Option<u16>> {
        match self.top.get(&tag) {
            None => Ok(None),
            Some(element) if element.value.is_empty() => Ok(None),
            Some(element) => Reader::new(element.value, self.endian)
                .u16(name)
                .map(Some)
                .map_err(|_| {
                    Error::malformed(
                        name,
                        "a value of 2 bytes",
                        format!("{}", element.value.len()),
                    )
                }),
        }
    }

    /// A US value without which there is no image.
    pub(crate) fn required(&self, tag: Tag, name: &str) -> Result<u16> {
        self.word(tag, name)?
            .ok_or_else(|| Error::malformed("data set", format!("{name} {tag}"), "none"))
    }

    /// A top-level value as text; none when it is absent or empty.
    pub(crate) fn text(&self, tag: Tag) -> Option<String> {
        self.top.get(&tag).and_then(|element| self.text_of(element))
    }

    pub(crate) fn description(&self) -> Description {
        let patient = self
            .top
            .range(Tag(0x0010, 0)..=Tag(0x0010, u16::MAX))
            .map(|(tag, _)| *tag);
        let attributes: BTreeMap<String, String> = patient
            .chain(STUDY.iter().copied())
            .filter_map(|tag| Some((key(tag), self.text(tag)?)))
            .collect();
        if attributes.is_empty() {
            Description::None
        } else {
            Description::Attributes(attributes)
        }
    }

    pub(crate) fn header(&self) -> BTreeMap<String, String> {
        let top = CLINICAL
            .iter()
            .filter_map(|tag| Some((key(*tag), self.text(*tag)?)));
        let nested = self.nested.iter().filter_map(|(path, element)| {
            let text = self.text_of(element)?;
            let mut at = String::new();
            for (tag, item) in path {
                at += &format!("{}/{item}/", key(*tag));
            }
            Some((at + &key(element.tag), text))
        });
        top.chain(nested).collect()
    }

    /// Modality and body part, if they are the code strings they should be: anything else might identify someone.
    pub(crate) fn kind(&self) -> String {
        let is_code = |text: &String| {
            text.len() <= 16
                && text
                    .bytes()
                    .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b' ' || b == b'_')
        };
        let words: Vec<String> = [Tag(0x0008, 0x0060), Tag(0x0018, 0x0015)]
            .into_iter()
            .filter_map(|tag| self.text(tag).filter(is_code))
            .collect();
        if words.is_empty() {
            Format::Dicom.to_string()
        } else {
            words.join(" ")
        }
    }

    fn text_of(&self, element: &Element<'_>) -> Option<String> {
        let vr = if element.vr == VR::UN {
            dictionary_vr(element.tag)
        } else {
            element.vr
        };
        let text = match vr {
            VR::LO | VR::LT | VR::PN | VR::SH | VR::ST | VR::UC | VR::UT => {
                self.charset.decode(element.value)
            }
            VR::AE
            | VR::AS
            | VR::CS
            | VR::DA
            | VR::DS
            | VR::DT
            | VR::IS
            | VR::TM
            | VR::UI
            | VR::UR => CharacterSet::default().decode(element.value),
            VR::US => {
                let (words, _) = element.value.as_chunks::<2>();
                let numbers: Vec<String> = words
                    .iter()
                    .map(|word| match self.endian {
                        Endian::Little => u16::from_le_bytes(*word).to_string(),
                        Endian::Big => u16::from_be_bytes(*word).to_string(),
                    })
                    .collect();
                numbers.join("\\")
            }
            _ => return None,
        };
        (!text.is_empty()).then_some(text)
    }
}

fn dictionary_vr(tag: Tag) -> VR {
    StandardDataDictionary
        .by_tag(tag)
        .map_or(VR::UN, |entry| entry.vr().relaxed())
}

fn key(tag: Tag) -> String {
    format!("{:04X}{:04X}", tag.group(), tag.element())
}
