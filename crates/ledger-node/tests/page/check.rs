//! A proof from a file, with a server that answers everybody, one that answers its members only, and one that is gone; and the lists.

use std::fs;
use std::path::PathBuf;

use ledger_core::testing::{Person, share, share_id};
use ledger_node::Node;
use ledger_node::http::{Reads, Settings};

use crate::browser::Browser;
use crate::server::Running;
use crate::{at, of_share, running};

/// Proofs of the first two shares, as `medshare prove` writes them, beside the closed ledger.
fn proofs() -> (tempfile::TempDir, [PathBuf; 2]) {
    let folder = running().stop();
    let node = Node::open(&folder.path().join("ledger")).unwrap();
    let files = [1, 2].map(|number| {
        let file = folder.path().join(format!("{number}.proof"));
        let bundle = node.prove(&share_id(number)).unwrap();
        fs::write(&file, bundle.to_bytes()).unwrap();
        file
    });
    drop(node);
    (folder, files)
}

/// A browser at a hospital's node that is for members only shows nothing of the ledger, and still checks what a member handed over.
#[test]
fn a_proof_from_a_file_is_checked_where_only_members_may_ask() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let (folder, [live, rejected]) = proofs();
    let other = folder.path().join("other.proof");
    let mut changed = fs::read(&live).unwrap();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    fs::write(&other, changed).unwrap();
    let node = Node::open(&folder.path().join("ledger")).unwrap();
    let settings = Settings::new().rate(None).reads(Reads::Members);
    let running = Running::serve(folder, node, settings);

    browser.open(&at(&running.url, ""));
    browser.shows("Reading takes a request that a member signed");
    browser.shows("This node answers its members only");
    browser.picture("members-only.png");
    browser.run("document.querySelector('main a').click()");
    browser.shows("Choose it here or drop it anywhere");
    // the key is the one that this browser trusts already
    let key = "document.querySelector('#trusted').value";
    assert_eq!(browser.text(key), running.log.to_string());
    let said = "document.querySelector('#said').innerText";
    assert_eq!(browser.text(said), "");

    browser.choose("#proof-file", &live);
    browser.shows("Verified in this browser: recorded in block 4 and live at 11 transactions.");
    browser.shows(&share_id(1).to_string());
    browser.shows("What happened since, no file can tell");
    browser.picture("check.png");
    browser.choose("#proof-file", &rejected);
    browser.shows("and rejected");
    assert!(!browser.text(said).contains(&share_id(1).to_string()));
    assert_eq!(
        browser.text("document.querySelector('#said .verdict').className"),
        "verdict bad"
    );
    browser.choose("#proof-file", &other);
    browser.shows("Rejected: ");
    assert!(!browser.text(said).contains("Verified"));
    browser.picture("check-rejected.png");

    // under another ledger's key, and under none
    browser.choose("#proof-file", &live);
    browser.shows("Verified in this browser");
    let trust = |key: &str| {
        format!(
            "(() => {{ const field = document.querySelector('#trusted'); field.value = '{key}'; \
             field.dispatchEvent(new Event('change')); }})()"
        )
    };
    let stranger = self::running().log.to_string();
    browser.run(&trust(&stranger));
    browser.shows("Rejected: ");
    browser.run(&trust("somebody"));
    browser.shows("Not checked: ");
    browser.run(&trust(" "));
    browser.shows("name the key to trust");
    browser.run(&trust(&format!(" {} ", running.log)));
    browser.shows("Verified in this browser");
    browser.asked_only(&running.url);
}

/// The page is open and the server is gone: a file needs none.
#[test]
fn a_proof_is_dropped_on_the_page_and_checked_without_a_server() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let running = running();
    browser.open(&at(&running.url, &of_share(1)));
    browser.shows("Verified in this browser");
    let url = format!("{}/v1/shares/{}/proof", running.url, share_id(1));
    let mut bundle = ureq::get(url).call().unwrap();
    let bundle = bundle.body_mut().read_to_vec().unwrap();
    let origin = running.url.clone();
    drop(running);
    let drop = |bytes: &[u8]| {
        format!(
            "(() => {{ const data = new DataTransfer(); \
             data.items.add(new File([Uint8Array.from({bytes:?})], 'dropped.proof')); \
             document.body.dispatchEvent(new DragEvent('drop', {{ dataTransfer: data, bubbles: true, cancelable: true }})); }})()"
        )
    };
    browser.run(&drop(&bundle));
    browser.shows("Verified in this browser: recorded in block 4 and live at 11 transactions.");
    assert_eq!(browser.text("location.hash"), "#/check");
    // what is no proof at all, and far more than one has
    browser.run(&drop(b"a letter"));
    browser.shows("Rejected: ");
    browser.run(
        "(() => { const data = new DataTransfer(); data.items.add(new File([new Uint8Array(5 << 20)], 'large')); \
         document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true })); })()",
    );
    browser.shows("Rejected: the file has 5242880 bytes, and a proof at most 1048576.");
    browser.asked_only(&origin);
}

/// What there is, without knowing a name of it.
#[test]
fn shares_and_members_are_listed() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let running = Running::new();
    for number in 1..=23 {
        running.send(1, share(number, &[&Person::new(2)]));
    }
    browser.open(&at(&running.url, "shares"));
    let links = "[...document.querySelectorAll('main li a:first-child')].map((a) => a.getAttribute('href').slice(2)).join(' ')";
    browser.shows("The newest first.");
    let newest = |count: u64| -> String {
        let shares = (24 - count..=23).rev().map(of_share);
        shares.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(browser.text(links), newest(20));
    assert_eq!(
        browser.text("document.querySelector('nav [aria-current]').textContent"),
        "Shares"
    );
    browser.run("document.querySelector('main button').click()");
    browser.until(&format!("{links} === '{}'", newest(23)));
    browser.until("document.querySelector('main button').hidden");
    browser.picture("shares.png");
    browser.open(&at(&running.url, "members"));
    browser.shows(&Person::new(3).address.to_string());
    assert_eq!(
        browser.run("document.querySelectorAll('main li').length"),
        4
    );
    browser.picture("members.png");
    browser.asked_only(&running.url);
}
