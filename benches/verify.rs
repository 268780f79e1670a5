//! Benchmarks of medshare-verify.

use criterion::Criterion;

/// Registers the benchmarks of this module.
pub(crate) fn define(_c: &mut Criterion) {}
