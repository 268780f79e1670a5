//! A node of the state tree: its hash, and its bytes as jmt writes them.

use crate::hash::sha256;
use crate::{Digest, Error, Result};

/// The root of a map with nothing in it, and of every empty subtree (jmt's placeholder).
pub(super) const EMPTY: Digest = Digest::new(*b"SPARSE_MERKLE_PLACEHOLDER_HASH__");

/// What stands at a path. An empty tree is none: a genesis has members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// The only entry below this path.
    Leaf(Leaf),
    /// Several entries, by their next four bits. Boxed: a node is handed on, and this is a kilobyte.
    Inner(Box<Children>),
}

/// An entry of the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    /// SHA-256 of its key: its path.
    pub(super) key: Digest,
    /// SHA-256 of its value.
    pub(super) value: Digest,
}

/// What a node says of one below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Child {
    pub(super) hash: Digest,
    /// The height at which it was written.
    pub(super) height: u64,
    /// How many leaves it has, when it is none itself.
    pub(super) leaves: Option<u64>,
}

/// The sixteen places below a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Children([Option<Child>; 16]);

/// What stands in some of sixteen places.
pub(super) enum Place {
    Empty,
    /// One leaf, or one place.
    Child(usize),
    Many,
}

impl Leaf {
    pub(super) fn hash(&self) -> Digest {
        leaf_hash(&self.key, &self.value)
    }
}

impl Children {
    pub(super) fn get(&self, nibble: usize) -> Option<&Child> {
        self.0.get(nibble)?.as_ref()
    }

    pub(super) fn set(&mut self, nibble: usize, child: Child) {
        if let Some(place) = self.0.get_mut(nibble) {
            *place = Some(child);
        }
    }

    /// How many leaves are below, which a sound tree can count.
    pub(super) fn leaves(&self) -> Option<u64> {
        let mut children = self.0.iter().flatten();
        children.try_fold(0_u64, |sum, child| {
            sum.checked_add(child.leaves.unwrap_or(1))
        })
    }

    /// What stands in `width` places from `from` on.
    pub(super) fn only(&self, from: usize, width: usize) -> Place {
        let places = self.0.iter().enumerate().skip(from).take(width);
        let mut found = places.filter_map(|(at, child)| Some((at, child.as_ref()?)));
        match (found.next(), found.next()) {
            (None, _) => Place::Empty,
            (Some((at, child)), None) if child.leaves.is_none() || width == 1 => Place::Child(at),
            _ => Place::Many,
        }
    }

    /// The root over some places, in which several with one leaf alone are that leaf.
    pub(super) fn root(&self, from: usize, width: usize) -> Digest {
        match self.only(from, width) {
            Place::Empty => EMPTY,
            Place::Child(at) => self.get(at).map_or(EMPTY, |child| child.hash),
            Place::Many => inner_hash(
                &self.root(from, width / 2),
                &self.root(from + width / 2, width / 2),
            ),
        }
    }
}

impl Node {
    pub(super) fn hash(&self) -> Digest {
        match self {
            Self::Leaf(leaf) => leaf.hash(),
            Self::Inner(children) => children.root(0, 16),
        }
    }

    /// How many leaves are below; none of a leaf.
    pub(super) fn leaves(&self) -> Option<u64> {
        match self {
            Self::Inner(children) => children.leaves(),
            Self::Leaf(_) => None,
        }
    }

    /// What the node above says of this one.
    pub(super) fn child(&self, height: u64) -> Child {
        Child {
            hash: self.hash(),
            height,
            leaves: self.leaves(),
        }
    }

    /// Adds the node's bytes in its table, after the height at which it is written. They are borsh's (<https://borsh.io>) of jmt's types:
    /// numbers of 8 bytes in little-endian order, a byte before an option and for each kind.
    ///
    /// ```text
    /// node   height, then  01 children  |  02 key value
    /// children   16 places, the number of those that are taken, the leaves below all of them
    /// place      00  |  01 hash, height, 00 for a leaf or 01 and the leaves below
    /// ```
    pub(super) fn write(&self, height: u64, bytes: &mut Vec<u8>) {
        bytes.extend(height.to_le_bytes());
        match self {
            Self::Inner(children) => {
                bytes.push(1);
                let mut taken = 0_u64;
                for child in &children.0 {
                    let Some(child) = child else {
                        bytes.push(0);
                        continue;
                    };
                    taken += 1;
                    bytes.push(1);
                    bytes.extend(child.hash.as_bytes());
                    bytes.extend(child.height.to_le_bytes());
                    match child.leaves {
                        None => bytes.push(0),
                        Some(leaves) => {
                            bytes.push(1);
                            bytes.extend(leaves.to_le_bytes());
                        }
                    }
                }
                bytes.extend(taken.to_le_bytes());
                bytes.extend(children.leaves().unwrap_or_default().to_le_bytes());
            }
            Self::Leaf(leaf) => {
                bytes.push(2);
                bytes.extend(leaf.key.as_bytes());
                bytes.extend(leaf.value.as_bytes());
            }
        }
    }

    /// The height and the node that these bytes spell.
    pub(super) fn read(bytes: &[u8]) -> Result<(u64, Self)> {
        let mut rest = bytes;
        let read = (|| Some((number(&mut rest)?, Self::kind(&mut rest)?)))();
        read.filter(|_| rest.is_empty())
            .ok_or_else(|| Error::damaged("a node of the state tree"))
    }

    fn kind(rest: &mut &[u8]) -> Option<Self> {
        Some(match byte(rest)? {
            1 => {
                let mut children = Box::<Children>::default();
                for place in &mut children.0 {
                    *place = match byte(rest)? {
                        0 => None,
                        1 => Some(Child {
                            hash: digest(rest)?,
                            height: number(rest)?,
                            leaves: match byte(rest)? {
                                0 => None,
                                // one alone would be that leaf
                                1 => Some(Some(number(rest)?).filter(|leaves| *leaves > 1)?),
                                _ => return None,
                            },
                        }),
                        _ => return None,
                    };
                }
                let taken = u64::try_from(children.0.iter().flatten().count()).ok()?;
                let leaves = children.leaves()?;
                let sound = (number(rest)?, number(rest)?) == (taken, leaves) && leaves > 1;
                sound.then_some(Self::Inner(children))?
            }
            2 => Self::Leaf(Leaf {
                key: digest(rest)?,
                value: digest(rest)?,
            }),
            _ => return None,
        })
    }
}

fn byte(rest: &mut &[u8]) -> Option<u8> {
    let (byte, after) = rest.split_first()?;
    *rest = after;
    Some(*byte)
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    let (number, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u64::from_le_bytes(*number))
}

fn digest(rest: &mut &[u8]) -> Option<Digest> {
    let (digest, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(Digest::new(*digest))
}

/// jmt's hash of a leaf.
pub(super) fn leaf_hash(key: &Digest, value: &Digest) -> Digest {
    Digest::new(sha256(&[
        jmt::proof::LEAF_DOMAIN_SEPARATOR,
        key.as_bytes(),
        value.as_bytes(),
    ]))
}

/// jmt's hash of an inner node.
pub(super) fn inner_hash(left: &Digest, right: &Digest) -> Digest {
    Digest::new(sha256(&[
        jmt::proof::INTERNAL_DOMAIN_SEPARATOR,
        left.as_bytes(),
        right.as_bytes(),
    ]))
}

/// Nibble `at` of the digest: four bits, the most significant first.
pub(super) fn nibble_of(digest: &Digest, at: usize) -> usize {
    let byte = digest.as_bytes().get(at / 2).copied().unwrap_or_default();
    usize::from(if at.is_multiple_of(2) {
        byte >> 4
    } else {
        byte & 0x0f
    })
}
