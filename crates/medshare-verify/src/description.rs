//! What is hidden in the image about its patient.

use core::fmt;
use std::collections::BTreeMap;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_normalization::{UnicodeNormalization as _, is_nfc};
use zeroize::Zeroize;

use crate::codec::{byte_string, encode};
use crate::{Error, Result};

/// The most bytes of a description in its canonical encoding.
pub const MAX_DESCRIPTION: usize = 64 * 1024;

/// The patient's description: DICOM attributes by tag, or free text. UTF-8 in Normalization Form C.
///
/// ```
/// use medshare_verify::Description;
///
/// assert_eq!(Description::text("left knee")?.as_text(), Some("left knee"));
/// # Ok::<(), medshare_verify::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Description(Content);

#[derive(Clone, PartialEq, Eq)]
enum Content {
    Attributes(BTreeMap<String, String>),
    Text(String),
}

impl Description {
    /// Free text; brought into Normalization Form C.
    ///
    /// # Errors
    ///
    /// [`Error::Description`] above [`MAX_DESCRIPTION`].
    pub fn text(text: &str) -> Result<Self> {
        Self(Content::Text(text.nfc().collect())).within()
    }

    /// Attributes: eight upper-case hexadecimal digits of DICOM group and element to the value; values are brought into
    /// Normalization Form C.
    ///
    /// # Errors
    ///
    /// [`Error::Description`] above [`MAX_DESCRIPTION`].
    pub fn attributes(map: &BTreeMap<String, String>) -> Result<Self> {
        let normal = map
            .iter()
            .map(|(tag, value)| (tag.nfc().collect(), value.nfc().collect()))
            .collect();
        Self(Content::Attributes(normal)).within()
    }

    /// What the file says of its patient; empty text when it says nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Description`] above [`MAX_DESCRIPTION`].
    pub fn of(description: &medical_image::Description) -> Result<Self> {
        match description {
            medical_image::Description::Attributes(map) => Self::attributes(map),
            medical_image::Description::Text(text) => Self::text(text),
            _ => Self::text(""),
        }
    }

    /// The attributes, when it has attributes.
    #[must_use]
    pub const fn as_attributes(&self) -> Option<&BTreeMap<String, String>> {
        match &self.0 {
            Content::Attributes(map) => Some(map),
            Content::Text(_) => None,
        }
    }

    /// The text, when it is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.0 {
            Content::Text(text) => Some(text),
            Content::Attributes(_) => None,
        }
    }

    fn within(self) -> Result<Self> {
        match encode(&self).len() {
            found if found > MAX_DESCRIPTION => Err(Error::Description {
                limit: MAX_DESCRIPTION,
                found,
            }),
            _ => Ok(self),
        }
    }
}

impl fmt::Debug for Description {
    /// Prints how much there is, never what: it names a patient.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Content::Attributes(map) => write!(f, "Attributes({})", map.len()),
            Content::Text(text) => write!(f, "Text({} bytes)", text.len()),
        }
    }
}

impl Serialize for Description {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Content::Attributes(map) => map.serialize(serializer),
            Content::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Description {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MapOrText;

        impl<'de> Visitor<'de> for MapOrText {
            type Value = Content;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of texts, or a text, in Normalization Form C")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Content, E> {
                normal(text.to_owned()).map(Content::Text)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Content, A::Error> {
                // no capacity by a claimed length
                let mut map = BTreeMap::new();
                while let Some((tag, value)) = access.next_entry::<String, String>()? {
                    map.insert(normal(tag)?, normal(value)?);
                }
                Ok(Content::Attributes(map))
            }
        }

        let content = deserializer.deserialize_any(MapOrText)?;
        Self(content).within().map_err(D::Error::custom)
    }
}

fn normal<E: serde::de::Error>(text: String) -> Result<String, E> {
    if is_nfc(&text) {
        Ok(text)
    } else {
        Err(E::custom("a text is not in Normalization Form C"))
    }
}

/// 32 random bytes beside a description, without which nobody can test guesses of it against the commitment.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt([u8; 32]);

impl Salt {
    /// Wraps random bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Random bytes of the operating system.
    ///
    /// # Errors
    ///
    /// [`Error::Random`].
    pub fn random() -> Result<Self> {
        crate::hidden::random().map(Self)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Drop for Salt {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(..)")
    }
}

byte_string!(Salt, 32);
