//! The rows of the goals table: which servers are put under which load, and what is asked of the
//! result.

mod counts;
mod fleet;
mod memory;
mod rates;

use std::{collections::BTreeSet, time::Duration};

use crate::{
    Result,
    counting::Counts,
    measure::{
        memory::Resident,
        rounds::{Plan, Rates},
        strace::SystemCalls,
    },
};
use fleet::Fleet;

/// The rows that can be measured.
pub(crate) const ROWS: [u8; 20] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
];

/// What to measure and how thoroughly.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) rows: BTreeSet<u8>,
    /// Only these servers, if not empty.
    pub(crate) servers: BTreeSet<String>,
    pub(crate) plan: Plan,
    /// Connections held for the memory rows.
    pub(crate) idle: usize,
    /// Divides the messages of the counting rows.
    pub(crate) fewer: u64,
}

impl Settings {
    pub(crate) fn whole() -> Self {
        Self {
            rows: ROWS.into(),
            servers: BTreeSet::new(),
            plan: Plan {
                rounds: 5,
                warm: Duration::from_millis(200),
                span: Duration::from_millis(700),
            },
            idle: 9500,
            fewer: 1,
        }
    }

    /// Enough to see that everything works; not enough to judge by.
    pub(crate) fn quick() -> Self {
        Self {
            plan: Plan {
                rounds: 1,
                warm: Duration::from_millis(50),
                span: Duration::from_millis(150),
            },
            idle: 500,
            fewer: 20,
            ..Self::whole()
        }
    }
}

/// Everything one run found.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) rates: Vec<Measured<Vec<Rates>>>,
    pub(crate) resident: Vec<Measured<Resident>>,
    pub(crate) streams: Vec<Measured<f64>>,
    pub(crate) calls: Vec<Measured<Counted<SystemCalls>>>,
    pub(crate) allocations: Vec<Measured<Counted<Counts>>>,
    pub(crate) goals: Vec<Goal>,
    /// Servers that could not be measured, and why.
    pub(crate) missing: Vec<(String, String)>,
}

/// One thing, measured: in `rates` of a scenario, elsewhere of a server in a scenario.
#[derive(Debug)]
pub(crate) struct Measured<T> {
    pub(crate) scenario: String,
    pub(crate) server: String,
    pub(crate) value: T,
}

/// Counts, and over how many units.
#[derive(Debug)]
pub(crate) struct Counted<T> {
    pub(crate) counts: T,
    pub(crate) units: u64,
}

/// One bound of one row.
#[derive(Debug)]
pub(crate) struct Goal {
    pub(crate) row: u8,
    pub(crate) what: String,
    pub(crate) bound: Bound,
    /// `None` when a server that it needs could not be measured.
    pub(crate) value: Option<f64>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    /// A ratio, and one that would be better still.
    AtLeast(f64, Option<f64>),
    AtMost(f64),
}

impl Goal {
    pub(crate) fn is_met(&self) -> Option<bool> {
        self.value.map(|value| match self.bound {
            Bound::AtLeast(least, _) => value >= least,
            Bound::AtMost(most) => value <= most,
        })
    }
}

/// Measures the rows.
pub(crate) fn run(settings: &Settings) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut fleet = Fleet::new(&settings.servers)?;
    rates::run(settings, &mut fleet, &mut outcome)?;
    counts::run(settings, &mut fleet, &mut outcome)?;
    memory::run(settings, &mut fleet, &mut outcome)?;
    outcome.goals.sort_by_key(|goal| goal.row);
    outcome.missing = fleet.into_missing();
    Ok(outcome)
}
