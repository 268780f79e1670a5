//! The page in a browser: what it shows, that it checks proofs itself, and that a person can use it by key, in the dark and
//! in a narrow window. Needs Chromium; says so when there is none, and fails then when `MEDSHARE_FORBID_SKIPS` is set.
//! `MEDSHARE_SCREENSHOTS=DIR` keeps pictures of it.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

mod browser;
mod server;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use browser::Browser;
use ledger_core::testing::{Person, content, share, share_id};
use ledger_core::{Accept, Body, Reject, Share};
use ledger_node::Node;
use ledger_node::http::Settings;
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
    let life = "[...document.querySelectorAll('.timeline li')].map(li => li.className).join()";
    assert_eq!(browser.text(life), "share,accept");
    browser.picture("share.png");

    browser.open(&at(&running.url, &of_share(2)));
    browser.shows("Verified in this browser: recorded in block 5 and rejected");
    // proven, and nothing to rely on
    assert_eq!(
        browser.text("document.querySelector('#verdict p').className"),
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
    browser.shows("Share");
    browser.picture("block.png");
    browser.asked_only(&running.url);
}

#[test]
fn the_search_finds_shares_contents_members_and_says_when_there_is_nothing() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let running = running();
    browser.open(&at(&running.url, ""));
    browser.shows("Latest blocks");
    let mut search = |what: &str, words: &str, place: &str| {
        // what is shown next is about this search
        browser.run(
            "document.querySelector('#query').value = ''; document.querySelector('#main').textContent = ''",
        );
        browser.press("Escape"); // out of the field, where it is a letter
        browser.press("/");
        browser.type_in(what);
        browser.press("Enter");
        browser.shows(words);
        assert_eq!(
            browser.text("location.hash"),
            format!("#/{place}"),
            "{what}"
        );
    };
    let share = |number| share_id(number).to_string();
    let member = Person::new(2).address.to_string();
    search(&share(3), &share(3), &of_share(3));
    // in capitals, as some print it
    search(&share(4).to_uppercase(), &share(4), &of_share(4));
    search(
        &member.to_lowercase(),
        "Received",
        &format!("member/{member}"),
    );
    // one share has it, and two
    search(&content(5).to_string(), &share(5), &of_share(5));
    let both = format!("content/{}", content(1));
    search(&content(1).to_string(), "2 shares have it.", &both);
    search("4", "Block 4", "block/4");

    // what is not there: by its form, by its name, and nothing of any form; the place is what it was
    search("Zürich", "The ledger has nothing of this name.", "block/4");
    search(
        &share(99),
        "The ledger has nothing of this name.",
        "block/4",
    );
    // and the same place again
    search("4", "Block 4", "block/4");
    let nobody = Person::new(77).address.to_string();
    search(
        &nobody,
        "The ledger has no such member",
        &format!("member/{nobody}"),
    );
    let none = content(99).to_string();
    search(
        &none,
        "The ledger has no share of this content.",
        &format!("content/{none}"),
    );
    browser.picture("nothing.png");
    browser.open(&at(&running.url, &of_share(99)));
    browser.shows("The ledger has no such share");
    browser.open(&at(&running.url, "constructor/1"));
    browser.shows("There is no such place on this page.");
    browser.asked_only(&running.url);
}

/// What has the focus, how it is named, and whether anybody sees that it has it.
const FOCUS: &str = "(() => {
    const e = document.activeElement, s = getComputedStyle(e), box = e.getBoundingClientRect();
    const seen = e.matches(':focus-visible') && s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2
        && box.top >= 0 && box.left >= 0 && box.bottom <= innerHeight && box.right <= innerWidth && box.width > 0;
    return (seen ? '' : 'unseen ') + (e.id || e.className + ' ' + (e.getAttribute('href') ?? e.textContent)).trim();
})()";

#[test]
fn the_page_is_used_without_a_mouse() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let running = running();
    browser.open(&at(&running.url, ""));
    browser.shows("Latest blocks");

    // the order of the page: the way past its head, its name, the search, the colours, and then the blocks
    let mut tabs = |count: usize| -> Vec<String> {
        let tab = |_| {
            browser.press("Tab");
            browser.text(FOCUS)
        };
        (0..count).map(tab).collect()
    };
    assert_eq!(
        tabs(7),
        [
            "skip #main",
            "#/",
            "query",
            "Find",
            "theme",
            "id #/block/11",
            "id #/block/10"
        ]
    );
    browser.press("Shift+Tab");
    browser.press("Shift+Tab");
    assert_eq!(browser.text(FOCUS), "theme");
    // the way past the head leads to the content and to no other place
    browser.open(&at(&running.url, ""));
    browser.shows("Latest blocks");
    browser.press("Tab");
    browser.press("Enter");
    assert_eq!(browser.text("document.activeElement.id"), "main");
    browser.press("Tab");
    assert_eq!(browser.text(FOCUS), "id #/block/11");
    browser.shows("Latest blocks");

    // search for a member, the first of its results, and back
    browser.press("/");
    assert_eq!(browser.text(FOCUS), "query");
    browser.type_in(&Person::new(2).address.to_string());
    browser.press("Enter");
    browser.shows("Received");
    assert_eq!(browser.text("document.title"), "Member · medshare ledger");
    browser.press("Tab");
    assert_eq!(browser.text(FOCUS), format!("id #/{}", of_share(1)));
    browser.press("Tab");
    assert_eq!(browser.text(FOCUS), format!("id #/{}", of_share(2)));
    browser.picture("focus.png");
    browser.press("Enter");
    browser.shows("Verified in this browser");
    // the next Tab goes on in the share, not in the page's head
    browser.press("Tab");
    assert_eq!(
        browser.text(FOCUS),
        format!("id #/member/{}", Person::new(1).address)
    );
    // the keys that the page names
    browser.press("h");
    browser.shows("Latest blocks");
    let before = browser.text("getComputedStyle(document.body).backgroundColor");
    browser.press("t");
    let after = browser.text("getComputedStyle(document.body).backgroundColor");
    assert_ne!(before, after);
    browser.asked_only(&running.url);
}

/// Every text and the least contrast (WCAG 2) with what is behind it that is asked of it; those that have less.
const FAINT: &str = "(() => {
    const rgb = (color) => { const found = color.match(/^rgba?\\((.*)\\)$/); if (!found) throw color;
        const [r, g, b, a = 1] = found[1].split(/[ ,\\/]+/).map(Number); return { r, g, b, a }; };
    const light = ({ r, g, b }) => { const [x, y, z] = [r, g, b].map((c) => c / 255).map((c) =>
        c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4); return 0.2126 * x + 0.7152 * y + 0.0722 * z; };
    const contrast = (one, two) => { const [low, high] = [light(one), light(two)].sort((x, y) => x - y);
        return (high + 0.05) / (low + 0.05); };
    const behind = (element) => {
        for (let e = element; e; e = e.parentElement) {
            const at = e.previousElementSibling?.localName === 'rect' ? e.previousElementSibling : e;
            const color = rgb(at === e ? getComputedStyle(e).backgroundColor : getComputedStyle(at).fill);
            if (color.a === 1) return color;
            if (color.a !== 0) throw 'half';
        }
        throw 'no ground';
    };
    const found = [];
    const check = (what, color, ground, least) => {
        const ratio = contrast(rgb(color), ground);
        found.push({ what, ratio, faint: !(ratio >= least) });
    };
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const e = walk.currentNode.parentElement, text = walk.currentNode.data.trim();
        if (text === '' || e.closest('noscript')) continue;
        const s = getComputedStyle(e);
        check(text, e instanceof SVGElement ? s.fill : s.color, behind(e), 4.5);
    }
    const query = document.querySelector('#query');
    check('placeholder', getComputedStyle(query, '::placeholder').color, behind(query), 4.5);
    for (const e of document.querySelectorAll('input, button')) {
        check(`edge of ${e.id || e.textContent}`, getComputedStyle(e).borderTopColor, behind(e.parentElement), 3);
    }
    const s = getComputedStyle(document.querySelector('a'));
    return { count: found.length, faint: found.filter((one) => one.faint), ground: getComputedStyle(document.body).backgroundColor,
        ink: getComputedStyle(document.body).color, link: s.color };
})()";

/// Every place of the page, with words that are there when all of it is.
fn places() -> Vec<(&'static str, String, &'static str)> {
    let member = Person::new(2).address;
    vec![
        ("blocks", String::new(), "Latest blocks"),
        ("block", "block/11".to_owned(), "Transactions"),
        ("share", of_share(1), "Verified in this browser"),
        ("frozen", of_share(2), "Verified in this browser"),
        ("member", format!("member/{member}"), "First transactions"),
        (
            "content",
            format!("content/{}", content(1)),
            "2 shares have it.",
        ),
        ("nothing", of_share(99), "no such share"),
    ]
}

#[test]
fn the_page_is_readable_in_the_dark_and_in_the_light() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let running = running();
    let [mut grounds, mut inks, mut links] = [const { BTreeSet::new() }; 3];
    for scheme in ["light", "dark"] {
        browser.prefers(scheme);
        for (name, place, words) in places() {
            browser.open(&at(&running.url, &place));
            browser.shows(words);
            let said = browser.run(FAINT);
            assert!(said["count"].as_u64().unwrap() > 15, "{name}: {said}");
            assert_eq!(
                said["faint"],
                serde_json::json!([]),
                "{name} in the {scheme}"
            );
            grounds.insert(said["ground"].to_string());
            inks.insert(said["ink"].to_string());
            links.insert(said["link"].to_string());
            browser.picture(&format!("{scheme}-{name}.png"));
        }
    }
    // each scheme has its own, the same on every place
    assert_eq!(
        [grounds.len(), inks.len(), links.len()],
        [2; 3],
        "{grounds:?} {inks:?} {links:?}"
    );
    browser.asked_only(&running.url);
}

#[test]
fn the_page_fits_into_a_narrow_window() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let running = running();
    browser.window(360, 740);
    for (name, place, words) in places() {
        browser.open(&at(&running.url, &place));
        browser.shows(words);
        // nothing to scroll to, and nothing that is cut off
        let wide = browser.run(
            "[document.documentElement.scrollWidth, ...[...document.querySelectorAll('main *, footer *, header *')]
                .map((e) => Math.ceil(e.getBoundingClientRect().right))].filter((right) => right > 360)",
        );
        browser.picture(&format!("narrow-{name}.png"));
        assert_eq!(wide, serde_json::json!([]), "{name}");
    }
    browser.asked_only(&running.url);
}

/// The server, or somebody in between, changes one bit of the proof: one in each of many places.
#[test]
fn the_page_does_not_believe_a_changed_proof() {
    const PLACES: usize = 12;
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let running = running();
    // none at first
    let changed = Arc::new(Mutex::new(None));
    let url = proxy::between(&running.url, Arc::new(str::to_owned), {
        let changed = Arc::clone(&changed);
        Arc::new(move |path, mut body| {
            if let Some(place) = *changed.lock().unwrap()
                && path.contains("/proof")
            {
                let at = (body.len() - 1) * place / (PLACES - 1);
                body[at] ^= 1_u8 << (place % 8);
            }
            Some(body)
        })
    });
    browser.open(&at(&url, &of_share(1)));
    browser.shows("Verified in this browser");
    for place in 0..PLACES {
        *changed.lock().unwrap() = Some(place);
        browser.open(&at(&url, &of_share(1)));
        browser.shows("Rejected: ");
        browser.shows("What the server says, without a proof: do not rely on it.");
        let page = browser.text("document.body.innerText");
        assert!(!page.contains("Verified"), "{place}: {page}");
    }
    browser.picture("rejected.png");
    browser.asked_only(&url);
}

/// The proof is good, and what is said in JSON beside it is not: the page shows what is proven.
#[test]
fn the_page_shows_what_is_proven_and_not_what_is_said() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let running = running();
    let [of, other] = [1, 3].map(|number| Person::new(number).address.to_string());
    let url = proxy::between(&running.url, Arc::new(str::to_owned), {
        let (of, other) = (of.clone(), other.clone());
        Arc::new(move |path, body| {
            if path.ends_with(&share_id(2).to_string()) {
                let text = String::from_utf8(body).unwrap();
                let text = text.replace("\"rejected\"", "\"live\"");
                return Some(text.replace(&of, &other).into_bytes());
            }
            Some(body)
        })
    });
    browser.open(&at(&url, &of_share(2)));
    browser.shows("What is proven:");
    let facts = browser.text("document.querySelector('#facts').innerText");
    assert!(facts.contains("rejected"), "{facts}");
    assert!(facts.contains(&of) && !facts.contains(&other), "{facts}");
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
