//! Work per second of the server's CPU, in rounds that alternate between the servers.

use std::time::Duration;

use crate::{
    Result,
    client::{Load, net::Net},
    sys::CpuClock,
};

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Rounds of each contestant.
    pub rounds: usize,
    /// Before each round's measurement.
    pub warm: Duration,
    /// The measurement.
    pub span: Duration,
}

/// One server in one scenario.
pub struct Contestant<'a> {
    /// Its name in the table.
    pub name: String,
    /// The CPU time of its process.
    pub clock: CpuClock,
    /// Makes the load of one round.
    pub load: Box<dyn Fn() -> Box<dyn Load> + 'a>,
}

impl std::fmt::Debug for Contestant<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Contestant")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The rounds of one server: units per second of its CPU time.
#[derive(Clone, Debug)]
pub struct Rates {
    /// Its name in the table.
    pub name: String,
    /// One per round, in order.
    pub rounds: Vec<f64>,
    /// The share of the core that it used, the mean of all rounds: below about 0.9 the generator
    /// was the slower side.
    pub busy: f64,
}

impl Rates {
    /// The middle round.
    pub fn median(&self) -> f64 {
        median(self.rounds.clone())
    }
}

/// Rounds A B C, A B C, ...: what slows the machine down for a while meets all of them.
pub fn alternate(contestants: &[Contestant<'_>], plan: Plan) -> Result<Vec<Rates>> {
    let mut rates: Vec<Rates> = contestants
        .iter()
        .map(|one| Rates {
            name: one.name.clone(),
            rounds: Vec::new(),
            busy: 0.0,
        })
        .collect();
    for _ in 0..plan.rounds {
        for (contestant, rates) in contestants.iter().zip(&mut rates) {
            let (rate, busy) = round(&mut *(contestant.load)(), contestant.clock, plan)
                .map_err(|error| format!("{}: {error}", contestant.name))?;
            rates.rounds.push(rate);
            rates.busy += busy / plan.rounds as f64;
        }
    }
    Ok(rates)
}

/// The median of the ratios, round by round.
pub fn ratio(ours: &Rates, theirs: &Rates) -> f64 {
    median(
        ours.rounds
            .iter()
            .zip(&theirs.rounds)
            .map(|(ours, theirs)| ours / theirs)
            .collect(),
    )
}

/// The middle value, or the mean of the two in the middle.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

fn round(load: &mut dyn Load, clock: CpuClock, plan: Plan) -> Result<(f64, f64)> {
    let mut net = Net::new()?;
    load.open(&mut net)?;
    net.run(load, |load| load.is_ready())?;
    load.start(&mut net)?;
    net.run_for(load, plan.warm)?;
    let (count, cpu, wall) = (load.count(), clock.now()?, std::time::Instant::now());
    net.run_for(load, plan.span)?;
    let (count, cpu) = (load.count() - count, clock.now()? - cpu);
    if count == 0 {
        return Err("nothing was answered during a round".into());
    }
    let busy = cpu.as_secs_f64() / wall.elapsed().as_secs_f64();
    Ok((count as f64 / cpu.as_secs_f64(), busy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_taken_round_by_round() {
        let rates = |rounds: &[f64]| Rates {
            name: String::new(),
            rounds: rounds.to_vec(),
            busy: 1.0,
        };
        // The machine slowed down by ten from round to round; the ratio stays.
        let (ours, theirs) = (rates(&[200.0, 20.0, 2.0]), rates(&[100.0, 10.0, 1.0]));
        assert_eq!((ratio(&ours, &theirs), ours.median()), (2.0, 20.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
    }
}
