//! One operation of lsb-stego on samples that another program made: what `peers/run` holds against the peers, in one run.
//!
//! `peer [--level NAME] OPERATION FILE WIDTH COLUMNS CHANNELS BYTES`: FILE holds raw samples, little-endian, of WIDTH 8 or 16
//! bits; BYTES is the length of the payload; for the trellis codes `stc7`, `stc10` and `phasm7`, as many elements as there are
//! samples carry one bit in BYTES of them. NAME is the level of ours (portable, avx2, avx512; else the best). Prints the median of
//! the times in seconds, one core, everything in memory.
//!
//! Of files, FILE is a picture instead: `png-stored` hides a payload in a whole PNG file and writes another without compressing it,
//! `png-small` compresses it, `png-limit` is codec, disk and memory of that alone, `picture` is what `medshare hide` does, and `stegano-core` is the peer; all
//! that write leave the file beside FILE, with the operation for its extension. `copy` copies a file, and `patch` replaces the
//! lowest bits of what it holds from its last samples on, in place.

use std::env;
use std::fs;
use std::hint::black_box;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use compare::{FromBytes, numbers};
use lsb_stego::cost::{self, Costs};
use lsb_stego::trellis::{self, Trellis};
use lsb_stego::{Cover, CoverMut, Key, Layout, Level, Options, Scheme, embed, extract};
use lsb_stego::{read_bits, recover, write_bits};
#[cfg(feature = "peers")]
use medical_image::{Picture, Samples};
#[cfg(feature = "peers")]
use png::Compression;

fn main() {
    let mut words: Vec<String> = env::args().skip(1).collect();
    let mut level = Level::detect();
    if let [option, name, ..] = words.as_slice()
        && option == "--level"
    {
        level = Level::named(name).expect("a level of this CPU");
        words.drain(..2);
    }
    let [operation, file, width, rest @ ..] = words.as_slice() else {
        panic!("OPERATION FILE WIDTH COLUMNS CHANNELS BYTES");
    };
    let path = Path::new(file);
    let numbers: Vec<usize> = rest
        .iter()
        .map(|word| word.parse().expect("a number"))
        .collect();
    let bytes = fs::read(file).expect("a file of samples");
    let length = *numbers.last().expect("BYTES");
    let time = match (operation.as_str(), width.as_str()) {
        ("copy", _) => copy(path),
        ("patch", _) => patch(path, length, level),
        #[cfg(feature = "peers")]
        ("png-stored", _) => png(path, length, "png-stored", Compression::NoCompression),
        #[cfg(feature = "peers")]
        ("png-limit", _) => png_limit(path),
        #[cfg(feature = "peers")]
        ("png-small", _) => png(path, length, "png-small", Compression::Fast),
        #[cfg(feature = "peers")]
        ("picture", _) => picture(path, length),
        #[cfg(feature = "peers")]
        ("stegano-core", _) => stegano_core(path, length),
        (_, "8") => run::<u8>(operation, &bytes, &numbers, level),
        _ => run::<u16>(operation, &bytes, &numbers, level),
    };
    println!("{}", time.as_secs_f64());
}

fn run<S: FromBytes + PartialEq>(
    operation: &str,
    bytes: &[u8],
    numbers: &[usize],
    level: Level,
) -> Duration {
    let &[columns, channels, length] = numbers else {
        panic!("COLUMNS CHANNELS BYTES");
    };
    let samples = S::from_bytes(bytes);
    let layout = Layout::new(S::DEPTH)
        .and_then(|layout| {
            let channels = u8::try_from(channels).expect("a few channels");
            layout.with_channels(channels, 0xFF >> (8 - channels))
        })
        .and_then(|layout| layout.with_columns(u32::try_from(columns).expect("columns")))
        .expect("a layout");
    let cover = Cover::new(&samples, layout).expect("whole pixels");
    let payload = payload(length);
    let plain = Options::new().level(level);
    let keyed = plain.clone().key(Key::new([7; 32]));
    match operation {
        // In place, raw bits as the peers write them.
        "write" => {
            let mut stego = samples.clone();
            let time = median(|| {
                let cover = CoverMut::new(black_box(&mut stego), layout).expect("whole pixels");
                write_bits(cover, &plain, black_box(&payload), 8 * length).expect("it fits");
            });
            let stego = Cover::new(&stego, layout).expect("whole pixels");
            assert!(read_bits(stego, &plain, 8 * length).expect("it is there") == payload);
            time
        }
        "read" => {
            let mut stego = samples.clone();
            let mutable = CoverMut::new(&mut stego, layout).expect("whole pixels");
            write_bits(mutable, &plain, &payload, 8 * length).expect("it fits");
            let stego = Cover::new(&stego, layout).expect("whole pixels");
            median(|| {
                let found = read_bits(black_box(stego), &plain, 8 * length).expect("it is there");
                assert!(found.len() == payload.len());
            })
        }
        // As long as the frame: every sample carries, so that it is whitened in order.
        "ordered" => {
            let count = (8 * (length + 16)).next_multiple_of(channels);
            let layout = Layout::new(S::DEPTH)
                .and_then(|one| one.with_channels(layout.channels(), layout.carrying()));
            let layout = layout.expect("a layout");
            let mut stego = samples[..count].to_vec();
            let time = median(|| {
                let cover = CoverMut::new(black_box(&mut stego), layout).expect("whole pixels");
                embed(cover, black_box(&payload), &keyed).expect("it fits");
            });
            let stego = Cover::new(&stego, layout).expect("whole pixels");
            assert!(extract(stego, &keyed).expect("it is there") == payload);
            time
        }
        "keyed" => {
            let mut stego = samples.clone();
            let time = median(|| {
                let cover = CoverMut::new(black_box(&mut stego), layout).expect("whole pixels");
                embed(cover, black_box(&payload), &keyed).expect("it fits");
            });
            let stego = Cover::new(&stego, layout).expect("whole pixels");
            assert!(extract(stego, &keyed).expect("it is there") == payload);
            time
        }
        "hill" => costs(level, cover, Costs::Hill),
        "suniward" => costs(level, cover, Costs::Suniward),
        "stc7" => code(level, samples.len(), length, 7),
        "stc10" => code(level, samples.len(), length, 10),
        "rdh" => reversible(level, cover, &payload),
        #[cfg(feature = "peers")]
        "phasm7" => phasm(samples.len(), length),
        #[cfg(feature = "peers")]
        "stegano-rs" => stegano_rs(bytes, &payload),
        #[cfg(feature = "peers")]
        "stego-rust" => stego_rust(bytes, columns, &payload),
        _ => panic!("no such operation"),
    }
}

/// The payload that every operation hides.
fn payload(length: usize) -> Vec<u8> {
    numbers().flat_map(u64::to_le_bytes).take(length).collect()
}

/// Embeds, and recovers payload and every sample.
fn reversible<S: FromBytes + PartialEq>(
    level: Level,
    cover: Cover<'_, S>,
    payload: &[u8],
) -> Duration {
    let options = Options::new().scheme(Scheme::Reversible).level(level);
    let original = cover.samples();
    let mut samples = original.to_vec();
    median(|| {
        let mutable = CoverMut::new(black_box(&mut samples), cover.layout()).expect("whole pixels");
        embed(mutable, black_box(payload), &options).expect("it fits");
        let mutable = CoverMut::new(&mut samples, cover.layout()).expect("whole pixels");
        assert!(recover(mutable, &options).expect("it is there") == payload);
        assert!(samples == original);
    })
}

/// Copies a file.
fn copy(path: &Path) -> Duration {
    let to = path.with_extension("copy");
    fs::copy(path, &to).expect("a copy");
    let time = median(|| assert!(fs::copy(path, &to).expect("a copy") > 0));
    fs::remove_file(to).expect("it is there");
    time
}

/// Samples that are read, changed and written back before the next: they stay in the cache.
const PART: usize = 1 << 18;

/// Replaces the lowest bits of the last `8 * length` samples of a file, where they lie.
fn patch(path: &Path, length: usize, level: Level) -> Duration {
    let payload = payload(length);
    let (options, layout) = (
        Options::new().level(level),
        Layout::new(8).expect("a layout"),
    );
    let mut samples = vec![0; PART];
    let mut file = fs::File::options();
    let mut file = file.read(true).write(true).open(path).expect("a file");
    let end = file.metadata().expect("a file").len();
    let start = end - 8 * length as u64;
    let mut found = vec![0; 8 * length];
    let time = median(|| {
        let mut at = start;
        for part in payload.chunks(PART / 8) {
            let samples = &mut samples[..8 * part.len()];
            file.seek(SeekFrom::Start(at)).expect("it is there");
            file.read_exact(samples).expect("it is there");
            let cover = CoverMut::new(&mut *samples, layout).expect("samples");
            write_bits(cover, &options, part, 8 * part.len()).expect("it fits");
            file.seek(SeekFrom::Start(at)).expect("it is there");
            file.write_all(samples).expect("room");
            at += samples.len() as u64;
        }
    });
    file.seek(SeekFrom::Start(start)).expect("it is there");
    file.read_exact(&mut found).expect("it is there");
    let cover = Cover::new(&found, layout).expect("samples");
    assert!(read_bits(cover, &options, 8 * length).expect("it is there") == payload);
    time
}

/// A payload in a whole PNG file of three channels, and another file written. Without a filter nothing of a picture with noise
/// is compressed: the fast compressor then gives up, after a pass over all of it, and writes what `NoCompression` writes at once.
#[cfg(feature = "peers")]
fn png(path: &Path, length: usize, extension: &str, compression: Compression) -> Duration {
    let (payload, options) = (payload(length), Options::new());
    let layout = Layout::new(8).and_then(|layout| layout.with_channels(3, 0b111));
    let layout = layout.expect("a layout");
    let to = path.with_extension(extension);
    let time = median(|| {
        let (mut samples, columns, rows) = decode(path);
        let cover = CoverMut::new(&mut samples, layout).expect("whole pixels");
        embed(cover, &payload, &options).expect("it fits");
        let mut encoder = png::Encoder::new(fs::File::create(&to).expect("a file"), columns, rows);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_compression(compression);
        encoder.set_filter(png::Filter::Paeth);
        let mut writer = encoder.write_header().expect("room");
        writer.write_image_data(&samples).expect("room");
    });
    let (found, ..) = decode(&to);
    let cover = Cover::new(&found, layout).expect("whole pixels");
    assert!(extract(cover, &options).expect("it is there") == payload);
    time
}

/// The samples of a PNG file of three channels of 8 bits, its columns and rows.
#[cfg(feature = "peers")]
fn decode(path: &Path) -> (Vec<u8>, u32, u32) {
    let picture = Picture::read(fs::read(path).expect("a file")).expect("a picture");
    let geometry = picture.geometry();
    match picture.into_samples() {
        Samples::U8(samples) if geometry.channels == 3 => {
            (samples, geometry.columns, geometry.rows)
        }
        other => panic!("not RGB of 8 bits: {other:?}"),
    }
}

/// Reading a PNG file, inflating it by libdeflate, writing as many bytes without compressing them, and the checksums of all that: no filter
/// is undone, and nothing is hidden. Memory is taken anew, as by a program that does it once, and as by all others here.
#[cfg(feature = "peers")]
fn png_limit(path: &Path) -> Duration {
    let crc = |kind: &[u8], data: &[u8]| {
        let mut crc = crc32fast::Hasher::new();
        crc.update(kind);
        crc.update(data);
        crc.finalize()
    };
    let (_, columns, rows) = decode(path);
    let scanlines = (3 * columns as usize + 1) * rows as usize;
    let to = path.with_extension("png-limit");
    let time = median(|| {
        let (mut file, mut zlib) = (Vec::new(), Vec::new());
        let mut from = fs::File::open(path).expect("a file");
        from.read_to_end(&mut file).expect("a file");
        zlib.reserve(file.len());
        let mut chunks = &file[8..];
        while let [a, b, c, d, rest @ ..] = chunks {
            let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
            let (kind, rest) = rest.split_at(4);
            let (data, rest) = rest.split_at(length);
            let (sum, rest) = rest.split_at(4);
            if kind == b"IDAT" {
                assert!(crc(kind, data).to_be_bytes() == sum);
                zlib.extend_from_slice(data);
            }
            chunks = rest;
        }
        let mut plain = vec![0; scanlines];
        let made = libdeflater::Decompressor::new().zlib_decompress(&zlib, &mut plain);
        assert!(made == Ok(plain.len()));
        let mut stored = Vec::with_capacity(scanlines + scanlines / 65_535 * 5 + 16);
        for piece in plain.chunks(65_535) {
            let length = piece.len() as u16;
            stored.push(0);
            stored.extend_from_slice(&length.to_le_bytes());
            stored.extend_from_slice(&(!length).to_le_bytes());
            stored.extend_from_slice(piece);
        }
        let mut adler = simd_adler32::Adler32::new();
        adler.write(&plain);
        stored.extend_from_slice(&adler.finish().to_be_bytes());
        let sum = crc(b"IDAT", &stored);
        stored.extend_from_slice(&sum.to_be_bytes());
        fs::write(&to, &stored).expect("room");
    });
    fs::remove_file(to).expect("it was written");
    time
}

/// The same by medical-image, which keeps everything else of the file.
#[cfg(feature = "peers")]
fn picture(path: &Path, length: usize) -> Duration {
    let (payload, options) = (payload(length), Options::new());
    let layout = Layout::new(8).and_then(|layout| layout.with_channels(3, 0b111));
    let layout = layout.expect("a layout");
    let read = |path: &Path| {
        let picture = Picture::read(fs::read(path).expect("a file")).expect("a picture");
        let Samples::U8(samples) = picture.samples().clone() else {
            panic!("not of 8 bits");
        };
        (picture, samples)
    };
    let to = path.with_extension("picture");
    let time = median(|| {
        let (picture, mut samples) = read(path);
        let cover = CoverMut::new(&mut samples, layout).expect("whole pixels");
        embed(cover, &payload, &options).expect("it fits");
        let stego = picture.overwrite(&Samples::U8(samples));
        fs::write(&to, stego.expect("one shape")).expect("room");
    });
    let (_, found) = read(&to);
    let cover = Cover::new(&found, layout).expect("whole pixels");
    assert!(extract(cover, &options).expect("it is there") == payload);
    time
}

/// The peer that knows files only.
#[cfg(feature = "peers")]
fn stegano_core(path: &Path, length: usize) -> Duration {
    use stegano_core::api::{hide, unveil};

    let to = path.with_extension("stegano-core.png");
    let (secret, folder) = (path.with_extension("secret"), path.with_extension("found"));
    fs::write(&secret, payload(length)).expect("room");
    let time = median(|| {
        hide::prepare()
            .with_file(&secret)
            .with_image(path)
            .with_output(&to)
            .execute()
            .expect("it fits");
    });
    fs::create_dir_all(&folder).expect("room");
    let found = unveil::prepare()
        .from_secret_file(&to)
        .into_output_folder(&folder);
    found.execute().expect("it is there");
    let name = secret.file_name().expect("a name");
    assert!(fs::read(folder.join(name)).expect("it is there") == payload(length));
    fs::remove_dir_all(folder).expect("it is there");
    time
}

/// Bit planes of bytes in memory.
#[cfg(feature = "peers")]
fn stegano_rs(bytes: &[u8], payload: &[u8]) -> Duration {
    use stegano_rs::bitplane::{
        BitplaneOptions, bitplane_embed, bitplane_extract, embed_lsb, extract_lsb,
    };
    use stegano_rs::embedding_locator::{EmbeddingLocator, LinearTraversal};

    let options = BitplaneOptions {
        bits_to_operate: 1,
        embed_strategy: Some(embed_lsb),
        extract_strategy: Some(extract_lsb),
    };
    let places: Vec<usize> = LinearTraversal.iter_indices(8 * payload.len()).collect();
    let mut stego = bytes.to_vec();
    let time = median(|| {
        bitplane_embed(black_box(&mut stego), payload, &options, &places).expect("it fits");
    });
    let found = bitplane_extract(&stego, &options, &places).expect("it is there");
    assert!(found == payload);
    time
}

/// Encrypted bytes in a picture in memory, of which the derivation of the key from the password is a part.
#[cfg(feature = "peers")]
fn stego_rust(bytes: &[u8], columns: usize, payload: &[u8]) -> Duration {
    use stego_rust::{StegoDecoder, StegoEncoder};

    let [columns, rows] = [columns, bytes.len() / 3 / columns].map(|side| side as u32);
    let picture = image::RgbImage::from_raw(columns, rows, bytes.to_vec()).expect("three channels");
    // Its own header, nonce and tag of authentication need a few samples.
    let length = payload.len();
    let payload = &payload[..length - 512];
    let mut stego = vec![picture];
    let time = median(|| {
        let encoder = StegoEncoder::builder().bits_per_channel(1).build();
        let encoder = encoder.expect("one bit");
        let pictures = std::mem::take(&mut stego);
        let done = encoder.encode(pictures, black_box(payload), b"password");
        stego = done.expect("it fits");
    });
    // The key encrypts and chooses no samples: those after the payload are as they were.
    assert!(stego[0].as_raw()[8 * length..] == bytes[8 * length..]);
    let found = StegoDecoder::builder().build().decode(stego, b"password");
    assert!(found.expect("it is there") == payload);
    time
}

fn costs<S: FromBytes>(level: Level, cover: Cover<'_, S>, model: Costs) -> Duration {
    median(|| {
        let costs = cost::map_at(level, black_box(cover), model).expect("columns");
        assert!(costs.len() == cover.samples().len());
    })
}

/// Elements, and what a change of each costs, spread evenly.
fn elements(count: usize) -> (Vec<u8>, Vec<f32>) {
    let bits = numbers().map(|number| (number >> 7 & 1) as u8);
    let costs = numbers().map(|number| (number >> 40) as f32 / 16_777_216.0);
    (bits.take(count).collect(), costs.take(count).collect())
}

/// The trellis code of a peer, whose height is 7 at most, on the same.
#[cfg(feature = "peers")]
fn phasm(count: usize, part: usize) -> Duration {
    use phasm_core::stego::stc::embed::stc_embed;
    use phasm_core::stego::stc::hhat::generate_hhat;

    let (bits, costs) = elements(count);
    let payload: Vec<u8> = numbers()
        .map(|number| (number >> 9 & 1) as u8)
        .take(count / part)
        .collect();
    let matrix = generate_hhat(7, part, &[7; 32]);
    median(|| {
        let done = stc_embed(black_box(&bits), &costs, &payload, &matrix, 7, part);
        assert!(done.is_some());
    })
}

/// A trellis code over so many elements, one bit in each `part`.
fn code(level: Level, count: usize, part: usize, height: u8) -> Duration {
    let (bits, costs) = elements(count);
    let payload: Vec<u8> = numbers()
        .flat_map(u64::to_le_bytes)
        .take(count / 8)
        .collect();
    let (trellis, wanted) = (Trellis::new(height).expect("a height"), count / part);
    median(|| {
        let mut stego = bits.clone();
        let payload = black_box(&payload);
        trellis::embed_at(level, &mut stego, &costs, trellis, payload, wanted).expect("it fits");
        black_box(stego);
    })
}

/// Of nine times, or of three where it takes long.
fn median(mut run: impl FnMut()) -> Duration {
    run();
    let mut once = || {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    let first = once();
    let count = if first > Duration::from_millis(300) {
        2
    } else {
        8
    };
    let mut times: Vec<Duration> = (0..count).map(|_| once()).chain([first]).collect();
    times.sort();
    times[times.len() / 2]
}
