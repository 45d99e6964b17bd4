//! How long something took, alone and beside an attack.

use std::fs;
use std::time::Duration;

use super::Proof;

/// How often the same thing took how long.
#[derive(Debug, Clone, Default)]
pub(super) struct Times(Vec<Duration>);

impl Times {
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    pub(super) fn add(&mut self, times: impl IntoIterator<Item = Duration>) {
        self.0.extend(times);
    }

    pub(super) fn median(&self) -> Duration {
        self.percentile(50)
    }

    /// The 99th percentile, or the longest of fewer than a hundred.
    pub(super) fn p99(&self) -> Duration {
        self.percentile(99)
    }

    fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = sorted.len() * percent / 100;
        sorted[at.min(sorted.len() - 1)]
    }
}

/// The same things alone and meanwhile, in turns of one run.
#[derive(Debug, Clone, Default)]
pub(super) struct Compared {
    pub(super) alone: Times,
    pub(super) meanwhile: Times,
}

impl Compared {
    /// Whether neither the median nor the 99th percentile grew to more than `most` times.
    pub(super) fn proof(&self, attack: String, what: &str, most: f64) -> Proof {
        let median = ratio(self.alone.median(), self.meanwhile.median());
        let p99 = ratio(self.alone.p99(), self.meanwhile.p99());
        Proof {
            attack,
            seen: format!(
                "{what}, {} alone and {} meanwhile: median {:.1} → {:.1} ms, {median:.2} times; \
                 p99 {:.1} → {:.1} ms, {p99:.2} times",
                self.alone.count(),
                self.meanwhile.count(),
                millis(self.alone.median()),
                millis(self.meanwhile.median()),
                millis(self.alone.p99()),
                millis(self.meanwhile.p99()),
            ),
            bound: format!("at most {most} times"),
            held: median <= most && p99 <= most,
        }
    }
}

fn ratio(before: Duration, after: Duration) -> f64 {
    after.as_secs_f64() / before.as_secs_f64()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Waits until a process does next to nothing, as what an attack began may outlast it; answers
/// whether it ever did.
pub(super) async fn until_at_rest(pid: u32) -> bool {
    const AT_LEAST: usize = 3;
    const TRIES: usize = 150;
    let mut before = processor_ticks(pid);
    let mut rested = 0;
    for _ in 0..TRIES {
        if rested == AT_LEAST {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = processor_ticks(pid);
        rested = if now - before <= 1 { rested + 1 } else { 0 };
        before = now;
    }
    rested == AT_LEAST
}

/// Processor time of all its threads, in hundredths of a second.
fn processor_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name, in parentheses, may hold anything; user and system time are the 12th and 13th field
    // after it.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let times = fields.split_whitespace().skip(11).take(2);
    times.map(|time| time.parse::<u64>().unwrap()).sum()
}
