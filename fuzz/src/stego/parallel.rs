//! One core and several.

use lsb_stego::{
    Cover, CoverMut, Sample, capacity, embed, embed_par, extract, extract_par, read_bits,
    read_bits_par,
};

use super::Case;

/// Several cores write and read what one does. The first two bytes say how often the samples are repeated: below a MiB of them the work
/// is not split.
pub fn parallel(data: &[u8]) {
    let Some((&[sixteenths, more], rest)) = data.split_first_chunk() else {
        return;
    };
    let Some((case, rest)) = Case::parse(rest) else {
        return;
    };
    let bytes = ((usize::from(sixteenths & 0x7f) + 16) << 16) + usize::from(more);
    let bytes: Vec<u8> = rest.iter().copied().cycle().take(bytes).collect();
    case.with_samples(
        &bytes,
        |samples| split(&case, samples),
        |samples| split(&case, samples),
    );
}

fn split<S: Sample + PartialEq>(case: &Case, samples: &[S]) {
    let options = &case.options;
    let capacity = Cover::new(samples, case.layout).and_then(|cover| capacity(cover, options));
    let Ok(capacity) = capacity else {
        return;
    };
    let payload_len = capacity.payload_bytes() * usize::from(case.payload_len) / 254;
    let payload: Vec<u8> = (0..=u8::MAX).cycle().take(payload_len).collect();
    let [mut one, mut several] = [(); 2].map(|()| samples.to_vec());
    let by_one = CoverMut::new(&mut one, case.layout).and_then(|to| embed(to, &payload, options));
    let by_several =
        CoverMut::new(&mut several, case.layout).and_then(|to| embed_par(to, &payload, options));
    assert_eq!(by_one, by_several);
    assert!(one == several);
    let cover = Cover::new(&one, case.layout).expect("it was one before");
    let found = extract(cover, options);
    assert!(found == extract_par(cover, options));
    assert_eq!(found.is_ok_and(|found| found == payload), by_one.is_ok());
    let bits = capacity.bits();
    let mut read = vec![0; bits.div_ceil(8)];
    assert_eq!(read_bits_par(cover, options, bits, &mut read), Ok(()));
    assert!(read_bits(cover, options, bits) == Ok(read));
}
