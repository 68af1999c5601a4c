//! `EIO=70,ENOSPC=30`: one of several errors.

use super::{Count, Errno, as_text};
use crate::error::Error;
use std::fmt;
use std::str::FromStr;

/// Most errors to choose from: the kernel's rule has room for so many.
const MOST: usize = injector_ebpf::rule::OUTCOMES;
/// The largest weight.
const HEAVIEST: u32 = 1_000_000;

/// Two to four errors, each with its weight of 1 to 1,000,000: it is returned as often as its weight is a part of the
/// sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcomes(Vec<(Errno, u32)>);

impl Outcomes {
    /// Each error with its weight, as given.
    pub fn each(&self) -> &[(Errno, u32)] {
        &self.0
    }
}

impl FromStr for Outcomes {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut all: Vec<(Errno, u32)> = Vec::new();
        for part in text.split(',') {
            let Some((name, weight)) = part.split_once('=') else {
                return Err(Error::usage(format!("the outcome `{}` has no weight", part.escape_debug()))
                    .hint("write each as NAME=WEIGHT: EIO=70,ENOSPC=30"));
            };
            let errno: Errno = name.parse()?;
            let weight: Count = weight.parse()?;
            if all.iter().any(|(known, _)| *known == errno) {
                return Err(Error::usage(format!("the outcome {errno} comes twice"))
                    .hint("write it once, with the sum of its weights"));
            }
            all.push((errno, weight.within("the weight", 1, HEAVIEST)?));
        }
        match all.len() {
            1 => Err(Error::usage("one outcome is no choice").hint(format!("write errno {}", all[0].0))),
            2..=MOST => Ok(Self(all)),
            many => Err(Error::usage(format!("{many} outcomes are too many"))
                .hint(format!("at most {MOST} are possible"))),
        }
    }
}

impl fmt::Display for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (errno, weight)) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            write!(f, "{comma}{errno}={weight}")?;
        }
        Ok(())
    }
}

as_text!(Outcomes, "errnos with weights such as \"EIO=70,ENOSPC=30\"");
