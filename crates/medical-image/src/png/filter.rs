//! Scanlines: filters and interlacing (PNG third edition, clauses 8 and 9), both ways.

use core::convert::Infallible;

use crate::raster::Width;
use crate::{Error, Geometry, Result, Samples};

/// How pixels are cut into filtered scanlines.
#[derive(Clone, Debug)]
pub(crate) struct Scanlines {
    width: Width,
    channels: usize,
    columns: usize,
    pixels: usize,
    passes: Vec<Pass>,
}

/// One reduced image: every `dx`-th pixel of every `dy`-th row, from (`x`, `y`) on.
#[derive(Clone, Copy, Debug)]
struct Pass {
    x: usize,
    y: usize,
    dx: usize,
    dy: usize,
    columns: usize,
    rows: usize,
}

/// Adam7: x, y, dx, dy.
const ADAM7: [(u32, u32, u32, u32); 7] = [
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
];

/// So many bytes of scanlines at a time fit a fast cache.
const PIECE: usize = if cfg!(test) { 64 } else { 1 << 17 };

const NONE: u8 = 0;
const SUB: u8 = 1;
const UP: u8 = 2;
const AVERAGE: u8 = 3;
const PAETH: u8 = 4;

impl Scanlines {
    pub(crate) fn progressive(geometry: Geometry, width: Width) -> Self {
        Self::new(geometry, width, &[(0, 0, 1, 1)])
    }

    pub(crate) fn interlaced(geometry: Geometry, width: Width) -> Self {
        Self::new(geometry, width, &ADAM7)
    }

    fn new(geometry: Geometry, width: Width, steps: &[(u32, u32, u32, u32)]) -> Self {
        let n = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        let (columns, rows) = (n(geometry.columns), n(geometry.rows));
        let passes = steps
            .iter()
            .map(|&(x, y, dx, dy)| Pass {
                x: n(x),
                y: n(y),
                dx: n(dx),
                dy: n(dy),
                columns: columns.saturating_sub(n(x)).div_ceil(n(dx)),
                rows: rows.saturating_sub(n(y)).div_ceil(n(dy)),
            })
            // an empty pass has no scanlines, not even their filter bytes
            .filter(|pass| pass.columns > 0 && pass.rows > 0)
            .collect();
        Self {
            width,
            channels: usize::from(geometry.channels),
            columns,
            pixels: columns.saturating_mul(rows),
            passes,
        }
    }

    /// Bytes of all scanlines with their filter bytes, saturating.
    pub(crate) fn len(&self) -> u64 {
        self.passes.iter().fold(0, |sum, pass| {
            let scanline = (pass.columns as u64).saturating_mul(self.pixel() as u64) + 1;
            sum.saturating_add(scanline.saturating_mul(pass.rows as u64))
        })
    }

    /// How many scanlines there are, in all passes.
    pub(crate) fn count(&self) -> usize {
        self.passes.iter().map(|pass| pass.rows).sum()
    }

    /// Bytes of a pixel.
    fn pixel(&self) -> usize {
        match self.width {
            Width::Eight => self.channels,
            Width::Sixteen => 2 * self.channels,
        }
    }

    /// Samples, and the filter type of each scanline, from [`len`](Self::len) bytes of filtered scanlines.
    pub(crate) fn unfilter(&self, mut plain: Vec<u8>) -> Result<(Samples, Vec<u8>)> {
        let filters = self.unfilter_in_place(&mut plain)?;
        let image = match self.passes.as_slice() {
            [Pass { dx: 1, .. }] => plain,
            _ => self.unlace(&plain),
        };
        Ok((self.samples(image), filters))
    }

    /// Leaves the bytes of the pixels alone, pass after pass, and returns the filter types that stood before each line.
    fn unfilter_in_place(&self, plain: &mut Vec<u8>) -> Result<Vec<u8>> {
        let pixel = self.pixel();
        let mut filters = Vec::with_capacity(self.count());
        // lines move down by the filter bytes before them
        let mut end = 0;
        for pass in &self.passes {
            let len = pass.columns * pixel;
            let zeros = vec![0; len];
            for row in 0..pass.rows {
                let (done, rest) = plain.split_at_mut_checked(end).unwrap_or_default();
                let above = match row {
                    0 => zeros.as_slice(),
                    _ => done.get(done.len() - len..).unwrap_or_default(),
                };
                let Some((filter, line)) = rest
                    .get_mut(filters.len()..)
                    .and_then(|rest| rest.get_mut(..=len)?.split_first_mut())
                else {
                    break;
                };
                if !unfilter(*filter, line, above, pixel) {
                    return Err(Error::malformed("filter type", "0..=4", filter.to_string()));
                }
                filters.push(*filter);
                let start = end + filters.len();
                plain.copy_within(start..start + len, end);
                end += len;
            }
        }
        plain.truncate(end);
        Ok(filters)
    }

    /// The image of which there are reduced ones.
    fn unlace(&self, mut reduced: &[u8]) -> Vec<u8> {
        let pixel = self.pixel();
        let mut image = vec![0; self.pixels * pixel];
        for pass in &self.passes {
            for row in 0..pass.rows {
                let (line, rest) = reduced
                    .split_at_checked(pass.columns * pixel)
                    .unwrap_or_default();
                reduced = rest;
                let targets = image
                    .get_mut(pixel * self.start(pass, row)..)
                    .unwrap_or_default()
                    .chunks_mut(pass.dx * pixel);
                for (to, from) in targets.zip(line.chunks_exact(pixel)) {
                    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
                }
            }
        }
        image
    }

    /// Filtered scanlines from samples, with the given filter type for each.
    pub(crate) fn filter(&self, samples: &Samples, filters: &[u8]) -> Vec<u8> {
        let len = usize::try_from(self.len()).unwrap_or_default();
        let mut plain = Vec::with_capacity(len);
        let taken: core::result::Result<(), Infallible> =
            self.filter_each(samples, filters, |scanlines| {
                plain.extend_from_slice(scanlines);
                Ok(())
            });
        let Ok(()) = taken;
        plain
    }

    /// As [`filter`](Self::filter), some whole scanlines at a time.
    pub(crate) fn filter_each<E>(
        &self,
        samples: &Samples,
        filters: &[u8],
        mut take: impl FnMut(&[u8]) -> core::result::Result<(), E>,
    ) -> core::result::Result<(), E> {
        let pixel = self.pixel();
        let mut filters = filters.iter();
        let longest = self.passes.iter().map(|pass| pass.columns * pixel).max();
        let mut piece = Vec::with_capacity(PIECE.saturating_add(longest.unwrap_or_default()));
        for pass in &self.passes {
            let len = pass.columns * pixel;
            let [mut above, mut line] = [vec![0; len], vec![0; len]];
            for row in 0..pass.rows {
                match samples {
                    Samples::U8(samples) => self.pick(pass, row, samples, &mut line, |x| [x]),
                    Samples::U16(samples) => {
                        self.pick(pass, row, samples, &mut line, u16::to_be_bytes);
                    }
                }
                let filter = filters.next().copied().unwrap_or(NONE);
                piece.push(filter);
                let start = piece.len();
                piece.extend_from_slice(&line);
                let filtered = piece.get_mut(start..).unwrap_or_default();
                refilter(filter, filtered, &line, &above, pixel);
                core::mem::swap(&mut above, &mut line);
                if piece.len() >= PIECE {
                    take(&piece)?;
                    piece.clear();
                }
            }
        }
        match piece.as_slice() {
            [] => Ok(()),
            rest => take(rest),
        }
    }

    /// Where the pixels of a pass's row begin, in pixels.
    fn start(&self, pass: &Pass, row: usize) -> usize {
        (pass.y + row * pass.dy) * self.columns + pass.x
    }

    /// Takes a scanline of a pass from the image.
    fn pick<S: Copy, const N: usize>(
        &self,
        pass: &Pass,
        row: usize,
        image: &[S],
        line: &mut [u8],
        to_bytes: impl Fn(S) -> [u8; N],
    ) {
        let start = self.channels * self.start(pass, row);
        let source = image.get(start..).unwrap_or_default();
        let line = line.as_chunks_mut::<N>().0;
        if pass.dx == 1 {
            let pairs = line.iter_mut().zip(source);
            pairs.for_each(|(to, from)| *to = to_bytes(*from));
        } else {
            let sources = source.chunks(pass.dx * self.channels);
            for (to, from) in line.chunks_exact_mut(self.channels).zip(sources) {
                let pairs = to.iter_mut().zip(from);
                pairs.for_each(|(to, from)| *to = to_bytes(*from));
            }
        }
    }

    fn samples(&self, image: Vec<u8>) -> Samples {
        match self.width {
            Width::Eight => Samples::U8(image),
            Width::Sixteen => Samples::U16(
                image
                    .as_chunks()
                    .0
                    .iter()
                    .map(|word| u16::from_be_bytes(*word))
                    .collect(),
            ),
        }
    }
}

/// Undoes a filter in place; false when there is no such filter.
fn unfilter(filter: u8, line: &mut [u8], above: &[u8], pixel: usize) -> bool {
    match filter {
        NONE => {}
        UP => line
            .iter_mut()
            .zip(above)
            .for_each(|(x, b)| *x = x.wrapping_add(*b)),
        SUB => by_pixel(pixel, line, above, |a, _, _| a),
        AVERAGE => by_pixel(pixel, line, above, |a, b, _| a.midpoint(b)),
        PAETH => by_pixel(pixel, line, above, paeth),
        _ => return false,
    }
    true
}

/// Undoes a filter that looks to the left, pixel by pixel: of the 1 to 4 channels of 8 or 16 bits that a PNG has. It predicts a byte from
/// those of the pixels to the left, above, and above to the left.
fn by_pixel(pixel: usize, line: &mut [u8], above: &[u8], predict: impl Fn(u8, u8, u8) -> u8) {
    match pixel {
        1 => undo::<1>(line, above, predict),
        2 => undo::<2>(line, above, predict),
        3 => undo::<3>(line, above, predict),
        4 => undo::<4>(line, above, predict),
        6 => undo::<6>(line, above, predict),
        _ => undo::<8>(line, above, predict),
    }
}

/// A pixel has its bytes in registers, so that they are worked on together and none is read that was just written.
fn undo<const N: usize>(line: &mut [u8], above: &[u8], predict: impl Fn(u8, u8, u8) -> u8) {
    let (mut a, mut c) = ([0; N], [0; N]);
    let above = above.as_chunks::<N>().0;
    for (x, b) in line.as_chunks_mut::<N>().0.iter_mut().zip(above) {
        for (((x, a), b), c) in x.iter_mut().zip(a).zip(b).zip(c) {
            *x = x.wrapping_add(predict(a, *b, c));
        }
        (a, c) = (*x, *b);
    }
}

/// Applies a filter to `target`, which holds a copy of `line`.
fn refilter(filter: u8, target: &mut [u8], line: &[u8], above: &[u8], pixel: usize) {
    let (first, target) = target.split_at_mut_checked(pixel).unwrap_or_default();
    let (first_above, here) = above.split_at_checked(pixel).unwrap_or_default();
    // to the left of the first pixel all is zero
    let predicted = |b: u8| match filter {
        UP | PAETH => b,
        AVERAGE => b / 2,
        _ => 0,
    };
    for (x, b) in first.iter_mut().zip(first_above) {
        *x = x.wrapping_sub(predicted(*b));
    }
    // lines of their own for the three neighbours, which compilers make vectors of
    let neighbours = line.iter().zip(here).zip(above);
    let target = target.iter_mut().zip(neighbours);
    match filter {
        SUB => target.for_each(|(x, ((a, _), _))| *x = x.wrapping_sub(*a)),
        UP => target.for_each(|(x, ((_, b), _))| *x = x.wrapping_sub(*b)),
        AVERAGE => target.for_each(|(x, ((a, b), _))| *x = x.wrapping_sub(a.midpoint(*b))),
        PAETH => target.for_each(|(x, ((a, b), c))| *x = x.wrapping_sub(paeth(*a, *b, *c))),
        _ => {}
    }
}

/// The neighbour that is nearest to `a + b - c` (clause 9.4).
fn paeth(a: u8, b: u8, c: u8) -> u8 {
    let (ia, ib, ic) = (i16::from(a), i16::from(b), i16::from(c));
    let (pa, pb, pc) = ((ib - ic).abs(), (ia - ic).abs(), (ia + ib - 2 * ic).abs());
    if pa <= pb && pa <= pc {
        a
    } else if pb <= pc {
        b
    } else {
        c
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every filter, pixel and way to cut an image that there is comes back.
    #[test]
    fn scanlines_come_back() {
        let mut state = 7u32;
        let mut byte = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_le_bytes()[3]
        };
        for (width, channels) in [Width::Eight, Width::Sixteen]
            .into_iter()
            .flat_map(|width| (1..=4).map(move |channels| (width, channels)))
        {
            for (columns, rows) in (1..=9).flat_map(|x| (1..=9).map(move |y| (x, y))) {
                let geometry = Geometry {
                    rows,
                    columns,
                    frames: 1,
                    channels,
                    bits_stored: 8,
                    signed: false,
                };
                let count = (columns * rows) as usize * usize::from(channels);
                let samples = match width {
                    Width::Eight => Samples::U8((0..count).map(|_| byte()).collect()),
                    Width::Sixteen => Samples::U16(
                        (0..count)
                            .map(|_| u16::from_be_bytes([byte(), byte()]))
                            .collect(),
                    ),
                };
                for scanlines in [
                    Scanlines::progressive(geometry, width),
                    Scanlines::interlaced(geometry, width),
                ] {
                    let filters: Vec<u8> = (0..scanlines.count()).map(|_| byte() % 5).collect();
                    let plain = scanlines.filter(&samples, &filters);
                    assert_eq!(plain.len() as u64, scanlines.len());
                    let (again, found) = scanlines.unfilter(plain).unwrap();
                    assert!(again == samples && found == filters, "{geometry:?}");
                }
            }
        }
    }

    /// Of RGB, two pixels in a second row, by hand from clause 9.2.
    #[test]
    fn filters_are_those_of_the_standard() {
        let above = [10, 20, 30, 13, 25, 30];
        let line = [12, 20, 35, 14, 29, 33];
        let expected = [
            (NONE, line),
            (SUB, [12, 20, 35, 2, 9, 254]),
            (UP, [2, 0, 5, 1, 4, 3]),
            (AVERAGE, [7, 10, 20, 2, 7, 1]),
            (PAETH, [2, 0, 5, 1, 4, 254]),
        ];
        for (filter, filtered) in expected {
            let mut target = line;
            refilter(filter, &mut target, &line, &above, 3);
            assert_eq!(target, filtered, "{filter}");
            assert!(unfilter(filter, &mut target, &above, 3));
            assert_eq!(target, line, "{filter}");
        }
        assert!(!unfilter(5, &mut [0; 3], &[0; 3], 3));
    }
}
