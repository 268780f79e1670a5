//! Properties of ledger-core and ledger-node.

use crate::Target;

/// The targets of this module.
pub const TARGETS: &[Target] = &[];
