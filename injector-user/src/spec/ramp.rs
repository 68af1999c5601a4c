//! `1%..20%/60s`: a share that is raised step by step.

use super::{Percent, Span, as_text};
use crate::error::Error;
use std::{fmt, str::FromStr, time::Duration};

/// From one share to another, in equal steps over a length of time. It begins with `from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ramp {
    /// The share at the beginning.
    pub from: Percent,
    /// The share at the end; more than `from`.
    pub to: Percent,
    /// How long the way takes; more than 0.
    pub over: Span,
}

/// In how many steps a ramp goes up.
const STEPS: u32 = 20;

impl Ramp {
    /// The share after `held`, the time for which it was allowed to go up.
    pub fn at(&self, held: Duration) -> Percent {
        let step = (held.as_micros() * u128::from(STEPS) / u128::from(self.over.as_micros().max(1)))
            .min(u128::from(STEPS)) as u64;
        let (from, to) = (u64::from(self.from.units()), u64::from(self.to.units()));
        let units = from + to.saturating_sub(from) * step / u64::from(STEPS);
        Percent::from_units(u32::try_from(units).unwrap_or(u32::MAX)).unwrap_or(self.to)
    }
}

impl FromStr for Ramp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || {
            Error::usage(format!("`{}` is not a ramp", text.escape_debug()))
                .hint("write FROM..TO/TIME, such as 1%..20%/60s")
        };
        let (shares, over) = text.split_once('/').ok_or_else(wrong)?;
        let (from, to) = shares.split_once("..").ok_or_else(wrong)?;
        let ramp = Ramp { from: from.parse()?, to: to.parse()?, over: over.parse()? };
        if ramp.from >= ramp.to || ramp.over.is_zero() {
            return Err(Error::usage(format!("the ramp {ramp} does not go up"))
                .hint("from a smaller share to a larger one, in more than 0s: 1%..20%/60s"));
        }
        Ok(ramp)
    }
}

impl fmt::Display for Ramp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}/{}", self.from, self.to, self.over)
    }
}

as_text!(Ramp, "a ramp such as \"1%..20%/60s\"");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_up_in_equal_steps_and_stays() {
        let ramp: Ramp = "1%..21%/60s".parse().unwrap();
        let at = |seconds| ramp.at(Duration::from_secs(seconds)).as_f64();
        assert_eq!((at(0), at(2), at(3), at(30), at(60), at(600)), (1.0, 1.0, 2.0, 11.0, 21.0, 21.0));
        assert_eq!(ramp.to_string().parse::<Ramp>().unwrap(), ramp);
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, word) in
            [("5%", "not a ramp"), ("5%..1%/60s", "go up"), ("1%..5%/0s", "go up"), ("1%..5%/60", "unit")]
        {
            let error = text.parse::<Ramp>().unwrap_err();
            assert!(error.message.contains(word), "{text}: {}", error.message);
        }
    }
}
