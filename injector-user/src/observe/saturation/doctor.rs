//! Which of it can be read on this host at all.

use super::{files::read, pressure};
use crate::{api::types::ProbeDoc, target::Host};

/// One probe for each source. A controller that the root of the cgroup v2 hierarchy does not have belongs to v1 here, or is
/// off: none of its files is in any cgroup.
pub fn probes(host: &Host) -> Vec<ProbeDoc> {
    let mut all = Vec::new();
    let mut add = |what: &str, how: &str, result: Result<String, String>| {
        let works = result.is_ok();
        let why = result.unwrap_or_else(|why| why);
        all.push(ProbeDoc { what: format!("saturation: {what}"), works, how: how.to_owned(), why });
    };
    for what in pressure::RESOURCES {
        let name = format!("pressure/{what}");
        let found = read(&host.proc.join(&name)).and_then(|text| {
            pressure::parse(what, &text)
                .map(|_| "it is counted".to_owned())
                .ok_or("it is not as expected".to_owned())
        });
        add(
            &format!("pressure of {what}"),
            "PSI",
            found.map_err(|why| format!("{why} (CONFIG_PSI, or psi=1)")),
        );
    }
    let controllers = read(&host.cgroup.join("cgroup.controllers"));
    for what in ["cpu", "memory", "pids", "io"] {
        let found = match &controllers {
            Ok(names) if names.split_ascii_whitespace().any(|name| name == what) => {
                Ok("a cgroup has it if cgroup.subtree_control of its parent does".to_owned())
            }
            Ok(_) => Err(format!("cgroup v2 has no controller {what} here: it is off, or belongs to v1")),
            Err(why) => Err(why.clone()),
        };
        add(what, "cgroup v2", found);
    }
    let files = [
        ("conntrack", "sys/net/netfilter/nf_conntrack_max", "the module nf_conntrack is not loaded"),
        ("ports", "sys/net/ipv4/ip_local_port_range", "no IPv4"),
        ("tcp_memory", "sys/net/ipv4/tcp_mem", "no IPv4"),
        ("softnet", "net/softnet_stat", "no network"),
    ];
    for (what, name, hint) in files {
        let found = read(&host.proc.join(name)).map(|_| "it is counted".to_owned());
        add(what, "/proc", found.map_err(|why| format!("{why} ({hint})")));
    }
    all
}
