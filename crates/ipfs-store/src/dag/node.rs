//! dag-pb and UnixFS: reading one block, and writing one.
//!
//! By hand, since no library reads both strictly without allocating what a block claims, and the importer must not hash
//! twice; rust-unixfs and aleph-cid check every root in the tests.

use std::ops::Range;

use crate::hash::{DAG_CBOR, DAG_PB, RAW};
use crate::{Block, Cid, Error, Profile, Result, varint};

/// What one block says, once it is understood.
#[derive(Debug)]
pub(crate) enum Kind<'a> {
    /// Bytes of a file: where they stand in the block.
    Bytes(Range<usize>),
    /// A file of bytes, which may be none, and then children.
    File {
        data: Range<usize>,
        size: u64,
        children: Vec<Child>,
    },
    /// A directory in one block.
    Directory(Vec<Link<'a>>),
    /// One node of a directory in many blocks (a HAMT).
    Shard { fanout: u64, links: Vec<Link<'a>> },
    /// A symbolic link.
    Symlink,
    /// Structured data: nothing but its links is known here.
    Data(Vec<Cid>),
}

impl Kind<'_> {
    /// Its name in messages.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Bytes(_) | Self::File { .. } => "a file",
            Self::Directory(_) | Self::Shard { .. } => "a directory",
            Self::Symlink => "a symbolic link",
            Self::Data(_) => "structured data",
        }
    }
}

/// A child of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Child {
    pub(crate) cid: Cid,
    /// The bytes of the file that it holds.
    pub(crate) size: u64,
    /// The bytes of all blocks under it, as the link claims.
    pub(crate) tree_size: u64,
}

/// A link of a dag-pb node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link<'a> {
    pub(crate) cid: Cid,
    pub(crate) name: &'a str,
    pub(crate) tree_size: u64,
}

/// Understands a block by the codec of its CID.
pub(crate) fn read(block: &Block) -> Result<Kind<'_>> {
    let (cid, bytes) = (*block.cid(), block.bytes());
    match cid.codec() {
        RAW => Ok(Kind::Bytes(0..bytes.len())),
        DAG_PB => read_node(bytes).map_err(|reason| Error::malformed(cid, reason)),
        DAG_CBOR => {
            use ipld_core::codec::Links as _;
            serde_ipld_dagcbor::codec::DagCborCodec::links(bytes)
                .map(|links| Kind::Data(links.collect()))
                .map_err(|_| Error::malformed(cid, "it is no canonical DAG-CBOR"))
        }
        codec => Err(Error::UnknownCodec {
            cid: cid.into(),
            codec,
        }),
    }
}

fn read_node(bytes: &[u8]) -> Result<Kind<'_>, &'static str> {
    let mut links = Vec::new();
    let mut data = None;
    for field in Fields::new(bytes, 0) {
        match field? {
            (1, Value::Bytes(at)) if data.is_none() => data = Some(at),
            (2, Value::Bytes(at)) => links.push(read_link(slice(bytes, &at))?),
            (1, _) => return Err("a dag-pb node has one field of data, as bytes"),
            (2, _) => return Err("a dag-pb link is a message"),
            _ => return Err("a dag-pb node has a field that dag-pb does not know"),
        }
    }
    let at = data.ok_or("a dag-pb node without data is no UnixFS")?;
    read_unixfs(bytes, at, links)
}

fn read_link(bytes: &[u8]) -> Result<Link<'_>, &'static str> {
    let (mut cid, mut name, mut tree_size) = (None, None, None);
    for field in Fields::new(bytes, 0) {
        match field? {
            (1, Value::Bytes(at)) if cid.is_none() => {
                let hash = slice(bytes, &at);
                let mut rest = hash;
                let read = Cid::read_bytes(&mut rest).map_err(|_| "a link's hash is no CID")?;
                if !rest.is_empty() {
                    return Err("a link's CID is followed by other bytes");
                }
                cid = Some(read);
            }
            (2, Value::Bytes(at)) if name.is_none() => {
                let text = std::str::from_utf8(slice(bytes, &at));
                name = Some(text.map_err(|_| "a link's name is not UTF-8")?);
            }
            (3, Value::Number(size)) if tree_size.is_none() => tree_size = Some(size),
            _ => return Err("a dag-pb link has a field that dag-pb does not know, or one twice"),
        }
    }
    Ok(Link {
        cid: cid.ok_or("a dag-pb link has no hash")?,
        name: name.unwrap_or_default(),
        tree_size: tree_size.unwrap_or_default(),
    })
}

/// The message inside a node's data; `at` is where it stands in the block.
fn read_unixfs<'a>(
    block: &'a [u8],
    at: Range<usize>,
    links: Vec<Link<'a>>,
) -> Result<Kind<'a>, &'static str> {
    let (mut kind, mut data, mut size, mut fanout) = (None, None, None, None);
    let (mut sizes, mut total) = (Vec::new(), 0_u64);
    for field in Fields::new(slice(block, &at), at.start) {
        match field? {
            (1, Value::Number(number)) => kind = Some(number),
            (2, Value::Bytes(at)) => data = Some(at),
            (3, Value::Number(number)) => size = Some(number),
            (4, Value::Number(number)) => {
                total = total
                    .checked_add(number)
                    .ok_or("the sizes of a file's parts overflow")?;
                sizes.push(number);
            }
            (6, Value::Number(number)) => fanout = Some(number),
            // hash type, mode and time change nothing about the bytes
            (5 | 7, Value::Number(_)) | (8, Value::Bytes(_)) => {}
            _ => return Err("a UnixFS node has a field that UnixFS does not know"),
        }
    }
    let data = data.unwrap_or(at.end..at.end);
    match kind.ok_or("a UnixFS node has no type")? {
        0 | 2 => {
            if sizes.len() != links.len() {
                return Err("a file has as many sizes as parts");
            }
            let found = total
                .checked_add(data.len() as u64)
                .ok_or("the sizes of a file's parts overflow")?;
            if size.unwrap_or(found) != found {
                return Err("a file's size is not the sum of its parts' sizes");
            }
            let children = links.iter().zip(sizes).map(|(link, size)| Child {
                cid: link.cid,
                size,
                tree_size: link.tree_size,
            });
            Ok(Kind::File {
                data,
                size: found,
                children: children.collect(),
            })
        }
        1 => Ok(Kind::Directory(links)),
        4 => Ok(Kind::Symlink),
        5 => Ok(Kind::Shard {
            fanout: fanout.ok_or("a shard has no fan-out")?,
            links,
        }),
        _ => Err("a UnixFS node has a type that UnixFS does not know"),
    }
}

/// The dag-pb leaf of a file, as profiles without raw leaves write it.
pub(crate) fn write_leaf(data: &[u8]) -> Vec<u8> {
    let size = data.len() as u64;
    let mut unixfs = 1 + 1 + 1 + varint::len(size);
    if !data.is_empty() {
        unixfs += 1 + varint::len(size) + data.len();
    }
    let mut out = Vec::with_capacity(1 + varint::len(unixfs as u64) + unixfs);
    out.push(DATA);
    varint::push(&mut out, unixfs as u64);
    out.extend([0x08, 2]);
    if !data.is_empty() {
        out.push(0x12);
        varint::push(&mut out, size);
        out.extend_from_slice(data);
    }
    out.push(0x18);
    varint::push(&mut out, size);
    out
}

/// A file of children; also the sum of their sizes.
pub(crate) fn write_file(children: &[Child]) -> (Vec<u8>, u64) {
    let mut out = Vec::new();
    let mut size = 0_u64;
    for child in children {
        size = size.saturating_add(child.size);
        push_link(&mut out, &child.cid, "", child.tree_size);
    }
    let mut unixfs = vec![0x08, 2, 0x18];
    varint::push(&mut unixfs, size);
    for child in children {
        unixfs.push(0x20);
        varint::push(&mut unixfs, child.size);
    }
    push_bytes(&mut out, DATA, &unixfs);
    (out, size)
}

/// A directory in one block; the links are in the order of their names.
pub(crate) fn write_directory(links: &[Link<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for link in links {
        push_link(&mut out, &link.cid, link.name, link.tree_size);
    }
    push_bytes(&mut out, DATA, &[0x08, 1]);
    out
}

/// One node of a sharded directory: a bit for every slot that is taken, then the links, in the order of the slots.
pub(crate) fn write_shard(bits: &[u8], hash_type: u64, fanout: u64, links: &[Link<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for link in links {
        push_link(&mut out, &link.cid, link.name, link.tree_size);
    }
    let mut unixfs = vec![0x08, 5];
    push_bytes(&mut unixfs, 0x12, bits);
    unixfs.push(0x28);
    varint::push(&mut unixfs, hash_type);
    unixfs.push(0x30);
    varint::push(&mut unixfs, fanout);
    push_bytes(&mut out, DATA, &unixfs);
    out
}

/// The block of a node under the profile's version of CID.
pub(crate) fn block(profile: Profile, bytes: Vec<u8>) -> Result<Block> {
    match profile {
        Profile::UnixfsV1_2025 | Profile::Cidv1_256k => Block::dag_pb(bytes),
        Profile::LegacyCidv0 => Block::dag_pb_v0(bytes),
    }
}

/// Tag of a node's data; a link's is [`LINK`].
const DATA: u8 = 0x0a;
const LINK: u8 = 0x12;

/// One link: hash, name and size, all three always, as Kubo writes them.
pub(crate) fn push_link(out: &mut Vec<u8>, cid: &Cid, name: &str, tree_size: u64) {
    let mut link = Vec::with_capacity(64 + name.len());
    push_bytes(&mut link, 0x0a, &cid.to_bytes());
    push_bytes(&mut link, 0x12, name.as_bytes());
    link.push(0x18);
    varint::push(&mut link, tree_size);
    push_bytes(out, LINK, &link);
}

fn push_bytes(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    varint::push(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn slice<'a>(bytes: &'a [u8], at: &Range<usize>) -> &'a [u8] {
    bytes.get(at.clone()).unwrap_or_default()
}

/// A value of a protobuf field: the two wire types that dag-pb and UnixFS use.
enum Value {
    Number(u64),
    Bytes(Range<usize>),
}

/// The fields of a protobuf message, with offsets in the block; ends after the first error.
struct Fields<'a> {
    rest: &'a [u8],
    end: usize,
}

impl<'a> Fields<'a> {
    /// `start` is where the message stands in its block.
    const fn new(message: &'a [u8], start: usize) -> Self {
        Self {
            rest: message,
            end: start + message.len(),
        }
    }

    fn field(&mut self) -> Result<(u64, Value), &'static str> {
        const CUT: &str =
            "a protobuf message ends within a field, or a number is not in its shortest form";
        let (tag, rest) = varint::split(self.rest).ok_or(CUT)?;
        let (value, rest) = varint::split(rest).ok_or(CUT)?;
        match tag & 7 {
            0 => {
                self.rest = rest;
                Ok((tag >> 3, Value::Number(value)))
            }
            2 => {
                let len = usize::try_from(value).map_err(|_| CUT)?;
                let rest = rest.get(len..).ok_or(CUT)?;
                self.rest = rest;
                let end = self.end - rest.len();
                Ok((tag >> 3, Value::Bytes(end - len..end)))
            }
            _ => Err("a protobuf field has a type that dag-pb does not use"),
        }
    }
}

impl Iterator for Fields<'_> {
    type Item = Result<(u64, Value), &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}
