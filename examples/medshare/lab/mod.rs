//! The laboratory: every method at every rate on every image, and the report that shows it.

pub(crate) mod image;
pub(crate) mod measure;
pub(crate) mod plot;
pub(crate) mod report;
