//! Every fault x IPv4 and IPv6 x out and in: the victim felt it, and the control beside it felt nothing.
//!
//! Each test prints its lines of one table: `| refuse ip6 ingress | victim ... | control ... | ok |`. What a line judges is
//! what a program saw at its sockets. Lower bounds and comparisons with the control, no upper bounds on time: slow
//! machines run these as well.

mod change;
mod connections;
mod device;
mod dns;
mod echo;
mod loopback;
mod loss;
mod stream;
mod tcp;

use std::fmt;

use serde_json::Value;

use crate::support::{
    HERE, HERE6, THERE, THERE6, World,
    cgroup::Cgroup,
    child::{self, Child},
    lent::Lent,
    netns::Netns,
};

/// Whose packets they are: the target's, or those of the cgroup beside it.
#[derive(Clone, Copy)]
pub enum Whose {
    Victim,
    Control,
}

impl Whose {
    /// Each has a port of its own.
    pub fn port(self) -> u16 {
        match self {
            Self::Victim => 9001,
            Self::Control => 9002,
        }
    }
}

/// Both, in the order in which results are given.
pub const BOTH: [Whose; 2] = [Whose::Victim, Whose::Control];

/// Address family, and which way the packets go, as the target sees it.
#[derive(Clone, Copy)]
pub struct Way {
    pub ip6: bool,
    pub egress: bool,
    /// The other end is on this side of the wire as well: the packets go through lo.
    pub loopback: bool,
}

/// The four columns of the table.
pub const WAYS: [Way; 4] = ways(false);
/// The same through lo, for what turns packets round or changes them.
pub const LOOPBACK: [Way; 4] = ways(true);

const fn ways(loopback: bool) -> [Way; 4] {
    [
        Way { ip6: false, egress: true, loopback },
        Way { ip6: false, egress: false, loopback },
        Way { ip6: true, egress: true, loopback },
        Way { ip6: true, egress: false, loopback },
    ]
}

/// Where a program runs, and under which address others reach it.
pub struct Place<'a> {
    cgroup: Option<&'a Cgroup>,
    ns: &'a Netns,
    pub ip: &'static str,
}

impl Place<'_> {
    pub fn run(&self, f: impl FnOnce() -> String) -> Child {
        child::fork(self.cgroup, self.ns, f)
    }
}

impl Way {
    /// The value of `--direction`.
    pub fn direction(self) -> &'static str {
        if self.egress { "egress" } else { "ingress" }
    }

    pub fn family(self) -> &'static str {
        match (self.ip6, self.loopback) {
            (false, false) => "ip4",
            (true, false) => "ip6",
            (false, true) => "lo ip4",
            (true, true) => "lo ip6",
        }
    }

    fn ip(self, v4: &'static str, v6: &'static str) -> &'static str {
        match (self.ip6, self.loopback) {
            (false, false) => v4,
            (true, false) => v6,
            (false, true) => "127.0.0.1",
            (true, true) => "::1",
        }
    }

    /// The machine at the other end of the wire.
    pub fn there(self, world: &World) -> Place<'_> {
        let ns = if self.loopback { &world.here } else { &world.there };
        Place { cgroup: None, ns, ip: self.ip(THERE, THERE6) }
    }

    pub fn here(self, world: &World, whose: Whose) -> Place<'_> {
        let cgroup = match whose {
            Whose::Victim => &world.victim,
            Whose::Control => &world.control,
        };
        Place { cgroup: Some(cgroup), ns: &world.here, ip: self.ip(HERE, HERE6) }
    }

    /// Who sends or connects.
    pub fn from(self, world: &World, whose: Whose) -> Place<'_> {
        if self.egress { self.here(world, whose) } else { self.there(world) }
    }

    /// To whom.
    pub fn to(self, world: &World, whose: Whose) -> Place<'_> {
        if self.egress { self.there(world) } else { self.here(world, whose) }
    }
}

/// The lines of one test.
pub struct Table {
    pub world: Lent,
    bad: Vec<String>,
}

impl Table {
    pub fn new() -> Self {
        Self { world: World::lent(), bad: Vec::new() }
    }

    /// Arms a fault for the victim, runs `f`, stops the fault. Returns the fault's document as well.
    #[track_caller]
    pub fn under<T>(&self, fault: &str, f: impl FnOnce() -> T) -> (T, Value) {
        let id = self.world.daemon.arm(&format!("{fault} --target {} --for 3m", self.world.target()));
        let result = f();
        (result, self.world.daemon.stop(&id))
    }

    /// Prints a line and remembers it if it is not as it must be. `doc`: the fault's, whose counters must say that
    /// the fault acted and never failed to.
    pub fn line(
        &mut self,
        fault: &str,
        way: &str,
        [victim, control]: [&dyn fmt::Display; 2],
        right: bool,
        doc: &Value,
    ) {
        let acted = doc["counters"]["acted"].as_u64().unwrap();
        let failed = doc["achieved"]["failed"]["skbs"].as_u64().unwrap_or(0);
        let ok = right && acted > 0 && failed == 0;
        let verdict =
            if ok { "ok".to_owned() } else { format!("WRONG, ended: {}, {}", doc["end"], doc["counters"]) };
        let line = format!("| {fault} {way} | victim {victim} | control {control} | {verdict} |");
        println!("{line}");
        if !ok {
            self.bad.push(line);
        }
    }

    /// After the last line: fails if one was wrong.
    #[track_caller]
    pub fn finish(self) {
        assert!(self.bad.is_empty(), "{} lines are wrong:\n{}", self.bad.len(), self.bad.join("\n"));
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.family(), self.direction())
    }
}
