//! What is said of connections that NAT rewrites.

use super::look::{Fate, Look, Pair, Way};

/// More are not told one by one.
const MOST: usize = 8;

impl Pair {
    /// `10.96.0.1:443 is 10.244.1.7:6443 on the wire: meant by either`; `beside` stands in front of the colon.
    fn words(&self, beside: &str) -> String {
        let Self { asked, wire, .. } = self;
        let (whose, told) = match self.way {
            Way::Out => ("on the way out, where its socket is not connected", wire),
            Way::In => ("on the way in, where packets carry whom was asked for", asked),
            Way::InAtTc => ("on the way in, where packets carry who is on the wire", wire),
        };
        let fate = match self.fate {
            Fate::Meant => "meant by either".to_owned(),
            Fate::LeftOut => "left out by either".to_owned(),
            Fate::NotMeant => format!("not meant {whose}; --peer {told} names it"),
            Fate::NotLeftOut => format!("not left out {whose}; --except {} does it", told.ip()),
        };
        format!("{asked} is {wire} on the wire{beside}: {fate}")
    }
}

impl Look {
    /// For a plan.
    pub fn words(&self) -> Vec<String> {
        let now = |n: usize| format!(" ({} now)", connections(n));
        let mut lines: Vec<String> =
            self.pairs.iter().take(MOST).map(|(pair, n)| pair.words(&now(*n))).collect();
        if self.pairs.len() > MOST {
            lines.push(format!("{} more peers are rewritten", self.pairs.len() - MOST));
        }
        lines.extend(self.inward());
        lines
    }

    /// Of connections that are named and that it does not mean, or leaves out, the first line; `None` if there are others
    /// that it means.
    pub fn astray(&self) -> Option<String> {
        let first = |fate| self.pairs.keys().find(|pair| pair.fate == fate).map(|pair| pair.words(""));
        if self.meant() > 0 {
            return None;
        }
        first(Fate::NotMeant).or_else(|| self.inward()).or_else(|| first(Fate::LeftOut))
    }

    /// How many connections are meant by either of their addresses, of which only one is named.
    pub fn meant(&self) -> usize {
        self.pairs.iter().filter(|(pair, _)| pair.fate == Fate::Meant).map(|(_, n)| n).sum()
    }

    fn inward(&self) -> Option<String> {
        (self.inward > 0).then(|| {
            format!(
                "NAT rewrites {} that would match: what comes in of them can't be told to be the target's at tc, and is \
                 not meant",
                connections(self.inward)
            )
        })
    }
}

fn connections(n: usize) -> String {
    if n == 1 { "1 connection".to_owned() } else { format!("{n} connections") }
}
