//! Hides a text in a synthetic 12-bit image and finds it again: `cargo run --example hide -- "some text"`.

#![allow(clippy::print_stdout, reason = "an example prints")]

use anyhow::{Result, ensure};
use lsb_stego::{Cover, CoverMut, Layout, Options, capacity, embed, extract};

const ROWS: u16 = 256;
const COLUMNS: u16 = 256;

fn main() -> Result<()> {
    let text = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "Jane Roe, 1970-01-01".into());

    // A bright disc on a dark ground, 12 bits of 16. Value 0 is padding, and stays.
    let layout = Layout::new(12)?.with_reserved(0, 0)?;
    let original: Vec<u16> = (0..ROWS)
        .flat_map(|row| (0..COLUMNS).map(move |column| disc(row, column)))
        .collect();

    let options = Options::new();
    let capacity = capacity(Cover::new(&original, layout)?, &options)?;
    println!(
        "the cover holds {} bytes, {:.2} bits per sample",
        capacity.payload_bytes(),
        capacity.rate()
    );

    let mut stego = original.clone();
    let embedded = embed(
        CoverMut::new(&mut stego, layout)?,
        text.as_bytes(),
        &options,
    )?;
    let changed = stego
        .iter()
        .zip(&original)
        .filter(|(after, before)| after != before)
        .count();
    println!(
        "{} bits embedded, {changed} of {} samples changed",
        embedded.bits(),
        stego.len()
    );

    let found = extract(Cover::new(&stego, layout)?, &options)?;
    ensure!(found == text.as_bytes(), "the payload came back changed");
    println!("found: {}", String::from_utf8_lossy(&found));
    Ok(())
}

fn disc(row: u16, column: u16) -> u16 {
    let square = |at: u16, size: u16| u32::from(at.abs_diff(size / 2)).pow(2);
    if square(row, ROWS) + square(column, COLUMNS) < 100 * 100 {
        1200 + row % 7 * 3 + column % 5
    } else {
        0
    }
}
