//! The embedding path: which carrying samples are selected, in memory order. Drawn bit by bit in `DESIGN.md`.

use crate::arch::dispatch;
use crate::arch::path::{Count, GROUP, Select};
use crate::key::{Stream, Use};
use crate::{Level, Options};

/// Carrying samples of which so many are selected.
pub(crate) const BLOCK: usize = 256;

/// Words of masks that are made at once: 32 blocks.
pub(crate) const WORDS: usize = 128;

/// Carrying samples in as many words.
pub(crate) const PART: usize = 64 * WORDS;

/// How densely samples are selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Density {
    /// The first ones: as many as are needed without a key, all with one.
    First(usize),
    /// So many of each whole block of 256.
    Blocks(Count),
    /// One of each whole stratum of so many.
    Strata(usize),
}

impl Density {
    /// With a key, the thinnest that selects `needed` of `carriers` samples.
    pub(crate) fn thinnest(needed: usize, carriers: usize) -> Self {
        let (needed, blocks) = (needed.max(1), carriers / BLOCK);
        if blocks == 0 {
            return Self::First(carriers);
        }
        match u8::try_from(needed.div_ceil(blocks)) {
            Ok(1) => {
                stratum_below(carriers / needed).map_or(Self::Blocks(Count::new(1)), Self::Strata)
            }
            Ok(count) => Self::Blocks(Count::new(count)),
            Err(_) => Self::First(carriers),
        }
    }

    /// Every density that a key may have chosen for so many carrying samples. Those side by side select nearly the same
    /// samples, so that what is read along one may begin as what was written along another.
    pub(crate) fn every(carriers: usize) -> impl Iterator<Item = Self> {
        let blocks = (1..=u8::MAX).map(|count| Self::Blocks(Count::new(count)));
        let strata =
            (0..usize::BITS).flat_map(|octave| (0..8).map(move |step| stratum(octave, step)));
        let strata = strata
            .skip(1)
            .map_while(move |stratum| stratum.filter(|&stratum| stratum <= carriers));
        let blocks = blocks.take_while(move |_| carriers >= BLOCK);
        core::iter::once(Self::First(carriers))
            .chain(blocks)
            .chain(strata.map(Self::Strata))
    }

    /// The selected among the first so many carrying samples, where that follows from arithmetic: everywhere but within a
    /// block or a stratum.
    pub(crate) fn selected(self, carriers: usize) -> usize {
        match self {
            Self::First(count) => count.min(carriers),
            Self::Blocks(count) => carriers / BLOCK * count.get(),
            Self::Strata(stratum) => carriers / stratum,
        }
    }
}

/// The strata: eight steps an octave, from 256 on.
fn stratum(octave: u32, step: usize) -> Option<usize> {
    (8 + step)
        .checked_mul(32)?
        .checked_shl(octave)
        .filter(|stratum| stratum >> octave == (8 + step) * 32)
}

/// The largest stratum above 256 that is not above `most`.
fn stratum_below(most: usize) -> Option<usize> {
    let octave = most.checked_ilog2()?.checked_sub(8)?;
    let stratum = stratum(octave, (most >> (5 + octave)) - 8)?;
    (stratum > BLOCK).then_some(stratum)
}

/// Masks, made ahead of the walk, and room for what controls them.
struct Ahead {
    controls: [u8; 8 * 3 * WORDS],
    words: [u64; WORDS],
}

/// A walk along the carrying samples of a cover, from one on: says which are selected.
pub(crate) struct Path {
    level: Level,
    density: Density,
    /// All carrying samples of the cover.
    carriers: usize,
    /// The next carrying sample.
    at: usize,
    stream: Option<Stream>,
    ahead: Option<Ahead>,
    /// The carrying sample that masks made ahead begin with.
    begin: usize,
    /// How many samples the masks are made for.
    made: usize,
    /// The next selected one of a stratum.
    next: usize,
}

impl Path {
    pub(crate) fn new(options: &Options, carriers: usize) -> Self {
        let stream = options
            .key
            .as_ref()
            .map(|key| Stream::new(options.level, Some(key), Use::Path));
        Self {
            level: options.level,
            density: Density::First(carriers),
            carriers,
            at: 0,
            stream,
            ahead: None,
            begin: 0,
            made: 0,
            next: 0,
        }
    }

    /// From carrying sample `at` on, a multiple of 2048; how many are selected before.
    pub(crate) fn seek(&mut self, density: Density, at: usize) -> usize {
        self.density = density;
        (self.at, self.begin, self.made) = (at, at, 0);
        let before = density.selected(at.min(self.carriers));
        if let Density::Strata(stratum) = density {
            self.next = self.of_stratum(at / stratum);
            if self.next < at {
                self.next = self.of_stratum(at / stratum + 1);
                return before + 1;
            }
        }
        before
    }

    /// The next selected one where strata are; `None` after the last.
    pub(crate) fn step(&mut self) -> Option<usize> {
        let Density::Strata(stratum) = self.density else {
            return None;
        };
        let next = self.next;
        if next >= self.carriers {
            return None;
        }
        self.next = self.of_stratum(next / stratum + 1);
        Some(next)
    }

    fn of_stratum(&mut self, index: usize) -> usize {
        let (Density::Strata(stratum), Some(stream)) = (self.density, &mut self.stream) else {
            return usize::MAX;
        };
        if index >= self.carriers / stratum {
            return usize::MAX;
        }
        let mut word = [0; 4];
        stream.seek(4 * index as u64);
        stream.fill(&mut word);
        // Strata of more than 2^32 samples are selected from at their beginnings only: no memory holds one.
        let wide = u64::from(u32::from_le_bytes(word)) * (stratum as u64 & 0xffff_ffff);
        index * stratum + usize::try_from(wide >> 32).unwrap_or(0)
    }

    /// Masks of the next carrying samples, of which there are enough for `most` selected ones, or `PART`.
    pub(crate) fn masks(&mut self, most: usize) -> &[u64] {
        let (Density::Blocks(count), Some(stream)) = (self.density, &mut self.stream) else {
            return &[];
        };
        let blocks = (self.carriers / BLOCK)
            .saturating_sub(self.at / BLOCK)
            .min(WORDS / 4);
        let blocks = blocks.min(most.div_ceil(count.get()));
        let words = (4 * blocks).next_multiple_of(GROUP);
        let each = 8 * count.controls();
        let Ahead {
            controls,
            words: masks,
        } = self.ahead.get_or_insert(Ahead {
            controls: [0; 8 * 3 * WORDS],
            words: [0; WORDS],
        });
        let controls = &mut controls[..each * words];
        stream.seek((self.at / 64) as u64 * each as u64);
        stream.fill(controls);
        let select = Select {
            count,
            controls,
            masks: &mut masks[..words],
        };
        dispatch(self.level, select);
        masks[4 * blocks..].fill(0);
        (self.begin, self.made) = (self.at, PART);
        self.at += PART;
        &masks[..4 * blocks]
    }

    /// Whether each of the next carrying samples, 64 at most, is selected.
    pub(crate) fn take(&mut self, count: u32) -> u64 {
        let end = self.at + count as usize;
        match self.density {
            Density::First(selected) => {
                let left = selected.saturating_sub(self.at);
                self.at = end;
                low_bits(u32::try_from(left).unwrap_or(64).min(count))
            }
            Density::Blocks(_) => {
                let mut found = 0;
                let mut have = 0;
                while have < count {
                    let from = self.at - self.begin;
                    if from >= self.made {
                        let at = self.at;
                        let _ = self.masks(usize::MAX);
                        self.at = at;
                        continue;
                    }
                    let (word, bit) = (from / 64, from % 64);
                    let now = (count - have).min(64 - u32::try_from(bit).unwrap_or(0));
                    let mask = self.ahead.as_ref().map_or(0, |ahead| ahead.words[word]);
                    found |= (mask >> bit & low_bits(now)) << have;
                    have += now;
                    self.at += now as usize;
                }
                found
            }
            Density::Strata(_) => {
                let mut found = 0;
                while self.next < end {
                    found |= 1 << (self.next - self.at);
                    let _ = self.step();
                }
                self.at = end;
                found
            }
        }
    }
}

/// `count` low bits, of 64 at most.
const fn low_bits(count: u32) -> u64 {
    if count >= 64 { !0 } else { (1 << count) - 1 }
}
