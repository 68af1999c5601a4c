//! Whom a rule means by address and by name, beside what is in the rule itself: the kernel looks these up in tries.

use ipnet::IpNet;

use crate::spec::DnsPattern;

/// The other ends of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Only these; none: everybody. Where only names were given and none has an address, [`Addresses::nobody`].
    pub peers: Vec<IpNet>,
    /// But not these.
    pub except: Vec<IpNet>,
    /// Peers were named, and none of them has an address now: nobody is meant.
    pub nobody: bool,
    /// Only DNS queries for this.
    pub name: Option<DnsPattern>,
}

impl Addresses {
    /// Whether the trie of peers decides.
    pub fn by_peer(&self) -> bool {
        self.nobody || !self.peers.is_empty() || !self.except.is_empty()
    }
}
