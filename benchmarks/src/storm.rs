//! A closed loop: each connection asks again as soon as it was answered.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio::task::JoinSet;

use crate::process::Process;
use crate::wire::Wire;

/// What a round of asking came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    /// How many were answered.
    pub(crate) answers: u32,
    /// In how long.
    pub(crate) took: Duration,
    /// Processor time the server took for it.
    pub(crate) processor: Option<Duration>,
}

impl Round {
    pub(crate) fn per_second(&self) -> f64 {
        f64::from(self.answers) / self.took.as_secs_f64()
    }

    /// Answers per second of the server's own processor time: what neighbours on the machine, and
    /// a client that is too slow, do not change.
    pub(crate) fn per_processor_second(&self) -> Option<f64> {
        let seconds = self.processor?.as_secs_f64();
        (seconds > 0.0).then(|| f64::from(self.answers) / seconds)
    }

    /// Times the work of `work`, which answers how many answers it got.
    pub(crate) async fn of(
        server: &Process,
        work: impl Future<Output = Result<u32>>,
    ) -> Result<Self> {
        let before = server.processor_time();
        let began = Instant::now();
        let answers = work.await?;
        let took = began.elapsed();
        let after = server.processor_time();
        let processor = after.zip(before).map(|(a, b)| a.saturating_sub(b));
        Ok(Self {
            answers,
            took,
            processor,
        })
    }
}

/// Asks the same question over so many connections for so long. Every answer must be 200 and have
/// a body of `length` bytes.
pub(crate) async fn storm(
    server: &Process,
    request: &[u8],
    length: usize,
    connections: usize,
    span: Duration,
) -> Result<Round> {
    let mut wires = Vec::with_capacity(connections);
    for _ in 0..connections {
        wires.push(Wire::open(server.port).await?);
    }
    Round::of(server, async {
        let until = Instant::now() + span;
        let mut tasks = JoinSet::new();
        for mut wire in wires {
            let request = request.to_vec();
            tasks.spawn(async move {
                let mut answers = 0_u32;
                while Instant::now() < until {
                    let answer = wire.ask(&request).await?.expect(200)?;
                    if answer.body.len() != length {
                        bail!("{} bytes instead of {length}", answer.body.len());
                    }
                    answers += 1;
                }
                Ok(answers)
            });
        }
        sum(tasks).await
    })
    .await
}

/// The sum of what all tasks counted.
pub(crate) async fn sum(mut tasks: JoinSet<Result<u32>>) -> Result<u32> {
    let mut total = 0;
    while let Some(done) = tasks.join_next().await {
        total += done.context("a task of the load panicked")??;
    }
    Ok(total)
}

/// The value in the middle; 0 of nothing.
pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The smallest value that so much of all values do not exceed.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let all = u32::try_from(sorted.len()).unwrap_or(u32::MAX);
    let mut below = 0_u32;
    for value in &sorted {
        below += 1;
        if f64::from(below) >= f64::from(all) * share {
            return *value;
        }
    }
    0.0
}
