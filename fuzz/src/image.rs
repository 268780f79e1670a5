//! Properties of medical-image.

use medical_image::{Picture, Samples, restore};

use crate::Target;

/// The targets of this module.
pub const TARGETS: &[Target] = &[("image_read", read), ("image_restore", restore_data)];

/// Arbitrary bytes are refused, or are a picture whose samples can be replaced and that comes back byte for byte.
///
/// # Panics
///
/// When that does not hold.
pub fn read(data: &[u8]) {
    let Ok(picture) = Picture::read(data.to_vec()) else {
        return;
    };
    let geometry = picture.geometry();
    assert_eq!(geometry.samples(), picture.samples().len() as u64);
    assert!(picture.samples().max() <= Some(u16::MAX >> (16 - geometry.bits_stored)));
    let mut other = picture.samples().clone();
    match &mut other {
        Samples::U8(samples) => samples.iter_mut().for_each(|sample| *sample ^= 1),
        Samples::U16(samples) => samples.iter_mut().for_each(|sample| *sample ^= 1),
        _ => unreachable!("there are two widths"),
    }
    let patched = picture.patch(&other).expect("samples of the same shape");
    let stego = Picture::read(patched.bytes).expect("a patched picture is a picture");
    assert_eq!(stego.samples(), &other);
    assert_eq!(stego.geometry(), geometry);
    assert_eq!(stego.description(), picture.description());
    assert_eq!(stego.header(), picture.header());
    let restored = restore(&stego, picture.samples(), &patched.restore);
    assert!(
        restored.expect("its own restore data") == data,
        "the way back is exact"
    );
}

/// Two bytes of length, a file, then restore data: they give a file or an error.
pub fn restore_data(data: &[u8]) {
    let Some((len, rest)) = data.split_first_chunk::<2>() else {
        return;
    };
    let len = usize::from(u16::from_le_bytes(*len)).min(rest.len());
    let (file, data) = rest.split_at(len);
    if let Ok(stego) = Picture::read(file.to_vec()) {
        let _ = restore(&stego, stego.samples(), data);
    }
}
