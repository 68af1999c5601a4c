//! A fault in words.

use std::fmt;

use super::{Netem, Shape};
use crate::spec::{Distribution, Draw, FaultKind, FaultSpec, Match};

/// `5 % egress loss, peer 10.0.0.5`, `80ms +- 20ms egress delay`, `EIO for 10 % of open below /var/lib/app`.
pub(super) fn what(spec: &FaultSpec) -> String {
    let direction = spec.fault.direction();
    let peer = matching(&spec.matching);
    let share = spec.fault.draw().map(draw).unwrap_or_default();
    match &spec.fault {
        FaultKind::Drop { local_error: true, .. } => {
            format!("{share} {direction} loss that the sender sees{peer}")
        }
        FaultKind::Drop { .. } => format!("{share} {direction} loss{peer}"),
        FaultKind::Delay { by, jitter, distribution, in_order, rate, draw, .. } => {
            let jitter = jitter.map(|jitter| format!(" +- {jitter}")).unwrap_or_default();
            let form = match distribution {
                Distribution::Uniform => String::new(),
                Distribution::Table(_) => " (as measured)".into(),
                other => format!(" ({other})"),
            };
            let order = if *in_order { ", in order" } else { "" };
            let of = draw.map(|_| format!(" of {share}")).unwrap_or_default();
            let rate = rate.map(|rate| format!(", {rate}")).unwrap_or_default();
            format!("{by}{jitter}{form} {direction} delay{of}{order}{rate}{peer}")
        }
        FaultKind::Corrupt { .. } => format!("{share} {direction} corruption{peer}"),
        FaultKind::Garble { .. } => format!("{share} {direction} payloads garbled{peer}"),
        FaultKind::Duplicate { .. } => format!("{share} {direction} duplicates{peer}"),
        FaultKind::Reorder { by, .. } => format!("{share} {direction} reordered by {by}{peer}"),
        FaultKind::Rate { rate, per_flow, .. } => {
            format!("{rate} {direction}{}{peer}", if *per_flow { " for each flow" } else { "" })
        }
        FaultKind::Partition { .. } => format!("{direction} partition{peer}"),
        FaultKind::Blackhole { .. } => format!("new {direction} connections vanish{peer}"),
        FaultKind::Reset { .. } => format!("{share} {direction} packets reset their connection{peer}"),
        FaultKind::Refuse { above: Some(above), .. } => {
            format!("new {direction} connections above {above}/s refused{peer}")
        }
        FaultKind::Refuse { .. } => format!("{share} new {direction} connections refused{peer}"),
        FaultKind::Dns { names, answer, by, .. } => {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
            format!("DNS {answer}{by} for {share} queries of {}{peer}", names.join(", "))
        }
        FaultKind::Fail { syscall, exact, returns, seed, path, which, .. } => {
            let below = path.as_ref().map(|path| format!(" {}", path.place())).unwrap_or_default();
            let alone = if *exact { " alone" } else { "" };
            let seed = seed.map(|seed| format!(" (seed {seed})")).unwrap_or_default();
            format!("{returns} for {share}{seed} of {syscall}{alone}{below}{which}{peer}")
        }
    }
}

fn draw(draw: Draw) -> String {
    match draw {
        Draw::Chance(percent) => format!("{} %", percent.as_f64()),
        Draw::Flows(percent) => format!("{} % of flows", percent.as_f64()),
        Draw::Bursts(chain) => format!("{:.2} % in bursts ({chain})", chain.share() * 100.0),
        Draw::Every(n) => format!("every {n}th"),
        Draw::First(n) => format!("the first {n}"),
        Draw::After(n) => format!("all after {n}"),
        Draw::PerSecond(n) => format!("up to {n} a second"),
    }
}

fn matching(matching: &Match) -> String {
    let mut words = String::new();
    let list =
        |peers: &[crate::spec::Peer]| peers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let mut add = |word: &str, value: String| {
        if !value.is_empty() {
            words.push_str(&format!(", {word} {value}"));
        }
    };
    add("peer", list(&matching.peer));
    add("except", list(&matching.except));
    add("local port", matching.local_port.map(|ports| ports.to_string()).unwrap_or_default());
    add("protocol", matching.protocol.map(|protocol| protocol.to_string()).unwrap_or_default());
    add("connections", matching.connections.map(|which| which.to_string()).unwrap_or_default());
    add("interface", matching.interface.as_ref().map(|name| name.as_str().to_owned()).unwrap_or_default());
    words
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Netem(netem) => {
                let Netem { latency, jitter, corrupt, duplicate, limit_packets, in_order, .. } = netem;
                write!(f, "netem {latency:?} +- {jitter:?}")?;
                if let Some(rate) = netem.rate_bytes_per_second {
                    write!(f, ", {rate} B/s")?;
                }
                for (is, word) in
                    [(corrupt, ", corrupt"), (duplicate, ", duplicate"), (in_order, ", in order")]
                {
                    if *is {
                        f.write_str(word)?;
                    }
                }
                write!(f, ", {limit_packets} packets")
            }
            Self::Rate { bytes_per_second, burst, queue } => {
                write!(f, "tbf {bytes_per_second} B/s, burst {burst} B, queue {queue} B")
            }
            Self::FlowRate { bytes_per_second, queue_packets } => {
                write!(f, "fq {bytes_per_second} B/s for each flow, {queue_packets} packets")
            }
        }
    }
}
