//! The images that come with the program.

#[allow(dead_code, reason = "not every test uses all of them")]
pub(crate) const CT: &[u8] = include_bytes!("../../../../examples/data/CT_small.dcm");
#[allow(dead_code, reason = "not every test uses all of them")]
pub(crate) const MR: &[u8] = include_bytes!("../../../../examples/data/MR_small_implicit.dcm");
#[allow(dead_code, reason = "not every test uses all of them")]
pub(crate) const PHANTOM: &[u8] = include_bytes!("../../../../examples/data/phantom.png");
