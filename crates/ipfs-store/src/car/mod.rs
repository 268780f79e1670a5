//! CAR files: blocks one after the other.
//!
//! Formats: IPLD's CARv1 and CARv2 specifications, and the index "MultihashIndexSorted".

mod index;
mod section;

pub(crate) use index::{FRONT, HEADER, Header, Offset, PRAGMA, read_index, write_index};
pub(crate) use section::{MAX_PREFIX, Sections, push_section, split_prefix, write_header};
