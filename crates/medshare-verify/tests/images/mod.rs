//! The images that come with the program.

pub(crate) const CT: &[u8] = include_bytes!("../../../../examples/data/CT_small.dcm");
pub(crate) const MR: &[u8] = include_bytes!("../../../../examples/data/MR_small_implicit.dcm");
pub(crate) const PHANTOM: &[u8] = include_bytes!("../../../../examples/data/phantom.png");
