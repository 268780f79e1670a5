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
    pub(super) reading: Arc<Reading<RedbSnapshot>>,
    /// Whether every witness that is waited for has been heard.
    pub(super) whole: bool,
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

/// A cosigned moment that has everything recorded so far, with all the cosignatures that came in time; none when no witness
/// answers.
pub(super) async fn caught_up(shared: &Arc<Shared>) -> Answered<Option<Arc<Cosigned>>> {
    let mut cosigning = shared.cosigning.clone();
    if !matches!(*cosigning.borrow(), Cosigning::Now(_)) {
        return Ok(None);
    }
    let size = shared
        .read(|_, reading| Ok(reading.head().log_size))
        .await?;
    let caught_up = cosigning.wait_for(|cosigning| match cosigning {
        Cosigning::Now(cosigned) => cosigned.whole && cosigned.reading.head().log_size >= size,
        _ => true,
    });
    // whoever still waits then takes what there is
    let _ = tokio::time::timeout(PATIENCE, caught_up).await;
    Ok(match &*cosigning.borrow() {
        Cosigning::Now(cosigned) if cosigned.reading.head().log_size >= size => {
            Some(Arc::clone(cosigned))
        }
        _ => None,
    })
}

#[cfg(feature = "client")]
mod asking {
    use ledger_core::{AddCheckpoint, Checkpoint, LogKey};
    use tokio::sync::{mpsc, watch};
    use tokio::time::Instant;
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

    /// Asks the witnesses, each in its own time: one that hangs keeps no other one's cosignature from anybody.
    pub(in super::super) struct Asker {
        voice: Arc<Voice>,
        witnesses: Vec<Witness>,
        /// The moment that the witnesses are asked about.
        round: Option<Round>,
        cosigning: watch::Sender<Cosigning>,
    }

    /// What asks, from threads of its own.
    struct Voice {
        node: Arc<Node>,
        log: LogKey,
        agent: Agent,
        metrics: Arc<Metrics>,
    }

    /// What is known of a witness.
    struct Witness {
        address: Arc<WitnessAddress>,
        /// The size that it cosigned last; it says itself what that is.
        known: u64,
        /// Whether it is being asked.
        busy: bool,
        /// Whether it did not answer in time when it was asked last. Nobody waits for it then, until it does.
        late: bool,
        /// When it is asked again without anything new.
        again: Option<Instant>,
    }

    /// A checkpoint, and what came of it so far.
    struct Round {
        note: Arc<str>,
        reading: Arc<Reading<RedbSnapshot>>,
        lines: Vec<Option<String>>,
        /// Until when the witnesses are waited for.
        until: Instant,
    }

    /// What came of asking one witness.
    struct Heard {
        witness: usize,
        note: Arc<str>,
        known: u64,
        line: Option<String>,
        reached: bool,
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

    /// What a witness is called that does not answer.
    const UNREACHABLE: &str = "unreachable";

    impl Asker {
        pub(in super::super) fn new(
            node: Arc<Node>,
            witnesses: Vec<WitnessAddress>,
            metrics: Arc<Metrics>,
            cosigning: watch::Sender<Cosigning>,
        ) -> Self {
            let agent = Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .timeout_global(Some(TIMEOUT))
                .build()
                .new_agent();
            let witness = |address| Witness {
                address: Arc::new(address),
                known: 0,
                busy: false,
                late: false,
                again: None,
            };
            Self {
                voice: Arc::new(Voice {
                    log: node.log_key(),
                    node,
                    agent,
                    metrics,
                }),
                witnesses: witnesses.into_iter().map(witness).collect(),
                round: None,
                cosigning,
            }
        }

        /// Asks whenever something was recorded, until the server stops.
        pub(in super::super) async fn run(
            mut self,
            mut progress: watch::Receiver<Progress>,
            mut stopping: watch::Receiver<bool>,
        ) {
            let (tell, mut heard) = mpsc::channel(self.witnesses.len());
            let mut recorded = true;
            loop {
                if recorded && self.is_whole() {
                    progress.mark_unchanged();
                    recorded = false;
                    self.begin().await;
                    self.ask(&tell, |_| true);
                    self.publish();
                }
                let patience = self.patience();
                let again = self.witnesses.iter().filter_map(|witness| witness.again);
                let again = again.min();
                tokio::select! {
                    _ = stopping.wait_for(|stopping| *stopping) => return,
                    changed = progress.changed(), if !recorded => match changed {
                        Ok(()) => recorded = true,
                        Err(_) => return,
                    },
                    Some(heard) = heard.recv() => {
                        self.hear(heard, &tell);
                        self.publish();
                    }
                    () = at(patience) => {
                        for witness in self.witnesses.iter_mut().filter(|witness| witness.busy) {
                            witness.late = true;
                        }
                        self.publish();
                    }
                    () = at(again) => {
                        let now = Instant::now();
                        self.ask(&tell, |witness| witness.again.is_some_and(|again| again <= now));
                    }
                }
            }
        }

        /// Whether there is nobody to wait for.
        fn is_whole(&self) -> bool {
            !self
                .witnesses
                .iter()
                .any(|witness| witness.busy && !witness.late)
        }

        /// Until when those that are being asked are waited for.
        fn patience(&self) -> Option<Instant> {
            let round = self.round.as_ref()?;
            (!self.is_whole()).then_some(round.until)
        }

        /// Turns to the newest checkpoint.
        async fn begin(&mut self) {
            let voice = Arc::clone(&self.voice);
            let moment = tokio::task::spawn_blocking(move || {
                let reading = voice.node.view().ok()?;
                // a copy without the node's key signs nothing
                let note = voice.node.checkpoint_at(&reading).ok()?;
                Some((note, reading))
            });
            let Some((note, reading)) = moment.await.ok().flatten() else {
                self.round = None;
                return;
            };
            self.round = Some(Round {
                note: note.into(),
                reading: Arc::new(reading),
                lines: vec![None; self.witnesses.len()],
                until: Instant::now() + PATIENCE,
            });
        }

        /// Asks those of the witnesses about the checkpoint that have not cosigned it and are not being asked.
        fn ask(&mut self, tell: &mpsc::Sender<Heard>, which: impl Fn(&Witness) -> bool) {
            let Some(round) = &self.round else {
                for witness in &mut self.witnesses {
                    witness.again = None;
                }
                return;
            };
            let each = self.witnesses.iter_mut().zip(&round.lines).enumerate();
            for (number, (witness, line)) in each {
                if !which(witness) {
                    continue;
                }
                witness.again = None;
                if witness.busy || line.is_some() {
                    continue;
                }
                witness.busy = true;
                let (voice, address) = (Arc::clone(&self.voice), Arc::clone(&witness.address));
                let (note, reading) = (Arc::clone(&round.note), Arc::clone(&round.reading));
                let (known, tell) = (witness.known, tell.clone());
                tokio::task::spawn_blocking(move || {
                    let mut heard = voice.ask(&address, known, &reading, note);
                    heard.witness = number;
                    // nobody listens any more when the server stops
                    let _ = tell.blocking_send(heard);
                });
            }
        }

        /// Takes in what a witness said, about this checkpoint or about one before.
        fn hear(&mut self, heard: Heard, tell: &mpsc::Sender<Heard>) {
            let number = heard.witness;
            let Some(witness) = self.witnesses.get_mut(number) else {
                return;
            };
            witness.busy = false;
            witness.known = heard.known;
            witness.late |= !heard.reached;
            let Some(line) = heard.line else {
                witness.again = Some(Instant::now() + AGAIN);
                return;
            };
            let Some(round) = &mut self.round else { return };
            if round.note == heard.note {
                witness.late &= Instant::now() > round.until;
                if let Some(place) = round.lines.get_mut(number) {
                    *place = Some(line);
                }
            } else {
                // it is there again, and behind
                self.ask(tell, |witness| witness.again.is_none());
            }
        }

        /// Shows what is cosigned by now.
        fn publish(&self) {
            let whole = self.is_whole();
            let lines = self.round.iter().flat_map(|round| &round.lines).flatten();
            let lines: String = lines.map(String::as_str).collect();
            self.cosigning.send_modify(|cosigning| {
                if let Some(round) = self.round.as_ref().filter(|_| !lines.is_empty()) {
                    *cosigning = Cosigning::Now(Arc::new(Cosigned {
                        note: format!("{}{lines}", round.note).into(),
                        reading: Arc::clone(&round.reading),
                        whole,
                    }));
                } else if let (true, Some(note)) = (whole, cosigning.note()) {
                    *cosigning = Cosigning::Earlier(note);
                }
            });
        }
    }

    /// Waits until a time, or for ever.
    async fn at(time: Option<Instant>) {
        match time {
            Some(time) => tokio::time::sleep_until(time).await,
            None => std::future::pending().await,
        }
    }

    impl Voice {
        /// A witness' line, when its cosignature holds.
        fn ask(
            &self,
            witness: &WitnessAddress,
            mut known: u64,
            reading: &Reading<RedbSnapshot>,
            note: Arc<str>,
        ) -> Heard {
            let size = reading.head().log_size;
            let mut said = self.post(witness, known, reading, &note);
            if let Said::Conflict(cosigned) = said
                && cosigned != known
                && cosigned <= size
            {
                known = cosigned;
                said = self.post(witness, cosigned, reading, &note);
            }
            let (outcome, line) = match said {
                Said::Line(line) => {
                    known = size;
                    ("cosigned", Some(line))
                }
                // it has seen more than this node has: the node went back, or its key signs elsewhere too
                Said::Conflict(cosigned) if cosigned > size => ("ahead", None),
                Said::Conflict(_) => ("conflict", None),
                Said::Nothing(outcome) => (outcome, None),
            };
            self.metrics.asked(witness.key.name(), outcome);
            Heard {
                witness: 0,
                note,
                known,
                line,
                reached: outcome != UNREACHABLE,
            }
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
                return Said::Nothing(UNREACHABLE);
            };
            let body = response.body_mut().with_config().limit(MAX_ANSWER);
            let Ok(body) = body.read_to_string() else {
                return Said::Nothing(UNREACHABLE);
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
