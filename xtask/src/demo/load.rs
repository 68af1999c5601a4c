//! wrk: the load on a server, and what its clients felt.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::cgroup::Cgroup;
use super::netns::Netns;
use super::process::Process;
use crate::paths;

/// Connections that stay open.
const CONNECTIONS: &str = "-c8";

/// Each connection pauses for 15 to 35 ms between an answer and its next request: a paced load leaves the machine
/// room, so that what the control feels is not the victim's share of the processor. A file and its text.
pub const PACE: (&str, &str) = ("pace.lua", "function delay() return math.random(15, 35) end\n");

/// Clients at work.
pub struct Load {
    process: Process,
    limit: Duration,
}

/// What clients felt.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Felt {
    /// Answers of any kind.
    pub requests: u64,
    /// Per second.
    pub rate: f64,
    /// Answers that are no success, and errors of sockets.
    pub errors: u64,
    /// The 99th percentile of the time to an answer, microseconds.
    pub p99: u64,
}

impl Load {
    /// Starts wrk in the clients' namespace and cgroup; the files it needs are in `dir`.
    pub fn start(client: &Netns, cgroup: &Cgroup, dir: &Path, url: &str, seconds: u64) -> Result<Self> {
        let mut command = Command::new(paths::program("wrk").context("no wrk: run `cargo xtask setup`")?);
        command
            .args(["-t1", CONNECTIONS, &format!("-d{seconds}s"), "--latency", "-s"])
            .arg(dir.join(PACE.0))
            .arg(url);
        client.hold(&mut command)?;
        cgroup.hold(&mut command)?;
        let process = Process::start("wrk", &mut command, &dir.join("wrk.log"))?;
        Ok(Self { process, limit: Duration::from_secs(seconds + 30) })
    }

    /// Waits for the end.
    pub fn finish(self) -> Result<Felt> {
        let text = self.process.finish(self.limit)?;
        parse(&text).with_context(|| format!("wrk said:\n{text}"))
    }
}

fn parse(text: &str) -> Option<Felt> {
    let mut felt = Felt::default();
    let (mut has_rate, mut has_requests) = (false, false);
    for line in text.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("99%") {
            felt.p99 = micros(rest.trim())?;
        } else if let Some((n, _)) = line.split_once(" requests in ") {
            felt.requests = n.parse().ok()?;
            has_requests = true;
        } else if let Some(rest) = line.strip_prefix("Socket errors: ") {
            felt.errors +=
                rest.split(", ").filter_map(|pair| pair.split_once(' ')?.1.parse::<u64>().ok()).sum::<u64>();
        } else if let Some(n) = line.strip_prefix("Non-2xx or 3xx responses: ") {
            felt.errors += n.parse::<u64>().ok()?;
        } else if let Some(rate) = line.strip_prefix("Requests/sec:") {
            felt.rate = rate.trim().parse().ok()?;
            has_rate = true;
        }
    }
    (has_rate && has_requests).then_some(felt)
}

/// `29.08ms` in microseconds.
fn micros(text: &str) -> Option<u64> {
    let unit = text.find(|letter: char| letter.is_ascii_alphabetic())?;
    let scale = match &text[unit..] {
        "us" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        "m" => 60e6,
        _ => return None,
    };
    Some((text[..unit].parse::<f64>().ok()? * scale).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_says_is_understood() {
        let text = "Running 2s test @ http://127.0.0.1:8102/x\n  Latency Distribution\n     50%    4.33ms\n     \
            99%   29.08ms\n  979 requests in 2.11s, 294.46KB read\n  \
            Socket errors: connect 0, read 3, write 0, timeout 2\n  Non-2xx or 3xx responses: 79\n\
            Requests/sec:    463.92\nTransfer/sec:    139.54KB\n";
        let felt = Felt { requests: 979, rate: 463.92, errors: 84, p99: 29_080 };
        assert_eq!(parse(text), Some(felt));
        assert_eq!(parse("unable to connect"), None);
        assert_eq!(micros("850.00us"), Some(850));
        assert_eq!(micros("1.20s"), Some(1_200_000));
    }
}
