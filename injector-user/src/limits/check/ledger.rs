//! Which limits were looked at.

use crate::error::Error;
use serde::Serialize;
use std::fmt::Display;

/// A limit that was consulted, for the plan: `max_percent: 5% asked, 20% allowed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Consulted {
    /// The limit's key in the limits file.
    pub limit: &'static str,
    /// What was asked, with its unit.
    pub asked: String,
    /// What the limit allows, with its unit.
    pub allowed: String,
}

/// Every limit that let the request pass, in the order of asking.
#[derive(Debug, Default)]
pub(in crate::limits) struct Ledger {
    pub(in crate::limits) consulted: Vec<Consulted>,
}

impl Ledger {
    /// Notes a limit that lets the request pass.
    pub(in crate::limits) fn passed(
        &mut self,
        limit: &'static str,
        asked: impl Display,
        allowed: impl Display,
    ) {
        self.consulted.push(Consulted { limit, asked: asked.to_string(), allowed: allowed.to_string() });
    }

    /// Refuses what is more than allowed, as `{what} {asked} is over this node's {limit} of {allowed}`.
    pub(in crate::limits) fn at_most<T: PartialOrd + Display>(
        &mut self,
        limit: &'static str,
        what: &str,
        asked: T,
        allowed: T,
        hint: impl FnOnce() -> String,
    ) -> Result<(), Error> {
        if asked > allowed {
            return Err(Error::refused(format!("{what} {asked} is over this node's {limit} of {allowed}"))
                .hint(hint())
                .limit(limit, asked, allowed));
        }
        self.passed(limit, asked, allowed);
        Ok(())
    }
}
