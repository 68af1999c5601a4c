//! One step: load before, the fault under load, its end under load, load after; then what came of it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::check::{self, Kind};
use super::load::{Felt, Load};
use super::probe::{self, Prober, RUN, recovery};
use super::table::{self, Flows, Row};
use super::text::{count, say};
use super::world::{CLIENT, World};

/// Ports that a step uses.
pub const PHASES: u16 = 4;

/// How long the load lasts that goes on over the fault's end.
const BRIDGE: u64 = 2;

/// How long it may take until the victim is well again.
const WELL: Duration = Duration::from_secs(3);

/// What is shown.
pub struct Step {
    /// Its headline.
    pub title: &'static str,
    /// One line on what to look for.
    pub explains: &'static str,
    /// What `doctor` calls what it needs.
    pub needs: &'static str,
    /// The verb, its operands and its magnitude.
    pub words: Vec<String>,
    /// What is to be felt.
    pub kind: Kind,
}

impl Step {
    /// The command line as a person would type it.
    fn command(&self, world: &World, seconds: u64) -> Vec<String> {
        let mut words = self.words.clone();
        if !matches!(self.kind, Kind::Fail(_)) {
            words.extend(["--peer".to_owned(), CLIENT.to_string()]);
        }
        words.extend([
            "--target".to_owned(),
            world.victim.target(),
            "--for".to_owned(),
            format!("{seconds}s"),
        ]);
        words
    }

    /// Runs it on the ports from `port` on; true if everything that was to be felt was.
    pub fn run(&self, world: &World, port: u16, seconds: u64) -> Result<bool> {
        let calm = (seconds / 2).max(2);
        let prober = Prober::start(&world.client, world.victim.address(0))?;
        let before = finish(world.load(port, calm)?)?;
        let words = self.command(world, seconds);
        say("  $ ", "      ", &format!("injector {}", words.join(" ")));
        let injection = world.daemon.inject(&words)?;
        let armed = injection.armed;
        prober.pause(true);
        say("  ", "      ", &injection.first);
        let id = injection.first.split(' ').next().unwrap_or_default().to_owned();
        let during = finish(world.load(port + 1, seconds - 1)?)?;
        prober.pause(false);
        let bridge = world.load(port + 2, BRIDGE)?;
        // A fault of calls is not on the wire: its own counter tells what was done in this phase.
        let so_far = match self.kind {
            Kind::Fail(_) => world.daemon.json(&["status", &id])?["counters"]["acted"].as_u64(),
            _ => None,
        };
        let (mut good, ending) = injection.finish(Duration::from_secs(seconds + 30))?;
        for line in ending {
            say("  ", "      ", line.trim());
        }
        finish(bridge)?;
        let after = finish(world.load(port + 3, calm)?)?;
        let answers = prober.stop();
        let fault = world.daemon.json(&["status", &id])?;
        let flows = world.daemon.json(&["flows"])?;
        let ended = instant(&fault).context("the fault's document does not say when it ended")?;

        let mut rows = Vec::new();
        for (i, server) in world.servers().into_iter().enumerate() {
            let phases =
                [("before", port, &before), ("during", port + 1, &during), ("after", port + 3, &after)];
            for (phase, port, felt) in phases {
                let flows = of(&flows, &server.cgroup.path, server.port + port);
                rows.push(Row { who: server.name, phase, felt: felt[i].clone(), flows });
            }
        }
        if let Some(acted) = so_far {
            for row in rows.iter_mut().filter(|row| row.who == "victim" && row.phase == "during") {
                row.flows.injected = acted;
            }
        }
        table::lines(&rows).iter().for_each(|line| println!("{line}"));
        say("  injected: ", "      ", &injected(&fault));
        for claim in check::judge(self.kind, &rows) {
            good &= claim.holds;
            say(if claim.holds { "  ok   " } else { "  NOT  " }, "       ", &claim.text);
        }
        let well = recovery(&answers, armed, ended);
        let is_well = well.after.is_some_and(|after| after <= WELL);
        good &= is_well;
        let when = well.after.map_or_else(
            || "never back in its steady state".to_owned(),
            |after| format!("back in its steady state {} ms after the fault's end", after.as_millis()),
        );
        let text = format!(
            "{when}: the first of {RUN} answers in a row within {:.1} ms ({} x the p99 of {} probes before)",
            well.bound.as_secs_f64() * 1e3,
            probe::FACTOR,
            well.before
        );
        say(if is_well { "  ok   " } else { "  NOT  " }, "       ", &text);
        Ok(good)
    }
}

fn finish([victim, control]: [Load; 2]) -> Result<[Felt; 2]> {
    Ok([victim.finish()?, control.finish()?])
}

/// What injector says of the flows to one port of a server, open and ended.
fn of(flows: &Value, cgroup: &str, port: u16) -> Flows {
    let service = format!("*:{port}");
    let all = flows["dependencies"].as_array().into_iter().flatten();
    let Some(found) = all.into_iter().find(|one| one["cgroup"] == cgroup && one["service"] == service) else {
        return Flows::default();
    };
    let n = |name: &str| found[name].as_u64();
    Flows {
        rtt: ["rtt_p50_us", "rtt_p90_us", "rtt_p99_us"].map(n),
        resent: n("retransmits").unwrap_or(0),
        injected: n("injected_drops").unwrap_or(0) + n("injected_delays").unwrap_or(0),
    }
}

/// `53 of 1,044 packets (5.08 %, 95 % interval 3.90 to 6.58; asked 5 %)`
fn injected(fault: &Value) -> String {
    let n = |name: &str| count(fault["counters"][name].as_u64().unwrap_or(0));
    let what = if fault["spec"]["kind"] == "fail" { "opens" } else { "packets" };
    let found = &fault["achieved"];
    let interval = &found["interval_percent"];
    let parts =
        [&found["rate_percent"], &interval[0], &interval[1], &found["asked_percent"]].map(Value::as_f64);
    let rate = match parts {
        [Some(achieved), Some(low), Some(high), Some(asked)] => {
            format!(" ({achieved:.2} %, 95 % interval {low:.2} to {high:.2}; asked {asked} %)")
        }
        _ => String::new(),
    };
    let way = fault["rung"].as_str().map_or_else(String::new, |rung| format!("; by {rung}"));
    format!("{} of {} matching {what}{rate}, over the whole fault{way}", n("acted"), n("matched"))
}

/// When the fault ended, on our own clock.
fn instant(fault: &Value) -> Option<Instant> {
    const DAY: f64 = 86_400.0;
    let then = second_of_day(fault["ends"].as_str()?)?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs_f64();
    Instant::now().checked_sub(Duration::from_secs_f64((since - then).rem_euclid(DAY)))
}

/// Of an RFC 3339 time.
fn second_of_day(text: &str) -> Option<f64> {
    let clock = text.split_once('T')?.1.strip_suffix('Z')?;
    let mut parts = clock.split(':').map(|part| part.parse::<f64>().ok());
    Some(parts.next()?? * 3_600.0 + parts.next()?? * 60.0 + parts.next()??)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_and_flows_are_read() {
        assert_eq!(second_of_day("2026-11-20T01:02:03.250Z"), Some(3_723.25));
        assert_eq!(second_of_day("01:02:03"), None);
        let doc = json!({"dependencies": [
            {"cgroup": "/d/victim", "service": "*:8101", "rtt_p50_us": 7, "retransmits": 3, "injected_drops": 2,
             "injected_delays": 0}]});
        let found = of(&doc, "/d/victim", 8101);
        assert_eq!((found.rtt, found.resent, found.injected), ([Some(7), None, None], 3, 2));
        assert_eq!(of(&doc, "/d/control", 8101).injected, 0);
    }

    #[test]
    fn the_achieved_rate_stands_beside_the_asked_one() {
        let fault = json!({"spec": {"kind": "drop"}, "counters": {"matched": 1044, "acted": 53},
            "achieved": {"rate_percent": 5.077, "interval_percent": [3.9, 6.58], "asked_percent": 5.0}});
        let said = "53 of 1,044 matching packets (5.08 %, 95 % interval 3.90 to 6.58; asked 5 %), over the whole fault";
        assert_eq!(injected(&fault), said);
    }
}
