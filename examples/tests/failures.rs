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

/// A key without a configuration stayed behind, and the next `init` refused the directory.
#[test]
fn an_init_that_fails_leaves_nothing_behind() {
    let place = Place::empty();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    fs::create_dir(place.path("thesis")).unwrap();
    fs::write(place.path("thesis/all.txt"), "all of it").unwrap();
    let init = |home, more: &[&str]| {
        let given = [
            "init",
            "--home",
            home,
            "--name",
            "Alice",
            "--email",
            "alice@a.example",
        ];
        place.run(given.iter().chain(more))
    };
    fs::create_dir(place.path("empty")).unwrap();
    for home in ["empty", "new/alice"] {
        init(home, &["--ledger", &url]).fails(1, &[&url]);
        init(home, &["--store", "thesis"]).fails(1, &["is no block store"]);
        init(home, &["--store", &url]).fails(1, &[&url]);
        let mut left: Vec<_> = fs::read_dir(place.directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["empty", "thesis"], "{home}");
        assert_eq!(fs::read_dir(place.path("empty")).unwrap().count(), 0);
    }
    assert_eq!(fs::read_dir(place.path("thesis")).unwrap().count(), 1);
    for home in ["empty", "new/alice"] {
        init(home, &[]).ok();
        place.run(["cert", "--home", home]).ok();
    }
}
