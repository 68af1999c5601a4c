//! Asking the resolver. It may take its time, so nobody does this on the engine's thread.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, ToSocketAddrs as _},
    time::Duration,
};

use tokio::{net::lookup_host, task::JoinSet, time::timeout};

use crate::{
    error::Error,
    spec::{Host, Match},
};

/// The most names in one request.
pub const MOST_NAMES: usize = 16;
/// The most addresses that a name may have.
pub const MOST_ADDRESSES: usize = 64;
/// How long whoever asks waits for the resolver.
const PATIENCE: Duration = Duration::from_secs(2);

/// What names mean: at least one address each, in order, each once.
pub type Found = BTreeMap<String, Vec<IpAddr>>;

/// The names among peers and exceptions.
pub fn named(matching: &Match) -> BTreeSet<String> {
    let peers = matching.peer.iter().chain(&matching.except);
    peers
        .filter_map(|peer| match &peer.host {
            Host::Name(name) => Some(name.as_str().to_owned()),
            Host::Any | Host::Net(_) => None,
        })
        .collect()
}

/// Looks up all names of a request, at once and for 2 s at most.
///
/// # Errors
/// There are more than [`MOST_NAMES`], or one of them has no address or more than [`MOST_ADDRESSES`].
pub async fn look_up_all(matching: &Match) -> Result<Found, Error> {
    let names = named(matching);
    if names.len() > MOST_NAMES {
        return Err(Error::usage(format!("{} names are too many for one fault", names.len()))
            .hint(format!("at most {MOST_NAMES}: start several faults, or give a network")));
    }
    let mut asked = JoinSet::new();
    for name in names {
        asked.spawn(async move {
            let answer = match timeout(PATIENCE, lookup_host((name.as_str(), 0))).await {
                Ok(Ok(found)) => checked(found.map(|address| address.ip())),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err(format!("no answer in {PATIENCE:?}")),
            };
            (name, answer)
        });
    }
    let mut all = Found::new();
    while let Some(answered) = asked.join_next().await {
        let (name, answer) =
            answered.map_err(|error| Error::failed(format!("a name cannot be resolved: {error}")))?;
        let addresses = answer.map_err(|why| {
            Error::failed(format!("the name {name} cannot be resolved: {why}"))
                .hint("the node's own resolver is asked, not the target's; an address always works")
        })?;
        all.insert(name, addresses);
    }
    Ok(all)
}

/// Looks up one name, however long that takes.
///
/// # Errors
/// What the resolver said, or that there are no addresses or too many.
pub fn look_up(name: &str) -> Result<Vec<IpAddr>, String> {
    let found = (name, 0).to_socket_addrs().map_err(|error| error.to_string())?;
    checked(found.map(|address| address.ip()))
}

/// In order and each once, so that only another set of addresses looks different.
fn checked(found: impl Iterator<Item = IpAddr>) -> Result<Vec<IpAddr>, String> {
    let all: BTreeSet<IpAddr> = found.map(|address| address.to_canonical()).collect();
    match all.len() {
        0 => Err("it has no address".into()),
        1..=MOST_ADDRESSES => Ok(all.into_iter().collect()),
        n => Err(format!("it has {n} addresses, and {MOST_ADDRESSES} are possible")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Kind, spec::FaultSpec};

    fn matching(peers: &[String]) -> Match {
        let json = serde_json::json!({
            "kind": "drop", "percent": 5, "targets": ["cgroup:/app"], "peer": peers, "except": "10.0.0.1",
        });
        FaultSpec::from_json(json.to_string().as_bytes()).unwrap().matching
    }

    #[test]
    fn an_answer_is_in_order_and_bounded() {
        let ip = |last: u8| IpAddr::from([10, 0, 0, last]);
        let mapped = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(checked([ip(2), mapped, ip(1)].into_iter()), Ok(vec![ip(1), ip(2)]));
        assert!(checked(std::iter::empty()).is_err());
        assert_eq!(checked((1..=64).map(ip)).unwrap().len(), MOST_ADDRESSES);
        assert!(checked((1..=65).map(ip)).unwrap_err().contains("65"));
    }

    #[tokio::test]
    async fn addresses_are_not_looked_up_and_names_are_counted() {
        assert_eq!(look_up_all(&matching(&["10.0.0.5".into()])).await.unwrap(), Found::new());
        let many: Vec<String> = (0..17).map(|n| format!("db{n}.invalid")).collect();
        assert_eq!(named(&matching(&many[..16])).len(), MOST_NAMES);
        let error = look_up_all(&matching(&many)).await.unwrap_err();
        assert_eq!(error.kind, Kind::Usage);
        assert!(error.message.contains("17"), "{error}");
    }

    /// RFC 6761, section 6.4: such a name has no address, anywhere.
    #[tokio::test]
    async fn a_name_without_an_address_is_an_error_that_says_which() {
        let error = look_up_all(&matching(&["db.invalid".into()])).await.unwrap_err();
        assert_eq!(error.kind, Kind::Failed);
        assert!(error.message.contains("db.invalid") && error.hint.is_some(), "{error}");
    }
}
