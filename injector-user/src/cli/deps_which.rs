//! Which dependencies are shown, and in which order.

use std::{cmp::Reverse, collections::HashSet};

use clap::{Args, ValueEnum};

use super::peers::peers;
use crate::{
    api::types::{CountDoc, DependencyDoc, DepsDoc},
    error::Error,
    spec::{Host, Peer},
};

/// Which are shown.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// Only of this cgroup and those below it.
    #[arg(long, value_name = "/PATH")]
    cgroup: Option<String>,
    /// Only to this peer: CIDR, NAME, either with :PORT, or :PORT alone. A name is all the addresses that it has when the command begins.
    #[arg(long, value_name = "PEER")]
    peer: Option<String>,
    /// The most of this first; of a latency the slowest, by the highest quantile that there is.
    #[arg(long, value_enum, default_value_t = By::Bytes)]
    sort: By,
    /// At most so many.
    #[arg(long, value_name = "N")]
    top: Option<usize>,
}

/// What they are sorted by.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum By {
    Bytes,
    Errors,
    Drops,
    Rtt,
    Handshake,
    FirstByte,
    Dns,
    Datagram,
    Accept,
}

/// See [`Which`], read.
pub(super) struct Filter {
    cgroup: Option<String>,
    /// Of these one; empty: any.
    peers: Vec<Peer>,
    by: By,
    top: usize,
}

impl Which {
    /// # Errors
    /// What was written is no path, or no peer.
    pub(super) fn filter(&self) -> Result<Filter, Error> {
        if let Some(path) = self.cgroup.as_ref().filter(|path| !path.starts_with('/')) {
            return Err(Error::usage(format!("`{}` is not a cgroup's path", path.escape_debug()))
                .hint("it begins with /, as in injector deps; --target takes units, containers and pods"));
        }
        let peers = self.peer.as_deref().map(peers).transpose()?.unwrap_or_default();
        if self.top == Some(0) {
            return Err(Error::usage("--top: `0` is not a number of rows").hint("write 1 or more"));
        }
        let top = self.top.unwrap_or(usize::MAX);
        Ok(Filter { cgroup: self.cgroup.clone(), peers, by: self.sort, top })
    }
}

impl Filter {
    /// Takes out what is not meant, and sorts. Owners are those of what is left, and of what is watched.
    pub(super) fn apply(&self, deps: &mut DepsDoc) {
        let all = &mut deps.dependencies;
        all.retain(|d| self.means(d));
        all.sort_by_key(|d| Reverse(self.rank(d)));
        all.truncate(self.top);
        let watched = deps.watched.iter().filter(|path| self.has_cgroup(path));
        let shown: HashSet<&String> = all.iter().map(|one| &one.cgroup).chain(watched).collect();
        deps.owners.retain(|owner| shown.contains(&owner.cgroup));
    }

    fn means(&self, d: &DependencyDoc) -> bool {
        self.has_cgroup(&d.cgroup)
            && (self.peers.is_empty() || self.peers.iter().any(|peer| reaches(peer, &d.service)))
    }

    fn has_cgroup(&self, path: &str) -> bool {
        self.cgroup.as_deref().is_none_or(|top| {
            let rest = path.strip_prefix(top.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    fn rank(&self, d: &DependencyDoc) -> (u64, u64) {
        let sum = |counts: &[CountDoc]| counts.iter().fold(0, |sum: u64, one| sum.saturating_add(one.count));
        let kind = match self.by {
            By::Bytes => return (d.tx_bytes.saturating_add(d.rx_bytes), 0),
            By::Errors => return (sum(&d.kinds.errors), 0),
            By::Drops => return (sum(&d.kinds.drops), 0),
            By::Rtt => "rtt",
            By::Handshake => "handshake",
            By::FirstByte => "first_byte",
            By::Dns => "dns",
            By::Datagram => "datagram",
            By::Accept => "accept",
        };
        let Some(one) = d.kinds.latency.iter().find(|one| one.kind == kind) else { return (0, 0) };
        let slowest = one.p999_us.or(one.p99_us).or(one.p90_us).or(one.p50_us);
        (slowest.unwrap_or(0), one.samples)
    }
}

/// Is the service, `address:port`, `*:port` or `*`, that peer's?
fn reaches(peer: &Peer, service: &str) -> bool {
    let (host, port) = service.rsplit_once(':').unwrap_or((service, ""));
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let at_host = match &peer.host {
        Host::Any => true,
        Host::Net(net) => host.parse().is_ok_and(|address: std::net::IpAddr| net.contains(&address)),
        Host::Name(_) => false,
    };
    at_host && peer.ports.is_none_or(|ports| port.parse().is_ok_and(|port| ports.contains(port)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::types::{KindsDoc, LatencyDoc, OwnerDoc};

    fn all() -> Vec<DependencyDoc> {
        let of = |cgroup: &str, service: &str, bytes: u64, dns: Option<u64>| {
            let mut doc: DependencyDoc = serde_json::from_value(serde_json::json!({
                "cgroup": cgroup, "side": "out", "service": service, "protocol": "tcp", "open": 0, "ended": 0,
                "tx_segments": 0, "tx_bytes": bytes, "rx_segments": 0, "rx_bytes": 0, "retransmits": 0,
                "injected_drops": 0, "injected_delays": 0, "rtt_samples": 0,
            }))
            .unwrap();
            let latency = dns.map(|us| LatencyDoc {
                kind: "dns".into(),
                samples: 1,
                p50_us: Some(us),
                ..LatencyDoc::default()
            });
            doc.kinds = KindsDoc { latency: latency.into_iter().collect(), ..KindsDoc::default() };
            doc
        };
        vec![
            of("/a", "10.0.0.5:80", 1, Some(900)),
            of("/a/b", "[2001:db8::1]:443", 9, None),
            of("/ab", "*:80", 5, Some(1000)),
        ]
    }

    fn shown(cgroup: Option<&str>, peer: Option<&str>, sort: By, top: Option<usize>) -> Vec<String> {
        let which = Which { cgroup: cgroup.map(Into::into), peer: peer.map(Into::into), sort, top };
        let mut docs = DepsDoc { dependencies: all(), ..DepsDoc::default() };
        which.filter().unwrap().apply(&mut docs);
        docs.dependencies.into_iter().map(|d| d.service).collect()
    }

    #[test]
    fn owners_are_those_of_what_is_shown_and_watched() {
        let owners = |cgroup: Option<&str>, top| -> Vec<String> {
            let which = Which { cgroup: cgroup.map(Into::into), peer: None, sort: By::Bytes, top };
            let owner = |path: &&str| OwnerDoc { cgroup: (*path).into(), ..OwnerDoc::default() };
            let mut docs = DepsDoc {
                dependencies: all(),
                watched: vec!["/idle".into()],
                owners: ["/a", "/a/b", "/ab", "/idle", "/gone"].iter().map(owner).collect(),
                ..DepsDoc::default()
            };
            which.filter().unwrap().apply(&mut docs);
            docs.owners.into_iter().map(|owner| owner.cgroup).collect()
        };
        assert_eq!(owners(None, None), ["/a", "/a/b", "/ab", "/idle"]);
        assert_eq!(owners(Some("/a"), None), ["/a", "/a/b"]);
        assert_eq!(owners(None, Some(1)), ["/a/b", "/idle"]);
    }

    #[test]
    fn no_rows_at_all_are_not_asked_for() {
        let which = Which { cgroup: None, peer: None, sort: By::Bytes, top: Some(0) };
        let error = which.filter().map(|_| ()).unwrap_err();
        assert!(error.message.contains("--top") && error.hint.is_some(), "{error}");
    }

    #[test]
    fn cgroups_and_those_below_them_and_peers() {
        assert_eq!(shown(None, None, By::Bytes, None), ["[2001:db8::1]:443", "*:80", "10.0.0.5:80"]);
        assert_eq!(shown(Some("/a"), None, By::Bytes, None), ["[2001:db8::1]:443", "10.0.0.5:80"]);
        assert_eq!(shown(None, Some("10.0.0.0/8"), By::Bytes, None), ["10.0.0.5:80"]);
        assert_eq!(shown(None, Some(":80"), By::Bytes, None), ["*:80", "10.0.0.5:80"]);
        assert!(shown(None, Some("localhost"), By::Bytes, None).is_empty(), "nobody's is a loopback address");
        assert_eq!(shown(None, Some("[2001:db8::/32]:443"), By::Bytes, None), ["[2001:db8::1]:443"]);
        assert!(shown(None, Some("10.0.0.5:81"), By::Bytes, None).is_empty());
    }

    #[test]
    fn the_slowest_first_and_no_more_than_asked() {
        assert_eq!(shown(None, None, By::Dns, Some(2)), ["*:80", "10.0.0.5:80"]);
    }

    #[test]
    fn a_name_without_address_is_no_peer_and_a_word_no_path() {
        let wrong = |cgroup: Option<&str>, peer: Option<&str>| {
            let (cgroup, peer) = (cgroup.map(Into::into), peer.map(Into::into));
            Which { cgroup, peer, sort: By::Bytes, top: None }.filter().err().unwrap().to_string()
        };
        assert!(wrong(None, Some("db.invalid:5432")).contains("db.invalid cannot be resolved"));
        assert!(wrong(Some("nginx"), None).contains("not a cgroup's path"));
    }
}
