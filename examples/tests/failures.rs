//! What a machine's failure is not: a verdict on the share.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::net::TcpListener;

mod common;
use common::{Place, image, text};

#[test]
fn a_daemon_that_is_down_is_an_error_and_no_rejection() {
    let place = Place::new();
    let shared = place.share(&image("CT_small.dcm"));
    let share = text(&shared, "share_id");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let path = place.path("bob/config.json");
    let config = fs::read_to_string(&path).unwrap();
    let mut other: serde_json::Value = serde_json::from_str(&config).unwrap();
    other["store"] = url.as_str().into();
    fs::write(&path, other.to_string()).unwrap();

    let ran = place.receive("bob", share, "received.dcm");
    assert!(!ran.stderr.contains("medshare reject"), "{ran:?}");
    assert!(ran.json().get("verdict").is_none(), "{ran:?}");
    ran.fails(
        1,
        &[&url, "cannot be reached", "says nothing about the share"],
    );
    assert!(!place.path("received.dcm").exists());

    fs::write(&path, config).unwrap();
    place.receive("bob", share, "received.dcm").ok();
}
