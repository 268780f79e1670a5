//! Servers that lie, and somebody in between who changes what they say: the page shows what is proven, or says that it is not.

use std::sync::{Arc, Mutex};

use ledger_core::testing::{Person, share_id};

use crate::browser::Browser;
use crate::server::proxy;
use crate::{at, of_share, running};

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
                && (path.contains("/proof") || path.contains("/events?older="))
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
        browser.until("document.querySelectorAll('.verdict.bad').length === 2");
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
            // what is proven is no JSON, and stays as it is
            if path.contains(&share_id(2).to_string()) && body.starts_with(b"{") {
                let text = String::from_utf8(body).unwrap();
                let text = text.replace("\"rejected\"", "\"live\"");
                let text = text
                    .replace("\"reject\"", "\"accept\"")
                    .replace("blurred", "thanks");
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
    browser.shows("this is all that happened to it");
    let life = browser.text("document.querySelector('.timeline').innerText");
    assert!(
        life.contains("Reject") && life.contains("blurred"),
        "{life}"
    );
    assert!(!life.contains("Accept"), "{life}");
    browser.asked_only(&url);
}

/// The same of members, blocks and transactions, whatever else the JSON of each says.
#[test]
fn what_is_proven_of_a_member_a_block_and_a_transaction_is_shown() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let running = running();
    let url = proxy::between(
        &running.url,
        Arc::new(str::to_owned),
        Arc::new(|_, body| {
            if !body.starts_with(b"{") {
                return Some(body);
            }
            let text = String::from_utf8(body).unwrap();
            let text = text.replace("CT CHEST", "MR HEAD");
            let text = text.replace("\"sequence\":", "\"name\":\"Dr. Mabuse\",\"sequence\":");
            Some(
                text.replace("\"sequence\":1", "\"sequence\":7")
                    .into_bytes(),
            )
        }),
    );
    let lies = ["MR HEAD", "Mabuse"];
    let mut see = |place: &str, verified: &str, proven: &str| {
        browser.open(&at(&url, place));
        browser.shows(verified);
        browser.shows(proven);
        let page = browser.text("document.querySelector('#main').innerText + document.title");
        (lies.map(|lie| page.contains(lie)), page)
    };
    let tx = running.client().log(None, 3).unwrap();
    let tx = format!(
        "tx/{}",
        tx.first().unwrap().tx.id().to_string().to_uppercase()
    );
    // the lists of a member are the server's, so only what stands above them is looked at
    let member = format!(
        "member/{}",
        Person::new(3).address.to_string().to_lowercase()
    );
    for (place, verified) in [
        ("block/4", "these are all transactions of its block."),
        (tx.as_str(), "it is recorded."),
    ] {
        let (lies, page) = see(place, verified, "CT CHEST");
        assert_eq!(lies, [false; 2], "{page}");
    }
    let (lies, page) = see(&member, "which keys are its own.", "fingerprint");
    assert!(!lies[1], "{page}");
    let facts = browser.text("document.querySelector('dl').innerText");
    assert!(facts.contains("transactions\n1"), "{facts}");
    browser.asked_only(&url);
}

/// Proven answers to other questions: the life of another share, and that another share is not there.
#[test]
fn the_page_does_not_take_the_answer_to_another_question() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let running = running();
    let [of, other, none, hidden] = [1, 3, 99, 4].map(|number| share_id(number).to_string());
    let swap = move |path: &str| {
        path.replace(&format!("{of}/events"), &format!("{other}/events"))
            .replace(&hidden, &none)
    };
    let url = proxy::between(&running.url, Arc::new(swap), Arc::new(|_, body| Some(body)));
    browser.open(&at(&url, &of_share(1)));
    browser.shows("What is proven:");
    browser.shows("Rejected: the answer is about something else. What follows is the server's word: do not rely on it.");
    browser.open(&at(&url, &of_share(4)));
    browser.shows("Not found");
    browser.shows("Rejected: the answer is about something else.");
    browser.asked_only(&url);
}
