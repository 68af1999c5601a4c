//! Which of the matching packets a fault takes.

use super::{Count, Gilbert, Percent, Ramp};
use crate::error::Error;
use serde::Serialize;

/// The largest N of every Nth.
const RAREST: u32 = 1_000_000;

/// Which of the matching packets a fault takes. In JSON exactly one of the keys `percent`, `flows`, `bursts`,
/// `every`, `first`, `after` and `per_second`; the last two are of calls only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Draw {
    /// Each packet by itself, with this probability.
    #[serde(rename = "percent")]
    Chance(Percent),
    /// All packets of this share of the flows, by a stable hash.
    #[serde(rename = "flows")]
    Flows(Percent),
    /// In bursts.
    #[serde(rename = "bursts")]
    Bursts(Gilbert),
    /// Every Nth matching packet, 2 to 1,000,000.
    #[serde(rename = "every")]
    Every(u32),
    /// The first N matching packets, 1 or more.
    #[serde(rename = "first")]
    First(u32),
    /// All but the first N, 1 or more.
    #[serde(rename = "after")]
    After(u32),
    /// The first N in every second of the kernel's clock, 1 to 1,000,000.
    #[serde(rename = "per_second")]
    PerSecond(u32),
}

impl Draw {
    /// The share of the matching packets in the long run, for the limits: never less than what is taken, to 0.0001 %.
    /// By number or by second it is 100 %: there are times in which all are taken.
    pub fn share(&self) -> Percent {
        let units = |units: u32| Percent::from_units(units.max(1)).unwrap_or(Percent::ALL);
        match self {
            Draw::Chance(percent) | Draw::Flows(percent) => *percent,
            Draw::Bursts(gilbert) => {
                units((gilbert.share() * f64::from(Percent::ALL.units()) - 1e-6).ceil() as u32)
            }
            Draw::Every(nth) => units(Percent::ALL.units().div_ceil((*nth).max(1))),
            Draw::First(_) | Draw::After(_) | Draw::PerSecond(_) => Percent::ALL,
        }
    }

    /// The probability of each packet by itself; `None` for every other way to draw. A ramp raises this one only.
    pub const fn chance(&self) -> Option<Percent> {
        match self {
            Draw::Chance(percent) => Some(*percent),
            _ => None,
        }
    }
}

/// The keys as given, by JSON or by flags.
#[derive(Debug, Clone, Copy, Default)]
pub struct Draws {
    /// [`Draw::Chance`]
    pub percent: Option<Percent>,
    /// [`Draw::Flows`]
    pub flows: Option<Percent>,
    /// [`Draw::Bursts`]
    pub bursts: Option<Gilbert>,
    /// [`Draw::Every`]
    pub every: Option<Count>,
    /// [`Draw::First`]
    pub first: Option<Count>,
    /// [`Draw::After`]
    pub after: Option<Count>,
    /// [`Draw::PerSecond`]
    pub per_second: Option<Count>,
}

impl Draws {
    /// The one that was given; `None` if there is none.
    ///
    /// # Errors
    /// Usage: two were given, or a number is out of range.
    pub fn one(self) -> Result<Option<Draw>, Error> {
        let every = self.every.map(|nth| match nth.get() {
            1 => Err(Error::usage("every 1st packet is all of them").hint("percent 100 says so")),
            _ => nth.within("every", 2, RAREST).map(Draw::Every),
        });
        let per_second =
            self.per_second.map(|most| most.within("per_second", 1, RAREST).map(Draw::PerSecond));
        let given = [
            ("percent", self.percent.map(Draw::Chance)),
            ("flows", self.flows.map(Draw::Flows)),
            ("bursts", self.bursts.map(Draw::Bursts)),
            ("every", every.transpose()?),
            ("first", self.first.map(|first| Draw::First(first.get()))),
            ("after", self.after.map(|after| Draw::After(after.get()))),
            ("per_second", per_second.transpose()?),
        ];
        let mut given = given.into_iter().filter_map(|(key, draw)| draw.map(|draw| (key, draw)));
        match (given.next(), given.next()) {
            (Some((one, _)), Some((other, _))) => {
                Err(Error::usage(format!("`{one}` and `{other}` can't both say how often"))
                    .hint(format!("leave out `{one}` or `{other}`")))
            }
            (one, _) => Ok(one.map(|(_, draw)| draw)),
        }
    }

    /// [`one`](Self::one), or the share that a ramp goes up to: that is what the limits must allow.
    ///
    /// # Errors
    /// As for [`one`](Self::one).
    pub fn one_or_ramp(self, ramp: Option<Ramp>) -> Result<Option<Draw>, Error> {
        Ok(self.one()?.or(ramp.map(|ramp| Draw::Chance(ramp.to))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_what_the_limits_must_allow() {
        let gilbert: Gilbert = "1%,9%".parse().unwrap();
        let shares =
            [Draw::Chance(Percent::whole(5)), Draw::Flows(Percent::whole(20)), Draw::Bursts(gilbert)];
        assert_eq!(shares.map(|draw| draw.share().to_string()), ["5%", "20%", "10%"]);
        let shares = [Draw::Every(3), Draw::Every(1_000_000), Draw::First(1)];
        assert_eq!(shares.map(|draw| draw.share().to_string()), ["33.3334%", "0.0001%", "100%"]);
        let tiny: Gilbert = "0.0001%,100%,0.0001%".parse().unwrap();
        assert_eq!(Draw::Bursts(tiny).share().units(), 1);
    }
}
