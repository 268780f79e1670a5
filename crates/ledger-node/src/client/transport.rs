//! Requests and replies, of which nothing is believed yet.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ledger_core::{ChainId, MAX_ANSWER, Signature};
use serde::Deserialize;
use ureq::http::{Response, StatusCode};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, BodyReader};

use super::connecting::{Connecting, Sign};
use super::now;
use crate::reader::{authorization, read_message};
use crate::{Error, Result};

const CBOR: &str = "application/cbor";
const CBOR_SEQUENCE: &str = "application/cbor-seq";
const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";
/// How often a transaction is sent when the connection breaks: the server answers the second as it would have the first.
const ATTEMPTS: u32 = 3;
/// From how many bytes on a server is asked first whether to send them (RFC 9110, section 10.1.1): one that has no time answers and
/// closes the connection, and an answer that comes while more is sent than the system holds is lost.
const ASKED: usize = 64 << 10;
/// How often a question is asked again that the server had no time for, and how long it may ask to be waited for each time.
const AGAIN: u32 = 5;
const PATIENCE: Duration = Duration::from_secs(10);

/// The way to one server.
pub(super) struct Transport<'a> {
    url: String,
    agent: Agent,
    chain: ChainId,
    reader: Option<(ledger_core::Address, Sign<'a>)>,
    /// Whether the server asked for signed questions.
    signing: AtomicBool,
}

/// What came back.
pub(super) struct Replied {
    url: String,
    status: StatusCode,
    kind: String,
    pub(super) next: Option<String>,
    pub(super) body: Vec<u8>,
    /// In place of the body, when it has no end.
    pub(super) stream: Option<BodyReader<'static>>,
    /// How long to wait before the same is asked again, where the server says so.
    wait: Option<Duration>,
}

/// What a server says is wrong.
#[derive(Deserialize)]
pub(super) struct Problem {
    #[serde(default)]
    pub(super) status: u16,
    #[serde(default)]
    code: String,
    #[serde(default)]
    detail: String,
}

impl Problem {
    /// The answer of this status to a question.
    pub(super) fn of(self, url: String, status: u16) -> Error {
        let Self { code, detail, .. } = self;
        Error::Server {
            url,
            status,
            code: shown(&code),
            detail: shown(&detail),
        }
    }
}

/// The most characters of a server's words that are told.
const WORDS: usize = 1000;

/// A server's words as they can be told: what would move a terminal's cursor, or turn the direction of its text, is spelled out.
fn shown(words: &str) -> String {
    let mut told = String::new();
    for (number, character) in words.chars().enumerate() {
        if number == WORDS {
            told.push('…');
            break;
        }
        match character {
            '\u{200e}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2028}'..='\u{2029}'
            | '\u{2066}'..='\u{2069}' => {
                told.extend(character.escape_default());
            }
            _ if character.is_control() => told.extend(character.escape_default()),
            _ => told.push(character),
        }
    }
    told
}

impl Replied {
    /// Whether it says what became of a transaction.
    fn is_of_the_transaction(&self) -> bool {
        self.status.is_success() || self.status == StatusCode::UNPROCESSABLE_ENTITY
    }

    /// How long to wait before the same is asked again; none when the server does not say so, or asks for too much patience.
    fn again(&self) -> Option<Duration> {
        let turned_away = matches!(
            self.status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        );
        self.wait.filter(|wait| turned_away && *wait <= PATIENCE)
    }

    /// The problem that the server names; none when it answers, also that something is not there.
    pub(super) fn problem(&self) -> Option<Error> {
        if self.status.is_success() || self.kind.starts_with(CBOR) {
            return None;
        }
        let problem = serde_json::from_slice::<Problem>(&self.body).unwrap_or(Problem {
            status: 0,
            code: "unknown".to_owned(),
            detail: "no problem+json".to_owned(),
        });
        Some(problem.of(self.url.clone(), self.status.as_u16()))
    }
}

impl<'a> Transport<'a> {
    pub(super) fn new(url: &str, connecting: Connecting<'a>, chain: ChainId) -> Result<Self> {
        let wrong = |reason: String| Error::Address {
            url: url.to_owned(),
            reason,
        };
        let rest = url
            .strip_prefix("http://")
            .or_else(|| url.strip_prefix("https://"));
        if rest.is_none_or(|rest| rest.is_empty() || rest.contains(['?', '#'])) {
            return Err(wrong(
                "expected http://HOST:PORT or https://HOST:PORT".to_owned(),
            ));
        }
        let mut tls = TlsConfig::builder();
        if let Some(pem) = &connecting.roots {
            let roots: Vec<Certificate<'static>> = parse_pem(pem)
                .filter_map(|item| match item {
                    Ok(PemItem::Certificate(certificate)) => Some(certificate),
                    _ => None,
                })
                .collect();
            if roots.is_empty() {
                return Err(wrong("the certificates to trust hold none".to_owned()));
            }
            tls = tls.root_certs(RootCerts::new_with_certs(&roots));
        }
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(connecting.timeout.unwrap_or(Duration::from_secs(60))))
            .tls_config(tls.build())
            .build()
            .new_agent();
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            agent,
            chain,
            reader: connecting.reader,
            signing: AtomicBool::new(false),
        })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Asks for the proven representation.
    pub(super) fn get(&self, path: &str) -> Result<Replied> {
        self.get_as(path, CBOR, AGAIN)
    }

    /// Asks for the representation that people read.
    pub(super) fn get_json(&self, path: &str) -> Result<Replied> {
        self.get_as(path, JSON, AGAIN)
    }

    /// Asks for a stream of events, which ends when the time of an answer is over; once, if the server has no place for it.
    pub(super) fn stream(&self, path: &str) -> Result<Replied> {
        self.get_as(path, EVENTS, 0)
    }

    fn get_as(&self, path: &str, accept: &str, again: u32) -> Result<Replied> {
        let url = format!("{}{path}", self.url);
        let request = || self.agent.get(&url).header("accept", accept);
        if !self.signing.load(Ordering::Relaxed) {
            let replied = patiently(again, || replied(url.clone(), request().call()))?;
            if replied.status != StatusCode::UNAUTHORIZED || self.reader.is_none() {
                return Ok(replied);
            }
            self.signing.store(true, Ordering::Relaxed);
        }
        let mut signed = None;
        if let Some((address, sign)) = &self.reader {
            let time = now();
            let signature = sign(&read_message(&self.chain, address, time, path));
            let signature = signature.map_err(|source| Error::Unsigned {
                url: url.clone(),
                source,
            })?;
            signed = Some(authorization(address, time, &Signature::new(signature)));
        }
        patiently(again, || {
            let mut request = request();
            if let Some(value) = &signed {
                request = request.header("authorization", value);
            }
            replied(url.clone(), request.call())
        })
    }

    /// Sends a transaction, again when the connection breaks, and when the server says how soon it has time. Once the server may have
    /// taken it, of its further answers only those about the transaction itself count, and not that it has no time for it now.
    pub(super) fn post(&self, path: &str, body: &[u8]) -> Result<Replied> {
        self.post_as(path, CBOR, body, CBOR)
    }

    /// Sends a batch of transactions as [`Transport::post`] sends one.
    pub(super) fn post_batch(&self, path: &str, body: &[u8]) -> Result<Replied> {
        self.post_as(path, CBOR_SEQUENCE, body, CBOR)
    }

    /// As [`Transport::post_batch`], for the representation that people read.
    pub(super) fn post_batch_json(&self, path: &str, body: &[u8]) -> Result<Replied> {
        self.post_as(path, CBOR_SEQUENCE, body, JSON)
    }

    fn post_as(&self, path: &str, kind: &str, body: &[u8], accept: &str) -> Result<Replied> {
        let url = format!("{}{path}", self.url);
        let (mut perhaps, mut broken, mut waited) = (None, 0, 0);
        loop {
            let request = self.agent.post(&url).header("accept", accept);
            let mut request = request.content_type(kind);
            if body.len() > ASKED {
                request = request.header("expect", "100-continue");
            }
            match replied(url.clone(), request.send(body)) {
                Err(error @ Error::Unreachable { .. }) => {
                    broken += 1;
                    if broken == ATTEMPTS {
                        return Err(error);
                    }
                    perhaps = Some(error);
                    std::thread::sleep(Duration::from_millis(100) * broken);
                }
                Ok(replied) if replied.is_of_the_transaction() => return Ok(replied),
                Ok(replied) => {
                    let maybe = replied.problem().filter(|problem| !problem.is_refusal());
                    perhaps = perhaps.or(maybe);
                    match replied.again() {
                        Some(wait) if waited < AGAIN => std::thread::sleep(wait),
                        _ => return perhaps.map_or(Ok(replied), Err),
                    }
                    waited += 1;
                }
                other => return perhaps.map_or(other, Err),
            }
        }
    }
}

/// Asks again, so often, what the server had no time for, when it says how soon: too many questions of this address, say.
fn patiently(again: u32, ask: impl Fn() -> Result<Replied>) -> Result<Replied> {
    let mut replied = ask()?;
    for _ in 0..again {
        let Some(wait) = replied.again() else {
            break;
        };
        std::thread::sleep(wait);
        replied = ask()?;
    }
    Ok(replied)
}

fn replied(url: String, response: Result<Response<Body>, ureq::Error>) -> Result<Replied> {
    let unreachable = |source: ureq::Error| Error::Unreachable {
        url: url.clone(),
        source: Box::new(source),
    };
    let mut response = response.map_err(unreachable)?;
    let header = |name: &str| {
        let value = response.headers().get(name);
        value
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let (kind, next) = (
        header("content-type").unwrap_or_default(),
        header("next-cursor"),
    );
    let wait = header("retry-after").and_then(|seconds| seconds.parse().ok());
    let status = response.status();
    let (mut body, mut stream) = (Vec::new(), None);
    if status.is_success() && kind.starts_with(EVENTS) {
        stream = Some(response.into_body().into_reader());
    } else {
        let limit = u64::try_from(MAX_ANSWER).unwrap_or(u64::MAX);
        let whole = response.body_mut().with_config().limit(limit);
        body = whole.read_to_vec().map_err(unreachable)?;
    }
    Ok(Replied {
        status,
        url,
        kind,
        next,
        body,
        stream,
        wait: wait.map(Duration::from_secs),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_words_move_no_cursor_and_end() {
        let problem = Problem {
            status: 500,
            code: "x\u{1b}[7m".to_owned(),
            detail: format!(
                "\u{1b}[2J\r\u{9b}31m\u{202e}größer: {}",
                "a".repeat(100_000)
            ),
        };
        let told = problem.of("http://node".to_owned(), 500).to_string();
        assert!(!told.contains(|c: char| c.is_control() || c == '\u{202e}'));
        assert!(
            told.contains("\\u{1b}[2J\\r\\u{9b}31m\\u{202e}größer: aaa"),
            "{told}"
        );
        assert!(told.chars().count() < WORDS + 200 && told.ends_with('…'));
    }
}
