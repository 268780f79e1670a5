//! Every benchmark of the workspace, one module per crate. See `README.md`.

use criterion::Criterion;

mod envelope;
mod image;
mod ledger;
mod stego;
mod store;
mod verify;

fn main() {
    let mut c = Criterion::default().configure_from_args();
    stego::define(&mut c);
    image::define(&mut c);
    envelope::define(&mut c);
    store::define(&mut c);
    ledger::define(&mut c);
    verify::define(&mut c);
    c.final_summary();
}
