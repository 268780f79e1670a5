//! Known answers of format version 1, worked out by hand or with `reference`, and frozen: a release that fails one cannot
//! read what an older one embedded.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a test panics, and its numbers are small"
)]

mod reference;

use lsb_stego::cost::Costs;
use lsb_stego::trellis::Trellis;
use lsb_stego::{
    Bits, Cover, CoverMut, Hamming, Key, Layout, Level, Options, Sample, Scheme, embed, extract,
    read_bits, recover, write_bits,
};

fn options(level: Level, bits: u8) -> Options {
    Options::new().bits(Bits::new(bits).unwrap()).level(level)
}

/// The payload 0xB4, 0x6D (bits, first to last: 0010 1101 1011 0110) into samples of value 0xF0.
#[test]
fn bits_by_hand() {
    let answers: [(u8, &[u8]); 4] = [
        (1, &[0, 0, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0]),
        (2, &[0, 1, 3, 2, 1, 3, 2, 1]),
        (3, &[4, 6, 6, 6, 6]),
        (4, &[4, 11, 13, 6]),
    ];
    for level in Level::available() {
        for (bits, lows) in answers {
            let mut samples = vec![0xF0u8; lows.len()];
            let cover = CoverMut::new(&mut samples, Layout::new(8).unwrap()).unwrap();
            let bit_len = 16 / usize::from(bits) * usize::from(bits);
            write_bits(cover, &options(level, bits), &[0xB4, 0x6D], bit_len).unwrap();
            let found: Vec<u8> = samples.iter().map(|sample| sample & 0x0F).collect();
            assert_eq!(found, lows, "{level:?}, {bits} bits");
        }
    }
}

/// RGBA without alpha, one reserved value: the third pixel's green cannot carry.
#[test]
fn alpha_and_reserved_values_stay() {
    let layout = Layout::new(8).unwrap().with_channels(4, 0b0111).unwrap();
    let layout = layout.with_reserved(0x21, 0x21).unwrap();
    let cover = [0u8, 0, 0, 255, 0, 0, 0, 255, 0, 0x20, 0, 255];
    for level in Level::available() {
        let mut samples = cover;
        let stego = CoverMut::new(&mut samples, layout).unwrap();
        write_bits(stego, &options(level, 1), &[0xFF], 8).unwrap();
        assert_eq!(
            samples,
            [1, 1, 1, 255, 1, 1, 1, 255, 1, 0x20, 1, 255],
            "{level:?}"
        );
        let stego = Cover::new(&samples, layout).unwrap();
        assert_eq!(read_bits(stego, &options(level, 1), 8).unwrap(), [0xFF]);
        assert!(read_bits(stego, &options(level, 1), 9).is_err());
    }
}

/// The frame of "medshare", byte for byte, at four bits per sample of 16-bit samples.
#[test]
fn a_frame() {
    let bytes = b"LSBf\x01\0\0\0\x08\0\0\0\x61\xae\x6a\x9emedshare";
    assert_eq!(reference::frame(b"medshare", 0), bytes);
    for level in Level::available() {
        let mut samples = [0x0100u16; 48];
        let layout = Layout::new(16).unwrap();
        let cover = CoverMut::new(&mut samples, layout).unwrap();
        embed(cover, b"medshare", &options(level, 4)).unwrap();
        let expected: Vec<u16> = bytes
            .iter()
            .flat_map(|&byte| [byte & 15, byte >> 4])
            .map(|n| 0x0100 + u16::from(n))
            .collect();
        assert_eq!(samples.as_slice(), expected, "{level:?}");
        let stego = Cover::new(&samples, layout).unwrap();
        assert_eq!(extract(stego, &options(level, 4)).unwrap(), b"medshare");
    }
}

/// A slope with noise of so many values upon it; three times as steep in sixteen bits.
fn cover<S: Sample + TryFrom<u64>>(rows: u64, columns: u64, values: u64) -> Vec<S> {
    let noise = |i: u64| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) % values;
    (0..rows * columns)
        .map(|i| 40 + i / columns + i % columns + noise(i))
        .map(|value| S::try_from(value * if S::BITS == 8 { 1 } else { 3 }))
        .map(|sample| sample.ok().unwrap())
        .collect()
}

/// FNV-1a over the samples' bytes, the low ones first.
fn fingerprint<S: Sample>(samples: &[S]) -> u64 {
    let values = samples.iter().map(|&sample| -> u16 { sample.into() });
    values
        .flat_map(u16::to_le_bytes)
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        })
}

fn stego<S: Sample + TryFrom<u64>>(options: &Options, payload: &[u8]) -> u64 {
    // what no scheme finds easy
    let mut samples = cover::<S>(64, 96, 5);
    let bits_stored = if S::BITS == 8 { 8 } else { 12 };
    let layout = Layout::new(bits_stored).unwrap();
    let layout = layout.with_columns(96).unwrap();
    embed(
        CoverMut::new(&mut samples, layout).unwrap(),
        payload,
        options,
    )
    .unwrap();
    let stego = Cover::new(&samples, layout).unwrap();
    assert_eq!(extract(stego, options).unwrap(), payload);
    fingerprint(&samples)
}

/// What each scheme makes of that cover, in eight and in sixteen bits: whoever changes one bit of it orphans what was embedded.
#[test]
fn every_scheme_makes_the_stego_samples_that_it_made() {
    let keyed = || Options::new().key(Key::new([7; 32]));
    let matrix = |parity| Scheme::Matrix(Hamming::new(parity).unwrap());
    let adaptive = |costs, height| Scheme::Adaptive {
        costs,
        trellis: Trellis::new(height).unwrap(),
    };
    let payload: Vec<u8> = (0..752).map(|i| (i * 37 % 256) as u8).collect();
    // 6144 samples: the densities are 0.15, 0.4, 0.75 and, but for the frame, all
    let [small, some, more, full] = [100, 300, 560, 752].map(|len| &payload[..len]);
    let made = [
        (Options::new(), full),
        (keyed(), small),
        (keyed(), some),
        (keyed(), more),
        (keyed(), full),
        (keyed().bits(Bits::Three), more),
        (Options::new().scheme(Scheme::Matching), some),
        (keyed().scheme(Scheme::Matching), more),
        (Options::new().scheme(matrix(2)), some),
        (keyed().scheme(matrix(3)), small),
        (keyed().scheme(matrix(8)), &payload[..4]),
        (Options::new().scheme(Scheme::Reversible), small),
        (Options::new().scheme(adaptive(Costs::Hill, 7)), small),
        (keyed().scheme(adaptive(Costs::Hill, 10)), some),
        (keyed().scheme(adaptive(Costs::Suniward, 12)), some),
    ];
    for level in Level::available() {
        let found = made.clone().map(|(options, payload)| {
            let options = options.level(level);
            [
                stego::<u8>(&options, payload),
                stego::<u16>(&options, payload),
            ]
        });
        assert!(found == STEGO, "{level:?}: {found:#018x?}");
    }
}

/// What `.ci/miri` runs as another byte order, where a second of here is minutes: raw bits, which are read without a search, in
/// covers as small as there are that have a path. Keyed replacement along strata and along masks of each width, every
/// sample whitened, matching, and matrix embedding along a key.
#[test]
fn small_covers_hold_the_raw_bits_that_they_held() {
    fn raw<S: Sample + TryFrom<u64>>(options: &Options, bit_len: usize) -> u64 {
        let mut samples = cover::<S>(8, 40, 5);
        let layout = Layout::new(if S::BITS == 8 { 8 } else { 12 }).unwrap();
        let payload: Vec<u8> = (0..80).map(|i| (i * 37 % 256) as u8).collect();
        let stego = CoverMut::new(&mut samples, layout).unwrap();
        write_bits(stego, options, &payload, bit_len).unwrap();
        let stego = Cover::new(&samples, layout).unwrap();
        let read = read_bits(stego, options, bit_len).unwrap();
        assert_eq!(read, payload[..bit_len.div_ceil(8)]);
        fingerprint(&samples)
    }
    let keyed = || Options::new().key(Key::new([7; 32]));
    let matrix = Scheme::Matrix(Hamming::new(3).unwrap());
    for level in Level::available() {
        let found = [
            raw::<u16>(&keyed().level(level), 1),
            raw::<u8>(&keyed().level(level), 24),
            raw::<u16>(&keyed().level(level), 56),
            raw::<u8>(&keyed().level(level), 96),
            raw::<u8>(&keyed().level(level), 320),
            raw::<u16>(&keyed().bits(Bits::Two).level(level), 320),
            raw::<u16>(&keyed().bits(Bits::Two).level(level), 640),
            raw::<u16>(&Options::new().scheme(Scheme::Matching).level(level), 160),
            raw::<u8>(&keyed().scheme(matrix).level(level), 64),
        ];
        assert!(found == RAW, "{level:?}: {found:#018x?}");
    }
}

/// The same of a frame, and of one that is hidden reversibly and leaves the cover as it was.
#[test]
fn small_covers_hold_the_frames_that_they_held() {
    for level in Level::available() {
        let mut plain = cover::<u16>(4, 40, 5);
        let options = options(level, 1);
        let layout = Layout::new(12).unwrap();
        embed(CoverMut::new(&mut plain, layout).unwrap(), b"L", &options).unwrap();
        let read = extract(Cover::new(&plain, layout).unwrap(), &options);
        assert_eq!(read.unwrap(), b"L");

        // What is easy to predict has room in few samples.
        let original = cover::<u16>(32, 40, 1);
        let mut moved = original.clone();
        let (layout, options) = (
            layout.with_columns(40).unwrap(),
            options.scheme(Scheme::Reversible),
        );
        embed(CoverMut::new(&mut moved, layout).unwrap(), b"L", &options).unwrap();
        let found = [fingerprint(&plain), fingerprint(&moved)];
        let back = recover(CoverMut::new(&mut moved, layout).unwrap(), &options);
        assert_eq!(back.unwrap(), b"L");
        assert!(moved == original);
        assert!(found == FRAMES, "{level:?}: {found:#018x?}");
    }
}

const RAW: [u64; 9] = [
    0x6606_4c85_307b_3d89,
    0xd6ed_ac4d_e510_df91,
    0xcabc_c90e_68d1_d4f5,
    0xb638_65da_fd98_e051,
    0x6b04_92ce_23df_8c00,
    0xc29b_b314_524f_04ed,
    0xd876_1c00_91f3_0716,
    0x3de6_db73_e2a4_0dca,
    0xa043_a43e_b407_2e10,
];

const FRAMES: [u64; 2] = [0xd67d_c195_464a_062e, 0xdf0d_f40a_90d6_3bab];

/// Of eight and of sixteen bits, made at the commit that brought this test.
const STEGO: [[u64; 2]; 15] = [
    [0xb7e1_faeb_cec8_ab4a, 0xe4a2_9c14_73b2_d080],
    [0xa714_27a7_7368_e76a, 0x81fa_2b44_8699_0884],
    [0x13b4_5eec_8196_c7b2, 0xe264_0d1f_fa25_3ca8],
    [0xfd7e_72fa_680a_078a, 0x26ee_2a80_5100_1bc4],
    [0x7251_0850_0cd0_0e63, 0xbecf_8b0b_002d_6bf1],
    [0x007b_360d_c000_4c79, 0xac55_c756_a37e_d54f],
    [0x1ccd_09a6_cb53_d016, 0x0831_1903_1487_c8b3],
    [0xa2b3_64fd_173b_e3c2, 0x88ff_56a1_2350_0507],
    [0x3faa_7363_ad0d_11ea, 0xc097_c321_7056_6b0c],
    [0x3d11_747d_dfa3_8883, 0x9b47_78f9_a6da_4a09],
    [0xe36f_a597_fa37_49e3, 0x401b_ac24_9f93_6379],
    [0x3610_efaa_94ce_2c7d, 0x3142_05d6_96ea_aed8],
    [0x5095_f111_6602_f1a7, 0x5a3b_c78b_cf71_2da1],
    [0x518b_c21f_f260_9a63, 0x5d67_7b53_64e2_d2da],
    [0x176f_fcfe_2309_a10c, 0x0a4a_7a3f_a5e2_dd7b],
];
