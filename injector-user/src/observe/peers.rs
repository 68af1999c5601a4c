//! Names of peers in the documents.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
};

use crate::api::types::DependencyDoc;

/// Gives each dependency on another's service the names that its address has.
pub fn name_peers(dependencies: &mut [DependencyDoc], names: &BTreeMap<IpAddr, BTreeSet<String>>) {
    for dependency in dependencies {
        // That of clients of one's own service is none.
        let address = dependency.service.parse::<SocketAddr>();
        let found = address.ok().and_then(|address| names.get(&address.ip()));
        dependency.names = found.into_iter().flatten().cloned().collect();
    }
}

/// `10.0.0.5:5432 db.internal`: a service for people.
pub fn with_names(service: &str, names: &[String]) -> String {
    if names.is_empty() { service.to_owned() } else { format!("{service} {}", names.join(" ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_of_others_have_the_names_of_their_addresses() {
        let of = |side: &str, service: &str| -> DependencyDoc {
            serde_json::from_value(serde_json::json!({
                "cgroup": "/a", "side": side, "service": service, "protocol": "tcp", "open": 0, "ended": 0,
                "tx_segments": 0, "tx_bytes": 0, "rx_segments": 0, "rx_bytes": 0, "retransmits": 0,
                "injected_drops": 0, "injected_delays": 0, "rtt_samples": 0,
            }))
            .unwrap()
        };
        let named = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let names = BTreeMap::from([
            ("10.0.0.5".parse().unwrap(), named(&["db.internal", "a.internal"])),
            ("2001:db8::1".parse().unwrap(), named(&["six.internal"])),
        ]);
        let mut all = [
            of("out", "10.0.0.5:5432"),
            of("out", "10.0.0.5:80"),
            of("out", "[2001:db8::1]:443"),
            of("out", "10.0.0.50:5432"),
            of("in", "*:80"),
            of("out", "other"),
        ];
        name_peers(&mut all, &names);
        let said: Vec<_> = all.iter().map(|one| with_names(&one.service, &one.names)).collect();
        assert_eq!(
            said,
            [
                "10.0.0.5:5432 a.internal db.internal",
                "10.0.0.5:80 a.internal db.internal",
                "[2001:db8::1]:443 six.internal",
                "10.0.0.50:5432",
                "*:80",
                "other",
            ]
        );
    }
}
