//! Line plots as SVG, in the colours of the page that holds them.

use std::fmt::Write;

const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 44.0;

/// One line: how it looks, and its points.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) style: Style,
    pub(crate) points: Vec<(f64, f64)>,
}

/// How a line looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// Index of the colour and the marker.
    pub(crate) base: usize,
    /// Index of the dashes: 0 for none.
    pub(crate) dashes: usize,
}

impl Style {
    /// The classes of a line.
    pub(crate) fn line(self) -> String {
        match self.dashes {
            0 => format!("line s{}", self.base),
            dashes => format!("line s{} d{dashes}", self.base),
        }
    }
}

/// How values are placed along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    Linear,
    /// Ticks at powers of two.
    Binary,
    /// Ticks at powers of ten.
    Decimal,
}

#[derive(Debug)]
pub(crate) struct Axis {
    pub(crate) label: &'static str,
    pub(crate) scale: Scale,
    /// Values that are shown whatever the points are.
    pub(crate) include: Vec<f64>,
}

#[derive(Debug)]
pub(crate) struct Plot {
    pub(crate) title: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    /// A dashed line from corner to corner of equal values, and what it means.
    pub(crate) diagonal: Option<&'static str>,
    pub(crate) series: Vec<Series>,
}

impl Plot {
    /// The plot, as an element of the page. Colours are the page's classes `s0`, `s1`, ...
    pub(crate) fn svg(&self) -> String {
        let all = || self.series.iter().flat_map(|series| series.points.iter());
        let x = Range::of(&self.x, all().map(|point| point.0));
        let y = Range::of(&self.y, all().map(|point| point.1));
        let at = |px: f64, py: f64| {
            (
                LEFT + x.place(px) * (WIDTH - LEFT - RIGHT),
                HEIGHT - BOTTOM - y.place(py) * (HEIGHT - TOP - BOTTOM),
            )
        };
        let mut svg = format!(
            "<svg viewBox='0 0 {WIDTH} {HEIGHT}' role='img' aria-label='{0}'><text class='title' x='{LEFT}' y='16'>{0}</text>",
            self.title
        );
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        for tick in y.ticks() {
            let (_, at) = at(x.low, tick);
            let _ = write!(
                svg,
                "<path class='grid' d='M{LEFT} {at:.1}H{right}'/><text class='tick end' x='{}' y='{:.1}'>{}</text>",
                LEFT - 6.0,
                at + 3.5,
                y.name(tick)
            );
        }
        for tick in x.ticks() {
            let (at, _) = at(tick, y.low);
            let _ = write!(
                svg,
                "<path class='grid' d='M{at:.1} {TOP}V{bottom}'/><text class='tick mid' x='{at:.1}' y='{}'>{}</text>",
                bottom + 15.0,
                x.name(tick)
            );
        }
        let _ = write!(
            svg,
            "<text class='label mid' x='{}' y='{}'>{}</text><text class='label mid' transform='translate(13 {}) rotate(-90)'>{}</text>",
            f64::midpoint(LEFT, right),
            HEIGHT - 8.0,
            self.x.label,
            f64::midpoint(TOP, bottom),
            self.y.label,
        );
        if let Some(meaning) = self.diagonal {
            let (low, high) = (x.low.max(y.low), x.high.min(y.high));
            let ((x0, y0), (x1, y1)) = (at(low, low), at(high, high));
            let _ = write!(
                svg,
                "<path class='ideal' d='M{x0:.1} {y0:.1}L{x1:.1} {y1:.1}'><title>{meaning}</title></path>"
            );
        }
        for series in &self.series {
            let places: Vec<(f64, f64)> =
                series.points.iter().map(|&(px, py)| at(px, py)).collect();
            let path: Vec<String> = places
                .iter()
                .map(|(x, y)| format!("{x:.1} {y:.1}"))
                .collect();
            if path.len() > 1 {
                let _ = write!(
                    svg,
                    "<path class='{}' d='M{}'/>",
                    series.style.line(),
                    path.join("L")
                );
            }
            for (x, y) in places {
                svg.push_str(&marker(series.style, x, y));
            }
        }
        svg.push_str("</svg>");
        svg
    }
}

/// A mark of its own shape, so that print without colour tells lines apart.
pub(crate) fn marker(style: Style, x: f64, y: f64) -> String {
    let d = match style.base % 7 {
        0 => format!(
            "M{:.1} {y:.1}a3.4 3.4 0 1 0 6.8 0a3.4 3.4 0 1 0 -6.8 0",
            x - 3.4
        ),
        1 => format!("M{:.1} {:.1}h6v6h-6z", x - 3.0, y - 3.0),
        2 => format!("M{x:.1} {:.1}l4.2 7h-8.4z", y - 4.4),
        3 => format!("M{x:.1} {:.1}l4.2 4.2l-4.2 4.2l-4.2 -4.2z", y - 4.2),
        4 => format!("M{x:.1} {:.1}l4.2 -7h-8.4z", y + 4.4),
        5 => format!("M{:.1} {y:.1}h8M{x:.1} {:.1}v8", x - 4.0, y - 4.0),
        _ => format!(
            "M{:.1} {:.1}l6 6M{:.1} {:.1}l6 -6",
            x - 3.0,
            y - 3.0,
            x - 3.0,
            y + 3.0
        ),
    };
    format!("<path class='mark s{}' d='{d}'/>", style.base)
}

struct Range {
    low: f64,
    high: f64,
    scale: Scale,
    step: f64,
}

impl Range {
    fn of(axis: &Axis, points: impl Iterator<Item = f64>) -> Self {
        let (low, high) = points
            .chain(axis.include.iter().copied())
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
        if axis.scale == Scale::Linear {
            let span = if high > low {
                high - low
            } else {
                high.abs().max(1.0)
            };
            let power = 10f64.powf((span / 4.0).log10().floor());
            let step = [1.0, 2.0, 5.0, 10.0]
                .map(|factor| factor * power)
                .into_iter()
                .find(|step| span / step <= 6.0)
                .unwrap_or(span);
            let (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
            let high = if high > low { high } else { low + step };
            return Self {
                low,
                high,
                scale: axis.scale,
                step,
            };
        }
        let base: f64 = if axis.scale == Scale::Binary {
            2.0
        } else {
            10.0
        };
        let low = base.powf(low.max(1e-9).log(base).floor());
        let high = base.powf(high.max(low * base).log(base).ceil());
        let powers = (high / low).log(base);
        let step = base.powf((powers / 6.0).ceil().max(1.0));
        Self {
            low,
            high,
            scale: axis.scale,
            step,
        }
    }

    /// Where a value is, 0 to 1.
    fn place(&self, value: f64) -> f64 {
        let place = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            _ => (value.max(self.low) / self.low).ln() / (self.high / self.low).ln(),
        };
        place.clamp(0.0, 1.0)
    }

    fn ticks(&self) -> Vec<f64> {
        let next = |tick: &f64| {
            Some(match self.scale {
                Scale::Linear => tick + self.step,
                _ => tick * self.step,
            })
        };
        std::iter::successors(Some(self.low), next)
            .take_while(|tick| *tick <= self.high * (1.0 + 1e-9) + self.step * 1e-9)
            .take(20)
            .collect()
    }

    fn name(&self, tick: f64) -> String {
        match self.scale {
            Scale::Binary if tick >= 1024.0 => format!("{} MiB", tick / 1024.0),
            Scale::Binary => format!("{tick} KiB"),
            Scale::Decimal => format!("{tick}"),
            Scale::Linear => {
                let decimals = if self.step >= 1.0 {
                    0
                } else if self.step >= 0.1 {
                    1
                } else if self.step >= 0.01 {
                    2
                } else {
                    4
                };
                let tick = if tick.abs() < self.step * 1e-6 {
                    0.0
                } else {
                    tick
                };
                format!("{tick:.decimals$}")
            }
        }
    }
}
