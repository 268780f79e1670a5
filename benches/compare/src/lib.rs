//! What the measurements have in common: paired rounds, medians, memory at fixed places, the same data ever after.

use std::env;
use std::time::{Duration, Instant};

use lsb_stego::{Level, Sample};

/// Sizes in bytes of samples, and their names.
pub const SIZES: [(&str, usize); 3] = [
    ("64KiB", 64 << 10),
    ("4MiB", 4 << 20),
    ("256MiB", 256 << 20),
];

/// What a measurement is asked for: `[--level NAME] [--size NAME] [FILTER...]`.
#[derive(Debug, Default)]
pub struct Asked {
    /// Rows whose id has one of these; all where there are none.
    pub filters: Vec<String>,
    /// No other level than this.
    pub level: Option<Level>,
    /// No other of [`SIZES`] than this.
    size: Option<usize>,
}

impl Asked {
    /// Of the program's arguments.
    ///
    /// # Panics
    ///
    /// Where a level is none of this CPU's, or a size none of [`SIZES`].
    pub fn parse() -> Self {
        let mut asked = Self::default();
        let mut words = env::args().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--level" => {
                    let name = words.next().expect("the name of a level");
                    asked.level = Some(Level::named(&name).expect("a level of this CPU"));
                }
                "--size" => {
                    let name = words.next().expect("the name of a size");
                    let size = SIZES.iter().position(|(size, _)| *size == name);
                    asked.size = Some(size.expect("64KiB, 4MiB or 256MiB"));
                }
                _ => asked.filters.push(word),
            }
        }
        asked
    }

    pub fn wants(&self, id: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| id.contains(filter))
    }

    /// The level asked for, else all.
    pub fn levels(&self) -> impl Iterator<Item = Level> {
        Level::available().filter(|level| self.level.is_none_or(|asked| asked == *level))
    }

    /// Sizes in bytes of samples, and the column of each.
    pub fn sizes(&self) -> impl Iterator<Item = (usize, usize)> {
        let sizes = SIZES.into_iter().map(|(_, size)| size).enumerate();
        sizes.filter(|(column, _)| self.size.is_none_or(|asked| asked == *column))
    }
}

/// So many samples of memory, from this offset in bytes within a page.
pub fn placed<S>(samples: &mut [S], offset: usize, count: usize) -> &mut [S] {
    let start = samples.as_ptr().align_offset(4096) + offset / size_of::<S>();
    &mut samples[start..start + count]
}

/// The median over paired rounds of how many times faster the second is, and what the second took in the round of that median, which is
/// no median of times.
pub fn paired(mut first: impl FnMut(), mut second: impl FnMut()) -> (f64, Duration) {
    first();
    second();
    let (a, b) = (once(&mut first, 1), once(&mut second, 1));
    let round = Duration::from_millis(4);
    let times = |one: Duration| (round.as_nanos() / one.as_nanos().max(1)).clamp(1, 100_000) as u32;
    let times = [times(a), times(b)];
    rounds(first, second, times, 31)
}

/// As [`paired`], with so many runs of each per round, and so many rounds.
pub fn rounds(
    mut first: impl FnMut(),
    mut second: impl FnMut(),
    [a, b]: [u32; 2],
    count: u32,
) -> (f64, Duration) {
    let mut rounds: Vec<(f64, Duration)> = (0..count)
        .map(|_| {
            let (first, second) = (once(&mut first, a), once(&mut second, b));
            (first.as_secs_f64() / second.as_secs_f64(), second)
        })
        .collect();
    rounds.sort_by(|a, b| a.0.total_cmp(&b.0));
    rounds[rounds.len() / 2]
}

/// Over an odd number of rounds, in each of which all are run, the medians of how many times faster than the first each other is, and
/// the times in those rounds. The first takes long: it is run once per round, and once before, and the others for a few milliseconds
/// at least.
pub fn against<const N: usize>(
    first: &mut dyn FnMut(),
    others: [&mut dyn FnMut(); N],
    count: u32,
) -> [(f64, Duration); N] {
    let mut others = others.map(|other| {
        other();
        let one = once(other, 1).as_nanos().max(1);
        (other, (4_000_000 / one).clamp(10, 100_000) as u32)
    });
    first();
    let mut found = [const { Vec::new() }; N];
    for _ in 0..count {
        let whole = once(first, 1);
        for ((other, times), found) in others.iter_mut().zip(&mut found) {
            let time = once(*other, *times);
            found.push((whole.as_secs_f64() / time.as_secs_f64(), time));
        }
    }
    found.map(|mut rounds| {
        rounds.sort_by(|a, b| a.0.total_cmp(&b.0));
        rounds[rounds.len() / 2]
    })
}

/// The time of one of so many runs.
pub fn once(run: &mut dyn FnMut(), times: u32) -> Duration {
    let start = Instant::now();
    (0..times).for_each(|_| run());
    start.elapsed() / times
}

/// Samples of either width from bytes.
pub trait FromBytes: Sample {
    const DEPTH: u8;
    fn from_bytes(bytes: &[u8]) -> Vec<Self>;
}

impl FromBytes for u8 {
    const DEPTH: u8 = 8;
    fn from_bytes(bytes: &[u8]) -> Vec<Self> {
        bytes.to_vec()
    }
}

impl FromBytes for u16 {
    const DEPTH: u8 = 16;
    fn from_bytes(bytes: &[u8]) -> Vec<Self> {
        bytes
            .as_chunks()
            .0
            .iter()
            .map(|&pair| Self::from_le_bytes(pair))
            .collect()
    }
}

/// Numbers that look random, the same ever after (splitmix64).
pub fn numbers() -> impl Iterator<Item = u64> {
    (1u64..).map(|i| {
        let z = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    })
}
