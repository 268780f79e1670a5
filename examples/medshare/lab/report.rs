//! The report: one page that needs no other file; and the same figures as a table for programs.

use std::fmt::Write;

use serde_json::json;

use crate::command::lab::{ImageResult, Pictures, Results, SHOWN_RATE, Throughput};
use crate::lab::measure::{Measured, Method, Row};
use crate::lab::plot::{Axis, Plot, Scale, Series, Style, marker};

/// One line per image for the cover, which has no figures but those of the detectors, and per method and rate. Where the
/// payload does not fit, the last field is `false` and the others are empty.
pub(crate) fn csv(results: &Results) -> String {
    let mut text = format!(
        "image,method,rate,bits,keyed,{},fits\n",
        COLUMNS.map(|(name, _)| name).join(",")
    );
    for image in &results.images {
        let name = image.name.replace('"', "\"\"");
        let _ = write!(text, "\"{name}\",cover,0,,");
        let detected = image.cover;
        for (column, _) in COLUMNS {
            text.push(',');
            let _ = match column {
                "regular_singular" => write!(text, "{}", detected.regular_singular),
                "sample_pairs" => write!(text, "{}", detected.sample_pairs),
                "weighted_stego" => write!(text, "{}", detected.weighted_stego),
                "chi_square" => write!(text, "{}", detected.chi_square),
                "samples_sha256" => write!(text, "{}", image.samples_sha256),
                _ => Ok(()),
            };
        }
        text.push_str(",true\n");
        for row in results.rows.iter().filter(|row| row.image == image.name) {
            let _ = write!(
                text,
                "\"{name}\",{},{},{},{}",
                row.method.id(),
                row.rate,
                row.bits,
                row.keyed
            );
            for (_, value) in COLUMNS {
                text.push(',');
                text.push_str(&row.measured.as_ref().and_then(value).unwrap_or_default());
            }
            let _ = writeln!(text, ",{}", row.fits);
        }
    }
    text
}

/// The same as an object, with the conditions and what else is known of the images.
pub(crate) fn json(results: &Results) -> serde_json::Result<String> {
    let mut object = serde_json::to_value(results)?;
    let mut rows = Vec::new();
    for image in &results.images {
        rows.push(json!({
            "image": image.name,
            "method": "cover",
            "rate": 0,
            "fits": true,
            "regular_singular": image.cover.regular_singular,
            "sample_pairs": image.cover.sample_pairs,
            "weighted_stego": image.cover.weighted_stego,
            "chi_square": image.cover.chi_square,
            "samples_sha256": image.samples_sha256,
        }));
        for row in results.rows.iter().filter(|row| row.image == image.name) {
            rows.push(serde_json::to_value(row)?);
        }
    }
    object["rows"] = rows.into();
    serde_json::to_string_pretty(&object)
}

type Value = fn(&Measured) -> Option<String>;

/// What results.csv holds besides image, method, rate, bits, key and whether the payload fits.
const COLUMNS: [(&str, Value); 19] = [
    ("payload_bytes", |m| Some(m.payload_bytes.to_string())),
    ("frame_bits", |m| Some(m.frame_bits.to_string())),
    ("parity", |m| m.parity.map(|bits| bits.to_string())),
    ("changed_share", |m| Some(m.changed_share.to_string())),
    ("efficiency", |m| Some(m.efficiency.to_string())),
    ("largest_change", |m| Some(m.largest_change.to_string())),
    ("mse", |m| Some(m.mse.to_string())),
    ("psnr_stored", |m| Some(m.psnr_stored.to_string())),
    ("psnr_range", |m| {
        Some(m.psnr_range.to_string()).filter(|_| m.psnr_range > f64::NEG_INFINITY)
    }),
    ("ssim", |m| m.ssim.map(|ssim| ssim.to_string())),
    ("ncc", |m| Some(m.ncc.to_string())),
    ("histogram_distance", |m| {
        Some(m.histogram_distance.to_string())
    }),
    ("regular_singular", |m| {
        Some(m.detected.regular_singular.to_string())
    }),
    ("sample_pairs", |m| {
        Some(m.detected.sample_pairs.to_string())
    }),
    ("weighted_stego", |m| {
        Some(m.detected.weighted_stego.to_string())
    }),
    ("chi_square", |m| Some(m.detected.chi_square.to_string())),
    ("samples_sha256", |m| Some(m.samples_sha256.clone())),
    ("embed_mb_per_s", |m| Some(m.embed_mb_per_s.to_string())),
    ("extract_mb_per_s", |m| Some(m.extract_mb_per_s.to_string())),
];

/// The page.
pub(crate) fn html(results: &Results) -> String {
    let conditions = &results.conditions;
    let names: Vec<&str> = results
        .images
        .iter()
        .map(|image| image.name.as_str())
        .collect();
    let subject = match names.as_slice() {
        [one] => escape(one),
        many => format!("{} images", many.len()),
    };
    let mut page = format!(
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><meta name='viewport' content='width=device-width, initial-scale=1'>\
         <title>Steganography of {subject}</title><style>{}</style></head><body>\
         <h1>Hiding in {subject}</h1><p class='soft'>{} schemes at {} embedding rates: capacity, distortion, detectability, speed. {}</p>",
        include_str!("style.css"),
        methods(results).len(),
        rates(results).len(),
        escape(&conditions.time),
    );
    page.push_str("<h2>Results</h2>");
    page.push_str(&capacities(results));
    page.push_str(&summary(results));
    page.push_str("<h2>Plots</h2>");
    let several = if results.images.len() > 1 {
        "Means over the images; a scheme has a point where every image holds the rate with it. "
    } else {
        ""
    };
    let _ = write!(
        page,
        "<p class='soft'>{several}Rates are bits per sample that may carry, frame included. The grey dashed line is where an estimate is right that a scheme of one bit per sample leaves; one of k bits touches a k-th of the samples for the same rate.</p>{}<div class='plots'>",
        legend(results)
    );
    for plot in plots(results) {
        let _ = write!(page, "<figure>{}</figure>", plot.svg());
    }
    page.push_str("</div>");
    page.push_str(&throughput_note(results));
    page.push_str("<h2>Pictures</h2><p class='soft'>Shown is the first channel that carries, of the first frame. Lowest bits are the lowest plane, white for 1; of k bits the k lowest carry. In the difference, orange samples went up and blue ones down; a pixel shows the largest change of the samples it stands for. In the histogram, grey is the cover and the orange line the stego image, around the most frequent of the values above the lowest, which mostly is the ground.</p>");
    for image in &results.images {
        page.push_str(&pictures(image));
    }
    page.push_str("<h2>Every measurement</h2>");
    page.push_str(&everything(results));
    page.push_str(READING);
    let digests: String = results
        .images
        .iter()
        .map(|image| {
            let name = escape(&image.name);
            format!(
                "<dt>{name}</dt><dd>SHA-256 {}, of its samples {}</dd>",
                image.sha256, image.samples_sha256
            )
        })
        .collect();
    let _ = write!(
        page,
        "<h2>To get this again</h2><pre>{}</pre><dl class='facts'>\
         <dt>seed</dt><dd>{}, from which payloads and keys are made; the same seed gives the same stego images, whose digests results.csv and results.json hold</dd>\
         {}<dt>version</dt><dd>medshare and lsb-stego {}, commit {}, {} build by {}; lsb-stego at level {}</dd>\
         <dt>processor</dt><dd>{}, {} cores, {}; throughput is of one core</dd></dl></body></html>",
        escape(&conditions.command),
        conditions.seed,
        digests,
        conditions.version,
        conditions.commit,
        conditions.build,
        escape(conditions.compiler),
        escape(&conditions.level),
        escape(&conditions.cpu),
        conditions.cores,
        escape(&conditions.system),
    );
    page
}

const READING: &str = "<h2>How to read this</h2>\
<p>PSNR is against the largest value that the bits stored allow, and, where it says so, against the range that the cover uses; \
the two differ by tens of decibels in images of 12 to 16 bits. SSIM has Wang's window of 11 x 11, against the bits stored. \
Efficiency is bits per changed sample, those of the frame, as rates are: the payload and 128 more. Distortion and the share of changed samples are of all samples of the channels that \
carry, reserved ones (padding) with them; rates and estimates leave those out.</p>\
<p>RS, Sample Pairs and WS estimate the rate of LSB replacement in bits per sample, and of k bits per sample a k-th of it; what they say of the cover is their error \
on this image. Schemes that are not replacement are hidden from them to the extent that the lines stay flat, and other \
detectors find them: a low figure is no proof of innocence. Chi-square is the probability that pairs of values are equally \
frequent; it needs a payload that fills the image, and sparse histograms of 16 bits mislead it.</p>\
<p>Throughput is bytes of samples per second on one core, median of five, payload in memory, after a copy of the cover was \
made outside of the time.</p>";

fn methods(results: &Results) -> Vec<Method> {
    results.images.first().map_or_else(Vec::new, |image| {
        image.capacity.iter().map(|held| held.method).collect()
    })
}

fn rates(results: &Results) -> Vec<f64> {
    let mut rates: Vec<f64> = results.rows.iter().map(|row| row.rate).collect();
    rates.sort_by(f64::total_cmp);
    rates.dedup();
    rates
}

/// The same everywhere: the colour and the marker of a method's base, and the dashes of its way.
fn style(method: Method) -> Style {
    Style {
        base: method.base() as usize,
        dashes: method.variant(),
    }
}

fn key(method: Method) -> String {
    format!(
        "<svg viewBox='0 0 30 14'><path class='{}' d='M1 7H29'/>{}</svg>",
        style(method).line(),
        marker(style(method), 15.0, 7.0)
    )
}

fn legend(results: &Results) -> String {
    let items = methods(results)
        .into_iter()
        .map(|method| format!("<span>{} {}</span>", key(method), method.name()));
    format!("<div class='legend'>{}</div>", items.collect::<String>())
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn capacities(results: &Results) -> String {
    let mut table = "<div class='scroll'><table><caption>Capacity in bytes of payload, and bits per sample</caption><tr><th>image<th class='left'>what<th>samples<th>bits".to_owned();
    for method in methods(results) {
        let _ = write!(table, "<th>{}", method.name());
    }
    for image in &results.images {
        let _ = write!(
            table,
            "<tr><td>{}<td class='left'>{}<td>{}<td>{}",
            escape(&image.name),
            escape(&image.summary),
            image.samples,
            image.bits_stored
        );
        for held in &image.capacity {
            let bytes = (held.bits / 8).saturating_sub(lsb_stego::framed_bits(0) / 8);
            let rate = held.bits as f64 / image.samples.max(1) as f64;
            let _ = write!(table, "<td>{bytes} <span class='soft'>{rate:.3}</span>");
        }
    }
    table + "</table></div>"
}

/// Every method at the largest rate that all of them hold on every image.
fn summary(results: &Results) -> String {
    let fits = |rate: f64| {
        results
            .rows
            .iter()
            .filter(|row| row.rate == rate)
            .all(|row| row.measured.is_some())
    };
    let Some(rate) = rates(results).into_iter().rev().find(|rate| fits(*rate)) else {
        return String::new();
    };
    let mut table = format!(
        "<div class='scroll'><table style='margin-top:22px'><caption>At {rate} bits per sample, the most that every scheme holds{}</caption>{HEAD}",
        if results.images.len() > 1 {
            ", means over the images"
        } else {
            ""
        }
    );
    let covers: Vec<_> = results.images.iter().map(|image| image.cover).collect();
    let cover = |value: fn(&crate::lab::measure::Detected) -> f64| mean(covers.iter().map(value));
    let _ = write!(
        table,
        "<tr><td>cover<td><td><td><td><td><td>{}<td>{}<td>{}<td>{}<td><td>",
        figure(cover(|d| d.regular_singular), 3),
        figure(cover(|d| d.sample_pairs), 3),
        figure(cover(|d| d.weighted_stego), 3),
        figure(cover(|d| d.chi_square), 3),
    );
    for method in methods(results) {
        let rows = results
            .rows
            .iter()
            .filter(|row| row.rate == rate && row.method == method);
        let _ = write!(table, "<tr><td>{} {}", key(method), method.name());
        table.push_str(&cells(
            &rows
                .filter_map(|row| row.measured.as_ref())
                .collect::<Vec<_>>(),
        ));
    }
    table.replace(
        "<svg ",
        "<svg style='width:30px;display:inline-block;vertical-align:-3px' ",
    ) + "</table></div>"
}

const HEAD: &str = "<tr><th>scheme<th>changed<th>bits per change<th>PSNR of bits stored, dB<th>PSNR of range, dB<th>SSIM<th>RS<th>pairs<th>WS<th>chi-square<th>embed, MB/s<th>extract, MB/s";

/// The cells of a row of a table that begins with [`HEAD`], means over what was measured.
fn cells(measured: &[&Measured]) -> String {
    let of = |value: fn(&Measured) -> f64| mean(measured.iter().map(|m| value(m)));
    let ssims: Vec<f64> = measured.iter().filter_map(|m| m.ssim).collect();
    format!(
        "<td>{} %<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}",
        figure(of(|m| 100.0 * m.changed_share), 2),
        figure(of(|m| m.efficiency), 2),
        figure(of(|m| m.psnr_stored), 2),
        figure(of(|m| m.psnr_range), 2),
        if ssims.is_empty() {
            "–".to_owned()
        } else {
            figure(mean(ssims.into_iter()), 6)
        },
        figure(of(|m| m.detected.regular_singular), 3),
        figure(of(|m| m.detected.sample_pairs), 3),
        figure(of(|m| m.detected.weighted_stego), 3),
        figure(of(|m| m.detected.chi_square), 3),
        figure(of(|m| m.embed_mb_per_s), 0),
        figure(of(|m| m.extract_mb_per_s), 0),
    )
}

fn everything(results: &Results) -> String {
    let mut page = String::new();
    for image in &results.images {
        let _ = write!(
            page,
            "<details{}><summary>{}</summary><div class='scroll'><table>{}",
            if results.images.len() == 1 {
                " open"
            } else {
                ""
            },
            escape(&image.name),
            HEAD.replacen("<th>scheme", "<th>scheme<th>rate", 1)
        );
        let mut last = None;
        for row in results.rows.iter().filter(|row| row.image == image.name) {
            let group = if last == Some(row.method) {
                ""
            } else {
                " class='group'"
            };
            last = Some(row.method);
            let _ = write!(page, "<tr{group}><td>{}<td>{}", row.method.name(), row.rate);
            match &row.measured {
                Some(measured) => page.push_str(&cells(&[measured])),
                None => page.push_str("<td class='none left' colspan='11'>does not fit"),
            }
        }
        page.push_str("</table></div></details>");
    }
    page
}

fn plots(results: &Results) -> Vec<Plot> {
    let rate = || Axis {
        label: "bits per sample",
        scale: Scale::Linear,
        include: vec![0.0],
    };
    let against =
        |title: &str, label, include: Vec<f64>, diagonal, value: fn(&Measured) -> f64| Plot {
            title: title.to_owned(),
            x: rate(),
            y: Axis {
                label,
                scale: Scale::Linear,
                include,
            },
            diagonal,
            series: series(results, value),
        };
    let right = Some("the estimate is right");
    let unit = || vec![0.0, 1.0];
    let speed = |title: &str, value: fn(&Throughput) -> f64| Plot {
        title: format!("{title}: {}", short(timed(results))),
        x: Axis {
            label: "samples",
            scale: Scale::Binary,
            include: vec![16.0, 16384.0],
        },
        y: Axis {
            label: "MB/s",
            scale: Scale::Decimal,
            include: Vec::new(),
        },
        diagonal: None,
        series: methods(results)
            .into_iter()
            .map(|method| Series {
                style: style(method),
                #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
                points: results
                    .throughput
                    .iter()
                    .filter(|t| t.method == method)
                    .map(|t| (t.kib as f64, value(t)))
                    .collect(),
            })
            .collect(),
    };
    vec![
        against(
            "Distortion",
            "PSNR of bits stored, dB",
            Vec::new(),
            None,
            |m| m.psnr_stored,
        ),
        against("Changed samples", "share", vec![0.0], None, |m| {
            m.changed_share
        }),
        against("Sample Pairs", "estimated rate", unit(), right, |m| {
            m.detected.sample_pairs
        }),
        against("RS analysis", "estimated rate", unit(), right, |m| {
            m.detected.regular_singular
        }),
        against("Weighted stego", "estimated rate", unit(), right, |m| {
            m.detected.weighted_stego
        }),
        against("Chi-square", "probability", unit(), None, |m| {
            m.detected.chi_square
        }),
        against(
            "Histogram distance",
            "total variation",
            vec![0.0],
            None,
            |m| m.histogram_distance,
        ),
        against(
            "Embedding efficiency",
            "bits per change",
            vec![0.0],
            None,
            |m| m.efficiency,
        ),
        speed("Embedding speed", |t| t.embed_mb_per_s),
        speed("Extraction speed", |t| t.extract_mb_per_s),
    ]
}

/// The image that throughput against size was measured of.
fn timed(results: &Results) -> &str {
    results.images.first().map_or("", |image| &image.name)
}

/// A name in the title of a plot, of a long one its end.
fn short(name: &str) -> String {
    const MOST: usize = 32;
    match name.char_indices().rev().nth(MOST) {
        Some((at, _)) => format!("…{}", escape(name.get(at..).unwrap_or_default())),
        None => escape(name),
    }
}

/// What throughput against size was measured of, and what that says less of.
fn throughput_note(results: &Results) -> String {
    let passed_over = results.images.first().is_some_and(|image| !image.all_carry);
    format!(
        "<p class='soft'>Speed against size is of the first image alone, {}, whose rows are taken over and over, at {SHOWN_RATE} bits per sample.{}</p>",
        escape(timed(results)),
        if passed_over {
            " It has reserved samples (padding), or channels that do not carry, and so takes slower paths than an image all of whose samples carry."
        } else {
            ""
        }
    )
}

/// For each method and each rate that every image holds with it, the mean over the images.
fn series(results: &Results, value: fn(&Measured) -> f64) -> Vec<Series> {
    let of = |method: Method| {
        let points = rates(results).into_iter().filter_map(move |rate| {
            let rows = results.rows.iter();
            let rows = rows.filter(|row: &&Row| row.method == method && row.rate == rate);
            let found: Option<Vec<f64>> =
                rows.map(|row| row.measured.as_ref().map(value)).collect();
            Some((rate, mean(found?.into_iter()))).filter(|point| point.1.is_finite())
        });
        Series {
            style: style(method),
            points: points.collect(),
        }
    };
    methods(results).into_iter().map(of).collect()
}

fn pictures(image: &ImageResult) -> String {
    let [cover, lowest_bits] = &image.shown;
    let name = escape(&image.name);
    let mut page = format!(
        "<h3>{name} <span class='soft'>{}</span></h3><div class='pictures'><div></div><div class='head'>image</div><div class='head'>difference</div><div class='head'>lowest bits</div><div class='head'>histogram</div>\
         <div><b>cover</b></div><img alt='cover' src='{cover}'><div></div><img alt='lowest bits of the cover' src='{lowest_bits}'><div></div>",
        escape(&image.summary)
    );
    for shown in &image.pictures {
        let _ = write!(
            page,
            "<div><b>{0}</b>{1} bits per sample</div><img alt='{0}: stego image' src='{2}'><img alt='{0}: difference' src='{3}'><img alt='{0}: lowest bits' src='{4}'>{5}",
            shown.method.name(),
            shown.rate,
            shown.stego,
            shown.difference,
            shown.lowest_bits,
            histogram(shown)
        );
    }
    page + "</div>"
}

/// Bars for the cover, a line of steps for the stego image.
fn histogram(shown: &Pictures) -> String {
    const SIDE: f64 = 200.0;
    const BASE: f64 = 180.0;
    let [before, after] = &shown.histogram;
    let highest = before
        .iter()
        .chain(after)
        .max()
        .copied()
        .unwrap_or(1)
        .max(1);
    let width = SIDE / f64::from(u32::try_from(before.len().max(1)).unwrap_or(1));
    let height = |count: &u32| BASE * f64::from(*count) / f64::from(highest);
    let (mut bars, mut steps, mut x) = (String::new(), String::new(), 0.0);
    for (before, after) in before.iter().zip(after) {
        let (bar, step) = (height(before), height(after));
        let _ = write!(
            bars,
            "M{x:.1} {BASE}v{:.1}h{:.1}V{BASE}z",
            -bar,
            width * 0.9
        );
        let _ = write!(
            steps,
            "{}{x:.1} {:.1}h{width:.1}",
            if steps.is_empty() { 'M' } else { 'L' },
            BASE - step
        );
        x += width;
    }
    let last = usize::from(shown.first_value) + before.len() - 1;
    format!(
        "<svg viewBox='0 0 {SIDE} {SIDE}' role='img' aria-label='histogram'><path class='bar' d='{bars}'/><path class='step' d='{steps}'/>\
         <path class='grid' d='M0 {BASE}H{SIDE}'/><text class='tick' x='0' y='195'>{}</text><text class='tick end' x='{SIDE}' y='195'>{last}</text></svg>",
        shown.first_value
    )
}

#[expect(clippy::cast_precision_loss, reason = "a few images")]
fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len();
    values.sum::<f64>() / count as f64
}

/// A figure with so many decimals; one that is none, or endless, as a sign.
fn figure(value: f64, decimals: usize) -> String {
    if value.is_nan() || value == f64::NEG_INFINITY {
        "–".to_owned()
    } else if value.is_infinite() {
        "∞".to_owned()
    } else {
        format!("{value:.decimals$}").replace('-', "−")
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\'', "&#39;")
        .replace('"', "&quot;")
}
