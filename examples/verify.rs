//! Sends an image and takes the seven steps as its receiver, then as somebody who was not named. All in memory.
//!
//!     cargo run --example verify

use anyhow::Result;
use medshare_verify::testing::World;

#[allow(clippy::print_stdout, reason = "the example's purpose")]
fn main() -> Result<()> {
    let image = include_bytes!("data/CT_small.dcm");
    let mut world = World::new(); // Alice, Bob and Mallory, enrolled in a ledger in memory
    let draft = world.draft(1);
    world.share(&draft, image);

    let verified = world.verify("bob", &draft)?;
    for check in verified.checks() {
        println!("{check}");
    }
    assert_eq!(verified.original(), image);
    println!("{:?}", verified.record().description);

    let rejected = world
        .verify("mallory", &draft)
        .expect_err("she was not named");
    println!("Mallory is rejected at {}: {rejected}", rejected.step());
    Ok(())
}
