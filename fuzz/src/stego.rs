//! Properties of lsb-stego.
//!
//! The first seven bytes choose layout and options, the rest are samples. Of the sixth, three bits are the bits per sample,
//! one says that there is a key, and the others name the scheme: 0 and 1 replacement, 2 matching, 3 to 9 matrix embedding of
//! two parity bits and more. The seventh is the length of the payload, in bytes or as a share of what the cover holds.

use lsb_stego::cost::Costs;
use lsb_stego::trellis::Trellis;
use lsb_stego::{
    Bits, Cover, CoverMut, Error, Hamming, Key, Layout, Level, Options, Sample, Scheme, capacity,
    embed, extract, framed_bits, read_bits, recover,
};

use crate::Target;

/// The targets of this module.
pub const TARGETS: &[Target] = &[
    ("stego_extract", extract_arbitrary),
    ("stego_roundtrip", roundtrip),
    ("stego_recover", recover_arbitrary),
    ("stego_reversible", reversible),
    ("stego_adaptive", adaptive),
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

/// What is embedded comes back, changes only payload bits, and fits if and only if the capacity says so. The payload is of
/// any share of what the cover holds: of 254 parts, and of 255 one byte too long.
pub fn roundtrip(data: &[u8]) {
    let Some((case, rest)) = Case::parse(data) else {
        return;
    };
    case.with_samples(
        rest,
        |samples| embed_into(&case, samples, rest),
        |samples| embed_into(&case, samples, rest),
    );
}

/// Recovery from arbitrary samples gives a payload or an error, and an error changes nothing. The eighth byte is the number
/// of columns.
pub fn recover_arbitrary(data: &[u8]) {
    with_columns(data, recover_from, recover_from);
}

/// What was embedded reversibly comes back with every sample, and fits if and only if the capacity says so.
pub fn reversible(data: &[u8]) {
    with_columns(data, embed_reversibly, embed_reversibly);
}

/// Arbitrary samples give a payload that fits them, or an error. What is embedded where costs are least comes back, moves
/// samples by one at most and none to or from an end or a reserved value, and fits if and only if the capacity says so. The
/// first byte chooses height and costs; the seven of all targets come next, then the number of columns.
pub fn adaptive(data: &[u8]) {
    let Some((&choice, rest)) = data.split_first() else {
        return;
    };
    let Ok(trellis) = Trellis::new(7 + (choice & 3)) else {
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
    // Of 254 parts, and of 255 one byte too long.
    let payload_len = match usize::from(case.payload_len) {
        255 => capacity.payload_bytes() + 1,
        share => capacity.payload_bytes() * share / 254,
    };
    let payload = vec![case.payload_len; payload_len];
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
    assert_eq!(extract(cover.as_cover(), &case.options), Ok(payload));
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
}

fn embed_reversibly<S: Sample + PartialEq>(case: &Case, samples: &[S]) {
    let mut stego = samples.to_vec();
    let Ok(mut cover) = CoverMut::new(&mut stego, case.layout) else {
        return;
    };
    let Ok(capacity) = capacity(cover.as_cover(), &case.options) else {
        return;
    };
    let payload = vec![case.payload_len; usize::from(case.payload_len)];
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
            assert_eq!(recover(cover, &case.options), Ok(payload));
        }
    }
    assert!(stego == samples);
}

struct Case {
    layout: Layout,
    options: Options,
    bits: Bits,
    /// Whether samples change by steps of one.
    stepped: bool,
    wide: bool,
    payload_len: u8,
}

impl Case {
    fn parse(data: &[u8]) -> Option<(Self, &[u8])> {
        let (&[depth, channels, carrying, low, span, bits, payload_len], rest) =
            data.split_first_chunk()?;
        let wide = depth & 0x80 != 0;
        let mut layout = Layout::new(depth & 0x1f)
            .ok()?
            .with_channels(channels & 0x0f, carrying)
            .ok()?;
        if channels & 0x80 != 0 {
            let low = u16::from(low);
            layout = layout
                .with_reserved(low, low.saturating_add(u16::from(span)))
                .ok()?;
        }
        let mut options = Options::new();
        options = match bits >> 4 {
            0 | 1 => options,
            2 => options.scheme(Scheme::Matching),
            code => options.scheme(Scheme::Matrix(Hamming::new(code - 1).ok()?)),
        };
        if bits & 8 != 0 {
            options = options.key(Key::new([payload_len; 32]));
        }
        let stepped = bits >> 4 == 2;
        let bits = Bits::new(bits & 7).ok()?;
        Some((
            Self {
                layout,
                options: options.bits(bits),
                bits,
                stepped,
                wide,
                payload_len,
            },
            rest,
        ))
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

fn embed_into<S: Sample + PartialEq>(case: &Case, samples: &[S], data: &[u8]) {
    let Ok(cover) = Cover::new(samples, case.layout) else {
        return;
    };
    let Ok(capacity) = capacity(cover, &case.options) else {
        return;
    };
    let held = capacity.payload_bytes();
    let payload_len = match usize::from(case.payload_len) {
        255 => held + 1,
        share => held * share / 254,
    };
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
            if case.stepped {
                before.abs_diff(after) <= 1
            } else {
                (before ^ after) >> case.bits.get() == 0
            }
        };
        assert!(samples.iter().zip(&stego).all(small));
        assert!(
            first.get_or_insert_with(|| stego.clone()) == &stego,
            "{level:?}"
        );
    }
}
