//! Canonical DAG-CBOR in one pass over one buffer.
//!
//! What `serde_ipld_dagcbor` writes, byte for byte (a property test compares them), for what this crate's types are made of:
//! that crate gives each entry of each map memory of its own before it sorts them, and so copies every byte once a level.

use std::fmt;

use ipld_core::cid::serde::CID_SERDE_PRIVATE_IDENTIFIER;
use serde::ser::{Impossible, SerializeSeq, SerializeStruct, SerializeStructVariant};
use serde::{Serialize, Serializer};

// major types (RFC 8949, section 3.1), in the three upper bits
const UNSIGNED: u8 = 0 << 5;
const BYTES: u8 = 2 << 5;
const TEXT: u8 = 3 << 5;
const ARRAY: u8 = 4 << 5;
const MAP: u8 = 5 << 5;
/// Tag 42: a link.
const LINK: [u8; 2] = [0xd8, 42];

/// Writes values one after the other.
pub(super) struct Encoder {
    pub(super) bytes: Vec<u8>,
    /// The next byte string is a CID: a zero byte stands before it.
    link: bool,
}

impl Encoder {
    /// Begins with memory for this many bytes.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            link: false,
        }
    }

    /// A major type and its number, in the shortest form.
    fn head(&mut self, major: u8, number: u64) {
        let [.., a, b, c, d] = number.to_be_bytes();
        match number {
            0..=23 => self.bytes.push(major | d),
            24..=0xff => self.bytes.extend([major | 24, d]),
            0x100..=0xffff => self.bytes.extend([major | 25, c, d]),
            0x1_0000..=0xffff_ffff => self.bytes.extend([major | 26, a, b, c, d]),
            _ => {
                self.bytes.push(major | 27);
                self.bytes.extend(number.to_be_bytes());
            }
        }
    }

    fn length(&mut self, major: u8, length: usize) {
        self.head(major, u64::try_from(length).unwrap_or(u64::MAX));
    }

    fn text(&mut self, text: &str) {
        self.length(TEXT, text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn fields(&mut self, count: usize) -> Fields<'_> {
        self.length(MAP, count);
        Fields {
            starts: Vec::with_capacity(count),
            last: "",
            sorted: true,
            to: self,
        }
    }
}

/// The entries of a map, as they come.
pub(super) struct Fields<'a> {
    to: &'a mut Encoder,
    starts: Vec<usize>,
    last: &'static str,
    sorted: bool,
}

impl Fields<'_> {
    fn field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), fmt::Error> {
        // by length, then by bytes (RFC 7049, section 3.9)
        self.sorted &= (self.last.len(), self.last) < (key.len(), key);
        self.last = key;
        self.starts.push(self.to.bytes.len());
        self.to.text(key);
        value.serialize(&mut *self.to)
    }

    /// Puts the entries in order: that of their bytes, because a key's length stands before it.
    fn finish(self) {
        let Some(&first) = self.starts.first().filter(|_| !self.sorted) else {
            return;
        };
        let entries = self.to.bytes.split_off(first);
        let ends = self.starts.iter().skip(1).map(|end| end - first);
        let ends = ends.chain([entries.len()]);
        let starts = self.starts.iter().map(|start| start - first);
        let mut sorted: Vec<&[u8]> = starts
            .zip(ends)
            .filter_map(|(start, end)| entries.get(start..end))
            .collect();
        sorted.sort_unstable();
        for entry in sorted {
            self.to.bytes.extend_from_slice(entry);
        }
    }
}

impl SerializeStruct for Fields<'_> {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), fmt::Error> {
        self.field(key, value)
    }

    fn end(self) -> Result<(), fmt::Error> {
        self.finish();
        Ok(())
    }
}

impl SerializeStructVariant for Fields<'_> {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), fmt::Error> {
        self.field(key, value)
    }

    fn end(self) -> Result<(), fmt::Error> {
        self.finish();
        Ok(())
    }
}

impl SerializeSeq for &mut Encoder {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), fmt::Error> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), fmt::Error> {
        Ok(())
    }
}

/// Kinds of values that no type of this crate has.
macro_rules! none_of {
    ($($name:ident($($of:ty),*) -> $some:ty;)*) => {
        $(fn $name(self, $(_: $of),*) -> Result<$some, fmt::Error> {
            Err(fmt::Error)
        })*
    };
}

impl<'a> Serializer for &'a mut Encoder {
    type Ok = ();
    type Error = fmt::Error;
    type SerializeSeq = Self;
    type SerializeStruct = Fields<'a>;
    type SerializeStructVariant = Fields<'a>;
    type SerializeTuple = Impossible<(), fmt::Error>;
    type SerializeTupleStruct = Impossible<(), fmt::Error>;
    type SerializeTupleVariant = Impossible<(), fmt::Error>;
    type SerializeMap = Impossible<(), fmt::Error>;

    fn serialize_u64(self, number: u64) -> Result<(), fmt::Error> {
        self.head(UNSIGNED, number);
        Ok(())
    }

    fn serialize_str(self, text: &str) -> Result<(), fmt::Error> {
        self.text(text);
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), fmt::Error> {
        let link = std::mem::take(&mut self.link);
        self.length(BYTES, bytes.len() + usize::from(link));
        if link {
            self.bytes.push(0);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), fmt::Error> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), fmt::Error> {
        if name == CID_SERDE_PRIVATE_IDENTIFIER {
            self.bytes.extend(LINK);
            self.link = true;
        }
        value.serialize(self)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), fmt::Error> {
        self.text(variant);
        Ok(())
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), fmt::Error> {
        self.length(MAP, 1);
        self.text(variant);
        value.serialize(self)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self, fmt::Error> {
        self.length(ARRAY, length.ok_or(fmt::Error)?);
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, length: usize) -> Result<Fields<'a>, fmt::Error> {
        Ok(self.fields(length))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Fields<'a>, fmt::Error> {
        self.length(MAP, 1);
        self.text(variant);
        Ok(self.fields(length))
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    none_of! {
        serialize_bool(bool) -> ();
        serialize_i8(i8) -> ();
        serialize_i16(i16) -> ();
        serialize_i32(i32) -> ();
        serialize_i64(i64) -> ();
        serialize_u8(u8) -> ();
        serialize_u16(u16) -> ();
        serialize_u32(u32) -> ();
        serialize_f32(f32) -> ();
        serialize_f64(f64) -> ();
        serialize_char(char) -> ();
        serialize_none() -> ();
        serialize_unit() -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
    }
}
