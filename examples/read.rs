//! Reads an image file and shows what is in it: shape, samples, and the attributes that matter.
//!
//!     cargo run --example read -- examples/data/CT_small.dcm

use anyhow::{Context, Result};
use medical_image::{Description, Picture};

#[allow(clippy::print_stdout, reason = "the example's purpose")]
fn main() -> Result<()> {
    let path = std::env::args_os().nth(1);
    let path = path.context("usage: read FILE")?;
    let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
    let picture = Picture::read(bytes)?;
    let geometry = picture.geometry();
    println!("{}: {}", picture.format(), picture.summary());
    println!(
        "{} rows, {} columns, {} frames, {} channels, {} bits stored{}",
        geometry.rows,
        geometry.columns,
        geometry.frames,
        geometry.channels,
        geometry.bits_stored,
        if geometry.signed { ", signed" } else { "" }
    );
    println!(
        "{:?}, the largest is {:?}",
        picture.samples(),
        picture.samples().max()
    );
    if let Some((low, high)) = picture.reserved() {
        println!("values {low} to {high} mean \"no image here\"");
    }
    match picture.description() {
        Description::Attributes(attributes) => println!("{attributes:#?}"),
        Description::Text(text) => println!("{text:?}"),
        _ => println!("no description"),
    }
    println!("{:#?}", picture.header());
    Ok(())
}
