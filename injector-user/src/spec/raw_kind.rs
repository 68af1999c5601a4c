//! Which keys belong to which kind of fault, and which it can't do without.

mod own;

use super::raw::RawSpec;
use super::{CallMatch, Direction, Distribution, Draw, Draws, FaultKind, Given};
use crate::error::Error;
use own::own;

/// What is asked of who gives no frequency.
const FREQUENCY: &str = "nothing defaults to 100 %: write a percent such as 5";

impl RawSpec {
    /// The kind with its own keys; every other key of a kind must be absent.
    pub(super) fn fault(&self) -> Result<FaultKind, Error> {
        let kinds = || format!("write {}", FaultKind::VERBS.join(", "));
        let Some(verb) = self.kind.as_deref() else {
            return Err(Error::usage("a fault needs a `kind`").hint(kinds()));
        };
        let Some(own) = own(verb) else {
            return Err(
                Error::usage(format!("`{}` is not a kind of fault", verb.escape_debug())).hint(kinds())
            );
        };
        if let Some(key) = self.given().find(|key| !own.contains(key)) {
            return Err(Error::usage(format!("`{key}` does not belong to a {verb}"))
                .hint(format!("a {verb} has {}", own.join(", "))));
        }
        self.of(verb)
    }

    /// The keys of kinds that are given.
    fn given(&self) -> impl Iterator<Item = &'static str> {
        let keys = [
            ("percent", self.percent.is_some()),
            ("flows", self.flows.is_some()),
            ("bursts", self.bursts.is_some()),
            ("every", self.every.is_some()),
            ("first", self.first.is_some()),
            ("after", self.after.is_some()),
            ("per_second", self.per_second.is_some()),
            ("seed", self.seed.is_some()),
            ("direction", self.direction.is_some()),
            ("local_error", self.local_error.is_some()),
            ("by", self.by.is_some()),
            ("jitter", self.jitter.is_some()),
            ("correlation", self.correlation.is_some()),
            ("distribution", self.distribution.is_some()),
            ("in_order", self.in_order.is_some()),
            ("rate", self.rate.is_some()),
            ("burst", self.burst.is_some()),
            ("queue", self.queue.is_some()),
            ("per_flow", self.per_flow.is_some()),
            ("above", self.above.is_some()),
            ("names", !self.names.is_empty()),
            ("answer", self.answer.is_some()),
            ("syscall", self.syscall.is_some()),
            ("exact", self.exact.is_some()),
            ("errno", self.errno.is_some()),
            ("outcome", self.outcome.is_some()),
            ("short", self.short.is_some()),
            ("path", self.path.is_some()),
            ("rung", self.rung.is_some()),
            ("uid", self.uid.is_some()),
            ("comm", self.comm.is_some()),
            ("process", self.process.is_some()),
            ("arg", !self.arg.is_empty()),
            ("fd_path", self.fd_path.is_some()),
            ("fd", self.fd.is_some()),
        ];
        keys.into_iter().filter(|(_, given)| *given).map(|(key, _)| key)
    }

    fn of(&self, verb: &str) -> Result<FaultKind, Error> {
        let direction = self.direction.unwrap_or_default();
        Ok(match verb {
            "drop" => FaultKind::Drop {
                draw: self.draw(verb)?,
                direction,
                local_error: self.local_error.unwrap_or_default(),
            },
            "delay" => self.delay()?,
            "corrupt" => FaultKind::Corrupt { draw: self.draw(verb)?, direction },
            "garble" => FaultKind::Garble { draw: self.draw(verb)?, direction },
            "duplicate" => FaultKind::Duplicate { draw: self.draw(verb)?, direction },
            "reorder" => FaultKind::Reorder {
                draw: self.draw(verb)?,
                by: self.by.unwrap_or(FaultKind::REORDER_BY),
                direction,
            },
            "rate" => FaultKind::Rate {
                rate: need(verb, "rate", self.rate, "how much in a second: such as 10mbit")?,
                burst: self.burst,
                queue: self.queue,
                per_flow: self.per_flow.unwrap_or_default(),
                direction,
            },
            "partition" => FaultKind::Partition { direction: self.direction.unwrap_or(Direction::Both) },
            "blackhole" => FaultKind::Blackhole { direction },
            "reset" => FaultKind::Reset { draw: self.draw(verb)?, direction },
            "refuse" => FaultKind::Refuse {
                draw: self.draws().one_or_ramp(self.ramp)?,
                above: self.above.map(|above| above.get()),
                direction,
            },
            "dns" => FaultKind::Dns {
                names: need(
                    verb,
                    "names",
                    (!self.names.is_empty()).then(|| self.names.clone()),
                    "which names are asked for: example.com, *.example.com or *",
                )?,
                answer: need(
                    verb,
                    "answer",
                    self.answer,
                    "what becomes of the question: lost, delayed, nxdomain, servfail, empty or reset",
                )?,
                by: self.by,
                draw: self.draw(verb)?,
            },
            _ => self.fail()?,
        })
    }

    fn fail(&self) -> Result<FaultKind, Error> {
        let syscall = need("fail", "syscall", self.syscall, "which calls: open, fsync, connect")?;
        let exact = self.exact.unwrap_or_default();
        syscall.check(exact)?;
        let given = Given { errno: self.errno, outcome: self.outcome.clone(), short: self.short };
        Ok(FaultKind::Fail {
            syscall,
            exact,
            returns: need("fail", "errno", given.one()?, "a name such as EIO; or `outcome` or `short`")?,
            draw: self.draw("fail")?,
            seed: self.seed,
            path: self.path.clone(),
            which: self.which(),
            rung: self.rung,
        })
    }

    fn which(&self) -> CallMatch {
        CallMatch {
            uid: self.uid,
            comm: self.comm.clone(),
            process: self.process.clone(),
            arg: self.arg.clone(),
            fd_path: self.fd_path.clone(),
            fd: self.fd,
        }
    }

    /// Measured latencies bring their own mean and deviation.
    fn delay(&self) -> Result<FaultKind, Error> {
        let distribution = self.distribution.clone().unwrap_or_default();
        let (mean, deviation) = match &distribution {
            Distribution::Table(table) => (Some(table.mean()), Some(table.deviation())),
            _ => (None, None),
        };
        Ok(FaultKind::Delay {
            by: need("delay", "by", self.by.or(mean), "how much later: such as 80ms")?,
            jitter: self.jitter.or(deviation),
            correlation: self.correlation,
            distribution,
            in_order: self.in_order.unwrap_or_default(),
            rate: self.rate,
            draw: self.draws().one()?,
            direction: self.direction.unwrap_or_default(),
        })
    }

    fn draws(&self) -> Draws {
        let RawSpec { percent, flows, bursts, every, first, after, per_second, .. } = *self;
        Draws { percent, flows, bursts, every, first, after, per_second }
    }

    /// Which packets; of a ramp, the share that it goes up to.
    fn draw(&self, verb: &str) -> Result<Draw, Error> {
        need(verb, "percent", self.draws().one_or_ramp(self.ramp)?, FREQUENCY)
    }
}

fn need<T>(verb: &str, key: &str, value: Option<T>, hint: &str) -> Result<T, Error> {
    value.ok_or_else(|| Error::usage(format!("a {verb} needs `{key}`")).hint(hint))
}
