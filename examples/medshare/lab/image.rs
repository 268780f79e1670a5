//! Pictures of the report: small PNGs inside of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The longest side of a picture, in pixels.
const SIDE: usize = 240;

/// The first frame of an image, one value per pixel.
#[derive(Debug)]
pub(crate) struct View {
    rows: usize,
    columns: usize,
    /// Samples of a picture's pixel along each side.
    step: usize,
}

impl View {
    pub(crate) fn new(rows: usize, columns: usize) -> Self {
        let step = rows.max(columns).div_ceil(SIDE).max(1);
        Self {
            rows,
            columns,
            step,
        }
    }

    fn size(&self) -> (usize, usize) {
        (
            self.rows.div_ceil(self.step),
            self.columns.div_ceil(self.step),
        )
    }

    /// A picture whose pixels are made of the values of a square.
    fn picture(&self, pixel: impl Fn(&mut dyn Iterator<Item = usize>) -> [u8; 3]) -> String {
        let (rows, columns) = self.size();
        let mut bytes = Vec::with_capacity(rows * columns * 3);
        for row in 0..rows {
            for column in 0..columns {
                let (top, left) = (row * self.step, column * self.step);
                let bottom = (top + self.step).min(self.rows);
                let right = (left + self.step).min(self.columns);
                let mut square =
                    (top..bottom).flat_map(|r| (left..right).map(move |c| r * self.columns + c));
                bytes.extend(pixel(&mut square));
            }
        }
        uri(rows, columns, &bytes)
    }

    /// Values from `black` to `white` as grey; either may be the larger.
    pub(crate) fn grey(&self, values: &[u16], black: u16, white: u16) -> String {
        let span = match f64::from(white) - f64::from(black) {
            0.0 => 1.0,
            span => span,
        };
        self.picture(|square| {
            let (sum, count) = square.fold((0.0, 0.0), |(sum, count), at| {
                (sum + f64::from(values[at]), count + 1.0)
            });
            [shade((sum / count - f64::from(black)) / span); 3]
        })
    }

    /// The lowest bits, black and white.
    pub(crate) fn lowest_bits(&self, values: &[u16]) -> String {
        self.picture(|square| {
            [if square.next().is_some_and(|at| values[at] & 1 == 1) {
                236
            } else {
                24
            }; 3]
        })
    }

    /// Differences, the largest of each square: up is orange, down is blue, the darker the larger.
    pub(crate) fn differences(&self, before: &[u16], after: &[u16]) -> String {
        let apart = |at: usize| i32::from(after[at]) - i32::from(before[at]);
        let largest = (0..before.len())
            .map(|at| apart(at).abs())
            .max()
            .unwrap_or(1)
            .max(1);
        self.picture(|square| {
            let change = square
                .map(apart)
                .max_by_key(|change| change.abs())
                .unwrap_or(0);
            let strength = if change == 0 {
                0.0
            } else {
                0.45 + 0.55 * f64::from(change.abs()) / f64::from(largest)
            };
            let colour = if change > 0 {
                [213.0, 94.0, 0.0]
            } else {
                [0.0, 114.0, 178.0]
            };
            colour.map(|channel: f64| shade((250.0 + (channel - 250.0) * strength) / 255.0))
        })
    }
}

/// 0 to 1 as a byte.
fn shade(value: f64) -> u8 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 255 after clamping"
    )]
    let byte = (value.clamp(0.0, 1.0) * 255.0).round() as u8;
    byte
}

/// A PNG as a data URI; empty if it could not be made, which a picture in memory always can.
fn uri(rows: usize, columns: usize, rgb: &[u8]) -> String {
    let mut file = Vec::new();
    let size = [columns, rows].map(|side| u32::try_from(side).unwrap_or(0));
    let mut encoder = png::Encoder::new(&mut file, size[0], size[1]);
    encoder.set_color(png::ColorType::Rgb);
    let written = encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(rgb));
    match written {
        Ok(()) => format!("data:image/png;base64,{}", STANDARD.encode(file)),
        Err(_) => String::new(),
    }
}
