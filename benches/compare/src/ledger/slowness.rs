//! When the processor itself was slow: on a virtual machine its owner may take it away, and no server's tail is better than that.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// How many times the usual time is slow.
const SLOW: u32 = 3;

/// When each began, and what it took.
type Samples = Vec<(Instant, Duration)>;

/// Does the same small arithmetic each millisecond, on a thread at each core, and notes what it took by the threads' own clocks:
/// those stand while another thread of this machine has the core, so that load does not look like slowness.
pub(super) struct Watch {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<Samples>>>,
}

impl Watch {
    pub(super) fn start() -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let allowed = sched_getaffinity(None)?;
        let cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let threads = cores
            .map(|core| {
                let stop = Arc::clone(&stop);
                thread::spawn(move || watch(core, &stop))
            })
            .collect();
        Ok(Self { stop, threads })
    }

    /// The times in which it was slow, in order, each made longer by its own length: at half of the most a server works off in that
    /// time what has queued up.
    pub(super) fn stop(self) -> Result<Vec<(Instant, Instant)>> {
        self.stop.store(true, Ordering::Release);
        let mut times = Vec::new();
        for thread in self.threads {
            let samples = thread.join().ok().context("a watching thread")??;
            let mut taken: Vec<_> = samples.iter().map(|(_, taken)| *taken).collect();
            taken.sort();
            let usual = taken.get(taken.len() / 2).copied().unwrap_or_default();
            // slow from the sample before to the one after: in between it was not looked at
            let around = samples.windows(3);
            times.extend(around.filter_map(|around| match around {
                [(from, _), (_, taken), (to, _)] if *taken > usual * SLOW => Some((*from, *to)),
                _ => None,
            }));
        }
        times.sort();
        let mut merged: Vec<(Instant, Instant)> = Vec::new();
        for (from, to) in times {
            match merged.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => merged.push((from, to)),
            }
        }
        Ok(merged
            .into_iter()
            .map(|(from, to)| (from, to + (to - from)))
            .collect())
    }
}

fn watch(core: usize, stop: &AtomicBool) -> Result<Samples> {
    let mut here = CpuSet::new();
    here.set(core);
    sched_setaffinity(None, &here)?;
    let mut samples = Vec::new();
    while !stop.load(Ordering::Acquire) {
        let begun = (Instant::now(), of_this_thread());
        black_box(arithmetic(12_000));
        samples.push((begun.0, of_this_thread().saturating_sub(begun.1)));
        thread::sleep(Duration::from_millis(1));
    }
    Ok(samples)
}

/// So many multiplications, each of the one before.
pub(super) fn arithmetic(steps: u64) -> u64 {
    (0..steps).fold(1, |sum: u64, number| {
        sum.wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(number)
    })
}

/// The processor time of this thread.
fn of_this_thread() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        now.tv_sec.unsigned_abs(),
        u32::try_from(now.tv_nsec).unwrap_or_default(),
    )
}
