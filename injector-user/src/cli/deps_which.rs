//! Which dependencies are shown, and in which order.

use std::cmp::Reverse;

use clap::{Args, ValueEnum};

use crate::{
    api::types::{CountDoc, DependencyDoc},
    error::Error,
    spec::{Host, Peer},
};

/// Which are shown.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// Only of this cgroup and those below it.
    #[arg(long, value_name = "/PATH")]
    cgroup: Option<String>,
    /// Only to this peer: CIDR, :PORT or CIDR:PORT.
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
    peer: Option<Peer>,
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
        let peer: Option<Peer> = self.peer.as_deref().map(str::parse).transpose()?;
        if let Some(Host::Name(name)) = peer.as_ref().map(|peer| &peer.host) {
            return Err(Error::usage(format!("`{name}` is a name")).hint("write its address, or :PORT"));
        }
        if self.top == Some(0) {
            return Err(Error::usage("--top: `0` is not a number of rows").hint("write 1 or more"));
        }
        let top = self.top.unwrap_or(usize::MAX);
        Ok(Filter { cgroup: self.cgroup.clone(), peer, by: self.sort, top })
    }
}

impl Filter {
    /// Takes out what is not meant, and sorts.
    pub(super) fn apply(&self, all: &mut Vec<DependencyDoc>) {
        all.retain(|d| self.means(d));
        all.sort_by_key(|d| Reverse(self.rank(d)));
        all.truncate(self.top);
    }

    fn means(&self, d: &DependencyDoc) -> bool {
        let below = self.cgroup.as_deref().is_none_or(|path| {
            let rest = d.cgroup.strip_prefix(path.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        below && self.peer.as_ref().is_none_or(|peer| reaches(peer, &d.service))
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
    use crate::api::types::{KindsDoc, LatencyDoc};

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
        let mut docs = all();
        which.filter().unwrap().apply(&mut docs);
        docs.into_iter().map(|d| d.service).collect()
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
        assert_eq!(shown(None, Some("[2001:db8::/32]:443"), By::Bytes, None), ["[2001:db8::1]:443"]);
        assert!(shown(None, Some("10.0.0.5:81"), By::Bytes, None).is_empty());
    }

    #[test]
    fn the_slowest_first_and_no_more_than_asked() {
        assert_eq!(shown(None, None, By::Dns, Some(2)), ["*:80", "10.0.0.5:80"]);
    }

    #[test]
    fn a_name_is_no_peer_here_and_a_word_no_path() {
        let wrong = |cgroup: Option<&str>, peer: Option<&str>| {
            let (cgroup, peer) = (cgroup.map(Into::into), peer.map(Into::into));
            Which { cgroup, peer, sort: By::Bytes, top: None }.filter().err().unwrap().to_string()
        };
        assert!(wrong(None, Some("db.internal:5432")).contains("is a name"));
        assert!(wrong(Some("nginx"), None).contains("not a cgroup's path"));
    }
}
