//! Which flows are shown: of which cgroup, peer, port and protocol.

use std::{collections::HashSet, net::SocketAddr};

use clap::Args;

use super::{super::peers::peers, order::Order};
use crate::{
    api::types::FlowsDoc,
    error::Error,
    spec::{Host, Peer, Ports, Protocol},
};

/// The flags; values are read by [`Choice::read`].
#[derive(Debug, Args)]
pub(super) struct Choice {
    /// Only this cgroup and those below it; repeat it for several.
    #[arg(long = "cgroup", value_name = "/PATH")]
    cgroups: Vec<String>,
    /// Only with these peers: CIDR, NAME, either with :PORTS, or :PORTS alone; repeat it for several. A name is all the addresses that it
    /// has when the command begins. What is added up over all clients of a service has none.
    #[arg(long = "peer", value_name = "PEER")]
    peers: Vec<String>,
    /// Only with such a port, on either side.
    #[arg(long, value_name = "PORT[-PORT]")]
    port: Option<String>,
    /// Only this protocol.
    #[arg(long, value_name = "tcp|udp")]
    protocol: Option<String>,
    #[command(flatten)]
    order: super::order::Flags,
}

/// What was asked, checked.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    cgroups: Vec<String>,
    peers: Vec<Peer>,
    ports: Option<Ports>,
    protocol: Option<Protocol>,
    order: Order,
}

impl Choice {
    /// # Errors
    /// A value that is none, and what would be one.
    pub(super) fn read(&self) -> Result<Chosen, Error> {
        let flag = |flag: &'static str| {
            move |error: Error| Error { message: format!("{flag}: {}", error.message), ..error }
        };
        let protocol = self.protocol.as_deref().map(protocol).transpose().map_err(flag("--protocol"))?;
        Ok(Chosen {
            cgroups: self
                .cgroups
                .iter()
                .map(|path| cgroup(path))
                .collect::<Result<_, _>>()
                .map_err(flag("--cgroup"))?,
            peers: self
                .peers
                .iter()
                .map(|text| peers(text))
                .collect::<Result<Vec<_>, _>>()
                .map_err(flag("--peer"))?
                .concat(),
            ports: self.port.as_deref().map(str::parse).transpose().map_err(flag("--port"))?,
            protocol,
            order: self.order.read()?,
        })
    }
}

fn cgroup(path: &str) -> Result<String, Error> {
    match path.strip_prefix("cgroup:").unwrap_or(path) {
        path if path.starts_with('/') => Ok(path.trim_end_matches('/').to_owned()),
        _ => Err(Error::usage(format!("`{}` is not absolute", path.escape_debug()))
            .hint("write the path below the cgroup root, such as /system.slice")),
    }
}

fn protocol(text: &str) -> Result<Protocol, Error> {
    match text.parse() {
        Ok(Protocol::Icmp) | Err(_) => {
            Err(Error::usage(format!("flows of `{}` are not observed", text.escape_debug()))
                .hint("write tcp or udp"))
        }
        Ok(protocol) => Ok(protocol),
    }
}

/// The port of `address:port` and of `*:port`; none: nobody in particular.
fn port(end: &str) -> Option<u16> {
    end.rsplit_once(':').and_then(|(_, port)| port.parse().ok())
}

impl Chosen {
    /// What is shown of `flows`.
    pub(super) fn of(&self, mut flows: FlowsDoc) -> FlowsDoc {
        flows.flows.retain(|flow| {
            self.has_cgroup(&flow.cgroup)
                && self.has_protocol(&flow.protocol)
                && self.has_peer(&flow.remote)
                && self.has_port([&flow.local, &flow.remote])
        });
        // Their numbers are those of all flows: of some, only the flows' own are right.
        let some = !self.peers.is_empty() || self.ports.is_some() || self.protocol.is_some();
        flows.cgroups.retain(|sum| self.has_cgroup(&sum.cgroup) && !some);
        flows.dependencies.retain(|sum| {
            self.has_cgroup(&sum.cgroup)
                && self.has_protocol(&sum.protocol)
                && self.has_peer(&sum.service)
                && self.has_port([&sum.service])
        });
        flows.listeners.retain(|listener| {
            self.has_cgroup(&listener.cgroup)
                && self.has_protocol("tcp")
                && self.peers.is_empty()
                && self.has_port([&listener.local])
        });
        self.order.sort(&mut flows);
        let mut owners = std::mem::take(&mut flows.owners);
        let watched = flows.watched.iter().map(String::as_str).filter(|path| self.has_cgroup(path));
        let shown: HashSet<&str> = flows.cgroups_of_rows().chain(watched).collect();
        owners.retain(|owner| shown.contains(owner.cgroup.as_str()));
        flows.owners = owners;
        flows
    }

    fn has_cgroup(&self, path: &str) -> bool {
        let below = |top: &String| {
            path.strip_prefix(top.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.cgroups.is_empty() || self.cgroups.iter().any(below)
    }

    fn has_protocol(&self, protocol: &str) -> bool {
        self.protocol.is_none_or(|wanted| wanted.to_string() == protocol)
    }

    fn has_peer(&self, remote: &str) -> bool {
        let Ok(remote) = remote.parse::<SocketAddr>() else { return self.peers.is_empty() };
        let is = |peer: &Peer| {
            let host = match &peer.host {
                Host::Net(net) => net.contains(&remote.ip()),
                Host::Any => true,
                Host::Name(_) => false,
            };
            host && peer.ports.is_none_or(|ports| ports.contains(remote.port()))
        };
        self.peers.is_empty() || self.peers.iter().any(is)
    }

    fn has_port<const N: usize>(&self, ends: [&str; N]) -> bool {
        self.ports.is_none_or(|ports| ends.into_iter().filter_map(port).any(|port| ports.contains(port)))
    }
}

#[cfg(test)]
#[path = "choice_tests.rs"]
mod tests;
