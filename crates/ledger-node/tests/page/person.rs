//! A person finds things, with and without a mouse, in the dark and in the light, in a wide window and a narrow one.

use std::collections::BTreeSet;

use ledger_core::testing::{Person, content, share as share_of, share_id};
use ledger_core::{Body, Share, ShareId};

use crate::browser::Browser;
use crate::{at, of_share, running};

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
    // the first digits, also where they could be a height or a member
    search(&share(5)[..12], &share(5), &of_share(5));
    let ids = [
        [0x12; 32],
        std::array::from_fn(|at| if at < 20 { 0x12 } else { 0x21 }),
    ];
    for (number, id) in (7..).zip(ids) {
        let Body::Share(body) = share_of(number, &[&Person::new(3)]) else {
            unreachable!("a share is a share")
        };
        let share_id = ShareId::new(id);
        running.send(1, Body::Share(Share { share_id, ..body }));
        if number == 7 {
            let (id, place) = ("12".repeat(32), format!("share/{share_id}"));
            search("12121212", &id, &place);
            search(&"12".repeat(20), &id, &place);
        }
    }
    let here = format!("share/{}", "12".repeat(32));
    search(
        "12121212",
        "More than one share has an id that begins so",
        &here,
    );
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
    search("Zürich", "the ledger has nothing of this name.", "block/4");
    search(
        &share(99)[..12],
        "the ledger has nothing of this name.",
        "block/4",
    );
    // and the same place again
    search("4", "Block 4", "block/4");
    // what could be a share's is shown where it is proven that there is none
    search(&share(99), "no such share is recorded.", &of_share(99));
    let nobody = Person::new(77).address.to_string();
    search(
        &nobody,
        "nobody of this fingerprint was ever enrolled.",
        &format!("member/{nobody}"),
    );
    let none = content(99).to_string();
    search(
        &none,
        "The ledger has no share of this content, no transaction of this CID",
        &format!("content/{none}"),
    );
    browser.picture("nothing.png");
    browser.open(&at(&running.url, &of_share(99)));
    browser.shows("no such share is recorded.");
    browser.open(&at(&running.url, "constructor/1"));
    browser.shows("There is no such place on this page.");
    browser.asked_only(&running.url);
}

/// What has the focus, how it is named, and whether anybody sees that it has it.
pub(crate) const FOCUS: &str = "(() => {
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

    // the order of the page: the way past its head, its name, the search, the colours, the places, and then the blocks
    let mut tabs = |count: usize| -> Vec<String> {
        let tab = |_| {
            browser.press("Tab");
            browser.text(FOCUS)
        };
        (0..count).map(tab).collect()
    };
    assert_eq!(
        tabs(11),
        [
            "skip #main",
            "#/",
            "query",
            "Find",
            "theme",
            "#/",
            "#/shares",
            "#/members",
            "#/check",
            "id #/block/11",
            "id #/block/10"
        ]
    );
    browser.press("Shift+Tab");
    browser.press("Shift+Tab");
    assert_eq!(browser.text(FOCUS), "#/check");
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
    let title = format!("Member {} · medshare ledger", Person::new(2).address);
    assert_eq!(browser.text("document.title"), title);
    browser.press("Tab");
    // it sent none; what it received begins with the newest
    assert_eq!(browser.text(FOCUS), format!("id #/{}", of_share(5)));
    for _ in 0..3 {
        browser.press("Tab");
    }
    assert_eq!(browser.text(FOCUS), format!("id #/{}", of_share(2)));
    browser.picture("focus.png");
    browser.press("Enter");
    browser.shows("this is all that happened to it");
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
    browser.press("c");
    browser.shows("Check a proof");
    browser.press("t");
    let after = browser.text("getComputedStyle(document.body).backgroundColor");
    assert_ne!(before, after);
    browser.asked_only(&running.url);
}

/// Every text and the least contrast (WCAG 2) with what is behind it that is asked of it; those that have less.
pub(crate) const FAINT: &str = "(() => {
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
        (
            "block",
            "block/11".to_owned(),
            "the node signed this header",
        ),
        ("share", of_share(1), "this is all that happened to it"),
        ("frozen", of_share(2), "this is all that happened to it"),
        (
            "member",
            format!("member/{member}"),
            "who it is and which keys",
        ),
        ("shares", "shares".to_owned(), "The newest first."),
        ("members", "members".to_owned(), "their fingerprints"),
        ("check", "check".to_owned(), "it stays in this browser"),
        (
            "content",
            format!("content/{}", content(1)),
            "2 shares have it.",
        ),
        ("nothing", of_share(99), "no such share is recorded"),
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
