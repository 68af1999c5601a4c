//! Peers as flags of what is shown: names are looked up here, by this node's own resolver.

use crate::{
    error::Error,
    session::look_up,
    spec::{Host, Peer},
};

/// The peer of `text`; of a name one for each of its addresses now.
///
/// # Errors
/// It is none, or the name has no address.
pub(super) fn peers(text: &str) -> Result<Vec<Peer>, Error> {
    let peer: Peer = text.parse()?;
    let Host::Name(name) = &peer.host else { return Ok(vec![peer]) };
    let addresses = look_up(name.as_str()).map_err(|why| {
        Error::failed(format!("the name {name} cannot be resolved: {why}"))
            .hint("this node's own resolver is asked; write an address or CIDR such as 10.0.0.0/8")
    })?;
    Ok(addresses
        .into_iter()
        .map(|address| Peer { host: Host::Net(address.into()), ports: peer.ports })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_name_is_all_of_its_addresses() {
        let local = peers("localhost:80").unwrap();
        assert!(!local.is_empty());
        for peer in local {
            let Host::Net(net) = &peer.host else { panic!("{peer:?}") };
            assert!(net.addr().is_loopback() && net.prefix_len() == net.max_prefix_len(), "{net}");
            assert!(peer.ports.is_some_and(|ports| ports.contains(80) && !ports.contains(81)));
        }
        assert_eq!(peers("10.0.0.0/8").unwrap(), ["10.0.0.0/8".parse::<Peer>().unwrap()]);
        assert_eq!(peers(":80").unwrap(), [":80".parse::<Peer>().unwrap()]);
        assert_eq!(peers("10.0.0.1/8").unwrap_err().kind, Kind::Usage);
    }

    /// RFC 6761, section 6.4: such a name has no address, anywhere.
    #[test]
    fn a_name_without_an_address_says_so() {
        let error = peers("db.invalid:5432").unwrap_err();
        assert_eq!(error.kind, Kind::Failed);
        assert!(error.message.contains("db.invalid") && error.hint.is_some(), "{error}");
    }
}
