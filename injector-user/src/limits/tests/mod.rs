//! Verdicts, protections and the limits file, on hosts that are temporary trees.

mod file;
mod filled;
mod host;
mod packets;
mod property;
mod protection;
mod schema;
mod verdict;
mod wide;
mod wrong;

use super::{Allowed, Limits, NodeFacts, Protection, check};
use crate::error::Error;
use crate::spec::FaultSpec;
use crate::target::resolve;
use crate::target::testhost::TestHost;

/// The daemon's pid on [`host`].
const DAEMON: u32 = 500;

/// nginx with a worker, ssh with a session, the daemon and postgres.
fn host() -> TestHost {
    let host = TestHost::new();
    host.process(30, "nginx", "/system.slice/nginx.service");
    host.process(31, "nginx", "/system.slice/nginx.service/workers");
    host.process(40, "sshd", "/system.slice/ssh.service");
    host.process(41, "sshd-session", "/user.slice/user-0.slice/session-3.scope");
    host.process(42, "bash", "/user.slice/user-0.slice/session-3.scope");
    host.process(50, "postgres", "/system.slice/postgresql.service/main");
    host.process(DAEMON, "injector", "/system.slice/injector.service");
    host
}

fn verdict(host: &TestHost, limits: &Limits, armed: usize, json: &str) -> Result<Allowed, Error> {
    judged(host, limits, &NodeFacts { armed, ..NodeFacts::quiet() }, json)
}

fn judged(host: &TestHost, limits: &Limits, node: &NodeFacts, json: &str) -> Result<Allowed, Error> {
    let spec = FaultSpec::from_json(json.as_bytes())?;
    let protection = Protection::gather(&host.host, DAEMON, &limits.protect)?;
    let found: Result<Vec<_>, _> = spec.targets.iter().map(|target| resolve(&host.host, target)).collect();
    let targets: Vec<_> = found?.into_iter().flatten().collect();
    check(&spec, &targets, limits, &protection, node)
}
