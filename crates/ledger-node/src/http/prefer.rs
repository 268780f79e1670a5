//! What a request prefers (RFC 7240): whether to hear at once, and how long it would wait before.

use std::time::Duration;

use axum::http::HeaderMap;

/// The preferences that are known here; others are ignored, as the RFC says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Preferences {
    /// `respond-async`: an answer before everything is done is welcome.
    pub(super) respond_async: bool,
    /// `wait=SECONDS`: how long the client would wait. Beside `respond-async` that is when it wants to hear at last.
    pub(super) wait: Option<Duration>,
}

impl Preferences {
    /// Reads every `Prefer` line; of a preference that is named twice the first counts (section 2).
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut found = Self::default();
        let mut waits = false;
        let lines = headers.get_all("prefer").into_iter();
        for line in lines.filter_map(|line| line.to_str().ok()) {
            for preference in split(line, ',') {
                // what follows a semicolon are its parameters, of which none is known
                let named = split(preference, ';').next().unwrap_or_default();
                let (name, value) = match named.split_once('=') {
                    Some((name, value)) => (name.trim(), unquoted(value)),
                    None => (named.trim(), String::new()),
                };
                if name.eq_ignore_ascii_case("respond-async") {
                    // it is defined without a value; an empty one is as none (section 2)
                    found.respond_async |= value.is_empty();
                } else if name.eq_ignore_ascii_case("wait") && !waits {
                    waits = true;
                    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
                    let seconds = value.parse().ok().filter(|_| digits);
                    found.wait = seconds.map(Duration::from_secs);
                }
            }
        }
        found
    }
}

/// The parts between separators, of which those in a quoted string are none (RFC 9110, section 5.6.4).
pub(super) fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |found: char| {
        match found {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => return !quoted && found == separator,
        }
        false
    })
}

/// A word, or the content of a quoted string.
fn unquoted(value: &str) -> String {
    let value = value.trim();
    let Some(inner) = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
    else {
        return value.to_owned();
    };
    let mut content = String::new();
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => content.extend(characters.next()),
            _ => content.push(character),
        }
    }
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> (bool, Option<u64>) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("prefer", line.parse().unwrap());
        }
        let found = Preferences::of(&headers);
        (found.respond_async, found.wait.map(|wait| wait.as_secs()))
    }

    #[test]
    fn preferences_are_read_as_the_rfc_says() {
        for (lines, expected) in [
            (&[][..], (false, None)),
            (&["respond-async"], (true, None)),
            (&["Respond-Async"], (true, None)),
            (&[" respond-async "], (true, None)),
            // the RFC's own examples
            (&["respond-async, wait=100"], (true, Some(100))),
            (&["return=minimal; foo=\"some parameter\""], (false, None)),
            (&["foo; bar=\"\""], (false, None)),
            (
                &["handling=lenient, wait=100, respond-async"],
                (true, Some(100)),
            ),
            (&["wait=10", "respond-async"], (true, Some(10))),
            (&["respond-async; foo=bar"], (true, None)),
            (&["respond-async=\"\""], (true, None)),
            (&["respond-async="], (true, None)),
            (&["priority=5, , respond-async"], (true, None)),
            // within a string, or as a parameter, it is none
            (&["foo=\"a, respond-async\""], (false, None)),
            (&["foo=\"a\\\", respond-async\""], (false, None)),
            (&["foo; respond-async"], (false, None)),
            (&["foo=respond-async"], (false, None)),
            (&["respond-async2"], (false, None)),
            (&["respond-async=no"], (false, None)),
            (&["\"respond-async\""], (false, None)),
            // the first counts, and what is no number of seconds is none
            (&["wait=1, wait=2"], (false, Some(1))),
            (&["wait=x, wait=2"], (false, None)),
            (&["WAIT = \"7\""], (false, Some(7))),
            (&["wait=+7"], (false, None)),
            (&["wait=99999999999999999999"], (false, None)),
        ] {
            assert_eq!(of(lines), expected, "{lines:?}");
        }
    }
}
