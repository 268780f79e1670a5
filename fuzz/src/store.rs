//! Properties of ipfs-store.

use crate::Target;

/// The targets of this module.
pub const TARGETS: &[Target] = &[];
