//! Properties of medshare-verify.

use crate::Target;

/// The targets of this module.
pub const TARGETS: &[Target] = &[];
