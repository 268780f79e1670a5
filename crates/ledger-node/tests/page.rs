//! The page in a browser: what it shows, and that it checks proofs itself. Needs Chromium; says so when there is none,
//! and fails then when `MEDSHARE_FORBID_SKIPS` is set. `MEDSHARE_SCREENSHOTS=DIR` keeps pictures of it.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

mod server;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use ledger_core::testing::{Person, share, share_id};
use ledger_core::{Accept, Body, Reject};
use server::{Running, proxy};

/// A browser, if there is one.
fn browser() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let path = env::var_os("PATH")?;
    let found = env::split_paths(&path).find_map(|folder| {
        names
            .iter()
            .map(|name| folder.join(name))
            .find(|file| file.is_file())
    });
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    if found.is_none() {
        assert!(
            env::var_os("MEDSHARE_FORBID_SKIPS").is_none(),
            "there is no Chromium"
        );
        eprintln!("skipped: there is no Chromium");
    }
    found
}

/// The page as it is when it has settled, as the browser would save it.
fn dom(browser: &Path, url: &str) -> String {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--virtual-time-budget=4000",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(url)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn screenshot(browser: &Path, url: &str, name: &str, more: &[&str]) {
    let Some(folder) = env::var_os("MEDSHARE_SCREENSHOTS") else {
        return;
    };
    let profile = tempfile::tempdir().unwrap();
    let file = Path::new(&folder).join(name);
    Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--virtual-time-budget=4000",
            "--window-size=1100,1500",
        ])
        .args(more)
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--screenshot={}", file.display()))
        .arg(url)
        .output()
        .unwrap();
}

/// Some shares, of which the first is accepted and the second rejected.
fn running() -> Running {
    let running = Running::new();
    for number in 1..=5 {
        running.send(1, share(number, &[&Person::new(2), &Person::new(3)]));
    }
    running.send(
        2,
        Body::Accept(Accept {
            share_id: share_id(1),
        }),
    );
    // what is said on the ledger stays text on the page
    let reason = Some("<img src=x onerror=alert(1)> blurred".to_owned());
    running.send(
        3,
        Body::Reject(Reject {
            share_id: share_id(2),
            reason,
        }),
    );
    running
}

#[test]
fn the_page_checks_the_proof_itself() {
    let Some(browser) = browser() else { return };
    let running = running();
    let at = |place: &str| format!("{}/#/{place}", running.url);
    let [one, two] = [1, 2].map(|number| at(&format!("share/{}", share_id(number))));

    let page = dom(&browser, &one);
    assert!(
        page.contains("Verified in this browser: recorded in block 4 and live at 10 transactions."),
        "{page}"
    );
    assert!(
        page.contains("Path of 4 hashes from leaf 3 to the root"),
        "{page}"
    );
    assert!(page.contains("<li class=\"accept\">"), "{page}");
    let page = dom(&browser, &two);
    assert!(
        page.contains("Verified in this browser: recorded in block 5 and rejected"),
        "{page}"
    );
    assert!(
        page.contains("&lt;img src=x onerror=alert(1)&gt; blurred") && !page.contains("<img"),
        "{page}"
    );
    let page = dom(&browser, &at(""));
    assert!(page.contains("10 transactions in 11 blocks."), "{page}");
    let page = dom(&browser, &at(&format!("member/{}", Person::new(2).address)));
    assert!(page.contains("Received"), "{page}");
    let page = dom(&browser, &at(&format!("share/{}", share_id(9))));
    assert!(page.contains("the ledger has no such share"), "{page}");

    screenshot(&browser, &at(""), "blocks.png", &[]);
    screenshot(&browser, &one, "share.png", &[]);
    screenshot(
        &browser,
        &two,
        "share-dark.png",
        &[
            "--force-dark-mode",
            "--blink-settings=preferredColorScheme=0",
        ],
    );
    screenshot(
        &browser,
        &one,
        "share-narrow.png",
        &["--window-size=420,1800"],
    );
}

/// The server, or somebody in between, changes one byte of the proof.
#[test]
fn the_page_does_not_believe_a_changed_proof() {
    let Some(browser) = browser() else { return };
    let running = running();
    let url = proxy::between(
        &running.url,
        Arc::new(str::to_owned),
        Arc::new(|path, mut body| {
            if path.contains("/proof") {
                let at = body.len() / 2;
                body[at] ^= 1;
            }
            Some(body)
        }),
    );
    let url = format!("{url}/#/share/{}", share_id(1));
    let page = dom(&browser, &url);
    assert!(
        page.contains("Rejected: ") && !page.contains("Verified"),
        "{page}"
    );
    screenshot(&browser, &url, "rejected.png", &[]);
}
