//! The ranges of the limits' values, and what must fit together.

use super::{Limits, MOST_FAULTS};
use crate::error::Error;
use crate::spec::Span;
use std::fmt::Display;

impl Limits {
    /// Checks what the types of the values do not.
    ///
    /// # Errors
    /// The first value that is out of its range; the error's `limit` is its key, such as `soft.ttl`.
    pub fn validate(&self) -> Result<(), Error> {
        if self.max_ttl.is_zero() {
            return Err(Error::usage("max_ttl is 0s: nothing could live")
                .hint("write a duration such as 5m")
                .limit("max_ttl", self.max_ttl, "more than 0s"));
        }
        within("max_faults", self.max_faults, 1, MOST_FAULTS)?;
        for (key, value) in [
            ("max_targets", self.max_targets),
            ("max_cgroups", self.max_cgroups),
            ("max_processes", self.max_processes),
            ("max_faults_per_hour", self.max_faults_per_hour),
        ] {
            within(key, value, 1, u32::MAX)?;
        }
        for (of, budget) in [("fault", self.budget.fault), ("node", self.budget.node)] {
            for (key, value) in budget.fields() {
                if value == Some(0) {
                    let key = format!("budget.{of}.{key}");
                    return Err(Error::usage(format!("{key} is 0: nothing could act"))
                        .hint("write 1 or more, or leave it out")
                        .limit(&key, 0, "1 or more"));
                }
            }
        }
        if let Some(when) = &self.when {
            when.validate()?;
        }
        self.host.validate()?;
        self.soft()
    }

    /// A soft limit above the hard one would never be asked.
    fn soft(&self) -> Result<(), Error> {
        let soft = &self.soft;
        not_above("soft.percent", soft.percent, "max_percent", self.max_percent)?;
        not_above("soft.ttl", soft.ttl, "max_ttl", self.max_ttl)?;
        not_above::<Span>("soft.delay", soft.delay, "max_delay", self.max_delay)?;
        not_above("soft.cgroups", soft.cgroups, "max_cgroups", self.max_cgroups)?;
        not_above("soft.processes", soft.processes, "max_processes", self.max_processes)
    }
}

fn within(key: &str, value: u32, low: u32, high: u32) -> Result<(), Error> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    let range = format!("{low} to {high}");
    Err(Error::usage(format!("{key} is {value}")).hint(format!("it is {range}")).limit(key, value, range))
}

fn not_above<T: PartialOrd + Display + Copy>(
    key: &str,
    soft: Option<T>,
    hard_key: &str,
    hard: T,
) -> Result<(), Error> {
    match soft {
        Some(soft) if soft > hard => {
            Err(Error::usage(format!("{key} is {soft}, above {hard_key}, which is {hard}"))
                .hint(format!("write at most {hard}"))
                .limit(key, soft, hard))
        }
        _ => Ok(()),
    }
}
