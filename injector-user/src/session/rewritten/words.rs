//! What is said of connections that NAT rewrites.

use super::look::{Fate, Look, Pair};

/// More are not told one by one.
const MOST: usize = 8;

impl Pair {
    /// `10.96.0.1:443 is 10.244.1.7:6443 on the wire: both are meant`; `beside` stands in front of the colon.
    pub fn words(&self, beside: &str) -> String {
        let Self { asked, wire, .. } = self;
        let (way, other) = if self.out { ("out", wire) } else { ("in", asked) };
        let fate = match self.fate {
            Fate::Meant => "both are meant".to_owned(),
            Fate::Spared => "both are left out".to_owned(),
            Fate::Port => format!(
                "not meant on the way {way}, where its port is {} and not one of the fault's; --peer {other} names it",
                other.port()
            ),
            Fate::Shared => format!(
                "not meant on the way {way}, since others of the target's connections have {} there or may have it",
                other.ip()
            ),
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
        if self.inward > 0 {
            lines.push(format!(
                "NAT rewrites {} that would match: what comes in of them can't be told to be the target's at tc, and is \
                 not meant",
                connections(self.inward)
            ));
        }
        lines
    }
}

fn connections(n: usize) -> String {
    if n == 1 { "1 connection".to_owned() } else { format!("{n} connections") }
}
