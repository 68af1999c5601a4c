//! `1%,30%`: losses that come in bursts, after Gilbert and Elliott.

use super::{Percent, as_text};
use crate::error::Error;
use std::fmt;
use std::str::FromStr;

/// A chain of two states that steps once a matching packet; in each state it takes its own share of the packets.
///
/// The same four numbers as netem's `loss gemodel p r 1-h 1-k` (tc-netem(8)), so that a result can be compared with
/// netem's. Written `p,r[,loss_bad[,loss_good]]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Gilbert {
    /// From the good state to the bad one.
    pub p: Percent,
    /// From the bad state to the good one: a burst is 1/r packets long in the mean.
    pub r: Percent,
    /// What is taken in the bad state, netem's 1-h; 100 % unless said otherwise.
    pub loss_bad: Percent,
    /// What is taken in the good state, netem's 1-k; `None` is 0 %.
    pub loss_good: Option<Percent>,
}

impl Gilbert {
    /// The share of the packets that is taken in the long run, in (0, 1].
    pub fn share(&self) -> f64 {
        let (p, r) = (self.p.fraction(), self.r.fraction());
        let good = self.loss_good.map_or(0.0, Percent::fraction);
        (p * self.loss_bad.fraction() + r * good) / (p + r)
    }
}

impl FromStr for Gilbert {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let (p, r, rest) = match parts.as_slice() {
            [p, r, rest @ ..] if rest.len() <= 2 => (p, r, rest),
            _ => {
                return Err(Error::usage(format!("`{}` is not a burst model", text.escape_debug())).hint(
                    "write P,R[,BAD[,GOOD]] in percents, such as 1%,30%: into a burst, out of it, taken within, \
                     taken outside",
                ));
            }
        };
        let number = |part: &str, what: &str| {
            part.parse::<Percent>()
                .map_err(|error| Error { message: format!("{what}: {}", error.message), ..error })
        };
        Ok(Gilbert {
            p: number(p, "into a burst")?,
            r: number(r, "out of a burst")?,
            loss_bad: rest.first().map_or(Ok(Percent::ALL), |part| number(part, "taken within a burst"))?,
            loss_good: match rest.get(1) {
                None => None,
                Some(part) if is_zero(part) => None,
                Some(part) => Some(number(part, "taken outside a burst")?),
            },
        })
    }
}

/// 0 is no percent of its own, and the usual one outside a burst.
fn is_zero(part: &str) -> bool {
    matches!(part.strip_suffix('%').unwrap_or(part), "0" | "0.0")
}

impl fmt::Display for Gilbert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.p, self.r)?;
        match self.loss_good {
            Some(good) => write!(f, ",{},{good}", self.loss_bad),
            None if self.loss_bad != Percent::ALL => write!(f, ",{}", self.loss_bad),
            None => Ok(()),
        }
    }
}

as_text!(Gilbert, "a burst model such as \"1%,30%\"");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_run_share_is_the_chains() {
        let share = |text: &str| (text.parse::<Gilbert>().unwrap().share() * 1e6).round();
        // In the bad state p / (p + r) of the time.
        assert_eq!(share("1%,9%"), 100_000.0);
        assert_eq!(share("1%,9%,50%"), 50_000.0);
        assert_eq!(share("1%,9%,50%,10%"), 140_000.0);
        assert_eq!(share("100%,100%"), 500_000.0);
    }
}
