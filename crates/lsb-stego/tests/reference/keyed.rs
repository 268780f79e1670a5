//! The schemes and the keyed path in plain loops. The keystream is the `chacha20` crate's.

use chacha20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};

use super::{Plain, bit, carries};

/// How the payload enters the samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Way {
    Replacement,
    Matching,
    Matrix(usize),
}

/// A keystream: 1 of the path, 2 of the whitening, 3 of the steps.
pub(crate) fn keystream(key: [u8; 32], purpose: u8, from: usize, count: usize) -> Vec<u8> {
    let nonce = [0, 0, 0, 0, purpose, 0, 0, 0, 0, 0, 0, 0];
    let mut cipher = chacha20::ChaCha8::new(&key.into(), &nonce.into());
    cipher.seek(from as u64);
    let mut bytes = vec![0; count];
    cipher.apply_keystream(&mut bytes);
    bytes
}

/// How many carrying samples are selected, and which.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Density {
    All,
    Blocks(usize),
    Strata(usize),
}

/// From the thinnest to the densest.
pub(crate) fn densities(carriers: usize) -> Vec<Density> {
    // as far as 32 bits reach
    let mut strata: Vec<usize> = (0..24)
        .flat_map(|octave| (0..8).map(move |step| (256 + 32 * step) << octave))
        .filter(|&stratum| stratum > 256 && stratum <= carriers)
        .collect();
    strata.reverse();
    let strata = strata.into_iter().map(Density::Strata);
    let blocks = (1..256).map(Density::Blocks);
    strata.chain(blocks).chain([Density::All]).collect()
}

pub(crate) fn selected_count(density: Density, carriers: usize) -> usize {
    match density {
        Density::All => carriers,
        Density::Blocks(count) => carriers / 256 * count,
        Density::Strata(stratum) => carriers / stratum,
    }
}

/// The numbers of the carrying samples that are selected.
pub(crate) fn selected(key: [u8; 32], density: Density, carriers: usize) -> Vec<usize> {
    match density {
        Density::All => (0..carriers).collect(),
        Density::Strata(stratum) => (0..carriers / stratum)
            .map(|index| {
                let word: [u8; 4] = keystream(key, 1, 4 * index, 4).try_into().unwrap();
                // 64 bits, whatever the machine has
                let within = (u64::from(u32::from_le_bytes(word)) * stratum as u64) >> 32;
                index * stratum + within as usize
            })
            .collect(),
        Density::Blocks(count) => (0..carriers / 256 * 4)
            .flat_map(|word| {
                let mask = mask(key, count, word);
                (0..64)
                    .filter(move |&i| mask[i])
                    .map(move |i| 64 * word + i)
            })
            .collect(),
    }
}

/// Which of 64 samples are selected, so many of 256.
fn mask(key: [u8; 32], count: usize, word: usize) -> [bool; 64] {
    let fewer = count.min(256 - count);
    let (stratum, words) = match fewer {
        0..=32 => (8, 1),
        33..=64 => (4, 2),
        _ => (2, 3),
    };
    let control = |lane: usize, number: usize| {
        let at = (lane / 8 * words + number) * 64 + lane % 8 * 8;
        u64::from_le_bytes(keystream(key, 1, at, 8).try_into().unwrap())
    };
    let controls: Vec<u64> = (0..words).map(|number| control(word, number)).collect();
    let rotation = control(word / 4 * 4, 0) >> 62;
    let share = (word % 4 + rotation as usize) % 4;
    let mut mask = [false; 64];
    for i in 0..(share + 1) * fewer / 4 - share * fewer / 4 {
        mask[i * stratum] = true;
    }
    let mut number = 0;
    let mut stride = 32;
    while stride > 0 {
        for start in (0..64).step_by(stratum) {
            let control = controls[number / stratum] >> (start + number % stratum) & 1 == 1;
            if control && stride >= stratum && start & stride == 0 {
                mask.swap(start, start + stride);
            }
            if control && stride < stratum {
                let at = (start..start + stratum).find(|&i| mask[i]);
                if let Some(at) = at {
                    mask.swap(at, at + stride);
                }
            }
        }
        number += 1;
        stride /= 2;
    }
    mask.map(|selected| selected != (count > 128))
}

/// Embedding under a scheme, with or without a key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reference {
    pub(crate) plain: Plain,
    pub(crate) k: u32,
    pub(crate) way: Way,
    pub(crate) key: Option<[u8; 32]>,
}

impl Reference {
    fn carriers(&self, samples: &[u32]) -> Vec<usize> {
        (0..samples.len())
            .filter(|&i| carries(&self.plain, self.k, i, samples[i]))
            .collect()
    }

    fn held(&self, selected: usize) -> usize {
        match self.way {
            Way::Matrix(p) => selected / ((1 << p) - 1) * p,
            _ => selected * self.k as usize,
        }
    }

    pub(crate) fn capacity(&self, samples: &[u32]) -> usize {
        self.held(self.carriers(samples).len())
    }

    /// The selected samples for so many bits.
    pub(crate) fn path(&self, samples: &[u32], bit_len: usize) -> Vec<usize> {
        let carriers = self.carriers(samples);
        let Some(key) = self.key else {
            return carriers;
        };
        let density = densities(carriers.len())
            .into_iter()
            .find(|&density| self.held(selected_count(density, carriers.len())) >= bit_len.max(1))
            .unwrap_or(Density::All);
        let selected = selected(key, density, carriers.len());
        selected
            .into_iter()
            .map(|number| carriers[number])
            .collect()
    }

    pub(crate) fn write(&self, samples: &mut [u32], bytes: &[u8], bit_len: usize) {
        let path = self.path(samples, bit_len);
        let count = if self.key.is_some() {
            self.held(path.len())
        } else {
            bit_len
        };
        let whitening = self.key.map(|key| keystream(key, 2, 0, count.div_ceil(8)));
        let stream: Vec<u32> = (0..count)
            .map(|i| {
                let payload = if i < bit_len { bit(bytes, i) } else { 0 };
                payload ^ whitening.as_ref().map_or(0, |bytes| bit(bytes, i))
            })
            .collect();
        let steps = keystream(self.key.unwrap_or([0; 32]), 3, 0, count.div_ceil(8));
        match self.way {
            Way::Replacement => {
                for (i, &wanted) in stream.iter().enumerate() {
                    let (at, low) = (path[i / self.k as usize], i as u32 % self.k);
                    samples[at] = samples[at] & !(1 << low) | wanted << low;
                }
            }
            Way::Matching => {
                for (i, &wanted) in stream.iter().enumerate() {
                    if samples[path[i]] & 1 != wanted {
                        samples[path[i]] =
                            self.step(path[i], samples[path[i]], bit(&steps, i) == 1);
                    }
                }
            }
            Way::Matrix(p) => {
                for (group, bits) in groups(p, path.len()) {
                    let mut differ = 0;
                    for (i, bit) in bits.iter().enumerate() {
                        let is = syndrome(&group, &path, samples, i);
                        differ |= stream.get(*bit).map_or(0, |wanted| (is ^ wanted) << i);
                    }
                    if differ > 0 {
                        samples[path[group[differ as usize - 1]]] ^= 1;
                    }
                }
            }
        }
    }

    pub(crate) fn read(&self, samples: &[u32], bit_len: usize) -> Vec<u8> {
        let path = self.path(samples, bit_len);
        let count = self.held(path.len());
        let mut stream = vec![0; count];
        match self.way {
            Way::Matrix(p) => {
                for (group, bits) in groups(p, path.len()) {
                    for (i, bit) in bits.iter().enumerate() {
                        stream[*bit] = syndrome(&group, &path, samples, i);
                    }
                }
            }
            _ => {
                for (i, found) in stream.iter_mut().enumerate() {
                    *found = samples[path[i / self.k as usize]] >> (i as u32 % self.k) & 1;
                }
            }
        }
        let whitening = self.key.map(|key| keystream(key, 2, 0, count.div_ceil(8)));
        let mut bytes = vec![0; bit_len.div_ceil(8)];
        for i in 0..bit_len {
            let found = stream[i] ^ whitening.as_ref().map_or(0, |bytes| bit(bytes, i));
            bytes[i / 8] |= (found as u8) << (i % 8);
        }
        bytes
    }

    /// One up or down, where that is a value that carries; else the other way.
    fn step(&self, index: usize, sample: u32, up: bool) -> u32 {
        let value = sample & ((1 << self.plain.bits_stored) - 1);
        let allowed = |to: i64| {
            (0..1 << self.plain.bits_stored).contains(&to)
                && carries(&self.plain, 1, index, u32::try_from(to).unwrap())
        };
        let [way, other] = if up { [1, -1] } else { [-1, 1] };
        let way = if allowed(i64::from(value) + way) {
            way
        } else {
            other
        };
        u32::try_from(i64::from(sample) + way).unwrap()
    }
}

/// Groups of a Hamming code, 64 side by side: places on the path, and the payload bits that they carry.
fn groups(p: usize, selected: usize) -> Vec<(Vec<usize>, Vec<usize>)> {
    let size = (1 << p) - 1;
    let count = selected / size;
    (0..count)
        .map(|group| {
            let (first, lane) = (group / 64 * 64, group % 64);
            let width = 64.min(count - first);
            let samples = (0..size).map(|column| first * size + column * width + lane);
            let bits = (0..p).map(|bit| first * p + bit * width + lane);
            (samples.collect(), bits.collect())
        })
        .collect()
}

/// Bit `i` of a group's syndrome: of the numbers, from 1 on, of the samples whose lowest bit is set.
fn syndrome(group: &[usize], path: &[usize], samples: &[u32], i: usize) -> u32 {
    (1..).zip(group).fold(0, |sum, (number, &at): (u32, _)| {
        sum ^ (samples[path[at]] & (number >> i)) & 1
    })
}
