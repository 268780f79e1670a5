//! The page in a browser: what it shows, that it checks proofs itself, and (`person`) that it can be used by key, in the dark and
//! in a narrow window. Needs Chromium; says so when there is none, and fails then when `MEDSHARE_FORBID_SKIPS` is set.
//! `MEDSHARE_SCREENSHOTS=DIR` keeps pictures of it.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

mod browser;
mod check;
mod lies;
mod person;
#[path = "../server/mod.rs"]
mod server;

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use browser::Browser;
use ledger_core::testing::{Person, content, share, share_id};
use ledger_core::{Accept, Body, Grant, Reject, Revoke, Share, Withdraw};
use ledger_node::Node;
use ledger_node::http::Settings;
use person::{FAINT, FOCUS};
use server::{Running, proxy};

/// Some shares, of which the first is accepted and the second rejected; the sixth has the content of the first.
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
    let Body::Share(again) = share(6, &[&Person::new(3)]) else {
        unreachable!("a share is a share")
    };
    running.send(
        1,
        Body::Share(Share {
            content: content(1),
            ..again
        }),
    );
    running
}

/// The address of a place on the page.
fn at(url: &str, place: &str) -> String {
    format!("{url}/#/{place}")
}

fn of_share(number: u64) -> String {
    format!("share/{}", share_id(number))
}

#[test]
fn the_page_checks_the_proof_itself() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let running = running();

    browser.open(&at(&running.url, &of_share(1)));
    browser.shows("Verified in this browser: recorded in block 4 and live at 11 transactions.");
    browser.shows("What is proven:");
    let drawn = browser.text("document.querySelector('svg').getAttribute('aria-label')");
    assert!(
        drawn.starts_with("Path of 4 hashes from leaf 3 to the root"),
        "{drawn}"
    );
    browser.shows("That it is “live” rests on the proof of the state");
    let life = "[...document.querySelectorAll('.timeline li')].map(li => li.className).join()";
    browser.shows("Verified in this browser, at 11 transactions: this is all that happened to it.");
    assert_eq!(browser.text(life), "share,accept");
    browser.picture("share.png");

    browser.open(&at(&running.url, &of_share(2)));
    browser.shows("Verified in this browser: recorded in block 5 and rejected");
    // proven, and nothing to rely on
    assert_eq!(
        browser.text("document.querySelector('#verdict').className"),
        "verdict bad"
    );
    // the browser remembers the share before
    browser.shows("The ledger continues the checkpoint that this browser saw before.");
    browser.shows("<img src=x onerror=alert(1)> blurred");
    assert_eq!(
        browser.run("document.querySelectorAll('img, main script').length"),
        0
    );
    browser.picture("share-rejected.png");

    browser.open(&at(&running.url, ""));
    browser.shows("11 transactions in 12 blocks.");
    browser.picture("blocks.png");
    browser.open(&at(&running.url, "block/4"));
    browser.shows("Block 4");
    browser.shows("the node signed this header, and these are all transactions of its block.");
    assert_eq!(browser.text(life), "share");
    browser.picture("block.png");
    browser.open(&at(
        &running.url,
        &format!("member/{}", Person::new(2).address),
    ));
    browser.shows(
        "Verified in this browser, at 11 transactions: who it is and which keys are its own.",
    );
    for (place, text) in [
        (of_share(99), "no such share is recorded."),
        (
            format!("member/{}", Person::new(9).address),
            "nobody of this fingerprint was ever enrolled.",
        ),
    ] {
        browser.open(&at(&running.url, &place));
        browser.shows(&format!(
            "Verified in this browser, at 11 transactions: {text}"
        ));
    }

    let (share_id, receivers) = (share_id(6), vec![Person::new(2).address]);
    let grant = Grant {
        share_id,
        content: content(7),
        receivers: receivers.clone(),
    };
    let revoke = Revoke {
        share_id,
        receivers,
    };
    running.send(1, Body::Grant(grant));
    running.send(1, Body::Revoke(revoke));
    let last = running.send(1, Body::Withdraw(Withdraw { share_id }));
    browser.open(&at(&running.url, &of_share(6)));
    browser.shows("and withdrawn");
    assert_eq!(browser.text(life), "share,grant,revoke,withdraw");
    let facts = browser.text("document.querySelector('#facts').innerText");
    assert!(facts.contains("revoked"), "{facts}");
    browser.open(&at(&running.url, &format!("tx/{}", last.id)));
    browser.shows("Verified in this browser, at 14 transactions: it is recorded.");
    assert_eq!(browser.text(life), "withdraw");
    browser.asked_only(&running.url);
}

/// A server whose lists of shares by sender begin with so many empty pages.
fn sparse(running: &Running, empty: usize) -> String {
    proxy::between(
        &running.url,
        Arc::new(str::to_owned),
        Arc::new(move |path, body| {
            let Some((before, cursor)) = path.split_once("&limit=20") else {
                return Some(body);
            };
            // the newest come first: from beyond the end down to where the server itself goes on
            let cursor: usize = match cursor.strip_prefix("&cursor=") {
                Some(cursor) => cursor.parse().ok()?,
                None => 100 + empty,
            };
            if !before.contains("&sender=") || cursor <= 100 {
                return Some(body);
            }
            let page = serde_json::json!({ "items": [], "next": (cursor - 1).to_string() });
            Some(page.to_string().into_bytes())
        }),
    )
}

/// The server looks at so many transactions for a page of a list: an empty one says nothing about the next.
#[test]
fn an_empty_page_is_not_the_end_of_a_list() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let running = running();
    let member = format!("member/{}", Person::new(1).address);
    let sent = "document.querySelector('h2 + div').innerText";
    // the server itself goes on where the empty pages end: at the first share, or at the last one
    let few = sparse(&running, 3);
    browser.open(&at(&few, &member));
    browser.shows("Transactions");
    let found = browser.text(sent);
    assert!(!found.contains("None"), "{found}");
    assert_eq!(
        browser.run("document.querySelectorAll('h2 + div a').length > 0"),
        true
    );

    let many = sparse(&running, 10);
    browser.open(&at(&many, &member));
    browser.shows("None so far.");
    browser.picture("none-so-far.png");
    browser.run("document.querySelector('h2 + div button').focus()");
    browser.press("Enter");
    browser.until("document.activeElement.closest('li')");
    let found = browser.text(sent);
    assert!(
        !found.contains("None") && !found.contains("More"),
        "{found}"
    );
}

/// What the server says of itself is no reason to trust it where another ledger was before.
#[test]
fn another_ledger_at_the_same_address_is_trusted_only_when_the_reader_says_so() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let [one, other] = [running(), running()];
    let now = Arc::new(Mutex::new(one.url.clone()));
    let ask = {
        let now = Arc::clone(&now);
        Arc::new(move |path: &str| format!("{}{path}", now.lock().unwrap()))
    };
    let url = proxy::between("", ask, Arc::new(|_, body| Some(body)));
    let share = at(&url, &of_share(1));
    browser.open(&share);
    browser.shows("Verified in this browser");

    let other_key = other.log.to_string();
    let warning = "document.querySelector('#another').innerText";
    for (server, trusted) in [(&other, false), (&other, true), (&one, false)] {
        *now.lock().unwrap() = server.url.clone();
        browser.open(&share);
        if trusted {
            browser.shows("Verified in this browser");
            assert_eq!(browser.text(warning), "");
            continue;
        }
        browser.shows("Rejected: this address had another ledger before.");
        let warned = browser.text(warning);
        assert!(
            warned.contains("had another ledger before") && warned.contains(&other_key),
            "{warned}"
        );
        assert!(
            !browser
                .text("document.querySelector('#main').innerText")
                .contains("Verified")
        );
        assert_eq!(browser.run(FAINT)["faint"], serde_json::json!([]));
        browser.picture("another.png");
        // past the head, and before the content
        for _ in 0..10 {
            browser.press("Tab");
        }
        assert_eq!(browser.text(FOCUS), "accept");
        browser.press("Enter");
        browser.shows("Verified in this browser");
        assert_eq!(browser.text(warning), "");
    }
    browser.asked_only(&url);
}

/// A browser that lets pages keep nothing, or nothing more, still checks proofs, and says what it cannot notice.
#[test]
fn the_page_needs_no_memory_and_says_so() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let running = running();
    let scripts = [
        "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };",
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });",
    ];
    for script in scripts {
        browser.before(script);
        browser.open(&at(&running.url, &of_share(1)));
        browser.shows("Verified in this browser");
        let forgets = browser.text("document.querySelector('#forgets').innerText");
        assert!(forgets.contains("keep nothing"), "{forgets}");
        // as long as it is open it remembers
        browser.run("location.hash = '#/'");
        browser.shows("Latest blocks");
        browser.run(&format!("location.hash = '#/{}'", of_share(2)));
        browser.shows("The ledger continues the checkpoint that this browser saw before.");
    }
    browser.asked_only(&running.url);
}

/// A script: the answer to a question waits until it is told to go on.
fn late(question: &str) -> String {
    format!(
        "const ask = window.fetch;
        window.late = [];
        window.fetch = async (path, how) => {{
            const answer = await ask(path, how);
            if (path.startsWith('{question}')) await new Promise((go) => window.late.push(go));
            return answer;
        }};"
    )
}

/// What the browser has seen of a ledger grows, in whatever order the answers come.
#[test]
fn a_late_proof_does_not_take_the_memory_back() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let running = running();
    browser.before(&late(&format!("v1/shares/{}/proof", share_id(1))));
    browser.before(
        "const instantiate = WebAssembly.instantiate;
        window.checked = 0;
        WebAssembly.instantiate = async (...all) => {
            const instance = await instantiate(...all);
            window.checked++;
            return instance;
        };",
    );
    browser.open(&at(&running.url, &of_share(1)));
    browser.until("late.length === 1");
    running.send(1, share(7, &[&Person::new(2)]));
    browser.run(&format!("location.hash = '#/{}'", of_share(7)));
    browser.shows("live at 12 transactions.");
    browser.run("late[0]()");
    // the proof of each share, and the life of each
    browser.until("checked === 4");
    let seen = "Object.entries(localStorage).find(([name]) => name.startsWith('checkpoint '))[1].split('\\n')[1]";
    assert_eq!(browser.text(seen), "12");
    browser.asked_only(&running.url);
}

/// An answer that comes when another place is shown already changes nothing: that place keeps its news.
#[test]
fn a_late_place_does_not_end_the_news_of_the_one_that_is_shown() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let running = running();
    browser.before(&late("v1/checkpoint"));
    // news are listened for at once
    browser.before(
        "const wait = window.setTimeout;
        window.setTimeout = (then) => wait(then, 0);
        window.streams = [];
        window.EventSource = class extends EventTarget {
            constructor(path) { super(); this.path = path; window.streams.push(this); }
            close() { this.closed = true; }
        };",
    );
    browser.open(&at(&running.url, ""));
    browser.until("late.length === 1");
    browser.run(&format!("location.hash = '#/{}'", of_share(1)));
    browser.shows("Verified in this browser");
    browser.until("streams.length === 1");
    browser.run("late[0]()");
    // what is asked after it is answered after it
    browser.run(
        "fetch('v1/blocks').then(() => new Promise((then) => setTimeout(then))).then(() => 0)",
    );
    let open = "streams.filter((one) => !one.closed).map((one) => one.path).join()";
    assert_eq!(
        browser.text(open),
        format!("v1/events?from=9&share={}", share_id(1))
    );
    browser.shows("Verified in this browser");
    browser.asked_only(&running.url);
}

/// A verifier that did not arrive is asked for again.
#[test]
fn the_verifier_may_come_the_second_time() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let running = running();
    let lost = Mutex::new(false);
    let say = move |path: &str, body| {
        let first =
            path == "/verifier.wasm" && !std::mem::replace(&mut *lost.lock().unwrap(), true);
        (!first).then_some(body)
    };
    let url = proxy::between(&running.url, Arc::new(str::to_owned), Arc::new(say));
    browser.open(&at(&url, &of_share(1)));
    browser.shows("Not checked: ");
    browser.run(&format!("location.hash = '#/{}'", of_share(2)));
    browser.shows("Verified in this browser");
    browser.asked_only(&url);
}

/// Opens a copy of a ledger that is closed.
fn copy(file: &Path) -> (tempfile::TempDir, Node) {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("ledger");
    fs::copy(file, &copy).unwrap();
    let node = Node::open(&copy).unwrap();
    (folder, node)
}

/// A server that goes back to what it was, or to what it never was, is refused by whoever has seen more of it.
#[test]
fn the_page_refuses_a_server_that_goes_back() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let rate = || Settings::new().rate(None);
    let before = running().stop();
    let file = before.path().join("ledger");
    let [grown, old, forked] = [(), (), ()].map(|()| {
        let (folder, node) = copy(&file);
        Running::serve(folder, node, rate())
    });
    for number in [7, 8] {
        grown.send(1, share(number, &[&Person::new(2)]));
        forked.send(1, share(number + 10, &[&Person::new(2)]));
    }

    // the address stays the same, who answers there changes
    let now = Arc::new(Mutex::new(grown.url.clone()));
    let forget = Arc::new(Mutex::new(false));
    let url = proxy::between(
        "",
        {
            let (now, forget) = (Arc::clone(&now), Arc::clone(&forget));
            let ask = move |path: &str| {
                let path = match path.split_once('?') {
                    Some((path, _)) if *forget.lock().unwrap() => path,
                    _ => path,
                };
                format!("{}{path}", now.lock().unwrap())
            };
            Arc::new(ask)
        },
        Arc::new(|_, body| Some(body)),
    );
    let (one, blocks) = (at(&url, &of_share(1)), at(&url, ""));
    browser.open(&one);
    browser.shows("live at 13 transactions.");
    browser.open(&blocks);
    browser.shows("13 transactions in");
    assert!(
        !browser
            .text("document.body.innerText")
            .contains("went back")
    );

    *now.lock().unwrap() = old.url.clone();
    // says so itself when it is asked for the growth, or does not care what it is asked
    for forgetful in [false, true] {
        *forget.lock().unwrap() = forgetful;
        browser.open(&one);
        browser.shows("Rejected: ");
        browser.picture("rolled-back.png");
        let verdict = browser.text("document.querySelector('.verdict').innerText");
        assert!(
            verdict.contains("13") && verdict.contains("11"),
            "{verdict}"
        );
    }
    browser.open(&blocks);
    browser.shows("The server went back: it says that there are 11 transactions");
    browser.picture("rolled-back-blocks.png");

    // as many transactions, and not the same
    *now.lock().unwrap() = forked.url.clone();
    *forget.lock().unwrap() = false;
    browser.open(&one);
    browser.shows("Rejected: ");

    // and the right one again
    *now.lock().unwrap() = grown.url.clone();
    browser.open(&one);
    browser.shows("Verified in this browser");
    browser.asked_only(&url);
}

/// The page shows these CIDs itself, and said that there was no share of this content.
#[test]
fn a_cid_leads_to_the_transaction_or_the_block_that_it_names() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let running = running();
    let tx = running.sign(1, share(9, &[&Person::new(2)]));
    running.client().submit(&tx).unwrap();
    let mut block = ureq::get(format!("{}/v1/blocks/4", running.url))
        .call()
        .unwrap();
    let block: serde_json::Value = block.body_mut().read_json().unwrap();
    let header = block["cid"].as_str().unwrap();
    browser.open(&at(&running.url, &format!("content/{}", tx.cid())));
    browser.until(&format!("location.hash === '#/tx/{}'", tx.id()));
    browser.shows(&tx.cid().to_string());
    browser.open(&at(&running.url, &format!("content/{header}")));
    browser.until("location.hash === '#/block/4'");
    browser.shows(header);
    browser.open(&at(&running.url, &format!("content/{}", content(77))));
    browser.shows("The ledger has no share of this content, no transaction of this CID");
    browser.asked_only(&running.url);
}

/// A browser does not connect again when a server answers 429 or 503: nothing was shown any more, without a word.
#[test]
fn a_page_without_a_place_for_news_says_so_and_asks_again() {
    use std::io::{Read as _, Write as _};
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let running = Running::with(Settings::new().rate(None).streams(1, 100));
    let address = running.url.strip_prefix("http://").unwrap();
    let mut listener = std::net::TcpStream::connect(address).unwrap();
    write!(listener, "GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    listener.read_exact(&mut [0; 12]).unwrap();
    browser.before("const wait = window.setTimeout; window.setTimeout = (then, time) => wait(then, time / 20);");
    browser.open(&at(&running.url, ""));
    browser.shows("3 transactions in 4 blocks.");
    browser.shows("the server has no place for this page to listen");
    drop(listener);
    browser.until("!document.querySelector('#missed')");
    running.send(1, share(1, &[&Person::new(2)]));
    browser.shows("4 transactions in 5 blocks.");
}

/// A proxy's page was an unexpected token.
#[test]
fn what_is_no_answer_of_the_ledger_is_called_so() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let running = running();
    let say = |path: &str, body| {
        let strange = path.starts_with("/v1/blocks");
        Some(if strange {
            b"<html>Bad gateway</html>".to_vec()
        } else {
            body
        })
    };
    let url = proxy::between(&running.url, Arc::new(str::to_owned), Arc::new(say));
    browser.open(&at(&url, ""));
    browser.shows(
        "What came is not the ledger's answer, but something else (status 200, application/json)",
    );
}
