//! The whole demo, wherever it runs: the world, the steps, the proof of clean.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::check::Kind;
use super::step::{PHASES, Step};
use super::text::say;
use super::world::{PORTS, World};
use crate::signals;

/// What to show.
pub struct Stage {
    /// The program.
    pub injector: PathBuf,
    /// How long each fault lasts.
    pub seconds: u64,
    /// This kernel is known to be able to do all of it: a step that is left out is a failure.
    pub all: bool,
}

impl Stage {
    /// Shows it; true if all that was to be felt was felt, and nothing is left.
    pub fn run(&self) -> Result<bool> {
        let begun = Instant::now();
        signals::heed()?;
        let world = World::new(&self.injector).context("preparing the demo")?;
        let shown = self.show(&world, begun);
        if shown.is_err() && !signals::interrupted() {
            eprintln!("demo: the end of the daemon's log:\n{}", world.daemon.log());
        }
        let good = shown?;
        println!("\n== clean");
        let status = world.daemon.json(&["status"])?;
        let attached = status["attached"].as_array().cloned().unwrap_or_default();
        let faults = status["faults"].as_array().cloned().unwrap_or_default();
        let by_itself = |fault: &&Value| fault["state"] == "ended" && fault["end"] == "expired";
        let ended = faults.iter().filter(by_itself).count();
        let is_clean = status["attached"].is_array() && attached.is_empty() && ended == faults.len();
        let what = format!(
            "injector status: {} of {} faults have ended by themselves; attached in the kernel: {}",
            ended,
            faults.len(),
            if attached.is_empty() { "nothing".to_owned() } else { Value::from(attached).to_string() }
        );
        say(mark(is_clean), "       ", &what);
        for line in world.take_down().context("taking the demo down")? {
            say(mark(true), "       ", &line);
        }
        let seconds = begun.elapsed().as_secs_f64();
        let verdict = if good && is_clean {
            "all that was to be felt was felt, by the victim alone, and nothing is left"
        } else {
            "FAILED: see the lines marked NOT"
        };
        println!("\ndemo: {verdict}; {seconds:.1} s");
        Ok(good && is_clean)
    }

    fn show(&self, world: &World, begun: Instant) -> Result<bool> {
        let doctor = world.daemon.json(&["doctor"])?;
        println!("\n== the stage, on kernel {}", doctor["kernel"].as_str().unwrap_or("?"));
        let about = format!(
            "Two nginx in one network namespace, victim in {} and control in {}, beside each other. For each, wrk \
             with 8 connections over veth from another namespace; every request opens a file. The clients run on \
             this kernel too and so feel what their server feels: they are below its cgroup, part of the target, and \
             `--peer` names their side, so that only what the server sends is hit. RTT, resent and injected are what `injector flows` measures \
             at the server's sockets; each phase has a port, and so flows, of its own. Ready after {:.1} s.",
            world.victim.target(),
            world.control.target(),
            begun.elapsed().as_secs_f64()
        );
        say("  ", "  ", &about);
        let (mut good, mut shown) = (true, 0);
        for (i, step) in (0..).zip(steps(&world.victim.pages(world.dir.path()))) {
            println!("\n== {}: {}", i + 1, step.title);
            say("  ", "  ", step.explains);
            if let Some(why) = lacks(&doctor, step.needs) {
                good &= !self.all;
                println!("  NOT SHOWN: this kernel cannot do it, as `injector doctor` found:");
                for line in why {
                    say("  - ", "    ", &line);
                }
                continue;
            }
            shown += 1;
            good &= step.run(world, 1 + i * PHASES, self.seconds).with_context(|| step.title)?;
        }
        Ok(good && shown > 0)
    }
}

fn mark(good: bool) -> &'static str {
    if good { "  ok   " } else { "  NOT  " }
}

const _: () = assert!(3 * PHASES < PORTS, "each phase of each step needs a port");

/// The main job.
fn steps(pages: &str) -> [Step; 3] {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect();
    [
        Step {
            title: "5 % of what the victim sends is lost",
            explains: "Silently, as a network loses: TCP must notice and send again, which takes it about 200 ms.",
            needs: "loss at egress",
            words: words("drop --percent 5"),
            kind: Kind::Drop,
        },
        Step {
            title: "what the victim sends comes 80 ms later",
            explains: "Every round trip takes 80 ms more; each connection gets fewer answers per second.",
            needs: "delay",
            words: words("delay --by 80ms"),
            kind: Kind::Delay(80_000),
        },
        Step {
            title: "10 % of the victim's opens below its pages fail with EIO",
            explains: "As a dying disk would: nginx answers those requests with 500; the network is fine.",
            needs: "fail open",
            words: words(&format!("fail open --errno EIO --percent 10 --path {pages}")),
            kind: Kind::Fail(10.0),
        },
    ]
}

/// Why this kernel cannot, from what `doctor` tried; `None` if it can in one way.
fn lacks(doctor: &Value, what: &str) -> Option<Vec<String>> {
    let probes = doctor["probes"].as_array().into_iter().flatten().filter(|probe| probe["what"] == what);
    let mut reasons = Vec::new();
    for probe in probes {
        if probe["works"] == true {
            return None;
        }
        let text = |name: &str| probe[name].as_str().unwrap_or("?").trim().trim_end_matches(';').to_owned();
        // What follows is the verifier's bookkeeping.
        let why = text("why").split(" | ").next().unwrap_or_default().to_owned();
        reasons.push(format!("{}: {why}", text("how")));
    }
    if reasons.is_empty() {
        reasons.push(format!("doctor knows nothing of {what}"));
    }
    Some(reasons)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn one_way_that_works_is_enough() {
        let probe = |works: bool| json!({"what": "delay", "works": works, "how": "netem", "why": "none; "});
        assert_eq!(lacks(&json!({"probes": [probe(false), probe(true)]}), "delay"), None);
        assert_eq!(lacks(&json!({"probes": [probe(false)]}), "delay"), Some(vec!["netem: none".to_owned()]));
        assert_eq!(lacks(&json!({"probes": []}), "delay").map(|reasons| reasons.len()), Some(1));
    }
}
