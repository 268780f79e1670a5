//! The node's own witnesses: asked for each new checkpoint, and what they cosigned last.

use std::sync::Arc;
use std::time::Duration;

use ledger_core::Reading;
use ledger_core::store::RedbSnapshot;

use super::api::Shared;
use super::problem::Answered;
#[cfg(feature = "client")]
pub(super) use asking::Asker;

/// How long an answer waits for the cosignatures on what was recorded before it was asked for.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the witnesses cosigned last.
#[derive(Clone, Default)]
pub(super) enum Cosigning {
    /// No witness is asked, or none has cosigned yet.
    #[default]
    Nothing,
    /// The newest checkpoint, or one before it that is being overtaken.
    #[cfg_attr(not(feature = "client"), expect(dead_code, reason = "nobody is asked"))]
    Now(Arc<Cosigned>),
    /// An earlier checkpoint: in the last round nobody cosigned. Its moment is let go, because the store keeps what it shows.
    #[cfg_attr(not(feature = "client"), expect(dead_code, reason = "nobody is asked"))]
    Earlier(Arc<str>),
}

/// A moment that can be proven with cosignatures.
pub(super) struct Cosigned {
    pub(super) note: Arc<str>,
    pub(super) reading: Reading<RedbSnapshot>,
}

impl Cosigning {
    /// The newest checkpoint that was cosigned.
    pub(super) fn note(&self) -> Option<Arc<str>> {
        match self {
            Self::Nothing => None,
            Self::Now(cosigned) => Some(Arc::clone(&cosigned.note)),
            Self::Earlier(note) => Some(Arc::clone(note)),
        }
    }
}

/// A cosigned moment that has everything recorded so far; none when no witness answers.
pub(super) async fn caught_up(shared: &Arc<Shared>) -> Answered<Option<Arc<Cosigned>>> {
    let mut cosigning = shared.cosigning.clone();
    if !matches!(*cosigning.borrow(), Cosigning::Now(_)) {
        return Ok(None);
    }
    let size = shared
        .read(|_, reading| Ok(reading.head().log_size))
        .await?;
    let caught_up = cosigning.wait_for(|cosigning| match cosigning {
        Cosigning::Now(cosigned) => cosigned.reading.head().log_size >= size,
        _ => true,
    });
    let caught_up = tokio::time::timeout(PATIENCE, caught_up).await;
    Ok(match caught_up.ok().and_then(Result::ok).as_deref() {
        Some(Cosigning::Now(cosigned)) => Some(Arc::clone(cosigned)),
        _ => None,
    })
}

#[cfg(feature = "client")]
mod asking {
    use std::sync::Mutex;
    use std::thread;

    use ledger_core::{AddCheckpoint, Checkpoint, LogKey};
    use tokio::sync::watch;
    use ureq::Agent;

    use super::super::metrics::Metrics;
    use super::super::settings::WitnessAddress;
    use super::super::writer::Progress;
    use super::*;
    use crate::Node;

    /// How long a witness may take.
    const TIMEOUT: Duration = Duration::from_secs(5);
    /// When those that did not answer are asked again, if nothing is recorded meanwhile.
    const AGAIN: Duration = Duration::from_secs(10);
    /// The most bytes of a witness' answer.
    const MAX_ANSWER: u64 = 16 * 1024;

    /// Asks the witnesses, one round after the other.
    pub(in super::super) struct Asker {
        node: Arc<Node>,
        log: LogKey,
        witnesses: Vec<(WitnessAddress, Mutex<u64>)>,
        agent: Agent,
        metrics: Arc<Metrics>,
    }

    /// What a witness says.
    enum Said {
        /// It cosigned: its line.
        Line(String),
        /// It cosigned another size last.
        Conflict(u64),
        /// Something else, by its name in the figures.
        Nothing(&'static str),
    }

    impl Asker {
        pub(in super::super) fn new(
            node: Arc<Node>,
            witnesses: Vec<WitnessAddress>,
            metrics: Arc<Metrics>,
        ) -> Self {
            let agent = Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .timeout_global(Some(TIMEOUT))
                .build()
                .new_agent();
            Self {
                log: node.log_key(),
                node,
                // a witness says itself what it cosigned last
                witnesses: witnesses
                    .into_iter()
                    .map(|witness| (witness, Mutex::new(0)))
                    .collect(),
                agent,
                metrics,
            }
        }

        /// Asks whenever something was recorded, until the server stops.
        pub(in super::super) async fn run(
            self,
            mut progress: watch::Receiver<Progress>,
            cosigning: watch::Sender<Cosigning>,
            mut stopping: watch::Receiver<bool>,
        ) {
            let asker = Arc::new(self);
            loop {
                progress.mark_unchanged();
                let round = Arc::clone(&asker);
                let round = tokio::task::spawn_blocking(move || round.round());
                let Ok((cosigned, whole)) = round.await else {
                    return;
                };
                cosigning.send_modify(|cosigning| match cosigned {
                    Some(cosigned) => *cosigning = Cosigning::Now(Arc::new(cosigned)),
                    None => {
                        if let Some(note) = cosigning.note() {
                            *cosigning = Cosigning::Earlier(note);
                        }
                    }
                });
                let again = async {
                    if whole {
                        std::future::pending::<()>().await;
                    }
                    tokio::time::sleep(AGAIN).await;
                };
                tokio::select! {
                    _ = stopping.wait_for(|stopping| *stopping) => return,
                    changed = progress.changed() => if changed.is_err() { return },
                    () = again => {}
                }
            }
        }

        /// Asks every witness at the same time: what was cosigned, and whether by all.
        fn round(&self) -> (Option<Cosigned>, bool) {
            let Ok(reading) = self.node.view() else {
                return (None, false);
            };
            let Ok(note) = self.node.checkpoint_at(&reading) else {
                // a copy without the node's key signs nothing
                return (None, true);
            };
            let lines: Vec<_> = thread::scope(|scope| {
                let asked: Vec<_> = self
                    .witnesses
                    .iter()
                    .map(|(witness, known)| {
                        let (reading, note) = (&reading, &note);
                        scope.spawn(move || self.ask(witness, known, reading, note))
                    })
                    .collect();
                asked
                    .into_iter()
                    .filter_map(|asked| asked.join().ok().flatten())
                    .collect()
            });
            let whole = lines.len() == self.witnesses.len();
            let cosigned = (!lines.is_empty()).then(|| Cosigned {
                note: (note + &lines.concat()).into(),
                reading,
            });
            (cosigned, whole)
        }

        /// A witness' line, when its cosignature holds.
        fn ask(
            &self,
            witness: &WitnessAddress,
            known: &Mutex<u64>,
            reading: &Reading<RedbSnapshot>,
            note: &str,
        ) -> Option<String> {
            let size = reading.head().log_size;
            let mut known = known.lock().ok()?;
            let mut said = self.post(witness, *known, reading, note);
            if let Said::Conflict(cosigned) = said
                && cosigned != *known
                && cosigned <= size
            {
                *known = cosigned;
                said = self.post(witness, cosigned, reading, note);
            }
            let outcome = match said {
                Said::Line(line) => {
                    *known = size;
                    self.metrics.asked(witness.key.name(), "cosigned");
                    return Some(line);
                }
                // it has seen more than this node has: the node went back, or its key signs elsewhere too
                Said::Conflict(cosigned) if cosigned > size => "ahead",
                Said::Conflict(_) => "conflict",
                Said::Nothing(outcome) => outcome,
            };
            self.metrics.asked(witness.key.name(), outcome);
            None
        }

        fn post(
            &self,
            witness: &WitnessAddress,
            old: u64,
            reading: &Reading<RedbSnapshot>,
            note: &str,
        ) -> Said {
            let path = if old == 0 {
                Vec::new()
            } else {
                match reading.consistency(old, reading.head().log_size) {
                    Ok(proof) => proof.path,
                    Err(_) => return Said::Nothing("unproven"),
                }
            };
            let request = AddCheckpoint::new(old, path, note.to_owned()).to_string();
            let url = format!("{}/add-checkpoint", witness.url);
            let response = self
                .agent
                .post(url)
                .content_type("text/plain")
                .send(request);
            let Ok(mut response) = response else {
                return Said::Nothing("unreachable");
            };
            let body = response.body_mut().with_config().limit(MAX_ANSWER);
            let Ok(body) = body.read_to_string() else {
                return Said::Nothing("unreachable");
            };
            match response.status().as_u16() {
                200 => {
                    let line = body.split_inclusive('\n').find(|line| {
                        // lines of other keys are none of ours
                        let note = format!("{note}{line}");
                        let key = std::slice::from_ref(&witness.key);
                        let opened = Checkpoint::open_cosigned(&note, &self.log, key);
                        line.ends_with('\n') && opened.is_ok_and(|(_, found)| found == 1)
                    });
                    line.map_or(Said::Nothing("wrong"), |line| Said::Line(line.to_owned()))
                }
                409 => match body.trim_end().parse() {
                    Ok(size) => Said::Conflict(size),
                    Err(_) => Said::Nothing("wrong"),
                },
                _ => Said::Nothing("refused"),
            }
        }
    }
}
