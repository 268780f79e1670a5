//! Properties of lsb-stego.
//!
//! The first seven bytes choose layout and options, the rest are samples. The fourth and the fifth are the lowest reserved
//! value and how many follow it; three bits of the second widen both, and one of the first counts them from the top. Of the
//! sixth, three bits are the bits per sample,
//! one says that there is a key, and the others name the scheme: 0 and 1 replacement, 2 matching, 3 to 9 matrix embedding of
//! two parity bits and more. The seventh is the length of the payload, in bytes or as a share of what the cover holds.

use lsb_stego::cost::{self, Costs};
use lsb_stego::detect::{
    chi_square, chi_square_par, regular_singular, regular_singular_par, sample_pairs,
    sample_pairs_at, sample_pairs_par, weighted_stego, weighted_stego_par,
};
use lsb_stego::metric::{
    Peak, compare, compare_at, compare_par, mse, mse_at, mse_par, ssim, ssim_par,
};
use lsb_stego::trellis::{self, Trellis};
use lsb_stego::{
    Bits, Cover, CoverMut, Error, Hamming, Key, Layout, Level, Options, Sample, Scheme, capacity,
    embed, extract, framed_bits, read_bits, read_bits_into, recover, write_bits,
};

use crate::Target;

/// The plain loops of the crate's own tests.
#[path = "../../../crates/lsb-stego/tests/reference/mod.rs"]
mod reference;

mod parallel;

pub use parallel::parallel;

use reference::Plain;
use reference::adaptive::Adaptive;
use reference::keyed::{Reference, Way};

/// The targets of this module.
pub const TARGETS: &[Target] = &[
    ("stego_extract", extract_arbitrary),
    ("stego_roundtrip", roundtrip),
    ("stego_parallel", parallel),
    ("stego_recover", recover_arbitrary),
    ("stego_reversible", reversible),
    ("stego_adaptive", adaptive),
    ("stego_trellis", trellis_code),
    ("stego_metric", metrics),
    ("stego_detect", detectors),
];

/// Extraction from arbitrary samples gives a payload that fits them, or an error; every level gives the same.
pub fn extract_arbitrary(data: &[u8]) {
    let Some((case, rest)) = Case::parse(data) else {
        return;
    };
    case.with_samples(
        rest,
        |samples| extract_from(&case, samples),
        |samples| extract_from(&case, samples),
    );
}

/// What is embedded is what plain loops embed, comes back, changes only payload bits, and fits if and only if the capacity
/// says so. The payload is of any share of what the cover holds: of 254 parts, and of 255 one byte too long. The same of bits
/// without a frame, of which there are any number.
pub fn roundtrip(data: &[u8]) {
    let Some((case, rest)) = Case::parse(data) else {
        return;
    };
    case.with_samples(
        rest,
        |samples| {
            write_into(&case, samples, rest);
            embed_into(&case, samples, rest);
        },
        |samples| {
            write_into(&case, samples, rest);
            embed_into(&case, samples, rest);
        },
    );
}

/// Recovery from arbitrary samples gives a payload or an error, and an error changes nothing; every level gives the same. The
/// eighth byte is the number of columns.
pub fn recover_arbitrary(data: &[u8]) {
    with_columns(data, recover_from, recover_from);
}

/// What is embedded reversibly is, at every level, what plain loops embed; it comes back with every sample, and fits if and
/// only if the capacity says so.
pub fn reversible(data: &[u8]) {
    with_columns(data, embed_reversibly, embed_reversibly);
}

/// Arbitrary samples give a payload that fits them, or an error. What is embedded where costs are least comes back, also by
/// plain loops, is the same at every level, moves samples by one at most and none to or from an end or a reserved value, and
/// fits if and only if the capacity says so. The
/// first byte chooses height and costs; the seven of all targets come next, then the number of columns.
pub fn adaptive(data: &[u8]) {
    let Some((&choice, rest)) = data.split_first() else {
        return;
    };
    let Ok(trellis) = Trellis::new(7 + (choice & 3 | choice >> 2 & 4) % 6) else {
        return;
    };
    let costs = match choice >> 2 & 3 {
        0 => Costs::Uniform,
        1 => Costs::Suniward,
        _ => Costs::Hill,
    };
    let scheme = Scheme::Adaptive { costs, trellis };
    columned(rest, scheme, embed_adaptively, embed_adaptively);
}

fn embed_adaptively<S: Sample + PartialEq>(case: &Case, samples: &[S]) {
    extract_from(case, samples);
    let mut stego = samples.to_vec();
    let Ok(mut cover) = CoverMut::new(&mut stego, case.layout) else {
        return;
    };
    let Ok(capacity) = capacity(cover.as_cover(), &case.options) else {
        return;
    };
    let payload = vec![case.payload_len; case.share(capacity.payload_bytes())];
    let embedded = embed(cover.reborrow(), &payload, &case.options);
    if framed_bits(payload.len()) > capacity.bits() {
        let refused = Error::TooSmall {
            needed_bytes: payload.len(),
            available_bytes: capacity.payload_bytes(),
        };
        assert_eq!(embedded, Err(refused));
        assert!(stego == samples);
        return;
    }
    assert!(embedded.is_ok());
    assert_eq!(
        extract(cover.as_cover(), &case.options).as_ref(),
        Ok(&payload)
    );
    for level in Level::available() {
        let mut other = samples.to_vec();
        let options = case.options.clone().level(level);
        let embedded = CoverMut::new(&mut other, case.layout)
            .and_then(|cover| embed(cover, &payload, &options));
        assert!(embedded.is_ok() && other == stego, "{level:?}");
    }
    let reference = Adaptive {
        plain: case.plain(),
        height: case.height,
        key: case.key,
    };
    let found = numbers(&stego);
    let bits = reference.length(&found, framed_bits(payload.len()));
    assert!(reference.stream(&found, bits) == reference.expected(&payload, bits));
    let peak = case.layout.peak();
    let fixed = |value: u16| {
        let reserved = case.layout.reserved();
        let reserved = reserved.is_some_and(|(low, high)| (low..=high).contains(&value));
        value == 0 || value == peak || reserved
    };
    for (&before, &after) in samples.iter().zip(&stego) {
        let (before, after): (u16, u16) = (before.into(), after.into());
        assert!(before.abs_diff(after) <= 1 && before & !peak == after & !peak);
        assert!(before == after || !fixed(before & peak) && !fixed(after & peak));
    }
}

fn with_columns(data: &[u8], narrow: fn(&Case, &[u8]), wide: fn(&Case, &[u16])) {
    columned(data, Scheme::Reversible, narrow, wide);
}

fn columned(data: &[u8], scheme: Scheme, narrow: fn(&Case, &[u8]), wide: fn(&Case, &[u16])) {
    let Some((mut case, rest)) = Case::parse(data) else {
        return;
    };
    let Some((&columns, rest)) = rest.split_first() else {
        return;
    };
    let Ok(layout) = case.layout.with_columns(u32::from(columns)) else {
        return;
    };
    case.layout = layout;
    case.options = case.options.scheme(scheme);
    if let Scheme::Adaptive { trellis, .. } = scheme {
        case.height = trellis.height();
    }
    let stride = usize::from(columns) * usize::from(layout.channels());
    let rows = |samples: usize| samples - samples % stride;
    case.with_samples(
        rest,
        |samples| narrow(&case, &samples[..rows(samples.len())]),
        |samples| wide(&case, &samples[..rows(samples.len())]),
    );
}

fn recover_from<S: Sample + PartialEq>(case: &Case, samples: &[S]) {
    let mut recovered = samples.to_vec();
    let Ok(cover) = CoverMut::new(&mut recovered, case.layout) else {
        return;
    };
    let extracted = extract(cover.as_cover(), &case.options);
    assert_eq!(recover(cover, &case.options), extracted);
    assert!(extracted.is_ok() || recovered == samples);
    for level in Level::available() {
        let mut other = samples.to_vec();
        let options = case.options.clone().level(level);
        let found =
            CoverMut::new(&mut other, case.layout).and_then(|cover| recover(cover, &options));
        assert!(found == extracted && other == recovered, "{level:?}");
    }
}

fn embed_reversibly<S: Sample + PartialEq>(case: &Case, samples: &[S]) {
    let mut stego = samples.to_vec();
    let Ok(mut cover) = CoverMut::new(&mut stego, case.layout) else {
        return;
    };
    let Ok(capacity) = capacity(cover.as_cover(), &case.options) else {
        return;
    };
    let payload = vec![case.payload_len; case.share(capacity.payload_bytes())];
    match embed(cover.reborrow(), &payload, &case.options) {
        Err(Error::TooSmall {
            needed_bytes,
            available_bytes,
        }) => {
            assert_eq!(
                (needed_bytes, available_bytes),
                (payload.len(), capacity.payload_bytes())
            );
            assert!(framed_bits(payload.len()) > capacity.bits());
        }
        other => {
            assert_eq!(
                other.map(|embedded| embedded.bits()),
                Ok(framed_bits(payload.len()))
            );
            let made = cover.as_cover().samples().to_vec();
            assert_eq!(recover(cover, &case.options).as_ref(), Ok(&payload));
            for level in Level::available() {
                let mut other = samples.to_vec();
                let options = case.options.clone().level(level);
                let embedded = CoverMut::new(&mut other, case.layout)
                    .and_then(|cover| embed(cover, &payload, &options));
                assert!(embedded.is_ok() && other == made, "{level:?}");
            }
            // The plain loops know no bits above those stored.
            let mut plain = numbers(samples);
            let peak = u32::from(case.layout.peak());
            if plain.iter().all(|&sample| sample <= peak) {
                let columns = usize::try_from(case.layout.columns()).unwrap_or(0);
                assert!(reference::reversible::embed(
                    &case.plain(),
                    columns,
                    &mut plain,
                    &payload
                ));
                assert!(plain == numbers(&made));
            }
        }
    }
    assert!(stego == samples);
}

/// The trellis code carries what it is given, at the cost that it states, or says what is wrong and changes nothing. The first
/// byte is the height, the second how many bits there are; then a byte for the bit and the cost of each element.
pub fn trellis_code(data: &[u8]) {
    carry_in_trellis(data);
}

fn carry_in_trellis(data: &[u8]) {
    let Some((&[height, share], elements)) = data.split_first_chunk() else {
        return;
    };
    let Ok(trellis) = Trellis::new(7 + (height & 0x7f) % 6) else {
        return;
    };
    let cost = |byte: &u8| match byte >> 1 {
        127 => f32::INFINITY,
        126 if height & 0x80 != 0 => f32::NAN,
        125 if height & 0x80 != 0 => -1.0,
        124 => 1e-20,
        123 => 1e6,
        cost => f32::from(cost),
    };
    let costs: Vec<f32> = elements.iter().map(cost).collect();
    let bits: Vec<u8> = elements.iter().map(|byte| byte & 1).collect();
    // Of 254 parts, and of 255 one bit too many.
    let bit_len = match usize::from(share) {
        255 => elements.len() + 1,
        share => elements.len() * share / 254,
    };
    let mut payload: Vec<u8> = elements.iter().rev().copied().collect();
    payload.resize(bit_len.div_ceil(8), 0x5A);
    let mut stego = bits.clone();
    let embedded = trellis::embed(&mut stego, &costs, trellis, &payload, bit_len);
    for level in Level::available() {
        let mut other = bits.clone();
        let found = trellis::embed_at(level, &mut other, &costs, trellis, &payload, bit_len);
        assert!((&found, &other) == (&embedded, &stego), "{level:?}");
    }
    let wrong = costs.iter().position(|cost| cost.is_nan() || *cost < 0.0);
    match embedded {
        Ok(cost) => {
            assert!(wrong.is_none() && bit_len <= bits.len());
            if let (Some(last), rest @ 1..) = (payload.last_mut(), bit_len % 8) {
                *last &= (1 << rest) - 1;
            }
            assert_eq!(trellis::extract(&stego, trellis, bit_len), Ok(payload));
            let changed = (0..bits.len()).filter(|&at| bits[at] != stego[at]);
            let sum: f64 = changed.map(|at| f64::from(costs[at])).sum();
            assert!(sum.is_finite() && (sum - cost).abs() <= 1e-6 * sum);
        }
        Err(error) => {
            assert!(stego == bits);
            match error {
                Error::Cost { element } => assert_eq!(wrong, Some(element)),
                Error::TooFewBits { .. } => assert!(bit_len > bits.len()),
                Error::Wet => assert!(costs.contains(&f32::INFINITY)),
                other => panic!("{other}"),
            }
        }
    }
}

/// Figures of two images, the halves of the samples: within their bounds, the same both ways, on one core and on all, at every level.
/// The eighth byte is the number of columns.
pub fn metrics(data: &[u8]) {
    with_columns(data, measure, measure);
}

fn measure<S: Sample + PartialEq>(case: &Case, samples: &[S]) {
    let columns = usize::try_from(case.layout.columns()).unwrap_or(1);
    let row = (columns * usize::from(case.layout.channels())).max(1);
    let half = samples.len() / 2 / row * row;
    let (first, second) = (&samples[..half], &samples[half..2 * half]);
    let (Ok(a), Ok(b)) = (
        Cover::new(first, case.layout),
        Cover::new(second, case.layout),
    ) else {
        return;
    };
    let (Ok(there), Ok(back), Ok(parallel)) = (compare(a, b), compare(b, a), compare_par(a, b))
    else {
        panic!("images of one shape are compared");
    };
    assert_eq!(format!("{there:?}"), format!("{parallel:?}"));
    assert_eq!(
        (there.samples(), there.changed()),
        (back.samples(), back.changed())
    );
    assert!(there.changed() <= there.samples());
    let mean = there.mse();
    assert_eq!(mean, plain_mse(case, first, second));
    assert_eq!((Ok(mean), Ok(mean)), (mse(a, b), mse_par(b, a)));
    for level in Level::available() {
        assert_eq!(mse_at(level, a, b), Ok(mean), "{level:?}");
        let found = compare_at(level, a, b);
        assert_eq!(found.map(|found| found.mse()), Ok(mean), "{level:?}");
    }
    assert_eq!(there.changed() == 0, mean == 0.0);
    for peak in [Peak::Stored, Peak::Range] {
        assert!(!there.psnr(peak).is_nan());
        let found = ssim(a, b, peak);
        assert_eq!(found, ssim_par(a, b, peak));
        if let Ok(Some(found)) = found {
            assert!((-1.0 - 1e-9..=1.0 + 1e-9).contains(&found), "{found}");
        }
    }
    let bounded = |value: f64, low: f64| (low - 1e-9..=1.0 + 1e-9).contains(&value);
    assert!(bounded(there.ncc(), -1.0), "{}", there.ncc());
    assert!(bounded(there.histogram_distance(), 0.0));
    assert!(bounded(there.changed_share(), 0.0));
}

/// The mean squared error, by a plain loop.
fn plain_mse<S: Sample>(case: &Case, first: &[S], second: &[S]) -> f64 {
    let plain = case.plain();
    let stored = (1 << plain.bits_stored) - 1;
    let pairs = numbers(first).into_iter().zip(numbers(second)).enumerate();
    let squares: Vec<u64> = pairs
        .filter(|(at, _)| plain.carrying >> (at % plain.channels) & 1 == 1)
        .map(|(_, (a, b))| u64::from((a & stored).abs_diff(b & stored)).pow(2))
        .collect();
    #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
    let mean = squares.iter().sum::<u64>() as f64 / squares.len().max(1) as f64;
    mean
}

/// What detectors say of arbitrary samples is a number, and the same on all cores and at every level, as are costs. The eighth byte is
/// the number of columns.
pub fn detectors(data: &[u8]) {
    with_columns(data, look, look);
}

fn look<S: Sample + PartialEq>(case: &Case, samples: &[S]) {
    let Ok(cover) = Cover::new(samples, case.layout) else {
        return;
    };
    for (one, all) in [
        (sample_pairs(cover), sample_pairs_par(cover)),
        (regular_singular(cover), regular_singular_par(cover)),
        (weighted_stego(cover), weighted_stego_par(cover)),
    ] {
        assert_eq!(one, all);
        assert!(one.is_ok_and(f64::is_finite));
    }
    for level in Level::available() {
        assert_eq!(
            sample_pairs_at(level, cover),
            sample_pairs(cover),
            "{level:?}"
        );
        for model in [Costs::Hill, Costs::Suniward] {
            let costs = cost::map_at(level, cover, model);
            assert!(costs == cost::map(cover, model), "{level:?}, {model:?}");
        }
    }
    let found = chi_square(cover);
    assert_eq!(found, chi_square_par(cover));
    assert!(
        found.is_ok_and(|found| {
            found.statistic >= 0.0 && (0.0..=1.0).contains(&found.probability)
        })
    );
}

/// The samples as the plain loops take them.
fn numbers<S: Sample>(samples: &[S]) -> Vec<u32> {
    let number = |&sample: &S| u32::from(Into::<u16>::into(sample));
    samples.iter().map(number).collect()
}

struct Case {
    layout: Layout,
    options: Options,
    bits: Bits,
    way: Way,
    key: Option<[u8; 32]>,
    /// Of the trellis code, where there is one.
    height: u8,
    wide: bool,
    payload_len: u8,
}

impl Case {
    /// So many of 254 parts of what is held, and of 255 one more than that.
    fn share(&self, held: usize) -> usize {
        match usize::from(self.payload_len) {
            255 => held + 1,
            share => held * share / 254,
        }
    }

    fn parse(data: &[u8]) -> Option<(Self, &[u8])> {
        let (&[depth, channels, carrying, low, span, bits, payload_len], rest) =
            data.split_first_chunk()?;
        let wide = depth & 0x80 != 0;
        let mut layout = Layout::new(depth & 0x1f)
            .ok()?
            .with_channels(channels & 0x0f, carrying)
            .ok()?;
        if channels & 0x80 != 0 {
            let wide = |byte: u8| scaled(byte, channels >> 4 & 7);
            let (peak, low, span) = (layout.peak(), wide(low), wide(span));
            let (low, high) = if depth & 0x40 != 0 {
                let high = peak.checked_sub(low)?;
                (high.saturating_sub(span), high)
            } else {
                (low, low.saturating_add(span))
            };
            layout = layout.with_reserved(low, high).ok()?;
        }
        let mut options = Options::new();
        let way = match bits >> 4 {
            0 | 1 => Way::Replacement,
            2 => Way::Matching,
            code => Way::Matrix(usize::from(code - 1)),
        };
        options = match way {
            Way::Replacement => options,
            Way::Matching => options.scheme(Scheme::Matching),
            Way::Matrix(code) => {
                let code = u8::try_from(code).ok()?;
                options.scheme(Scheme::Matrix(Hamming::new(code).ok()?))
            }
        };
        let key = (bits & 8 != 0).then_some([payload_len; 32]);
        if let Some(key) = key {
            options = options.key(Key::new(key));
        }
        let bits = Bits::new(bits & 7).ok()?;
        Some((
            Self {
                layout,
                options: options.bits(bits),
                bits,
                way,
                key,
                height: 0,
                wide,
                payload_len,
            },
            rest,
        ))
    }

    /// The layout as the plain loops take it.
    fn plain(&self) -> Plain {
        let layout = &self.layout;
        let reserved = layout.reserved();
        Plain {
            bits_stored: layout.bits_stored().into(),
            channels: layout.channels().into(),
            carrying: layout.carrying().into(),
            reserved: reserved.map(|(low, high)| (low.into(), high.into())),
        }
    }

    fn reference(&self) -> Reference {
        Reference {
            plain: self.plain(),
            k: self.bits.get().into(),
            way: self.way,
            key: self.key,
        }
    }

    fn with_samples(&self, data: &[u8], narrow: impl Fn(&[u8]), wide: impl Fn(&[u16])) {
        let pixels = |samples: usize| samples - samples % usize::from(self.layout.channels());
        if self.wide {
            let samples: Vec<u16> = data
                .as_chunks()
                .0
                .iter()
                .map(|&pair| u16::from_le_bytes(pair))
                .collect();
            wide(&samples[..pixels(samples.len())]);
        } else {
            narrow(&data[..pixels(data.len())]);
        }
    }
}

/// A number of up to fifteen bits from eight and the number of those that follow.
fn scaled(byte: u8, more: u8) -> u16 {
    let [byte, more] = [byte, more].map(u16::from);
    byte << more | byte >> (8 - more)
}

fn extract_from<S: Sample>(case: &Case, samples: &[S]) {
    let Ok(cover) = Cover::new(samples, case.layout) else {
        return;
    };
    let expected = extract(cover, &case.options.clone().level(Level::portable()));
    for level in Level::available() {
        assert_eq!(
            extract(cover, &case.options.clone().level(level)),
            expected,
            "{level:?}"
        );
    }
    if let (Ok(payload), Ok(capacity)) = (expected, capacity(cover, &case.options)) {
        assert!(payload.len() <= capacity.payload_bytes());
    }
}

/// Bits without a frame, of the samples' own bytes, the last first.
fn write_into<S: Sample + PartialEq>(case: &Case, samples: &[S], data: &[u8]) {
    let Ok(cover) = Cover::new(samples, case.layout) else {
        return;
    };
    let Ok(capacity) = capacity(cover, &case.options) else {
        return;
    };
    let bit_len = case.share(capacity.bits());
    let bytes = bit_len.div_ceil(8);
    let bits: Vec<u8> = data.iter().rev().copied().cycle().take(bytes).collect();
    if bits.len() < bytes {
        return;
    }
    let reference = case.reference();
    let mut expected = numbers(samples);
    let fits = bit_len <= capacity.bits();
    if fits {
        reference.write(&mut expected, &bits, bit_len);
    }
    let mut masked = bits.clone();
    if let (Some(last), rest @ 1..) = (masked.last_mut(), bit_len % 8) {
        *last &= (1 << rest) - 1;
    }
    for level in Level::available() {
        let options = case.options.clone().level(level);
        let mut stego = samples.to_vec();
        let written = CoverMut::new(&mut stego, case.layout)
            .and_then(|cover| write_bits(cover, &options, &bits, bit_len));
        assert!(numbers(&stego) == expected, "{level:?}");
        let mut found = vec![0x5A; bytes + 1];
        let read = Cover::new(&stego, case.layout)
            .and_then(|cover| read_bits_into(cover, &options, bit_len, &mut found));
        if fits {
            assert_eq!((written, read), (Ok(()), Ok(())));
            assert!(
                found[..bytes] == masked && found[bytes] == 0x5A,
                "{level:?}"
            );
            // and fewer of them, behind which others lie
            let fewer = bit_len - bit_len.min(usize::from(case.payload_len) % 8);
            let read =
                Cover::new(&stego, case.layout).and_then(|cover| read_bits(cover, &options, fewer));
            assert_eq!(read, Ok(reference.read(&expected, fewer)));
        } else {
            let refused = Err(Error::TooFewBits {
                needed_bits: bit_len,
                available_bits: capacity.bits(),
            });
            assert_eq!((&written, &read), (&refused, &refused));
        }
    }
}

fn embed_into<S: Sample + PartialEq>(case: &Case, samples: &[S], data: &[u8]) {
    let Ok(cover) = Cover::new(samples, case.layout) else {
        return;
    };
    let Ok(capacity) = capacity(cover, &case.options) else {
        return;
    };
    let payload_len = case.share(capacity.payload_bytes());
    // Of the samples' own bytes, the last first.
    let payload: Vec<u8> = data
        .iter()
        .rev()
        .copied()
        .cycle()
        .take(payload_len)
        .collect();
    let payload = payload.as_slice();
    let mut first: Option<Vec<S>> = None;
    for level in Level::available() {
        let options = case.options.clone().level(level);
        let mut stego = samples.to_vec();
        let embedded = CoverMut::new(&mut stego, case.layout)
            .and_then(|cover| embed(cover, payload, &options));
        match embedded {
            Err(Error::TooSmall {
                needed_bytes,
                available_bytes,
            }) => {
                assert_eq!(
                    (needed_bytes, available_bytes),
                    (payload.len(), capacity.payload_bytes())
                );
                assert!(framed_bits(payload.len()) > capacity.bits());
                assert!(stego == samples);
                return;
            }
            other => assert_eq!(
                other.map(|embedded| embedded.bits()),
                Ok(framed_bits(payload.len()))
            ),
        }
        let cover = Cover::new(&stego, case.layout);
        assert_eq!(
            cover
                .clone()
                .and_then(|cover| extract(cover, &options))
                .as_deref(),
            Ok(payload)
        );
        assert!(
            cover
                .and_then(|cover| read_bits(cover, &options, capacity.bits()))
                .is_ok()
        );
        let small = |(&before, &after): (&S, &S)| {
            let (before, after): (u16, u16) = (before.into(), after.into());
            if case.way == Way::Matching {
                before.abs_diff(after) <= 1
            } else {
                (before ^ after) >> case.bits.get() == 0
            }
        };
        assert!(samples.iter().zip(&stego).all(small));
        if first.is_none() {
            let reference = case.reference();
            let mut expected = numbers(samples);
            let frame = reference::frame(payload, u8::from(case.key.is_some()));
            reference.write(&mut expected, &frame, framed_bits(payload.len()));
            assert!(numbers(&stego) == expected);
        }
        assert!(
            first.get_or_insert_with(|| stego.clone()) == &stego,
            "{level:?}"
        );
    }
}
