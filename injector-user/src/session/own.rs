//! What injector itself costs: always of the process and its maps; of its programs for one second, when it is asked.

use std::{
    fs,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tracing::warn;

use super::{engine::Engine, fault::since_boot, handle::Reply};
use crate::{
    api::types::{CostDoc, OwnDoc, ProgramCostDoc},
    error::Error,
    kernel::Own,
};

/// How long programs are measured.
const MEASURED: Duration = Duration::from_secs(1);
/// The wall clock may be slewed by so much between two looks; more is a step.
const SLEW: Duration = Duration::from_millis(10);

/// A measurement that goes on.
#[derive(Debug)]
struct Measuring {
    begun: Instant,
    before: Own,
    replies: Vec<Reply<CostDoc>>,
}

/// See the module.
#[derive(Debug)]
pub struct Cost {
    up: Instant,
    measuring: Option<Measuring>,
    /// Wall clock less time since boot.
    offset: Option<Duration>,
    clock_backwards: u64,
}

impl Default for Cost {
    fn default() -> Self {
        Self { up: Instant::now(), measuring: None, offset: None, clock_backwards: 0 }
    }
}

impl Cost {
    /// Every tick: has the wall clock gone backwards?
    fn look_at_clock(&mut self, wall: Duration, boot: Duration) {
        let offset = wall.saturating_sub(boot);
        if self.offset.replace(offset).is_some_and(|before| before > offset + SLEW) {
            self.clock_backwards += 1;
        }
    }
}

impl Engine {
    /// The process, and what it holds in the kernel.
    pub(super) fn own_doc(&mut self) -> OwnDoc {
        let own = self.kernel.own().unwrap_or_else(|error| {
            warn!("what we hold in the kernel cannot be told: {error:#}");
            Own::default()
        });
        self.doc_of(&own)
    }

    fn doc_of(&self, own: &Own) -> OwnDoc {
        let (cpu_seconds, rss_bytes) = process();
        OwnDoc {
            cpu_seconds,
            up_seconds: self.cost.up.elapsed().as_secs_f64(),
            rss_bytes,
            maps_bytes: own.maps.values().sum(),
            maps: own.maps.len() as u64,
            programs_bytes: own.programs.values().map(|program| program.bytes).sum(),
            programs: own.programs.len() as u64,
            missed: own.programs.values().map(|program| program.misses).sum(),
            clock_backwards: self.cost.clock_backwards,
        }
    }

    /// Begins to measure, unless somebody else is at it: the answer comes a second later.
    pub(super) fn measure(&mut self, reply: Reply<CostDoc>) {
        if let Some(measuring) = &mut self.cost.measuring {
            measuring.replies.push(reply);
            return;
        }
        let begun = self.kernel.count_runs(true).and_then(|()| self.kernel.own());
        match begun {
            Ok(before) => {
                let begun = Instant::now();
                self.cost.measuring = Some(Measuring { begun, before, replies: vec![reply] });
            }
            Err(error) => {
                self.stop_counting();
                // Whoever asked may be gone: then nobody hears the answer, and that is fine.
                _ = reply.send(Err(Error::failed(format!("the programs cannot be measured: {error:#}"))));
            }
        }
    }

    /// Every tick: ends a measurement that has had its time.
    pub(super) fn look_at_cost(&mut self) {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.cost.look_at_clock(wall, since_boot());
        let Some(measuring) = self.cost.measuring.take_if(|one| one.begun.elapsed() >= MEASURED) else {
            return;
        };
        let after = self.kernel.own();
        let span = measuring.begun.elapsed();
        self.stop_counting();
        let doc = after
            .map(|after| CostDoc { own: self.doc_of(&after), ..costs(&measuring.before, &after, span) })
            .map_err(|error| Error::failed(format!("the programs cannot be measured: {error:#}")));
        for reply in measuring.replies {
            _ = reply.send(doc.clone());
        }
    }

    fn stop_counting(&mut self) {
        if let Err(error) = self.kernel.count_runs(false) {
            warn!("the counting of runs does not end: {error:#}");
        }
    }
}

/// What the programs did between two looks. One that was loaded meanwhile counts from its begin.
fn costs(before: &Own, after: &Own, span: Duration) -> CostDoc {
    let mut programs: Vec<(u64, ProgramCostDoc)> = after
        .programs
        .iter()
        .map(|(id, now)| {
            let was = before.programs.get(id).cloned().unwrap_or_default();
            let (runs, ns) = (now.runs.saturating_sub(was.runs), now.ns.saturating_sub(was.ns));
            let ns_per_run = (runs > 0).then(|| (ns as f64 / runs as f64 * 10.0).round() / 10.0);
            (ns, ProgramCostDoc { name: now.name.clone(), runs, ns_per_run })
        })
        .collect();
    programs.sort_by(|(a, one), (b, other)| b.cmp(a).then_with(|| one.name.cmp(&other.name)));
    let all: u64 = programs.iter().map(|(ns, _)| ns).sum();
    CostDoc {
        own: OwnDoc::default(),
        measured_ms: u64::try_from(span.as_millis()).unwrap_or(u64::MAX),
        programs_cpu_percent: all as f64 / span.as_nanos().max(1) as f64 * 100.0,
        programs: programs.into_iter().map(|(_, program)| program).collect(),
    }
}

/// Processor seconds and resident bytes of this process; zeros if the kernel does not tell.
pub(super) fn process() -> (f64, u64) {
    use nix::sys::{resource, time::TimeValLike as _};
    let cpu = resource::getrusage(resource::UsageWho::RUSAGE_SELF)
        .map_or(0, |usage| usage.user_time().num_milliseconds() + usage.system_time().num_milliseconds());
    let pages = fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok())
        .unwrap_or(0);
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten().unwrap_or(4096);
    (cpu as f64 / 1e3, pages * u64::try_from(page).unwrap_or(4096))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Program;

    fn own(programs: &[(u32, &str, u64, u64)]) -> Own {
        let of = |(id, name, runs, ns): &(u32, &str, u64, u64)| {
            (*id, Program { name: (*name).to_owned(), runs: *runs, ns: *ns, ..Program::default() })
        };
        Own { programs: programs.iter().map(of).collect(), ..Own::default() }
    }

    #[test]
    fn only_what_ran_meanwhile_is_told() {
        let before = own(&[(1, "egress", 1_000, 90_000), (2, "ingress", 5, 500), (3, "gone", 1, 1)]);
        let after = own(&[(1, "egress", 3_000, 190_000), (2, "ingress", 5, 500), (4, "new", 10, 900)]);
        let doc = costs(&before, &after, Duration::from_millis(1_000));
        let told: Vec<_> =
            doc.programs.iter().map(|one| (one.name.as_str(), one.runs, one.ns_per_run)).collect();
        assert_eq!(told, [("egress", 2_000, Some(50.0)), ("new", 10, Some(90.0)), ("ingress", 0, None)]);
        // 100.9 us of a second.
        assert!((doc.programs_cpu_percent - 0.010_09).abs() < 1e-9, "{doc:?}");
    }

    #[test]
    fn a_clock_that_is_slewed_has_not_gone_backwards() {
        let mut cost = Cost::default();
        let ms = Duration::from_millis;
        for (wall, boot) in [(1_000, 0), (1_099, 100), (1_190, 200), (5_000, 300), (4_000, 400), (4_100, 500)]
        {
            cost.look_at_clock(ms(wall), ms(boot));
        }
        assert_eq!(cost.clock_backwards, 1);
    }
}
