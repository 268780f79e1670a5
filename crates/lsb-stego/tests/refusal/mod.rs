//! Every refusal: what provokes it, that it says the numbers, and that it changes nothing.

use lsb_stego::cost::Costs;
use lsb_stego::trellis::Trellis;
use lsb_stego::{
    Bits, Cover, CoverMut, Error, Hamming, Key, Layout, Level, Options, Scheme, capacity, embed,
    extract, framed_bits, read_bits, read_bits_into, recover, write_bits,
};

use crate::reference::{frame, reversible::crc};

const COLUMNS: usize = 96;

fn layout() -> Layout {
    Layout::new(8).unwrap().with_columns(96).unwrap()
}

/// A slope with noise upon it.
fn samples() -> Vec<u8> {
    let noise = |i: usize| ((i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) % 5;
    (0..80 * COLUMNS)
        .map(|i| (40 + i / COLUMNS + i % COLUMNS) as u8 + noise(i) as u8)
        .collect()
}

/// The schemes that carry bits without a frame, with and without a key.
fn direct() -> Vec<Options> {
    let matrix = |p| Scheme::Matrix(Hamming::new(p).unwrap());
    let of = |scheme| Options::new().scheme(scheme);
    let options = [
        Options::new(),
        Options::new().bits(Bits::Three),
        of(Scheme::Matching),
        of(matrix(2)),
        of(matrix(5)),
    ];
    let options = options.into_iter();
    options
        .flat_map(|options| [options.clone(), options.key(Key::new([7; 32]))])
        .collect()
}

/// And those that do not.
fn every() -> Vec<Options> {
    let (costs, trellis) = (Costs::Hill, Trellis::new(7).unwrap());
    let adaptive = Options::new().scheme(Scheme::Adaptive { costs, trellis });
    let mut options = direct();
    options.push(adaptive.clone());
    options.push(adaptive.key(Key::new([7; 32])));
    options.push(Options::new().scheme(Scheme::Reversible));
    options
}

/// Whether they have the key of the tests.
fn keyed(options: &Options) -> bool {
    options == &options.clone().key(Key::new([7; 32]))
}

fn extracted(samples: &[u8], options: &Options) -> Result<Vec<u8>, Error> {
    let cover = Cover::new(samples, layout()).unwrap();
    let found: Vec<_> = Level::available()
        .map(|level| extract(cover, &options.clone().level(level)))
        .collect();
    assert!(found.iter().all(|result| result == &found[0]));
    found[0].clone()
}

fn embedded(payload: &[u8], options: &Options) -> Vec<u8> {
    let mut stego = samples();
    let cover = CoverMut::new(&mut stego, layout()).unwrap();
    embed(cover, payload, options).unwrap();
    stego
}

/// A frame says its length in 32 bits. The zeros are memory that nobody touches.
#[cfg(target_pointer_width = "64")]
#[test]
fn payloads_of_four_gigabytes_are_refused() {
    let payload = vec![0; 1 << 32];
    for options in every() {
        let mut stego = samples();
        let cover = CoverMut::new(&mut stego, layout()).unwrap();
        let refused = Error::PayloadTooLong { bytes: 1 << 32 };
        assert_eq!(embed(cover, &payload, &options), Err(refused));
        assert!(stego == samples(), "{options:?}");
    }
}

#[test]
fn one_bit_too_many_is_refused_with_both_numbers() {
    for options in direct() {
        let mut stego = samples();
        let held = capacity(Cover::new(&stego, layout()).unwrap(), &options).unwrap();
        let refused = Error::TooFewBits {
            needed_bits: held.bits() + 1,
            available_bits: held.bits(),
        };
        let mut bytes = vec![0xFF; held.bits() / 8 + 1];
        let cover = CoverMut::new(&mut stego, layout()).unwrap();
        let written = write_bits(cover, &options, &bytes, held.bits() + 1);
        assert_eq!(written, Err(refused.clone()), "{options:?}");
        assert!(stego == samples());
        let cover = Cover::new(&stego, layout()).unwrap();
        assert_eq!(
            read_bits(cover, &options, held.bits() + 1),
            Err(refused.clone())
        );
        let read = read_bits_into(cover, &options, held.bits() + 1, &mut bytes);
        assert_eq!(read, Err(refused));
        assert!(bytes.iter().all(|&byte| byte == 0xFF));
        // No memory is taken for what is not there.
        assert!(read_bits(cover, &options, usize::MAX).is_err());

        let short = Error::ShortPayload { bits: 9, bytes: 1 };
        let read = read_bits_into(cover, &options, 9, &mut bytes[..1]);
        assert_eq!(read, Err(short.clone()));
        let cover = CoverMut::new(&mut stego, layout()).unwrap();
        assert_eq!(write_bits(cover, &options, &bytes[..1], 9), Err(short));
        let cover = CoverMut::new(&mut stego, layout()).unwrap();
        assert_eq!(write_bits(cover, &options, &bytes, held.bits()), Ok(()));
    }
}

/// On purpose: whoever cannot name the key is told the same of a stego image as of a cover, or of one that was damaged.
#[test]
fn no_payload_and_another_key_are_one_error() {
    for options in every() {
        assert_eq!(extracted(&samples(), &options), Err(Error::NoPayload));
        let stego = embedded(b"hidden", &options);
        assert_eq!(extracted(&stego, &options).as_deref(), Ok(&b"hidden"[..]));
        if keyed(&options) {
            for byte in [0, 31] {
                let mut key = [7; 32];
                key[byte] ^= 0x80;
                let other = options.clone().key(Key::new(key));
                assert_eq!(extracted(&stego, &other), Err(Error::NoPayload));
            }
            // What was embedded without a key is none to those who have one.
            let bare = embedded(b"hidden", &Options::new().scheme(Scheme::Matching));
            assert_eq!(extracted(&bare, &options), Err(Error::NoPayload));
        }
    }
}

/// Writes a frame with one byte changed, as many bits as an honest one has.
fn damaged(options: &Options, at: usize, to: u8) -> Result<Vec<u8>, Error> {
    let mut bytes = frame(b"hidden", u8::from(keyed(options)));
    bytes[at] = to;
    let mut stego = samples();
    let cover = CoverMut::new(&mut stego, layout()).unwrap();
    write_bits(cover, options, &bytes, framed_bits(6)).unwrap();
    extracted(&stego, options)
}

#[test]
fn each_field_of_a_frame_is_looked_at() {
    for options in direct() {
        let keyed = keyed(&options);
        let id = u8::from(keyed);
        assert_eq!(damaged(&options, 4, 1).as_deref(), Ok(&b"hidden"[..]));
        // Magic, keystream, zeros.
        for (at, to) in [(0, b'M'), (3, b'F'), (5, 1 - id), (5, 2), (6, 1), (7, 0x80)] {
            let found = damaged(&options, at, to);
            assert_eq!(found, Err(Error::NoPayload), "{at}, {options:?}");
        }
        let version = Err(Error::Version { found: 2 });
        assert_eq!(damaged(&options, 4, 2), version, "{options:?}");
        // 2 GiB.
        let held = capacity(Cover::new(&samples(), layout()).unwrap(), &options).unwrap();
        let claimed = Err(Error::ClaimedLength {
            claimed_bytes: 0x8000_0006,
            available_bytes: held.payload_bytes(),
        });
        assert_eq!(damaged(&options, 11, 0x80), claimed, "{options:?}");
        // A length that fits: with a key it belongs to another density.
        let shorter = damaged(&options, 8, 5);
        let another = keyed && shorter == Err(Error::NoPayload);
        assert!(
            another || matches!(shorter, Err(Error::Checksum { .. })),
            "{shorter:?}, {options:?}"
        );
        // Checksum, payload.
        for (at, to) in [(12, 0), (15, 0), (16, b'H'), (21, b'N')] {
            let found = damaged(&options, at, to);
            assert!(matches!(found, Err(Error::Checksum { .. })), "{found:?}");
        }
    }
}

/// A reversible image whose head has other bytes from `at` on; with the checksum that those bytes have.
fn with_head(at: usize, to: &[u8]) -> Vec<u8> {
    let raw = Options::new();
    let mut stego = embedded(b"hidden", &Options::new().scheme(Scheme::Reversible));
    let cover = Cover::new(&stego, layout()).unwrap();
    let mut head = read_bits(cover, &raw, 8 * 24).unwrap();
    assert_eq!(head[16..20], [0; 4], "an image without a map");
    head[at..at + to.len()].copy_from_slice(to);
    if at < 20 {
        let checksum = crc(&head[..20]).to_le_bytes();
        head[20..].copy_from_slice(&checksum);
    }
    let cover = CoverMut::new(&mut stego, layout()).unwrap();
    write_bits(cover, &raw, &head, 8 * 24).unwrap();
    stego
}

/// Extracts and recovers, which say the same; what is refused is unchanged.
fn reversed(stego: &[u8]) -> Result<Vec<u8>, Error> {
    let options = Options::new().scheme(Scheme::Reversible);
    let found = extracted(stego, &options);
    let mut recovered = stego.to_vec();
    let cover = CoverMut::new(&mut recovered, layout()).unwrap();
    assert_eq!(recover(cover, &options), found);
    assert!(found.is_ok() || recovered == stego);
    assert!(found.is_err() || recovered == samples());
    found
}

#[test]
fn each_field_of_a_reversible_head_is_looked_at() {
    let honest = with_head(4, &[1]);
    assert_eq!(reversed(&honest).as_deref(), Ok(&b"hidden"[..]));
    let word = |number: u32| number.to_le_bytes();
    // Magic; sides; bins, of which 64 are the most for eight bits.
    let nothing: [(usize, &[u8]); 6] = [
        (0, b"M"),
        (3, b"f"),
        (5, &[0]),
        (5, &[4]),
        (6, &[0, 0]),
        (6, &[65, 0]),
    ];
    for (at, to) in nothing {
        let found = reversed(&with_head(at, to));
        assert_eq!(found, Err(Error::NoPayload), "{at} {to:?}");
    }
    let version = Err(Error::Version { found: 9 });
    assert_eq!(reversed(&with_head(4, &[9])), version);
    // A guard row within the head, a stream that is longer than the image, a map of 4 GiB.
    let claims = [
        (8, word(1)),
        (12, word(80 * 96 + 1)),
        (12, word(u32::MAX)),
        (16, word(u32::MAX)),
        (16, word(80 * 96 / 8)),
    ];
    for (at, to) in claims {
        let found = reversed(&with_head(at, &to));
        assert!(
            matches!(found, Err(Error::ClaimedLength { .. })),
            "{at} {to:?} {found:?}"
        );
    }
    // No row below the guard row carries; a stream is shorter than what the head replaced and a frame.
    for (at, to) in [(8, word(u32::MAX)), (12, word(8 * (24 + 16) - 1))] {
        let found = reversed(&with_head(at, &to));
        assert_eq!(found, Err(Error::NoPayload), "{at} {to:?}");
    }
    // A stream of another length than its frame says.
    let found = reversed(&with_head(12, &word(8 * (24 + 16 + 7))));
    assert_eq!(found, Err(Error::NoPayload));
    let found = reversed(&with_head(12, &word(8 * (24 + 16 + 5))));
    assert!(
        matches!(found, Err(Error::ClaimedLength { .. })),
        "{found:?}"
    );
    // The checksum; and a map that is claimed and not there.
    let found = reversed(&with_head(20, &[1, 2, 3, 4]));
    assert!(matches!(found, Err(Error::Checksum { .. })), "{found:?}");
    let stream = word(8 * (24 + 16 + 6 + 1));
    let mapped = [word(10), stream, word(1)].concat();
    let found = reversed(&with_head(8, &mapped));
    assert!(matches!(found, Err(Error::Checksum { .. })), "{found:?}");
}
