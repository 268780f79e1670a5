//! Server-sent events: what happens to a share or to a member, as it is recorded.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use ledger_core::store::{Order, RedbSnapshot};
use ledger_core::{Address, Reading, ShareId, Transaction};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};

use super::api::{Headers, Shared};
use super::auth::Reader;
use super::course::Asker;
use super::limits::{Full, Place};
use super::params::{Asked, natural, read_some};
use super::problem::{Answered, Problem};
use super::view::TransactionView;
use super::writer::Progress;

/// How many transactions are looked at between two moments of the ledger.
const CHUNK: usize = 256;
/// The bytes of events after which a stream reads no further one before it has sent them.
const BUFFER: usize = 64 * 1024;
/// How often a silent stream says where it is.
const ALIVE: Duration = Duration::from_secs(15);

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Only those of this share.
    #[param(pattern = "^[0-9a-f]{64}$")]
    share: Option<String>,
    /// Only those that concern this member: an OpenPGP fingerprint.
    #[param(pattern = "^([0-9A-F]{40}|[0-9A-F]{64})$")]
    member: Option<String>,
    /// From this index of the log on; without it, what is recorded from now on. `Last-Event-ID` goes on behind an event, and
    /// with -1 at the first.
    #[serde(default, deserialize_with = "natural")]
    from: Option<u64>,
}

/// One event, as it is described: what is written are the lines of the stream.
#[derive(ToSchema)]
#[schema(title = "Event")]
#[expect(dead_code, reason = "the lines are written by axum")]
struct EventView {
    /// The kind of the transaction.
    event: String,
    /// Its index in the log.
    id: String,
    /// The transaction in JSON.
    data: String,
}

/// Streams transactions as they are recorded: the event is the kind, its id the index, its data the transaction in JSON.
///
/// It begins with an id alone, that of the transaction before, and says another one when it is silent for long: so whoever
/// loses the connection before the first event goes on from there (HTML, section 9.2.6: without data nothing is dispatched).
///
/// A server has places for some streams, and for fewer of one address. Where reads are for members, it ends when its member is
/// revoked.
#[utoipa::path(
    get, path = "/v1/events", tag = "transactions",
    params(
        Wanted,
        ("Last-Event-ID" = Option<String>, Header, description = "The id that was heard last: the stream goes on behind it"),
    ),
    responses(
        (status = 200, description = "Server-sent events", body = EventView, content_type = "text/event-stream"),
        (status = "4XX", description = "Malformed, or too many streams of this address", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Too many streams, or stopping", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn stream(
    State(shared): State<Arc<Shared>>,
    Extension(Asker(asker)): Extension<Asker>,
    Asked(wanted): Asked<Wanted>,
    Reader(reader): Reader,
    headers: HeaderMap,
) -> Answered<Response> {
    let place = shared.streams.enter(asker).map_err(|full| {
        shared.metrics.turned_away.inc();
        let (status, detail) = match full {
            Full::All => (
                StatusCode::SERVICE_UNAVAILABLE,
                "too many streams of events are open",
            ),
            Full::Address => (
                StatusCode::TOO_MANY_REQUESTS,
                "this address has too many streams of events open",
            ),
        };
        Problem::new(status, "streams", detail)
    })?;
    let last = headers.get("last-event-id");
    let behind = last.and_then(|id| behind(id.to_str().ok()?));
    let progress = shared.progress.clone();
    let from = behind.or(wanted.from);
    let next = from.unwrap_or_else(|| progress.borrow().size);
    let events = Events {
        stopping: shared.stopping.clone(),
        progress,
        share: read_some(wanted.share.as_ref())?,
        member: read_some(wanted.member.as_ref())?,
        reader,
        next,
        ready: VecDeque::from([before(next)]),
        said: Instant::now(),
        shared,
        _place: place,
    };
    let events = stream::unfold(events, |mut events| async move {
        let event = events.next().await?;
        Some((Ok::<_, Infallible>(event), events))
    });
    Ok(Sse::new(events).into_response())
}

/// Where to go on behind an id.
fn behind(id: &str) -> Option<u64> {
    match id {
        "-1" => Some(0),
        id => Some(id.parse::<u64>().ok()?.saturating_add(1)),
    }
}

/// The id of the transaction before an index, without an event: whoever comes back with it goes on at the index.
fn before(next: u64) -> Event {
    let id = next.checked_sub(1);
    Event::default().id(id.map_or_else(|| "-1".to_owned(), |id| id.to_string()))
}

/// A place in the log that moves on. What is sent is read from the log, so no event is lost to a slow reader.
struct Events {
    shared: Arc<Shared>,
    stopping: watch::Receiver<bool>,
    progress: watch::Receiver<Progress>,
    share: Option<ShareId>,
    member: Option<Address>,
    /// Who listens, where reads are for members.
    reader: Option<Address>,
    next: u64,
    ready: VecDeque<Event>,
    /// When something was sent last.
    said: Instant,
    /// Taken until nobody listens any more.
    _place: Place,
}

impl Events {
    /// The next event; none when the server stops or cannot read on, or when the member that listens was revoked.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.said = Instant::now();
                return Some(event);
            }
            let next = self.next;
            let recorded = tokio::select! {
                biased;
                _ = self.stopping.wait_for(|stopping| *stopping) => return None,
                // also when much is recorded of which nothing is wanted
                () = tokio::time::sleep_until(self.said + ALIVE) => {
                    self.ready.push_back(before(next));
                    continue;
                }
                recorded = self.progress.wait_for(|progress| progress.size > next) => recorded.is_ok(),
            };
            if !recorded {
                return None;
            }
            let (share, member, reader) = (self.share, self.member, self.reader);
            let look = move |_: &Shared, reading: &Reading<RedbSnapshot>| {
                if let Some(reader) = reader {
                    let member = reading.member(&reader)?;
                    let live = member.filter(ledger_core::MemberState::is_live);
                    live.ok_or_else(|| Problem::not_found("member"))?;
                }
                look(reading, next, share.as_ref(), member.as_ref())
            };
            let (next, events) = self.shared.read(look).await.ok()?;
            (self.next, self.ready) = (next, events);
        }
    }
}

/// The events among the next transactions, and where to go on.
fn look(
    reading: &Reading<RedbSnapshot>,
    from: u64,
    share: Option<&ShareId>,
    member: Option<&Address>,
) -> Answered<(u64, VecDeque<Event>)> {
    let size = reading.head().log_size;
    let concerns =
        |member: &Address, from, limit| reading.involved(member, from, Order::Ascending, limit);
    // where to go on behind these
    let behind = |looked_at: &[u64]| match looked_at.last() {
        Some(last) if looked_at.len() == CHUNK => last + 1,
        _ => size.max(from),
    };
    let mut indices: Vec<u64> = match (share, member) {
        // a share names its own, so that the log is not looked through
        (Some(share), _) => {
            let events = reading.share(share)?.map(|share| share.events);
            let later = events.into_iter().flatten().filter(|index| *index >= from);
            later.take(CHUNK).collect()
        }
        (None, Some(member)) => concerns(member, from, CHUNK)?,
        (None, None) => (from..size).take(CHUNK).collect(),
    };
    let next = behind(&indices);
    if let (Some(_), Some(member)) = (share, member) {
        let mut both = Vec::new();
        for index in indices {
            if concerns(member, index, 1)?.first() == Some(&index) {
                both.push(index);
            }
        }
        indices = both;
    }
    let mut headers = Headers::new(reading);
    let (mut events, mut bytes) = (VecDeque::new(), 0);
    for index in indices {
        if bytes >= BUFFER {
            return Ok((index, events));
        }
        let tx = reading.transaction(index)?;
        let tx: Transaction = tx.ok_or_else(|| Problem::not_found("transaction"))?;
        let view = TransactionView::new(&tx, index, &headers.of(index)?);
        let data = serde_json::to_string(&view).map_err(|_| Problem::not_found("event"))?;
        bytes += data.len();
        let event = Event::default().event(&view.kind).id(index.to_string());
        events.push_back(event.data(data));
    }
    Ok((next, events))
}

#[cfg(test)]
mod tests {
    use ledger_core::testing::{Person, share, share_id};
    use ledger_core::{Body, Unsigned};

    use super::*;
    use crate::{Founding, Node};

    /// A node with so many shares of so many bytes.
    fn node(shares: u64, bytes: usize) -> (tempfile::TempDir, Node) {
        let folder = tempfile::tempdir().unwrap();
        let person = Person::new(0);
        let founding = Founding::new("test", person.authority());
        let node = Node::found(&folder.path().join("ledger"), founding).unwrap();
        let txs: Vec<_> = (0..shares)
            .map(|sequence| {
                let mut body = share(sequence, &[&person]);
                if let Body::Share(share) = &mut body {
                    share.description = Some("x".repeat(bytes));
                }
                Unsigned::new(node.chain(), person.address, sequence, node.now(), body)
                    .sign(&person.key)
            })
            .collect();
        assert!(node.submit_all(&txs).unwrap().iter().all(Result::is_ok));
        (folder, node)
    }

    /// 256 events of 64 kB each were read ahead for each of 512 streams.
    #[test]
    fn a_stream_reads_ahead_so_many_bytes_and_misses_none() {
        let (_folder, node) = node(40, 16_000);
        let reading = node.view().unwrap();
        let (mut from, mut found) = (0, 0);
        while from < 40 {
            let Ok((next, events)) = look(&reading, from, None, None) else {
                panic!("it is read")
            };
            // each is 16,000 bytes of text, and those again in base64
            assert_eq!(events.len(), 2);
            found += events.len();
            from = next;
        }
        assert_eq!(found, 40);
    }

    /// The whole log was read, whatever happened to the share.
    #[test]
    fn the_events_of_a_share_are_found_at_once() {
        let (_folder, node) = node(600, 0);
        let reading = node.view().unwrap();
        let (one, other) = (Person::new(0).address, Person::new(1).address);
        for (member, expected) in [(None, 1), (Some(&one), 1), (Some(&other), 0)] {
            let Ok((next, events)) = look(&reading, 0, Some(&share_id(400)), member) else {
                panic!("it is read")
            };
            assert_eq!((next, events.len()), (600, expected));
        }
        let Ok((next, events)) = look(&reading, 401, Some(&share_id(400)), None) else {
            panic!("it is read")
        };
        assert_eq!((next, events.len()), (600, 0));
        // what is not recorded has no events yet
        assert!(look(&reading, 0, Some(&share_id(999)), None).is_ok_and(|(next, _)| next == 600));
    }
}
