//! DICOM, PNG and TIFF to sample buffers and back, patched in place, re-serialising nothing.
