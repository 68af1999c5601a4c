//! What the limits are.

use super::Protect;
use crate::error::Error;
use crate::spec::{Percent, Span};
use serde::{Deserialize, Serialize};

/// How long a fault lives that does not say: 30 s, or `max_ttl` if that is less (DESIGN.md 4.3).
pub const DEFAULT_TTL: Span = Span::from_secs(30);

/// The most faults at once that the kernel programs have room for.
pub const MOST_FAULTS: u32 = 16;

/// The node's blast-radius policy. No request exceeds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The longest that a fault lives; more than 0. 5 min.
    pub max_ttl: Span,
    /// The highest share of packets or calls. 20 %.
    pub max_percent: Percent,
    /// The longest delay of one packet, jitter included. 2 s.
    pub max_delay: Span,
    /// The most faults armed at once on the node, 1 to 16. 4.
    pub max_faults: u32,
    /// What is protected beside what always is.
    pub protect: Vec<Protect>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_ttl: Span::from_secs(300),
            max_percent: Percent::whole(20),
            max_delay: Span::from_secs(2),
            max_faults: 4,
            protect: Vec::new(),
        }
    }
}

impl Limits {
    /// Checks the ranges of the numbers.
    pub fn validate(&self) -> Result<(), Error> {
        if self.max_ttl.is_zero() {
            return Err(Error::usage("max_ttl is 0s: nothing could live").hint("write a duration such as 5m"));
        }
        if self.max_faults == 0 || self.max_faults > MOST_FAULTS {
            return Err(Error::usage(format!("max_faults is {}", self.max_faults))
                .hint(format!("it is 1 to {MOST_FAULTS}")));
        }
        Ok(())
    }
}
