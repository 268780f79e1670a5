//! What is recorded from now on: told when it is, and proven as everything else.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::time::{Duration, Instant};
use std::{fmt, thread};

use ledger_core::{Address, ShareId};
use ureq::BodyReader;

use super::Client;
use crate::{Event, Result};

/// The longest line that is read of a stream: an event holds a transaction in JSON, and that again in base64.
const LINE: u64 = 1 << 20;
/// How long to wait after the first failure; after each further one twice as long, and at most [`LONGEST`].
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);
/// A stream that ends sooner is asked for later each time.
const A_WHILE: Duration = Duration::from_secs(1);

/// What to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "what a server filters by")]
pub enum Subject {
    /// Everything; none is left out.
    Everything,
    /// What happens to one share; none is left out.
    Share(ShareId),
    /// What concerns a member, by the server's word: it can leave something out, and put in what does not.
    Member(Address),
}

/// The transactions that are recorded, as they are: [`Client::follow`].
///
/// The iterator never ends. It goes on after an error: what failed is tried again at the next call, after half a second, and
/// after each further failure twice as long, up to half a minute.
pub struct Follow<'c, 'a> {
    client: &'c Client<'a>,
    subject: Subject,
    next: u64,
    ready: VecDeque<Event>,
    bell: Option<Bell>,
    pause: Option<Duration>,
}

impl fmt::Debug for Follow<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follow")
            .field("subject", &self.subject)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl<'a> Client<'a> {
    /// Follows what is recorded from an index of the log on. Each call of `next` waits for one event.
    ///
    /// The server's stream of events only says when to ask: what is returned is proven, as by [`Client::log`] and
    /// [`Client::events`]. A server whose stream is silent is asked all the same whenever the time of an answer is over
    /// ([`Connecting::timeout`], a minute), and one that has no stream for us, or one that rings in vain, after half a second, after twice
    /// as long each time, and at last every half minute.
    ///
    /// ```no_run
    /// # fn watch(client: ledger_node::Client<'_>) -> ledger_node::Result<()> {
    /// use ledger_node::client::Subject;
    ///
    /// let now = client.checkpoint()?.size();
    /// for event in client.follow(Subject::Everything, now) {
    ///     let event = event?;
    ///     println!("{} {}", event.index, event.tx.body().kind());
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// [`Connecting::timeout`]: crate::Connecting::timeout
    pub const fn follow(&self, subject: Subject, from: u64) -> Follow<'_, 'a> {
        Follow {
            client: self,
            subject,
            next: from,
            ready: VecDeque::new(),
            bell: None,
            pause: None,
        }
    }
}

impl Follow<'_, '_> {
    /// The index from which on nothing was returned yet: where to go on in another process.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.ready.front().map_or(self.next, |event| event.index)
    }

    /// What there is from [`Follow::next`] on, proven.
    fn look(&self) -> Result<Vec<Event>> {
        match &self.subject {
            Subject::Everything => self.client.log(None, self.next),
            Subject::Member(member) => self.client.log(Some(member), self.next),
            Subject::Share(share) => {
                let mut events = self.client.events(share)?;
                events.retain(|event| event.index >= self.next);
                Ok(events)
            }
        }
    }

    /// Waits until the server says that there is more, or its stream ends. Whether a stream kept silent for a while, as one does in which
    /// there is nothing to say.
    fn wait(&mut self) -> bool {
        let begun = Instant::now();
        let Some(mut bell) = self.bell.take().or_else(|| self.bell()) else {
            return false;
        };
        if bell.rings(self.next) {
            self.bell = Some(bell);
            return false;
        }
        begun.elapsed() > A_WHILE
    }

    /// The server's stream of events. That there is none is no failure: it is asked without.
    fn bell(&self) -> Option<Bell> {
        let next = self.next;
        let path = match &self.subject {
            Subject::Everything => format!("/v1/events?from={next}"),
            Subject::Member(member) => format!("/v1/events?from={next}&member={member}"),
            Subject::Share(share) => format!("/v1/events?from={next}&share={share}"),
        };
        let replied = self.client.transport.stream(&path).ok()?;
        Some(Bell(BufReader::new(replied.stream?)))
    }

    fn advance(&mut self) -> Result<Event> {
        if let Some(pause) = self.pause {
            thread::sleep(pause);
        }
        let mut idle = Duration::ZERO;
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            self.ready = self.look()?.into();
            if let Some(last) = self.ready.back() {
                self.next = last.index + 1;
                continue;
            }
            thread::sleep(idle);
            // what comes now ends this; else it was no stream, or it rang in vain
            idle = match self.wait() {
                true => Duration::ZERO,
                false => (2 * idle).clamp(FIRST, LONGEST),
            };
        }
    }
}

impl Iterator for Follow<'_, '_> {
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Self::Item> {
        let event = self.advance();
        self.pause = event.is_err().then(|| match self.pause {
            None => FIRST,
            Some(pause) => (2 * pause).min(LONGEST),
        });
        Some(event)
    }
}

/// A stream of events, of which only the ids are heard.
struct Bell(BufReader<BodyReader<'static>>);

impl Bell {
    /// Waits for the id of an event that is no earlier; whether one came before the stream ended.
    fn rings(&mut self, from: u64) -> bool {
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = (&mut self.0).take(LINE).read_until(b'\n', &mut line);
            if read.is_err() || line.last() != Some(&b'\n') {
                return false;
            }
            let id = line.strip_prefix(b"id:").and_then(|id| {
                let id = std::str::from_utf8(id).ok()?;
                id.trim().parse::<u64>().ok()
            });
            if id.is_some_and(|id| id >= from) {
                return true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bell(text: &str) -> Bell {
        let body = ureq::Body::builder().data(text.to_owned());
        Bell(BufReader::new(body.into_reader()))
    }

    #[test]
    fn only_the_id_of_what_is_new_rings() {
        let mut told = bell("id: 4\n\n: silence\nevent: share\nid: 5\ndata: {}\n\nid: 6\n\nid:9\n");
        assert!(told.rings(5));
        assert!(told.rings(6));
        assert!(told.rings(7));
        assert!(!told.rings(7));
    }

    #[test]
    fn nonsense_is_heard_in_vain() {
        let long = format!("id: {}\n", "9".repeat(30));
        let endless = "x".repeat(usize::try_from(LINE).unwrap() + 9) + "\nid: 9\n";
        for text in [
            "",
            "id: 9",
            "id: -1\n\n",
            "data: id: 9\n",
            "\u{fffd}\n",
            &long,
            &endless,
        ] {
            assert!(!bell(text).rings(3), "{:.20}", text);
        }
    }
}
